"""The cluster seam of the controller, tried by its own test program on a real API server."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import controlplane  # noqa: E402
import rig  # noqa: E402

NAME = "controller.cluster.kube_plane_test"
PROGRAM = Path(os.environ.get("ROLLCALL_BUILD", rig.REPOSITORY / "build/asan")) / NAME
SECONDS = 120


class ClusterSeam(unittest.TestCase):
    def test_against_a_real_api_server(self):
        if not PROGRAM.exists():
            self.skipTest(f"{PROGRAM} is not built")
        plane = controlplane.shared()
        description = Path(plane.kubeconfig["admin"]).parent / controlplane.DESCRIPTION
        answer = subprocess.run(
            [PROGRAM],
            env={**os.environ, "ROLLCALL_PLANE": str(description)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)
        self.assertNotIn("SKIPPED", answer.stdout + answer.stderr)


if __name__ == "__main__":
    unittest.main()

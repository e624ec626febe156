"""The cluster seam of the controller, tried by its own test program on a real API server."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import controlplane  # noqa: E402
import rig  # noqa: E402

BUILD = Path(os.environ.get("ROLLCALL_BUILD", rig.REPOSITORY / "build/asan"))
SECONDS = 120


class ClusterSeam(unittest.TestCase):
    def test_what_only_kube_has(self):
        self.run_on_a_real_server("controller.cluster.kube_plane_test")

    def test_the_contract_of_every_cluster(self):
        self.run_on_a_real_server("controller.cluster.embedded_contract_test")

    def run_on_a_real_server(self, name):
        program = BUILD / name
        if not program.exists():
            self.skipTest(f"{program} is not built")
        plane = controlplane.shared()
        description = Path(plane.kubeconfig["admin"]).parent / controlplane.DESCRIPTION
        answer = subprocess.run(
            [program],
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

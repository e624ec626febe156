"""Two replicas: one steps the canaries, and when it dies the other goes on where it was."""

import contextlib
import http.client
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import objects  # noqa: E402
import rig  # noqa: E402
import story  # noqa: E402
from story import BUILD, IMAGE  # noqa: E402

NAME = "podinfo"


class Leader(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scene = story.Scene("leader")
        cls.addClassCleanup(cls.scene.close)
        cls.kube = cls.scene.kube
        cls.kube.empty_namespace("default")
        one = cls.scene.config.read_text().replace("name: test}", "name: test, leader_election: {enabled: true}}")
        cls.scene.config.write_text(one)
        cls.admin_port = rig.free_port()
        two = cls.scene.folder / "second.yaml"
        two.write_text(one.replace(f":{cls.scene.port}\n", f":{rig.free_port()}\n")
                       .replace(f":{cls.scene.admin_port}\n", f":{cls.admin_port}\n")
                       .replace("/data\n", "/second\n"))
        cls.second = rig.Process("second", [BUILD / "rollcall", "serve", "--config", two], cls.scene.folder / "second.log")
        cls.addClassCleanup(cls.second.stop)

    def follows(self):
        """(the second replica leads, what it says of itself)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            return answer.status == 200, answer.read().decode()

    def test_one_dies_and_the_other_goes_on(self):
        scene = self.scene
        scene.start()
        self.second.start()
        rig.wait_for(lambda: "another replica leads" in self.follows()[1], 30,
                     lambda: f"the second one follows\n{self.second.tail()}")
        objects.application(self.kube, 2)
        self.kube.create(objects.canary(stepWeight=25, interval="2s"))
        scene.wait_phase("Initialized", timeout=90, name=NAME)
        load = story.Load(scene.web_port)
        load.start()
        self.addCleanup(load.stop)
        self.kube.set_image(NAME, "podinfod", f"{IMAGE}:green")
        rig.wait_for(lambda: scene.status(NAME).get("canaryWeight") == 50, 60, lambda: f"weight 50\n{scene.trouble()}")
        self.assertFalse(self.follows()[0])
        scene.serve.kill9()
        rig.wait_for(lambda: self.follows()[0], 40, lambda: f"the second one leads\n{self.second.tail()}")
        scene.wait_phase("Succeeded", timeout=90, name=NAME)
        load.stop()
        self.assertEqual(load.failures, [])
        said = scene.said(NAME)
        for weight in (25, 50, 75, 100):
            self.assertEqual(said.count(f"Advance podinfo.default canary weight {weight}"), 1, said)


if __name__ == "__main__":
    unittest.main()

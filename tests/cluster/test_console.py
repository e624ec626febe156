"""The console in front of a real API server: when that is gone, pages hear of it."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import objects  # noqa: E402
import story  # noqa: E402
from consoleclient import Person, Stream  # noqa: E402


class Console(unittest.TestCase):
    def test_a_cluster_that_is_gone_is_told(self):
        scene = story.Scene("console", node=False, through_proxy=True, extra="console: {people: [lin.wei]}")
        self.addCleanup(scene.close)
        objects.many(scene.kube, 1, objects.at_rest)
        scene.start()
        stream = Stream(Person(scene.port, person="lin.wei"))
        self.addCleanup(stream.close)
        _, first, _ = stream.until(lambda event, *_: event == "snapshot")
        self.assertEqual([r["name"] for r in first["rollouts"]], ["app-0"])
        self.assertNotIn("unreachableSince", first)
        with scene.proxy.offline():
            _, gone, _ = stream.until(lambda event, data, _: event == "status" and "unreachableSince" in data)
            self.assertLess(abs(gone["now"] - gone["unreachableSince"]), 60000)
        stream.until(lambda event, data, _: event == "status" and "unreachableSince" not in data)
        scene.assert_healthy()

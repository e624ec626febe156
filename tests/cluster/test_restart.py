"""kill -9 at every phase: the release ends the same, no one is asked twice, no message is doubled for a person."""

import collections
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import objects  # noqa: E402
import rig  # noqa: E402
import story  # noqa: E402
from story import CHANNEL, IMAGE  # noqa: E402

NAME = "podinfo"


class Restart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scene = story.Scene("restart", through_proxy=True)
        cls.addClassCleanup(cls.scene.close)
        cls.kube = cls.scene.kube
        cls.kube.empty_namespace("default")

    def killed(self):
        """kill -9, and start again."""
        self.scene.serve.kill9()
        self.scene.start()

    def press(self, gate, user, old=()):
        def question():
            for card in self.scene.slack.messages(CHANNEL):
                for reply in self.scene.slack.replies(card):
                    if reply.buttons and gate in reply.plain and reply.ts not in old:
                        return reply
            return None
        asked = rig.wait_for(question, 40, lambda: f"a question about {gate}\n{self.scene.slack.dump()}")
        rig.wait_for(lambda: self.scene.slack.click(CHANNEL, asked.ts, "Approve", user).status == 200, 20, "Slack is heard")
        return asked

    def setUp(self):
        self.scene.proxy.before = None
        if self.scene.serve and self.scene.serve.alive():
            self.scene.serve.stop()
        self.kube.empty_namespace("default")

    def test_killed_between_each_effect_and_its_status(self):
        """Each status write of a whole release is lost once, together with the process that wanted to write it."""
        scene = self.scene
        objects.application(self.kube, 2)
        lost = []

        def before(method, path, body):
            if method != "PATCH" or not path.split("?")[0].endswith("/canaries/podinfo/status"):
                return True
            text = body.decode()
            # What a status is about: its phase and weight. The second try of the same one passes.
            about = (text.split('"phase":"')[1].split('"')[0] if '"phase":"' in text else "",
                     text.split('"canaryWeight":')[1].split(",")[0].rstrip("}") if '"canaryWeight":' in text else "")
            if about in lost:
                return True
            lost.append(about)
            scene.serve.kill9()
            return False

        scene.start()
        rig.wait_for(lambda: story.share(scene.web_port, "blue", 100) == 100, 60, lambda: f"blue answers\n{scene.trouble()}")
        scene.proxy.before = before
        load = story.Load(scene.web_port)
        load.start()
        self.addCleanup(load.stop)
        self.kube.create(objects.canary())

        def alive_until(phase, timeout):
            def look():
                if not scene.serve.alive():
                    scene.start()
                return scene.phase(NAME) == phase
            rig.wait_for(look, timeout, lambda: f"{phase}, lost so far: {lost}\n{scene.trouble()}")
        alive_until("Initialized", 120)
        self.kube.set_image("podinfo", "podinfod", f"{IMAGE}:green")
        alive_until("Succeeded", 180)
        rig.wait_for(lambda: scene.replicas("podinfo") == 0, 30, "the canary is at zero")
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertGreaterEqual(len(lost), 6, lost)
        self.assertEqual(story.share(scene.web_port, "green", 300), 100)
        said = collections.Counter()
        for event in self.kube.events(NAME):
            if "not ready" not in event["message"]:
                said[event["message"]] += event.get("count", 1)
        once = ("Advance", "Copying", "New revision", "Initialization done", "Promotion completed", "Routing all")
        self.assertEqual({text: n for text, n in said.items() if text.startswith(once) and n > 1}, {})
        scene.assert_healthy()

    def test_killed_at_every_phase(self):
        scene = self.scene
        objects.application(self.kube, 4)
        scene.start()
        rig.wait_for(lambda: story.share(scene.web_port, "blue", 100) == 100, 60, lambda: f"blue answers\n{scene.trouble()}")
        load = story.Load(scene.web_port)
        load.start()
        self.addCleanup(load.stop)
        body = objects.extension()
        body["metadata"]["annotations"]["rollcall.dev/gates"] = "confirm-rollout,confirm-promotion"
        self.kube.create(body)
        scene.wait_phase("Initializing", name=NAME)
        self.killed()
        scene.wait_phase("Initialized", timeout=90, name=NAME)
        self.killed()
        self.kube.set_image("podinfo", "podinfod", f"{IMAGE}:green")
        scene.wait_phase("Waiting", timeout=60, name=NAME)
        self.killed()
        self.press("rollout", "ULIN")
        rig.wait_for(lambda: scene.slack.ephemerals(CHANNEL, "ULIN"), 10, "lin is told that the press counts")
        self.killed()
        self.press("rollout", "UZHAO")
        rig.wait_for(lambda: scene.phase(NAME) == "Progressing", 60,
                     lambda: f"two approvals begin the run\n{scene.slack.dump()}\n{scene.trouble()}")
        for weight in (25, 50, 75, 100):
            rig.wait_for(lambda: scene.weight() >= weight, 90, lambda: f"weight {weight}\n{scene.trouble()}")
            self.killed()
        scene.wait_phase("WaitingPromotion", timeout=90, name=NAME)
        self.killed()
        self.press("promotion", "ULIN")
        self.press("promotion", "UZHAO")
        scene.wait_phase("Promoting", "Finalising", "Succeeded", timeout=60, name=NAME)
        self.killed()
        scene.wait_phase("Finalising", "Succeeded", timeout=60, name=NAME)
        self.killed()
        scene.wait_phase("Succeeded", timeout=60, name=NAME)
        rig.wait_for(lambda: (scene.replicas("podinfo"), scene.replicas("podinfo-primary")) == (4, 0), 60,
                     "the target is the whole")
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertEqual(story.share(scene.web_port, "green", 300), 100)

        cards = [m for m in scene.slack.messages(CHANNEL) if not m.thread_ts]
        self.assertEqual(len(cards), 1, scene.slack.dump())
        replies = collections.Counter(r.plain for r in scene.slack.replies(cards[0]))
        self.assertEqual([text for text, n in replies.items() if n > 1], [], "no reply is doubled")
        questions = [r for r in scene.slack.replies(cards[0]) if r.buttons]
        self.assertEqual(questions, [], "what is decided has no buttons")
        asked = [r for r in scene.slack.replies(cards[0]) if "Approve the" in r.plain]
        self.assertEqual(len(asked), 2, "each gate asked once")
        said = collections.Counter(e["message"] for e in self.kube.events(NAME))
        self.assertEqual([text for text in said if "Advance" in text and said[text] > 1], [])
        scene.assert_healthy()


if __name__ == "__main__":
    unittest.main()

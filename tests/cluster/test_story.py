"""The main job, as its users see it: the seed's manifests byte for byte, a changed image, two people in Slack, a release.

The tests of this class are one story and run in the order of their numbers."""

import copy
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rig  # noqa: E402
import story  # noqa: E402
from story import CHANNEL, IMAGE  # noqa: E402

NAME = "podinfo-default"
NOISE = ("resourceVersion", "generation", "managedFields", "uid", "creationTimestamp", "selfLink")


def wanted(item):
    """What a user asked for: an object without what the server and the controllers of Kubernetes write into it."""
    item = copy.deepcopy(item)
    item.pop("status", None)
    for key in NOISE:
        item["metadata"].pop(key, None)
    annotations = item["metadata"].get("annotations") or {}
    annotations.pop("deployment.kubernetes.io/revision", None)
    if not annotations:
        item["metadata"].pop("annotations", None)
    return item


class Story(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scene = story.Scene("story")
        cls.addClassCleanup(cls.scene.close)
        cls.kube = cls.scene.kube
        cls.kube.empty_namespace("default")
        cls.broken = None
        cls.asked = set()  # questions of revisions that are gone

    def setUp(self):
        if self.broken:
            self.skipTest(f"allowed: the story broke off in {self.broken}")

    def run(self, result=None):
        before = len(result.failures) + len(result.errors) if result else 0
        failed = getattr(result, "failed", before)
        super().run(result)
        after = getattr(result, "failed", len(result.failures) + len(result.errors) if result else 0)
        if after > failed:
            type(self).broken = self._testMethodName

    # -- people -------------------------------------------------------------------------------------------------------

    def card(self, predicate, timeout=30, what="the card"):
        """The one live card in the channel, once it is as wanted."""
        def look():
            cards = [m for m in self.scene.slack.messages(CHANNEL) if not m.thread_ts and not m.deleted]
            return next((m for m in reversed(cards) if predicate(m)), None)
        return rig.wait_for(look, timeout, lambda: f"{what}\n{self.scene.slack.dump()}\n{self.scene.trouble()}")

    def ask_in_thread(self, card, text, timeout=30):
        """The reply that asks: it mentions who may answer and carries the buttons."""
        return rig.wait_for(lambda: next((r for r in reversed(self.scene.slack.replies(card))
                                          if r.buttons and text in r.plain and r.ts not in self.asked), None), timeout,
                            lambda: f"a question about {text}\n{self.scene.slack.dump()}")

    def press(self, message, label, user, edit=None):
        """edit 0: on a screen that has not redrawn the message since it came."""
        status, _, seconds = self.scene.slack.click(CHANNEL, message.ts, label, user, edit=edit)
        self.assertEqual(status, 200)
        self.assertLess(seconds, 3)

    def told(self, user, text, timeout=10):
        """What somebody is told privately."""
        return rig.wait_for(lambda: next((e for e in self.scene.slack.ephemerals(CHANNEL, user)
                                          if text in e.plain), None), timeout,
                            lambda: f"{user} is told {text!r}\n{self.scene.slack.dump()}")

    def approve_by_two(self, card, gate):
        question = self.ask_in_thread(card, gate)
        self.press(question, "Approve", "ULIN")
        self.told("ULIN", "1 of 2")
        self.press(question, "Approve", "UZHAO")

    # -- the story ----------------------------------------------------------------------------------------------------

    def test_1_initialized_without_a_lost_request(self):
        self.kube.create_yaml_file(story.SEED / "podinfo.yaml")
        type(self).applied = {kind: wanted(self.kube.get(kind, name)) for kind, name in
                              (("Deployment", "podinfo"), ("Service", "my-podinfo-svc"), ("Ingress", "podinfo"))}
        self.scene.start()
        rig.wait_for(lambda: story.share(self.scene.web_port, "blue", 100) == 100, 60,
                     lambda: f"blue answers through nginx\n{self.scene.trouble()}")
        load = story.Load(self.scene.web_port)
        load.start()
        self.kube.create_yaml_file(story.SEED / "podinfo-canary.yaml")
        self.kube.patch("Canary", NAME, {"metadata": {"annotations": {
            "rollcall.dev/gates": "confirm-rollout,confirm-promotion"}}})
        self.scene.wait_phase("Initialized", timeout=120)
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertGreater(load.count, 100)

        primary = self.kube.get("Deployment", "podinfo-primary")
        self.assertEqual(primary["spec"]["selector"]["matchLabels"], {"app": "podinfo-primary"})
        self.assertEqual(primary["spec"]["replicas"], 4)
        self.assertEqual(self.scene.replicas("podinfo"), 0)
        for service, app in (("my-podinfo-svc", "podinfo-primary"), ("my-podinfo-svc-primary", "podinfo-primary"),
                             ("my-podinfo-svc-canary", "podinfo")):
            self.assertEqual(self.kube.get("Service", service)["spec"]["selector"], {"app": app}, service)
        canary = self.kube.get("Ingress", "podinfo-canary", api_version="extensions/v1beta1")
        path = canary["spec"]["rules"][0]["http"]["paths"][0]
        self.assertEqual(path["backend"]["serviceName"], "my-podinfo-svc-canary")
        annotations = canary["metadata"]["annotations"]
        self.assertEqual(annotations["nginx.ingress.kubernetes.io/canary"], "true")
        self.assertEqual(annotations["nginx.ingress.kubernetes.io/canary-weight"], "0")
        status = self.scene.status()
        self.assertEqual(status["conditions"][0]["message"], "Deployment initialization completed.")
        self.assertEqual(status["lastAppliedSpec"], status["lastPromotedSpec"])
        self.assertIn(f"Initialization done! {NAME}.default", self.scene.said())

    def test_2_an_idle_canary_costs_no_request(self):
        mark = self.scene.plane.audit.mark()
        ticks = self.scene.status()["lastTransitionTime"]
        rig.wait_for(lambda: story.share(self.scene.web_port, "blue", 2000) == 100, 60, "2,000 requests are answered")
        counted = self.scene.plane.audit.count(mark)
        writes = {key: n for key, n in counted.items() if key[0] not in ("watch", "list", "get")}
        self.assertEqual(writes, {})
        self.assertEqual([key for key in counted if key[0] == "get"], [])
        self.assertEqual(self.scene.status()["lastTransitionTime"], ticks)

    def test_3_nothing_moves_before_two_people_agree(self):
        self.kube.set_image("podinfo", "podinfod", f"{IMAGE}:green")
        self.scene.wait_phase("Waiting", timeout=30)
        card = self.card(lambda m: "green" in m.plain and "blue" in m.plain, what="a card about blue and green")
        question = self.ask_in_thread(card, "rollout")
        self.assertIn("<@ULIN>", question.text + json.dumps(question.blocks))

        self.press(question, "Approve", "UGUEST")
        self.told("UGUEST", "may not")
        self.press(question, "Approve", "ULIN")
        self.told("ULIN", "1 of 2")
        self.press(question, "Approve", "ULIN")
        self.told("ULIN", "1 of 2")
        self.assertEqual(self.scene.phase(), "Waiting")
        self.assertEqual(self.scene.replicas("podinfo"), 0)
        type(self).card_ts = card.ts
        type(self).old_question = question
        self.asked.add(question.ts)

    def test_4_a_newer_revision_supersedes_the_question(self):
        self.kube.set_image("podinfo", "podinfod", f"{IMAGE}:yellow")
        self.card(lambda m: "yellow" in m.plain, what="a card about yellow")
        rig.wait_for(lambda: not self.old_question.buttons, 20, "the old question has no buttons any more")
        self.press(self.old_question, "Approve", "UZHAO", edit=0)
        self.told("UZHAO", "superseded")
        self.assertEqual(self.scene.phase(), "Waiting")
        self.assertEqual(self.scene.replicas("podinfo"), 0)

    def test_5_weights_replicas_and_shares(self):
        self.kube.set_image("podinfo", "podinfod", f"{IMAGE}:green")
        card = self.card(lambda m: "green" in m.plain and m.buttons and "yellow" not in m.plain,
                         what="the card about green again")
        load = story.Load(self.scene.web_port)
        load.start()
        self.kube.patch("Canary", NAME, {"metadata": {"annotations": {"rollcall.dev/steps": "manual"}}})
        self.approve_by_two(card, "rollout")
        self.scene.wait_phase("Progressing", timeout=30)
        table = {20: (1, 3), 40: (2, 2), 60: (3, 1), 80: (4, 1), 100: (4, 0)}
        for weight, (canary, source) in table.items():
            with self.subTest(weight=weight):
                for user in ("lin.wei", "zhao"):
                    self.scene.until_approved(NAME, user)
                rig.wait_for(lambda: self.scene.weight() == weight, 90,
                             lambda: f"weight {weight}\n{self.scene.trouble()}")
                rig.wait_for(lambda: (self.scene.replicas("podinfo"), self.scene.replicas("podinfo-primary"))
                             == (canary, source), 60, lambda: f"replicas {canary} and {source}\n{self.scene.trouble()}")
                rig.wait_for(lambda: abs(story.share(self.scene.web_port, "green") - weight) <= 5, 30,
                             f"green answers {weight} percent")
        load.stop()
        self.assertEqual(load.failures, [])
        type(self).green_card = card

    def test_6_promoted_when_two_people_agree(self):
        load = story.Load(self.scene.web_port)
        load.start()
        self.scene.wait_phase("WaitingPromotion", timeout=60)
        card = self.card(lambda m: m.ts == self.green_card.ts and m.buttons, what="the same card asks for the promotion")
        self.approve_by_two(card, "promotion")
        self.scene.wait_phase("Succeeded", timeout=120)
        rig.wait_for(lambda: (self.scene.replicas("podinfo"), self.scene.replicas("podinfo-primary")) == (4, 0), 60,
                     "the target is the whole")
        load.stop()
        self.assertEqual(load.failures, [])
        self.assertEqual(story.share(self.scene.web_port, "green"), 100)
        status = self.scene.status()
        self.assertEqual(status["conditions"][0]["status"], "True")
        final = self.card(lambda m: m.ts == card.ts and not m.buttons or "omplete" in m.plain, what="the final card")
        self.assertGreater(len(final.edits), 3, "one message, updated in place")
        picture = rig.wait_for(lambda: next((m for m in self.scene.slack.replies(final) if m.files), None), 30, "its chart")
        file = self.scene.slack.workspace.files[picture.files[0]["id"]]
        self.assertTrue(file.content.startswith(b"\x89PNG") and file.alt_text)
        hook = self.scene.hooks  # the seed's own hook goes to an outside host and must have been tried, not delivered
        self.assertTrue(any("Post-rollout" in text for text in self.scene.said()), self.scene.said())
        self.assertIsNotNone(hook)

    def test_7_complete_gives_everything_back(self):
        load = story.Load(self.scene.web_port)
        load.start()
        self.scene.cli("complete", NAME)
        rig.wait_for(lambda: self.kube.find("Canary", NAME) is None, 120,
                     lambda: f"the Canary is gone\n{self.scene.trouble()}")
        rig.wait_for(lambda: self.kube.find("Deployment", "podinfo-primary") is None, 30, "the primary is gone")
        rig.wait_for(lambda: story.share(self.scene.web_port, "green", 500) == 100, 30, "green answers")
        load.stop()
        self.assertEqual(load.failures, [])
        green = copy.deepcopy(self.applied)
        container = green["Deployment"]["spec"]["template"]["spec"]["containers"][0]
        container["image"] = f"{IMAGE}:green"
        for kind, name in (("Deployment", "podinfo"), ("Service", "my-podinfo-svc"), ("Ingress", "podinfo")):
            self.assertEqual(wanted(self.kube.get(kind, name)), green[kind], kind)
        for kind, name in (("Service", "my-podinfo-svc-primary"), ("Service", "my-podinfo-svc-canary"),
                           ("Ingress", "podinfo-canary")):
            self.assertIsNone(self.kube.find(kind, name), f"{kind} {name}")
        self.scene.slack.assert_clean()
        self.scene.assert_healthy()


if __name__ == "__main__":
    unittest.main()

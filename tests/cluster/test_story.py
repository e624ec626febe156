"""The main job, as its users see it: the seed's manifests byte for byte, a changed image, two people in Slack, a release."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rig  # noqa: E402
import seed  # noqa: E402
import story  # noqa: E402
from seed import NAME  # noqa: E402
from story import CHANNEL, IMAGE  # noqa: E402


class Story(seed.Seed):
    """On a real API server, decided in Slack; what the seed's story has in common on every cluster is in seed.py."""

    @classmethod
    def setUpClass(cls):
        cls.scene = story.Scene("story")
        cls.addClassCleanup(cls.scene.close)
        cls.kube = cls.scene.kube
        cls.kube.empty_namespace("default")
        cls.asked = set()  # questions of revisions that are gone

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

    # -- the stage ----------------------------------------------------------------------------------------------------

    def put_application(self):
        self.kube.create_yaml_file(story.SEED / "podinfo.yaml")
        self.scene.start()

    def put_canary(self):
        self.kube.create_yaml_file(story.SEED / "podinfo-canary.yaml")

    def set_image(self, tag):
        self.kube.set_image("podinfo", "podinfod", f"{IMAGE}:{tag}")

    def agree(self, gate, tag):
        card = self.card(lambda m: tag in m.plain and m.buttons, what=f"a card about {tag} that asks")
        question = self.ask_in_thread(card, gate)
        self.press(question, "Approve", "ULIN")
        self.told("ULIN", "1 of 2")
        self.press(question, "Approve", "UZHAO")
        self.asked.add(question.ts)
        type(self).decided_card = card

    def agree_to_a_step(self):
        for user in ("lin.wei", "zhao"):
            self.scene.until_approved(NAME, user)

    # -- what is Kubernetes' and Slack's alone -------------------------------------------------------------------------

    def test_15_an_idle_canary_costs_no_request(self):
        self.assertIn(f"Initialization done! {NAME}.default", self.scene.said())
        mark = self.scene.plane.audit.mark()
        ticks = self.scene.status()["lastTransitionTime"]
        rig.wait_for(lambda: story.share(self.scene.web_port, "blue", 2000) == 100, 60, "2,000 requests are answered")
        counted = self.scene.plane.audit.count(mark)
        writes = {key: n for key, n in counted.items() if key[0] not in ("watch", "list", "get")}
        self.assertEqual(writes, {})
        self.assertEqual([key for key in counted if key[0] == "get"], [])
        self.assertEqual(self.scene.status()["lastTransitionTime"], ticks)

    def test_22_nothing_moves_before_two_people_agree(self):
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
        type(self).old_question = question
        self.asked.add(question.ts)

    def test_24_a_newer_revision_supersedes_the_question(self):
        self.set_image("yellow")
        self.card(lambda m: "yellow" in m.plain, what="a card about yellow")
        rig.wait_for(lambda: not self.old_question.buttons, 20, "the old question has no buttons any more")
        self.press(self.old_question, "Approve", "UZHAO", edit=0)
        self.told("UZHAO", "superseded")
        self.assertEqual(self.scene.phase(), "Waiting")
        self.assertEqual(self.scene.replicas("podinfo"), 0)

    def test_55_one_card_told_it_all(self):
        final = self.card(lambda m: m.ts == self.decided_card.ts and not m.buttons or "omplete" in m.plain,
                          what="the final card")
        self.assertGreater(len(final.edits), 3, "one message, updated in place")
        picture = rig.wait_for(lambda: next((m for m in self.scene.slack.replies(final) if m.files), None), 30, "its chart")
        file = self.scene.slack.workspace.files[picture.files[0]["id"]]
        self.assertTrue(file.content.startswith(b"\x89PNG") and file.alt_text)
        # the seed's own hook goes to an outside host and must have been tried, not delivered
        self.assertTrue(any("Post-rollout" in text for text in self.scene.said()), self.scene.said())

    def test_65_slack_was_asked_as_it_wants_to_be(self):
        self.scene.slack.assert_clean()


if __name__ == "__main__":
    unittest.main()

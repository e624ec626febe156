"""What people type: a choice with buttons, several at once, a thread that watches, an answer again when it is done."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rig  # noqa: E402
from story import CHANNEL  # noqa: E402
from talk import NAME, Conversation  # noqa: E402


class Commands(Conversation, unittest.TestCase):
    def thread_of(self, ts):
        return [m for m in self.slack.workspace.channels[CHANNEL].messages if m.thread_ts == ts]

    def said_in(self, ts, text, timeout=20):
        rig.wait_for(lambda: any(text in m.plain for m in self.thread_of(ts)), timeout,
                     lambda: f"{text!r} in the thread\n{self.slack.dump()}\n{self.scene.trouble()}")

    def mention(self, text, **more):
        self.assertEqual(self.slack.mention("ULIN", CHANNEL, text, **more).status, 200)

    def test_mistakes_are_told_privately(self):
        self.slack.slash("UZHAO", CHANNEL, "/canary", "aprove it")
        self.told("UZHAO", "did you mean approve?")
        self.slack.slash("UZHAO", CHANNEL, "/canary", "帮助 回滚")
        self.told("UZHAO", "rollback NAME|-l LABELS [reason]")

    def test_a_thread_watches_and_hears_what_came_of_a_verb(self):
        anchor = self.slack.say("ULIN", CHANNEL, "release of today").ts
        self.mention(f"watch {NAME}", thread_ts=anchor)
        self.said_in(anchor, f"From now on this thread hears how default/{NAME} goes.")
        self.released()
        self.said_in(anchor, f"🟡 {NAME}: Waiting for a decision")
        self.mention(f"rollback {NAME} not today", thread_ts=anchor)
        self.said_in(anchor, f"rollback of default/{NAME} asked for by lin")
        self.said_in(anchor, f"default/{NAME}: rolled back")
        self.said_in(anchor, f"🔴 {NAME}: Rolled back")
        self.mention(f"unwatch {NAME}", thread_ts=anchor)
        self.said_in(anchor, "hears no more")

    def test_several_at_once_want_one_more_press(self):
        self.kube.patch("Canary", NAME, {"metadata": {"labels": {"team": "shop"}}})
        tag = self.released()
        self.question(tag)
        self.slack.slash("ULIN", CHANNEL, "/canary", "rollback -l team=shop")
        sure = self.slack.wait_ephemeral(CHANNEL, "ULIN", lambda m: "Sure?" in m.plain)
        self.assertIn(f"Roll back 1 rollouts: default/{NAME}", sure.plain)
        self.assertEqual(self.scene.phase(NAME), "Waiting")
        self.assertEqual(self.slack.click(CHANNEL, sure.ts, "Roll back all 1", "ULIN").status, 200)
        self.scene.wait_phase("Failed", timeout=30, name=NAME)
        self.card(tag, lambda m: "olled back" in m.plain)
        self.slack.assert_clean()


if __name__ == "__main__":
    unittest.main()

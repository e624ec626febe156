"""What people do in Slack beside the card and its buttons: their Home, commands in every form, and who may do it."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rig  # noqa: E402
from story import CHANNEL  # noqa: E402
from talk import NAME, Conversation  # noqa: E402

POLICIES = """
  default:
    approvers: ["group:sre", "slack:S1"]
    quorum: 2
    rights:
      promote: ["group:sre"]
      rollback: [anyone-in-channel, "group:sre"]
"""


class Slack(Conversation, unittest.TestCase):
    scene_options = {"policies": POLICIES}

    @classmethod
    def prepare(cls):
        cls.slack.add_user("UMIRA", "mira")
        cls.slack.add_user("UREST", "rest", is_restricted=True)
        cls.slack.add_user("UFAR", "far", is_stranger=True, team_id="T02")
        cls.slack.add_user("UGONE", "gone", deleted=True)
        cls.slack.add_group("S1", "release-team", ["UMIRA", "UREST", "UFAR", "UGONE"])
        cls.slack.workspace.channels[CHANNEL].members += ["UMIRA", "UREST", "UFAR", "UGONE"]

    def tearDown(self):
        super().tearDown()
        self.slack.assert_clean()

    # -- Home -----------------------------------------------------------------------------------------------------------

    def test_home_shows_what_waits_for_you_and_takes_your_word(self):
        self.slack.open_home("UMIRA")
        self.slack.open_home("UGUEST")
        self.slack.open_home("ULIN", tab="messages")
        tag = self.released()
        self.slack.wait_home("UMIRA", tag, 30)
        self.slack.wait_home("UGUEST", "Nothing waits for you")
        self.assertIsNone(self.slack.home("ULIN"), "the messages tab is no Home")
        self.assertEqual(self.slack.click_home("UMIRA", "Approve").status, 200)
        self.slack.wait_message("UMIRA", "1 of 2", 15)
        self.slack.wait_home("UMIRA", lambda v: tag not in v.plain and not v.buttons)
        question = self.question(tag)
        rig.wait_for(lambda: "1 of 2" in self.slack.message(CHANNEL, question.ts).plain, 20, "the question shows the vote")

    def test_home_asks_for_a_reason(self):
        tag = self.released()
        self.slack.open_home("UMIRA")
        self.slack.wait_home("UMIRA", tag, 30)
        self.slack.click_home("UMIRA", "Reject")
        view = self.slack.wait_view("UMIRA")
        self.slack.submit_view(view.id, {"why": "not on a Friday"}, "UMIRA")
        self.card(tag, lambda m: "not on a Friday" in m.plain and "mira" in m.plain)

    # -- who ------------------------------------------------------------------------------------------------------------

    def test_those_who_are_no_members_are_refused(self):
        tag = self.released()
        question = self.question(tag)
        for user, why in (("UREST", "Guests"), ("UFAR", "other workspaces"), ("UGONE", "deactivated")):
            if user != "UFAR":
                self.assertEqual(self.slack.click(CHANNEL, question.ts, "Approve", user).status, 200)
                self.told(user, why)
            self.slack.slash(user, CHANNEL, "/canary", "rollback " + NAME + " now", change=self.as_member)
            self.told(user, why)
        self.assertEqual(self.scene.phase(NAME), "Waiting")
        self.assertNotIn("1 of 2", self.card(tag).plain)

    @staticmethod
    def as_member(form):
        """A shared channel may say the host's workspace: users.info decides."""
        form["team_id"] = "T01"

    def test_who_cannot_be_looked_up_is_told_so(self):
        self.slack.add_user("UNEW1", "new.one")
        self.slack.workspace.channels[CHANNEL].members.append("UNEW1")
        self.slack.fail("http_500", "users.info")
        self.slack.slash("UNEW1", CHANNEL, "/canary", "help")
        self.told("UNEW1", "does not say who you are")
        self.slack.slash("UNEW1", CHANNEL, "/canary", "help")
        self.told("UNEW1", "rollback")
        self.slack.remove_scope("users:read")
        try:
            self.slack.add_user("UNEW2", "new.two")
            self.slack.workspace.channels[CHANNEL].members.append("UNEW2")
            self.slack.slash("UNEW2", CHANNEL, "/canary", "help")
            self.told("UNEW2", "users:read")
        finally:
            self.slack.api.scopes.add("users:read")

    def test_a_user_group_decides(self):
        tag = self.released()
        question = self.question(tag)
        self.assertIn("<!subteam^S1>", self.raw_of(question))
        self.slack.click(CHANNEL, question.ts, "Approve", "UMIRA")
        self.told("UMIRA", "1 of 2")
        self.slack.click(CHANNEL, question.ts, "Approve", "UGUEST")
        self.told("UGUEST", "may")
        self.assertNotIn("2 of 2", self.card(tag).plain)

    # -- commands -------------------------------------------------------------------------------------------------------

    def test_the_same_words_as_mention_message_and_command(self):
        self.slack.mention("ULIN", CHANNEL, "who " + NAME)
        self.told("ULIN", "group:sre")
        self.slack.dm("ULIN", "who " + NAME)
        self.slack.wait_message("ULIN", "group:sre")
        said = len(self.slack.messages("ULIN"))
        self.slack.event({"type": "message", "channel_type": "im", "user": "U0B", "bot_id": "B5", "text": "who " + NAME,
                          "ts": "9.9", "channel": "DLIN", "event_ts": "9.9"})
        self.slack.event({"type": "message", "channel_type": "im", "user": "ULIN", "subtype": "message_changed",
                          "ts": "9.8", "channel": "DLIN", "event_ts": "9.8"})
        self.slack.slash("UZHAO", CHANNEL, "/canary", "who " + NAME)
        self.told("UZHAO", "group:sre")
        self.assertEqual(len(self.slack.messages("ULIN")), said, "neither itself nor an edit is answered")

    def test_words_of_all_sizes_and_directions(self):
        name = "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe \N{FAMILY}\N{ARABIC LETTER ALEF}\N{HEBREW LETTER ALEF}<!channel>"
        self.slack.slash("UZHAO", CHANNEL, "/canary", "status " + name)
        answer = self.told("UZHAO", "no rollout")
        self.assertNotIn("\N{RIGHT-TO-LEFT OVERRIDE}", answer.plain)
        self.assertNotIn("<!channel>", answer.plain)
        self.assertEqual(self.slack.slash("UZHAO", CHANNEL, "/canary", "x" * 1_000_000).status, 200)
        refused = self.slack.slash("UZHAO", CHANNEL, "/canary", "x" * 2_000_000)
        self.assertEqual(refused.status, 413)
        self.assertEqual(self.slack.slash("UZHAO", CHANNEL, "/canary", "help").status, 200)


if __name__ == "__main__":
    unittest.main()

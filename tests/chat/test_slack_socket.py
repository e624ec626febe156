"""Socket Mode: Slack is reached over connections that rollcall opens; nothing comes in from outside."""

import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rig  # noqa: E402
from story import CHANNEL  # noqa: E402
from talk import NAME, Conversation  # noqa: E402


class Socket(Conversation, unittest.TestCase):
    scene_options = {"socket": True}

    @classmethod
    def prepare(cls):
        cls.slack.fail("http_500", "apps.connections.open", times=1)

    def setUp(self):
        super().setUp()
        self.slack.wait_links(2, 30)

    def tearDown(self):
        super().tearDown()
        self.slack.assert_clean()

    def test_a_release_from_question_to_decision(self):
        tag = self.released()
        question = self.question(tag)
        self.assertEqual(self.slack.click(CHANNEL, question.ts, "Approve", "ULIN").status, 200)
        self.told("ULIN", "1 of 2")
        self.assertEqual(self.slack.click(CHANNEL, question.ts, "Reject", "UZHAO").status, 200)
        view = self.slack.wait_view("UZHAO")
        self.slack.submit_view(view.id, {"why": "   \n "}, "UZHAO")
        self.assertTrue(view.open and view.errors, "a reason of blanks is none")
        self.slack.submit_view(view.id, {"why": "the numbers look wrong"}, "UZHAO")
        self.assertFalse(view.open)
        self.scene.wait_phase("Failed", timeout=30, name=NAME)
        self.card(tag, lambda m: "the numbers look wrong" in m.plain)
        delivery = self.slack.slash("ULIN", CHANNEL, "/canary", "status " + NAME)
        self.assertEqual((delivery.status, delivery.body), (200, ""))
        self.told("ULIN", tag)
        self.assertEqual(self.slack.mention("UZHAO", CHANNEL, "who " + NAME).status, 200)
        self.told("UZHAO", "group:sre")
        self.assertEqual(self.metric("rollcall_slack_socket_connections"), {"": 2.0})

    def test_a_warning_leaves_no_gap(self):
        self.slack.warning_seconds = 1.5
        for reason in ("warning", "refresh_requested"):
            old = self.slack.ready_links()
            leaving = self.slack.disconnect(reason, old[0])
            # the old one is heard until it goes
            self.assertEqual(self.slack.deliver("slash_commands", self.command("help"), True, [leaving]).status, 200)
            self.slack.wait_for(lambda: any(link not in old for link in self.slack.ready_links()), 10, "a successor")
            self.assertIn(leaving, self.slack.links, "the successor came before the end")
            gone = self.slack.wait_for(lambda: leaving not in self.slack.links, 10, "its end")
            self.assertTrue(gone)
            self.slack.wait_links(2, 30)

    def command(self, text):
        workspace = self.slack.workspace
        path = workspace.new_response_url("commands", "ULIN", CHANNEL)
        return {"command": "/canary", "text": text, "user_id": "ULIN", "user_name": "lin.wei", "channel_id": CHANNEL,
                "team_id": workspace.team_id, "api_app_id": workspace.app_id, "trigger_id": "x",
                "response_url": self.slack.base_url + path}

    def test_the_same_envelope_twice_counts_once(self):
        tag = self.released()
        question = self.question(tag)
        before = len(self.slack.ephemerals(CHANNEL, "ULIN"))
        sockets = self.slack.ready_links()
        self.assertEqual(self.slack.deliver("slash_commands", self.command("who " + NAME), True, sockets).status, 200)
        event = {"type": "app_mention", "user": "UZHAO", "text": "<@U0B> reject " + NAME + " too slow", "ts": "1.2",
                 "channel": CHANNEL, "team": self.slack.workspace.team_id, "event_ts": "1.2"}
        for retry in (0, 1, 2):
            self.assertEqual(self.slack.event(event, event_id="Ev1", retry_num=retry).status, 200)
        self.scene.wait_phase("Failed", timeout=30, name=NAME)
        self.told("ULIN", "group:sre")
        self.assertEqual(len(self.slack.ephemerals(CHANNEL, "ULIN")) - before, 1)
        rig.wait_for(lambda: not self.slack.message(CHANNEL, question.ts).buttons, 20, "the question has gone")
        _, out, _ = self.scene.cli("history", NAME)
        self.assertEqual(len([line for line in out.splitlines() if "vote.reject" in line and "too slow" in line]), 1, out)

    def test_foreign_and_broken_frames_change_nothing(self):
        tag = self.released()
        question = self.question(tag)
        for change in ({"team_id": "T99"}, {"api_app_id": "A99"}, {"user_id": ""}, {"team_id": None}):
            payload = {**self.command("reject " + NAME + " no good"), **change}
            self.assertEqual(self.slack.deliver("slash_commands", payload, True).status, 200, change)
        for kind, payload in (("interactive", {}), ("interactive", {"type": 1}), ("interactive", []),
                              ("events_api", {"type": "event_callback"}), ("slash_commands", None),
                              ("something_new", {"a": 1})):
            self.assertEqual(self.slack.deliver(kind, payload).status, 200, kind)
        for text in ("{", "", "[]", '"x"', '{"type":"something_new"}', '{"type":"events_api","payload":{}}', "\u0000"):
            self.slack.send_raw(text)
        link = self.slack.choose()
        link.ws.frame(2, b"\x00\x01binary")
        self.assertEqual(self.slack.slash("ULIN", CHANNEL, "/canary", "help").status, 200)
        self.assertEqual(len(self.slack.ready_links()), 2, "none of that ends a connection")
        self.assertEqual(self.scene.phase(NAME), "Waiting")
        self.assertTrue(self.slack.message(CHANNEL, question.ts).buttons)
        self.assertIn('{outcome="refused"}', self.metric("rollcall_slack_socket_frames_total"))

    def test_pieces_and_long_words(self):
        for link in self.slack.ready_links():
            link.ws.fragment = 1000
        long = "status " + "\N{FAMILY}\N{ARABIC LETTER ALEF}" * 60_000
        self.assertEqual(self.slack.slash("ULIN", CHANNEL, "/canary", long).status, 200)
        for link in self.slack.ready_links():
            link.ws.drip = True
        self.assertEqual(self.slack.slash("ULIN", CHANNEL, "/canary", "help").status, 200)
        for link in self.slack.ready_links():
            link.ws.drip, link.ws.fragment = False, 0

    def test_cut_connections_come_back(self):
        tag = self.released()
        question = self.question(tag)
        for link in self.slack.ready_links():
            link.ws.drop()
        self.slack.wait_for(lambda: not self.slack.ready_links(), 5, "they are gone")
        self.slack.wait_links(2, 30)
        self.assertEqual(self.slack.click(CHANNEL, question.ts, "Approve", "ULIN").status, 200)
        self.card(tag, lambda m: "1 of 2" in m.plain)

    def test_many_at_once_are_acknowledged_in_time(self):
        deliveries = []

        def press():
            deliveries.append(self.slack.slash("ULIN", CHANNEL, "/canary", "who " + NAME))

        people = [threading.Thread(target=press) for _ in range(60)]
        for each in people:
            each.start()
        for each in people:
            each.join()
        self.assertEqual({d.status for d in deliveries}, {200})
        self.assertLess(max(d.seconds for d in deliveries), 3)

    def test_somebody_else_uses_the_token(self):
        self.slack.link_count_told = 5
        link = self.slack.ready_links()[0]
        link.ws.drop()
        rig.wait_for(lambda: "slack_socket_shared" in self.scene.serve.output(), 20, self.scene.trouble)
        self.slack.link_count_told = None
        self.assertNotIn(self.slack.app_token, self.scene.serve.output())
        self.assertNotIn("ticket", self.scene.serve.output())


if __name__ == "__main__":
    unittest.main()

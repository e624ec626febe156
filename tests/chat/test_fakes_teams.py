"""FakeTeams answers as a flow does: quickly, and before anything is shown."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fakes.delivery import send  # noqa: E402
from tests.fakes.teams import CARD, FakeTeams  # noqa: E402


def message(*body, actions=(), version="1.4"):
    card = {"type": "AdaptiveCard", "version": version, "body": list(body), "actions": list(actions)}
    return {"type": "message", "attachments": [{"contentType": CARD, "contentUrl": None, "content": card}]}


TEXT = {"type": "TextBlock", "text": "hello"}
LINK = {"type": "Action.OpenUrl", "title": "Review", "url": "https://rollcall.example"}


class FakeTeamsTest(unittest.TestCase):
    def setUp(self):
        self.teams = FakeTeams().start()
        self.addCleanup(self.teams.stop)
        self.url = self.teams.add_flow("releases")

    def post(self, body, url=None, kind="application/json", method="POST"):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return send(url or self.url, raw, [("Content-Type", kind)], method)

    def test_shows_a_good_card(self):
        done = self.post(message(TEXT, actions=[LINK]))
        self.assertEqual((done.status, done.body), (202, ""))
        shown = self.teams.wait_message("releases", lambda m: True)
        self.assertEqual((shown.plain, shown.links), ("hello\nReview", {"Review": "https://rollcall.example"}))
        self.teams.assert_clean()

    def test_refuses_strangers_and_shapes(self):
        for url, status, code in ((self.url[:-1] + "x", 401, "DirectApiAuthorizationRequired"),
                                  (self.url.replace("/workflows/", "/workflows/0"), 404, "WorkflowNotFound"),
                                  (self.teams.base_url + "/", 404, "WorkflowNotFound")):
            done = self.post(message(TEXT), url)
            self.assertEqual((done.status, done.json()["error"]["code"]), (status, code))
        for body in (b"{", {}, {"attachments": []}, {"attachments": [{"contentType": "text/plain", "content": "x"}]},
                     {"attachments": [{"contentType": CARD, "content": {"type": "Other"}}]}):
            self.assertEqual(self.post(body).status, 400, body)
        self.assertEqual(self.post(message(TEXT), kind="text/plain").status, 400)
        self.assertEqual(self.teams.messages, [])

    def test_takes_what_teams_itself_would_not_show(self):
        for body, trouble in ((message({"type": "TextBlock", "text": "x" * 29000}), "not shown"),
                              (message(TEXT, actions=[{"type": "Action.Submit", "title": "Approve"}]), "dead button"),
                              (message(TEXT, actions=[{"type": "Action.Execute", "title": "Approve"}]), "dead button"),
                              (message(TEXT, actions=[LINK] * 7), "overflow"),
                              (message({"type": "Nonsense"}), "unknown element"),
                              (message({"type": "RichTextBlock", "inlines": [{"type": "TextRun"}]}), "bad inline"),
                              (message(TEXT, version="2.0"), "version")):
            self.assertEqual(self.post(body).status, 202)
            self.assertIn(trouble, self.teams.messages[-1].trouble[0])
        with self.assertRaises(AssertionError):
            self.teams.assert_clean()

    def test_fails_as_ordered(self):
        self.teams.order(429, retry_after=2)
        self.teams.order(202, close=True)
        slowed = self.post(message(TEXT))
        self.assertEqual((slowed.status, slowed.headers["retry-after"], self.teams.messages), (429, "2", []))
        self.assertEqual(self.post(message(TEXT)).status, 0)  # it has run all the same
        self.assertEqual(len(self.teams.messages), 1)
        self.assertEqual(self.post(message(TEXT)).status, 202)


if __name__ == "__main__":
    unittest.main()

"""The bot at the door that platforms use: signed requests in, messages out, whatever happens to them on the way. The
canary has no pods, so that only the conversation is slow."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from story import CHANNEL  # noqa: E402
from talk import NAME, Conversation  # noqa: E402
from tests.fakes.slack import Tamper  # noqa: E402


class Bot(Conversation, unittest.TestCase):
    # -- the door ------------------------------------------------------------------------------------------------------

    def test_handshake_and_certificate_probe(self):
        self.assertTrue(self.slack.url_verification().passed)
        for method in ("POST", "GET"):
            self.assertEqual(self.slack.ssl_check(method).status, 200)

    def test_forged_requests_are_refused_before_they_are_read(self):
        tag = self.released()
        question = self.question(tag)
        before = len(self.slack.calls)
        for tamper in (Tamper(skew=-301), Tamper(skew=301), Tamper(secret="0" * 32), Tamper(flip_byte=True),
                       Tamper(drop=("X-Slack-Signature",)), Tamper(drop=("X-Slack-Request-Timestamp",)),
                       Tamper(upper_hex=True), Tamper(version="v1"), Tamper(duplicate=("X-Slack-Signature",))):
            status, body, _ = self.slack.click(CHANNEL, question.ts, "Approve", "ULIN", tamper=tamper)
            self.assertIn(status, (400, 401), repr(tamper))
            self.assertNotIn(b"approve", body if isinstance(body, bytes) else str(body).encode())
        self.assertEqual([c for c in self.slack.calls[before:] if "views.open" in str(c)], [])
        self.assertEqual(self.scene.phase(NAME), "Waiting")

    def test_a_replayed_press_counts_once(self):
        tag = self.released()
        question = self.question(tag)
        first = self.slack.click(CHANNEL, question.ts, "Approve", "ULIN")
        self.assertEqual(first.status, 200)
        self.told("ULIN", "1 of 2")
        again = self.slack.replay(first)
        self.assertIn(again.status, (200, 401))
        card = self.card(tag, lambda m: "1 of 2" in m.plain)
        self.assertNotIn("2 of 2", card.plain)
        self.assertEqual(self.scene.phase(NAME), "Waiting")

    def test_malformed_requests_after_a_good_signature(self):
        for kind, body in (("application/json", b"{"), ("application/json", b"[]"), ("application/json", b'{"type":1}'),
                           ("application/x-www-form-urlencoded", b"payload=%7B"),
                           ("application/x-www-form-urlencoded", b"payload={}"),
                           ("application/x-www-form-urlencoded", b"nothing=1"), ("text/plain", b"hello")):
            status = self.slack.post_signed("interactive", kind, body).status
            self.assertTrue(400 <= status < 500, f"{kind} {body}: {status}")
        log = self.scene.serve.output()
        self.assertNotIn("hello", log)

    # -- a reason -------------------------------------------------------------------------------------------------------

    def test_reject_asks_for_a_reason_in_a_form(self):
        tag = self.released()
        question = self.question(tag)
        self.assertEqual(self.slack.click(CHANNEL, question.ts, "Reject", "UZHAO").status, 200)
        view = self.slack.wait_view("UZHAO")
        self.slack.submit_view(view.id if hasattr(view, "id") else view["id"], {"why": "the numbers look wrong"}, "UZHAO")
        self.scene.wait_phase("Failed", timeout=30, name=NAME)
        self.card(tag, lambda m: "the numbers look wrong" in m.plain and "zhao" in m.plain and not any(
            "pprove" in str(b) for b in m.buttons))

    # -- platforms in trouble -----------------------------------------------------------------------------------------

    def test_slack_is_down_and_comes_back_with_the_newest_state_alone(self):
        tag = self.released()
        card = self.card(tag)
        self.question(tag)
        edits = len(card.edits)
        self.slack.fail("http_503", method="chat.update", times=None)
        self.slack.fail("http_503", method="chat.postMessage", times=None)
        self.scene.cli("approve", NAME)
        self.scene.cli("approve", NAME, token=self.scene.token("zhao"))
        self.scene.wait_phase("Progressing", timeout=30, name=NAME)
        self.scene.cli("rollback", NAME, "enough")
        self.scene.wait_phase("Failed", timeout=30, name=NAME)
        self.slack.clear_faults()
        final = self.card(tag, lambda m: "olled back" in m.plain, timeout=90)
        self.assertEqual(final.ts, card.ts)
        shown = [edit for edit in final.edits[edits:]]
        self.assertLessEqual(len(shown), 3, "what was old is not sent after what is new")

    def test_rate_limited_and_unknown_outcomes_double_nothing(self):
        self.slack.fail("ratelimited", method="chat.postMessage", times=2, retry_after=1)
        tag = self.released()
        self.card(tag)
        self.question(tag)
        self.slack.fail("close_after", method="chat.postMessage", times=1)
        tag = self.released()
        self.question(tag, timeout=60)
        cards = [m for m in self.slack.messages(CHANNEL) if not m.thread_ts and tag in m.plain]
        self.assertEqual(len(cards), 1, self.slack.dump())

    def test_a_card_that_was_deleted_is_posted_afresh(self):
        tag = self.released()
        card = self.card(tag)
        self.question(tag)
        card.deleted = True
        self.scene.cli("approve", NAME)
        fresh = self.card(tag, lambda m: m.ts != card.ts, timeout=30)
        self.assertIn("1 of 2", fresh.plain)

    def test_dingtalk_down_slows_nothing_else(self):
        self.scene.dingtalk.fail("http_502", times=None)
        tag = self.released()
        self.card(tag, timeout=10)
        self.question(tag, timeout=10)
        self.scene.dingtalk.clear_faults()
        self.scene.dingtalk.wait_message("releases", lambda m: tag in m.plain, 90)

    def test_hostile_values_stay_text(self):
        self.kube.patch("Canary", NAME, {"metadata": {"annotations": {
            "rollcall.dev/requested-by": "<!channel> <@ULIN> *bold* `x`"}}})
        tag = self.released()
        card = self.card(tag)
        raw = json.dumps(card.blocks) + card.text
        self.assertNotIn("<!channel>", raw)
        self.assertNotIn("<@ULIN> *bold*", raw)
        self.kube.patch("Canary", NAME, {"metadata": {"annotations": {"rollcall.dev/requested-by": None}}})
        self.slack.assert_clean()


if __name__ == "__main__":
    unittest.main()

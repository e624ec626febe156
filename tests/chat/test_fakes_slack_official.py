"""The official Slack clients hold the same conversations with FakeSlack as with Slack."""

import base64
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.chat.official.bridge import ClientError, Official  # noqa: E402
from tests.fakes.slack import FakeSlack, Tamper  # noqa: E402

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")


def button(action, label, value="R-17:3"):
    return {"type": "button", "action_id": action, "value": value, "text": {"type": "plain_text", "text": label}}


def card(*buttons):
    return [{"type": "section", "text": {"type": "mrkdwn", "text": "*R-17* to prod"}},
            {"type": "actions", "block_id": "gate", "elements": list(buttons)}]


class WebClientTest(unittest.TestCase):
    def setUp(self):
        self.slack = FakeSlack().start()
        self.addCleanup(self.slack.stop)
        self.slack.add_channel("C09", "releases", [f"U{n}" for n in range(10, 35)])
        self.client = self.enterContext(Official("slack_client.js", token=self.slack.bot_token, retries=2,
                                                 slackApiUrl=self.slack.api_url))

    def call(self, method, **args):
        return self.client.run("call", method=method, args=args)

    def refused(self, method, **args):
        with self.assertRaises(ClientError) as caught:
            self.call(method, **args)
        return caught.exception.answer

    def test_posts_updates_replies_and_reads_back(self):
        posted = self.call("chat.postMessage", channel="C09", text="Gate R-17", blocks=card(button("ok", "Approve")),
                           metadata={"event_type": "gate", "event_payload": {"id": "R-17"}})
        self.assertTrue(posted["ok"])
        self.assertEqual(self.slack.button("C09", posted["ts"], "Approve")["value"], "R-17:3")
        reply = self.call("chat.postMessage", channel="C09", text="@here", thread_ts=posted["ts"])
        self.call("chat.update", channel="C09", ts=posted["ts"], text="approved", blocks=[])
        history = self.call("conversations.history", channel="C09", include_all_metadata=True)
        self.assertEqual([m["ts"] for m in history["messages"]], [posted["ts"]])
        self.assertEqual(history["messages"][0]["metadata"]["event_payload"], {"id": "R-17"})
        self.assertNotIn("blocks", history["messages"][0])
        replies = self.call("conversations.replies", channel="C09", ts=posted["ts"])
        self.assertEqual([m["ts"] for m in replies["messages"]], [posted["ts"], reply["ts"]])
        card_now = self.slack.message("C09", posted["ts"])
        self.assertEqual([e.text for e in card_now.edits], ["Gate R-17", "approved"])
        self.slack.assert_clean()

    def test_direct_message_answers_with_the_channel_to_update(self):
        posted = self.call("chat.postMessage", channel="U10", text="please decide")
        self.assertTrue(posted["channel"].startswith("D"))
        self.assertEqual(self.refused("chat.update", channel="U10", ts=posted["ts"], text="x")["data"]["error"],
                         "channel_not_found")
        self.assertTrue(self.call("chat.update", channel=posted["channel"], ts=posted["ts"], text="done")["ok"])
        self.assertEqual([m.text for m in self.slack.messages("U10")], ["done"])

    def test_platform_error_carries_the_reasons(self):
        answer = self.refused("chat.postMessage", channel="C09", text="x",
                              blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}])
        self.assertEqual(answer["code"], "slack_webapi_platform_error")
        self.assertEqual(answer["data"]["error"], "invalid_blocks")
        self.assertEqual(answer["data"]["response_metadata"]["messages"],
                         ["[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"])
        self.assertEqual(self.slack.messages("C09"), [])

    def test_429_is_obeyed_and_the_call_repeated(self):
        self.slack.fail("ratelimited", "chat.postMessage", retry_after=1)
        self.assertTrue(self.call("chat.postMessage", channel="C09", text="late")["ok"])
        self.assertEqual(self.client.wait_event("rate_limited")["seconds"], 1)
        self.assertGreaterEqual(self.client.last_ms, 1000)
        self.assertEqual([c.status for c in self.slack.calls_of("chat.postMessage")], [429, 200])
        self.assertEqual(len(self.slack.messages("C09")), 1)

    def test_answer_lost_after_the_effect_makes_the_client_post_twice(self):
        self.slack.fail("close_after", "chat.postMessage")
        self.assertTrue(self.call("chat.postMessage", channel="C09", text="twice")["ok"])
        self.assertEqual(len(self.slack.messages("C09")), 2)

    def test_http_error_and_html_are_no_platform_errors(self):
        for kind in ("http_500", "http_502"):
            self.slack.fail(kind, times=None)
            self.assertEqual(self.refused("auth.test")["code"], "slack_webapi_http_error", kind)
            self.slack.clear_faults()

    def test_pages_by_cursor(self):
        pages = self.client.run("paginate", method="conversations.members", key="members",
                                args={"channel": "C09", "limit": 10})
        self.assertEqual(pages["count"], 3)
        self.assertEqual(pages["found"], [f"U{n}" for n in range(10, 35)] + ["U0B"])

    def test_upload_v2_shares_the_picture(self):
        done = self.client.run("upload", base64=base64.b64encode(PIXEL).decode(),
                               args={"channel_id": "C09", "filename": "chart.png", "alt_text": "error rate"})
        file_id = done["files"][0]["files"][0]["id"]
        self.assertEqual(self.slack.workspace.files[file_id].content, PIXEL)
        self.assertEqual(self.slack.messages("C09")[0].files[0]["id"], file_id)
        image = {"type": "image", "slack_file": {"id": file_id}, "alt_text": "error rate"}
        self.assertTrue(self.call("chat.postMessage", channel="C09", text="chart", blocks=[image])["ok"])

    def test_tokens_decide_what_may_be_called(self):
        self.assertEqual(self.refused("apps.connections.open")["data"]["error"], "not_allowed_token_type")
        self.slack.remove_scope("usergroups:read")
        answer = self.refused("usergroups.users.list", usergroup="S1")["data"]
        self.assertEqual((answer["error"], answer["needed"]), ("missing_scope", "usergroups:read"))
        self.slack.revoke()
        self.assertEqual(self.refused("auth.test")["data"]["error"], "token_revoked")

    def test_tokens_rotate(self):
        self.slack.rotate("xoxe-1-first")
        ask = {"client_id": "12.34", "client_secret": "c" * 32, "grant_type": "refresh_token"}
        answer = self.call("oauth.v2.access", refresh_token="xoxe-1-first", **ask)
        self.assertEqual(answer["expires_in"], 43200)
        self.assertEqual(self.refused("oauth.v2.access", refresh_token="xoxe-1-first", **ask)["data"]["error"],
                         "invalid_refresh_token")
        self.assertEqual(self.refused("auth.test")["data"]["error"], "token_expired")
        self.assertTrue(self.call("auth.test", token=answer["access_token"])["ok"])

    def test_webhook_client_uses_a_response_url(self):
        path = self.slack.workspace.new_response_url("commands", "U10", "C09")
        for number in range(5):
            answer = self.client.run("webhook", url=self.slack.base_url + path, args={"text": f"note {number}"})
            self.assertEqual(answer, {"text": "ok"})
        with self.assertRaises(ClientError) as caught:
            self.client.run("webhook", url=self.slack.base_url + path, args={"text": "one too many"})
        self.assertIn("404", caught.exception.answer["message"])
        self.assertEqual(len(self.slack.ephemerals("C09", "U10")), 5)


class BoltTest(unittest.TestCase):
    """Bolt verifies and routes what the fake sends; it is the judge of the sender."""

    def setUp(self):
        self.slack = FakeSlack().start()
        self.addCleanup(self.slack.stop)
        self.slack.add_channel("C09", "releases", ["U77", "U78"])
        self.app = self.enterContext(Official("slack_app.js", token=self.slack.bot_token,
                                              signingSecret=self.slack.signing_secret, slackApiUrl=self.slack.api_url))
        self.slack.bot_url = f"http://127.0.0.1:{self.app.ready['port']}/slack/events"

    def post_card(self, *buttons):
        channel = self.slack.workspace.channels["C09"]
        return self.slack.workspace.post(channel, "U0B", "Gate R-17", card(*buttons))

    def test_handshake_and_certificate_probe(self):
        self.assertTrue(self.slack.url_verification("abc123").passed)
        status, body, _ = self.slack.ssl_check()
        self.assertEqual((status, body), (200, ""))

    def test_forged_requests_are_refused(self):
        forged = {"wrong secret": Tamper(secret="0" * 32), "stale": Tamper(skew=-301), "flipped byte": Tamper(flip_byte=True),
                  "no signature": Tamper(drop=("X-Slack-Signature",)), "other version": Tamper(version="v1"),
                  "no time": Tamper(drop=("X-Slack-Request-Timestamp",)), "upper case": Tamper(upper_hex=True)}
        for name, tamper in forged.items():
            with self.subTest(name):
                status, body, _ = self.slack.slash("U77", "C09", "/canary", "list", tamper=tamper)
                self.assertEqual((status, body), (401, ""))
        status, _, _ = self.slack.slash("U77", "C09", "/canary", "list", tamper=Tamper(skew=-290))
        self.assertEqual(status, 200)

    def test_slash_command_is_answered_to_its_user_only(self):
        status, _, seconds = self.slack.slash("U77", "C09", "/canary", "rollback podinfo <bad> & slow")
        self.assertEqual(status, 200)
        self.assertLess(seconds, 3)
        body = self.app.wait_event("command")["body"]
        self.assertEqual(body["text"], "rollback podinfo &lt;bad&gt; &amp; slow")
        self.assertEqual((body["user_id"], body["channel_id"], body["team_id"]), ("U77", "C09", "T01"))
        whisper = self.slack.wait_ephemeral("C09", "U77")
        self.assertIn("you said rollback", whisper.text)
        self.assertEqual(self.slack.messages("C09"), [])

    def test_click_sends_the_stored_value_and_the_card_is_updated(self):
        message = self.post_card(button("gate.approve", "Approve"), button("gate.reject", "Reject"))
        status, body, _ = self.slack.click("C09", message.ts, "Approve", user="U77")
        self.assertEqual((status, body), (200, ""))
        event = self.app.wait_event("action")
        self.assertEqual(event["action"]["value"], "R-17:3")
        self.assertEqual(event["action"]["block_id"], "gate")
        self.assertEqual(event["body"]["container"]["message_ts"], message.ts)
        self.slack.wait_message("C09", "approved by U77")
        self.assertIsNone(self.slack.button("C09", message.ts, "Approve"))
        self.slack.assert_clean()

    def test_modal_with_errors_stays_open_until_it_is_right(self):
        message = self.post_card(button("gate.reject", "Reject"))
        self.slack.click("C09", message.ts, "gate.reject", user="U78")
        view = self.slack.wait_view("U78")
        self.slack.submit_view(view.id, {"why": "because"})
        self.assertEqual((view.open, view.errors), (True, {"why": "say more"}))
        self.slack.submit_view(view.id, {"why": "latency went up"})
        self.assertFalse(view.open)
        for _ in range(2):
            got = self.app.wait_event("view")["body"]
        self.assertEqual(got["view"]["state"]["values"]["why"]["txt"]["value"], "latency went up")
        self.assertNotIn("channel", got)
        self.slack.assert_clean()

    def test_respond_uses_the_response_url(self):
        message = self.post_card(button("gate.whisper", "Why?"))
        self.slack.click("C09", message.ts, "gate.whisper", user="U77")
        self.slack.wait_ephemeral("C09", "U77", "only you")
        self.assertEqual(self.slack.message("C09", message.ts).text, "Gate R-17")
        self.slack.assert_clean()

    def test_mention_with_retry_headers(self):
        delivery = self.slack.mention("U77", "C09", "status", retry_num=1)
        self.assertEqual(delivery.status, 200)
        self.assertEqual(self.app.wait_event("mention")["body"]["event"]["user"], "U77")
        self.slack.wait_message("C09", "hello <@U77>")

    def test_home_is_published_by_bolt(self):
        self.assertEqual(self.slack.open_home("U77").status, 200)
        self.slack.wait_home("U77", "home of <@U77>")
        self.assertEqual(self.app.wait_event("home")["view"]["type"], "home")
        self.slack.assert_clean()

    def test_handler_that_never_acknowledges_times_out(self):
        message = self.post_card(button("gate.silent", "Hm"))
        self.slack.ack_seconds = 0.3
        status, _, seconds = self.slack.click("C09", message.ts, "gate.silent", user="U77")
        self.assertEqual(status, 0)
        self.assertGreaterEqual(seconds, 0.3)
        self.assertEqual([d.error for _, d in self.slack.timeouts], ["timeout"])


class SocketTest(unittest.TestCase):
    """The official Socket Mode client reads what the fake sends, and the fake what it answers."""

    def setUp(self):
        self.slack = FakeSlack().start()
        self.addCleanup(self.slack.stop)
        self.slack.add_channel("C09", "releases", ["U77", "U78"])
        self.slack.by_socket = True

    def client(self, **options):
        client = self.enterContext(Official("slack_socket.js", appToken=self.slack.app_token,
                                            slackApiUrl=self.slack.api_url, **options))
        self.slack.wait_links(1)
        return client

    def test_a_command_is_answered_in_its_acknowledgement(self):
        client = self.client(answer={"text": "heard"})
        delivery = self.slack.slash("U77", "C09", "/canary", "list")
        self.assertEqual(delivery.status, 200)
        self.assertLess(delivery.seconds, 3)
        self.assertEqual(client.wait_event("envelope")["body"]["text"], "list")
        self.slack.wait_ephemeral("C09", "U77", "heard")
        self.slack.assert_clean()

    def test_events_carry_their_retry(self):
        client = self.client()
        self.assertEqual(self.slack.mention("U77", "C09", "status", retry_num=2).status, 200)
        event = client.wait_event("envelope")
        self.assertEqual((event["retry_num"], event["body"]["event"]["type"]), (2, "app_mention"))

    def test_a_warning_is_followed_by_a_new_connection(self):
        client = self.client()
        client.wait_event("connected")
        self.slack.warning_seconds = 0.2
        old = self.slack.disconnect("warning")
        client.wait_event("connected", 20)
        self.slack.wait_for(lambda: old not in self.slack.links and len(self.slack.ready_links()) == 1, 20, "a new one")
        self.assertEqual(self.slack.mention("U77", "C09", "status").status, 200)

    def test_fragments_and_large_messages_arrive_whole(self):
        client = self.client()
        for link in self.slack.ready_links():
            link.ws.fragment = 4096
        self.assertEqual(self.slack.mention("U77", "C09", "x" * 300_000).status, 200)
        self.assertEqual(len(client.wait_event("envelope")["body"]["event"]["text"]), 300_000 + len("<@U0B> "))

    def test_who_does_not_acknowledge_is_late(self):
        self.client(silent=True)
        self.slack.ack_seconds = 0.3
        self.assertEqual(self.slack.slash("U77", "C09", "/canary", "list").status, 0)

    def test_bolt_holds_the_same_conversation(self):
        app = self.enterContext(Official("slack_app.js", token=self.slack.bot_token, appToken=self.slack.app_token,
                                         slackApiUrl=self.slack.api_url))
        self.slack.wait_links(1)
        message = self.slack.workspace.post(self.slack.workspace.channels["C09"], "U0B", "Gate R-17",
                                            card(button("gate.approve", "Approve"), button("gate.reject", "Reject")))
        self.assertEqual(self.slack.click("C09", message.ts, "gate.reject", user="U78").status, 200)
        view = self.slack.wait_view("U78")
        self.slack.submit_view(view.id, {"why": "because"})
        self.assertEqual((view.open, view.errors), (True, {"why": "say more"}))
        self.slack.submit_view(view.id, {"why": "latency went up"})
        self.assertFalse(view.open)
        self.slack.click("C09", message.ts, "Approve", user="U77")
        self.slack.wait_message("C09", "approved by U77")
        self.slack.slash("U77", "C09", "/canary", "hello")
        self.slack.wait_ephemeral("C09", "U77", "you said hello")
        self.slack.assert_clean()


if __name__ == "__main__":
    unittest.main()

"""FakeSlack by its contract: errors, limits, one-time handles, signatures, ordered failures."""

import http.client
import json
import sys
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fakes.delivery import send  # noqa: E402
from tests.fakes.hooks import HookListener  # noqa: E402
from tests.fakes.slack import CannotDo, FakeSlack, Tamper, signature  # noqa: E402

JSON = "application/json; charset=utf-8"
SECRET = "e6b19c573432dcc6b075501d51b51bb8"


def section(text, **more):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def actions(*elements, **more):
    return {"type": "actions", "elements": list(elements), **more}


def button(action="ok", label="Approve", **more):
    return {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": label}, **more}


def modal(**more):
    return {"type": "modal", "title": {"type": "plain_text", "text": "Reject"}, "submit": {"type": "plain_text", "text": "Go"},
            "blocks": [{"type": "input", "block_id": "why", "label": {"type": "plain_text", "text": "Reason"},
                        "element": {"type": "plain_text_input", "action_id": "txt", "min_length": 3}}], **more}


class Case(unittest.TestCase):
    def setUp(self):
        self.slack = FakeSlack().start()
        self.addCleanup(self.slack.stop)
        self.slack.add_channel("C09", "releases", ["U77", "U78"])

    def raw(self, method, body=b"", content_type=JSON, token="xoxb-fake-1", **headers):
        sent = [("Content-Type", content_type)] if content_type else []
        sent += [("Authorization", f"Bearer {token}")] if token else []
        return send(self.slack.api_url + method, body, sent + list(headers.items()))

    def call(self, method, **args):
        return self.raw(method, json.dumps(args).encode()).json()

    def form(self, method, **args):
        return self.raw(method, urllib.parse.urlencode(args).encode(), "application/x-www-form-urlencoded").json()

    def post(self, **args):
        answer = self.call("chat.postMessage", **{"channel": "C09", "text": "card", **args})
        self.assertTrue(answer["ok"], answer)
        return answer["ts"]


class SignatureTest(unittest.TestCase):
    def test_known_vectors(self):
        form = (b"token=legacy&team_id=T0001&command=%2Fapprove&text=R-17&user_id=U0002&"
                b"response_url=https%3A%2F%2Fhooks.example.test%2Fcommands%2F1")
        handshake = b'{"type":"url_verification","challenge":"abc123","token":"legacy"}'
        for body, hexes in ((form, "2c782e3c4054c8f75813e7aaa0bdd3c0e1bcd31dd6ae836a7b02af3013bce6d4"),
                            (handshake, "96fe965b8bb674cf4a1713988663763ab2a53069575052c3672c821775b760e5")):
            self.assertEqual(signature(SECRET, "1700000000", body), "v0=" + hexes)


class DoorTest(Case):
    def test_tokens(self):
        self.assertEqual(self.raw("auth.test", token="").json()["error"], "not_authed")
        self.assertEqual(self.raw("auth.test", token="xoxb-other").json()["error"], "invalid_auth")
        self.assertEqual(self.raw("auth.test", token="xapp-fake-1").json()["error"], "not_allowed_token_type")
        self.assertEqual(self.call("apps.connections.open")["error"], "not_allowed_token_type")
        form = self.raw("auth.test", b"token=xoxb-fake-1", "application/x-www-form-urlencoded", token="")
        self.assertEqual(form.json()["user_id"], "U0B")
        self.slack.revoke(error="account_inactive")
        self.assertEqual(self.call("auth.test")["error"], "account_inactive")

    def test_bodies(self):
        self.assertEqual(self.call("chat.nonsense")["error"], "unknown_method")
        for body, kind, error in ((b"{", JSON, "invalid_json"), (b"[]", JSON, "json_not_object"),
                                  (b"a", "text/plain", "invalid_post_type"), (b"a", "", "missing_post_type"),
                                  (b"blocks=%5B", "application/x-www-form-urlencoded", "invalid_blocks_format")):
            self.assertEqual(self.raw("chat.postMessage", body, kind).json()["error"], error)
        plain = self.raw("auth.test", b"{}", "application/json").json()
        self.assertEqual(plain["warning"], "missing_charset")

    def test_read_methods_do_not_see_json(self):
        self.assertEqual(self.call("users.info", user="U77")["error"], "invalid_arguments")
        self.assertEqual(self.form("users.info", user="U77")["user"]["id"], "U77")
        self.assertEqual(len(self.slack.complaints), 1)

    def test_forms_carry_json_text(self):
        answer = self.form("chat.postMessage", channel="C09", text="x", blocks=json.dumps([section("hello")]))
        self.assertEqual(answer["message"]["blocks"][0]["text"]["text"], "hello")

    def test_answer_headers(self):
        headers = self.raw("auth.test").headers
        self.assertIn("chat:write", headers["x-oauth-scopes"])
        self.assertTrue(headers["x-slack-req-id"])


class MessageTest(Case):
    def test_places(self):
        self.slack.add_channel("C10", "public", bot_is_member=False)
        self.slack.add_channel("C11", "secret", bot_is_member=False, is_private=True)
        self.slack.add_channel("C12", "old", is_archived=True)
        for channel, error in (("C99", "channel_not_found"), ("C11", "channel_not_found"), ("C12", "is_archived"),
                               ("#releases", "channel_not_found"), ("U0B", "cannot_dm_bot")):
            self.assertEqual(self.call("chat.postMessage", channel=channel, text="x").get("error"), error)
        self.assertTrue(self.call("chat.postMessage", channel="C10", text="x")["ok"])
        self.slack.remove_scope("chat:write.public")
        self.assertEqual(self.call("chat.postMessage", channel="C10", text="x")["error"], "not_in_channel")
        self.assertEqual(self.call("chat.postMessage", channel="C09")["error"], "no_text")

    def test_timestamps_grow_and_have_slack_form(self):
        stamps = [self.post() for _ in range(20)]
        self.assertEqual(stamps, sorted(set(stamps)))
        self.assertRegex(stamps[0], r"^\d{10}\.\d{6}$")

    def test_blocks_get_ids(self):
        ts = self.post(blocks=[section("a"), actions(button())])
        for block in self.slack.message("C09", ts).blocks:
            self.assertTrue(block["block_id"])

    def test_updates(self):
        ts = self.post(blocks=[actions(button(value="v1"))])
        for args, error in (({"channel": "C09", "ts": "1.000001"}, "message_not_found"),
                            ({"channel": "U77", "ts": ts}, "channel_not_found"),
                            ({"channel": "C09", "ts": 17.5}, "invalid_arguments")):
            self.assertEqual(self.call("chat.update", text="x", **args)["error"], error)
        human = self.slack.say("U77", "C09", "hello")
        self.assertEqual(self.call("chat.update", channel="C09", ts=human.ts, text="x")["error"], "cant_update_message")
        self.call("chat.update", channel="C09", ts=ts, text="kept")
        self.assertIsNotNone(self.slack.button("C09", ts, "Approve"))
        self.call("chat.update", channel="C09", ts=ts, text="gone", blocks=[])
        self.assertIsNone(self.slack.button("C09", ts, "Approve"))
        self.assertEqual([e.text for e in self.slack.message("C09", ts).edits], ["card", "kept", "gone"])

    def test_threads(self):
        ts = self.post()
        reply = self.post(thread_ts=ts, text="reply")
        self.assertEqual(self.call("chat.postMessage", channel="C09", text="x", thread_ts="1.000001")["error"],
                         "thread_not_found")
        self.assertEqual(self.call("chat.postMessage", channel="C09", text="x", thread_ts=1.5)["error"],
                         "invalid_arguments")
        self.assertEqual([m.ts for m in self.slack.replies(self.slack.message("C09", ts))], [reply])
        history = self.form("conversations.history", channel="C09")
        self.assertEqual([m["ts"] for m in history["messages"]], [ts])

    def test_ephemeral_is_not_history(self):
        self.assertEqual(self.call("chat.postEphemeral", channel="C09", user="U99", text="x")["error"],
                         "user_not_in_channel")
        self.assertTrue(self.call("chat.postEphemeral", channel="C09", user="U77", text="psst")["message_ts"])
        self.assertEqual(self.form("conversations.history", channel="C09")["messages"], [])
        self.assertEqual([m.text for m in self.slack.ephemerals("C09", "U77")], ["psst"])

    def test_delete_permalink_reaction(self):
        ts = self.post()
        link = self.form("chat.getPermalink", channel="C09", message_ts=ts)["permalink"]
        self.assertEqual(link, f"https://acme.slack.com/archives/C09/p{ts.replace('.', '')}")
        self.assertTrue(self.call("reactions.add", channel="C09", timestamp=ts, name="eyes")["ok"])
        self.assertEqual(self.call("reactions.add", channel="C09", timestamp=ts, name="eyes")["error"], "already_reacted")
        self.assertTrue(self.call("chat.delete", channel="C09", ts=ts)["ok"])
        self.assertEqual(self.call("chat.delete", channel="C09", ts=ts)["error"], "message_not_found")

    def test_people_and_groups(self):
        self.slack.add_user("U80", "mira", email="mira@example.test", deleted=False)
        self.slack.add_group("S1", "sre", ["U77", "U80"])
        self.assertEqual(self.form("users.lookupByEmail", email="Mira@example.test")["user"]["id"], "U80")
        self.assertEqual(self.form("users.lookupByEmail", email="nobody@x")["error"], "users_not_found")
        self.assertEqual(self.form("users.info", user="U00")["error"], "user_not_found")
        self.assertEqual(self.form("usergroups.users.list", usergroup="S1")["users"], ["U77", "U80"])
        self.assertEqual(self.form("usergroups.users.list", usergroup="S2")["error"], "no_such_subteam")
        self.assertEqual(self.form("usergroups.list", include_users="true")["usergroups"][0]["users"], ["U77", "U80"])
        self.assertEqual(self.form("conversations.open", users="U80")["channel"]["id"], "D80")


class BlockLimitTest(Case):
    TEXT = {"type": "plain_text", "text": "x"}
    LIMITS = (
        ([section("x" * 3001)], "/blocks/0/text/text", "must be less than 3001 characters"),
        ([section("")], "/blocks/0/text/text", "must be more than 0 characters"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "/blocks/0/text/text", "151"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "/blocks/0/text/type", "unsupported type: mrkdwn"),
        ([section("x")] * 51, "/blocks", "no more than 50 items allowed"),
        ([actions(*[button(f"a{n}") for n in range(26)])], "/blocks/0/elements", "no more than 25"),
        ([actions()], "/blocks/0/elements", "must be more than 0 items"),
        ([actions(button(label="x" * 76))], "/blocks/0/elements/0/text/text", "76"),
        ([actions(button(value="x" * 2001))], "/blocks/0/elements/0/value", "2001"),
        ([actions(button("a" * 256))], "/blocks/0/elements/0/action_id", "256"),
        ([actions(button(style="warning"))], "/blocks/0/elements/0/style", "primary, danger"),
        ([actions(button(), button())], "/blocks/0/elements", "`action_id` must be unique"),
        ([section("a", block_id="b"), section("c", block_id="b")], "/blocks", "`block_id` must be unique"),
        ([actions(button(confirm={"text": {"type": "mrkdwn", "text": "x" * 301}}))], "/blocks/0/elements/0/confirm/text/text", "301"),
        ([{"type": "context", "elements": [TEXT] * 11}], "/blocks/0/elements", "no more than 10"),
        ([section("x", fields=[TEXT] * 11)], "/blocks/0/fields", "no more than 10"),
        ([{"type": "image", "image_url": "https://x.test/a.png"}], "/blocks/0", "missing required field: alt_text"),
        ([{"type": "image", "slack_file": {"id": "F0"}, "alt_text": "x"}], "/blocks/0/slack_file", "invalid slack file"),
        ([{"type": "carousel"}], "/blocks/0/type", "unsupported type: carousel"),
        ([{"type": "markdown", "text": "x" * 12001}], "/blocks/0/text", "12001"),
    )

    def test_each_limit_names_its_place(self):
        for blocks, pointer, words in self.LIMITS:
            answer = self.call("chat.postMessage", channel="C09", text="x", blocks=blocks)
            with self.subTest(pointer=pointer, words=words):
                self.assertEqual(answer.get("error"), "invalid_blocks")
                self.assertIn(f"[json-pointer:{pointer}]", answer["response_metadata"]["messages"][0])
                self.assertIn(words, answer["response_metadata"]["messages"][0])
        self.assertEqual(self.slack.messages("C09"), [])

    def test_at_the_limit_is_fine_and_all_together_is_too_long(self):
        self.post(blocks=[section("x" * 3000), actions(button(label="x" * 75, value="v" * 2000))])
        answer = self.call("chat.postMessage", channel="C09", text="x", blocks=[section("x" * 3000)] * 5)
        self.assertEqual(answer["error"], "msg_blocks_too_long")


class LimitTest(Case):
    def test_one_message_a_second_and_channel(self):
        self.slack.limit(posts_per_second=True)
        self.post()
        refused = self.raw("chat.postMessage", b'{"channel":"C09","text":"x"}')
        self.assertEqual((refused.status, refused.headers["retry-after"]), (429, "1"))
        self.assertEqual(refused.json(), {"ok": False, "error": "ratelimited"})
        self.slack.advance(1.01)
        self.post()

    def test_minute_counters_are_by_method(self):
        self.slack.limit(tiers=True)
        statuses = [self.raw("usergroups.list").status for _ in range(21)]
        self.assertEqual(statuses, [200] * 20 + [429])
        self.assertEqual(self.raw("usergroups.users.list").status, 200)
        self.slack.advance(61)
        self.assertEqual(self.raw("usergroups.list").status, 200)

    def test_ordered_failures(self):
        for kind, status, stored in (("http_500", 500, 0), ("http_502", 502, 0), ("close", 0, 0), ("close_after", 0, 1),
                                     ("http_500_after", 500, 1), ("ratelimited", 429, 0), ("not_json", 200, 0)):
            before = len(self.slack.messages("C09"))
            self.slack.fail(kind, "chat.postMessage", channel="C09")
            got = self.raw("chat.postMessage", b'{"channel":"C09","text":"x"}')
            self.assertEqual((got.status, len(self.slack.messages("C09")) - before), (status, stored), kind)
        self.slack.fail("error", "chat.update", error="edit_window_closed", times=2)
        self.assertEqual(self.call("chat.update")["error"], "edit_window_closed")
        self.post()
        self.slack.fail("slow", "auth.test", delay=0.2)
        self.assertGreaterEqual(self.raw("auth.test").seconds, 0.2)

    def test_failures_can_be_of_one_channel(self):
        self.slack.add_channel("C10")
        self.slack.fail("http_500", "chat.postMessage", channel="C10", times=None)
        self.post()
        self.assertEqual(self.raw("chat.postMessage", b'{"channel":"C10","text":"x"}').status, 500)

    def test_offline_and_back_on_the_same_port(self):
        with self.slack.offline():
            self.assertEqual(self.raw("auth.test").error, "ConnectionRefusedError")
        self.assertTrue(self.call("auth.test")["ok"])


class HandlesTest(Case):
    """Triggers, response URLs, uploads: each works once, or for a time."""

    def test_triggers(self):
        workspace = self.slack.workspace
        fresh, old = workspace.new_trigger("U77"), workspace.new_trigger("U77")
        long_title = modal(title={"type": "plain_text", "text": "x" * 25})
        refused = self.call("views.open", trigger_id=fresh, view=long_title)
        self.assertEqual(refused["error"], "invalid_arguments")
        self.assertIn("/view/title/text", refused["response_metadata"]["messages"][0])
        opened = self.call("views.open", trigger_id=fresh, view=modal())
        self.assertTrue(opened["view"]["id"] and opened["view"]["hash"])
        self.assertEqual(self.call("views.open", trigger_id=fresh, view=modal())["error"], "exchanged_trigger_id")
        self.assertEqual(self.call("views.open", trigger_id="1.2.x", view=modal())["error"], "invalid_trigger_id")
        self.slack.advance(3.1)
        self.assertEqual(self.call("views.open", trigger_id=old, view=modal())["error"], "expired_trigger_id")
        self.assertEqual(len(self.slack.views("U77")), 1)

    def test_view_updates_mind_the_hash(self):
        view = self.call("views.open", trigger_id=self.slack.workspace.new_trigger("U77"), view=modal())["view"]
        self.assertEqual(self.call("views.update", view_id=view["id"], hash="old", view=modal())["error"], "hash_conflict")
        self.assertTrue(self.call("views.update", view_id=view["id"], hash=view["hash"], view=modal())["ok"])
        self.assertEqual(self.call("views.update", view_id="V0", view=modal())["error"], "not_found")

    def respond(self, path, **content):
        return send(self.slack.base_url + path, json.dumps(content).encode(), [("Content-Type", JSON)])

    def test_response_url_works_five_times(self):
        path = self.slack.workspace.new_response_url("commands", "U77", "C09")
        for _ in range(5):
            self.assertEqual(self.respond(path, text="x").body, "ok")
        last = self.respond(path, text="x")
        self.assertEqual((last.status, last.json()["error"]), (404, "used_url"))

    def test_response_url_lives_half_an_hour(self):
        path = self.slack.workspace.new_response_url("commands", "U77", "C09")
        self.slack.advance(1801)
        late = self.respond(path, text="x")
        self.assertEqual((late.status, late.json()["error"]), (404, "expired_url"))

    def test_response_url_of_a_button(self):
        message = self.slack.message("C09", self.post(blocks=[actions(button())]))
        path = self.slack.workspace.new_response_url("actions", "U77", "C09", message)
        self.assertEqual(self.respond(path).json()["error"], "no_text")
        self.respond(path, text="replaced", blocks=[section("new")], replace_original=True)
        self.assertEqual(message.plain, "replaced\nnew")
        self.assertEqual(len(self.slack.complaints), 1, "replace_original was left out once")
        self.respond(path, text="all see it", response_type="in_channel", replace_original=False)
        self.slack.wait_message("C09", "all see it")
        self.respond(path, delete_original=True)
        self.assertTrue(message.deleted)

    def test_uploads(self):
        got = self.form("files.getUploadURLExternal", filename="c.png", length="4", alt_txt="x")
        self.assertEqual(send(got["upload_url"], b"123").status, 400)
        self.assertEqual(send(got["upload_url"], b"1234").body, "OK - 4")
        self.assertEqual(self.call("files.completeUploadExternal", files=[{"id": "F0"}])["error"], "file_not_found")
        self.slack.workspace.file_processing = 5
        self.assertTrue(self.call("files.completeUploadExternal", files=[{"id": got["file_id"], "title": "c"}])["ok"])
        image = [{"type": "image", "slack_file": {"id": got["file_id"]}, "alt_text": "x"}]
        self.assertEqual(self.call("chat.postMessage", channel="C09", text="x", blocks=image)["error"], "invalid_blocks")
        self.assertEqual(self.form("files.info", file=got["file_id"])["file"]["mimetype"], "")
        self.slack.advance(5.1)
        self.post(blocks=image)


class SenderTest(Case):
    """What reaches the bot's URL, byte for byte."""

    def setUp(self):
        super().setUp()
        self.bot = HookListener().start()
        self.addCleanup(self.bot.stop)
        self.slack.bot_url = self.bot.url("/slack")

    def payload(self):
        return json.loads(self.bot.received[-1].parsed["payload"])

    def test_a_click_is_signed_and_complete(self):
        ts = self.post(blocks=[actions(button(value="R-17:3", style="primary"), block_id="gate")])
        delivery = self.slack.click("C09", ts, "Approve", user="U77")
        status, body, seconds = delivery
        self.assertEqual((status, body, seconds < 3), (200, "", True))
        hook = self.bot.received[0]
        stamp = hook.headers["X-Slack-Request-Timestamp"]
        self.assertEqual(hook.headers["X-Slack-Signature"], signature(SECRET, stamp, hook.body))
        payload = self.payload()
        self.assertEqual(payload["container"], {"type": "message", "message_ts": ts, "channel_id": "C09", "is_ephemeral": False})
        action = payload["actions"][0]
        self.assertEqual((action["value"], action["block_id"], action["action_id"]), ("R-17:3", "gate", "ok"))
        self.assertEqual(payload["message"]["ts"], ts)
        self.assertTrue(payload["response_url"].startswith(self.slack.base_url + "/actions/T01/"))
        self.assertEqual(payload["user"], {"id": "U77", "username": "u77", "name": "u77", "team_id": "T01"})

    def test_people_press_only_what_is_there(self):
        ts = self.post(blocks=[actions(button(value="old"))])
        self.call("chat.update", channel="C09", ts=ts, text="done", blocks=[])
        with self.assertRaises(CannotDo):
            self.slack.click("C09", ts, "Approve", user="U77")
        self.slack.click("C09", ts, "Approve", user="U77", edit=0)
        self.assertEqual(self.payload()["actions"][0]["value"], "old")
        with self.assertRaises(CannotDo):
            self.slack.click("C09", ts, "Approve", user="U00", edit=0)

    def test_replay_is_the_same_request(self):
        first = self.slack.slash("U77", "C09", "/canary", "list")
        self.slack.replay(first)
        one, two = self.bot.received
        self.assertEqual((one.body, one.headers.items()), (two.body, two.headers.items()))

    def test_tampered_requests_differ_as_ordered(self):
        for tamper, check in (
                (Tamper(skew=-301), lambda h: int(h.headers["X-Slack-Request-Timestamp"]) < h.time - 300),
                (Tamper(upper_hex=True), lambda h: h.headers["X-Slack-Signature"][3:].isupper()),
                (Tamper(version="v1"), lambda h: h.headers["X-Slack-Signature"].startswith("v1=")),
                (Tamper(drop=("X-Slack-Signature",)), lambda h: h.headers["X-Slack-Signature"] is None),
                (Tamper(duplicate=("X-Slack-Signature",)), lambda h: len(h.headers.get_all("X-Slack-Signature")) == 2),
                (Tamper(flip_byte=True), lambda h: signature(
                    SECRET, h.headers["X-Slack-Request-Timestamp"], h.body) != h.headers["X-Slack-Signature"])):
            self.slack.slash("U77", "C09", "/canary", tamper=tamper)
            self.assertTrue(check(self.bot.received[-1]), tamper)

    def test_typed_text_is_escaped(self):
        self.slack.slash("U77", "C09", "/canary", "give @u78 <3 & more")
        self.assertEqual(self.bot.received[0].parsed["text"], "give <@U78|u78> &lt;3 &amp; more")

    def test_answers_to_slash_commands_become_messages(self):
        self.bot.set("/slack", body={"response_type": "in_channel", "text": "to all"},
                     headers={"Content-Type": "application/json"})
        self.slack.slash("U77", "C09", "/canary")
        self.assertEqual([m.text for m in self.slack.messages("C09")], ["to all"])
        self.bot.set("/slack", body="plain", headers={"Content-Type": "text/plain"})
        self.slack.slash("U77", "C09", "/canary")
        self.assertEqual([m.text for m in self.slack.ephemerals("C09", "U77")], ["plain"])

    def test_view_rules_of_the_client_and_of_the_answer(self):
        view = self.call("views.open", trigger_id=self.slack.workspace.new_trigger("U77"), view=modal())["view"]
        for values in ({}, {"why": "no"}, {"other": "text"}):
            with self.assertRaises(CannotDo):
                self.slack.submit_view(view["id"], values)
        self.assertEqual(self.bot.received, [])
        self.bot.set("/slack", body={"response_action": "errors", "errors": {"nowhere": "x"}})
        self.slack.submit_view(view["id"], {"why": "slow"})
        self.assertIn("nowhere", self.slack.complaints[0])
        self.bot.set("/slack", status=500)
        self.slack.submit_view(view["id"], {"why": "slow"})
        self.assertEqual(len(self.slack.views("U77")), 1)
        self.bot.set("/slack")
        self.slack.submit_view(view["id"], {"txt": "slow"})
        self.assertEqual(self.payload()["view"]["state"]["values"], {"why": {"txt": {"type": "plain_text_input", "value": "slow"}}})
        with self.assertRaises(CannotDo):
            self.slack.submit_view(view["id"], {"why": "slow"})

    def test_events_are_repeated_with_their_headers(self):
        self.slack.retry_factor = 0.0
        self.bot.script("/slack", status=500, times=2)
        self.slack.mention("U77", "C09", "status", retry=True)
        self.assertEqual([h.headers["X-Slack-Retry-Num"] for h in self.bot.received], [None, "1", "2"])
        self.assertEqual(self.bot.received[1].headers["X-Slack-Retry-Reason"], "http_error")
        self.assertEqual(len({h.parsed["event_id"] for h in self.bot.received}), 1)
        self.bot.set("/slack", status=500, headers={"X-Slack-No-Retry": "1"})
        self.slack.mention("U77", "C09", "status", retry=True)
        self.assertEqual(self.bot.count(), 4)

    def test_handshake_wants_the_challenge_back(self):
        for body, kind, passes in (('{"challenge":"abc"}', "application/json", True), ("abc", "text/plain", True),
                                   ("challenge=abc", "application/x-www-form-urlencoded", True), ("no", "text/plain", False)):
            self.bot.set("/slack", body=body, headers={"Content-Type": kind})
            self.assertEqual(self.slack.url_verification("abc").passed, passes, body)

    def test_bot_that_is_down(self):
        self.bot.stop()
        delivery = self.slack.slash("U77", "C09", "/canary")
        self.assertEqual((delivery.status, delivery.error), (0, "ConnectionRefusedError"))


class ServerTest(Case):
    def test_keep_alive_and_chunked_bodies(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.slack.port, timeout=5)
        self.addCleanup(connection.close)
        headers = {"Authorization": "Bearer xoxb-fake-1", "Content-Type": JSON}
        for chunked in (False, True, False):
            body = iter([b'{"channel":"C09",', b'"text":"x"}']) if chunked else b'{"channel":"C09","text":"x"}'
            connection.request("POST", "/api/chat.postMessage", body, headers, encode_chunked=chunked)
            self.assertTrue(json.load(connection.getresponse())["ok"])
        self.assertEqual(len(self.slack.messages("C09")), 3)

    def test_waiting_ends_at_the_deadline_and_says_what_is_there(self):
        self.post(text="something else")
        with self.assertRaisesRegex(AssertionError, "something else"):
            self.slack.wait_message("C09", "R-17", timeout=0.1)


if __name__ == "__main__":
    unittest.main()

"""FakeDingTalk by its contract, and the official OpenAPI client against it."""

import json
import sys
import time
import unittest
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.chat.official.bridge import ClientError, Official  # noqa: E402
from tests.fakes.delivery import send  # noqa: E402
from tests.fakes.dingtalk import FakeDingTalk, sign  # noqa: E402
from tests.fakes.hooks import HookListener  # noqa: E402

SECRET = "SEC0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
JSON = "application/json; charset=utf-8"
TEXT = {"msgtype": "text", "text": {"content": "rollout of api"}}


def action_card(*buttons):
    return {"msgtype": "actionCard", "actionCard": {"title": "Gate R-17", "text": "### R-17", "btnOrientation": "1",
                                                    "btns": [{"title": t, "actionURL": u} for t, u in buttons]}}


class SignTest(unittest.TestCase):
    def test_known_vectors(self):
        self.assertEqual(sign(SECRET, "1700000000000"), "bTgY2yDbep+wesS7jKiNj+srsHoADES4+C4f8LCHFtU=")
        self.assertEqual(sign("exampleAppSecret0123456789", "1700000000000"), "2HUtycZjDWK5vArSbK/gkYOGObiIonCy4ccDtX8JOE8=")


class Case(unittest.TestCase):
    def setUp(self):
        self.ding = FakeDingTalk().start()
        self.addCleanup(self.ding.stop)

    def post(self, url, body, content_type=JSON):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return send(url, raw, [("Content-Type", content_type)])

    def send(self, token, body, query="", **more):
        return self.post(self.ding.webhook(token) + query, body, **more).json()


class RobotTest(Case):
    def signed(self, secret=SECRET, shift_ms=0, quote=True):
        stamp = str(int(time.time() * 1000) + shift_ms)
        mark = sign(secret, stamp)
        return f"&timestamp={stamp}&sign={urllib.parse.quote(mark, safe='') if quote else mark}"

    def test_success_has_no_id_and_is_kept(self):
        self.ding.add_robot("t1", "releases")
        self.assertEqual(self.send("t1", TEXT), {"errcode": 0, "errmsg": "ok"})
        message = self.ding.wait_message("releases", "rollout of api")
        self.assertEqual((message.msgtype, message.text), ("text", "rollout of api"))

    def test_unknown_and_stopped_robots(self):
        self.assertEqual(self.send("t0", TEXT), {"errcode": 300001, "errmsg": "token is not exist"})
        self.ding.add_robot("t1").stopped = True
        self.assertEqual(self.send("t1", TEXT)["errcode"], 400102)

    def test_signature_rules(self):
        self.ding.add_robot("t1", secret=SECRET)
        for query, begin in (("", "invalid timestamp"), (f"&timestamp={int(time.time() * 1000)}", "sign not match"),
                             (self.signed("SECother"), "sign not match"), (self.signed(shift_ms=-3_601_000), "invalid timestamp"),
                             (self.signed(shift_ms=3_610_000), "invalid timestamp"), (self.signed(), "ok"),
                             (self.signed(shift_ms=-3_590_000), "ok")):
            self.assertTrue(self.send("t1", TEXT, query)["errmsg"].startswith(begin), (query, begin))
        self.assertEqual(len(self.ding.messages()), 2)

    def test_raw_plus_in_the_query_is_a_space(self):
        self.ding.add_robot("t1", secret=SECRET)
        stamp = next(s for s in range(int(time.time() * 1000), int(time.time() * 1000) + 10000) if "+" in sign(SECRET, str(s)))
        query = f"&timestamp={stamp}&sign={sign(SECRET, str(stamp))}"
        self.assertEqual(self.send("t1", TEXT, query)["errcode"], 310000)
        self.assertEqual(self.send("t1", TEXT, query.replace("+", "%2B"))["errcode"], 0)

    def test_keyword_and_network(self):
        self.ding.add_robot("t1", keywords=["deploy", "rollout"])
        self.assertEqual(self.send("t1", TEXT)["errcode"], 0)
        markdown = {"msgtype": "markdown", "markdown": {"title": "rollout", "text": "x"}}
        self.assertEqual(self.send("t1", markdown)["errcode"], 0)
        refused = self.send("t1", {"msgtype": "text", "text": {"content": "hello"}})
        self.assertEqual((refused["errcode"], refused["errmsg"][:23]), (310000, "keywords not in content"))
        self.ding.add_robot("t2", networks=["10.0.0.0/8"])
        self.assertTrue(self.send("t2", TEXT)["errmsg"].startswith("ip 127.0.0.1 not in whitelist"))
        self.ding.add_robot("t3", networks=["127.0.0.0/8"])
        self.assertEqual(self.send("t3", TEXT)["errcode"], 0)

    def test_malformed_requests(self):
        self.ding.add_robot("t1")
        self.assertEqual(self.send("t1", TEXT, content_type="text/plain")["errcode"], 43004)
        for body, code in ((b"{", 40035), (b"[]", 40035), ({"text": {}}, 400106), ({"msgtype": "hologram"}, 400105),
                           ({"msgtype": "text", "text": {"content": "x" * 20_001}}, 460101),
                           ({"msgtype": "text", "text": {}}, 40035), (action_card(), 40035),
                           (action_card(("Review", "")), 40035)):
            self.assertEqual(self.send("t1", body)["errcode"], code, body)
        self.assertEqual(send(self.ding.webhook("t1"), method="GET").json()["errcode"], 43002)
        self.assertEqual(self.ding.messages(), [])

    def test_twenty_a_minute_then_ten_minutes_of_silence(self):
        self.ding.add_robot("t1")
        self.assertEqual({self.send("t1", TEXT)["errcode"] for _ in range(20)}, {0})
        self.assertEqual(self.send("t1", TEXT), {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"})
        self.ding.advance(599)
        self.assertEqual(self.send("t1", TEXT)["errcode"], 130101)
        self.ding.advance(2)
        self.assertEqual(self.send("t1", TEXT)["errcode"], 0)

    def test_front_end_limiter_and_scaled_time(self):
        self.ding.time_factor, self.ding.front_end_limiter = 0.0001, True
        self.ding.add_robot("t1").sent = [self.ding.now() + 1] * 20
        refused = self.send("t1", TEXT)
        self.assertEqual((refused["status"], refused["punish"]), (1111, "deny"))
        self.ding.advance(1.1)
        self.assertEqual(self.send("t1", TEXT)["errcode"], 0)

    def test_ordered_failures(self):
        self.ding.add_robot("t1")
        for kind, status, body, kept in (("http_502", 502, "<html>", 0), ("empty", 200, "", 0), ("close", 0, "", 0),
                                         ("close_after", 0, "", 1), ("error", 200, '{"errcode": -1', 0), ("not_json", 200, "<!", 0),
                                         ("ratelimited", 200, '{"errcode": 130101', 0)):
            before = len(self.ding.messages())
            self.ding.fail(kind, "/robot/send", token="t1")
            got = self.post(self.ding.webhook("t1"), TEXT)
            self.assertEqual((got.status, len(self.ding.messages()) - before), (status, kept), kind)
            self.assertTrue(got.body.startswith(body), kind)

    def test_mentions_must_be_in_the_markdown_text(self):
        self.ding.add_robot("t1", "releases")
        body = {"msgtype": "markdown", "markdown": {"title": "t", "text": "@staff1 look"}, "at": {"atUserIds": ["staff1", "staff2"]}}
        self.send("t1", body)
        self.assertEqual(self.ding.messages("releases")[0].at_users, ["staff1"])
        self.assertEqual(len(self.ding.complaints), 1)

    def test_session_webhook_expires(self):
        url, _ = self.ding.open_session("releases")
        self.assertEqual(self.post(url, TEXT).json(), {"errcode": 0, "errmsg": "ok"})
        self.assertEqual(self.ding.messages("releases")[0].via, "session")
        self.ding.advance(5401)
        self.assertEqual(self.post(url, TEXT).json()["errcode"], 300001)


class LinkTest(Case):
    def setUp(self):
        super().setUp()
        self.site = HookListener(body=b"<h1>confirm</h1>").start()
        self.addCleanup(self.site.stop)
        self.ding.add_robot("t1", "releases")

    def test_buttons_are_opened_by_people_and_by_scanners(self):
        wrapped = "dingtalk://dingtalkclient/page/link?url=" + urllib.parse.quote(self.site.url("/log?x=1"), safe="") + "&pc_slide=false"
        self.send("t1", action_card(("Review", self.site.url("/r/9f2c")), ("Log", wrapped)))
        card = self.ding.wait_message("releases", "Gate R-17")
        self.assertEqual([link.title for link in card.links], ["Review", "Log"])
        status, body, _ = self.ding.click(card, "Review")
        self.assertEqual((status, body), (200, "<h1>confirm</h1>"))
        self.assertEqual(self.ding.click(card, "Log").status, 200)
        self.assertEqual(self.site.received[-1].query, {"x": "1"})
        self.assertEqual(self.ding.click(card, "Review", method="HEAD").body, "")
        self.ding.preview(card)
        self.assertEqual([(h.method, h.path) for h in self.site.received[-6:]],
                         [("HEAD", "/r/9f2c"), ("GET", "/r/9f2c"), ("GET", "/r/9f2c"),
                          ("HEAD", "/log"), ("GET", "/log"), ("GET", "/log")])
        with self.assertRaisesRegex(AssertionError, "no link 'Nothing'"):
            self.ding.click(card, "Nothing")


class OfficialClientTest(Case):
    def setUp(self):
        super().setUp()
        self.ding.add_app("dingkey1", "topsecret")
        self.ding.add_staff("staff77", "staff78")
        self.ding.add_conversation("cidAbC==")
        self.client = self.enterContext(Official("dingtalk_client.js", endpoint=f"127.0.0.1:{self.ding.port}"))

    def token(self, secret="topsecret"):
        return self.client.run("token", args={"appKey": "dingkey1", "appSecret": secret})

    def refused(self, op, **request):
        with self.assertRaises(ClientError) as caught:
            self.client.run(op, **request)
        return caught.exception.answer

    def message(self, **more):
        return {"robotCode": "dingkey1", "msgKey": "sampleMarkdown", "msgParam": '{"title":"R-17","text":"waits"}', **more}

    def test_token_is_kept_for_half_its_life(self):
        first = self.token()
        self.assertEqual(first["expireIn"], 7200)
        self.ding.advance(3500)
        self.assertEqual(self.token()["accessToken"], first["accessToken"])
        self.ding.advance(200)
        self.assertNotEqual(self.token()["accessToken"], first["accessToken"])

    def test_wrong_secret(self):
        answer = self.refused("token", args={"appKey": "dingkey1", "appSecret": "no"})
        self.assertIn("invalidClientIdOrSecret", answer["code"])

    def test_sends_to_people(self):
        token = self.token()["accessToken"]
        self.ding.openapi.flow_controlled.add("staff78")
        sent = self.client.run("one", token=token, args=self.message(userIds=["staff77", "staff78", "nobody"]))
        self.assertEqual((sent["invalidStaffIdList"], sent["flowControlledStaffIdList"]), (["nobody"], ["staff78"]))
        self.assertEqual(self.ding.wait_app_message(user="staff77").param, {"title": "R-17", "text": "waits"})
        self.assertEqual(self.ding.app_messages(user="staff78"), [])
        answer = self.refused("one", token=token, args=self.message(userIds=[f"u{n}" for n in range(21)]))
        self.assertIn("invalidParameter.userIds.overMax", answer["code"])

    def test_sends_to_groups(self):
        token = self.token()["accessToken"]
        self.assertTrue(self.client.run("group", token=token, args=self.message(openConversationId="cidAbC=="))["processQueryKey"])
        self.ding.wait_app_message(conversation="cidAbC==")
        for args, code in ((self.message(openConversationId="cidNo"), "invalid.openConversationId"),
                           (self.message(openConversationId="cidAbC==", msgParam='{"title":"x"}'), "miss.param.text"),
                           (self.message(openConversationId="cidAbC==", msgParam="{"), "invalidParameter.msgParam.invalid"),
                           (self.message(openConversationId="cidAbC==", robotCode="other"), "invalidParameter.robotCode.notExsit")):
            self.assertIn(code, self.refused("group", token=token, args=args)["code"])

    def test_revoked_and_expired_tokens(self):
        for spoil in (lambda: self.ding.revoke_token("dingkey1"), lambda: self.ding.advance(7201)):
            token = self.token()["accessToken"]
            spoil()
            answer = self.refused("group", token=token, args=self.message(openConversationId="cidAbC=="))
            self.assertIn("InvalidAuthentication", answer["code"])
        self.assertNotEqual(self.token()["accessToken"], token)


if __name__ == "__main__":
    unittest.main()

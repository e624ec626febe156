"""The robot of a DingTalk app: live cards, presses and commands over Stream Mode, whatever happens to them on the way."""

import http.client
import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import objects  # noqa: E402
import rig  # noqa: E402
import story  # noqa: E402
from story import IMAGE  # noqa: E402
from tests.fakes.dingtalk_callbacks import Envelope  # noqa: E402

NAME = "app-0"
GROUP = "cidReleases=="
KEY, SECRET = "dingkey1", "appsecret-0123456789abcdef"
TEMPLATE = "1f0c7a3e-0000-4000-8000-00000000009a.schema"
POLICIES = """
  default:
    approvers: ["user:zhao", "dingtalk:lin", "dingtalk:role:77"]
    quorum: 2
    require_reason: [reject]
    rights: {promote: ["user:zhao"], rollback: [anyone-in-channel], complete: ["user:zhao"]}
"""


class AppScene(story.Scene):
    def __init__(self, name, app="", policies=POLICIES):
        self.app = app
        super().__init__(name, policies=policies, node=False)

    def _people(self):
        super()._people()
        self.dingtalk.add_app(KEY, SECRET)
        self.dingtalk.add_staff("zhao", "lin", "role-man", "guest")
        self.dingtalk.add_conversation(GROUP)
        self.dingtalk.openapi.roles[77] = [f"other{n}" for n in range(230)] + ["role-man"]
        self.dingtalk.openapi.templates.add(TEMPLATE)
        self.dingtalk.resend_seconds = 4.0
        self.dingtalk.leave_seconds = 3.0
        self.dingtalk.system_pings = 1.0

    def _configuration(self, policies, extra):
        app = (f"dingtalk:\n  app:\n    client_id: {KEY}\n    client_secret: {SECRET}\n    corp_id: corp1\n"
               f"    api_url: {self.dingtalk.base_url}\n    oapi_url: {self.dingtalk.base_url}\n{self.app}")
        text = super()._configuration(policies, extra).replace("dingtalk:\n", app, 1)
        return text.replace('"dingtalk:releases"]', f'"dingtalk-app:{GROUP}"]')


class Case(unittest.TestCase):
    app, policies = "", POLICIES

    @classmethod
    def setUpClass(cls):
        cls.scene = AppScene(cls.__name__.lower(), cls.app, cls.policies)
        cls.addClassCleanup(cls.scene.close)
        cls.ding, cls.kube = cls.scene.dingtalk, cls.scene.kube
        cls.kube.empty_namespace("default")
        bodies = objects.at_rest(0)
        bodies[3]["metadata"]["annotations"]["rollcall.dev/gates"] = "confirm-rollout"
        bodies[3]["spec"]["analysis"]["interval"] = "1s"
        objects.many(cls.kube, 1, lambda _: bodies)
        cls.begin()
        cls.round = 0

    @classmethod
    def begin(cls):
        cls.scene.start()
        cls.ding.wait_links(1)

    def setUp(self):
        self.ding.clear_faults()
        self.before = len(self.ding.app_messages())

    def tearDown(self):
        self.scene.assert_healthy()
        self.ding.assert_clean()

    def released(self):
        type(self).round += 1
        tag = f"{type(self).__name__.lower()}{self.round}x"
        self.kube.set_image(NAME, "podinfod", f"{IMAGE}:{tag}")
        return tag

    def card(self, tag, predicate=lambda c: True, timeout=30):
        return self.ding.wait_card(lambda c: tag in c.plain and predicate(c), GROUP, timeout)

    def question(self, tag, user="zhao"):
        return self.card(tag, lambda c: any("pprove" in label for label in c.buttons(user)))

    def label(self, card, user, word):
        return next(label for label in card.buttons(user) if word in label)

    def press(self, card, user, word="pprove", **options):
        return self.ding.press(card, self.label(card, user, word), user, **options)

    def told(self, user, text, timeout=15):
        """What the robot wrote to somebody, during this test."""
        def found():
            return next((m for m in self.ding.app_messages()[self.before:] if m.to_user == user and text in m.plain), None)
        return rig.wait_for(found, timeout, lambda: f"{user} is told {text!r}, have {self.ding.app_messages(user=user)}\n"
                                                    f"{self.scene.trouble()}")

    def metric(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.scene.admin_port, timeout=5)
        try:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        finally:
            connection.close()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


class Standard(Case):
    """Plain cards, which need nothing set up, over Stream Mode."""

    def test_two_people_approve_and_every_card_says_so(self):
        tag = self.released()
        question = self.question(tag)
        self.assertEqual(sorted(question.at), ["lin", "zhao"])
        sent = self.press(question, "zhao")
        self.assertEqual((sent.ack["code"], sent.data), (200, {"response": {}}))
        self.told("zhao", "1 of 2")
        self.card(tag, lambda c: "1 of 2" in c.plain)
        self.press(question, "lin")
        self.scene.wait_phase("Progressing", timeout=30, name=NAME)
        done = rig.wait_for(lambda: not question.buttons("zhao") and question, 20, lambda: question.plain)
        self.assertIn("zhao", done.plain)
        cards = [c for c in self.ding.cards(GROUP) if tag in c.plain]
        self.assertEqual(len(cards), 2, "one live card, one question")

    def test_members_of_a_role_count_and_strangers_do_not(self):
        question = self.question(self.released())
        self.press(question, "guest")
        self.told("guest", "may")
        self.press(question, "zhao", corp="corp2")
        self.press(question, "role-man")
        self.told("role-man", "1 of 2")
        self.assertEqual(self.scene.phase(NAME), "Waiting")
        calls = [c for c in self.ding.calls if c.path == "/topapi/role/simplelist"]
        self.assertEqual(len(calls) % 2, 0, "a role of 231 people is two pages")

    def test_a_union_id_is_looked_up(self):
        question = self.question(self.released())
        self.ding.openapi.unions["union-lin"] = "lin"
        sent = self.ding.press(question, self.label(question, "lin", "pprove"), "union-lin", union=True)
        self.assertEqual(sent.ack["code"], 200)
        self.card("", lambda c: c.track_id == question.track_id and "1 of 2" in c.plain)

    def test_a_forged_button_and_one_of_another_place(self):
        question = self.question(self.released())
        value = next(iter(question.buttons("zhao").values()))
        self.ding.press(question, "", "zhao", value=value[:-4] + "AAAA")
        self.told("zhao", "too old")
        before = len(self.ding.app_messages(user="zhao"))
        question.track_id, kept = f"s.@zhao.{'0' * 24}", question.track_id
        self.ding.press(question, "", "zhao", value=value)
        question.track_id = kept
        rig.wait_for(lambda: len(self.ding.app_messages(user="zhao")) > before, 10, lambda: "an answer")
        self.assertEqual(self.scene.phase(NAME), "Waiting")

    def test_the_same_message_twice_counts_once(self):
        question = self.question(self.released())
        sent = self.press(question, "zhao")
        self.told("zhao", "1 of 2")
        answers = len(self.ding.app_messages(user="zhao"))
        again = self.press(question, "zhao", number=sent.frame["headers"]["messageId"])
        self.assertTrue(again.event.wait(5), "a repeat is acknowledged too")
        self.press(question, "lin")
        self.scene.wait_phase("Progressing", timeout=30, name=NAME)
        self.assertEqual(len(self.ding.app_messages(user="zhao")), answers)

    def test_two_people_at_the_same_instant(self):
        question = self.question(self.released())
        sent = [self.press(question, user, wait=0) for user in ("zhao", "lin")]
        for each in sent:
            self.assertTrue(each.event.wait(5))
        self.scene.wait_phase("Progressing", timeout=30, name=NAME)

    def test_commands_in_both_languages_are_answered_where_they_were_written(self):
        tag = self.released()
        self.question(tag)
        for text, answer in (("list", NAME), ("列表", NAME), (f"who {NAME}", "zhao"), ("aprove x", "approve")):
            sent = self.ding.say(text, "zhao", GROUP)
            self.assertEqual(sent.data, {"response": {}})
            found = self.ding.wait_message(GROUP, lambda m, a=answer: a in m.plain, 15)
            self.assertTrue(found.origin.startswith("session") if hasattr(found, "origin") else True)
        self.ding.say(f"批准 {NAME}", "zhao")
        self.ding.wait_message("@zhao", lambda m: "1 of 2" in m.plain, 15)

    def test_sessions_that_are_over_or_lead_elsewhere(self):
        self.question(self.released())
        for fields in ({"life": 1.0}, {"sessionWebhook": "https://evil.example.com/robot/sendBySession?session=1"},
                       {"sessionWebhook": ""}):
            before = len(self.ding.app_messages(conversation=GROUP))
            self.ding.say("list", "zhao", GROUP, **fields)
            rig.wait_for(lambda b=before: len(self.ding.app_messages(conversation=GROUP)) > b, 15,
                         lambda f=fields: f"an answer through the API, {f}\n{self.scene.trouble()}")
        self.assertNotIn("session=", self.scene.serve.output())

    def test_people_whom_dingtalk_does_not_name_are_not_heard(self):
        refused = self.metric("rollcall_dingtalk_refused_total")
        for fields in ({"senderStaffId": ""}, {"corp": "corp2"}, {"robotCode": "other"}, {"msgId": ""}):
            self.assertEqual(self.ding.say("list", "zhao", GROUP, **fields).ack["code"], 200)
        self.assertEqual(self.metric("rollcall_dingtalk_refused_total"), refused + 4)

    def test_frames_that_are_none(self):
        link = self.ding.links[0]
        for text in ("{", "[]", '{"type":"CALLBACK"}', '{"type":"CALLBACK","headers":{"messageId":7}}', "x" * 200_000):
            link.ws.send(text)
        sent = self.ding.deliver("CALLBACK", "/v1.0/unknown", "{}")
        self.assertEqual(sent.ack["code"], 404)
        self.assertEqual(self.ding.deliver("EVENT", "*", "{}", eventType="user_leave_org").data["status"], "SUCCESS")
        for content in ("", "{", "[]", '{"cardPrivateData":{"actionIds":[]}}'):
            sent = self.ding.deliver("CALLBACK", "/v1.0/card/instances/callback",
                                     {"outTrackId": "s.x.1", "userId": "zhao", "corpId": "corp1", "content": content})
            self.assertEqual(sent.ack["code"], 200)
        self.assertIn(link, self.ding.links, "none of it costs the connection")

    def test_a_connection_that_leaves_is_replaced_before_it_goes(self):
        question = self.question(self.released())
        old = self.ding.leave()
        fresh = self.ding.wait_links(2)
        self.assertIn(old, fresh)
        for link, user in ((old, "zhao"), (next(each for each in fresh if each is not old), "lin")):
            self.assertTrue(self.press(question, user, link=link).event.is_set())
        self.scene.wait_phase("Progressing", timeout=30, name=NAME)
        rig.wait_for(lambda: old not in self.ding.links, 10, lambda: "the old one is gone")

    def test_a_cut_connection_loses_no_press(self):
        question = self.question(self.released())
        link = self.ding.links[0]
        link.ws.fragment = 16
        self.press(question, "zhao", link=link)
        self.told("zhao", "1 of 2")
        raw = json.dumps(self.ding.frame("CALLBACK", "/v1.0/card/instances/callback", "{}")).encode()
        link.ws.write(b"\x81\x7e" + len(raw).to_bytes(2, "big") + raw[:40])  # half a frame
        link.ws.drop()
        self.press(question, "lin", wait=20)
        self.scene.wait_phase("Progressing", timeout=30, name=NAME)

    def test_a_press_during_a_restart(self):
        question = self.question(self.released())
        self.press(question, "zhao")
        self.told("zhao", "1 of 2")
        link = self.ding.links[0]
        self.scene.serve.kill9()
        rig.wait_for(lambda: link not in self.ding.links, 10, lambda: "the connection is gone")
        sent = self.press(question, "lin", wait=0)
        self.scene.start()
        self.ding.wait_links(1)
        self.assertTrue(sent.event.wait(20), self.scene.trouble())
        self.scene.wait_phase("Progressing", timeout=30, name=NAME)

    def test_a_dead_token_is_renewed_and_an_unknown_outcome_makes_no_second_card(self):
        self.question(self.released())
        self.ding.revoke_token(KEY)
        tag = self.released()
        self.question(tag)
        self.ding.fail("close_after", path="/v1.0/im/v1.0/robot/interactiveCards/send", times=1)
        tag = self.released()
        self.question(tag)
        rig.wait_for(lambda: len([c for c in self.ding.cards(GROUP) if tag in c.plain]) == 2, 20, lambda: "two cards")
        self.assertTrue([c for c in self.ding.calls if c.fault == "close_after"])
        self.assertGreater(self.metric("rollcall_dingtalk_month_calls"), 5)

    def test_words_that_the_filter_refuses_leave_the_buttons(self):
        tag = self.released()
        self.ding.openapi.unsafe_words.add(tag)
        self.addCleanup(self.ding.openapi.unsafe_words.clear)
        self.scene.cli("restart", NAME, check=False)
        tag2 = self.released()
        self.question(tag2)

    def test_what_must_be_asked_again_is_a_card_with_a_button(self):
        self.question(self.released())
        ticks = self.metric("rollcall_ticks_total")
        self.kube.patch("Canary", NAME, {"metadata": {"labels": {"team": "shop"}}})
        rig.wait_for(lambda: self.metric("rollcall_ticks_total") > ticks, 20, "the label has been seen")
        self.ding.say("approve -l team=shop", "zhao", GROUP)
        offer = self.card("", lambda c: "team=shop" in c.plain)
        (label, value), = offer.buttons("zhao").items()
        self.ding.press(offer, label, "zhao", value=value)
        self.told("", "1 of 2")  # where it was typed: everybody sees it

    def test_a_button_of_a_deleted_rollout(self):
        bodies = objects.at_rest(1)
        bodies[3]["metadata"]["annotations"]["rollcall.dev/gates"] = "confirm-rollout"
        objects.many(self.kube, 1, lambda _: bodies)
        self.kube.set_image("app-1", "podinfod", f"{IMAGE}:goner")
        question = self.question("goner")
        value = question.buttons("zhao")[self.label(question, "zhao", "pprove")]
        self.kube.delete("Canary", "app-1")
        rig.wait_for(lambda: not question.buttons("zhao"), 20, lambda: question.plain)
        self.ding.press(question, "", "zhao", value=value)
        rig.wait_for(lambda: self.ding.app_messages(user="zhao"), 15, lambda: "an answer")
        self.assertNotIn("1 of 2", self.ding.app_messages(user="zhao")[-1].plain)


class Template(Case):
    """The own template: buttons for those who may alone, and a field for the reason."""

    app = f"    card_template: {TEMPLATE}\n"
    policies = POLICIES.replace(', "dingtalk:role:77"', "")  # everybody who may is known by name

    def test_buttons_are_private_and_the_answer_too(self):
        question = self.card(self.released(), lambda c: c.private)
        self.assertEqual((list(question.buttons("guest")), sorted(question.private)), ([], ["lin", "zhao"]))
        self.assertEqual(question.template, TEMPLATE)
        sent = self.press(question, "zhao")
        note = sent.data["response"]["userPrivateData"]["cardParamMap"]["note"]
        self.assertIn("1 of 2", note)
        self.assertEqual(question.notes[-1], ("zhao", note))
        self.press(question, "lin")
        self.scene.wait_phase("Progressing", timeout=30, name=NAME)
        rig.wait_for(lambda: not question.buttons("zhao"), 20, lambda: str(question.params))
        live = self.card("", lambda c: any("oll" in label for label in c.buttons("zhao")))
        self.press(live, "zhao", "oll")
        self.scene.wait_phase("Failed", timeout=30, name=NAME)

    def test_a_reason_is_typed_on_the_card(self):
        tag = self.released()
        question = self.question(tag)
        sent = self.press(question, "zhao", "eject")
        self.assertIn("reason", sent.data["response"]["userPrivateData"]["cardParamMap"]["note"])
        self.press(question, "zhao", "eject", reason="the numbers look wrong")
        self.scene.wait_phase("Failed", timeout=30, name=NAME)
        self.card(tag, lambda c: "the numbers look wrong" in c.plain)


class Callbacks(Case):
    """HTTP callbacks: what their weak signatures may do, and what not."""

    TOKEN, AES = "event-token-1", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    PATH = "/dingtalk/0123456789abcdef0123"

    app = (f"    mode: http\n    callback_path: {PATH}\n    callback_secret: card-secret-0123\n    event_token: {TOKEN}\n"
           f"    event_aes_key: {AES}\n    card_template: {TEMPLATE}\n")

    @classmethod
    def begin(cls):
        cls.ding.callback_url = f"http://127.0.0.1:{cls.scene.port}{cls.PATH}"
        cls.scene.start()
        cls.ding.wait_calls("/v1.0/card/callbacks/register")

    def test_presses_decide_and_words_only_look(self):
        tag = self.released()
        question = self.question(tag)
        self.assertEqual(question.callback, f"{self.ding.callback_url}/card")
        self.assertEqual(self.ding.post_press(question, self.label(question, "zhao", "pprove"), "zhao", signed="wrong").status, 401)
        self.assertEqual(self.ding.post_press(question, self.label(question, "zhao", "pprove"), "zhao",
                                              signed="card-secret-0123").status, 200)
        self.told("zhao", "1 of 2")
        self.assertEqual(self.ding.post_message(self.ding.message_body("list", "lin", GROUP)).status, 200)
        self.ding.wait_message(GROUP, lambda m: NAME in m.plain, 15)
        self.ding.post_message(self.ding.message_body(f"approve {NAME}", "lin", GROUP))
        self.ding.wait_message(GROUP, lambda m: "do not count here" in m.plain, 15)
        self.assertEqual(self.scene.phase(NAME), "Waiting")
        self.ding.post_press(question, self.label(question, "lin", "pprove"), "lin")
        self.scene.wait_phase("Progressing", timeout=30, name=NAME)

    def test_forged_messages(self):
        body = self.ding.message_body("list", "zhao", GROUP)
        self.assertEqual(self.ding.post_message(body, secret="other").status, 401)
        for skew in (-301_000, 301_000):
            self.assertEqual(self.ding.post_message(body, skew_ms=skew).status, 401)
        self.assertEqual(self.ding.post_message(body, headers=[]).status, 401)
        signed = self.ding.sign_now(SECRET)
        self.assertEqual(self.ding.post_message(body, headers=signed + signed[:1]).status, 401)
        self.assertEqual(self.ding.post_message(body, headers=signed).status, 200)
        self.assertEqual(self.ding.post_message(body, headers=signed).status, 200, "a repeat is no harm")
        changed = {**body, "msgId": "another", "text": {"content": "list prod"}}
        self.assertEqual(self.ding.post_message(changed, headers=signed).status, 401, "a stolen signature")
        self.assertEqual(self.ding.post_message({"msgId": 1}).status, 400)
        self.assertNotIn(self.PATH, self.scene.serve.output())

    def test_encrypted_events(self):
        good = Envelope(self.TOKEN, self.AES, KEY)
        for old in (False, True):
            answer = self.ding.post_event(good, {"EventType": "check_url"}, old)
            self.assertEqual(answer.status, 200)
            sealed = answer.json()
            self.assertEqual(sealed["msg_signature"], good.seal(sealed["timeStamp"], sealed["nonce"], sealed["encrypt"]))
            self.assertEqual(good.decrypt(sealed["encrypt"]), ("success", KEY))
        event = {"EventType": "label_user_change"}
        self.assertEqual(self.ding.post_event(good, event, signature="0" * 40).status, 401)
        self.assertEqual(self.ding.post_event(Envelope(self.TOKEN, self.AES, "dingother"), event).status, 401)
        self.assertEqual(self.ding.post_event(Envelope("other", self.AES, KEY), event).status, 401)
        for tamper in ({"pad": 0}, {"pad": 33}, {"length": 1 << 31}, {"length": 4000}):
            self.assertIn(self.ding.post_event(good, event, **tamper).status, (400, 401), tamper)


if __name__ == "__main__":
    unittest.main()

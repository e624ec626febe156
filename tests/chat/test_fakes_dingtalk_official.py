"""The official DingTalk clients hold the same conversations with FakeDingTalk as with DingTalk."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.chat.official.bridge import ClientError, Official  # noqa: E402
from tests.fakes.dingtalk import FakeDingTalk  # noqa: E402

KEY, SECRET, TEMPLATE = "dingkey1", "appsecret", "1f0c.schema"
STANDARD = {"config": {"autoLayout": True, "enableForward": False}, "header": {"title": {"type": "text", "text": "R-17"}},
            "contents": [{"type": "markdown", "id": "m1", "text": "to **prod**"}, {"type": "action", "id": "a1", "actions": [
                {"type": "button", "id": "approve.R-17", "actionType": "request", "status": "primary",
                 "label": {"type": "text", "id": "l1", "text": "Approve"}}]}]}
OWN = {"cardTemplateId": TEMPLATE, "outTrackId": "t.cidAbC==.1", "callbackType": "STREAM", "userIdType": 1,
       "cardData": {"cardParamMap": {"title": "R-17", "buttons": "some", "button1": "Approve", "value1": "v1"}},
       "privateData": {"staff77": {"cardParamMap": {"can_decide": "1"}}}, "openSpaceId": "dtv1.card//IM_GROUP.cidAbC==",
       "imGroupOpenSpaceModel": {"supportForward": False}, "imGroupOpenDeliverModel": {"robotCode": KEY}}


class Case(unittest.TestCase):
    def setUp(self):
        self.ding = FakeDingTalk().start()
        self.addCleanup(self.ding.stop)
        self.ding.add_app(KEY, SECRET)
        self.ding.add_staff("staff77")
        self.ding.add_conversation("cidAbC==")
        self.ding.openapi.templates.add(TEMPLATE)


class CardsTest(Case):
    def setUp(self):
        super().setUp()
        self.client = self.enterContext(Official("dingtalk_client.js", endpoint=self.ding.base_url[7:]))
        self.token = self.client.run("token", args={"appKey": KEY, "appSecret": SECRET})["accessToken"]

    def call(self, op, args):
        return self.client.run(op, token=self.token, args=args)

    def refused(self, op, args):
        with self.assertRaises(ClientError) as caught:
            self.call(op, args)
        return caught.exception.answer["code"]

    def test_own_template(self):
        answer = self.call("createAndDeliver", OWN)
        self.assertTrue(answer["result"]["deliverResults"][0]["success"])
        card = self.ding.wait_card(place="cidAbC==")
        self.assertEqual((card.buttons("staff77"), card.buttons("other")), ({"Approve": "v1"}, {}))
        self.call("updateCard", {"outTrackId": OWN["outTrackId"], "cardData": {"cardParamMap": {"buttons": "none"}},
                                 "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True}})
        self.assertEqual((card.buttons("staff77"), card.params["title"]), ({}, "R-17"))
        self.call("updateCard", {"outTrackId": OWN["outTrackId"], "cardData": {"cardParamMap": {"title": "R-18"}}})
        self.assertEqual(card.params, {"title": "R-18"}, "without the option the whole map is replaced")
        self.assertIn("param.outTrackIdRepeat", self.refused("createAndDeliver", OWN))
        self.assertIn("card.notExist", self.refused("updateCard", {"outTrackId": "t.no.1", "cardData": {"cardParamMap": {}}}))
        self.assertIn("cardInstance.wrong", self.refused("createAndDeliver", {**OWN, "cardTemplateId": "x.schema"}))
        self.ding.assert_clean()

    def test_plain_edition(self):
        send = {"cardTemplateId": "StandardCard", "robotCode": KEY, "cardBizId": "s.1", "cardData": json.dumps(STANDARD)}
        self.assertIn("processQueryKey", self.call("sendStandard", {**send, "openConversationId": "cidAbC=="}))
        self.call("sendStandard", {**send, "cardBizId": "s.2", "singleChatReceiver": '{"userId":"staff77"}'})
        card = self.ding.wait_card(place="@staff77")
        self.assertEqual(card.buttons("staff77"), {"Approve": "approve.R-17"})
        done = {**STANDARD, "contents": STANDARD["contents"][:1]}
        self.call("updateStandard", {"cardBizId": "s.2", "cardData": json.dumps(done)})
        self.assertEqual(card.buttons("staff77"), {})
        self.assertIn("invalid.openConversationId", self.refused("sendStandard", {**send, "openConversationId": "cidNo"}))

    def test_callbacks_are_registered(self):
        self.call("registerCallback", {"callbackRouteKey": "k", "callbackUrl": "https://x.example.com", "apiSecret": "s",
                                       "forceUpdate": True})
        self.assertEqual(self.ding.openapi.callback_routes["k"]["apiSecret"], "s")


class StreamTest(Case):
    ANSWER = {"cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
              "cardData": {"cardParamMap": {"status": "approved"}},
              "userPrivateData": {"cardParamMap": {"note": "thank you"}}}

    def setUp(self):
        super().setUp()
        self.ding.system_pings = 0.2
        self.client = self.enterContext(Official("dingtalk_stream.js", base=self.ding.base_url, clientId=KEY,
                                                 clientSecret=SECRET, answer=self.ANSWER))
        self.link, = self.ding.wait_links(1)

    def test_messages_events_presses_and_pings(self):
        self.assertIn(("CALLBACK", "/v1.0/card/instances/callback"), self.link.topics)
        sent = self.ding.say("list", "staff77", "cidAbC==")
        self.assertEqual(sent.data, {"response": None})
        self.assertEqual(self.client.wait_event("message")["data"]["text"], {"content": " list"})
        news = self.ding.deliver("EVENT", "*", "{}", eventType="user_leave_org")
        self.assertEqual(news.data["status"], "SUCCESS")
        with Official("dingtalk_client.js", endpoint=self.ding.base_url[7:]) as api:
            token = api.run("token", args={"appKey": KEY, "appSecret": SECRET})["accessToken"]
            api.run("createAndDeliver", token=token, args=OWN)
        card = self.ding.wait_card(place="cidAbC==")
        pressed = self.ding.press(card, "Approve", "staff77", reason="fine")
        self.assertEqual(pressed.data, {"response": self.ANSWER})
        self.assertEqual((card.params["status"], card.notes), ("approved", [("staff77", "thank you")]))
        action = json.loads(self.client.wait_event("press")["data"]["content"])["cardPrivateData"]
        self.assertEqual(action["params"], {"value": "v1", "reason": "fine"})
        self.ding.wait_for(lambda: self.link.answered >= 3, what="pings are answered")
        self.ding.assert_clean()

    def test_it_comes_back_with_a_new_ticket(self):
        self.link.ws.drop()
        fresh = self.ding.wait_for(lambda: [each for each in self.ding.links if each is not self.link], 10, "a new connection")
        self.assertEqual(len(fresh), 1)


if __name__ == "__main__":
    unittest.main()

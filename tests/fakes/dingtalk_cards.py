"""Interactive cards of the app: made, delivered, updated, and seen by each person for themselves."""

import json
import re
from dataclasses import dataclass, field

from tests.fakes.dingtalk_openapi import Failure

SPACE = re.compile(r"dtv1\.card//(IM_GROUP|IM_ROBOT)\.(.+)")
UPDATES_A_SECOND = 20


@dataclass(eq=False)
class Card:
    track_id: str
    template: str
    place: str  # conversation, or "@staff"
    params: dict = field(default_factory=dict)
    private: dict = field(default_factory=dict)  # user -> map
    standard: dict = None
    callback: str = "STREAM"  # or a URL
    at: list = field(default_factory=list)
    updates: int = 0
    shown: bool = True
    notes: list = field(default_factory=list)

    @property
    def plain(self):
        if self.standard is not None:
            return json.dumps(self.standard, ensure_ascii=False)
        return "\n".join(str(value) for value in self.params.values())

    def standard_actions(self):
        return [action for content in self.standard["contents"] if content["type"] == "action"
                for action in content["actions"]]

    def buttons(self, user):
        """label -> what a press carries back, as this person sees the card."""
        if self.standard is not None:
            return {a["label"]["text"]: a["id"] for a in self.standard_actions() if a["actionType"] == "request"}
        seen = {**self.params, **self.private.get(user, {})}
        if seen.get("buttons") != "all" and not (seen.get("buttons") == "some" and seen.get("can_decide") == "1"):
            return {}
        return {seen[f"button{n}"]: seen[f"value{n}"] for n in range(1, 5) if seen.get(f"button{n}")}


def need(body, name, code):
    if not body.get(name):
        raise Failure(400, code, f"{name} is empty")
    return body[name]


def texts(value, where):
    """A map whose values are all texts."""
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise Failure(400, "param.cardPublicDataEmpty", f"{where}: values must be text")
    return value


def parsed(text, where):
    if not isinstance(text, str):
        raise Failure(400, "param.empty", f"{where} must be text")
    try:
        return json.loads(text)
    except ValueError:
        raise Failure(400, "param.empty", f"{where} is not JSON") from None


def check_standard(card):
    """Every element has an id of its own; kinds and fields as the plain edition knows them."""
    ids = []
    for content in card["contents"]:
        if content["type"] not in ("markdown", "text", "divider", "image", "imageList", "section", "action"):
            raise Failure(400, "param.empty", f"unknown element {content['type']}")
        ids.append(content["id"])
        for action in content.get("actions", ()):
            if action["type"] != "button" or action["actionType"] not in ("openLink", "request"):
                raise Failure(400, "param.empty", "unknown action")
            ids += [action["id"], action["label"]["id"]]
    if len(ids) != len(set(ids)) or not all(ids) or not card["header"]["title"]["text"]:
        raise Failure(400, "param.empty", "an id is missing or comes twice, or there is no title")


class Cards:
    """Mixed into OpenApi: needs now, users, conversations, complain."""

    def __init__(self):
        self.cards = {}
        self.templates = set()
        self.callback_routes = {}
        self.fail_delivery = 0
        self.unsafe_words = set()
        self.update_times = []
        self.routes.update({
            ("POST", "/v1.0/card/instances/createAndDeliver"): (self.create_and_deliver, True),
            ("POST", "/v1.0/card/instances"): (self.create_card, True),
            ("POST", "/v1.0/card/instances/deliver"): (self.deliver_card, True),
            ("PUT", "/v1.0/card/instances"): (self.update_card, True),
            ("POST", "/v1.0/card/callbacks/register"): (self.register_callback, True),
            ("POST", "/v1.0/im/v1.0/robot/interactiveCards/send"): (self.send_standard, True),
            ("PUT", "/v1.0/im/robots/interactiveCards"): (self.update_standard, True),
        })

    def check_words(self, text):
        for word in self.unsafe_words:
            if word in text:
                raise Failure(400, "param.contentUnsafe", "content is unsafe")

    def check_place(self, place):
        if place.startswith("@"):
            if place[1:] not in self.users:
                raise Failure(400, "param.userIdNotExist", "user does not exist")
        elif place not in self.conversations:
            raise Failure(400, "invalid.openConversationId", "openConversationId is invalid")

    def check_rate(self):
        now = self.now()
        self.update_times = [at for at in self.update_times if now - at < 1.0] + [now]
        if len(self.update_times) > UPDATES_A_SECOND:
            raise Failure(403, "Forbidden.AccessDenied.QpsLimitForApi", "qps limit")

    # -- own template ---------------------------------------------------------------------------

    def read_card(self, body):
        template = need(body, "cardTemplateId", "param.cardTemplateIdEmpty")
        track = need(body, "outTrackId", "param.outTrackIdEmpty")
        if template not in self.templates:
            raise Failure(400, "cardInstance.wrong", "template is not published")
        if track in self.cards:
            raise Failure(400, "param.outTrackIdRepeat", "outTrackId is there already")
        data = body.get("cardData") or {}
        params = texts(data.get("cardParamMap"), "cardData")
        self.check_words(json.dumps(params, ensure_ascii=False))
        private = {user: texts(each.get("cardParamMap"), f"privateData of {user}")
                   for user, each in (body.get("privateData") or {}).items()}
        callback = body.get("callbackType")
        if callback == "HTTP":
            callback = self.callback_routes[body["callbackRouteKey"]]["callbackUrl"]
        if "userIdType" not in body:
            self.complain("userIdType is missing: the card is not shown")
        return Card(track, template, "", dict(params), private, callback=callback, shown="userIdType" in body)

    def put_into_space(self, card, body, app):
        space = SPACE.fullmatch(need(body, "openSpaceId", "param.openSpaceModelInvalid"))
        if space is None:
            raise Failure(400, "param.openSpaceModelInvalid", "openSpaceId")
        group = space[1] == "IM_GROUP"
        card.place = space[2] if group else "@" + space[2]
        self.check_place(card.place)
        model = body.get("imGroupOpenDeliverModel" if group else "imRobotOpenDeliverModel")
        if not model or (group and model.get("robotCode") != app.key):
            raise Failure(400, "chatbot.notFound", "robotCode")
        if (body.get("imGroupOpenSpaceModel" if group else "imRobotOpenSpaceModel") or {}).get("supportForward") is not False:
            self.complain("a card that decides may be forwarded")
        card.at = list((model.get("atUserIds") or {}))
        good = not self.fail_delivery
        self.fail_delivery = max(0, self.fail_delivery - 1)
        return {"success": True, "result": {"outTrackId": card.track_id, "deliverResults": [
            {"success": good, "spaceType": space[1], "spaceId": space[2], "carrierId": "c1",
             "errorMsg": "" if good else "robot is not in the group"}]}}

    def create_and_deliver(self, body, app):
        card = self.read_card(body)
        answer = self.put_into_space(card, body, app)
        if answer["result"]["deliverResults"][0]["success"]:
            self.cards[card.track_id] = card
        return answer

    def create_card(self, body, _app):
        card = self.read_card(body)
        self.cards[card.track_id] = card
        return {"success": True, "result": card.track_id}

    def deliver_card(self, body, app):
        return self.put_into_space(self.known(body, "outTrackId"), body, app)

    def known(self, body, name):
        card = self.cards.get(need(body, name, "param.outTrackIdEmpty"))
        if card is None:
            raise Failure(400, "card.notExist", "card does not exist")
        return card

    def update_card(self, body, _app):
        card = self.known(body, "outTrackId")
        self.check_rate()
        params = texts((body.get("cardData") or {}).get("cardParamMap", {}), "cardData")
        self.check_words(json.dumps(params, ensure_ascii=False))
        private = {user: each.get("cardParamMap") for user, each in (body.get("privateData") or {}).items()}
        self.apply(card, params, private, body.get("cardUpdateOptions") or {})
        return {"success": True, "result": True}

    def apply(self, card, params, private, options):
        card.params = {**(card.params if options.get("updateCardDataByKey") else {}), **params}
        for user, values in private.items():
            kept = card.private.get(user, {}) if options.get("updatePrivateDataByKey") else {}
            card.private[user] = {**kept, **values}
            if "note" in values:
                card.notes.append((user, values["note"]))
        card.updates += 1

    def register_callback(self, body, _app):
        need(body, "callbackUrl", "param.empty")
        self.callback_routes[need(body, "callbackRouteKey", "param.empty")] = dict(body)
        return {"success": True, "result": {"apiSecret": body.get("apiSecret"), "callbackUrl": body["callbackUrl"]}}

    # -- plain edition --------------------------------------------------------------------------

    def send_standard(self, body, app):
        if body.get("cardTemplateId") != "StandardCard":
            raise Failure(400, "param.cardTemplateIdEmpty", "cardTemplateId")
        if body.get("robotCode") != app.key:
            raise Failure(400, "chatbot.notFound", "robotCode")
        track = need(body, "cardBizId", "param.outTrackIdEmpty")
        place = body.get("openConversationId") or "@" + parsed(body.get("singleChatReceiver"), "singleChatReceiver")["userId"]
        self.check_place(place)
        if track in self.cards:
            raise Failure(400, "param.outTrackIdRepeat", "cardBizId is there already")
        standard = parsed(body.get("cardData"), "cardData")
        check_standard(standard)
        self.check_words(json.dumps(standard, ensure_ascii=False))
        at = parsed((body.get("sendOptions") or {}).get("atUserListJson", "[]"), "atUserListJson")
        self.cards[track] = Card(track, "StandardCard", place, standard=standard,
                                 callback=body.get("callbackUrl") or "STREAM", at=[each["userId"] for each in at])
        return {"processQueryKey": "p" + track[-12:]}

    def update_standard(self, body, _app):
        card = self.known(body, "cardBizId")
        self.check_rate()
        standard = parsed(body.get("cardData"), "cardData")
        check_standard(standard)
        self.check_words(json.dumps(standard, ensure_ascii=False))
        card.standard = standard
        card.updates += 1
        return {"processQueryKey": "p" + card.track_id[-12:]}

"""Stream Mode: tickets, WebSockets, frames and their acknowledgements."""

import json
import secrets
import threading
import time
import uuid

from tests.fakes.dingtalk_openapi import Failure, read_body
from tests.fakes.http_server import Answer, json_answer
from tests.fakes.websocket import PING, TEXT, Gone, WebSocket

TICKET_SECONDS = 90.0
ANSWER_SECONDS = 3.0
PRESS = "/v1.0/card/instances/callback"
MESSAGE = "/v1.0/im/bot/messages/get"


class Link:
    def __init__(self, ws, app, topics):
        self.ws = ws
        self.app = app
        self.topics = topics
        self.id = secrets.token_hex(8)
        self.pings = 0
        self.answered = 0  # SYSTEM pings
        self.unanswered = {}  # messageId of SYSTEM pings -> data


class Sent:
    """One message as it was sent, and what was acknowledged."""

    def __init__(self, frame):
        self.frame = frame
        self.links = []
        self.ack = None
        self.seconds = None
        self.pushed = 0.0
        self.event = threading.Event()

    @property
    def data(self):
        return json.loads(self.ack["data"]) if self.ack else None


class StreamMode:
    """Mixed into FakeDingTalk: needs changed, stopping, complain, openapi, base_url, now."""

    def __init__(self):
        self.links = []
        self.tickets = {}
        self.sent = {}
        self.system_pings = 0.0  # seconds between; 0: none
        self.leave_seconds = 10.0
        self.resend_seconds = 60.0
        self.turn = 0
        self.stream_off = False

    # -- opening --------------------------------------------------------------------------------

    def open_connection(self, request):
        try:
            body = read_body(request)
            app = self.openapi.apps.get(body.get("clientId"))
            if app is None or app.secret != body.get("clientSecret"):
                raise Failure(401, "authFailed", "鉴权失败")
            if self.stream_off:
                raise Failure(403, "Forbidden.AccessDenied", "stream mode is off")
        except Failure as failure:
            return failure.answer()
        if "application/json" not in request.headers.get("Accept", ""):
            return Answer(200, b"<?xml version='1.0'?><root/>", {"Content-Type": "application/xml"})
        ticket = f"{uuid.uuid4()}+/{secrets.token_hex(4)}=="
        topics = {(each["type"], each["topic"]) for each in body.get("subscriptions") or ()}
        self.tickets[ticket] = (self.now(), app, topics)
        return json_answer({"endpoint": f"ws{self.base_url[4:]}/connect", "ticket": ticket})

    def take_ticket(self, request):
        given = request.query.get("ticket", "")
        raw = request.target.partition("ticket=")[2]  # the Node client does not encode it
        issued = self.tickets.pop(given, None) or self.tickets.pop(raw, None)
        return issued if issued and self.now() - issued[0] <= TICKET_SECONDS else None

    def upgrade(self, handler, request):
        """The life of one connection, in the thread of its HTTP request."""
        issued = self.take_ticket(request) if request.path == "/connect" else None
        if issued is None:
            return Answer(401, b"")
        link = Link(WebSocket(handler, request), issued[1], issued[2])
        handler.connection.settimeout(None)
        with self.changed:
            self.links.append(link)
            self.changed.notify_all()
        if self.system_pings:
            threading.Thread(target=self.ping, args=(link,), daemon=True).start()
        try:
            while True:
                self.heard(link, *link.ws.read())
        except Gone as gone:
            if gone.code == 1002:
                self.complain(f"WebSocket: {gone}")
        finally:
            link.ws.drop()
            with self.changed:
                self.links.remove(link)
                self.changed.notify_all()
        return None

    def ping(self, link):
        while not self.stopping.wait(self.system_pings) and not link.ws.closed:
            if len(link.unanswered) >= 2:
                self.complain("two SYSTEM pings without an answer")
                link.ws.drop()
                return
            number, data = secrets.token_hex(8), json.dumps({"opaque": secrets.token_hex(8)})
            link.unanswered[number] = data
            try:
                link.ws.send(json.dumps(self.frame("SYSTEM", "ping", data, number)))
            except OSError:
                return

    # -- hearing --------------------------------------------------------------------------------

    def heard(self, link, opcode, payload):
        if opcode == PING:
            link.pings += 1
            link.ws.frame(10, payload)
            return
        if opcode != TEXT:
            return
        try:
            ack = json.loads(payload)
            number, code, data = ack["headers"]["messageId"], ack["code"], ack["data"]
        except (ValueError, KeyError, TypeError):
            self.complain(f"an acknowledgement that is none: {payload[:200]!r}")
            return
        with self.changed:
            self.judge(link, ack, number, code, data)
            self.changed.notify_all()

    def judge(self, link, ack, number, code, data):
        if not isinstance(code, int) or not isinstance(data, str):
            self.complain("code must be a number and data text")
            return
        if number in link.unanswered:
            if data != link.unanswered.pop(number):
                self.complain("a SYSTEM ping answered with other data")
            link.answered += 1
            return
        sent = self.sent.get(number)
        if sent is None:
            self.complain(f"an acknowledgement of an unknown message {number}")
            return
        if link not in sent.links:
            self.complain("an acknowledgement on another connection than its message's")
        try:
            json.loads(data)
        except ValueError:
            self.complain("data of an acknowledgement is not JSON")
            return
        if sent.ack is None:
            sent.ack, sent.seconds = ack, time.monotonic() - sent.pushed
            self.apply_answer(sent)
        sent.event.set()

    def apply_answer(self, sent):
        """What the acknowledgement of a press changes on the card; after 3 s the person has seen a failure."""
        if sent.frame["headers"]["topic"] != PRESS:
            return
        press = json.loads(sent.frame["data"])
        response = (sent.data or {}).get("response") or {}
        card = self.openapi.cards.get(press["outTrackId"])
        if sent.seconds > ANSWER_SECONDS:
            self.complain(f"a press was acknowledged after {sent.seconds:.1f} s")
        elif card and response:
            private = {press["userId"]: (response.get("userPrivateData") or {}).get("cardParamMap") or {}}
            self.openapi.apply(card, (response.get("cardData") or {}).get("cardParamMap") or {}, private,
                               response.get("cardUpdateOptions") or {})

    # -- sending --------------------------------------------------------------------------------

    def frame(self, kind, topic, data, number=None, **headers):
        return {"specVersion": "1.0", "type": kind, "data": data if isinstance(data, str) else json.dumps(data),
                "headers": {"appId": "app1", "connectionId": "c1", "contentType": "application/json",
                            "messageId": number or secrets.token_hex(16), "time": str(int(self.now() * 1000)),
                            "topic": topic, **headers}}

    def deliver(self, kind, topic, data, wait=5.0, number=None, link=None, again=True, **headers):
        """Sends one message to some connection, and again while it is not acknowledged; a Sent."""
        sent = Sent(self.frame(kind, topic, data, number, **headers))
        number = sent.frame["headers"]["messageId"]
        self.sent[number] = self.sent.get(number) or sent
        sent = self.sent[number]
        self.push(sent, link)
        if again:
            threading.Thread(target=self.resend, args=(sent,), daemon=True).start()
        if wait:
            sent.event.wait(wait)
        return sent

    def push(self, sent, link=None):
        with self.changed:
            found = [each for each in self.links if not each.ws.closed]
            self.turn += 1
            link = link or (found[self.turn % len(found)] if found else None)
            if link is None:
                return
            sent.links.append(link)
            sent.pushed = time.monotonic()
            sent.event.clear()
        try:
            link.ws.send(json.dumps(sent.frame, ensure_ascii=False))
        except OSError:
            pass

    def resend(self, sent):
        while not self.stopping.wait(self.resend_seconds) and sent.ack is None:
            self.push(sent)

    def press(self, card, label, user, corp="corp1", reason="", union=False, value=None, **options):
        """A person presses a button of a card, as they see it."""
        value = value or card.buttons(user)[label]
        own = card.standard is not None
        action = {"actionIds": [value if own else f"node_{label}"],
                  "params": {} if own else {"value": value, **({"reason": reason} if reason else {})}}
        data = {"type": "actionCallback", "outTrackId": card.track_id, "userId": user, "userIdType": 2 if union else 1,
                "corpId": corp, "spaceId": "", "spaceType": "IM", "extension": "{}",
                "content": json.dumps({"cardPrivateData": action})}
        return self.deliver("CALLBACK", PRESS, data, **options)

    def message_body(self, text, user, conversation=None, corp="corp1", life=5400.0, **fields):
        place = conversation or f"@{user}"
        session, end = self.open_session(place, life)
        return {"msgId": secrets.token_hex(12), "msgtype": "text", "text": {"content": f" {text}"},
                "conversationType": "2" if conversation else "1", "conversationId": conversation or "cidOneToOne==",
                "conversationTitle": "releases", "senderStaffId": user, "senderId": "$:LWCP_v1:$q", "senderNick": user,
                "senderCorpId": corp, "chatbotCorpId": "corp1", "robotCode": next(iter(self.openapi.apps)),
                "isInAtList": True, "createAt": int(self.now() * 1000), "sessionWebhook": session,
                "sessionWebhookExpiredTime": end, **fields}

    def say(self, text, user, conversation=None, wait=5.0, **fields):
        """A person writes to the robot."""
        return self.deliver("CALLBACK", MESSAGE, self.message_body(text, user, conversation, **fields), wait=wait)

    def leave(self, link=None):
        """DingTalk says that a connection will end, and ends it a while later."""
        link = link or self.links[0]
        link.ws.send(json.dumps(self.frame("SYSTEM", "disconnect", {"reason": "rebalance"})))

        def end():
            self.stopping.wait(self.leave_seconds)
            link.ws.drop()

        threading.Thread(target=end, daemon=True).start()
        return link

    def wait_links(self, count=1, timeout=15.0):
        return self.wait_for(lambda: len(self.links) == count and list(self.links), timeout,
                             lambda: f"{count} connections, have {len(self.links)}")

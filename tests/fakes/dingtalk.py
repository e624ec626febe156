"""FakeDingTalk: groups with custom robots, session webhooks, and an internal app: messages, cards, Stream Mode, callbacks.

    with FakeDingTalk() as ding:
        robot = ding.add_robot("tok-1", group="releases", secret="SEC...")
        ... the bot posts to ding.webhook("tok-1") ...
        card = ding.wait_message("releases", lambda m: "R-17" in m.plain)
        status, body, seconds = ding.click(card, "Review")

Both bases of the platform (oapi and api) are `base_url`; the paths do not collide. `complaints` lists what the
platform lets pass but a good client never does.
"""

import secrets
import time
from dataclasses import dataclass, field

from tests.fakes.delivery import send
from tests.fakes.dingtalk_callbacks import Callbacks
from tests.fakes.dingtalk_cards import Cards
from tests.fakes.dingtalk_openapi import App, OpenApi
from tests.fakes.dingtalk_people import People
from tests.fakes.dingtalk_robot import Refused, Robot, check_keywords, check_network, check_rate, check_sign
from tests.fakes.dingtalk_robot import read_message, sign
from tests.fakes.dingtalk_stream import StreamMode
from tests.fakes.faults import KINDS_BEFORE, FaultPlan, plain_answer
from tests.fakes.http_server import Answer, HttpFake, json_answer

__all__ = ["FakeDingTalk", "sign"]

PERSON = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 DingTalk/7.5.0"
PREVIEW = "Mozilla/5.0 (compatible; DingTalkLinkPreview/1.0)"
SESSION_SECONDS = 5400.0
BUSY = {"errcode": -1, "errmsg": "system busy"}


@dataclass
class Call:
    """One request as it was judged; `answer` is None when an ordered failure took its place."""

    path: str
    query: dict
    body: bytes
    status: int
    answer: object
    fault: str
    time: float = field(default_factory=time.time)
    headers: object = field(default=None, repr=False)


class Api(OpenApi, Cards, People):
    def __init__(self, now, complain):
        OpenApi.__init__(self, now, complain)
        Cards.__init__(self)
        People.__init__(self)


class FakeDingTalk(StreamMode, Callbacks, HttpFake):
    def __init__(self, time_factor=1.0):
        HttpFake.__init__(self)
        StreamMode.__init__(self)
        self.time_factor = time_factor
        self.ahead = 0.0
        self.robots = {}
        self.sessions = {}
        self.front_end_limiter = False
        self.kept = []
        self.calls = []
        self.faults = FaultPlan()
        self.openapi = Api(self.now, self.complain)

    def now(self):
        return time.time() + self.ahead

    def advance(self, seconds):
        """Move DingTalk's clock on: robot blocks, sessions and tokens age at once (and timestamps get old)."""
        self.ahead += seconds

    # -- setting up -----------------------------------------------------------------------------

    def add_robot(self, token, group="group", keywords=(), secret="", networks=()):
        self.robots[token] = Robot(token, group, tuple(keywords), secret, tuple(networks))
        return self.robots[token]

    def remove_robot(self, token):
        del self.robots[token]

    def webhook(self, token):
        return f"{self.base_url}/robot/send?access_token={token}"

    def open_session(self, group, life=SESSION_SECONDS):
        """(sessionWebhook, sessionWebhookExpiredTime in ms) as a bot message would carry them."""
        key = secrets.token_hex(16)
        end = self.now() + life * self.time_factor
        self.sessions[key] = (group, end)
        return f"{self.base_url}/robot/sendBySession?session={key}", int(end * 1000)

    def add_app(self, key, secret):
        self.openapi.apps[key] = App(key, secret)
        return self.openapi.apps[key]

    def add_staff(self, *user_ids):
        self.openapi.users.update(user_ids)

    def add_conversation(self, *conversation_ids):
        self.openapi.conversations.update(conversation_ids)

    def revoke_token(self, key):
        app = self.openapi.apps[key]
        app.revoked.add(app.token)

    def fail(self, kind, path="*", times=1, token=None, **settings):
        """Order a failure; times=None until clear_faults().

        kind: ratelimited, http_500, http_502, http_503, empty, not_json, close, error (error=dict, default the busy
        answer) - without effect; close_after, http_500_after, slow (delay=s) - the message is kept first.
        path: e.g. "/robot/send"; token: only this robot.
        """
        settings.setdefault("error", BUSY)
        return self.faults.add(kind, path, times, {"access_token": token} if token else None, **settings)

    def clear_faults(self):
        self.faults.clear()

    # -- serving --------------------------------------------------------------------------------

    def handle(self, request):
        fault = self.faults.take(request.path, request.query)
        if fault and fault.kind in KINDS_BEFORE:
            reply = self.failed(fault, request)
        else:
            reply = self.route(request)
            reply = (fault and plain_answer(fault)) or reply
        if fault:
            reply.delay = fault.delay
        shown = None if fault and fault.kind != "slow" else reply.body.decode("utf-8", "replace")
        with self.changed:
            self.calls.append(Call(request.path, request.query, request.body, 0 if reply.close else reply.status, shown,
                                   fault.kind if fault else "", headers=request.headers))
            self.changed.notify_all()
        return reply

    def failed(self, fault, request):
        if fault.kind == "ratelimited":
            if request.path.startswith("/robot/"):
                return json_answer({"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"})
            return json_answer({"code": "Forbidden.AccessDenied.QpsLimitForApi", "message": "qps limit",
                                "requestid": secrets.token_hex(16).upper()}, 403)
        if fault.kind == "error":
            return json_answer(fault.error)
        return plain_answer(fault)

    def route(self, request):
        if request.path == "/robot/send":
            return self.refusable(self.robot_send, request)
        if request.path == "/robot/sendBySession":
            return self.refusable(self.session_send, request)
        if request.path == "/gettoken":
            return self.openapi.old_token(request)
        if request.path == "/v1.0/gateway/connections/open":
            return self.open_connection(request)
        if request.path.startswith(("/topapi/", "/media/")):
            return self.openapi.old_handle(request)
        if request.path.startswith("/v1.0/"):
            return self.openapi.handle(request)
        return Answer(404, b"not found")

    def refusable(self, work, request):
        if request.method != "POST":
            return json_answer({"errcode": 43002, "errmsg": "需要POST请求"})
        try:
            with self.changed:
                self.kept.append(work(request))
            return json_answer({"errcode": 0, "errmsg": "ok"})
        except Refused as refused:
            return json_answer(refused.answer)

    def robot_send(self, request):
        robot = self.robots.get(request.query.get("access_token"))
        if robot is None:
            raise Refused(300001, "token is not exist")
        if robot.stopped:
            raise Refused(400102, "robot stopped")
        message = read_message(request, robot.group, f"robot {robot.token}", self.complain)
        check_network(robot, request.peer)
        check_sign(robot, request.query, self.now())
        check_keywords(robot, message)
        check_rate(robot, self.now(), self.time_factor, self.front_end_limiter)
        return message

    def session_send(self, request):
        group, end = self.sessions.get(request.query.get("session"), ("", 0.0))
        if self.now() > end:
            raise Refused(300001, "session is not exist or expired")
        return read_message(request, group, "session", self.complain)

    # -- inspecting -----------------------------------------------------------------------------

    def messages(self, group=None):
        with self.changed:
            return [m for m in self.kept if group is None or m.group == group]

    def app_messages(self, user=None, conversation=None):
        return [m for m in list(self.openapi.messages) if not m.recalled and (user is None or m.to_user == user)
                and (conversation is None or m.conversation == conversation)]

    def wait_message(self, group, predicate, timeout=10.0, after=None):
        """The first message of the group that fits; `after` a message: only newer ones count."""
        fits = predicate if callable(predicate) else lambda m: predicate in m.plain

        def found():
            shown = self.messages(group)
            newer = shown[shown.index(after) + 1:] if after is not None else shown
            return next((m for m in newer if fits(m)), None)
        return self.wait_for(found, timeout, lambda: f"message in {group}, have {self.messages(group)}")

    def wait_app_message(self, predicate=lambda m: True, timeout=10.0, **target):
        return self.wait_for(lambda: next((m for m in self.app_messages(**target) if predicate(m)), None), timeout,
                             lambda: f"app message {target}, have {self.app_messages()}")

    def cards(self, place=None):
        return [c for c in list(self.openapi.cards.values()) if c.shown and (place is None or c.place == place)]

    def wait_card(self, predicate=lambda c: True, place=None, timeout=20.0):
        """The newest card that fits."""
        return self.wait_for(lambda: next((c for c in reversed(self.cards(place)) if predicate(c)), None), timeout,
                             lambda: f"a card in {place}, have {self.cards(place)}")

    def wait_calls(self, path, count=1, timeout=10.0):
        def enough():
            found = [c for c in self.calls if c.path == path]
            return found if len(found) >= count else None
        return self.wait_for(enough, timeout, lambda: f"{count} calls of {path}, have {self.calls}")

    def assert_clean(self):
        if self.complaints or self.crashes:
            raise AssertionError(f"complaints {self.complaints}, crashes {self.crashes}")

    # -- what people and machines do with the links ---------------------------------------------

    def click(self, message, title, method="GET", agent=PERSON, headers=(), timeout=10.0):
        """Open the link of this button as the DingTalk client does; redirects are not followed."""
        url = message.link(title).target
        all_headers = [("User-Agent", agent), ("Accept", "text/html,*/*"), *headers]
        return send(url, method=method, headers=all_headers, timeout=timeout)

    def preview(self, message):
        """What link scanners do: HEAD and twice GET on every link, without a person."""
        return [self.click(message, link.title, method, PREVIEW)
                for link in message.links for method in ("HEAD", "GET", "GET")]

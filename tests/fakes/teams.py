"""FakeTeams: flows of the Workflows app and the channels that they post to.

A flow answers 202 before anything is shown: what Teams itself would refuse is in `trouble` of the message."""

import json
import urllib.parse
import uuid
from dataclasses import dataclass, field

from tests.fakes.faults import HTML_502
from tests.fakes.http_server import Answer, HttpFake, json_answer

CARD = "application/vnd.microsoft.card.adaptive"
CARD_BYTES = 28 * 1024
ACTIONS_VISIBLE = 6
LIVE_ACTIONS = ("Action.OpenUrl", "Action.ShowCard", "Action.ToggleVisibility")
ELEMENTS = {"TextBlock": ("text",), "RichTextBlock": ("inlines",), "Container": ("items",), "FactSet": ("facts",),
            "ColumnSet": (), "Image": ("url",), "ActionSet": ("actions",)}


@dataclass(eq=False)
class TeamsMessage:
    channel: str
    card: dict
    raw: bytes
    trouble: list = field(default_factory=list)

    @property
    def plain(self):
        return "\n".join(["".join(run) for run in texts(self.card.get("body") or [])] +
                         [action["title"] for action in self.card.get("actions") or []])

    @property
    def links(self):
        return {action["title"]: action["url"] for action in self.card.get("actions") or []}

    def __repr__(self):
        return f"<{self.channel} {self.trouble or ''} {self.plain!r}>"


def texts(elements):
    for element in elements:
        if element.get("type") == "Container":
            yield from texts(element["items"])
        elif element.get("type") == "RichTextBlock":
            yield [run if isinstance(run, str) else run["text"] for run in element["inlines"]]
        elif element.get("type") == "TextBlock":
            yield [element["text"]]


def check(elements, trouble):
    """What a card of version 1.4 may be made of."""
    for element in elements:
        kind = element.get("type")
        if kind not in ELEMENTS:
            trouble.append(f"unknown element {kind!r}")
            continue
        trouble.extend(f"{kind} without {name}" for name in ELEMENTS[kind] if name not in element)
        check(element.get("items") or [], trouble)
        for run in element.get("inlines") or []:
            if not isinstance(run, str) and (run.get("type") != "TextRun" or not isinstance(run.get("text"), str)):
                trouble.append(f"bad inline {run}")


def check_actions(actions, trouble):
    if len(actions) > ACTIONS_VISIBLE:
        trouble.append("actions in the overflow menu")
    for action in actions:
        if action.get("type") not in LIVE_ACTIONS:
            trouble.append(f"dead button {action.get('type')}")
        elif action["type"] == "Action.OpenUrl" and not str(action.get("url", "")).startswith(("http://", "https://")):
            trouble.append("a link that is none")


class FakeTeams(HttpFake):
    def __init__(self):
        super().__init__()
        self.flows = {}
        self.messages = []
        self.calls = []
        self.orders = []

    def add_flow(self, channel):
        """The URL that the Workflows app shows once."""
        flow, signature = uuid.uuid4().hex, uuid.uuid4().hex
        self.flows[flow] = (channel, signature)
        return (f"{self.base_url}/powerautomate/automations/direct/workflows/{flow}/triggers/manual/paths/invoke"
                f"?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={signature}")

    def order(self, status, times=1, retry_after=None, close=False):
        """The next calls fail so; with status 502 the flow may have run all the same."""
        with self.changed:
            self.orders.extend([(status, retry_after, close)] * times)

    def handle(self, request):
        with self.changed:
            self.calls.append(request)
            answer = self.answer(request)
            self.changed.notify_all()
        return answer

    def answer(self, request):
        parts = request.path.split("/")
        flow = self.flows.get(parts[5]) if len(parts) == 10 else None
        if flow is None:
            return refuse(404, "WorkflowNotFound")
        if request.query.get("sig") != flow[1]:
            return refuse(401, "DirectApiAuthorizationRequired")
        if self.orders:
            status, retry_after, close = self.orders.pop(0)
            if status == 202:
                self.post(flow[0], request)
            headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
            return Answer(status, HTML_502 if status == 502 else b"", headers, close=close)
        return self.post(flow[0], request)

    def post(self, channel, request):
        try:
            card, = [attachment["content"] for attachment in json.loads(request.body)["attachments"]
                     if attachment["contentType"] == CARD]
            assert card["type"] == "AdaptiveCard" and request.method == "POST"
            assert request.content_type == "application/json"
        except (ValueError, KeyError, TypeError, AssertionError):
            return refuse(400, "TriggerInputSchemaMismatch")
        message = TeamsMessage(channel, card, request.body)
        if len(request.body) > CARD_BYTES:
            message.trouble.append("not shown: RequestEntityTooLarge")
        if card.get("version") not in ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5"):
            message.trouble.append(f"version {card.get('version')}")
        check(card.get("body") or [], message.trouble)
        check_actions(card.get("actions") or [], message.trouble)
        self.messages.append(message)
        return Answer(202)

    def wait_message(self, channel, predicate, timeout=20):
        def look():
            return next((m for m in self.messages if m.channel == channel and predicate(m)), None)
        return self.wait_for(look, timeout, lambda: f"a message in {channel}, have {self.messages}")

    def assert_clean(self):
        troubles = [(m, m.trouble) for m in self.messages if m.trouble]
        assert not troubles, troubles


def refuse(status, code):
    return json_answer({"error": {"code": code, "message": urllib.parse.quote(code)}}, status)

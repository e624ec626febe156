"""HookListener: receives what rollcall sends to webhooks and answers by script."""

import json
import threading
import urllib.parse
from dataclasses import dataclass

from tests.fakes.http_server import Answer, HttpFake


@dataclass
class Hook:
    """One received request."""

    method: str
    path: str
    query: dict
    headers: object
    body: bytes
    parsed: object
    time: float
    status: int

    def __repr__(self):
        return f"<{self.method} {self.path} -> {self.status} {self.body[:120]!r}>"


@dataclass
class Script:
    answer: Answer
    left: object


class HookListener(HttpFake):
    """Answers 200 with an empty body on every path until told otherwise.

    script(path, ...) orders answers; several scripts of one path are used up in the order given, the last one
    with times=None stays for good.
    """

    def __init__(self, status=200, body=b""):
        super().__init__()
        self.default = Answer(status, body)
        self.scripts = {}
        self.received = []
        self.held = {}

    def url(self, path="/"):
        return self.base_url + path

    # -- scripting ------------------------------------------------------------------------------

    def script(self, path, status=200, body=b"", delay=0.0, close=False, times=None, headers=None):
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        answer = Answer(status, raw, dict(headers or {}), delay, close)
        with self.changed:
            self.scripts.setdefault(path, []).append(Script(answer, times))
        return self

    def set(self, path, status=200, body=b"", **settings):
        """Replace whatever the path was scripted to do."""
        with self.changed:
            self.scripts.pop(path, None)
        return self.script(path, status, body, **settings)

    def hold(self, path):
        """Requests to path stay unanswered until the returned event is set."""
        gate = threading.Event()
        with self.changed:
            self.held[path] = gate
        return gate

    def next_answer(self, path):
        for script in self.scripts.get(path, ()):
            if script.left is None:
                return script.answer
            if script.left > 0:
                script.left -= 1
                return script.answer
        return self.default

    # -- receiving ------------------------------------------------------------------------------

    def handle(self, request):
        with self.changed:
            answer = self.next_answer(request.path)
            gate = self.held.get(request.path)
            status = 0 if answer.close else answer.status
            self.received.append(
                Hook(request.method, request.path, request.query, request.headers, request.body, parse(request),
                     request.time, status))
            self.changed.notify_all()
        while gate is not None and not gate.wait(0.1) and not self.stopping.is_set():
            pass
        return answer

    # -- inspecting -----------------------------------------------------------------------------

    def requests(self, path=None, predicate=None):
        with self.changed:
            return [hook for hook in self.received
                    if (path is None or hook.path == path) and (predicate is None or predicate(hook))]

    def count(self, path=None):
        return len(self.requests(path))

    def wait(self, path=None, count=1, timeout=10.0, predicate=None):
        """The requests of path (that fit predicate) once there are at least `count`."""
        def enough():
            found = self.requests(path, predicate)
            return found if len(found) >= count else None
        return self.wait_for(enough, timeout, lambda: f"{count} requests to {path or 'any path'}, have {self.received}")

    def clear(self):
        with self.changed:
            self.received.clear()


def parse(request):
    """The body as the sender meant it: JSON, a form, or None."""
    if request.content_type == "application/x-www-form-urlencoded":
        return dict(urllib.parse.parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        return json.loads(request.body)
    except ValueError:
        return None

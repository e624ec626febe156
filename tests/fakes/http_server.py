"""The HTTP/1.1 server under every fake: 127.0.0.1, ephemeral port, one thread a connection."""

import json
import socket
import threading
import time
import urllib.parse
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.websocket import is_upgrade

MAX_BODY = 64 * 1024 * 1024
IDLE_SECONDS = 75


@dataclass
class Request:
    """One HTTP request as it arrived; the body is undecoded bytes."""

    method: str
    target: str
    headers: object
    body: bytes
    peer: str
    time: float = field(default_factory=time.time)

    @property
    def path(self):
        return urllib.parse.urlsplit(self.target).path

    @property
    def query(self):
        parsed = urllib.parse.urlsplit(self.target).query
        return dict(urllib.parse.parse_qsl(parsed, keep_blank_values=True))

    @property
    def content_type(self):
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower()

    def json(self):
        return json.loads(self.body)


@dataclass
class Answer:
    """What goes back. `close` drops the connection unanswered; `delay` holds the answer back."""

    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    delay: float = 0.0
    close: bool = False


def json_answer(value, status=200, **headers):
    body = json.dumps(value, ensure_ascii=False).encode()
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, body, {"Content-Type": "application/json; charset=utf-8", **named})


def text_answer(text, status=200):
    return Answer(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def log_message(self, *_):
        """The fakes keep their own record; nothing goes to stderr."""

    def read_chunked(self):
        parts = []
        while True:
            size = int(self.rfile.readline(1024).split(b";")[0], 16)
            if size == 0:
                break
            parts.append(self.rfile.read(size))
            self.rfile.readline(4)
        while self.rfile.readline(65536).strip():
            pass
        return b"".join(parts)

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self.read_chunked()
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            raise ValueError("body too large for a fake")
        return self.rfile.read(length) if length else b""

    def answer(self):
        try:
            request = Request(self.command, self.path, self.headers, self.read_body(), self.client_address[0])
        except ValueError:
            self.close_connection = True
            return
        if is_upgrade(request):
            reply = self.server.fake.upgrade(self, request)
            if reply is None:
                self.close_connection = True
                return
        else:
            reply = self.server.fake.handle_safely(request)
        if reply.delay:
            self.server.fake.stopping.wait(reply.delay)
        if reply.close:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, text in reply.headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, fake, port):
        self.fake = fake
        self.open_sockets = set()
        super().__init__(("127.0.0.1", port), Handler)

    def process_request(self, request, client_address):
        self.open_sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open_sockets.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """A client that hangs up in the middle is no news to a fake."""

    def drop_all(self):
        for each in list(self.open_sockets):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class HttpFake:
    """Base of the fakes: life of the server, waiting for a condition, mistakes made by the system under test."""

    def __init__(self):
        self.changed = threading.Condition(threading.RLock())
        self.stopping = threading.Event()
        self.complaints = []
        self.crashes = []
        self.listener = None
        self.port = 0

    # -- life -----------------------------------------------------------------------------------

    def start(self):
        self.stopping.clear()
        self.listener = Listener(self, self.port)
        self.port = self.listener.server_address[1]
        threading.Thread(target=self.listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self):
        if self.listener is None:
            return
        self.stopping.set()
        self.listener.shutdown()
        self.listener.server_close()
        self.listener.drop_all()
        self.listener = None

    @contextmanager
    def offline(self):
        """While inside, connections to the fake are refused; afterwards it is back on the same port."""
        self.stop()
        try:
            yield self
        finally:
            self.start()

    def __enter__(self):
        return self if self.listener else self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.port}"

    # -- answering ------------------------------------------------------------------------------

    def handle(self, request):
        raise NotImplementedError

    def upgrade(self, _handler, _request):
        """A WebSocket is asked for: serve it to its end and answer None, or refuse with an Answer."""
        return Answer(404, b"no WebSocket here")

    def handle_safely(self, request):
        """A bug in a fake must show up as such, not as a fault of the program under test."""
        try:
            return self.handle(request)
        except Exception as error:  # noqa: BLE001 - kept for the test to see
            self.crashes.append(error)
            return text_answer(f"fake crashed: {error!r}", 599)

    def complain(self, text):
        """Record something the real platform tolerates or drops in silence, but a good client never does."""
        with self.changed:
            self.complaints.append(text)
            self.changed.notify_all()

    # -- waiting --------------------------------------------------------------------------------

    def wait_for(self, predicate, timeout=10.0, what="condition"):
        """Block until predicate() is truthy, return its value; AssertionError at the deadline."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                value = predicate()
                if value:
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    text = what() if callable(what) else what
                    raise AssertionError(f"not within {timeout:g} s: {text}")
                self.changed.wait(min(left, 0.5))

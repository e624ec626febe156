"""Socket Mode: the WebSockets over which Slack sends what it posts otherwise."""

import json
import secrets
import threading
import time
import uuid

from tests.fakes.delivery import Delivery
from tests.fakes.http_server import Answer
from tests.fakes.websocket import PING, TEXT, Gone, WebSocket

TICKET_SECONDS = 30.0
SOCKETS_MAX = 10
WARNING_SECONDS = 10.0


class Link:
    """One open connection of an app."""

    def __init__(self, ws):
        self.ws = ws
        self.opened = time.time()
        self.greeted = False
        self.leaving = False
        self.pings = 0
        self.sent = []


class SocketMode:
    """Mixed into FakeSlack: needs changed, stopping, complain, workspace, ack_seconds, keep, base_url."""

    def __init__(self):
        self.by_socket = False  # events go over the sockets, not to bot_url
        self.links = []
        self.tickets = {}
        self.waiting = {}  # envelope id -> [link, event, answer, time]
        self.acks = []
        self.hello_delay = 0.0
        self.ping_period = 5.0
        self.warning_seconds = WARNING_SECONDS
        self.turn = 0
        self.link_count_told = None

    # -- opening --------------------------------------------------------------------------------

    def new_ticket(self):
        ticket = secrets.token_urlsafe(24)
        self.tickets[ticket] = time.time()
        return f"ws{self.base_url[4:]}/link/?ticket={ticket}&app_id={self.workspace.app_id}"

    def take_ticket(self, request):
        issued = self.tickets.pop(request.query.get("ticket", ""), None)
        return issued is not None and time.time() - issued <= TICKET_SECONDS

    def upgrade(self, handler, request):
        """The life of one connection, in the thread of its HTTP request."""
        if request.path != "/link/" or not self.take_ticket(request):
            return Answer(404, b"")
        link = Link(WebSocket(handler, request))
        handler.connection.settimeout(None)
        with self.changed:
            crowded = len(self.links) >= SOCKETS_MAX
            if not crowded:
                self.links.append(link)
        threading.Thread(target=self.talk, args=(link, crowded), daemon=True).start()
        try:
            while True:
                self.heard(link, *link.ws.read())
        except Gone as gone:
            if gone.code == 1002:
                self.complain(f"WebSocket: {gone}")
        finally:
            link.ws.drop()
            with self.changed:
                if link in self.links:
                    self.links.remove(link)
                self.changed.notify_all()
        return None

    def talk(self, link, crowded):
        """Greets, then pings."""
        try:
            if self.hello_delay:
                self.stopping.wait(self.hello_delay)
            if crowded:
                link.ws.send(json.dumps({"type": "disconnect", "reason": "too_many_websockets",
                                         "debug_info": {"host": "applink-7"}}))
                return
            count = self.link_count_told or len(self.links)
            link.ws.send(json.dumps({
                "type": "hello", "num_connections": count, "connection_info": {"app_id": self.workspace.app_id},
                "debug_info": {"host": "applink-7", "started": "2023-11-14 22:13:20.000", "build_number": 41,
                               "approximate_connection_time": 18060}}))
            with self.changed:
                link.greeted = True
                self.changed.notify_all()
            while not self.stopping.wait(self.ping_period) and not link.ws.closed:
                link.ws.frame(PING, b"Ping from applink-7")
        except OSError:
            link.ws.drop()

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
        except ValueError:
            self.complain("an acknowledgement that is not JSON")
            return
        with self.changed:
            envelope = ack.get("envelope_id")
            self.acks.append((time.time(), envelope, ack.get("payload")))
            waits = self.waiting.get(envelope)
            if waits is None:
                self.complain(f"an acknowledgement of an unknown envelope: {envelope}")
            elif link not in waits["links"]:
                self.complain("an acknowledgement on another socket than its envelope's")
            else:
                waits["answer"], waits["at"] = ack.get("payload"), time.time()
                waits["event"].set()
            self.changed.notify_all()

    # -- sending --------------------------------------------------------------------------------

    def ready_links(self):
        return [link for link in self.links if link.greeted and not link.ws.closed]

    def choose(self):
        """As Slack: any of them, whether it leaves or not."""
        found = self.ready_links()
        if not found:
            return None
        self.turn += 1
        return found[self.turn % len(found)]

    def deliver(self, kind, payload, accepts=False, links=None, retry=0, wait=True, **more):
        """One envelope; a Delivery with status 200 when it was acknowledged in time, 0 when not."""
        begin = time.monotonic()
        with self.changed:
            chosen = links or [link for link in (self.choose(),) if link]
            envelope = str(uuid.uuid4())
            waits = {"links": chosen, "event": threading.Event(), "answer": None, "at": 0}
            self.waiting[envelope] = waits
        frame = {"envelope_id": envelope, "type": kind, "accepts_response_payload": accepts, "payload": payload, **more}
        if kind == "events_api":
            frame.update(retry_attempt=retry, retry_reason="timeout" if retry else "")
        text = json.dumps(frame, ensure_ascii=False)
        for link in chosen:
            try:
                link.ws.send(text)
                link.sent.append(envelope)
            except OSError:
                pass
        if not wait:
            return envelope
        on_time = bool(chosen) and waits["event"].wait(self.ack_seconds)
        answer = waits["answer"] if on_time else None
        if answer and not accepts:
            self.complain(f"{kind} acknowledged with a payload that nobody asked for")
        return Delivery(200 if on_time else 0, json.dumps(answer) if answer else "", time.monotonic() - begin,
                        {"content-type": "application/json"}, error="" if on_time else "timeout")

    def send_raw(self, text, link=None):
        (link or self.choose()).ws.send(text)

    def disconnect(self, reason, link=None):
        """Slack wants a connection to end: after a warning it stays for a while, and goes without a farewell."""
        link = link or self.choose()
        link.leaving = True
        link.ws.send(json.dumps({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-7"}}))

        def end():
            self.stopping.wait(self.warning_seconds)
            link.ws.drop()

        threading.Thread(target=end, daemon=True).start()
        return link

    def wait_links(self, count, timeout=10.0):
        return self.wait_for(lambda: len(self.ready_links()) == count and self.ready_links(), timeout,
                             lambda: f"{count} sockets, have {len(self.ready_links())}")

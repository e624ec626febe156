"""FakeSlack: a workspace, its Web API, and the people in it.

    with FakeSlack(bot_url="http://127.0.0.1:8080/slack") as slack:
        slack.add_channel("C09", "releases", members=["U77", "U78"])
        ... the bot posts to slack.api_url ...
        card = slack.wait_message("C09", lambda m: "R-17" in m.plain)
        status, body, seconds = slack.click("C09", card.ts, "Approve", user="U77")

`complaints` lists what Slack would let pass but a good client never does; `crashes` bugs of the fake itself. Both
should be empty at the end of a test: call `assert_clean()`.
"""

import json

from tests.fakes import slack_views
from tests.fakes.faults import KINDS_BEFORE, plain_answer
from tests.fakes.http_server import Answer, HttpFake, json_answer, text_answer
from tests.fakes.slack_api import WebApi
from tests.fakes.slack_errors import ApiError
from tests.fakes.slack_methods import check_thread, read_content, truthy
from tests.fakes.slack_model import RESPONSE_URL_SECONDS, RESPONSE_URL_USES, Workspace
from tests.fakes.slack_socket import SocketMode
from tests.fakes.slack_sender import CannotDo, SlackSender, Tamper, button_matches, signature

__all__ = ["CannotDo", "FakeSlack", "Tamper", "signature"]

SIGNING_SECRET = "e6b19c573432dcc6b075501d51b51bb8"


class FakeSlack(SlackSender, SocketMode, HttpFake):
    def __init__(self, bot_url="", bot_token="xoxb-fake-1", app_token="xapp-fake-1", signing_secret=SIGNING_SECRET):
        HttpFake.__init__(self)
        SlackSender.__init__(self, bot_url)
        SocketMode.__init__(self)
        self.bot_token = bot_token
        self.app_token = app_token
        self.signing_secret = signing_secret
        self.workspace = Workspace(lock=self.changed)
        self.api = WebApi(self.workspace, self.complain, self.notify)
        self.api.tokens = {bot_token: "bot", app_token: "app"}
        self.api.new_ticket = self.new_ticket

    def start(self):
        super().start()
        self.api.base_url = self.base_url
        return self

    @property
    def api_url(self):
        return self.base_url + "/api/"

    def notify(self):
        with self.changed:
            self.changed.notify_all()

    # -- setting up -----------------------------------------------------------------------------

    def add_user(self, user_id, name=None, **traits):
        return self.workspace.add_user(user_id, name, **traits)

    def add_channel(self, channel_id, name=None, members=(), bot_is_member=True, **traits):
        return self.workspace.add_channel(channel_id, name, members, bot_is_member, **traits)

    def add_group(self, group_id, handle, users=(), disabled=False):
        return self.workspace.add_group(group_id, handle, users, disabled)

    def revoke(self, token=None, error="token_revoked"):
        self.api.tokens[token or self.bot_token] = error

    def restore(self, token=None):
        self.api.tokens[token or self.bot_token] = "app" if token == self.app_token else "bot"

    def rotate(self, refresh, client_id="12.34", client_secret="c" * 32, life=43200):
        """Tokens of the app rotate from now on; the first refresh token is given."""
        self.api.rotation = {"client_id": client_id, "client_secret": client_secret, "refresh": refresh, "access": "",
                             "life": life}
        self.api.tokens[self.bot_token] = "token_expired"

    def expire(self):
        """The twelve hours are over."""
        self.api.tokens[self.api.rotation["access"]] = "token_expired"

    def remove_scope(self, *names):
        self.api.scopes -= set(names)

    def advance(self, seconds):
        """Move Slack's clock on: triggers, response URLs, rate windows and files age at once."""
        self.workspace.ahead += seconds

    def limit(self, posts_per_second=False, tiers=False, tier_scale=1.0):
        """Rate limits on or off; a smaller tier_scale makes the minute counters bite sooner."""
        self.api.limits.post_gap = 1.0 if posts_per_second else 0.0
        self.api.limits.tiers, self.api.limits.tier_scale = tiers, tier_scale

    def fail(self, kind, method="*", times=1, channel=None, **settings):
        """Order a failure; times=None until clear_faults().

        kind: ratelimited (retry_after=1, None leaves the header out), http_500, http_502, http_503, empty, not_json,
        close, error (error="..." or a whole answer) - without effect; close_after, http_500_after, slow (delay=s) -
        the call has its effect first. method may also be "response_url" or "upload".
        """
        return self.api.faults.add(kind, method, times, {"channel": channel} if channel else None, **settings)

    def clear_faults(self):
        self.api.faults.clear()

    # -- serving --------------------------------------------------------------------------------

    def handle(self, request):
        if request.path.startswith("/api/"):
            return self.api.handle(request)
        if request.path.startswith("/upload/v1/"):
            return self.with_faults("upload", lambda: self.take_upload(request))
        if request.path.startswith(("/actions/", "/commands/")):
            return self.with_faults("response_url", lambda: self.take_response(request))
        return Answer(404, b"not found")

    def with_faults(self, target, work):
        fault = self.api.faults.take(target, {})
        if fault and fault.kind in KINDS_BEFORE:
            reply = self.api.failed(fault)
        else:
            reply = work()
            reply = (fault and plain_answer(fault)) or reply
        if fault:
            reply.delay = fault.delay
        self.notify()
        return reply

    def take_upload(self, request):
        file = next((f for f in self.workspace.files.values() if f.path == request.path), None)
        if file is None or request.method != "POST":
            return text_answer("not found", 404)
        content = request.body
        if request.content_type == "multipart/form-data":
            content = first_part(request)
        if file.content is not None or len(content) != file.length:
            return text_answer(f"ERROR - expected {file.length} bytes, got {len(content)}", 400)
        file.content = content
        return text_answer(f"OK - {file.length}")

    def take_response(self, request):
        url = self.workspace.response_urls.get(request.path)
        if request.headers.get("Authorization"):
            self.complain("response_url called with an Authorization header")
        if url is None or self.workspace.now() - url.time > RESPONSE_URL_SECONDS:
            return json_answer({"ok": False, "error": "expired_url"}, 404)
        if url.uses >= RESPONSE_URL_USES:
            return json_answer({"ok": False, "error": "used_url"}, 404)
        if request.method != "POST":
            return Answer(405, b"", {"Allow": "POST"})
        wait = self.api.limits.wait_of("chat.postMessage", 0, url.channel, self.workspace.now())
        if wait > 0:
            return self.api.slow_down(int(wait) + 1)
        url.uses += 1
        try:
            content = request.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            return text_answer("invalid_payload", 400)
        return self.show_response(url.channel, url.user, content, url)

    def show_response(self, channel_id, user, content, url):
        """A message body given to a response_url (or in the answer to a slash command) takes effect."""
        channel = self.workspace.channels[channel_id]
        source = url.source if url else None
        if source is not None and "replace_original" not in content and not content.get("delete_original"):
            self.complain("response_url of a button used without stating replace_original")
        if truthy(content.get("delete_original")) and source is not None:
            source.deleted = True
            return text_answer("ok")
        try:
            parts = read_content(self.api, content)
            if not parts.text and not parts.blocks and not parts.attachments:
                raise ApiError("no_text")
            if truthy(content.get("replace_original")) and source is not None:
                self.workspace.edit(source, parts.text, parts.blocks or [], parts.attachments)
                return text_answer("ok")
            more = {"attachments": parts.attachments or [],
                    "thread_ts": check_thread(self.api, channel, content.get("thread_ts"))}
            if content.get("response_type") == "in_channel":
                self.workspace.post(channel, self.workspace.bot_user, parts.text, parts.blocks or [], **more)
            else:
                self.workspace.whisper(channel, user, parts.text, parts.blocks or [], **more)
        except ApiError as refused:
            if url is None:
                self.complain(f"answer to a slash command refused: {refused.error} {refused.more}")
            return json_answer({"ok": False, "error": refused.error, **refused.more})
        self.notify()
        return text_answer("ok")

    # -- inspecting -----------------------------------------------------------------------------

    @property
    def calls(self):
        return list(self.api.calls)

    def calls_of(self, method, **args):
        return [c for c in self.calls if c.method == method and all(c.args.get(k) == v for k, v in args.items())]

    def messages(self, channel, thread=None, by_bot=True, deleted=False):
        """Messages of a channel (a U... id means its DM) in order; `thread` a parent's ts for its replies only."""
        place = self.workspace.channels.get(self.dm_id(channel))
        def wanted(message):
            return ((deleted or not message.deleted) and (not by_bot or message.bot_id)
                    and (thread is None or message.thread_ts == thread))
        return [m for m in (list(place.messages) if place else ()) if wanted(m)]

    def dm_id(self, channel):
        return "D" + channel[1:] if channel in self.workspace.users else channel

    def message(self, channel, ts):
        return self.workspace.find_message(self.dm_id(channel), ts)

    def replies(self, message):
        return self.messages(message.channel, thread=message.ts)

    def ephemerals(self, channel, user=None):
        place = self.workspace.channels.get(channel)
        return [m for m in (list(place.ephemerals) if place else ())
                if not m.deleted and (user is None or m.to_user == user)]

    def home(self, user):
        return self.workspace.homes.get(user)

    def views(self, user=None, only_open=True):
        return [v for v in list(self.workspace.views.values())
                if v.body["type"] == "modal" and (v.open or not only_open) and (user is None or v.user == user)]

    def button(self, channel, ts, wanted):
        """The element with this action_id or label, as stored; None when the message does not show it."""
        message = self.workspace.find_message(channel, ts) or self.workspace.find_ephemeral(channel, ts)
        found = message.pressables() if message else ()
        return next((element for _, element, _ in found if button_matches(element, wanted)), None)

    # -- waiting --------------------------------------------------------------------------------

    def wait_message(self, channel, predicate, timeout=10.0, thread=None):
        """The first message (also a reply) that fits: predicate(message), or a text it must contain."""
        fits = predicate if callable(predicate) else lambda m: predicate in m.plain
        return self.wait_for(lambda: next((m for m in self.messages(channel, thread) if fits(m)), None), timeout,
                             lambda: f"message in {channel}, have {self.messages(channel)}")

    def wait_ephemeral(self, channel, user, predicate=lambda m: True, timeout=10.0):
        fits = predicate if callable(predicate) else lambda m: predicate in m.plain
        return self.wait_for(lambda: next((m for m in self.ephemerals(channel, user) if fits(m)), None), timeout,
                             lambda: f"ephemeral for {user} in {channel}, have {self.ephemerals(channel)}")

    def wait_view(self, user, timeout=10.0):
        return self.wait_for(lambda: next(iter(self.views(user)), None), timeout, f"open view of {user}")

    def wait_home(self, user, predicate=lambda v: True, timeout=10.0):
        fits = predicate if callable(predicate) else lambda v: predicate in v.plain
        return self.wait_for(lambda: (lambda v: v and fits(v) and v)(self.home(user)), timeout,
                             lambda: f"Home of {user}, have {(lambda v: v and v.plain)(self.home(user))!r}")

    def wait_call(self, method, predicate=lambda c: True, timeout=10.0, count=1):
        def enough():
            found = [c for c in self.calls_of(method) if predicate(c)]
            return found if len(found) >= count else None
        return self.wait_for(enough, timeout, lambda: f"{count} x {method}, have {[c.method for c in self.calls]}")

    def view_state(self, view):
        return slack_views.view_json(self.workspace, view)

    def assert_clean(self):
        if self.complaints or self.crashes:
            raise AssertionError(f"complaints {self.complaints}, crashes {self.crashes}")

    def dump(self):
        """Everything people see, for a failure's message."""
        shown = {c.id: [repr(m) for m in c.messages + c.ephemerals] for c in self.workspace.channels.values()}
        return json.dumps(shown, indent=1, ensure_ascii=False)


def first_part(request):
    """The bytes of the first file part of a multipart body, whatever its name."""
    boundary = request.headers.get_param("boundary", header="content-type").encode()
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if b"filename" in head.lower():
            return content.removesuffix(b"\r\n")
    return b""

"""The door of the Web API: arguments, tokens, scopes, rate limits, ordered failures; then slack_methods.py."""

import json
import math
import secrets
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

from tests.fakes.faults import KINDS_BEFORE, FaultPlan, plain_answer
from tests.fakes.http_server import Answer, json_answer
from tests.fakes.slack_methods import METHODS, ApiError

TIER_PER_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100}
JSON_TEXT_ARGS = {"blocks", "view", "files", "metadata", "attachments"}
BAD_JSON = {"blocks": "invalid_blocks_format", "metadata": "invalid_metadata_format"}
ALL_SCOPES = {"app_mentions:read", "channels:history", "channels:join", "channels:read", "chat:write",
              "chat:write.public", "commands", "files:read", "files:write", "groups:history", "groups:read",
              "im:history", "im:write", "reactions:write", "usergroups:read", "users:read", "users:read.email"}


@dataclass
class Call:
    """One Web API call as it was judged; `answer` is None when an ordered failure took its place."""

    method: str
    args: dict
    time: float
    status: int
    answer: object
    headers: object = field(repr=False, default=None)
    fault: str = ""

    @property
    def ok(self):
        return bool(self.answer and self.answer.get("ok"))


class RateLimiter:
    """Off by default. `posts`: one message a second and channel. `tiers`: calls a minute and method."""

    def __init__(self):
        self.post_gap = 0.0
        self.tiers = False
        self.tier_scale = 1.0
        self.last_post = {}
        self.windows = {}
        self.lock = threading.Lock()

    def wait_of(self, method, tier, channel, now):
        """Seconds the caller must wait; 0 when the call may go on (and is counted)."""
        with self.lock:
            if self.post_gap and method == "chat.postMessage" and channel:
                wait = self.last_post.get(channel, 0) + self.post_gap - now
                if wait > 0:
                    return wait
            if self.tiers and tier in TIER_PER_MINUTE:
                window = [t for t in self.windows.get(method, ()) if now - t < 60]
                if len(window) >= max(1, int(TIER_PER_MINUTE[tier] * self.tier_scale)):
                    return window[0] + 60 - now
                self.windows[method] = window + [now]
            if method == "chat.postMessage":
                self.last_post[channel] = now
        return 0


class WebApi:
    def __init__(self, workspace, complain, notify):
        self.workspace = workspace
        self.complain = complain
        self.notify = notify
        self.tokens = {}
        self.faults = FaultPlan()
        self.limits = RateLimiter()
        self.scopes = set(ALL_SCOPES)
        self.base_url = ""
        self.socket_mode = True  # the switch in the settings of the app
        self.new_ticket = None
        self.rotation = None  # {"client_id", "client_secret", "refresh", "access", "life"}
        self.update_without_blocks = "keep"
        self.calls = []

    # -- reading --------------------------------------------------------------------------------

    def read_json(self, request):
        try:
            args = json.loads(request.body)
        except ValueError:
            raise ApiError("invalid_json") from None
        if not isinstance(args, dict):
            raise ApiError("json_not_object")
        return args

    def read_form(self, request):
        try:
            text = request.body.decode("utf-8") if request.method == "POST" else ""
        except UnicodeDecodeError:
            raise ApiError("invalid_charset") from None
        args = dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
        if request.method == "GET":
            args = {key: value for key, value in request.query.items() if key != "token"}
        for key in JSON_TEXT_ARGS & set(args):
            if not args[key]:
                del args[key]
                continue
            try:
                args[key] = json.loads(args[key])
            except ValueError:
                raise ApiError(BAD_JSON.get(key, "invalid_arguments")) from None
        return args

    def read_args(self, request, method):
        """(arguments, warnings); `args` stays empty where Slack would not look at the body."""
        if not request.body or request.method == "GET":
            return self.read_form(request), []
        kind = request.content_type
        if kind == "application/json":
            args = self.read_json(request)
            charset = "charset" in request.headers.get("Content-Type", "").lower()
            if METHODS[method].form_only:
                self.complain(f"{method}: arguments sent as JSON, this method reads forms only")
                return {}, []
            return args, [] if charset else ["missing_charset"]
        if kind == "application/x-www-form-urlencoded":
            return self.read_form(request), []
        raise ApiError("invalid_post_type" if kind else "missing_post_type")

    # -- judging --------------------------------------------------------------------------------

    def token_of(self, request):
        if "token" in request.query:
            self.complain("token in the query string")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            return token.strip()
        if request.content_type == "application/x-www-form-urlencoded":
            form = urllib.parse.parse_qs(request.body.decode("utf-8", "replace"))
            return form.get("token", [""])[0]
        return ""

    def check_token(self, request, spec):
        if spec.token == "none":
            return
        token = self.token_of(request)
        if not token:
            raise ApiError("not_authed")
        kind = self.tokens.get(token)
        if kind is None:
            raise ApiError("invalid_auth")
        if kind not in ("bot", "app"):
            raise ApiError(kind)
        if kind != spec.token:
            raise ApiError("not_allowed_token_type")

    def check_scope(self, spec):
        if spec.scopes and not self.scopes & set(spec.scopes):
            raise ApiError("missing_scope", needed=spec.scopes[0], provided=",".join(sorted(self.scopes)))

    def run(self, request, method, spec, args_or_error):
        try:
            self.check_token(request, spec)
            if isinstance(args_or_error, ApiError):
                raise args_or_error
            args, warnings = args_or_error
            self.check_scope(spec)
            with self.workspace.lock:
                answer = {"ok": True, **(spec.run(self, args) or {})}
            if warnings:
                answer["warning"] = ",".join(warnings)
                answer.setdefault("response_metadata", {})["warnings"] = warnings
            return answer
        except ApiError as refused:
            return {"ok": False, "error": refused.error, **refused.more}

    # -- answering ------------------------------------------------------------------------------

    def headers(self, spec):
        named = {"X-Slack-Req-Id": secrets.token_hex(16), "Cache-Control": "private, no-cache, no-store"}
        if spec:
            named["X-OAuth-Scopes"] = ",".join(sorted(self.scopes))
            named["X-Accepted-OAuth-Scopes"] = ",".join(spec.scopes)
        return named

    def slow_down(self, seconds):
        answer = json_answer({"ok": False, "error": "ratelimited"}, 429)
        if seconds is not None:
            answer.headers["Retry-After"] = str(seconds)
        return answer

    def failed(self, fault):
        if fault.kind == "ratelimited":
            return self.slow_down(fault.retry_after)
        if fault.kind == "error":
            more = fault.error if isinstance(fault.error, dict) else {"error": fault.error}
            return json_answer({"ok": False, **more})
        return plain_answer(fault)

    def record(self, request, method, args, reply, answer, fault=None):
        call = Call(method, args, time.time(), 0 if reply.close else reply.status, answer, request.headers,
                    fault.kind if fault else "")
        self.calls.append(call)
        self.notify()
        return reply

    def finish(self, reply, spec, fault):
        reply.headers.update(self.headers(spec))
        if fault:
            reply.delay = fault.delay
        return reply

    def handle(self, request):
        method = request.path[len("/api/"):]
        spec = METHODS.get(method)
        if request.method not in ("GET", "POST"):
            return Answer(405, b"", {"Allow": "GET, POST"})
        if spec is None:
            answer = {"ok": False, "error": "unknown_method", "req_method": method}
            return self.record(request, method, {}, json_answer(answer), answer)
        try:
            parsed = self.read_args(request, method)
            args = {key: value for key, value in parsed[0].items() if key != "token"}
            parsed = (args, parsed[1])
        except ApiError as unreadable:
            args, parsed = {}, unreadable
        fault = self.faults.take(method, args)
        if fault and fault.kind in KINDS_BEFORE:
            return self.record(request, method, args, self.finish(self.failed(fault), spec, fault), None, fault)
        wait = self.limits.wait_of(method, spec.tier, args.get("channel"), self.workspace.now())
        if wait > 0:
            reply = self.finish(self.slow_down(math.ceil(wait)), spec, None)
            return self.record(request, method, args, reply, {"ok": False, "error": "ratelimited"})
        answer = self.run(request, method, spec, parsed)
        reply = (fault and plain_answer(fault)) or json_answer(answer)
        return self.record(request, method, args, self.finish(reply, spec, fault), answer, fault)

"""HTTP mode: what Slack sends to the bot, and what people do in their Slack client."""

import hashlib
import hmac
import json
import time
import urllib.parse
from dataclasses import dataclass, field

from tests.fakes import slack_views
from tests.fakes.delivery import send
from tests.fakes.slack_blocks import interactive

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
ACK_SECONDS = 3.0
RETRY_AFTER = (0.0, 60.0, 300.0)


class CannotDo(AssertionError):
    """The person could not do this in a real Slack client: the button is not there, the view is closed, ..."""


@dataclass
class Tamper:
    """How a forger, or a broken clock, differs from Slack."""

    skew: int = 0
    secret: str = ""
    flip_byte: bool = False
    upper_hex: bool = False
    version: str = "v0"
    drop: tuple = ()
    duplicate: tuple = ()
    timestamp: str = ""
    extra: dict = field(default_factory=dict)


GENUINE = Tamper()


def signature(secret, timestamp, body, version="v0"):
    """X-Slack-Signature of `body` (bytes) at `timestamp` (text exactly as in the header)."""
    base = f"{version}:{timestamp}:".encode() + body
    return f"{version}=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def signed_headers(secret, body, content_type, tamper=GENUINE, extra=()):
    timestamp = tamper.timestamp or str(int(time.time()) + tamper.skew)
    mark = signature(tamper.secret or secret, timestamp, body, tamper.version)
    if tamper.upper_hex:
        mark = mark[:3] + mark[3:].upper()
    headers = [("User-Agent", AGENT), ("Accept-Encoding", "gzip,deflate"), ("Accept", "*/*"),
               ("X-Slack-Signature", mark), ("X-Slack-Request-Timestamp", timestamp), ("Content-Type", content_type),
               *extra, *tamper.extra.items()]
    kept = [(name, text) for name, text in headers if name not in tamper.drop]
    return kept + [(name, text) for name, text in kept if name in tamper.duplicate]


def escape_typed(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def button_matches(element, wanted):
    label = (element.get("text") or element.get("placeholder") or {}).get("text", "")
    return wanted in (element.get("action_id"), label)


class SlackSender:
    """Mixed into FakeSlack: needs workspace, signing_secret, base_url, complain, stopping."""

    def __init__(self, bot_url):
        self.bot_url = bot_url
        self.urls = {}
        self.ack_seconds = ACK_SECONDS
        self.should_escape = True
        self.retry_factor = 1.0
        self.sent = []
        self.timeouts = []

    # -- sending --------------------------------------------------------------------------------

    def post_signed(self, kind, content_type, body, tamper=GENUINE, extra=()):
        """Sign and POST raw bytes to the bot's URL for `kind`: "interactive", "slash" or "events"."""
        url = self.urls.get(kind, self.bot_url)
        if not url:
            raise CannotDo("the fake has no bot_url yet")
        headers = signed_headers(self.signing_secret, body, content_type, tamper, extra)
        wire = bytes([body[0] ^ 1]) + body[1:] if tamper.flip_byte and body else body
        return self.keep(kind, send(url, wire, headers, timeout=self.ack_seconds))

    def keep(self, kind, delivery):
        with self.changed:
            self.sent.append((kind, delivery))
            if delivery.status != 200:
                self.timeouts.append((kind, delivery))
            self.changed.notify_all()
        return delivery

    def replay(self, delivery):
        """Send the very same bytes and headers again."""
        again = send(delivery.sent_url, delivery.sent_body, delivery.sent_headers, timeout=self.ack_seconds)
        return self.keep("replay", again)

    def post_interactive(self, payload, tamper=GENUINE):
        if self.by_socket:
            return self.keep("interactive", self.deliver("interactive", payload, payload["type"] == "view_submission"))
        body = urllib.parse.urlencode({"payload": json.dumps(payload, separators=(",", ":"))}).encode()
        return self.post_signed("interactive", FORM, body, tamper)

    # -- pieces of payloads ---------------------------------------------------------------------

    def user_json(self, user_id):
        user = self.workspace.users.get(user_id)
        if user is None:
            raise CannotDo(f"no user {user_id} in the workspace, have {sorted(self.workspace.users)}")
        return {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id}

    def outer(self, kind, user_id, trigger_view=""):
        workspace = self.workspace
        return {"type": kind, "user": self.user_json(user_id), "api_app_id": workspace.app_id, "token": "legacy",
                "team": None if workspace.org_wide else {"id": workspace.team_id, "domain": workspace.domain},
                "enterprise": {"id": workspace.enterprise_id, "name": "Acme"} if workspace.enterprise_id else None,
                "is_enterprise_install": workspace.org_wide, "trigger_id": workspace.new_trigger(user_id, trigger_view)}

    def action_ts(self):
        return "%010d.%06d" % divmod(int(time.time() * 1_000_000) + self.workspace.next_number(), 1_000_000)

    def action_json(self, block_id, element, option):
        action = {"action_id": element["action_id"], "block_id": block_id, "type": element["type"],
                  "action_ts": self.action_ts()}
        for key in ("text", "value", "style", "url", "placeholder"):
            if element.get(key):
                action[key] = element[key]
        if element["type"] in ("static_select", "overflow", "radio_buttons"):
            chosen = [o for o in element.get("options", ()) if option in (o["value"], o["text"]["text"])]
            if not chosen:
                raise CannotDo(f"no option {option!r} in {element}")
            action["selected_option"] = chosen[0]
        return action

    def container(self, message, attachment):
        place = {"type": "message_attachment" if attachment else "message", "message_ts": message.ts,
                 "channel_id": message.channel, "is_ephemeral": bool(message.to_user)}
        if attachment:
            place.update(attachment_id=attachment, is_app_unfurl=False)
        if message.thread_ts:
            place["thread_ts"] = message.thread_ts
        return place

    def find_pressable(self, message, wanted, edit):
        for block_id, element, attachment in message.pressables(edit):
            if button_matches(element, wanted):
                return block_id, element, attachment
        shown = [e.get("action_id") for _, e, _ in message.pressables(edit)]
        raise CannotDo(f"no {wanted!r} on {message}, it shows {shown}")

    # -- what people do -------------------------------------------------------------------------

    def click(self, channel, ts, action, user, edit=None, option=None, state=None, tamper=GENUINE, change=None):
        """Press a control, named by action_id or label, of a stored message.

        edit: press it as it stood in that earlier state (a client that has not redrawn yet).
        change: called with the payload before it is signed, for payloads Slack would not build.
        """
        message = self.workspace.find_message(channel, ts) or self.workspace.find_ephemeral(channel, ts)
        if message is None:
            raise CannotDo(f"no message {ts} in {channel}")
        block_id, element, attachment = self.find_pressable(message, action, edit)
        payload = self.outer("block_actions", user)
        place = self.workspace.channels[channel]
        path = self.workspace.new_response_url("actions", user, channel, message)
        payload.update(container=self.container(message, attachment), channel={"id": channel, "name": place.name},
                       state={"values": state or {}}, response_url=self.base_url + path,
                       actions=[self.action_json(block_id, element, option)])
        if not message.to_user:
            payload["message"] = message.as_json()
        if change:
            change(payload)
        delivery = self.post_interactive(payload, tamper)
        if delivery.status == 200 and delivery.body.strip() not in ("", "{}"):
            self.complain("block_actions answered with a body, Slack ignores it")
        return delivery

    def slash(self, user, channel, command, text="", raw=False, tamper=GENUINE, change=None):
        """Type a slash command. `raw` text goes out as it is, otherwise it is escaped like typed text."""
        workspace = self.workspace
        place = workspace.channels.get(channel)
        if place is None or user not in workspace.users:
            raise CannotDo(f"no {channel} or {user} in the workspace")
        path = workspace.new_response_url("commands", user, channel)
        form = {"token": "legacy", "team_id": workspace.team_id, "team_domain": workspace.domain,
                "channel_id": channel, "channel_name": place.name, "user_id": user,
                "user_name": workspace.users[user].name, "command": command, "text": text if raw else self.typed(text),
                "api_app_id": workspace.app_id, "is_enterprise_install": str(workspace.org_wide).lower(),
                "response_url": self.base_url + path, "trigger_id": workspace.new_trigger(user)}
        if workspace.enterprise_id:
            form.update(enterprise_id=workspace.enterprise_id, enterprise_name="Acme")
        if change:
            change(form)
        if self.by_socket:
            delivery = self.keep("slash", self.deliver("slash_commands", form, True))
        else:
            delivery = self.post_signed("slash", FORM, urllib.parse.urlencode(form).encode(), tamper)
        if delivery.status == 200:
            self.show_slash_answer(place, user, delivery)
        return delivery

    def typed(self, text):
        escaped = escape_typed(text)
        if not self.should_escape:
            return escaped
        for user in sorted(self.workspace.users.values(), key=lambda u: -len(u.name)):
            escaped = escaped.replace("@" + user.name, f"<@{user.id}|{user.name}>")
        for channel in self.workspace.channels.values():
            escaped = escaped.replace("#" + channel.name, f"<#{channel.id}|{channel.name}>")
        return escaped

    def show_slash_answer(self, channel, user, delivery):
        """The body of the answer becomes a message, as with Slack."""
        if not delivery.body.strip():
            return
        content = {"text": delivery.body}
        if "json" in delivery.headers.get("content-type", ""):
            try:
                content = delivery.json()
            except ValueError:
                self.complain("slash command answered with application/json that does not parse")
                return
        self.show_response(channel.id, user, content, None)

    def mention(self, user, channel, text, **more):
        """`@bot text` in a channel: the message is stored, the app_mention event sent."""
        workspace = self.workspace
        full = f"<@{workspace.bot_user}> {self.typed(text)}"
        message = self.say(user, channel, full, more.pop("thread_ts", ""))
        inner = {"type": "app_mention", "user": user, "text": full, "ts": message.ts, "channel": channel,
                 "team": workspace.team_id, "event_ts": message.ts}
        if message.thread_ts:
            inner["thread_ts"] = message.thread_ts
        return self.event(inner, **more)

    def dm(self, user, text, **more):
        channel = self.workspace.open_dm(user)
        message = self.say(user, channel.id, self.typed(text))
        return self.event({"type": "message", "channel_type": "im", "user": user, "text": message.text,
                           "ts": message.ts, "channel": channel.id, "event_ts": message.ts}, **more)

    def say(self, user, channel, text, thread_ts=""):
        """A person writes; nothing is sent to the bot."""
        place = self.workspace.channels[channel]
        return self.workspace.post(place, user, text, [], by_bot=False, thread_ts=thread_ts)

    # -- App Home -------------------------------------------------------------------------------

    def open_home(self, user, tab="home", **more):
        """The person looks at the app's own page."""
        channel = self.workspace.open_dm(user).id
        inner = {"type": "app_home_opened", "user": user, "channel": channel, "tab": tab, "event_ts": self.action_ts()}
        return self.event(inner, **more)

    def click_home(self, user, action, nth=0):
        """Press a control of that page: there is no channel and no response_url."""
        view = self.workspace.homes.get(user)
        found = [(block_id, element) for block_id, element in interactive(view.body["blocks"] if view else [])
                 if button_matches(element, action)]
        if len(found) <= nth:
            raise CannotDo(f"no {action!r} on the Home of {user}")
        block_id, element = found[nth]
        payload = self.outer("block_actions", user, view.id)
        payload.update(container={"type": "view", "view_id": view.id}, state={"values": {}},
                       view=slack_views.view_json(self.workspace, view),
                       actions=[self.action_json(block_id, element, None)])
        return self.post_interactive(payload)

    # -- modals ---------------------------------------------------------------------------------

    def state_values(self, view, values):
        """view.state.values as Slack builds it; refuses what the client would not let a person submit."""
        state, unused = {}, dict(values)
        for block in view.body["blocks"]:
            if block["type"] != "input":
                continue
            element = block["element"]
            key = block["block_id"] if block["block_id"] in values else element["action_id"]
            value = unused.pop(key, None)
            check_typed(block, element, value)
            state.setdefault(block["block_id"], {})[element["action_id"]] = element_state(element, value)
        if unused:
            raise CannotDo(f"the view has no input {sorted(unused)}")
        return state

    def open_view_of(self, view_id):
        view = self.workspace.views.get(view_id)
        if view is None or not view.open:
            raise CannotDo(f"view {view_id} is not open")
        return view

    def submit_view(self, view_id, values, user=None, tamper=GENUINE, change=None):
        """Fill in (block_id or action_id -> text or option value) and press Submit."""
        view = self.open_view_of(view_id)
        view.values = self.state_values(view, values)
        payload = self.outer("view_submission", user or view.user, view.id)
        payload.update(view=slack_views.view_json(self.workspace, view), response_urls=[])
        if change:
            change(payload)
        delivery = self.post_interactive(payload, tamper)
        if delivery.status != 200:
            return delivery
        try:
            answer = delivery.json() if delivery.body.strip() else {}
        except ValueError:
            self.complain("view_submission answered with a body that is not JSON")
            return delivery
        with self.changed:
            slack_views.apply_answer(self.workspace, view, answer, self.complain)
            self.changed.notify_all()
        return delivery

    def close_view(self, view_id, user=None):
        """Press Cancel; a view_closed payload is sent only if the view asked for it."""
        view = self.open_view_of(view_id)
        view.open = False
        if not view.body["notify_on_close"]:
            return None
        payload = self.outer("view_closed", user or view.user)
        del payload["trigger_id"]
        payload.update(view=slack_views.view_json(self.workspace, view), is_cleared=False)
        return self.post_interactive(payload)

    # -- events and probes ----------------------------------------------------------------------

    def event(self, inner, event_id=None, retry_num=0, retry_reason="http_timeout", retry=False, tamper=GENUINE):
        """One event_callback; with retry=True repeated by Slack's rules (times scaled by retry_factor)."""
        workspace = self.workspace
        grid = {"enterprise_id": workspace.enterprise_id} if workspace.enterprise_id else {}
        outer = {"token": "legacy", "team_id": workspace.team_id, **grid, "api_app_id": workspace.app_id, "event": inner,
                 "type": "event_callback", "event_id": event_id or workspace.new_id("Ev"),
                 "event_time": int(time.time()), "is_ext_shared_channel": False,
                 "authorizations": [{"enterprise_id": None, "team_id": workspace.team_id,
                                     "user_id": workspace.bot_user, "is_bot": True, "is_enterprise_install": False}],
                 "event_context": "4-" + workspace.new_id()}
        body = json.dumps(outer).encode()
        delivery = self.post_event(body, retry_num, retry_reason, tamper)
        for number, pause in enumerate(RETRY_AFTER if retry else (), 1):
            if 200 <= delivery.status < 300 or delivery.headers.get("x-slack-no-retry") == "1":
                break
            self.stopping.wait(pause * self.retry_factor)
            reason = {"timeout": "http_timeout", "": "http_error"}.get(delivery.error, "connection_failed")
            delivery = self.post_event(body, number, reason, tamper)
        return delivery

    def post_event(self, body, retry_num, retry_reason, tamper):
        if self.by_socket:
            return self.keep("events", self.deliver("events_api", json.loads(body), retry=retry_num))
        extra = []
        if retry_num:
            extra = [("X-Slack-Retry-Num", str(retry_num)), ("X-Slack-Retry-Reason", retry_reason)]
        return self.post_signed("events", JSON, body, tamper, extra)

    def url_verification(self, challenge=None, tamper=GENUINE):
        """The handshake; `passed` of the returned delivery says whether Slack would accept the URL."""
        challenge = challenge or self.workspace.new_id("challenge")
        body = json.dumps({"token": "legacy", "challenge": challenge, "type": "url_verification"}).encode()
        delivery = self.post_signed("events", JSON, body, tamper)
        delivery.passed = delivery.status == 200 and challenge in echoed(delivery)
        return delivery

    def ssl_check(self, method="POST"):
        """The certificate probe: it is not signed."""
        url = self.urls.get("slash", self.bot_url)
        if method == "GET":
            return self.keep("ssl_check", send(url + "?ssl_check=1&token=legacy", headers=[("User-Agent", AGENT)],
                                               method="GET", timeout=self.ack_seconds))
        headers = [("User-Agent", AGENT), ("Content-Type", FORM)]
        return self.keep("ssl_check", send(url, b"ssl_check=1&token=legacy", headers, timeout=self.ack_seconds))


def echoed(delivery):
    """The challenge in any of the three forms Slack accepts."""
    kind = delivery.headers.get("content-type", "")
    try:
        if "json" in kind:
            return [delivery.json().get("challenge")]
        if "form" in kind:
            return urllib.parse.parse_qs(delivery.body).get("challenge", [])
    except (ValueError, AttributeError):
        return []
    return [delivery.body.strip()]


def check_typed(block, element, value):
    if value in (None, "", []):
        if not block.get("optional"):
            raise CannotDo(f"input {block['block_id']} is required")
        return
    if element["type"] == "plain_text_input":
        if len(value) < element.get("min_length", 0) or len(value) > element.get("max_length", 3000):
            raise CannotDo(f"input {block['block_id']}: {len(value)} characters are outside its limits")


def option_of(element, value):
    for option in element.get("options", ()):
        if value in (option["value"], option["text"]["text"]):
            return option
    raise CannotDo(f"no option {value!r} in {element.get('action_id')}")


def element_state(element, value):
    kind = element["type"]
    empty = value in (None, "", [])
    if kind in ("static_select", "radio_buttons"):
        return {"type": kind, "selected_option": None if empty else option_of(element, value)}
    if kind in ("checkboxes", "multi_static_select"):
        return {"type": kind, "selected_options": [] if empty else [option_of(element, each) for each in value]}
    if kind == "users_select":
        return {"type": kind, "selected_user": None if empty else value}
    return {"type": kind, "value": None if empty else value}

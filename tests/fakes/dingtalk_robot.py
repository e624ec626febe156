"""The custom group robot: POST /robot/send, its security settings, its limit, its error codes."""

import base64
import hashlib
import hmac
import ipaddress
import json
import time
import urllib.parse
from dataclasses import dataclass, field

PER_MINUTE = 20
BLOCK_SECONDS = 600.0
BODY_BYTES = 20_000
TEXT_BYTES = 5_000
TITLE_CHARS = 64
HELP = ", more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]"
TYPES = ("text", "markdown", "link", "actionCard", "feedCard")
REQUIRED = {"text": ("content",), "markdown": ("title", "text"), "link": ("title", "text", "messageUrl"),
            "actionCard": ("title", "text"), "feedCard": ("links",)}


def sign(secret, timestamp):
    """base64(HMAC-SHA256(secret, timestamp \\n secret)), not yet URL-encoded."""
    mac = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(mac).decode()


class Refused(Exception):
    def __init__(self, errcode, errmsg, **more):
        super().__init__(errmsg)
        self.answer = {"errcode": errcode, "errmsg": errmsg, **more}


@dataclass
class Link:
    title: str
    url: str

    @property
    def target(self):
        """The web address inside a dingtalk:// wrapper, or the address itself."""
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme == "dingtalk":
            return dict(urllib.parse.parse_qsl(parts.query)).get("url", "")
        return self.url


@dataclass(eq=False)
class GroupMessage:
    """One message people in the group see."""

    group: str
    msgtype: str
    body: dict
    raw: bytes
    via: str
    time: float = field(default_factory=time.time)
    at_users: list = field(default_factory=list)
    at_mobiles: list = field(default_factory=list)
    at_all: bool = False

    @property
    def content(self):
        return self.body.get(self.msgtype) or {}

    @property
    def title(self):
        return self.content.get("title", "")

    @property
    def text(self):
        return self.content.get("content") or self.content.get("text") or ""

    @property
    def plain(self):
        return "\n".join(t for t in (self.title, self.text, *(link.title for link in self.links)) if t)

    @property
    def links(self):
        """Buttons and links in the order shown."""
        card = self.content
        if self.msgtype == "actionCard":
            if card.get("singleURL"):
                return [Link(card.get("singleTitle", ""), card["singleURL"])]
            return [Link(b.get("title", ""), b.get("actionURL", "")) for b in card.get("btns") or ()]
        if self.msgtype == "link":
            return [Link(card.get("title", ""), card.get("messageUrl", ""))]
        if self.msgtype == "feedCard":
            return [Link(e.get("title", ""), e.get("messageURL", "")) for e in card.get("links") or ()]
        return []

    def link(self, title):
        for each in self.links:
            if each.title == title:
                return each
        raise AssertionError(f"no link {title!r}, the message shows {[each.title for each in self.links]}")

    def __repr__(self):
        return f"<{self.group} {self.msgtype} via {self.via} {self.plain!r}>"


@dataclass
class Robot:
    """A robot of one group with the security settings its admin chose."""

    token: str
    group: str
    keywords: tuple = ()
    secret: str = ""
    networks: tuple = ()
    stopped: bool = False
    sent: list = field(default_factory=list)
    blocked_until: float = 0.0
    refused: int = 0


def check_network(robot, peer):
    if not robot.networks:
        return
    if not any(ipaddress.ip_address(peer) in ipaddress.ip_network(net, strict=False) for net in robot.networks):
        raise Refused(310000, f"ip {peer} not in whitelist{HELP}")


def check_sign(robot, query, now):
    if not robot.secret:
        return
    timestamp = query.get("timestamp", "")
    if not timestamp.isdigit() or abs(now * 1000 - int(timestamp)) > 3_600_000:
        raise Refused(310000, f"invalid timestamp{HELP}")
    given = query.get("sign", "")
    if not hmac.compare_digest(given.encode(), sign(robot.secret, timestamp).encode()):
        raise Refused(310000, f"sign not match{HELP}")


def check_keywords(robot, message):
    if robot.keywords and not any(word in message.plain for word in robot.keywords):
        raise Refused(310000, f"keywords not in content{HELP}")


def check_rate(robot, now, factor, front_end):
    """20 a minute, then silence for ten; the times are scaled by factor."""
    robot.sent = [t for t in robot.sent if now - t < 60 * factor]
    if now >= robot.blocked_until and len(robot.sent) < PER_MINUTE:
        robot.sent.append(now)
        return
    if now >= robot.blocked_until:
        robot.blocked_until = now + BLOCK_SECONDS * factor
    robot.refused += 1
    more = {}
    if front_end:
        uuid = hashlib.md5(robot.token.encode()).hexdigest()
        more = {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": uuid}
    raise Refused(130101, "send too fast, exceed 20 times per minute", **more)


def read_message(request, group, via, complain):
    """The message in a request to /robot/send or a session webhook; raises Refused."""
    if request.content_type != "application/json":
        raise Refused(43004, "无效的HTTP HEADER Content-Type")
    if len(request.body) > BODY_BYTES:
        raise Refused(460101, "message too long, exceed 20000 bytes")
    try:
        body = json.loads(request.body)
    except ValueError:
        raise Refused(40035, "缺少参数 json") from None
    if not isinstance(body, dict):
        raise Refused(40035, "缺少参数 json")
    kind = body.get("msgtype")
    if not kind:
        raise Refused(400106, "msgtype not exist")
    if kind not in TYPES:
        raise Refused(400105, f"unsupported msgtype {kind}")
    content = body.get(kind)
    for key in REQUIRED[kind]:
        if not isinstance(content, dict) or not content.get(key):
            raise Refused(40035, f"缺少参数 {kind}.{key}")
    check_buttons(kind, content)
    complain_of_size(kind, content, complain)
    return GroupMessage(group, kind, body, request.body, via, **mentions(kind, body, content, complain))


def check_buttons(kind, content):
    if kind != "actionCard":
        return
    if content.get("singleTitle") and content.get("singleURL"):
        return
    buttons = content.get("btns")
    if not isinstance(buttons, list) or not buttons:
        raise Refused(40035, "缺少参数 actionCard.btns")
    if not all(isinstance(b, dict) and b.get("title") and b.get("actionURL") for b in buttons):
        raise Refused(40035, "缺少参数 actionCard.btns.actionURL")


def complain_of_size(kind, content, complain):
    for key in ("content", "text"):
        if len(str(content.get(key, "")).encode()) > TEXT_BYTES:
            complain(f"{kind}.{key} is over {TEXT_BYTES} bytes")
    if len(str(content.get("title", ""))) > TITLE_CHARS:
        complain(f"{kind}.title is over {TITLE_CHARS} characters")


def mentions(kind, body, content, complain):
    """Whom the message notifies; markdown shows a mention only when its text carries it."""
    at = body.get("at") or {}
    if kind not in ("text", "markdown"):
        if at:
            complain(f"at in a {kind} message mentions nobody")
        return {}
    users, mobiles = list(at.get("atUserIds") or ()), list(at.get("atMobiles") or ())
    if kind == "markdown":
        for each in users + mobiles:
            if f"@{each}" not in content.get("text", ""):
                complain(f"markdown mentions {each} in at but not in its text")
        users = [each for each in users if f"@{each}" in content["text"]]
        mobiles = [each for each in mobiles if f"@{each}" in content["text"]]
    return {"at_users": users, "at_mobiles": mobiles, "at_all": bool(at.get("isAtAll"))}

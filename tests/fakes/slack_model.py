"""What a Slack workspace holds: people, channels, messages, views, files, one-time handles."""

import copy
import secrets
import time
from dataclasses import dataclass, field

from tests.fakes.slack_blocks import as_stored, interactive, words

TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 1800.0
RESPONSE_URL_USES = 5


@dataclass
class User:
    id: str
    name: str
    team_id: str
    email: str = ""
    real_name: str = ""
    deleted: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    tz_offset: int = 0
    enterprise_id: str = ""


@dataclass
class Channel:
    id: str
    name: str
    members: list
    is_private: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    dm_user: str = ""
    messages: list = field(default_factory=list)
    ephemerals: list = field(default_factory=list)
    last_ts: tuple = (0, 0)


@dataclass
class Edit:
    """One state of a message; the first is how it was posted."""

    time: float
    text: str
    blocks: list
    attachments: list
    metadata: object


@dataclass(eq=False)
class Message:
    channel: str
    ts: str
    user: str
    text: str
    blocks: list
    attachments: list = field(default_factory=list)
    metadata: object = None
    bot_id: str = ""
    app_id: str = ""
    team: str = ""
    thread_ts: str = ""
    broadcast: bool = False
    to_user: str = ""
    files: list = field(default_factory=list)
    edits: list = field(default_factory=list)
    edited: object = None
    deleted: bool = False
    reactions: dict = field(default_factory=dict)
    posted: float = field(default_factory=time.time)

    def remember(self, when):
        self.edits.append(Edit(when, self.text, copy.deepcopy(self.blocks), copy.deepcopy(self.attachments),
                               self.metadata))

    @property
    def plain(self):
        """All words a reader sees, one text a line."""
        return "\n".join([self.text, *words(self.blocks), *words(self.attachments)])

    def pressables(self, edit=None):
        """(block_id, element, attachment number or 0) of each control, now or in an earlier state."""
        state = self if edit is None else self.edits[edit]
        found = [(block_id, element, 0) for block_id, element in interactive(state.blocks)]
        for number, attachment in enumerate(state.attachments or (), 1):
            found += [(block_id, element, number) for block_id, element in interactive(attachment.get("blocks"))]
        return found

    @property
    def buttons(self):
        return [element for _, element, _ in self.pressables() if element["type"] == "button"]

    def as_json(self):
        body = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text, "team": self.team}
        if self.bot_id:
            body.update(bot_id=self.bot_id, app_id=self.app_id)
        for key in ("blocks", "attachments", "thread_ts", "edited", "metadata", "files"):
            if getattr(self, key):
                body[key] = copy.deepcopy(getattr(self, key))
        if self.reactions:
            body["reactions"] = [{"name": name, "users": list(users), "count": len(users)}
                                 for name, users in self.reactions.items()]
        return body

    def __repr__(self):
        fate = " deleted" if self.deleted else f" edits={len(self.edits) - 1}"
        return f"<{self.channel} {self.ts}{' in ' + self.thread_ts if self.thread_ts else ''}{fate} {self.plain!r}>"


@dataclass(eq=False)
class View:
    id: str
    user: str
    body: dict
    hash: str
    root: str
    previous: str = ""
    open: bool = True
    errors: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    updates: list = field(default_factory=list)


    @property
    def plain(self):
        return "\n".join(words(self.body["blocks"]))

    @property
    def buttons(self):
        return [element for _, element in interactive(self.body["blocks"]) if element["type"] == "button"]


@dataclass
class Trigger:
    user: str
    time: float
    view: str = ""
    used: bool = False


@dataclass
class ResponseUrl:
    path: str
    user: str
    channel: str
    time: float
    source: object = None
    uses: int = 0


@dataclass
class File:
    id: str
    name: str
    length: int
    path: str
    alt_text: str = ""
    title: str = ""
    content: object = None
    complete: bool = False
    ready_at: float = 0.0
    shares: dict = field(default_factory=dict)


class Workspace:
    """State and its bookkeeping; who may do what is the business of slack_api.py.

    `lock` is the fake's one reentrant lock, so that waiting, complaining and changing cannot deadlock.
    """

    def __init__(self, lock, team_id="T01", domain="acme"):
        self.team_id = team_id
        self.domain = domain
        self.app_id = "A01"
        self.bot_user = "U0B"
        self.bot_id = "B5"
        self.users = {}
        self.channels = {}
        self.groups = {}
        self.views = {}
        self.homes = {}
        self.enterprise_id = ""  # Enterprise Grid
        self.org_wide = False    # the app is installed for all of its workspaces
        self.triggers = {}
        self.response_urls = {}
        self.files = {}
        self.ahead = 0.0
        self.file_processing = 0.0
        self.lock = lock
        self.serial = 0
        self.add_user(self.bot_user, "gatekeeper", is_bot=True)

    # -- time and ids ---------------------------------------------------------------------------

    def now(self):
        """Slack's clock; a test moves it on without waiting."""
        return time.time() + self.ahead

    def next_number(self):
        with self.lock:
            self.serial += 1
            return self.serial

    def new_id(self, prefix=""):
        return f"{prefix}{secrets.token_hex(3).upper()}{self.next_number():03d}"

    def next_ts(self, channel):
        with self.lock:
            micros = int(self.now() * 1_000_000)
            stamp = divmod(micros, 1_000_000)
            if stamp <= channel.last_ts:
                stamp = divmod(channel.last_ts[0] * 1_000_000 + channel.last_ts[1] + 1, 1_000_000)
            channel.last_ts = stamp
            return "%010d.%06d" % stamp

    # -- people and places ----------------------------------------------------------------------

    def add_user(self, user_id, name=None, **traits):
        traits.setdefault("team_id", self.team_id)
        traits.setdefault("enterprise_id", self.enterprise_id)
        self.users[user_id] = User(user_id, name or user_id.lower(), **traits)
        return self.users[user_id]

    def add_channel(self, channel_id, name=None, members=(), bot_is_member=True, **traits):
        people = [user for user in members if user not in self.users]
        for user in people:
            self.add_user(user)
        everyone = list(members) + ([self.bot_user] if bot_is_member else [])
        self.channels[channel_id] = Channel(channel_id, name or channel_id.lower(), everyone, **traits)
        return self.channels[channel_id]

    def add_group(self, group_id, handle, users=(), disabled=False):
        self.groups[group_id] = {"id": group_id, "handle": handle, "name": handle, "users": list(users),
                                 "date_delete": 1 if disabled else 0}
        return self.groups[group_id]

    def open_dm(self, user_id):
        with self.lock:
            channel_id = "D" + user_id[1:]
            if channel_id not in self.channels:
                self.channels[channel_id] = Channel(channel_id, "directmessage", [user_id, self.bot_user],
                                                    is_private=True, dm_user=user_id)
            return self.channels[channel_id]

    # -- messages -------------------------------------------------------------------------------

    def find_message(self, channel_id, ts):
        channel = self.channels.get(channel_id)
        for message in channel.messages if channel else ():
            if message.ts == ts and not message.deleted:
                return message
        return None

    def find_ephemeral(self, channel_id, ts):
        channel = self.channels.get(channel_id)
        return next((m for m in channel.ephemerals if m.ts == ts), None) if channel else None

    def make_message(self, channel, user, text, blocks, by_bot=True, **more):
        message = Message(channel.id, self.next_ts(channel), user, text, as_stored(blocks, self.new_id),
                          team=self.team_id, **more)
        message.attachments = [self.stored_attachment(a) for a in message.attachments]
        if by_bot:
            message.bot_id, message.app_id = self.bot_id, self.app_id
        message.remember(self.now())
        return message

    def stored_attachment(self, attachment):
        stored = copy.deepcopy(attachment)
        if isinstance(stored.get("blocks"), list):
            stored["blocks"] = as_stored(stored["blocks"], self.new_id)
        return stored

    def post(self, channel, user, text, blocks, **more):
        with self.lock:
            message = self.make_message(channel, user, text, blocks, **more)
            channel.messages.append(message)
            return message

    def whisper(self, channel, to_user, text, blocks, **more):
        with self.lock:
            message = self.make_message(channel, self.bot_user, text, blocks, to_user=to_user, **more)
            channel.ephemerals.append(message)
            return message

    def edit(self, message, text, blocks, attachments=None, metadata=None):
        with self.lock:
            message.text = text
            message.blocks = as_stored(blocks, self.new_id)
            if attachments is not None:
                message.attachments = [self.stored_attachment(a) for a in attachments]
            if metadata is not None:
                message.metadata = metadata
            message.edited = {"user": self.bot_user, "ts": "%010d.000000" % int(self.now())}
            message.remember(self.now())

    # -- one-time handles -----------------------------------------------------------------------

    def new_trigger(self, user_id, view=""):
        key = f"{self.next_number()}.{secrets.randbelow(10**9)}.{secrets.token_hex(16)}"
        self.triggers[key] = Trigger(user_id, self.now(), view)
        return key

    def use_trigger(self, key):
        """The trigger, marked used; or the error string."""
        with self.lock:
            trigger = self.triggers.get(key)
            if trigger is None:
                return "invalid_trigger_id"
            if trigger.used:
                return "exchanged_trigger_id"
            if self.now() - trigger.time > TRIGGER_SECONDS:
                return "expired_trigger_id"
            trigger.used = True
            return trigger

    def new_response_url(self, kind, user_id, channel_id, source=None):
        path = f"/{kind}/{self.team_id}/{self.next_number()}/{secrets.token_urlsafe(18)}"
        self.response_urls[path] = ResponseUrl(path, user_id, channel_id, self.now(), source)
        return path

    def file_is_ready(self, reference):
        """May a slack_file block show this file yet?"""
        url = str(reference.get("url", ""))
        found = self.files.get(reference.get("id")) or next((f for f in self.files.values() if f.id in url), None)
        return bool(found and found.complete and self.now() >= found.ready_at)

"""The Web API methods: what each does to the workspace, and the error strings it refuses with."""

import json
import secrets
from dataclasses import dataclass, field

from tests.fakes import slack_views
from tests.fakes.slack_blocks import check_blocks, too_long
from tests.fakes.slack_errors import ApiError, need, refuse_arguments
from tests.fakes.slack_model import File

TEXT_LIMIT = 40000
METADATA_LIMIT = 16000
ATTACHMENT_LIMIT = 100


@dataclass
class Method:
    run: object
    tier: int
    scopes: tuple = ()
    form_only: bool = False
    token: str = "bot"


def truthy(value):
    return value in (True, "true", "1", 1)


# -- pages --------------------------------------------------------------------------------------


def page(items, args, default=100):
    """(slice, next_cursor); the cursor is opaque to clients."""
    try:
        limit = int(args.get("limit") or default)
    except ValueError:
        raise ApiError("invalid_limit") from None
    if not 1 <= limit <= 1000:
        raise ApiError("invalid_limit")
    start = start_of(args.get("cursor"))
    more = start + limit < len(items)
    cursor = f"next:{start + limit}".encode().hex() if more else ""
    return items[start:start + limit], cursor


def start_of(cursor):
    if not cursor:
        return 0
    try:
        head, _, number = bytes.fromhex(cursor).decode().partition(":")
    except ValueError:
        raise ApiError("invalid_cursor") from None
    if head != "next" or not number.isdigit():
        raise ApiError("invalid_cursor")
    return int(number)


# -- places and people --------------------------------------------------------------------------


def visible_channel(api, channel_id):
    """The channel as the bot may know it; a private one without the bot does not exist for it."""
    channel = api.workspace.channels.get(channel_id)
    if channel is None or (channel.is_private and api.workspace.bot_user not in channel.members):
        raise ApiError("channel_not_found")
    return channel


def target_channel(api, channel_id, allow_user=True):
    """Where a post goes: a channel, or the DM with a user."""
    workspace = api.workspace
    if not isinstance(channel_id, str):
        raise ApiError("channel_not_found")
    if allow_user and channel_id in workspace.users:
        user = workspace.users[channel_id]
        if user.is_bot:
            raise ApiError("cannot_dm_bot")
        if user.deleted:
            raise ApiError("user_disabled")
        return workspace.open_dm(channel_id)
    channel = visible_channel(api, channel_id)
    if channel.is_archived:
        raise ApiError("is_archived")
    if workspace.bot_user not in channel.members and "chat:write.public" not in api.scopes:
        raise ApiError("not_in_channel")
    return channel


def user_json(api, user):
    profile = {"display_name": user.name, "real_name": user.real_name or user.name}
    if "users:read.email" in api.scopes and user.email:
        profile["email"] = user.email
    return {"id": user.id, "team_id": user.team_id, "name": user.name, "real_name": user.real_name or user.name,
            "deleted": user.deleted, "is_bot": user.is_bot, "is_restricted": user.is_restricted,
            "is_ultra_restricted": user.is_ultra_restricted, "is_stranger": user.is_stranger,
            "tz_offset": user.tz_offset, "profile": profile,
            **({"enterprise_user": {"id": user.id, "enterprise_id": user.enterprise_id}} if user.enterprise_id else {})}


def users_info(api, args):
    user = api.workspace.users.get(need(args, "user"))
    if user is None:
        raise ApiError("user_not_found")
    return {"user": user_json(api, user)}


def users_lookup(api, args):
    email = need(args, "email").lower()
    for user in api.workspace.users.values():
        if user.email and user.email.lower() == email and not user.deleted:
            return {"user": user_json(api, user)}
    raise ApiError("users_not_found")


def usergroups_users(api, args):
    group = api.workspace.groups.get(need(args, "usergroup"))
    if group is None:
        raise ApiError("no_such_subteam")
    if group["date_delete"] and not truthy(args.get("include_disabled")):
        return {"users": []}
    return {"users": list(group["users"])}


def usergroups_list(api, args):
    groups = []
    for group in api.workspace.groups.values():
        if group["date_delete"] and not truthy(args.get("include_disabled")):
            continue
        shown = {key: value for key, value in group.items() if key != "users"}
        if truthy(args.get("include_users")):
            shown["users"] = list(group["users"])
        if truthy(args.get("include_count")):
            shown["user_count"] = len(group["users"])
        groups.append({**shown, "team_id": api.workspace.team_id, "is_usergroup": True})
    return {"usergroups": groups}


def channel_json(api, channel):
    return {"id": channel.id, "name": channel.name,
            "is_channel": not channel.is_private, "is_im": bool(channel.dm_user), "is_member": api.workspace.bot_user in channel.members, "is_archived": channel.is_archived,
            "is_private": channel.is_private, "is_ext_shared": channel.is_ext_shared, "is_org_shared": False,
            "context_team_id": api.workspace.team_id}


def conversations_info(api, args):
    channel = visible_channel(api, need(args, "channel"))
    shown = channel_json(api, channel)
    if truthy(args.get("include_num_members")):
        shown["num_members"] = len(channel.members)
    return {"channel": shown}


def conversations_members(api, args):
    channel = visible_channel(api, need(args, "channel"))
    members, cursor = page(list(channel.members), args)
    return {"members": members, "response_metadata": {"next_cursor": cursor}}


def conversations_open(api, args):
    names = [name.strip() for name in need(args, "users").split(",") if name.strip()]
    if len(names) != 1:
        raise ApiError("method_not_supported_for_channel_type" if names else "users_list_not_supplied")
    if names[0] not in api.workspace.users:
        raise ApiError("user_not_found")
    if api.workspace.users[names[0]].is_bot:
        raise ApiError("cannot_dm_bot")
    return {"channel": {"id": api.workspace.open_dm(names[0]).id}}


def conversations_join(api, args):
    channel = visible_channel(api, need(args, "channel"))
    if channel.is_private:
        raise ApiError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise ApiError("is_archived")
    if api.workspace.bot_user not in channel.members:
        channel.members.append(api.workspace.bot_user)
    return {"channel": channel_json(api, channel)}


# -- reading back -------------------------------------------------------------------------------


def shown_message(message, args):
    body = message.as_json()
    if "metadata" in body and not truthy(args.get("include_all_metadata")):
        del body["metadata"]
    return body


def in_range(message, args):
    oldest, latest = args.get("oldest") or "0", args.get("latest") or "9999999999.999999"
    if truthy(args.get("inclusive")):
        return stamp(oldest) <= stamp(message.ts) <= stamp(latest)
    return stamp(oldest) < stamp(message.ts) < stamp(latest)


def stamp(ts):
    seconds, _, micros = str(ts).partition(".")
    if not seconds.isdigit() or (micros and not micros.isdigit()):
        raise ApiError("invalid_ts_latest")
    return int(seconds), int(micros.ljust(6, "0")[:6] or 0)


def readable_channel(api, args):
    channel = visible_channel(api, need(args, "channel"))
    if api.workspace.bot_user not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def conversations_history(api, args):
    channel = readable_channel(api, args)
    found = [m for m in reversed(channel.messages)
             if not m.deleted and (not m.thread_ts or m.thread_ts == m.ts or m.broadcast) and in_range(m, args)]
    chosen, cursor = page(found, args)
    answer = {"messages": [shown_message(m, args) for m in chosen], "has_more": bool(cursor)}
    if cursor:
        answer["response_metadata"] = {"next_cursor": cursor}
    return answer


def conversations_replies(api, args):
    channel = readable_channel(api, args)
    root = need(args, "ts")
    found = [m for m in channel.messages if not m.deleted and root in (m.ts, m.thread_ts)]
    if not found:
        raise ApiError("thread_not_found")
    chosen, cursor = page(found, args)
    return {"messages": [shown_message(m, args) for m in chosen], "has_more": bool(cursor),
            "response_metadata": {"next_cursor": cursor}}


def get_permalink(api, args):
    channel = visible_channel(api, need(args, "channel"))
    message = api.workspace.find_message(channel.id, need(args, "message_ts"))
    if message is None:
        raise ApiError("message_not_found")
    link = f"https://{api.workspace.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts and message.thread_ts != message.ts:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


# -- messages -----------------------------------------------------------------------------------


@dataclass
class Content:
    text: str = ""
    blocks: list = None
    attachments: list = None
    metadata: object = None
    warnings: list = field(default_factory=list)


def refuse_blocks(problems):
    raise ApiError("invalid_blocks", errors=problems.errors(), response_metadata={"messages": problems.messages()})


def read_blocks(api, blocks):
    if blocks is None:
        return None
    problems = check_blocks(blocks, api.workspace.file_is_ready)
    if problems.found:
        refuse_blocks(problems)
    if too_long(blocks):
        raise ApiError("msg_blocks_too_long")
    return blocks


def read_attachments(api, attachments):
    if attachments is None:
        return None
    if not isinstance(attachments, list) or not all(isinstance(a, dict) for a in attachments):
        raise ApiError("invalid_attachments")
    if len(attachments) > ATTACHMENT_LIMIT:
        raise ApiError("too_many_attachments")
    for number, attachment in enumerate(attachments):
        if "blocks" in attachment:
            at = f"/attachments/{number}/blocks"
            problems = check_blocks(attachment["blocks"], api.workspace.file_is_ready, at=at)
            if problems.found:
                refuse_blocks(problems)
    return attachments


def read_metadata(metadata):
    if metadata is None:
        return None
    shape = isinstance(metadata, dict) and isinstance(metadata.get("event_type"), str) and isinstance(
        metadata.get("event_payload"), dict)
    if not shape or set(metadata) - {"event_type", "event_payload", "entities"}:
        raise ApiError("invalid_metadata_format")
    if len(json.dumps(metadata)) > METADATA_LIMIT:
        raise ApiError("metadata_too_large")
    return metadata


def read_content(api, args):
    text = args.get("text")
    if text is not None and not isinstance(text, str):
        refuse_arguments("must be a string", "/text")
    if truthy(args.get("link_names")) or args.get("parse") == "full":
        api.complain("link_names / parse=full: free text can make mentions")
    return Content((text or "")[:TEXT_LIMIT], read_blocks(api, args.get("blocks")),
                   read_attachments(api, args.get("attachments")), read_metadata(args.get("metadata")))


def check_thread(api, channel, thread_ts):
    if thread_ts in (None, ""):
        return ""
    if not isinstance(thread_ts, str):
        refuse_arguments("must be a string", "/thread_ts")
    parent = api.workspace.find_message(channel.id, thread_ts)
    if parent is None:
        raise ApiError("thread_not_found")
    if parent.thread_ts and parent.thread_ts != parent.ts:
        api.complain(f"thread_ts {thread_ts} is the ts of a reply, not of a parent")
        return parent.thread_ts
    return thread_ts


def post_message(api, args):
    channel = target_channel(api, need(args, "channel", "channel_not_found"))
    content = read_content(api, args)
    if not content.text and not content.blocks and not content.attachments:
        raise ApiError("no_text")
    if not content.text and content.blocks:
        api.complain("chat.postMessage with blocks but without text: notifications are empty")
    thread = check_thread(api, channel, args.get("thread_ts"))
    message = api.workspace.post(channel, api.workspace.bot_user, content.text, content.blocks or [],
                                 attachments=content.attachments or [], metadata=content.metadata, thread_ts=thread,
                                 broadcast=truthy(args.get("reply_broadcast")))
    return {"channel": channel.id, "ts": message.ts, "message": message.as_json()}


def update_message(api, args):
    workspace = api.workspace
    channel = workspace.channels.get(need(args, "channel", "channel_not_found"))
    if channel is None:
        raise ApiError("channel_not_found")
    visible_channel(api, channel.id)
    ts = args.get("ts")
    if not isinstance(ts, str):
        refuse_arguments("missing required field: ts" if ts is None else "must be a string", "/ts")
    message = workspace.find_message(channel.id, ts)
    if message is None:
        raise ApiError("message_not_found")
    if message.user != workspace.bot_user or not message.bot_id:
        raise ApiError("cant_update_message")
    if channel.is_archived:
        raise ApiError("is_archived")
    content = read_content(api, args)
    blocks = content.blocks
    if blocks is None:
        blocks = message.blocks if api.update_without_blocks == "keep" else []
    text = content.text if args.get("text") is not None else message.text
    if not text and not blocks and not (content.attachments or message.attachments):
        raise ApiError("no_text")
    workspace.edit(message, text, blocks, content.attachments, content.metadata)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": message.as_json()}


def post_ephemeral(api, args):
    channel = target_channel(api, need(args, "channel", "channel_not_found"), allow_user=False)
    user = need(args, "user")
    content = read_content(api, args)
    if not content.text and not content.blocks and not content.attachments:
        raise ApiError("no_text")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    thread = check_thread(api, channel, args.get("thread_ts"))
    message = api.workspace.whisper(channel, user, content.text, content.blocks or [],
                                    attachments=content.attachments or [], thread_ts=thread)
    return {"message_ts": message.ts}


def delete_message(api, args):
    channel = visible_channel(api, need(args, "channel", "channel_not_found"))
    message = api.workspace.find_message(channel.id, need(args, "ts"))
    if message is None:
        raise ApiError("message_not_found")
    if message.user != api.workspace.bot_user:
        raise ApiError("cant_delete_message")
    message.deleted = True
    return {"channel": channel.id, "ts": message.ts}


def reacted_message(api, args):
    channel = visible_channel(api, need(args, "channel", "channel_not_found"))
    name = need(args, "name", "invalid_name")
    if not all(c.isalnum() or c in "_-+'" for c in name):
        raise ApiError("invalid_name")
    message = api.workspace.find_message(channel.id, need(args, "timestamp", "no_item_specified"))
    if message is None:
        raise ApiError("message_not_found")
    return message, name


def add_reaction(api, args):
    message, name = reacted_message(api, args)
    users = message.reactions.setdefault(name, [])
    if api.workspace.bot_user in users:
        raise ApiError("already_reacted")
    users.append(api.workspace.bot_user)


def remove_reaction(api, args):
    message, name = reacted_message(api, args)
    users = message.reactions.get(name, [])
    if api.workspace.bot_user not in users:
        raise ApiError("no_reaction")
    users.remove(api.workspace.bot_user)
    if not users:
        del message.reactions[name]


# -- files --------------------------------------------------------------------------------------


def get_upload_url(api, args):
    name, length = need(args, "filename"), str(need(args, "length"))
    if not length.isdigit() or int(length) == 0:
        refuse_arguments("must be a positive integer", "/length")
    file = File(api.workspace.new_id("F"), name, int(length), f"/upload/v1/{secrets.token_urlsafe(24)}",
                args.get("alt_txt") or args.get("alt_text") or "")
    api.workspace.files[file.id] = file
    return {"upload_url": api.base_url + file.path, "file_id": file.id}


def file_json(api, file):
    base = f"https://{api.workspace.domain}.slack.com/files/{api.workspace.bot_user}/{file.id}/{file.name}"
    kind = "image/png" if file.name.endswith(".png") else "application/octet-stream"
    ready = api.workspace.now() >= file.ready_at
    return {"id": file.id, "name": file.name, "title": file.title or file.name, "size": file.length,
            "mimetype": kind if ready else "",
            "user": api.workspace.bot_user, "permalink": base, "url_private": base, "alt_txt": file.alt_text,
            "shares": {"public": {key: [{"ts": ts}] for key, ts in file.shares.items()}} if file.shares else {}}


def complete_upload(api, args):
    entries = args.get("files")
    if not isinstance(entries, list) or not entries:
        refuse_arguments("missing required field: files", "")
    files = []
    for entry in entries:
        file = api.workspace.files.get(entry.get("id")) if isinstance(entry, dict) else None
        if file is None or file.content is None or file.complete:
            raise ApiError("file_not_found")
        files.append((file, entry.get("title", "")))
    places = [c for c in [args.get("channel_id"), *str(args.get("channels") or "").split(",")] if c]
    channels = [target_channel(api, place) for place in places]
    for file, title in files:
        file.complete, file.title = True, title
        file.ready_at = api.workspace.now() + api.workspace.file_processing
    for channel in channels:
        thread = check_thread(api, channel, args.get("thread_ts"))
        message = api.workspace.post(channel, api.workspace.bot_user, args.get("initial_comment") or "",
                                     read_blocks(api, args.get("blocks")) or [], thread_ts=thread,
                                     files=[file_json(api, file) for file, _ in files])
        for file, _ in files:
            file.shares[channel.id] = message.ts
    return {"files": [file_json(api, file) for file, _ in files]}


def files_info(api, args):
    file = api.workspace.files.get(need(args, "file"))
    if file is None or not file.complete:
        raise ApiError("file_not_found")
    return {"file": file_json(api, file)}


# -- the app itself -----------------------------------------------------------------------------


def auth_test(api, _args):
    workspace = api.workspace
    return {"url": f"https://{workspace.domain}.slack.com/", "team": workspace.domain.title(),
            "user": workspace.users[workspace.bot_user].name, "team_id": workspace.team_id,
            "user_id": workspace.bot_user, "bot_id": workspace.bot_id,
            "is_enterprise_install": workspace.org_wide,
            **({"enterprise_id": workspace.enterprise_id} if workspace.enterprise_id else {})}


def api_test(_api, args):
    if args.get("error"):
        raise ApiError(args["error"], args=args)
    return {"args": args}


def open_connection(api, _args):
    if not api.socket_mode:
        raise ApiError("link_disabled")
    return {"url": api.new_ticket()}


def rotate_token(api, args):
    """A refresh token is good for one pair; the access token before it is no longer taken."""
    kept = api.rotation
    if kept is None or args.get("client_id") != kept["client_id"]:
        raise ApiError("invalid_client_id")
    if args.get("client_secret") != kept["client_secret"]:
        raise ApiError("bad_client_secret")
    if args.get("grant_type") != "refresh_token":
        raise ApiError("invalid_grant_type")
    if args.get("refresh_token") != kept["refresh"]:
        raise ApiError("invalid_refresh_token")
    if kept["access"]:
        api.tokens[kept["access"]] = "token_expired"
    kept.update(access="xoxe.xoxb-1-" + secrets.token_hex(16), refresh="xoxe-1-" + secrets.token_hex(16))
    api.tokens[kept["access"]] = "bot"
    return {"access_token": kept["access"], "refresh_token": kept["refresh"], "expires_in": kept["life"],
            "token_type": "bot", "app_id": api.workspace.app_id, "bot_user_id": api.workspace.bot_user,
            "scope": ",".join(sorted(api.scopes)), "team": {"id": api.workspace.team_id}, "enterprise": None}


READ = {"form_only": True}
HISTORY = ("channels:history", "groups:history", "im:history")
PLACES = ("channels:read", "groups:read", "im:read")

METHODS = {
    "api.test": Method(api_test, 4),
    "apps.connections.open": Method(open_connection, 1, token="app"),
    "auth.test": Method(auth_test, 0),
    "oauth.v2.access": Method(rotate_token, 4, token="none"),
    "chat.postMessage": Method(post_message, 0, ("chat:write",)),
    "chat.update": Method(update_message, 3, ("chat:write",)),
    "chat.postEphemeral": Method(post_ephemeral, 4, ("chat:write",)),
    "chat.delete": Method(delete_message, 3, ("chat:write",)),
    "chat.getPermalink": Method(get_permalink, 0, (), **READ),
    "conversations.info": Method(conversations_info, 3, PLACES, **READ),
    "conversations.members": Method(conversations_members, 4, PLACES, **READ),
    "conversations.history": Method(conversations_history, 3, HISTORY, **READ),
    "conversations.replies": Method(conversations_replies, 3, HISTORY, **READ),
    "conversations.open": Method(conversations_open, 3, ("im:write",)),
    "conversations.join": Method(conversations_join, 3, ("channels:join",)),
    "users.info": Method(users_info, 4, ("users:read",), **READ),
    "users.lookupByEmail": Method(users_lookup, 3, ("users:read.email",), **READ),
    "usergroups.users.list": Method(usergroups_users, 2, ("usergroups:read",), **READ),
    "usergroups.list": Method(usergroups_list, 2, ("usergroups:read",), **READ),
    "views.open": Method(slack_views.open_view, 4),
    "views.push": Method(slack_views.push_view, 4),
    "views.publish": Method(slack_views.publish_view, 4),
    "views.update": Method(slack_views.update_view, 4),
    "files.getUploadURLExternal": Method(get_upload_url, 4, ("files:write",), **READ),
    "files.completeUploadExternal": Method(complete_upload, 4, ("files:write",)),
    "files.info": Method(files_info, 4, ("files:read",), **READ),
    "reactions.add": Method(add_reaction, 3, ("reactions:write",)),
    "reactions.remove": Method(remove_reaction, 3, ("reactions:write",)),
}

"""Modals: views.open, views.push, views.update, and what a person's submission does to them."""

import copy
import json
import secrets

from tests.fakes.slack_blocks import Problems, as_stored, check_blocks
from tests.fakes.slack_errors import ApiError, need, refuse_arguments
from tests.fakes.slack_model import View

VIEW_BYTES = 250_000
STACK_DEPTH = 3


def check_view(workspace, view, kind="modal"):
    if not isinstance(view, dict):
        refuse_arguments("must be an object", "/view")
    if len(json.dumps(view)) > VIEW_BYTES:
        raise ApiError("view_too_large")
    problems = Problems()
    if view.get("type") != kind:
        problems.add(f"unsupported type: {view.get('type')}", "/view/type")
    if kind == "modal":
        problems.text(view, "title", 24, "/view")
        problems.text(view, "submit", 24, "/view", required=False)
        problems.text(view, "close", 24, "/view", required=False)
    elif {"title", "submit", "close"} & set(view):
        problems.add("a home has no title and no buttons of its own", "/view")
    problems.string(view, "callback_id", 255, "/view", least=0, required=False)
    problems.string(view, "external_id", 255, "/view", least=0, required=False)
    problems.string(view, "private_metadata", 3000, "/view", least=0, required=False)
    blocks = view.get("blocks")
    problems.found += check_blocks(blocks, workspace.file_is_ready, in_view=True, at="/view/blocks").found
    inputs = isinstance(blocks, list) and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)
    if inputs and not view.get("submit"):
        problems.add("missing required field: submit", "/view")
    if problems.found:
        raise ApiError("invalid_arguments", response_metadata={"messages": problems.messages()})


def stored_view(workspace, view):
    body = copy.deepcopy(view)
    body["blocks"] = as_stored(body["blocks"], workspace.new_id)
    for key, value in (("private_metadata", ""), ("callback_id", ""), ("external_id", ""), ("clear_on_close", False),
                       ("notify_on_close", False), ("submit", None), ("close", None)):
        body.setdefault(key, value)
    return body


def new_view(workspace, user, body, previous=None):
    view_id = workspace.new_id("V")
    view = View(view_id, user, stored_view(workspace, body), secrets.token_hex(8),
                previous.root if previous else view_id, previous.id if previous else "")
    workspace.views[view_id] = view
    return view


def replace_view(workspace, view, body):
    view.updates.append(view.body)
    view.body = stored_view(workspace, body)
    view.hash = secrets.token_hex(8)
    view.errors = {}
    return view


def view_json(workspace, view, state=None):
    return {"id": view.id, "team_id": workspace.team_id, "app_id": workspace.app_id,
            "app_installed_team_id": workspace.team_id, "bot_id": workspace.bot_id, "hash": view.hash,
            "root_view_id": view.root, "previous_view_id": view.previous or None,
            "state": {"values": state if state is not None else view.values}, **copy.deepcopy(view.body)}


def trigger_of(api, args):
    key = args.get("trigger_id") or args.get("interactivity_pointer")
    if not key:
        refuse_arguments("missing required field: trigger_id", "")
    return key


def open_view(api, args):
    """Arguments are judged before the trigger is spent, so a refused view can be corrected."""
    key = trigger_of(api, args)
    check_view(api.workspace, args.get("view"))
    external = args["view"].get("external_id")
    if external and any(v.open and v.body["external_id"] == external for v in api.workspace.views.values()):
        raise ApiError("duplicate_external_id")
    trigger = api.workspace.use_trigger(key)
    if isinstance(trigger, str):
        raise ApiError(trigger)
    return {"view": view_json(api.workspace, new_view(api.workspace, trigger.user, args["view"]))}


def push_view(api, args):
    key = trigger_of(api, args)
    check_view(api.workspace, args.get("view"))
    trigger = api.workspace.use_trigger(key)
    if isinstance(trigger, str):
        raise ApiError(trigger)
    below = api.workspace.views.get(trigger.view)
    if below is None or not below.open:
        raise ApiError("not_found")
    return {"view": view_json(api.workspace, push_on(api.workspace, below, args["view"]))}


def push_on(workspace, below, body):
    depth, each = 1, below
    while each.previous:
        depth, each = depth + 1, workspace.views[each.previous]
    if depth >= STACK_DEPTH:
        raise ApiError("push_limit_reached")
    return new_view(workspace, below.user, body, below)


def update_view(api, args):
    check_view(api.workspace, args.get("view"))
    if args.get("external_id"):
        view = next((v for v in api.workspace.views.values() if v.body["external_id"] == args["external_id"]), None)
    else:
        view = api.workspace.views.get(need(args, "view_id"))
    if view is None or not view.open:
        raise ApiError("not_found")
    if args.get("hash") and args["hash"] != view.hash:
        raise ApiError("hash_conflict")
    return {"view": view_json(api.workspace, replace_view(api.workspace, view, args["view"]))}


def publish_view(api, args):
    """A person's Home: one view each, replaced whole."""
    user = need(args, "user_id")
    check_view(api.workspace, args.get("view"), "home")
    if user not in api.workspace.users:
        raise ApiError("invalid_arguments")
    view = api.workspace.homes.get(user)
    if view is not None and args.get("hash") and args["hash"] != view.hash:
        raise ApiError("hash_conflict")
    if view is None:
        view = api.workspace.homes[user] = new_view(api.workspace, user, args["view"])
    else:
        replace_view(api.workspace, view, args["view"])
    return {"view": view_json(api.workspace, view)}


def close_all(workspace, view):
    for each in workspace.views.values():
        if each.root == view.root:
            each.open = False


def apply_answer(workspace, view, answer, complain):
    """What the bot's answer to view_submission does to the person's screen."""
    action = answer.get("response_action")
    if action is None:
        view.open = False
        if answer:
            complain(f"view_submission answered with an object without response_action: {sorted(answer)}")
    elif action == "errors":
        known = {b["block_id"] for b in view.body["blocks"] if b["type"] == "input"}
        stray = set(answer.get("errors") or {}) - known
        if stray or not answer.get("errors"):
            complain(f"errors for blocks that are no inputs of the view: {sorted(stray)}")
        view.errors = dict(answer.get("errors") or {})
    elif action == "clear":
        close_all(workspace, view)
    elif action in ("update", "push"):
        try:
            check_view(workspace, answer.get("view"))
            if action == "update":
                replace_view(workspace, view, answer["view"])
            else:
                push_on(workspace, view, answer["view"])
        except ApiError as refused:
            complain(f"response_action {action} refused: {refused.error} {refused.more}")
    else:
        complain(f"unknown response_action {action!r}")

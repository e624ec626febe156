"""Block Kit: what Slack refuses, what it fills in, and where the buttons of a stored message are."""

import json

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
WHOLE_BLOCKS = 13200
MARKDOWN_TOTAL = 12000

MESSAGE_KINDS = {"section", "header", "context", "actions", "divider", "image", "input", "markdown", "rich_text",
                 "table", "video", "file"}
VIEW_KINDS = MESSAGE_KINDS - {"markdown", "table", "file"}
ACTION_ELEMENTS = {
    "button", "static_select", "external_select", "users_select", "conversations_select", "channels_select",
    "overflow", "datepicker", "timepicker", "datetimepicker", "checkboxes", "radio_buttons",
    "multi_static_select", "multi_external_select", "multi_users_select", "multi_conversations_select",
    "multi_channels_select", "workflow_button"}
INPUT_ELEMENTS = (ACTION_ELEMENTS - {"button", "overflow", "workflow_button"}) | {
    "plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input", "file_input"}


class Problems:
    """Collects complaints in the form of response_metadata.messages."""

    def __init__(self):
        self.found = []

    def add(self, text, pointer):
        self.found.append((text, pointer))

    def messages(self):
        return [f"[ERROR] {text} [json-pointer:{pointer}]" for text, pointer in self.found]

    def errors(self):
        return [f"{text} [json-pointer:{pointer}]" for text, pointer in self.found]

    def string(self, holder, key, most, at, least=1, required=True):
        value = holder.get(key)
        where = f"{at}/{key}"
        if value is None:
            if required:
                self.add(f"missing required field: {key}", at)
            return
        if not isinstance(value, str):
            self.add("must be a string", where)
        elif len(value) > most:
            self.add(f"must be less than {most + 1} characters", where)
        elif len(value) < least:
            self.add(f"must be more than {least - 1} characters", where)

    def text(self, holder, key, most, at, kinds=("plain_text",), required=True):
        value = holder.get(key)
        where = f"{at}/{key}"
        if value is None:
            if required:
                self.add(f"missing required field: {key}", at)
            return
        if not isinstance(value, dict):
            self.add("must be an object", where)
            return
        if value.get("type") not in kinds:
            self.add(f"unsupported type: {value.get('type')}", f"{where}/type")
            return
        allowed = {"type", "text", "emoji"} if value["type"] == "plain_text" else {"type", "text", "verbatim"}
        for extra in sorted(set(value) - allowed):
            self.add(f"invalid additional property: {extra}", where)
        self.string(value, "text", most, where)

    def items(self, holder, key, most, at, least=1, required=True):
        value = holder.get(key)
        where = f"{at}/{key}"
        if value is None and not required:
            return []
        if not isinstance(value, list):
            self.add(f"missing required field: {key}" if value is None else "must be an array",
                     at if value is None else where)
            return []
        if len(value) > most:
            self.add(f"no more than {most} items allowed", where)
        elif len(value) < least:
            self.add(f"no fewer than {least} items required" if least > 1 else "must be more than 0 items", where)
        return list(enumerate(value))


BOTH = ("plain_text", "mrkdwn")


def check_confirm(problems, element, at):
    confirm = element.get("confirm")
    if confirm is None:
        return
    where = f"{at}/confirm"
    if not isinstance(confirm, dict):
        problems.add("must be an object", where)
        return
    problems.text(confirm, "title", 100, where, required=False)
    problems.text(confirm, "text", 300, where, BOTH)
    problems.text(confirm, "confirm", 30, where, required=False)
    problems.text(confirm, "deny", 30, where, required=False)


def check_style(problems, element, at):
    if element.get("style") not in (None, "primary", "danger"):
        problems.add("must be one of: primary, danger", f"{at}/style")


def check_options(problems, element, most, at, least=1):
    values = [o for o in element.get("options") or [] if isinstance(o, dict)]
    for index, option in problems.items(element, "options", most, at, least):
        where = f"{at}/options/{index}"
        if not isinstance(option, dict):
            problems.add("must be an object", where)
            continue
        problems.text(option, "text", 75, where, BOTH)
        problems.string(option, "value", 75, where)
    if len({str(option.get("value")) for option in values}) < len(values):
        problems.add("option values must be unique", f"{at}/options")


def check_element(problems, element, at, allowed):
    if not isinstance(element, dict):
        problems.add("must be an object", at)
        return
    kind = element.get("type")
    if kind not in allowed:
        problems.add(f"unsupported type: {kind}", f"{at}/type")
        return
    problems.string(element, "action_id", 255, at, required=False)
    check_confirm(problems, element, at)
    if kind == "button":
        problems.text(element, "text", 75, at)
        problems.string(element, "value", 2000, at, required=False)
        problems.string(element, "url", 3000, at, required=False)
        problems.string(element, "accessibility_label", 75, at, required=False)
        check_style(problems, element, at)
    elif kind in ("static_select", "multi_static_select"):
        problems.text(element, "placeholder", 150, at, required=False)
        if "option_groups" in element:
            for index, group in problems.items(element, "option_groups", 100, at):
                problems.text(group, "label", 75, f"{at}/option_groups/{index}")
                check_options(problems, group, 100, f"{at}/option_groups/{index}")
        else:
            check_options(problems, element, 100, at)
    elif kind == "overflow":
        check_options(problems, element, 5, at)
    elif kind in ("checkboxes", "radio_buttons"):
        check_options(problems, element, 10, at)
    elif kind == "plain_text_input":
        problems.text(element, "placeholder", 150, at, required=False)
        problems.string(element, "initial_value", 3000, at, required=False, least=0)
        for key in ("min_length", "max_length"):
            value = element.get(key, 1)
            if not isinstance(value, int) or not 0 <= value <= 3000:
                problems.add("must be less than 3001", f"{at}/{key}")


def check_image(problems, image, at, file_ready):
    problems.string(image, "alt_text", 2000, at)
    sources = [key for key in ("image_url", "slack_file") if image.get(key) is not None]
    if len(sources) != 1:
        problems.add("must have exactly one of image_url, slack_file", at)
    elif sources == ["image_url"]:
        problems.string(image, "image_url", 3000, at)
        if not str(image["image_url"]).startswith(("http://", "https://")):
            problems.add("must be a valid URL", f"{at}/image_url")
    elif not isinstance(image["slack_file"], dict) or not file_ready(image["slack_file"]):
        problems.add("invalid slack file", f"{at}/slack_file")


def check_context(problems, block, at, file_ready):
    for index, element in problems.items(block, "elements", 10, at):
        where = f"{at}/elements/{index}"
        kind = element.get("type") if isinstance(element, dict) else None
        if kind == "image":
            check_image(problems, element, where, file_ready)
        elif kind in BOTH:
            problems.text({"text": element}, "text", 3000, where, BOTH)
        else:
            problems.add(f"unsupported type: {kind}", f"{where}/type")


def check_section(problems, block, at, file_ready):
    if block.get("text") is None and not block.get("fields"):
        problems.add("missing required field: text", at)
    problems.text(block, "text", 3000, at, BOTH, required=False)
    if "fields" in block:
        for index, part in problems.items(block, "fields", 10, at):
            problems.text({"field": part}, "field", 2000, f"{at}/fields/{index}", BOTH)
    accessory = block.get("accessory")
    if isinstance(accessory, dict) and accessory.get("type") == "image":
        check_image(problems, accessory, f"{at}/accessory", file_ready)
    elif accessory is not None:
        check_element(problems, accessory, f"{at}/accessory", ACTION_ELEMENTS)


def check_table(problems, block, at):
    for index, row in problems.items(block, "rows", 100, at):
        if not isinstance(row, list) or len(row) > 20:
            problems.add("no more than 20 items allowed", f"{at}/rows/{index}")


def check_block(problems, block, at, kinds, file_ready):
    if not isinstance(block, dict):
        problems.add("must be an object", at)
        return
    kind = block.get("type")
    if kind not in kinds:
        problems.add(f"unsupported type: {kind}", f"{at}/type")
        return
    problems.string(block, "block_id", 255, at, required=False)
    if kind == "section":
        check_section(problems, block, at, file_ready)
    elif kind == "header":
        problems.text(block, "text", 150, at)
    elif kind == "context":
        check_context(problems, block, at, file_ready)
    elif kind == "actions":
        for index, element in problems.items(block, "elements", 25, at):
            check_element(problems, element, f"{at}/elements/{index}", ACTION_ELEMENTS)
    elif kind == "image":
        check_image(problems, block, at, file_ready)
        problems.text(block, "title", 2000, at, required=False)
    elif kind == "input":
        problems.text(block, "label", 2000, at)
        problems.text(block, "hint", 2000, at, required=False)
        check_element(problems, block.get("element"), f"{at}/element", INPUT_ELEMENTS)
    elif kind == "markdown":
        problems.string(block, "text", MARKDOWN_TOTAL, at)
    elif kind == "table":
        check_table(problems, block, at)


def check_unique(problems, blocks, at):
    ids = [b["block_id"] for b in blocks if isinstance(b, dict) and isinstance(b.get("block_id"), str)]
    if len(set(ids)) < len(ids):
        problems.add("`block_id` must be unique", at)
    for index, block in enumerate(blocks):
        elements = block.get("elements", []) if isinstance(block, dict) and block.get("type") == "actions" else []
        actions = [e["action_id"] for e in elements if isinstance(e, dict) and e.get("action_id")]
        if len(set(actions)) < len(actions):
            problems.add("`action_id` must be unique", f"{at}/{index}/elements")


def check_blocks(blocks, file_ready, in_view=False, at="/blocks"):
    """All that is wrong with a list of blocks; an empty Problems.found when it may be posted."""
    problems = Problems()
    if not isinstance(blocks, list):
        problems.add("must be an array", at)
        return problems
    most = VIEW_BLOCKS if in_view else MESSAGE_BLOCKS
    if len(blocks) > most:
        problems.add(f"no more than {most} items allowed", at)
    for index, block in enumerate(blocks):
        check_block(problems, block, f"{at}/{index}", VIEW_KINDS if in_view else MESSAGE_KINDS, file_ready)
    check_unique(problems, blocks, at)
    kinds = [b.get("type") for b in blocks if isinstance(b, dict)]
    if kinds.count("table") > 1:
        problems.add("only one table is allowed", at)
    words = sum(len(str(b.get("text"))) for b in blocks if isinstance(b, dict) and b.get("type") == "markdown")
    if words > MARKDOWN_TOTAL:
        problems.add(f"markdown text must be less than {MARKDOWN_TOTAL + 1} characters in total", at)
    return problems


def too_long(blocks):
    return len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) > WHOLE_BLOCKS


def fill_in(value, new_id):
    """What Slack adds inside a block before it stores it: action ids, `emoji`, `verbatim`."""
    if isinstance(value, list):
        return [fill_in(each, new_id) for each in value]
    if not isinstance(value, dict):
        return value
    filled = {key: fill_in(each, new_id) for key, each in value.items()}
    kind = filled.get("type")
    if kind == "plain_text" and "text" in filled:
        filled.setdefault("emoji", True)
    elif kind == "mrkdwn":
        filled.setdefault("verbatim", False)
    elif kind in ACTION_ELEMENTS | INPUT_ELEMENTS:
        filled.setdefault("action_id", new_id())
    return filled


def as_stored(blocks, new_id):
    """Blocks as Slack hands them back: every one has a block_id."""
    stored = [fill_in(block, new_id) for block in blocks]
    for block in stored:
        block.setdefault("block_id", new_id())
    return stored


def interactive(blocks):
    """(block_id, element) of everything a person can press in these blocks."""
    for block in blocks or ():
        if block.get("type") == "actions":
            for element in block.get("elements", ()):
                yield block.get("block_id"), element
        elif block.get("type") == "section" and "accessory" in block and block["accessory"]["type"] != "image":
            yield block.get("block_id"), block["accessory"]


def words(value):
    """Every text of blocks or attachments in reading order."""
    if isinstance(value, list):
        for each in value:
            yield from words(each)
    elif isinstance(value, dict):
        for key in ("title", "pretext", "text", "fields", "elements", "accessory", "alt_text", "rows", "label",
                    "element", "placeholder", "hint", "value", "blocks", "attachments", "footer"):
            if key == "value" and value.get("type") in ACTION_ELEMENTS:
                continue
            if isinstance(value.get(key), str):
                yield value[key]
            else:
                yield from words(value.get(key))

#include "bot/channels/slack/slack_payload.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/channels/slack/slack_render.h"

enum {
	CHALLENGE_BYTES_MAX = 256,
	FORM_BYTES_MAX = 64 * 1024,
	METADATA_BYTES_MAX = 2900,
	REASON_CHARS_MAX = 1000,
	TITLE_CHARS_MAX = 22,
};
#define FORM_ID "rollcall.reason"
#define ACTION_PREFIX "rollcall."

void slack_inbound_init(struct slack_inbound *in)
{
	*in = (struct slack_inbound){ .app = "",
				      .team = "",
				      .enterprise = "",
				      .user = "",
				      .user_name = "",
				      .user_team = "",
				      .channel = "",
				      .message_ts = "",
				      .thread_ts = "",
				      .id = "",
				      .other_id = "",
				      .value = "",
				      .text = "",
				      .trigger_id = "",
				      .response_url = "",
				      .challenge = "" };
}

/* What cannot be kept is "": every reader of it then refuses. */
static const char *take(const cJSON *j, const char *path, struct arena *a)
{
	const char *s = arena_strdup(a, json_text(j, path, ""));
	return s ? s : "";
}

/* ---- presses and forms ---- */

static void read_actor(const cJSON *j, struct arena *a, struct slack_inbound *in)
{
	in->app = take(j, "api_app_id", a);
	in->team = take(j, "team.id", a);
	in->enterprise = take(j, "enterprise.id", a);
	in->user = take(j, "user.id", a);
	in->user_name = take(j, *json_text(j, "user.username", "") ? "user.username" : "user.name", a);
	in->user_team = take(j, "user.team_id", a);
	in->trigger_id = take(j, "trigger_id", a);
}

static void read_press(const cJSON *j, struct arena *a, struct slack_inbound *in)
{
	in->channel = take(j, *json_text(j, "channel.id", "") ? "channel.id" : "container.channel_id", a);
	if (!*in->channel && text_eq(json_text(j, "container.type", ""), "view"))
		in->channel = in->user; /* on a page of their own */
	in->message_ts = take(j, "container.message_ts", a);
	in->thread_ts = take(j, "container.thread_ts", a);
	in->response_url = take(j, "response_url", a);
	const cJSON *action;
	cJSON_ArrayForEach (action, json_at(j, "actions")) {
		const char *value = json_text(action, "value", "");
		if (!text_starts(json_text(action, "action_id", ""), ACTION_PREFIX) || !*value)
			continue; /* a link button tells us too that it was pressed */
		const char *id = arena_printf(a, "press:%s:%s:%s:%s", in->user, in->message_ts,
					      json_text(action, "action_id", ""), json_text(action, "action_ts", ""));
		in->kind = SLACK_PRESS;
		in->value = take(action, "value", a);
		in->id = id ? id : "";
		return;
	}
}

static void read_form(const cJSON *j, struct arena *a, struct slack_inbound *in)
{
	if (!text_eq(json_text(j, "view.callback_id", ""), FORM_ID))
		return;
	const char *kept = json_text(j, "view.private_metadata", "");
	cJSON *back = NULL;
	if (json_parse(kept, strlen(kept), &back, NULL) != RC_OK)
		return;
	in->kind = SLACK_FORM;
	in->value = take(back, "v", a);
	in->channel = take(back, "c", a);
	in->message_ts = take(back, "ts", a);
	in->thread_ts = take(back, "th", a);
	in->text = take(j, "view.state.values.why.text.value", a);
	const char *id = arena_printf(a, "form:%s:%s", json_text(j, "view.id", ""), json_text(j, "view.hash", ""));
	in->id = id ? id : "";
	cJSON_Delete(back);
}

enum result slack_read_interactive(const char *json, size_t len, struct arena *a, struct slack_inbound *ret,
				   struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = json_parse(json, len, &j, e);
	return r == RC_OK ? slack_take_interactive(j, a, ret, e) : error_in(e, r, "payload");
}

enum result slack_take_interactive(const cJSON *j, struct arena *a, struct slack_inbound *ret, struct error *e)
{
	struct slack_inbound in;
	slack_inbound_init(&in);
	const char *type = json_text(j, "type", "");
	if (!*type)
		return error_set(e, RC_INVALID, "payload has no type");
	read_actor(j, a, &in);
	if (text_eq(type, "block_actions"))
		read_press(j, a, &in);
	else if (text_eq(type, "view_submission"))
		read_form(j, a, &in);
	if (in.kind != SLACK_IGNORED && !*in.user)
		return error_set(e, RC_INVALID, "payload names no user");
	*ret = in;
	return RC_OK;
}

/* ---- events ---- */

static const char *without_mention(const char *text, const char *bot_user, struct arena *a)
{
	const char *mark = arena_printf(a, "<@%s", bot_user), *end;
	text += strspn(text, " \t\n");
	if (*bot_user && mark && text_starts(text, mark) && (end = strchr(text, '>')))
		text = end + 1;
	return text + strspn(text, " \t\n:,");
}

/* Other people's talk, and our own, is none of our business. */
static bool is_for_us(const cJSON *event, const char *bot_user)
{
	const char *type = json_text(event, "type", ""), *user = json_text(event, "user", "");
	if (!*user || text_eq(user, bot_user) || *json_text(event, "bot_id", "") || json_at(event, "subtype") ||
	    json_bool(event, "hidden", false))
		return false;
	return text_eq(type, "app_mention") ||
	       (text_eq(type, "message") && text_eq(json_text(event, "channel_type", ""), "im"));
}

static void read_said(const cJSON *j, const char *bot_user, struct arena *a, struct slack_inbound *in)
{
	const cJSON *event = json_at(j, "event");
	const char *type = json_text(event, "type", "");
	if (text_eq(type, "app_uninstalled") || text_eq(type, "tokens_revoked"))
		in->kind = SLACK_GONE;
	if (text_eq(type, "app_home_opened") && text_eq(json_text(event, "tab", ""), "home")) {
		in->kind = SLACK_HOME;
		in->user = take(event, "user", a);
	}
	if (!is_for_us(event, bot_user))
		return;
	in->kind = SLACK_COMMAND;
	in->user = take(event, "user", a);
	in->user_team = take(event, *json_text(event, "user_team", "") ? "user_team" : "team", a);
	in->channel = take(event, "channel", a);
	bool direct = text_eq(type, "message");
	in->thread_ts = take(event, direct || *json_text(event, "thread_ts", "") ? "thread_ts" : "ts", a);
	const char *text = slack_unescape(a, without_mention(json_text(event, "text", ""), bot_user, a));
	in->text = text ? text : "";
	const char *other = arena_printf(a, "said:%s:%s", in->channel, json_text(event, "ts", ""));
	in->other_id = other ? other : "";
}

enum result slack_read_event(const char *json, size_t len, const char *bot_user, struct arena *a,
			     struct slack_inbound *ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = json_parse(json, len, &j, e);
	return r == RC_OK ? slack_take_event(j, bot_user, a, ret, e) : error_in(e, r, "event");
}

enum result slack_take_event(const cJSON *j, const char *bot_user, struct arena *a, struct slack_inbound *ret,
			     struct error *e)
{
	struct slack_inbound in;
	slack_inbound_init(&in);
	in.app = take(j, "api_app_id", a);
	in.team = take(j, "team_id", a);
	in.enterprise = take(j, "enterprise_id", a);
	const char *type = json_text(j, "type", "");
	if (text_eq(type, "url_verification")) {
		in.kind = SLACK_CHALLENGE;
		in.challenge = take(j, "challenge", a);
		if (!*in.challenge || strlen(in.challenge) > CHALLENGE_BYTES_MAX)
			return error_set(e, RC_INVALID, "challenge is missing or longer than %d bytes",
					 CHALLENGE_BYTES_MAX);
	} else if (text_eq(type, "event_callback")) {
		const char *id = arena_printf(a, "event:%s", json_text(j, "event_id", ""));
		in.id = id ? id : "";
		read_said(j, bot_user, a, &in);
	} else if (!*type) {
		return error_set(e, RC_INVALID, "event has no type");
	}
	*ret = in;
	return RC_OK;
}

/* ---- slash commands ---- */

static const char *keep(const char *value, struct arena *a)
{
	const char *s = arena_strdup(a, value);
	return s ? s : "";
}

enum result slack_read_command(const char *(*field)(void *from, const char *name), void *from, struct arena *a,
			       struct slack_inbound *ret, struct error *e)
{
	struct slack_inbound in;
	slack_inbound_init(&in);
	in.kind = SLACK_COMMAND;
	in.app = keep(field(from, "api_app_id"), a);
	in.team = keep(field(from, "team_id"), a);
	in.enterprise = keep(field(from, "enterprise_id"), a);
	in.user = keep(field(from, "user_id"), a);
	in.user_name = keep(field(from, "user_name"), a);
	in.channel = keep(field(from, "channel_id"), a);
	in.trigger_id = keep(field(from, "trigger_id"), a);
	in.response_url = keep(field(from, "response_url"), a);
	const char *text = slack_unescape(a, keep(field(from, "text"), a));
	in.text = text ? text : "";
	if (!*in.user)
		return error_set(e, RC_INVALID, "command names no user");
	*ret = in;
	return RC_OK;
}

/* ---- the reason form ---- */

static void put_text(struct strbuf *b, const char *key, const char *text)
{
	struct strbuf cut;
	strbuf_init(&cut, FORM_BYTES_MAX);
	strbuf_addn(&cut, text, text_prefix(text, TITLE_CHARS_MAX));
	strbuf_addf(b, "\"%s\":{\"type\":\"plain_text\",\"text\":", key);
	strbuf_add_json(b, cut.len ? cut.s : "-");
	strbuf_addc(b, '}');
	strbuf_finish(&cut);
}

static void put_member(struct strbuf *b, const char *key, const char *value)
{
	strbuf_addf(b, "%s\"%s\":", b->len > 1 ? "," : "", key);
	strbuf_add_json(b, value);
}

char *slack_form_json(const struct slack_form *f)
{
	struct strbuf b, kept;
	strbuf_init(&kept, METADATA_BYTES_MAX);
	strbuf_addc(&kept, '{');
	put_member(&kept, "v", f->value);
	put_member(&kept, "c", f->channel);
	put_member(&kept, "ts", f->message_ts);
	put_member(&kept, "th", f->thread_ts);
	strbuf_addc(&kept, '}');
	strbuf_init(&b, FORM_BYTES_MAX);
	strbuf_add(&b, "{\"trigger_id\":");
	strbuf_add_json(&b, f->trigger_id);
	strbuf_add(&b, ",\"view\":{\"type\":\"modal\",\"callback_id\":\"" FORM_ID "\",\"private_metadata\":");
	strbuf_add_json(&b, kept.s);
	strbuf_addc(&b, ',');
	put_text(&b, "title", f->title);
	strbuf_addc(&b, ',');
	put_text(&b, "submit", f->submit);
	strbuf_addc(&b, ',');
	put_text(&b, "close", f->cancel);
	strbuf_add(&b, ",\"notify_on_close\":false,\"blocks\":[{\"type\":\"input\",\"block_id\":\"why\",");
	put_text(&b, "label", f->label);
	strbuf_addf(&b,
		    ",\"element\":{\"type\":\"plain_text_input\",\"action_id\":\"text\",\"multiline\":true,"
		    "\"min_length\":3,\"max_length\":%d}}]}}",
		    REASON_CHARS_MAX);
	b.overflow |= kept.overflow;
	strbuf_finish(&kept);
	char *json = strbuf_take(&b);
	strbuf_finish(&b);
	return json;
}

char *slack_form_error(const char *text)
{
	struct strbuf b;
	strbuf_init(&b, FORM_BYTES_MAX);
	strbuf_add(&b, "{\"response_action\":\"errors\",\"errors\":{\"why\":");
	strbuf_add_json(&b, text);
	strbuf_add(&b, "}}");
	char *json = strbuf_take(&b);
	strbuf_finish(&b);
	return json;
}

/* The request URL: is it Slack, what is it, acknowledge at once, then tell the bot (slack.md 2-6). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/cards/clean.h"
#include "bot/channels/slack/slack_private.h"
#include "bot/channels/slack/slack_verify.h"

enum {
	ARENA_BYTES = 4 * 1024 * 1024,
	REPLAY_KEEP_MS = 600 * 1000,
	EVENT_KEEP_MS = 3600 * 1000,
	REASON_CHARS_MIN = 3,
	PROBE_BYTES_MAX = 256,
};

/* One line, without anything of the body. */
static void refuse(struct http_exchange *x, int status, const char *why)
{
	log_warn("slack_request_refused", "status=%d peer=%s why=%s", status, http_peer(x)->address, why);
	http_respond(x, status, NULL, NULL, 0, NULL);
}

static bool is_type(const struct http_exchange *x, const char *type)
{
	const char *given = http_header(x, "content-type");
	size_t len = strlen(type);
	return given && strncasecmp(given, type, len) == 0 && strchr("; \t", given[len]);
}

/* The certificate probe is not signed, and nothing follows from it. */
static bool is_probe(const struct http_exchange *x)
{
	size_t len;
	const char *body = http_body(x, &len);
	return len <= PROBE_BYTES_MAX && is_type(x, "application/x-www-form-urlencoded") &&
	       !http_header(x, "x-slack-signature") &&
	       (text_starts(body, "ssl_check=1") || strstr(body, "&ssl_check=1"));
}

void slack_probe(void *owner, struct http_exchange *x)
{
	(void)owner;
	const char *probe = http_query(x, "ssl_check");
	if (text_eq(probe, "1"))
		http_respond(x, 200, NULL, NULL, 0, NULL);
	else
		http_respond_error(x, 405, "Slack posts here", "only POST");
}

static enum result verify(const struct slack *s, const struct http_exchange *x, struct error *e)
{
	if (http_header_repeated(x, "x-slack-signature") || http_header_repeated(x, "x-slack-request-timestamp"))
		return error_set(e, RC_REFUSED, "signature or timestamp came twice");
	size_t len;
	const char *body = http_body(x, &len);
	const char *const secrets[2] = { s->secrets[0], s->secrets[1] };
	return slack_verify(secrets, http_header(x, "x-slack-request-timestamp"), http_header(x, "x-slack-signature"),
			    body, len, loop_wall(s->ctx.loop).v / 1000, e);
}

/* ---- what it is ---- */

static const char *field(struct http_exchange *x, const char *name, struct arena *a)
{
	const char *value = arena_strdup(a, http_form(x, name));
	return value ? value : "";
}

static enum result read_command(struct http_exchange *x, struct arena *a, struct slack_inbound *ret, struct error *e)
{
	struct slack_inbound in = { 0 };
	slack_inbound_init(&in);
	in.kind = SLACK_COMMAND;
	in.app = field(x, "api_app_id", a);
	in.team = field(x, "team_id", a);
	in.user = field(x, "user_id", a);
	in.user_name = field(x, "user_name", a);
	in.channel = field(x, "channel_id", a);
	in.trigger_id = field(x, "trigger_id", a);
	in.response_url = field(x, "response_url", a);
	const char *text = slack_unescape(a, field(x, "text", a));
	in.text = text ? text : "";
	if (!*in.user)
		return error_set(e, RC_INVALID, "command names no user");
	*ret = in;
	return RC_OK;
}

static enum result read_body(struct slack *s, struct http_exchange *x, struct arena *a, struct slack_inbound *ret,
			     struct error *e)
{
	size_t len;
	const char *body = http_body(x, &len);
	if (is_type(x, "application/json"))
		return slack_read_event(body, len, s->bot_user, a, ret, e);
	if (!is_type(x, "application/x-www-form-urlencoded"))
		return error_set(e, RC_INVALID, "content type is neither JSON nor a form");
	const char *payload = http_form(x, "payload");
	if (payload)
		return slack_read_interactive(payload, strlen(payload), a, ret, e);
	if (http_form(x, "command"))
		return read_command(x, a, ret, e);
	return error_set(e, RC_INVALID, "form is neither a command nor a payload");
}

/* ---- whose it is, and whether it came before ---- */

/* 0: ours. */
static int foreign(const struct slack *s, const struct slack_inbound *in, const char **why)
{
	if (!*s->team) {
		*why = "own workspace is not known yet (auth.test)";
		return 503;
	}
	*why = "another app";
	if (*s->app && !text_eq(in->app, s->app))
		return 403;
	*why = "another workspace";
	if (!text_eq(in->team, s->team))
		return 403;
	*why = "somebody of another workspace";
	return !text_empty(in->user_team) && !text_eq(in->user_team, s->team) ? 403 : 0;
}

/* Slack signs its own repeats anew: the same signature twice is somebody else. Events come again by themselves. */
static bool replayed(struct slack *s, const struct http_exchange *x)
{
	char key[128];
	(void)snprintf(key, sizeof key, "signature:%.16s:%.80s", http_header(x, "x-slack-request-timestamp"),
		       http_header(x, "x-slack-signature"));
	return !seen_first(s->seen, key, loop_now(s->ctx.loop), REPLAY_KEEP_MS);
}

static bool heard_before(struct slack *s, const struct slack_inbound *in)
{
	struct mono_ms now = loop_now(s->ctx.loop);
	bool again = !text_empty(in->id) && !seen_first(s->seen, in->id, now, EVENT_KEEP_MS);
	return (!text_empty(in->other_id) && !seen_first(s->seen, in->other_id, now, EVENT_KEEP_MS)) || again;
}

/* A command has no id of its own; its signature is one. */
static const char *event_id(const struct slack_inbound *in, const struct http_exchange *x, struct arena *a)
{
	if (!text_empty(in->other_id))
		return in->other_id;
	if (!text_empty(in->id))
		return in->id;
	return arena_printf(a, "command:%.16s:%.40s", http_header(x, "x-slack-request-timestamp"),
			    http_header(x, "x-slack-signature"));
}

/* ---- telling the bot ---- */

static void tell(struct slack *s, const struct slack_inbound *in, const char *id, struct arena *a)
{
	struct responder *responder = slack_responder_create(s, in);
	const char *channel = arena_printf(a, "slack:%s", in->channel);
	if (!responder || !channel || !id) {
		log_error("interaction_lost", "platform=slack why=no memory");
		if (responder)
			responder->say(responder, NULL, false);
		return;
	}
	bool press = in->kind == SLACK_PRESS || in->kind == SLACK_FORM;
	struct interaction out = {
		.person = { .platform = "slack",
			    .team = s->team,
			    .id = in->user,
			    .name = !text_empty(in->user_name) ? in->user_name : in->user,
			    .user = "",
			    .in_channel = *in->channel == 'C' || *in->channel == 'G' },
		.channel = channel,
		.message_id = in->message_ts,
		.thread_id = in->thread_ts,
		.event_id = id,
		.value = press ? in->value : "",
		.text = in->text,
		.form = in->kind == SLACK_FORM,
		.responder = responder,
	};
	s->ctx.ears.interaction(s->ctx.ears.owner, &out);
}

static void challenge(struct http_exchange *x, const struct slack_inbound *in)
{
	struct strbuf b;
	strbuf_init(&b, 4096);
	strbuf_add(&b, "{\"challenge\":");
	strbuf_add_json(&b, in->challenge);
	strbuf_addc(&b, '}');
	http_respond_json(x, 200, b.s);
	strbuf_finish(&b);
}

static bool too_short(const char *reason)
{
	return clean_chars(reason + strspn(reason, " \t\r\n")) < REASON_CHARS_MIN;
}

static void ask_again(struct slack *s, struct http_exchange *x, struct arena *a)
{
	char *body = slack_form_error(card_words(s->ctx.lang, "reason.missing", a, NULL));
	if (body)
		http_respond_json(x, 200, body);
	else
		http_respond(x, 200, NULL, NULL, 0, NULL);
	free(body);
}

/* Everything of the request that is needed lives in a: the exchange is gone once it is answered. */
static void genuine(struct slack *s, struct http_exchange *x, const struct slack_inbound *in, struct arena *a)
{
	const char *why;
	if (in->kind == SLACK_CHALLENGE) {
		challenge(x, in);
		return;
	}
	int status = foreign(s, in, &why);
	if (status) {
		refuse(x, status, why);
		return;
	}
	if (in->kind == SLACK_GONE)
		log_error("slack_app_removed", "team=%s what=the app was uninstalled or its tokens were revoked",
			  s->team);
	if (in->kind == SLACK_FORM && too_short(in->text)) {
		ask_again(s, x, a);
		return;
	}
	bool again = heard_before(s, in);
	const char *id = event_id(in, x, a);
	http_respond(x, 200, NULL, NULL, 0, NULL);
	if (!again && (in->kind == SLACK_COMMAND || in->kind == SLACK_PRESS || in->kind == SLACK_FORM))
		tell(s, in, id, a);
}

void slack_receive(void *owner, struct http_exchange *x)
{
	struct slack *s = owner;
	struct error e;
	if (is_probe(x)) {
		http_respond(x, 200, NULL, NULL, 0, NULL);
		return;
	}
	if (verify(s, x, &e) != RC_OK) {
		refuse(x, 401, e.text);
		return;
	}
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(ARENA_BYTES);
	struct slack_inbound in = { 0 };
	if (!a)
		refuse(x, 503, "no memory");
	else if (read_body(s, x, a, &in, &e) != RC_OK)
		refuse(x, 400, e.text);
	else if (!is_type(x, "application/json") && replayed(s, x))
		refuse(x, 401, "the same signature came before");
	else
		genuine(s, x, &in, a);
}

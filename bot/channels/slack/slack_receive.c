/* The request URL: is it Slack, what is it, then tell the bot and acknowledge (slack.md 2-6). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/channels/slack/slack_private.h"
#include "bot/channels/slack/slack_verify.h"

enum {
	ARENA_BYTES = 4 * 1024 * 1024,
	REPLAY_KEEP_MS = 600 * 1000,
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

static const char *form_field(void *from, const char *name)
{
	return http_form(from, name);
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
		return slack_read_command(form_field, x, a, ret, e);
	return error_set(e, RC_INVALID, "form is neither a command nor a payload");
}

/* ---- did it come before ---- */

/* Slack signs its own repeats anew: the same signature twice is somebody else. Events come again by themselves. */
static bool replayed(struct slack *s, const struct http_exchange *x)
{
	char key[128];
	(void)snprintf(key, sizeof key, "signature:%.16s:%.80s", http_header(x, "x-slack-request-timestamp"),
		       http_header(x, "x-slack-signature"));
	return !seen_first(s->seen, key, loop_now(s->ctx.loop), REPLAY_KEEP_MS);
}

/* A command has no id of its own; its signature is one. */
static const char *signature_id(const struct http_exchange *x, struct arena *a)
{
	return arena_printf(a, "command:%.16s:%.40s", http_header(x, "x-slack-request-timestamp"),
			    http_header(x, "x-slack-signature"));
}

/* ---- acknowledging ---- */

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

static void acknowledge(void *x, const char *text)
{
	http_respond(x, text ? 200 : 503, NULL, NULL, 0, NULL);
}

/* Everything of the request that is needed lives in a: the exchange is gone once it is answered. */
static void genuine(struct slack *s, struct http_exchange *x, const struct slack_inbound *in, struct arena *a)
{
	const char *why;
	if (in->kind == SLACK_CHALLENGE) {
		challenge(x, in);
		return;
	}
	int status = slack_foreign(s, in, &why);
	if (status) {
		refuse(x, status, why);
		return;
	}
	CLEANUP(free_p) char *answer = slack_form_answer(s, in, a);
	if (answer) {
		http_respond_json(x, 200, answer);
		return;
	}
	const char *id = signature_id(x, a);
	struct slack_ack *ack = slack_ack_create(s, x, acknowledge, "");
	if (ack)
		http_on_close(x, slack_ack_forget, ack);
	slack_hear(s, in, id, ack);
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

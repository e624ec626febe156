/* Calls of Slack's Web API (slack.md 7). An answer is only good when it says "ok":true. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/metrics.h"
#include "base/text.h"
#include "bot/channels/slack/slack_private.h"

enum {
	ANSWER_BYTES_MAX = 4 * 1024 * 1024,
	RETRY_AFTER_UNSAID_MS = 30000,
	URL_BYTES_MAX = 4096,
};

struct slack_call {
	struct slack *slack;
	struct slack_call *next, **at;
	struct http_call *http;
	struct deferred failed; /* when it could not even start */
	enum slack_body as;
	char method[64]; /* for texts; never a URL */
	int64_t held_ms; /* not sent at all: Slack has told us to wait for so long */
	slack_answered *done;
	void (*drop)(void *owner);
	void *owner;
};

static void call_free(struct slack_call *c)
{
	http_cancel(&c->http);
	loop_defer_cancel(&c->failed);
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	free(c);
}

void slack_calls_drop(struct slack *s)
{
	while (s->calls) {
		struct slack_call *c = s->calls;
		void (*drop)(void *owner) = c->drop;
		void *owner = c->owner;
		call_free(c);
		if (drop)
			drop(owner);
	}
}

/* The call is over before its owner hears of it: the owner may destroy the channel. */
static void call_over(struct slack_call *c, const struct slack_answer *ans)
{
	slack_answered *done = c->done;
	void *owner = c->owner;
	c->http = NULL;
	call_free(c);
	done(owner, ans);
}

char *slack_bearer(const char *token)
{
	static const char scheme[] = "Authorization: Bearer ";
	size_t size = strlen(token) + sizeof scheme;
	char *header = malloc(size);
	if (header)
		(void)snprintf(header, size, "%s%s", scheme, token);
	return header;
}

/* ---- slowing down ---- */

static struct slack_pace *pace_of(struct slack *s, const char *method)
{
	for (size_t i = 0; i < SLACK_PACES_MAX; i++)
		if (text_eq(s->paces[i].method, method))
			return &s->paces[i];
	return NULL;
}

/* There are more places than methods that we call. */
static void slow_down(struct slack *s, const char *method, int64_t ms)
{
	struct slack_pace *p = pace_of(s, method);
	if (!p)
		p = pace_of(s, "");
	if (!p)
		return;
	(void)text_copy(p->method, sizeof p->method, method);
	p->until.v = loop_now(s->ctx.loop).v + ms;
}

/* For how long a method must still not be called. */
static int64_t held(struct slack *s, const char *method)
{
	const struct slack_pace *p = pace_of(s, method);
	int64_t left = p ? p->until.v - loop_now(s->ctx.loop).v : 0;
	return left > 0 ? left : 0;
}

/* ---- what an answer says ---- */

static bool to_a_url(const struct slack_call *c)
{
	return c->as == SLACK_BARE || c->as == SLACK_BYTES;
}

static const char *error_of(const struct http_answer *answer, const cJSON *body)
{
	if (answer->status == 429)
		return "ratelimited";
	return json_text(body, "error", "");
}

static void explain(const struct slack_call *c, const struct http_answer *answer, const cJSON *body, const char *error,
		    char *buf, size_t size)
{
	const char *needed = json_text(body, "needed", ""), *advice = slack_advice(error),
		   *detail = json_text(body, "response_metadata.messages.0", "");
	char shown[TEXT_SHOWN];
	(void)snprintf(buf, size, "%s: HTTP %d %s%s%s%s%s%s%s", c->method, answer->status, error,
		       *needed ? ", needs " : "", needed, *detail ? ": " : "", text_show(detail, strlen(detail), shown),
		       *advice ? "; " : "", advice);
}

/* Addresses for one use answer in words of their own. */
static bool is_good(const struct slack_call *c, const struct http_answer *answer, const cJSON *body)
{
	if (answer->status != 200)
		return false;
	return c->as == SLACK_BYTES || json_bool(body, "ok", false) ||
	       (c->as == SLACK_BARE && text_eq(answer->body, "ok"));
}

static void judge(const struct slack_call *c, const struct http_answer *answer, const cJSON *body,
		  struct slack_answer *ans)
{
	ans->error = error_of(answer, body);
	ans->body = body;
	if (is_good(c, answer, body))
		ans->r = RC_OK;
	else if ((body && *ans->error) || answer->status == 429)
		ans->r = answer->status >= 500 ? RC_UNREACHABLE : RC_INVALID;
	else if (to_a_url(c) && answer->status / 100 == 4)
		ans->r = RC_INVALID;
	if (slack_trouble_of(ans->error) == TROUBLE_SLOW) {
		int64_t wait = http_answer_retry_after(answer, loop_wall(c->slack->ctx.loop));
		ans->retry_after_ms = wait >= 0 ? wait : RETRY_AFTER_UNSAID_MS;
		if (!to_a_url(c))
			slow_down(c->slack, c->method, ans->retry_after_ms);
	}
}

static void call_answered(void *owner, enum result r, const struct http_answer *answer, const struct error *why)
{
	struct slack_call *c = owner;
	CLEANUP(json_delete_p) cJSON *body = NULL;
	struct slack_answer ans = { .r = RC_UNREACHABLE, .error = "", .retry_after_ms = -1 };
	char text[640];
	if (r != RC_OK) {
		(void)snprintf(text, sizeof text, "%s: %s", c->method, why->text);
	} else {
		(void)!json_parse(answer->body, answer->len, &body, NULL);
		judge(c, answer, body, &ans);
		explain(c, answer, body, ans.error, text, sizeof text);
	}
	ans.why = text;
	if (text_eq(ans.error, "token_expired"))
		slack_token_expired(c->slack);
	metric_inc(c->slack->requests, 1, c->method,
		   ans.r == RC_OK ? "ok"
		   : *ans.error   ? slack_error_word(ans.error)
				  : "no_answer");
	call_over(c, &ans);
}

static const struct slack_answer no_memory = {
	.r = RC_UNREACHABLE, .error = "", .why = "no memory for a call of Slack", .retry_after_ms = -1
};

static void call_failed(void *owner)
{
	struct slack_call *c = owner;
	const struct slack_answer slower = { .r = RC_INVALID,
					     .error = "ratelimited",
					     .why = "Slack has told us to wait",
					     .retry_after_ms = c->held_ms };
	call_over(c, c->held_ms ? &slower : &no_memory);
}

static const char *const content_types[] = {
	[SLACK_JSON] = "Content-Type: application/json; charset=utf-8",
	[SLACK_FORM_BODY] = "Content-Type: application/x-www-form-urlencoded",
	[SLACK_BARE] = "Content-Type: application/json; charset=utf-8",
	[SLACK_BYTES] = "Content-Type: application/octet-stream",
};

static struct http_call *start(struct slack_call *c, const struct slack_request *q)
{
	struct slack *s = c->slack;
	char url[URL_BYTES_MAX];
	int n = snprintf(url, sizeof url, "%s%s", to_a_url(c) ? "" : s->api_url, q->method);
	if (n < 0 || (size_t)n >= sizeof url)
		return NULL;
	const char *token = q->as_app ? s->app_authorization : s->authorization;
	const char *headers[] = { content_types[c->as], to_a_url(c) || q->as_nobody ? NULL : token, NULL };
	struct http_request request = { .method = "POST",
					.url = url,
					.headers = headers,
					.body = q->body,
					.body_len = c->as == SLACK_BYTES ? q->len : strlen(q->body),
					.timeout_ms = SLACK_TIMEOUT_MS,
					.max_body_bytes = ANSWER_BYTES_MAX };
	return http_send(s->ctx.http, &request, call_answered, c, NULL);
}

void slack_send(struct slack *s, const struct slack_request *q)
{
	struct slack_call *c = calloc(1, sizeof *c);
	if (!c) { /* not even memory to answer later */
		q->done(q->owner, &no_memory);
		return;
	}
	*c = (struct slack_call){ .slack = s,
				  .next = s->calls,
				  .at = &s->calls,
				  .as = q->as,
				  .done = q->done,
				  .drop = q->drop,
				  .owner = q->owner };
	const char *name = q->as == SLACK_BARE ? "response_url" : q->as == SLACK_BYTES ? "upload" : q->method;
	(void)text_copy(c->method, sizeof c->method, name);
	c->held_ms = held(s, c->method);
	if (s->calls)
		s->calls->at = &c->next;
	s->calls = c;
	c->http = q->body && !c->held_ms ? start(c, q) : NULL;
	if (!c->http)
		loop_defer(s->ctx.loop, &c->failed, call_failed, c);
}

/* Calls of Slack's Web API (slack.md 7). An answer is only good when it says "ok":true. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
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
	bool bare;
	char method[64]; /* for texts; never a URL */
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

static const char *error_of(const struct http_answer *answer, const cJSON *body)
{
	if (answer->status == 429)
		return "ratelimited";
	return json_text(body, "error", "");
}

static void explain(const struct slack_call *c, const struct http_answer *answer, const cJSON *body, const char *error,
		    char *buf, size_t size)
{
	const char *needed = json_text(body, "needed", ""),
		   *detail = json_text(body, "response_metadata.messages.0", "");
	char shown[TEXT_SHOWN];
	(void)snprintf(buf, size, "%s: HTTP %d %s%s%s%s%s", c->method, answer->status, error, *needed ? ", needs " : "",
		       needed, *detail ? ": " : "", text_show(detail, strlen(detail), shown));
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
		bool parsed = json_parse(answer->body, answer->len, &body, NULL) == RC_OK;
		bool plain_ok = c->bare && answer->status == 200 && text_eq(answer->body, "ok");
		ans.error = error_of(answer, body);
		ans.body = body;
		if (answer->status == 200 && (json_bool(body, "ok", false) || plain_ok))
			ans.r = RC_OK;
		else if ((parsed && *ans.error) || answer->status == 429)
			ans.r = answer->status >= 500 ? RC_UNREACHABLE : RC_INVALID;
		else if (c->bare && answer->status / 100 == 4)
			ans.r = RC_INVALID;
		if (slack_trouble_of(ans.error) == TROUBLE_SLOW) {
			int64_t wait = http_answer_retry_after(answer, loop_wall(c->slack->ctx.loop));
			ans.retry_after_ms = wait >= 0 ? wait : RETRY_AFTER_UNSAID_MS;
		}
		explain(c, answer, body, ans.error, text, sizeof text);
	}
	ans.why = text;
	call_over(c, &ans);
}

static const struct slack_answer no_memory = {
	.r = RC_UNREACHABLE, .error = "", .why = "no memory for a call of Slack", .retry_after_ms = -1
};

static void call_failed(void *owner)
{
	call_over(owner, &no_memory);
}

static struct http_call *start(struct slack_call *c, const struct slack_request *q)
{
	struct slack *s = c->slack;
	char url[URL_BYTES_MAX];
	int n = snprintf(url, sizeof url, "%s%s", c->bare ? "" : s->api_url, q->method);
	if (n < 0 || (size_t)n >= sizeof url)
		return NULL;
	static const char form[] = "Content-Type: application/x-www-form-urlencoded";
	static const char json[] = "Content-Type: application/json; charset=utf-8";
	const char *token = q->as_app ? s->app_authorization : s->authorization;
	const char *headers[] = { q->as == SLACK_FORM_BODY ? form : json, c->bare ? NULL : token, NULL };
	struct http_request request = { .method = "POST",
					.url = url,
					.headers = headers,
					.body = q->body,
					.body_len = strlen(q->body),
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
				  .bare = q->as == SLACK_BARE,
				  .done = q->done,
				  .drop = q->drop,
				  .owner = q->owner };
	(void)snprintf(c->method, sizeof c->method, "%s", c->bare ? "response_url" : q->method);
	if (s->calls)
		s->calls->at = &c->next;
	s->calls = c;
	c->http = q->body ? start(c, q) : NULL;
	if (!c->http)
		loop_defer(s->ctx.loop, &c->failed, call_failed, c);
}

/* Calls of DingTalk's two APIs: one cached token, asked for in time and once more when it was refused (dingtalk.md 5,
 * 19). What wants the token while it is being fetched waits for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingapp_private.h"

enum {
	ANSWER_BYTES_MAX = 1024 * 1024,
	BODY_BYTES_MAX = 2 * 1024 * 1024,
	URL_BYTES_MAX = 8192,
	RENEW_BEFORE_MS = 300 * 1000,
};

struct dingapp_call {
	struct dingapp *ding;
	struct dingapp_call *next, **at;
	struct http_call *http;
	struct deferred failed; /* when it could not even start */
	struct dingapp_meaning early;
	bool waits, again; /* for the token; once more with a new one */
	enum dingapp_auth auth;
	const char *method;               /* literal */
	char *path, *body, *content_type; /* owned */
	size_t body_len;
	char name[80]; /* for texts; never a URL */
	char why[384];
	dingapp_answered *done;
	void (*drop)(void *owner);
	void *owner;
};

static void call_free(struct dingapp_call *c)
{
	http_cancel(&c->http);
	loop_defer_cancel(&c->failed);
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	crypto_free_secret(c->path); /* may be a session's address */
	crypto_free_secret(c->body); /* may carry the app's secret */
	free(c->content_type);
	free(c);
}

void dingapp_calls_drop(struct dingapp *d)
{
	while (d->calls) {
		struct dingapp_call *c = d->calls;
		void (*drop)(void *owner) = c->drop;
		void *owner = c->owner;
		call_free(c);
		if (drop)
			drop(owner);
	}
}

/* The call is over before its owner hears of it: the owner may destroy the channel. */
static void call_over(struct dingapp_call *c, const struct dingapp_meaning *m, const cJSON *body)
{
	dingapp_answered *done = c->done;
	void *owner = c->owner;
	char why[sizeof c->why];
	memcpy(why, c->why, sizeof why);
	metric_inc(c->ding->calls_metric, 1, c->name, m->trouble == DINGAPP_FINE ? "ok" : "failed");
	struct dingapp_answer ans = {
		.trouble = m->trouble, .why = why, .body = body, .retry_after_ms = m->retry_after_ms
	};
	call_free(c);
	done(owner, &ans);
}

static void call_failed(void *owner)
{
	struct dingapp_call *c = owner;
	struct dingapp_meaning m = c->early;
	call_over(c, &m, NULL);
}

static void fail(struct dingapp_call *c, const struct dingapp_meaning *m, const char *why)
{
	c->early = *m;
	(void)snprintf(c->why, sizeof c->why, "%s", why);
	loop_defer(c->ding->ctx.loop, &c->failed, call_failed, c);
}

/* ---- what came back ---- */

static void explain(struct dingapp_call *c, int status, const char *code, const char *message,
		    const struct dingapp_meaning *m, const cJSON *body)
{
	char shown[TEXT_SHOWN];
	const char *scope = json_text(body, "accessdenieddetail.requiredScopes.0", "");
	(void)snprintf(c->why, sizeof c->why, "%s: HTTP %d %.80s %.100s%s%s%s%.60s", c->name, status, code,
		       text_show(message, strlen(message), shown), *m->remedy ? "; " : "", m->remedy,
		       *scope ? ": " : "", scope);
}

static struct dingapp_meaning judge_old(struct dingapp_call *c, int status, const cJSON *body)
{
	struct dingapp_meaning m = { DINGAPP_UNKNOWN, "", -1 };
	char code[24] = "";
	if (json_at(body, "errcode")) {
		int64_t errcode = json_int(body, "errcode", -1);
		const char *sub = json_text(body, "sub_code", "");
		int64_t sub_code = 0;
		if (!*sub || text_i64(sub, INT32_MIN, INT32_MAX, &sub_code, NULL) != RC_OK)
			sub_code = json_int(body, "sub_code", 0);
		m = dingapp_old_meaning_of(errcode, sub_code);
		(void)snprintf(code, sizeof code, "errcode %lld", (long long)errcode);
	} else if (status == 429) {
		m = dingapp_meaning_of(status, "");
	}
	explain(c, status, code, json_text(body, "errmsg", ""), &m, body);
	return m;
}

static struct dingapp_meaning judge_new(struct dingapp_call *c, int status, const cJSON *body)
{
	const char *code = json_text(body, "code", "");
	struct dingapp_meaning m = { DINGAPP_FINE, "", -1 };
	/* 200 without JSON is a proxy that speaks, and says nothing about what happened */
	if (status / 100 != 2 || !body)
		m = dingapp_meaning_of(status, code);
	explain(c, status, code, json_text(body, "message", ""), &m, body);
	return m;
}

static void start(struct dingapp_call *c);

static void token_forget(struct dingapp *d)
{
	crypto_free_secret(d->token);
	d->token = NULL;
}

static void call_answered(void *owner, enum result r, const struct http_answer *answer, const struct error *why)
{
	struct dingapp_call *c = owner;
	CLEANUP(json_delete_p) cJSON *body = NULL;
	struct dingapp_meaning m = { DINGAPP_UNKNOWN, "", -1 };
	c->http = NULL;
	if (r == RC_OK) {
		if (json_parse(answer->body, answer->len, &body, NULL) != RC_OK)
			body = NULL;
		bool old = c->auth == DINGAPP_OLD_TOKEN || c->auth == DINGAPP_URL;
		m = old ? judge_old(c, answer->status, body) : judge_new(c, answer->status, body);
		int64_t wait = http_answer_retry_after(answer, loop_wall(c->ding->ctx.loop));
		if (m.trouble == DINGAPP_SLOW && wait >= 0)
			m.retry_after_ms = wait;
	} else {
		(void)snprintf(c->why, sizeof c->why, "%s: %.300s", c->name, why->text);
	}
	bool with_token = c->auth == DINGAPP_TOKEN || c->auth == DINGAPP_OLD_TOKEN;
	if (m.trouble == DINGAPP_TOKEN_DEAD && with_token && !c->again) {
		c->again = true;
		token_forget(c->ding);
		start(c);
		return;
	}
	call_over(c, &m, body);
}

/* ---- the token ---- */

static bool token_alive(const struct dingapp *d)
{
	return d->token && loop_now(d->ctx.loop).v < d->token_end.v;
}

static void token_answered(void *owner, const struct dingapp_answer *ans)
{
	struct dingapp *d = owner;
	d->token_asked = false;
	const char *token = json_text(ans->body, "accessToken", "");
	int64_t life = json_int(ans->body, "expireIn", 0) * 1000;
	struct dingapp_meaning m = { ans->trouble, "", ans->retry_after_ms };
	if (ans->trouble == DINGAPP_FINE && *token && life > 0) {
		token_forget(d);
		d->token = strdup(token);
		int64_t now = loop_now(d->ctx.loop).v;
		d->token_end.v = now + life;
		d->token_renew.v = now + (life > 2 * RENEW_BEFORE_MS ? life - RENEW_BEFORE_MS : life / 2);
		log_redact(token);
	} else {
		if (m.trouble == DINGAPP_FINE)
			m.trouble = DINGAPP_UNKNOWN;
		log_warn("dingtalk_no_token", "why=%s", ans->why);
	}
	for (struct dingapp_call *c = d->calls; c; c = c->next) {
		if (!c->waits)
			continue;
		c->waits = false;
		if (token_alive(d))
			start(c);
		else
			fail(c, &m, ans->why);
	}
}

static void token_ask(struct dingapp *d)
{
	struct strbuf b;
	strbuf_init(&b, URL_BYTES_MAX);
	strbuf_add(&b, "{\"appKey\":");
	strbuf_add_json(&b, d->client_id);
	strbuf_add(&b, ",\"appSecret\":");
	strbuf_add_json(&b, d->client_secret);
	strbuf_addc(&b, '}');
	d->token_asked = true;
	dingapp_send(d, &(struct dingapp_request){ .auth = DINGAPP_BARE,
						   .method = "POST",
						   .path = "/v1.0/oauth2/accessToken",
						   .body = b.overflow ? NULL : b.s,
						   .done = token_answered,
						   .owner = d });
	if (b.s)
		memset(b.s, 0, b.len);
	strbuf_finish(&b);
}

/* ---- going out ---- */

static void put_url(struct strbuf *b, const struct dingapp_call *c)
{
	const struct dingapp *d = c->ding;
	if (c->auth != DINGAPP_URL)
		strbuf_add(b, c->auth == DINGAPP_OLD_TOKEN ? d->oapi_url : d->api_url);
	strbuf_add(b, c->path);
	if (c->auth != DINGAPP_OLD_TOKEN)
		return;
	strbuf_add(b, strchr(c->path, '?') ? "&access_token=" : "?access_token=");
	strbuf_add_urlencoded(b, d->token, strlen(d->token));
}

static void go(struct dingapp_call *c)
{
	struct dingapp *d = c->ding;
	struct strbuf url, token, type;
	strbuf_init(&url, URL_BYTES_MAX);
	strbuf_init(&token, URL_BYTES_MAX);
	strbuf_init(&type, 256);
	put_url(&url, c);
	if (c->auth == DINGAPP_TOKEN)
		strbuf_addf(&token, "x-acs-dingtalk-access-token: %s", d->token);
	strbuf_addf(&type, "Content-Type: %s", c->content_type ? c->content_type : "application/json; charset=utf-8");
	const char *headers[] = { type.s, "Accept: application/json", *token.s ? token.s : NULL, NULL };
	struct http_request q = { .method = c->method,
				  .url = url.s,
				  .headers = headers,
				  .body = c->body,
				  .body_len = c->body_len,
				  .timeout_ms = DINGAPP_TIMEOUT_MS,
				  .max_body_bytes = ANSWER_BYTES_MAX };
	if (!url.overflow && !token.overflow && !type.overflow)
		c->http = http_send(d->ctx.http, &q, call_answered, c, NULL);
	if (c->http)
		dingapp_budget_count(d);
	else
		fail(c, &(struct dingapp_meaning){ DINGAPP_UNKNOWN, "", -1 }, "no memory for a call of DingTalk");
	strbuf_finish(&url);
	strbuf_finish(&token);
	strbuf_finish(&type);
}

static void start(struct dingapp_call *c)
{
	struct dingapp *d = c->ding;
	if (c->auth == DINGAPP_BARE || c->auth == DINGAPP_URL) {
		go(c);
		return;
	}
	bool alive = token_alive(d);
	c->waits = !alive;
	if ((!alive || loop_now(d->ctx.loop).v >= d->token_renew.v) && !d->token_asked)
		token_ask(d);
	if (alive)
		go(c);
}

static void name_of(struct dingapp_call *c, const struct dingapp_request *q)
{
	if (q->auth == DINGAPP_URL)
		(void)snprintf(c->name, sizeof c->name, "sessionWebhook");
	else
		(void)snprintf(c->name, sizeof c->name, "%s %.*s", q->method, (int)strcspn(q->path, "?"), q->path);
}

void dingapp_send(struct dingapp *d, const struct dingapp_request *q)
{
	static const struct dingapp_answer none = { .trouble = DINGAPP_UNKNOWN,
						    .why = "no memory for a call of DingTalk",
						    .retry_after_ms = -1 };
	struct dingapp_call *c = calloc(1, sizeof *c);
	if (!c) { /* not even memory to answer later */
		q->done(q->owner, &none);
		return;
	}
	*c = (struct dingapp_call){ .ding = d,
				    .next = d->calls,
				    .at = &d->calls,
				    .auth = q->auth,
				    .method = q->method,
				    .path = strdup(q->path),
				    .content_type = q->content_type ? strdup(q->content_type) : NULL,
				    .body_len = q->body_len ? q->body_len
						: q->body   ? strlen(q->body)
							    : 0,
				    .done = q->done,
				    .drop = q->drop,
				    .owner = q->owner };
	name_of(c, q);
	if (d->calls)
		d->calls->at = &c->next;
	d->calls = c;
	c->body = q->body && c->body_len <= BODY_BYTES_MAX ? malloc(c->body_len + 1) : NULL;
	if (c->body) {
		memcpy(c->body, q->body, c->body_len);
		c->body[c->body_len] = '\0';
	}
	if (c->path && c->body && (c->content_type || !q->content_type))
		start(c);
	else
		fail(c, &(struct dingapp_meaning){ DINGAPP_UNKNOWN, "", -1 }, none.why);
}

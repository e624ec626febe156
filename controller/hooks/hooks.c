#include "controller/hooks/hooks.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/strbuf.h"
#include "base/text.h"

enum {
	BACKOFF_FIRST_MS = 1000,
	BACKOFF_LAST_MS = 30000,
	REDIRECTS_MAX = 10,
	RETRIES_MAX = 1000,
	WAITING_MAX = 100, /* calls that wait for one receiver of one canary */
	ANSWER_MAX = 64 * 1024,
	TEXT_POINTS = 256,
	TEXT_MAX = 4 * TEXT_POINTS + 1
};

struct hooks {
	struct hooks_options o;
	struct hook_call *calls; /* all under way */
};
/* Calls of a canary's event hook leave in the order of the events: each waits for the one before. */
struct hook_call {
	struct hooks *hooks;
	struct hook_call *next, **at;
	struct hook_call *behind; /* the call that waits for this one; NULL none */
	struct hook_call *before; /* the call that this one waits for; NULL none */
	char *url, *body, *key;   /* owned; the URL as it is called */
	char *receiver;           /* the URL as it is written: two of the same are one receiver; owned */
	char *canary;             /* its UID, for event hooks; owned */
	char *abort_on;           /* "401,409"; owned; NULL none */
	bool event, no_verify;
	int64_t timeout_ms, pause_ms;
	int tries, tries_max;
	struct http_call *call;
	struct timer retry;
	struct deferred fail; /* an answer that needs no call */
	char *fail_text;      /* owned */
	hook_done *done;
	void *owner;
};

static void start_try(void *owner);

static void call_free(struct hook_call *c)
{
	http_cancel(&c->call);
	timer_stop(&c->retry);
	loop_defer_cancel(&c->fail);
	if (c->before)
		c->before->behind = c->behind;
	if (c->behind) {
		c->behind->before = c->before;
		if (!c->before)
			timer_start(c->hooks->o.loop, &c->behind->retry, 0, start_try, c->behind);
	}
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	free(c->url);
	free(c->receiver);
	free(c->canary);
	free(c->body);
	free(c->key);
	free(c->abort_on);
	free(c->fail_text);
	free(c);
}

void hook_cancel(struct hook_call **call)
{
	if (*call)
		call_free(*call);
	*call = NULL;
}

static void finish(struct hook_call *c, enum verdict verdict, const char *text)
{
	hook_done *done = c->done;
	void *owner = c->owner;
	char kept[TEXT_MAX];
	(void)snprintf(kept, sizeof kept, "%.*s", (int)text_prefix(text, TEXT_POINTS), text);
	call_free(c);
	done(owner, verdict, kept);
}

/* What is retried: no answer at all, 429, every 5xx but 501 (flagger-interfaces.md 1.3). */
static bool may_retry(enum result r, int status)
{
	if (r != RC_OK)
		return r == RC_UNREACHABLE;
	return status == 429 || (status >= 500 && status != 501);
}

static bool is_abort(const struct hook_call *c, int status)
{
	if (!c->abort_on)
		return false;
	char text[16];
	size_t len = (size_t)snprintf(text, sizeof text, "%d", status);
	for (const char *p = c->abort_on; *p;) {
		p += strspn(p, ", ");
		size_t word = strcspn(p, ", ");
		if (word == len && strncmp(p, text, len) == 0)
			return true;
		p += word;
	}
	return false;
}

/* Without query string or user: those may carry secrets. */
static void bare_url(const char *url, char *buf, size_t size)
{
	const char *host = strstr(url, "://");
	const char *rest = host ? host + 3 : url;
	const char *end = rest + strcspn(rest, "?#");
	const char *user = memchr(rest, '@', strcspn(rest, "/?#"));
	const char *from = user ? user + 1 : rest;
	(void)snprintf(buf, size, "%.*s%.*s", (int)(rest - url), url, (int)(end - from), from);
}

static void give_up(struct hook_call *c, enum result r, const struct error *why)
{
	char url[400], text[TEXT_MAX];
	bare_url(c->url, url, sizeof url);
	(void)snprintf(text, sizeof text, "POST %s giving up after %d attempt(s)%s%.300s", url, c->tries,
		       r == RC_OK ? "" : ": ", r == RC_OK || !why ? "" : why->text);
	finish(c, r == RC_OK ? ANSWER_NO : ANSWER_ERROR, text);
}

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct hook_call *c = owner;
	c->call = NULL;
	int status = r == RC_OK ? a->status : 0;
	if (r == RC_OK && status <= 202 && status >= 200) {
		finish(c, ANSWER_YES, a->body);
		return;
	}
	if (r == RC_OK && is_abort(c, status)) {
		finish(c, ANSWER_ABORT, a->body);
		return;
	}
	if (may_retry(r, status) && c->tries < c->tries_max) {
		int64_t said = r == RC_OK && (status == 429 || status == 503)
				       ? http_answer_retry_after(a, loop_wall(c->hooks->o.loop))
				       : -1;
		int64_t pause = said >= 0 ? said : c->pause_ms;
		c->pause_ms = c->pause_ms * 2 > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : c->pause_ms * 2;
		timer_start(c->hooks->o.loop, &c->retry, pause, start_try, c);
		return;
	}
	if (may_retry(r, status) || r != RC_OK)
		give_up(c, r, why);
	else
		finish(c, ANSWER_NO, a->body);
}

static bool may_connect(void *owner, const char *host, const struct sockaddr *address)
{
	const struct hooks *h = owner;
	return egress_allowed(&h->o, host, address);
}

static void failed(void *owner)
{
	struct hook_call *c = owner;
	finish(c, ANSWER_ERROR, c->fail_text ? c->fail_text : "no memory for the call");
}

static void start_try(void *owner)
{
	struct hook_call *c = owner;
	c->tries++;
	char key[4200];
	const char *headers[3] = { "Content-Type: application/json" };
	if (c->key && snprintf(key, sizeof key, "Idempotency-Key: %s", c->key) < (int)sizeof key)
		headers[1] = key;
	const struct http_tls tls = { .no_verify = c->no_verify };
	struct http_request q = { .method = "POST",
				  .url = c->url,
				  .headers = headers,
				  .body = c->body,
				  .body_len = strlen(c->body),
				  .tls = &tls,
				  .timeout_ms = c->timeout_ms,
				  .max_body_bytes = ANSWER_MAX,
				  .max_redirects = REDIRECTS_MAX,
				  .no_proxy = c->no_verify,
				  .egress = may_connect,
				  .egress_owner = c->hooks };
	struct error e;
	c->call = http_send(c->hooks->o.http, &q, answered, c, &e);
	if (!c->call) {
		free(c->fail_text);
		c->fail_text = strdup(e.text);
		loop_defer(c->hooks->o.loop, &c->fail, failed, c);
	}
}

/* ---- DingTalk robots ---- */

static bool host_is(const char *url, const char *host)
{
	const char *h = strstr(url, "://");
	size_t n = strlen(host);
	h = h ? h + 3 : url;
	return strncmp(h, host, n) == 0 && (h[n] == '/' || h[n] == ':' || h[n] == '\0' || h[n] == '?');
}

static bool is_robot(const struct hooks_options *o, const struct hook *h)
{
	if (!pairs_get(&h->metadata, "data"))
		return false;
	if (text_starts(h->url, "https://oapi.dingtalk.com/robot/send"))
		return true;
	for (const char *const *host = o->dingtalk_hosts; host && *host; host++)
		if (host_is(h->url, *host))
			return true;
	return false;
}

/* dingtalk.md 1: &timestamp=MS&sign=urlencode(base64(HMAC-SHA256(secret, MS "\n" secret))) */
bool hook_sign_robot(struct strbuf *url, const char *secret, struct wall_ms now)
{
	struct strbuf message;
	unsigned char mac[SHA256_BYTES];
	strbuf_init(&message, 1024);
	strbuf_addf(&message, "%lld\n%s", (long long)now.v, secret);
	bool ok = !message.overflow &&
		  crypto_hmac_sha256(secret, strlen(secret), message.s, message.len, mac, NULL) == RC_OK;
	CLEANUP(free_p) char *sign = ok ? text_base64(mac, sizeof mac, false) : NULL;
	if (sign) {
		strbuf_addf(url, "%ctimestamp=%lld&sign=", strchr(url->s, '?') ? '&' : '?', (long long)now.v);
		strbuf_add_urlencoded(url, sign, strlen(sign));
	}
	strbuf_finish(&message);
	return sign && !url->overflow;
}

/* malloc'ed; NULL: no memory. */
static char *signed_url(const char *url, const char *secret, struct wall_ms now)
{
	struct strbuf out;
	strbuf_init(&out, 8192);
	strbuf_add(&out, url);
	char *text = hook_sign_robot(&out, secret, now) ? strbuf_take(&out) : NULL;
	strbuf_finish(&out);
	return text;
}

/* ---- starting ---- */

/* An event hook goes behind the last call to the same receiver for the same canary. false: too many wait there. */
static bool queue_up(struct hook_call *c)
{
	struct hook_call *last = NULL;
	size_t waiting = 0;
	for (struct hook_call *other = c->hooks->calls; c->event && other; other = other->next)
		if (other != c && other->event && !other->fail_text && text_eq(other->canary, c->canary) &&
		    text_eq(other->receiver, c->receiver)) {
			waiting++;
			if (!other->behind)
				last = other;
		}
	if (waiting >= WAITING_MAX)
		return false;
	c->before = last;
	if (last)
		last->behind = c;
	return true;
}

/* A header is ASCII: the rest of a key (names of hooks) as %XX. NULL: no memory. */
static char *key_for_header(const char *key)
{
	struct strbuf b;
	strbuf_init(&b, 4096);
	for (const char *p = key; *p; p++) {
		if (*p > ' ' && *p < 0x7f)
			strbuf_addc(&b, *p);
		else
			strbuf_addf(&b, "%%%02X", (unsigned)(unsigned char)*p);
	}
	char *text = strbuf_take(&b);
	strbuf_finish(&b);
	return text;
}

static bool fill(struct hook_call *c, const struct hook_ask *ask, bool robot)
{
	struct arena *a = arena_create(1 << 20);
	const char *body = a ? hook_payload(ask, robot, a) : NULL;
	const char *abort_on = pairs_get(&ask->hook->metadata, "rollcall.dev/abort-on");
	const char *secret = robot && c->hooks->o.dingtalk_secret
				     ? c->hooks->o.dingtalk_secret(c->hooks->o.dingtalk_owner, ask->hook->url)
				     : NULL;
	c->canary = strdup(ask->canary->uid);
	c->body = body ? strdup(body) : NULL;
	c->url = secret ? signed_url(ask->hook->url, secret, loop_wall(c->hooks->o.loop)) : strdup(ask->hook->url);
	c->receiver = strdup(ask->hook->url);
	c->key = ask->key ? key_for_header(ask->key) : NULL;
	c->abort_on = abort_on ? strdup(abort_on) : NULL;
	c->fail_text = ask->hook->timeout_error ? strdup(ask->hook->timeout_error) : NULL;
	arena_destroy(a);
	return c->body && c->url && c->receiver && c->canary && (!ask->key || c->key) && (!abort_on || c->abort_on);
}

struct hook_call *hook_start(struct hooks *h, const struct hook_ask *ask, hook_done *done, void *owner)
{
	struct hook_call *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	*c = (struct hook_call){ .hooks = h,
				 .next = h->calls,
				 .at = &h->calls,
				 .event = ask->hook->type == HOOK_EVENT,
				 .no_verify = ask->hook->disable_tls,
				 .timeout_ms = ask->hook->timeout_ms,
				 .pause_ms = BACKOFF_FIRST_MS,
				 .tries_max = 1 + (ask->hook->retries < RETRIES_MAX ? ask->hook->retries : RETRIES_MAX),
				 .done = done,
				 .owner = owner };
	if (c->next)
		c->next->at = &c->next;
	h->calls = c;
	if (!fill(c, ask, is_robot(&h->o, ask->hook))) {
		call_free(c);
		return NULL;
	}
	/* What cannot be called waits for nobody, and nobody waits for it. */
	if (!c->fail_text && !queue_up(c))
		c->fail_text = strdup("too many calls wait for this receiver");
	if (c->fail_text)
		loop_defer(h->o.loop, &c->fail, failed, c);
	else if (!c->before)
		start_try(c);
	return c;
}

enum result hooks_create(const struct hooks_options *o, struct hooks **ret, struct error *e)
{
	struct hooks *h = calloc(1, sizeof *h);
	if (!h)
		return error_set(e, RC_EXHAUSTED, "no memory for hooks");
	h->o = *o;
	*ret = h;
	return RC_OK;
}

void hooks_destroy(struct hooks *h)
{
	if (!h)
		return;
	for (struct hook_call *c = h->calls; c; c = c->next)
		c->before = c->behind = NULL; /* nobody is started any more */
	while (h->calls)
		call_free(h->calls);
	free(h);
}

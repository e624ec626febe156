#include "controller/cluster/kube/api.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "controller/cluster/kube/bucket.h"

enum {
	BURST = 250,
	ONE_PER_US = 10 * 1000, /* 100 requests a second */
	TRY_MS = 15 * 1000,
	PROBE_MAX_MS = 5 * 1000,
	ANSWER_MAX_BYTES = 256 * 1024 * 1024,
	REFUSAL_MAX_BYTES = 16 * 1024,
	HEADERS_MAX = 40,
	/* A burst of a thousand canaries costs no thousand buffers; a server answers no sooner for being asked at once.
	 */
	IN_FLIGHT_MAX = 128
};

struct api {
	struct api_options o;
	struct credentials *credentials;
	struct bucket bucket;
	struct api_call *queue; /* waiting for the bucket or for room in flight, in order */
	unsigned in_flight;     /* without streams and what is urgent */
	struct timer refill;
	struct metric *requests;
	struct wall_ms unreachable_since;
	struct api_call probe; /* while it cannot be reached, whoever else asks */
	struct timer probe_again;
	struct backoff probe_backoff;
};

static void call_try(struct api_call *c);
static void call_send(struct api_call *c);

/* ---- reachable or not ---- */

static void probe_send(void *owner);

static void probe_answered(void *owner, enum result r, const struct api_answer *answer, const struct error *why)
{
	struct api *a = owner;
	(void)r, (void)answer, (void)why; /* the call itself has noted whether something answered */
	if (a->unreachable_since.v)
		timer_start(a->o.loop, &a->probe_again, backoff_next(&a->probe_backoff), probe_send, a);
}

static void probe_send(void *owner)
{
	struct api *a = owner;
	struct api_request q = { .path = "/version", .subject = { "get", "version", "", "" }, .urgent = true };
	if (!api_active(&a->probe))
		api_start(a, &a->probe, &q, probe_answered, a);
}

static void api_note(struct api *a, bool answered, const char *why)
{
	if (answered == !a->unreachable_since.v)
		return;
	if (answered) {
		log_info("kube_reachable", "server=%s", a->o.config->server);
		a->unreachable_since.v = 0;
		timer_stop(&a->probe_again);
		a->o.reachable(a->o.owner);
		return;
	}
	log_warn("kube_unreachable", "server=%s error=%s", a->o.config->server, why);
	a->unreachable_since = loop_wall(a->o.loop);
	backoff_reset(&a->probe_backoff);
	timer_start(a->o.loop, &a->probe_again, backoff_next(&a->probe_backoff), probe_send, a);
}

struct wall_ms api_unreachable_since(const struct api *a)
{
	return a->unreachable_since;
}

/* ---- the rate limit ---- */

static void queue_run(void *owner)
{
	struct api *a = owner;
	while (a->queue && a->in_flight < IN_FLIGHT_MAX && bucket_take(&a->bucket, loop_now(a->o.loop).v)) {
		struct api_call *c = a->queue;
		DL_DELETE(a->queue, c);
		c->queued = false;
		call_send(c);
	}
	if (a->queue && a->in_flight < IN_FLIGHT_MAX)
		timer_start(a->o.loop, &a->refill, bucket_wait_ms(&a->bucket, loop_now(a->o.loop).v), queue_run, a);
}

static bool is_limited(const struct api_call *c)
{
	return !c->q.urgent && !c->q.on_data;
}

/* The call is not in flight any more: the next one may go, on a later turn. */
static void call_landed(struct api_call *c)
{
	struct api *a = c->api;
	if (!c->counted)
		return;
	c->counted = false;
	a->in_flight--;
	if (a->queue && !timer_active(&a->refill))
		timer_start(a->o.loop, &a->refill, 0, queue_run, a);
}

static void call_limit(struct api_call *c)
{
	struct api *a = c->api;
	bool room = !is_limited(c) || a->in_flight < IN_FLIGHT_MAX;
	if (c->q.urgent || (!a->queue && room && bucket_take(&a->bucket, loop_now(a->o.loop).v))) {
		call_send(c);
		return;
	}
	c->queued = true;
	DL_APPEND(a->queue, c);
	if (a->in_flight < IN_FLIGHT_MAX && !timer_active(&a->refill))
		timer_start(a->o.loop, &a->refill, bucket_wait_ms(&a->bucket, loop_now(a->o.loop).v), queue_run, a);
}

/* ---- the end of a call ---- */

void api_stop(struct api_call *c)
{
	if (!c->api)
		return;
	if (c->queued)
		DL_DELETE(c->api->queue, c);
	call_landed(c);
	http_cancel(&c->http);
	credentials_wait_stop(&c->credentials);
	timer_stop(&c->again);
	identity_unref(c->identity);
	strbuf_finish(&c->refusal);
	if (c->body)
		explicit_bzero(c->body, strlen(c->body)); /* a token to review, a Secret */
	free(c->body);
	free(c->text);
	*c = (struct api_call){ 0 };
}

bool api_active(const struct api_call *c)
{
	return c->api != NULL;
}

/* The answer's body is http's and the texts are in the caller's error: both outlive the call. */
static void call_finish(struct api_call *c, enum result r, const struct api_answer *answer, const struct error *why)
{
	api_done *done = c->done;
	void *owner = c->owner;
	struct api_answer copy = *answer;
	copy.uncertain = c->uncertain;
	api_stop(c);
	done(owner, r, &copy, r == RC_OK ? NULL : why);
}

static void call_fail(struct api_call *c, enum result r, const struct error *why)
{
	static const struct api_answer none = { .body = "", .retry_after_ms = -1 };
	call_finish(c, r, &none, why);
}

/* ---- answers ---- */

static void call_count(struct api_call *c, int status)
{
	char code[16] = "error";
	if (status)
		snprintf(code, sizeof code, "%d", status);
	metric_inc(c->api->requests, 1, c->q.subject.verb, c->q.subject.resource, code);
}

static void call_again(void *owner)
{
	call_try(owner);
}

/* true: it will be tried again. */
static bool call_retry(struct api_call *c, enum result r, const struct api_answer *answer)
{
	bool passing = answer->status ? status_is_passing(answer->status) : r == RC_UNREACHABLE;
	if (!passing)
		return false;
	c->uncertain = c->uncertain || answer->status != 429;
	int64_t delay = backoff_next(&c->backoff), spent = loop_now(c->api->o.loop).v - c->began.v;
	if (answer->retry_after_ms > delay)
		delay = answer->retry_after_ms;
	if (spent + delay > c->q.retry_ms)
		return false;
	timer_start(c->api->o.loop, &c->again, delay, call_again, c);
	return true;
}

static bool call_renew(struct api_call *c, int status)
{
	struct identity *used = c->identity;
	if (status != 401 || c->renewed)
		return false;
	c->renewed = true;
	return credentials_refused(c->api->credentials, used);
}

static void call_judge(struct api_call *c, enum result r, struct api_answer *answer, struct error *why)
{
	if (answer->status && (answer->status < 200 || answer->status > 299)) {
		if (c->q.on_data) {
			answer->body = c->refusal.s ? c->refusal.s : "";
			answer->len = c->refusal.len;
		}
		r = status_result(answer->status, answer->body, answer->len, &c->q.subject, why);
	} else if (r != RC_OK) {
		error_in(why, r, "%s %s", c->q.subject.verb, c->q.subject.resource);
	}
	if (r != RC_OK && call_retry(c, r, answer))
		return;
	struct strbuf refusal = c->refusal; /* must live while done reads it */
	c->refusal = (struct strbuf){ 0 };
	call_finish(c, r, answer, why);
	strbuf_finish(&refusal);
}

static void call_answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct api_call *c = owner;
	struct api *api = c->api;
	struct api_answer answer = { .body = "", .retry_after_ms = -1 };
	struct error e = { .code = r };
	c->http = NULL;
	call_landed(c);
	if (r == RC_OK) {
		answer.status = a->status;
		answer.body = a->body;
		answer.len = a->len;
		answer.retry_after_ms = http_answer_retry_after(a, loop_wall(api->o.loop));
	} else {
		e = *why;
	}
	call_count(c, c->stopped ? 200 : answer.status);
	bool down = r == RC_UNREACHABLE || (answer.status >= 502 && answer.status <= 504);
	if (down && c->q.on_data && !answer.status)
		probe_send(api); /* what lies between may cut long streams for its own reasons */
	else
		api_note(api, !down, r == RC_OK ? "the API server answers 502 to 504" : e.text);
	if (call_renew(c, answer.status)) {
		call_try(c);
		return;
	}
	call_judge(c, r, &answer, &e);
}

static bool call_data(void *owner, int status, const char *data, size_t len)
{
	struct api_call *c = owner;
	if (status == 200) {
		bool go_on = c->q.on_data(c->owner, data, len);
		c->stopped = !go_on;
		return go_on;
	}
	strbuf_addn(&c->refusal, data, len);
	return true;
}

/* ---- sending ---- */

static size_t call_headers(const struct api_call *c, const char **headers, char (*groups)[256])
{
	const struct kubeconfig *config = c->api->o.config;
	size_t n = 0;
	headers[n++] = "Accept: application/json";
	if (c->identity->authorization)
		headers[n++] = c->identity->authorization;
	if (c->body)
		headers[n++] = c->q.content_type;
	if (!config->as)
		return n;
	snprintf(groups[0], sizeof *groups, "Impersonate-User: %s", config->as);
	headers[n++] = groups[0];
	for (size_t i = 0; config->as_groups && config->as_groups[i] && n < HEADERS_MAX - 1; i++) {
		snprintf(groups[i + 1], sizeof *groups, "Impersonate-Group: %s", config->as_groups[i]);
		headers[n++] = groups[i + 1];
	}
	return n;
}

static void call_send(struct api_call *c)
{
	struct api *a = c->api;
	struct error e;
	if (c->q.write && a->o.may_write && !a->o.may_write(a->o.owner)) {
		error_set(&e, RC_REFUSED, "not the leader");
		call_fail(c, RC_REFUSED, &e);
		return;
	}
	const char *headers[HEADERS_MAX + 1] = { 0 };
	char groups[HEADERS_MAX][256];
	call_headers(c, headers, groups);
	char *url = NULL;
	int url_len = asprintf(&url, "%s%s", a->o.config->server, c->q.path);
	CLEANUP(free_p) char *owned = url_len < 0 ? NULL : url;
	struct http_request q = {
		.method = c->q.method,
		.url = owned ? owned : "",
		.headers = headers,
		.body = c->body,
		.body_len = c->body ? strlen(c->body) : 0,
		.tls = &c->identity->tls,
		.timeout_ms = c->q.on_data ? 0 : c->q.timeout_ms,
		.idle_timeout_ms = c->q.on_data ? c->q.timeout_ms : 0,
		.max_body_bytes = ANSWER_MAX_BYTES,
		.proxy = a->o.config->proxy,
		.on_data = c->q.on_data ? call_data : NULL,
		.on_data_owner = c,
	};
	c->http = http_send(a->o.http, &q, call_answered, c, &e);
	if (!c->http) {
		call_fail(c, e.code, &e);
		return;
	}
	c->counted = is_limited(c);
	a->in_flight += c->counted;
}

static void call_ready(void *owner, enum result r, const struct error *why)
{
	struct api_call *c = owner;
	if (r == RC_OK)
		call_try(c);
	else
		call_fail(c, r, why);
}

static void call_try(struct api_call *c)
{
	struct identity *i = credentials_get(c->api->credentials, &c->credentials, call_ready, c);
	if (!i)
		return;
	identity_ref(i);
	identity_unref(c->identity);
	c->identity = i;
	strbuf_clear(&c->refusal);
	call_limit(c);
}

/* Never inside api_start: the owner is told about what fails at once on a later turn, too. */
static void call_exhausted(void *owner)
{
	struct error e;
	error_set(&e, RC_EXHAUSTED, "no memory for a request to the API server");
	call_fail(owner, RC_EXHAUSTED, &e);
}

static const char *copy_text(char **at, const char *s)
{
	size_t size = strlen(s ? s : "") + 1;
	char *copy = memcpy(*at, s ? s : "", size);
	*at += size;
	return copy;
}

static bool call_copy(struct api_call *c, const struct api_request *q)
{
	const struct api_subject *s = &q->subject;
	const char *const texts[] = { q->path, s->verb, s->resource, s->ns, s->name };
	size_t size = 0;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		size += strlen(texts[i] ? texts[i] : "") + 1;
	char *at = c->text = malloc(size);
	c->body = q->body ? strdup(q->body) : NULL;
	if (!c->text || (q->body && !c->body))
		return false;
	c->q.path = copy_text(&at, q->path);
	c->q.subject.verb = copy_text(&at, s->verb);
	c->q.subject.resource = copy_text(&at, s->resource);
	c->q.subject.ns = copy_text(&at, s->ns);
	c->q.subject.name = copy_text(&at, s->name);
	c->q.body = c->body;
	return true;
}

void api_start(struct api *a, struct api_call *c, const struct api_request *q, api_done *done, void *owner)
{
	assert(!c->api && done);
	*c = (struct api_call){ .api = a, .q = *q, .done = done, .owner = owner, .began = loop_now(a->o.loop) };
	c->backoff = (struct backoff){ .min_ms = a->o.retry_min_ms, .max_ms = a->o.retry_max_ms };
	strbuf_init(&c->refusal, REFUSAL_MAX_BYTES);
	if (!c->q.timeout_ms)
		c->q.timeout_ms = TRY_MS;
	if (!c->q.content_type)
		c->q.content_type = "Content-Type: application/json";
	timer_start(a->o.loop, &c->again, 0, call_copy(c, q) ? call_again : call_exhausted, c);
}

/* ---- life ---- */

enum result api_create(const struct api_options *o, struct api **ret, struct error *e)
{
	CLEANUP(api_destroy_p) struct api *a = calloc(1, sizeof *a);
	if (!a)
		return error_set(e, RC_EXHAUSTED, "no memory for the API server's client");
	a->o = *o;
	enum result r = credentials_create(o->loop, o->config, &a->credentials, e);
	if (r != RC_OK)
		return r;
	bucket_init(&a->bucket, BURST, ONE_PER_US, loop_now(o->loop).v);
	a->probe_backoff = (struct backoff){ .min_ms = o->retry_min_ms, .max_ms = PROBE_MAX_MS };
	a->requests = metrics_add(o->metrics, METRIC_COUNTER, "rollcall_api_requests_total",
				  "Requests to the API server.", "verb,resource,code", NULL);
	*ret = TAKE(a);
	return RC_OK;
}

void api_destroy(struct api *a)
{
	if (!a)
		return;
	api_stop(&a->probe);
	timer_stop(&a->probe_again);
	timer_stop(&a->refill);
	assert(!a->queue);
	credentials_destroy(a->credentials);
	free(a);
}

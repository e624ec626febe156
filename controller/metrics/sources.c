#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/metrics/builtin.h"
#include "controller/metrics/provider.h"
#include "controller/metrics/served.h"
#include "controller/metrics/source.h"

enum {
	QUERY_TIMEOUT_MS = 5 * 1000,
	INTERVAL_DEFAULT_MS = 60 * 1000,
	ANSWER_MAX_BYTES = 1 << 20,
	ASK_BYTES_MAX = 8 << 20
};

struct sources {
	struct hooks_options o;
	const struct traffic *traffic; /* borrowed; NULL: none */
	struct metric_ask *asks;
};
struct metric_ask {
	struct sources *sources;
	struct metric_ask *next, **at;
	struct arena *arena; /* owned */
	struct metric_query query;
	bool foreign; /* a Canary or a template says where, not the operator */
	struct http_call *call;
	struct deferred soon; /* answers that need no call */
	enum verdict verdict;
	char *text; /* owned */
	double scale, value;
	const char *failed; /* put in front of the error of a call; NULL nothing */
	const char *where;  /* in front of what is wrong with a template; NULL: there is none */
	metric_done *done;
	void *owner;
};

static void ask_free(struct metric_ask *m)
{
	http_cancel(&m->call);
	loop_defer_cancel(&m->soon);
	*m->at = m->next;
	if (m->next)
		m->next->at = m->at;
	arena_destroy(m->arena);
	free(m->text);
	free(m);
}

void source_cancel(struct metric_ask **ask)
{
	if (*ask)
		ask_free(*ask);
	*ask = NULL;
}

static void finish(void *owner)
{
	struct metric_ask *m = owner;
	metric_done *done = m->done;
	void *to = m->owner;
	enum verdict verdict = m->verdict;
	double value = m->value * m->scale;
	CLEANUP(free_p) char *text = TAKE(m->text);
	ask_free(m);
	done(to, verdict, value, text ? text : "");
}

static void answer_later(struct metric_ask *m, enum verdict verdict, const char *text)
{
	m->verdict = verdict;
	free(m->text);
	m->text = strdup(text);
	loop_defer(m->sources->o.loop, &m->soon, finish, m);
}

static void set_failure(struct metric_ask *m, const char *why)
{
	free(m->text);
	m->text = NULL;
	if (asprintf(&m->text, "%s%s", m->failed && m->verdict == ANSWER_ERROR ? m->failed : "", why) < 0)
		m->text = NULL;
}

static void send_query(struct metric_ask *m);

/* What the answer says; *ret_again: it was one of several. */
static enum result judge(struct metric_ask *m, const struct http_answer *a, bool *ret_again, struct error *e)
{
	struct metric_query *q = &m->query;
	bool well = a->status / 100 == 2;
	if (q->probe && q->provider->probe_status && (well || a->status == q->provider->probe_status))
		return RC_OK;
	if (!well)
		return query_refused(a->status, a->body, e);
	q->more = false;
	enum result r = q->provider->read(q, a->body, a->len, &m->value, e);
	*ret_again = r == RC_OK && q->more;
	return r;
}

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct metric_ask *m = owner;
	struct error e = *why;
	bool again = false;
	m->call = NULL;
	if (r == RC_OK)
		r = judge(m, a, &again, &e);
	if (again) {
		m->query.stage++;
		m->query.request = (struct metric_request){ 0 };
		send_query(m);
		return;
	}
	m->verdict = r == RC_NOT_FOUND ? ANSWER_NO : r == RC_OK ? ANSWER_YES : ANSWER_ERROR;
	if (r != RC_OK)
		set_failure(m, e.text);
	finish(m);
}

static bool may_connect(void *owner, const char *host, const struct sockaddr *address)
{
	const struct sources *s = owner;
	return egress_allowed(&s->o, host, address);
}

static void send_query(struct metric_ask *m)
{
	struct metric_query *q = &m->query;
	struct error e;
	if (q->provider->ask(q, &e) != RC_OK) {
		if (m->where)
			(void)error_in(&e, e.code, "%s", m->where);
		answer_later(m, ANSWER_ERROR, e.text);
		return;
	}
	const struct metric_request *w = &q->request;
	struct http_tls tls = { .no_verify = q->no_verify };
	struct http_request request = { .method = w->method,
					.url = w->url,
					.headers = w->headers,
					.body = w->body,
					.body_len = w->body ? strlen(w->body) : 0,
					.tls = q->no_verify ? &tls : NULL,
					.timeout_ms = w->timeout_ms ? w->timeout_ms : QUERY_TIMEOUT_MS,
					.max_body_bytes = ANSWER_MAX_BYTES,
					.egress = m->foreign ? may_connect : NULL,
					.egress_owner = m->sources };
	m->call = http_send(m->sources->o.http, &request, answered, m, &e);
	if (!m->call)
		answer_later(m, ANSWER_ERROR, e.text);
}

/* ---- what to ask ---- */

static const char *without_slash(struct arena *a, const char *address)
{
	size_t len = strlen(address);
	while (len && address[len - 1] == '/')
		len--;
	return arena_strndup(a, address, len);
}

/* Secret data, decoded into the ask's own memory. */
static enum result take_secret(struct metric_ask *m, const struct plan *p, const char *ns, const char *name,
			       struct error *e)
{
	CLEANUP(json_delete_p) cJSON *secret = plan_tree(p, KIND_SECRET, ns, name);
	const cJSON *data = json_at(secret, "data"), *v;
	if (!secret)
		return error_set(e, RC_NOT_FOUND, "secret %s.%s get query error: not found", name, ns);
	struct pair *at = arena_alloc(m->arena, (size_t)cJSON_GetArraySize(data) + 1, sizeof *at);
	size_t count = 0;
	cJSON_ArrayForEach (v, data) {
		unsigned char *bytes = NULL;
		size_t len = 0;
		if (!at || !cJSON_IsString(v) ||
		    text_unbase64(v->valuestring, strlen(v->valuestring), &bytes, &len, e) != RC_OK)
			return error_set(e, RC_INVALID, "secret %s.%s: %.64s cannot be read", name, ns, v->string);
		at[count].key = arena_strdup(m->arena, v->string);
		at[count].value = arena_strndup(m->arena, (const char *)bytes, len);
		explicit_bzero(bytes, len);
		free(bytes);
		explicit_bzero(v->valuestring, strlen(v->valuestring));
		if (!at[count].key || !at[count].value)
			return query_no_memory(e);
		count++;
	}
	m->query.secret = (struct pairs){ at, count };
	m->query.has_secret = true;
	return RC_OK;
}

static enum result take_headers(struct metric_ask *m, const cJSON *headers, struct error *e)
{
	struct pair *at = arena_alloc(m->arena, PROVIDER_HEADERS_MAX, sizeof *at);
	size_t count = 0;
	const cJSON *list, *v;
	cJSON_ArrayForEach (list, headers) {
		cJSON_ArrayForEach (v, list) {
			if (!at || count >= PROVIDER_HEADERS_MAX)
				return error_set(e, RC_INVALID, "more than %d headers", PROVIDER_HEADERS_MAX);
			at[count].key = arena_strdup(m->arena, list->string);
			at[count].value = arena_strdup(m->arena, cJSON_IsString(v) ? v->valuestring : "");
			if (!at[count].key || !at[count].value)
				return query_no_memory(e);
			count++;
		}
	}
	m->query.headers = (struct pairs){ at, count };
	return RC_OK;
}

static enum result take_provider(struct metric_ask *m, const struct plan *p, const cJSON *provider, const char *ns,
				 struct error *e)
{
	struct metric_query *q = &m->query;
	const char *type = json_text(provider, "type", ""), *address = json_text(provider, "address", "");
	const char *secret = json_text(provider, "secretRef.name", "");
	q->provider = provider_find(type);
	if (!q->provider)
		return error_set(e, RC_INVALID, "it is not supported; there are%s", provider_types());
	if (!*address && q->provider->address)
		address = q->provider->address;
	bool is_url = text_starts(address, "http://") || text_starts(address, "https://");
	if (!is_url && (*address || !q->provider->address))
		return error_set(e, RC_INVALID, "%s address %.100s is not a valid URL", type, address);
	m->foreign = true;
	q->address = without_slash(m->arena, address);
	q->region = arena_strdup(m->arena, json_text(provider, "region", ""));
	q->no_verify = json_bool(provider, "insecureSkipVerify", false);
	if (!q->address || !q->region)
		return query_no_memory(e);
	enum result r = take_headers(m, json_at(provider, "headers"), e);
	return r == RC_OK && *secret ? take_secret(m, p, ns, secret, e) : r;
}

static enum result from_template(struct metric_ask *m, const struct plan *p, const struct metric_check *check,
				 struct error *e)
{
	const char *ns = text_empty(check->template_ref.ns) ? p->canary->ns : check->template_ref.ns;
	const char *name = check->template_ref.name;
	CLEANUP(json_delete_p) cJSON *t = plan_tree(p, KIND_METRIC_TEMPLATE, ns, name);
	if (!t)
		return error_set(e, RC_NOT_FOUND, "Metric template %s.%s error: not found", name, ns);
	m->where = arena_printf(m->arena, "Metric template %s.%s provider %s error", name, ns,
				json_text(t, "spec.provider.type", ""));
	if (!m->where)
		return query_no_memory(e);
	if (take_provider(m, p, json_at(t, "spec.provider"), ns, e) != RC_OK)
		return error_in(e, RC_INVALID, "%s", m->where);
	if (m->query.probe)
		return RC_OK;
	m->failed = arena_printf(m->arena, "Metric query failed for %s: ", check->name);
	m->query.query = source_query(p, check, json_text(t, "spec.query", ""), m->arena, e);
	return m->query.query ? RC_OK : error_in(e, RC_INVALID, "Metric template %s.%s query render error", name, ns);
}

static const char *provider_of_canary(const struct plan *p)
{
	return text_empty(p->canary->provider) ? p->options->provider : p->canary->provider;
}

/* K7: inline queries are not checked; without a metric there is no provider to miss. */
static enum result choose_probe(struct metric_ask *m, const struct plan *p, struct error *e)
{
	const struct analysis *an = &p->canary->analysis;
	m->query.probe = true;
	m->query.query = "";
	for (size_t i = 0; i < an->metric_count; i++)
		if (builtin_find(provider_of_canary(p), an->metrics[i].name))
			return RC_OK;
	for (size_t i = 0; i < an->metric_count; i++)
		if (!text_empty(an->metrics[i].template_ref.name))
			return from_template(m, p, &an->metrics[i], e);
	m->query.provider = NULL;
	return RC_OK;
}

static enum result choose(struct metric_ask *m, const struct plan *p, size_t index, bool by_template, struct error *e)
{
	const struct canary *c = p->canary;
	const char *server = text_empty(c->metrics_server) ? p->options->metrics_server : c->metrics_server;
	m->foreign = !text_empty(c->metrics_server);
	m->query = (struct metric_query){ .provider = &provider_prometheus,
					  .address = without_slash(m->arena, server ? server : ""),
					  .region = "",
					  .now = loop_wall(m->sources->o.loop),
					  .interval_ms = INTERVAL_DEFAULT_MS,
					  .arena = m->arena };
	if (index == SIZE_MAX)
		return choose_probe(m, p, e);
	const struct metric_check *check = &c->analysis.metrics[index];
	if (duration_parse(check->interval, &m->query.interval_ms, NULL) != RC_OK)
		m->query.interval_ms = INTERVAL_DEFAULT_MS;
	if (by_template)
		return from_template(m, p, check, e);
	const struct builtin_query *b = builtin_find(provider_of_canary(p), check->name);
	if (!b && text_empty(check->query))
		return error_set(e, RC_INVALID, "no usable metrics template and query were configured");
	m->scale = b ? b->scale : 1;
	m->query.query = source_query(p, check, b ? b->query : check->query, m->arena, e);
	return m->query.query ? RC_OK : RC_INVALID;
}

/* ---- what was served here ---- */

static bool is_served(const struct metric_ask *m, const struct plan *p)
{
	return m->sources->traffic && !m->foreign && text_empty(m->query.address) &&
	       text_eq(provider_of_canary(p), "nginx");
}

static void answer_served(struct metric_ask *m, const struct plan *p, const struct metric_check *check)
{
	struct error e = { .text = "" };
	enum result r = served_read(m->sources->traffic, loop_now(m->sources->o.loop), p, check, &m->value, &e);
	answer_later(m, r == RC_OK ? ANSWER_YES : r == RC_NOT_FOUND ? ANSWER_NO : ANSWER_ERROR, e.text);
}

/* false: it is another source's. */
static bool ask_served(struct metric_ask *m, const struct plan *p, size_t index, bool by_template)
{
	if (by_template || !is_served(m, p))
		return false;
	if (index == SIZE_MAX)
		answer_later(m, ANSWER_YES, "");
	else if (served_knows(p->canary->analysis.metrics[index].name))
		answer_served(m, p, &p->canary->analysis.metrics[index]);
	else
		return false;
	return true;
}

struct metric_ask *source_ask(struct sources *s, const struct plan *p, size_t index, bool by_template,
			      metric_done *done, void *owner)
{
	struct metric_ask *m = calloc(1, sizeof *m);
	if (!m)
		return NULL;
	*m = (struct metric_ask){
		.sources = s, .next = s->asks, .at = &s->asks, .done = done, .owner = owner, .scale = 1
	};
	if (m->next)
		m->next->at = &m->next;
	s->asks = m;
	struct error e;
	m->arena = arena_create(ASK_BYTES_MAX);
	if (!m->arena)
		answer_later(m, ANSWER_ERROR, "no memory for the query");
	else if (choose(m, p, index, by_template, &e) != RC_OK)
		answer_later(m, ANSWER_ERROR, e.text);
	else if (!m->query.provider)
		answer_later(m, ANSWER_YES, "");
	else if (ask_served(m, p, index, by_template))
		return m;
	else if (text_empty(m->query.address) && !m->query.provider->address)
		answer_later(m, ANSWER_ERROR,
			     "no metrics server is configured (spec.metricsServer, or metrics_server)");
	else
		send_query(m);
	return m;
}

enum result sources_create(const struct hooks_options *o, struct sources **ret, struct error *e)
{
	struct sources *s = calloc(1, sizeof *s);
	if (!s)
		return error_set(e, RC_EXHAUSTED, "no memory for metric sources");
	s->o = *o;
	*ret = s;
	return RC_OK;
}

void sources_set_traffic(struct sources *s, const struct traffic *t)
{
	s->traffic = t;
}

void sources_destroy(struct sources *s)
{
	if (!s)
		return;
	while (s->asks)
		ask_free(s->asks);
	free(s);
}

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/metrics/builtin.h"
#include "controller/metrics/prometheus.h"
#include "controller/metrics/served.h"
#include "controller/metrics/source.h"

struct sources {
	struct hooks_options o;
	const struct traffic *traffic; /* borrowed; NULL: none */
	struct metric_ask *asks;
};
struct metric_ask {
	struct sources *sources;
	struct metric_ask *next, **at;
	struct http_call *call;
	struct deferred soon; /* answers that need no call */
	enum verdict verdict;
	char *text; /* owned */
	double scale, value;
	char *failed; /* put in front of the error of a call; owned; NULL nothing */
	bool probe;
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
	free(m->failed);
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

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct metric_ask *m = owner;
	m->call = NULL;
	struct error e;
	enum result got = r == RC_OK ? prometheus_read(a->status, a->body, a->len, &m->value, &e) : r;
	bool none = got == RC_NOT_FOUND || (m->probe && got == RC_OK && m->value != 1);
	m->verdict = none ? ANSWER_NO : got == RC_OK ? ANSWER_YES : ANSWER_ERROR;
	if (got != RC_OK)
		set_failure(m, r == RC_OK ? e.text : why->text);
	else if (none)
		set_failure(m, "the server does not answer vector(1) with 1");
	finish(m);
}

static bool may_connect(void *owner, const char *host, const struct sockaddr *address)
{
	const struct sources *s = owner;
	return egress_allowed(&s->o, host, address);
}

struct chosen {
	const char *address, *query, *failed;
	double scale;
	bool foreign; /* a Canary or a template says where, not the operator */
};

static void send_query(struct metric_ask *m, const struct chosen *c)
{
	CLEANUP(free_p) char *url = prometheus_url(c->address, c->query);
	if (!url) {
		answer_later(m, ANSWER_ERROR, "no memory for the query");
		return;
	}
	struct http_request q = { .url = url,
				  .timeout_ms = PROMETHEUS_TIMEOUT_MS,
				  .max_body_bytes = 1 << 20,
				  .egress = c->foreign ? may_connect : NULL,
				  .egress_owner = m->sources };
	struct error e;
	m->call = http_send(m->sources->o.http, &q, answered, m, &e);
	if (!m->call)
		answer_later(m, ANSWER_ERROR, e.text);
}

static enum result from_template(const struct plan *p, const struct metric_check *m, bool probe, struct chosen *ret,
				 struct error *e)
{
	const char *ns = text_empty(m->template_ref.ns) ? p->canary->ns : m->template_ref.ns;
	const char *name = m->template_ref.name;
	CLEANUP(json_delete_p) cJSON *t = plan_tree(p, KIND_METRIC_TEMPLATE, ns, name);
	if (!t)
		return error_set(e, RC_NOT_FOUND, "Metric template %s.%s error: not found", name, ns);
	const char *type = json_text(t, "spec.provider.type", "");
	const char *address = json_text(t, "spec.provider.address", "");
	if (!text_eq(type, "prometheus"))
		return error_set(e, RC_INVALID, "Metric template %s.%s provider %s error: only prometheus is supported",
				 name, ns, type);
	if (json_at(t, "spec.provider.secretRef"))
		return error_set(e, RC_INVALID, "Metric template %s.%s provider %s error: secretRef is not supported",
				 name, ns, type);
	if (!text_starts(address, "http://") && !text_starts(address, "https://"))
		return error_set(e, RC_INVALID,
				 "Metric template %s.%s provider %s error: %s address %.100s is not a valid URL", name,
				 ns, type, type, address);
	ret->foreign = true;
	ret->address = arena_strdup(p->arena, address);
	ret->failed = arena_printf(p->arena, "Metric query failed for %s: ", m->name);
	if (!ret->address || !ret->failed)
		return error_set(e, RC_EXHAUSTED, "no memory for the query");
	if (!probe)
		ret->query = source_query(p, m, json_text(t, "spec.query", ""), p->arena, e);
	return ret->query ? RC_OK : error_in(e, RC_INVALID, "Metric template %s.%s query render error", name, ns);
}

/* K7: inline queries are not checked; without a metric there is no provider to miss. */
static enum result choose_probe(const struct plan *p, struct chosen *ret, struct error *e)
{
	const struct analysis *an = &p->canary->analysis;
	const char *provider = text_empty(p->canary->provider) ? p->options->provider : p->canary->provider;
	ret->query = "vector(1)";
	for (size_t i = 0; i < an->metric_count; i++)
		if (builtin_find(provider, an->metrics[i].name))
			return RC_OK;
	for (size_t i = 0; i < an->metric_count; i++)
		if (!text_empty(an->metrics[i].template_ref.name))
			return from_template(p, &an->metrics[i], true, ret, e);
	ret->query = NULL;
	return RC_OK;
}

static enum result choose(const struct plan *p, size_t index, bool by_template, struct chosen *ret, struct error *e)
{
	const struct canary *c = p->canary;
	bool own = !text_empty(c->metrics_server);
	*ret = (struct chosen){ .scale = 1,
				.address = own ? c->metrics_server : p->options->metrics_server,
				.foreign = own };
	if (index == SIZE_MAX)
		return choose_probe(p, ret, e);
	const struct metric_check *m = &c->analysis.metrics[index];
	if (by_template)
		return from_template(p, m, false, ret, e);
	const char *provider = text_empty(c->provider) ? p->options->provider : c->provider;
	const struct builtin_query *b = builtin_find(provider, m->name);
	if (!b && text_empty(m->query))
		return error_set(e, RC_INVALID, "no usable metrics template and query were configured");
	ret->scale = b ? b->scale : 1;
	ret->query = source_query(p, m, b ? b->query : m->query, p->arena, e);
	return ret->query ? RC_OK : RC_INVALID;
}

/* ---- what was served here ---- */

static bool is_served(const struct sources *s, const struct plan *p, const struct chosen *c)
{
	const char *provider = text_empty(p->canary->provider) ? p->options->provider : p->canary->provider;
	return s->traffic && !c->foreign && text_empty(c->address) && text_eq(provider, "nginx");
}

static void answer_served(struct metric_ask *m, const struct plan *p, const struct metric_check *check)
{
	struct error e = { .text = "" };
	enum result r = served_read(m->sources->traffic, loop_now(m->sources->o.loop), p, check, &m->value, &e);
	answer_later(m, r == RC_OK ? ANSWER_YES : r == RC_NOT_FOUND ? ANSWER_NO : ANSWER_ERROR, e.text);
}

/* false: it is another source's. */
static bool ask_served(struct metric_ask *m, const struct plan *p, size_t index, bool by_template,
		       const struct chosen *what)
{
	if (by_template || !is_served(m->sources, p, what))
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
	struct chosen what;
	struct error e;
	if (choose(p, index, by_template, &what, &e) != RC_OK)
		answer_later(m, ANSWER_ERROR, e.text);
	else if (!what.query)
		answer_later(m, ANSWER_YES, "");
	else if (ask_served(m, p, index, by_template, &what))
		return m;
	else if (text_empty(what.address))
		answer_later(m, ANSWER_ERROR,
			     "no metrics server is configured (spec.metricsServer, or metrics_server)");
	else {
		m->scale = what.scale;
		m->probe = index == SIZE_MAX;
		m->failed = what.failed && !m->probe ? strdup(what.failed) : NULL;
		send_query(m, &what);
	}
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

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/metrics/builtin.h"
#include "controller/metrics/prometheus.h"
#include "controller/metrics/source.h"

struct sources {
	struct loop *loop;
	struct http_client *http;
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
	loop_defer(m->sources->loop, &m->soon, finish, m);
}

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct metric_ask *m = owner;
	m->call = NULL;
	struct error e;
	enum result got = r == RC_OK ? prometheus_read(a->status, a->body, a->len, &m->value, &e) : r;
	m->verdict = got == RC_OK ? ANSWER_YES : got == RC_NOT_FOUND ? ANSWER_NO : ANSWER_ERROR;
	free(m->text);
	m->text = got == RC_OK ? NULL : strdup(r == RC_OK ? e.text : why->text);
	finish(m);
}

static void send_query(struct metric_ask *m, const char *address, const char *query)
{
	CLEANUP(free_p) char *url = prometheus_url(address, query);
	if (!url) {
		answer_later(m, ANSWER_ERROR, "no memory for the query");
		return;
	}
	struct http_request q = { .url = url, .timeout_ms = PROMETHEUS_TIMEOUT_MS, .max_body_bytes = 1 << 20 };
	struct error e;
	m->call = http_send(m->sources->http, &q, answered, m, &e);
	if (!m->call)
		answer_later(m, ANSWER_ERROR, e.text);
}

struct chosen {
	const char *address, *query;
	double scale;
};

static enum result from_template(const struct plan *p, const struct metric_check *m, struct chosen *ret,
				 struct error *e)
{
	const char *ns = text_empty(m->template_ref.ns) ? p->canary->ns : m->template_ref.ns;
	CLEANUP(json_delete_p) cJSON *t = plan_tree(p, KIND_METRIC_TEMPLATE, ns, m->template_ref.name);
	if (!t)
		return error_set(e, RC_NOT_FOUND, "Metric template %s.%s error: not found", m->template_ref.name, ns);
	const char *type = json_text(t, "spec.provider.type", "");
	if (!text_eq(type, "prometheus"))
		return error_set(e, RC_INVALID, "Metric template %s.%s provider %s error: only prometheus is supported",
				 m->template_ref.name, ns, type);
	if (json_at(t, "spec.provider.secretRef"))
		return error_set(e, RC_INVALID, "Metric template %s.%s provider %s error: secretRef is not supported",
				 m->template_ref.name, ns, type);
	ret->address = arena_strdup(p->arena, json_text(t, "spec.provider.address", ""));
	ret->query = source_query(p, m, json_text(t, "spec.query", ""), p->arena, e);
	return ret->query
		       ? RC_OK
		       : error_in(e, RC_INVALID, "Metric template %s.%s query render error", m->template_ref.name, ns);
}

static enum result choose(const struct plan *p, size_t index, struct chosen *ret, struct error *e)
{
	const struct canary *c = p->canary;
	*ret = (struct chosen){ .scale = 1,
				.address = text_empty(c->metrics_server) ? p->options->metrics_server
									 : c->metrics_server };
	if (index == SIZE_MAX) {
		ret->query = "vector(1)";
		return RC_OK;
	}
	const struct metric_check *m = &c->analysis.metrics[index];
	if (!text_empty(m->template_ref.name))
		return from_template(p, m, ret, e);
	const char *provider = text_empty(c->provider) ? p->options->provider : c->provider;
	const struct builtin_query *b = text_empty(m->query) ? builtin_find(provider, m->name) : NULL;
	if (!b && text_empty(m->query))
		return error_set(e, RC_INVALID, "no usable metrics template and query were configured");
	ret->scale = b ? b->scale : 1;
	ret->query = source_query(p, m, b ? b->query : m->query, p->arena, e);
	return ret->query ? RC_OK : RC_INVALID;
}

struct metric_ask *source_ask(struct sources *s, const struct plan *p, size_t index, metric_done *done, void *owner)
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
	if (choose(p, index, &what, &e) != RC_OK)
		answer_later(m, ANSWER_ERROR, e.text);
	else if (index == SIZE_MAX && !p->canary->analysis.metric_count)
		answer_later(m, ANSWER_YES, ""); /* no metric, no provider to miss */
	else if (text_empty(what.address))
		answer_later(m, ANSWER_ERROR,
			     "no metrics server is configured (spec.metricsServer, or metrics_server)");
	else {
		m->scale = what.scale;
		send_query(m, what.address, what.query);
	}
	return m;
}

enum result sources_create(struct loop *l, struct http_client *http, struct sources **ret, struct error *e)
{
	struct sources *s = calloc(1, sizeof *s);
	if (!s)
		return error_set(e, RC_EXHAUSTED, "no memory for metric sources");
	s->loop = l;
	s->http = http;
	*ret = s;
	return RC_OK;
}

void sources_destroy(struct sources *s)
{
	if (!s)
		return;
	while (s->asks)
		ask_free(s->asks);
	free(s);
}

/* Dynatrace, metrics API v2: over ten intervals, of which the last point of the first result counts (3.9). */
#include "base/json.h"
#include "controller/metrics/provider.h"

enum { INTERVALS = 10 };

static enum result dynatrace_ask(struct metric_query *q, struct error *e)
{
	const char *token = query_secret(q, "dynatrace_token");
	if (!token)
		return query_no_key(q, "dynatrace_token", e);
	long long to = q->now.v, from = to - INTERVALS * q->interval_ms;
	const char *selector = query_escape(q, q->query);
	const char *value = arena_printf(q->arena, "Api-Token %s", token);
	q->request.url =
		q->probe   ? arena_printf(q->arena, "%s/api/v2/metrics?pageSize=1", q->address)
		: selector ? arena_printf(q->arena,
					  "%s/api/v2/metrics/query?from=%lld&metricSelector=%s&resolution=Inf&to=%lld",
					  q->address, from, selector, to)
			   : NULL;
	return q->request.url && value && query_header(q, "Authorization", value) ? RC_OK : query_no_memory(e);
}

static enum result dynatrace_read(struct metric_query *q, const char *body, size_t len, double *ret, struct error *e)
{
	(void)q;
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = query_json(body, len, &j, e);
	if (r != RC_OK)
		return r;
	const cJSON *data = json_at(j, "result.0.data");
	const cJSON *last = data && data->child ? data->child->prev : NULL; /* cJSON: the first knows the last */
	return query_number(json_at(last, "values.0"), ret, e);
}

const struct metric_provider provider_dynatrace = {
	.type = "dynatrace",
	.probe_status = 200,
	.ask = dynatrace_ask,
	.read = dynatrace_read,
};

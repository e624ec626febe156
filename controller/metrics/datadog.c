/* Datadog: a timeseries query over ten intervals, of which the oldest point counts (3.9). */
#include "base/json.h"
#include "controller/metrics/provider.h"

enum { INTERVALS = 10 };

static enum result datadog_ask(struct metric_query *q, struct error *e)
{
	const char *api = query_secret(q, "datadog_api_key"), *application = query_secret(q, "datadog_application_key");
	if (!api)
		return query_no_key(q, "datadog_api_key", e);
	if (!application)
		return query_no_key(q, "datadog_application_key", e);
	long long to = q->now.v / 1000, from = to - INTERVALS * q->interval_ms / 1000;
	const char *query = query_escape(q, q->query);
	q->request.url = q->probe ? arena_printf(q->arena, "%s/api/v1/validate", q->address)
			 : query  ? arena_printf(q->arena, "%s/api/v1/query?from=%lld&query=%s&to=%lld", q->address,
						 from, query, to)
				  : NULL;
	bool ok = q->request.url && query_header(q, "DD-API-KEY", api) &&
		  query_header(q, "DD-APPLICATION-KEY", application);
	return ok ? RC_OK : query_no_memory(e);
}

static enum result datadog_read(struct metric_query *q, const char *body, size_t len, double *ret, struct error *e)
{
	(void)q;
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = query_json(body, len, &j, e);
	return r == RC_OK ? query_number(json_at(j, "series.0.pointlist.0.1"), ret, e) : r;
}

const struct metric_provider provider_datadog = {
	.type = "datadog",
	.address = "https://api.datadoghq.com",
	.probe_status = 200,
	.ask = datadog_ask,
	.read = datadog_read,
};

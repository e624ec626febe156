/* New Relic Insights: one NRQL query, one result (3.9). */
#include "base/json.h"
#include "base/text.h"
#include "controller/metrics/provider.h"

static enum result newrelic_ask(struct metric_query *q, struct error *e)
{
	const char *account = query_secret(q, "newrelic_account_id"), *key = query_secret(q, "newrelic_query_key");
	if (!account)
		return query_no_key(q, "the key 'newrelic_account_id'", e);
	if (!key)
		return query_no_key(q, "the key 'newrelic_query_key'", e);
	if (!text_is_decimal(account))
		return error_set(e, RC_INVALID, "newrelic_account_id is not a number");
	const char *nrql = q->probe ? "SELECT * FROM Metric"
				    : arena_printf(q->arena, "%s SINCE %lld seconds ago", q->query,
						   (long long)q->interval_ms / 1000);
	const char *query = nrql ? query_escape(q, nrql) : NULL;
	q->request.url =
		query ? arena_printf(q->arena, "%s/v1/accounts/%s/query?nrql=%s", q->address, account, query) : NULL;
	return q->request.url && query_header(q, "X-Query-Key", key) ? RC_OK : query_no_memory(e);
}

static enum result newrelic_read(struct metric_query *q, const char *body, size_t len, double *ret, struct error *e)
{
	(void)q;
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = query_json(body, len, &j, e);
	if (r != RC_OK)
		return r;
	if (cJSON_GetArraySize(json_at(j, "results")) != 1)
		return query_no_values(e);
	return query_number(json_at(j, "results.0.result"), ret, e);
}

const struct metric_provider provider_newrelic = {
	.type = "newrelic",
	.address = "https://insights-api.newrelic.com",
	.probe_status = 200,
	.ask = newrelic_ask,
	.read = newrelic_read,
};

/* CloudWatch: GetMetricData with the query's list of MetricDataQuery, over ten intervals (3.9). The credentials are of
 * the environment, as every AWS client takes them first, or of the template's secret. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/metrics/provider.h"
#include "controller/metrics/sigv4.h"

enum { INTERVALS = 10, POINTS_MAX = 20 };
#define JSON_TYPE "application/x-amz-json-1.0"
#define TARGET "GraniteServiceVersion20100801.GetMetricData"

static const char *credential(const struct metric_query *q, const char *name)
{
	const char *kept = query_secret(q, name);
	return kept ? kept : getenv(name);
}

static const char *body_of(struct metric_query *q, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *queries = q->probe ? cJSON_CreateArray() : NULL;
	if (!q->probe && json_parse(q->query, strlen(q->query), &queries, e) != RC_OK) {
		(void)error_in(e, RC_INVALID, "the query is not a JSON list of MetricDataQuery");
		return NULL;
	}
	int64_t to = q->now.v / 1000, from = to - INTERVALS * q->interval_ms / 1000;
	bool ok = j && queries && json_put(j, "MetricDataQueries", TAKE(queries)) &&
		  json_put_int(j, "StartTime", from) && json_put_int(j, "EndTime", to) &&
		  json_put_int(j, "MaxDatapoints", POINTS_MAX);
	CLEANUP(free_p) char *text = ok ? json_print(j) : NULL;
	const char *kept = text ? arena_strdup(q->arena, text) : NULL;
	if (!kept)
		(void)query_no_memory(e);
	return kept;
}

static bool put_headers(struct metric_query *q, const struct sigv4 *s, const char *date, const char *authorization)
{
	return query_header(q, "Content-Type", s->content_type) && query_header(q, "X-Amz-Target", s->target) &&
	       query_header(q, "X-Amz-Date", date) && query_header(q, "Authorization", authorization) &&
	       (!s->token || query_header(q, "X-Amz-Security-Token", s->token));
}

static enum result cloudwatch_ask(struct metric_query *q, struct error *e)
{
	struct sigv4 s = { .key_id = credential(q, "AWS_ACCESS_KEY_ID"),
			   .secret = credential(q, "AWS_SECRET_ACCESS_KEY"),
			   .token = credential(q, "AWS_SESSION_TOKEN"),
			   .region = q->region,
			   .service = "monitoring",
			   .content_type = JSON_TYPE,
			   .target = TARGET,
			   .now = q->now };
	if (text_empty(q->region))
		return error_set(e, RC_INVALID, "region not specified");
	if (text_empty(s.key_id) || text_empty(s.secret))
		return error_set(
			e, RC_INVALID,
			"no AWS credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment or "
			"of the template's secret");
	if (text_empty(q->address))
		q->address = arena_printf(q->arena, "https://monitoring.%s.amazonaws.com", q->region);
	const char *scheme = q->address ? strstr(q->address, "://") : NULL;
	if (!scheme)
		return q->address ? error_set(e, RC_INVALID, "the address is not a valid URL") : query_no_memory(e);
	s.host = scheme + strlen("://");
	s.body = body_of(q, e);
	const char *date, *authorization;
	if (!s.body)
		return e->code;
	enum result r = sigv4_sign(&s, q->arena, &date, &authorization, e);
	if (r != RC_OK)
		return r;
	q->request.method = "POST";
	q->request.body = s.body;
	q->request.url = arena_printf(q->arena, "%s/", q->address);
	return q->request.url && put_headers(q, &s, date, authorization) ? RC_OK : query_no_memory(e);
}

static enum result cloudwatch_read(struct metric_query *q, const char *body, size_t len, double *ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = query_json(body, len, &j, e);
	return r != RC_OK || q->probe ? r : query_number(json_at(j, "MetricDataResults.0.Values.0"), ret, e);
}

const struct metric_provider provider_cloudwatch = {
	.type = "cloudwatch",
	.address = "",
	.probe_status = 400, /* an empty query is refused by one who is there */
	.ask = cloudwatch_ask,
	.read = cloudwatch_read,
};

#include "controller/metrics/prometheus.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "controller/metrics/provider.h"

char *prometheus_url(const char *address, const char *query)
{
	struct strbuf b;
	strbuf_init(&b, 256 * 1024);
	size_t len = strlen(address);
	while (len && address[len - 1] == '/')
		len--;
	strbuf_addn(&b, address, len);
	strbuf_add(&b, "/api/v1/query?query=");
	strbuf_add_urlencoded(&b, query, strlen(query));
	char *url = strbuf_take(&b);
	strbuf_finish(&b);
	return url;
}

enum result prometheus_read(int status, const char *body, size_t len, double *ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	if (status / 100 != 2)
		return query_refused(status, body, e);
	if (json_parse(body, len, &j, e) != RC_OK)
		return error_in(e, RC_INVALID, "the answer is not JSON");
	if (!text_eq(json_text(j, "status", ""), "success"))
		return error_set(e, RC_INVALID, "%.300s", json_text(j, "error", "the answer says no success"));
	if (json_at(j, "data.result.0.values"))
		return query_many_values(e);
	if (!text_eq(json_text(j, "data.resultType", ""), "vector"))
		return error_set(e, RC_INVALID, "result type %.40s is not a vector",
				 json_text(j, "data.resultType", ""));
	const char *text = NULL;
	const cJSON *series;
	cJSON_ArrayForEach (series, json_at(j, "data.result")) {
		text = json_text(series, "value.1", NULL);
	}
	if (!text || text_eq(text, "NaN"))
		return query_no_values(e);
	if (text_eq(text, "+Inf") || text_eq(text, "-Inf")) {
		*ret = *text == '-' ? -INFINITY : INFINITY;
		return RC_OK;
	}
	if (text_double(text, ret, e) != RC_OK)
		return error_in(e, RC_INVALID, "the value");
	return RC_OK;
}

static enum result credentials(struct metric_query *q, struct error *e)
{
	const char *token = query_secret(q, "token"), *user = query_secret(q, "username");
	const char *password = query_secret(q, "password");
	if (!q->has_secret)
		return RC_OK;
	if (token) {
		const char *bearer = arena_printf(q->arena, "Bearer %s", token);
		return bearer && query_header(q, "Authorization", bearer) ? RC_OK : query_no_memory(e);
	}
	if (!user)
		return query_no_key(q, "a username", e);
	if (!password)
		return query_no_key(q, "a password", e);
	return query_basic(q, user, password) ? RC_OK : query_no_memory(e);
}

static enum result prometheus_ask(struct metric_query *q, struct error *e)
{
	CLEANUP(free_p) char *url = prometheus_url(q->address, q->probe ? "vector(1)" : q->query);
	q->request.url = url ? arena_strdup(q->arena, url) : NULL;
	if (!q->request.url)
		return query_no_memory(e);
	for (size_t i = 0; i < q->headers.count; i++)
		if (!query_header(q, q->headers.at[i].key, q->headers.at[i].value))
			return error_set(e, RC_INVALID, "more than %d headers", PROVIDER_HEADERS_MAX);
	return credentials(q, e);
}

static enum result prometheus_answer(struct metric_query *q, const char *body, size_t len, double *ret, struct error *e)
{
	double value = 0;
	enum result r = prometheus_read(200, body, len, &value, e);
	if (r != RC_OK)
		return r;
	if (q->probe && value != 1)
		return error_set(e, RC_NOT_FOUND, "the server does not answer vector(1) with 1");
	*ret = value;
	return RC_OK;
}

const struct metric_provider provider_prometheus = {
	.type = "prometheus",
	.ask = prometheus_ask,
	.read = prometheus_answer,
};

#include "controller/metrics/prometheus.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

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

/* What servers and proxies in front of them answer, as people search for it. */
static const char *phrase_of(int status)
{
	static const struct {
		int status;
		const char *text;
	} phrases[] = {
		{ 400, " Bad Request" },
		{ 401, " Unauthorized" },
		{ 403, " Forbidden" },
		{ 404, " Not Found" },
		{ 422, " Unprocessable Entity" },
		{ 429, " Too Many Requests" },
		{ 500, " Internal Server Error" },
		{ 502, " Bad Gateway" },
		{ 503, " Service Unavailable" },
		{ 504, " Gateway Timeout" },
	};
	for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
		if (phrases[i].status == status)
			return phrases[i].text;
	return "";
}

enum result prometheus_read(int status, const char *body, size_t len, double *ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	if (status / 100 != 2)
		return error_set(e, RC_INVALID, "error response: Status %d%s: %.*s", status, phrase_of(status),
				 (int)text_prefix(body, 300), body);
	if (json_parse(body, len, &j, e) != RC_OK)
		return error_in(e, RC_INVALID, "the answer is not JSON");
	if (!text_eq(json_text(j, "status", ""), "success"))
		return error_set(e, RC_INVALID, "%.300s", json_text(j, "error", "the answer says no success"));
	if (json_at(j, "data.result.0.values"))
		return error_set(e, RC_INVALID, "query returned multiple values");
	if (!text_eq(json_text(j, "data.resultType", ""), "vector"))
		return error_set(e, RC_INVALID, "result type %.40s is not a vector",
				 json_text(j, "data.resultType", ""));
	const char *text = NULL;
	const cJSON *series;
	cJSON_ArrayForEach (series, json_at(j, "data.result")) {
		text = json_text(series, "value.1", NULL);
	}
	if (!text || text_eq(text, "NaN"))
		return error_set(e, RC_NOT_FOUND, "no values found");
	if (text_eq(text, "+Inf") || text_eq(text, "-Inf")) {
		*ret = *text == '-' ? -INFINITY : INFINITY;
		return RC_OK;
	}
	if (text_double(text, ret, e) != RC_OK)
		return error_in(e, RC_INVALID, "the value");
	return RC_OK;
}

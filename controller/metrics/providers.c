#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "controller/metrics/provider.h"

#define X(name) &provider_##name,
static const struct metric_provider *const providers[] = { PROVIDERS(X) };
#undef X

const struct metric_provider *provider_find(const char *type)
{
	for (size_t i = 0; i < sizeof providers / sizeof *providers; i++)
		if (text_eq(providers[i]->type, type))
			return providers[i];
	return NULL;
}

const char *provider_types(void)
{
#define X(name) " " #name
	return PROVIDERS(X);
#undef X
}

const char *query_secret(const struct metric_query *q, const char *key)
{
	for (size_t i = 0; i < q->secret.count; i++)
		if (text_eq(q->secret.at[i].key, key))
			return q->secret.at[i].value;
	return NULL;
}

bool query_header(struct metric_query *q, const char *name, const char *value)
{
	const char *line = arena_printf(q->arena, "%s: %s", name, value);
	if (!line || q->request.header_count >= PROVIDER_HEADERS_MAX)
		return false;
	q->request.headers[q->request.header_count++] = line;
	return true;
}

bool query_basic(struct metric_query *q, const char *user, const char *password)
{
	const char *both = arena_printf(q->arena, "%s:%s", user, password);
	char *coded = both ? text_base64(both, strlen(both), false) : NULL;
	const char *value = coded ? arena_printf(q->arena, "Basic %s", coded) : NULL;
	if (coded)
		explicit_bzero(coded, strlen(coded));
	free(coded);
	return value && query_header(q, "Authorization", value);
}

const char *query_escape(struct metric_query *q, const char *text)
{
	struct strbuf b;
	strbuf_init(&b, 256 * 1024);
	strbuf_add_urlencoded(&b, text, strlen(text));
	const char *copy = b.overflow ? NULL : arena_strdup(q->arena, b.s);
	strbuf_finish(&b);
	return copy;
}

enum result query_no_memory(struct error *e)
{
	return error_set(e, RC_EXHAUSTED, "no memory for the query");
}

enum result query_no_key(const struct metric_query *q, const char *what, struct error *e)
{
	return error_set(e, RC_INVALID, "%s credentials does not contain %s", q->provider->type, what);
}

enum result query_json(const char *body, size_t len, cJSON **ret, struct error *e)
{
	if (json_parse(body, len, ret, e) != RC_OK)
		return error_in(e, RC_INVALID, "the answer is not JSON");
	return RC_OK;
}

enum result query_no_values(struct error *e)
{
	return error_set(e, RC_NOT_FOUND, "no values found");
}

enum result query_many_values(struct error *e)
{
	return error_set(e, RC_INVALID, "query returned multiple values");
}

enum result query_number(const cJSON *v, double *ret, struct error *e)
{
	if (!v || cJSON_IsNull(v))
		return query_no_values(e);
	if (!cJSON_IsNumber(v))
		return error_set(e, RC_INVALID, "the value is not a number");
	*ret = v->valuedouble;
	return RC_OK;
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

enum result query_refused(int status, const char *body, struct error *e)
{
	return error_set(e, RC_INVALID, "error response: Status %d%s: %.*s", status, phrase_of(status),
			 (int)text_prefix(body, 300), body);
}

/* Graphite: the query is a query string of the render API; the last point that is there counts (3.9). */
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "controller/metrics/provider.h"

/* What the user wrote is a query string, but seldom an encoded one: blanks, quotes and brackets are. NULL: no memory.
 */
static const char *as_query_string(struct metric_query *q)
{
	struct strbuf b;
	strbuf_init(&b, 256 * 1024);
	for (const char *at = q->query; *at; at++) {
		if (strchr("=&%", *at))
			strbuf_addc(&b, *at);
		else
			strbuf_add_urlencoded(&b, at, 1);
	}
	const char *text = b.overflow ? NULL : arena_strdup(q->arena, b.s);
	strbuf_finish(&b);
	return text;
}

static enum result graphite_ask(struct metric_query *q, struct error *e)
{
	const char *user = query_secret(q, "username"), *password = query_secret(q, "password");
	if (q->has_secret && !user)
		return query_no_key(q, "a username", e);
	if (q->has_secret && !password)
		return query_no_key(q, "a password", e);
	const char *query = q->probe ? "target=test" : as_query_string(q);
	q->request.url = query ? arena_printf(q->arena, "%s/render?%s&format=json", q->address, query) : NULL;
	bool ok = q->request.url && (!q->has_secret || query_basic(q, user, password));
	return ok ? RC_OK : query_no_memory(e);
}

static enum result graphite_read(struct metric_query *q, const char *body, size_t len, double *ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	const cJSON *target, *point, *last = NULL;
	enum result r = query_json(body, len, &j, e);
	if (r != RC_OK || q->probe)
		return r;
	cJSON_ArrayForEach (target, j) {
		last = NULL;
		cJSON_ArrayForEach (point, json_at(target, "datapoints")) {
			if (cJSON_IsNumber(json_at(point, "0")))
				last = json_at(point, "0");
		}
	}
	return query_number(last, ret, e);
}

const struct metric_provider provider_graphite = { .type = "graphite", .ask = graphite_ask, .read = graphite_read };

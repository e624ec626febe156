/* InfluxDB 2: a Flux query, answered as annotated CSV (3.9). No record at all is 0 there, not "no values". */
#include <string.h>

#include "base/text.h"
#include "controller/metrics/provider.h"

enum { TIMEOUT_MS = 15 * 1000, COLUMNS_MAX = 64 };

static enum result influxdb_ask(struct metric_query *q, struct error *e)
{
	const char *token = query_secret(q, "token"), *org = query_secret(q, "org");
	if (q->has_secret && !token)
		return query_no_key(q, "an authentication token", e);
	if (q->has_secret && !org)
		return query_no_key(q, "an organisation", e);
	const char *escaped = query_escape(q, org ? org : "");
	const char *value = arena_printf(q->arena, "Token %s", token ? token : "");
	q->request.method = "POST";
	q->request.timeout_ms = TIMEOUT_MS;
	q->request.body = q->probe ? "from(bucket: \"default\") |> range(start: -2h)" : q->query;
	q->request.url = escaped ? arena_printf(q->arena, "%s/api/v2/query?org=%s", q->address, escaped) : NULL;
	bool ok = q->request.url && value && (!token || query_header(q, "Authorization", value)) &&
		  query_header(q, "Content-Type", "application/vnd.flux") &&
		  query_header(q, "Accept", "application/csv");
	return ok ? RC_OK : query_no_memory(e);
}

/* Cuts a line of CSV into its cells, in place; values of numbers are never quoted. Moves *at to the next line. */
static size_t cut_line(char **at, char **cells)
{
	size_t count = 0;
	char *line = *at, *end = line + strcspn(line, "\r\n");
	*at = end + strspn(end, "\r\n");
	*end = '\0';
	while (count < COLUMNS_MAX) {
		cells[count++] = line;
		char *comma = strchr(line, ',');
		if (!comma)
			break;
		*comma = '\0';
		line = comma + 1;
	}
	return count;
}

/* "#datatype,string,long,...,double" tells the types, the line without "#" the names, the next one is the record. */
static enum result influxdb_read(struct metric_query *q, const char *body, size_t len, double *ret, struct error *e)
{
	char *text = arena_strndup(q->arena, body, len);
	char *types[COLUMNS_MAX] = { NULL }, *names[COLUMNS_MAX] = { NULL }, *cells[COLUMNS_MAX] = { NULL };
	size_t type_count = 0, name_count = 0;
	if (!text)
		return query_no_memory(e);
	*ret = 0;
	while (*text) {
		bool is_types = text_starts(text, "#datatype"), note = *text == '#';
		size_t n = cut_line(&text, is_types ? types : note || name_count ? cells : names);
		if (is_types)
			type_count = n;
		if (note)
			continue;
		if (!name_count) {
			name_count = n;
			continue;
		}
		for (size_t i = 0; i < n && i < name_count; i++) {
			if (text_eq(names[i], "error"))
				return error_set(e, RC_INVALID, "%.300s", cells[i]);
			if (!text_eq(names[i], "_value"))
				continue;
			if (i < type_count && !text_eq(types[i], "double"))
				return error_set(e, RC_INVALID, "the value is a %.20s, not a float", types[i]);
			return text_double(cells[i], ret, e);
		}
		return query_no_values(e);
	}
	return RC_OK;
}

const struct metric_provider provider_influxdb = { .type = "influxdb", .ask = influxdb_ask, .read = influxdb_read };

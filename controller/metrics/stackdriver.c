/* Google Cloud Monitoring: a query in MQL, after the service account's key has been exchanged for a token (3.9). */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/metrics/jwt.h"
#include "controller/metrics/provider.h"

#define SCOPE "https://www.googleapis.com/auth/monitoring.read"
enum { TOKEN_S = 600 };

/* Where the key says that tokens are made. */
static enum result ask_token(struct metric_query *q, const cJSON *key, struct error *e)
{
	const char *to = json_text(key, "token_uri", "https://oauth2.googleapis.com/token"), *jwt = NULL;
	struct jwt_claim c = { .issuer = json_text(key, "client_email", ""),
			       .scope = SCOPE,
			       .audience = to,
			       .key_pem = json_text(key, "private_key", ""),
			       .now = q->now,
			       .valid_s = TOKEN_S };
	enum result r = jwt_sign(&c, q->arena, &jwt, e);
	if (r != RC_OK)
		return r;
	q->request.method = "POST";
	q->request.url = arena_strdup(q->arena, to);
	q->request.body = arena_printf(
		q->arena, "grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Ajwt-bearer&assertion=%s", jwt);
	bool ok = q->request.url && q->request.body &&
		  query_header(q, "Content-Type", "application/x-www-form-urlencoded");
	return ok ? RC_OK : query_no_memory(e);
}

static enum result ask_series(struct metric_query *q, const char *project, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = cJSON_CreateObject();
	const char *escaped = query_escape(q, project);
	bool ok = j && escaped && json_put_text(j, "query", q->query);
	CLEANUP(free_p) char *body = ok ? json_print(j) : NULL;
	q->request.method = "POST";
	q->request.body = body ? arena_strdup(q->arena, body) : NULL;
	q->request.url =
		escaped ? arena_printf(q->arena, "%s/v3/projects/%s/timeSeries:query", q->address, escaped) : NULL;
	const char *bearer = q->kept ? arena_printf(q->arena, "Bearer %s", q->kept) : NULL;
	ok = q->request.body && q->request.url && query_header(q, "Content-Type", "application/json") &&
	     (!q->kept || (bearer && query_header(q, "Authorization", bearer)));
	return ok ? RC_OK : query_no_memory(e);
}

static enum result stackdriver_ask(struct metric_query *q, struct error *e)
{
	const char *project = query_secret(q, "project"), *account = query_secret(q, "serviceAccountKey");
	if (!project)
		return query_no_key(q, "a project id", e);
	if (!account || q->stage > 0)
		return ask_series(q, project, e);
	CLEANUP(json_delete_p) cJSON *key = NULL;
	if (json_parse(account, strlen(account), &key, e) != RC_OK)
		return error_in(e, RC_INVALID, "serviceAccountKey is not JSON");
	return ask_token(q, key, e);
}

static enum result stackdriver_read(struct metric_query *q, const char *body, size_t len, double *ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	enum result r = query_json(body, len, &j, e);
	if (r != RC_OK)
		return r;
	if (q->stage == 0 && query_secret(q, "serviceAccountKey")) {
		q->kept = arena_strdup(q->arena, json_text(j, "access_token", ""));
		q->more = !text_empty(q->kept);
		return q->more ? RC_OK : error_set(e, RC_INVALID, "the token service gave no access_token");
	}
	const cJSON *value = json_at(j, "timeSeriesData.0.pointData.0.values.0");
	const cJSON *number = json_at(value, "doubleValue");
	if (number || q->probe)
		return q->probe ? RC_OK : query_number(number, ret, e);
	const char *whole = json_text(value, "int64Value", NULL);
	return whole ? text_double(whole, ret, e) : query_no_values(e);
}

const struct metric_provider provider_stackdriver = {
	.type = "stackdriver",
	.address = "https://monitoring.googleapis.com",
	.probe_status = 400, /* an empty query is refused by one who is there */
	.ask = stackdriver_ask,
	.read = stackdriver_read,
};

#include "controller/routers/gatewayapi_match.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

const cJSON *gateway_next_name(const cJSON *map, const char *last)
{
	const cJSON *m, *next = NULL;
	cJSON_ArrayForEach (m, map) {
		if ((!last || strcmp(m->string, last) > 0) && (!next || strcmp(m->string, next->string) < 0))
			next = m;
	}
	return next;
}

static cJSON *named(const char *name, const char *type, const char *value)
{
	CLEANUP(json_delete_p) cJSON *v = cJSON_CreateObject();
	bool ok = json_put_text(v, "name", name) && json_put_text(v, "type", type) && json_put_text(v, "value", value);
	return ok ? TAKE(v) : NULL;
}

/* Headers and query parameters: exact or regex. */
static bool put_values(cJSON *match, const char *to, const cJSON *map, const char *cookie, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	bool ok = list != NULL;
	const cJSON *v;
	for (const char *last = NULL; ok && (v = gateway_next_name(map, last)); last = v->string) {
		const char *exact = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(v, "exact"));
		const char *regex = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(v, "regex"));
		if (!exact && !regex) {
			(void)error_set(e, RC_INVALID, "%s %.64s: the Gateway API matches exact or regex only", to,
					v->string);
			return false;
		}
		ok = json_append(list, named(v->string, exact ? "Exact" : "RegularExpression", exact ? exact : regex));
	}
	ok = ok && (!cookie || json_append(list, named("Cookie", "RegularExpression", cookie)));
	return ok && (!list->child || json_put(match, to, TAKE(list)));
}

static bool put_path(cJSON *match, const cJSON *uri)
{
	static const struct {
		const char *from, *type;
	} types[] = { { "regex", "RegularExpression" }, { "exact", "Exact" }, { "prefix", "PathPrefix" } };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		const char *value = json_text(uri, types[i].from, "");
		if (*value)
			return json_put_text(match, "path.type", types[i].type) &&
			       json_put_text(match, "path.value", value);
	}
	return true;
}

/* who: an entry of analysis.match, or NULL. */
static cJSON *match_of(const cJSON *where, const cJSON *who, const char *cookie, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *m = cJSON_CreateObject();
	const cJSON *headers = json_at(who, "headers") ? json_at(who, "headers") : json_at(where, "headers");
	const cJSON *query = json_at(who, "queryParams") ? json_at(who, "queryParams") : json_at(where, "queryParams");
	const char *method = json_text(where, "method.exact", "");
	if (json_at(where, "method") && !*method) {
		(void)error_set(e, RC_INVALID, "method: the Gateway API matches exact only");
		return NULL;
	}
	bool ok = m && put_path(m, json_at(where, "uri")) && (!*method || json_put_text(m, "method", method)) &&
		  put_values(m, "headers", headers, cookie, e) && put_values(m, "queryParams", query, NULL, e);
	return ok ? TAKE(m) : NULL;
}

cJSON *gateway_matches(const cJSON *service, const cJSON *who, const char *cookie, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	CLEANUP(json_delete_p) cJSON *everywhere = cJSON_CreateArray();
	CLEANUP(json_delete_p) cJSON *any = cJSON_CreateObject();
	bool ok = list && any && json_put_text(any, "uri.prefix", "/") && everywhere &&
		  json_append(everywhere, TAKE(any));
	const cJSON *places = cJSON_GetArraySize(json_at(service, "match")) ? json_at(service, "match") : everywhere;
	const cJSON *where, *w;
	cJSON_ArrayForEach (where, places) {
		if (!who)
			ok = ok && json_append(list, match_of(where, NULL, cookie, e));
		cJSON_ArrayForEach (w, who)
			ok = ok && json_append(list, match_of(where, w, cookie, e));
	}
	return ok ? TAKE(list) : NULL;
}

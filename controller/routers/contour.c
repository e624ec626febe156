/* Contour's HTTPProxy (flagger-controller.md 6.5). */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/routers/route_object.h"
#include "controller/routers/table.h"

static bool put_service(const struct plan *p, cJSON *list, const char *suffix, int weight)
{
	CLEANUP(json_delete_p) cJSON *s = route_backend(p, suffix, weight);
	cJSON *header = cJSON_CreateObject(), *set = cJSON_CreateArray();
	if (!s || !header || !set || !cJSON_AddItemToArray(set, header)) {
		cJSON_Delete(set);
		if (!set)
			cJSON_Delete(header);
		return false;
	}
	const char *to = arena_printf(p->arena, "%s.%s.svc.cluster.local:%d", route_side(p, suffix), p->canary->ns,
				      p->canary->service.port);
	return json_put_text(header, "name", "l5d-dst-override") && json_put_text(header, "value", to) &&
	       json_put(s, "requestHeadersPolicy.set", set) && json_append(list, TAKE(s));
}

/* "5xx,gateway-error" */
static cJSON *conditions_of_retry(const char *text)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	while (list && *text) {
		size_t len = strcspn(text, ",");
		char one[64];
		if (len > 0 && len < sizeof one) {
			memcpy(one, text, len);
			one[len] = '\0';
			if (!json_append(list, cJSON_CreateString(one)))
				return NULL;
		}
		text += len + (text[len] == ',');
	}
	return TAKE(list);
}

static bool put_policies(const cJSON *canary, cJSON *route)
{
	const cJSON *service = json_at(canary, "spec.service");
	const char *timeout = json_text(service, "timeout", "");
	bool ok = !*timeout || (json_put_text(route, "timeoutPolicy.response", timeout) &&
				json_put_text(route, "timeoutPolicy.idle", "5m"));
	if (!ok || !json_at(service, "retries"))
		return ok;
	const char *on = json_text(service, "retries.retryOn", "");
	return json_put_int(route, "retryPolicy.count", json_int(service, "retries.attempts", 0)) &&
	       route_copy(canary, "retries.perTryTimeout", route, "retryPolicy.perTryTimeout") &&
	       (!*on || json_put(route, "retryPolicy.retryOn", conditions_of_retry(on)));
}

static const char *prefix_of(const cJSON *canary)
{
	return json_text(canary, "spec.service.match.0.uri.prefix", "/");
}

/* Takes conditions. NULL: no memory. */
static cJSON *route_to(const struct plan *p, const cJSON *canary, cJSON *conditions, struct routes r)
{
	CLEANUP(json_delete_p) cJSON *route = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *services = cJSON_CreateArray();
	bool ok = json_put(route, "conditions", conditions) && services &&
		  put_service(p, services, "-primary", r.primary) && put_service(p, services, "-canary", r.canary) &&
		  put_policies(canary, route) && json_put(route, "services", TAKE(services));
	return ok ? TAKE(route) : NULL;
}

static cJSON *plain_condition(const cJSON *canary)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	CLEANUP(json_delete_p) cJSON *c = cJSON_CreateObject();
	bool ok = list && c && json_put_text(c, "prefix", prefix_of(canary)) && json_append(list, TAKE(c));
	return ok ? TAKE(list) : NULL;
}

/* Contour has no prefix, suffix or regex for headers: the nearest is "contains" (and a regex is left out). */
static cJSON *header_conditions(const struct plan *p, const cJSON *canary)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	const struct analysis *an = &p->canary->analysis;
	bool ok = list != NULL;
	for (size_t i = 0; ok && i < an->match_count; i++) {
		const struct header_match *h = &an->match[i];
		const char *part = h->suffix ? h->suffix : h->prefix;
		CLEANUP(json_delete_p) cJSON *c = cJSON_CreateObject();
		ok = json_put_text(c, "prefix", prefix_of(canary)) && json_put_text(c, "header.name", h->header) &&
		     (!h->exact || json_put_text(c, "header.exact", h->exact)) &&
		     (!part || json_put_text(c, "header.contains", part)) && json_append(list, TAKE(c));
	}
	return ok ? TAKE(list) : NULL;
}

static enum result contour_spec(const struct plan *p, const cJSON *canary, const struct routes *r, cJSON **ret,
				struct error *e)
{
	bool ab = p->canary->analysis.match_count > 0;
	CLEANUP(json_delete_p) cJSON *spec = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *routes = cJSON_CreateArray();
	bool ok = spec && routes;
	if (ok && ab)
		ok = json_append(routes, route_to(p, canary, header_conditions(p, canary), *r));
	ok = ok && json_append(routes, route_to(p, canary, plain_condition(canary),
						ab ? (struct routes){ .primary = 100 } : *r));
	if (!ok || !json_put(spec, "routes", TAKE(routes)))
		return error_set(e, RC_EXHAUSTED, "no memory for the HTTPProxy");
	*ret = TAKE(spec);
	return RC_OK;
}

static bool contour_read(const struct plan *p, const cJSON *object, struct routes *ret, const char **ret_why)
{
	const cJSON *s;
	int primary = 0, canary = 0;
	cJSON_ArrayForEach (s, json_at(object, "spec.routes.0.services")) {
		const char *name = json_text(s, "name", "");
		if (text_eq(name, route_side(p, "-primary")))
			primary = (int)json_int(s, "weight", 0);
		else if (text_eq(name, route_side(p, "-canary")))
			canary = (int)json_int(s, "weight", 0);
	}
	*ret = route_by_primary(primary);
	if (primary || canary)
		return true;
	*ret_why =
		arena_printf(p->arena, "HTTPProxy %s.%s has no valid weights", p->canary->service.name, p->canary->ns);
	return false;
}

static const char *const contour_members[] = {
	"routes", "conditions", "prefix",        "header",   "exact", "contains", "services",
	"name",   "port",       "weight",        "response", "idle",  "count",    "perTryTimeout",
	"value",  "retryOn",    "timeoutPolicy", "set",      NULL,
};

static const struct route_object http_proxy = {
	.kind = KIND_HTTP_PROXY,
	.members = contour_members,
	.spec = contour_spec,
	.read = contour_read,
};
const struct router router_contour = {
	.provider = "contour", .can_weight = true, .can_match = true, .object = &http_proxy, ROUTE_OPERATIONS
};

/* ApisixRoute (flagger-controller.md 6.10): a copy of the user's rule with both sides, at a priority above it. */
#include "base/json.h"
#include "base/text.h"
#include "controller/routers/route_object.h"
#include "controller/routers/table.h"

enum { ABOVE_THE_USERS = 10000 };

static const char *apisix_name(const struct plan *p)
{
	return arena_printf(p->arena, "%s-%s-canary", p->canary->route.name, p->canary->service.name);
}

static void apisix_wants(const struct plan *p,
			 void (*want)(void *owner, enum kind kind, const char *ns, const char *name), void *owner)
{
	want(owner, KIND_APISIX_ROUTE, p->canary->ns, p->canary->route.name);
}

/* The rule of the user's route that leads to the Service, of a tree that is the caller's. */
static enum result users_rule(const struct plan *p, const cJSON *source, const cJSON **ret, struct error *e)
{
	const struct canary *c = p->canary;
	const cJSON *rule, *b;
	if (text_empty(c->route.name))
		return error_set(e, RC_INVALID, "apisix route selector is empty");
	if (!source)
		return error_set(e, RC_NOT_FOUND, "apisix route %s.%s get query error: not found", c->route.name,
				 c->ns);
	cJSON_ArrayForEach (rule, json_at(source, "spec.http")) {
		const cJSON *backends = json_at(rule, "backends");
		cJSON_ArrayForEach (b, backends) {
			if (!text_eq(json_text(b, "serviceName", ""), c->service.name))
				continue;
			if (cJSON_GetArraySize(backends) != 1)
				return error_set(e, RC_INVALID, "only one http backend is supported");
			*ret = rule;
			return RC_OK;
		}
	}
	return error_set(e, RC_INVALID, "backend %s not found in ApisixRoute %s", c->service.name, c->route.name);
}

static bool put_backend(const struct plan *p, cJSON *list, const cJSON *like, const char *suffix, int weight)
{
	CLEANUP(json_delete_p) cJSON *b = cJSON_Duplicate(like, true);
	return b && json_put_text(b, "serviceName", route_side(p, suffix)) && json_put_int(b, "weight", weight) &&
	       json_append(list, TAKE(b));
}

static enum result apisix_spec(const struct plan *p, const cJSON *canary, const struct routes *r, cJSON **ret,
			       struct error *e)
{
	(void)canary;
	CLEANUP(json_delete_p)
	cJSON *source = plan_tree(p, KIND_APISIX_ROUTE, p->canary->ns, p->canary->route.name);
	const cJSON *users = NULL;
	enum result rc = users_rule(p, source, &users, e);
	if (rc != RC_OK)
		return rc;
	CLEANUP(json_delete_p) cJSON *spec = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	CLEANUP(json_delete_p) cJSON *rule = cJSON_Duplicate(users, true);
	CLEANUP(json_delete_p) cJSON *backends = cJSON_CreateArray();
	const cJSON *like = json_at(users, "backends.0");
	bool ok = spec && list && rule && backends && put_backend(p, backends, like, "-primary", r->primary) &&
		  put_backend(p, backends, like, "-canary", r->canary) && json_put(rule, "backends", TAKE(backends)) &&
		  json_put_int(rule, "priority", ABOVE_THE_USERS) && json_append(list, TAKE(rule)) &&
		  json_put(spec, "http", TAKE(list));
	if (!ok)
		return error_set(e, RC_EXHAUSTED, "no memory for the ApisixRoute");
	*ret = TAKE(spec);
	return RC_OK;
}

static enum result apisix_metadata(const struct plan *p, const cJSON *is, const struct routes *r, cJSON *metadata,
				   struct error *e)
{
	(void)r;
	if (is)
		return RC_OK; /* taken over once, as with Ingresses (E29) */
	CLEANUP(json_delete_p)
	cJSON *source = plan_tree(p, KIND_APISIX_ROUTE, p->canary->ns, p->canary->route.name);
	static const char *const maps[] = { "labels", "annotations" };
	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
		const cJSON *found = json_at(json_at(source, "metadata"), maps[i]);
		cJSON *copy = found ? cJSON_Duplicate(found, true) : NULL;
		if (copy)
			cJSON_DeleteItemFromObjectCaseSensitive(copy,
								"kubectl.kubernetes.io/last-applied-configuration");
		if (found && (!copy || !json_put(metadata, maps[i], copy)))
			return error_set(e, RC_EXHAUSTED, "no memory for the ApisixRoute");
	}
	return RC_OK;
}

static bool apisix_read(const struct plan *p, const cJSON *object, struct routes *ret, const char **ret_why)
{
	const cJSON *b;
	cJSON_ArrayForEach (b, json_at(object, "spec.http.0.backends")) {
		if (!text_eq(json_text(b, "serviceName", ""), route_side(p, "-primary")))
			continue;
		*ret = route_by_primary((int)json_int(b, "weight", 0));
		return true;
	}
	*ret_why = arena_printf(p->arena, "can't find backend %s in ApisixRoute %s", route_side(p, "-primary"),
				apisix_name(p));
	return false;
}

/* The rule is the user's own but for these. */
static const char *const apisix_members[] = { "backends", "serviceName", "weight", "priority", NULL };

static const struct route_object apisix_route = {
	.kind = KIND_APISIX_ROUTE,
	.bare = true,
	.members = apisix_members,
	.name = apisix_name,
	.wants = apisix_wants,
	.spec = apisix_spec,
	.read = apisix_read,
	.metadata = apisix_metadata,
};
const struct router router_apisix = {
	.provider = "apisix", .can_weight = true, .object = &apisix_route, ROUTE_OPERATIONS
};

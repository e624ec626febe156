/* TraefikService (flagger-controller.md 6.4): a list of weighted Services; a canary without weight is not in it. */
#include "base/json.h"
#include "base/text.h"
#include "controller/routers/route_object.h"
#include "controller/routers/table.h"

static bool put_service(const struct plan *p, cJSON *list, const char *suffix, int weight)
{
	CLEANUP(json_delete_p) cJSON *b = route_backend(p, suffix, weight);
	return b && json_put_text(b, "namespace", p->canary->ns) && json_append(list, TAKE(b));
}

static enum result traefik_spec(const struct plan *p, const cJSON *canary, const struct routes *r, cJSON **ret,
				struct error *e)
{
	(void)canary;
	CLEANUP(json_delete_p) cJSON *spec = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	bool ok = spec && list && put_service(p, list, "-primary", r->primary) &&
		  (!r->canary || put_service(p, list, "-canary", r->canary)) &&
		  json_put(spec, "weighted.services", TAKE(list));
	if (!ok)
		return error_set(e, RC_EXHAUSTED, "no memory for the TraefikService");
	*ret = TAKE(spec);
	return RC_OK;
}

static bool traefik_read(const struct plan *p, const cJSON *object, struct routes *ret, const char **ret_why)
{
	const cJSON *s;
	cJSON_ArrayForEach (s, json_at(object, "spec.weighted.services")) {
		if (!text_eq(json_text(s, "name", ""), route_side(p, "-primary")))
			continue;
		*ret = route_by_primary((int)json_int(s, "weight", 1));
		return true;
	}
	*ret_why = arena_printf(p->arena, "TraefikService %s.%s has no service %s", p->canary->service.name,
				p->canary->ns, route_side(p, "-primary"));
	return false;
}

static const char *const traefik_members[] = { "weighted", "services", "name", "namespace", "port", "weight", NULL };

static const struct route_object traefik_service = {
	.kind = KIND_TRAEFIK_SERVICE,
	.members = traefik_members,
	.spec = traefik_spec,
	.read = traefik_read,
};
const struct router router_traefik = {
	.provider = "traefik", .can_weight = true, .object = &traefik_service, ROUTE_OPERATIONS
};

/* TrafficSplit of the Service Mesh Interface (flagger-controller.md 6.8): v1alpha1 writes weights as quantities, the
 * later ones as numbers. */
#include <stdio.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/routers/route_object.h"
#include "controller/routers/table.h"

static bool put_backend(const struct plan *p, cJSON *list, const char *suffix, int weight, bool quantity)
{
	CLEANUP(json_delete_p) cJSON *b = cJSON_CreateObject();
	char text[16];
	(void)snprintf(text, sizeof text, "%d", weight);
	bool ok = b && json_put_text(b, "service", route_side(p, suffix)) &&
		  (quantity ? json_put_text(b, "weight", text) : json_put_int(b, "weight", weight));
	return ok && json_append(list, TAKE(b));
}

static enum result split_spec(const struct plan *p, const cJSON *canary, const struct routes *r, bool quantity,
			      cJSON **ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *spec = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	const char *apex = json_text(canary, "spec.service.hosts.0", p->canary->service.name);
	bool ok = spec && list && json_put_text(spec, "service", apex) &&
		  put_backend(p, list, "-canary", r->canary, quantity) &&
		  put_backend(p, list, "-primary", r->primary, quantity) && json_put(spec, "backends", TAKE(list));
	if (!ok)
		return error_set(e, RC_EXHAUSTED, "no memory for the TrafficSplit");
	*ret = TAKE(spec);
	return RC_OK;
}

static enum result spec_of_numbers(const struct plan *p, const cJSON *canary, const struct routes *r, cJSON **ret,
				   struct error *e)
{
	return split_spec(p, canary, r, false, ret, e);
}

static enum result spec_of_quantities(const struct plan *p, const cJSON *canary, const struct routes *r, cJSON **ret,
				      struct error *e)
{
	return split_spec(p, canary, r, true, ret, e);
}

static int weight_of(const cJSON *backend)
{
	const cJSON *w = cJSON_GetObjectItemCaseSensitive(backend, "weight");
	int64_t n = 0;
	if (cJSON_IsString(w))
		return text_i64(w->valuestring, 0, 1000 * 1000, &n, NULL) == RC_OK ? (int)n : 0;
	return (int)json_int(backend, "weight", 0);
}

static bool split_read(const struct plan *p, const cJSON *object, struct routes *ret, const char **ret_why)
{
	const cJSON *b;
	struct routes r = { .primary = 0 };
	cJSON_ArrayForEach (b, json_at(object, "spec.backends")) {
		const char *service = json_text(b, "service", "");
		if (text_eq(service, route_side(p, "-primary")))
			r.primary = weight_of(b);
		else if (text_eq(service, route_side(p, "-canary")))
			r.canary = weight_of(b);
	}
	if (r.primary || r.canary) {
		*ret = r;
		return true;
	}
	*ret_why = arena_printf(p->arena, "TrafficSplit %s.%s does not contain routes for %s and %s",
				p->canary->service.name, p->canary->ns, route_side(p, "-primary"),
				route_side(p, "-canary"));
	return false;
}

static const char *const split_members[] = { "service", "backends", "weight", NULL };

#define SPLIT(version, how)                                                                                            \
	static const struct route_object split_##version = { .kind = KIND_TRAFFIC_SPLIT_##version,                     \
							     .bare = true,                                             \
							     .members = split_members,                                 \
							     .spec = (how),                                            \
							     .read = split_read }
SPLIT(V1ALPHA1, spec_of_quantities);
SPLIT(V1ALPHA2, spec_of_numbers);
SPLIT(V1ALPHA3, spec_of_numbers);

const struct router router_linkerd = {
	.provider = "linkerd", .can_weight = true, .object = &split_V1ALPHA1, ROUTE_OPERATIONS
};
const struct router router_osm = { .provider = "osm", .can_weight = true, .object = &split_V1ALPHA2, ROUTE_OPERATIONS };
const struct router router_smi_v1alpha1 = {
	.provider = "smi:v1alpha1", .can_weight = true, .object = &split_V1ALPHA1, ROUTE_OPERATIONS
};
const struct router router_smi_v1alpha2 = {
	.provider = "smi:v1alpha2", .can_weight = true, .object = &split_V1ALPHA2, ROUTE_OPERATIONS
};
const struct router router_smi_v1alpha3 = {
	.provider = "smi:v1alpha3", .can_weight = true, .object = &split_V1ALPHA3, ROUTE_OPERATIONS
};

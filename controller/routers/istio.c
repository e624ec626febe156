/* Istio (flagger-controller.md 6.7): a VirtualService with both sides, and a DestinationRule for each. */
#include <strings.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/routers/affinity.h"
#include "controller/routers/route_object.h"
#include "controller/routers/table.h"

#define APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define ORIGINAL "flagger.kubernetes.io/original-configuration"

static cJSON *copy_at(const cJSON *v, const char *path)
{
	const cJSON *found = json_at(v, path);
	return found ? cJSON_Duplicate(found, true) : cJSON_CreateArray();
}

/* ---- where a route leads ---- */

static bool names_a_port(const struct plan *p, const cJSON *service)
{
	bool mesh = text_eq(json_text(service, "gateways.0", "mesh"), "mesh");
	return p->canary->service.port_discovery && (!mesh || json_bool(service, "delegation", false));
}

/* set_cookie NULL: none. */
static cJSON *destination(const struct plan *p, const cJSON *service, const char *suffix, int weight,
			  const char *set_cookie)
{
	CLEANUP(json_delete_p) cJSON *d = cJSON_CreateObject();
	bool ok = d && json_put_text(d, "destination.host", route_side(p, suffix)) &&
		  (!names_a_port(p, service) || json_put_int(d, "destination.port.number", p->canary->service.port)) &&
		  json_put_int(d, "weight", weight) &&
		  (!set_cookie || json_put_text(d, "headers.response.add.Set-Cookie", set_cookie));
	return ok ? TAKE(d) : NULL;
}

struct cookies {
	const char *canary, *primary; /* what each side sets; NULL none */
};

static cJSON *both_sides(const struct plan *p, const cJSON *service, int primary, int canary, struct cookies c)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	bool ok = list && json_append(list, destination(p, service, "-primary", primary, c.primary)) &&
		  json_append(list, destination(p, service, "-canary", canary, c.canary));
	return ok ? TAKE(list) : NULL;
}

/* ---- what a route matches ---- */

/* Each condition of the Service with this Cookie header besides its own. */
static cJSON *match_cookie(const cJSON *service, const char *pattern)
{
	CLEANUP(json_delete_p) cJSON *list = copy_at(service, "match");
	bool ok = list && pattern && (list->child || json_append(list, cJSON_CreateObject()));
	cJSON *m;
	cJSON_ArrayForEach (m, list)
		ok = ok && json_put_text(m, "headers.Cookie.regex", pattern);
	return ok ? TAKE(list) : NULL;
}

/* analysis.match x service.match: who is in the test, and where. */
static cJSON *match_test(const cJSON *canary, const cJSON *service)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	CLEANUP(json_delete_p) cJSON *places = copy_at(service, "match");
	bool ok = list && places && (places->child || json_append(places, cJSON_CreateObject()));
	const cJSON *who, *where;
	static const char *const replaced[] = { "headers", "sourceLabels" };
	cJSON_ArrayForEach (who, json_at(canary, "spec.analysis.match")) {
		cJSON_ArrayForEach (where, places) {
			CLEANUP(json_delete_p) cJSON *m = cJSON_Duplicate(where, true);
			for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++) {
				const cJSON *v = json_at(who, replaced[i]);
				ok = ok && m && (!v || json_put(m, replaced[i], cJSON_Duplicate(v, true)));
			}
			ok = ok && json_append(list, TAKE(m));
		}
	}
	return ok ? TAKE(list) : NULL;
}

/* Takes match and to. NULL: no memory. */
static cJSON *http_route(const cJSON *canary, cJSON *match, cJSON *to)
{
	CLEANUP(json_delete_p) cJSON *r = cJSON_CreateObject();
	static const char *const copied[] = { "rewrite", "timeout", "retries", "corsPolicy", "headers" };
	bool ok = match && to && (!match->child || json_put(r, "match", cJSON_Duplicate(match, true)));
	cJSON_Delete(match);
	ok = json_put(r, "route", to) && ok;
	for (size_t i = 0; ok && i < sizeof copied / sizeof *copied; i++)
		ok = route_copy(canary, copied[i], r, copied[i]);
	json_remove(r, "rewrite.type"); /* of another provider */
	return ok ? TAKE(r) : NULL;
}

static bool put_mirror(const struct plan *p, cJSON *route)
{
	int percent = p->canary->analysis.mirror_weight;
	return route && json_put_text(route, "mirror.host", route_side(p, "-canary")) &&
	       (percent <= 0 || json_put_int(route, "mirrorPercentage.value", percent));
}

/* ---- the rules ---- */

static const struct cookies no_cookies = { NULL, NULL };

static bool rules_plain(const struct plan *p, const cJSON *canary, const cJSON *service, const struct routes *r,
			cJSON *http)
{
	cJSON *route = http_route(canary, copy_at(service, "match"),
				  both_sides(p, service, r->primary, r->canary, no_cookies));
	bool ok = !r->mirrored || put_mirror(p, route);
	return json_append(http, route) && ok;
}

static bool rules_test(const struct plan *p, const cJSON *canary, const cJSON *service, const struct routes *r,
		       cJSON *http)
{
	cJSON *rest = cJSON_CreateArray();
	bool ok = rest && json_append(rest, destination(p, service, "-primary", r->primary, NULL));
	ok = json_append(http, http_route(canary, match_test(canary, service),
					  both_sides(p, service, r->primary, r->canary, no_cookies))) &&
	     ok;
	return json_append(http, http_route(canary, copy_at(service, "match"), rest)) && ok;
}

static bool rule_sticky(const struct plan *p, const cJSON *canary, const cJSON *service, const char *cookie,
			int to_canary, cJSON *http)
{
	return json_append(http, http_route(canary, match_cookie(service, affinity_pattern(p, cookie)),
					    both_sides(p, service, 100 - to_canary, to_canary, no_cookies)));
}

static bool rules_sticky(const struct plan *p, const cJSON *canary, const cJSON *service, const struct routes *r,
			 cJSON *http)
{
	struct cookies c = { affinity_set_cookie(p, json_at(canary, "spec.analysis.sessionAffinity"), r->session),
			     NULL };
	bool primary = !text_empty(r->primary_session) && !text_empty(p->canary->analysis.primary_cookie);
	bool ok = c.canary && rule_sticky(p, canary, service, r->session, 100, http);
	if (primary) {
		c.primary = affinity_set_primary(p, r->primary_session);
		ok = ok && c.primary && rule_sticky(p, canary, service, r->primary_session, 0, http);
	}
	return ok && json_append(http, http_route(canary, copy_at(service, "match"),
						  both_sides(p, service, r->primary, r->canary, c)));
}

/* Who still has the canary's cookie is freed of it. */
static bool rules_taken_back(const struct plan *p, const cJSON *canary, const cJSON *service, const struct routes *r,
			     cJSON *http)
{
	const char *text = affinity_take_back(p, r->previous_session);
	cJSON *route = http_route(canary, match_cookie(service, affinity_pattern(p, r->previous_session)),
				  both_sides(p, service, r->primary, r->canary, no_cookies));
	bool ok = text && route && json_put_text(route, "headers.response.add.Set-Cookie", text);
	ok = json_append(http, route) && ok;
	return ok && rules_plain(p, canary, service, r, http);
}

static bool put_http(const struct plan *p, const cJSON *canary, const cJSON *service, const struct routes *r,
		     cJSON *spec)
{
	CLEANUP(json_delete_p) cJSON *http = cJSON_CreateArray();
	const struct analysis *an = &p->canary->analysis;
	int sticky = affinity_of(p, r);
	bool ok = http != NULL;
	if (an->has_match && an->iterations > 0)
		ok = ok && rules_test(p, canary, service, r, http);
	else if (sticky > 0)
		ok = ok && rules_sticky(p, canary, service, r, http);
	else if (sticky < 0)
		ok = ok && rules_taken_back(p, canary, service, r, http);
	else
		ok = ok && rules_plain(p, canary, service, r, http);
	return ok && json_put(spec, "http", TAKE(http));
}

static bool put_tcp(const struct plan *p, const cJSON *service, const struct routes *r, cJSON *spec)
{
	CLEANUP(json_delete_p) cJSON *route = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *ports = cJSON_CreateArray();
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	const cJSON *m;
	bool ok = route && ports && list;
	cJSON_ArrayForEach (m, json_at(service, "match")) {
		CLEANUP(json_delete_p) cJSON *port = cJSON_CreateObject();
		ok = ok && json_put_int(port, "port", json_int(m, "port", 0)) && json_append(ports, TAKE(port));
	}
	ok = ok && (!ports->child || json_put(route, "match", TAKE(ports))) &&
	     json_put(route, "route", both_sides(p, service, r->primary, r->canary, no_cookies)) &&
	     json_append(list, TAKE(route));
	return ok && json_put(spec, "tcp", TAKE(list));
}

/* ---- whose traffic ---- */

static bool listed(const cJSON *list, const char *what)
{
	const cJSON *v;
	cJSON_ArrayForEach (v, list) {
		if (cJSON_IsString(v) && text_eq(v->valuestring, what))
			return true;
	}
	return false;
}

static bool put_hosts(const struct plan *p, const cJSON *service, cJSON *spec)
{
	CLEANUP(json_delete_p) cJSON *hosts = copy_at(service, "hosts");
	CLEANUP(json_delete_p) cJSON *gateways = copy_at(service, "gateways");
	const char *apex = p->canary->service.name;
	bool ok = hosts && gateways;
	if (ok && !listed(hosts, apex) && !listed(hosts, "*"))
		ok = json_append(hosts, cJSON_CreateString(apex));
	if (ok && !gateways->child)
		ok = json_append(gateways, cJSON_CreateString("mesh"));
	return ok && json_put(spec, "hosts", TAKE(hosts)) && json_put(spec, "gateways", TAKE(gateways));
}

static enum result istio_spec(const struct plan *p, const cJSON *canary, const struct routes *r, cJSON **ret,
			      struct error *e)
{
	const cJSON *service = json_at(canary, "spec.service");
	bool delegated = json_bool(service, "delegation", false);
	if (delegated &&
	    (cJSON_GetArraySize(json_at(service, "hosts")) || cJSON_GetArraySize(json_at(service, "gateways"))))
		return error_set(e, RC_INVALID,
				 "VirtualService %s.%s cannot have hosts and gateways when delegation enabled",
				 p->canary->service.name, p->canary->ns);
	CLEANUP(json_delete_p) cJSON *spec = cJSON_CreateObject();
	bool tcp = strcasecmp(p->canary->service.app_protocol, "tcp") == 0;
	bool ok = spec && (delegated || put_hosts(p, service, spec)) &&
		  (tcp ? put_tcp(p, service, r, spec) : put_http(p, canary, service, r, spec));
	if (!ok)
		return error_set(e, RC_EXHAUSTED, "no memory for the VirtualService");
	*ret = TAKE(spec);
	return RC_OK;
}

/* ---- what is there ---- */

static bool read_route(const struct plan *p, const cJSON *route, struct routes *ret)
{
	const cJSON *d;
	struct routes r = { .mirrored = text_eq(json_text(route, "mirror.host", ""), route_side(p, "-canary")) };
	bool found = false;
	cJSON_ArrayForEach (d, json_at(route, "route")) {
		const char *host = json_text(d, "destination.host", "");
		if (text_eq(host, route_side(p, "-primary")))
			r.primary = (int)json_int(d, "weight", 0);
		if (!text_eq(host, route_side(p, "-canary")))
			continue;
		r.canary = (int)json_int(d, "weight", 0);
		found = true;
	}
	if (found)
		*ret = r;
	return found;
}

/* The last route that knows the canary has the weights; those before it are for sticky sessions. */
static bool istio_read(const struct plan *p, const cJSON *object, struct routes *ret, const char **ret_why)
{
	const cJSON *route;
	struct routes r = { .primary = 0 };
	cJSON_ArrayForEach (route, json_at(object, "spec.http"))
		(void)read_route(p, route, &r);
	cJSON_ArrayForEach (route, json_at(object, "spec.tcp"))
		(void)read_route(p, route, &r);
	bool foreign = !plan_is_ours(p, object);
	if (!r.primary && !r.canary && foreign) {
		r.primary = 100; /* a VirtualService of the user's, not yet taken over */
	} else if (!r.primary && !r.canary) {
		*ret_why = arena_printf(p->arena, "VirtualService %s.%s does not contain routes for %s and %s",
					p->canary->service.name, p->canary->ns, route_side(p, "-primary"),
					route_side(p, "-canary"));
		return false;
	}
	*ret = r;
	return true;
}

/* What a VirtualService of the user's said before we wrote into it, to be given back. */
static enum result istio_metadata(const struct plan *p, const cJSON *is, const struct routes *r, cJSON *metadata,
				  struct error *e)
{
	(void)r;
	const cJSON *notes = json_at(is, "metadata.annotations");
	if (!is || plan_is_ours(p, is) || cJSON_GetObjectItemCaseSensitive(notes, APPLIED) ||
	    cJSON_GetObjectItemCaseSensitive(notes, ORIGINAL))
		return RC_OK;
	CLEANUP(free_p) char *spec = json_print(json_at(is, "spec"));
	cJSON *to = cJSON_GetObjectItemCaseSensitive(metadata, "annotations");
	if (!spec || !cJSON_AddStringToObject(to, ORIGINAL, spec))
		return error_set(e, RC_EXHAUSTED, "no memory for the VirtualService");
	return RC_OK;
}

static enum result istio_companions(const struct plan *p, const cJSON *canary, struct companion *ret, size_t *count,
				    struct error *e)
{
	(void)e;
	static const char *const sides[] = { "-canary", "-primary" };
	for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
		CLEANUP(json_delete_p) cJSON *spec = cJSON_CreateObject();
		bool ok = json_put_text(spec, "host", route_side(p, sides[i])) &&
			  route_copy(canary, "trafficPolicy", spec, "trafficPolicy");
		ret[i] = (struct companion){ .kind = KIND_DESTINATION_RULE,
					     .name = route_side(p, sides[i]),
					     .spec = ok ? TAKE(spec) : NULL };
	}
	*count = sizeof sides / sizeof *sides;
	return RC_OK;
}

/* The spec that the user's object had; NULL: nobody wrote it down. */
static cJSON *original_spec(const cJSON *is)
{
	const cJSON *notes = json_at(is, "metadata.annotations");
	const char *applied = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(notes, APPLIED));
	const char *kept = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(notes, ORIGINAL));
	const char *text = applied ? applied : kept;
	cJSON *tree = NULL;
	if (!text || json_parse(text, __builtin_strlen(text), &tree, NULL) != RC_OK)
		return NULL;
	if (!applied)
		return tree;
	cJSON *spec = cJSON_DetachItemFromObjectCaseSensitive(tree, "spec");
	cJSON_Delete(tree);
	return spec;
}

/* T21. Ours goes; the user's gets back what it said. */
static enum result istio_finalize(const struct router *self, struct plan *p, struct error *e)
{
	const struct canary *c = p->canary;
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, KIND_VIRTUAL_SERVICE, c->ns, c->service.name);
	CLEANUP(json_delete_p) cJSON *original = is && !plan_is_ours(p, is) ? original_spec(is) : NULL;
	bool oom = false;
	CLEANUP(json_delete_p) cJSON *d = original ? json_diff_merge(json_at(is, "spec"), original, &oom) : NULL;
	if (d) {
		CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
		cJSON *notes = cJSON_CreateObject();
		oom = !notes || !cJSON_AddNullToObject(notes, ORIGINAL) ||
		      !json_put(patch, "metadata.annotations", notes) || !json_put(patch, "spec", TAKE(d)) ||
		      !plan_patch(p, KIND_VIRTUAL_SERVICE, c->ns, c->service.name, patch);
	}
	if (oom)
		return error_set(e, RC_EXHAUSTED, "no memory for the VirtualService");
	return route_finalize(self, p, e);
}

static const char *const istio_members[] = {
	"hosts",        "gateways",   "http",     "tcp",           "match",      "route",
	"rewrite",      "timeout",    "retries",  "headers",       "mirror",     "mirrorPercentage",
	"weight",       "regex",      "host",     "trafficPolicy", "corsPolicy", "Cookie",
	"sourceLabels", "Set-Cookie", "response", "request",       NULL,
};

static const struct route_object virtual_service = {
	.kind = KIND_VIRTUAL_SERVICE,
	.members = istio_members,
	.spec = istio_spec,
	.read = istio_read,
	.metadata = istio_metadata,
	.companions = istio_companions,
};
const struct router router_istio = {
	.provider = "istio",
	.can_weight = true,
	.can_match = true,
	.can_mirror = true,
	.can_affinity = true,
	.object = &virtual_service,
	.wants = route_wants,
	.observe = route_observe,
	.ensure = route_ensure,
	.set = route_set,
	.finalize = istio_finalize,
};

/* Gateway API (flagger-controller.md 6.9): an HTTPRoute with both sides. v1beta1 knows no timeouts, no CORS, and its
 * status is not waited for. */
#include "base/duration.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/routers/affinity.h"
#include "controller/routers/gatewayapi_match.h"
#include "controller/routers/route_object.h"
#include "controller/routers/table.h"

struct route_maker {
	const struct plan *p;
	const cJSON *canary, *service;
	const struct routes *r;
	bool v1;
	struct error *e;
};

/* ---- filters ---- */

static cJSON *filter_set_cookie(const char *value)
{
	CLEANUP(json_delete_p) cJSON *f = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *one = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	bool ok = value && f && list && json_put_text(one, "name", "Set-Cookie") &&
		  json_put_text(one, "value", value) && json_append(list, TAKE(one)) &&
		  json_put_text(f, "type", "ResponseHeaderModifier") &&
		  json_put(f, "responseHeaderModifier.add", TAKE(list));
	return ok ? TAKE(f) : NULL;
}

static cJSON *backend_ref(const struct plan *p, const char *suffix)
{
	CLEANUP(json_delete_p) cJSON *b = cJSON_CreateObject();
	bool ok = b && json_put_text(b, "group", "") && json_put_text(b, "kind", "Service") &&
		  json_put_text(b, "name", route_side(p, suffix)) && json_put_int(b, "port", p->canary->service.port);
	return ok ? TAKE(b) : NULL;
}

static cJSON *filter_mirror(cJSON *to)
{
	CLEANUP(json_delete_p) cJSON *f = cJSON_CreateObject();
	bool ok = json_put_text(f, "type", "RequestMirror");
	ok = json_put(f, "requestMirror.backendRef", to) && ok;
	return ok ? TAKE(f) : NULL;
}

/* {"a": "x"} as [{"name": "a", "value": "x"}], sorted. */
static bool put_named(cJSON *filter, const char *path, const cJSON *map)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	bool ok = list != NULL;
	const cJSON *v;
	for (const char *last = NULL; ok && (v = gateway_next_name(map, last)); last = v->string) {
		CLEANUP(json_delete_p) cJSON *one = cJSON_CreateObject();
		const char *value = cJSON_GetStringValue(v);
		ok = json_put_text(one, "name", v->string) && json_put_text(one, "value", value ? value : "") &&
		     json_append(list, TAKE(one));
	}
	return ok && (!list->child || json_put(filter, path, TAKE(list)));
}

static bool add_headers(cJSON *filters, const cJSON *what, const char *type, const char *member)
{
	if (!cJSON_IsObject(what) || !what->child)
		return true;
	CLEANUP(json_delete_p) cJSON *f = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *changes = cJSON_CreateObject();
	const cJSON *gone = json_at(what, "remove");
	bool ok = f && changes && put_named(changes, "add", json_at(what, "add")) &&
		  put_named(changes, "set", json_at(what, "set")) &&
		  (!gone || json_put(changes, "remove", cJSON_Duplicate(gone, true))) &&
		  json_put_text(f, "type", type) && json_put(f, member, TAKE(changes));
	return ok && json_append(filters, TAKE(f));
}

static bool add_rewrite(cJSON *filters, const cJSON *rewrite)
{
	const char *uri = json_text(rewrite, "uri", ""), *authority = json_text(rewrite, "authority", "");
	if (!*uri && !*authority)
		return true;
	bool prefix = text_eq(json_text(rewrite, "type", ""), "ReplacePrefixMatch");
	CLEANUP(json_delete_p) cJSON *f = cJSON_CreateObject();
	bool ok = f && json_put_text(f, "type", "URLRewrite") &&
		  (!*authority || json_put_text(f, "urlRewrite.hostname", authority)) &&
		  (!*uri ||
		   (json_put_text(f, "urlRewrite.path.type", prefix ? "ReplacePrefixMatch" : "ReplaceFullPath") &&
		    json_put_text(f, prefix ? "urlRewrite.path.replacePrefixMatch" : "urlRewrite.path.replaceFullPath",
				  uri)));
	return ok && json_append(filters, TAKE(f));
}

static bool add_cors(cJSON *filters, const cJSON *policy)
{
	static const struct {
		const char *from, *to;
	} copied[] = { { "allowOrigin", "cors.allowOrigins" },
		       { "allowMethods", "cors.allowMethods" },
		       { "allowHeaders", "cors.allowHeaders" },
		       { "exposeHeaders", "cors.exposeHeaders" },
		       { "allowCredentials", "cors.allowCredentials" } };
	if (!cJSON_IsObject(policy))
		return true;
	CLEANUP(json_delete_p) cJSON *f = cJSON_CreateObject();
	int64_t age = 0;
	bool ok = json_put_text(f, "type", "CORS");
	for (size_t i = 0; ok && i < sizeof copied / sizeof *copied; i++) {
		const cJSON *v = json_at(policy, copied[i].from);
		ok = !v || json_put(f, copied[i].to, cJSON_Duplicate(v, true));
	}
	if (ok && duration_parse(json_text(policy, "maxAge", ""), &age, NULL) == RC_OK)
		ok = json_put_int(f, "cors.maxAge", age / 1000);
	return ok && json_append(filters, TAKE(f));
}

static cJSON *filters_of(const struct route_maker *m)
{
	const cJSON *s = m->service, *mirror;
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	bool ok =
		list &&
		add_headers(list, json_at(s, "headers.request"), "RequestHeaderModifier", "requestHeaderModifier") &&
		add_headers(list, json_at(s, "headers.response"), "ResponseHeaderModifier", "responseHeaderModifier") &&
		add_rewrite(list, json_at(s, "rewrite"));
	cJSON_ArrayForEach (mirror, json_at(s, "mirror"))
		ok = ok && json_append(list, filter_mirror(cJSON_Duplicate(json_at(mirror, "backendRef"), true)));
	ok = ok && (!m->v1 || add_cors(list, json_at(s, "corsPolicy")));
	return ok ? TAKE(list) : NULL;
}

/* ---- rules ---- */

static cJSON *weighted(const struct route_maker *m, const char *suffix, int weight, const char *set_cookie)
{
	CLEANUP(json_delete_p) cJSON *b = backend_ref(m->p, suffix);
	CLEANUP(json_delete_p) cJSON *filters = set_cookie ? cJSON_CreateArray() : NULL;
	bool ok = b && json_put_int(b, "weight", weight) &&
		  (!set_cookie || (filters && json_append(filters, filter_set_cookie(set_cookie)) &&
				   json_put(b, "filters", TAKE(filters))));
	return ok ? TAKE(b) : NULL;
}

struct cookies {
	const char *canary, *primary; /* what each side sets; NULL none */
};

static cJSON *both_sides(const struct route_maker *m, int primary, int canary, struct cookies c)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	bool ok = list && json_append(list, weighted(m, "-primary", primary, c.primary)) &&
		  json_append(list, weighted(m, "-canary", canary, c.canary));
	return ok ? TAKE(list) : NULL;
}

/* Takes matches, to and extra (a filter more; NULL none). NULL: no memory. */
static cJSON *rule(const struct route_maker *m, cJSON *matches, cJSON *to, cJSON *extra)
{
	CLEANUP(json_delete_p) cJSON *r = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *filters = filters_of(m);
	bool ok = matches && to && filters && (!extra || cJSON_AddItemToArray(filters, extra));
	if (!ok)
		cJSON_Delete(extra);
	ok = json_put(r, "matches", matches) && ok;
	ok = json_put(r, "backendRefs", to) && ok;
	ok = ok && (!filters->child || json_put(r, "filters", TAKE(filters)));
	if (ok && m->v1)
		ok = route_copy(m->canary, "timeout", r, "timeouts.request") &&
		     route_copy(m->canary, "backendTimeout", r, "timeouts.backendRequest");
	return ok ? TAKE(r) : NULL;
}

static cJSON *service_matches(const struct route_maker *m)
{
	return gateway_matches(m->service, NULL, NULL, m->e);
}

static cJSON *cookie_matches(const struct route_maker *m, const char *cookie)
{
	const char *pattern = affinity_pattern(m->p, cookie);
	return pattern ? gateway_matches(m->service, NULL, pattern, m->e) : NULL;
}

static const struct cookies no_cookies = { NULL, NULL };

static bool rules_test(const struct route_maker *m, cJSON *rules)
{
	cJSON *rest = cJSON_CreateArray();
	bool ok = rest && json_append(rest, weighted(m, "-primary", 100, NULL));
	cJSON *who = gateway_matches(m->service, json_at(m->canary, "spec.analysis.match"), NULL, m->e);
	ok = json_append(rules, rule(m, who, both_sides(m, m->r->primary, m->r->canary, no_cookies), NULL)) && ok;
	return json_append(rules, rule(m, service_matches(m), rest, NULL)) && ok;
}

static bool rules_sticky(const struct route_maker *m, cJSON *rules)
{
	const struct routes *r = m->r;
	struct cookies c = { affinity_set_cookie(m->p, json_at(m->canary, "spec.analysis.sessionAffinity"), r->session),
			     NULL };
	bool ok = c.canary &&
		  json_append(rules, rule(m, cookie_matches(m, r->session), both_sides(m, 0, 100, no_cookies), NULL));
	if (m->v1 && !text_empty(r->primary_session) && !text_empty(m->p->canary->analysis.primary_cookie)) {
		c.primary = affinity_set_primary(m->p, r->primary_session);
		ok = ok && c.primary &&
		     json_append(rules, rule(m, cookie_matches(m, r->primary_session),
					     both_sides(m, 100, 0, no_cookies), NULL));
	}
	return ok && json_append(rules, rule(m, service_matches(m), both_sides(m, r->primary, r->canary, c), NULL));
}

static bool rules_taken_back(const struct route_maker *m, cJSON *rules)
{
	const char *text = affinity_take_back(m->p, m->r->previous_session);
	cJSON *extra = filter_set_cookie(text);
	return json_append(rules, rule(m, extra ? cookie_matches(m, m->r->previous_session) : NULL,
				       both_sides(m, m->r->primary, m->r->canary, no_cookies), extra));
}

static bool put_rules(const struct route_maker *m, cJSON *spec)
{
	CLEANUP(json_delete_p) cJSON *rules = cJSON_CreateArray();
	const struct analysis *an = &m->p->canary->analysis;
	int sticky = affinity_of(m->p, m->r);
	bool ok = rules != NULL, mirrored = m->r->mirrored && an->iterations > 0;
	if (an->has_match && an->iterations > 0)
		return ok && rules_test(m, rules) && json_put(spec, "rules", TAKE(rules));
	if (sticky > 0)
		return ok && rules_sticky(m, rules) && json_put(spec, "rules", TAKE(rules));
	if (sticky < 0)
		ok = ok && rules_taken_back(m, rules);
	cJSON *mirror = mirrored ? filter_mirror(backend_ref(m->p, "-canary")) : NULL;
	ok = ok && (!mirrored || mirror) &&
	     json_append(rules,
			 rule(m, service_matches(m), both_sides(m, m->r->primary, m->r->canary, no_cookies), mirror));
	return ok && json_put(spec, "rules", TAKE(rules));
}

static enum result make_spec(const struct plan *p, const cJSON *canary, const struct routes *r, bool v1, cJSON **ret,
			     struct error *e)
{
	struct error why = { .code = RC_OK };
	struct route_maker m = { p, canary, json_at(canary, "spec.service"), r, v1, &why };
	if (!cJSON_GetArraySize(json_at(m.service, "gatewayRefs")))
		return error_set(e, RC_INVALID, "GatewayRefs must be specified when using Gateway API as a provider.");
	CLEANUP(json_delete_p) cJSON *spec = cJSON_CreateObject();
	bool ok = spec && route_copy(canary, "gatewayRefs", spec, "parentRefs") &&
		  route_copy(canary, "hosts", spec, "hostnames") && put_rules(&m, spec);
	if (!ok && why.code != RC_OK)
		return error_set(e, why.code, "%s", why.text);
	if (!ok)
		return error_set(e, RC_EXHAUSTED, "no memory for the HTTPRoute");
	*ret = TAKE(spec);
	return RC_OK;
}

static enum result spec_v1(const struct plan *p, const cJSON *canary, const struct routes *r, cJSON **ret,
			   struct error *e)
{
	return make_spec(p, canary, r, true, ret, e);
}

static enum result spec_v1beta1(const struct plan *p, const cJSON *canary, const struct routes *r, cJSON **ret,
				struct error *e)
{
	return make_spec(p, canary, r, false, ret, e);
}

/* ---- what is there ---- */

static bool read_rule(const struct plan *p, const cJSON *one, struct routes *ret)
{
	const cJSON *b, *f, *refs = json_at(one, "backendRefs");
	struct routes r = { .primary = 0 };
	if (cJSON_GetArraySize(refs) != 2)
		return false;
	cJSON_ArrayForEach (b, refs) {
		const char *name = json_text(b, "name", "");
		if (text_eq(name, route_side(p, "-primary")))
			r.primary = (int)json_int(b, "weight", 1);
		else if (text_eq(name, route_side(p, "-canary")))
			r.canary = (int)json_int(b, "weight", 1);
	}
	cJSON_ArrayForEach (f, json_at(one, "filters")) {
		const char *to = json_text(f, "requestMirror.backendRef.name", "");
		r.mirrored = r.mirrored || text_eq(to, route_side(p, "-canary"));
	}
	if (r.primary || r.canary)
		*ret = r;
	return r.primary || r.canary;
}

static bool read_weights(const struct plan *p, const cJSON *object, struct routes *ret, const char **ret_why)
{
	const cJSON *one;
	bool found = false;
	cJSON_ArrayForEach (one, json_at(object, "spec.rules"))
		found = read_rule(p, one, ret) || found;
	if (!found)
		*ret_why = arena_printf(p->arena, "HTTPRoute %s.%s does not contain routes for %s and %s",
					p->canary->service.name, p->canary->ns, route_side(p, "-primary"),
					route_side(p, "-canary"));
	return found;
}

/* A gateway that has not taken the route yet sends nobody where the weights say. NULL: all have. */
static const char *not_accepted(const struct plan *p, const cJSON *object)
{
	const cJSON *parent, *c;
	int64_t generation = json_int(object, "metadata.generation", 0);
	cJSON_ArrayForEach (parent, json_at(object, "status.parents")) {
		cJSON_ArrayForEach (c, json_at(parent, "conditions")) {
			int64_t seen = json_int(c, "observedGeneration", 0);
			const char *status = json_text(c, "status", "Unknown");
			if (!text_eq(json_text(c, "type", ""), "Accepted") ||
			    (text_eq(status, "True") && seen >= generation))
				continue;
			return arena_printf(p->arena,
					    "HTTPRoute %s.%s parent %s is not ready (status: %s, observed generation: "
					    "%lld, current generation: %lld)",
					    p->canary->service.name, p->canary->ns,
					    json_text(parent, "parentRef.name", ""), status, (long long)seen,
					    (long long)generation);
		}
	}
	return NULL;
}

static bool read_v1(const struct plan *p, const cJSON *object, struct routes *ret, const char **ret_why)
{
	if (!read_weights(p, object, ret, ret_why))
		return false;
	*ret_why = not_accepted(p, object);
	return true;
}

static const char *const gateway_members[] = {
	"parentRefs",
	"hostnames",
	"rules",
	"matches",
	"filters",
	"backendRefs",
	"timeouts",
	"request",
	"backendRequest",
	"requestMirror",
	"urlRewrite",
	"cors",
	"headers",
	"queryParams",
	"method",
	"responseHeaderModifier",
	"requestHeaderModifier",
	"add",
	"set",
	"remove",
	NULL,
};

static const struct route_object http_route = {
	.kind = KIND_HTTP_ROUTE,
	.members = gateway_members,
	.spec = spec_v1,
	.read = read_v1,
};
static const struct route_object http_route_v1beta1 = {
	.kind = KIND_HTTP_ROUTE_V1BETA1,
	.members = gateway_members,
	.spec = spec_v1beta1,
	.read = read_weights,
};
const struct router router_gatewayapi_v1 = {
	.provider = "gatewayapi:v1",
	.can_weight = true,
	.can_match = true,
	.can_mirror = true,
	.mirrors_iterations_only = true,
	.can_affinity = true,
	.object = &http_route,
	ROUTE_OPERATIONS,
};
const struct router router_gatewayapi_v1beta1 = {
	.provider = "gatewayapi:v1beta1",
	.can_weight = true,
	.can_match = true,
	.can_mirror = true,
	.mirrors_iterations_only = true,
	.can_affinity = true,
	.object = &http_route_v1beta1,
	ROUTE_OPERATIONS,
};

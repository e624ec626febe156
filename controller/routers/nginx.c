/* A canary Ingress beside the user's, with the weight in an annotation (flagger-controller.md 6.2). */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/routers/ingress.h"
#include "controller/routers/table.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static const char *canary_name(const struct plan *p)
{
	return arena_printf(p->arena, "%s-canary", p->canary->ingress.name);
}

/* PREFIX/canary-weight and friends. */
static const char *key(const struct plan *p, const char *rest)
{
	return arena_printf(p->arena, "%s/%s", p->options->ingress_annotations_prefix, rest);
}

/* A problem that cannot even be told for want of memory is still one. */
static const char *told(const char *text)
{
	return text ? text : "no memory";
}

static void nginx_wants(const struct router *self, const struct plan *p,
			void (*want)(void *owner, enum kind kind, const char *ns, const char *name), void *owner)
{
	(void)self;
	if (text_empty(p->canary->ingress.name))
		return;
	want(owner, KIND_INGRESS, p->canary->ns, p->canary->ingress.name);
	want(owner, KIND_INGRESS, p->canary->ns, canary_name(p));
}

/* ---- the wanted spec ---- */

/* The user's spec with every path of the apex Service led to the canary's. *ret NULL: no such path. */
static enum result wanted_spec(const struct plan *p, const cJSON *source, cJSON **ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *spec = cJSON_Duplicate(json_at(source, "spec"), true);
	const char *to = arena_printf(p->arena, "%s-canary", p->canary->service.name);
	if (!spec || !to)
		return error_set(e, RC_EXHAUSTED, "no memory for the canary ingress");
	bool found = false;
	cJSON *rule;
	cJSON_ArrayForEach (rule, cJSON_GetObjectItemCaseSensitive(spec, "rules")) {
		cJSON *path;
		cJSON_ArrayForEach (path, json_at(rule, "http.paths")) {
			cJSON *name = ingress_service_name(path);
			if (!cJSON_IsString(name) || !text_eq(name->valuestring, p->canary->service.name))
				continue;
			if (!cJSON_SetValuestring(name, to))
				return error_set(e, RC_EXHAUSTED, "no memory for the canary ingress");
			found = true;
		}
	}
	*ret = found ? TAKE(spec) : NULL;
	return RC_OK;
}

/* By the patch that would be written: what needs none is as wanted. */
static bool same_spec(const cJSON *is, const cJSON *wanted)
{
	bool oom;
	CLEANUP(json_delete_p) cJSON *d = json_diff_merge(is, wanted, &oom);
	return !d && !oom;
}

/* ---- annotations ---- */

static bool put(cJSON *map, const char *k, const char *v)
{
	if (!k || !v)
		return false;
	cJSON_DeleteItemFromObjectCaseSensitive(map, k);
	return cJSON_AddStringToObject(map, k, v) != NULL;
}

/* What is kept of present annotations when the weight goes to nothing: all but canary keys (6.2, "creation"). */
static cJSON *base_annotations(const struct plan *p, const cJSON *from)
{
	CLEANUP(json_delete_p) cJSON *m = cJSON_CreateObject();
	const char *canary = key(p, "canary");
	const cJSON *a;
	if (!m || !canary)
		return NULL;
	cJSON_ArrayForEach (a, from) {
		if (!cJSON_IsString(a) || strstr(a->string, canary) || text_eq(a->string, LAST_APPLIED) ||
		    text_starts(a->string, "rollcall.dev/"))
			continue;
		if (!put(m, a->string, a->valuestring))
			return NULL;
	}
	bool ok = m && put(m, "kustomize.toolkit.fluxcd.io/reconcile", "disabled") &&
		  put(m, "helm.toolkit.fluxcd.io/driftDetection", "disabled") && put(m, canary, "true") &&
		  put(m, key(p, "canary-weight"), "0");
	return ok ? TAKE(m) : NULL;
}

static bool put_match(const struct plan *p, cJSON *m)
{
	const char *const value = key(p, "canary-by-header-value"), *const pattern = key(p, "canary-by-header-pattern");
	bool ok = value && pattern;
	/* One cookie slot and one header slot; in the order of the spec, the last one of each wins (E31). */
	for (size_t i = 0; ok && i < p->canary->analysis.match_count; i++) {
		const struct header_match *h = &p->canary->analysis.match[i];
		if (text_eq(h->header, "cookie")) {
			ok = !h->exact || put(m, key(p, "canary-by-cookie"), h->exact);
			continue;
		}
		ok = put(m, key(p, "canary-by-header"), h->header);
		cJSON_DeleteItemFromObjectCaseSensitive(m, value);
		cJSON_DeleteItemFromObjectCaseSensitive(m, pattern);
		ok = ok && (!h->exact || put(m, value, h->exact)) && (!h->regex || put(m, pattern, h->regex));
	}
	return ok;
}

static cJSON *wanted_annotations(const struct plan *p, const cJSON *present, const struct routes *r)
{
	CLEANUP(json_delete_p) cJSON *m = NULL;
	if (r->canary > 0 && !p->canary->analysis.match_count) {
		m = present ? cJSON_Duplicate(present, true) : cJSON_CreateObject();
		char weight[16];
		(void)snprintf(weight, sizeof weight, "%d", r->canary);
		bool ok = m && put(m, key(p, "canary-weight"), weight) && put(m, key(p, "canary"), "true");
		return ok ? TAKE(m) : NULL;
	}
	m = base_annotations(p, present);
	if (!m || (r->canary > 0 && !put_match(p, m)))
		return NULL;
	return TAKE(m);
}

/* ---- the seam ---- */

static void read_routes(const struct plan *p, const cJSON *canary, struct observed *o)
{
	o->routes = (struct routes){ .primary = 100, .canary = 0 };
	const cJSON *annotations = json_at(canary, "metadata.annotations");
	if (p->canary->analysis.match_count &&
	    (cJSON_GetObjectItemCaseSensitive(annotations, key(p, "canary-by-cookie")) ||
	     cJSON_GetObjectItemCaseSensitive(annotations, key(p, "canary-by-header")))) {
		o->routes = (struct routes){ .primary = 0, .canary = 100 };
		return;
	}
	const cJSON *w = cJSON_GetObjectItemCaseSensitive(annotations, key(p, "canary-weight"));
	if (!cJSON_IsString(w))
		return;
	int64_t n;
	if (text_i64(w->valuestring, 0, 100, &n, NULL) != RC_OK) {
		o->routes_error =
			told(arena_printf(p->arena, "failed to convert %.64s to int: invalid syntax", w->valuestring));
		return;
	}
	o->routes = (struct routes){ .primary = 100 - (int)n, .canary = (int)n };
}

static enum result nginx_observe(const struct router *self, const struct plan *p, struct observed *o, struct error *e)
{
	(void)self;
	const struct canary *c = p->canary;
	o->routes = (struct routes){ .primary = 100, .canary = 0 };
	o->router_objects = SHAPE_MISSING;
	if (text_empty(c->ingress.name)) {
		o->router_error = "ingress selector is empty";
		return RC_OK;
	}
	CLEANUP(json_delete_p) cJSON *source = plan_tree(p, KIND_INGRESS, c->ns, c->ingress.name);
	CLEANUP(json_delete_p) cJSON *canary = plan_tree(p, KIND_INGRESS, c->ns, canary_name(p));
	if (canary) {
		read_routes(p, canary, o);
		o->leftovers = o->leftovers || plan_is_ours(p, canary);
	}
	if (!source) {
		o->router_error = told(
			arena_printf(p->arena, "ingress %s.%s get query error: not found", c->ingress.name, c->ns));
		return RC_OK;
	}
	CLEANUP(json_delete_p) cJSON *spec = NULL;
	enum result r = wanted_spec(p, source, &spec, e);
	if (r != RC_OK)
		return r;
	if (!spec)
		o->router_error = told(
			arena_printf(p->arena, "backend %s not found in ingress %s", c->service.name, c->ingress.name));
	else if (canary)
		o->router_objects = same_spec(json_at(canary, "spec"), spec) ? SHAPE_AS_WANTED : SHAPE_DIFFERENT;
	return RC_OK;
}

static cJSON *new_ingress(const struct plan *p, const cJSON *source, cJSON *spec)
{
	CLEANUP(json_delete_p) cJSON *i = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *metadata = plan_metadata(p, canary_name(p));
	const cJSON *labels = json_at(source, "metadata.labels"), *l;
	bool ok = i && metadata &&
		  json_put_text(i, "apiVersion", json_text(source, "apiVersion", "networking.k8s.io/v1")) &&
		  json_put_text(i, "kind", "Ingress");
	cJSON *to = cJSON_GetObjectItemCaseSensitive(metadata, "labels");
	cJSON_ArrayForEach (l, labels) {
		if (cJSON_IsString(l) && !cJSON_GetObjectItemCaseSensitive(to, l->string))
			ok = ok && put(to, l->string, l->valuestring);
	}
	ok = ok && json_put(metadata, "annotations", base_annotations(p, json_at(source, "metadata.annotations"))) &&
	     json_put(i, "metadata", TAKE(metadata));
	cJSON *copy = ok ? cJSON_Duplicate(spec, true) : NULL;
	return copy && json_put(i, "spec", copy) ? TAKE(i) : NULL;
}

static enum result nginx_ensure(const struct router *self, struct plan *p, struct error *e)
{
	(void)self;
	const struct canary *c = p->canary;
	CLEANUP(json_delete_p) cJSON *source = plan_tree(p, KIND_INGRESS, c->ns, c->ingress.name);
	if (!source)
		return error_set(e, RC_NOT_FOUND, "ingress %s.%s get query error: not found", c->ingress.name, c->ns);
	CLEANUP(json_delete_p) cJSON *spec = NULL;
	enum result r = wanted_spec(p, source, &spec, e);
	if (r != RC_OK)
		return r;
	if (!spec)
		return error_set(e, RC_INVALID, "backend %s not found in ingress %s", c->service.name, c->ingress.name);
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, KIND_INGRESS, c->ns, canary_name(p));
	if (!is) {
		CLEANUP(json_delete_p) cJSON *made = new_ingress(p, source, spec);
		return plan_create(p, KIND_INGRESS, c->ns, canary_name(p), made)
			       ? RC_OK
			       : error_set(e, RC_EXHAUSTED, "no memory for the canary ingress");
	}
	/* Only the spec follows the user's; annotations and labels are taken over once (E29). */
	bool oom = false;
	CLEANUP(json_delete_p) cJSON *d = json_diff_merge(json_at(is, "spec"), spec, &oom);
	if (oom)
		return error_set(e, RC_EXHAUSTED, "no memory for the canary ingress");
	if (!d)
		return RC_OK;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	if (!patch || !json_put(patch, "spec", TAKE(d)) || !plan_patch(p, KIND_INGRESS, c->ns, canary_name(p), patch))
		return error_set(e, RC_EXHAUSTED, "no memory for the canary ingress");
	return RC_OK;
}

static enum result nginx_set(const struct router *self, struct plan *p, const struct routes *r, struct error *e)
{
	(void)self;
	const struct canary *c = p->canary;
	const char *name = canary_name(p);
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, KIND_INGRESS, c->ns, name);
	if (!is) {
		/* Nothing leads to the canary: that is what weight 0 wants. */
		if (r->canary == 0)
			return RC_OK;
		return error_set(e, RC_NOT_FOUND, "ingress %s.%s get query error: not found", name, c->ns);
	}
	const cJSON *present = json_at(is, "metadata.annotations");
	CLEANUP(json_delete_p) cJSON *wanted = wanted_annotations(p, present, r);
	bool oom = !wanted;
	CLEANUP(json_delete_p) cJSON *none = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *d = oom || !none ? NULL : json_diff_merge(present ? present : none, wanted, &oom);
	oom = oom || !none;
	if (!oom && !d)
		return RC_OK;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	if (oom || !patch || !json_put(patch, "metadata.annotations", TAKE(d)) ||
	    !plan_patch(p, KIND_INGRESS, c->ns, name, patch))
		return error_set(e, RC_EXHAUSTED, "no memory for the canary ingress");
	return RC_OK;
}

static enum result nginx_finalize(const struct router *self, struct plan *p, struct error *e)
{
	(void)self;
	const struct canary *c = p->canary;
	const char *name = canary_name(p);
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, KIND_INGRESS, c->ns, name);
	if (!is || !plan_is_ours(p, is))
		return RC_OK;
	if (!plan_delete(p, KIND_INGRESS, c->ns, name, json_text(is, "metadata.uid", "")))
		return error_set(e, RC_EXHAUSTED, "no memory for a deletion");
	return RC_OK;
}

const struct router router_nginx = {
	.provider = "nginx",
	.can_weight = true,
	.can_match = true,
	.wants = nginx_wants,
	.observe = nginx_observe,
	.ensure = nginx_ensure,
	.set = nginx_set,
	.finalize = nginx_finalize,
};

#include "controller/routers/route_object.h"

#include "base/json.h"
#include "base/text.h"

const char *route_side(const struct plan *p, const char *suffix)
{
	const char *name = arena_printf(p->arena, "%s%s", p->canary->service.name, suffix);
	return name ? name : "";
}

cJSON *route_backend(const struct plan *p, const char *suffix, int weight)
{
	CLEANUP(json_delete_p) cJSON *b = cJSON_CreateObject();
	bool ok = b && json_put_text(b, "name", route_side(p, suffix)) &&
		  json_put_int(b, "port", p->canary->service.port) && json_put_int(b, "weight", weight);
	return ok ? TAKE(b) : NULL;
}

bool route_copy(const cJSON *canary, const char *from, cJSON *v, const char *to)
{
	const cJSON *found = json_at(json_at(canary, "spec.service"), from);
	if (!found)
		return true;
	cJSON *copy = cJSON_Duplicate(found, true);
	return copy && json_put(v, to, copy);
}

struct routes route_by_primary(int primary)
{
	return (struct routes){ .primary = primary, .canary = 100 - primary };
}

static const char *name_of(const struct route_object *x, const struct plan *p)
{
	const char *name = x->name ? x->name(p) : p->canary->service.name;
	return name ? name : "";
}

static enum result no_memory(const struct route_object *x, struct error *e)
{
	return error_set(e, RC_EXHAUSTED, "no memory for the %s", kind_name(x->kind));
}

/* ---- the same? ---- */

static bool is_ours(const char *member, const char *const *members)
{
	while (*members && !text_eq(*members, member))
		members++;
	return *members != NULL;
}

static bool holds(const cJSON *is, const cJSON *wanted, const char *const *members);

static bool holds_members(const cJSON *is, const cJSON *wanted, const char *const *members)
{
	const cJSON *m;
	cJSON_ArrayForEach (m, wanted) {
		if (!holds(cJSON_GetObjectItemCaseSensitive(is, m->string), m, members))
			return false;
	}
	cJSON_ArrayForEach (m, is) {
		if (!cJSON_GetObjectItemCaseSensitive(wanted, m->string) && is_ours(m->string, members))
			return false;
	}
	return true;
}

/* Everything wanted is there, and nothing of ours that is not wanted. */
static bool holds(const cJSON *is, const cJSON *wanted, const char *const *members)
{
	if (cJSON_IsObject(wanted))
		return cJSON_IsObject(is) && holds_members(is, wanted, members);
	if (!cJSON_IsArray(wanted))
		return json_equal(is, wanted);
	if (!cJSON_IsArray(is))
		return false;
	const cJSON *a = is->child, *b = wanted->child;
	while (a && b && holds(a, b, members)) {
		a = a->next;
		b = b->next;
	}
	return !a && !b;
}

/* Labels and annotations that others have put there stay. */
static const char *const no_members[] = { NULL };

/* ---- what should be ---- */

static bool put_pairs(cJSON *metadata, const char *what, const struct pairs *pairs)
{
	cJSON *map = cJSON_GetObjectItemCaseSensitive(metadata, what);
	if (!map)
		map = cJSON_AddObjectToObject(metadata, what);
	for (size_t i = 0; map && i < pairs->count; i++) {
		cJSON_DeleteItemFromObjectCaseSensitive(map, pairs->at[i].key);
		if (!cJSON_AddStringToObject(map, pairs->at[i].key, pairs->at[i].value))
			return false;
	}
	return map != NULL;
}

static const struct pair gitops_marks[] = { { "helm.toolkit.fluxcd.io/driftDetection", "disabled" },
					    { "kustomize.toolkit.fluxcd.io/reconcile", "disabled" } };

static enum result wanted_metadata(const struct route_object *x, const struct plan *p, const cJSON *is,
				   const struct routes *r, cJSON **ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *m = cJSON_CreateObject();
	const struct pairs marks = { gitops_marks, sizeof gitops_marks / sizeof *gitops_marks };
	const struct service_spec *s = &p->canary->service;
	if (!m ||
	    (!x->bare && (!put_pairs(m, "labels", &s->apex.labels) ||
			  !put_pairs(m, "annotations", &s->apex.annotations) || !put_pairs(m, "annotations", &marks))))
		return no_memory(x, e);
	enum result rc = x->metadata ? x->metadata(p, is, r, m, e) : RC_OK;
	if (rc == RC_OK)
		*ret = TAKE(m);
	return rc;
}

struct wanted {
	cJSON *metadata, *spec;
};

static void wanted_finish(struct wanted *w)
{
	cJSON_Delete(w->metadata);
	cJSON_Delete(w->spec);
}

static enum result wanted_make(const struct route_object *x, const struct plan *p, const cJSON *is,
			       const struct routes *r, struct wanted *w, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *canary = plan_tree(p, KIND_CANARY, p->canary->ns, p->canary->name);
	if (!canary)
		return error_set(e, RC_NOT_FOUND, "the Canary is gone");
	enum result rc = wanted_metadata(x, p, is, r, &w->metadata, e);
	return rc == RC_OK ? x->spec(p, canary, r, &w->spec, e) : rc;
}

/* ---- writing ---- */

static bool put_maps(cJSON *to, const cJSON *maps)
{
	const cJSON *map, *v;
	cJSON_ArrayForEach (map, maps) {
		cJSON *at = cJSON_GetObjectItemCaseSensitive(to, map->string);
		if (!at)
			at = cJSON_AddObjectToObject(to, map->string);
		cJSON_ArrayForEach (v, map) {
			cJSON_DeleteItemFromObjectCaseSensitive(at, v->string);
			cJSON *copy = cJSON_Duplicate(v, true);
			if (!at || !copy || !cJSON_AddItemToObject(at, v->string, copy))
				return false;
		}
	}
	return true;
}

/* version NULL: the kind's. */
static bool create(struct plan *p, enum kind kind, const char *version, const char *name, const cJSON *maps,
		   const cJSON *spec)
{
	const struct kind_info *k = kind_info(kind);
	CLEANUP(json_delete_p) cJSON *o = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *metadata = plan_metadata(p, name);
	cJSON *copy = cJSON_Duplicate(spec, true);
	bool ok = o && metadata && copy &&
		  json_put_text(o, "apiVersion",
				version ? version : arena_printf(p->arena, "%s/%s", k->group, k->version)) &&
		  json_put_text(o, "kind", k->name) && put_maps(metadata, maps);
	if (!ok) {
		cJSON_Delete(copy);
		return false;
	}
	return json_put(o, "metadata", TAKE(metadata)) && json_put(o, "spec", copy) &&
	       plan_create(p, kind, p->canary->ns, name, o);
}

/* Only what differs; a list is written whole, as a merge patch does. maps NULL: none wanted. */
static bool patch(struct plan *p, enum kind kind, const cJSON *is, const char *name, const cJSON *maps,
		  const cJSON *spec, const char *const *members)
{
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	bool ok = patch != NULL, differs = false, oom = false;
	if (ok && maps && !holds(json_at(is, "metadata"), maps, no_members)) {
		cJSON *copy = cJSON_Duplicate(maps, true);
		ok = copy && json_put(patch, "metadata", copy);
		differs = true;
	}
	if (ok && !holds(json_at(is, "spec"), spec, members)) {
		CLEANUP(json_delete_p) cJSON *none = cJSON_CreateObject();
		const cJSON *present = json_at(is, "spec");
		cJSON *d = none ? json_diff_merge(present ? present : none, spec, &oom) : NULL;
		ok = none && !oom && d && json_put(patch, "spec", d);
		differs = true;
	}
	return ok && (!differs || plan_patch(p, kind, p->canary->ns, name, patch));
}

/* ---- companions ---- */

struct companions {
	struct companion at[COMPANIONS_MAX];
	size_t count;
};

static void companions_finish(struct companions *c)
{
	for (size_t i = 0; i < c->count; i++)
		cJSON_Delete(c->at[i].spec);
}

static enum result companions_make(const struct route_object *x, const struct plan *p, struct companions *ret,
				   struct error *e)
{
	if (!x->companions)
		return RC_OK;
	CLEANUP(json_delete_p) cJSON *canary = plan_tree(p, KIND_CANARY, p->canary->ns, p->canary->name);
	enum result rc = x->companions(p, canary, ret->at, &ret->count, e);
	for (size_t i = 0; rc == RC_OK && i < ret->count; i++)
		if (!ret->at[i].spec)
			rc = no_memory(x, e);
	return rc;
}

static enum result companions_observe(const struct route_object *x, const struct plan *p, struct observed *o,
				      struct error *e)
{
	CLEANUP(companions_finish) struct companions c = { .count = 0 };
	enum result rc = companions_make(x, p, &c, e);
	for (size_t i = 0; rc == RC_OK && i < c.count; i++) {
		CLEANUP(json_delete_p) cJSON *is = plan_tree(p, c.at[i].kind, p->canary->ns, c.at[i].name);
		o->leftovers = o->leftovers || (is && plan_is_ours(p, is));
		if (!is)
			o->router_objects = SHAPE_MISSING;
		else if (!holds(json_at(is, "spec"), c.at[i].spec, x->members) && o->router_objects != SHAPE_MISSING)
			o->router_objects = SHAPE_DIFFERENT;
	}
	return rc;
}

static enum result companions_ensure(const struct route_object *x, struct plan *p, struct error *e)
{
	CLEANUP(companions_finish) struct companions c = { .count = 0 };
	enum result rc = companions_make(x, p, &c, e);
	for (size_t i = 0; rc == RC_OK && i < c.count; i++) {
		CLEANUP(json_delete_p) cJSON *is = plan_tree(p, c.at[i].kind, p->canary->ns, c.at[i].name);
		bool ok = is ? patch(p, c.at[i].kind, is, c.at[i].name, NULL, c.at[i].spec, x->members)
			     : create(p, c.at[i].kind, NULL, c.at[i].name, NULL, c.at[i].spec);
		if (!ok)
			rc = no_memory(x, e);
	}
	return rc;
}

/* ---- the seam ---- */

void route_wants(const struct router *self, const struct plan *p,
		 void (*want)(void *owner, enum kind kind, const char *ns, const char *name), void *owner)
{
	const struct route_object *x = self->object;
	CLEANUP(companions_finish) struct companions c = { .count = 0 };
	want(owner, x->kind, p->canary->ns, name_of(x, p));
	if (x->wants)
		x->wants(p, want, owner);
	if (companions_make(x, p, &c, NULL) != RC_OK)
		return;
	for (size_t i = 0; i < c.count; i++)
		want(owner, c.at[i].kind, p->canary->ns, c.at[i].name);
}

struct present {
	struct routes routes;
	const char *why; /* NULL: all is well */
	bool readable;
};

static struct present present(const struct route_object *x, const struct plan *p, const cJSON *is)
{
	struct present at = { .routes = { .primary = 100 }, .readable = true };
	if (is)
		at.readable = x->read(p, is, &at.routes, &at.why);
	if (!at.readable) {
		at.routes = (struct routes){ .primary = 100 };
		at.why = at.why ? at.why : "no memory";
	}
	/* Cookies are in the status, where a reading of patterns could only guess. */
	at.routes.session = p->canary->status.session_cookie;
	at.routes.previous_session = p->canary->status.previous_session_cookie;
	at.routes.primary_session = p->canary->status.primary_session_cookie;
	return at;
}

enum result route_observe(const struct router *self, const struct plan *p, struct observed *o, struct error *e)
{
	const struct route_object *x = self->object;
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, x->kind, p->canary->ns, name_of(x, p));
	CLEANUP(wanted_finish) struct wanted w = { .spec = NULL };
	struct error why = { .code = RC_OK };
	o->leftovers = o->leftovers || (is && plan_is_ours(p, is));
	struct present at = present(x, p, is);
	o->routes = at.routes;
	o->routes_error = at.why;
	enum result rc = wanted_make(x, p, is, &o->routes, &w, &why);
	o->router_objects = SHAPE_MISSING;
	if (rc == RC_EXHAUSTED)
		return error_set(e, rc, "%s", why.text);
	if (rc != RC_OK) {
		o->router_error = arena_strdup(p->arena, why.text);
		return o->router_error ? RC_OK : no_memory(x, e);
	}
	if (is && at.readable) {
		bool same = holds(json_at(is, "metadata"), w.metadata, no_members) &&
			    holds(json_at(is, "spec"), w.spec, x->members);
		o->router_objects = same ? SHAPE_AS_WANTED : SHAPE_DIFFERENT;
	} else if (is) {
		o->router_objects = SHAPE_AS_WANTED; /* somebody's repair is awaited: nothing is overwritten unread */
	}
	return companions_observe(x, p, o, e);
}

static enum result write_route(const struct route_object *x, struct plan *p, const cJSON *is, const struct routes *r,
			       struct error *e)
{
	CLEANUP(wanted_finish) struct wanted w = { .spec = NULL };
	enum result rc = wanted_make(x, p, is, r, &w, e);
	if (rc != RC_OK)
		return rc;
	const char *version = x->api_version ? x->api_version(p) : NULL;
	bool ok = is ? patch(p, x->kind, is, name_of(x, p), w.metadata, w.spec, x->members)
		     : create(p, x->kind, version, name_of(x, p), w.metadata, w.spec);
	return ok ? RC_OK : no_memory(x, e);
}

enum result route_ensure(const struct router *self, struct plan *p, struct error *e)
{
	const struct route_object *x = self->object;
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, x->kind, p->canary->ns, name_of(x, p));
	struct present at = present(x, p, is);
	enum result rc = companions_ensure(x, p, e);
	return rc == RC_OK && at.readable ? write_route(x, p, is, &at.routes, e) : rc;
}

enum result route_set(const struct router *self, struct plan *p, const struct routes *r, struct error *e)
{
	const struct route_object *x = self->object;
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, x->kind, p->canary->ns, name_of(x, p));
	if (!is && r->canary == 0)
		return RC_OK; /* nothing leads to the canary: that is what weight 0 wants */
	if (!is)
		return error_set(e, RC_NOT_FOUND, "%s %s.%s get query error: not found", kind_name(x->kind),
				 name_of(x, p), p->canary->ns);
	return write_route(x, p, is, r, e);
}

static bool remove_ours(struct plan *p, enum kind kind, const char *name)
{
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, kind, p->canary->ns, name);
	return !is || !plan_is_ours(p, is) ||
	       plan_delete(p, kind, p->canary->ns, name, json_text(is, "metadata.uid", ""));
}

enum result route_finalize(const struct router *self, struct plan *p, struct error *e)
{
	const struct route_object *x = self->object;
	CLEANUP(companions_finish) struct companions c = { .count = 0 };
	enum result rc = companions_make(x, p, &c, e);
	if (rc != RC_OK)
		return rc;
	bool ok = remove_ours(p, x->kind, name_of(x, p));
	for (size_t i = 0; ok && i < c.count; i++)
		ok = remove_ours(p, c.at[i].kind, c.at[i].name);
	return ok ? RC_OK : no_memory(x, e);
}

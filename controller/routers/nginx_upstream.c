#include "controller/routers/nginx_upstream.h"

#include "base/json.h"
#include "base/text.h"
#include "controller/model/annotations.h"

const char *nginx_upstream_name(const struct canary *c)
{
	return pairs_get(&c->annotations, ANNOTATION_UPSTREAM);
}

/* A problem that cannot even be told for want of memory is still one. */
static const char *told(const char *text)
{
	return text ? text : "no memory";
}

static void upstream_wants(const struct router *self, const struct plan *p,
			   void (*want)(void *owner, enum kind kind, const char *ns, const char *name), void *owner)
{
	const struct canary *c = p->canary;
	(void)self;
	if (!p->options->one_machine)
		return;
	want(owner, KIND_NGINX_UPSTREAM, c->ns, nginx_upstream_name(c));
	want(owner, KIND_DEPLOYMENT, c->ns, c->target.name);
	want(owner, KIND_DEPLOYMENT, c->ns, c->source_name);
}

/* ---- the wanted spec, but for the weight ---- */

static bool put_side(const struct plan *p, cJSON *spec, const char *path, const char *workload)
{
	CLEANUP(json_delete_p) cJSON *w = plan_tree(p, KIND_DEPLOYMENT, p->canary->ns, workload);
	const cJSON *selector = json_at(w, "spec.selector.matchLabels");
	return !selector || json_put(spec, path, cJSON_Duplicate(selector, true));
}

static bool put_text_if(cJSON *o, const char *name, const char *text)
{
	return !text || cJSON_AddStringToObject(o, name, text);
}

static bool put_match(const struct plan *p, cJSON *spec)
{
	const struct analysis *a = &p->canary->analysis;
	if (!a->match_count)
		return true;
	cJSON *list = cJSON_AddArrayToObject(spec, "match");
	for (size_t i = 0; list && i < a->match_count; i++) {
		const struct header_match *h = &a->match[i];
		cJSON *m = cJSON_CreateObject();
		if (!m || !cJSON_AddItemToArray(list, m)) {
			cJSON_Delete(m);
			return false;
		}
		if (!put_text_if(m, "header", h->header) || !put_text_if(m, "exact", h->exact) ||
		    !put_text_if(m, "prefix", h->prefix) || !put_text_if(m, "suffix", h->suffix) ||
		    !put_text_if(m, "regex", h->regex))
			return false;
	}
	return list != NULL;
}

static cJSON *wanted_spec(const struct plan *p)
{
	const struct canary *c = p->canary;
	CLEANUP(json_delete_p) cJSON *spec = cJSON_CreateObject();
	bool ok = spec && json_put_text(spec, "canary", c->name) && json_put_text(spec, "target", c->target.name) &&
		  json_put_text(spec, "port", c->service.target_port) &&
		  json_put(spec, "primarySelector", cJSON_CreateObject()) &&
		  json_put(spec, "canarySelector", cJSON_CreateObject()) &&
		  put_side(p, spec, "primarySelector", c->source_name) &&
		  put_side(p, spec, "canarySelector", c->target.name) && put_match(p, spec);
	return ok ? TAKE(spec) : NULL;
}

/* From what is there to what is wanted. NULL: nothing to write, or no memory. */
static cJSON *spec_change(const struct plan *p, const cJSON *is, bool *oom)
{
	CLEANUP(json_delete_p) cJSON *wanted = wanted_spec(p);
	CLEANUP(json_delete_p) cJSON *now = cJSON_Duplicate(json_at(is, "spec"), true);
	*oom = !wanted || !now;
	cJSON_DeleteItemFromObjectCaseSensitive(now, "canaryWeight");
	return *oom ? NULL : json_diff_merge(now, wanted, oom);
}

/* ---- observing ---- */

/* What nginx has not taken over yet is not decided upon; what it has refused is told. */
static void read_status(const struct plan *p, const cJSON *is, struct observed *o)
{
	const char *message = json_text(is, "status.message", "");
	int64_t generation = json_int(is, "metadata.generation", 0);
	if (*message)
		o->routes_error = told(arena_strdup(p->arena, message));
	else if (json_int(is, "status.observedGeneration", 0) < generation)
		o->fresh = false;
}

static const char *whose(const struct plan *p, const cJSON *is)
{
	const char *other = json_text(is, "metadata.ownerReferences.0.name", "");
	if (!*other || plan_is_ours(p, is))
		return NULL;
	return told(arena_printf(p->arena,
				 "upstream %s is the canary %s's already; two cannot write one file: change the "
				 "annotation " ANNOTATION_UPSTREAM " of one of them",
				 nginx_upstream_name(p->canary), other));
}

static enum result upstream_observe(const struct router *self, const struct plan *p, struct observed *o,
				    struct error *e)
{
	const struct canary *c = p->canary;
	(void)self;
	o->routes = (struct routes){ .primary = 100, .canary = 0 };
	o->router_objects = SHAPE_MISSING;
	if (!p->options->one_machine) {
		o->router_error = "the annotation " ANNOTATION_UPSTREAM " is for one machine (cluster.embedded); on "
				  "Kubernetes set spec.ingressRef and leave it out";
		return RC_OK;
	}
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, KIND_NGINX_UPSTREAM, c->ns, nginx_upstream_name(c));
	if (!is)
		return RC_OK;
	o->router_error = whose(p, is);
	if (o->router_error)
		return RC_OK;
	int weight = (int)json_int(is, "spec.canaryWeight", 0);
	o->routes = (struct routes){ .primary = 100 - weight, .canary = weight };
	o->leftovers = o->leftovers || plan_is_ours(p, is);
	bool oom;
	CLEANUP(json_delete_p) cJSON *change = spec_change(p, is, &oom);
	if (oom)
		return error_set(e, RC_EXHAUSTED, "no memory for the upstream");
	o->router_objects = change || !plan_is_ours(p, is) ? SHAPE_DIFFERENT : SHAPE_AS_WANTED;
	read_status(p, is, o);
	return RC_OK;
}

/* ---- writing ---- */

static bool create(struct plan *p, const char *name)
{
	CLEANUP(json_delete_p) cJSON *made = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *metadata = plan_metadata(p, name);
	CLEANUP(json_delete_p) cJSON *spec = wanted_spec(p);
	return made && metadata && spec && json_put_int(spec, "canaryWeight", 0) &&
	       json_put_text(made, "apiVersion", "rollcall.dev/v1") &&
	       json_put_text(made, "kind", kind_name(KIND_NGINX_UPSTREAM)) &&
	       json_put(made, "metadata", TAKE(metadata)) && json_put(made, "spec", TAKE(spec)) &&
	       plan_create(p, KIND_NGINX_UPSTREAM, p->canary->ns, name, made);
}

/* What an earlier Canary has left (upstream_finalize) is taken over. */
static bool bring_up_to_date(struct plan *p, const char *name, const cJSON *is)
{
	bool oom, ours = plan_is_ours(p, is);
	cJSON *change = spec_change(p, is, &oom);
	if (oom || (!change && ours))
		return !oom;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *metadata = ours ? NULL : plan_metadata(p, name);
	if (change && !json_put(patch, "spec", change))
		return false;
	return patch && (ours || (metadata && json_put(patch, "metadata", TAKE(metadata)))) &&
	       plan_patch(p, KIND_NGINX_UPSTREAM, p->canary->ns, name, patch);
}

static enum result upstream_ensure(const struct router *self, struct plan *p, struct error *e)
{
	const char *name = nginx_upstream_name(p->canary);
	(void)self;
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, KIND_NGINX_UPSTREAM, p->canary->ns, name);
	bool ok = is ? bring_up_to_date(p, name, is) : create(p, name);
	return ok ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for the upstream");
}

static enum result upstream_set(const struct router *self, struct plan *p, const struct routes *r, struct error *e)
{
	const char *name = nginx_upstream_name(p->canary);
	(void)self;
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, KIND_NGINX_UPSTREAM, p->canary->ns, name);
	if (!is) /* nothing leads to the canary: that is what weight 0 wants */
		return r->canary == 0 ? RC_OK : error_set(e, RC_NOT_FOUND, "upstream %s does not exist", name);
	if (json_int(is, "spec.canaryWeight", 0) == r->canary)
		return RC_OK;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	if (!json_put_int(patch, "spec.canaryWeight", r->canary) ||
	    !plan_patch(p, KIND_NGINX_UPSTREAM, p->canary->ns, name, patch))
		return error_set(e, RC_EXHAUSTED, "no memory for the upstream");
	return RC_OK;
}

/* The user's nginx goes on asking for this upstream. It is left behind, nobody's, and follows the user's own pods. */
static enum result upstream_finalize(const struct router *self, struct plan *p, struct error *e)
{
	const struct canary *c = p->canary;
	const char *name = nginx_upstream_name(c);
	(void)self;
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, KIND_NGINX_UPSTREAM, c->ns, name);
	if (!is || !plan_is_ours(p, is))
		return RC_OK;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *was = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *wanted = cJSON_CreateObject();
	bool oom = !was || !wanted ||
		   !json_put(was, "primarySelector", cJSON_Duplicate(json_at(is, "spec.primarySelector"), true)) ||
		   !json_put(wanted, "primarySelector", cJSON_Duplicate(json_at(is, "spec.canarySelector"), true));
	cJSON *change = oom ? NULL : json_diff_merge(was, wanted, &oom);
	if (change && !json_put(patch, "spec", change))
		oom = true;
	if (oom || !json_put_int(patch, "spec.canaryWeight", 0) || !json_put(patch, "spec.match", cJSON_CreateNull()) ||
	    !json_put(patch, "metadata.ownerReferences", cJSON_CreateNull()) ||
	    !plan_patch(p, KIND_NGINX_UPSTREAM, c->ns, name, patch))
		return error_set(e, RC_EXHAUSTED, "no memory for the upstream");
	return RC_OK;
}

const struct router router_nginx_upstream = {
	.provider = "nginx",
	.can_weight = true,
	.can_match = true,
	.wants = upstream_wants,
	.observe = upstream_observe,
	.ensure = upstream_ensure,
	.set = upstream_set,
	.finalize = upstream_finalize,
};

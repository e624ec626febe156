#include <stdlib.h>

#include "base/text.h"
#include "controller/core/revision.h"
#include "controller/engine/runner.h"
#include "controller/routers/nginx_upstream.h"

void plan_begin(const struct runner *r, const struct canary *c, struct arena *a, struct plan *p)
{
	p->canary = c;
	p->cluster = r->engine->o.cluster;
	p->options = r->engine->o.controller;
	p->arena = a;
	p->count = 0;
}

struct plan *tick_plan(struct tick *t)
{
	if (!t->plan)
		t->plan = arena_alloc(t->arena, 1, sizeof *t->plan);
	if (t->plan)
		plan_begin(t->runner, t->canary, t->arena, t->plan);
	return t->plan;
}

const char *provider_of(const struct plan *p)
{
	return text_empty(p->canary->provider) ? p->options->provider : p->canary->provider;
}

const struct router *router_of(const struct plan *p)
{
	/* A release by replicas alone has no router, whatever the provider (ack-extension.md). */
	bool by_replicas = p->canary->extension && p->canary->analysis.step_replicas > 0;
	const char *provider = by_replicas ? "kubernetes" : provider_of(p);
	if (text_eq(provider, "nginx") && !text_empty(nginx_upstream_name(p->canary)))
		return &router_nginx_upstream;
	return router_find(provider);
}

/* A problem that cannot even be told for want of memory is still one. */
static const char *told(const char *text)
{
	return text ? text : "no memory";
}

/* Everything this canary needs is in the cache, and the cache is up with the cluster. */
static bool cache_is_fresh(const struct runner *r)
{
	const struct cluster *c = r->engine->o.cluster;
	if (!cluster_synced(c, KIND_CANARY))
		return false;
	for (size_t i = 0; i < r->interest_count; i++) {
		const struct interest *w = r->interests[i];
		if (!cluster_synced(c, w->kind) || !cluster_known(c, w->kind, w->ns, w->name))
			return false;
	}
	return true;
}

/* Two canaries on one target fight over it (E49). */
static bool target_is_shared(const struct runner *r, const struct canary *c)
{
	enum kind kind;
	if (kind_parse(c->target.kind, &kind, NULL) != RC_OK)
		return false;
	for (size_t i = 0; i < r->interest_count; i++) {
		const struct interest *w = r->interests[i];
		if (w->kind != kind || !text_eq(w->name, c->target.name))
			continue;
		for (size_t k = 0; k < w->count; k++) {
			const struct canary *other = runner_canary(w->runners[k]);
			if (w->runners[k] != r && other && text_eq(other->target.name, c->target.name) &&
			    text_eq(other->target.kind, c->target.kind))
				return true;
		}
	}
	return false;
}

static const char *strategies_error(const struct canary *c, const struct router *router, struct arena *a)
{
	const char *need = NULL;
	if (text_eq(router->provider, "kubernetes"))
		return NULL; /* says so itself and goes on without (K27) */
	if (c->analysis.match_count && !router->can_match)
		need = "A/B testing";
	else if (!c->analysis.iterations && !c->analysis.step_replicas && !router->can_weight && !c->skip_analysis)
		need = "progressive traffic";
	if (!need)
		return NULL;
	const char *able = "";
	for (const char *const *name = router_names(); *name; name++) {
		const struct router *other = router_find(*name);
		if (other && (c->analysis.match_count ? other->can_match : other->can_weight))
			able = told(arena_printf(a, "%s%s%s", able, *able ? ", " : "", *name));
	}
	return told(arena_printf(a, "provider %s cannot do %s; providers that can: %s", router->provider, need, able));
}

static enum result observe_router(struct tick *t, const struct plan *p, struct error *e)
{
	struct observed *o = &t->observed;
	const struct router *router = router_of(p);
	o->provider = provider_of(p);
	if (!router) {
		o->router_error = told(arena_printf(t->arena, "provider %s is not supported", o->provider));
		o->router_objects = SHAPE_AS_WANTED;
		return RC_OK;
	}
	o->can_weight = router->can_weight;
	o->can_match = router->can_match;
	o->can_mirror = router->can_mirror && (t->canary->analysis.iterations > 0 || !router->mirrors_iterations_only);
	o->can_affinity = router->can_affinity;
	o->no_router = text_eq(router->provider, "kubernetes");
	o->strategy_error = strategies_error(t->canary, router, t->arena);
	return router->observe(router, p, o, e);
}

static bool interval_is_over(const struct runner *r, const struct canary *c)
{
	int64_t now = loop_now(r->engine->o.loop).v;
	return r->counted_ms < 0 || now - r->counted_ms >= c->analysis.interval_ms;
}

static void remember(struct runner *r, const struct observed *o, struct arena *a)
{
	r->seen.routes = o->routes;
	r->seen.target_wanted = o->target.wanted;
	r->seen.target_ready = o->target.ready;
	r->seen.target_available = o->target.available;
	r->seen.source_wanted = o->source.wanted;
	r->seen.source_ready = o->source.ready;
	r->seen.source_available = o->source.available;
	set_text(&r->seen.target_images, o->target.images);
	set_text(&r->seen.source_images, o->source.images);
	set_text(&r->seen.requested_by, o->target.requested_by);
	set_text(&r->seen.identity, observed_identity(o, a));
}

enum result tick_observe(struct tick *t, struct error *e)
{
	struct runner *r = t->runner;
	struct observed *o = &t->observed;
	*o = (struct observed){ .now = loop_wall(r->engine->o.loop),
				.due = t->person || interval_is_over(r, t->canary),
				.fresh = cache_is_fresh(r),
				.scaler = SHAPE_AS_WANTED };
	if (!o->fresh)
		return RC_OK;
	const struct target *target = target_find(t->canary->target.kind);
	if (!target) {
		o->error = told(arena_printf(t->arena, "targetRef.kind %s is not supported", t->canary->target.kind));
		return RC_OK;
	}
	struct plan p;
	plan_begin(r, t->canary, t->arena, &p);
	enum result rc = target->observe(&p, o, e);
	if (rc == RC_OK)
		rc = observe_router(t, &p, e);
	if (rc != RC_OK)
		return rc;
	o->duplicate_target = target_is_shared(r, t->canary);
	remember(r, o, t->arena);
	return RC_OK;
}

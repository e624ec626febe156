#pragma once
/* A Canary on a fake cluster without an engine: effects are planned on the cache, written, and the objects looked at.
 */
#include "controller/core/revision.h"
#include "controller/model/canary.h"
#include "controller/plan.h"
#include "controller/routers/nginx_upstream.h"
#include "controller/routers/router.h"
#include "controller/targets/target.h"
#include "tests/unit/controller/fake_cluster.h"

struct stage {
	struct loop *loop;
	struct fake *fake;
	struct arena *arena;
	struct canary *canary;
	struct controller_options options;
	struct plan plan; /* of the last effect */
	struct observed seen;
	struct error e;
};

static const char *const stage_labels[] = { "app", "name", "app.kubernetes.io/name", NULL };
static const char *const stage_no_prefix[] = { NULL };

static inline void stage_open(struct stage *s)
{
	*s = (struct stage){ .options = { .provider = "nginx",
					  .selector_labels = stage_labels,
					  .include_label_prefixes = stage_no_prefix,
					  .ingress_annotations_prefix = "nginx.ingress.kubernetes.io" } };
	assert_int_equal(loop_create(&s->loop, &s->e), RC_OK);
	s->fake = fake_create(s->loop);
	s->arena = arena_create(64 << 20);
	assert_non_null(s->arena);
}

static inline void stage_close(struct stage *s)
{
	canary_free(s->canary);
	arena_destroy(s->arena);
	cluster_destroy(&s->fake->cluster);
	loop_destroy(s->loop);
}

static inline void stage_settle(struct stage *s)
{
	for (int i = 0; i < 200 && (s->fake->calls || s->fake->changes); i++)
		fake_turn(s->fake);
	fake_turn(s->fake);
}

/* Takes the Canary from the cluster. */
static inline void stage_canary(struct stage *s, const char *ns, const char *name)
{
	struct canary *before = TAKE(s->canary); /* ns and name may be its own */
	if (canary_parse(fake_tree(s->fake, KIND_CANARY, ns, name), &s->canary, &s->e) != RC_OK)
		fail_msg("%s", s->e.text);
	canary_free(before);
}

static inline void stage_plan(struct stage *s)
{
	s->plan = (struct plan){
		.canary = s->canary, .cluster = &s->fake->cluster, .options = &s->options, .arena = s->arena
	};
}

static inline void stage_written(void *owner, enum result r, const struct object *now, const struct error *why)
{
	(void)now;
	(void)owner;
	if (r != RC_OK && r != RC_NOT_FOUND)
		fail_msg("%s", why->text);
}

static inline void stage_write(struct stage *s)
{
	for (size_t i = 0; i < s->plan.count; i++)
		(void)cluster_write(&s->fake->cluster, &s->plan.writes[i], stage_written, NULL);
	stage_settle(s);
}

static inline const struct router *stage_router(const struct stage *s)
{
	const char *provider = text_empty(s->canary->provider) ? "nginx" : s->canary->provider;
	bool upstream = text_eq(provider, "nginx") && !text_empty(nginx_upstream_name(s->canary));
	return upstream ? &router_nginx_upstream : router_find(provider);
}

/* Plans and writes; answers what the planner said. */
static inline enum result stage_effect(struct stage *s, struct effect f)
{
	const struct router *router = stage_router(s);
	enum result r;
	stage_plan(s);
	if (target_owns(f.kind))
		r = target_effect(&s->plan, &f, &s->e);
	else if (f.kind == EFFECT_ENSURE_ROUTER)
		r = router->ensure(router, &s->plan, &s->e);
	else if (f.kind == EFFECT_SET_ROUTES)
		r = router->set(router, &s->plan, &f.routes, &s->e);
	else
		r = router->finalize(router, &s->plan, &s->e);
	if (r == RC_OK)
		stage_write(s);
	return r;
}

/* It works, and once it has worked there is nothing left to write. Answers the writes of the first time. */
static inline size_t stage_do(struct stage *s, struct effect f)
{
	if (stage_effect(s, f) != RC_OK)
		fail_msg("%s: %s", effect_name(f.kind), s->e.text);
	size_t written = s->plan.count;
	if (fake_tree(s->fake, KIND_CANARY, s->canary->ns, s->canary->name))
		stage_canary(s, s->canary->ns, s->canary->name);
	else
		return written;
	if (stage_effect(s, f) != RC_OK)
		fail_msg("%s again: %s", effect_name(f.kind), s->e.text);
	if (s->plan.count)
		fail_msg("%s again writes %s", effect_name(f.kind), s->plan.writes[0].body);
	return written;
}
#define DO(s, ...) stage_do((s), (struct effect){ .kind = EFFECT_##__VA_ARGS__ })

static inline void stage_observe(struct stage *s)
{
	const struct router *router = stage_router(s);
	s->seen = (struct observed){ .fresh = true };
	stage_plan(s);
	assert_int_equal(target_find("Deployment")->observe(&s->plan, &s->seen, &s->e), RC_OK);
	assert_int_equal(router->observe(router, &s->plan, &s->seen, &s->e), RC_OK);
}

/* The value at a path as compact JSON with sorted keys. */
static inline void assert_json(const cJSON *tree, const char *path, const char *wanted)
{
	const cJSON *v = json_at(tree, path);
	CLEANUP(free_p) char *text = v ? json_canonical(v, false) : NULL;
	if (!text || strcmp(text, wanted) != 0)
		fail_msg("%s is %s, not %s", path, text ? text : "missing", wanted);
}

#include "controller/engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "base/text.h"
#include "controller/engine/runner.h"
#include "controller/engine/verbs.h"

#define X(id, name) name,
static const char *const verb_names[VERB_COUNT] = { ENGINE_VERBS(X) };
#undef X

const char *engine_verb_name(enum engine_verb v)
{
	return verb_names[v];
}

enum result engine_verb_parse(const char *name, enum engine_verb *ret, struct error *e)
{
	for (unsigned v = 0; v < VERB_COUNT; v++)
		if (text_eq(name, verb_names[v])) {
			*ret = (enum engine_verb)v;
			return RC_OK;
		}
	return error_set(e, RC_INVALID,
			 "\"%.40s\" is not a verb; one of promote, rollback, pause, resume, restart, weight, complete",
			 name);
}

char *dup_text(const char *s)
{
	return s ? strdup(s) : NULL;
}

void set_text(char **where, const char *s)
{
	if (text_eq(*where, s))
		return;
	free(*where);
	*where = dup_text(s);
}

uint64_t text_hash(uint64_t from, const char *s)
{
	uint64_t h = from ? from : 1469598103934665603u;
	for (; s && *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h ? h : 1;
}

struct runner *engine_runner(struct engine *g, const char *ns, const char *name)
{
	char key[512];
	int n = snprintf(key, sizeof key, "%s/%s", ns, name);
	if (n < 0 || (size_t)n >= sizeof key)
		return NULL;
	struct runner *r;
	HASH_FIND(hh, g->by_name, key, (size_t)n, r);
	return r;
}

static void canary_gone(struct engine *g, struct runner *r)
{
	tick_last_words(r->tick);
	struct arena *a = arena_create(TICK_ARENA_BYTES);
	const struct rollout *value = a ? runner_rollout(r, a) : NULL;
	if (value && g->o.gatekeeper.left)
		g->o.gatekeeper.left(g->o.gatekeeper.owner, value);
	if (value)
		engine_tell(g, &(struct rollout_event){ .news = NEWS_GONE, .rollout = value, .text = "" });
	arena_destroy(a);
	runner_destroy(r);
}

static void canary_changed(struct engine *g, enum object_change what, const struct object *o)
{
	struct runner *r = engine_runner(g, o->ns, o->name);
	/* Deleted and made again between two looks: another object, another life. */
	if (r && (what == OBJECT_DELETED || !text_eq(r->uid, o->uid))) {
		canary_gone(g, r);
		r = NULL;
	}
	if (what == OBJECT_DELETED)
		return;
	if (!r)
		r = runner_create(g, o);
	else
		runner_update(r, o);
	if (r)
		runner_wake(r);
}

static void wake_interested(struct engine *g, const struct object *o)
{
	char key[600];
	int n = snprintf(key, sizeof key, "%d/%s/%s", (int)o->kind, o->ns, o->name);
	if (n < 0 || (size_t)n >= sizeof key)
		return;
	struct interest *i;
	HASH_FIND(hh, g->interests, key, (size_t)n, i);
	for (size_t k = 0; i && k < i->count; k++)
		runner_wake(i->runners[k]);
}

static void object_changed(void *owner, enum object_change what, const struct object *o)
{
	struct engine *g = owner;
	if (o->kind == KIND_CANARY)
		canary_changed(g, what, o);
	else
		wake_interested(g, o);
}

/* What a canary waited for is known now, perhaps as missing: of that no change tells. */
static void cache_settled(void *owner)
{
	struct engine *g = owner;
	struct runner *r, *next;
	HASH_ITER (hh, g->by_name, r, next) {
		if (r->unfresh)
			runner_wake(r);
	}
}

static void add_metrics(struct engine *g, struct metrics *m)
{
	g->ticks = metrics_add(m, METRIC_COUNTER, "rollcall_ticks_total", "Ticks of canaries.", "", NULL);
	g->tick_seconds = metrics_add(m, METRIC_HISTOGRAM, "flagger_canary_duration_seconds",
				      "Seconds a tick of an analysis took.", "name,namespace", NULL);
	g->status = metrics_add(m, METRIC_GAUGE, "flagger_canary_status",
				"Last known state: 0 running, 1 successful, 2 failed.", "name,namespace", NULL);
	g->weight = metrics_add(m, METRIC_GAUGE, "flagger_canary_weight", "Percent of the traffic.",
				"workload,namespace", NULL);
	g->successes = metrics_add(m, METRIC_COUNTER, "flagger_canary_successes_total", "Rollouts that were promoted.",
				   "name,namespace,deployment_strategy,analysis_status", NULL);
	g->failures = metrics_add(m, METRIC_COUNTER, "flagger_canary_failures_total", "Rollouts that failed.",
				  "name,namespace,deployment_strategy,analysis_status", NULL);
	g->total = metrics_add(m, METRIC_GAUGE, "flagger_canary_total", "Canaries.", "namespace", NULL);
	g->analysis = metrics_add(m, METRIC_GAUGE, "flagger_canary_metric_analysis", "Last value of a metric check.",
				  "name,namespace,metric", NULL);
}

enum result engine_create(const struct engine_options *o, struct engine **ret, struct error *e)
{
	CLEANUP(engine_destroy_p) struct engine *g = calloc(1, sizeof *g);
	if (!g)
		return error_set(e, RC_EXHAUSTED, "no memory for the engine");
	g->o = *o;
	struct hooks_options h = { .loop = o->loop,
				   .http = o->http,
				   .egress_allow = o->egress_allow,
				   .egress_private = o->egress_private,
				   .dingtalk_hosts = o->dingtalk_robot_hosts,
				   .dingtalk_secret = o->dingtalk_secret,
				   .dingtalk_owner = o->dingtalk_owner };
	enum result r = hooks_create(&h, &g->hooks, e);
	if (r == RC_OK)
		r = alerts_create(&h, &g->alerts, e);
	if (r == RC_OK)
		r = sources_create(&h, &g->sources, e);
	if (r != RC_OK)
		return error_in(e, r, "engine");
	sources_set_traffic(g->sources, o->traffic);
	add_metrics(g, o->metrics);
	o->cluster->changed = object_changed;
	o->cluster->settled = cache_settled;
	o->cluster->changed_owner = g;
	*ret = TAKE(g);
	return RC_OK;
}

void engine_start(struct engine *g)
{
	g->started = true;
	cluster_start(g->o.cluster);
}

void engine_destroy(struct engine *g)
{
	if (!g)
		return;
	if (g->o.cluster) {
		g->o.cluster->changed = NULL;
		g->o.cluster->settled = NULL;
	}
	verbs_cancel_all(g);
	struct runner *r, *next;
	HASH_ITER (hh, g->by_name, r, next) {
		runner_destroy(r);
	}
	announce_cancel_all(g);
	sources_destroy(g->sources);
	alerts_destroy(g->alerts);
	hooks_destroy(g->hooks);
	free(g);
}

void engine_listen(struct engine *g, engine_listener *cb, void *owner)
{
	if (g->listener_count < LISTENERS_MAX) {
		g->listeners[g->listener_count].cb = cb;
		g->listeners[g->listener_count++].owner = owner;
	}
}

void engine_tell(struct engine *g, const struct rollout_event *ev)
{
	for (size_t i = 0; i < g->listener_count; i++)
		g->listeners[i].cb(g->listeners[i].owner, ev);
}

const struct rollout *engine_find(struct engine *g, const char *ns, const char *name, struct arena *a)
{
	struct runner *r = engine_runner(g, ns, name);
	return r ? runner_rollout(r, a) : NULL;
}

const struct rollout *engine_find_uid(struct engine *g, const char *uid, struct arena *a)
{
	struct runner *r;
	HASH_FIND(hu, g->by_uid, uid, strlen(uid), r);
	return r ? runner_rollout(r, a) : NULL;
}

static int active_first(const void *x, const void *y)
{
	const struct rollout *a = *(const struct rollout *const *)x, *b = *(const struct rollout *const *)y;
	if (a->gate.waiting != b->gate.waiting)
		return a->gate.waiting ? -1 : 1;
	if (a->active != b->active)
		return a->active ? -1 : 1;
	int d = strcmp(a->ns, b->ns);
	return d ? d : strcmp(a->name, b->name);
}

const struct rollout *const *engine_list(struct engine *g, const char *ns, struct arena *a, size_t *ret_count)
{
	const struct rollout **list = arena_alloc(a, HASH_COUNT(g->by_name) + 1, sizeof *list);
	size_t n = 0;
	struct runner *r, *next;
	HASH_ITER (hh, g->by_name, r, next) {
		const struct rollout *value = list && (!ns || text_eq(ns, r->ns)) ? runner_rollout(r, a) : NULL;
		if (value)
			list[n++] = value;
	}
	if (n)
		qsort(list, n, sizeof *list, active_first);
	*ret_count = n;
	return list;
}

bool engine_synced(const struct engine *g)
{
	return g->started && cluster_synced(g->o.cluster, KIND_CANARY);
}

bool engine_leading(const struct engine *g)
{
	return cluster_leading(g->o.cluster);
}

void engine_wake_all(struct engine *g)
{
	struct runner *r, *next;
	HASH_ITER (hh, g->by_name, r, next) {
		runner_check(r);
	}
}

void engine_gate_decided(struct engine *g, const char *uid)
{
	struct runner *r;
	HASH_FIND(hu, g->by_uid, uid, strlen(uid), r);
	if (!r)
		return;
	r->person = true;
	runner_wake(r);
}

#include "controller/core/world/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { WORLD_ARENA = 64 << 20, TICK_ARENA = 1 << 20, TURN_MAX = 32 };

enum result world_create(const struct canary *c, const char *revision, int replicas, struct world **ret,
			 struct error *e)
{
	CLEANUP(world_destroy_p) struct world *w = calloc(1, sizeof *w);
	if (!w)
		return error_set(e, RC_EXHAUSTED, "no memory for a world");
	w->arena = arena_create(WORLD_ARENA);
	w->tick = arena_create(TICK_ARENA);
	w->said = calloc(WORLD_SAID_MAX, sizeof *w->said);
	if (!w->arena || !w->tick || !w->said)
		return error_set(e, RC_EXHAUSTED, "no memory for a world");
	w->canary = *c;
	w->now = (struct wall_ms){ 1700000000000 };
	w->counted_at = -1;
	w->pod_start_ms = 2000;
	w->routes = (struct routes){ .primary = 100 };
	w->can_match = w->can_mirror = true;
	w->target = (struct world_side){ .exists = true, .wanted = replicas, .revision = revision };
	w->apex = WORLD_APEX_USER;
	world_advance(w, 0);
	world_advance(w, 60000); /* what is released has been running for a while */
	*ret = TAKE(w);
	return RC_OK;
}

void world_destroy(struct world *w)
{
	if (!w)
		return;
	arena_destroy(w->arena);
	arena_destroy(w->tick);
	free(w->said);
	free(w);
}

static void broke(struct world *w, const char *why)
{
	if (!w->broken)
		w->broken = why;
}

/* ---- pods ---- */

static bool pod_available(const struct world *w, const struct world_pod *p)
{
	return !text_starts(p->revision, "bad") && p->ready_at <= w->now.v;
}

static int count(const struct world *w, const struct world_side *s, const char *revision, bool only_available)
{
	int n = 0;
	for (int i = 0; i < s->pod_count; i++) {
		const struct world_pod *p = &s->pods[i];
		bool of = !revision || text_eq(p->revision, revision);
		n += of && (!only_available || pod_available(w, p));
	}
	return n;
}

int world_available(const struct world *w, enum side side)
{
	return count(w, side == SIDE_TARGET ? &w->target : &w->source, NULL, true);
}

/* Not available ones first, as a ReplicaSet does. */
static void remove_pod(const struct world *w, struct world_side *s, const char *revision, bool equal)
{
	int victim = -1;
	for (int i = s->pod_count - 1; i >= 0; i--) {
		if (text_eq(s->pods[i].revision, revision) != equal)
			continue;
		if (victim < 0 || (pod_available(w, &s->pods[victim]) && !pod_available(w, &s->pods[i])))
			victim = i;
	}
	if (victim < 0)
		return;
	memmove(&s->pods[victim], &s->pods[victim + 1], (size_t)(s->pod_count - victim - 1) * sizeof s->pods[0]);
	s->pod_count--;
}

/* The Deployment controller: rolls without going under what is wanted; a paused one only scales what runs. */
static void settle(struct world *w, struct world_side *s)
{
	if (!s->exists) {
		s->pod_count = 0;
		return;
	}
	bool hold = s->paused && s->pod_count > 0;
	const char *runs = hold ? s->pods[0].revision : s->revision;
	while (count(w, s, runs, false) < s->wanted && s->pod_count < WORLD_PODS_MAX)
		s->pods[s->pod_count++] =
			(struct world_pod){ .revision = runs, .ready_at = w->now.v + w->pod_start_ms };
	while (count(w, s, runs, false) > s->wanted)
		remove_pod(w, s, runs, true);
	if (!s->paused)
		while (s->pod_count > count(w, s, runs, false) &&
		       s->pod_count - count(w, s, runs, false) + count(w, s, runs, true) > s->wanted)
			remove_pod(w, s, runs, false);
	bool complete = count(w, s, s->revision, true) >= s->wanted && s->pod_count == s->wanted;
	if (complete || s->complete_at == 0)
		s->complete_at = w->now.v;
}

static bool takes_traffic(const struct world *w, enum side side)
{
	bool apex = w->apex == (side == SIDE_TARGET ? WORLD_APEX_TARGET : WORLD_APEX_SOURCE);
	if (w->no_router || !w->router)
		return apex;
	bool matched = w->canary.analysis.match_count > 0; /* the router sends only what matches */
	return (apex && (w->routes.primary > 0 || matched)) || (side == SIDE_TARGET && w->routes.canary > 0);
}

/* By replicas only: the apex leads to both sides. */
static bool shared_apex(const struct world *w)
{
	return w->no_router && w->canary.analysis.step_replicas > 0 && w->apex == WORLD_APEX_SOURCE;
}

static void check_traffic(struct world *w)
{
	if (shared_apex(w)) {
		if (world_available(w, SIDE_SOURCE) + world_available(w, SIDE_TARGET) < 1)
			broke(w, "traffic, and no available pod on either side");
		return;
	}
	if (takes_traffic(w, SIDE_SOURCE) && world_available(w, SIDE_SOURCE) < 1)
		broke(w, "traffic to the source, which has no available pod");
	if (takes_traffic(w, SIDE_TARGET) && world_available(w, SIDE_TARGET) < 1)
		broke(w, "traffic to the target, which has no available pod");
	if (w->apex == WORLD_APEX_USER && world_available(w, SIDE_TARGET) < 1 && w->canary_service)
		broke(w, "the user's own Service leads to no available pod");
	if (w->routes.primary + w->routes.canary != 100)
		broke(w, "weights do not sum to 100");
}

void world_advance(struct world *w, int64_t ms)
{
	w->now.v += ms;
	settle(w, &w->target);
	settle(w, &w->source);
}

void world_revise(struct world *w, const char *revision)
{
	w->target.revision = revision;
	w->target.complete_at = w->now.v;
	settle(w, &w->target);
}

/* ---- seen ---- */

static struct workload look(const struct world *w, const struct world_side *s)
{
	int available = count(w, s, NULL, true);
	int64_t deadline = (int64_t)w->canary.progress_deadline_s * 1000;
	bool late = s->exists && !s->paused && w->now.v - s->complete_at > deadline;
	return (struct workload){ .exists = s->exists,
				  .wanted = s->wanted,
				  .replicas = s->pod_count,
				  .updated = count(w, s, s->revision, false),
				  .ready = available,
				  .available = available,
				  .generation = 1,
				  .observed_generation = 1,
				  .has_progressing = true,
				  .deadline_exceeded = late,
				  .min_unavailable = available < s->wanted - s->wanted / 4,
				  .unavailable_since = { s->complete_at },
				  .revision = s->revision ? s->revision : "",
				  .images = s->revision ? s->revision : "",
				  .requested_by = "",
				  .paused = s->paused,
				  .paused_by_us = s->paused_by_us };
}

static enum shape made(bool there)
{
	return there ? SHAPE_AS_WANTED : SHAPE_MISSING;
}

void world_observe(struct world *w, struct observed *ret)
{
	int64_t since = w->now.v - w->counted_at;
	enum shape apex = w->apex == WORLD_APEX_SOURCE ? SHAPE_AS_WANTED : SHAPE_DIFFERENT;
	*ret = (struct observed){
		.now = w->now,
		.due = w->person || w->counted_at < 0 || since >= w->canary.analysis.interval_ms,
		.fresh = true,
		.target = look(w, &w->target),
		.source = look(w, &w->source),
		.source_same_template = w->source.exists && text_eq(w->source.revision, w->target.revision),
		.configs = w->configs,
		.configs_tracked = w->configs_tracked,
		.configs_error = w->configs_error,
		.canary_service = made(w->canary_service),
		.primary_service = made(w->primary_service),
		.apex_service = w->apex == WORLD_APEX_MISSING ? SHAPE_MISSING : apex,
		.apex_to_target = w->apex == WORLD_APEX_TARGET || w->apex == WORLD_APEX_USER,
		.router_objects = made(w->router || w->no_router),
		.router_error = w->router_error,
		.routes = w->routes,
		.routes_error = w->routes_error,
		.can_mirror = w->can_mirror,
		.can_match = w->can_match,
		.can_affinity = true,
		.can_weight = !w->no_router,
		.no_router = w->no_router,
		.strategy_error = w->strategy_error,
		.scaler = SHAPE_AS_WANTED,
		.leftovers = w->canary_service || w->primary_service || w->source.exists,
	};
}

/* ---- effects ---- */

static void scale(struct world *w, const struct effect *f)
{
	struct world_side *s = f->side == SIDE_TARGET ? &w->target : &w->source;
	s->wanted = f->replicas;
	s->complete_at = w->now.v;
}

static void ensure_source(struct world *w, const struct effect *f)
{
	if (w->source.exists)
		return;
	w->source = (struct world_side){
		.exists = true, .wanted = f->replicas, .revision = w->target.revision, .complete_at = w->now.v
	};
}

static void set_finalizer(struct world *w, bool there)
{
	static const char *const ours[] = { "rollcall.dev/give-back", NULL };
	static const char *const flaggers[] = { "finalizer.flagger.app", NULL };
	static const char *const none[] = { NULL };
	const char *const *list = w->canary.extension ? ours : flaggers;
	w->canary.finalizers = there ? list : none;
	w->has_finalizer = there;
}

static void delete_ours(struct world *w)
{
	w->source = (struct world_side){ 0 };
	w->canary_service = w->primary_service = w->router = false;
	w->routes = (struct routes){ .primary = 100 };
}

/* false: refused with a conflict. */
static bool apply(struct world *w, const struct effect *f)
{
	switch (f->kind) {
	case EFFECT_ADD_FINALIZER:
		set_finalizer(w, true);
		break;
	case EFFECT_REMOVE_FINALIZER:
		set_finalizer(w, false);
		w->gone = w->gone || w->canary.deleting;
		break;
	case EFFECT_ENSURE_CANARY_SERVICE:
		w->canary_service = true;
		break;
	case EFFECT_ENSURE_PRIMARY_SERVICE:
		w->primary_service = true;
		break;
	case EFFECT_ENSURE_SOURCE:
		ensure_source(w, f);
		break;
	case EFFECT_APEX_TO_SOURCE:
		w->apex = WORLD_APEX_SOURCE;
		break;
	case EFFECT_APEX_TO_TARGET:
		w->apex = WORLD_APEX_TARGET;
		break;
	case EFFECT_RESTORE_APEX:
		w->apex = WORLD_APEX_TARGET; /* the user's own selector finds the target's pods */
		break;
	case EFFECT_ENSURE_ROUTER:
		w->router = true;
		break;
	case EFFECT_SET_ROUTES:
		w->routes = f->routes;
		break;
	case EFFECT_SCALE:
		scale(w, f);
		break;
	case EFFECT_PAUSE_SCALER:
		w->scaler_paused = true;
		break;
	case EFFECT_RESUME_SCALER:
		w->scaler_paused = false;
		break;
	case EFFECT_PROMOTE:
		if (!text_eq(f->expect_revision, w->target.revision))
			return false;
		w->source.revision = w->target.revision;
		w->source.complete_at = w->now.v;
		break;
	case EFFECT_REVERT_TEMPLATE:
		w->target.revision = w->source.revision;
		w->target.complete_at = w->now.v;
		break;
	case EFFECT_PAUSE_TARGET:
		w->target.paused = w->target.paused_by_us = true;
		break;
	case EFFECT_RESUME_TARGET:
		w->target.paused = w->target.paused_by_us = false;
		w->target.complete_at = w->now.v;
		break;
	case EFFECT_DELETE_OURS:
		delete_ours(w);
		break;
	case EFFECT_DELETE_CANARY:
		w->gone = true;
		break;
	case EFFECT_ENSURE_SCALER:
	case EFFECT_UPDATE_SCALER:
	case EFFECT_FINALIZE_ROUTER:
	case EFFECT_COUNT:
		break;
	}
	settle(w, &w->target);
	settle(w, &w->source);
	check_traffic(w);
	w->effects_done++;
	return true;
}

/* ---- what is kept ---- */

static const char *keep(struct world *w, const char *s)
{
	const char *copy = arena_strdup(w->arena, s ? s : "");
	if (!copy)
		broke(w, "no memory for the world");
	return copy ? copy : "";
}

static struct pairs keep_pairs(struct world *w, const struct pairs *p)
{
	struct pair *at = p->count ? arena_alloc(w->arena, p->count, sizeof *at) : NULL;
	for (size_t i = 0; at && i < p->count; i++)
		at[i] = (struct pair){ keep(w, p->at[i].key), keep(w, p->at[i].value) };
	return (struct pairs){ .at = at, .count = at ? p->count : 0 };
}

static void write_status(struct world *w, const struct canary_status *s)
{
	struct canary_status *now = &w->canary.status;
	*now = *s;
	now->tracked_configs = keep_pairs(w, &s->tracked_configs);
	now->last_applied_spec = keep(w, s->last_applied_spec);
	now->last_promoted_spec = keep(w, s->last_promoted_spec);
	now->session_cookie = keep(w, s->session_cookie);
	now->previous_session_cookie = keep(w, s->previous_session_cookie);
	now->primary_session_cookie = keep(w, s->primary_session_cookie);
	now->condition_status = keep(w, s->condition_status);
	now->condition_reason = keep(w, s->condition_reason);
	now->condition_message = keep(w, s->condition_message);
	now->own.revision = keep(w, s->own.revision);
	now->own.promoted = keep(w, s->own.promoted);
	now->own.old_image = keep(w, s->own.old_image);
	now->own.new_image = keep(w, s->own.new_image);
	now->own.requested_by = keep(w, s->own.requested_by);
	now->own.failed_why = keep(w, s->own.failed_why);
	now->own.request = (struct request_done){ .id = keep(w, s->own.request.id),
						  .verb = keep(w, s->own.request.verb),
						  .outcome = keep(w, s->own.request.outcome),
						  .message = keep(w, s->own.request.message) };
	w->status_writes++;
}

static void hear(struct world *w, const struct decision *d)
{
	for (size_t i = 0; i < d->saying_count && w->said_count < WORLD_SAID_MAX; i++) {
		const struct saying *s = &d->sayings[i];
		w->said[w->said_count++] = (struct world_said){ .text = keep(w, s->text),
								.key = s->key ? keep(w, s->key) : NULL,
								.warning = s->warning,
								.phase = s->phase };
	}
	for (size_t i = 0; i < d->alert_count && w->said_count < WORLD_SAID_MAX; i++) {
		const struct alert *al = &d->alerts[i];
		w->said[w->said_count++] = (struct world_said){ .text = keep(w, al->text),
								.key = al->key ? keep(w, al->key) : NULL,
								.alert = true,
								.severity = al->severity };
	}
}

size_t world_heard_times(const struct world *w, const char *text)
{
	size_t n = 0;
	for (size_t i = 0; i < w->said_count; i++)
		n += text_eq(w->said[i].text, text);
	return n;
}

const struct world_said *world_heard(const struct world *w, const char *text)
{
	for (size_t i = w->said_count; i > 0; i--)
		if (text_eq(w->said[i - 1].text, text))
			return &w->said[i - 1];
	return NULL;
}

/* ---- ticks ---- */

static bool stops(const struct question *q, enum verdict v)
{
	bool reverse = q->type == HOOK_ROLLBACK && (q->kind == ASK_HOOK || q->kind == ASK_GATE);
	return (v == ANSWER_YES) == reverse;
}

/* Asks until the core has decided. */
static enum result decide(struct world *w, const struct observed *o, struct answer *answers, size_t *ret_count,
			  struct error *e)
{
	size_t n = 0;
	for (;;) {
		enum result r = step(&w->canary, o, answers, n, w->tick, &w->last, e);
		if (r != RC_OK)
			return r;
		*ret_count = n;
		if (w->last.kind != DECIDE_ASK)
			return RC_OK;
		for (size_t i = 0; i < w->last.question_count; i++) {
			if (n == WORLD_ANSWERS_MAX)
				return error_set(e, RC_EXHAUSTED, "the core does not stop asking");
			struct answer *a = &answers[n++];
			*a = (struct answer){ .asked = w->last.questions[i], .text = "", .by = "" };
			if (w->answer)
				w->answer(w->owner, &w->last.questions[i], a);
			if (stops(&a->asked, a->verdict))
				break;
		}
	}
}

static void carry_out(struct world *w, const struct world_crash *crash)
{
	const struct decision *d = &w->last;
	for (size_t i = 0; i < d->effect_count; i++) {
		if (crash && crash->happens && i >= crash->effects)
			return;
		if (!apply(w, &d->effects[i]))
			return; /* the next tick decides afresh */
	}
	if (d->kind == DECIDE_DO)
		hear(w, d);
	if (crash && crash->happens)
		return;
	if (d->counted)
		w->counted_at = w->now.v;
	w->person = false;
	if (d->write_status)
		write_status(w, &d->status);
}

enum result world_tick(struct world *w, bool due, const struct world_crash *crash, struct error *e)
{
	struct observed o;
	struct answer answers[WORLD_ANSWERS_MAX];
	size_t n = 0;
	arena_reset(w->tick);
	world_observe(w, &o);
	o.due = o.due || due;
	enum result r = decide(w, &o, answers, &n, e);
	if (r != RC_OK)
		return r;
	w->decisions++;
	const char *why = decision_broken(&w->canary, &o, answers, n, &w->last, w->tick);
	if (why)
		broke(w, why);
	carry_out(w, crash);
	if (crash && crash->happens)
		w->counted_at = -1; /* a new process knows of no interval */
	return RC_OK;
}

enum result world_turn(struct world *w, struct error *e)
{
	for (int i = 0; i < TURN_MAX && !w->gone; i++) {
		enum result r = world_tick(w, false, NULL, e);
		if (r != RC_OK)
			return r;
		if (w->last.kind != DECIDE_DO || (!w->last.again && !w->last.effect_count))
			return RC_OK;
	}
	if (!w->gone)
		broke(w, "ticks without end");
	return RC_OK;
}

#include "controller/core/extension.h"

#include "base/text.h"
#include "controller/core/objects.h"
#include "controller/core/revisions.h"
#include "controller/core/runs.h"
#include "controller/core/sides.h"
#include "controller/core/traffic.h"

int extension_maximum(const struct draft *t)
{
	const struct observed *o = t->o;
	if (t->c->analysis.max_replicas > 0)
		return t->c->analysis.max_replicas;
	if (t->d.status.own.max_replicas > 0)
		return t->d.status.own.max_replicas;
	int found = o->target.wanted > o->source.wanted ? o->target.wanted : o->source.wanted;
	return found > 0 ? found : 1;
}

/* Past its deadline, what is there of the source has to do: better than leaving traffic where it must not stay. */
static bool source_is_ready(struct draft *t)
{
	const char *why;
	if (side_readiness(t, SIDE_SOURCE, &why) == BROKEN && t->o->source.available > 0)
		return true;
	return side_ready(t, SIDE_SOURCE);
}

/* ---- the source takes the traffic back ---- */

/* All of the source available, or as much as it will ever be. */
static bool source_is_up(struct draft *t)
{
	int whole = extension_maximum(t);
	/* Also takes back what the same tick may have decided about a smaller one. */
	draft_scale(t, SIDE_SOURCE, t->o->source.wanted > whole ? t->o->source.wanted : whole);
	if (t->o->source.wanted < whole) {
		draft_next(t, "scaling the stable version up");
		return false;
	}
	return source_is_ready(t);
}

static bool traffic_at_source(const struct draft *t)
{
	const struct observed *o = t->o;
	return !o->apex_to_target && o->apex_service == SHAPE_AS_WANTED && (o->no_router || o->routes.canary == 0);
}

/* Once a source that is up has been seen. Counted: the traffic gets an interval to move. */
static void traffic_to_source(struct draft *t)
{
	if (t->o->apex_to_target || t->o->apex_service != SHAPE_AS_WANTED)
		draft_do(t, EFFECT_APEX_TO_SOURCE);
	if (!t->o->no_router && !draft_route(t, (struct routes){ .primary = 100 }))
		return;
	t->d.status.own.weight = 0;
	t->d.status.own.target_serves = false;
	draft_touch(t);
	draft_counted(t);
	draft_next(t, "traffic returns to the stable version");
}

/* true: the source has had all of the traffic for an interval. */
static bool source_has_it_all(struct draft *t)
{
	if (!source_is_up(t))
		return false;
	if (!traffic_at_source(t)) {
		traffic_to_source(t);
		return false;
	}
	if (!t->o->due) {
		draft_next(t, "traffic returns to the stable version");
		return false;
	}
	/* Again, in case that we were killed after the traffic had moved. */
	t->d.status.own.weight = 0;
	t->d.status.own.target_serves = false;
	return true;
}

static void target_to_zero(struct draft *t)
{
	if (has_scaler(t->c))
		draft_do(t, EFFECT_PAUSE_SCALER);
	draft_scale(t, SIDE_TARGET, 0);
	t->d.status.own.weight = 0;
}

static void fall_back(struct draft *t)
{
	if (!source_has_it_all(t))
		return;
	target_to_zero(t);
	SAY(t, FAILED);
	run_end_failed(t);
}

void extension_roll_back(struct draft *t)
{
	t->d.status.own.falling_back = true;
	t->d.status.own.next_weight = 0;
	draft_touch(t);
	fall_back(t);
}

void extension_cancel(struct draft *t)
{
	if (t->s->own.returning && t->o->apex_to_target) {
		/* Nothing has moved: the target still serves what it is set back to. */
		draft_scale(t, SIDE_SOURCE, 0);
		run_end_cancelled(t);
		return;
	}
	if (!source_has_it_all(t))
		return;
	target_to_zero(t);
	run_end_cancelled(t);
}

/* ---- start, and start again ---- */

static void target_to_first_step(struct draft *t)
{
	struct rung first = strategy_next(t->c, t->o, &t->d.status.own, 0, extension_maximum(t));
	draft_scale(t, SIDE_TARGET, first.replicas);
	if (t->o->target.paused_by_us)
		draft_do(t, EFFECT_RESUME_TARGET);
}

void extension_start(struct draft *t)
{
	if (t->o->source.wanted < extension_maximum(t))
		draft_scale(t, SIDE_SOURCE, extension_maximum(t));
	if (t->d.status.own.target_serves)
		t->d.status.own.returning = true;
	else
		target_to_first_step(t);
}

/* After a release the target serves and is paused: the source takes over before the new revision gets its first pod. */
static void go_on_returning(struct draft *t)
{
	if (!source_has_it_all(t))
		return;
	t->d.status.own.returning = false;
	target_to_first_step(t);
	draft_touch(t);
	draft_counted(t);
}

void extension_restart(struct draft *t)
{
	bool had_traffic = t->s->weight > 0 || t->o->apex_to_target;
	if (had_traffic || !traffic_at_source(t)) {
		if (!source_has_it_all(t))
			return;
	} else if (!source_is_up(t)) {
		return;
	}
	run_begin(t);
	SAY(t, RESTARTED);
	if (run_people_confirm(t->c)) {
		run_ask_again(t);
	} else {
		target_to_first_step(t);
		draft_sync(t, PHASE_PROGRESSING, 0);
	}
	draft_moved(t, TRANSITION_RESTARTED);
	draft_counted(t);
}

/* ---- weights ---- */

/* What the source needs at the weight that is, not at the one that comes. */
static int source_wanted_now(const struct draft *t)
{
	const struct own_status *own = &t->s->own;
	int whole = extension_maximum(t);
	if (strategy_of(t->c, t->o) == STRATEGY_AB || strategy_of(t->c, t->o) == STRATEGY_BLUE_GREEN)
		return whole;
	int needed = strategy_replicas(t->c, t->o, own->weight, own->step, whole);
	int there = t->o->target.available < needed ? t->o->target.available : needed;
	return extension_source_replicas(whole, own->weight > 0 ? there : 0, own->weight);
}

void extension_keep_replicas(struct draft *t)
{
	const struct own_status *own = &t->s->own;
	int whole = extension_maximum(t);
	int needed = own->step > 0 ? strategy_replicas(t->c, t->o, own->weight, own->step, whole)
				   : strategy_next(t->c, t->o, own, 0, whole).replicas;
	if (t->o->target.wanted < needed)
		draft_scale(t, SIDE_TARGET, needed);
	int wanted = source_wanted_now(t);
	bool settled = t->o->no_router || t->o->routes.canary == t->s->own.weight;
	bool lower = t->o->source.wanted > wanted && t->o->due && settled;
	if (t->o->source.wanted < wanted || lower)
		draft_scale(t, SIDE_SOURCE, wanted);
}

bool extension_busy(struct draft *t)
{
	if (t->s->own.falling_back)
		fall_back(t);
	else if (revision_reverted(t))
		run_cancel(t);
	else if (revision_changed(t))
		run_restart(t);
	else if (t->s->own.returning)
		go_on_returning(t);
	else
		return false;
	return true;
}

static void say_advanced(struct draft *t, int weight)
{
	struct own_status *own = &t->d.status.own;
	if (t->s->phase == PHASE_WAITING_PROMOTION) {
		draft_phase(t, PHASE_PROGRESSING); /* a manual release went back */
		t->d.status.iterations = 0;
	}
	own->weight = weight;
	own->next_weight = 0;
	traffic_advanced(t, weight);
}

static bool pods_for(struct draft *t, const struct rung *r)
{
	const struct workload *target = &t->o->target, *source = &t->o->source;
	int rest = extension_source_replicas(extension_maximum(t), r->replicas, r->weight);
	if (target->wanted < r->replicas)
		draft_scale(t, SIDE_TARGET, r->replicas);
	/* Downwards the source gets more to do; what it has must be enough before. */
	bool back = r->weight < t->s->own.weight;
	if (back)
		draft_scale(t, SIDE_SOURCE, source->wanted < rest ? rest : source->wanted);
	return target->available >= r->replicas && (!back || source->available >= rest);
}

void extension_advance(struct draft *t, const struct rung *r)
{
	struct own_status *own = &t->d.status.own;
	if (!pods_for(t, r)) {
		if (own->next_weight != r->weight) {
			own->next_weight = r->weight;
			own->gate = HOOK_ROLLOUT;
			draft_touch(t);
		}
		if (t->o->due)
			draft_counted(t);
		draft_next(t, draft_text(t, "waiting for pods for weight %d", r->weight));
		return;
	}
	struct routes to = { .primary = 100 - r->weight, .canary = r->weight };
	if (!t->o->no_router && !draft_route(t, to))
		return;
	int rest = extension_source_replicas(extension_maximum(t), r->replicas, r->weight);
	/* At 100 the last of the source's pods go only when the traffic has had an interval to leave. */
	if (r->weight < 100)
		draft_scale(t, SIDE_SOURCE, rest);
	if (t->o->target.wanted > r->replicas)
		draft_scale(t, SIDE_TARGET, r->replicas);
	say_advanced(t, r->weight);
}

/* ---- promotion: the target becomes the whole ---- */

void extension_promote(struct draft *t)
{
	SAY(t, PROMOTING);
	if (t->o->target.wanted < extension_maximum(t))
		draft_scale(t, SIDE_TARGET, extension_maximum(t));
	draft_phase(t, PHASE_PROMOTING);
	t->d.status.own.next_weight = 0;
	draft_moved(t, TRANSITION_PROMOTING);
	draft_counted(t);
	draft_next(t, "waiting for pods");
}

static bool target_is_whole(struct draft *t)
{
	int whole = extension_maximum(t);
	if (t->o->target.wanted < whole) {
		draft_scale(t, SIDE_TARGET, whole);
		return false;
	}
	if (!side_ready(t, SIDE_TARGET))
		return false;
	if (t->o->target.available >= 1 &&
	    t->o->target.available >= whole * t->c->analysis.canary_ready_threshold / 100)
		return true;
	draft_next(t, "waiting for pods");
	return false;
}

/* A newer template must not reach the pods that are about to serve everything. */
static void pause_target(struct draft *t)
{
	if (!t->o->target.paused)
		draft_do(t, EFFECT_PAUSE_TARGET);
}

void extension_promoting(struct draft *t)
{
	if (!target_is_whole(t))
		return;
	if (!t->o->no_router && t->o->routes.canary != 100) {
		if (!draft_route(t, (struct routes){ .canary = 100 }))
			return;
		pause_target(t);
		t->d.status.weight = 100;
		draft_touch(t);
		draft_counted(t);
		draft_next(t, "traffic moves to the new revision");
		return;
	}
	if (!t->o->due)
		return;
	pause_target(t);
	draft_do(t, EFFECT_APEX_TO_TARGET);
	draft_phase(t, PHASE_FINALISING);
	t->d.status.own.target_serves = true;
	draft_counted(t);
}

void extension_finalising(struct draft *t)
{
	if (!target_is_whole(t))
		return;
	if (!t->o->apex_to_target) {
		draft_do(t, EFFECT_APEX_TO_TARGET);
		draft_counted(t);
		return;
	}
	if (!t->o->due)
		return;
	/* The apex leads to the target now: the weight of the router no longer matters, and no traffic to the source.
	 */
	if (!t->o->no_router && !draft_route(t, (struct routes){ .primary = 100 }))
		return;
	pause_target(t);
	draft_scale(t, SIDE_SOURCE, 0);
	draft_promote(t, t->s->last_applied_spec);
	run_succeed(t);
	t->d.status.own.source_at_promoted = true;
	t->d.status.own.target_serves = true;
	t->d.status.own.weight = 100;
}

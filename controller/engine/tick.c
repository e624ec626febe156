/* One tick: observe, ask the core, carry out what it says, sleep. The core may ask questions first; then it is asked
 * again with the answers. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "controller/engine/runner.h"

static struct tick *tick_create(struct runner *r)
{
	struct tick *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->runner = r;
	t->person = r->person;
	r->person = false;
	t->began_ms = loop_now(r->engine->o.loop).v;
	t->arena = arena_create(TICK_ARENA_BYTES);
	t->canary = r->canary;
	t->version = t->arena ? arena_strdup(t->arena, t->canary->resource_version) : NULL;
	if (!t->version) {
		r->person = t->person;
		arena_destroy(t->arena);
		free(t);
		return NULL;
	}
	r->canary = NULL; /* the tick holds it; a newer one may arrive meanwhile */
	return t;
}

void tick_destroy(struct tick *t)
{
	if (!t)
		return;
	struct runner *r = t->runner;
	if (t->call)
		cluster_cancel(r->engine->o.cluster, t->call);
	hook_cancel(&t->hook);
	source_cancel(&t->metric);
	if (r->canary || r->invalid)
		canary_free(t->canary); /* a newer version arrived meanwhile */
	else
		r->canary = t->canary;
	r->tick = NULL;
	arena_destroy(t->arena);
	free(t);
}

bool tick_droppable(const struct tick *t)
{
	if (t->stage != TICK_ASKS || !(t->hook || t->metric))
		return false;
	/* After the end nothing is urgent, and those hooks are called once. */
	return t->metric || t->decision.questions[t->at].type != HOOK_POST_ROLLOUT;
}

/* The tick came to nothing: whoever woke it is still waiting. */
void tick_give_back(struct tick *t)
{
	t->runner->person = t->runner->person || t->person;
}

static void wake_by_time(void *owner)
{
	struct runner *r = owner;
	runner_wake(r);
}

/* The interval timer runs only where time alone can change something: not for a canary at rest. */
static int64_t interval_wake(const struct runner *r, const struct canary *c)
{
	switch (c->status.phase) {
	case PHASE_INITIALIZED:
	case PHASE_SUCCEEDED:
	case PHASE_FAILED:
		if (!c->status.own.post_pending && !c->status.own.completing && !c->deleting && !c->suspend)
			return -1;
		break;
	default:
		break;
	}
	if (r->counted_ms < 0)
		return c->analysis.interval_ms;
	int64_t left = r->counted_ms + c->analysis.interval_ms - loop_now(r->engine->o.loop).v;
	return left > 0 ? left : c->analysis.interval_ms;
}

void tick_end(struct tick *t, int64_t wake_ms)
{
	struct runner *r = t->runner;
	bool again = r->again || (t->decision.kind == DECIDE_DO && t->decision.again);
	int64_t interval = interval_wake(r, t->canary);
	tick_destroy(t);
	r->again = false;
	if (interval >= 0 && (wake_ms < 0 || interval < wake_ms))
		wake_ms = interval;
	if (again)
		runner_wake(r);
	else if (wake_ms >= 0)
		timer_start(r->engine->o.loop, &r->wake, wake_ms, wake_by_time, r);
}

void tick_settle(struct tick *t)
{
	struct runner *r = t->runner;
	const struct decision *d = &t->decision;
	r->retry_ms = RETRY_FIRST_MS;
	r->conflicts = 0;
	if (d->counted)
		r->counted_ms = loop_now(r->engine->o.loop).v;
	set_text(&r->next, d->next);
	set_text(&r->gate_policy, d->gate.policy);
	set_text(&r->gate_name, d->gate.name);
	r->gate = d->gate;
	r->gate.policy = r->gate.name = NULL; /* those live in the tick */
	update_gauges(t);
}

static void tick_wait(struct tick *t)
{
	struct runner *r = t->runner;
	const struct decision *d = &t->decision;
	tick_settle(t);
	runner_show(r, NEWS_CHANGED, "", false, 0, NULL);
	tick_end(t, d->wake_ms);
}

static void tick_stand_still(struct tick *t, const char *event, const char *why)
{
	log_error(event, "canary=%s why=%s", t->runner->key, why);
	set_text(&t->runner->message, why);
	tick_give_back(t);
	t->decision = (struct decision){ .kind = DECIDE_WAIT };
	tick_end(t, RETRY_LAST_MS);
}

void tick_step(struct tick *t)
{
	struct error e;
	t->at = 0;
	enum result rc = step(t->canary, &t->observed, t->answers, t->answer_count, t->arena, &t->decision, &e);
	if (rc != RC_OK) {
		tick_stand_still(t, "tick_failed", e.text);
		return;
	}
	if (t->decision.kind == DECIDE_ASK && t->answer_count >= ANSWERS_MAX) {
		tick_stand_still(t, "tick_failed", "too many hooks and metrics");
		return;
	}
	const char *broken =
		decision_broken(t->canary, &t->observed, t->answers, t->answer_count, &t->decision, t->arena);
	if (broken) {
		/* Better to stand still than to move traffic on a decision that contradicts itself. */
		tick_stand_still(t, "decision_broken", broken);
		return;
	}
	switch (t->decision.kind) {
	case DECIDE_ASK:
		tick_ask(t);
		break;
	case DECIDE_DO:
		tick_act(t);
		break;
	case DECIDE_WAIT:
		tick_wait(t);
		break;
	}
}

void tick_begin(struct runner *r)
{
	struct engine *g = r->engine;
	assert(!r->tick);
	timer_stop(&r->wake);
	if (!r->canary || !cluster_leading(g->o.cluster))
		return; /* woken again when the object or the lease changes */
	runner_want(r);
	struct tick *t = tick_create(r);
	if (!t) {
		timer_start(g->o.loop, &r->wake, RETRY_LAST_MS, wake_by_time, r);
		return;
	}
	r->tick = t;
	metric_inc(g->ticks, 1);
	struct error e;
	if (tick_observe(t, &e) != RC_OK) {
		tick_fail(t, e.code, e.text);
		return;
	}
	r->unfresh = !t->observed.fresh;
	if (r->unfresh) {
		tick_give_back(t);
		t->decision = (struct decision){ .kind = DECIDE_WAIT };
		tick_end(t, RETRY_LAST_MS);
		return;
	}
	tick_step(t);
}

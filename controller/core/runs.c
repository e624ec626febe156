#include "controller/core/runs.h"

#include "base/text.h"
#include "controller/core/extension.h"
#include "controller/core/objects.h"
#include "controller/core/strategy.h"

static bool has_hook(const struct canary *c, enum hook_type type)
{
	for (size_t i = 0; i < c->analysis.hook_count; i++)
		if (c->analysis.hooks[i].type == type)
			return true;
	return false;
}

bool run_stranded(const struct draft *t)
{
	const struct observed *o = t->o;
	return !t->c->extension && !o->no_router && o->routes.canary == 100 && o->source.available < 1;
}

void run_begin(struct draft *t)
{
	struct own_status *own = &t->d.status.own;
	int whole = own->max_replicas;
	if (own->target_serves && t->o->target.wanted > 0)
		whole = t->o->target.wanted; /* somebody may have scaled what serves */
	*own = (struct own_status){ .revision = draft_identity(t),
				    .promoted = own->promoted,
				    .old_image = t->o->source.images,
				    .new_image = t->o->target.images,
				    .requested_by = t->o->target.requested_by,
				    .weight = own->weight,
				    .wanted_weight = -1,
				    .source_at_promoted = own->source_at_promoted,
				    .target_serves = own->target_serves,
				    .failed_why = "",
				    .run = own->run + 1,
				    .max_replicas = whole,
				    .started_at = t->o->now,
				    .changed_at = t->o->now,
				    .request = own->request };
}

/* ---- start ---- */

void run_scale_up(struct draft *t)
{
	int from_scaler = t->o->scaler_min > 1 ? t->o->scaler_min : 1;
	int from_source = t->o->source.wanted > 0 ? t->o->source.wanted : 1;
	if (t->o->target.wanted == 0)
		draft_scale(t, SIDE_TARGET, has_scaler(t->c) ? from_scaler : from_source);
}

void run_start(struct draft *t)
{
	bool source_serves = !t->d.status.own.target_serves && !run_stranded(t);
	if (source_serves && !draft_route(t, (struct routes){ .primary = 100 }))
		return;
	SAY(t, STARTED);
	ALARM(t, STARTED);
	if (has_scaler(t->c))
		draft_do(t, EFFECT_RESUME_SCALER);
	if (t->c->extension)
		extension_start(t);
	else
		run_scale_up(t);
	draft_sync(t, PHASE_PROGRESSING, 0);
	draft_moved(t, TRANSITION_STARTED);
	draft_counted(t);
	draft_next(t, "waiting for pods");
}

void run_wait(struct draft *t, const struct gate *g, enum gate_outcome why)
{
	bool news = t->s->phase != PHASE_WAITING || !text_eq(t->s->own.revision, t->d.status.own.revision);
	if (news) {
		int failed_checks = t->s->failed_checks;
		draft_sync(t, PHASE_WAITING, t->s->weight);
		t->d.status.failed_checks = failed_checks; /* as the original: not touched by waiting */
		SAY(t, ROLLOUT_WAITS, .ordinal = g->name, .a = g->name);
		if (!g->mute)
			ALARM(t, ROLLOUT_WAITS, .ordinal = g->name);
		draft_moved(t, TRANSITION_WAITING);
	}
	if (why == GATE_HELD && !t->d.status.own.held) {
		SAY(t, GATE_HELD, .ordinal = g->name, .a = g->name, .b = gate_by(t, g));
		t->d.status.own.held = true;
		draft_touch(t);
	}
	if (t->o->due)
		draft_counted(t);
	gate_stand(t, g);
}

/* ---- ends ---- */

void run_end_failed(struct draft *t)
{
	struct canary_status *s = &t->d.status;
	/* The hash of the run's revision stays: what has come meanwhile is still new (E60). */
	draft_phase(t, PHASE_FAILED);
	s->failed_checks = 0;
	s->own.falling_back = false;
	s->own.returning = false;
	s->own.next_weight = 0;
	s->own.post_pending = has_hook(t->c, HOOK_POST_ROLLOUT);
	t->d.again = true;
	draft_moved(t, TRANSITION_FAILED);
	draft_counted(t);
}

void run_end_cancelled(struct draft *t)
{
	SAY(t, CANCELLED);
	t->d.status.own.falling_back = false;
	t->d.status.own.returning = false;
	t->d.status.own.next_weight = 0;
	draft_sync(t, PHASE_SUCCEEDED, 0);
	t->d.status.last_promoted_spec = t->d.status.last_applied_spec;
	t->d.status.own.promoted = t->d.status.own.revision;
	draft_moved(t, TRANSITION_CANCELLED);
	draft_counted(t);
}

/* Before a start nothing runs; but a start may have been cut off between its effects and its status. */
static void nothing_started(struct draft *t)
{
	if (!t->s->own.target_serves && t->o->routes.canary == 0)
		draft_scale(t, SIDE_TARGET, 0);
}

void run_withdraw(struct draft *t)
{
	nothing_started(t);
	run_end_cancelled(t);
}

void run_refuse(struct draft *t, const char *why)
{
	nothing_started(t);
	if (t->s->phase != PHASE_WAITING || !text_eq(t->s->own.revision, t->d.status.own.revision))
		draft_sync(t, PHASE_WAITING, 0);
	t->d.status.own.failed_why = why;
	run_end_failed(t);
	if (!t->s->own.target_serves)
		t->d.status.own.weight = t->o->routes.canary;
}

void run_rollback(struct draft *t, const char *why)
{
	t->d.status.own.failed_why = why;
	if (t->c->extension) {
		extension_roll_back(t);
		return;
	}
	if (!draft_route(t, (struct routes){ .primary = 100 }))
		return;
	SAY(t, FAILED);
	if (has_scaler(t->c))
		draft_do(t, EFFECT_PAUSE_SCALER);
	draft_scale(t, SIDE_TARGET, 0);
	run_end_failed(t);
}

void run_reject(struct draft *t, const struct gate *g)
{
	const char *by = gate_by(t, g);
	const char *why = draft_text(t, "%s was rejected%s", g->name, by);
	SAY(t, GATE_REJECTED, .ordinal = g->name, .a = g->name, .b = by);
	ALARM(t, ROLLED_BACK, .ordinal = g->name, .a = why);
	if (g->type == HOOK_CONFIRM_ROLLOUT)
		run_refuse(t, why);
	else
		run_rollback(t, why);
}

void run_cancel(struct draft *t)
{
	if (t->c->extension) {
		extension_cancel(t);
		return;
	}
	if (!draft_route(t, (struct routes){ .primary = 100 }))
		return;
	if (has_scaler(t->c))
		draft_do(t, EFFECT_PAUSE_SCALER);
	draft_scale(t, SIDE_TARGET, 0);
	run_end_cancelled(t);
}

/* ---- a new revision in the middle ---- */

bool run_people_confirm(const struct canary *c)
{
	if (c->gates[HOOK_CONFIRM_ROLLOUT])
		return true;
	for (size_t i = 0; i < c->analysis.hook_count; i++) {
		const struct hook *h = &c->analysis.hooks[i];
		if (h->type == HOOK_CONFIRM_ROLLOUT && h->policy && !h->halt)
			return true;
	}
	return false;
}

/* The target has its new template already; what can be taken from it until people have decided are its pods. */
void run_ask_again(struct draft *t)
{
	if (has_scaler(t->c))
		draft_do(t, EFFECT_PAUSE_SCALER);
	draft_scale(t, SIDE_TARGET, 0);
	draft_sync(t, PHASE_WAITING, 0);
	t->d.again = true;
}

void run_restart(struct draft *t)
{
	if (t->c->extension) {
		extension_restart(t);
		return;
	}
	if (!run_stranded(t) && !draft_route(t, (struct routes){ .primary = 100 }))
		return;
	run_begin(t);
	SAY(t, RESTARTED);
	if (run_people_confirm(t->c) && !run_stranded(t))
		run_ask_again(t);
	else
		draft_sync(t, PHASE_PROGRESSING, 0);
	draft_moved(t, TRANSITION_RESTARTED);
	draft_counted(t);
}

/* ---- promotion ---- */

void run_promote(struct draft *t)
{
	if (t->c->extension) {
		extension_promote(t);
		return;
	}
	SAY(t, COPYING);
	draft_promote(t, t->s->last_applied_spec);
	draft_phase(t, PHASE_PROMOTING);
	draft_moved(t, TRANSITION_PROMOTING);
	draft_counted(t);
	draft_next(t, "waiting for the primary");
}

void run_say_completed(struct draft *t)
{
	if (t->c->extension)
		SAY(t, COMPLETED_SERVES);
	else if (t->c->skip_analysis)
		SAY(t, COMPLETED_SKIPPED);
	else
		SAY(t, COMPLETED);
	if (t->c->skip_analysis)
		ALARM(t, SKIPPED);
	else
		ALARM(t, SUCCEEDED);
}

void run_succeed(struct draft *t)
{
	draft_phase(t, PHASE_SUCCEEDED);
	draft_moved(t, TRANSITION_SUCCEEDED);
	draft_counted(t);
	t->d.again = true;
	if (has_hook(t->c, HOOK_POST_ROLLOUT))
		t->d.status.own.post_pending = true;
	else
		run_say_completed(t);
}

/* Traffic stays on the canary: its pods run, the primary's do not (T15). */
void run_promotion_failed(struct draft *t, const char *why)
{
	if (!draft_route(t, (struct routes){ .canary = 100 }))
		return;
	SAY(t, PROMOTION_FAILED, .a = why);
	ALARM(t, PROMOTION_FAILED, .a = why);
	t->d.status.own.failed_why = why;
	run_end_failed(t);
	t->d.status.weight = 100;
	t->d.status.own.weight = 100;
}

#include "controller/core/leave.h"

#include "base/text.h"
#include "controller/core/extension.h"
#include "controller/core/objects.h"
#include "controller/core/readiness.h"
#include "controller/core/runs.h"

/* own.leaving: how far Terminating has come. Each step waits for what the one before has caused. */
enum { LEAVE_TARGET, LEAVE_ROUTES, LEAVE_OBJECTS, LEAVE_GONE };

static bool has_finalizer(const struct canary *c, const char *name)
{
	for (const char *const *f = c->finalizers; f && *f; f++)
		if (text_eq(*f, name))
			return true;
	return false;
}

static bool gives_back(const struct canary *c)
{
	return has_finalizer(c, "rollcall.dev/give-back") ||
	       (has_finalizer(c, "finalizer.flagger.app") && c->revert_on_deletion);
}

bool leave_finalizer_missing(const struct draft *t)
{
	const struct canary *c = t->c;
	if (c->deleting)
		return false;
	if (c->extension && !has_finalizer(c, "rollcall.dev/give-back"))
		return true;
	return !c->extension && c->revert_on_deletion && !has_finalizer(c, "finalizer.flagger.app");
}

bool leave_finalizer_unwanted(const struct draft *t)
{
	const struct canary *c = t->c;
	return !c->extension && !c->revert_on_deletion && has_finalizer(c, "finalizer.flagger.app");
}

bool leave_is_due(const struct draft *t)
{
	return t->s->phase == PHASE_TERMINATING || t->c->deleting;
}

/* The target carries something that was never approved: production keeps what is promoted. */
static bool target_unapproved(struct draft *t)
{
	const struct own_status *own = &t->s->own;
	enum phase p = t->s->phase;
	bool run_is_stable = p == PHASE_INITIALIZING || p == PHASE_PROMOTING || p == PHASE_FINALISING;
	const char *stable = run_is_stable ? own->revision : own->promoted;
	if (!t->o->source.exists || t->o->source_same_template)
		return false;
	if (!text_empty(stable))
		return !text_eq(draft_identity(t), stable);
	return !text_empty(t->s->last_promoted_spec) && !text_eq(t->o->target.revision, t->s->last_promoted_spec);
}

void leave_begin(struct draft *t)
{
	if (target_unapproved(t))
		draft_do(t, EFFECT_REVERT_TEMPLATE);
	SAY(t, TERMINATING);
	draft_phase(t, PHASE_TERMINATING);
	t->d.status.own.completing = true;
	t->d.status.own.leaving = LEAVE_TARGET;
	t->d.again = true;
	draft_next(t, "the target takes over");
}

static void reached(struct draft *t, int step)
{
	t->d.status.own.leaving = step;
	draft_touch(t);
	draft_counted(t);
	draft_next(t, "giving everything back");
}

static int whole(const struct draft *t)
{
	if (t->c->extension)
		return extension_maximum(t);
	int n = t->o->source.exists ? t->o->source.wanted : t->o->target.wanted;
	return n > 0 ? n : 1;
}

/* The user's Service has never been led elsewhere, or to a source without pods: nothing is gained by waiting. */
static bool need_not_wait(const struct draft *t)
{
	bool at_source = t->o->apex_service == SHAPE_AS_WANTED && !t->o->apex_to_target;
	if (at_source)
		return t->o->source.available < 1 && t->o->target.available < 1;
	return !t->s->own.target_serves;
}

static bool target_is_there(struct draft *t)
{
	const struct workload *w = &t->o->target;
	const char *why;
	struct wall_ms deadline;
	if (!w->exists)
		return true;
	if (w->wanted < whole(t))
		draft_scale(t, SIDE_TARGET, whole(t));
	if (has_scaler(t->c) && w->wanted < whole(t))
		draft_do(t, EFFECT_RESUME_SCALER);
	if (w->paused_by_us)
		draft_do(t, EFFECT_RESUME_TARGET);
	if (t->d.effect_count)
		return false;
	enum readiness r = readiness_of(w, t->c->target.name, t->c->ns, 100, t->c->progress_deadline_s, t->o->now, t->a,
					&why, &deadline);
	if ((r == READY && w->available >= whole(t)) || need_not_wait(t))
		return true;
	if (t->o->due && r != READY)
		SAY(t, NOT_READY_TO_LEAVE, .a = why);
	draft_next(t, "waiting for pods");
	return false;
}

static void delete_objects(struct draft *t)
{
	draft_do(t, EFFECT_FINALIZE_ROUTER);
	draft_do(t, EFFECT_DELETE_OURS);
	reached(t, LEAVE_GONE);
	t->d.again = true;
}

/* The apex leads to the target by now: both ways end at the same pods. */
static void routes_back(struct draft *t)
{
	bool moves = t->o->router_objects != SHAPE_MISSING && !t->o->no_router && t->o->routes.canary > 0;
	if (!moves)
		delete_objects(t);
	else if (draft_route(t, (struct routes){ .primary = 100 }))
		reached(t, LEAVE_OBJECTS);
}

static void last_step(struct draft *t)
{
	if (t->o->leftovers) {
		draft_do(t, EFFECT_DELETE_OURS);
		return;
	}
	SAY(t, TERMINATED);
	draft_do(t, EFFECT_REMOVE_FINALIZER);
	if (!t->c->deleting)
		draft_do(t, EFFECT_DELETE_CANARY);
	draft_moved(t, TRANSITION_COMPLETED);
}

static void go_on(struct draft *t)
{
	switch (t->s->own.leaving) {
	case LEAVE_TARGET:
		if (!target_is_there(t))
			return;
		draft_do(t, EFFECT_RESTORE_APEX);
		reached(t, LEAVE_ROUTES);
		return;
	case LEAVE_ROUTES:
		if (t->o->due)
			routes_back(t);
		return;
	case LEAVE_OBJECTS:
		if (t->o->due)
			delete_objects(t);
		return;
	default:
		last_step(t);
	}
}

void leave(struct draft *t)
{
	switch (t->s->phase) {
	case PHASE_TERMINATING:
		go_on(t);
		return;
	case PHASE_PROGRESSING:
	case PHASE_WAITING_PROMOTION:
		if (!gives_back(t->c))
			break;
		if (!t->s->own.falling_back)
			SAY(t, ROLLBACK_DELETED);
		run_rollback(t, "the Canary is deleted");
		return;
	default:
		break;
	}
	if (gives_back(t->c) && t->s->own.falling_back)
		run_rollback(t, "the Canary is deleted");
	else if (gives_back(t->c))
		leave_begin(t);
	else if (leave_finalizer_unwanted(t))
		draft_do(t, EFFECT_REMOVE_FINALIZER);
}

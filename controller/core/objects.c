#include "controller/core/objects.h"

#include "base/text.h"
#include "controller/core/extension.h"
#include "controller/core/leave.h"

bool has_scaler(const struct canary *c)
{
	return !text_empty(c->autoscaler.kind);
}

/* A Canary whose target was never seen has no phase yet, but somebody who looks at it. */
static void first_condition(struct draft *t)
{
	struct canary_status *s = &t->d.status;
	if (s->has_condition)
		return;
	s->has_condition = true;
	s->condition_status = "Unknown";
	s->condition_reason = phase_name(PHASE_INITIALIZING);
	s->condition_message = "";
	s->condition_changed = t->o->now;
}

/* The message of the condition; its status and reason stay those of the phase. */
static void tell_in_condition(struct draft *t, const char *text)
{
	struct canary_status *s = &t->d.status;
	if (!s->has_condition || text_eq(s->condition_message, text))
		return;
	s->condition_message = text;
	s->condition_updated = t->o->now;
	draft_touch(t);
}

void objects_untroubled(struct draft *t)
{
	const char *status = "", *message = "";
	phase_condition(t->s->phase, t->c->target.kind, t->a, &status, &message);
	tell_in_condition(t, message);
}

void objects_trouble(struct draft *t, const char *text)
{
	/* What keeps a Canary from ever beginning is seen by whoever looks at the object alone. */
	if (t->s->phase == PHASE_NONE)
		first_condition(t);
	if (t->s->phase == PHASE_NONE || t->s->phase == PHASE_INITIALIZING)
		tell_in_condition(t, text);
	if (t->o->due)
		SAY(t, TROUBLE, .a = text);
	draft_next(t, text);
}

static void keep_source(struct draft *t)
{
	if (t->o->source.exists)
		return;
	draft_do(t, EFFECT_ENSURE_SOURCE);
	if (t->exhausted)
		return;
	int whole = t->o->target.wanted > 0 ? t->o->target.wanted : 1;
	t->effects[t->d.effect_count - 1].replicas = t->c->extension ? extension_maximum(t) : whole;
}

void objects_begin(struct draft *t)
{
	if (leave_finalizer_missing(t))
		draft_do(t, EFFECT_ADD_FINALIZER);
	if (leave_finalizer_unwanted(t))
		draft_do(t, EFFECT_REMOVE_FINALIZER);
	if (t->o->canary_service != SHAPE_AS_WANTED)
		draft_do(t, EFFECT_ENSURE_CANARY_SERVICE);
	if (t->o->primary_service != SHAPE_AS_WANTED)
		draft_do(t, EFFECT_ENSURE_PRIMARY_SERVICE);
	keep_source(t);
	if (t->o->scaler == SHAPE_MISSING)
		draft_do(t, EFFECT_ENSURE_SCALER);
}

bool objects_route(struct draft *t)
{
	if (t->o->router_error) {
		objects_trouble(t, t->o->router_error);
		return false;
	}
	if (t->o->router_objects != SHAPE_AS_WANTED)
		draft_do(t, EFFECT_ENSURE_ROUTER);
	return true;
}

/* The apex follows the side that serves; where a rollout is moving it, the phase does that. */
static void keep_apex(struct draft *t)
{
	const struct observed *o = t->o;
	bool moving = t->s->own.returning || t->s->own.falling_back || t->s->phase == PHASE_FINALISING;
	if (moving)
		return;
	if (t->s->own.target_serves && !o->apex_to_target && o->target.available > 0)
		draft_do(t, EFFECT_APEX_TO_TARGET);
	else if (!t->s->own.target_serves && (o->apex_service != SHAPE_AS_WANTED || o->apex_to_target) &&
		 o->source.available > 0)
		draft_do(t, EFFECT_APEX_TO_SOURCE);
}

bool objects_keep(struct draft *t)
{
	objects_begin(t);
	keep_apex(t);
	return objects_route(t);
}

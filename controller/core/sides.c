#include "controller/core/sides.h"

enum readiness side_readiness(struct draft *t, enum side side, const char **ret_why)
{
	bool source = side == SIDE_SOURCE;
	const struct analysis *an = &t->c->analysis;
	const struct workload *w = source ? &t->o->source : &t->o->target;
	int percent = source ? an->primary_ready_threshold : an->canary_ready_threshold;
	struct wall_ms deadline;
	enum readiness r = readiness_of(w, source ? t->c->source_name : t->c->target.name, t->c->ns, percent,
					t->c->progress_deadline_s, t->o->now, t->a, ret_why, &deadline);
	if (!*ret_why) {
		t->exhausted = true;
		*ret_why = "";
	}
	if (r != READY)
		draft_next(t, source ? "waiting for pods of the stable version" : "waiting for pods");
	if (r == NOT_READY && deadline.v)
		draft_wake_at(t, deadline);
	return r;
}

bool side_ready(struct draft *t, enum side side)
{
	const char *why;
	if (side_readiness(t, side, &why) == READY)
		return true;
	if (t->o->due && side == SIDE_SOURCE)
		SAY(t, SOURCE_NOT_READY, .a = why);
	else if (t->o->due)
		SAY(t, TARGET_NOT_READY, .a = why);
	return false;
}

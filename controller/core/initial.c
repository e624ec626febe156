#include "controller/core/initial.h"

#include "base/text.h"
#include "controller/core/extension.h"
#include "controller/core/gates.h"
#include "controller/core/objects.h"
#include "controller/core/sides.h"

/* Fields of the extension that do nothing because it is off: told, never silent. */
static void say_unused_fields(struct draft *t)
{
	const struct analysis *an = &t->c->analysis;
	const struct {
		const char *name;
		int value;
	} fields[] = { { "canaryReplicas", an->canary_replicas },
		       { "maxReplicas", an->max_replicas },
		       { "canaryWeight", an->canary_weight },
		       { "stepReplicas", an->step_replicas } };
	for (size_t i = 0; i < sizeof fields / sizeof *fields && !t->c->extension; i++)
		if (fields[i].value)
			SAY(t, EXTENSION_OFF, .ordinal = fields[i].name, .a = fields[i].name);
}

void initial_detect(struct draft *t)
{
	const struct observed *o = t->o;
	int whole = o->target.wanted > o->source.wanted ? o->target.wanted : o->source.wanted;
	draft_phase(t, PHASE_INITIALIZING);
	if (!o->source.exists)
		draft_record(t);
	t->d.status.own.wanted_weight = -1;
	t->d.status.own.max_replicas = t->c->extension ? whole : 0;
	say_unused_fields(t);
	t->d.again = true;
}

/* K7. false: asked, the tick goes on with the answer. */
static bool providers_probed(struct draft *t)
{
	struct question *q = arena_alloc(t->a, 1, sizeof *q);
	if (!q) {
		t->exhausted = true;
		return false;
	}
	*q = (struct question){ .kind = ASK_PROBE, .revision = "" };
	const struct answer *said = answer_to(t, q);
	if (!said)
		ask_from(t, q, 1);
	else if (said->verdict == ANSWER_YES)
		SAY(t, PROVIDERS_FINE);
	else
		SAY(t, PROVIDERS_MISSING, .a = said->text);
	return said != NULL;
}

/* T2. The apex leads to a primary that is ready; only then the target may go (E1). */
static void initialized(struct draft *t)
{
	if (t->o->target.wanted > 0)
		draft_scale(t, SIDE_TARGET, 0);
	if (!objects_route(t))
		return;
	bool same = text_empty(t->s->own.revision) || text_eq(t->s->own.revision, draft_identity(t));
	if (same)
		draft_sync(t, PHASE_INITIALIZED, 0);
	else
		draft_phase(t, PHASE_INITIALIZED); /* the primary has an older one: what has come since is a release */
	t->d.status.own.old_image = t->o->target.images;
	t->d.status.own.new_image = t->o->target.images;
	SAY(t, INITIALIZED);
	ALARM(t, INITIALIZED);
	draft_moved(t, TRANSITION_INITIALIZED);
	draft_counted(t);
	t->d.again = true;
}

static bool extension_source_is_whole(struct draft *t)
{
	if (!t->c->extension || !t->o->source.exists || t->o->source.wanted >= extension_maximum(t))
		return true;
	draft_scale(t, SIDE_SOURCE, extension_maximum(t));
	return false;
}

/* What the primary is made from is on record before it is made. Until traffic is led there, it follows the target: a
 * first image that does not run can be corrected. true: the tick ends here. */
static bool first_template_changed(struct draft *t, bool switched)
{
	bool ours = text_empty(t->c->source.name) && !text_empty(t->s->own.revision);
	if (!ours || switched || text_eq(t->s->own.revision, draft_identity(t)))
		return false;
	if (t->o->source.exists)
		draft_promote(t, t->o->target.revision);
	draft_record(t);
	t->d.again = !t->o->source.exists;
	return true;
}

void initial_go_on(struct draft *t)
{
	const struct observed *o = t->o;
	const char *why;
	bool ready = side_readiness(t, SIDE_SOURCE, &why) == READY && o->source.available > 0;
	bool switched = o->apex_service == SHAPE_AS_WANTED && !o->apex_to_target;
	if (ready && switched && o->target.wanted > 0 && !o->due)
		return; /* the traffic of the user's own Service gets an interval to move */
	if ((ready || o->due) && !t->c->skip_analysis && !providers_probed(t))
		return;
	if (first_template_changed(t, switched))
		return;
	if (!o->router_error)
		objects_untroubled(t);
	objects_begin(t);
	if (has_scaler(t->c) && !switched)
		draft_do(t, EFFECT_PAUSE_SCALER);
	if (!extension_source_is_whole(t))
		return;
	if (!ready) {
		if (o->due)
			SAY(t, SOURCE_NOT_READY, .a = why);
		draft_counted(t);
		return;
	}
	if (!switched)
		draft_do(t, EFFECT_APEX_TO_SOURCE);
	if (o->apex_service == SHAPE_DIFFERENT && o->target.wanted > 0) {
		draft_counted(t);
		draft_next(t, "traffic moves to the primary");
		return;
	}
	initialized(t);
}

#include "controller/core/revisions.h"

#include "base/text.h"

static bool configs_changed(const struct draft *t)
{
	const struct pairs *then = &t->s->tracked_configs, *now = &t->o->configs;
	if (!t->o->configs_tracked || t->o->configs_error)
		return false;
	if (!t->s->has_tracked_configs)
		return now->count > 0;
	if (then->count != now->count)
		return true;
	for (size_t i = 0; i < now->count; i++)
		if (!text_eq(now->at[i].key, then->at[i].key) || !text_eq(now->at[i].value, then->at[i].value))
			return true;
	return false;
}

/* What the original looks at: the two hashes in its own status. */
static bool template_changed(const struct draft *t)
{
	const char *now = t->o->target.revision;
	if (text_empty(t->s->last_applied_spec))
		return true;
	return !text_eq(now, t->s->last_promoted_spec) && !text_eq(now, t->s->last_applied_spec);
}

/* Our identity covers template and configs together; it says nothing while configs cannot be read or their tracking
 * has been switched. */
static bool identity_counts(const struct draft *t)
{
	return !text_empty(t->s->own.revision) && !t->o->configs_error &&
	       t->o->configs_tracked == t->s->has_tracked_configs;
}

bool revision_changed(struct draft *t)
{
	const struct own_status *own = &t->s->own;
	bool same_hash = text_eq(t->o->target.revision, t->s->last_applied_spec) && !configs_changed(t);
	bool runs = t->s->phase == PHASE_PROGRESSING || t->s->phase == PHASE_WAITING_PROMOTION;
	/* The short hash can be met on purpose: while a revision runs, what runs must also be what was approved. */
	if (same_hash)
		return runs && identity_counts(t) && !text_eq(draft_identity(t), own->revision);
	if (!identity_counts(t))
		return template_changed(t) || configs_changed(t);
	return !text_eq(draft_identity(t), own->revision) && !text_eq(draft_identity(t), own->promoted);
}

bool revision_reverted(struct draft *t)
{
	const struct own_status *own = &t->s->own;
	if (t->o->configs_error)
		return false;
	if (!text_empty(own->promoted) && identity_counts(t))
		return !text_eq(own->revision, own->promoted) && text_eq(draft_identity(t), own->promoted);
	return !text_empty(t->s->last_promoted_spec) && text_eq(t->o->target.revision, t->s->last_promoted_spec) &&
	       !text_eq(t->s->last_applied_spec, t->s->last_promoted_spec) && !configs_changed(t);
}

bool revision_foreign(struct draft *t)
{
	if (t->s->phase != PHASE_INITIALIZED && t->s->phase != PHASE_SUCCEEDED)
		return false;
	if (t->c->extension && !text_empty(t->s->own.revision))
		return false; /* the source holds what was promoted, the target may be on its way back */
	return t->o->source_same_template && template_changed(t) && !configs_changed(t);
}

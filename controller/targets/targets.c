#include <stddef.h>

#include "base/text.h"
#include "controller/targets/deployment.h"
#include "controller/targets/process.h"
#include "controller/targets/target.h"

static const struct target *const targets[] = { &target_deployment, &target_process, &target_unit };

const struct target *target_find(const char *kind)
{
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
		if (text_eq(targets[i]->kind, kind))
			return targets[i];
	return NULL;
}

enum result target_effect(struct plan *p, const struct effect *f, struct error *e)
{
	const struct target *t = target_find(p->canary->target.kind);
	if (t)
		return t->effect(p, f, e);
	switch (f->kind) {
	case EFFECT_ADD_FINALIZER:
	case EFFECT_REMOVE_FINALIZER:
	case EFFECT_DELETE_CANARY:
		return giveback_effect(p, f->kind, e);
	case EFFECT_RESTORE_APEX:
	case EFFECT_DELETE_OURS:
		return RC_OK;
	default:
		return error_set(e, RC_INVALID, "targetRef.kind %s is not supported", p->canary->target.kind);
	}
}

bool target_owns(enum effect_kind k)
{
	return k != EFFECT_ENSURE_ROUTER && k != EFFECT_SET_ROUTES && k != EFFECT_FINALIZE_ROUTER;
}

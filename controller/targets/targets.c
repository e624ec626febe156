#include <stddef.h>

#include "base/text.h"
#include "controller/targets/deployment.h"
#include "controller/targets/target.h"

static const struct target *const targets[] = { &target_deployment };

const struct target *target_find(const char *kind)
{
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
		if (text_eq(targets[i]->kind, kind))
			return targets[i];
	return NULL;
}

bool target_owns(enum effect_kind k)
{
	return k != EFFECT_ENSURE_ROUTER && k != EFFECT_SET_ROUTES && k != EFFECT_FINALIZE_ROUTER;
}

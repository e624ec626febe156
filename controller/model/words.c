#include "controller/model/words.h"

#include <string.h>

#include "base/text.h"

enum { SHOWN = 64 }; /* characters of a wrong word */

#define X(id, name, zh) [PHASE_##id] = name,
static const char *const phase_names[PHASE_COUNT] = { PHASES(X) };
#undef X
#define X(id, name, zh) [PHASE_##id] = zh,
static const char *const phase_names_zh[PHASE_COUNT] = { PHASES(X) };
#undef X
#define X(id, name) [HOOK_##id] = name,
static const char *const hook_names[HOOK_TYPE_COUNT] = { HOOK_TYPES(X) };
#undef X

const char *phase_name(enum phase p)
{
	return phase_names[p];
}

const char *phase_name_zh(enum phase p)
{
	return phase_names_zh[p];
}

enum result phase_parse(const char *name, enum phase *ret, struct error *e)
{
	for (enum phase p = 0; p < PHASE_COUNT; p++)
		if (strcmp(phase_names[p], name) == 0) {
			*ret = p;
			return RC_OK;
		}
	return error_set(e, RC_INVALID, "\"%.*s\" is not a phase", (int)text_prefix(name, SHOWN), name);
}

const char *hook_type_name(enum hook_type t)
{
	return hook_names[t];
}

enum result hook_type_parse(const char *name, enum hook_type *ret, struct error *e)
{
	if (!*name) {
		*ret = HOOK_ROLLOUT;
		return RC_OK;
	}
	for (enum hook_type t = 0; t < HOOK_TYPE_COUNT; t++)
		if (strcmp(hook_names[t], name) == 0) {
			*ret = t;
			return RC_OK;
		}
	return error_set(e, RC_INVALID, "\"%.*s\" is not a webhook type", (int)text_prefix(name, SHOWN), name);
}

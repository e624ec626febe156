#include "controller/node/probe.h"

#include <assert.h>
#include <limits.h>

const char *probe_role_field(enum probe_role r)
{
#define X(id, field) [PROBE_##id] = field,
	static const char *const fields[PROBE_ROLE_COUNT] = { PROBE_ROLES(X) };
#undef X
	assert((unsigned)r < PROBE_ROLE_COUNT);
	return fields[r];
}

void probe_begin(struct probe_state *s, enum probe_role role)
{
	*s = (struct probe_state){ .passing = role == PROBE_LIVENESS };
}

enum probe_turn probe_answer(struct probe_state *s, const struct probe_spec *spec, bool ok)
{
	if (s->run == 0 || s->last != ok)
		s->run = 1;
	else if (s->run < UINT_MAX)
		s->run++;
	s->last = ok;
	if (s->run < (ok ? spec->success_threshold : spec->failure_threshold))
		return PROBE_TOO_FEW;
	s->passing = ok;
	return PROBE_ENOUGH;
}

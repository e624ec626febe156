#pragma once
/* Is a workload ready (flagger-controller.md 4.7)? */
#include "base/arena.h"
#include "controller/core/observed.h"

enum readiness { READY, NOT_READY, BROKEN /* the deadline has passed: waiting is no use */ };
/* *ret_why: text when it is not ready; NULL when the arena is full. *ret_deadline: when NOT_READY becomes BROKEN by
 * itself; 0 unknown. */
enum readiness readiness_of(const struct workload *w, const char *name, const char *ns, int percent,
			    int progress_deadline_s, struct wall_ms now, struct arena *a, const char **ret_why,
			    struct wall_ms *ret_deadline);

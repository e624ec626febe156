#pragma once
/* One tick of one canary, pure (core.md): no I/O, no clock, no globals; allocates in the arena only. */
#include "base/arena.h"
#include "controller/core/decision.h"
#include "controller/core/observed.h"

/* answers: everything asked so far in this tick. RC_EXHAUSTED when the arena is full, RC_INVALID never: bad input is a
 * decision (an event), not an error. */
MUST_CHECK enum result step(const struct canary *c, const struct observed *o, const struct answer *answers,
			    size_t answer_count, struct arena *a, struct decision *ret, struct error *e);

/* The invariants of testing.md that one decision can be judged by: traffic only to a side with an available pod,
 * weights sum to 100, no promotion without its gates and analysis, nothing on the canary after Failed. NULL when they
 * hold, else what is broken. Asserted on every decision in debug and simulation builds. */
const char *decision_broken(const struct canary *c, const struct observed *o, const struct answer *answers,
			    size_t answer_count, const struct decision *d, struct arena *a);

/* What an approval of the revision in sight is bound to. */
const char *observed_identity(const struct observed *o, struct arena *a);

/* Replicas of both sides for a weight (ack-extension.md, "What a step does"). maximum: replicas of the whole. */
int extension_canary_replicas(const struct analysis *an, int maximum, int weight, int step);
int extension_source_replicas(int maximum, int canary_available, int weight);
/* The next weight of the ladder from w (flagger-controller.md T7, E9); 0 < result - w unless the end is reached. */
int ladder_max(const struct analysis *an);
int ladder_next(const struct analysis *an, int w);
size_t ladder_length(const struct analysis *an); /* for "step 2/5" */

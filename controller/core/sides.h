#pragma once
/* Both sides of a rollout as the phases ask for them: are they ready, and what is told when they are not. */
#include "controller/core/draft.h"
#include "controller/core/readiness.h"

/* With the thresholds of the analysis. Sets what comes next and the wake-up at a deadline; says nothing. */
enum readiness side_readiness(struct draft *t, enum side side, const char **ret_why);
/* The same, said once an interval when it is not ready. */
bool side_ready(struct draft *t, enum side side);

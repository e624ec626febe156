#pragma once
/* One analysis run (flagger-controller.md 2.4): hooks, then metrics, the first failure ends it. */
#include "controller/core/draft.h"

enum analysis_outcome { ANALYSIS_GOOD, ANALYSIS_ASKED, ANALYSIS_FAILED, ANALYSIS_ABORTED };
/* The start tick: pre-rollout hooks. A failure is said. */
enum analysis_outcome analysis_start(struct draft *t);
/* Every later tick: rollout hooks and metrics. */
enum analysis_outcome analysis_run(struct draft *t);
/* Post-rollout hooks of the finished run; a failure is said and ends the list. GOOD or ASKED. */
enum analysis_outcome analysis_after(struct draft *t);

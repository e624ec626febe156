#pragma once
/* Where a healthy rollout goes next: the gates in front of a weight, of an iteration, of the promotion, and the step
 * itself (T7-T10). */
#include "controller/core/draft.h"

void traffic_go_on(struct draft *t);
void traffic_foretell(struct draft *t); /* what the next interval brings, for cards */
/* A weight has been reached: counts the step, says it, and begins a new interval. */
void traffic_advanced(struct draft *t, int weight);
/* T10: asks, and promotes when it opens. */
void traffic_promote(struct draft *t);

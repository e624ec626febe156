#pragma once
/* Where a healthy rollout goes next: the gates in front of a weight, of an iteration, of the promotion, and the step
 * itself (T7-T10). */
#include "controller/core/draft.h"

void traffic_go_on(struct draft *t);
void traffic_foretell(struct draft *t); /* what the next interval brings, for cards */
/* T10: asks, and promotes when it opens. */
void traffic_promote(struct draft *t);

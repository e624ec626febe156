#pragma once
/* The ACK extension (ack-extension.md): the target itself becomes the stable version, replicas go with the weights, and
 * the source has to be brought back before it can take traffic. Every path keeps the order: scale up, wait until
 * available, route, scale down. */
#include "controller/core/draft.h"
#include "controller/core/strategy.h"

int extension_maximum(const struct draft *t); /* replicas of the whole */

void extension_start(struct draft *t); /* effects of a start; a target that serves stays as it is for now */
void extension_roll_back(struct draft *t);
void extension_cancel(struct draft *t);
void extension_restart(struct draft *t);
void extension_promote(struct draft *t);
/* What has to be finished before anything else: falling back, a new revision, the return. true: the tick ends here. */
bool extension_busy(struct draft *t);
/* While it progresses: replicas that the present weight needs, on both sides. */
void extension_keep_replicas(struct draft *t);
/* Moves to this weight, or scales up for it and remembers that it has been decided. */
void extension_advance(struct draft *t, const struct rung *r);
void extension_promoting(struct draft *t);
void extension_finalising(struct draft *t);

#pragma once
/* Has the target another revision than the one that the status speaks of (flagger-controller.md 4.5)? */
#include "controller/core/draft.h"

/* Something that is neither the revision of the last rollout nor the promoted one. */
bool revision_changed(struct draft *t);
/* In a rollout: the target was set back to what is promoted (E18). */
bool revision_reverted(struct draft *t);
/* Nothing to roll out although the hashes differ: another implementation wrote them (E21). */
bool revision_foreign(struct draft *t);

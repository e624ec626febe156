#pragma once
/* Giving everything back: the verb complete, and deletion with a finalizer of ours (ack-extension.md, "Complete"). */
#include "controller/core/draft.h"

bool leave_finalizer_missing(const struct draft *t);
bool leave_finalizer_unwanted(const struct draft *t);
/* The Canary is on its way out, or shall be. */
bool leave_is_due(const struct draft *t);
void leave(struct draft *t);
void leave_begin(struct draft *t); /* phase Terminating */

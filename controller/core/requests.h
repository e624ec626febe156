#pragma once
/* Verbs that people asked for (core.md, "A request"): each id is acted on once, in the same status write as what it
 * did. */
#include "controller/core/draft.h"

bool request_pending(const struct draft *t);
/* Somebody wants this verb and it has not been answered yet. */
bool request_is(const struct draft *t, const char *verb);
/* true: the decision is made. false: nothing asked, or what was asked changes how the phase goes on from here. */
bool request_act(struct draft *t);
/* Only the answer, for what cannot be carried out now. */
void request_refuse(struct draft *t, const char *why);

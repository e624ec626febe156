#pragma once
/* Sticky sessions (flagger-controller.md 6.9): the cookies of a run, and of the one before. */
#include "controller/core/draft.h"

/* Puts the cookies into r, and into the next status when they change: made when the canary gets traffic, remembered as
 * previous when it has none any more, so that the routes can take them back. */
void affinity_cookies(struct draft *t, struct routes *r);

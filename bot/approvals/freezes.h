#pragma once
/* Freezes in force: by the clock, or because somebody switched one on. While one holds, nothing is approved under the
 * policies that name it but by who may override, with a reason. Loop thread only. */
#include "bot/approvals/approvals.h"

struct freeze_state {
	const char *name;     /* NULL ends a list */
	bool holds, switched; /* switched: on by a person, until somebody switches it off */
	struct wall_ms until; /* by the clock; 0: not known */
	const char *by, *reason;
	struct wall_ms since; /* of the switch */
};
/* All of them, with FREEZE_EVERYTHING; in the arena; NULL: no memory. */
const struct freeze_state *approvals_freezes(struct approvals *a, struct arena *arena);
/* One that holds for this policy, as a sentence for a person in buf; false: none does. */
bool approvals_frozen(struct approvals *a, const struct policy *p, char *buf, size_t size);
/* May this person go past the freezes of this policy: the right, and a reason. */
MUST_CHECK enum result approvals_may_pass(const struct policy *p, const struct person *who, const char *reason,
					  struct error *e);
/* Others from now on; the old ones must outlive the approvals. Switches stay. */
void approvals_set_freezes(struct approvals *a, const struct freeze *freezes);

struct freeze_ask {
	const char *name;
	bool on;
	struct person person;
	const char *reason; /* "" none; switching on wants one */
};
/* done runs once, later; on record either way. Off takes back a switch; it does not end what holds by the clock, and
 * says so. */
void approvals_freeze(struct approvals *a, const struct freeze_ask *q, vote_done *done, void *owner);

/* Reminders: after so long without a decision, those who have not answered are mentioned again (approvals.md 3). What
 * has been reminded of is known by the clock alone, so that a restart reminds of nothing twice. */
#include "base/text.h"
#include "bot/approvals/request.h"

/* Time until the next one; -1: none is left. */
static int64_t next_reminder(const struct request *q, int64_t now)
{
	int64_t wait = -1;
	for (const int64_t *after = q->policy ? q->policy->remind_ms : NULL; after && *after; after++) {
		int64_t left = q->opened_at.v + *after - now;
		if (left > 0 && (wait < 0 || left < wait))
			wait = left;
	}
	/* What was missed while nothing ran is made up for: it is said once, whoever says it. */
	if (q->policy && q->policy->escalate_ms > 0 && !q->escalated) {
		int64_t left = q->opened_at.v + q->policy->escalate_ms - now;
		left = left > 0 ? left : 1;
		wait = wait < 0 || left < wait ? left : wait;
	}
	return wait;
}

static void told(void *owner, enum result r, const struct error *why)
{
	(void)why;
	struct approvals *a = owner;
	a->flying--;
	for (size_t i = 0; r == RC_OK && i < a->listener_count && !a->stopped; i++)
		a->listeners[i].cb(a->listeners[i].owner, APPROVAL_REMINDED, NULL);
}

static void remind(void *owner)
{
	struct request *q = owner;
	struct approvals *a = q->owner;
	struct arena *arena = arena_create(1 << 20);
	const struct approval *now = arena && !a->stopped && q->state == REQ_OPEN ? request_value(q, arena) : NULL;
	/* by the time of this turn, as who records it: what is due for one is due for the other */
	bool escalates = policy_escalates(q->policy, q->opened_at, loop_wall(a->o.loop));
	if (now) {
		struct store_tx *tx = store_begin(a->o.store);
		for (size_t i = 0; i < a->recorder_count; i++)
			a->recorders[i].cb(a->recorders[i].owner, tx, APPROVAL_REMINDED, now);
		a->flying++;
		store_submit(tx, told, a);
	}
	arena_destroy(arena);
	q->escalated |= escalates;
	request_arm_reminder(q);
}

void request_arm_reminder(struct request *q)
{
	struct approvals *a = q->owner;
	int64_t wait = next_reminder(q, loop_wall(a->o.loop).v);
	if (q->state == REQ_OPEN && wait > 0 && !a->stopped)
		timer_start(a->o.loop, &q->reminder, wait + 1, remind, q); /* never a moment too early */
}

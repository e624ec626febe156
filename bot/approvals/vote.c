#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/text.h"
#include "bot/approvals/audit.h"
#include "bot/approvals/freezes.h"
#include "bot/approvals/request.h"

#define PAST_FREEZE "past a freeze: "

static void call_over(struct vote_call *v)
{
	DL_DELETE2(v->approvals->calls, v, before, after);
	loop_defer_cancel(&v->soon);
	v->done(v->owner, v->r, v->text);
	arena_destroy(v->arena);
	free(v);
}

static void answered(void *owner)
{
	call_over(owner);
}

/* Later, never from inside the call that asked. */
void vote_answer(struct vote_call *v, enum result r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(v->text, sizeof v->text, fmt, ap);
	va_end(ap);
	v->r = r;
	loop_defer(v->approvals->o.loop, &v->soon, answered, v);
}

void votes_answer_all(struct approvals *a)
{
	while (a->calls)
		call_over(a->calls);
}

static void refusal_stored(void *owner, enum result r, const struct error *why)
{
	(void)r;
	(void)why;
	struct vote_call *v = owner;
	v->approvals->flying--;
	loop_defer(v->approvals->o.loop, &v->soon, answered, v);
}

/* Refusals are on record too. */
void vote_refuse(struct vote_call *v, enum result r, const char *text)
{
	const struct request *q = v->request;
	const struct person *p = &v->vote.person;
	struct approvals *a = v->approvals;
	if (a->stopped) {
		vote_answer(v, r, "%s", text);
		return;
	}
	(void)snprintf(v->text, sizeof v->text, "%s", text);
	v->r = r;
	struct store_tx *tx = store_begin(a->o.store);
	struct audit_row row = { .actor = person_actor(p),
				 .identity = arena_printf(v->arena, "%s:%s%s%s", p->platform, p->team,
							  text_empty(p->team) ? "" : "/", p->id),
				 .action = v->vote.verb == VOTE_APPROVE ? "vote.approve" : "vote.reject",
				 .object = q ? arena_printf(v->arena, "%s/%s/%s", q->cluster, q->ns, q->name) : "",
				 .request = v->request_id,
				 .outcome = "refused",
				 .reason = v->text,
				 .detail = "" };
	audit_append(tx, v->vote.at, &row);
	a->flying++;
	store_submit(tx, refusal_stored, v);
}

static void refuse_decided(struct vote_call *v)
{
	const struct request *q = v->request;
	char at[32], text[512];
	wall_print(q->decided_at, at);
	if (q->state == REQ_SUPERSEDED)
		(void)snprintf(text, sizeof text,
			       "superseded: a newer revision replaced %.80s; its own card asks again", q->revision);
	else
		(void)snprintf(text, sizeof text, "already %s by %.200s at %s", req_state_name(q->state),
			       text_empty(q->decided_by) ? "rollcall" : q->decided_by, at);
	vote_refuse(v, RC_CONFLICT, text);
}

/* One person alone must not make the request grow without end. */
static bool voted_enough(const struct vote_call *v)
{
	const struct request *q = v->request;
	int n = 0;
	for (size_t i = 0; i < q->vote_count; i++)
		n += person_same(&q->votes[i].person, &v->vote.person);
	return n >= VOTES_OF_ONE_MAX;
}

static void join_queue(struct vote_call *v)
{
	struct request *q = v->request;
	if (q->waiting_count >= VOTES_WAITING_MAX) {
		vote_answer(v, RC_EXHAUSTED, "not counted: too many press at once, try again");
		return;
	}
	if (q->waiting_end)
		q->waiting_end->next = v;
	else
		q->waiting = v;
	q->waiting_end = v;
	q->waiting_count++;
}

static struct vote_call *leave_queue(struct request *q)
{
	struct vote_call *v = q->waiting;
	if (!v)
		return NULL;
	q->waiting = v->next;
	if (!q->waiting)
		q->waiting_end = NULL;
	q->waiting_count--;
	v->next = NULL;
	return v;
}

/* The deadline may have passed before its timer has said so. */
static void judge_late(struct vote_call *v)
{
	struct request *q = v->request;
	if (q->busy && !v->late) {
		v->late = true;
		join_queue(v);
	} else if (q->state != REQ_OPEN) {
		refuse_decided(v);
	} else {
		vote_refuse(v, RC_CONFLICT, "the time to decide is over");
	}
}

/* Going past one is said for ever in the reason of the vote. */
static enum result admits(struct vote_call *v, struct error *e)
{
	struct request *q = v->request;
	char frozen[384];
	enum result r = policy_admits(q->policy, &v->vote.person, v->vote.verb, v->vote.reason, q->requested_by, e);
	if (r != RC_OK || v->vote.verb != VOTE_APPROVE || !approvals_frozen(q->owner, q->policy, frozen, sizeof frozen))
		return r;
	if (!v->override_freeze)
		return error_set(e, RC_REFUSED, "%s; who has the right to override may approve past it, with a reason",
				 frozen);
	r = approvals_may_pass(q->policy, &v->vote.person, v->vote.reason, e);
	if (r != RC_OK || text_starts(v->vote.reason, PAST_FREEZE))
		return r;
	const char *reason = arena_printf(v->arena, PAST_FREEZE "%s", v->vote.reason);
	v->vote.reason = reason ? reason : v->vote.reason;
	return r;
}

void vote_try(struct vote_call *v)
{
	struct request *q = v->request;
	struct error e;
	if (q->busy) {
		join_queue(v);
	} else if (q->state != REQ_OPEN) {
		refuse_decided(v);
	} else if (!text_empty(v->revision) && !text_eq(v->revision, q->revision)) {
		vote_refuse(v, RC_CONFLICT, "superseded: that button was about another revision");
	} else if (!q->policy) {
		vote_refuse(v, RC_REFUSED, "the policy of this gate is not configured any more");
	} else if (admits(v, &e) != RC_OK) {
		vote_refuse(v, RC_REFUSED, e.text);
	} else if (voted_enough(v)) {
		vote_refuse(v, RC_REFUSED, "you have changed your vote too often; your last one stands");
	} else if (store_unwell(q->owner->o.store)) {
		vote_answer(v, RC_EXHAUSTED,
			    "not counted: decisions cannot be recorded now (disk); a rollback is possible");
	} else if (request_is_late(q)) {
		judge_late(v);
	} else {
		change_vote(q, v);
	}
}

void votes_resume(struct request *q)
{
	while (q->waiting && !q->busy)
		vote_try(leave_queue(q));
}

void votes_turn_away(struct request *q, enum result r, const char *text)
{
	struct vote_call *v;
	while ((v = leave_queue(q)))
		vote_answer(v, r, "%s", text);
}

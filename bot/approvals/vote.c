#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "bot/approvals/audit.h"
#include "bot/approvals/request.h"

static void answered(void *owner)
{
	struct vote_call *v = owner;
	v->done(v->owner, v->r, v->text);
	arena_destroy(v->arena);
	free(v);
}

/* Later, never from inside the call that asked. */
void vote_answer(struct vote_call *v, enum result r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(v->text, sizeof v->text, fmt, ap);
	va_end(ap);
	v->r = r;
	loop_defer(v->request->owner->o.loop, &v->soon, answered, v);
}

static void refusal_stored(void *owner, enum result r, const struct error *why)
{
	(void)r;
	(void)why;
	struct vote_call *v = owner;
	vote_answer(v, v->r, "%s", v->text);
}

/* Refusals are on record too. */
static void refuse(struct vote_call *v, enum result r, const char *text)
{
	const struct request *q = v->request;
	const struct person *p = &v->vote.person;
	struct approvals *a = q->owner;
	(void)snprintf(v->text, sizeof v->text, "%s", text);
	v->r = r;
	struct store_tx *tx = store_begin(a->o.store);
	struct audit_row row = { .actor = person_actor(p),
				 .identity = arena_printf(v->arena, "%s:%s%s%s", p->platform, p->team,
							  text_empty(p->team) ? "" : "/", p->id),
				 .action = v->vote.verb == VOTE_APPROVE ? "vote.approve" : "vote.reject",
				 .object = arena_printf(v->arena, "%s/%s/%s", q->cluster, q->ns, q->name),
				 .request = q->id,
				 .outcome = "refused",
				 .reason = v->text,
				 .detail = "" };
	audit_append(tx, v->vote.at, &row);
	store_submit(tx, refusal_stored, v);
}

static void refuse_decided(struct vote_call *v)
{
	const struct request *q = v->request;
	char at[32], text[256];
	wall_print(q->decided_at, at);
	if (q->state == REQ_SUPERSEDED)
		(void)snprintf(text, sizeof text, "superseded: a newer revision replaced %s; its own card asks again",
			       q->revision);
	else
		(void)snprintf(text, sizeof text, "already %s by %s at %s", req_state_name(q->state),
			       text_empty(q->decided_by) ? "rollcall" : q->decided_by, at);
	refuse(v, RC_CONFLICT, text);
}

void vote_try(struct vote_call *v)
{
	struct request *q = v->request;
	struct error e;
	if (q->busy) {
		struct vote_call **at = &q->waiting;
		while (*at)
			at = &(*at)->next;
		*at = v;
		return;
	}
	if (q->state != REQ_OPEN) {
		refuse_decided(v);
	} else if (!text_empty(v->revision) && !text_eq(v->revision, q->revision)) {
		refuse(v, RC_CONFLICT, "superseded: that button was about another revision");
	} else if (!q->policy) {
		refuse(v, RC_REFUSED, "the policy of this gate is not configured any more");
	} else if (policy_admits(q->policy, &v->vote.person, v->vote.verb, v->vote.reason, q->requested_by, &e) !=
		   RC_OK) {
		refuse(v, RC_REFUSED, e.text);
	} else if (store_unwell(q->owner->o.store)) {
		vote_answer(v, RC_EXHAUSTED,
			    "not counted: decisions cannot be recorded now (disk); a rollback is possible");
	} else {
		change_vote(q, v);
	}
}

void votes_resume(struct request *q)
{
	while (q->waiting && !q->busy) {
		struct vote_call *v = q->waiting;
		q->waiting = v->next;
		v->next = NULL;
		vote_try(v);
	}
}

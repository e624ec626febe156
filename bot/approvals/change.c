/* A change of a request, its audit row and the messages that tell of it are one transaction; only when that is on disk
 * does anybody hear of it, the engine last (architecture.md 3.2). */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/approvals/audit.h"
#include "bot/approvals/freezes.h"
#include "bot/approvals/request.h"

enum { DEADLINE_RETRY_MS = 30000, FROZEN_RETRY_MS = 60000, OVER_RETRY_MS = 5000, CHANGE_BYTES = 4 << 20 };

/* What becomes of a request once it is on disk; until then the request stays as it was. */
struct change {
	struct request *request;
	enum approval_news news;
	struct vote_call *vote; /* NULL when no vote caused it; the vote itself is held by the request */
	enum req_state state;
	struct wall_ms decided_at;
	char *decided_by, *reason; /* owned */
};

static void deadline_over(void *owner);

static void change_free(struct change *c)
{
	if (!c)
		return;
	free(c->decided_by);
	free(c->reason);
	free(c);
}

static struct change *change_begin(struct request *q, enum approval_news news)
{
	struct change *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	*c = (struct change){ .request = q,
			      .news = news,
			      .state = q->state,
			      .decided_at = q->decided_at,
			      .decided_by = strdup(q->decided_by),
			      .reason = strdup(q->reason) };
	if (c->decided_by && c->reason)
		return c;
	change_free(c);
	return NULL;
}

/* False: no memory. */
static bool decide(struct change *c, enum req_state to, const char *by, const char *reason)
{
	char *who = strdup(by), *why = strdup(reason);
	if (!who || !why) {
		free(who);
		free(why);
		return false;
	}
	free(c->decided_by);
	free(c->reason);
	c->decided_by = who;
	c->reason = why;
	c->news = APPROVAL_DECIDED;
	c->state = to;
	c->decided_at = c->request->owner->o.clock->wall(c->request->owner->o.clock);
	return true;
}

/* The request as it will be: a view, whose texts belong to the request and the change. */
static struct request change_view(const struct change *c)
{
	struct request after = *c->request;
	after.state = c->state;
	after.over = after.over || c->state == REQ_SUPERSEDED || c->state == REQ_CANCELLED;
	after.decided_at = c->decided_at;
	after.decided_by = c->decided_by;
	after.reason = c->reason;
	after.vote_count += c->vote != NULL;
	return after;
}

static void change_apply(struct change *c)
{
	struct request *q = c->request;
	q->over = change_view(c).over;
	q->state = c->state;
	q->decided_at = c->decided_at;
	free(q->decided_by);
	free(q->reason);
	q->decided_by = TAKE(c->decided_by);
	q->reason = TAKE(c->reason);
	if (c->vote)
		request_count_vote(q);
}

/* ---- the record ---- */

static const char *detail(const struct request *q, struct arena *a)
{
	struct strbuf b;
	strbuf_init(&b, 4096);
	strbuf_add(&b, "{\"revision\":");
	strbuf_add_json(&b, q->revision);
	strbuf_addf(&b, ",\"gate\":\"%s\",\"step\":%d,\"weight\":%d,\"image\":", hook_type_name(q->type), q->step,
		    q->weight);
	strbuf_add_json(&b, q->new_image);
	strbuf_addc(&b, '}');
	const char *text = b.overflow ? "" : arena_strdup(a, b.s);
	strbuf_finish(&b);
	return text ? text : "";
}

static void record(struct store_tx *tx, const struct request *q, const struct person *who, const char *action,
		   const char *outcome, const char *reason, struct arena *a)
{
	struct audit_row row = { .actor = who ? person_actor(who) : "rollcall",
				 .identity =
					 who ? arena_printf(a, "%s:%s%s%s", who->platform, who->team ? who->team : "",
							    text_empty(who->team) ? "" : "/", who->id)
					     : "",
				 .action = action,
				 .object = arena_printf(a, "%s/%s/%s", q->cluster, q->ns, q->name),
				 .request = q->id,
				 .outcome = outcome,
				 .reason = reason ? reason : "",
				 .detail = detail(q, a) };
	audit_append(tx, q->owner->o.clock->wall(q->owner->o.clock), &row);
}

static void tell_recorders(struct store_tx *tx, const struct request *q, enum approval_news news, struct arena *a)
{
	const struct approvals *ap = q->owner;
	const struct approval *after = request_value(q, a);
	for (size_t i = 0; after && i < ap->recorder_count; i++)
		ap->recorders[i].cb(ap->recorders[i].owner, tx, news, after);
}

static void tell_listeners(const struct request *q, enum approval_news news)
{
	const struct approvals *ap = q->owner;
	struct arena *a = arena_create(CHANGE_BYTES);
	const struct approval *now = a ? request_value(q, a) : NULL;
	for (size_t i = 0; now && i < ap->listener_count; i++)
		ap->listeners[i].cb(ap->listeners[i].owner, news, now);
	arena_destroy(a);
}

/* ---- deadlines ---- */

void request_arm(struct request *q)
{
	struct approvals *a = q->owner;
	if (q->state != REQ_OPEN || !q->deadline_at.v || a->stopped)
		return;
	int64_t left = q->deadline_at.v - a->o.clock->wall(a->o.clock).v;
	timer_start(a->o.loop, &q->deadline, left > 0 ? left : 0, deadline_over, q);
}

bool request_is_late(struct request *q)
{
	struct approvals *a = q->owner;
	enum on_timeout what = q->policy ? q->policy->on_timeout : TIMEOUT_WAIT;
	char frozen[384];
	if (q->state != REQ_OPEN || !q->deadline_at.v || what == TIMEOUT_WAIT ||
	    a->o.clock->wall(a->o.clock).v < q->deadline_at.v)
		return false;
	if (what == TIMEOUT_APPROVE && approvals_frozen(a, q->policy, frozen, sizeof frozen))
		return false;
	if (what == TIMEOUT_APPROVE)
		change_state(q, REQ_ON_QUORUM, "nobody objected in time");
	else
		change_state(q, REQ_ON_DEADLINE, "nobody decided in time");
	return true;
}

/* The timer counts loop time; what was promised to people is the hour on the wall. */
static void deadline_over(void *owner)
{
	struct request *q = owner;
	struct approvals *a = q->owner;
	if (q->busy)
		timer_start(a->o.loop, &q->deadline, 1000, deadline_over, q);
	else if (!request_is_late(q) && a->o.clock->wall(a->o.clock).v < q->deadline_at.v)
		request_arm(q);
	else if (q->state == REQ_OPEN && !q->busy && q->policy && q->policy->on_timeout == TIMEOUT_APPROVE)
		timer_start(a->o.loop, &q->deadline, FROZEN_RETRY_MS, deadline_over, q); /* silence is no consent now */
}

/* ---- after the commit ---- */

static void settled(struct request *q, enum approval_news news)
{
	struct approvals *a = q->owner;
	if (q->state != REQ_OPEN) {
		timer_stop(&q->deadline);
		timer_stop(&q->reminder);
	}
	if (news == APPROVAL_DECIDED)
		metric_inc(a->decided, 1, req_state_name(q->state));
	tell_listeners(q, news);
	if (news == APPROVAL_DECIDED && a->o.engine && q->state != REQ_SUPERSEDED && q->state != REQ_CANCELLED)
		engine_gate_decided(a->o.engine, q->uid);
}

static void answer_vote(struct vote_call *v, enum result r, const struct error *why)
{
	const struct request *q = v->request;
	if (r == RC_CONFLICT) {
		vote_refuse(v, RC_CONFLICT, "this press has already been counted");
	} else if (r != RC_OK) {
		vote_answer(v, RC_EXHAUSTED, "not counted: the decision could not be recorded (%s)", why->text);
	} else if (q->state == REQ_OPEN && !q->policy) { /* it was taken away while the vote was written */
		vote_answer(v, RC_OK, "counted, but the policy of this gate is not configured any more");
	} else if (q->state == REQ_OPEN) {
		struct tally t = policy_tally(q->policy, q->votes, q->vote_count);
		int wanted = v->vote.verb == VOTE_APPROVE ? q->policy->quorum : q->policy->reject_quorum;
		vote_answer(v, RC_OK, "counted: %d of %d %s", v->vote.verb == VOTE_APPROVE ? t.approvals : t.rejections,
			    wanted > 0 ? wanted : 1, v->vote.verb == VOTE_APPROVE ? "approvals" : "rejections");
	} else {
		vote_answer(v, RC_OK, "%s by %s", req_state_name(q->state), q->decided_by);
	}
}

static void not_stored(struct change *c, enum result r, const struct error *why)
{
	struct request *q = c->request;
	if (r != RC_CONFLICT)
		log_error("approval_not_stored", "request=%s canary=%s/%s why=%s", q->id, q->ns, q->name, why->text);
	if (c->vote)
		request_forget_vote(q);
	if (q->state == REQ_OPEN && q->deadline_at.v && !timer_active(&q->deadline) && !q->owner->stopped)
		timer_start(q->owner->o.loop, &q->deadline, DEADLINE_RETRY_MS, deadline_over, q);
}

/* What had to wait for the write: the end of the request first, because nobody may vote after it. */
static void go_on(struct request *q)
{
	if (q->due) {
		q->due = false;
		change_state(q, q->due_event, q->due_reason);
	}
	votes_resume(q);
}

static void changed(void *owner, enum result r, const struct error *why)
{
	struct change *c = owner;
	struct request *q = c->request;
	q->busy = false;
	q->owner->flying--;
	if (r == RC_OK)
		change_apply(c);
	else
		not_stored(c, r, why);
	if (c->vote && r == RC_OK)
		metric_inc(q->owner->votes, 1, c->vote->vote.verb == VOTE_APPROVE ? "approve" : "reject");
	if (c->vote)
		answer_vote(c->vote, r, why);
	if (r == RC_OK)
		settled(q, c->news);
	change_free(c);
	go_on(q);
}

static void opened(void *owner, enum result r, const struct error *why)
{
	struct change *c = owner;
	struct request *q = c->request;
	struct approvals *a = q->owner;
	q->busy = false;
	a->flying--;
	change_free(c);
	if (r != RC_OK) {
		/* Nobody was asked; the next tick asks again. */
		log_error("approval_not_stored", "canary=%s/%s why=%s", q->ns, q->name, why->text);
		votes_turn_away(q, RC_EXHAUSTED, "not counted: the question could not be recorded");
		request_destroy(q);
		return;
	}
	q->stored = true;
	metric_inc(a->opened, 1, hook_type_name(q->type));
	request_arm(q);
	request_arm_reminder(q);
	settled(q, APPROVAL_OPENED);
	go_on(q);
	requests_trim(a);
}

/* ---- changes ---- */

static void submit(struct change *c, struct store_tx *tx, const struct request *after, struct arena *a,
		   store_done *done)
{
	tell_recorders(tx, after, c->news, a);
	arena_destroy(a);
	c->request->busy = true;
	c->request->owner->flying++;
	store_submit(tx, done, c);
}

void change_open(struct approvals *ap, struct request *q)
{
	struct change *c = change_begin(q, APPROVAL_OPENED);
	struct arena *a = c ? arena_create(CHANGE_BYTES) : NULL;
	if (!a) {
		change_free(c);
		request_destroy(q);
		return;
	}
	struct store_tx *tx = store_begin(ap->o.store);
	requests_insert(tx, q);
	record(tx, q, NULL, "request.opened", "open", "", a);
	submit(c, tx, q, a, opened);
}

static const char *action_of(enum req_state s, struct arena *a)
{
	const char *text = arena_printf(a, "request.%s", req_state_name(s));
	return text ? text : "request.decided";
}

static void record_decision(struct change *c, struct store_tx *tx, const struct request *after, struct arena *a)
{
	requests_update(tx, after);
	record(tx, after, NULL, action_of(c->state, a), req_state_name(c->state), c->reason, a);
}

void change_state(struct request *q, enum req_event event, const char *reason)
{
	enum req_state to;
	if (q->owner->stopped || request_next(q->state, event, &to, NULL) != RC_OK)
		return;
	if (q->busy) {
		q->due = true;
		q->due_event = event;
		q->due_reason = reason;
		return;
	}
	struct change *c = change_begin(q, APPROVAL_DECIDED);
	struct arena *a = c ? arena_create(CHANGE_BYTES) : NULL;
	if (!a || !decide(c, to, "rollcall", reason)) {
		arena_destroy(a);
		change_free(c);
		return;
	}
	struct store_tx *tx = store_begin(q->owner->o.store);
	struct request after = change_view(c);
	record_decision(c, tx, &after, a);
	submit(c, tx, &after, a, changed);
}

/* Everybody whose approval counts: "lin.wei, zhao". */
static const char *approvers(const struct request *q, struct arena *a)
{
	const char *text = "";
	for (size_t i = 0; i < q->vote_count && text; i++) {
		bool later = false;
		for (size_t k = i + 1; k < q->vote_count; k++)
			later = later || person_same(&q->votes[k].person, &q->votes[i].person);
		if (!later && q->votes[i].verb == VOTE_APPROVE)
			text = arena_printf(a, "%s%s%s", text, *text ? ", " : "", person_actor(&q->votes[i].person));
	}
	return text ? text : "";
}

/* False: no memory. */
static bool decide_by_votes(struct change *c, struct arena *a)
{
	const struct vote *last = &c->vote->vote;
	struct request after = change_view(c);
	struct tally t = policy_tally(after.policy, after.votes, after.vote_count);
	if (t.rejected)
		return decide(c, REQ_REJECTED, person_actor(&last->person), last->reason);
	if (t.approved)
		return decide(c, REQ_APPROVED, approvers(&after, a), last->reason);
	return true;
}

void change_vote(struct request *q, struct vote_call *v)
{
	struct change *c = change_begin(q, APPROVAL_VOTED);
	struct arena *a = c ? arena_create(CHANGE_BYTES) : NULL;
	bool held = a && request_hold_vote(q, &v->vote);
	if (held)
		c->vote = v;
	if (!held || !decide_by_votes(c, a)) {
		if (held)
			request_forget_vote(q);
		arena_destroy(a);
		change_free(c);
		vote_answer(v, RC_EXHAUSTED, "no memory for this now, try again");
		return;
	}
	struct store_tx *tx = store_begin(q->owner->o.store);
	struct request after = change_view(c);
	requests_insert_vote(tx, q, &v->vote, v->event_id, v->message_id);
	record(tx, q, &v->vote.person, v->vote.verb == VOTE_APPROVE ? "vote.approve" : "vote.reject", "counted",
	       v->vote.reason, a);
	if (c->news == APPROVAL_DECIDED)
		record_decision(c, tx, &after, a);
	submit(c, tx, &after, a, changed);
}

/* ---- the end of its rollout ---- */

static void over_again(void *owner);

static void over_stored(void *owner, enum result r, const struct error *why)
{
	struct request *q = owner;
	struct approvals *a = q->owner;
	a->flying--;
	q->over_writes--;
	q->over_owed = r != RC_OK;
	if (!q->over_owed)
		return;
	/* It must not be forgotten: after a restart this approval would open the gate of a later rollout. */
	log_error("approval_not_closed", "request=%s canary=%s/%s why=%s", q->id, q->ns, q->name, why->text);
	if (!a->stopped)
		timer_start(a->o.loop, &a->over_again, OVER_RETRY_MS, over_again, a);
}

static void over_write(struct request *q)
{
	struct store_tx *tx = store_begin(q->owner->o.store);
	store_exec(tx, "UPDATE approvals SET over = 1 WHERE id = ?1", "s", q->id);
	q->over_writes++;
	q->owner->flying++;
	store_submit(tx, over_stored, q);
}

static void over_again(void *owner)
{
	struct approvals *a = owner;
	struct request *q, *next;
	HASH_ITER (hh, a->by_id, q, next) {
		if (q->over_owed && !q->over_writes)
			over_write(q);
	}
}

void change_over(struct request *q)
{
	if (q->over || q->owner->stopped)
		return;
	q->over = true;
	over_write(q);
}

/* A change of a request, its audit row and the messages that tell of it are one transaction; only when that is on disk
 * does anybody hear of it, the engine last (architecture.md 3.2). */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/approvals/audit.h"
#include "bot/approvals/request.h"

enum { DEADLINE_RETRY_MS = 30000 };

struct change {
	struct request *request;
	enum approval_news news;
	struct vote_call *vote; /* NULL when no vote caused it */
	/* what the request was before, to go back to when nothing could be stored */
	enum req_state state;
	struct wall_ms decided_at;
	char *decided_by, *reason; /* owned */
};

static void deadline_over(void *owner);

const char *person_actor(const struct person *p)
{
	return !text_empty(p->user) ? p->user : !text_empty(p->name) ? p->name : p->id;
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
			      .decided_by = q->decided_by ? strdup(q->decided_by) : NULL,
			      .reason = q->reason ? strdup(q->reason) : NULL };
	return c;
}

static void change_free(struct change *c)
{
	free(c->decided_by);
	free(c->reason);
	free(c);
}

static void set_string(char **where, const char *s)
{
	free(*where);
	*where = strdup(s ? s : "");
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
	struct arena *a = arena_create(1 << 20);
	const struct approval *now = a ? request_value(q, a) : NULL;
	for (size_t i = 0; now && i < ap->listener_count; i++)
		ap->listeners[i].cb(ap->listeners[i].owner, news, now);
	arena_destroy(a);
}

/* ---- after the commit ---- */

void request_arm(struct request *q)
{
	struct approvals *a = q->owner;
	if (q->state != REQ_OPEN || !q->deadline_at.v)
		return;
	int64_t left = q->deadline_at.v - a->o.clock->wall(a->o.clock).v;
	timer_start(a->o.loop, &q->deadline, left > 0 ? left : 0, deadline_over, q);
}

static void settled(struct request *q, enum approval_news news)
{
	struct approvals *a = q->owner;
	if (q->state != REQ_OPEN)
		timer_stop(&q->deadline);
	if (news == APPROVAL_DECIDED)
		metric_inc(a->decided, 1, req_state_name(q->state));
	tell_listeners(q, news);
	if (news == APPROVAL_DECIDED && a->o.engine && q->state != REQ_SUPERSEDED && q->state != REQ_CANCELLED)
		engine_gate_decided(a->o.engine, q->uid);
}

static void go_back(struct change *c)
{
	struct request *q = c->request;
	q->state = c->state;
	q->decided_at = c->decided_at;
	set_string(&q->decided_by, c->decided_by);
	set_string(&q->reason, c->reason);
	if (c->vote)
		request_drop_vote(q);
	if (q->state == REQ_OPEN && q->deadline_at.v)
		timer_start(q->owner->o.loop, &q->deadline, DEADLINE_RETRY_MS, deadline_over, q);
}

static void answer_vote(struct change *c, enum result r, const struct error *why)
{
	struct request *q = c->request;
	struct vote_call *v = c->vote;
	struct tally t = q->policy ? policy_tally(q->policy, q->votes, q->vote_count) : (struct tally){ 0 };
	if (r == RC_CONFLICT)
		vote_answer(v, RC_CONFLICT, "this press has already been counted");
	else if (r != RC_OK)
		vote_answer(v, RC_EXHAUSTED, "not counted: the decision could not be recorded (%s)", why->text);
	else if (q->state == REQ_OPEN)
		vote_answer(v, RC_OK, "counted: %d of %d approvals", t.approvals, q->policy ? q->policy->quorum : 1);
	else
		vote_answer(v, RC_OK, "%s by %s", req_state_name(q->state), q->decided_by);
}

static void changed(void *owner, enum result r, const struct error *why)
{
	struct change *c = owner;
	struct request *q = c->request;
	q->busy = false;
	if (r != RC_OK) {
		if (r != RC_CONFLICT)
			log_error("approval_not_stored", "request=%s canary=%s/%s why=%s", q->id, q->ns, q->name,
				  why->text);
		go_back(c);
	}
	q->stored = true;
	if (c->vote)
		answer_vote(c, r, why);
	if (r == RC_OK)
		settled(q, c->news);
	change_free(c);
	votes_resume(q);
}

static void opened(void *owner, enum result r, const struct error *why)
{
	struct change *c = owner;
	struct request *q = c->request;
	q->busy = false;
	if (r != RC_OK) {
		/* Nobody was asked; the next tick asks again. */
		log_error("approval_not_stored", "canary=%s/%s why=%s", q->ns, q->name, why->text);
		change_free(c);
		request_destroy(q);
		return;
	}
	q->stored = true;
	metric_inc(q->owner->opened, 1, hook_type_name(q->type));
	request_arm(q);
	settled(q, APPROVAL_OPENED);
	change_free(c);
	votes_resume(q);
}

/* ---- changes ---- */

static void submit(struct change *c, struct store_tx *tx, struct arena *a, store_done *done)
{
	tell_recorders(tx, c->request, c->news, a);
	c->request->busy = true;
	c->request->stored = false;
	arena_destroy(a);
	store_submit(tx, done, c);
}

void change_open(struct approvals *ap, struct request *q)
{
	struct change *c = change_begin(q, APPROVAL_OPENED);
	struct arena *a = c ? arena_create(1 << 20) : NULL;
	if (!a) {
		free(c);
		request_destroy(q);
		return;
	}
	struct store_tx *tx = store_begin(ap->o.store);
	requests_insert(tx, q);
	record(tx, q, NULL, "request.opened", "open", "", a);
	submit(c, tx, a, opened);
}

static void apply(struct request *q, enum req_state to, const char *by, const char *reason)
{
	q->state = to;
	q->decided_at = q->owner->o.clock->wall(q->owner->o.clock);
	set_string(&q->decided_by, by);
	set_string(&q->reason, reason);
}

static const char *action_of(enum req_state s, struct arena *a)
{
	const char *text = arena_printf(a, "request.%s", req_state_name(s));
	return text ? text : "request.decided";
}

void change_state(struct request *q, enum req_event event, const char *by, const char *reason)
{
	enum req_state to;
	if (q->busy || request_next(q->state, event, &to, NULL) != RC_OK)
		return;
	struct change *c = change_begin(q, APPROVAL_DECIDED);
	struct arena *a = c ? arena_create(1 << 20) : NULL;
	if (!a) {
		free(c);
		return;
	}
	apply(q, to, by, reason);
	struct store_tx *tx = store_begin(q->owner->o.store);
	requests_update(tx, q);
	record(tx, q, NULL, action_of(to, a), req_state_name(to), reason, a);
	submit(c, tx, a, changed);
}

void change_over(struct request *q)
{
	if (q->over)
		return;
	q->over = true;
	struct store_tx *tx = store_begin(q->owner->o.store);
	store_exec(tx, "UPDATE approvals SET over = 1 WHERE id = ?1", "s", q->id);
	store_submit(tx, NULL, NULL);
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

void change_vote(struct request *q, struct vote_call *v)
{
	struct change *c = change_begin(q, APPROVAL_VOTED);
	struct arena *a = c ? arena_create(1 << 20) : NULL;
	if (!a || !request_add_vote(q, &v->vote)) {
		arena_destroy(a);
		free(c);
		vote_answer(v, RC_EXHAUSTED, "no memory for this now, try again");
		return;
	}
	c->vote = v;
	struct store_tx *tx = store_begin(q->owner->o.store);
	requests_insert_vote(tx, q, &v->vote, v->event_id, v->message_id);
	struct tally t = policy_tally(q->policy, q->votes, q->vote_count);
	record(tx, q, &v->vote.person, v->vote.verb == VOTE_APPROVE ? "vote.approve" : "vote.reject", "counted",
	       v->vote.reason, a);
	if (t.approved || t.rejected) {
		c->news = APPROVAL_DECIDED;
		apply(q, t.rejected ? REQ_REJECTED : REQ_APPROVED,
		      t.rejected ? person_actor(&v->vote.person) : approvers(q, a), v->vote.reason);
		requests_update(tx, q);
		record(tx, q, NULL, action_of(q->state, a), req_state_name(q->state), v->vote.reason, a);
	}
	metric_inc(q->owner->votes, 1, v->vote.verb == VOTE_APPROVE ? "approve" : "reject");
	submit(c, tx, a, changed);
}

static void deadline_over(void *owner)
{
	struct request *q = owner;
	if (q->busy) {
		timer_start(q->owner->o.loop, &q->deadline, 1000, deadline_over, q);
		return;
	}
	enum on_timeout what = q->policy ? q->policy->on_timeout : TIMEOUT_WAIT;
	if (what == TIMEOUT_WAIT)
		return;
	if (what == TIMEOUT_APPROVE)
		change_state(q, REQ_ON_QUORUM, "rollcall", "nobody objected in time");
	else
		change_state(q, REQ_ON_DEADLINE, "rollcall", "nobody decided in time");
}

#include "bot/approvals/approvals.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "bot/approvals/request.h"

static const char STOPPING[] = "not counted: rollcall is being stopped, press again in a minute";

/* ---- life ---- */

static bool load_key(void *owner, sqlite3_stmt *st)
{
	struct approvals *a = owner;
	if (sqlite3_column_bytes(st, 0) == (int)sizeof a->key)
		memcpy(a->key, sqlite3_column_blob(st, 0), sizeof a->key);
	return false;
}

static void key_stored(void *owner, enum result r, const struct error *why)
{
	(void)owner;
	if (r != RC_OK)
		log_error("key_not_stored", "why=%s", why->text);
}

/* The key outlives restarts, so that buttons do. */
static enum result read_key(struct approvals *a, struct error *e)
{
	static const unsigned char none[sizeof a->key];
	enum result r = store_load(a->o.store, "SELECT key FROM approval_key", load_key, a, e);
	if (r != RC_OK || memcmp(a->key, none, sizeof none) != 0)
		return r;
	r = crypto_random(a->key, sizeof a->key, e);
	if (r != RC_OK)
		return r;
	struct store_tx *tx = store_begin(a->o.store);
	store_exec(tx, "INSERT OR REPLACE INTO approval_key (id, key) VALUES (1, ?1)", "b", (const void *)a->key,
		   sizeof a->key);
	store_submit(tx, key_stored, NULL);
	return RC_OK;
}

static void rearm(struct approvals *a)
{
	struct request *q, *next;
	HASH_ITER (hh, a->by_id, q, next) {
		if (q->state == REQ_OPEN)
			request_arm_reminder(q);
		if (q->state == REQ_OPEN && q->deadline_at.v)
			request_arm(q);
	}
}

enum result approvals_create(const struct approvals_options *o, struct approvals **ret, struct error *e)
{
	CLEANUP(approvals_destroy_p) struct approvals *a = calloc(1, sizeof *a);
	if (!a)
		return error_set(e, RC_EXHAUSTED, "no memory for approvals");
	a->o = *o;
	if (!a->o.clock)
		a->o.clock = clock_system();
	a->opened = metrics_add(o->metrics, METRIC_COUNTER, "rollcall_approvals_opened_total",
				"Requests put to people.", "gate", NULL);
	a->decided = metrics_add(o->metrics, METRIC_COUNTER, "rollcall_approvals_decided_total", "Requests by outcome.",
				 "outcome", NULL);
	a->votes = metrics_add(o->metrics, METRIC_COUNTER, "rollcall_votes_total", "Votes.", "verb", NULL);
	enum result r = read_key(a, e);
	if (r == RC_OK)
		r = requests_load(a, e);
	if (r == RC_OK)
		r = freezes_load(a, e);
	if (r != RC_OK)
		return error_in(e, r, "approvals");
	rearm(a);
	*ret = TAKE(a);
	return RC_OK;
}

void approvals_destroy(struct approvals *a)
{
	if (!a)
		return;
	assert(a->flying == 0 && "the store must have closed before");
	votes_answer_all(a);
	timer_stop(&a->over_again);
	struct request *q, *next;
	HASH_ITER (hh, a->by_id, q, next) {
		request_destroy(q);
	}
	freezes_finish(a);
	free(a->by);
	explicit_bzero(a->key, sizeof a->key);
	free(a);
}

void approvals_stop(struct approvals *a)
{
	a->stopped = true;
	a->o.engine = NULL;
	timer_stop(&a->over_again);
	struct request *q, *next;
	HASH_ITER (hh, a->by_id, q, next) {
		timer_stop(&q->deadline);
		timer_stop(&q->reminder);
		votes_turn_away(q, RC_UNREACHABLE, STOPPING);
	}
}

void approvals_set_engine(struct approvals *a, struct engine *g)
{
	a->o.engine = g;
}

void approvals_set_policies(struct approvals *a, const struct policy *policies)
{
	a->o.policies = policies;
	struct request *q, *next;
	HASH_ITER (hh, a->by_id, q, next) {
		q->policy = approvals_policy(a, q->policy_name);
	}
}

void approvals_listen(struct approvals *a, approval_listener *cb, void *owner)
{
	if (a->listener_count < sizeof a->listeners / sizeof *a->listeners) {
		a->listeners[a->listener_count].cb = cb;
		a->listeners[a->listener_count++].owner = owner;
	}
}

void approvals_record(struct approvals *a, approval_recorder *cb, void *owner)
{
	if (a->recorder_count < sizeof a->recorders / sizeof *a->recorders) {
		a->recorders[a->recorder_count].cb = cb;
		a->recorders[a->recorder_count++].owner = owner;
	}
}

void approvals_forget(struct approvals *a, const void *owner)
{
	size_t n = 0, m = 0;
	for (size_t i = 0; i < a->listener_count; i++)
		if (a->listeners[i].owner != owner)
			a->listeners[n++] = a->listeners[i];
	for (size_t i = 0; i < a->recorder_count; i++)
		if (a->recorders[i].owner != owner)
			a->recorders[m++] = a->recorders[i];
	a->listener_count = n;
	a->recorder_count = m;
}

const struct policy *approvals_policies(const struct approvals *a)
{
	return a->o.policies;
}

const struct policy *approvals_policy(struct approvals *a, const char *name)
{
	const char *wanted = text_empty(name) ? "default" : name;
	for (const struct policy *p = a->o.policies; p && p->name; p++)
		if (text_eq(p->name, wanted))
			return p;
	return NULL;
}

/* ---- the engine asks ---- */

/* Superseded and cancelled ones do not answer: what comes back later is asked afresh. */
static struct request *answering(const struct approvals *a, const struct rollout *r, const struct rollout_gate *g)
{
	for (struct request *q = request_first(a, r->uid); q; q = q->next)
		if (!q->over && q->type == g->type && q->step == g->step && q->weight == g->weight &&
		    text_eq(q->revision, r->revision) && q->state != REQ_SUPERSEDED && q->state != REQ_CANCELLED)
			return q;
	return NULL;
}

/* The same step to another weight is another question. */
static bool is_replaced(const struct request *q, const struct rollout *r, const struct rollout_gate *g)
{
	bool other_weight = q->type == g->type && q->step == g->step && q->weight != g->weight;
	return !q->over && (!text_eq(q->revision, r->revision) || other_weight);
}

static void supersede(struct approvals *a, const struct rollout *r, const struct rollout_gate *g)
{
	for (struct request *q = request_first(a, r->uid); q; q = q->next) {
		if (!is_replaced(q, r, g))
			continue;
		if (q->state == REQ_OPEN)
			change_state(q, REQ_ON_NEW_REVISION, "a newer revision");
		else
			change_over(q);
	}
}

static bool fill(struct request *q, const struct rollout *r, const struct rollout_gate *g)
{
	struct approvals *a = q->owner;
	const char *policy = text_empty(g->policy) ? r->policy : g->policy;
	q->cluster = strdup(r->cluster);
	q->ns = strdup(r->ns);
	q->name = strdup(r->name);
	q->revision = strdup(r->revision);
	q->policy_name = strdup(policy);
	q->requested_by = strdup(r->requested_by);
	q->old_image = strdup(r->stable.images);
	q->new_image = strdup(r->canary.images);
	q->decided_by = strdup("");
	q->reason = strdup("");
	q->type = g->type;
	q->step = g->step;
	q->weight = g->weight;
	q->policy = approvals_policy(a, policy);
	q->opened_at = a->o.clock->wall(a->o.clock);
	if (q->policy && q->policy->timeout_ms > 0)
		q->deadline_at.v = q->opened_at.v + q->policy->timeout_ms;
	return q->cluster && q->ns && q->name && q->revision && q->policy_name && q->requested_by && q->old_image &&
	       q->new_image && q->decided_by && q->reason;
}

static void open_request(struct approvals *a, const struct rollout *r, const struct rollout_gate *g)
{
	char id[32];
	struct error e;
	if (crypto_token(15, id, sizeof id, &e) != RC_OK) {
		log_error("approval_not_opened", "canary=%s/%s why=%s", r->ns, r->name, e.text);
		return;
	}
	struct request *q = request_create(a, id, r->uid);
	if (!q || !fill(q, r, g)) {
		log_error("no_memory", "room=approvals");
		request_destroy(q);
		return;
	}
	if (!q->policy)
		log_error("policy_missing", "canary=%s/%s policy=%s", r->ns, r->name, q->policy_name);
	change_open(a, q);
}

static enum gate_verdict verdict_of(const struct request *q)
{
	bool hold = q->policy && q->policy->hold_on_reject;
	switch (q->state) {
	case REQ_APPROVED:
		return GATE_OPEN;
	case REQ_REJECTED:
	case REQ_EXPIRED:
		return hold ? GATE_REJECTED_HOLD : GATE_REJECTED_ROLLBACK;
	case REQ_OPEN:
	case REQ_SUPERSEDED:
	case REQ_CANCELLED:
	case REQ_STATE_COUNT:
		break;
	}
	return GATE_CLOSED;
}

static enum gate_verdict gate_ask(void *owner, const struct rollout *r, const struct rollout_gate *g,
				  const char **ret_by)
{
	struct approvals *a = owner;
	supersede(a, r, g);
	struct request *q = answering(a, r, g);
	if (!q) {
		if (!a->stopped)
			open_request(a, r, g);
		return GATE_CLOSED;
	}
	free(a->by);
	a->by = strdup(q->decided_by ? q->decided_by : "");
	*ret_by = a->by ? a->by : "";
	return verdict_of(q);
}

static void leave(struct request *q)
{
	if (q->over)
		return;
	if (q->state == REQ_OPEN)
		change_state(q, REQ_ON_GONE, "the rollout has ended");
	change_over(q);
}

static void gate_left(void *owner, const struct rollout *r)
{
	for (struct request *q = request_first(owner, r->uid); q; q = q->next)
		leave(q);
}

void approvals_reconcile(struct approvals *a, enum rollout_life (*life)(void *owner, const char *uid), void *owner)
{
	struct request *q, *next;
	HASH_ITER (hh, a->by_id, q, next) {
		if (q->over && q->state != REQ_OPEN)
			continue;
		enum rollout_life now = life(owner, q->uid);
		/* One that is open and not yet seen in the status will be asked for by the next tick. */
		if (now == ROLLOUT_GONE || (now == ROLLOUT_AT_REST && q->state != REQ_OPEN))
			leave(q);
	}
}

struct gatekeeper approvals_gatekeeper(struct approvals *a)
{
	return (struct gatekeeper){ .ask = gate_ask, .left = gate_left, .owner = a };
}

/* ---- values ---- */

const struct approval *approvals_find(struct approvals *a, const char *id, struct arena *arena)
{
	const struct request *q = request_find(a, id);
	return q && q->stored ? request_value(q, arena) : NULL;
}

static int by_time(const void *x, const void *y)
{
	const struct approval *a = *(const struct approval *const *)x, *b = *(const struct approval *const *)y;
	return a->opened_at.v < b->opened_at.v ? -1 : a->opened_at.v > b->opened_at.v;
}

/* Those of one rollout (uid NULL: of all) that fit, oldest first. */
static const struct approval *const *choose(struct approvals *a, const char *uid,
					    bool (*fits)(const struct request *q, const char *revision, int64_t since),
					    const char *revision, int64_t since, struct arena *arena, size_t *ret_count)
{
	size_t n = 0;
	const struct approval **list = arena_alloc(arena, HASH_COUNT(a->by_id) + 1, sizeof *list);
	struct request *q = uid ? request_first(a, uid) : a->by_id;
	for (; list && q; q = uid ? q->next : q->hh.next)
		if (q->stored && fits(q, revision, since)) {
			list[n] = request_value(q, arena);
			n += list[n] != NULL;
		}
	if (n)
		qsort(list, n, sizeof *list, by_time);
	*ret_count = n;
	return list;
}

static bool is_open(const struct request *q, const char *revision, int64_t since)
{
	(void)revision;
	(void)since;
	return q->state == REQ_OPEN;
}

static bool still_counts(const struct request *q, const char *revision, int64_t since)
{
	(void)since;
	return !q->over && (text_empty(revision) || text_eq(q->revision, revision));
}

static bool of_that_run(const struct request *q, const char *revision, int64_t since)
{
	return q->opened_at.v >= since && text_eq(q->revision, revision);
}

const struct approval *const *approvals_of(struct approvals *a, const char *uid, const char *revision,
					   struct arena *arena, size_t *ret_count)
{
	return choose(a, uid, uid ? still_counts : is_open, revision, 0, arena, ret_count);
}

const struct approval *const *approvals_of_run(struct approvals *a, const char *uid, const char *revision,
					       struct wall_ms since, struct arena *arena, size_t *ret_count)
{
	return choose(a, uid, of_that_run, revision, since.v, arena, ret_count);
}

const struct approval *approvals_open_of(struct approvals *a, const char *uid, struct arena *arena)
{
	for (const struct request *q = request_first(a, uid); q; q = q->next)
		if (q->state == REQ_OPEN && q->stored)
			return request_value(q, arena);
	return NULL;
}

/* ---- votes ---- */

static const char *const *copy_list(struct arena *a, const char *const *list)
{
	size_t n = 0;
	while (list && list[n])
		n++;
	const char **copy = arena_alloc(a, n + 1, sizeof *copy);
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = arena_strdup(a, list[i]);
	return copy;
}

static bool copy_call(struct vote_call *v, const struct vote_ask *q)
{
	struct arena *a = v->arena;
	v->vote.person = q->person;
	v->override_freeze = q->override_freeze;
	v->vote.verb = q->verb;
	const struct {
		const char **to;
		const char *from;
	} texts[] = {
		{ &v->vote.person.platform, q->person.platform },
		{ &v->vote.person.team, q->person.team },
		{ &v->vote.person.id, q->person.id },
		{ &v->vote.person.name, q->person.name },
		{ &v->vote.person.user, q->person.user },
		{ &v->vote.reason, q->reason },
		{ &v->vote.via, q->via },
		{ &v->revision, q->revision },
		{ &v->event_id, q->event_id },
		{ &v->message_id, q->message_id },
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		*texts[i].to = arena_strdup(a, texts[i].from ? texts[i].from : "");
		if (!*texts[i].to)
			return false;
	}
	v->vote.person.groups = copy_list(a, q->person.groups);
	v->vote.person.identities = copy_list(a, q->person.identities);
	return v->vote.person.groups && v->vote.person.identities;
}

/* In memory: enough of an id that is not one of ours to find it in the audit. */
enum { REQUEST_ID_SHOWN = 80 };

void approvals_vote(struct approvals *a, const struct vote_ask *ask, vote_done *done, void *owner)
{
	struct vote_call *v = calloc(1, sizeof *v);
	struct arena *arena = v ? arena_create(1 << 20) : NULL;
	if (!arena) {
		free(v);
		done(owner, RC_EXHAUSTED, "no memory for this now, try again");
		return;
	}
	*v = (struct vote_call){ .approvals = a, .arena = arena, .done = done, .owner = owner };
	DL_APPEND2(a->calls, v, before, after);
	v->request = request_find(a, ask->request_id);
	v->request_id = arena_strndup(arena, ask->request_id, REQUEST_ID_SHOWN);
	v->vote.at = a->o.clock->wall(a->o.clock);
	if (!v->request_id || !copy_call(v, ask))
		vote_answer(v, RC_EXHAUSTED, "no memory for this now, try again");
	else if (a->stopped)
		vote_answer(v, RC_UNREACHABLE, "%s", STOPPING);
	else if (!v->request)
		vote_refuse(v, RC_NOT_FOUND, "there is no such request any more");
	else
		vote_try(v);
}

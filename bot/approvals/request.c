#include "bot/approvals/request.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define X(id, name) name,
static const char *const state_names[REQ_STATE_COUNT] = { REQUEST_STATES(X) };
#undef X

const char *req_state_name(enum req_state s)
{
	return state_names[s];
}

/* Not in the table = not allowed: a decision, once made, never changes. */
static const struct move {
	bool allowed;
	enum req_state to;
} moves[REQ_STATE_COUNT][REQ_EVENT_COUNT] = {
	[REQ_OPEN][REQ_ON_QUORUM] = { true, REQ_APPROVED },         [REQ_OPEN][REQ_ON_REJECT] = { true, REQ_REJECTED },
	[REQ_OPEN][REQ_ON_NEW_REVISION] = { true, REQ_SUPERSEDED }, [REQ_OPEN][REQ_ON_DEADLINE] = { true, REQ_EXPIRED },
	[REQ_OPEN][REQ_ON_GONE] = { true, REQ_CANCELLED },
};

enum result request_next(enum req_state from, enum req_event event, enum req_state *ret, struct error *e)
{
	const struct move *m = &moves[from][event];
	if (!m->allowed)
		return error_set(e, RC_CONFLICT, "the request is already %s", state_names[from]);
	*ret = m->to;
	return RC_OK;
}

/* ---- life ---- */

static void vote_finish(struct vote *v)
{
	free((char *)v->person.platform);
	free((char *)v->person.team);
	free((char *)v->person.id);
	free((char *)v->person.name);
	free((char *)v->person.user);
	free((char *)v->reason);
	free((char *)v->via);
}

bool request_hold_vote(struct request *q, const struct vote *v)
{
	struct vote *more = reallocarray(q->votes, q->vote_count + 1, sizeof *more);
	if (!more)
		return false;
	q->votes = more;
	const struct person *p = &v->person;
	struct vote copy = { .person = { .platform = strdup(p->platform ? p->platform : ""),
					 .team = strdup(p->team ? p->team : ""),
					 .id = strdup(p->id ? p->id : ""),
					 .name = strdup(p->name ? p->name : ""),
					 .user = strdup(p->user ? p->user : "") },
			     .verb = v->verb,
			     .reason = strdup(v->reason ? v->reason : ""),
			     .at = v->at,
			     .via = strdup(v->via ? v->via : "") };
	if (!copy.person.platform || !copy.person.team || !copy.person.id || !copy.person.name || !copy.person.user ||
	    !copy.reason || !copy.via) {
		vote_finish(&copy);
		return false;
	}
	q->votes[q->vote_count] = copy;
	return true;
}

void request_count_vote(struct request *q)
{
	q->vote_count++;
}

void request_forget_vote(struct request *q)
{
	vote_finish(&q->votes[q->vote_count]);
}

struct request *request_find(const struct approvals *a, const char *id)
{
	struct request *q;
	HASH_FIND_STR(a->by_id, id, q);
	return q;
}

struct request *request_first(const struct approvals *a, const char *uid)
{
	struct rollout_requests *r;
	HASH_FIND_STR(a->by_uid, uid, r);
	return r ? r->first : NULL;
}

static struct rollout_requests *requests_of(struct approvals *a, const char *uid)
{
	struct rollout_requests *r;
	HASH_FIND_STR(a->by_uid, uid, r);
	if (r)
		return r;
	r = calloc(1, sizeof *r);
	char *copy = r ? strdup(uid) : NULL;
	if (!copy) {
		free(r);
		return NULL;
	}
	r->uid = copy;
	HASH_ADD_KEYPTR(hh, a->by_uid, r->uid, strlen(r->uid), r);
	return r;
}

struct request *request_create(struct approvals *a, const char *id, const char *uid)
{
	struct rollout_requests *r = requests_of(a, uid);
	struct request *q = r ? calloc(1, sizeof *q) : NULL;
	if (!q)
		return NULL;
	*q = (struct request){ .owner = a, .id = strdup(id), .uid = strdup(uid) };
	if (!q->id || !q->uid) {
		free(q->id);
		free(q->uid);
		free(q);
		return NULL;
	}
	q->next = r->first;
	r->first = q;
	HASH_ADD_KEYPTR(hh, a->by_id, q->id, strlen(q->id), q);
	return q;
}

static void unlink_request(struct request *q)
{
	struct approvals *a = q->owner;
	struct rollout_requests *r;
	HASH_FIND_STR(a->by_uid, q->uid, r);
	struct request **at = r ? &r->first : NULL;
	while (at && *at && *at != q)
		at = &(*at)->next;
	if (at && *at)
		*at = q->next;
	if (r && !r->first) {
		HASH_DEL(a->by_uid, r);
		free(r->uid);
		free(r);
	}
	HASH_DELETE(hh, a->by_id, q);
}

void request_destroy(struct request *q)
{
	if (!q)
		return;
	timer_stop(&q->deadline);
	timer_stop(&q->reminder);
	unlink_request(q);
	for (size_t i = 0; i < q->vote_count; i++)
		vote_finish(&q->votes[i]);
	char *const owned[] = { q->id,          q->cluster,      q->ns,        q->name,      q->uid,        q->revision,
				q->policy_name, q->requested_by, q->old_image, q->new_image, q->decided_by, q->reason };
	for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
		free(owned[i]);
	free(q->votes);
	free(q);
}

/* The table's order is that of creation. */
void requests_trim(struct approvals *a)
{
	struct request *q, *next;
	HASH_ITER (hh, a->by_id, q, next) {
		if (HASH_COUNT(a->by_id) <= REQUESTS_KEPT)
			return;
		if (q->over && q->state != REQ_OPEN && !q->busy && !q->waiting && !q->over_writes && !q->over_owed)
			request_destroy(q);
	}
}

/* ---- values ---- */

static const char *copy(struct arena *a, const char *s)
{
	const char *c = arena_strdup(a, s ? s : "");
	return c ? c : "";
}

const struct approval *request_value(const struct request *q, struct arena *a)
{
	struct approval *v = arena_alloc(a, 1, sizeof *v);
	struct vote *votes = arena_alloc(a, q->vote_count + 1, sizeof *votes);
	if (!v || !votes)
		return NULL;
	for (size_t i = 0; i < q->vote_count; i++) {
		const struct vote *f = &q->votes[i];
		votes[i] = (struct vote){ .person = { .platform = copy(a, f->person.platform),
						      .team = copy(a, f->person.team),
						      .id = copy(a, f->person.id),
						      .name = copy(a, f->person.name),
						      .user = copy(a, f->person.user) },
					  .verb = f->verb,
					  .reason = copy(a, f->reason),
					  .at = f->at,
					  .via = copy(a, f->via) };
	}
	*v = (struct approval){ .id = copy(a, q->id),
				.cluster = copy(a, q->cluster),
				.ns = copy(a, q->ns),
				.name = copy(a, q->name),
				.uid = copy(a, q->uid),
				.revision = copy(a, q->revision),
				.type = q->type,
				.step = q->step,
				.weight = q->weight,
				.state = q->state,
				.policy = q->policy,
				.requested_by = copy(a, q->requested_by),
				.old_image = copy(a, q->old_image),
				.new_image = copy(a, q->new_image),
				.opened_at = q->opened_at,
				.decided_at = q->decided_at,
				.deadline_at = q->deadline_at,
				.votes = votes,
				.vote_count = q->vote_count,
				.decided_by = copy(a, q->decided_by),
				.reason = copy(a, q->reason) };
	if (q->policy)
		v->tally = policy_tally(q->policy, votes, q->vote_count);
	return v;
}

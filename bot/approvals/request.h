#pragma once
/* One request for a decision: the approvals' inside. Its state changes by request_next alone. */
#include <uthash.h>

#include "bot/approvals/approvals.h"

enum req_event { REQ_ON_QUORUM, REQ_ON_REJECT, REQ_ON_NEW_REVISION, REQ_ON_DEADLINE, REQ_ON_GONE, REQ_EVENT_COUNT };
/* Pure. RC_CONFLICT: not allowed in that state; *ret untouched. */
MUST_CHECK enum result request_next(enum req_state from, enum req_event event, enum req_state *ret, struct error *e);

struct vote_call;
struct request {
	struct approvals *owner;
	char *id, *cluster, *ns, *name, *uid, *revision; /* owned, as all strings here */
	enum hook_type type;
	int step, weight;
	enum req_state state;
	bool over;   /* its rollout has ended: it opens nothing any more */
	bool stored; /* the state is on disk: only then it counts */
	char *policy_name;
	const struct policy *policy; /* borrowed; NULL: not configured any more */
	char *requested_by, *old_image, *new_image, *decided_by, *reason;
	struct wall_ms opened_at, decided_at, deadline_at;
	struct vote *votes; /* strings owned */
	size_t vote_count;
	struct timer deadline;
	bool busy;                 /* a change is being written; votes wait */
	struct vote_call *waiting; /* in order */
	UT_hash_handle hh;         /* by id */
	struct request *next;      /* of the same rollout, newest first */
};
struct rollout_requests {
	char *uid;
	struct request *first;
	UT_hash_handle hh;
};
struct approvals {
	struct approvals_options o;
	struct request *by_id;
	struct rollout_requests *by_uid;
	struct {
		approval_listener *cb;
		void *owner;
	} listeners[4];
	struct {
		approval_recorder *cb;
		void *owner;
	} recorders[4];
	size_t listener_count, recorder_count;
	unsigned char key[32]; /* of tokens */
	char *by;              /* last "who decided" handed to the engine */
	struct metric *opened, *decided, *votes;
};

/* ---- request.c ---- */
struct request *request_create(struct approvals *a, const char *id, const char *uid); /* indexed; NULL: no memory */
void request_destroy(struct request *q);
bool request_add_vote(struct request *q, const struct vote *v); /* copies */
void request_drop_vote(struct request *q);                      /* the last one */
const struct approval *request_value(const struct request *q, struct arena *arena);
struct request *request_find(const struct approvals *a, const char *id);
struct request *request_first(const struct approvals *a, const char *uid);

/* ---- requests_store.c ---- */
MUST_CHECK enum result requests_load(struct approvals *a, struct error *e);
void requests_insert(struct store_tx *tx, const struct request *q);
void requests_update(struct store_tx *tx, const struct request *q);
void requests_insert_vote(struct store_tx *tx, const struct request *q, const struct vote *v, const char *event_id,
			  const char *message_id);

/* ---- change.c: a change of state, its record and what hangs on it, as one transaction ---- */
void change_open(struct approvals *a, struct request *q);
void change_state(struct request *q, enum req_event event, const char *by, const char *reason);
void change_vote(struct request *q, struct vote_call *v);
void request_arm(struct request *q); /* its deadline */
void change_over(struct request *q); /* its rollout has ended */
const char *person_actor(const struct person *p);

/* ---- vote.c ---- */
struct vote_call {
	struct vote vote; /* strings in the arena */
	const char *revision, *event_id, *message_id;
	struct arena *arena;
	vote_done *done;
	void *owner;
	struct vote_call *next;
	struct request *request; /* while it waits or is written */
	enum result r;
	char text[256];
	struct deferred soon;
};
void vote_try(struct vote_call *v);
void vote_answer(struct vote_call *v, enum result r, const char *fmt, ...) PRINTF(3, 4);
void votes_resume(struct request *q); /* the next one that waited */

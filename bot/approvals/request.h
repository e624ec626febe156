#pragma once
/* One request for a decision: the approvals' inside. Its state changes by request_next alone. */
#include <uthash.h>

#include "bot/approvals/approvals.h"

enum req_event { REQ_ON_QUORUM, REQ_ON_REJECT, REQ_ON_NEW_REVISION, REQ_ON_DEADLINE, REQ_ON_GONE, REQ_EVENT_COUNT };
/* Pure. RC_CONFLICT: not allowed in that state; *ret untouched. */
MUST_CHECK enum result request_next(enum req_state from, enum req_event event, enum req_state *ret, struct error *e);

enum { REQUESTS_KEPT = 1000, VOTES_WAITING_MAX = 256, VOTES_OF_ONE_MAX = 20 };

struct vote_call;
struct request {
	struct approvals *owner;
	char *id, *cluster, *ns, *name, *uid, *revision; /* owned, as all strings here */
	enum hook_type type;
	int step, weight;
	enum req_state state;
	bool over;   /* its rollout has ended: it opens nothing any more */
	bool stored; /* its opening is on disk: only then anybody knows of it */
	char *policy_name;
	const struct policy *policy; /* borrowed; NULL: not configured any more */
	char *requested_by, *old_image, *new_image, *decided_by, *reason;
	struct wall_ms opened_at, decided_at, deadline_at;
	struct vote *votes; /* strings owned */
	size_t vote_count;
	struct timer deadline, reminder;
	bool escalated; /* by this process */
	bool busy;      /* a change is being written; votes wait, as does what ends the request (due) */
	bool due;
	enum req_event due_event;
	const char *due_reason;                  /* static */
	struct vote_call *waiting, *waiting_end; /* in order */
	size_t waiting_count;
	int over_writes;      /* being written: that it is over */
	bool over_owed;       /* that could not be written yet */
	UT_hash_handle hh;    /* by id */
	struct request *next; /* of the same rollout, newest first */
};
struct rollout_requests {
	char *uid;
	struct request *first;
	UT_hash_handle hh;
};
struct freeze_switch {            /* somebody switched this freeze on */
	char *name, *by, *reason; /* owned */
	struct wall_ms since;
	struct freeze_switch *next;
};
struct approvals {
	struct approvals_options o;
	struct request *by_id;
	struct rollout_requests *by_uid;
	struct {
		approval_listener *cb;
		void *owner;
	} listeners[8];
	struct {
		approval_recorder *cb;
		void *owner;
	} recorders[4];
	size_t listener_count, recorder_count;
	unsigned char key[32];   /* of tokens */
	char *by;                /* last "who decided" handed to the engine */
	struct vote_call *calls; /* not answered yet */
	int flying;              /* transactions that the store has not answered */
	bool stopped;
	struct timer over_again;
	struct freeze_switch *switches; /* owned */
	bool switches_lost;             /* no memory for one that is on disk */
	struct metric *opened, *decided, *votes;
};

/* ---- request.c ---- */
struct request *request_create(struct approvals *a, const char *id, const char *uid); /* indexed; NULL: no memory */
void request_destroy(struct request *q);
/* A vote that is being written stands behind the last one and does not count yet. Copies; false: no memory. */
bool request_hold_vote(struct request *q, const struct vote *v);
void request_count_vote(struct request *q);  /* it is on disk */
void request_forget_vote(struct request *q); /* it could not be written */
const struct approval *request_value(const struct request *q, struct arena *arena);
struct request *request_find(const struct approvals *a, const char *id);
struct request *request_first(const struct approvals *a, const char *uid);
/* What is over leaves memory, the oldest first, but for those whose buttons may still be pressed. */
void requests_trim(struct approvals *a);

/* ---- requests_store.c ---- */
MUST_CHECK enum result requests_load(struct approvals *a, struct error *e);
void requests_insert(struct store_tx *tx, const struct request *q);
void requests_update(struct store_tx *tx, const struct request *q);
void requests_insert_vote(struct store_tx *tx, const struct request *q, const struct vote *v, const char *event_id,
			  const char *message_id);

/* ---- change.c: a change of state, its record and what hangs on it, as one transaction ---- */
void change_open(struct approvals *a, struct request *q);
void change_state(struct request *q, enum req_event event, const char *reason); /* by rollcall; reason is static */
void change_vote(struct request *q, struct vote_call *v);
void request_arm(struct request *q);          /* its deadline */
void request_arm_reminder(struct request *q); /* remind.c */
bool request_is_late(struct request *q); /* past a deadline that decides; decides it when nothing else is under way */
void change_over(struct request *q);     /* its rollout has ended */

/* ---- freezes.c ---- */
MUST_CHECK enum result freezes_load(struct approvals *a, struct error *e);
void freezes_finish(struct approvals *a);

/* ---- vote.c ---- */
struct vote_call {
	struct approvals *approvals;
	struct vote_call *before, *after; /* all calls that are not answered */
	struct vote vote;                 /* strings in the arena */
	const char *revision, *event_id, *message_id;
	struct arena *arena;
	vote_done *done;
	void *owner;
	struct vote_call *next;
	struct request *request; /* while it waits or is written; NULL: there is none */
	const char *request_id;
	bool late; /* waited for the deadline to be written */
	bool override_freeze;
	enum result r;
	char text[512];
	struct deferred soon;
};
void vote_try(struct vote_call *v);
void vote_answer(struct vote_call *v, enum result r, const char *fmt, ...) PRINTF(3, 4);
void vote_refuse(struct vote_call *v, enum result r, const char *text); /* with its audit row */
void votes_resume(struct request *q);                                   /* those that waited */
/* All that wait get this answer. */
void votes_turn_away(struct request *q, enum result r, const char *text);
void votes_answer_all(struct approvals *a); /* at the end: at once */

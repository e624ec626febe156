#pragma once
/* Requests for a decision, the votes on them, and their record. A decision counts once it is on disk: vote, audit row
 * and outbox rows are one transaction, and only then the engine is told (architecture.md 3.2, law 5). Loop thread only.
 */
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/store.h"
#include "bot/approvals/policy.h"
#include "controller/engine.h"

struct approvals;
struct freeze;
struct metrics;

#define REQUEST_STATES(X)                                                                                              \
	X(OPEN, "open")                                                                                                \
	X(APPROVED, "approved")                                                                                        \
	X(REJECTED, "rejected") X(SUPERSEDED, "superseded") X(EXPIRED, "expired") X(CANCELLED, "cancelled")
#define X(id, name) REQ_##id,
enum req_state { REQUEST_STATES(X) REQ_STATE_COUNT };
#undef X
const char *req_state_name(enum req_state s);

/* Identity: (cluster, namespace, name, UID, revision, gate type, step). A plain value for cards, lists and pages. */
struct approval {
	const char *id; /* opaque, unique; rights are checked on every use, so it is no secret */
	const char *cluster, *ns, *name, *uid, *revision;
	enum hook_type type;
	int step, weight;
	enum req_state state;
	const struct policy *policy;
	const char *requested_by, *old_image, *new_image;
	struct wall_ms opened_at, decided_at, deadline_at; /* 0: none */
	const struct vote *votes;                          /* in order of time, changed ones included */
	size_t vote_count;
	struct tally tally;
	const char *decided_by, *reason; /* "lin.wei, zhao"; "" */
};
/* Who hears of changes: cards, threads. Called on the loop thread after the change is on disk. */
enum approval_news { APPROVAL_OPENED, APPROVAL_VOTED, APPROVAL_DECIDED, APPROVAL_REMINDED };
/* a is NULL for APPROVAL_REMINDED: only messages were put. */
typedef void approval_listener(void *owner, enum approval_news news, const struct approval *a);

struct approvals_options {
	struct loop *loop;
	struct store *store;   /* borrowed; its migrations include approvals_migrations */
	struct engine *engine; /* borrowed; told by engine_gate_decided. May be set later: approvals_set_engine */
	const struct policy
		*policies; /* borrowed; ends with a NULL name. The one named "default" serves gates without one */
	const struct freeze *freezes; /* borrowed, as the policies are; ends with a NULL name; NULL none */
	struct metrics *metrics;
	const struct clock *clock;
};
extern const struct store_migration approvals_migrations[]; /* ends with a NULL room; includes audit's */
/* Loads what was open or decided for revisions that still matter. */
MUST_CHECK enum result approvals_create(const struct approvals_options *o, struct approvals **ret, struct error *e);
/* Nothing is written any more, the engine is told nothing, who waits is told to come back: before store_close. */
void approvals_stop(struct approvals *a);
/* Once the store has closed. Votes that are still unanswered are answered now. */
void approvals_destroy(struct approvals *a);
void approvals_set_engine(struct approvals *a, struct engine *g);
/* Other policies from now on, for open requests too (their deadlines stay); the old ones must outlive the approvals. */
void approvals_set_policies(struct approvals *a, const struct policy *policies);
void approvals_listen(struct approvals *a, approval_listener *cb, void *owner);
/* Listeners and recorders of this owner hear nothing any more. */
void approvals_forget(struct approvals *a, const void *owner);
/* Called while the transaction of a change is being built, with the state that it leads to: what is put into tx (outbox
 * rows) commits together with the vote and its audit row, or not at all. */
typedef void approval_recorder(void *owner, struct store_tx *tx, enum approval_news news, const struct approval *after);
void approvals_record(struct approvals *a, approval_recorder *cb, void *owner);
/* The seam of the engine: owner is the approvals. */
struct gatekeeper approvals_gatekeeper(struct approvals *a);
/* What ended while nobody looked: a process may die between the end of a rollout and its record. Once, at start. */
enum rollout_life { ROLLOUT_ACTIVE, ROLLOUT_AT_REST, ROLLOUT_GONE };
void approvals_reconcile(struct approvals *a, enum rollout_life (*life)(void *owner, const char *uid), void *owner);

/* NULL: unknown. Values live in the arena. */
const struct approval *approvals_find(struct approvals *a, const char *id, struct arena *arena);
/* All requests of a rollout's revision ("" = any), newest last; or all open ones when uid is NULL. */
const struct approval *const *approvals_of(struct approvals *a, const char *uid, const char *revision,
					   struct arena *arena, size_t *ret_count);
/* The requests of one run of a revision, since it began, also when the rollout has ended: for cards that say who
 * decided. */
const struct approval *const *approvals_of_run(struct approvals *a, const char *uid, const char *revision,
					       struct wall_ms since, struct arena *arena, size_t *ret_count);
/* The open request of a rollout, for "approve NAME" without an id; NULL when none. */
const struct approval *approvals_open_of(struct approvals *a, const char *uid, struct arena *arena);
/* The policy of that name; of "" the default one; NULL: unknown. */
const struct policy *approvals_policy(struct approvals *a, const char *name);
/* All of them; ends with a NULL name. */
const struct policy *approvals_policies(const struct approvals *a);

struct vote_ask {
	const char *request_id;
	const char *revision; /* what the button was about; differs from the request's: superseded. "" not known */
	struct person person;
	enum vote_verb verb;
	const char *reason;     /* "" none */
	const char *via;        /* platform the vote came through */
	const char *event_id;   /* of the platform, for deduplication; "" none */
	const char *message_id; /* where the button stood; "" */
	bool override_freeze;   /* approve although a freeze holds: a right of its own, with a reason */
};
/* r: RC_OK counted (text: "1 of 2" or "approved"), RC_REFUSED no right / own revision / reason missing, RC_CONFLICT
 * already decided (says by whom, when) or superseded by a newer revision (says so), RC_NOT_FOUND, RC_EXHAUSTED the
 * record cannot be written. text is for the person. Every call leaves an audit row, refused ones too. */
typedef void vote_done(void *owner, enum result r, const char *text);
void approvals_vote(struct approvals *a, const struct vote_ask *v, vote_done *done, void *owner);

/* A secret for a link or button about one request and verb: HMAC over (id, verb, channel, expiry). false: bad, expired.
 */
MUST_CHECK enum result approvals_token(struct approvals *a, const char *request_id, const char *verb,
				       const char *channel, int64_t life_ms, char *buf, size_t size, struct error *e);
bool approvals_token_good(struct approvals *a, const char *request_id, const char *verb, const char *channel,
			  const char *token);
DEFINE_CLEANUP(struct approvals, approvals_destroy)

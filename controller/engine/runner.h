#pragma once
/* The engine's inside: one runner a Canary. Ticks of one runner never overlap; a wake-up during a tick means one more
 * tick after it. */
#include <uthash.h>

#include "controller/alerts/alerts.h"
#include "controller/cluster/cluster.h"
#include "controller/core/step.h"
#include "controller/engine.h"
#include "controller/hooks/hooks.h"
#include "controller/metrics/source.h"
#include "controller/plan.h"
#include "controller/routers/router.h"
#include "controller/targets/target.h"

enum {
	LISTENERS_MAX = 8,
	TICK_ARENA_BYTES = 16 << 20,
	ANSWERS_MAX = 128,
	REMEMBERED_MAX = 16, /* keys said and hooks answered, of each so many */
	CHATTER_MAX = 4,
	CONFLICTS_QUIET = 4,   /* so many in a row are everyday life; more is told */
	RETRY_FIRST_MS = 1000, /* after an effect that failed; doubles to RETRY_LAST_MS */
	RETRY_LAST_MS = 30000
};

struct runner;
/* Who is to be woken when an object changes. */
struct interest {
	char *key; /* "KIND/NS/NAME"; owned */
	enum kind kind;
	char *ns, *name; /* owned */
	struct runner **runners;
	size_t count, cap;
	UT_hash_handle hh;
};

/* What the last tick saw, for rollouts as values: small, because it is kept for canaries at rest. */
struct seen {
	struct routes routes;
	int target_wanted, target_ready, target_available;
	int source_wanted, source_ready, source_available;
	char *target_images, *source_images; /* owned */
	char *identity;                      /* revision of the target now; owned */
	char *requested_by;                  /* owned */
};
struct check_seen {
	char value[32], limit[80];
	bool good, measured;
};
/* A keyed hook that was answered: a tick that has to be repeated does not call it again. */
struct hook_said {
	uint64_t key; /* hash; 0 free */
	enum verdict verdict;
	char *text; /* owned */
};
struct chatter {
	uint64_t text; /* hash; 0 free */
	int64_t at_ms; /* mono */
};
struct tick;
struct runner {
	struct engine *engine; /* borrowed */
	char *ns, *name, *uid; /* owned */
	struct canary *canary; /* owned; NULL while the object cannot be used */
	char *invalid;         /* owned; why not */
	bool invalid_said;
	uint64_t marking; /* cluster call that writes or clears the mark of an invalid Canary; 0 none */
	struct interest **interests;
	size_t interest_count, interest_cap;

	struct timer wake;                   /* the next tick by time */
	struct deferred soon;                /* a tick on the next turn */
	struct tick *tick;                   /* owned; NULL between ticks */
	bool again;                          /* something changed during the tick */
	bool unfresh;                        /* the last tick found the cache incomplete */
	bool person;                         /* a gate was decided or a verb asked: do not wait for the interval */
	int64_t counted_ms;                  /* mono time of the last counted tick; -1 none */
	int64_t retry_ms;                    /* next pause after a failed effect */
	unsigned conflicts;                  /* in a row */
	struct chatter chatter[CHATTER_MAX]; /* last texts without a key: not repeated faster than the interval */
	uint64_t said[REMEMBERED_MAX];       /* hashes of the last keys that were said */
	size_t said_at;
	struct hook_said *answers; /* owned; REMEMBERED_MAX; NULL before the first */
	size_t answer_at;

	struct seen seen;
	struct check_seen *checks; /* owned; one a metric, after its first run */
	size_t check_count;
	struct gate_state gate; /* strings owned by gate_strings */
	char *gate_policy, *gate_name;
	char *next, *message; /* owned */
	uint64_t shown;       /* hash of what listeners were last told */
	UT_hash_handle hh;    /* by "ns/name" */
	UT_hash_handle hu;    /* by uid */
	char *key;            /* "ns/name"; owned */
};

struct verb_call;
struct engine {
	struct engine_options o;
	struct hooks *hooks;     /* owned */
	struct alerts *alerts;   /* owned */
	struct sources *sources; /* owned */
	struct runner *by_name, *by_uid;
	struct interest *interests;
	struct {
		engine_listener *cb;
		void *owner;
	} listeners[LISTENERS_MAX];
	size_t listener_count;
	struct verb_call *verbs;  /* being recorded */
	struct event_post *posts; /* event hooks under way */
	bool started;
	struct metric *ticks, *tick_seconds, *status, *weight, *successes, *failures, *total, *analysis;
};

/* ---- engine.c ---- */
struct runner *engine_runner(struct engine *g, const char *ns, const char *name);
void engine_tell(struct engine *g, const struct rollout_event *ev);
char *dup_text(const char *s); /* NULL in or no memory: NULL */
void set_text(char **where, const char *s);
uint64_t text_hash(uint64_t from, const char *s); /* FNV-1a, from 0 on; NULL is "" */

/* ---- runner.c ---- */
struct runner *runner_create(struct engine *g, const struct object *o);
void runner_destroy(struct runner *r);
void runner_check(struct runner *r);                          /* takes the Canary from the cache again, and wakes */
void runner_update(struct runner *r, const struct object *o); /* the Canary object changed */
void runner_wake(struct runner *r);                           /* a tick soon */
void runner_want(struct runner *r);                           /* brings interests up to date */
const struct canary *runner_canary(const struct runner *r);   /* NULL while it cannot be used */

/* ---- tick.c ---- */
enum tick_stage { TICK_ASKS, TICK_ACTS, TICK_SAYS, TICK_WRITES };
struct tick {
	struct runner *runner;
	enum tick_stage stage;
	bool person;         /* a person's decision woke it: given back to the runner when the tick comes to nothing */
	const char *version; /* resourceVersion of the Canary as this tick knows it; in the arena */
	struct arena *arena; /* owned */
	struct canary *canary; /* owned: the one this tick is about, whatever arrives meanwhile */
	struct observed observed;
	struct answer *answers; /* in the arena, as many as were given: ten thousand ticks may be under way at once */
	size_t answer_count, answer_cap;
	struct decision decision;
	size_t at;         /* question, effect or saying in hand */
	struct plan *plan; /* writes of the effect in hand; in the arena, NULL before the first */
	size_t write_at;
	uint64_t call; /* cluster call in flight; 0 none */
	struct hook_call *hook;
	struct metric_ask *metric;
	int64_t began_ms;
};
void tick_begin(struct runner *r);
void tick_destroy(struct tick *t); /* cancels what is in flight; NULL is fine */
void tick_step(struct tick *t);    /* asks the core again with the answers so far */
void tick_end(struct tick *t, int64_t wake_ms);
/* Keeps what a decision that came to its end says about the canary. */
void tick_settle(struct tick *t);
/* It waits for hooks or metrics only, and may be begun anew at no loss. */
bool tick_droppable(const struct tick *t);

/* ---- ask.c: questions ---- */
void tick_ask(struct tick *t);

/* ---- act.c: effects, sayings, status ---- */
void tick_act(struct tick *t);
/* The Canary is gone because of this tick: what is left to be said is said now. NULL is fine. */
void tick_last_words(struct tick *t);
void tick_give_back(struct tick *t); /* it came to nothing: whoever woke it is still waiting */
void update_gauges(const struct tick *t);
void tick_fail(struct tick *t, enum result r, const char *text); /* says the error as a Warning, ends the tick */

/* ---- observe.c ---- */
enum result tick_observe(struct tick *t, struct error *e);
void plan_begin(const struct runner *r, const struct canary *c, struct arena *a, struct plan *p);
struct plan *tick_plan(struct tick *t);               /* begun anew; NULL: no memory */
const struct router *router_of(const struct plan *p); /* NULL: a provider that we do not know */
const char *provider_of(const struct plan *p);

/* ---- announce.c: events, event hooks, news ---- */
/* Event hooks and listeners hear it, and it becomes a Kubernetes Event; done (may be NULL) runs when that is on record.
 */
uint64_t announce(struct runner *r, const struct canary *c, const struct saying *s, cluster_done *done, void *owner);
void announce_cancel_all(struct engine *g);
void runner_show(struct runner *r, enum rollout_news news, const char *text, bool warning, int severity,
		 const char *key);

/* ---- value.c ---- */
struct rollout *runner_rollout(const struct runner *r, struct arena *a);

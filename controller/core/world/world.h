#pragma once
/* A toy cluster on a virtual clock, for simulations of rollouts: it observes itself, asks the core, carries out what it
 * decides, and knows when traffic points at nothing. Revisions are plain words; one that starts with "bad" has pods
 * that never become ready. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "controller/core/step.h"
#include "controller/model/canary.h"

enum { WORLD_PODS_MAX = 64, WORLD_ANSWERS_MAX = 64, WORLD_SAID_MAX = 4096 };

struct world_pod {
	const char *revision;
	int64_t ready_at;
};
/* A Deployment and its pods. */
struct world_side {
	bool exists, paused, paused_by_us;
	int wanted;
	const char *revision; /* of its template */
	struct world_pod pods[WORLD_PODS_MAX];
	int pod_count;
	int64_t complete_at; /* last time at which all was as wanted */
};
enum world_apex { WORLD_APEX_MISSING, WORLD_APEX_USER, WORLD_APEX_SOURCE, WORLD_APEX_TARGET };
struct world_said {
	const char *text, *key; /* key NULL: chatter */
	bool warning, alert;
	enum phase phase; /* payload phase */
	enum severity severity;
};

/* Answers one question; text, value and by may be filled. */
typedef void world_answer(void *owner, const struct question *q, struct answer *ret);

struct world {
	struct arena *arena, *tick; /* owned: for ever, and for one tick */
	struct canary canary;       /* the object as the API server has it; strings in the arena or the caller's */
	struct world_side target, source;
	enum world_apex apex;
	struct routes routes;
	bool canary_service, primary_service, router, has_finalizer, scaler_paused, gone;
	bool no_router, can_mirror, can_match; /* of the provider */
	struct wall_ms now;
	int64_t counted_at; /* -1: never */
	bool person;        /* somebody decided: the next tick is due */
	int64_t pod_start_ms;
	const char *routes_error, *router_error, *configs_error, *strategy_error;
	struct pairs configs;
	bool configs_tracked;
	world_answer *answer; /* NULL: everybody says yes */
	void *owner;
	/* what happened */
	struct decision last; /* of the last tick; strings live until the next one */
	struct world_said *said;
	size_t said_count, decisions, status_writes, effects_done;
	const char *broken; /* the first invariant that did not hold; NULL */
};

/* c: copied as it is; analysis, texts and lists stay the caller's. */
MUST_CHECK enum result world_create(const struct canary *c, const char *revision, int replicas, struct world **ret,
				    struct error *e);
void world_destroy(struct world *w);
DEFINE_CLEANUP(struct world, world_destroy)

/* How far a tick gets before the process is killed. */
struct world_crash {
	bool happens;
	size_t effects; /* that many are done; more than there are: all, and what is said, but not the status */
};
/* One tick: asks until there is a decision, then carries it out. */
MUST_CHECK enum result world_tick(struct world *w, bool due, const struct world_crash *crash, struct error *e);
/* Ticks like the engine: as long as a decision asks for one more, at most 32 times. */
MUST_CHECK enum result world_turn(struct world *w, struct error *e);
void world_advance(struct world *w, int64_t ms);          /* time passes, pods become ready */
void world_revise(struct world *w, const char *revision); /* somebody changes the target's template */
void world_observe(struct world *w, struct observed *ret);
int world_available(const struct world *w, enum side side);
/* Has anybody said this? NULL: no. */
const struct world_said *world_heard(const struct world *w, const char *text);
size_t world_heard_times(const struct world *w, const char *text);

#pragma once
/* The controller as the rest of the program sees it: rollouts as values, a stream of what happens to them, and verbs.
 * The only header of controller/ that bot/ includes. Loop thread only. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/loop.h"
#include "controller/model/words.h"

struct cluster;
struct engine;
struct http_client;
struct metrics;
struct traffic;

/* ---- rollouts as values -------------------------------------------------------------------------------------------
 */

struct rollout_side {
	const char *workload; /* "podinfo-primary" */
	const char *images;   /* "registry/app:blue", or "a=x,b=y" */
	int wanted, ready, available;
	int weight; /* percent of the traffic now */
};
struct rollout_check {                    /* a metric or a check hook at its last run */
	const char *name, *value, *limit; /* "99.97%", ">= 99%"; "" unknown */
	bool good, measured;
};
struct rollout_gate {
	bool waiting; /* the rollout stands here now */
	enum hook_type type;
	int step, weight;   /* identity's step; weight it would lead to */
	const char *policy; /* "" */
	const char *name;
	bool foreign; /* an outside URL decides */
};
/* Everything a card, a list or a page says about one Canary. Strings live in the arena it was built in. */
struct rollout {
	const char *cluster, *ns, *name, *uid;
	enum phase phase;
	bool active; /* between Waiting and the end */
	bool extension, paused, suspended, completing;
	const char *revision;        /* identity of what is being rolled out, or was last */
	const char *policy;          /* default policy of its gates; "" */
	bool gates[HOOK_TYPE_COUNT]; /* which gates people will be asked, in all */
	const char *requested_by;    /* "" unknown */
	struct rollout_side stable, canary;
	int step, steps;    /* of the ladder; iterations count as steps */
	const int *weights; /* the ladder, steps entries; NULL for iterations */
	int failed_checks, threshold;
	const struct rollout_check *checks;
	size_t check_count;
	struct rollout_gate gate;
	const char *next;                      /* what happens next, in words; "" */
	const char *message;                   /* last warning or failure; "" */
	const char *invalid;                   /* why the Canary cannot be used; "" */
	struct wall_ms started_at, changed_at; /* 0 unknown */
	struct wall_ms rendered_at;            /* when this value was taken */
	struct wall_ms unreachable_since;      /* the cluster; 0: reachable */
	int64_t interval_ms;
	const char *labels;   /* "a=b,c=d", for selectors */
	const char *channels; /* annotation rollcall.dev/channels; "" */
};

enum rollout_news {
	NEWS_CHANGED, /* look again: phase, weight, replicas, gate, ... */
	NEWS_SAID,    /* a Kubernetes Event was recorded; text, warning */
	NEWS_ALERT,   /* text, severity 0 info, 1 warn, 2 error */
	NEWS_STARTED,
	NEWS_RESTARTED,
	NEWS_SUCCEEDED,
	NEWS_FAILED,
	NEWS_CANCELLED,
	NEWS_REQUEST_DONE, /* a verb was carried out or refused: request_id, refused, text */
	NEWS_GONE          /* the Canary does not exist any more */
};
struct rollout_event {
	enum rollout_news news;
	const struct rollout *rollout;
	const char *text; /* "" */
	bool warning;
	int severity;
	const char *key; /* the same key is never news twice to a person, also after a restart; NULL: may repeat */
	const char *request_id;
	bool refused;
};
/* Called on a later turn than what caused it; ev lives until it returns. */
typedef void engine_listener(void *owner, const struct rollout_event *ev);

/* ---- gates answered by people -------------------------------------------------------------------------------------
 */

enum gate_verdict { GATE_CLOSED, GATE_OPEN, GATE_REJECTED_ROLLBACK, GATE_REJECTED_HOLD };
/* Is this gate open for this revision (r->revision), type and step? Opens the question to people when it is new.
 * Answers from memory. *ret_by: who decided ("lin.wei, zhao"), lives until the next turn. */
struct gatekeeper {
	enum gate_verdict (*ask)(void *owner, const struct rollout *r, const struct rollout_gate *gate,
				 const char **ret_by);
	/* The rollout left the gates of this revision behind: promoted, failed, superseded by another, deleted. */
	void (*left)(void *owner, const struct rollout *r);
	void *owner;
};

/* ---- verbs --------------------------------------------------------------------------------------------------------
 */

#define ENGINE_VERBS(X)                                                                                                \
	X(PROMOTE, "promote")                                                                                          \
	X(ROLLBACK, "rollback")                                                                                        \
	X(PAUSE, "pause") X(RESUME, "resume") X(RESTART, "restart") X(WEIGHT, "weight") X(COMPLETE, "complete")
#define X(id, name) VERB_##id,
enum engine_verb { ENGINE_VERBS(X) VERB_COUNT };
#undef X
const char *engine_verb_name(enum engine_verb v);
MUST_CHECK enum result engine_verb_parse(const char *name, enum engine_verb *ret, struct error *e);

struct engine_request {
	const char *id; /* unique; the same id happens once */
	enum engine_verb verb;
	const char *ns, *name;
	const char *by, *reason; /* "" none */
	const char *revision;    /* refused when the rollout is at another one; "" any */
	int weight;              /* VERB_WEIGHT: 0..100 */
	bool override_gates;
};
/* RC_OK: recorded on the Canary object, so that it will happen once, also after a crash; NEWS_REQUEST_DONE follows.
 * RC_CONFLICT: another request of this canary is still to be carried out; only a rollback takes its place, and then the
 * other one is news as refused. */
typedef void engine_recorded(void *owner, enum result r, const struct error *why);

/* ---- the engine ---------------------------------------------------------------------------------------------------
 */

struct controller_options;
struct engine_options {
	struct loop *loop;
	struct cluster *cluster;  /* borrowed */
	struct http_client *http; /* borrowed; for hooks and metrics */
	struct metrics *metrics;  /* borrowed */
	/* Borrowed; what an nginx of this machine has served: the built-in metrics where no metrics_server is
	 * configured. NULL: there is none. */
	const struct traffic *traffic;
	const struct controller_options *controller; /* borrowed */
	struct gatekeeper gatekeeper;                /* zero: gates stay closed */
	const char *const
		*egress_allow; /* hosts that hooks may call although they are loopback or private; NULL-terminated */
	bool egress_private;   /* all private and loopback addresses are allowed (one machine, tests) */
	const char *const *dingtalk_robot_hosts;
	/* Secret of the robot at this URL; NULL: none, the call is not signed. NULL function: no robot has one. */
	const char *(*dingtalk_secret)(void *owner, const char *url);
	void *dingtalk_owner;
};
MUST_CHECK enum result engine_create(const struct engine_options *o, struct engine **ret, struct error *e);
/* After start the cluster's cache fills and ticks begin. */
void engine_start(struct engine *g);
/* Finishes no batch: effects in flight are repeated by the next start. No callback runs after. */
void engine_destroy(struct engine *g);
/* At most 8 listeners; called in the order of adding. */
void engine_listen(struct engine *g, engine_listener *cb, void *owner);

/* NULL: no such Canary. name may not be NULL. */
const struct rollout *engine_find(struct engine *g, const char *ns, const char *name, struct arena *a);
const struct rollout *engine_find_uid(struct engine *g, const char *uid, struct arena *a);
/* ns NULL: all; active ones first, then by namespace and name. *ret_count rollouts in the arena. */
const struct rollout *const *engine_list(struct engine *g, const char *ns, struct arena *a, size_t *ret_count);
bool engine_synced(const struct engine *g);
bool engine_leading(const struct engine *g);
/* To be called when this replica begins to lead: until then nothing was done for any canary. */
void engine_wake_all(struct engine *g);

/* A gate's answer changed: tick this canary at once. */
void engine_gate_decided(struct engine *g, const char *uid);
void engine_request(struct engine *g, const struct engine_request *q, engine_recorded *done, void *owner);
DEFINE_CLEANUP(struct engine, engine_destroy)

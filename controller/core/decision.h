#pragma once
/* What the core answers: questions to the world, or effects with the next status, or a time to wait. All of it lives in
 * the tick's arena. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/core/observed.h"

/* hook: call analysis.hooks[index] with this phase. gate: is it open, for this revision, type, step, policy (answered
 * inside the process). metric: run analysis.metrics[index]. probe: are the metric providers there (K7). */
enum question_kind { ASK_HOOK, ASK_GATE, ASK_METRIC, ASK_PROBE };
struct question {
	enum question_kind kind;
	size_t index;         /* hook or metric */
	bool by_template;     /* metric: its template is run, not the built-in or inline query (E48) */
	enum hook_type type;  /* hook, gate */
	enum phase phase;     /* hook: the payload's phase */
	int step;             /* gate: the step it is about, from 1; 0 for gates that are once a revision */
	int weight;           /* gate: the canary's weight it would lead to */
	const char *revision; /* what an answer is bound to */
	const char *policy;   /* gate */
	const char *name;     /* gate: for texts ("gate"); hook: its name */
	const char *key;      /* "UID/REVISION/transition/ordinal": Idempotency-Key and deduplication (core.md) */
};
enum verdict {
	ANSWER_YES,   /* hook passed; gate open; metric has a value; probe fine */
	ANSWER_NO,    /* hook refused; gate closed; metric has no values */
	ANSWER_ERROR, /* hook or metric provider could not be asked, query failed */
	ANSWER_ABORT, /* hook: a status of "rollcall.dev/abort-on"; gate: rejected with on_reject rollback */
	ANSWER_HELD   /* gate: rejected with on_reject hold */
};
struct answer {
	struct question asked;
	enum verdict verdict;
	double value;     /* metric; request-duration in milliseconds */
	const char *text; /* body or error text, "" when none */
	const char *by;   /* gate: who decided, for texts; "" */
};

enum side { SIDE_SOURCE, SIDE_TARGET };
/* Each is compare-then-write and can be repeated. In the order in which they are listed; the first failure ends the
 * tick. */
#define EFFECTS(X)                                                                                                     \
	X(ADD_FINALIZER)                                                                                               \
	X(ENSURE_CANARY_SERVICE)                                                                                       \
	X(ENSURE_PRIMARY_SERVICE)                                                                                      \
	X(ENSURE_SOURCE)  /* create the primary (and its config copies) if missing */                                  \
	X(ENSURE_SCALER)  /* create the primary's autoscaler if missing */                                             \
	X(APEX_TO_SOURCE) /* apex Service selects the primary's pods; adopts and remembers a user's Service */         \
	X(APEX_TO_TARGET) /* apex Service selects the target's pods (extension: after success) */                      \
	X(RESTORE_APEX)   /* give the user's Service back as it was */                                                 \
	X(ENSURE_ROUTER)                                                                                               \
	X(SET_ROUTES)                                                                                                  \
	X(SCALE)                                                                                                       \
	X(PAUSE_SCALER)                                                                                                \
	X(RESUME_SCALER)                                                                                               \
	X(UPDATE_SCALER)                                                                                               \
	X(PROMOTE)         /* copy the target's template and configs to the primary */                                 \
	X(REVERT_TEMPLATE) /* the source's template back into the target: complete after a failure */                  \
	X(PAUSE_TARGET)    /* spec.paused, marked as ours */                                                           \
	X(RESUME_TARGET)   /* only a pause of ours */                                                                  \
	X(FINALIZE_ROUTER)                                                                                             \
	X(DELETE_OURS) /* everything this Canary created, and our marks on what it did not */                          \
	X(REMOVE_FINALIZER)                                                                                            \
	X(DELETE_CANARY)
#define X(id) EFFECT_##id,
enum effect_kind { EFFECTS(X) EFFECT_COUNT };
#undef X
const char *effect_name(enum effect_kind k);
struct effect {
	enum effect_kind kind;
	enum side side;                     /* SCALE */
	int replicas;                       /* SCALE; ENSURE_SOURCE: replicas to begin with */
	struct routes routes;               /* SET_ROUTES */
	const char *expect_digest;          /* PROMOTE: the same by digest; NULL not known */
	const struct pairs *expect_configs; /* PROMOTE: their checksums; NULL: not tracked */
	const char *expect_revision; /* PROMOTE: what is copied must hash to this, else the effect fails with a conflict
					(E17) */
};

enum severity { SEVERITY_INFO, SEVERITY_WARN, SEVERITY_ERROR };
/* A Kubernetes Event (and a call of the event hooks). */
struct saying {
	bool warning;
	const char *text;
	enum phase phase; /* payload phase of event hooks ("phase copy" in the specification) */
	const char *key;  /* said once; NULL: chatter that may repeat each interval and is not repeated faster */
};
struct alert {
	const char *text;
	enum severity severity;
	bool with_metadata;
	const char *key;
};
/* Where a rollout stands at a gate: opens and closes requests of the bot. */
struct gate_state {
	bool waiting;
	enum hook_type type;
	int step, weight;
	const char *policy, *name;
	bool foreign; /* an outside URL decides, we only show it */
};

enum decision_kind { DECIDE_ASK, DECIDE_DO, DECIDE_WAIT };
struct decision {
	enum decision_kind kind;
	const struct question
		*questions; /* DECIDE_ASK: ask all of them, in order, stop at the first that is not YES
			     * (rollback hooks: at the first YES); then call step again with all answers */
	size_t question_count;
	const struct effect *effects;
	size_t effect_count;
	const struct saying *sayings; /* recorded after the effects, before the status */
	size_t saying_count;
	const struct alert *alerts;
	size_t alert_count;
	bool write_status;
	struct canary_status status; /* the next one; equal to the present one when not written */
	bool counted;                /* this tick used up the interval */
	bool again;                  /* tick once more at once (the status or the effects change what is to be done) */
	int64_t wake_ms;             /* from now; -1: only when something changes */
	struct gate_state gate;
	const char *next; /* what happens next, in words, for cards ("weight 60", "waiting for pods"); "" */
	enum transition {
		TRANSITION_NONE,
		TRANSITION_INITIALIZED,
		TRANSITION_STARTED,
		TRANSITION_RESTARTED,
		TRANSITION_ADVANCED,
		TRANSITION_WAITING,
		TRANSITION_PROMOTING,
		TRANSITION_SUCCEEDED,
		TRANSITION_FAILED,
		TRANSITION_CANCELLED,
		TRANSITION_COMPLETED
	} transition;
};

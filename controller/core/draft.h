#pragma once
/* A decision being written: what the phases use to say what shall be done. Inside the core only. Everything lives in
 * the tick's arena; when that is full, the draft remembers it and step() fails as a whole. */
#include <stdbool.h>

#include "controller/core/decision.h"
#include "controller/core/step.h"
#include "controller/core/texts.h"

struct draft {
	const struct canary *c;
	const struct observed *o;
	const struct canary_status *s; /* the present status */
	const struct answer *answers;
	size_t answer_count;
	struct arena *a;
	struct decision d; /* what it comes to; d.status is the next status */
	struct effect *effects;
	struct saying *sayings;
	struct alert *alerts;
	size_t effect_cap, saying_cap, alert_cap;
	const char *identity; /* of the target now; NULL: not asked yet */
	bool exhausted;
};

void draft_begin(struct draft *t, const struct canary *c, const struct observed *o, const struct answer *answers,
		 size_t answer_count, struct arena *a);
MUST_CHECK enum result draft_end(struct draft *t, struct decision *ret, struct error *e);

/* ---- names ---- */
const char *draft_canary(struct draft *t); /* "podinfo.test" */
const char *draft_target(struct draft *t);
const char *draft_source(struct draft *t);
const char *draft_number(struct draft *t, int n);
const char *draft_text(struct draft *t, const char *fmt, ...) PRINTF(2, 3); /* "" when there is no memory */
/* Revision identity of what the target has now (template and tracked configs). */
const char *draft_identity(struct draft *t);
/* "UID/REVISION.RUN/transition/ordinal" of the next status' run. */
const char *draft_key(struct draft *t, const char *transition, const char *ordinal);

/* ---- effects ---- */
void draft_do(struct draft *t, enum effect_kind kind);
void draft_scale(struct draft *t, enum side side, int replicas);    /* nothing when it is so already */
void draft_promote(struct draft *t, const char *template_revision); /* E17: that and nothing else */
/* false, and nothing is done: a side that would get traffic has no available pod (law 6); that is said. */
MUST_CHECK bool draft_route(struct draft *t, struct routes r);
bool draft_has(const struct draft *t, enum effect_kind kind);

/* ---- words ---- */
struct words {
	const char *ordinal; /* of the key; NULL is "" */
	const char *a, *b, *c;
};
void draft_say(struct draft *t, enum text_id id, const struct words *w);
void draft_alert(struct draft *t, enum alert_id id, const struct words *w);
#define SAY(t, id, ...) draft_say((t), TEXT_##id, &(struct words){ __VA_ARGS__ })
#define ALARM(t, id, ...) draft_alert((t), ALERT_##id, &(struct words){ __VA_ARGS__ })

/* ---- the next status ---- */
void draft_touch(struct draft *t);                          /* it will be written */
void draft_phase(struct draft *t, enum phase p);            /* "set phase" of flagger-controller.md 1.6 */
void draft_record(struct draft *t);                         /* hash, configs and identity of what the target has now */
void draft_sync(struct draft *t, enum phase p, int weight); /* "full sync": also takes over what the target has now */
void draft_moved(struct draft *t, enum transition to);
void draft_counted(struct draft *t); /* this decision used up the interval */
void draft_next(struct draft *t, const char *what);
/* Wakes at this wall time at the latest. */
void draft_wake_at(struct draft *t, struct wall_ms at);

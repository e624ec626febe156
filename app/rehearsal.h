#pragma once
/* A Canary's release rehearsed: the pure core over a toy cluster on a virtual clock. What it decides there it decides
 * in production; who answers (people, hooks, metrics, pods) is invented by a few rules. */
#include "base/cleanup.h"
#include "controller/core/world/world.h"

struct rehearsal_rules {
	int replicas;             /* of the target before the release */
	int64_t approve_after_ms; /* people say yes so long after they are asked; below 0: never */
	int64_t pod_start_ms;
	int fail_at; /* from this weight of the canary on its metrics are bad, or its pods, when there are no metrics;
		      * below 0: all goes well */
};
enum scene_kind { SCENE_SAID, SCENE_WARNED, SCENE_ASKED, SCENE_APPROVED, SCENE_CALLED, SCENE_FAILED };
struct scene_note {
	enum scene_kind kind;
	const char *text;
};
/* What had changed at one moment. */
struct scene {
	int64_t at_ms; /* from the new image on */
	enum phase phase;
	int weight, stable_ready, stable_wanted, canary_ready, canary_wanted;
	const struct scene_note *notes;
	size_t note_count;
};
struct rehearsal {
	struct world *world;
	struct scene *scenes;
	size_t count, cap;
	int64_t took_ms;
	enum phase end;
	bool ended;         /* false: it stands somewhere for ever */
	const char *stands; /* where; "" */
};
/* c outlives the rehearsal. */
MUST_CHECK enum result rehearse(const struct canary *c, const struct rehearsal_rules *rules, struct rehearsal *ret,
				struct error *e);
void rehearsal_finish(struct rehearsal *r);
const char *scene_kind_name(enum scene_kind k);

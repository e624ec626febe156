#pragma once
/* A kind of workload that can be released: how to make its primary copy, see whether it is ready, scale, promote, give
 * back (flagger-controller.md 4, 5). One file a kind. */
#include "controller/plan.h"

struct target {
	const char *kind; /* targetRef.kind */
	/* Tells which objects this canary needs in the cache, now that these are there; may be called again. */
	void (*wants)(const struct plan *p, void (*want)(void *owner, enum kind kind, const char *ns, const char *name),
		      void *owner);
	/* Fills the target's, source's, services' and configs' parts of o. Problems are texts in o, not errors. */
	enum result (*observe)(const struct plan *p, struct observed *o, struct error *e);
	/* Appends the writes of one effect that is the target's business (see targets_own). */
	enum result (*effect)(struct plan *p, const struct effect *f, struct error *e);
};
/* NULL: not a kind that we know (the table in targets.c). */
const struct target *target_find(const char *kind);
/* Of the canary's target. Of a kind that we do not know nothing was made: then only the end of the Canary has effects.
 */
MUST_CHECK enum result target_effect(struct plan *p, const struct effect *f, struct error *e);
bool target_owns(enum effect_kind k); /* the others are the router's or the engine's */

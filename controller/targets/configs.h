#pragma once
/* ConfigMaps and Secrets of a Deployment target (flagger-controller.md 4.4). Their contents are part of a revision, and
 * the primary uses copies ("NAME-primary"), so that new contents reach it by a promotion only. A source that is the
 * user's own (spec.sourceRef) uses what the user gave it: nothing is copied or renamed. What a Secret holds is never
 * part of an error. */
#include <cjson/cJSON.h>

#include "controller/plan.h"

void configs_want(const struct plan *p, void (*want)(void *owner, enum kind kind, const char *ns, const char *name),
		  void *owner);
/* Fills the configs' part of o; a mandatory one that is missing is a text there, not an error. */
MUST_CHECK enum result configs_observe(const struct plan *p, const cJSON *target, struct observed *o, struct error *e);
/* Checksums of what the target refers to; sorted by key. RC_INVALID: a mandatory one is missing. */
MUST_CHECK enum result configs_sums(const struct plan *p, const cJSON *target, struct pairs *ret, struct error *e);
/* RC_CONFLICT: not what has been decided upon. wanted NULL: anything is fine. */
MUST_CHECK enum result configs_expect(const struct plan *p, const cJSON *target, const struct pairs *wanted,
				      struct error *e);
/* The writes that make the primary's copies equal to what the target uses. */
MUST_CHECK enum result configs_copy(struct plan *p, const cJSON *target, struct error *e);
/* In a pod template: names of what is copied become the copies', and back. false: no memory. */
bool configs_to_copies(const struct plan *p, cJSON *template_);
bool configs_to_originals(const struct plan *p, cJSON *template_);
/* RC_CONFLICT: the source names a copy that has not been looked up, so its template cannot be taken back yet. */
MUST_CHECK enum result configs_known(const struct plan *p, const cJSON *source, struct error *e);
/* Copies that only this Canary owns go; what others share with it loses its owner reference. */
bool configs_leftover(const struct plan *p);
MUST_CHECK enum result configs_delete_ours(struct plan *p, struct error *e);

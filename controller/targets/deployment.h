#pragma once
/* Deployment targets (flagger-controller.md 4.2, 4.6-4.8) and what they share with the files beside this one. */
#include <cjson/cJSON.h>

#include "controller/targets/target.h"

extern const struct target target_deployment;

/* The label that tells primary pods from the target's: the first of the selector labels that the target selects by
 * (4.1). */
struct selector_label {
	const char *key, *value; /* of the target's pods */
	const char *primary;     /* value of the source's pods */
};
MUST_CHECK enum result selector_label_find(const struct plan *p, const cJSON *target, struct selector_label *ret,
					   struct error *e);

/* ---- template.c: the pod template of the primary, from the target's and back ---- */
/* The target's template as the primary carries it, with the names of copies (configs.h), without a flagger-id. NULL: no
 * memory. */
cJSON *template_for_primary(const struct plan *p, const cJSON *target, const struct selector_label *l);
/* The other way round. */
cJSON *template_for_target(const struct plan *p, const cJSON *source, const struct selector_label *l);
/* The template without the parts that we add and without nulls, for comparison. NULL: no memory. */
cJSON *template_bare(const cJSON *template_);
/* Equal but for what we rewrite: then nothing is new, whoever computed the stored hash (E21). */
bool template_same(const struct plan *p, const cJSON *target, const cJSON *source, const struct selector_label *l);
const char *template_images(const cJSON *template_, struct arena *a);

/* ---- deployment.c: labels or annotations of the user's that our copies carry (4.1, "Prefix filter") ---- */
bool metadata_copy_by_prefix(const struct plan *p, const cJSON *from, cJSON *to);

/* ---- services.c (flagger-controller.md 5) ---- */
void services_observe(const struct plan *p, const cJSON *target, const struct selector_label *l, struct observed *o);
/* The user's Service as the user had it; what of ours there is stays for DELETE_OURS. Needs no target. */
MUST_CHECK enum result service_restore(struct plan *p, struct error *e);
MUST_CHECK enum result service_effect(struct plan *p, enum effect_kind kind, const cJSON *target,
				      const struct selector_label *l, struct error *e);

/* ---- giveback.c: finalizer and the end of a Canary ---- */
bool giveback_leftovers(const struct plan *p);
MUST_CHECK enum result giveback_effect(struct plan *p, enum effect_kind kind, struct error *e);

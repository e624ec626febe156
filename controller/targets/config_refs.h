#pragma once
/* Where a pod template names ConfigMaps and Secrets (flagger-controller.md 4.4): volumes, and the environment of
 * containers and init containers; not ephemeral containers, pull secrets or drivers. */
#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "controller/cluster/cluster.h"

struct config_ref {
	enum kind kind; /* KIND_CONFIG_MAP or KIND_SECRET */
	const char *name;
	bool optional; /* as the last place that names it says */
};
struct config_refs { /* in an arena; each object once */
	struct config_ref *at;
	size_t count, cap;
};
/* name: the string in the template itself, which may be changed. false stops. */
typedef bool config_ref_visit(void *owner, enum kind kind, cJSON *name, bool optional);
bool config_refs_each(const cJSON *template_, config_ref_visit *visit, void *owner);
/* name is kept as it is. false: no memory. */
bool config_refs_add(struct config_refs *refs, struct arena *a, const struct config_ref *ref);
MUST_CHECK enum result config_refs_find(const cJSON *template_, struct arena *a, struct config_refs *ret,
					struct error *e);

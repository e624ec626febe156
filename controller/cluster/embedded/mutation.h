#pragma once
/* What a write makes of an object: the rules of an API server. Pure. */
#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/error.h"
#include "controller/cluster/cluster.h"

enum mutation_verb { MUTATE_CREATE, MUTATE_PATCH, MUTATE_DELETE, MUTATE_APPLY };
struct mutation {
	enum mutation_verb verb;
	enum kind kind;
	const char *ns, *name, *subresource;
	const cJSON *body;   /* DELETE: DeleteOptions or NULL */
	const char *manager; /* who writes */
	const char *uid;     /* for a new object */
	int64_t version;     /* the resource version to come */
	struct wall_ms now;
};
enum mutation_outcome {
	MUTATED_WRITTEN,
	MUTATED_REMOVED,
	MUTATED_NOTHING /* the object is as it is wanted */
};
/* current: as it is stored, without managedFields; NULL: there is none. template_manager: who wrote its pod template.
 * *ret: owned by the caller, with managedFields; set for WRITTEN alone. */
MUST_CHECK enum result mutation_run(const struct mutation *m, const cJSON *current, const char *template_manager,
				    enum mutation_outcome *outcome, cJSON **ret, struct error *e);

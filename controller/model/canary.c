#include "controller/model/canary.h"

#include <string.h>

const char *pairs_get(const struct pairs *p, const char *key)
{
	size_t low = 0, high = p->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(p->at[middle].key, key);
		if (order == 0)
			return p->at[middle].value;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* before and after: around the target's kind; after NULL: the kind does not appear. */
static const struct {
	const char *status, *before, *after;
} conditions[PHASE_COUNT] = {
	[PHASE_NONE] = { "Unknown", "", NULL },
	[PHASE_INITIALIZING] = { "Unknown", "New ", " detected, starting initialization." },
	[PHASE_INITIALIZED] = { "True", "", " initialization completed." },
	[PHASE_WAITING] = { "Unknown", "Waiting for approval.", NULL },
	[PHASE_PROGRESSING] = { "Unknown", "New revision detected, progressing canary analysis.", NULL },
	[PHASE_WAITING_PROMOTION] = { "Unknown", "Waiting for approval.", NULL },
	[PHASE_PROMOTING] = { "Unknown", "Canary analysis completed, starting primary rolling update.", NULL },
	[PHASE_FINALISING] = { "Unknown", "Canary analysis completed, routing all traffic to primary.", NULL },
	[PHASE_SUCCEEDED] = { "True", "Canary analysis completed successfully, promotion finished.", NULL },
	[PHASE_FAILED] = { "False", "Canary analysis failed, ", " scaled to zero." },
	[PHASE_TERMINATING] = { "Unknown", "Canary is being removed, the ", " is given back." },
	[PHASE_TERMINATED] = { "Unknown", "Canary is removed.", NULL },
};

void phase_condition(enum phase p, const char *kind, struct arena *a, const char **ret_status, const char **ret_message)
{
	const char *message = conditions[p].before;
	if (conditions[p].after)
		message = arena_printf(a, "%s%s%s", conditions[p].before, kind, conditions[p].after);
	*ret_status = conditions[p].status;
	*ret_message = message ? message : "";
}

const char *canary_strategy(const struct canary *c)
{
	const struct analysis *an = &c->analysis;
	if (!an->present || an->iterations <= 0)
		return "canary";
	return an->has_match ? "ab-testing" : "blue-green";
}

void canary_free(struct canary *c)
{
	if (c)
		arena_destroy(c->arena); /* c itself is in it */
}

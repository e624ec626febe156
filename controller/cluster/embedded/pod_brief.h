#pragma once
/* What the loops ask of a pod, read once when it is written. Pure. */
#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define HASH_LABEL "pod-template-hash"

struct pod_brief {
	cJSON *labels;          /* owned; NULL: none */
	cJSON *ports;           /* owned: {"http": 8080} */
	char *hash, *ip, *node; /* owned; "" */
	bool ready, bound, ended;
	struct wall_ms ready_since, created;
};
/* NULL: no memory. */
struct pod_brief *pod_brief_create(const cJSON *pod);
void pod_brief_destroy(struct pod_brief *b); /* NULL is fine */
/* selector: an object of texts; an empty one, or none, selects nothing. */
bool pod_brief_matches(const struct pod_brief *b, const cJSON *selector);
DEFINE_CLEANUP(struct pod_brief, pod_brief_destroy)

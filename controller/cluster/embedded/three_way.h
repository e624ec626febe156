#pragma once
/* kubectl apply's merge. Pure. */
#include <stdbool.h>

#include <cjson/cJSON.h>

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* Into *current: what original (the manifest before; NULL: none) had and modified (the manifest now) has not, leaves;
 * what modified has, is set; everything else stays. Lists are values as a whole. false: no memory. */
bool three_way_merge(cJSON **current, const cJSON *original, const cJSON *modified);
/* The manifest with what remembers it in its annotations; NULL: no memory. */
cJSON *three_way_remembered(const cJSON *manifest);
/* What the object remembers of its last manifest; NULL: nothing that can be read. */
cJSON *three_way_original(const cJSON *object);

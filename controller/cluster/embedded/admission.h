#pragma once
/* What this platform takes, and what it does not; one clear error each. Pure. */
#include <cjson/cJSON.h>

#include "base/error.h"
#include "controller/cluster/cluster.h"

/* The kind of a manifest, by its kind and apiVersion. */
MUST_CHECK enum result admission_kind(const cJSON *manifest, enum kind *ret, struct error *e);
/* A whole object, defaults filled in. The error begins with the field's path. */
MUST_CHECK enum result admission_check(enum kind kind, const cJSON *object, struct error *e);
/* What may not change between two states of an object. */
MUST_CHECK enum result admission_change(enum kind kind, const cJSON *from, const cJSON *to, struct error *e);
/* A pod's spec, at path ("spec.template.spec"). */
MUST_CHECK enum result admission_pod_spec(const cJSON *spec, const char *path, struct error *e);

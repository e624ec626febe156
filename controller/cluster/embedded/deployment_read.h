#pragma once
/* Between a Deployment's JSON and the values that rollout_plan works with. Pure. */
#include <cjson/cJSON.h>

#include "controller/cluster/embedded/rollout.h"

/* Everything but sets and now. Texts point into deployment. */
void deployment_read(const cJSON *deployment, struct rollout *r);
/* The status to be written; NULL: no memory. */
cJSON *deployment_status(const struct rollout_status *s);
/* A pod of the template, named BASE-HASH-SUFFIX and owned by the Deployment; NULL: no memory. */
cJSON *deployment_pod(const cJSON *deployment, const cJSON *template, const char *hash, const char *name);

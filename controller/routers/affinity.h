#pragma once
/* Sticky sessions of providers that match a Cookie header and set cookies (flagger-controller.md 6.9). Texts are in the
 * plan's arena; NULL: no memory. */
#include "controller/routers/router.h"

/* Is the canary sticky at these routes: 1 while it has traffic, -1 while the old cookie is taken back, 0 otherwise. */
int affinity_of(const struct plan *p, const struct routes *r);
/* The regular expression that finds "name=value" in a Cookie header. */
const char *affinity_pattern(const struct plan *p, const char *cookie);
/* The value of Set-Cookie; affinity: spec.analysis.sessionAffinity. */
const char *affinity_set_cookie(const struct plan *p, const cJSON *affinity, const char *cookie);
const char *affinity_set_primary(const struct plan *p, const char *cookie);
const char *affinity_take_back(const struct plan *p, const char *cookie);

#pragma once
/* request-success-rate and request-duration by what our own nginx has served: the source without Prometheus. */
#include "controller/core/decision.h"
#include "controller/metrics/traffic.h"
#include "controller/plan.h"

/* Is this metric one of those two? */
bool served_knows(const char *metric);
/* Of the canary's side, over the metric's interval: percent of requests without a 5xx, or the 99th percentile in
 * milliseconds. RC_NOT_FOUND: the canary got no request. */
MUST_CHECK enum result served_read(const struct traffic *t, struct mono_ms now, const struct plan *p,
				   const struct metric_check *m, double *ret, struct error *e);

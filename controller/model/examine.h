#pragma once
/* Everything that can be wrong with a Canary, for canary_parse and canary_check alike. Inside the model only. */
#include <cjson/cJSON.h>

#include "controller/model/report.h"

/* What the rules look at, found once. */
struct subject {
	const cJSON *object, *spec, *analysis; /* borrowed; the last two NULL when absent */
	struct path analysis_path;
	bool extension, knative, router /* traffic is shifted by weights or conditions */;
	const char *provider, *target_kind; /* "" when absent, the provider also when it is unknown */
};

void canary_examine(const cJSON *object, struct report *r);
/* Shape and sense of the analysis' steps (strategy_rules.c), of all that belongs together elsewhere in the spec
 * (spec_rules.c), of webhooks (hook_rules.c), of metrics and alerts (metric_rules.c). */
void strategy_rules(const struct subject *s, struct report *r);
void spec_rules(const struct subject *s, struct report *r);
void hook_rules(const struct subject *s, struct report *r);
void metric_rules(const struct subject *s, struct report *r);

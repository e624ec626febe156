#include <string.h>

#include "base/text.h"
#include "controller/model/examine.h"
#include "controller/model/schema.h"

static bool has_text(const cJSON *object, const char *name)
{
	return !text_empty(cJSON_GetStringValue(member(object, name)));
}

static bool is_builtin(const cJSON *metric)
{
	const char *name = cJSON_GetStringValue(member(metric, "name"));
	return name && (strcmp(name, "request-success-rate") == 0 || strcmp(name, "request-duration") == 0);
}

static void rule_source(const cJSON *metric, const struct path *p, struct report *r)
{
	static const char *const builtins[] = { "request-success-rate", "request-duration", NULL };
	if (is_builtin(metric) || has_text(metric, "query") || member(metric, "templateRef"))
		return;
	const char *name = cJSON_GetStringValue(member(metric, "name"));
	char near[REPORT_QUOTE];
	report_add(
		r, LEVEL_MISTAKE, metric, p,
		"nothing to measure: it has no templateRef and no query, and its name is not request-success-rate or "
		"request-duration%s",
		report_suggestion(name ? name : "", builtins, near));
}

static void rule_limits(const cJSON *metric, const struct path *p, struct report *r)
{
	const cJSON *threshold = member(metric, "threshold"), *range = member(metric, "thresholdRange");
	const cJSON *min = member(range, "min"), *max = member(range, "max");
	struct path at = path_member(p, "threshold");
	if (threshold && range)
		report_add_key(r, LEVEL_WARNING, threshold, &at,
			       "thresholdRange is given too; leave out threshold, the old form");
	if (!threshold && !min && !max)
		report_add(r, LEVEL_WARNING, metric, p, "no limit is given, any value passes; set thresholdRange");
	at = path_member(p, "thresholdRange");
	if (min && max && cJSON_IsNumber(min) && cJSON_IsNumber(max) && min->valuedouble > max->valuedouble)
		report_add_key(r, LEVEL_MISTAKE, range, &at, "min is more than max, so that no value passes");
}

void metric_rules(const struct subject *s, struct report *r)
{
	const cJSON *list = member(s->analysis, "metrics");
	struct path p = path_member(&s->analysis_path, "metrics");
	size_t i = 0;
	for (const cJSON *m = cJSON_IsArray(list) ? list->child : NULL; m; m = m->next, i++) {
		struct path at = path_item(&p, i);
		if (!cJSON_IsObject(m))
			continue;
		rule_source(m, &at, r);
		rule_limits(m, &at, r);
	}
}

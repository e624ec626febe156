#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "controller/model/build.h"
#include "controller/model/schema.h"

enum { INTERVAL_DEFAULT_MS = 60 * 1000 };

static int64_t build_interval(const cJSON *analysis)
{
	int64_t ms = 0;
	const char *text = cJSON_GetStringValue(member(analysis, "interval"));
	if (!text || duration_parse(text, &ms, NULL) != RC_OK)
		return INTERVAL_DEFAULT_MS;
	return ms < INTERVAL_LEAST_MS ? INTERVAL_LEAST_MS : ms;
}

static void build_step_weights(struct build *b, const cJSON *list, struct analysis *ret)
{
	int size = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
	int *weights = build_array(b, (size_t)size, sizeof *weights);
	if (!weights)
		return;
	size_t n = 0;
	for (const cJSON *m = list->child; m; m = m->next)
		if (cJSON_IsNumber(m))
			weights[n++] = m->valueint;
	ret->step_weights = weights;
	ret->step_weight_count = n;
}

static double number_of(const cJSON *object, const char *name, bool *ret_there)
{
	const cJSON *v = member(object, name);
	*ret_there = cJSON_IsNumber(v);
	return *ret_there ? v->valuedouble : 0;
}

static void build_metric(struct build *b, const cJSON *v, struct metric_check *m)
{
	*m = (struct metric_check){
		.name = build_text(b, v, "name", ""),
		.query = build_text(b, v, "query", ""),
		.interval = build_text(b, v, "interval", "1m"),
		.template_ref = build_ref(b, member(v, "templateRef")),
		.variables = build_pairs(b, member(v, "templateVariables")),
	};
	if (!*m->interval)
		m->interval = "1m";
	const cJSON *range = member(v, "thresholdRange");
	m->threshold = number_of(v, "threshold", &m->has_threshold);
	m->min = number_of(range, "min", &m->has_min);
	m->max = number_of(range, "max", &m->has_max);
}

static void build_metrics(struct build *b, const cJSON *list, struct analysis *ret)
{
	int size = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
	struct metric_check *metrics = build_array(b, (size_t)size, sizeof *metrics);
	if (!metrics)
		return;
	size_t n = 0;
	for (const cJSON *m = list->child; m; m = m->next)
		if (cJSON_IsObject(m))
			build_metric(b, m, &metrics[n++]);
	ret->metrics = metrics;
	ret->metric_count = n;
}

static void build_alerts(struct build *b, const cJSON *list, struct analysis *ret)
{
	int size = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
	struct alert_ref *alerts = build_array(b, (size_t)size, sizeof *alerts);
	if (!alerts)
		return;
	size_t n = 0;
	for (const cJSON *m = list->child; m; m = m->next)
		if (cJSON_IsObject(m))
			alerts[n++] = (struct alert_ref){
				.name = build_text(b, m, "name", ""),
				.severity = build_text(b, m, "severity", ""),
				.provider = build_ref(b, member(m, "providerRef")),
			};
	ret->alerts = alerts;
	ret->alert_count = n;
}

static int by_header(const void *a, const void *b)
{
	return strcmp(((const struct header_match *)a)->header, ((const struct header_match *)b)->header);
}

/* The headers of one entry, appended to at and sorted: a map has no order of its own, so it gets one. */
static size_t build_entry(struct build *b, const cJSON *headers, struct header_match *at)
{
	size_t n = 0;
	for (const cJSON *h = headers ? headers->child : NULL; h; h = h->next)
		at[n++] = (struct header_match){
			.header = build_copy(b, h->string),
			.exact = build_text(b, h, "exact", NULL),
			.prefix = build_text(b, h, "prefix", NULL),
			.suffix = build_text(b, h, "suffix", NULL),
			.regex = build_text(b, h, "regex", NULL),
		};
	qsort(at, n, sizeof *at, by_header);
	return n;
}

static void build_match(struct build *b, const cJSON *list, struct analysis *ret)
{
	size_t n = 0;
	for (const cJSON *m = cJSON_IsArray(list) ? list->child : NULL; m; m = m->next) {
		const cJSON *headers = member(m, "headers");
		ret->has_match = true;
		n += cJSON_IsObject(headers) ? (size_t)cJSON_GetArraySize(headers) : 0;
	}
	struct header_match *match = build_array(b, n, sizeof *match);
	if (!match)
		return;
	n = 0;
	for (const cJSON *m = list->child; m; m = m->next) {
		const cJSON *headers = member(m, "headers");
		if (cJSON_IsObject(headers) && headers->child)
			n += build_entry(b, headers, match + n);
	}
	ret->match = match;
	ret->match_count = n;
}

struct analysis build_analysis(struct build *b, const cJSON *spec)
{
	const cJSON *v = member(spec, "analysis");
	if (!v)
		v = member(spec, "canaryAnalysis");
	int threshold = build_int(v, "threshold", 1);
	struct analysis an = {
		.present = v != NULL,
		.interval_ms = build_interval(v),
		.iterations = build_int(v, "iterations", 0),
		.threshold = threshold < 1 ? 1 : threshold,
		.mirror = build_bool(v, "mirror"),
		.mirror_weight = build_int(v, "mirrorWeight", 0),
		.max_weight = build_int(v, "maxWeight", 0),
		.step_weight = build_int(v, "stepWeight", 0),
		.step_weight_promotion = build_int(v, "stepWeightPromotion", 0),
		.primary_ready_threshold = build_int(v, "primaryReadyThreshold", 100),
		.canary_ready_threshold = build_int(v, "canaryReadyThreshold", 100),
		.cookie = build_text(b, member(v, "sessionAffinity"), "cookieName", ""),
		.primary_cookie = build_text(b, member(v, "sessionAffinity"), "primaryCookieName", ""),
		.canary_replicas = build_int(v, "canaryReplicas", 0),
		.max_replicas = build_int(v, "maxReplicas", 0),
		.canary_weight = build_int(v, "canaryWeight", 0),
		.step_replicas = build_int(v, "stepReplicas", 0),
	};
	build_step_weights(b, member(v, "stepWeights"), &an);
	build_hooks(b, member(v, "webhooks"), &an);
	build_metrics(b, member(v, "metrics"), &an);
	build_alerts(b, member(v, "alerts"), &an);
	build_match(b, member(v, "match"), &an);
	return an;
}

#include "controller/model/examine.h"

#include <string.h>

#include "base/text.h"
#include "controller/model/annotations.h"
#include "controller/model/schema.h"

static const char *text_or_empty(const cJSON *v)
{
	const char *text = cJSON_GetStringValue(v);
	return text ? text : "";
}

/* "" for one that is unknown: what depends on the provider then says nothing. */
static const char *known_provider(const cJSON *spec)
{
	const char *provider = text_or_empty(member(spec, "provider"));
	for (const char *const *w = canary_providers; *w; w++)
		if (strcmp(*w, provider) == 0)
			return provider;
	return "";
}

static struct subject subject_of(const cJSON *object)
{
	const cJSON *spec = member(object, "spec");
	const cJSON *analysis = member(spec, "analysis"), *old = member(spec, "canaryAnalysis");
	const cJSON *target = member(spec, "targetRef");
	const cJSON *step_replicas = member(analysis ? analysis : old, "stepReplicas");
	struct subject s = {
		.object = object,
		.spec = spec,
		.analysis = analysis ? analysis : old,
		.analysis_path = path_of(old && !analysis ? "spec.canaryAnalysis" : "spec.analysis"),
		.extension = annotation_extension(object),
		.provider = known_provider(spec),
		.target_kind = text_or_empty(member(target, "kind")),
	};
	s.knative = strcmp(s.target_kind, "Service") == 0 &&
		    strcmp(text_or_empty(member(target, "apiVersion")), "serving.knative.dev/v1") == 0;
	s.router = strcmp(s.provider, "kubernetes") != 0 &&
		   !(s.extension && cJSON_IsNumber(step_replicas) && step_replicas->valuedouble > 0);
	return s;
}

static void status_rules(const cJSON *object, struct report *r)
{
	const cJSON *phase = member(member(object, "status"), "phase");
	struct path p = path_of("status.phase");
	enum phase parsed;
	char quoted[REPORT_QUOTE];
	if (!phase)
		return;
	/* An unknown phase must not count as none: the target would be scaled to zero as at the very beginning. */
	if (!cJSON_IsString(phase))
		report_add(r, LEVEL_FATAL, phase, &p, "it is not text");
	else if (phase_parse(phase->valuestring, &parsed, NULL) != RC_OK)
		report_add(r, LEVEL_FATAL, phase, &p, "%s is not a phase", report_quote(phase->valuestring, quoted));
}

void canary_examine(const cJSON *object, struct report *r)
{
	struct path root = path_of("");
	schema_check(&canary_schema, object, &root, r);
	struct subject s = subject_of(object);
	annotations_check(object, r);
	if (cJSON_IsObject(s.spec)) {
		spec_rules(&s, r);
		strategy_rules(&s, r);
		hook_rules(&s, r);
		metric_rules(&s, r);
	}
	status_rules(object, r);
}

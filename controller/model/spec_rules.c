#include <string.h>

#include "base/text.h"
#include "controller/model/annotations.h"
#include "controller/model/examine.h"
#include "controller/model/schema.h"

static const char *text_at(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(member(object, name));
	return text ? text : "";
}

static void rule_analysis(const struct subject *s, struct report *r)
{
	struct path p = path_of("spec.analysis"), old = path_of("spec.canaryAnalysis");
	const cJSON *alias = member(s->spec, "canaryAnalysis");
	if (!s->analysis)
		report_add_key(r, LEVEL_MISTAKE, s->spec, &p,
			       "is missing; without it a revision is promoted at once, and the API server refuses it");
	else if (alias && s->analysis != alias)
		report_add_key(r, LEVEL_WARNING, alias, &old,
			       "the old name of analysis; it is ignored beside analysis");
	else if (alias)
		report_add_key(r, LEVEL_WARNING, alias, &old,
			       "the old name, which the API server drops; write analysis");
}

static void rule_service(const struct subject *s, struct report *r)
{
	enum { NAME_MAX_LEN = 63 - (int)(sizeof "-primary" - 1) };
	const cJSON *service = member(s->spec, "service"), *target = member(s->spec, "targetRef");
	struct path p = path_of("spec.service");
	if (s->knative)
		return;
	if (!service)
		report_add_key(r, LEVEL_FATAL, s->spec, &p,
			       "is missing; it must be an object with the port of the Services");
	bool named = *text_at(service, "name") != '\0';
	const cJSON *name = named ? member(service, "name") : member(target, "name");
	const char *text = cJSON_GetStringValue(name);
	char quoted[REPORT_QUOTE];
	p = path_of(named ? "spec.service.name" : "spec.targetRef.name");
	if (!text_empty(text) && (!text_is_dns_label(text) || strlen(text) > NAME_MAX_LEN))
		report_add(r, LEVEL_MISTAKE, name, &p,
			   "%s cannot name a Service and its -primary: lower case letters, digits and '-', at most %d",
			   report_quote(text, quoted), NAME_MAX_LEN);
}

static void rule_knative(const struct subject *s, struct report *r)
{
	const cJSON *target = member(s->spec, "targetRef"), *provider = member(s->spec, "provider");
	struct path at_provider = path_of("spec.provider"), at_target = path_of("spec.targetRef"),
		    at_scaler = path_of("spec.autoscalerRef");
	bool provider_is = strcmp(s->provider, "knative") == 0;
	if (s->knative && !provider_is)
		report_add(r, LEVEL_FATAL, provider ? provider : target, &at_provider,
			   "can't use %s provider with Knative Service as target; set provider: knative",
			   *s->provider ? s->provider : "the default");
	if (provider_is && !s->knative && target)
		report_add_key(r, LEVEL_FATAL, target, &at_target,
			       "can't use %s/%s as target if provider is set to knative; it must be "
			       "serving.knative.dev/v1/Service",
			       text_at(target, "apiVersion"), s->target_kind);
	if (s->knative && member(s->spec, "autoscalerRef"))
		report_add_key(r, LEVEL_FATAL, member(s->spec, "autoscalerRef"), &at_scaler,
			       "can't use autoscaler with Knative Service");
}

static void rule_target_version(const struct subject *s, struct report *r)
{
	const cJSON *version = member(member(s->spec, "targetRef"), "apiVersion");
	const char *text = cJSON_GetStringValue(version);
	struct path p = path_of("spec.targetRef.apiVersion");
	char quoted[REPORT_QUOTE];
	bool service = strcmp(s->target_kind, "Service") == 0;
	bool ours = strcmp(s->target_kind, "Process") == 0 || strcmp(s->target_kind, "SystemdUnit") == 0;
	const char *wanted = service ? "v1" : ours ? "rollcall.dev/v1" : "apps/v1";
	if (text_empty(text) || !*s->target_kind || s->knative || strcmp(text, wanted) == 0)
		return;
	report_add(r, LEVEL_WARNING, version, &p, "%s is not where a %s is; it is read as %s",
		   report_quote(text, quoted), s->target_kind, wanted);
}

/* provider nginx, and rollcall.dev/upstream in the place of an Ingress. */
static void rule_upstream(const struct subject *s, struct report *r)
{
	const cJSON *annotations = member(member(s->object, "metadata"), "annotations");
	const cJSON *upstream = member(annotations, ANNOTATION_UPSTREAM), *ingress = member(s->spec, "ingressRef");
	struct path parent = path_of("metadata.annotations"), p = path_key(&parent, ANNOTATION_UPSTREAM);
	if (upstream && *s->provider && strcmp(s->provider, "nginx") != 0)
		report_add_key(r, LEVEL_MISTAKE, upstream, &p, "it is for provider nginx, not for %s", s->provider);
	else if (upstream && ingress)
		report_add_key(r, LEVEL_MISTAKE, upstream, &p,
			       "it is in the place of an Ingress: leave it or spec.ingressRef out");
}

/* What each provider needs to find the traffic. */
static void rule_route(const struct subject *s, struct report *r)
{
	static const struct {
		const char *provider, *field, *what;
	} needs[] = {
		{ "nginx", "ingressRef", "an Ingress" },
		{ "skipper", "ingressRef", "an Ingress" },
		{ "apisix", "routeRef", "an ApisixRoute" },
	};
	struct path spec = path_of("spec");
	bool upstream = annotation_of(s->object, ANNOTATION_UPSTREAM) != NULL;
	for (size_t i = 0; s->router && i < sizeof needs / sizeof *needs; i++) {
		struct path p = path_member(&spec, needs[i].field);
		if (strcmp(s->provider, needs[i].provider) == 0 && !member(s->spec, needs[i].field) &&
		    !(upstream && strcmp(s->provider, "nginx") == 0))
			report_add_key(r, LEVEL_MISTAKE, s->spec, &p, "is missing; provider %s needs %s%s",
				       needs[i].provider, needs[i].what,
				       i == 0 ? ", or on one machine the annotation " ANNOTATION_UPSTREAM : "");
	}
	const cJSON *service = member(s->spec, "service"), *gateways = member(service, "gatewayRefs");
	struct path p = path_of("spec.service.gatewayRefs");
	if (s->router && text_starts(s->provider, "gatewayapi") && service &&
	    !(cJSON_IsArray(gateways) && gateways->child))
		report_add_key(r, LEVEL_MISTAKE, service, &p, "is missing; provider %s needs a gateway", s->provider);
}

static void warn_unused(const cJSON *object, const struct path *parent, const char *name, struct report *r)
{
	const cJSON *v = member(object, name);
	struct path p = path_member(parent, name);
	if (v)
		report_add_key(
			r, LEVEL_WARNING, v, &p,
			"it is part of ACK's extension and means nothing without the annotation " ANNOTATION_EXTENSION
			": 'true'");
}

static void rule_extension_off(const struct subject *s, struct report *r)
{
	static const char *const fields[] = { "canaryReplicas", "maxReplicas", "canaryWeight", "stepReplicas" };
	static const char *const annotations[] = { ANNOTATION_DISTINGUISH, ANNOTATION_GENERAL };
	struct path spec = path_of("spec"), parent = path_of("metadata.annotations");
	warn_unused(s->spec, &spec, "sourceRef", r);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		warn_unused(s->analysis, &s->analysis_path, fields[i], r);
	const cJSON *there = member(member(s->object, "metadata"), "annotations");
	for (size_t i = 0; i < sizeof annotations / sizeof *annotations; i++) {
		const cJSON *v = member(there, annotations[i]);
		struct path p = path_key(&parent, annotations[i]);
		if (v)
			report_add_key(r, LEVEL_WARNING, v, &p,
				       "it means nothing without the annotation " ANNOTATION_EXTENSION ": 'true'");
	}
}

static void rule_extension_replicas(const struct subject *s, struct report *r)
{
	const cJSON *step = member(s->analysis, "canaryReplicas"), *all = member(s->analysis, "maxReplicas");
	struct path p = path_member(&s->analysis_path, "canaryReplicas");
	if (cJSON_IsNumber(step) && cJSON_IsNumber(all) && all->valuedouble > 0 && step->valuedouble > all->valuedouble)
		report_add(r, LEVEL_WARNING, step, &p, "%d is more than maxReplicas; the canary gets %d at most",
			   step->valueint, all->valueint);
}

static void rule_extension_on(const struct subject *s, struct report *r)
{
	const cJSON *target = member(s->spec, "targetRef"), *source = member(s->spec, "sourceRef");
	struct path at_kind = path_of("spec.targetRef.kind"), at_source = path_of("spec.sourceRef.name"),
		    at_scaler = path_of("spec.autoscalerRef");
	if (strcmp(s->target_kind, "DaemonSet") == 0 || strcmp(s->target_kind, "Service") == 0)
		report_add(r, LEVEL_FATAL, member(target, "kind"), &at_kind,
			   "\"%s\" has no replicas to move; ACK's extension needs a Deployment", s->target_kind);
	if (*text_at(source, "name") && strcmp(text_at(source, "name"), text_at(target, "name")) == 0)
		report_add(r, LEVEL_FATAL, member(source, "name"), &at_source,
			   "it is the target itself; the stable version must be another Deployment");
	if (member(s->spec, "autoscalerRef"))
		report_add_key(r, LEVEL_WARNING, member(s->spec, "autoscalerRef"), &at_scaler,
			       "ACK's extension sets replicas by itself; the autoscaler is paused in the meantime");
	rule_extension_replicas(s, r);
}

void spec_rules(const struct subject *s, struct report *r)
{
	rule_analysis(s, r);
	rule_service(s, r);
	rule_knative(s, r);
	rule_target_version(s, r);
	rule_route(s, r);
	rule_upstream(s, r);
	if (s->extension)
		rule_extension_on(s, r);
	else
		rule_extension_off(s, r);
}

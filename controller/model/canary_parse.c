#include <string.h>

#include "controller/model/annotations.h"
#include "controller/model/build.h"
#include "controller/model/examine.h"
#include "controller/model/schema.h"

enum { CANARY_BYTES_MAX = 8 * 1024 * 1024, PROGRESS_DEADLINE_S = 600 };

static struct metadata_pair build_metadata_pair(struct build *b, const cJSON *v)
{
	return (struct metadata_pair){ build_pairs(b, member(v, "labels")), build_pairs(b, member(v, "annotations")) };
}

static const char *build_target_port(struct build *b, const cJSON *service, int port, bool *ret_is_number)
{
	const cJSON *v = member(service, "targetPort");
	*ret_is_number = false;
	/* "0" counts as unset, as in the original. */
	if (cJSON_IsString(v) && *v->valuestring && strcmp(v->valuestring, "0") != 0)
		return build_copy(b, v->valuestring);
	*ret_is_number = true;
	int number = build_int(service, "targetPort", 0);
	const char *text = arena_printf(b->arena, "%d", number ? number : port);
	b->exhausted = b->exhausted || !text;
	return text ? text : "";
}

static struct service_spec build_service(struct build *b, const cJSON *v, const char *target)
{
	const cJSON *unmanaged = member(v, "unmanagedMetadata");
	struct service_spec s = {
		.name = build_text(b, v, "name", ""),
		.port = build_int(v, "port", 0),
		.port_name = build_text(b, v, "portName", ""),
		.app_protocol = build_text(b, v, "appProtocol", ""),
		.traffic_distribution = build_text(b, v, "trafficDistribution", ""),
		.port_discovery = build_bool(v, "portDiscovery"),
		.headless = build_bool(v, "headless"),
		.apex = build_metadata_pair(b, member(v, "apex")),
		.primary = build_metadata_pair(b, member(v, "primary")),
		.canary = build_metadata_pair(b, member(v, "canary")),
		.unmanaged_annotations = build_texts(b, member(unmanaged, "annotations")),
		.unmanaged_labels = build_texts(b, member(unmanaged, "labels")),
	};
	if (!*s.name)
		s.name = target;
	if (!*s.port_name)
		s.port_name = "http";
	s.target_port = build_target_port(b, v, s.port, &s.target_port_is_number);
	return s;
}

static void build_identity(struct build *b, const cJSON *metadata, struct canary *c)
{
	c->ns = build_text(b, metadata, "namespace", "");
	if (!*c->ns)
		c->ns = "default";
	c->name = build_text(b, metadata, "name", "");
	c->uid = build_text(b, metadata, "uid", "");
	c->resource_version = build_text(b, metadata, "resourceVersion", "");
	const cJSON *generation = member(metadata, "generation");
	c->generation = cJSON_IsNumber(generation) ? (int64_t)generation->valuedouble : 0;
	c->deleting = member(metadata, "deletionTimestamp") != NULL;
	c->labels = build_pairs(b, member(metadata, "labels"));
	/* kubectl's copy of the whole object is the largest annotation, and nobody asks a Canary for it */
	c->annotations = build_pairs_without(b, member(metadata, "annotations"),
					     "kubectl.kubernetes.io/last-applied-configuration");
	c->finalizers = build_texts(b, member(metadata, "finalizers"));
}

static void build_spec(struct build *b, const cJSON *spec, struct canary *c)
{
	c->provider = build_text(b, spec, "provider", "");
	c->metrics_server = build_text(b, spec, "metricsServer", "");
	c->target = build_ref(b, member(spec, "targetRef"));
	c->autoscaler = build_ref(b, member(spec, "autoscalerRef"));
	c->ingress = build_ref(b, member(spec, "ingressRef"));
	c->route = build_ref(b, member(spec, "routeRef"));
	c->upstream = build_ref(b, member(spec, "upstreamRef"));
	c->source = build_ref(b, member(spec, "sourceRef"));
	c->service = build_service(b, member(spec, "service"), c->target.name);
	c->analysis = build_analysis(b, spec);
	c->progress_deadline_s = build_int(spec, "progressDeadlineSeconds", PROGRESS_DEADLINE_S);
	c->skip_analysis = build_bool(spec, "skipAnalysis") || !c->analysis.present;
	c->revert_on_deletion = build_bool(spec, "revertOnDeletion");
	c->suspend = build_bool(spec, "suspend");
}

static const char *annotation_or(const cJSON *object, const char *key, const char *otherwise)
{
	const char *text = annotation_of(object, key);
	return text ? text : otherwise;
}

static void build_switches(struct build *b, const cJSON *object, struct canary *c)
{
	c->extension = annotation_extension(object);
	c->source_name = c->source.name;
	if (!c->extension || !*c->source_name) {
		c->source_name = arena_printf(b->arena, "%s-primary", c->target.name);
		b->exhausted = b->exhausted || !c->source_name;
	}
	c->distinguish_labels = build_comma_list(b, annotation_or(object, ANNOTATION_DISTINGUISH, ""));
	c->general_labels = build_comma_list(b, annotation_or(object, ANNOTATION_GENERAL, ""));
	c->policy = build_copy(b, annotation_or(object, ANNOTATION_POLICY, ""));
	annotation_gates(annotation_or(object, ANNOTATION_GATES, ""), c->gates);
	if (strcmp(annotation_or(object, ANNOTATION_STEPS, ""), "manual") == 0)
		c->gates[HOOK_CONFIRM_STEP] = true;
	const char *request = annotation_of(object, ANNOTATION_REQUEST);
	enum result r = request ? request_parse(request, b->arena, &c->request, NULL) : RC_NOT_FOUND;
	c->has_request = r == RC_OK;
	b->exhausted = b->exhausted || r == RC_EXHAUSTED;
}

static enum result examine(const cJSON *object, struct error *e)
{
	struct report r = { .first = e };
	canary_examine(object, &r);
	if (r.failed)
		return RC_INVALID;
	return r.exhausted ? error_set(e, RC_EXHAUSTED, "no memory to examine a canary") : RC_OK;
}

enum result canary_parse(const cJSON *object, struct canary **ret, struct error *e)
{
	enum result r = examine(object, e);
	if (r != RC_OK)
		return r;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(CANARY_BYTES_MAX);
	struct canary *c = a ? arena_alloc(a, 1, sizeof *c) : NULL;
	if (!c)
		return error_set(e, RC_EXHAUSTED, "no memory for a canary");
	struct build b = { .arena = a };
	build_identity(&b, member(object, "metadata"), c);
	build_spec(&b, member(object, "spec"), c);
	build_switches(&b, object, c);
	c->status = build_status(&b, member(object, "status"));
	if (b.exhausted)
		return error_set(e, RC_EXHAUSTED, "the canary is too large");
	c->arena = TAKE(a);
	*ret = c;
	return RC_OK;
}

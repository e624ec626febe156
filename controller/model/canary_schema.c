#include "controller/model/schema.h"

const char *const canary_providers[] = {
	"apisix",  "appmesh", "appmesh:v1beta2", "contour",      "gatewayapi:v1", "gatewayapi:v1beta1",
	"gloo",    "istio",   "knative",         "kubernetes",   "kuma",          "linkerd",
	"nginx",   "osm",     "skipper",         "smi:v1alpha1", "smi:v1alpha2",  "smi:v1alpha3",
	"traefik", NULL
};
const char *const webhook_types[] = {
	"confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "post-rollout",
	"event",           "rollback",    NULL
};
static const char *const target_kinds[] = { "Deployment", "DaemonSet", "Service", "Process", "SystemdUnit", NULL };
static const char *const source_kinds[] = { "Deployment", NULL };
static const char *const scaler_kinds[] = { "HorizontalPodAutoscaler", "ScaledObject", NULL };
static const char *const ingress_kinds[] = { "Ingress", NULL };
static const char *const ingress_versions[] = { "networking.k8s.io/v1", "networking.k8s.io/v1beta1",
						"extensions/v1beta1", NULL };
static const char *const route_kinds[] = { "ApisixRoute", NULL };
static const char *const upstream_kinds[] = { "Upstream", NULL };
static const char *const distributions[] = { "PreferClose", "PreferSameZone", "PreferSameNode", NULL };
static const char *const severities[] = { "info", "warn", "error", NULL };
static const char *const same_sites[] = { "Strict", "Lax", "None", NULL };
static const char *const versions[] = { "flagger.app/v1beta1", NULL };
static const char *const kinds[] = { "Canary", NULL };

/* Tables that are read as tables. */
/* clang-format off */
#define END { .name = NULL }
#define TEXT(n) { .name = n, .type = SCHEMA_TEXT }
#define WORD(n, w, t) { .name = n, .type = SCHEMA_TEXT, .words = w, .what = t }
#define BOOL(n) { .name = n, .type = SCHEMA_BOOL }
#define INT(n) { .name = n, .type = SCHEMA_INT }
#define COUNT(n) { .name = n, .type = SCHEMA_INT, .bounded = true, .min = 0, .max = INT32_MAX }
#define PERCENT(n, l) { .name = n, .type = SCHEMA_INT, .level = l, .bounded = true, .min = 0, .max = 100 }
#define NUMBER(n) { .name = n, .type = SCHEMA_NUMBER }
#define DURATION(n) { .name = n, .type = SCHEMA_DURATION, .level = LEVEL_WARNING }
#define OBJECT(n, f) { .name = n, .type = SCHEMA_OBJECT, .of = f }
#define LIST(n, item) { .name = n, .type = SCHEMA_LIST, .of = &(item) }
#define MAP(n, value) { .name = n, .type = SCHEMA_MAP, .of = &(value) }
#define ANY(n) { .name = n, .type = SCHEMA_ANY }
#define NEED(n, t) { .name = n, .type = SCHEMA_TEXT, .need = NEEDED, .what = t }
#define NEED_WORD(n, w, t) { .name = n, .type = SCHEMA_TEXT, .need = NEEDED, .words = w, .what = t }

static const struct schema text = { .type = SCHEMA_TEXT };
static const struct schema weight = {
	.type = SCHEMA_INT, .level = LEVEL_MISTAKE, .bounded = true, .min = 0, .max = 100
};

static const struct schema condition_fields[] = { TEXT("exact"), TEXT("prefix"), TEXT("suffix"), TEXT("regex"), END };
static const struct schema condition = { .type = SCHEMA_OBJECT, .one_member = true, .of = condition_fields };
#define CONDITION(n) { .name = n, .type = SCHEMA_OBJECT, .one_member = true, .of = condition_fields }

static const struct schema named_fields[] = { NEED("name", "a name"), TEXT("namespace"), END };
static const struct schema metadata_pair[] = { MAP("labels", text), MAP("annotations", text), END };

static const struct schema target_fields[] = { NEED("apiVersion", "the API version of the target, such as apps/v1"),
					       NEED_WORD("kind", target_kinds, "a kind of target"),
					       NEED("name", "the name of the target"), END };
static const struct schema source_fields[] = { NEED("apiVersion", "the API version of the source, such as apps/v1"),
					       NEED_WORD("kind", source_kinds, "a kind of source"),
					       NEED("name", "the name of the stable version's Deployment"), END };
static const struct schema scaler_replicas[] = {
	{ .name = "minReplicas", .type = SCHEMA_INT, .bounded = true, .min = 1, .max = INT32_MAX },
	{ .name = "maxReplicas", .type = SCHEMA_INT, .bounded = true, .min = 1, .max = INT32_MAX },
	END
};
static const struct schema scaler_fields[] = { NEED("apiVersion", "the API version of the autoscaler"),
					       NEED_WORD("kind", scaler_kinds, "a kind of autoscaler"),
					       NEED("name", "the name of the autoscaler"),
					       MAP("primaryScalerQueries", text),
					       OBJECT("primaryScalerReplicas", scaler_replicas),
					       END };
static const struct schema ingress_fields[] = { { .name = "apiVersion",
						  .type = SCHEMA_TEXT,
						  .need = NEEDED_BY_API,
						  .level = LEVEL_MISTAKE,
						  .words = ingress_versions,
						  .what = "an API version of Ingress" },
						NEED_WORD("kind", ingress_kinds, "a kind of ingress"),
						NEED("name", "the name of the Ingress"),
						END };
static const struct schema route_fields[] = { NEED("apiVersion", "the API version of the route"),
					      NEED_WORD("kind", route_kinds, "a kind of route"),
					      NEED("name", "the name of the route"), END };
static const struct schema upstream_fields[] = { NEED("apiVersion", "the API version of the upstream"),
						 NEED_WORD("kind", upstream_kinds, "a kind of upstream"),
						 NEED("name", "the name of the upstream"), TEXT("namespace"), END };

/* spec.service */
static const struct schema gateway_ref_fields[] = {
	TEXT("group"),
	TEXT("kind"),
	NEED("name", "the name of the gateway"),
	TEXT("namespace"),
	TEXT("sectionName"),
	{ .name = "port", .type = SCHEMA_INT, .bounded = true, .min = 1, .max = 65535 },
	END
};
static const struct schema gateway_ref = { .type = SCHEMA_OBJECT, .of = gateway_ref_fields };
static const struct schema route_match_fields[] = { TEXT("name"),
						    CONDITION("uri"),
						    CONDITION("scheme"),
						    CONDITION("method"),
						    CONDITION("authority"),
						    MAP("headers", condition),
						    MAP("withoutHeaders", condition),
						    MAP("queryParams", condition),
						    BOOL("ignoreUriCase"),
						    INT("port"),
						    MAP("sourceLabels", text),
						    TEXT("sourceNamespace"),
						    LIST("gateways", text),
						    END };
static const struct schema route_match = { .type = SCHEMA_OBJECT, .of = route_match_fields };
static const struct schema rewrite_fields[] = { TEXT("uri"), TEXT("authority"), TEXT("type"), END };
static const struct schema retries_fields[] = { INT("attempts"), DURATION("perTryTimeout"), TEXT("retryOn"), END };
static const struct schema header_operations[] = { MAP("add", text), MAP("set", text), LIST("remove", text), END };
static const struct schema header_fields[] = { OBJECT("request", header_operations),
					       OBJECT("response", header_operations), END };
static const struct schema backend_fields[] = {
	TEXT("group"), TEXT("kind"), NEED("name", "the name of the backend"), TEXT("namespace"), INT("port"), END
};
static const struct schema mirror_fields[] = {
	{ .name = "backendRef", .type = SCHEMA_OBJECT, .need = NEEDED_BY_API, .of = backend_fields }, END
};
static const struct schema mirror = { .type = SCHEMA_OBJECT, .of = mirror_fields };
static const struct schema origin_fields[] = { TEXT("exact"), TEXT("prefix"), TEXT("regex"), END };
static const struct schema origin = { .type = SCHEMA_OBJECT, .one_member = true, .of = origin_fields };
static const struct schema cors_fields[] = { LIST("allowOrigin", text),   LIST("allowOrigins", origin),
					     LIST("allowMethods", text),  LIST("allowHeaders", text),
					     LIST("exposeHeaders", text), DURATION("maxAge"),
					     BOOL("allowCredentials"),    END };
static const struct schema unmanaged_fields[] = { LIST("labels", text), LIST("annotations", text), END };
static const struct schema service_fields[] = {
	TEXT("name"),
	{ .name = "port",
	  .type = SCHEMA_INT,
	  .need = NEEDED,
	  .bounded = true,
	  .min = 1,
	  .max = 65535,
	  .what = "the port of the Services, 1 to 65535" },
	TEXT("portName"),
	{ .name = "targetPort", .type = SCHEMA_INT_OR_TEXT, .bounded = true, .min = 0, .max = 65535 },
	TEXT("appProtocol"),
	WORD("trafficDistribution", distributions, "a traffic distribution"),
	BOOL("portDiscovery"),
	BOOL("headless"),
	DURATION("timeout"),
	DURATION("backendTimeout"),
	LIST("gateways", text),
	{ .name = "gatewayRefs", .type = SCHEMA_LIST, .bounded = true, .max = 32, .of = &gateway_ref },
	LIST("hosts", text),
	BOOL("delegation"),
	ANY("trafficPolicy"),
	LIST("match", route_match),
	OBJECT("rewrite", rewrite_fields),
	OBJECT("retries", retries_fields),
	OBJECT("headers", header_fields),
	LIST("mirror", mirror),
	OBJECT("corsPolicy", cors_fields),
	TEXT("meshName"),
	LIST("backends", text),
	OBJECT("apex", metadata_pair),
	OBJECT("primary", metadata_pair),
	OBJECT("canary", metadata_pair),
	OBJECT("unmanagedMetadata", unmanaged_fields),
	END
};

/* spec.analysis */
static const struct schema alert_fields[] = {
	{ .name = "name", .type = SCHEMA_TEXT, .need = NEEDED_BY_API, .what = "a name" },
	WORD("severity", severities, "a severity"),
	{ .name = "providerRef",
	  .type = SCHEMA_OBJECT,
	  .need = NEEDED_BY_API,
	  .of = named_fields,
	  .what = "the name (and namespace) of an AlertProvider" },
	END
};
static const struct schema alert = { .type = SCHEMA_OBJECT, .of = alert_fields };
static const struct schema range_fields[] = { NUMBER("min"), NUMBER("max"), END };
static const struct schema metric_fields[] = {
	{ .name = "name", .type = SCHEMA_TEXT, .need = NEEDED_BY_API, .what = "a name" },
	{ .name = "interval", .type = SCHEMA_PERIOD },
	NUMBER("threshold"),
	OBJECT("thresholdRange", range_fields),
	TEXT("query"),
	OBJECT("templateRef", named_fields),
	MAP("templateVariables", text),
	END
};
static const struct schema metric = { .type = SCHEMA_OBJECT, .of = metric_fields };
/* type, url and timeout of a webhook depend on each other: hook_rules.c */
static const struct schema webhook_fields[] = {
	{ .name = "name", .type = SCHEMA_TEXT, .need = NEEDED_BY_API, .what = "a name for the events" },
	TEXT("type"),
	NEED("url", "the address to call"),
	BOOL("muteAlert"),
	TEXT("timeout"),
	COUNT("retries"),
	BOOL("disableTLS"),
	MAP("metadata", text),
	END
};
static const struct schema webhook = { .type = SCHEMA_OBJECT, .of = webhook_fields };
static const struct schema match_fields[] = { MAP("headers", condition), MAP("queryParams", condition),
					      MAP("sourceLabels", text), END };
static const struct schema match = { .type = SCHEMA_OBJECT, .of = match_fields };
static const struct schema affinity_fields[] = { NEED("cookieName", "the name of the canary's cookie"),
						 TEXT("primaryCookieName"),
						 TEXT("domain"),
						 BOOL("httpOnly"),
						 INT("maxAge"),
						 BOOL("partitioned"),
						 TEXT("path"),
						 WORD("sameSite", same_sites, "a same-site rule"),
						 BOOL("secure"),
						 END };
static const struct schema analysis_fields[] = { { .name = "interval",
						   .type = SCHEMA_PERIOD,
						   .need = NEEDED_BY_API,
						   .what = "the time between two checks, such as \"30s\"" },
						 COUNT("iterations"),
						 BOOL("mirror"),
						 PERCENT("mirrorWeight", LEVEL_FATAL),
						 PERCENT("maxWeight", LEVEL_MISTAKE),
						 PERCENT("stepWeight", LEVEL_MISTAKE),
						 LIST("stepWeights", weight),
						 PERCENT("stepWeightPromotion", LEVEL_MISTAKE),
						 COUNT("canaryReplicas"),
						 COUNT("maxReplicas"),
						 PERCENT("canaryWeight", LEVEL_FATAL),
						 COUNT("stepReplicas"),
						 { .name = "threshold",
						   .type = SCHEMA_INT,
						   .need = NEEDED_BY_API,
						   .bounded = true,
						   .max = INT32_MAX,
						   .what = "the number of failed checks before a rollback" },
						 PERCENT("primaryReadyThreshold", LEVEL_MISTAKE),
						 PERCENT("canaryReadyThreshold", LEVEL_MISTAKE),
						 LIST("alerts", alert),
						 LIST("metrics", metric),
						 LIST("webhooks", webhook),
						 LIST("match", match),
						 OBJECT("sessionAffinity", affinity_fields),
						 END };

static const struct schema spec_fields[] = { WORD("provider", canary_providers, "a provider"),
					     TEXT("metricsServer"),
					     { .name = "targetRef",
					       .type = SCHEMA_OBJECT,
					       .need = NEEDED,
					       .of = target_fields,
					       .what = "the workload under release (apiVersion, kind, name)" },
					     OBJECT("sourceRef", source_fields),
					     OBJECT("autoscalerRef", scaler_fields),
					     OBJECT("ingressRef", ingress_fields),
					     OBJECT("routeRef", route_fields),
					     OBJECT("upstreamRef", upstream_fields),
					     { .name = "progressDeadlineSeconds",
					       .type = SCHEMA_INT,
					       .level = LEVEL_MISTAKE,
					       .bounded = true,
					       .min = 1,
					       .max = INT32_MAX },
					     BOOL("skipAnalysis"),
					     BOOL("revertOnDeletion"),
					     BOOL("suspend"),
					     OBJECT("service", service_fields),
					     OBJECT("analysis", analysis_fields),
					     OBJECT("canaryAnalysis", analysis_fields),
					     END };
static const struct schema metadata_fields[] = { NEED("name", "the name of the Canary"),
						 TEXT("namespace"),
						 TEXT("uid"),
						 TEXT("resourceVersion"),
						 INT("generation"),
						 TEXT("creationTimestamp"),
						 TEXT("deletionTimestamp"),
						 ANY("deletionGracePeriodSeconds"),
						 MAP("labels", text),
						 MAP("annotations", text),
						 LIST("finalizers", text),
						 ANY("ownerReferences"),
						 ANY("managedFields"),
						 TEXT("generateName"),
						 TEXT("selfLink"),
						 END };
static const struct schema root_fields[] = {
	WORD("apiVersion", versions, "the API version of a Canary"),
	WORD("kind", kinds, "the kind of a canary"),
	{ .name = "metadata",
	  .type = SCHEMA_OBJECT,
	  .need = NEEDED,
	  .of = metadata_fields,
	  .what = "an object with a name" },
	{ .name = "spec", .type = SCHEMA_OBJECT, .need = NEEDED, .of = spec_fields, .what = "an object" },
	ANY("status"),
	END
};
const struct schema canary_schema = { .type = SCHEMA_OBJECT, .of = root_fields };
/* clang-format on */

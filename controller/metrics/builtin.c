/* The built-in queries of each provider's dialect (flagger-interfaces.md 3.3), as they are sent. */
#include <stddef.h>

#include "base/text.h"
#include "controller/metrics/builtin.h"

#define SUCCESS "request-success-rate"
#define DURATION "request-duration"

/* How Skipper names the canary's route. */
#define SKIPPER_ROUTE                                                                                                  \
	"kube(ew)?_{{ skipper.namespace }}__{{ skipper.ingress }}_canary__.*__{{ skipper.service }}_canary(_[0-9]+)?"

static const struct builtin_query builtins[] = {
	{ "istio", SUCCESS, 1,
	  " sum( rate( istio_requests_total{ reporter=\"destination\", "
	  "destination_workload_namespace=\"{{ namespace }}\", destination_workload=~\"{{ target }}\", "
	  "response_code!~\"5.*\" }[{{ interval }}] ) ) / sum( rate( istio_requests_total{ "
	  "reporter=\"destination\", destination_workload_namespace=\"{{ namespace }}\", "
	  "destination_workload=~\"{{ target }}\" }[{{ interval }}] ) ) * 100" },
	{ "istio", DURATION, 1,
	  " histogram_quantile( 0.99, sum( rate( istio_request_duration_milliseconds_bucket{ "
	  "reporter=\"destination\", destination_workload_namespace=\"{{ namespace }}\", "
	  "destination_workload=~\"{{ target }}\" }[{{ interval }}] ) ) by (le) )" },
	{ "linkerd", SUCCESS, 1,
	  " sum( rate( response_total{ namespace=\"{{ namespace }}\", deployment=~\"{{ target }}\", "
	  "classification!=\"failure\", direction=\"inbound\" }[{{ interval }}] ) ) / sum( rate( "
	  "response_total{ namespace=\"{{ namespace }}\", deployment=~\"{{ target }}\", "
	  "direction=\"inbound\" }[{{ interval }}] ) ) * 100" },
	{ "linkerd", DURATION, 1,
	  " histogram_quantile( 0.99, sum( rate( response_latency_ms_bucket{ namespace=\"{{ namespace "
	  "}}\", deployment=~\"{{ target }}\", direction=\"inbound\" }[{{ interval }}] ) ) by (le) )" },
	{ "nginx", SUCCESS, 1,
	  " sum( rate( nginx_ingress_controller_requests{ namespace=\"{{ namespace }}\", ingress=\"{{ "
	  "ingress }}\", canary!=\"\", status!~\"5.*\" }[{{ interval }}] ) ) / sum( rate( "
	  "nginx_ingress_controller_requests{ namespace=\"{{ namespace }}\", ingress=\"{{ ingress "
	  "}}\", canary!=\"\" }[{{ interval }}] ) ) * 100" },
	{ "nginx", DURATION, 1,
	  " sum( rate( nginx_ingress_controller_response_duration_seconds_sum{ namespace=\"{{ "
	  "namespace }}\", ingress=\"{{ ingress }}\", canary!=\"\" }[{{ interval }}] ) ) / sum( rate( "
	  "nginx_ingress_controller_response_duration_seconds_count{ namespace=\"{{ namespace }}\", "
	  "ingress=\"{{ ingress }}\", canary!=\"\" }[{{ interval }}] ) ) * 1000" },
	{ "appmesh", SUCCESS, 1,
	  " sum( rate( envoy_cluster_upstream_rq{ kubernetes_namespace=\"{{ namespace }}\", "
	  "kubernetes_pod_name=~\"{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\", "
	  "envoy_response_code!~\"5.*\" }[{{ interval }}] ) ) / sum( rate( envoy_cluster_upstream_rq{ "
	  "kubernetes_namespace=\"{{ namespace }}\", kubernetes_pod_name=~\"{{ target "
	  "}}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\" }[{{ interval }}] ) ) * 100" },
	{ "appmesh", DURATION, 1,
	  " histogram_quantile( 0.99, sum( rate( envoy_cluster_upstream_rq_time_bucket{ "
	  "kubernetes_namespace=\"{{ namespace }}\", kubernetes_pod_name=~\"{{ target "
	  "}}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\" }[{{ interval }}] ) ) by (le) )" },
	{ "contour", SUCCESS, 1,
	  " sum( rate( envoy_cluster_upstream_rq{ envoy_cluster_name=~\"{{ namespace }}_{{ service "
	  "}}-canary_[0-9a-zA-Z-]+\", envoy_response_code!~\"5.*\" }[{{ interval }}] ) ) / sum( rate( "
	  "envoy_cluster_upstream_rq{ envoy_cluster_name=~\"{{ namespace }}_{{ service "
	  "}}-canary_[0-9a-zA-Z-]+\", }[{{ interval }}] ) ) * 100" },
	{ "contour", DURATION, 1,
	  " histogram_quantile( 0.99, sum( rate( envoy_cluster_upstream_rq_time_bucket{ "
	  "envoy_cluster_name=~\"{{ namespace }}_{{ service }}-canary_[0-9a-zA-Z-]+\", }[{{ interval "
	  "}}] ) ) by (le) )" },
	{ "gloo", SUCCESS, 1,
	  " sum( rate( envoy_cluster_upstream_rq{ envoy_cluster_name=~\"{{ namespace }}-{{ target "
	  "}}-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+\", envoy_response_code!~\"5.*\" }[{{ interval "
	  "}}] ) ) / sum( rate( envoy_cluster_upstream_rq{ envoy_cluster_name=~\"{{ namespace }}-{{ "
	  "target }}-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+\", }[{{ interval }}] ) ) * 100" },
	{ "gloo", DURATION, 1,
	  " histogram_quantile( 0.99, sum( rate( envoy_cluster_upstream_rq_time_bucket{ "
	  "envoy_cluster_name=~\"{{ namespace }}-{{ target "
	  "}}-canaryupstream-[0-9a-zA-Z-]+_[0-9a-zA-Z-]+\", }[{{ interval }}] ) ) by (le) )" },
	{ "skipper", SUCCESS, 1,
	  " "
	  "sum(rate(skipper_response_duration_seconds_bucket{route=~\"" SKIPPER_ROUTE
	  "\",code!~\"5..\",le=\"+Inf\"}[{{ "
	  "interval }}])) / "
	  "sum(rate(skipper_response_duration_seconds_bucket{route=~\"" SKIPPER_ROUTE "\",le=\"+Inf\"}[{{ "
	  "interval }}])) * 100" },
	{ "skipper", DURATION, 1,
	  " sum(rate(skipper_serve_route_duration_seconds_sum{route=~\"" SKIPPER_ROUTE "\"}[{{ interval }}])) / "
	  "sum(rate(skipper_serve_route_duration_seconds_count{route=~\"" SKIPPER_ROUTE "\"}[{{ interval }}])) * "
	  "1000" },
	{ "traefik", SUCCESS, 1,
	  " sum( rate( traefik_service_request_duration_seconds_bucket{ service=~\"{{ namespace }}-{{ "
	  "target }}-canary-[0-9a-zA-Z-]+@kubernetescrd\", code!~\"5..\", le=\"+Inf\" }[{{ interval "
	  "}}] ) ) / sum( rate( traefik_service_request_duration_seconds_bucket{ service=~\"{{ "
	  "namespace }}-{{ target }}-canary-[0-9a-zA-Z-]+@kubernetescrd\", le=\"+Inf\" }[{{ interval "
	  "}}] ) ) * 100" },
	{ "traefik", DURATION, 1,
	  " histogram_quantile( 0.99, sum( rate( traefik_service_request_duration_seconds_bucket{ "
	  "service=~\"{{ namespace }}-{{ target }}-canary-[0-9a-zA-Z-]+@kubernetescrd\" }[{{ interval "
	  "}}] ) ) by (le) ) * 1000" },
	{ "kuma", SUCCESS, 1,
	  " sum( rate( envoy_cluster_upstream_rq{ service=~\"{{ target }}-canary_{{ namespace "
	  "}}_svc_[0-9a-zA-Z-]+\", envoy_response_code!~\"5.*\" }[{{ interval }}] ) ) / sum( rate( "
	  "envoy_cluster_upstream_rq{ service=~\"{{ target }}-canary_{{ namespace "
	  "}}_svc_[0-9a-zA-Z-]+\", }[{{ interval }}] ) ) * 100" },
	{ "kuma", DURATION, 1,
	  " histogram_quantile( 0.99, sum( rate( envoy_cluster_upstream_rq_time_bucket{ service=~\"{{ "
	  "target }}-canary_{{ namespace }}_svc_[0-9a-zA-Z-]+\", }[{{ interval }}] ) ) by (le) )" },
	{ "osm", SUCCESS, 1,
	  " sum( rate( osm_request_total{ destination_namespace=\"{{ namespace }}\", "
	  "destination_kind=\"Deployment\", destination_name=\"{{ target }}\", response_code!~\"5.*\" "
	  "}[{{ interval }}] ) ) / sum( rate( osm_request_total{ destination_namespace=\"{{ namespace "
	  "}}\", destination_kind=\"Deployment\", destination_name=\"{{ target }}\" }[{{ interval }}] "
	  ") ) * 100" },
	{ "osm", DURATION, 1,
	  " histogram_quantile( 0.99, sum( rate( osm_request_duration_ms_bucket{ "
	  "destination_namespace=\"{{ namespace }}\", destination_kind=\"Deployment\", "
	  "destination_name=\"{{ target }}\" }[{{ interval }}] ) ) by (le) )" },
	{ "apisix", SUCCESS, 1,
	  " sum( rate( apisix_http_status{ route=~\"{{ namespace }}_{{ route }}-{{ target "
	  "}}-canary_.+\", code!~\"5..\" }[{{ interval }}] ) ) / sum( rate( apisix_http_status{ "
	  "route=~\"{{ namespace }}_{{ route }}-{{ target }}-canary_.+\" }[{{ interval }}] ) ) * 100" },
	{ "apisix", DURATION, 1,
	  " histogram_quantile( 0.99, sum( rate( apisix_http_latency_bucket{ type=~\"request\", "
	  "route=~\"{{ namespace }}_{{ route }}-{{ target }}-canary_.+\" }[{{ interval }}] ) ) by (le) "
	  ")" },
	{ "knative", SUCCESS, 1,
	  " sum( rate( envoy_cluster_upstream_rq{ envoy_cluster_name=~\"{{ namespace }}/{{ route }}\", "
	  "envoy_response_code!~\"5.*\" }[{{ interval }}] ) ) / sum( rate( envoy_cluster_upstream_rq{ "
	  "envoy_cluster_name=~\"{{ namespace }}/{{ route }}\", }[{{ interval }}] ) ) * 100" },
	{ "knative", DURATION, 1,
	  " histogram_quantile( 0.99, sum( rate( envoy_cluster_upstream_rq_time_bucket{ "
	  "envoy_cluster_name=~\"{{ namespace }}/{{ route }}\", }[{{ interval }}] ) ) by (le) )" },
	{ "http", SUCCESS, 1,
	  " sum( rate( http_request_duration_seconds_count{ kubernetes_namespace=\"{{ namespace }}\", "
	  "kubernetes_pod_name=~\"{{ target }}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\", status!~\"5.*\" }[{{ "
	  "interval }}] ) ) / sum( rate( http_request_duration_seconds_count{ "
	  "kubernetes_namespace=\"{{ namespace }}\", kubernetes_pod_name=~\"{{ target "
	  "}}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\" }[{{ interval }}] ) ) * 100" },
	{ "http", DURATION, 1000,
	  " histogram_quantile( 0.99, sum( rate( http_request_duration_seconds_bucket{ "
	  "kubernetes_namespace=\"{{ namespace }}\", kubernetes_pod_name=~\"{{ target "
	  "}}-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)\" }[{{ interval }}] ) ) by (le) )" },
};

/* Which dialect a provider's proxies speak (3.2). */
static const char *dialect(const char *provider)
{
	static const struct {
		const char *prefix, *dialect;
	} families[] = { { "appmesh", "appmesh" },
			 { "gatewayapi", "http" },
			 { "gloo", "gloo" },
			 { "kubernetes", "http" },
			 { "smi", "istio" } };
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if (text_starts(provider, families[i].prefix))
			return families[i].dialect;
	return provider;
}

const struct builtin_query *builtin_find(const char *provider, const char *metric)
{
	const char *of = dialect(provider);
	for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
		if (text_eq(builtins[i].provider, of) && text_eq(builtins[i].metric, metric))
			return &builtins[i];
	return NULL;
}

#include "controller/model/canary.h"

#include "tests/unit/controller/model/objects.h"

#include "base/yaml.h"

static struct canary *parsed(const char *patch)
{
	CLEANUP(json_delete_p) cJSON *v = patched(patch);
	struct canary *c = NULL;
	struct error e = { .text = "" };
	if (canary_parse(v, &c, &e) != RC_OK)
		fail_msg("%s: %s", patch, e.text);
	return c; /* v is gone: nothing in it may be borrowed */
}

static void test_defaults(void **state)
{
	(void)state;
	CLEANUP(canary_free_p)
	struct canary *c = parsed("{\"spec\":{\"provider\":null},\"metadata\":{\"namespace\":null}}");
	assert_string_equal(c->ns, "default");
	assert_string_equal(c->name, "podinfo");
	assert_string_equal(c->uid, "");
	assert_false(c->deleting);
	assert_null(c->finalizers[0]);
	assert_string_equal(c->provider, "");
	assert_string_equal(c->target.kind, "Deployment");
	assert_string_equal(c->autoscaler.name, "");
	assert_string_equal(c->service.name, "podinfo");
	assert_int_equal(c->service.port, 80);
	assert_string_equal(c->service.port_name, "http");
	assert_string_equal(c->service.target_port, "80");
	assert_true(c->service.target_port_is_number);
	assert_null(c->service.unmanaged_labels[0]);
	assert_true(c->analysis.present);
	assert_int_equal(c->analysis.interval_ms, 10000);
	assert_int_equal(c->analysis.threshold, 2);
	assert_int_equal(c->analysis.max_weight, 0);
	assert_int_equal(c->analysis.primary_ready_threshold, 100);
	assert_int_equal(c->analysis.canary_ready_threshold, 100);
	assert_int_equal(c->analysis.hook_count, 0);
	assert_int_equal(c->progress_deadline_s, 600);
	assert_false(c->skip_analysis || c->revert_on_deletion || c->suspend || c->extension || c->has_request);
	assert_string_equal(c->source_name, "podinfo-primary");
	assert_string_equal(c->policy, "");
	assert_null(c->distinguish_labels[0]);
	for (int t = 0; t < HOOK_TYPE_COUNT; t++)
		assert_false(c->gates[t]);
	assert_int_equal(c->status.phase, PHASE_NONE);
	assert_false(c->status.has_condition || c->status.has_tracked_configs);
	assert_int_equal(c->status.own.wanted_weight, -1);
	assert_string_equal(c->status.own.request.id, "");
}

static const char everything[] =
	"{\"metadata\":{\"uid\":\"u-1\",\"resourceVersion\":\"77\",\"generation\":3,"
	"\"deletionTimestamp\":\"2026-01-01T00:00:00Z\",\"finalizers\":[\"a/x\",\"b/y\"],"
	"\"labels\":{\"z\":\"1\",\"a\":\"2\"},"
	"\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\",\"team\":\"pay\"}},"
	"\"spec\":{\"provider\":\"istio\",\"metricsServer\":\"http://prom:9090\",\"progressDeadlineSeconds\":60,"
	"\"skipAnalysis\":true,\"revertOnDeletion\":true,\"suspend\":true,"
	"\"autoscalerRef\":{\"apiVersion\":\"autoscaling/v2\",\"kind\":\"HorizontalPodAutoscaler\",\"name\":\"hpa\"},"
	"\"upstreamRef\":{\"apiVersion\":\"gloo.solo.io/"
	"v1\",\"kind\":\"Upstream\",\"name\":\"up\",\"namespace\":\"gloo\"},"
	"\"service\":{\"name\":\"web\",\"port\":8080,\"portName\":\"grpc\",\"targetPort\":\"main\",\"appProtocol\":"
	"\"h2c\","
	"\"trafficDistribution\":\"PreferClose\",\"portDiscovery\":true,\"headless\":true,"
	"\"apex\":{\"labels\":{\"l\":\"1\"},\"annotations\":{\"k\":\"v\"}},\"canary\":{\"labels\":{\"c\":\"1\"}},"
	"\"unmanagedMetadata\":{\"annotations\":[\"x\",\"y\"],\"labels\":[\"z\"]}},"
	"\"analysis\":{\"interval\":\"1m30s\",\"threshold\":7,\"stepWeight\":null,\"stepWeights\":[1,2,10,80],"
	"\"maxWeight\":50,"
	"\"stepWeightPromotion\":25,\"mirror\":true,\"mirrorWeight\":30,\"iterations\":0,"
	"\"primaryReadyThreshold\":50,\"canaryReadyThreshold\":0,"
	"\"metrics\":[{\"name\":\"request-success-rate\",\"thresholdRange\":{\"min\":99.5}},"
	"{\"name\":\"lat\",\"interval\":\"2m\",\"threshold\":0,\"templateRef\":{\"name\":\"t\",\"namespace\":\"mon\"},"
	"\"templateVariables\":{\"b\":\"2\",\"a\":\"1\"}},{\"name\":\"q\",\"query\":\"up\",\"thresholdRange\":{\"max\":"
	"1}}],"
	"\"alerts\":[{\"name\":\"on-call\",\"severity\":\"warn\",\"providerRef\":{\"name\":\"slack\",\"namespace\":"
	"\"flagger\"}}],"
	"\"match\":[{\"headers\":{\"x-b\":{\"exact\":\"1\"},\"x-a\":{\"regex\":\"^t\"}}},{\"sourceLabels\":{\"a\":"
	"\"b\"}},"
	"{\"headers\":{\"cookie\":{\"prefix\":\"p\"}}}]}}}";

static void test_identity_and_spec(void **state)
{
	(void)state;
	CLEANUP(canary_free_p) struct canary *c = parsed(everything);
	assert_string_equal(c->uid, "u-1");
	assert_string_equal(c->resource_version, "77");
	assert_int_equal(c->generation, 3);
	assert_true(c->deleting);
	assert_string_equal(c->finalizers[1], "b/y");
	assert_null(c->finalizers[2]);
	assert_string_equal(c->labels.at[0].key, "a");
	assert_string_equal(pairs_get(&c->labels, "z"), "1");
	assert_null(pairs_get(&c->labels, "m"));
	assert_int_equal(c->annotations.count, 1);
	assert_string_equal(pairs_get(&c->annotations, "team"), "pay");
	assert_string_equal(c->metrics_server, "http://prom:9090");
	assert_int_equal(c->progress_deadline_s, 60);
	assert_true(c->skip_analysis && c->revert_on_deletion && c->suspend);
	assert_string_equal(c->autoscaler.name, "hpa");
	assert_string_equal(c->upstream.ns, "gloo");
	assert_string_equal(c->service.name, "web");
	assert_string_equal(c->service.port_name, "grpc");
	assert_string_equal(c->service.target_port, "main");
	assert_false(c->service.target_port_is_number);
	assert_string_equal(c->service.app_protocol, "h2c");
	assert_string_equal(c->service.traffic_distribution, "PreferClose");
	assert_true(c->service.port_discovery && c->service.headless);
	assert_string_equal(pairs_get(&c->service.apex.annotations, "k"), "v");
	assert_int_equal(c->service.primary.labels.count, 0);
	assert_string_equal(pairs_get(&c->service.canary.labels, "c"), "1");
	assert_string_equal(c->service.unmanaged_annotations[1], "y");
	assert_string_equal(c->service.unmanaged_labels[0], "z");
}

static void test_analysis(void **state)
{
	(void)state;
	CLEANUP(canary_free_p) struct canary *c = parsed(everything);
	const struct analysis *an = &c->analysis;
	assert_int_equal(an->interval_ms, 90000);
	assert_int_equal(an->threshold, 7);
	assert_int_equal(an->step_weight, 0);
	assert_int_equal(an->step_weight_count, 4);
	assert_int_equal(an->step_weights[3], 80);
	assert_int_equal(an->max_weight, 50);
	assert_int_equal(an->step_weight_promotion, 25);
	assert_true(an->mirror);
	assert_int_equal(an->mirror_weight, 30);
	assert_int_equal(an->primary_ready_threshold, 50);
	assert_int_equal(an->canary_ready_threshold, 0);
	assert_int_equal(an->metric_count, 3);
	assert_true(an->metrics[0].has_min && !an->metrics[0].has_max && !an->metrics[0].has_threshold);
	assert_true(an->metrics[0].min > 99.4 && an->metrics[0].min < 99.6);
	assert_string_equal(an->metrics[0].interval, "1m");
	assert_string_equal(an->metrics[0].query, "");
	assert_true(an->metrics[1].has_threshold);
	assert_string_equal(an->metrics[1].interval, "2m");
	assert_string_equal(an->metrics[1].template_ref.ns, "mon");
	assert_string_equal(an->metrics[1].variables.at[0].key, "a");
	assert_string_equal(an->metrics[2].query, "up");
	assert_string_equal(an->alerts[0].severity, "warn");
	assert_string_equal(an->alerts[0].provider.ns, "flagger");
	assert_true(an->has_match);
	assert_int_equal(an->match_count, 3);
	assert_string_equal(an->match[0].header, "x-a");
	assert_string_equal(an->match[0].regex, "^t");
	assert_null(an->match[0].exact);
	assert_string_equal(an->match[1].exact, "1");
	assert_string_equal(an->match[2].header, "cookie");
	assert_string_equal(an->match[2].prefix, "p");
}

static const struct {
	const char *interval;
	int64_t ms;
} intervals[] = {
	{ "\"\"", 60000 },  { "null", 60000 },    { "\"3s\"", 3000 },    { "\"1s\"", 1000 },
	{ "\"0s\"", 1000 }, { "\"10ms\"", 1000 }, { "\"15m\"", 900000 },
};

static void test_intervals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
		char patch[128];
		snprintf(patch, sizeof patch, "{\"spec\":{\"analysis\":{\"interval\":%s}}}", intervals[i].interval);
		CLEANUP(canary_free_p) struct canary *c = parsed(patch);
		if (c->analysis.interval_ms != intervals[i].ms)
			fail_msg("%s: %lld ms", patch, (long long)c->analysis.interval_ms);
	}
}

static void test_small_rules(void **state)
{
	(void)state;
	CLEANUP(canary_free_p)
	struct canary *zero = parsed("{\"spec\":{\"analysis\":{\"threshold\":0},"
				     "\"service\":{\"targetPort\":\"0\"}}}");
	assert_int_equal(zero->analysis.threshold, 1);
	assert_string_equal(zero->service.target_port, "80");
	assert_true(zero->service.target_port_is_number);
	CLEANUP(canary_free_p) struct canary *number = parsed("{\"spec\":{\"service\":{\"targetPort\":9898}}}");
	assert_string_equal(number->service.target_port, "9898");
	CLEANUP(canary_free_p) struct canary *none = parsed("{\"spec\":{\"analysis\":null}}");
	assert_true(none->skip_analysis && !none->analysis.present);
	assert_string_equal(canary_strategy(none), "canary");
	CLEANUP(canary_free_p)
	struct canary *old =
		parsed("{\"spec\":{\"analysis\":null,\"canaryAnalysis\":{\"interval\":\"20s\",\"iterations\":4}}}");
	assert_false(old->skip_analysis);
	assert_int_equal(old->analysis.interval_ms, 20000);
	assert_string_equal(canary_strategy(old), "blue-green");
	CLEANUP(canary_free_p)
	struct canary *knative = parsed("{\"spec\":{\"provider\":\"knative\",\"service\":null,\"targetRef\":"
					"{\"apiVersion\":\"serving.knative.dev/v1\",\"kind\":\"Service\"}}}");
	assert_int_equal(knative->service.port, 0);
}

static void test_strategy(void **state)
{
	(void)state;
	CLEANUP(canary_free_p)
	struct canary *ab = parsed("{\"spec\":{\"analysis\":{\"stepWeight\":null,\"iterations\":2,"
				   "\"match\":[{\"sourceLabels\":{\"a\":\"b\"}}]}}}");
	assert_string_equal(canary_strategy(ab), "ab-testing");
	assert_int_equal(ab->analysis.match_count, 0);
	CLEANUP(canary_free_p) struct canary *weights = parsed("{\"spec\":{\"analysis\":{\"match\":[{}]}}}");
	assert_string_equal(canary_strategy(weights), "canary");
}

#define HOOK(members) "{\"spec\":{\"analysis\":{\"webhooks\":[{\"name\":\"h\"," members "}]}}}"

static const struct {
	const char *timeout, *type;
	int64_t ms;
	bool error;
} timeouts[] = {
	{ "", "rollout", 10000, false },
	{ "5", "confirm-rollout", 10000, false },
	{ "", "event", 10000, false },
	{ "5", "event", 10000, true },
	{ "5s", "event", 5000, false },
	{ "0s", "rollout", 0, false },
	{ "500us", "rollout", 1, false },
	{ "1m30s", "pre-rollout", 90000, false },
	{ "250ms", "confirm-rollout", 250, false },
	{ "1m30", "event", 10000, true },
};

static void test_timeouts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
		char patch[256];
		snprintf(patch, sizeof patch, HOOK("\"url\":\"http://h/\",\"timeout\":\"%s\",\"type\":\"%s\""),
			 timeouts[i].timeout, timeouts[i].type);
		CLEANUP(canary_free_p) struct canary *c = parsed(patch);
		const struct hook *h = &c->analysis.hooks[0];
		if (h->timeout_ms != timeouts[i].ms || (h->timeout_error != NULL) != timeouts[i].error)
			fail_msg("%s: %lld ms, %s", patch, (long long)h->timeout_ms, h->timeout_error);
	}
}

static void test_hook(void **state)
{
	(void)state;
	CLEANUP(canary_free_p)
	struct canary *c =
		parsed(HOOK("\"url\":\"https://u:p@h:8443/a?b=c\",\"muteAlert\":true,\"disableTLS\":true,\"retries\":3,"
			    "\"metadata\":{\"z\":\"1\",\"cmd\":\"hey\"}"));
	const struct hook *h = &c->analysis.hooks[0];
	assert_string_equal(h->name, "h");
	assert_string_equal(h->url, "https://u:p@h:8443/a?b=c");
	assert_int_equal(h->type, HOOK_ROLLOUT);
	assert_true(h->mute_alert && h->disable_tls);
	assert_int_equal(h->retries, 3);
	assert_string_equal(h->metadata.at[0].value, "hey");
	assert_null(h->policy);
	assert_false(h->halt);
}

/* policy NULL: none; '!': the address is a mistake */
static const struct {
	const char *name, *type, *url, *policy;
	bool halt;
} addresses[] = {
	{ "h", "confirm-promotion", "rollcall://gate/prod", "prod", false },
	{ "h", "confirm-promotion", "ROLLCALL://Gate/Prod_1.x-y", "Prod_1.x-y", false },
	{ "h", "rollback", "rollcall://gate/p", "p", false },
	{ "h", "confirm-rollout", "http://localhost:9090/gate/halt", NULL, true },
	{ "h", "confirm-rollout", "http://127.0.0.1:9090/x/gate/halt", NULL, true },
	{ "h", "confirm-rollout", "http://[::1]:9090/gate/halt", NULL, true },
	{ "h", "confirm-promotion", "http://localhost:9090/gate/halt", NULL, false },
	{ "h", "confirm-rollout", "http://localhost:9091/gate/halt", NULL, false },
	{ "h", "confirm-rollout", "http://localhost/gate/halt", NULL, false },
	{ "h", "confirm-rollout", "http://elsewhere:9090/gate/halt", NULL, false },
	{ "flagger-default-halt", "confirm-rollout", "http://elsewhere/gate/halt", NULL, true },
	{ "h", "confirm-promotion", "rollcall://gate/", "!", false },
	{ "h", "confirm-promotion", "rollcall://gate", "!", false },
	{ "h", "confirm-promotion", "rollcall://gate/a/b", "!", false },
	{ "h", "confirm-promotion", "rollcall://gate/a?b", "!", false },
	{ "h", "confirm-promotion", "rollcall://gate:80/a", "!", false },
	{ "h", "confirm-promotion", "rollcall://gates/a", "!", false },
	{ "h", "pre-rollout", "rollcall://gate/prod", "!", false },
	{ "h", "event", "ftp://h/", "!", false },
	{ "h", "event", "h:80/x", "!", false },
	{ "h", "event", "/x", "!", false },
	{ "h", "event", "http://", "!", false },
	{ "h", "event", "http://a b/", "!", false },
	{ "h", "event", "file:///etc/passwd", "!", false },
};

static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		CLEANUP(json_delete_p) cJSON *v = patched(HOOK("\"url\":\"\""));
		assert_true(json_put_text(v, "spec.analysis.webhooks.0.url", addresses[i].url));
		assert_true(json_put_text(v, "spec.analysis.webhooks.0.type", addresses[i].type));
		assert_true(json_put_text(v, "spec.analysis.webhooks.0.name", addresses[i].name));
		CLEANUP(canary_free_p) struct canary *c = NULL;
		struct error e = { .text = "" };
		enum result r = canary_parse(v, &c, &e);
		bool refused = addresses[i].policy && *addresses[i].policy == '!';
		if (refused) {
			if (r != RC_INVALID || !strstr(e.text, "spec.analysis.webhooks[0].url: "))
				fail_msg("%s: accepted, or told badly: %s", addresses[i].url, e.text);
			continue;
		}
		if (r != RC_OK)
			fail_msg("%s: %s", addresses[i].url, e.text);
		const struct hook *h = &c->analysis.hooks[0];
		if (h->halt != addresses[i].halt || (h->policy == NULL) != (addresses[i].policy == NULL))
			fail_msg("%s: halt %d, policy %s", addresses[i].url, h->halt, h->policy);
		if (h->policy)
			assert_string_equal(h->policy, addresses[i].policy);
	}
}

#define ANNOTATIONS(members) "{\"metadata\":{\"annotations\":{" members "}}}"

static void test_annotations(void **state)
{
	(void)state;
	CLEANUP(canary_free_p)
	struct canary *c = parsed(ANNOTATIONS("\"rollcall.dev/policy\":\"prod\",\"rollcall.dev/steps\":\"manual\","
					      "\"rollcall.dev/gates\":\" confirm-rollout , ,confirm-promotion,\","
					      "\"alicloud.canary.extension.switch\":\"true\","
					      "\"alicloud.canary.distinguish.labels\":\"version, example.com/track\","
					      "\"alicloud.canary.general.labels\":\"app\""));
	assert_string_equal(c->policy, "prod");
	assert_true(c->extension);
	static const bool gates[HOOK_TYPE_COUNT] = {
		[HOOK_CONFIRM_ROLLOUT] = true, [HOOK_CONFIRM_PROMOTION] = true, [HOOK_CONFIRM_STEP] = true
	};
	assert_memory_equal(c->gates, gates, sizeof gates);
	assert_string_equal(c->distinguish_labels[0], "version");
	assert_string_equal(c->distinguish_labels[1], "example.com/track");
	assert_null(c->distinguish_labels[2]);
	assert_string_equal(c->general_labels[0], "app");
	CLEANUP(canary_free_p)
	struct canary *off = parsed(ANNOTATIONS("\"alicloud.canary.extension.switch\":\"True\""));
	assert_false(off->extension);
}

static void test_source(void **state)
{
	(void)state;
	static const char source[] =
		"\"sourceRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"stable\"}";
	char patch[512];
	snprintf(patch, sizeof patch, "{\"spec\":{%s}}", source);
	CLEANUP(canary_free_p) struct canary *plain = parsed(patch);
	assert_string_equal(plain->source_name, "podinfo-primary");
	snprintf(patch, sizeof patch,
		 "{\"metadata\":{\"annotations\":{\"alicloud.canary.extension.switch\":\"true\"}},\"spec\":{%s}}",
		 source);
	CLEANUP(canary_free_p) struct canary *extended = parsed(patch);
	assert_string_equal(extended->source_name, "stable");
}

static void test_request(void **state)
{
	(void)state;
	CLEANUP(canary_free_p)
	struct canary *c = parsed(ANNOTATIONS(
		"\"rollcall.dev/request\":\"{\\\"id\\\":\\\"r1\\\",\\\"verb\\\":\\\"weight\\\",\\\"by\\\":\\\"ann\\\","
		"\\\"at\\\":\\\"2026-01-02T03:04:05Z\\\",\\\"revision\\\":\\\"abc\\\",\\\"reason\\\":\\\"why\\\","
		"\\\"weight\\\":40,\\\"override\\\":true}\""));
	assert_true(c->has_request);
	assert_string_equal(c->request.id, "r1");
	assert_string_equal(c->request.verb, "weight");
	assert_string_equal(c->request.by, "ann");
	assert_string_equal(c->request.at, "2026-01-02T03:04:05Z");
	assert_string_equal(c->request.revision, "abc");
	assert_string_equal(c->request.reason, "why");
	assert_int_equal(c->request.weight, 40);
	assert_true(c->request.override_gates);
	CLEANUP(canary_free_p)
	struct canary *least =
		parsed(ANNOTATIONS("\"rollcall.dev/request\":\"{\\\"id\\\":\\\"r\\\",\\\"verb\\\":\\\"pause\\\"}\""));
	assert_true(least->has_request);
	assert_string_equal(least->request.reason, "");
	assert_int_equal(least->request.weight, -1);
	static const char *const broken[] = { "",
					      "{",
					      "[]",
					      "{\"id\":\"\",\"verb\":\"x\"}",
					      "{\"id\":\"r\"}",
					      "{\"id\":\"r\",\"verb\":\"weight\",\"weight\":101}",
					      "{\"id\":\"r\",\"verb\":\"weight\",\"weight\":\"5\"}",
					      "{\"id\":\"r\",\"verb\":\"weight\",\"weight\":0.5}" };
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		CLEANUP(json_delete_p) cJSON *v = patched("{}");
		assert_true(json_put_text(v, "metadata.annotations.rollcall\\.dev/request", broken[i]));
		CLEANUP(canary_free_p) struct canary *ignored = NULL;
		assert_int_equal(canary_parse(v, &ignored, NULL), RC_OK);
		if (ignored->has_request)
			fail_msg("taken for a request: %s", broken[i]);
	}
}

static const struct {
	const char *patch, *text;
} mistakes[] = {
	{ "{\"spec\":{\"provider\":\"ngnix\"}}",
	  "spec.provider: \"ngnix\" is not a provider; did you mean \"nginx\"? One of apisix, appmesh, "
	  "appmesh:v1beta2, "
	  "contour, gatewayapi:v1, gatewayapi:v1beta1, gloo, istio, knative, kubernetes, kuma, linkerd, nginx, osm, "
	  "skipper, smi:v1alpha1, smi:v1alpha2, smi:v1alpha3, traefik" },
	{ "{\"spec\":{\"service\":{\"port\":null}}}",
	  "spec.service.port: is missing; it must be the port of the Services, 1 to 65535" },
	{ "{\"spec\":{\"service\":{\"port\":0}}}", "spec.service.port: 0 is out of range; 1 to 65535 is allowed" },
	{ "{\"spec\":{\"service\":{\"port\":\"80\"}}}", "spec.service.port: \"80\" is not a whole number" },
	{ "{\"spec\":{\"service\":{\"port\":80.5}}}", "spec.service.port: 80.5 is not a whole number" },
	{ "{\"spec\":{\"service\":null}}",
	  "spec.service: is missing; it must be an object with the port of the Services" },
	{ "{\"spec\":{\"targetRef\":null}}",
	  "spec.targetRef: is missing; it must be the workload under release (apiVersion, kind, name)" },
	{ "{\"spec\":{\"targetRef\":{\"name\":null}}}",
	  "spec.targetRef.name: is missing; it must be the name of the target" },
	{ "{\"spec\":{\"targetRef\":{\"name\":\"\"}}}",
	  "spec.targetRef.name: is empty; it must be the name of the target" },
	{ "{\"spec\":{\"targetRef\":{\"kind\":\"StatefulSet\"}}}",
	  "spec.targetRef.kind: \"StatefulSet\" is not a kind of target; one of Deployment, DaemonSet, Service, "
	  "Process, SystemdUnit" },
	{ "{\"spec\":{\"analysis\":{\"stepWeight\":0}}}",
	  "spec.analysis.stepWeight: no step would ever be taken: stepWeight and iterations are 0 and stepWeights is "
	  "empty; set stepWeight (1 to 100), stepWeights or iterations" },
	{ "{\"spec\":{\"analysis\":{\"stepWeight\":null,\"stepWeights\":[]}}}",
	  "spec.analysis: no step would ever be taken: stepWeight and iterations are 0 and stepWeights is empty; set "
	  "stepWeight (1 to 100), stepWeights or iterations" },
	{ "{\"spec\":{\"analysis\":{\"stepWeight\":0,\"canaryWeight\":10}}}",
	  "spec.analysis.stepWeight: no step would ever be taken: stepWeight and iterations are 0 and stepWeights is "
	  "empty; set stepWeight (1 to 100), stepWeights or iterations" },
	{ "{\"metadata\":{\"annotations\":{\"alicloud.canary.extension.switch\":\"true\"}},"
	  "\"spec\":{\"analysis\":{\"stepWeight\":0}}}",
	  "spec.analysis.stepWeight: no step would ever be taken: stepWeight and iterations are 0 and stepWeights is "
	  "empty; set stepWeight (1 to 100), stepWeights or iterations, or canaryWeight for a manual release" },
	{ "{\"spec\":{\"analysis\":{\"threshold\":-1}}}",
	  "spec.analysis.threshold: -1 is too small; at least 0 is allowed" },
	{ "{\"spec\":{\"analysis\":{\"threshold\":99999999999}}}",
	  "spec.analysis.threshold: 99999999999 is too large" },
	{ "{\"spec\":{\"analysis\":{\"interval\":\"1 minute\"}}}",
	  "spec.analysis.interval: \"1 minute\" is not a duration; write it like \"30s\", \"1m\" or \"1m30s\"" },
	{ "{\"spec\":{\"analysis\":{\"interval\":\"10sx\"}}}",
	  "spec.analysis.interval: \"10sx\" is not a duration; write it like \"30s\", \"1m\" or \"1m30s\"" },
	{ "{\"spec\":{\"analysis\":{\"interval\":\"-5s\"}}}",
	  "spec.analysis.interval: \"-5s\" is not a duration; write it like \"30s\", \"1m\" or \"1m30s\"" },
	{ "{\"spec\":{\"analysis\":{\"interval\":30}}}",
	  "spec.analysis.interval: 30 is not a duration, such as \"30s\" or \"1m\"" },
	{ "{\"spec\":{\"analysis\":{\"canaryWeight\":120}}}",
	  "spec.analysis.canaryWeight: 120 is out of range; 0 to 100 is allowed" },
	{ "{\"spec\":{\"analysis\":{\"stepWeight\":true}}}", "spec.analysis.stepWeight: true is not a whole number" },
	{ "{\"spec\":{\"analysis\":{\"metrics\":[{\"name\":\"m\",\"query\":\"q\",\"interval\":\"1x\"}]}}}",
	  "spec.analysis.metrics[0].interval: \"1x\" is not a duration; write it like \"30s\", \"1m\" or \"1m30s\"" },
	{ HOOK("\"url\":\"http://h/\",\"type\":\"post-rolout\""),
	  "spec.analysis.webhooks[0].type: \"post-rolout\" is not a webhook type; did you mean \"post-rollout\"? One "
	  "of "
	  "confirm-rollout, pre-rollout, rollout, confirm-traffic-increase, confirm-promotion, post-rollout, event, "
	  "rollback" },
	{ HOOK("\"url\":\"http://h/\",\"type\":\"confirm-step\""),
	  "spec.analysis.webhooks[0].type: \"confirm-step\" is not a webhook type; ask for it by the annotation "
	  "rollcall.dev/gates" },
	{ HOOK("\"type\":\"rollout\""), "spec.analysis.webhooks[0].url: is missing; it must be the address to call" },
	{ HOOK("\"url\":\"ftp://h/?token=s3cret\""),
	  "spec.analysis.webhooks[0].url: scheme \"ftp\" is not supported; http, https or rollcall://gate/POLICY" },
	{ HOOK("\"url\":\"h/x?token=s3cret\""),
	  "spec.analysis.webhooks[0].url: the address has no scheme; http, https or rollcall://gate/POLICY" },
	{ HOOK("\"url\":\"rollcall://gate/a b\""),
	  "spec.analysis.webhooks[0].url: it is not an address; write it like https://host/path" },
	{ HOOK("\"url\":\"rollcall://gate/a/b\""), "spec.analysis.webhooks[0].url: rollcall://gate/ wants the name of "
						   "a policy and nothing else (letters, digits, "
						   "'-', '_' and '.', at most 63)" },
	{ HOOK("\"url\":\"rollcall://approve/a\""),
	  "spec.analysis.webhooks[0].url: after rollcall:// only \"gate\" is known; write rollcall://gate/POLICY" },
	{ HOOK("\"url\":\"rollcall://gate/prod\""),
	  "spec.analysis.webhooks[0].url: rollcall://gate/ answers confirm-rollout, confirm-traffic-increase, "
	  "confirm-promotion and rollback, not rollout" },
	{ HOOK("\"url\":\"http://h/\",\"timeout\":\"1m30\""),
	  "spec.analysis.webhooks[0].timeout: \"1m30\" is not a duration; write it like \"10s\" or \"1m\"" },
	{ HOOK("\"url\":\"http://h/\",\"retries\":-1"),
	  "spec.analysis.webhooks[0].retries: -1 is too small; at least 0 is allowed" },
	{ HOOK("\"url\":\"https://oapi.dingtalk.com/robot/send?access_token=s3cret\",\"metadata\":{\"data\":\"[1]\"}"),
	  "spec.analysis.webhooks[0].metadata.data: it is not a JSON object, so that a DingTalk robot would refuse "
	  "it" },
	{ HOOK("\"url\":\"http://h/\",\"metadata\":{\"n\":1}"),
	  "spec.analysis.webhooks[0].metadata[n]: 1 is not text (in quotes)" },
	{ "{\"spec\":{\"analysis\":{\"webhooks\":{\"name\":\"h\"}}}}",
	  "spec.analysis.webhooks: an object is not a list" },
	{ ANNOTATIONS("\"rollcall.dev/gates\":\"confirm-rolout\""),
	  "metadata.annotations[rollcall.dev/gates]: \"confirm-rolout\" is not a gate; did you mean "
	  "\"confirm-rollout\"? "
	  "One of confirm-rollout, confirm-traffic-increase, confirm-step, confirm-promotion, rollback" },
	{ ANNOTATIONS("\"rollcall.dev/gates\":\"event\""),
	  "metadata.annotations[rollcall.dev/gates]: \"event\" is not a gate; one of confirm-rollout, "
	  "confirm-traffic-increase, confirm-step, confirm-promotion, rollback" },
	{ ANNOTATIONS("\"rollcall.dev/steps\":\"manul\""), "metadata.annotations[rollcall.dev/steps]: \"manul\" is not "
							   "known; \"manual\" asks before every step, without "
							   "the annotation none is asked" },
	{ ANNOTATIONS("\"rollcall.dev/policy\":\"a b\""), "metadata.annotations[rollcall.dev/policy]: \"a b\" is not "
							  "the name of a policy; letters, digits, '-', '_' and "
							  "'.', at most 63" },
	{ ANNOTATIONS("\"rollcall.dev/policy\":\"a234567890123456789012345678901234567890123456789012345678901234\""),
	  "metadata.annotations[rollcall.dev/policy]: "
	  "\"a234567890123456789012345678901234567890123456789012345678901234\" is not the name of a policy; letters, "
	  "digits, '-', '_' and '.', at most 63" },
	{ ANNOTATIONS("\"alicloud.canary.extension.switch\":true"),
	  "metadata.annotations[alicloud.canary.extension.switch]: true is not text (in quotes)" },
	{ "{\"metadata\":{\"name\":null}}", "metadata.name: is missing; it must be the name of the Canary" },
	{ "{\"apiVersion\":\"flagger.app/v1\"}",
	  "apiVersion: \"flagger.app/v1\" is not the API version of a Canary; one of flagger.app/v1beta1" },
	{ "{\"kind\":\"Deployment\"}", "kind: \"Deployment\" is not the kind of a canary; one of Canary" },
	{ "{\"spec\":null}", "spec: is missing; it must be an object" },
	{ "{\"status\":{\"phase\":\"Promoted\"}}", "status.phase: \"Promoted\" is not a phase" },
	{ "{\"spec\":{\"targetRef\":{\"apiVersion\":\"serving.knative.dev/v1\",\"kind\":\"Service\"}}}",
	  "spec.provider: can't use nginx provider with Knative Service as target; set provider: knative" },
	{ "{\"spec\":{\"provider\":\"knative\"}}",
	  "spec.targetRef: can't use apps/v1/Deployment as target if provider is set to knative; it must be "
	  "serving.knative.dev/v1/Service" },
	{ "{\"spec\":{\"provider\":\"knative\",\"targetRef\":{\"apiVersion\":\"serving.knative.dev/v1\",\"kind\":"
	  "\"Service\"},\"autoscalerRef\":{\"apiVersion\":\"autoscaling/v2\",\"kind\":\"HorizontalPodAutoscaler\","
	  "\"name\":\"h\"}}}",
	  "spec.autoscalerRef: can't use autoscaler with Knative Service" },
	{ "{\"spec\":{\"provider\":\"istio\",\"analysis\":{\"sessionAffinity\":{\"cookieName\":\"c\","
	  "\"primaryCookieName\":\"c\"}}}}",
	  "spec.analysis.sessionAffinity.primaryCookieName: can't use the same cookie name for both primary and cookie "
	  "name; please update them to be different" },
	{ "{\"metadata\":{\"annotations\":{\"alicloud.canary.extension.switch\":\"true\"}},\"spec\":{\"sourceRef\":"
	  "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"podinfo\"}}}",
	  "spec.sourceRef.name: it is the target itself; the stable version must be another Deployment" },
	{ "{\"metadata\":{\"annotations\":{\"alicloud.canary.extension.switch\":\"true\"}},"
	  "\"spec\":{\"targetRef\":{\"kind\":\"DaemonSet\"}}}",
	  "spec.targetRef.kind: \"DaemonSet\" has no replicas to move; ACK's extension needs a Deployment" },
};

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		CLEANUP(json_delete_p) cJSON *v = patched(mistakes[i].patch);
		struct canary *c = NULL;
		struct error e = { .text = "" };
		enum result r = canary_parse(v, &c, &e);
		if (r != RC_INVALID || strcmp(e.text, mistakes[i].text) != 0)
			fail_msg("%s\nresult %s\n%s\nwanted\n%s", mistakes[i].patch, result_name(r), e.text,
				 mistakes[i].text);
		assert_null(c);
	}
}

static void test_robot_text_is_kept_secret(void **state)
{
	(void)state;
	CLEANUP(json_delete_p)
	cJSON *v = patched(HOOK("\"url\":\"https://oapi.dingtalk.com/robot/send?access_token=s3cret\","
				"\"metadata\":{\"data\":\"{\\\"hidden\\\" oops}\"}"));
	struct canary *c = NULL;
	struct error e = { .text = "" };
	assert_int_equal(canary_parse(v, &c, &e), RC_INVALID);
	assert_non_null(strstr(e.text, "spec.analysis.webhooks[0].metadata.data: it is not JSON"));
	assert_null(strstr(e.text, "s3cret"));
	assert_null(strstr(e.text, "hidden"));
}

/* What the API server or a person may dislike, and a controller runs all the same. */
static const char *const tolerated[] = {
	"{\"spec\":{\"analysis\":{\"webhoks\":[]},\"more\":{\"of\":1}}}",
	"{\"spec\":{\"analysis\":{\"stepWeight\":null,\"stepWeights\":[1,2,10,200]}}}",
	"{\"spec\":{\"analysis\":{\"iterations\":5}}}",
	"{\"spec\":{\"ingressRef\":null}}",
	"{\"spec\":{\"ingressRef\":{\"apiVersion\":\"extensions/v1beta1\"}}}",
	"{\"spec\":{\"provider\":\"\"}}",
	"{\"spec\":{\"provider\":\"kubernetes\",\"analysis\":{\"stepWeight\":0}}}",
	"{\"spec\":{\"skipAnalysis\":true,\"analysis\":{\"stepWeight\":0}}}",
	"{\"metadata\":{\"annotations\":{\"alicloud.canary.extension.switch\":\"true\"}},"
	"\"spec\":{\"analysis\":{\"stepWeight\":0,\"canaryWeight\":0}}}",
	"{\"metadata\":{\"annotations\":{\"alicloud.canary.extension.switch\":\"true\"}},"
	"\"spec\":{\"analysis\":{\"stepWeight\":null,\"stepReplicas\":1}}}",
	HOOK("\"url\":\"http://h/\",\"type\":\"event\",\"timeout\":\"x\""),
	HOOK("\"url\":\"https://example.com/robot/send\",\"metadata\":{\"data\":\"no json\"}"),
	HOOK("\"url\":\"https://oapi.dingtalk.com/robot/"
	     "send\",\"metadata\":{\"data\":\"{\\\"msgtype\\\":\\\"text\\\"}\"}"),
	"{\"apiVersion\":null,\"kind\":null}",
};

static void test_tolerated(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof tolerated / sizeof *tolerated; i++)
		canary_free(parsed(tolerated[i]));
}

static void test_seed(void **state)
{
	(void)state;
	size_t len = 0, count = 0;
	static const char path[] = "tests/fixtures/seed/podinfo-canary.yaml";
	CLEANUP(free_p) char *text = file_read(path, &len);
	struct yaml_doc **docs = NULL;
	struct error e = { .text = "" };
	if (yaml_parse(path, text, len, &docs, &count, &e) != RC_OK)
		fail_msg("%s", e.text);
	assert_int_equal(count, 1);
	CLEANUP(canary_free_p) struct canary *c = NULL;
	if (canary_parse(yaml_root(docs[0]), &c, &e) != RC_OK)
		fail_msg("%s", e.text);
	yaml_free(docs, count);
	assert_string_equal(c->name, "podinfo-default");
	assert_true(c->extension);
	assert_int_equal(c->analysis.interval_ms, 3000);
	assert_int_equal(c->analysis.threshold, 5);
	assert_int_equal(c->analysis.step_weight, 20);
	assert_int_equal(c->analysis.max_weight, 100);
	assert_int_equal(c->analysis.max_replicas, 4);
	assert_int_equal(c->analysis.canary_replicas, 1);
	assert_int_equal(c->analysis.canary_weight, 0);
	assert_string_equal(c->service.name, "my-podinfo-svc");
	assert_string_equal(c->service.target_port, "8080");
	assert_string_equal(c->ingress.api_version, "extensions/v1beta1");
	assert_string_equal(c->source_name, "podinfo-primary");
	const struct hook *h = &c->analysis.hooks[0];
	assert_int_equal(c->analysis.hook_count, 1);
	assert_string_equal(h->name, "canary released");
	assert_int_equal(h->type, HOOK_POST_ROLLOUT);
	assert_int_equal(h->timeout_ms, 5000);
	assert_string_equal(pairs_get(&h->metadata, "data"),
			    "{\"msgtype\": \"text\",\"text\": {\"content\": \"deploy success\"}}");
}

static void test_too_large(void **state)
{
	(void)state;
	enum { TEXT_BYTES = 1 << 20 };
	CLEANUP(json_delete_p) cJSON *v = patched("{}");
	CLEANUP(free_p) char *text = malloc(TEXT_BYTES + 1);
	assert_non_null(text);
	memset(text, 'x', TEXT_BYTES);
	text[TEXT_BYTES] = '\0';
	for (int i = 0; i < 9; i++) {
		char path[64];
		snprintf(path, sizeof path, "metadata.labels.l%d", i);
		assert_true(json_put_text(v, path, text));
	}
	struct canary *c = NULL;
	struct error e = { .text = "" };
	assert_int_equal(canary_parse(v, &c, &e), RC_EXHAUSTED);
	assert_string_equal(e.text, "the canary is too large");
	assert_null(c);
}

static void test_not_an_object(void **state)
{
	(void)state;
	static const char *const odd[] = { "null", "[]", "3", "\"x\"", "{}" };
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		CLEANUP(json_delete_p) cJSON *v = object_from(odd[i]);
		struct canary *c = NULL;
		struct error e = { .text = "" };
		assert_int_equal(canary_parse(v, &c, &e), RC_INVALID);
		assert_int_not_equal(*e.text, '\0');
		assert_int_equal(canary_parse(v, &c, NULL), RC_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),    cmocka_unit_test(test_identity_and_spec),
		cmocka_unit_test(test_analysis),    cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_small_rules), cmocka_unit_test(test_strategy),
		cmocka_unit_test(test_timeouts),    cmocka_unit_test(test_hook),
		cmocka_unit_test(test_addresses),   cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_source),      cmocka_unit_test(test_request),
		cmocka_unit_test(test_mistakes),    cmocka_unit_test(test_robot_text_is_kept_secret),
		cmocka_unit_test(test_tolerated),   cmocka_unit_test(test_seed),
		cmocka_unit_test(test_too_large),   cmocka_unit_test(test_not_an_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

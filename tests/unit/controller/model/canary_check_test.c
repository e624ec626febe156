#include "controller/model/canary.h"

#include "tests/unit/controller/model/objects.h"

#include "base/text.h"
#include "base/yaml.h"

#define UPSTREAM(name, spec)                                                                                           \
	"{\"metadata\":{\"annotations\":{\"rollcall.dev/upstream\":\"" name "\"}},\"spec\":{" spec "}}"
#define HOOK(members) "{\"spec\":{\"analysis\":{\"webhooks\":[{\"name\":\"h\"," members "}]}}}"
#define METRIC(members) "{\"spec\":{\"analysis\":{\"metrics\":[{" members "}]}}}"
#define EXTENSION "\"metadata\":{\"annotations\":{\"alicloud.canary.extension.switch\":\"true\"}}"

/* All findings of one patch, a line each: E or W, then the text. */
static const struct {
	const char *patch, *findings;
} cases[] = {
	{ "{}", "" },
	/* fields */
	{ "{\"spec\":{\"analysis\":{\"stepWieght\":1}}}",
	  "E spec.analysis.stepWieght: no such field; did you mean \"stepWeight\"?\n" },
	{ "{\"spec\":{\"colour\":1}}", "E spec.colour: no such field\n" },
	{ "{\"spec\":{\"service\":{\"apex\":{\"tags\":{}}}}}",
	  "E spec.service.apex.tags: no such field; there are labels, annotations\n" },
	{ "{\"metadata\":{\"anotations\":{}}}",
	  "E metadata.anotations: no such field; did you mean \"annotations\"?\n" },
	{ "{\"spec\":{\"service\":{\"match\":[{\"uri\":{\"exact\":\"/\",\"prefix\":\"/\"}}]}}}",
	  "E spec.service.match[0].uri: has 2 conditions; exactly one of exact, prefix, suffix, regex\n" },
	{ "{\"spec\":{\"service\":{\"corsPolicy\":{\"allowOrigins\":[{}]}}}}",
	  "E spec.service.corsPolicy.allowOrigins[0]: has 0 conditions; exactly one of exact, prefix, regex\n" },
	{ "{\"spec\":{\"service\":{\"match\":[{\"uri\":{\"exact\":\"/\",\"prefix\":null}}]}}}", "" },
	{ "{\"spec\":{\"service\":{\"hosts\":[null]}}}",
	  "E spec.service.hosts[0]: is empty; text (in quotes) is wanted\n" },
	{ "{\"spec\":{\"service\":{\"timeout\":\"soon\"}}}",
	  "W spec.service.timeout: \"soon\" is not a duration; write it like \"30s\", \"1m\" or \"1m30s\"\n" },
	{ "{\"spec\":{\"ingressRef\":{\"apiVersion\":\"networking/v1\"}}}",
	  "E spec.ingressRef.apiVersion: \"networking/v1\" is not an API version of Ingress; one of "
	  "networking.k8s.io/v1, "
	  "networking.k8s.io/v1beta1, extensions/v1beta1\n" },
	{ "{\"spec\":{\"progressDeadlineSeconds\":0}}",
	  "E spec.progressDeadlineSeconds: 0 is too small; at least 1 is allowed\n" },
	/* several at once: all are told */
	{ "{\"spec\":{\"provider\":\"x\",\"service\":{\"port\":null},\"analysis\":{\"threshold\":-1}}}",
	  "E spec.provider: \"x\" is not a provider; one of apisix, appmesh, appmesh:v1beta2, contour, gatewayapi:v1, "
	  "gatewayapi:v1beta1, gloo, istio, knative, kubernetes, kuma, linkerd, nginx, osm, skipper, smi:v1alpha1, "
	  "smi:v1alpha2, smi:v1alpha3, traefik\n"
	  "E spec.service.port: is missing; it must be the port of the Services, 1 to 65535\n"
	  "E spec.analysis.threshold: -1 is too small; at least 0 is allowed\n" },
	/* a wrong provider alone: what hangs on it says nothing */
	{ "{\"spec\":{\"provider\":\"istoi\",\"analysis\":{\"mirror\":true,\"stepWeight\":null,\"iterations\":1,"
	  "\"match\":[{\"headers\":{\"x\":{\"exact\":\"1\"}}}],\"sessionAffinity\":{\"cookieName\":\"c\"}}}}",
	  "E spec.provider: \"istoi\" is not a provider; did you mean \"istio\"? One of apisix, appmesh, "
	  "appmesh:v1beta2, "
	  "contour, gatewayapi:v1, gatewayapi:v1beta1, gloo, istio, knative, kubernetes, kuma, linkerd, nginx, osm, "
	  "skipper, smi:v1alpha1, smi:v1alpha2, smi:v1alpha3, traefik\n" },
	/* the analysis */
	{ "{\"spec\":{\"analysis\":null}}",
	  "E spec.analysis: is missing; without it a revision is promoted at once, and the API server refuses it\n" },
	{ "{\"spec\":{\"analysis\":null,\"canaryAnalysis\":{\"interval\":\"1m\",\"threshold\":1,\"iterations\":1}}}",
	  "W spec.canaryAnalysis: the old name, which the API server drops; write analysis\n" },
	{ "{\"spec\":{\"canaryAnalysis\":{\"interval\":\"1m\",\"threshold\":1,\"iterations\":1}}}",
	  "W spec.canaryAnalysis: the old name of analysis; it is ignored beside analysis\n" },
	{ "{\"spec\":{\"analysis\":{\"interval\":null,\"threshold\":null}}}",
	  "E spec.analysis.interval: is missing; it must be the time between two checks, such as \"30s\"\n"
	  "E spec.analysis.threshold: is missing; it must be the number of failed checks before a rollback\n" },
	{ "{\"spec\":{\"analysis\":{\"interval\":\"\"}}}",
	  "E spec.analysis.interval: is empty; a duration is wanted, such as \"30s\" or \"1m\"\n" },
	{ "{\"spec\":{\"analysis\":{\"interval\":\"1h\"}}}",
	  "E spec.analysis.interval: \"1h\" is refused by the API server; begin with whole minutes or seconds, such as "
	  "\"90s\" or \"60m\"\n" },
	{ "{\"spec\":{\"analysis\":{\"interval\":\"0s\"}}}",
	  "W spec.analysis.interval: \"0s\" counts as 1s, the shortest interval\n" },
	{ "{\"spec\":{\"analysis\":{\"interval\":\"500ms\"}}}",
	  "W spec.analysis.interval: \"500ms\" counts as 1s, the shortest interval\n" },
	{ "{\"spec\":{\"analysis\":{\"iterations\":3}}}",
	  "E spec.analysis.stepWeight: iterations is given too, and the API server takes only one of them; leave one "
	  "out\n" },
	{ "{\"spec\":{\"analysis\":{\"stepWeights\":[1,2]}}}",
	  "E spec.analysis.stepWeights: stepWeight is given too, and the API server takes only one of them; leave one "
	  "out\n" },
	{ "{\"spec\":{\"provider\":\"kubernetes\",\"analysis\":{\"stepWeight\":null}}}",
	  "E spec.analysis: the API server wants one of iterations, stepWeight, stepWeights, stepReplicas\n"
	  "W spec.analysis: provider kubernetes shifts no traffic by weight; 10 iterations are run, set iterations\n" },
	{ "{" EXTENSION ",\"spec\":{\"analysis\":{\"stepWeight\":null,\"canaryWeight\":5}}}",
	  "E spec.analysis: the API server wants one of iterations, stepWeight, stepWeights, stepReplicas; for a "
	  "manual "
	  "release write stepWeight: 0\n" },
	{ "{\"spec\":{\"analysis\":{\"stepWeight\":null,\"stepWeights\":[10,10,5,200]}}}",
	  "E spec.analysis.stepWeights[3]: 200 is out of range; 0 to 100 is allowed\n"
	  "W spec.analysis.stepWeights[1]: 10 does not go beyond 10, the weight before it\n"
	  "W spec.analysis.stepWeights[2]: 5 does not go beyond 10, the weight before it\n" },
	{ "{\"spec\":{\"analysis\":{\"stepWeight\":30,\"maxWeight\":20}}}",
	  "W spec.analysis.maxWeight: 20 is less than stepWeight; the first step goes to 30 all the same\n" },
	{ "{\"spec\":{\"analysis\":{\"maxWeight\":101,\"stepWeightPromotion\":-1}}}",
	  "E spec.analysis.maxWeight: 101 is out of range; 0 to 100 is allowed\n"
	  "E spec.analysis.stepWeightPromotion: -1 is out of range; 0 to 100 is allowed\n" },
	{ "{\"spec\":{\"analysis\":{\"mirror\":true}}}",
	  "W spec.analysis.mirror: provider nginx does not mirror traffic; it is ignored\n" },
	{ "{\"spec\":{\"provider\":\"istio\",\"ingressRef\":null,\"analysis\":{\"mirror\":true,\"mirrorWeight\":5}}}",
	  "" },
	{ "{\"spec\":{\"provider\":\"gatewayapi:v1\",\"service\":{\"gatewayRefs\":[{\"name\":\"g\"}]},"
	  "\"analysis\":{\"mirror\":true}}}",
	  "W spec.analysis.mirror: provider gatewayapi:v1 does not mirror without iterations; it is ignored\n" },
	{ "{\"spec\":{\"provider\":\"gatewayapi:v1\",\"service\":{\"gatewayRefs\":[{\"name\":\"g\"}]},"
	  "\"analysis\":{\"stepWeight\":null,\"iterations\":2,\"mirror\":true}}}",
	  "" },
	{ "{\"spec\":{\"analysis\":{\"mirrorWeight\":5}}}",
	  "W spec.analysis.mirrorWeight: it means nothing without mirror: true\n" },
	{ "{\"spec\":{\"provider\":\"traefik\",\"analysis\":{\"stepWeight\":null,\"iterations\":1,"
	  "\"match\":[{\"headers\":{\"x\":{\"exact\":\"1\"}}}]}}}",
	  "E spec.analysis.match: provider traefik cannot choose requests by their headers; use iterations without "
	  "match, or another provider\n" },
	{ "{\"spec\":{\"analysis\":{\"match\":[{\"headers\":{\"x\":{\"exact\":\"1\"}}}]}}}",
	  "W spec.analysis.match: without iterations this is no A/B test; set iterations\n" },
	{ "{\"spec\":{\"analysis\":{\"sessionAffinity\":{\"cookieName\":\"c\",\"sameSite\":\"lax\"}}}}",
	  "E spec.analysis.sessionAffinity.sameSite: \"lax\" is not a same-site rule; did you mean \"Lax\"? One of "
	  "Strict, Lax, None\n"
	  "W spec.analysis.sessionAffinity: provider nginx has no session affinity; it is ignored\n" },
	/* metrics and alerts */
	{ METRIC("\"name\":\"request-sucess-rate\",\"thresholdRange\":{\"min\":99}"),
	  "E spec.analysis.metrics[0]: nothing to measure: it has no templateRef and no query, and its name is not "
	  "request-success-rate or request-duration; did you mean \"request-success-rate\"?\n" },
	{ METRIC("\"name\":\"request-duration\""),
	  "W spec.analysis.metrics[0]: no limit is given, any value passes; set thresholdRange\n" },
	{ METRIC("\"name\":\"q\",\"query\":\"up\",\"threshold\":1,\"thresholdRange\":{\"min\":3,\"max\":2}"),
	  "W spec.analysis.metrics[0].threshold: thresholdRange is given too; leave out threshold, the old form\n"
	  "E spec.analysis.metrics[0].thresholdRange: min is more than max, so that no value passes\n" },
	{ "{\"spec\":{\"analysis\":{\"alerts\":[{\"severity\":\"warning\"}]}}}",
	  "E spec.analysis.alerts[0].name: is missing; it must be a name\n"
	  "E spec.analysis.alerts[0].providerRef: is missing; it must be the name (and namespace) of an AlertProvider\n"
	  "E spec.analysis.alerts[0].severity: \"warning\" is not a severity; one of info, warn, error\n" },
	/* webhooks */
	{ HOOK("\"url\":\"http://h/\",\"timeout\":\"5\""), "E spec.analysis.webhooks[0].timeout: \"5\" is refused by "
							   "the API server; begin with whole minutes or seconds, "
							   "such as \"10s\"\n" },
	{ HOOK("\"url\":\"http://h/\",\"timeout\":\"250ms\",\"type\":\"confirm-rollout\""),
	  "W spec.analysis.webhooks[0].timeout: \"250ms\" is short for a gate: an answer that comes later counts as "
	  "no; at "
	  "least 1s\n" },
	{ HOOK("\"url\":\"http://h/\",\"timeout\":\"soon\",\"type\":\"event\""),
	  "E spec.analysis.webhooks[0].timeout: \"soon\" is not a duration; write it like \"10s\" or \"1m\"\n" },
	{ HOOK("\"url\":\"rollcall://gate/p\",\"type\":\"confirm-promotion\""), "" },
	{ HOOK("\"url\":\"http://h/\",\"metadata\":{\"rollcall.dev/abort-on\":\"401, 409\"}"), "" },
	{ HOOK("\"url\":\"http://h/\",\"metadata\":{\"rollcall.dev/abort-on\":\"401;409\"}"),
	  "E spec.analysis.webhooks[0].metadata[rollcall.dev/abort-on]: \"401;409\" is not a list of HTTP statuses, "
	  "such "
	  "as \"401,409\"\n" },
	{ HOOK("\"url\":\"https://oapi.dingtalk.com/robot/send?access_token=x\""),
	  "E spec.analysis.webhooks[0].metadata.data: is missing; a DingTalk robot is sent what stands there, a "
	  "message in "
	  "JSON\n" },
	{ HOOK("\"url\":\"https://oapi.dingtalk.com/robot/send?access_token=x\",\"metadata\":{\"data\":\"{}\"}"),
	  "E spec.analysis.webhooks[0].metadata.data: the message has no \"msgtype\", which a DingTalk robot wants\n" },
	{ "{\"spec\":{\"analysis\":{\"webhooks\":[{\"url\":\"http://h/\"}]}}}",
	  "E spec.analysis.webhooks[0].name: is missing; it must be a name for the events\n" },
	/* what belongs together in the spec */
	{ "{\"spec\":{\"ingressRef\":null}}",
	  "E spec.ingressRef: is missing; provider nginx needs an Ingress, or on one machine the annotation "
	  "rollcall.dev/upstream\n" },
	{ UPSTREAM("shop", "\"ingressRef\":null"), "" },
	{ UPSTREAM("shop", "\"ingressRef\":null,\"provider\":\"istio\""),
	  "E metadata.annotations[rollcall.dev/upstream]: it is for provider nginx, not for istio\n" },
	{ UPSTREAM("shop", ""),
	  "E metadata.annotations[rollcall.dev/upstream]: it is in the place of an Ingress: leave it or "
	  "spec.ingressRef out\n" },
	{ UPSTREAM("a b", "\"ingressRef\":null"), "E metadata.annotations[rollcall.dev/upstream]: \"a b\" cannot name "
						  "an upstream of nginx; lower case letters, "
						  "digits and '-', at most 63\n" },
	{ "{\"spec\":{\"targetRef\":{\"apiVersion\":\"rollcall.dev/v1\",\"kind\":\"Process\"}}}", "" },
	{ "{\"spec\":{\"targetRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"SystemdUnit\"}}}",
	  "W spec.targetRef.apiVersion: \"apps/v1\" is not where a SystemdUnit is; it is read as rollcall.dev/v1\n" },
	{ "{\"spec\":{\"provider\":\"apisix\"}}",
	  "E spec.routeRef: is missing; provider apisix needs an ApisixRoute\n" },
	{ "{\"spec\":{\"provider\":\"gatewayapi:v1\"}}",
	  "E spec.service.gatewayRefs: is missing; provider gatewayapi:v1 needs a gateway\n" },
	{ "{\"spec\":{\"targetRef\":{\"apiVersion\":\"extensions/v1beta1\"}}}",
	  "W spec.targetRef.apiVersion: \"extensions/v1beta1\" is not where a Deployment is; it is read as apps/v1\n" },
	{ "{\"spec\":{\"service\":{\"name\":\"My_Service\"}}}",
	  "E spec.service.name: \"My_Service\" cannot name a Service and its -primary: lower case letters, digits and "
	  "'-', "
	  "at most 55\n" },
	{ "{\"spec\":{\"targetRef\":{\"name\":\"a2345678901234567890123456789012345678901234567890123456\"}}}",
	  "E spec.targetRef.name: \"a2345678901234567890123456789012345678901234567890123456\" cannot name a Service "
	  "and "
	  "its -primary: lower case letters, digits and '-', at most 55\n" },
	/* the extension */
	{ "{\"spec\":{\"sourceRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"s\"},"
	  "\"analysis\":{\"canaryReplicas\":1,\"maxReplicas\":4,\"canaryWeight\":0,\"stepReplicas\":0}}}",
	  "W spec.sourceRef: it is part of ACK's extension and means nothing without the annotation "
	  "alicloud.canary.extension.switch: 'true'\n"
	  "W spec.analysis.canaryReplicas: it is part of ACK's extension and means nothing without the annotation "
	  "alicloud.canary.extension.switch: 'true'\n"
	  "W spec.analysis.maxReplicas: it is part of ACK's extension and means nothing without the annotation "
	  "alicloud.canary.extension.switch: 'true'\n"
	  "W spec.analysis.canaryWeight: it is part of ACK's extension and means nothing without the annotation "
	  "alicloud.canary.extension.switch: 'true'\n"
	  "W spec.analysis.stepReplicas: it is part of ACK's extension and means nothing without the annotation "
	  "alicloud.canary.extension.switch: 'true'\n" },
	{ "{\"metadata\":{\"annotations\":{\"alicloud.canary.distinguish.labels\":\"version\"}}}",
	  "W metadata.annotations[alicloud.canary.distinguish.labels]: it means nothing without the annotation "
	  "alicloud.canary.extension.switch: 'true'\n" },
	{ "{" EXTENSION ",\"spec\":{\"analysis\":{\"canaryReplicas\":5,\"maxReplicas\":4}}}",
	  "W spec.analysis.canaryReplicas: 5 is more than maxReplicas; the canary gets 4 at most\n" },
	{ "{" EXTENSION ",\"spec\":{\"autoscalerRef\":{\"apiVersion\":\"autoscaling/v2\",\"kind\":"
	  "\"HorizontalPodAutoscaler\",\"name\":\"h\"}}}",
	  "W spec.autoscalerRef: ACK's extension sets replicas by itself; the autoscaler is paused in the meantime\n" },
	{ "{" EXTENSION ",\"spec\":{\"ingressRef\":null,\"analysis\":{\"stepWeight\":null,\"stepReplicas\":1}}}", "" },
	/* annotations */
	{ "{\"metadata\":{\"annotations\":{\"alicloud.canary.extension.switch\":\"yes\"}}}",
	  "W metadata.annotations[alicloud.canary.extension.switch]: \"yes\" does not switch the extension on; 'true' "
	  "does\n" },
	{ "{\"metadata\":{\"annotations\":{\"rollcall.dev/gate\":\"confirm-rollout\"}}}",
	  "W metadata.annotations[rollcall.dev/gate]: no such annotation; did you mean \"rollcall.dev/gates\"?\n" },
	{ "{\"metadata\":{\"annotations\":{\"rollcall.dev/request\":\"[]\"}}}",
	  "E metadata.annotations[rollcall.dev/request]: the request is not understood and is ignored: it has no "
	  "id\n" },
	{ "{\"metadata\":{\"annotations\":{\"rollcall.dev/request\":\"{\\\"id\\\":\\\"1\\\"}\"}}}",
	  "E metadata.annotations[rollcall.dev/request]: the request is not understood and is ignored: it has no "
	  "verb\n" },
	{ "{\"metadata\":{\"annotations\":{\"alicloud.canary.extension.switch\":\"true\","
	  "\"alicloud.canary.general.labels\":\"app=x\"}}}",
	  "E metadata.annotations[alicloud.canary.general.labels]: \"app=x\" is not the key of a label\n" },
	{ "{\"metadata\":{\"annotations\":{\"rollcall.dev/policy\":\"line\\nfeed\"}}}",
	  "E metadata.annotations[rollcall.dev/policy]: \"line\\x0afeed\" is not the name of a policy; letters, "
	  "digits, "
	  "'-', '_' and '.', at most 63\n" },
};

static char *listed(const struct findings *f)
{
	struct strbuf b;
	strbuf_init(&b, 1 << 20);
	for (size_t i = 0; i < f->count; i++)
		strbuf_addf(&b, "%s %s\n", f->at[i].warning ? "W" : "E", f->at[i].text);
	return strbuf_take(&b);
}

static void test_findings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(json_delete_p) cJSON *v = patched(cases[i].patch);
		struct findings f = { .at = NULL };
		assert_int_equal(canary_check(v, NULL, &f, NULL), RC_OK);
		CLEANUP(free_p) char *got = listed(&f);
		if (strcmp(got, cases[i].findings) != 0)
			fail_msg("%s\n%swanted\n%s", cases[i].patch, got, cases[i].findings);
		size_t errors = 0;
		for (size_t j = 0; j < f.count; j++) {
			errors += !f.at[j].warning;
			assert_memory_equal(f.at[j].field, f.at[j].text, strlen(f.at[j].field));
			assert_int_equal(f.at[j].line, 0);
		}
		assert_int_equal(f.errors, errors);
		findings_finish(&f);
	}
}

/* Whatever canary_parse refuses is an error of canary_check too, told in the same words. */
static void test_parse_agrees(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(json_delete_p) cJSON *v = patched(cases[i].patch);
		CLEANUP(canary_free_p) struct canary *c = NULL;
		struct error e = { .text = "" };
		if (canary_parse(v, &c, &e) != RC_OK && !strstr(cases[i].findings, e.text))
			fail_msg("%s: only canary_parse says %s", cases[i].patch, e.text);
	}
}

static struct findings checked(const char *name, const char *text, size_t len)
{
	struct yaml_doc **docs = NULL;
	size_t count = 0;
	struct error e = { .text = "" };
	struct findings f = { .at = NULL };
	if (yaml_parse(name, text, len, &docs, &count, &e) != RC_OK)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < count; i++)
		if (strcmp(json_text(yaml_root(docs[i]), "kind", "Canary"), "Canary") == 0)
			assert_int_equal(canary_check(yaml_root(docs[i]), docs[i], &f, &e), RC_OK);
	yaml_free(docs, count);
	return f;
}

static void test_places(void **state)
{
	(void)state;
	static const char manifest[] = "kind: Canary\n"                      /* 1 */
				       "metadata:\n"                         /* 2 */
				       "  name: podinfo\n"                   /* 3 */
				       "  annotations:\n"                    /* 4 */
				       "    rollcall.dev/gates: confirm\n"   /* 5 */
				       "spec:\n"                             /* 6 */
				       "  provider: ngnix\n"                 /* 7 */
				       "  targetRef:\n"                      /* 8 */
				       "    apiVersion: apps/v1\n"           /* 9 */
				       "    kind: Deployment\n"              /* 10 */
				       "  service:\n"                        /* 11 */
				       "    prot: 80\n"                      /* 12 */
				       "  analysis:\n"                       /* 13 */
				       "    interval: 10s\n"                 /* 14 */
				       "    threshold: five\n"               /* 15 */
				       "    stepWeight: 20\n"                /* 16 */
				       "    webhooks:\n"                     /* 17 */
				       "    - {name: h, url: 'ftp://x/'}\n"; /* 18 */
	static const struct {
		unsigned line, column;
		const char *field;
	} wanted[] = {
		{ 1, 1, "apiVersion" },
		{ 5, 25, "metadata.annotations[rollcall.dev/gates]" },
		{ 7, 13, "spec.provider" },
		{ 8, 3, "spec.targetRef.name" },
		{ 11, 3, "spec.service.port" },
		{ 12, 5, "spec.service.prot" },
		{ 15, 16, "spec.analysis.threshold" },
		{ 18, 22, "spec.analysis.webhooks[0].url" },
	};
	struct findings f = checked("x.yaml", manifest, sizeof manifest - 1);
	CLEANUP(free_p) char *got = listed(&f);
	if (f.count != sizeof wanted / sizeof *wanted)
		fail_msg("%s", got);
	for (size_t i = 0; i < f.count; i++)
		if (f.at[i].line != wanted[i].line || f.at[i].column != wanted[i].column ||
		    strcmp(f.at[i].field, wanted[i].field) != 0)
			fail_msg("%u:%u: %s", f.at[i].line, f.at[i].column, f.at[i].text);
	findings_finish(&f);
}

static void test_seed(void **state)
{
	(void)state;
	static const char *const paths[] = { "tests/fixtures/seed/podinfo-canary.yaml",
					     "tests/fixtures/seed/podinfo.yaml" };
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		size_t len = 0;
		CLEANUP(free_p) char *text = file_read(paths[i], &len);
		struct findings f = checked(paths[i], text, len);
		CLEANUP(free_p) char *got = listed(&f);
		assert_string_equal(got, "");
		findings_finish(&f);
	}
}

/* A file of nonsense must not become a list without end. */
static void test_flood(void **state)
{
	(void)state;
	CLEANUP(json_delete_p) cJSON *v = patched("{}");
	for (int i = 0; i < 1000; i++) {
		char path[64];
		snprintf(path, sizeof path, "spec.nonsense-%d", i);
		assert_true(json_put_int(v, path, i));
	}
	struct findings f = { .at = NULL };
	assert_int_equal(canary_check(v, NULL, &f, NULL), RC_OK);
	assert_int_equal(f.count, 201);
	assert_string_equal(f.at[200].text, "spec.nonsense-200: and more mistakes, which are left out");
	/* The next object has its own list. */
	assert_int_equal(canary_check(v, NULL, &f, NULL), RC_OK);
	assert_int_equal(f.count, 402);
	findings_finish(&f);
}

/* Wherever the cut falls, no character is halved: each round shifts it by a byte. */
static void test_long_values_are_cut(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		char name[603] = "aa";
		for (size_t i = shift; i + 3 < sizeof name; i += 3)
			memcpy(name + i, "\xe7\x81\xb0", 4);
		CLEANUP(json_delete_p) cJSON *v = patched("{}");
		assert_true(json_put_text(v, "spec.provider", name));
		cJSON *service = cJSON_GetObjectItem(cJSON_GetObjectItem(v, "spec"), "service");
		assert_non_null(cJSON_AddNumberToObject(service, name, 1));
		struct findings f = { .at = NULL };
		assert_int_equal(canary_check(v, NULL, &f, NULL), RC_OK);
		assert_int_equal(f.count, 2);
		for (size_t i = 0; i < f.count; i++) {
			assert_true(text_is_utf8(f.at[i].text, strlen(f.at[i].text)));
			assert_true(text_is_utf8(f.at[i].field, strlen(f.at[i].field)));
		}
		assert_non_null(strstr(f.at[0].text, "...\" is not a provider; one of apisix"));
		findings_finish(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_findings), cmocka_unit_test(test_parse_agrees),
		cmocka_unit_test(test_places),   cmocka_unit_test(test_seed),
		cmocka_unit_test(test_flood),    cmocka_unit_test(test_long_values_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

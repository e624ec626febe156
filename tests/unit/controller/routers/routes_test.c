/* The routers whose state is one object: what is written at each weight, and that it reads back (section 6). */
#include "controller/routers/table.h"

#include "tests/unit/controller/effects.h"

#define CANARY_OF(provider, rest)                                                                                      \
	"apiVersion: flagger.app/v1beta1\n"                                                                            \
	"kind: Canary\n"                                                                                               \
	"metadata: {name: podinfo, namespace: test, uid: u-canary}\n"                                                  \
	"spec:\n"                                                                                                      \
	"  provider: " provider "\n"                                                                                   \
	"  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}\n" rest
#define ROUTE(s, weight) DO((s), SET_ROUTES, .routes = { .primary = 100 - (weight), .canary = (weight) })
#define PLAIN "  service: {port: 80}\n  analysis: {interval: 10s, threshold: 5, maxWeight: 50, stepWeight: 10}\n"

static void open_with(struct stage *s, const char *manifests)
{
	stage_open(s);
	fake_apply(s->fake, manifests);
	stage_canary(s, "test", "podinfo");
}

static void reads(struct stage *s, int canary)
{
	stage_observe(s);
	if (s->seen.routes_error)
		fail_msg("%s", s->seen.routes_error);
	assert_int_equal(s->seen.routes.canary, canary);
	assert_int_equal(s->seen.routes.primary, 100 - canary);
}

struct at_weight {
	int weight;
	const char *path, *json;
};
struct story {
	const char *manifests;
	enum kind kind;
	const char *name;
	struct at_weight at[8];
};

#define TRAEFIK_PRIMARY(w) "{\"name\":\"podinfo-primary\",\"namespace\":\"test\",\"port\":80,\"weight\":" #w "}"
#define TRAEFIK_CANARY(w) "{\"name\":\"podinfo-canary\",\"namespace\":\"test\",\"port\":80,\"weight\":" #w "}"
#define CONTOUR_SIDE(name, w)                                                                                          \
	"{\"name\":\"" name "\",\"port\":80,\"requestHeadersPolicy\":{\"set\":[{\"name\":\"l5d-dst-override\","        \
	"\"value\":\"" name ".test.svc.cluster.local:80\"}]},\"weight\":" #w "}"

static const struct story stories[] = {
	/* scenario 57 */
	{ CANARY_OF("traefik", "  service: {port: 80, apex: {labels: {a: b}, annotations: {c: d}}}\n"
			       "  analysis: {interval: 10s, threshold: 5, stepWeight: 10}\n"),
	  KIND_TRAEFIK_SERVICE,
	  "podinfo",
	  { { 0, "spec", "{\"weighted\":{\"services\":[" TRAEFIK_PRIMARY(100) "]}}" },
	    { 0, "metadata.annotations",
	      "{\"c\":\"d\",\"helm.toolkit.fluxcd.io/driftDetection\":\"disabled\","
	      "\"kustomize.toolkit.fluxcd.io/reconcile\":\"disabled\"}" },
	    { 0, "metadata.labels", "{\"a\":\"b\",\"app.kubernetes.io/managed-by\":\"rollcall\"}" },
	    { 0, "apiVersion", "\"traefik.io/v1alpha1\"" },
	    { 30, "spec", "{\"weighted\":{\"services\":[" TRAEFIK_PRIMARY(70) "," TRAEFIK_CANARY(30) "]}}" },
	    { 100, "spec", "{\"weighted\":{\"services\":[" TRAEFIK_PRIMARY(0) "," TRAEFIK_CANARY(100) "]}}" } } },
	{ CANARY_OF("contour", "  service:\n    port: 80\n    timeout: 15s\n    retries: {attempts: 3, "
			       "perTryTimeout: 1s, retryOn: "
			       "'5xx,gateway-error'}\n    match: [{uri: {prefix: /api}}]\n"
			       "  analysis: {interval: 10s, threshold: 5, stepWeight: 10}\n"),
	  KIND_HTTP_PROXY,
	  "podinfo",
	  { { 0, "spec.routes.0.services",
	      "[" CONTOUR_SIDE("podinfo-primary", 100) "," CONTOUR_SIDE("podinfo-canary", 0) "]" },
	    { 0, "spec.routes.0.conditions", "[{\"prefix\":\"/api\"}]" },
	    { 0, "spec.routes.0.timeoutPolicy", "{\"idle\":\"5m\",\"response\":\"15s\"}" },
	    { 0, "spec.routes.0.retryPolicy",
	      "{\"count\":3,\"perTryTimeout\":\"1s\",\"retryOn\":[\"5xx\",\"gateway-error\"]}" },
	    { 40, "spec.routes.0.services",
	      "[" CONTOUR_SIDE("podinfo-primary", 60) "," CONTOUR_SIDE("podinfo-canary", 40) "]" } } },
	{ CANARY_OF("contour",
		    "  service: {port: 80}\n"
		    "  analysis: {interval: 10s, threshold: 5, iterations: 3, match: [{headers: {x-a: {exact: "
		    "q}, x-b: {suffix: z}, x-c: {regex: '.*'}}}]}\n"),
	  KIND_HTTP_PROXY,
	  "podinfo",
	  { { 0, "spec.routes.0.conditions",
	      "[{\"header\":{\"exact\":\"q\",\"name\":\"x-a\"},\"prefix\":\"/"
	      "\"},{\"header\":{\"contains\":\"z\","
	      "\"name\":\"x-b\"},\"prefix\":\"/\"},{\"header\":{\"name\":\"x-c\"},\"prefix\":\"/\"}]" },
	    { 100, "spec.routes.0.services.1.weight", "100" },
	    { 100, "spec.routes.1.services.0.weight", "100" },
	    { 100, "spec.routes.1.services.1.weight", "0" } } },
	{ CANARY_OF("linkerd", PLAIN),
	  KIND_TRAFFIC_SPLIT_V1ALPHA1,
	  "podinfo",
	  { { 0, "spec",
	      "{\"backends\":[{\"service\":\"podinfo-canary\",\"weight\":\"0\"},{\"service\":\"podinfo-"
	      "primary\","
	      "\"weight\":\"100\"}],\"service\":\"podinfo\"}" },
	    { 0, "apiVersion", "\"split.smi-spec.io/v1alpha1\"" },
	    { 25, "spec.backends.0.weight", "\"25\"" } } },
	{ CANARY_OF("smi:v1alpha3", "  service: {port: 80, hosts: [app.example.com]}\n"
				    "  analysis: {interval: 10s, threshold: 5, stepWeight: 10}\n"),
	  KIND_TRAFFIC_SPLIT_V1ALPHA3,
	  "podinfo",
	  { { 0, "spec.service", "\"app.example.com\"" },
	    { 0, "apiVersion", "\"split.smi-spec.io/v1alpha3\"" },
	    { 25, "spec.backends",
	      "[{\"service\":\"podinfo-canary\",\"weight\":25},{\"service\":\"podinfo-primary\",\"weight\":75}"
	      "]" } } },
	{ CANARY_OF("apisix", "  routeRef: {apiVersion: apisix.apache.org/v2, kind: ApisixRoute, name: "
			      "web}\n" PLAIN) "---\n"
					      "apiVersion: apisix.apache.org/v2\n"
					      "kind: ApisixRoute\n"
					      "metadata: {name: web, namespace: test, labels: {l: m}}\n"
					      "spec:\n"
					      "  http:\n"
					      "  - {name: other, backends: [{serviceName: other, servicePort: "
					      "80}]}\n"
					      "  - {name: method, match: {hosts: [app.example.com], paths: "
					      "[/*]}, plugins: [{name: x, enable: true}], "
					      "backends: [{serviceName: podinfo, servicePort: 80, "
					      "resolveGranularity: service}]}\n",
	  KIND_APISIX_ROUTE,
	  "web-podinfo-canary",
	  { { 0, "spec.http",
	      "[{\"backends\":[{\"resolveGranularity\":\"service\",\"serviceName\":\"podinfo-primary\","
	      "\"servicePort\":"
	      "80,\"weight\":100},{\"resolveGranularity\":\"service\",\"serviceName\":\"podinfo-canary\","
	      "\"servicePort\":80,\"weight\":0}],\"match\":{\"hosts\":[\"app.example.com\"],\"paths\":[\"/"
	      "*\"]},"
	      "\"name\":\"method\",\"plugins\":[{\"enable\":true,\"name\":\"x\"}],\"priority\":10000}]" },
	    { 0, "metadata.labels", "{\"app.kubernetes.io/managed-by\":\"rollcall\",\"l\":\"m\"}" },
	    { 10, "spec.http.0.backends.1.weight", "10" },
	    { 10, "spec.http.0.backends.0.weight", "90" } } },
	/* scenario 56 */
	{ CANARY_OF("skipper", "  ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: "
			       "web}\n" PLAIN) "---\n"
					       "apiVersion: networking.k8s.io/v1\n"
					       "kind: Ingress\n"
					       "metadata:\n"
					       "  name: web\n"
					       "  namespace: test\n"
					       "  annotations: {zalando.org/skipper-predicate: 'Host(/^x$/) && "
					       " False() && Method(\"GET\")', mine: x}\n"
					       "spec:\n"
					       "  rules:\n"
					       "  - host: app.example.com\n"
					       "    http:\n"
					       "      paths:\n"
					       "      - {path: /, pathType: Prefix, backend: {service: {name: "
					       "podinfo, port: {number: 80}}}}\n"
					       "      - {path: /o, pathType: Prefix, backend: {service: {name: "
					       "other, port: {number: 80}}}}\n",
	  KIND_INGRESS,
	  "web-canary",
	  { { 0, "spec.rules.0.http.paths",
	      "[{\"backend\":{\"service\":{\"name\":\"podinfo-primary\",\"port\":{\"number\":80}}},\"path\":\"/"
	      "\","
	      "\"pathType\":\"Prefix\"},{\"backend\":{\"service\":{\"name\":\"other\",\"port\":{\"number\":80}}"
	      "},"
	      "\"path\":\"/o\",\"pathType\":\"Prefix\"},{\"backend\":{\"service\":{\"name\":\"podinfo-canary\","
	      "\"port\":{\"number\":80}}},\"path\":\"/\",\"pathType\":\"Prefix\"}]" },
	    { 0, "metadata.annotations",
	      "{\"mine\":\"x\",\"zalando.org/"
	      "backend-weights\":\"{\\\"podinfo-canary\\\":0,\\\"podinfo-primary\\\":100}"
	      "\",\"zalando.org/skipper-predicate\":\"False() && Host(/^x$/) && Method(\\\"GET\\\")\"}" },
	    { 15, "metadata.annotations",
	      "{\"mine\":\"x\",\"zalando.org/"
	      "backend-weights\":\"{\\\"podinfo-canary\\\":15,\\\"podinfo-primary\\\":85}"
	      "\",\"zalando.org/skipper-predicate\":\"Weight(100) && Host(/^x$/) && "
	      "Method(\\\"GET\\\")\"}" } } },
};

static void test_stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
		const struct story *t = &stories[i];
		struct stage s;
		open_with(&s, t->manifests);
		stage_observe(&s);
		if (s.seen.router_error)
			fail_msg("%s: %s", s.canary->provider, s.seen.router_error);
		assert_int_equal(s.seen.router_objects, SHAPE_MISSING);
		assert_false(s.seen.leftovers);
		(void)DO(&s, ENSURE_ROUTER);
		int weight = 0;
		for (const struct at_weight *at = t->at; at < t->at + 8 && at->path; at++) {
			if (at->weight != weight)
				assert_int_equal(ROUTE(&s, at->weight), 1);
			weight = at->weight;
			assert_json(fake_tree(s.fake, t->kind, "test", t->name), at->path, at->json);
			reads(&s, weight);
			assert_int_equal(s.seen.router_objects, SHAPE_AS_WANTED);
		}
		assert_json(fake_tree(s.fake, t->kind, "test", t->name), "metadata.ownerReferences.0.uid",
			    "\"u-canary\"");
		assert_true(s.seen.leftovers);
		if (weight)
			assert_int_equal(ROUTE(&s, 0), 1);
		reads(&s, 0);
		(void)DO(&s, FINALIZE_ROUTER);
		assert_null(fake_tree(s.fake, t->kind, "test", t->name));
		stage_close(&s);
	}
}

/* E34: what the Service says has changed in mid-run; others' members stay; ours that are not wanted any more go. */
static void test_a_changed_service_keeps_the_weights(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, CANARY_OF("contour", "  service: {port: 80, timeout: 15s}\n"
					   "  analysis: {interval: 10s, threshold: 5, stepWeight: 10}\n"));
	(void)DO(&s, ENSURE_ROUTER);
	(void)ROUTE(&s, 30);
	fake_patch(
		s.fake, KIND_HTTP_PROXY, "test", "podinfo",
		"{\"spec\":{\"virtualhost\":{\"fqdn\":\"app.example.com\"}},\"metadata\":{\"labels\":{\"x\":\"y\"}}}");
	stage_observe(&s);
	assert_int_equal(s.seen.router_objects, SHAPE_AS_WANTED);
	fake_patch(s.fake, KIND_CANARY, "test", "podinfo", "{\"spec\":{\"service\":{\"timeout\":null}}}");
	stage_canary(&s, "test", "podinfo");
	stage_observe(&s);
	assert_int_equal(s.seen.router_objects, SHAPE_DIFFERENT);
	assert_int_equal(DO(&s, ENSURE_ROUTER), 1);
	reads(&s, 30);
	const cJSON *is = fake_tree(s.fake, KIND_HTTP_PROXY, "test", "podinfo");
	assert_null(json_at(is, "spec.routes.0.timeoutPolicy"));
	assert_json(is, "metadata.labels.x", "\"y\"");
	stage_close(&s);
}

static void test_what_is_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *manifest, *error;
	} rows[] = {
		{ CANARY_OF("apisix", PLAIN), "apisix route selector is empty" },
		{ CANARY_OF("apisix", "  routeRef: {apiVersion: a/v2, kind: ApisixRoute, name: web}\n" PLAIN),
		  "apisix route web.test get query error: not found" },
		{ CANARY_OF("skipper", PLAIN), "ingress selector is empty" },
		{ CANARY_OF("skipper",
			    "  ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: web}\n" PLAIN),
		  "ingress web.test get query error: not found" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct stage s;
		open_with(&s, rows[i].manifest);
		stage_observe(&s);
		assert_string_equal(s.seen.router_error, rows[i].error);
		stage_close(&s);
	}
}

/* Somebody has broken it: told, and nothing is overwritten unread. */
static void test_unreadable_weights(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, CANARY_OF("linkerd", PLAIN));
	(void)DO(&s, ENSURE_ROUTER);
	fake_patch(s.fake, KIND_TRAFFIC_SPLIT_V1ALPHA1, "test", "podinfo", "{\"spec\":{\"backends\":[]}}");
	stage_observe(&s);
	assert_string_equal(s.seen.routes_error,
			    "TrafficSplit podinfo.test does not contain routes for podinfo-primary and podinfo-canary");
	assert_int_equal(DO(&s, ENSURE_ROUTER), 0);
	stage_close(&s);
}

static void test_names(void **state)
{
	(void)state;
	for (const char *const *name = router_names(); *name; name++)
		assert_non_null(router_find(*name));
	assert_ptr_equal(router_find("smi:v1alpha2"), &router_smi_v1alpha2);
	assert_null(router_find("traefik2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),       cmocka_unit_test(test_a_changed_service_keeps_the_weights),
		cmocka_unit_test(test_what_is_wrong), cmocka_unit_test(test_unreadable_weights),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

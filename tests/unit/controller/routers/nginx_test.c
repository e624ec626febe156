#include "controller/routers/table.h"

#include "tests/unit/controller/effects.h"

#define P "nginx.ingress.kubernetes.io"

static const char podinfo[] =
	"apiVersion: apps/v1\n"
	"kind: Deployment\n"
	"metadata: {name: podinfo, namespace: test}\n"
	"spec: {replicas: 1, selector: {matchLabels: {app: podinfo}}, template: {metadata: {labels: {app: podinfo}}, "
	"spec: "
	"{containers: [{name: podinfod, image: 'podinfo:6.0.0'}]}}}\n"
	"---\n"
	"apiVersion: networking.k8s.io/v1\n"
	"kind: Ingress\n"
	"metadata:\n"
	"  name: podinfo\n"
	"  namespace: test\n"
	"  labels: {app: podinfo}\n"
	"  annotations:\n"
	"    kubernetes.io/ingress.class: nginx\n"
	"    kubectl.kubernetes.io/last-applied-configuration: '{}'\n"
	"spec:\n"
	"  tls: [{hosts: [app.example.com], secretName: s}]\n"
	"  rules:\n"
	"  - host: nothing.example.com\n"
	"  - host: app.example.com\n"
	"    http:\n"
	"      paths:\n"
	"      - {path: /, pathType: Prefix, backend: {service: {name: podinfo, port: {number: 80}}}}\n"
	"      - {path: /other, pathType: Exact, backend: {service: {name: other, port: {name: http}}}}\n"
	"---\n"
	"apiVersion: flagger.app/v1beta1\n"
	"kind: Canary\n"
	"metadata: {name: podinfo, namespace: test, uid: u-canary}\n"
	"spec:\n"
	"  provider: nginx\n"
	"  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}\n"
	"  ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: podinfo}\n"
	"  service: {port: 80, targetPort: http}\n"
	"  analysis: {interval: 10s, threshold: 5, maxWeight: 40, stepWeight: 20}\n";

#define SOURCE_PATCH(s, patch) fake_patch((s)->fake, KIND_INGRESS, "test", "podinfo", (patch))
#define CI_PATCH(s, patch) fake_patch((s)->fake, KIND_INGRESS, "test", "podinfo-canary", (patch))
#define CI(s) fake_tree((s)->fake, KIND_INGRESS, "test", "podinfo-canary")
#define ROUTE(s, weight) DO((s), SET_ROUTES, .routes = { .primary = 100 - (weight), .canary = (weight) })

static void stage_podinfo(struct stage *s)
{
	stage_open(s);
	fake_apply(s->fake, podinfo);
	stage_canary(s, "test", "podinfo");
}

static void canary_patch(struct stage *s, const char *patch)
{
	fake_patch(s->fake, KIND_CANARY, "test", "podinfo", patch);
	stage_canary(s, "test", "podinfo");
}

/* Scenario 2. */
static void test_canary_ingress(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	CLEANUP(free_p)
	char *version =
		strdup(json_text(fake_tree(s.fake, KIND_INGRESS, "test", "podinfo"), "metadata.resourceVersion", ""));
	stage_observe(&s);
	assert_int_equal(s.seen.router_objects, SHAPE_MISSING);
	assert_int_equal(DO(&s, ENSURE_ROUTER), 1);
	assert_json(
		CI(&s), "spec",
		"{\"rules\":[{\"host\":\"nothing.example.com\"},{\"host\":\"app.example.com\",\"http\":{\"paths\":[{"
		"\"backend\":{\"service\":{\"name\":\"podinfo-canary\",\"port\":{\"number\":80}}},\"path\":\"/\","
		"\"pathType\":\"Prefix\"},{\"backend\":{\"service\":{\"name\":\"other\",\"port\":{\"name\":\"http\"}}},"
		"\"path\":\"/other\",\"pathType\":\"Exact\"}]}}],\"tls\":[{\"hosts\":[\"app.example.com\"],"
		"\"secretName\":\"s\"}]}");
	assert_json(CI(&s), "metadata.annotations",
		    "{\"helm.toolkit.fluxcd.io/driftDetection\":\"disabled\",\"kubernetes.io/ingress.class\":\"nginx\","
		    "\"kustomize.toolkit.fluxcd.io/reconcile\":\"disabled\",\"" P "/canary\":\"true\",\"" P
		    "/canary-weight\":\"0\"}");
	assert_json(CI(&s), "metadata.labels", "{\"app\":\"podinfo\",\"app.kubernetes.io/managed-by\":\"rollcall\"}");
	assert_json(CI(&s), "metadata.ownerReferences.0.uid", "\"u-canary\"");
	assert_json(CI(&s), "apiVersion", "\"networking.k8s.io/v1\"");
	assert_string_equal(
		json_text(fake_tree(s.fake, KIND_INGRESS, "test", "podinfo"), "metadata.resourceVersion", ""), version);
	stage_observe(&s);
	assert_int_equal(s.seen.router_objects, SHAPE_AS_WANTED);
	assert_true(s.seen.leftovers);
	stage_close(&s);
}

static void test_weights(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	(void)DO(&s, ENSURE_ROUTER);
	CI_PATCH(&s,
		 "{\"metadata\":{\"annotations\":{\"mine\":\"x\",\"kustomize.toolkit.fluxcd.io/reconcile\":null,\"" P
		 "/canary-foo\":\"x\"}}}");
	assert_int_equal(ROUTE(&s, 20), 1);
	stage_observe(&s);
	assert_int_equal(s.seen.routes.canary, 20);
	assert_int_equal(s.seen.routes.primary, 80);
	assert_json(CI(&s), "metadata.annotations",
		    "{\"helm.toolkit.fluxcd.io/driftDetection\":\"disabled\",\"kubernetes.io/ingress.class\":\"nginx\","
		    "\"mine\":\"x\",\"" P "/canary\":\"true\",\"" P "/canary-foo\":\"x\",\"" P
		    "/canary-weight\":\"20\"}");
	/* weight 0 builds the annotations again */
	assert_int_equal(ROUTE(&s, 0), 1);
	assert_json(CI(&s), "metadata.annotations",
		    "{\"helm.toolkit.fluxcd.io/driftDetection\":\"disabled\",\"kubernetes.io/ingress.class\":\"nginx\","
		    "\"kustomize.toolkit.fluxcd.io/reconcile\":\"disabled\",\"mine\":\"x\",\"" P
		    "/canary\":\"true\",\"" P "/canary-weight\":\"0\"}");
	/* an Ingress without any annotation is no reason to fail */
	CI_PATCH(&s, "{\"metadata\":{\"annotations\":null}}");
	assert_int_equal(ROUTE(&s, 100), 1);
	assert_json(CI(&s), "metadata.annotations", "{\"" P "/canary\":\"true\",\"" P "/canary-weight\":\"100\"}");
	stage_close(&s);
}

/* Scenario 5 and the source's changes: the spec is followed, annotations are not (E29). */
static void test_source_changes(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	(void)DO(&s, ENSURE_ROUTER);
	(void)ROUTE(&s, 40);
	SOURCE_PATCH(&s, "{\"metadata\":{\"annotations\":{\"new\":\"x\"}}}");
	assert_int_equal(DO(&s, ENSURE_ROUTER), 0);
	SOURCE_PATCH(&s, "{\"spec\":{\"tls\":null,\"ingressClassName\":\"nginx\"}}");
	stage_observe(&s);
	assert_int_equal(s.seen.router_objects, SHAPE_DIFFERENT);
	assert_int_equal(DO(&s, ENSURE_ROUTER), 1);
	assert_null(json_at(CI(&s), "spec.tls"));
	assert_json(CI(&s), "spec.ingressClassName", "\"nginx\"");
	assert_json(CI(&s),
		    "metadata.annotations."
		    "nginx\\.ingress\\.kubernetes\\.io/canary-weight",
		    "\"40\"");
	stage_close(&s);
}

/* Scenarios 9 and 10. */
static const struct {
	const char *match, *wanted; /* the canary-by keys, sorted */
} matches[] = {
	{ "[{\"headers\":{\"x-user\":{\"exact\":\"insider\"}}}]",
	  "canary-by-header=x-user canary-by-header-value=insider " },
	{ "[{\"headers\":{\"x-user-type\":{\"regex\":\"test\"}}}]",
	  "canary-by-header=x-user-type canary-by-header-pattern=test " },
	{ "[{\"headers\":{\"cookie\":{\"exact\":\"test\"}}}]", "canary-by-cookie=test " },
	{ "[{\"headers\":{\"x-user\":{\"exact\":\"a\"}}},{\"headers\":{\"cookie\":{\"exact\":\"c\"}}}]",
	  "canary-by-cookie=c canary-by-header=x-user canary-by-header-value=a " },
	/* one slot: the last one, and nothing of the first */
	{ "[{\"headers\":{\"x-a\":{\"exact\":\"1\"},\"x-b\":{\"regex\":\"2\"}}}]",
	  "canary-by-header=x-b canary-by-header-pattern=2 " },
	{ "[{\"headers\":{\"x-a\":{\"prefix\":\"1\"}}}]", "canary-by-header=x-a " },
};

static const char *by_keys(struct stage *s)
{
	CLEANUP(json_delete_p) cJSON *sorted = NULL;
	CLEANUP(free_p) char *text = json_canonical(json_at(CI(s), "metadata.annotations"), false);
	assert_int_equal(json_parse(text, strlen(text), &sorted, &s->e), RC_OK);
	const char *all = "";
	const cJSON *a;
	cJSON_ArrayForEach (a, sorted) {
		if (strstr(a->string, "canary-by"))
			all = arena_printf(s->arena, "%s%s=%s ", all, strrchr(a->string, '/') + 1, a->valuestring);
	}
	return all;
}

static void test_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof matches / sizeof *matches; i++) {
		struct stage s;
		stage_podinfo(&s);
		char patch[512];
		(void)snprintf(patch, sizeof patch,
			       "{\"spec\":{\"analysis\":{\"stepWeight\":null,\"maxWeight\":null,\"iterations\":3,"
			       "\"match\":%s}}}",
			       matches[i].match);
		canary_patch(&s, patch);
		(void)DO(&s, ENSURE_ROUTER);
		stage_observe(&s);
		assert_int_equal(s.seen.routes.canary, 0);
		assert_int_equal(ROUTE(&s, 100), 1);
		assert_string_equal(by_keys(&s), matches[i].wanted);
		assert_json(CI(&s),
			    "metadata.annotations."
			    "nginx\\.ingress\\.kubernetes\\.io/canary-weight",
			    "\"0\"");
		stage_observe(&s);
		assert_int_equal(s.seen.routes.canary, 100);
		assert_int_equal(s.seen.routes.primary, 0);
		assert_int_equal(ROUTE(&s, 0), 1);
		assert_string_equal(by_keys(&s), "");
		stage_close(&s);
	}
}

/* E30: nothing of another match stays within a run. */
static void test_match_changes_in_a_run(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	canary_patch(&s, "{\"spec\":{\"analysis\":{\"stepWeight\":null,\"maxWeight\":null,\"iterations\":3,\"match\":[{"
			 "\"headers\":{\"x-user\":{\"exact\":\"insider\"}}}]}}}");
	(void)DO(&s, ENSURE_ROUTER);
	(void)ROUTE(&s, 100);
	canary_patch(&s, "{\"spec\":{\"analysis\":{\"match\":[{\"headers\":{\"cookie\":{\"exact\":\"c\"}}}]}}}");
	assert_int_equal(ROUTE(&s, 100), 1);
	assert_string_equal(by_keys(&s), "canary-by-cookie=c ");
	stage_close(&s);
}

/* Scenario 11. */
static void test_other_prefix(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	s.options.ingress_annotations_prefix = "custom.ingress.kubernetes.io";
	(void)DO(&s, ENSURE_ROUTER);
	static const int weights[] = { 0, 50, 0 };
	for (size_t i = 0; i < 3; i++) {
		char wanted[8];
		(void)snprintf(wanted, sizeof wanted, "\"%d\"", weights[i]);
		(void)ROUTE(&s, weights[i]);
		assert_json(CI(&s), "metadata.annotations.custom\\.ingress\\.kubernetes\\.io/canary", "\"true\"");
		assert_json(CI(&s), "metadata.annotations.custom\\.ingress\\.kubernetes\\.io/canary-weight", wanted);
	}
	stage_close(&s);
}

/* Scenario 12. */
static void test_foreign_canary_keys(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	SOURCE_PATCH(&s, "{\"metadata\":{\"annotations\":{\"" P "/canary-weight\":\"77\",\"" P
			 "/canary-foo\":\"x\",\"" P "/rewrite-target\":\"/\"}}}");
	(void)DO(&s, ENSURE_ROUTER);
	assert_json(CI(&s), "metadata.annotations",
		    "{\"helm.toolkit.fluxcd.io/driftDetection\":\"disabled\",\"kubernetes.io/ingress.class\":\"nginx\","
		    "\"kustomize.toolkit.fluxcd.io/reconcile\":\"disabled\",\"" P "/canary\":\"true\",\"" P
		    "/canary-weight\":\"0\",\"" P "/rewrite-target\":\"/\"}");
	stage_close(&s);
}

/* Scenarios 13, 14, 32. */
static void test_troubles(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	SOURCE_PATCH(&s,
		     "{\"spec\":{\"rules\":[{\"host\":\"a\",\"http\":{\"paths\":[{\"backend\":{\"service\":{\"name\":"
		     "\"other\"}}}]}}]}}");
	stage_observe(&s);
	assert_string_equal(s.seen.router_error, "backend podinfo not found in ingress podinfo");
	assert_int_equal(stage_effect(&s, (struct effect){ .kind = EFFECT_ENSURE_ROUTER }), RC_INVALID);

	fake_delete(s.fake, KIND_INGRESS, "test", "podinfo");
	stage_observe(&s);
	assert_string_equal(s.seen.router_error, "ingress podinfo.test get query error: not found");

	fake_apply(s.fake,
		   "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: podinfo-canary, namespace: "
		   "test, annotations: {" P "/canary-weight: abc}}, spec: {}}");
	stage_observe(&s);
	assert_string_equal(s.seen.routes_error, "failed to convert abc to int: invalid syntax");

	canary_patch(&s, "{\"spec\":{\"ingressRef\":null}}");
	stage_observe(&s);
	assert_string_equal(s.seen.router_error, "ingress selector is empty");
	stage_close(&s);
}

/* The shape of the users' manifests. */
static void test_old_ingress(void **state)
{
	(void)state;
	struct stage s;
	stage_open(&s);
	fake_apply_file(s.fake, "tests/fixtures/seed/podinfo.yaml");
	fake_apply_file(s.fake, "tests/fixtures/seed/podinfo-canary.yaml");
	stage_canary(&s, "default", "podinfo-default");
	(void)DO(&s, ENSURE_ROUTER);
	const cJSON *ci = fake_tree(s.fake, KIND_INGRESS, "default", "podinfo-canary");
	assert_json(ci, "apiVersion", "\"extensions/v1beta1\"");
	assert_json(ci, "spec",
		    "{\"rules\":[{\"host\":\"app.example.com\",\"http\":{\"paths\":[{\"backend\":{\"serviceName\":"
		    "\"my-podinfo-svc-canary\",\"servicePort\":80}}]}}]}");
	/* the server's default, also in what follows */
	fake_patch(s.fake, KIND_INGRESS, "default", "podinfo",
		   "{\"spec\":{\"rules\":[{\"host\":\"app.example.com\",\"http\":{\"paths\":[{\"pathType\":"
		   "\"ImplementationSpecific\",\"backend\":{\"serviceName\":\"my-podinfo-svc\",\"servicePort\":80}}]}}]"
		   "}}");
	(void)DO(&s, ENSURE_ROUTER);
	ci = fake_tree(s.fake, KIND_INGRESS, "default", "podinfo-canary");
	assert_json(ci, "spec.rules.0.http.paths.0.pathType", "\"ImplementationSpecific\"");
	stage_close(&s);
}

static void test_finalize(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	assert_int_equal(DO(&s, FINALIZE_ROUTER), 0);
	assert_int_equal(ROUTE(&s, 0), 0); /* nothing leads to the canary */
	assert_int_equal(stage_effect(&s, (struct effect){ .kind = EFFECT_SET_ROUTES,
							   .routes = { .primary = 80, .canary = 20 } }),
			 RC_NOT_FOUND);
	(void)DO(&s, ENSURE_ROUTER);
	fake_delete(s.fake, KIND_INGRESS, "test", "podinfo"); /* the user's own may have gone before */
	assert_int_equal(DO(&s, FINALIZE_ROUTER), 1);
	assert_null(CI(&s));
	fake_apply(s.fake,
		   "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: podinfo-canary, namespace: "
		   "test}, spec: {}}");
	assert_int_equal(DO(&s, FINALIZE_ROUTER), 0);
	assert_non_null(CI(&s));
	stage_close(&s);
}

static void test_table(void **state)
{
	(void)state;
	assert_ptr_equal(router_find("nginx"), &router_nginx);
	assert_string_equal(router_find("kubernetes")->provider, "kubernetes");
	assert_null(router_find("nginx2"));
	assert_null(router_find(""));
	for (const char *const *name = router_names(); *name; name++)
		assert_non_null(router_find(*name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_canary_ingress),
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_source_changes),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_match_changes_in_a_run),
		cmocka_unit_test(test_other_prefix),
		cmocka_unit_test(test_foreign_canary_keys),
		cmocka_unit_test(test_troubles),
		cmocka_unit_test(test_old_ingress),
		cmocka_unit_test(test_finalize),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "controller/routers/nginx_upstream.h"

#include "tests/unit/controller/effects.h"

static const char shop[] =
	"apiVersion: apps/v1\n"
	"kind: Deployment\n"
	"metadata: {name: shop, namespace: test}\n"
	"spec: {replicas: 1, selector: {matchLabels: {app: shop}}, template: {metadata: {labels: {app: shop}}, spec: "
	"{containers: [{name: shop, image: 'shop:1'}]}}}\n"
	"---\n"
	"apiVersion: apps/v1\n"
	"kind: Deployment\n"
	"metadata: {name: shop-primary, namespace: test}\n"
	"spec: {replicas: 1, selector: {matchLabels: {app: shop-primary}}, template: {metadata: {labels: {app: "
	"shop-primary}}, spec: {containers: [{name: shop, image: 'shop:1'}]}}}\n"
	"---\n"
	"apiVersion: flagger.app/v1beta1\n"
	"kind: Canary\n"
	"metadata: {name: shop, namespace: test, uid: u-canary, annotations: {rollcall.dev/upstream: web}}\n"
	"spec:\n"
	"  provider: nginx\n"
	"  targetRef: {apiVersion: apps/v1, kind: Deployment, name: shop}\n"
	"  service: {port: 80, targetPort: http}\n"
	"  analysis: {interval: 10s, threshold: 5, maxWeight: 40, stepWeight: 20}\n";

#define UPSTREAM(s) fake_tree((s)->fake, KIND_NGINX_UPSTREAM, "test", "web")
#define ROUTE(s, weight) DO((s), SET_ROUTES, .routes = { .primary = 100 - (weight), .canary = (weight) })

static void stage_shop(struct stage *s)
{
	stage_open(s);
	s->options.one_machine = true;
	fake_apply(s->fake, shop);
	stage_canary(s, "test", "shop");
}

static void canary_patch(struct stage *s, const char *patch)
{
	fake_patch(s->fake, KIND_CANARY, "test", "shop", patch);
	stage_canary(s, "test", "shop");
}

/* As the node says it: what it was last told, and a trouble or none. */
static void node_says(struct stage *s, int64_t generation, const char *message)
{
	char patch[256];
	snprintf(patch, sizeof patch,
		 "{\"metadata\":{\"generation\":7},\"status\":{\"observedGeneration\":%d,\"message\":\"%s\"}}",
		 (int)generation, message);
	fake_patch(s->fake, KIND_NGINX_UPSTREAM, "test", "web", patch);
}

static void test_the_object(void **state)
{
	(void)state;
	struct stage s;
	stage_shop(&s);
	stage_observe(&s);
	assert_int_equal(s.seen.router_objects, SHAPE_MISSING);
	assert_int_equal(DO(&s, ENSURE_ROUTER), 1);
	assert_json(UPSTREAM(&s), "spec",
		    "{\"canary\":\"shop\",\"canarySelector\":{\"app\":\"shop\"},\"canaryWeight\":0,\"port\":\"http\","
		    "\"primarySelector\":{\"app\":\"shop-primary\"},\"target\":\"shop\"}");
	assert_json(UPSTREAM(&s), "metadata.ownerReferences.0.uid", "\"u-canary\"");
	assert_int_equal(ROUTE(&s, 20), 1);
	assert_json(UPSTREAM(&s), "spec.canaryWeight", "20");
	assert_int_equal(DO(&s, ENSURE_ROUTER), 0);
	canary_patch(&s, "{\"spec\":{\"service\":{\"targetPort\":8080}}}");
	stage_observe(&s);
	assert_int_equal(s.seen.router_objects, SHAPE_DIFFERENT);
	assert_int_equal(DO(&s, ENSURE_ROUTER), 1);
	assert_json(UPSTREAM(&s), "spec.port", "\"8080\"");
	assert_json(UPSTREAM(&s), "spec.canaryWeight", "20");
	stage_close(&s);
}

/* A weight counts once nginx has it. */
static void test_what_nginx_says(void **state)
{
	(void)state;
	struct stage s;
	stage_shop(&s);
	(void)DO(&s, ENSURE_ROUTER);
	(void)ROUTE(&s, 20);
	node_says(&s, 6, "");
	stage_observe(&s);
	assert_false(s.seen.fresh);
	assert_null(s.seen.routes_error);
	node_says(&s, 7, "");
	stage_observe(&s);
	assert_true(s.seen.fresh);
	assert_int_equal(s.seen.routes.canary, 20);
	assert_int_equal(s.seen.router_objects, SHAPE_AS_WANTED);
	assert_true(s.seen.leftovers);
	node_says(&s, 7, "nginx refuses it");
	stage_observe(&s);
	assert_true(s.seen.fresh);
	assert_string_equal(s.seen.routes_error, "nginx refuses it");
	stage_close(&s);
}

static void test_conditions(void **state)
{
	(void)state;
	struct stage s;
	stage_shop(&s);
	canary_patch(&s,
		     "{\"spec\":{\"analysis\":{\"iterations\":2,\"maxWeight\":null,\"stepWeight\":null,\"match\":[{"
		     "\"headers\":{\"x-user\":{\"exact\":\"in\"}}},{\"headers\":{\"cookie\":{\"regex\":\"a.*\"}}}]}}}");
	(void)DO(&s, ENSURE_ROUTER);
	assert_json(UPSTREAM(&s), "spec.match",
		    "[{\"exact\":\"in\",\"header\":\"x-user\"},{\"header\":\"cookie\",\"regex\":\"a.*\"}]");
	(void)ROUTE(&s, 100);
	assert_json(UPSTREAM(&s), "spec.canaryWeight", "100");
	stage_close(&s);
}

static void test_troubles(void **state)
{
	(void)state;
	struct stage s;
	stage_shop(&s);
	s.options.one_machine = false;
	stage_observe(&s);
	assert_non_null(strstr(s.seen.router_error, "is for one machine (cluster.embedded); on Kubernetes set "
						    "spec.ingressRef"));
	s.options.one_machine = true;
	fake_apply(s.fake, "{apiVersion: rollcall.dev/v1, kind: NginxUpstream, metadata: {name: web, namespace: test, "
			   "ownerReferences: [{apiVersion: flagger.app/v1beta1, kind: Canary, name: other, uid: u-o, "
			   "controller: true}]}, spec: {}}");
	stage_observe(&s);
	assert_non_null(strstr(s.seen.router_error, "upstream web is the canary other's already"));
	assert_int_equal(DO(&s, FINALIZE_ROUTER), 0);
	fake_delete(s.fake, KIND_NGINX_UPSTREAM, "test", "web");
	assert_int_equal(stage_effect(&s, (struct effect){ .kind = EFFECT_SET_ROUTES,
							   .routes = { .primary = 80, .canary = 20 } }),
			 RC_NOT_FOUND);
	assert_int_equal(ROUTE(&s, 0), 0);
	stage_close(&s);
}

/* The user's nginx goes on asking for it. */
static void test_what_is_left_behind(void **state)
{
	(void)state;
	struct stage s;
	stage_shop(&s);
	(void)DO(&s, ENSURE_ROUTER);
	(void)ROUTE(&s, 40);
	assert_int_equal(DO(&s, FINALIZE_ROUTER), 1);
	assert_json(UPSTREAM(&s), "spec.primarySelector", "{\"app\":\"shop\"}");
	assert_json(UPSTREAM(&s), "spec.canaryWeight", "0");
	assert_null(json_at(UPSTREAM(&s), "metadata.ownerReferences"));
	stage_observe(&s);
	assert_int_equal(s.seen.router_objects, SHAPE_DIFFERENT);
	assert_int_equal(DO(&s, ENSURE_ROUTER), 1); /* a new Canary takes it over */
	assert_json(UPSTREAM(&s), "spec.primarySelector", "{\"app\":\"shop-primary\"}");
	assert_json(UPSTREAM(&s), "metadata.ownerReferences.0.name", "\"shop\"");
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_object),          cmocka_unit_test(test_what_nginx_says),
		cmocka_unit_test(test_conditions),          cmocka_unit_test(test_troubles),
		cmocka_unit_test(test_what_is_left_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

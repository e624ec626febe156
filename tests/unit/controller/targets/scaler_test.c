/* Autoscalers and their copies for the primary (flagger-controller.md 4.9, scenarios 44 and 45). */
#include "controller/targets/scaler.h"

#include "tests/unit/controller/effects.h"

#define COMMON(scaler)                                                                                                 \
	"apiVersion: apps/v1\n"                                                                                        \
	"kind: Deployment\n"                                                                                           \
	"metadata: {name: podinfo, namespace: test}\n"                                                                 \
	"spec: {replicas: 2, selector: {matchLabels: {app: podinfo}}, template: {metadata: {labels: {app: podinfo}}, " \
	"spec: {containers: [{name: podinfod, image: 'podinfo:6.0.0'}]}}}\n"                                           \
	"---\n"                                                                                                        \
	"apiVersion: flagger.app/v1beta1\n"                                                                            \
	"kind: Canary\n"                                                                                               \
	"metadata: {name: podinfo, namespace: test, uid: u-canary}\n"                                                  \
	"spec:\n"                                                                                                      \
	"  provider: kubernetes\n"                                                                                     \
	"  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}\n"                                        \
	"  autoscalerRef: " scaler "\n"                                                                                \
	"  service: {port: 80}\n"                                                                                      \
	"  analysis: {interval: 10s, threshold: 5, iterations: 5}\n"
#define HPA                                                                                                            \
	"---\n"                                                                                                        \
	"apiVersion: autoscaling/v2\n"                                                                                 \
	"kind: HorizontalPodAutoscaler\n"                                                                              \
	"metadata: {name: podinfo, namespace: test, labels: {a: b, kustomize.toolkit.fluxcd.io/name: x}, "             \
	"annotations: "                                                                                                \
	"{n: o}}\n"                                                                                                    \
	"spec:\n"                                                                                                      \
	"  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}\n"                                   \
	"  minReplicas: 2\n"                                                                                           \
	"  maxReplicas: 4\n"                                                                                           \
	"  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 99}}}]\n"
#define KEDA                                                                                                           \
	"---\n"                                                                                                        \
	"apiVersion: keda.sh/v1alpha1\n"                                                                               \
	"kind: ScaledObject\n"                                                                                         \
	"metadata: {name: podinfo-so, namespace: test, labels: {a: b}, annotations: {n: o, "                           \
	"autoscaling.keda.sh/paused-replicas: '0'}}\n"                                                                 \
	"spec:\n"                                                                                                      \
	"  scaleTargetRef: {name: podinfo, envSourceContainerName: podinfod}\n"                                        \
	"  minReplicaCount: 2\n"                                                                                       \
	"  maxReplicaCount: 4\n"                                                                                       \
	"  pollingInterval: 10\n"                                                                                      \
	"  advanced: {horizontalPodAutoscalerConfig: {name: podinfo-hpa}}\n"                                           \
	"  triggers:\n"                                                                                                \
	"  - {type: prometheus, name: one, metadata: {serverAddress: 'http://p', query: 'a{app=\"podinfo\"} + "        \
	"b{app=\"podinfo-canary\"} + c{app=\"podinfo-primary\"}'}}\n"                                                  \
	"  - {type: prometheus, name: two, metadata: {query: other}}\n"                                                \
	"  - {type: cron}\n"

static void open_with(struct stage *s, const char *manifests)
{
	stage_open(s);
	fake_apply(s->fake, manifests);
	stage_canary(s, "test", "podinfo");
	(void)DO(s, ENSURE_SOURCE);
}

#define REF_HPA "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, name: podinfo"
#define REF_KEDA "{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: podinfo-so"
#define COPY(s, kind, name) fake_tree((s)->fake, KIND_##kind, "test", name)

static void test_44_hpa(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, COMMON(REF_HPA "}") HPA);
	stage_observe(&s);
	assert_int_equal(s.seen.scaler, SHAPE_MISSING);
	assert_int_equal(s.seen.scaler_min, 2);
	assert_int_equal(DO(&s, ENSURE_SCALER), 1);
	assert_json(
		COPY(&s, HPA, "podinfo-primary"), "spec",
		"{\"maxReplicas\":4,\"metrics\":[{\"resource\":{\"name\":\"cpu\",\"target\":{\"averageUtilization\":99,"
		"\"type\":\"Utilization\"}},\"type\":\"Resource\"}],\"minReplicas\":2,\"scaleTargetRef\":{"
		"\"apiVersion\":"
		"\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"podinfo-primary\"}}");
	assert_json(COPY(&s, HPA, "podinfo-primary"), "metadata.labels",
		    "{\"a\":\"b\",\"app.kubernetes.io/managed-by\":\"rollcall\"}");
	assert_null(json_at(COPY(&s, HPA, "podinfo-primary"), "metadata.annotations"));
	assert_json(COPY(&s, HPA, "podinfo-primary"), "metadata.ownerReferences.0.uid", "\"u-canary\"");
	stage_observe(&s);
	assert_int_equal(s.seen.scaler, SHAPE_AS_WANTED);
	assert_true(s.seen.leftovers);
	/* an edit waits for the promotion (E40); defaults of the server are none (E39) */
	fake_patch(s.fake, KIND_HPA, "test", "podinfo", "{\"spec\":{\"maxReplicas\":6}}");
	fake_patch(s.fake, KIND_HPA, "test", "podinfo-primary", "{\"spec\":{\"new\":1}}");
	assert_int_equal(DO(&s, ENSURE_SCALER), 0);
	assert_int_equal(DO(&s, UPDATE_SCALER), 1);
	assert_json(COPY(&s, HPA, "podinfo-primary"), "spec.maxReplicas", "6");
	assert_int_equal(DO(&s, PAUSE_SCALER), 0);
	(void)DO(&s, DELETE_OURS);
	assert_null(COPY(&s, HPA, "podinfo-primary"));
	stage_close(&s);
}

static void test_44_own_bounds(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, COMMON(REF_HPA ", primaryScalerReplicas: {minReplicas: 5, maxReplicas: 10}}") HPA);
	(void)DO(&s, ENSURE_SCALER);
	assert_json(COPY(&s, HPA, "podinfo-primary"), "spec.minReplicas", "5");
	assert_json(COPY(&s, HPA, "podinfo-primary"), "spec.maxReplicas", "10");
	stage_close(&s);
}

static void test_45_keda(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, COMMON(REF_KEDA "}") KEDA);
	(void)DO(&s, ENSURE_SCALER);
	const cJSON *copy = COPY(&s, SCALED_OBJECT, "podinfo-so-primary");
	assert_json(copy, "spec.scaleTargetRef",
		    "{\"envSourceContainerName\":\"podinfod\",\"name\":\"podinfo-primary\"}");
	assert_json(
		copy, "spec.triggers.0.metadata.query",
		"\"a{app=\\\"podinfo-primary\\\"} + b{app=\\\"podinfo-primary\\\"} + c{app=\\\"podinfo-primary\\\"}\"");
	assert_json(copy, "spec.triggers.1.metadata.query", "\"other\"");
	assert_json(copy, "spec.advanced", "{\"horizontalPodAutoscalerConfig\":{\"name\":\"podinfo-hpa-primary\"}}");
	assert_json(copy, "spec.pollingInterval", "10");
	assert_json(copy, "metadata.annotations", "{\"n\":\"o\"}"); /* E41: its pause is not the primary's */
	assert_int_equal(DO(&s, PAUSE_SCALER), 0);
	assert_int_equal(DO(&s, RESUME_SCALER), 1);
	assert_json(COPY(&s, SCALED_OBJECT, "podinfo-so"), "metadata.annotations", "{\"n\":\"o\"}");
	assert_int_equal(DO(&s, PAUSE_SCALER), 1);
	assert_json(COPY(&s, SCALED_OBJECT, "podinfo-so"),
		    "metadata.annotations.autoscaling\\.keda\\.sh/paused-replicas", "\"0\"");
	stage_close(&s);
}

static void test_45_own_queries(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, COMMON(REF_KEDA ", primaryScalerQueries: {two: mine}}") KEDA);
	(void)DO(&s, ENSURE_SCALER);
	const cJSON *copy = COPY(&s, SCALED_OBJECT, "podinfo-so-primary");
	assert_json(copy, "spec.triggers.1.metadata.query", "\"mine\"");
	assert_json(copy, "spec.triggers.0.metadata.query",
		    "\"a{app=\\\"podinfo\\\"} + b{app=\\\"podinfo-canary\\\"} + c{app=\\\"podinfo-primary\\\"}\"");
	stage_close(&s);
}

/* Told, and no reason not to roll back. */
static void test_a_missing_scaler(void **state)
{
	(void)state;
	struct stage s;
	open_with(&s, COMMON(REF_HPA "}"));
	stage_observe(&s);
	assert_null(s.seen.error);
	assert_string_equal(s.seen.configs_error, "HorizontalPodAutoscaler podinfo.test get query error: not found");
	assert_int_equal(DO(&s, PAUSE_SCALER), 0);
	assert_int_equal(DO(&s, UPDATE_SCALER), 0);
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_44_hpa),           cmocka_unit_test(test_44_own_bounds),
		cmocka_unit_test(test_45_keda),          cmocka_unit_test(test_45_own_queries),
		cmocka_unit_test(test_a_missing_scaler),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

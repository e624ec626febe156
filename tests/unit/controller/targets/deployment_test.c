#include "controller/targets/deployment.h"

#include "tests/unit/controller/effects.h"

static const char podinfo[] =
	"apiVersion: apps/v1\n"
	"kind: Deployment\n"
	"metadata:\n"
	"  name: podinfo\n"
	"  namespace: test\n"
	"  labels: {app: podinfo, team: a, app.kubernetes.io/part-of: shop, app.kubernetes.io/managed-by: Helm}\n"
	"  annotations: {note: x, helm.toolkit.fluxcd.io/driftDetection: disabled, deployment.kubernetes.io/revision: "
	"'3'}\n"
	"spec:\n"
	"  replicas: 2\n"
	"  minReadySeconds: 3\n"
	"  revisionHistoryLimit: 5\n"
	"  progressDeadlineSeconds: 60\n"
	"  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}\n"
	"  selector: {matchLabels: {app: podinfo}}\n"
	"  template:\n"
	"    metadata:\n"
	"      creationTimestamp: null\n"
	"      labels: {app: podinfo, version: v1, kustomize.toolkit.fluxcd.io/name: apps}\n"
	"      annotations: {prometheus.io/scrape: 'true', flagger-id: old}\n"
	"    spec:\n"
	"      topologySpreadConstraints:\n"
	"      - labelSelector: {matchLabels: {app: podinfo, other: podinfo}}\n"
	"      affinity:\n"
	"        podAntiAffinity:\n"
	"          requiredDuringSchedulingIgnoredDuringExecution:\n"
	"          - labelSelector: {matchExpressions: [{key: app, operator: In, values: [x, podinfo, podinfo]}]}\n"
	"          preferredDuringSchedulingIgnoredDuringExecution:\n"
	"          - weight: 1\n"
	"            podAffinityTerm: {labelSelector: {matchLabels: {app: podinfo}}}\n"
	"        podAffinity:\n"
	"          requiredDuringSchedulingIgnoredDuringExecution:\n"
	"          - labelSelector: {matchLabels: {app: podinfo}}\n"
	"      containers:\n"
	"      - {name: podinfod, image: 'podinfo:6.0.0', ports: [{containerPort: 9898, name: http}]}\n";
static const char canary[] = "apiVersion: flagger.app/v1beta1\n"
			     "kind: Canary\n"
			     "metadata: {name: podinfo, namespace: test, uid: u-canary}\n"
			     "spec:\n"
			     "  provider: nginx\n"
			     "  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}\n"
			     "  ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: podinfo}\n"
			     "  service: {port: 80, targetPort: http}\n"
			     "  analysis: {interval: 10s, threshold: 5, maxWeight: 40, stepWeight: 20}\n";

#define PRIMARY(s) fake_tree((s)->fake, KIND_DEPLOYMENT, "test", "podinfo-primary")
#define TARGET(s) fake_tree((s)->fake, KIND_DEPLOYMENT, "test", "podinfo")
#define TARGET_PATCH(s, patch) fake_patch((s)->fake, KIND_DEPLOYMENT, "test", "podinfo", (patch))

static void stage_podinfo(struct stage *s)
{
	stage_open(s);
	fake_apply(s->fake, podinfo);
	fake_apply(s->fake, canary);
	stage_canary(s, "test", "podinfo");
}

static void test_primary_is_made(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	assert_int_equal(DO(&s, ENSURE_SOURCE, .replicas = 2), 1);
	const cJSON *d = PRIMARY(&s);
	assert_json(d, "metadata.labels",
		    "{\"app\":\"podinfo-primary\",\"app.kubernetes.io/managed-by\":\"rollcall\"}");
	assert_json(d, "metadata.annotations", "{\"deployment.kubernetes.io/revision\":\"3\",\"note\":\"x\"}");
	assert_json(d, "metadata.ownerReferences",
		    "[{\"apiVersion\":\"flagger.app/v1beta1\",\"blockOwnerDeletion\":true,\"controller\":true,"
		    "\"kind\":\"Canary\",\"name\":\"podinfo\",\"uid\":\"u-canary\"}]");
	assert_json(d, "spec.selector", "{\"matchLabels\":{\"app\":\"podinfo-primary\"}}");
	assert_json(d, "spec.replicas", "2");
	assert_json(d, "spec.minReadySeconds", "3");
	assert_json(d, "spec.revisionHistoryLimit", "5");
	assert_json(d, "spec.progressDeadlineSeconds", "60");
	assert_json(d, "spec.strategy.rollingUpdate", "{\"maxSurge\":1,\"maxUnavailable\":0}");
	assert_json(d, "spec.template.metadata.labels", "{\"app\":\"podinfo-primary\",\"version\":\"v1\"}");
	assert_json(d, "spec.template.metadata.annotations.prometheus\\.io/scrape", "\"true\"");
	assert_int_equal(strlen(json_text(d, "spec.template.metadata.annotations.flagger-id", "")), 36);
	assert_json(d, "spec.template.spec.containers.0.image", "\"podinfo:6.0.0\"");
	/* a server may write null or leave it out: nothing is new because of that */
	fake_patch(s.fake, KIND_DEPLOYMENT, "test", "podinfo-primary",
		   "{\"spec\":{\"template\":{\"metadata\":{\"creationTimestamp\":null}}}}");
	stage_observe(&s);
	assert_true(s.seen.source_same_template);
	stage_close(&s);
}

static const struct {
	const char *path, *wanted;
} rewritten[] = {
	{ "topologySpreadConstraints.0.labelSelector.matchLabels",
	  "{\"app\":\"podinfo-primary\",\"other\":\"podinfo\"}" },
	{ "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution.0.labelSelector.matchExpressions.0."
	  "values",
	  "[\"x\",\"podinfo-primary\",\"podinfo\"]" },
	{ "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution.0.podAffinityTerm.labelSelector",
	  "{\"matchLabels\":{\"app\":\"podinfo-primary\"}}" },
	{ "affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution.0.labelSelector",
	  "{\"matchLabels\":{\"app\":\"podinfo\"}}" },
};

static void test_affinity_is_rewritten(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	for (size_t i = 0; i < sizeof rewritten / sizeof *rewritten; i++)
		assert_json(json_at(PRIMARY(&s), "spec.template.spec"), rewritten[i].path, rewritten[i].wanted);
	stage_close(&s);
}

static void test_label_prefixes(void **state)
{
	(void)state;
	static const char *const prefixes[] = { "app.kubernetes.io", NULL };
	struct stage s;
	stage_podinfo(&s);
	s.options.include_label_prefixes = prefixes;
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	assert_json(PRIMARY(&s), "metadata.labels",
		    "{\"app\":\"podinfo-primary\",\"app.kubernetes.io/managed-by\":\"rollcall\","
		    "\"app.kubernetes.io/part-of\":\"shop\"}");
	stage_close(&s);
}

static void test_no_selector_label(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	TARGET_PATCH(&s, "{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":null,\"x\":\"y\"}}}}");
	stage_observe(&s);
	assert_string_equal(s.seen.error, "getSelectorLabel failed: deployment podinfo.test spec.selector.matchLabels "
					  "must contain one of [app name app.kubernetes.io/name]");
	stage_close(&s);
}

static const char *revision_of(struct stage *s)
{
	return revision_of_template(json_at(TARGET(s), "spec.template"), s->arena);
}

static void test_promotion(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	const char *id =
		arena_strdup(s.arena, json_text(PRIMARY(&s), "spec.template.metadata.annotations.flagger-id", ""));
	/* What happens to a primary between two promotions: the controller numbers it, somebody notes something. */
	fake_patch(s.fake, KIND_DEPLOYMENT, "test", "podinfo-primary",
		   "{\"metadata\":{\"labels\":{\"stray\":\"x\"},\"annotations\":{\"stray\":\"x\"}}}");
	TARGET_PATCH(&s, "{\"spec\":{\"replicas\":5,\"strategy\":{\"type\":\"Recreate\",\"rollingUpdate\":null},"
			 "\"template\":{\"metadata\":{\"labels\":{\"version\":null,\"tier\":\"web\"}},\"spec\":{"
			 "\"containers\":[{\"name\":\"podinfod\",\"image\":\"podinfo:6.0.1\"}]}}}}");
	assert_int_equal(DO(&s, PROMOTE, .expect_revision = revision_of(&s)), 1);
	const cJSON *d = PRIMARY(&s);
	assert_json(d, "spec.template.spec.containers", "[{\"image\":\"podinfo:6.0.1\",\"name\":\"podinfod\"}]");
	assert_json(d, "spec.template.metadata.labels", "{\"app\":\"podinfo-primary\",\"tier\":\"web\"}");
	assert_json(d, "spec.strategy", "{\"type\":\"Recreate\"}");
	assert_json(d, "spec.replicas", "5");
	assert_json(d, "spec.selector", "{\"matchLabels\":{\"app\":\"podinfo-primary\"}}");
	assert_json(d, "metadata.labels",
		    "{\"app\":\"podinfo-primary\",\"app.kubernetes.io/managed-by\":\"rollcall\"}");
	assert_json(d, "metadata.annotations", "{\"deployment.kubernetes.io/revision\":\"3\"}");
	assert_string_not_equal(json_text(d, "spec.template.metadata.annotations.flagger-id", ""), id);
	stage_observe(&s);
	assert_true(s.seen.source_same_template);
	stage_close(&s);
}

/* E23, E17, and a primary with an autoscaler. */
static void test_promotion_keeps_what_is_not_its_own(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	TARGET_PATCH(&s, "{\"spec\":{\"replicas\":0,\"minReadySeconds\":9}}");
	assert_int_equal(DO(&s, PROMOTE, .expect_revision = revision_of(&s)), 1);
	assert_json(PRIMARY(&s), "spec.replicas", "2");
	assert_json(PRIMARY(&s), "spec.minReadySeconds", "9");

	assert_int_equal(stage_effect(&s, (struct effect){ .kind = EFFECT_PROMOTE, .expect_revision = "444" }),
			 RC_CONFLICT);
	assert_string_equal(s.e.text, "deployment podinfo.test changed while it was being promoted");

	fake_patch(
		s.fake, KIND_CANARY, "test", "podinfo",
		"{\"spec\":{\"autoscalerRef\":{\"apiVersion\":\"autoscaling/v2\",\"kind\":\"HorizontalPodAutoscaler\","
		"\"name\":\"podinfo\"}}}");
	stage_canary(&s, "test", "podinfo");
	TARGET_PATCH(&s, "{\"spec\":{\"replicas\":7}}");
	assert_int_equal(DO(&s, PROMOTE, .expect_revision = revision_of(&s)), 0);
	assert_json(PRIMARY(&s), "spec.replicas", "2");
	stage_close(&s);
}

static void test_revert_template(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	TARGET_PATCH(&s, "{\"spec\":{\"template\":{\"metadata\":{\"annotations\":{\"flagger-id\":null}}}}}");
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	CLEANUP(json_delete_p) cJSON *before = cJSON_Duplicate(json_at(TARGET(&s), "spec.template"), true);
	TARGET_PATCH(
		&s,
		"{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"new\":\"x\"},\"annotations\":{\"new\":"
		"\"y\"}},\"spec\":{\"hostNetwork\":true,\"containers\":[{\"name\":\"podinfod\",\"image\":\"bad\"}]}}"
		"}}");
	assert_int_equal(DO(&s, REVERT_TEMPLATE), 1);
	json_remove(before, "metadata.creationTimestamp");
	CLEANUP(json_delete_p) cJSON *after = cJSON_Duplicate(json_at(TARGET(&s), "spec.template"), true);
	json_remove(after, "metadata.creationTimestamp");
	if (!json_equal(before, after))
		fail_msg("not as it was: %s", json_print(after));
	stage_close(&s);
}

static void test_scale(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	assert_int_equal(DO(&s, SCALE, .side = SIDE_TARGET, .replicas = 0), 1);
	assert_json(TARGET(&s), "spec.replicas", "0");
	assert_int_equal(DO(&s, SCALE, .side = SIDE_SOURCE, .replicas = 2), 0);
	assert_int_equal(DO(&s, SCALE, .side = SIDE_SOURCE, .replicas = 3), 1);
	assert_json(PRIMARY(&s), "spec.replicas", "3");
	stage_close(&s);
}

static void test_pause(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	CLEANUP(json_delete_p) cJSON *before = cJSON_Duplicate(json_at(TARGET(&s), "metadata.annotations"), true);
	assert_int_equal(DO(&s, PAUSE_TARGET), 1);
	stage_observe(&s);
	assert_true(s.seen.target.paused && s.seen.target.paused_by_us);
	assert_int_equal(DO(&s, RESUME_TARGET), 1);
	assert_null(json_at(TARGET(&s), "spec.paused"));
	assert_true(json_equal(json_at(TARGET(&s), "metadata.annotations"), before));

	/* The user's pause is the user's. */
	TARGET_PATCH(&s, "{\"spec\":{\"paused\":true}}");
	assert_int_equal(DO(&s, PAUSE_TARGET), 0);
	stage_observe(&s);
	assert_true(s.seen.target.paused && !s.seen.target.paused_by_us);
	assert_int_equal(DO(&s, RESUME_TARGET), 0);
	assert_json(TARGET(&s), "spec.paused", "true");

	/* Resumed by hand: our mark must not stay. */
	TARGET_PATCH(&s, "{\"spec\":{\"paused\":null}}");
	(void)DO(&s, PAUSE_TARGET);
	TARGET_PATCH(&s, "{\"spec\":{\"paused\":null}}");
	assert_int_equal(DO(&s, RESUME_TARGET), 1);
	assert_true(json_equal(json_at(TARGET(&s), "metadata.annotations"), before));
	stage_close(&s);
}

static void test_finalizers(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	fake_patch(s.fake, KIND_CANARY, "test", "podinfo", "{\"metadata\":{\"finalizers\":[\"other/one\"]}}");
	stage_canary(&s, "test", "podinfo");
	(void)DO(&s, ADD_FINALIZER);
	assert_json(fake_tree(s.fake, KIND_CANARY, "test", "podinfo"), "metadata.finalizers",
		    "[\"other/one\",\"finalizer.flagger.app\"]");
	(void)DO(&s, REMOVE_FINALIZER);
	assert_json(fake_tree(s.fake, KIND_CANARY, "test", "podinfo"), "metadata.finalizers", "[\"other/one\"]");

	/* The list carries the version it was read at. */
	fake_patch(s.fake, KIND_CANARY, "test", "podinfo", "{\"metadata\":{\"finalizers\":[\"other/two\"]}}");
	stage_plan(&s);
	assert_int_equal(target_effect(&s.plan, &(struct effect){ .kind = EFFECT_ADD_FINALIZER }, &s.e), RC_OK);
	assert_non_null(strstr(s.plan.writes[0].body, "\"resourceVersion\""));
	stage_close(&s);
}

static void test_delete_ours(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	(void)DO(&s, ENSURE_CANARY_SERVICE);
	(void)DO(&s, ENSURE_PRIMARY_SERVICE);
	fake_apply(s.fake,
		   "{apiVersion: v1, kind: Service, metadata: {name: podinfo, namespace: test}, spec: {selector: "
		   "{app: podinfo}, ports: [{port: 80}]}}");
	stage_observe(&s);
	assert_true(s.seen.leftovers);
	assert_int_equal(DO(&s, DELETE_OURS), 3);
	stage_observe(&s);
	assert_false(s.seen.leftovers);
	assert_null(PRIMARY(&s));
	assert_non_null(TARGET(&s));
	assert_non_null(fake_tree(s.fake, KIND_SERVICE, "test", "podinfo"));

	/* A name that somebody else took meanwhile, and one that is known to be ours but is another object now. */
	fake_apply(s.fake,
		   "{apiVersion: v1, kind: Service, metadata: {name: podinfo-canary, namespace: test}, spec: {}}");
	assert_int_equal(DO(&s, DELETE_OURS), 0);
	(void)DO(&s, ENSURE_PRIMARY_SERVICE);
	stage_plan(&s);
	assert_int_equal(target_effect(&s.plan, &(struct effect){ .kind = EFFECT_DELETE_OURS }, &s.e), RC_OK);
	assert_int_equal(s.plan.count, 1);
	const char *uid = json_text(fake_tree(s.fake, KIND_SERVICE, "test", "podinfo-primary"), "metadata.uid", "");
	CLEANUP(json_delete_p) cJSON *options = NULL;
	assert_int_equal(json_parse(s.plan.writes[0].body, strlen(s.plan.writes[0].body), &options, &s.e), RC_OK);
	assert_string_equal(json_text(options, "preconditions.uid", ""), uid);
	stage_close(&s);
}

/* "kubectl delete -f" of everything at once: the Canary must be able to go without its target. */
static void test_target_has_gone(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	fake_apply(s.fake,
		   "{apiVersion: v1, kind: Service, metadata: {name: podinfo, namespace: test}, spec: {selector: "
		   "{app: podinfo}, ports: [{name: http, port: 80, targetPort: http}]}}");
	(void)DO(&s, ENSURE_SOURCE, .replicas = 2);
	(void)DO(&s, APEX_TO_SOURCE);
	fake_delete(s.fake, KIND_DEPLOYMENT, "test", "podinfo");
	assert_int_equal(DO(&s, REVERT_TEMPLATE), 0);
	assert_int_equal(DO(&s, RESUME_TARGET), 0);
	assert_int_equal(DO(&s, RESTORE_APEX), 1);
	assert_json(fake_tree(s.fake, KIND_SERVICE, "test", "podinfo"), "spec.selector", "{\"app\":\"podinfo\"}");
	(void)DO(&s, DELETE_OURS);
	(void)DO(&s, REMOVE_FINALIZER);
	stage_observe(&s);
	assert_string_equal(s.seen.error, "deployment podinfo.test get query error: not found");
	assert_int_equal(stage_effect(&s, (struct effect){ .kind = EFFECT_PROMOTE }), RC_NOT_FOUND);
	stage_close(&s);
}

/* A kind that we cannot release yet: nothing was made, and the finalizer still comes off. */
static void test_unknown_kind_can_leave(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	s.canary->target.kind = "DaemonSet";
	struct effect f = { .kind = EFFECT_RESTORE_APEX };
	assert_int_equal(stage_effect(&s, f), RC_OK);
	f.kind = EFFECT_REMOVE_FINALIZER;
	assert_int_equal(stage_effect(&s, f), RC_OK);
	f.kind = EFFECT_SCALE;
	assert_int_equal(stage_effect(&s, f), RC_INVALID);
	assert_string_equal(s.e.text, "targetRef.kind DaemonSet is not supported");
	stage_close(&s);
}

static void test_observe(void **state)
{
	(void)state;
	struct stage s;
	stage_podinfo(&s);
	TARGET_PATCH(
		&s,
		"{\"status\":{\"replicas\":3,\"updatedReplicas\":2,\"readyReplicas\":2,\"availableReplicas\":1,"
		"\"observedGeneration\":1,\"conditions\":[{\"type\":\"Progressing\",\"status\":\"False\",\"reason\":"
		"\"ProgressDeadlineExceeded\"},{\"type\":\"Available\",\"status\":\"False\",\"reason\":"
		"\"MinimumReplicasUnavailable\",\"lastUpdateTime\":\"2026-11-24T22:00:00Z\"}]}}");
	stage_observe(&s);
	const struct workload *w = &s.seen.target;
	assert_true(w->exists && w->has_progressing && w->deadline_exceeded && w->min_unavailable);
	assert_int_equal(w->unavailable_since.v, 1795557600000);
	assert_int_equal(w->wanted, 2);
	assert_int_equal(w->replicas * 1000 + w->updated * 100 + w->ready * 10 + w->available, 3221);
	assert_string_equal(w->images, "podinfo:6.0.0");
	assert_string_equal(w->requested_by, "kubectl");
	assert_false(s.seen.source.exists);
	assert_string_equal(s.seen.source.revision, "");
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_primary_is_made),
		cmocka_unit_test(test_affinity_is_rewritten),
		cmocka_unit_test(test_label_prefixes),
		cmocka_unit_test(test_no_selector_label),
		cmocka_unit_test(test_promotion),
		cmocka_unit_test(test_promotion_keeps_what_is_not_its_own),
		cmocka_unit_test(test_revert_template),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_finalizers),
		cmocka_unit_test(test_delete_ours),
		cmocka_unit_test(test_target_has_gone),
		cmocka_unit_test(test_unknown_kind_can_leave),
		cmocka_unit_test(test_observe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

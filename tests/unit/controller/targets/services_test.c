#include "controller/targets/deployment.h"

#include "tests/unit/controller/effects.h"

/* The users' own manifests: a Service that is there before the Canary. */
static void stage_seed(struct stage *s)
{
	stage_open(s);
	fake_apply_file(s->fake, "tests/fixtures/seed/podinfo.yaml");
	fake_apply_file(s->fake, "tests/fixtures/seed/podinfo-canary.yaml");
	stage_canary(s, "default", "podinfo-default");
}

static const cJSON *service(struct stage *s, const char *name)
{
	return fake_tree(s->fake, KIND_SERVICE, "default", name);
}

static void test_made_services(void **state)
{
	(void)state;
	struct stage s;
	stage_seed(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 4);
	assert_int_equal(DO(&s, ENSURE_CANARY_SERVICE), 1);
	assert_int_equal(DO(&s, ENSURE_PRIMARY_SERVICE), 1);
	const cJSON *c = service(&s, "my-podinfo-svc-canary"), *p = service(&s, "my-podinfo-svc-primary");
	assert_json(c, "spec",
		    "{\"ports\":[{\"name\":\"http\",\"port\":80,\"protocol\":\"TCP\",\"targetPort\":8080}],"
		    "\"selector\":{\"app\":\"podinfo\"},\"type\":\"ClusterIP\"}");
	assert_json(c, "metadata.labels",
		    "{\"app\":\"my-podinfo-svc-canary\",\"app.kubernetes.io/managed-by\":\"rollcall\"}");
	assert_json(c, "metadata.annotations",
		    "{\"helm.toolkit.fluxcd.io/driftDetection\":\"disabled\","
		    "\"kustomize.toolkit.fluxcd.io/reconcile\":\"disabled\"}");
	assert_json(c, "metadata.ownerReferences.0.name", "\"podinfo-default\"");
	assert_json(p, "spec.selector", "{\"app\":\"podinfo-primary\"}");
	stage_close(&s);
}

/* At the end the object equals what the user applied. */
static void adopt_and_give_back(const char *before_patch)
{
	struct stage s;
	stage_seed(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 4);
	fake_patch(s.fake, KIND_SERVICE, "default", "my-podinfo-svc", before_patch);
	CLEANUP(json_delete_p) cJSON *before = cJSON_Duplicate(service(&s, "my-podinfo-svc"), true);
	stage_observe(&s);
	assert_int_equal(s.seen.apex_service, SHAPE_DIFFERENT);
	assert_true(s.seen.apex_to_target);

	assert_int_equal(DO(&s, APEX_TO_SOURCE), 1);
	const cJSON *now = service(&s, "my-podinfo-svc");
	assert_json(now, "spec.selector", "{\"app\":\"podinfo-primary\"}");
	assert_json(now, "spec.clusterIP", "\"172.24.8.231\"");
	assert_json(now, "spec.ports.0.targetPort", "8080");
	assert_json(now, "metadata.annotations.kustomize\\.toolkit\\.fluxcd\\.io/reconcile", "\"disabled\"");
	assert_null(json_at(now, "metadata.ownerReferences"));
	assert_true(json_equal(json_at(now, "metadata.labels"), json_at(before, "metadata.labels")));
	stage_observe(&s);
	assert_int_equal(s.seen.apex_service, SHAPE_AS_WANTED);
	assert_false(s.seen.apex_to_target);

	assert_int_equal(DO(&s, APEX_TO_TARGET), 1);
	stage_observe(&s);
	assert_true(s.seen.apex_to_target);
	assert_int_equal(DO(&s, APEX_TO_SOURCE), 1);
	assert_int_equal(DO(&s, RESTORE_APEX), 1);

	CLEANUP(json_delete_p) cJSON *after = cJSON_Duplicate(service(&s, "my-podinfo-svc"), true);
	static const char *const servers[] = { "metadata.resourceVersion", "metadata.generation" };
	for (size_t i = 0; i < 2; i++) {
		json_remove(before, servers[i]);
		json_remove(after, servers[i]);
	}
	const cJSON *annotations = json_at(after, "metadata.annotations");
	if (annotations && !annotations->child) /* the server keeps no empty map */
		json_remove(after, "metadata.annotations");
	if (!json_equal(before, after))
		fail_msg("not as it was: %s", json_print(after));
	assert_int_equal(DO(&s, DELETE_OURS), 1); /* the primary; not the user's Service */
	assert_non_null(service(&s, "my-podinfo-svc"));
	stage_close(&s);
}

static void test_adopted_service_is_given_back(void **state)
{
	(void)state;
	adopt_and_give_back("{}");
	/* nodePorts, more ports than ours, another selector that matches, toolkit keys of the user's own */
	adopt_and_give_back("{\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"name\":\"http\",\"port\":80,\"protocol\":"
			    "\"TCP\",\"targetPort\":8080,\"nodePort\":30080},{\"name\":\"x\",\"port\":81,\"protocol\":"
			    "\"TCP\",\"targetPort\":81}]}}");
	adopt_and_give_back("{\"metadata\":{\"labels\":{\"a\":\"b\"},\"annotations\":{\"note\":\"y\","
			    "\"kustomize.toolkit.fluxcd.io/reconcile\":\"enabled\"}}}");
}

static void test_node_ports_stay(void **state)
{
	(void)state;
	struct stage s;
	stage_seed(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 4);
	fake_patch(s.fake, KIND_SERVICE, "default", "my-podinfo-svc",
		   "{\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"name\":\"http\",\"port\":8000,\"targetPort\":8080,"
		   "\"nodePort\":30080}]}}");
	(void)DO(&s, APEX_TO_SOURCE);
	assert_json(service(&s, "my-podinfo-svc"), "spec.ports",
		    "[{\"name\":\"http\",\"nodePort\":30080,\"port\":80,\"protocol\":\"TCP\",\"targetPort\":8080}]");
	assert_json(service(&s, "my-podinfo-svc"), "spec.type", "\"NodePort\"");
	stage_close(&s);
}

/* A user's own Service of the name that ours would have. */
static void test_all_of_the_users_services_are_given_back(void **state)
{
	(void)state;
	struct stage s;
	stage_seed(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 4);
	fake_apply(s.fake,
		   "{apiVersion: v1, kind: Service, metadata: {name: my-podinfo-svc-canary, namespace: default}, "
		   "spec: {selector: {x: y}, ports: [{name: a, port: 1, targetPort: 1}]}}");
	(void)DO(&s, ENSURE_CANARY_SERVICE);
	assert_json(service(&s, "my-podinfo-svc-canary"), "spec.selector", "{\"app\":\"podinfo\"}");
	(void)DO(&s, RESTORE_APEX);
	assert_json(service(&s, "my-podinfo-svc-canary"), "spec.selector", "{\"x\":\"y\"}");
	assert_json(service(&s, "my-podinfo-svc-canary"), "spec.ports.0.name", "\"a\"");
	stage_close(&s);
}

static void test_owned_metadata(void **state)
{
	(void)state;
	struct stage s;
	stage_seed(&s);
	fake_patch(s.fake, KIND_CANARY, "default", "podinfo-default",
		   "{\"spec\":{\"service\":{\"canary\":{\"labels\":{\"l\":\"1\"},\"annotations\":{\"a\":\"1\"}},"
		   "\"unmanagedMetadata\":{\"annotations\":[\"keep\",\"missing\"],\"labels\":[\"kept\"]}}}}");
	stage_canary(&s, "default", "podinfo-default");
	(void)DO(&s, ENSURE_CANARY_SERVICE);
	fake_patch(
		s.fake, KIND_SERVICE, "default", "my-podinfo-svc-canary",
		"{\"metadata\":{\"labels\":{\"l\":\"2\",\"kept\":\"x\",\"gone\":\"x\"},\"annotations\":{\"keep\":\"y\","
		"\"gone\":\"y\"}}}");
	stage_observe(&s);
	assert_int_equal(s.seen.canary_service, SHAPE_DIFFERENT);
	assert_int_equal(DO(&s, ENSURE_CANARY_SERVICE), 1);
	assert_json(service(&s, "my-podinfo-svc-canary"), "metadata.labels",
		    "{\"app\":\"my-podinfo-svc-canary\",\"app.kubernetes.io/managed-by\":\"rollcall\",\"kept\":\"x\","
		    "\"l\":\"1\"}");
	assert_json(service(&s, "my-podinfo-svc-canary"), "metadata.annotations",
		    "{\"a\":\"1\",\"helm.toolkit.fluxcd.io/driftDetection\":\"disabled\",\"keep\":\"y\","
		    "\"kustomize.toolkit.fluxcd.io/reconcile\":\"disabled\"}");
	stage_close(&s);
}

/* flagger-controller.md, scenario 31 */
static const struct {
	const char *service, *wanted;
} discovery[] = {
	{ "{\"port\":9898,\"portDiscovery\":true}", "http 9898 9898, http-metrics 8080 8080, tcp-podinfo-2 8888 8888" },
	{ "{\"port\":80,\"targetPort\":9898,\"portDiscovery\":true}",
	  "http 80 9898, http-metrics 8080 8080, tcp-podinfo-2 8888 8888" },
	{ "{\"port\":8080,\"targetPort\":\"http\",\"portDiscovery\":true}",
	  "http 8080 http, http-metrics 8080 8080, tcp-podinfo-2 8888 8888" },
	{ "{\"port\":80,\"portName\":\"grpc\",\"appProtocol\":\"h2c\"}", "grpc 80 80 h2c" },
};

static const char *ports_text(struct stage *s, const cJSON *svc)
{
	const char *text = "";
	const cJSON *p;
	cJSON_ArrayForEach (p, json_at(svc, "spec.ports")) {
		CLEANUP(free_p) char *to = json_print(json_at(p, "targetPort"));
		size_t quoted = to[0] == '"';
		const char *protocol = json_text(p, "appProtocol", "");
		text = arena_printf(s->arena, "%s%s%s %d %.*s%s%s", text, *text ? ", " : "", json_text(p, "name", ""),
				    (int)json_int(p, "port", 0), (int)(strlen(to) - 2 * quoted), to + quoted,
				    *protocol ? " " : "", protocol);
	}
	return text;
}

static void test_port_discovery(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof discovery / sizeof *discovery; i++) {
		struct stage s;
		stage_seed(&s);
		fake_patch(s.fake, KIND_DEPLOYMENT, "default", "podinfo",
			   "{\"spec\":{\"template\":{\"spec\":{\"initContainers\":[{\"name\":\"i\",\"ports\":[{"
			   "\"containerPort\":1}]}],\"containers\":[{\"name\":\"istio-proxy\",\"ports\":[{"
			   "\"containerPort\":15090}]},{\"name\":\"podinfo\",\"ports\":[{\"name\":\"http\","
			   "\"containerPort\":9898},{\"name\":\"http-metrics\",\"containerPort\":8080},{"
			   "\"containerPort\":8888}]}]}}}}");
		char patch[256];
		(void)snprintf(patch, sizeof patch, "{\"spec\":{\"service\":null}}");
		fake_patch(s.fake, KIND_CANARY, "default", "podinfo-default", patch);
		(void)snprintf(patch, sizeof patch, "{\"spec\":{\"service\":%s}}", discovery[i].service);
		fake_patch(s.fake, KIND_CANARY, "default", "podinfo-default", patch);
		stage_canary(&s, "default", "podinfo-default");
		(void)DO(&s, ENSURE_CANARY_SERVICE);
		assert_string_equal(ports_text(&s, service(&s, "podinfo-canary")), discovery[i].wanted);
		stage_close(&s);
	}
}

static void annotate(struct stage *s, const char *key, const char *value)
{
	char patch[256];
	(void)snprintf(patch, sizeof patch, "{\"metadata\":{\"annotations\":{\"%s\":\"%s\"}}}", key, value);
	fake_patch(s->fake, KIND_CANARY, "default", "podinfo-default", patch);
	stage_canary(s, "default", "podinfo-default");
}

/* Two Deployments of the user's, told apart by a label of their choice. */
static void test_distinguish_labels_of_a_pair(void **state)
{
	(void)state;
	struct stage s;
	stage_seed(&s);
	fake_apply(s.fake,
		   "{apiVersion: apps/v1, kind: Deployment, metadata: {name: stable, namespace: default}, spec: "
		   "{replicas: 1, selector: {matchLabels: {app: podinfo}}, template: {metadata: {labels: {app: "
		   "podinfo, version: stable}}, spec: {containers: []}}}}");
	fake_patch(s.fake, KIND_DEPLOYMENT, "default", "podinfo",
		   "{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"version\":\"canary\"}}}}}");
	fake_patch(
		s.fake, KIND_CANARY, "default", "podinfo-default",
		"{\"spec\":{\"sourceRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"stable\"}}}");
	annotate(&s, "alicloud.canary.distinguish.labels", "version");
	annotate(&s, "alicloud.canary.general.labels", "app");
	assert_int_equal(DO(&s, ENSURE_SOURCE), 0);
	(void)DO(&s, ENSURE_CANARY_SERVICE);
	(void)DO(&s, ENSURE_PRIMARY_SERVICE);
	assert_json(service(&s, "my-podinfo-svc-canary"), "spec.selector", "{\"version\":\"canary\"}");
	assert_json(service(&s, "my-podinfo-svc-primary"), "spec.selector", "{\"version\":\"stable\"}");
	(void)DO(&s, APEX_TO_SOURCE);
	assert_json(service(&s, "my-podinfo-svc"), "spec.selector", "{\"version\":\"stable\"}");
	stage_observe(&s);
	assert_false(s.seen.apex_to_target);
	assert_int_equal(s.seen.apex_service, SHAPE_AS_WANTED);
	(void)DO(&s, APEX_TO_TARGET);
	assert_json(service(&s, "my-podinfo-svc"), "spec.selector", "{\"app\":\"podinfo\"}");
	stage_observe(&s);
	assert_true(s.seen.apex_to_target);

	/* nothing tells the two apart: what leads to the source does not lead to the target */
	annotate(&s, "alicloud.canary.distinguish.labels", "");
	(void)DO(&s, APEX_TO_SOURCE);
	assert_json(service(&s, "my-podinfo-svc"), "spec.selector", "{\"app\":\"podinfo\"}");
	stage_observe(&s);
	assert_false(s.seen.apex_to_target);

	fake_delete(s.fake, KIND_DEPLOYMENT, "default", "stable");
	assert_int_equal(stage_effect(&s, (struct effect){ .kind = EFFECT_ENSURE_PRIMARY_SERVICE }), RC_INVALID);
	assert_string_equal(s.e.text, "deployment stable.default (spec.sourceRef) does not exist");
	stage_close(&s);
}

/* A Service must not lose pods that serve because the next revision has another label. */
static void test_labels_of_a_revision_select_nothing(void **state)
{
	(void)state;
	struct stage s;
	stage_seed(&s);
	fake_patch(
		s.fake, KIND_DEPLOYMENT, "default", "podinfo",
		"{\"spec\":{\"selector\":{\"matchLabels\":{\"tier\":\"web\"}},\"template\":{\"metadata\":{\"labels\":{"
		"\"tier\":\"web\",\"version\":\"v1\"}}}}}");
	annotate(&s, "alicloud.canary.distinguish.labels", "version,tier");
	(void)DO(&s, ENSURE_SOURCE, .replicas = 4);
	(void)DO(&s, ENSURE_CANARY_SERVICE);
	(void)DO(&s, ENSURE_PRIMARY_SERVICE);
	assert_json(service(&s, "my-podinfo-svc-canary"), "spec.selector", "{\"app\":\"podinfo\",\"tier\":\"web\"}");
	assert_json(service(&s, "my-podinfo-svc-primary"), "spec.selector",
		    "{\"app\":\"podinfo-primary\",\"tier\":\"web\"}");
	fake_patch(s.fake, KIND_DEPLOYMENT, "default", "podinfo",
		   "{\"spec\":{\"template\":{\"metadata\":{\"labels\":{\"version\":\"v2\"}}}}}");
	assert_int_equal(DO(&s, ENSURE_CANARY_SERVICE), 0);
	stage_close(&s);
}

static void test_apex_of_ours(void **state)
{
	(void)state;
	struct stage s;
	stage_seed(&s);
	(void)DO(&s, ENSURE_SOURCE, .replicas = 4);
	fake_delete(s.fake, KIND_SERVICE, "default", "my-podinfo-svc");
	stage_observe(&s);
	assert_int_equal(s.seen.apex_service, SHAPE_MISSING);
	(void)DO(&s, APEX_TO_SOURCE);
	(void)DO(&s, RESTORE_APEX);
	assert_json(service(&s, "my-podinfo-svc"), "spec.selector", "{\"app\":\"podinfo\"}");
	assert_int_equal(DO(&s, DELETE_OURS), 2);
	assert_null(service(&s, "my-podinfo-svc"));
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_services),
		cmocka_unit_test(test_adopted_service_is_given_back),
		cmocka_unit_test(test_node_ports_stay),
		cmocka_unit_test(test_all_of_the_users_services_are_given_back),
		cmocka_unit_test(test_owned_metadata),
		cmocka_unit_test(test_port_discovery),
		cmocka_unit_test(test_distinguish_labels_of_a_pair),
		cmocka_unit_test(test_labels_of_a_revision_select_nothing),
		cmocka_unit_test(test_apex_of_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The loops over a real store: Deployments become pods, Services become Endpoints. The test is the node. */
#include "base/text.h"
#include "tests/unit/controller/cluster/embedded_rig.h"

enum { PODS_MAX = 64 };

struct seen_pods {
	const struct object *list[PODS_MAX];
	size_t len;
};

static bool see(void *owner, const struct object *o)
{
	struct seen_pods *p = owner;
	assert_true(p->len < PODS_MAX);
	p->list[p->len++] = o;
	return true;
}

static struct seen_pods pods(struct embedded_rig *x)
{
	struct seen_pods p = { .len = 0 };
	cluster_each(x->g.cluster, KIND_POD, NULL, see, &p);
	return p;
}

static cJSON *tree_of(const struct object *o)
{
	cJSON *tree = NULL;
	assert_int_equal(json_parse(o->json, o->json_len, &tree, NULL), RC_OK);
	return tree;
}

static unsigned count_image(struct embedded_rig *x, const char *image, bool ready_only)
{
	struct seen_pods p = pods(x);
	unsigned n = 0;
	for (size_t i = 0; i < p.len; i++) {
		cJSON *t = tree_of(p.list[i]);
		bool ready = text_eq(json_text(t, "status.conditions.0.status", ""), "True");
		n += text_eq(json_text(t, "spec.containers.0.image", ""), image) && !p.list[i]->deleting &&
		     (ready || !ready_only);
		cJSON_Delete(t);
	}
	return n;
}

/* What the node would do: gives new pods of an image an address and readiness, and takes away what is leaving. */
static void be_node(struct embedded_rig *x, const char *healthy)
{
	static unsigned address;
	struct seen_pods p = pods(x);
	char names[PODS_MAX][64];
	int what[PODS_MAX] = { 0 };
	for (size_t i = 0; i < p.len; i++) {
		cJSON *t = tree_of(p.list[i]);
		snprintf(names[i], sizeof names[i], "%s", p.list[i]->name);
		if (p.list[i]->deleting)
			what[i] = 1;
		else if (!json_at(t, "spec.nodeName"))
			what[i] = 2;
		else if (!json_at(t, "status.conditions") &&
			 strstr(json_text(t, "spec.containers.0.image", ""), healthy))
			what[i] = 3;
		cJSON_Delete(t);
	}
	for (size_t i = 0; i < p.len; i++) {
		char body[512], now[32];
		wall_print(loop_wall(x->g.loop), now);
		if (what[i] == 1)
			rig_write(&x->g, WRITE_DELETE, KIND_POD, "default", names[i], "", "{\"gracePeriodSeconds\":0}");
		else if (what[i] == 2)
			rig_write(&x->g, WRITE_CREATE, KIND_POD, "default", names[i], "binding",
				  "{\"target\":{\"name\":\"here\"}}");
		snprintf(body, sizeof body,
			 "{\"status\":{\"phase\":\"Running\",\"podIP\":\"127.10.0.%u\",\"conditions\":[{\"type\":"
			 "\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"%s\"}]}}",
			 ++address % 250 + 1, now);
		if (what[i] == 3)
			rig_write(&x->g, WRITE_PATCH, KIND_POD, "default", names[i], "status", body);
	}
}

#define UNTIL_SERVED(x, healthy, condition)                                                                            \
	do {                                                                                                           \
		int64_t last_ = loop_now((x)->g.loop).v + RIG_DEADLINE_MS;                                             \
		while (!(condition)) {                                                                                 \
			if (loop_now((x)->g.loop).v > last_)                                                           \
				fail_msg("not within %d ms: %s", RIG_DEADLINE_MS, #condition);                         \
			be_node(x, healthy);                                                                           \
			rig_turn(&(x)->g);                                                                             \
		}                                                                                                      \
	} while (0)

static struct outcome deploy(struct embedded_rig *x, const char *image, int replicas, const char *more)
{
	char body[1024];
	snprintf(
		body, sizeof body,
		"{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\"},\"spec\":{"
		"\"replicas\":%d,%s\"selector\":{\"matchLabels\":{\"app\":\"web\"}},\"template\":{\"metadata\":{"
		"\"labels\":{\"app\":\"web\"},\"annotations\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"a\","
		"\"image\":\"%s\",\"ports\":[{\"name\":\"http\",\"containerPort\":8080}]}]}}}}",
		replicas, more, image);
	struct outcome o = rig_apply(x, body);
	assert_string_equal(o.why, "");
	return o;
}

static int64_t number(struct embedded_rig *x, const char *path)
{
	cJSON *d = rig_tree(x, KIND_DEPLOYMENT, "default", "web");
	int64_t n = json_int(d, path, 0);
	cJSON_Delete(d);
	return n;
}

static bool condition_is(struct embedded_rig *x, const char *type, const char *reason)
{
	cJSON *d = rig_tree(x, KIND_DEPLOYMENT, "default", "web");
	const cJSON *c;
	bool is = false;
	cJSON_ArrayForEach (c, json_at(d, "status.conditions"))
		is = is || (text_eq(json_text(c, "type", ""), type) && text_eq(json_text(c, "reason", ""), reason));
	cJSON_Delete(d);
	return is;
}

static bool is_done(struct embedded_rig *x, int replicas)
{
	return number(x, "status.observedGeneration") == number(x, "metadata.generation") &&
	       number(x, "status.updatedReplicas") == replicas && number(x, "status.replicas") == replicas &&
	       number(x, "status.availableReplicas") == replicas &&
	       (replicas == 0 || condition_is(x, "Progressing", "NewReplicaSetAvailable"));
}

static void test_a_deployment_becomes_pods(void **state)
{
	struct embedded_rig *x = *state;
	rig_want_all(x);
	struct outcome o = deploy(x, "demo:blue", 3, "");
	UNTIL(&x->g, pods(x).len == 3);
	struct seen_pods p = pods(x);
	assert_string_equal(p.list[0]->owner_uid, o.uid);
	assert_true(text_starts(p.list[0]->name, "web-"));
	cJSON *t = tree_of(p.list[0]);
	assert_string_equal(json_text(t, "metadata.labels.app", ""), "web");
	assert_string_equal(json_text(t, "metadata.annotations.a", ""), "b");
	assert_int_equal(strlen(json_text(t, "metadata.labels.pod-template-hash", "")), 10);
	assert_string_equal(json_text(t, "metadata.ownerReferences.0.kind", ""), "Deployment");
	cJSON_Delete(t);
	UNTIL(&x->g, condition_is(x, "Available", "MinimumReplicasUnavailable"));
	assert_int_equal(number(x, "status.unavailableReplicas"), 3);
	UNTIL_SERVED(x, "demo:", is_done(x, 3));
	assert_true(condition_is(x, "Available", "MinimumReplicasAvailable"));
	assert_int_equal(number(x, "metadata.generation"), 1); /* status is no change of the spec */
	STAYS(&x->g, 100, pods(x).len == 3);
	/* One that is taken away comes back. */
	char name[64];
	snprintf(name, sizeof name, "%s", pods(x).list[0]->name);
	rig_write(&x->g, WRITE_DELETE, KIND_POD, "default", name, "", "{\"gracePeriodSeconds\":0}");
	UNTIL_SERVED(x, "demo:", is_done(x, 3) && pods(x).len == 3);
	assert_null(cluster_find(x->g.cluster, KIND_POD, "default", name));
	/* Scaling, and to nothing. */
	deploy(x, "demo:blue", 5, "");
	UNTIL_SERVED(x, "demo:", is_done(x, 5));
	deploy(x, "demo:blue", 0, "");
	UNTIL_SERVED(x, "demo:", is_done(x, 0) && pods(x).len == 0);
	/* And it goes with all it has. */
	deploy(x, "demo:blue", 2, "");
	UNTIL(&x->g, pods(x).len == 2);
	rig_write(&x->g, WRITE_DELETE, KIND_DEPLOYMENT, "default", "web", "", NULL);
	UNTIL_SERVED(x, "none", pods(x).len == 0);
	STAYS(&x->g, 50, pods(x).len == 0);
}

static void test_a_rolling_update(void **state)
{
	struct embedded_rig *x = *state;
	rig_want_all(x);
	deploy(x, "demo:blue", 4, "\"strategy\":{\"rollingUpdate\":{\"maxSurge\":1,\"maxUnavailable\":0}},");
	UNTIL_SERVED(x, "demo:", is_done(x, 4));
	deploy(x, "demo:green", 4, "\"strategy\":{\"rollingUpdate\":{\"maxSurge\":1,\"maxUnavailable\":0}},");
	unsigned least = 4, most = 0;
	UNTIL_SERVED(x, "demo:", ({
			     unsigned ready = count_image(x, "demo:blue", true) + count_image(x, "demo:green", true);
			     unsigned all = count_image(x, "demo:blue", false) + count_image(x, "demo:green", false);
			     least = ready < least ? ready : least;
			     most = all > most ? all : most;
			     is_done(x, 4) && number(x, "metadata.generation") == 2;
		     }));
	assert_int_equal(least, 4);
	assert_int_equal(most, 5);
	assert_int_equal(count_image(x, "demo:green", true), 4);
	assert_int_equal(count_image(x, "demo:blue", false), 0);
}

static void test_a_broken_one_stops_and_goes_back(void **state)
{
	struct embedded_rig *x = *state;
	static const char more[] = "\"progressDeadlineSeconds\":2,";
	rig_want_all(x);
	deploy(x, "demo:blue", 4, more);
	UNTIL_SERVED(x, "demo:", is_done(x, 4));
	deploy(x, "broken:1", 4, more);
	UNTIL_SERVED(x, "demo:", condition_is(x, "Progressing", "ProgressDeadlineExceeded"));
	assert_int_equal(count_image(x, "demo:blue", true), 3); /* 25 % may be missing */
	assert_int_equal(number(x, "status.updatedReplicas"), 2);
	embedded_rig_reopen(x); /* in the middle of it */
	rig_want_all(x);
	UNTIL_SERVED(x, "demo:", condition_is(x, "Progressing", "ProgressDeadlineExceeded"));
	STAYS(&x->g, 100, count_image(x, "demo:blue", true) == 3 && count_image(x, "broken:1", false) == 2);
	deploy(x, "demo:blue", 4, more);
	UNTIL_SERVED(x, "demo:", is_done(x, 4) && count_image(x, "demo:blue", true) == 4);
	UNTIL_SERVED(x, "demo:", count_image(x, "broken:1", false) == 0);
}

static void test_paused_and_recreate(void **state)
{
	struct embedded_rig *x = *state;
	rig_want_all(x);
	deploy(x, "demo:blue", 2, "");
	UNTIL_SERVED(x, "demo:", is_done(x, 2));
	deploy(x, "demo:green", 3, "\"paused\":true,");
	UNTIL_SERVED(x, "demo:", count_image(x, "demo:blue", true) == 3);
	STAYS(&x->g, 50, count_image(x, "demo:green", false) == 0);
	assert_true(condition_is(x, "Progressing", "DeploymentPaused"));
	embedded_rig_reopen(x); /* the old template is still known */
	rig_want_all(x);
	deploy(x, "demo:green", 4, "\"paused\":true,");
	UNTIL_SERVED(x, "demo:", count_image(x, "demo:blue", true) == 4);
	rig_write(&x->g, WRITE_PATCH, KIND_DEPLOYMENT, "default", "web", "",
		  "{\"spec\":{\"paused\":null,\"strategy\":{\"type\":\"Recreate\",\"rollingUpdate\":null}}}");
	UNTIL_SERVED(x, "demo:", ({
			     assert_true(!count_image(x, "demo:blue", false) || !count_image(x, "demo:green", false));
			     is_done(x, 4);
		     }));
	assert_int_equal(count_image(x, "demo:green", true), 4);
}

static void test_min_ready(void **state)
{
	struct embedded_rig *x = *state;
	rig_want_all(x);
	deploy(x, "demo:blue", 1, "\"minReadySeconds\":2,");
	UNTIL_SERVED(x, "demo:", number(x, "status.readyReplicas") == 1);
	assert_int_equal(number(x, "status.availableReplicas"), 0);
	UNTIL_SERVED(x, "demo:", is_done(x, 1)); /* by itself: nothing else happens */
}

static void test_endpoints(void **state)
{
	struct embedded_rig *x = *state;
	rig_want_all(x);
	struct outcome o =
		rig_apply(x, "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\"},"
			     "\"spec\":{\"selector\":{\"app\":\"web\"},\"ports\":[{\"name\":\"h\",\"port\":80,"
			     "\"targetPort\":\"http\"}]}}");
	assert_string_equal(o.why, "");
	UNTIL(&x->g, cluster_find(x->g.cluster, KIND_ENDPOINTS, "default", "web"));
	deploy(x, "demo:blue", 2, "");
	cJSON *e = NULL;
	UNTIL_SERVED(x, "demo:",
		     (cJSON_Delete(e), e = rig_tree(x, KIND_ENDPOINTS, "default", "web"),
		      json_at(e, "subsets.0.addresses.1")));
	assert_null(json_at(e, "subsets.1"));
	assert_null(json_at(e, "subsets.0.notReadyAddresses"));
	assert_int_equal(json_int(e, "subsets.0.ports.0.port", 0), 8080);
	assert_string_equal(json_text(e, "subsets.0.ports.0.name", ""), "h");
	assert_string_equal(json_text(e, "subsets.0.addresses.0.targetRef.kind", ""), "Pod");
	char name[64];
	snprintf(name, sizeof name, "%s", json_text(e, "subsets.0.addresses.0.targetRef.name", ""));
	rig_write(&x->g, WRITE_PATCH, KIND_POD, "default", name, "status",
		  "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}}");
	UNTIL(&x->g, (cJSON_Delete(e), e = rig_tree(x, KIND_ENDPOINTS, "default", "web"),
		      text_eq(json_text(e, "subsets.0.notReadyAddresses.0.targetRef.name", ""), name)));
	rig_write(&x->g, WRITE_DELETE, KIND_POD, "default", name, "", NULL); /* leaving: neither */
	UNTIL(&x->g, (cJSON_Delete(e), e = rig_tree(x, KIND_ENDPOINTS, "default", "web"),
		      !json_at(e, "subsets.0.notReadyAddresses")));
	deploy(x, "demo:blue", 0, "");
	UNTIL_SERVED(x, "none",
		     (cJSON_Delete(e), e = rig_tree(x, KIND_ENDPOINTS, "default", "web"), !json_at(e, "subsets.0")));
	cJSON_Delete(e);
	rig_write(&x->g, WRITE_DELETE, KIND_SERVICE, "default", "web", "", NULL);
	UNTIL(&x->g, !cluster_find(x->g.cluster, KIND_ENDPOINTS, "default", "web"));
}

static void test_pods_of_no_revision_go(void **state)
{
	struct embedded_rig *x = *state;
	rig_want_all(x);
	deploy(x, "demo:blue", 1, "");
	UNTIL(&x->g, pods(x).len == 1);
	char name[64];
	snprintf(name, sizeof name, "%s", pods(x).list[0]->name);
	rig_write(&x->g, WRITE_PATCH, KIND_POD, "default", name, "",
		  "{\"metadata\":{\"labels\":{\"pod-template-hash\":\"other\"}}}");
	UNTIL(&x->g, !cluster_find(x->g.cluster, KIND_POD, "default", name) && pods(x).len == 1);
}

#define EMBEDDED(f) cmocka_unit_test_setup_teardown(f, embedded_setup, embedded_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EMBEDDED(test_a_deployment_becomes_pods),
		EMBEDDED(test_a_rolling_update),
		EMBEDDED(test_a_broken_one_stops_and_goes_back),
		EMBEDDED(test_paused_and_recreate),
		EMBEDDED(test_min_ready),
		EMBEDDED(test_endpoints),
		EMBEDDED(test_pods_of_no_revision_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

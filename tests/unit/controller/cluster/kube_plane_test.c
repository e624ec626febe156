/* The cluster seam against a real API server. ROLLCALL_PLANE names its description (tests/lib/controlplane.py start).
 */
#include "controller/cluster/kube/kube.h"

#include "base/crypto.h"
#include "controller/cluster/kube/file.h"
#include "tests/unit/controller/cluster/kube_rig.h"

static struct {
	cJSON *plane; /* NULL: none here */
	char ns[64];  /* of this run */
} fixture;

static int setup(void **state)
{
	(void)state;
	const char *path = getenv("ROLLCALL_PLANE");
	char *text = NULL;
	size_t len;
	struct error e;
	if (text_empty(path))
		return 0;
	if (file_read(path, 1024 * 1024, &text, &len, &e) != RC_OK ||
	    json_parse(text, len, &fixture.plane, &e) != RC_OK)
		return -1;
	free(text);
	unsigned char random[4];
	char hex[9];
	if (crypto_random(random, sizeof random, &e) != RC_OK)
		return -1;
	crypto_hex(random, sizeof random, hex);
	snprintf(fixture.ns, sizeof fixture.ns, "kube-%s", hex);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cJSON_Delete(fixture.plane);
	return 0;
}

/* ---- a namespace, which is no kind of ours ---- */

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	int *status = owner;
	*status = r == RC_OK ? a->status : -1;
	if (r != RC_OK)
		print_error("%s\n", why->text);
}

static int admin_send(struct rig *g, const char *method, const char *path, const char *body)
{
	char url[512], authorization[256];
	char *ca = NULL;
	size_t len;
	struct error e;
	int status = 0;
	snprintf(url, sizeof url, "%s%s", json_text(fixture.plane, "server", ""), path);
	snprintf(authorization, sizeof authorization, "Authorization: Bearer %s",
		 json_text(fixture.plane, "tokens.admin", ""));
	assert_int_equal(file_read(json_text(fixture.plane, "ca", ""), 65536, &ca, &len, &e), RC_OK);
	const char *const headers[] = { authorization, "Content-Type: application/json", NULL };
	struct http_tls tls = { .ca_pem = ca };
	struct http_request q = { .method = method,
				  .url = url,
				  .headers = headers,
				  .body = body,
				  .body_len = body ? strlen(body) : 0,
				  .tls = &tls,
				  .timeout_ms = 10000 };
	assert_non_null(http_send(g->http, &q, answered, &status, &e));
	UNTIL(g, status);
	free(ca);
	return status;
}

static void open_as(struct rig *g, const char *user)
{
	char body[256], path[128];
	if (!fixture.plane)
		skip();
	rig_open_loop(g);
	g->only_ns = fixture.ns;
	snprintf(body, sizeof body, "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"%s\"}}",
		 fixture.ns);
	int status = admin_send(g, "POST", "/api/v1/namespaces", body);
	assert_true(status == 201 || status == 409);
	snprintf(path, sizeof path, "kubeconfig.%s", user);
	rig_connect(g, &(struct kube_options){ .kubeconfig = json_text(fixture.plane, path, ""), .name = "test" });
}

static const char *deployment(const char *name, const char *image)
{
	static char body[1024];
	snprintf(body, sizeof body,
		 "{\"apiVersion\":\"apps/"
		 "v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"%s\"},\"spec\":{\"replicas\":0,"
		 "\"selector\":{\"matchLabels\":{\"app\":\"%s\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"%"
		 "s\"}},"
		 "\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"%s\"}]}}}}",
		 name, name, name, image);
	return body;
}

static const char *canary(const char *name)
{
	static char body[1024];
	snprintf(body, sizeof body,
		 "{\"apiVersion\":\"flagger.app/v1beta1\",\"kind\":\"Canary\",\"metadata\":{\"name\":\"%s\"},\"spec\":{"
		 "\"targetRef\":{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"%s\"},"
		 "\"service\":{\"port\":80},\"analysis\":{\"interval\":\"10s\",\"threshold\":1,\"stepWeight\":10,"
		 "\"maxWeight\":50}}}",
		 name, name);
	return body;
}

/* ---- tests ---- */

static void test_a_canary_lives_and_dies(void **state)
{
	(void)state;
	struct rig g;
	open_as(&g, "admin");
	struct cluster *c = g.cluster;
	assert_false(cluster_synced(c, KIND_CANARY));
	cluster_start(c);
	UNTIL(&g, cluster_synced(c, KIND_CANARY));
	assert_true(cluster_known(c, KIND_CANARY, fixture.ns, "one"));
	assert_null(cluster_find(c, KIND_CANARY, fixture.ns, "one"));

	struct outcome o = rig_write(&g, WRITE_CREATE, KIND_CANARY, fixture.ns, "one", "", canary("one"));
	assert_string_equal(o.why, "");
	assert_true(o.has_now && o.in_cache);
	assert_int_equal(rig_count(&g, OBJECT_ADDED, "one"), 1);
	const struct object *now = cluster_find(c, KIND_CANARY, fixture.ns, "one");
	assert_non_null(now);
	assert_null(strstr(now->json, "managedFields"));
	assert_memory_equal(now->json, "{\"apiVersion\":\"flagger.app/v1beta1\",\"kind\":\"Canary\"", 48);

	char body[256];
	snprintf(body, sizeof body,
		 "{\"metadata\":{\"resourceVersion\":\"%s\"},\"status\":{\"phase\":\"Progressing\",\"canaryWeight\":10,"
		 "\"failedChecks\":0,\"iterations\":0}}",
		 o.resource_version);
	struct outcome p = rig_write(&g, WRITE_PATCH, KIND_CANARY, fixture.ns, "one", "status", body);
	assert_string_equal(p.why, "");
	assert_true(p.in_cache);
	assert_int_equal(rig_count(&g, OBJECT_CHANGED, "one"), 1);
	struct outcome q = rig_write(&g, WRITE_PATCH, KIND_CANARY, fixture.ns, "one", "status", body);
	assert_int_equal(q.r, RC_CONFLICT); /* the resourceVersion is a precondition */

	struct outcome again = rig_write(&g, WRITE_CREATE, KIND_CANARY, fixture.ns, "one", "", canary("one"));
	assert_int_equal(again.r, RC_CONFLICT);
	assert_non_null(strstr(again.why, "already exists"));
	snprintf(body, sizeof body, "{\"preconditions\":{\"uid\":\"00000000-0000-0000-0000-000000000000\"}}");
	struct outcome other = rig_write(&g, WRITE_DELETE, KIND_CANARY, fixture.ns, "one", "", body);
	assert_int_equal(other.r, RC_CONFLICT);
	snprintf(body, sizeof body, "{\"preconditions\":{\"uid\":\"%s\"}}", o.uid);
	struct outcome gone = rig_write(&g, WRITE_DELETE, KIND_CANARY, fixture.ns, "one", "", body);
	assert_string_equal(gone.why, "");
	assert_null(cluster_find(c, KIND_CANARY, fixture.ns, "one"));
	/* the watch brings all of it once more, and nobody is told again */
	STAYS(&g, 300,
	      rig_count(&g, OBJECT_ADDED, "one") == 1 && rig_count(&g, OBJECT_CHANGED, "one") == 1 &&
		      rig_count(&g, OBJECT_DELETED, "one") == 1);
	rig_close(&g);
}

static void test_only_the_wanted_is_kept(void **state)
{
	(void)state;
	struct rig g;
	open_as(&g, "admin");
	struct cluster *c = g.cluster;
	cluster_start(c);
	cluster_want(c, KIND_DEPLOYMENT, fixture.ns, "wanted");
	UNTIL(&g, cluster_known(c, KIND_DEPLOYMENT, fixture.ns, "wanted"));
	assert_true(g.settled > 0);
	assert_null(cluster_find(c, KIND_DEPLOYMENT, fixture.ns, "wanted"));
	rig_write(&g, WRITE_CREATE, KIND_DEPLOYMENT, fixture.ns, "late", "", deployment("late", "x:1"));
	struct outcome o =
		rig_write(&g, WRITE_CREATE, KIND_DEPLOYMENT, fixture.ns, "wanted", "", deployment("wanted", "x:1"));
	assert_string_equal(o.why, "");
	const struct object *w = cluster_find(c, KIND_DEPLOYMENT, fixture.ns, "wanted");
	assert_non_null(w);
	assert_string_equal(w->template_manager, "rollcall-test");
	assert_int_equal(w->generation, 1);
	/* the controller manager writes its status: that comes by the watch */
	UNTIL(&g, strstr(cluster_find(c, KIND_DEPLOYMENT, fixture.ns, "wanted")->json, "\"observedGeneration\":1"));
	assert_string_equal(cluster_find(c, KIND_DEPLOYMENT, fixture.ns, "wanted")->template_manager, "rollcall-test");
	assert_null(cluster_find(c, KIND_DEPLOYMENT, fixture.ns, "late"));
	assert_false(cluster_known(c, KIND_DEPLOYMENT, fixture.ns, "late"));

	cluster_want(c, KIND_DEPLOYMENT, fixture.ns, "late");
	UNTIL(&g, cluster_find(c, KIND_DEPLOYMENT, fixture.ns, "late"));
	assert_true(cluster_known(c, KIND_DEPLOYMENT, fixture.ns, "late"));
	cluster_unwant(c, KIND_DEPLOYMENT, fixture.ns, "late");
	assert_null(cluster_find(c, KIND_DEPLOYMENT, fixture.ns, "late"));
	/* a swarm of late wants is served by listing again */
	char name[32];
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "none-%d", i);
		cluster_want(c, KIND_DEPLOYMENT, fixture.ns, name);
	}
	cluster_want(c, KIND_DEPLOYMENT, fixture.ns, NULL);
	UNTIL(&g, cluster_known(c, KIND_DEPLOYMENT, fixture.ns, "none-39"));
	UNTIL(&g, cluster_find(c, KIND_DEPLOYMENT, fixture.ns, "late"));
	assert_int_equal(rig_count(&g, OBJECT_DELETED, "wanted"), 0);
	rig_write(&g, WRITE_DELETE, KIND_DEPLOYMENT, fixture.ns, "wanted", "", NULL);
	rig_write(&g, WRITE_DELETE, KIND_DEPLOYMENT, fixture.ns, "late", "", NULL);
	assert_int_equal(rig_count(&g, OBJECT_DELETED, "wanted"), 1);
	rig_close(&g);
}

static void test_kinds_that_moved_and_missing_rights(void **state)
{
	(void)state;
	struct rig g;
	open_as(&g, "rollcall");
	struct cluster *c = g.cluster;
	cluster_start(c);
	cluster_want(c, KIND_HPA, fixture.ns, "h");     /* v2beta2 here */
	cluster_want(c, KIND_INGRESS, fixture.ns, "i"); /* v1 */
	cluster_want(c, KIND_ENDPOINTS, fixture.ns, "e");
	UNTIL(&g, cluster_known(c, KIND_HPA, fixture.ns, "h"));
	UNTIL(&g, cluster_known(c, KIND_INGRESS, fixture.ns, "i"));
	struct outcome o = rig_write(
		&g, WRITE_CREATE, KIND_INGRESS, fixture.ns, "i", "",
		"{\"metadata\":{\"name\":\"i\"},\"spec\":{\"rules\":[{\"host\":\"a.example\",\"http\":{\"paths\":[{"
		"\"path\":\"/\","
		"\"pathType\":\"Prefix\",\"backend\":{\"service\":{\"name\":\"s\",\"port\":{\"number\":80}}}}]}}]}}");
	assert_string_equal(o.why, "");
	assert_non_null(strstr(cluster_find(c, KIND_INGRESS, fixture.ns, "i")->json, "\"networking.k8s.io/v1\""));
	struct outcome del = rig_write(&g, WRITE_DELETE, KIND_INGRESS, fixture.ns, "i", "", NULL);
	assert_int_equal(del.r, RC_OK);
	struct outcome refused = rig_write(&g, WRITE_CREATE, KIND_POD, fixture.ns, "p", "",
					   "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[]}}");
	assert_int_equal(refused.r, RC_REFUSED);
	assert_non_null(strstr(refused.why, "not allowed to create pods"));
	struct outcome invalid = rig_write(&g, WRITE_CREATE, KIND_SERVICE, fixture.ns, "s", "",
					   "{\"metadata\":{\"name\":\"s\"},\"spec\":{}}");
	assert_int_equal(invalid.r, RC_INVALID);
	struct outcome missing = rig_write(&g, WRITE_PATCH, KIND_SERVICE, fixture.ns, "s", "", "{\"metadata\":{}}");
	assert_int_equal(missing.r, RC_NOT_FOUND);
	rig_close(&g);
}

static void reviewed(void *owner, enum result r, const char *user, const struct error *why)
{
	char *got = owner;
	snprintf(got, 128, "%d %s %.64s", (int)r, user, why ? why->text : "-");
}

static void test_whose_token(void **state)
{
	(void)state;
	struct rig g;
	open_as(&g, "rollcall");
	char account[128] = "", person[128] = "", nobody[128] = "";
	kube_review_token(g.cluster, json_text(fixture.plane, "tokens.rollcall", ""), reviewed, account);
	kube_review_token(g.cluster, json_text(fixture.plane, "tokens.admin", ""), reviewed, person);
	kube_review_token(g.cluster, "nonsense", reviewed, nobody);
	UNTIL(&g, *account && *person && *nobody);
	assert_string_equal(account, "0 system:serviceaccount:rollcall:rollcall -");
	assert_string_equal(person, "0  -");
	assert_string_equal(nobody, "0  -");
	rig_close(&g);
}

static struct outcome record(struct rig *g, const char *uid, const char *key, const char *message)
{
	struct outcome o = { .rig = g };
	struct cluster_event ev = { .ns = fixture.ns,
				    .name = "evented",
				    .uid = uid,
				    .api_version = "flagger.app/v1beta1",
				    .kind = "Canary",
				    .resource_version = "1",
				    .reason = "Synced",
				    .message = message,
				    .key = key };
	cluster_record(g->cluster, &ev, outcome_done, &o);
	UNTIL(g, o.times);
	return o;
}

static void test_events(void **state)
{
	(void)state;
	struct rig g;
	open_as(&g, "rollcall");
	char uid[37];
	struct error e;
	assert_int_equal(crypto_uuid(uid, &e), RC_OK);
	assert_string_equal(record(&g, uid, "k1", "Said once").why, "");
	assert_string_equal(record(&g, uid, "k1", "Said once").why, "");
	assert_string_equal(record(&g, uid, NULL, "Said \"often\"\n").why, "");
	assert_string_equal(record(&g, uid, NULL, "Said \"often\"\n").why, "");
	assert_string_equal(record(&g, uid, NULL, "Said something else").why, "");
	rig_close(&g);
}

struct led {
	bool leading;
	unsigned changes;
};

static void led_changed(void *owner, bool leading)
{
	struct led *l = owner;
	l->leading = leading;
	l->changes++;
}

static void note(void *owner)
{
	*(bool *)owner = true;
}

static void test_one_leads(void **state)
{
	(void)state;
	struct rig a, b;
	struct led la = { 0 }, lb = { 0 };
	open_as(&a, "admin");
	open_as(&b, "admin");
	struct leadership l = { .lease_ns = fixture.ns,
				.lease_name = "one",
				.identity = "a",
				.lease_ms = 3000,
				.renew_deadline_ms = 2000,
				.retry_ms = 100,
				.changed = led_changed,
				.owner = &la };
	cluster_lead(a.cluster, &l);
	assert_false(cluster_leading(a.cluster));
	UNTIL(&a, la.leading && cluster_leading(a.cluster));
	l.identity = "b";
	l.owner = &lb;
	cluster_lead(b.cluster, &l);
	STAYS(&b, 500, !lb.leading);
	struct outcome o = rig_write(&b, WRITE_CREATE, KIND_CANARY, fixture.ns, "no", "", canary("no"));
	assert_int_equal(o.r, RC_REFUSED);
	assert_string_equal(o.why, "not the leader");
	bool released = false;
	UNTIL(&a, cluster_leading(a.cluster));
	kube_release_lease(a.cluster, note, &released);
	UNTIL(&a, released);
	assert_false(cluster_leading(a.cluster));
	assert_false(la.leading);
	int64_t before = loop_now(b.loop).v;
	UNTIL(&b, lb.leading);
	assert_true(loop_now(b.loop).v - before < 2000);
	/* one that stops without a word is followed when its lease has run out by the other's clock */
	rig_close(&b);
	struct rig c;
	struct led lc = { 0 };
	open_as(&c, "admin");
	l.identity = "c";
	l.owner = &lc;
	before = loop_now(c.loop).v;
	cluster_lead(c.cluster, &l);
	UNTIL(&c, lc.leading);
	assert_true(loop_now(c.loop).v - before >= 2900);
	rig_close(&c);
	rig_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_canary_lives_and_dies),
		cmocka_unit_test(test_only_the_wanted_is_kept),
		cmocka_unit_test(test_kinds_that_moved_and_missing_rights),
		cmocka_unit_test(test_whose_token),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_one_leads),
	};
	return cmocka_run_group_tests_name("kube_plane", tests, setup, teardown);
}

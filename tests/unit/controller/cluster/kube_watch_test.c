/* Lists and watches against a server that misbehaves by script. */
#include "controller/cluster/kube/kube.h"

#include "tests/unit/controller/cluster/kube_fake.h"

#define CANARIES "GET /apis/flagger.app/v1beta1/canaries"
#define DEPLOYMENTS "GET /apis/apps/v1/deployments"
#define ITEM(name, rv)                                                                                                 \
	"{\"apiVersion\":\"x\",\"kind\":\"X\",\"metadata\":{\"name\":\"" name                                          \
	"\",\"namespace\":\"t\",\"uid\":\"u-" name "\",\"resourceVersion\":\"" rv "\"}}"
#define LIST(rv, items) "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"" rv "\"},\"items\":[" items "]}"
#define EVENT(type, name, rv) "{\"type\":\"" type "\",\"object\":" ITEM(name, rv) "}\n"
#define STATUS(code, message)                                                                                          \
	"{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"" message "\",\"code\":" #code "}"

static struct {
	char lines[8192];
	unsigned missing, refused, unreachable;
} logged;

static void log_line(void *owner, const char *text)
{
	(void)owner;
	logged.missing += strstr(text, "kube_kind_missing") != NULL;
	logged.refused += strstr(text, "kube_not_allowed") != NULL;
	logged.unreachable += strstr(text, "kube_unreachable") != NULL;
	size_t len = strlen(logged.lines);
	snprintf(logged.lines + len, sizeof logged.lines - len, "%s\n", text);
}

struct bed {
	struct rig g;
	struct fake f;
};

static void bed_open(struct bed *b)
{
	fake_open(&b->f, &b->g);
}

static struct fake_conn *bed_watch(struct bed *b, const char *call)
{
	UNTIL(&b->g, fake_stream(&b->f, call));
	return fake_stream(&b->f, call);
}

static const char *rv_of(struct bed *b, const char *name)
{
	const struct object *o = cluster_find(b->g.cluster, KIND_CANARY, "t", name);
	return o ? o->resource_version : "";
}

/* ---- lists ---- */

static void test_pages(void **state)
{
	(void)state;
	struct bed b;
	bed_open(&b);
	fake_on(&b.f, CANARIES, "limit=500&continue=a%2Fb%3D", 200, LIST("9", ITEM("c", "3")));
	fake_on(&b.f, CANARIES, "limit=500&resourceVersion=0", 200,
		"{\"items\":[" ITEM("a", "1") ", " ITEM("b", "2") "],\"metadata\":{\"resourceVersion\":\"9\","
								  "\"continue\":\"a/b=\",\"remainingItemCount\":1}}");
	fake_watch(&b.f, CANARIES, "resourceVersion=9", NULL);
	cluster_start(b.g.cluster);
	UNTIL(&b.g, cluster_synced(b.g.cluster, KIND_CANARY));
	assert_int_equal(rig_count(&b.g, OBJECT_ADDED, "a") + rig_count(&b.g, OBJECT_ADDED, "b"), 2);
	assert_int_equal(rig_count(&b.g, OBJECT_ADDED, "c"), 1);
	bed_watch(&b, CANARIES);
	assert_non_null(
		strstr(fake_last(&b.f, CANARIES)->query, "watch=true&allowWatchBookmarks=true&timeoutSeconds=2"));
	assert_string_equal(fake_last(&b.f, CANARIES)->authorization, "Bearer secret-token");
	fake_close(&b.f);
}

static void test_a_continue_token_that_expires(void **state)
{
	(void)state;
	struct bed b;
	bed_open(&b);
	fake_on(&b.f, CANARIES, "continue=", 410, STATUS(410, "The provided continue parameter is too old"));
	fake_on(&b.f, CANARIES, "limit=500&resourceVersion=0", 200,
		"{\"metadata\":{\"resourceVersion\":\"5\",\"continue\":\"t\"},\"items\":[" ITEM("a", "1") "]}");
	fake_watch(&b.f, CANARIES, "watch=true", NULL);
	fake_on(&b.f, CANARIES, "limit=0", 200, LIST("9", ITEM("a", "1") "," ITEM("b", "2")));
	cluster_start(b.g.cluster);
	UNTIL(&b.g, cluster_synced(b.g.cluster, KIND_CANARY));
	assert_int_equal(rig_count(&b.g, OBJECT_ADDED, "a"), 1);
	assert_int_equal(rig_count(&b.g, OBJECT_ADDED, "b"), 1);
	fake_close(&b.f);
}

static void test_an_unreadable_object_hides_no_other(void **state)
{
	(void)state;
	struct bed b;
	bed_open(&b);
	fake_on(&b.f, CANARIES, "limit", 200,
		LIST("9", "{\"metadata\":{\"name\":\"bad\",\"name\":\"twice\"}},{\"metadata\":{}}," ITEM("good", "1")));
	fake_watch(&b.f, CANARIES, "watch=true", NULL);
	cluster_start(b.g.cluster);
	UNTIL(&b.g, cluster_synced(b.g.cluster, KIND_CANARY));
	assert_int_equal(b.g.n, 1);
	assert_string_equal(b.g.changes[0].name, "good");
	fake_close(&b.f);
}

/* ---- watches ---- */

static void bed_filled(struct bed *b)
{
	bed_open(b);
	fake_on(&b->f, CANARIES, "limit", 200, LIST("10", ITEM("a", "1") "," ITEM("b", "2")));
	fake_watch(&b->f, CANARIES, "resourceVersion=10", NULL);
	cluster_start(b->g.cluster);
	UNTIL(&b->g, cluster_synced(b->g.cluster, KIND_CANARY));
	bed_watch(b, CANARIES);
	b->g.n = 0;
}

static void test_events_in_pieces(void **state)
{
	(void)state;
	struct bed b;
	bed_filled(&b);
	static const char bytes[] = EVENT("MODIFIED", "a", "11") EVENT("ADDED", "c", "12") EVENT("DELETED", "b", "13");
	struct fake_conn *w = bed_watch(&b, CANARIES);
	for (size_t i = 0; i < sizeof bytes - 1; i++) {
		fake_chunk_n(w, bytes + i, 1);
		if (i % 40 == 0)
			rig_turn(&b.g);
	}
	UNTIL(&b.g, b.g.n == 3);
	assert_int_equal(rig_count(&b.g, OBJECT_CHANGED, "a"), 1);
	assert_int_equal(rig_count(&b.g, OBJECT_ADDED, "c"), 1);
	assert_int_equal(rig_count(&b.g, OBJECT_DELETED, "b"), 1);
	assert_string_equal(rv_of(&b, "a"), "11");
	assert_null(cluster_find(b.g.cluster, KIND_CANARY, "t", "b"));
	fake_close(&b.f);
}

/* The half line is not an event; the server sends it again after the version we had. */
static void test_cut_in_the_middle_of_a_line(void **state)
{
	(void)state;
	struct bed b;
	memset(&logged, 0, sizeof logged);
	bed_filled(&b);
	log_capture(log_line, NULL);
	struct fake_conn *w = bed_watch(&b, CANARIES);
	fake_chunk(w, EVENT("MODIFIED", "a", "11"));
	fake_chunk(w, "{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"b\"");
	UNTIL(&b.g, b.g.n == 1);
	fake_watch(&b.f, CANARIES, "resourceVersion=11", EVENT("MODIFIED", "b", "12"));
	fake_cut(w);
	fake_on(&b.f, "GET /version", NULL, 200, "{}");
	UNTIL(&b.g, b.g.n == 2 && fake_count(&b.f, "GET /version") == 1);
	assert_string_equal(rv_of(&b, "b"), "12");
	assert_int_equal(fake_count(&b.f, CANARIES), 3); /* list, watch, watch: no second list */
	assert_true(cluster_synced(b.g.cluster, KIND_CANARY));
	log_capture(NULL, NULL);
	assert_int_equal(cluster_unreachable_since(b.g.cluster).v, 0);
	assert_int_equal(logged.unreachable, 0); /* a cut stream alone proves nothing */
	fake_close(&b.f);
}

static void test_bookmark_then_the_normal_end(void **state)
{
	(void)state;
	struct bed b;
	bed_filled(&b);
	struct fake_conn *w = bed_watch(&b, CANARIES);
	fake_chunk(
		w,
		"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Canary\",\"metadata\":{\"resourceVersion\":\"77\"}}}\n");
	fake_watch(&b.f, CANARIES, "resourceVersion=77", NULL);
	fake_end(w);
	bed_watch(&b, CANARIES);
	assert_int_equal(b.g.n, 0);
	assert_int_equal(cluster_unreachable_since(b.g.cluster).v, 0);
	fake_close(&b.f);
}

/* Nothing of what has not changed is told, what is missing is gone, what is new is new. */
static void relist_is_told_as_a_difference(struct bed *b)
{
	UNTIL(&b->g, b->g.n >= 3); /* who is gone is known at the list's end, perhaps turns later */
	assert_int_equal(b->g.n, 3);
	assert_int_equal(rig_count(&b->g, OBJECT_ADDED, "c"), 1);
	assert_int_equal(rig_count(&b->g, OBJECT_CHANGED, "b"), 1);
	assert_int_equal(rig_count(&b->g, OBJECT_DELETED, "gone"), 1);
	assert_string_equal(rv_of(b, "a"), "1");
	assert_true(cluster_synced(b->g.cluster, KIND_CANARY));
}

static void bed_expect_relist(struct bed *b)
{
	fake_on(&b->f, CANARIES, "limit=500", 200, LIST("50", ITEM("a", "1") "," ITEM("b", "22") "," ITEM("c", "30")));
	fake_watch(&b->f, CANARIES, "resourceVersion=50", NULL);
}

static struct fake_conn *bed_with_gone(struct bed *b)
{
	bed_filled(b);
	struct fake_conn *w = bed_watch(b, CANARIES);
	fake_chunk(w, EVENT("ADDED", "gone", "15"));
	UNTIL(&b->g, b->g.n == 1);
	b->g.n = 0;
	return w;
}

static void test_410_as_an_event(void **state)
{
	(void)state;
	struct bed b;
	struct fake_conn *w = bed_with_gone(&b);
	bed_expect_relist(&b);
	fake_chunk(w, "{\"type\":\"ERROR\",\"object\":" STATUS(410, "too old resource version: 10 (40)") "}\n");
	relist_is_told_as_a_difference(&b);
	bed_watch(&b, CANARIES);
	fake_close(&b.f);
}

static void test_410_as_a_status(void **state)
{
	(void)state;
	struct bed b;
	struct fake_conn *w = bed_with_gone(&b);
	fake_on(&b.f, CANARIES, "resourceVersion=15", 410, STATUS(410, "too old"));
	bed_expect_relist(&b);
	fake_end(w);
	relist_is_told_as_a_difference(&b);
	bed_watch(&b, CANARIES);
	fake_close(&b.f);
}

static void test_another_error_goes_on_from_where_we_were(void **state)
{
	(void)state;
	struct bed b;
	bed_filled(&b);
	fake_watch(&b.f, CANARIES, "resourceVersion=10", EVENT("MODIFIED", "a", "11"));
	fake_chunk(bed_watch(&b, CANARIES), "{\"type\":\"ERROR\",\"object\":" STATUS(500, "etcd is thinking") "}\n");
	UNTIL(&b.g, b.g.n == 1);
	assert_int_equal(fake_count(&b.f, CANARIES), 3);
	fake_close(&b.f);
}

static void test_nonsense_in_a_watch_means_a_list(void **state)
{
	(void)state;
	struct bed b;
	struct fake_conn *w = bed_with_gone(&b);
	bed_expect_relist(&b);
	fake_chunk(w, "<html>502 Bad Gateway</html>\n");
	relist_is_told_as_a_difference(&b);
	bed_watch(&b, CANARIES);
	fake_close(&b.f);
}

/* An older event than what is in the cache changes nothing, and the same version is not told twice. */
static void test_older_and_equal_events(void **state)
{
	(void)state;
	struct bed b;
	bed_filled(&b);
	struct fake_conn *w = bed_watch(&b, CANARIES);
	fake_chunk(w, EVENT("MODIFIED", "a", "100"));
	fake_chunk(w, EVENT("MODIFIED", "a", "99"));
	fake_chunk(w, EVENT("MODIFIED", "a", "100"));
	fake_chunk(w, EVENT("MODIFIED", "b", "101"));
	UNTIL(&b.g, rig_count(&b.g, OBJECT_CHANGED, "b"));
	assert_int_equal(b.g.n, 2);
	fake_close(&b.f);
}

static void test_a_server_that_ends_each_watch_at_once(void **state)
{
	(void)state;
	struct bed b;
	bed_filled(&b);
	fake_on(&b.f, CANARIES, "watch=true", 200, "")->always = true;
	fake_end(bed_watch(&b, CANARIES));
	UNTIL(&b.g, fake_count(&b.f, CANARIES) > 4);
	size_t before = fake_count(&b.f, CANARIES);
	int64_t start = loop_now(b.g.loop).v;
	UNTIL(&b.g, loop_now(b.g.loop).v - start > 1000);
	assert_in_range(fake_count(&b.f, CANARIES) - before, 2, 20); /* delays of 100 to 200 ms */
	fake_close(&b.f);
}

static void test_unreachable_and_back(void **state)
{
	(void)state;
	struct bed b;
	bed_filled(&b);
	struct fake_rule *down = fake_on(&b.f, "GET /version", NULL, 503, "");
	struct fake_rule *refused = fake_on(&b.f, CANARIES, "watch=true", 503, "");
	down->always = refused->always = true;
	fake_cut(bed_watch(&b, CANARIES));
	UNTIL(&b.g, cluster_unreachable_since(b.g.cluster).v != 0);
	UNTIL(&b.g, fake_count(&b.f, "GET /version") > 1);
	down->used = refused->used = true;
	fake_on(&b.f, "GET /version", NULL, 401, "")->always = true; /* whatever it says, it is there */
	fake_watch(&b.f, CANARIES, "resourceVersion=10", NULL);
	UNTIL(&b.g, cluster_unreachable_since(b.g.cluster).v == 0);
	bed_watch(&b, CANARIES);
	assert_true(cluster_synced(b.g.cluster, KIND_CANARY));
	fake_close(&b.f);
}

/* ---- kinds that are missing or refused ---- */

static void test_missing_and_refused_kinds(void **state)
{
	(void)state;
	struct bed b;
	memset(&logged, 0, sizeof logged);
	bed_filled(&b);
	log_capture(log_line, NULL);
	struct fake_rule *absent =
		fake_on(&b.f, "GET /apis/flagger.app/v1beta1/metrictemplates", NULL, 404, "404 page not found\n");
	struct fake_rule *denied = fake_on(&b.f, "GET /api/v1/secrets", NULL, 403,
					   STATUS(403, "secrets is forbidden: User \\\"u\\\" cannot list"));
	absent->always = denied->always = true;
	fake_on(&b.f, DEPLOYMENTS, "limit", 200, LIST("20", ITEM("d", "3")));
	fake_watch(&b.f, DEPLOYMENTS, "resourceVersion=20", NULL);
	cluster_want(b.g.cluster, KIND_METRIC_TEMPLATE, "t", "m");
	cluster_want(b.g.cluster, KIND_SECRET, "t", "s");
	cluster_want(b.g.cluster, KIND_DEPLOYMENT, "t", "d");
	UNTIL(&b.g, cluster_find(b.g.cluster, KIND_DEPLOYMENT, "t", "d"));
	UNTIL(&b.g, cluster_known(b.g.cluster, KIND_METRIC_TEMPLATE, "t", "m")); /* there is certainly none */
	UNTIL(&b.g, fake_count(&b.f, "GET /api/v1/secrets") >= 3);
	assert_false(cluster_known(b.g.cluster, KIND_SECRET, "t", "s"));
	assert_false(cluster_synced(b.g.cluster, KIND_SECRET));
	assert_int_equal(logged.missing, 1);
	assert_int_equal(logged.refused, 1);
	assert_non_null(strstr(logged.lines, "not allowed to list secrets"));
	log_capture(NULL, NULL);
	/* the right is granted, the CRD installed */
	absent->used = denied->used = true;
	fake_on(&b.f, "GET /api/v1/secrets", "limit", 200, LIST("21", ITEM("s", "4")));
	fake_watch(&b.f, "GET /api/v1/secrets", "watch", NULL);
	fake_on(&b.f, "GET /apis/flagger.app/v1beta1/metrictemplates", "limit", 200, LIST("22", ITEM("m", "5")));
	fake_watch(&b.f, "GET /apis/flagger.app/v1beta1/metrictemplates", "watch", NULL);
	UNTIL(&b.g, cluster_find(b.g.cluster, KIND_SECRET, "t", "s"));
	UNTIL(&b.g, cluster_find(b.g.cluster, KIND_METRIC_TEMPLATE, "t", "m"));
	fake_close(&b.f);
}

/* A kind that was there and answers 404 now (a server that starts) has not lost its objects. */
static void test_a_404_deletes_nothing(void **state)
{
	(void)state;
	struct bed b;
	bed_filled(&b);
	fake_on(&b.f, CANARIES, "watch", 404, "404 page not found\n");
	fake_on(&b.f, CANARIES, "limit", 404, "404 page not found\n");
	fake_on(&b.f, CANARIES, "limit", 200, LIST("60", ITEM("a", "1") "," ITEM("b", "2")));
	fake_watch(&b.f, CANARIES, "resourceVersion=60", NULL);
	fake_end(bed_watch(&b, CANARIES));
	bed_watch(&b, CANARIES);
	assert_int_equal(b.g.n, 0);
	fake_close(&b.f);
}

static void test_ingress_of_an_old_server(void **state)
{
	(void)state;
	struct bed b;
	bed_filled(&b);
	fake_on(&b.f, "GET /apis/networking.k8s.io/v1", NULL, 200, "{\"resources\":[{\"name\":\"networkpolicies\"}]}");
	fake_on(&b.f, "GET /apis/networking.k8s.io/v1beta1", NULL, 404, "404 page not found\n");
	fake_on(&b.f, "GET /apis/extensions/v1beta1", NULL, 200, "{\"resources\":[{\"name\":\"ingresses\"}]}");
	fake_on(&b.f, "GET /apis/extensions/v1beta1/ingresses", "limit", 200,
		LIST("9", "{\"metadata\":{\"name\":\"i\",\"namespace\":\"t\",\"resourceVersion\":\"4\"}}"));
	fake_watch(&b.f, "GET /apis/extensions/v1beta1/ingresses", "watch", NULL);
	cluster_want(b.g.cluster, KIND_INGRESS, "t", "i");
	UNTIL(&b.g, cluster_find(b.g.cluster, KIND_INGRESS, "t", "i"));
	assert_non_null(strstr(cluster_find(b.g.cluster, KIND_INGRESS, "t", "i")->json,
			       "{\"apiVersion\":\"extensions/v1beta1\",\"kind\":\"Ingress\""));
	fake_close(&b.f);
}

/* ---- wants ---- */

static void test_late_wants(void **state)
{
	(void)state;
	struct bed b;
	bed_filled(&b);
	fake_on(&b.f, DEPLOYMENTS, "limit", 200, LIST("20", ITEM("d", "3") "," ITEM("e", "4")));
	fake_watch(&b.f, DEPLOYMENTS, "resourceVersion=20", NULL);
	cluster_want(b.g.cluster, KIND_DEPLOYMENT, "t", "d");
	UNTIL(&b.g, cluster_known(b.g.cluster, KIND_DEPLOYMENT, "t", "d"));
	struct fake_conn *w = bed_watch(&b, DEPLOYMENTS);
	fake_on(&b.f, "GET /apis/apps/v1/namespaces/t/deployments/e", NULL, 200, ITEM("e", "4"));
	fake_on(&b.f, "GET /apis/apps/v1/namespaces/t/deployments/none", NULL, 404, STATUS(404, "not found"));
	cluster_want(b.g.cluster, KIND_DEPLOYMENT, "t", "e");
	cluster_want(b.g.cluster, KIND_DEPLOYMENT, "t", "none");
	cluster_want(b.g.cluster, KIND_DEPLOYMENT, "t", ".."); /* no object is called so, and no path is asked for */
	assert_true(cluster_known(b.g.cluster, KIND_DEPLOYMENT, "t", ".."));
	assert_false(cluster_known(b.g.cluster, KIND_DEPLOYMENT, "t", "e"));
	UNTIL(&b.g, cluster_find(b.g.cluster, KIND_DEPLOYMENT, "t", "e"));
	UNTIL(&b.g, cluster_known(b.g.cluster, KIND_DEPLOYMENT, "t", "none"));
	fake_chunk(w, EVENT("ADDED", "none", "21"));
	UNTIL(&b.g, cluster_find(b.g.cluster, KIND_DEPLOYMENT, "t", "none"));
	/* counted */
	cluster_want(b.g.cluster, KIND_DEPLOYMENT, "t", "none");
	cluster_unwant(b.g.cluster, KIND_DEPLOYMENT, "t", "none");
	assert_non_null(cluster_find(b.g.cluster, KIND_DEPLOYMENT, "t", "none"));
	cluster_unwant(b.g.cluster, KIND_DEPLOYMENT, "t", "none");
	assert_null(cluster_find(b.g.cluster, KIND_DEPLOYMENT, "t", "none"));
	cluster_unwant(b.g.cluster, KIND_DEPLOYMENT, "t", "never wanted");
	fake_close(&b.f);
}

/* The answer to a late want was made before the deletion that the watch has brought meanwhile. */
static void test_a_late_answer_does_not_raise_the_dead(void **state)
{
	(void)state;
	struct bed b;
	bed_filled(&b);
	fake_on(&b.f, DEPLOYMENTS, "limit", 200, LIST("20", ITEM("d", "3") "," ITEM("e", "4")));
	fake_watch(&b.f, DEPLOYMENTS, "resourceVersion=20", NULL);
	cluster_want(b.g.cluster, KIND_DEPLOYMENT, "t", "d");
	UNTIL(&b.g, cluster_known(b.g.cluster, KIND_DEPLOYMENT, "t", "d"));
	struct fake_conn *w = bed_watch(&b, DEPLOYMENTS);
	struct fake_rule *slow = fake_watch(&b.f, "GET /apis/apps/v1/namespaces/t/deployments/e", NULL, NULL);
	(void)slow;
	cluster_want(b.g.cluster, KIND_DEPLOYMENT, "t", "e");
	struct fake_conn *get = bed_watch(&b, "GET /apis/apps/v1/namespaces/t/deployments/e");
	fake_chunk(w, EVENT("DELETED", "e", "21"));
	fake_chunk(w, EVENT("MODIFIED", "d", "22"));
	UNTIL(&b.g, rig_count(&b.g, OBJECT_CHANGED, "d"));
	fake_chunk(get, ITEM("e", "4"));
	fake_end(get);
	UNTIL(&b.g, cluster_known(b.g.cluster, KIND_DEPLOYMENT, "t", "e"));
	assert_null(cluster_find(b.g.cluster, KIND_DEPLOYMENT, "t", "e"));
	assert_int_equal(rig_count(&b.g, OBJECT_ADDED, "e"), 0);
	fake_close(&b.f);
}

static void unwant_all(void *owner, enum object_change what, const struct object *o)
{
	struct rig *g = owner;
	rig_changed(owner, what, o);
	if (o->kind == KIND_DEPLOYMENT)
		cluster_unwant(g->cluster, KIND_DEPLOYMENT, "t", NULL);
}

/* Whoever is told of the first object of a page gives the want up. */
static void test_unwant_within_a_change(void **state)
{
	(void)state;
	struct bed b;
	bed_filled(&b);
	fake_on(&b.f, DEPLOYMENTS, "limit", 200, LIST("20", ""));
	fake_watch(&b.f, DEPLOYMENTS, "resourceVersion=20", NULL);
	cluster_want(b.g.cluster, KIND_DEPLOYMENT, "other", "d");
	UNTIL(&b.g, cluster_known(b.g.cluster, KIND_DEPLOYMENT, "other", "d"));
	fake_on(&b.f, "GET /apis/apps/v1/namespaces/t/deployments", "limit", 200,
		"{\"metadata\":{\"resourceVersion\":\"21\",\"continue\":\"x\"},\"items\":[" ITEM("d", "3") "," ITEM(
			"e", "4") "," ITEM("f", "5") "]}");
	fake_on(&b.f, "GET /apis/apps/v1/namespaces/t/deployments", "continue", 200, LIST("21", ITEM("z", "6")));
	b.g.cluster->changed = unwant_all;
	cluster_want(b.g.cluster, KIND_DEPLOYMENT, "t", NULL);
	UNTIL(&b.g, fake_count(&b.f, "GET /apis/apps/v1/namespaces/t/deployments") == 2);
	STAYS(&b.g, 50, b.g.n == 1);
	assert_null(cluster_find(b.g.cluster, KIND_DEPLOYMENT, "t", "d"));
	fake_close(&b.f);
}

static void test_one_namespace(void **state)
{
	(void)state;
	struct bed b;
	rig_open_loop(&b.g);
	fake_listen(&b.f, &b.g);
	fake_kubeconfig(&b.f, "{token: x}");
	rig_connect(&b.g, &(struct kube_options){
				  .kubeconfig = b.f.kubeconfig, .ns = "t", .retry_min_ms = 20, .retry_max_ms = 100 });
	fake_on(&b.f, "GET /apis/flagger.app/v1beta1/namespaces/t/canaries", "limit", 200, LIST("9", ITEM("a", "1")));
	fake_watch(&b.f, "GET /apis/flagger.app/v1beta1/namespaces/t/canaries", "watch", NULL);
	fake_on(&b.f, "GET /apis/flagger.app/v1beta1/namespaces/shared/metrictemplates", "limit", 200, LIST("9", ""));
	fake_watch(&b.f, "GET /apis/flagger.app/v1beta1/namespaces/shared/metrictemplates", "watch", NULL);
	fake_on(&b.f, "GET /apis/flagger.app/v1beta1/namespaces/t/metrictemplates", "limit", 200,
		LIST("9", ITEM("m", "1")));
	fake_watch(&b.f, "GET /apis/flagger.app/v1beta1/namespaces/t/metrictemplates", "watch", NULL);
	cluster_want(b.g.cluster, KIND_METRIC_TEMPLATE, "t", "m");
	cluster_want(b.g.cluster, KIND_METRIC_TEMPLATE, "shared", "m"); /* a reference across namespaces */
	cluster_start(b.g.cluster);
	UNTIL(&b.g, cluster_find(b.g.cluster, KIND_METRIC_TEMPLATE, "t", "m"));
	UNTIL(&b.g, cluster_known(b.g.cluster, KIND_METRIC_TEMPLATE, "shared", "m"));
	assert_true(cluster_known(b.g.cluster, KIND_CANARY, "t", "a"));
	fake_close(&b.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_a_continue_token_that_expires),
		cmocka_unit_test(test_an_unreadable_object_hides_no_other),
		cmocka_unit_test(test_events_in_pieces),
		cmocka_unit_test(test_cut_in_the_middle_of_a_line),
		cmocka_unit_test(test_bookmark_then_the_normal_end),
		cmocka_unit_test(test_410_as_an_event),
		cmocka_unit_test(test_410_as_a_status),
		cmocka_unit_test(test_another_error_goes_on_from_where_we_were),
		cmocka_unit_test(test_nonsense_in_a_watch_means_a_list),
		cmocka_unit_test(test_older_and_equal_events),
		cmocka_unit_test(test_a_server_that_ends_each_watch_at_once),
		cmocka_unit_test(test_unreachable_and_back),
		cmocka_unit_test(test_missing_and_refused_kinds),
		cmocka_unit_test(test_a_404_deletes_nothing),
		cmocka_unit_test(test_ingress_of_an_old_server),
		cmocka_unit_test(test_late_wants),
		cmocka_unit_test(test_a_late_answer_does_not_raise_the_dead),
		cmocka_unit_test(test_unwant_within_a_change),
		cmocka_unit_test(test_one_namespace),
	};
	return cmocka_run_group_tests_name("kube_watch", tests, NULL, NULL);
}

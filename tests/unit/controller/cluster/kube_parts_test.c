/* The parts of the cluster seam that need no server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "controller/cluster/kube/backoff.h"
#include "controller/cluster/kube/bucket.h"
#include "controller/cluster/kube/cache.h"
#include "controller/cluster/kube/event_body.h"
#include "controller/cluster/kube/path.h"
#include "controller/cluster/kube/watch_lines.h"

static void test_kinds(void **state)
{
	(void)state;
	enum kind k = KIND_CANARY;
	struct error e;
	assert_int_equal(kind_parse("HorizontalPodAutoscaler", &k, &e), RC_OK);
	assert_int_equal(k, KIND_HPA);
	assert_string_equal(kind_name(KIND_POD), "Pod");
	assert_string_equal(kind_info(KIND_DEPLOYMENT)->plural, "deployments");
	assert_int_equal(kind_parse("deployment", &k, &e), RC_INVALID);
	assert_string_equal(e.text, "unknown kind \"deployment\" (did you mean \"Deployment\"?)");
	assert_int_equal(kind_parse(NULL, &k, &e), RC_INVALID);
	assert_int_equal(k, KIND_HPA);
}

static void test_paths(void **state)
{
	(void)state;
	static const struct {
		struct api_group group;
		const char *ns, *name, *sub, *path;
	} cases[] = {
		{ { "", "v1" }, NULL, NULL, NULL, "/api/v1/things" },
		{ { "apps", "v1" }, "t", "a.b", "status", "/apis/apps/v1/namespaces/t/things/a.b/status" },
		{ { "apps", "v1" }, "t", "a/../b?c", "", "/apis/apps/v1/namespaces/t/things/a%2F..%2Fb%3Fc" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct strbuf b;
		strbuf_init(&b, 1024);
		path_add(&b, &cases[i].group, "things", cases[i].ns, cases[i].name, cases[i].sub);
		assert_string_equal(b.s, cases[i].path);
		strbuf_finish(&b);
	}
}

static void test_resource_versions(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		int order;
	} cases[] = {
		{ "9", "10", -1 },           { "10", "9", 1 },
		{ "10", "10", 0 },           { "010", "10", 0 },
		{ "0", "", RV_UNORDERED },   { "", "", 0 },
		{ "x1", "x1", 0 },           { "x1", "x2", RV_UNORDERED },
		{ "1", "1a", RV_UNORDERED }, { "18446744073709551616", "18446744073709551615", 1 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (rv_compare(cases[i].a, cases[i].b) != cases[i].order)
			fail_msg("%s %s: %d", cases[i].a, cases[i].b, rv_compare(cases[i].a, cases[i].b));
}

static void test_an_entry(void **state)
{
	(void)state;
	static const char json[] =
		"{\"metadata\":{\"name\":\"d\",\"namespace\":\"t\",\"uid\":\"u\",\"resourceVersion\":\"5\","
		"\"generation\":3,"
		"\"deletionTimestamp\":\"2026-11-24T21:58:22Z\","
		"\"ownerReferences\":[{\"uid\":\"no\"},{\"uid\":\"boss\",\"controller\":true}],"
		"\"managedFields\":["
		"{\"manager\":\"old\",\"time\":\"2026-01-01T00:00:00Z\",\"fieldsV1\":{\"f:spec\":{\"f:template\":{}}}},"
		"{\"manager\":\"new\",\"time\":\"2026-01-03T00:00:00Z\",\"fieldsV1\":{\"f:spec\":{\"f:template\":{}}}},"
		"{\"manager\":\"status\",\"time\":\"2026-01-04T00:00:00Z\",\"fieldsV1\":{\"f:status\":{}}}]},\"spec\":{"
		"}}";
	struct entry *n = NULL;
	struct error e;
	assert_int_equal(entry_parse(KIND_DEPLOYMENT, "apps/v1", json, sizeof json - 1, &n, &e), RC_OK);
	assert_string_equal(n->o.ns, "t");
	assert_string_equal(n->o.name, "d");
	assert_string_equal(n->o.uid, "u");
	assert_string_equal(n->o.owner_uid, "boss");
	assert_string_equal(n->o.template_manager, "new");
	assert_int_equal(n->o.generation, 3);
	assert_true(n->o.deleting);
	assert_memory_equal(n->o.json, "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":", 52);
	assert_null(strstr(n->o.json, "managedFields"));
	assert_int_equal(n->key_len, 3);
	assert_memory_equal(n->key, "t\0d", 4);
	entry_free(n);
	assert_int_equal(entry_parse(KIND_DEPLOYMENT, "apps/v1", "{\"metadata\":{}}", 15, &n, &e), RC_INVALID);
	assert_string_equal(e.text, "an object of kind Deployment without metadata.name");
}

struct heard {
	char lines[256];
	int stop_after;
};

static bool hear(void *owner, const char *line, size_t len)
{
	struct heard *h = owner;
	size_t at = strlen(h->lines);
	snprintf(h->lines + at, sizeof h->lines - at, "[%.*s]", (int)len, line);
	return --h->stop_after != 0;
}

static void test_lines(void **state)
{
	(void)state;
	struct watch_lines w;
	struct heard h = { .stop_after = -1 };
	struct error e;
	watch_lines_init(&w, 8);
	assert_int_equal(watch_lines_feed(&w, "a\r\n\n\r\nbc", 8, hear, &h, &e), RC_OK);
	assert_int_equal(watch_lines_feed(&w, "d", 1, hear, &h, &e), RC_OK);
	assert_int_equal(watch_lines_feed(&w, "\r", 1, hear, &h, &e), RC_OK);
	assert_int_equal(watch_lines_feed(&w, "\ne\nf", 4, hear, &h, &e), RC_OK);
	assert_string_equal(h.lines, "[a][bcd][e]"); /* f has no end yet */
	assert_int_equal(watch_lines_feed(&w, "12345678", 8, hear, &h, &e), RC_EXHAUSTED);
	assert_string_equal(e.text, "a watch event of more than 8 bytes");
	watch_lines_finish(&w);
	watch_lines_init(&w, 8);
	assert_int_equal(watch_lines_feed(&w, "123456789\n", 10, hear, &h, &e), RC_EXHAUSTED);
	watch_lines_finish(&w);
	watch_lines_init(&w, 8);
	h = (struct heard){ .stop_after = 1 };
	assert_int_equal(watch_lines_feed(&w, "a\nb\n", 4, hear, &h, &e), RC_REFUSED);
	assert_string_equal(h.lines, "[a]");
	watch_lines_finish(&w);
}

static void test_event_lines(void **state)
{
	(void)state;
	static const struct {
		const char *line, *why;
	} cases[] = {
		{ "{\"type\":\"RENAMED\",\"object\":{}}", "a watch event of unknown type \"RENAMED\"" },
		{ "{\"type\":\"ADDED\",\"object\":[]}", "a watch event without an object" },
		{ "{\"type\":\"ADDED\"}", "a watch event without an object" },
		{ "{", "a watch event: line 1 column 2: " },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct watch_event ev = { .object = NULL };
		struct error e;
		if (watch_event_parse(cases[i].line, strlen(cases[i].line), &ev, &e) != RC_INVALID ||
		    !text_starts(e.text, cases[i].why) || ev.object)
			fail_msg("%s: \"%s\"", cases[i].line, e.text);
	}
}

static void test_a_bucket(void **state)
{
	(void)state;
	struct bucket b;
	bucket_init(&b, 3, 10 * 1000, 1000);
	for (int i = 0; i < 3; i++)
		assert_true(bucket_take(&b, 1000));
	assert_false(bucket_take(&b, 1000));
	assert_int_equal(bucket_wait_ms(&b, 1000), 10);
	assert_int_equal(bucket_wait_ms(&b, 1009), 1);
	assert_true(bucket_take(&b, 1010));
	assert_false(bucket_take(&b, 1010));
	assert_int_equal(bucket_wait_ms(&b, INT64_MAX / 2), 0);
	for (int i = 0; i < 3; i++) /* never more than it holds */
		assert_true(bucket_take(&b, INT64_MAX / 2));
	assert_false(bucket_take(&b, INT64_MAX / 2));
	assert_false(bucket_take(&b, 0)); /* a clock that goes back gives nothing */
}

static void test_backoff(void **state)
{
	(void)state;
	struct backoff b = { .min_ms = 100, .max_ms = 1000 };
	static const int64_t full[] = { 100, 200, 400, 800, 1000, 1000 };
	for (size_t i = 0; i < sizeof full / sizeof *full; i++)
		assert_in_range(backoff_next(&b), (uint64_t)full[i] / 2, (uint64_t)full[i]);
	b.failures = 4000000000;
	assert_in_range(backoff_next(&b), 500, 1000);
	backoff_reset(&b);
	assert_in_range(backoff_next(&b), 50, 100);
	assert_int_equal(backoff_between(7, 7), 7);
}

static void test_names_of_events(void **state)
{
	(void)state;
	char name[EVENT_NAME_MAX], other[EVENT_NAME_MAX], long_name[254];
	struct error e;
	memset(long_name, 'a', sizeof long_name - 1);
	long_name[253] = '\0';
	long_name[235] = '.'; /* where it is cut */
	struct cluster_event q = { .ns = "t", .name = long_name, .uid = "u" };
	assert_int_equal(event_name(&q, "key", name, &e), RC_OK);
	assert_true(text_is_dns_subdomain(name));
	q.uid = "v";
	assert_int_equal(event_name(&q, "key", other, &e), RC_OK);
	assert_string_not_equal(name, other);
	q.uid = "u";
	assert_int_equal(event_name(&q, "key", other, &e), RC_OK);
	assert_string_equal(name, other);
}

/* ---- the cache by itself ---- */

struct told {
	char text[512];
};

static void tell(void *owner, enum object_change what, const struct object *o)
{
	struct told *t = owner;
	static const char signs[] = "+~-";
	size_t at = strlen(t->text);
	snprintf(t->text + at, sizeof t->text - at, "%c%s@%s ", signs[what], o->name, o->resource_version);
}

static struct entry *entry(const char *name, const char *uid, const char *rv)
{
	char json[256];
	struct entry *n = NULL;
	struct error e;
	snprintf(json, sizeof json,
		 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"t\",\"uid\":\"%s\",\"resourceVersion\":\"%s\"}}", name,
		 uid, rv);
	assert_int_equal(entry_parse(KIND_POD, "v1", json, strlen(json), &n, &e), RC_OK);
	return n;
}

static void test_the_cache(void **state)
{
	(void)state;
	struct loop *l = NULL;
	struct cache *c = NULL;
	struct told t = { "" };
	struct error e;
	assert_int_equal(loop_create(&l, &e), RC_OK);
	assert_int_equal(cache_create(l, tell, &t, &c, &e), RC_OK);
	assert_string_equal(cache_put(c, entry("a", "1", "5"))->resource_version, "5"); /* not wanted: not kept */
	assert_null(cache_find(c, KIND_POD, "t", "a"));
	struct want *w = cache_want(c, KIND_POD, "t", NULL);
	cache_put(c, entry("a", "1", "5"));
	assert_string_equal(cache_put(c, entry("a", "1", "4"))->resource_version, "5");
	cache_put(c, entry("a", "1", "6"));
	cache_put(c, entry("a", "2", "7")); /* deleted and made anew, and nobody told us */
	assert_string_equal(t.text, "+a@5 ~a@6 -a@6 +a@7 ");
	t.text[0] = '\0';
	cache_put(c, entry("a", "1", "9"));          /* the dead one speaks up */
	cache_gone(c, KIND_POD, "t", "a", "1", "6"); /* and is buried late */
	assert_string_equal(t.text, "");
	cache_gone(c, KIND_POD, "t", "a", "2", "9");
	assert_string_equal(t.text, "-a@7 ");
	t.text[0] = '\0';
	cache_put(c, entry("b", "3", "20"));
	cache_put(c, entry("c", "4", "11"));
	uint64_t began = cache_now(c);
	struct entry *listed = entry("d", "5", "8");
	listed->listed = began;
	cache_put(c, listed);
	cache_listed(c, KIND_POD, "", began, "15"); /* b is newer than the list, c is gone, d is in it */
	assert_string_equal(t.text, "+b@20 +c@11 +d@8 -c@11 ");
	t.text[0] = '\0';
	cache_put(c, entry("x", "6", "opaque-1"));
	cache_put(c, entry("x", "6", "opaque-2")); /* no order known: the last word counts */
	cache_put(c, entry("x", "6", "opaque-2"));
	assert_string_equal(t.text, "+x@opaque-1 ~x@opaque-2 ");
	cache_unwant(c, w);
	assert_null(cache_find(c, KIND_POD, "t", "b"));
	cache_destroy(c);
	loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_resource_versions),
		cmocka_unit_test(test_an_entry),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_event_lines),
		cmocka_unit_test(test_a_bucket),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_names_of_events),
		cmocka_unit_test(test_the_cache),
	};
	return cmocka_run_group_tests_name("kube_parts", tests, NULL, NULL);
}

#include "base/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_rendered(struct metrics *m, const char *text)
{
	struct strbuf b;
	strbuf_init(&b, 1 << 20);
	metrics_render(m, &b);
	assert_string_equal(b.s, text);
	strbuf_finish(&b);
}

static void test_counter_and_gauge(void **state)
{
	(void)state;
	CLEANUP(metrics_destroy_p) struct metrics *m = metrics_create();
	struct metric *starts = metrics_add(m, METRIC_COUNTER, "starts_total", "Starts.", "", NULL);
	struct metric *weight = metrics_add(m, METRIC_GAUGE, "flagger_canary_weight", "Weight of a workload.",
					    "workload,namespace", NULL);
	struct metric *silent = metrics_add(m, METRIC_GAUGE, "silent", "Never set.", "name", NULL);
	assert_ptr_equal(metrics_add(m, METRIC_GAUGE, "silent", "again", "name", NULL), silent);
	metric_set(weight, 20, "podinfo", "test");
	metric_set(weight, 80.5, "podinfo-primary", "test");
	metric_set(weight, 7, "app", "prod");
	metric_inc(weight, -2, "app", "prod");
	assert_rendered(m, "# HELP starts_total Starts.\n# TYPE starts_total counter\nstarts_total 0\n"
			   "# HELP flagger_canary_weight Weight of a workload.\n# TYPE flagger_canary_weight gauge\n"
			   "flagger_canary_weight{workload=\"app\",namespace=\"prod\"} 5\n"
			   "flagger_canary_weight{workload=\"podinfo\",namespace=\"test\"} 20\n"
			   "flagger_canary_weight{workload=\"podinfo-primary\",namespace=\"test\"} 80.5\n");
	metric_inc(starts, 1);
	metric_inc(starts, -1);
	metric_inc(starts, NAN);
	assert_true(metric_value(starts) == 1);
	assert_true(metric_value(weight, "app", "prod") == 5);
	assert_true(metric_value(weight, "prod", "app") == 0);
	metric_forget(weight, "app", "prod");
	metric_forget(weight, "never", "there");
	metric_forget(weight, "podinfo", "test");
	assert_true(metric_value(weight, "app", "prod") == 0);
	assert_rendered(m, "# HELP starts_total Starts.\n# TYPE starts_total counter\nstarts_total 1\n"
			   "# HELP flagger_canary_weight Weight of a workload.\n# TYPE flagger_canary_weight gauge\n"
			   "flagger_canary_weight{workload=\"podinfo-primary\",namespace=\"test\"} 80.5\n");
}

static void test_histogram(void **state)
{
	(void)state;
	static const double buckets[] = { 0.5, 1, 2.5, 0 };
	CLEANUP(metrics_destroy_p) struct metrics *m = metrics_create();
	struct metric *h = metrics_add(m, METRIC_HISTOGRAM, "h_seconds", "H.", "name", buckets);
	metric_observe(h, 0.5, "x"); /* the bound belongs to its bucket */
	metric_observe(h, 0.75, "x");
	metric_observe(h, 2, "x");
	metric_observe(h, 100, "x");
	metric_observe(h, NAN, "x");
	assert_true(metric_value(h, "x") == 4);
	assert_rendered(m, "# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
			   "h_seconds_bucket{name=\"x\",le=\"0.5\"} 1\n"
			   "h_seconds_bucket{name=\"x\",le=\"1\"} 2\n"
			   "h_seconds_bucket{name=\"x\",le=\"2.5\"} 3\n"
			   "h_seconds_bucket{name=\"x\",le=\"+Inf\"} 4\n"
			   "h_seconds_sum{name=\"x\"} 103.25\n"
			   "h_seconds_count{name=\"x\"} 4\n");
}

static void test_default_buckets(void **state)
{
	(void)state;
	CLEANUP(metrics_destroy_p) struct metrics *m = metrics_create();
	struct metric *h = metrics_add(m, METRIC_HISTOGRAM, "d", "D.", "", NULL);
	metric_observe(h, 0.03);
	assert_rendered(m, "# HELP d D.\n# TYPE d histogram\n"
			   "d_bucket{le=\"0.005\"} 0\nd_bucket{le=\"0.01\"} 0\nd_bucket{le=\"0.025\"} 0\n"
			   "d_bucket{le=\"0.05\"} 1\nd_bucket{le=\"0.1\"} 1\nd_bucket{le=\"0.25\"} 1\n"
			   "d_bucket{le=\"0.5\"} 1\nd_bucket{le=\"1\"} 1\nd_bucket{le=\"2.5\"} 1\n"
			   "d_bucket{le=\"5\"} 1\nd_bucket{le=\"10\"} 1\nd_bucket{le=\"+Inf\"} 1\n"
			   "d_sum 0.03\nd_count 1\n");
}

static void test_escapes(void **state)
{
	(void)state;
	CLEANUP(metrics_destroy_p) struct metrics *m = metrics_create();
	struct metric *g = metrics_add(m, METRIC_GAUGE, "g", "back\\slash\nline \"quote\"", "a,b", NULL);
	metric_set(g, INFINITY, "q\"b\\n\nx", "\xe7\x81\xb0\xff");
	metric_set(g, NAN, "n", NULL);
	/* Two values that would be one if they were not escaped. */
	metric_set(g, 1, "x\",b=\"y", "z");
	metric_set(g, -INFINITY, "x", "y\",b=\"z");
	assert_rendered(m, "# HELP g back\\\\slash\\nline \"quote\"\n# TYPE g gauge\n"
			   "g{a=\"n\",b=\"\"} NaN\n"
			   "g{a=\"q\\\"b\\\\n\\nx\",b=\"\xe7\x81\xb0\xef\xbf\xbd\"} +Inf\n"
			   "g{a=\"x\",b=\"y\\\",b=\\\"z\"} -Inf\n"
			   "g{a=\"x\\\",b=\\\"y\",b=\"z\"} 1\n");
}

static void test_series_limit(void **state)
{
	(void)state;
	CLEANUP(metrics_destroy_p) struct metrics *m = metrics_create();
	struct metric *c = metrics_add(m, METRIC_COUNTER, "c", "C.", "n", NULL);
	char name[16];
	for (int i = 0; i <= 10000; i++) {
		snprintf(name, sizeof name, "%d", i);
		metric_inc(c, 1, name);
	}
	assert_true(metric_value(c, "9999") == 1);
	assert_true(metric_value(c, "10000") == 0);
	metric_forget(c, "5");
	metric_inc(c, 1, "10000");
	assert_true(metric_value(c, "10000") == 1);
	char large[17000];
	memset(large, 'a', sizeof large);
	large[sizeof large - 1] = '\0';
	metric_inc(c, 1, large);
	assert_true(metric_value(c, large) == 0);
}

static void test_nothing(void **state)
{
	(void)state;
	struct metric *none = metrics_add(NULL, METRIC_GAUGE, "x", "X.", "a", NULL);
	assert_null(none);
	metric_inc(none, 1, "a");
	metric_set(none, 1, "a");
	metric_observe(none, 1, "a");
	metric_forget(none, "a");
	assert_true(metric_value(none, "a") == 0);
	assert_rendered(NULL, "");
	metrics_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counter_and_gauge), cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_default_buckets),   cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_series_limit),      cmocka_unit_test(test_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Lines of an access log in, rates and durations out. */
#include "controller/metrics/traffic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/metrics.h"
#include "controller/metrics/histogram.h"

#define HEAD "<190>Nov 25 01:02:03 rollcall: "
#define APP "default/podinfo"

static enum result add(struct traffic *t, int64_t at_ms, const char *line)
{
	return traffic_line(t, (struct mono_ms){ at_ms }, line, strlen(line));
}

static enum result sum(const struct traffic *t, int64_t at_ms, enum traffic_side side, int64_t window_ms,
		       struct traffic_sum *ret, struct error *e)
{
	return traffic_read(t, (struct mono_ms){ at_ms }, APP, side, window_ms, ret, e);
}

/* ---- lines ---- */

static const struct {
	const char *line;
	enum result r;
} lines[] = {
	{ HEAD "200 0.003 canary " APP, RC_OK },
	{ HEAD "200 0.003 canary " APP "\n", RC_OK },
	{ HEAD "502 12.000 primary upstream:web", RC_OK },
	{ "<190>Nov  5 01:02:03 host rollcall: 200 0.003 canary " APP, RC_OK },
	{ HEAD "404 0.000 - -", RC_NOT_FOUND },
	{ HEAD "200 0.003 canary ", RC_INVALID },
	{ HEAD "200 0.003 canary", RC_INVALID },
	{ HEAD "200 0.003 canary a b", RC_INVALID },
	{ HEAD "200  canary " APP, RC_INVALID },
	{ HEAD "000 0.003 canary " APP, RC_INVALID },
	{ HEAD "099 0.003 canary " APP, RC_INVALID },
	{ HEAD "600 0.003 canary " APP, RC_INVALID },
	{ HEAD "2x0 0.003 canary " APP, RC_INVALID },
	{ HEAD "200 -0.003 canary " APP, RC_INVALID },
	{ HEAD "200 nan canary " APP, RC_INVALID },
	{ HEAD "200 1e99 canary " APP, RC_INVALID },
	{ HEAD "200 0.003 Canary " APP, RC_INVALID },
	{ HEAD "200 0.003 canary \xff", RC_INVALID },
	{ "<190>Nov 25 01:02:03 other: 200 0.003 canary " APP, RC_INVALID },
	{ "rollcall: 200 0.003 canary " APP, RC_INVALID },
	{ "", RC_INVALID },
	{ HEAD, RC_INVALID },
};

static void test_lines(void **state)
{
	(void)state;
	CLEANUP(traffic_destroy_p) struct traffic *t = traffic_create(NULL);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (add(t, 1000, lines[i].line) != lines[i].r)
			fail_msg("row %zu: %s", i, lines[i].line);
	assert_int_equal(traffic_line(t, (struct mono_ms){ 0 }, HEAD "200 0.1 canary a\0b",
				      sizeof HEAD "200 0.1 canary a\0b" - 1),
			 RC_INVALID);
	char longest[2048];
	memset(longest, 'x', sizeof longest);
	memcpy(longest, HEAD "200 0.1 canary ", strlen(HEAD "200 0.1 canary "));
	assert_int_equal(traffic_line(t, (struct mono_ms){ 0 }, longest, 900), RC_INVALID);
	assert_int_equal(traffic_line(t, (struct mono_ms){ 0 }, longest, sizeof longest), RC_INVALID);
}

/* ---- sums ---- */

static void test_sides_and_failures(void **state)
{
	(void)state;
	struct traffic_sum got = { 0 };
	struct error e = { .text = "" };
	CLEANUP(metrics_destroy_p) struct metrics *m = metrics_create();
	CLEANUP(traffic_destroy_p) struct traffic *t = traffic_create(m);
	assert_int_equal(sum(t, 5000, TRAFFIC_CANARY, 3000, &got, &e), RC_NOT_FOUND);
	assert_string_equal(e.text, "no request to the canary of default/podinfo in the access log");
	for (int i = 0; i < 90; i++)
		assert_int_equal(add(t, 5000, HEAD "200 0.010 canary " APP), RC_OK);
	for (int i = 0; i < 10; i++)
		assert_int_equal(add(t, 5000, HEAD "500 1.000 canary " APP), RC_OK);
	assert_int_equal(sum(t, 5000, TRAFFIC_PRIMARY, 3000, &got, &e), RC_NOT_FOUND);
	assert_int_equal(add(t, 5000, HEAD "404 0.001 primary " APP), RC_OK);
	assert_int_equal(sum(t, 5000, TRAFFIC_PRIMARY, 3000, &got, &e), RC_OK);
	assert_true(got.success_rate == 100);
	assert_int_equal(sum(t, 5000, TRAFFIC_CANARY, 3000, &got, &e), RC_OK);
	assert_int_equal(got.requests, 100);
	assert_int_equal(got.failed, 10);
	assert_true(got.success_rate == 90);
	assert_true(got.p50_ms == 10);
	assert_true(got.p99_ms > 900 && got.p99_ms < 1100);
	assert_true(
		metric_value(metrics_add(m, METRIC_COUNTER, "rollcall_requests_total", "", "route,side,status", NULL),
			     APP, "canary", "5xx") == 10);
}

static void test_windows(void **state)
{
	(void)state;
	struct traffic_sum got = { 0 };
	struct error e = { .text = "" };
	CLEANUP(traffic_destroy_p) struct traffic *t = traffic_create(NULL);
	/* one failure at 10 s, then a success each second up to two hours */
	assert_int_equal(add(t, 10000, HEAD "500 0.001 canary " APP), RC_OK);
	for (int64_t at = 11000; at <= 7200 * 1000; at += 1000) {
		assert_int_equal(add(t, at, HEAD "200 0.001 canary " APP), RC_OK);
		bool within = at < 14000, within_minute = at <= 70000;
		assert_int_equal(sum(t, at, TRAFFIC_CANARY, 3000, &got, &e), RC_OK);
		if ((got.failed == 1) != within)
			fail_msg("%lld: 3s has %llu failures", (long long)at, (unsigned long long)got.failed);
		assert_in_range(got.requests, 2, 4);
		assert_int_equal(sum(t, at, TRAFFIC_CANARY, 60000, &got, &e), RC_OK);
		assert_int_equal(got.failed, within_minute);
		assert_in_range(got.requests, 2, 61);
		assert_int_equal(sum(t, at, TRAFFIC_CANARY, 3600 * 1000, &got, &e), RC_OK);
		assert_int_equal(got.failed, at < 3660 * 1000);
	}
	assert_in_range(got.requests, 3600, 3660);
	assert_int_equal(sum(t, 7300 * 1000, TRAFFIC_CANARY, 60000, &got, &e), RC_NOT_FOUND);
	assert_int_equal(sum(t, 7300 * 1000, TRAFFIC_CANARY, 3600 * 1000 + 1, &got, &e), RC_INVALID);
	assert_string_equal(e.text, "the access log is remembered for an hour, the interval is longer");
	assert_int_equal(sum(t, 7300 * 1000, TRAFFIC_CANARY, 0, &got, &e), RC_INVALID);
}

static void test_bounds(void **state)
{
	(void)state;
	char line[128];
	struct strbuf page;
	CLEANUP(metrics_destroy_p) struct metrics *m = metrics_create();
	CLEANUP(traffic_destroy_p) struct traffic *t = traffic_create(m);
	for (int i = 0; i < 4 * TRAFFIC_ROUTES_MAX; i++) {
		snprintf(line, sizeof line, HEAD "200 0.001 canary r%d", i);
		assert_int_equal(add(t, 1000 + i, line), i < TRAFFIC_ROUTES_MAX ? RC_OK : RC_EXHAUSTED);
	}
	/* an hour later the oldest make room, and leave the metrics too */
	assert_int_equal(add(t, 2000 + TRAFFIC_WINDOW_MAX_MS, HEAD "200 0.001 canary fresh"), RC_OK);
	strbuf_init(&page, 4 << 20);
	metrics_render(m, &page);
	assert_non_null(strstr(page.s, "route=\"fresh\""));
	assert_null(strstr(page.s, "route=\"r0\""));
	assert_non_null(strstr(page.s, "route=\"r1\""));
	strbuf_finish(&page);
}

/* ---- histograms ---- */

static void test_quantiles(void **state)
{
	(void)state;
	static const uint64_t values[] = { 0, 1, 15, 16, 17, 31, 32, 100, 999, 1000, 4096, 60000, 131071 };
	struct histogram h = { 0 }, all = { 0 };
	assert_true(histogram_quantile(&h, 0.5) == 0);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct histogram one = { 0 };
		double v = (double)values[i];
		for (int n = 0; n < 1000; n++)
			histogram_add(&one, values[i]);
		for (double share = 0.01; share < 1; share += 0.07)
			if (fabs(histogram_quantile(&one, share) - v) > v / 8 + 1e-9)
				fail_msg("%g at %g is %g", v, share, histogram_quantile(&one, share));
		histogram_merge(&all, &one);
	}
	assert_true(histogram_quantile(&all, 0.5) >= 32 && histogram_quantile(&all, 0.5) <= 36);
	histogram_add(&h, UINT64_MAX); /* falls into the last one */
	assert_true(histogram_quantile(&h, 0.99) > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),     cmocka_unit_test(test_sides_and_failures),
		cmocka_unit_test(test_windows),   cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_quantiles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "bot/outbox/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_per_minute(void **state)
{
	(void)state;
	struct rate r = { .limit = 3 };
	for (int64_t now = 0; now < 3; now++) {
		assert_int_equal(rate_wait(&r, now, 0), 0);
		rate_use(&r, now);
	}
	assert_int_equal(rate_wait(&r, 3, 0), 59998); /* time 0 counts as 1: it is a mark */
	assert_int_equal(rate_wait(&r, 60000, 0), 1);
	assert_int_equal(rate_wait(&r, 60001, 0), 0);
	rate_use(&r, 60001);
	assert_int_equal(rate_wait(&r, 60001, 0), 0); /* the second one is a minute old as well */
	rate_use(&r, 60001);
	assert_int_equal(rate_wait(&r, 60001, 0), 1);
}

static void test_what_is_kept(void **state)
{
	(void)state;
	struct rate r = { .limit = 3 };
	rate_use(&r, 10);
	rate_use(&r, 20);
	assert_int_equal(rate_wait(&r, 30, 0), 0);
	assert_int_equal(rate_wait(&r, 30, 1), 59980); /* one of three is kept: the first of two has to age */
	assert_int_equal(rate_wait(&r, 30, 5), 59990); /* never less than one */
}

static void test_limits(void **state)
{
	(void)state;
	struct rate none = { .limit = 0 }, endless = { .limit = 100000 };
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(rate_wait(&none, 5, 0), 0);
		rate_use(&none, 5);
	}
	for (int i = 0; i < RATE_MAX; i++) {
		assert_int_equal(rate_wait(&endless, 5, 0), 0);
		rate_use(&endless, 5);
	}
	assert_int_equal(rate_wait(&endless, 5, 0), RATE_WINDOW_MS);
}

/* Never more than the limit in any minute, and never idle while one is allowed. */
static void test_any_minute(void **state)
{
	(void)state;
	struct rate r = { .limit = 20 };
	int64_t sent[2000];
	size_t n = 0;
	for (int64_t now = 1; now < 600000; now += 137)
		if (rate_wait(&r, now, 0) == 0) {
			rate_use(&r, now);
			sent[n++] = now;
		}
	assert_in_range(n, 199, 200);
	for (size_t i = 20; i < n; i++)
		assert_in_range(sent[i] - sent[i - 20], RATE_WINDOW_MS, RATE_WINDOW_MS + 137);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_per_minute), cmocka_unit_test(test_what_is_kept),
					    cmocka_unit_test(test_limits), cmocka_unit_test(test_any_minute) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

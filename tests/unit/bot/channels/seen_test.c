#include "bot/channels/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct mono_ms at(int64_t ms)
{
	return (struct mono_ms){ ms };
}

static void test_once_within_its_time(void **state)
{
	(void)state;
	struct seen *s = seen_create(100);
	assert_true(seen_first(s, "a", at(0), 1000));
	assert_false(seen_first(s, "a", at(999), 1000));
	assert_true(seen_first(s, "b", at(999), 1000));
	assert_true(seen_first(s, "a", at(1000), 1000)); /* over */
	assert_false(seen_first(s, "a", at(1001), 1000));
	seen_destroy(s);
}

static void test_bounded(void **state)
{
	(void)state;
	struct seen *s = seen_create(10);
	for (int i = 0; i < 1000; i++) {
		char key[16];
		(void)snprintf(key, sizeof key, "k%d", i);
		assert_true(seen_first(s, key, at(i), 1000000));
	}
	assert_false(seen_first(s, "k999", at(1000), 1000000));
	assert_false(seen_first(s, "k990", at(1000), 1000000));
	assert_true(seen_first(s, "k989", at(1000), 1000000)); /* the oldest were forgotten */
	seen_destroy(s);
}

static void test_count(void **state)
{
	(void)state;
	struct seen *s = seen_create(10);
	assert_int_equal(seen_count(s, "a", at(0), 1000, false), 0);
	assert_int_equal(seen_count(s, "a", at(0), 1000, true), 1);
	assert_int_equal(seen_count(s, "a", at(500), 1000, true), 2);
	assert_int_equal(seen_count(s, "a", at(999), 1000, false), 2);
	assert_int_equal(seen_count(s, "a", at(1000), 1000, false), 0); /* the window is the first one's */
	seen_destroy(s);
	seen_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_once_within_its_time), cmocka_unit_test(test_bounded),
					    cmocka_unit_test(test_count) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_zeroed_and_aligned(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 20);
	for (int round = 0; round < 2; round++) {
		for (size_t size = 1; size < 9000; size = size * 2 + 1) {
			assert_non_null(arena_strdup(a, "x"));
			unsigned char *p = arena_alloc(a, 1, size);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(p[i], 0);
			memset(p, 0xff, size);
		}
		arena_reset(a); /* the second round reuses dirty memory */
	}
}

static void test_limit(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(100);
	assert_non_null(arena_alloc(a, 10, 10));
	assert_null(arena_alloc(a, 1, 1));
	assert_non_null(arena_alloc(a, 0, 8));
	assert_null(arena_strdup(a, ""));
	arena_reset(a);
	assert_null(arena_alloc(a, 101, 1));
	char text[100];
	memset(text, 'a', 99);
	text[99] = '\0';
	assert_non_null(arena_strdup(a, text)); /* 99 and the NUL */
	assert_null(arena_printf(a, "x"));
}

static void test_overflow(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(SIZE_MAX);
	assert_null(arena_alloc(a, SIZE_MAX / 2, 3));
	assert_null(arena_alloc(a, SIZE_MAX, 1));
	assert_non_null(arena_alloc(a, 1, 1));
	assert_null(arena_alloc(a, SIZE_MAX, 1));
}

static void test_texts(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 16);
	char source[] = "canary";
	char *copy = arena_strdup(a, source);
	source[0] = 'X';
	assert_string_equal(copy, "canary");
	assert_string_equal(arena_strndup(a, "canary", 3), "can");
	assert_string_equal(arena_strndup(a, "can", SIZE_MAX), "can");
	assert_null(arena_strdup(a, NULL));
	assert_null(arena_strndup(a, NULL, 3));
	assert_string_equal(arena_printf(a, "%s-%d", "w", 20), "w-20");
	char *large = arena_printf(a, "%8000d", 7);
	assert_int_equal(strlen(large), 8000);
	assert_string_equal(copy, "canary");
}

static void test_destroy_null(void **state)
{
	(void)state;
	arena_destroy(NULL);
	struct arena *a = arena_create(10);
	arena_reset(a);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed_and_aligned), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_overflow),           cmocka_unit_test(test_texts),
		cmocka_unit_test(test_destroy_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

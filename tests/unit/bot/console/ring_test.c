#include "bot/console/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void put(struct ring *r, const char *text)
{
	ring_put(r, text, strlen(text));
}

static void what_was_missed_is_there(void **state)
{
	(void)state;
	struct ring r;
	ring_init(&r, 100);
	assert_true(ring_covers(&r, 0));
	assert_false(ring_covers(&r, 1));
	put(&r, "one");
	put(&r, "two");
	assert_true(ring_covers(&r, 0) && ring_covers(&r, 1) && ring_covers(&r, 2));
	assert_false(ring_covers(&r, 3));
	assert_string_equal(ring_at(&r, 1)->text, "one");
	assert_string_equal(ring_at(&r, 2)->text, "two");
	assert_int_equal(ring_at(&r, 2)->len, 3);
	ring_finish(&r);
}

static void the_oldest_go_first(void **state)
{
	(void)state;
	struct ring r;
	ring_init(&r, 10);
	put(&r, "aaaa");
	put(&r, "bbbb");
	put(&r, "cccc");
	assert_int_equal(r.first, 2);
	assert_int_equal(r.bytes, 8);
	assert_false(ring_covers(&r, 0));
	assert_true(ring_covers(&r, 1));
	assert_string_equal(ring_at(&r, 2)->text, "bbbb");
	ring_finish(&r);
}

static void as_many_as_there_are_places(void **state)
{
	(void)state;
	struct ring r;
	ring_init(&r, 1 << 20);
	for (int i = 0; i < RING_EVENTS_MAX + 5; i++) {
		char text[16];
		(void)snprintf(text, sizeof text, "%d", i);
		put(&r, text);
	}
	assert_int_equal(r.next - r.first, RING_EVENTS_MAX);
	assert_string_equal(ring_at(&r, r.first)->text, "5");
	assert_string_equal(ring_at(&r, r.next - 1)->text, "4100");
	ring_finish(&r);
}

/* Whoever has seen what came before must not believe to have missed nothing. */
static void no_gap_is_hidden(void **state)
{
	(void)state;
	struct ring r;
	ring_init(&r, 10);
	put(&r, "seen");
	ring_clear(&r);
	assert_int_equal(r.bytes, 0);
	assert_false(ring_covers(&r, 1));
	assert_true(ring_covers(&r, r.next - 1));
	put(&r, "after");
	assert_false(ring_covers(&r, 1));
	uint64_t before = r.next - 1;
	put(&r, "longer than all of it");
	assert_false(ring_covers(&r, before));
	put(&r, "next");
	assert_true(ring_covers(&r, r.next - 1));
	assert_string_equal(ring_at(&r, r.next - 1)->text, "next");
	ring_finish(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_missed_is_there),
		cmocka_unit_test(the_oldest_go_first),
		cmocka_unit_test(as_many_as_there_are_places),
		cmocka_unit_test(no_gap_is_hidden),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

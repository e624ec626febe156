/* Ladders and replica tables, number by number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "controller/core/strategy.h"

static void test_ladders(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int step_weight, max_weight, steps[4], from, next, max;
		size_t length;
	} cases[] = {
		{ "step from nothing", 20, 40, { 0 }, 0, 20, 40, 2 },
		{ "steps do not stop at the maximum (E8)", 30, 50, { 0 }, 30, 60, 50, 2 },
		{ "but at 100", 60, 0, { 0 }, 60, 100, 100, 2 },
		{ "no step: nothing happens", 0, 0, { 0 }, 0, 0, 100, 0 },
		{ "the list", 0, 0, { 1, 2, 10, 80 }, 2, 10, 80, 4 },
		{ "the list ends at 100", 0, 0, { 1, 2, 10, 200 }, 10, 100, 100, 4 },
		{ "a weight beside the list goes to the next larger entry (E9)", 0, 0, { 1, 2, 10, 80 }, 5, 10, 80, 4 },
		{ "the end of the list", 0, 0, { 1, 2, 10, 80 }, 80, 80, 80, 4 },
		{ "stepWeight goes before the list, which gives the maximum", 20, 0, { 1, 2, 10, 60 }, 20, 40, 60, 3 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct analysis an = { .step_weight = cases[i].step_weight,
				       .max_weight = cases[i].max_weight,
				       .step_weights = cases[i].steps,
				       .step_weight_count = cases[i].steps[0] ? 4 : 0 };
		if (ladder_next(&an, cases[i].from) != cases[i].next || ladder_max(&an) != cases[i].max ||
		    ladder_length(&an) != cases[i].length)
			fail_msg("%s: next %d, max %d, length %zu", cases[i].name, ladder_next(&an, cases[i].from),
				 ladder_max(&an), ladder_length(&an));
	}
}

static void test_canary_replicas(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int step_weight, canary_replicas, step_replicas, maximum, weight, step, expected;
	} cases[] = {
		{ "the seed at 20", 20, 1, 0, 4, 20, 1, 1 },
		{ "the seed at 60", 20, 1, 0, 4, 60, 3, 3 },
		{ "the seed at 80", 20, 1, 0, 4, 80, 4, 4 },
		{ "the weight asks for more", 20, 1, 0, 10, 50, 1, 5 },
		{ "rounded up", 20, 0, 0, 3, 34, 1, 2 },
		{ "at least one with a weight", 20, 0, 0, 4, 1, 1, 1 },
		{ "none without", 20, 0, 0, 4, 0, 0, 0 },
		{ "never more than the whole", 20, 9, 0, 4, 20, 1, 4 },
		{ "manual", 0, 2, 0, 4, 90, 1, 2 },
		{ "by replicas", 0, 0, 3, 4, 0, 1, 3 },
		{ "by replicas, the end", 0, 0, 3, 4, 0, 2, 4 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct analysis an = { .step_weight = cases[i].step_weight,
				       .canary_replicas = cases[i].canary_replicas,
				       .step_replicas = cases[i].step_replicas };
		int got = extension_canary_replicas(&an, cases[i].maximum, cases[i].weight, cases[i].step);
		if (got != cases[i].expected)
			fail_msg("%s: %d", cases[i].name, got);
	}
}

static void test_source_replicas(void **state)
{
	(void)state;
	assert_int_equal(extension_source_replicas(4, 1, 20), 3);
	assert_int_equal(extension_source_replicas(4, 4, 80), 1); /* it still has traffic */
	assert_int_equal(extension_source_replicas(4, 4, 100), 0);
	assert_int_equal(extension_source_replicas(4, 3, 100), 1); /* what the canary does not have yet */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ladders),
		cmocka_unit_test(test_canary_replicas),
		cmocka_unit_test(test_source_replicas),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

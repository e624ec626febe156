#include "controller/node/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Answers: + passes, - fails. Verdict after each: R ready/alive, n not; upper-case letters where the threshold was
 * reached by this answer ("R", "N"), lower-case where it was not ("r", "n"). */
static const struct {
	const char *name;
	enum probe_role role;
	unsigned failures, successes;
	const char *answers, *verdicts;
} cases[] = {
	{ "ready by the first success", PROBE_READINESS, 3, 1, "-+", "nR" },
	{ "stays ready until the third failure in a row", PROBE_READINESS, 3, 1, "+--+---", "RrrRrrN" },
	{ "unready from the third on", PROBE_READINESS, 3, 1, "----+", "nnNNR" },
	{ "two successes are asked for", PROBE_READINESS, 1, 2, "+-++-", "nNnRN" },
	{ "alive until proved dead", PROBE_LIVENESS, 2, 1, "-+--", "rRrN" },
	{ "not started until proved", PROBE_STARTUP, 3, 1, "--+", "nnR" },
	{ "never started", PROBE_STARTUP, 3, 1, "---", "nnN" },
};

static void test_runs_of_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct probe_spec spec = {
			.failure_threshold = cases[i].failures,
			.success_threshold = cases[i].successes,
		};
		struct probe_state s;
		char got[32] = "";
		probe_begin(&s, cases[i].role);
		for (size_t k = 0; cases[i].answers[k]; k++) {
			enum probe_turn turn = probe_answer(&s, &spec, cases[i].answers[k] == '+');
			got[k] = s.passing ? 'r' : 'n';
			if (turn == PROBE_ENOUGH)
				got[k] = s.passing ? 'R' : 'N';
		}
		if (strcmp(got, cases[i].verdicts) != 0)
			fail_msg("%s: %s instead of %s", cases[i].name, got, cases[i].verdicts);
	}
}

static void test_a_container_that_starts_again_is_not_ready(void **state)
{
	const struct probe_spec spec = { .failure_threshold = 3, .success_threshold = 1 };
	struct probe_state s;
	(void)state;
	probe_begin(&s, PROBE_READINESS);
	(void)probe_answer(&s, &spec, true);
	probe_begin(&s, PROBE_READINESS);
	assert_false(s.passing);
	assert_int_equal(probe_answer(&s, &spec, false), PROBE_TOO_FEW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs_of_answers),
		cmocka_unit_test(test_a_container_that_starts_again_is_not_ready),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

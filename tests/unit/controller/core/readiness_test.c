/* The texts of flagger-controller.md 4.7 and when each is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "controller/core/readiness.h"

#define WAIT "waiting for rollout to finish: "

static const struct {
	const char *name;
	struct workload w;
	int percent;
	enum readiness expected;
	const char *why;
} cases[] = {
	{ "gone", { 0 }, 100, NOT_READY, "deployment podinfo.test get query error: not found" },
	{ "not seen by its controller yet",
	  { .exists = true, .generation = 2, .observed_generation = 1 },
	  100,
	  NOT_READY,
	  WAIT "observed deployment generation less than desired generation" },
	{ "past Kubernetes' deadline",
	  { .exists = true, .deadline_exceeded = true, .wanted = 1 },
	  100,
	  BROKEN,
	  "deployment \"podinfo\" exceeded its progress deadline" },
	{ "not all updated",
	  { .exists = true, .wanted = 2, .updated = 1, .replicas = 2 },
	  100,
	  NOT_READY,
	  WAIT "1 out of 2 new replicas have been updated" },
	{ "old ones are left",
	  { .exists = true, .wanted = 1, .updated = 1, .replicas = 3 },
	  100,
	  NOT_READY,
	  WAIT "2 old replicas are pending termination" },
	{ "46: half is not reached",
	  { .exists = true, .wanted = 4, .updated = 4, .replicas = 4, .available = 1 },
	  50,
	  NOT_READY,
	  WAIT "1 of 2 (readyThreshold 50%) updated replicas are available" },
	{ "46: half is enough",
	  { .exists = true, .wanted = 4, .updated = 4, .replicas = 4, .available = 2 },
	  50,
	  READY,
	  "" },
	{ "half of one pod is not none",
	  { .exists = true, .wanted = 1, .updated = 1, .replicas = 1 },
	  50,
	  NOT_READY,
	  WAIT "0 of 1 (readyThreshold 50%) updated replicas are available" },
	{ "nothing wanted is ready", { .exists = true }, 100, READY, "" },
	{ "too few for longer than the deadline",
	  { .exists = true,
	    .wanted = 1,
	    .updated = 1,
	    .replicas = 1,
	    .has_progressing = true,
	    .min_unavailable = true,
	    .unavailable_since = { 39999 } },
	  100,
	  BROKEN,
	  WAIT "0 of 1 (readyThreshold 100%) updated replicas are available" },
	{ "too few, not yet for so long",
	  { .exists = true,
	    .wanted = 1,
	    .updated = 1,
	    .replicas = 1,
	    .has_progressing = true,
	    .min_unavailable = true,
	    .unavailable_since = { 40001 } },
	  100,
	  NOT_READY,
	  WAIT "0 of 1 (readyThreshold 100%) updated replicas are available" },
};

static void test_texts(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 16);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *why;
		struct wall_ms deadline;
		enum readiness r = readiness_of(&cases[i].w, "podinfo", "test", cases[i].percent, 60,
						(struct wall_ms){ 100000 }, a, &why, &deadline);
		if (r != cases[i].expected || strcmp(why, cases[i].why) != 0)
			fail_msg("%s: %d, %s", cases[i].name, (int)r, why);
	}
}

static void test_the_deadline_is_a_wake_up(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 16);
	struct workload w = { .exists = true,
			      .wanted = 1,
			      .updated = 1,
			      .replicas = 1,
			      .has_progressing = true,
			      .min_unavailable = true,
			      .unavailable_since = { 70000 } };
	const char *why;
	struct wall_ms deadline;
	assert_int_equal(readiness_of(&w, "podinfo", "test", 100, 60, (struct wall_ms){ 100000 }, a, &why, &deadline),
			 NOT_READY);
	assert_int_equal(deadline.v, 130000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_the_deadline_is_a_wake_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

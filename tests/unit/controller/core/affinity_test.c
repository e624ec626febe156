/* Sticky sessions over a run: the cookies of the status (flagger-controller.md 6.9, scenario 53). */
#include "tests/unit/controller/core/scene.h"

static void run_until_weight(struct scene *s)
{
	for (int i = 0; i < 20 && status_of(s)->weight == 0; i++)
		tick(s);
	assert_true(status_of(s)->weight > 0);
}

static void test_a_run_makes_cookies_and_takes_them_back(void **state)
{
	(void)state;
	struct scene s;
	char first[64], primary[64];
	scene_init(&s);
	s.c.analysis.cookie = "c";
	s.c.analysis.primary_cookie = "p";
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	assert_true(text_empty(status_of(&s)->session_cookie));
	world_revise(s.world, "v2");
	run_until_weight(&s);
	(void)snprintf(first, sizeof first, "%s", status_of(&s)->session_cookie);
	(void)snprintf(primary, sizeof primary, "%s", status_of(&s)->primary_session_cookie);
	assert_int_equal(strspn(first, "c="), 2);
	assert_int_equal(strlen(first), 12);
	assert_true(text_starts(primary, "p="));
	tick(&s);
	assert_string_equal(status_of(&s)->session_cookie, first); /* one for the whole run */
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	assert_true(text_empty(status_of(&s)->session_cookie));
	assert_string_equal(status_of(&s)->previous_session_cookie, first);
	world_revise(s.world, "v3");
	run_until_weight(&s);
	assert_string_not_equal(status_of(&s)->session_cookie, first);
	assert_string_equal(status_of(&s)->primary_session_cookie, primary); /* E38 */
	scene_close(&s);
}

static void test_no_primary_cookie_without_a_name(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.cookie = "c";
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	world_revise(s.world, "v2");
	run_until_weight(&s);
	assert_true(text_empty(status_of(&s)->primary_session_cookie)); /* E38 */
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_run_makes_cookies_and_takes_them_back),
		cmocka_unit_test(test_no_primary_cookie_without_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

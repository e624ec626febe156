/* Every verdict of an analysis run and its words (flagger-controller.md 2.4), through the door of a tick. */
#include "scene.h"

enum kind { RATE, DURATION, INLINE, TEMPLATE, UNUSABLE, HOOK };
static const struct {
	const char *name;
	enum kind kind;
	bool has_min, has_max;
	double min, max, threshold;
	enum verdict verdict;
	double value;
	const char *text, *said; /* said NULL: the check is good */
} cases[] = {
	{ "rate good", RATE, true, false, 99, 0, 0, ANSWER_YES, 99.5, "", NULL },
	{ "rate low", RATE, true, false, 99.9, 0, 0, ANSWER_YES, 12.345, "",
	  "Halt podinfo.test advancement success rate 12.35% < 99.9%" },
	{ "rate high", RATE, true, true, 1, 50, 0, ANSWER_YES, 60, "",
	  "Halt podinfo.test advancement success rate 60.00% > 50%" },
	{ "rate below the old threshold", RATE, false, false, 0, 0, 99, ANSWER_YES, 98, "",
	  "Halt podinfo.test advancement success rate 98.00% < 99%" },
	{ "rate missing", RATE, true, false, 99, 0, 0, ANSWER_NO, 0, "no values found",
	  "Halt advancement no values found for nginx metric request-success-rate probably podinfo.test is not "
	  "receiving "
	  "traffic: no values found" },
	{ "rate query fails", RATE, true, false, 99, 0, 0, ANSWER_ERROR, 0, "connection refused",
	  "Prometheus query failed: connection refused" },
	{ "duration good", DURATION, false, true, 0, 500, 0, ANSWER_YES, 499, "", NULL },
	{ "duration high", DURATION, false, true, 0, 500, 0, ANSWER_YES, 1515, "",
	  "Halt podinfo.test advancement request duration 1.515s > 500ms" },
	{ "duration low", DURATION, true, false, 100, 0, 0, ANSWER_YES, 20, "",
	  "Halt podinfo.test advancement request duration 20ms < 100ms" },
	{ "the fraction of a limit is cut off", DURATION, false, true, 0, 500.9, 0, ANSWER_YES, 501, "",
	  "Halt podinfo.test advancement request duration 501ms > 500ms" },
	{ "duration above the old threshold", DURATION, false, false, 0, 0, 500, ANSWER_YES, 501, "",
	  "Halt podinfo.test advancement request duration 501ms > 500ms" },
	{ "duration missing", DURATION, false, true, 0, 500, 0, ANSWER_NO, 0, "",
	  "Halt advancement no values found for nginx metric request-duration probably podinfo.test is not receiving "
	  "traffic" },
	{ "inline good", INLINE, false, true, 0, 5, 0, ANSWER_YES, 5, "", NULL },
	{ "inline high", INLINE, false, true, 0, 0.5, 0, ANSWER_YES, 1, "",
	  "Halt podinfo.test advancement m 1.00 > 0.5" },
	{ "inline low", INLINE, true, false, 3, 0, 0, ANSWER_YES, 1, "", "Halt podinfo.test advancement m 1.00 < 3" },
	{ "inline above the old threshold", INLINE, false, false, 0, 0, 2, ANSWER_YES, 3, "",
	  "Halt podinfo.test advancement m 3.00 > 2" },
	{ "inline missing", INLINE, false, true, 0, 5, 0, ANSWER_NO, 0, "",
	  "Halt advancement no values found for metric: m" },
	{ "inline query fails", INLINE, false, true, 0, 5, 0, ANSWER_ERROR, 0, "parse error",
	  "Prometheus query failed for m: parse error" },
	{ "template high", TEMPLATE, false, true, 0, 5, 0, ANSWER_YES, 7, "",
	  "Halt podinfo.test advancement m 7.00 > 5" },
	{ "template missing", TEMPLATE, false, true, 0, 5, 0, ANSWER_NO, 0, "no values found",
	  "Halt advancement no values found for custom metric: m: no values found" },
	{ "template fails", TEMPLATE, false, true, 0, 5, 0, ANSWER_ERROR, 0, "Metric template t.test error: not found",
	  "Metric template t.test error: not found" },
	{ "nothing to ask", UNUSABLE, false, true, 0, 5, 0, ANSWER_YES, 1, "",
	  "Metric query failed for no usable metrics template and query were configured" },
	{ "not a number", INLINE, false, true, 0, 5, 0, ANSWER_YES, (double)__builtin_nanf(""), "",
	  "Halt advancement no values found for metric: m" },
	{ "hook good", HOOK, false, false, 0, 0, 0, ANSWER_YES, 0, "", NULL },
	{ "hook fails", HOOK, false, false, 0, 0, 0, ANSWER_NO, 0, "load test failed",
	  "Halt podinfo.test advancement external check load failed load test failed" },
};

static void set_up(struct scene *s, size_t i)
{
	static const char *const names[] = { [RATE] = "request-success-rate", [DURATION] = "request-duration" };
	enum kind k = cases[i].kind;
	scene_init(s);
	if (k == HOOK) {
		s->hook_said[scene_hook(s, HOOK_ROLLOUT, "load")] =
			(struct scene_answer){ .verdict = cases[i].verdict, .text = cases[i].text };
		return;
	}
	s->metrics[0] = (struct metric_check){ .name = k <= DURATION ? names[k] : "m",
					       .query = k == INLINE ? "sum(x)" : "",
					       .interval = "1m",
					       .has_min = cases[i].has_min,
					       .min = cases[i].min,
					       .has_max = cases[i].has_max,
					       .max = cases[i].max,
					       .has_threshold = cases[i].threshold > 0,
					       .threshold = cases[i].threshold,
					       .template_ref = { "", "", k == TEMPLATE ? "t" : "", "" } };
	s->c.analysis.metric_count = 1;
	s->metric_said[0] =
		(struct scene_answer){ .verdict = cases[i].verdict, .text = cases[i].text, .value = cases[i].value };
}

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scene s;
		set_up(&s, i);
		scene_open(&s, "v1", 1);
		bootstrap(&s);
		world_revise(s.world, "v2");
		tick(&s);
		tick(&s); /* the start: weight 20 */
		tick(&s); /* the first analysis */
		bool good = cases[i].said == NULL;
		if (status_of(&s)->failed_checks != (good ? 0 : 1) || s.world->routes.canary != (good ? 40 : 20))
			fail_msg("%s: %d failed checks, weight %d", cases[i].name, status_of(&s)->failed_checks,
				 s.world->routes.canary);
		if (!good && !world_heard(s.world, cases[i].said))
			fail_msg("%s: nobody said %s, but %s", cases[i].name, cases[i].said,
				 s.world->said[s.world->said_count - 1].text);
		scene_close(&s);
	}
}

/* Hooks before metrics, the first failure ends the run. */
static void test_order(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	size_t a = scene_hook(&s, HOOK_ROLLOUT, "a"), b = scene_hook(&s, HOOK_ROLLOUT, "b");
	s.hook_said[b].verdict = ANSWER_NO;
	s.metrics[0] = (struct metric_check){
		.name = "m", .query = "q", .has_max = true, .max = 1, .template_ref = { "", "", "", "" }
	};
	s.c.analysis.metric_count = 1;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	world_revise(s.world, "v2");
	tick(&s);
	tick(&s);
	tick(&s);
	assert_int_equal(s.hook_said[a].asked, 1);
	assert_int_equal(s.hook_said[b].asked, 1);
	assert_int_equal(s.metric_said[0].asked, 0);
	scene_close(&s);
}

/* rollcall.dev/abort-on: a status that does not count, but ends the run at once. */
static void test_abort(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.hook_said[scene_hook(&s, HOOK_ROLLOUT, "a")].verdict = ANSWER_ABORT;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	world_revise(s.world, "v2");
	tick(&s);
	tick(&s);
	assert_int_equal(s.world->routes.canary, 20);
	tick(&s);
	assert_phase(&s, PHASE_FAILED);
	assert_int_equal(s.world->routes.canary, 0);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_abort),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whole rollouts without the extension: the acceptance scenarios of flagger-controller.md 8.1 and 8.2, by number. */
#include "scene.h"

static void start(struct scene *s, const char *revision)
{
	world_revise(s->world, revision);
	tick(s);
	assert_phase(s, PHASE_PROGRESSING);
}

static void test_1_bootstrap(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	woken(&s);
	assert_phase(&s, PHASE_INITIALIZING);
	assert_string_equal(status_of(&s)->condition_message, "New Deployment detected, starting initialization.");
	assert_string_equal(status_of(&s)->condition_status, "Unknown");
	assert_heard(&s, "all the metrics providers are available!");
	assert_int_equal(s.world->target.wanted, 1); /* nothing is taken away before the primary is ready */
	assert_true(s.world->source.exists);
	assert_int_equal(s.world->apex, WORLD_APEX_USER);
	bootstrap(&s);
	assert_heard(&s, "Initialization done! podinfo.test");
	assert_heard(&s, "New Deployment detected, initialization completed.");
	assert_int_equal(s.world->target.wanted, 0);
	assert_int_equal(s.world->apex, WORLD_APEX_SOURCE);
	assert_string_equal(status_of(&s)->last_applied_spec, "v1");
	assert_string_equal(status_of(&s)->last_promoted_spec, "v1");
	assert_string_equal(status_of(&s)->condition_status, "True");
	scene_close(&s);
}

static void test_1_a_taken_over_service_gets_an_interval(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	woken(&s);
	world_advance(s.world, 3000);
	woken(&s); /* the primary is ready: the user's Service is led there, its old pods stay for the traffic on its
		      way */
	assert_int_equal(s.world->apex, WORLD_APEX_SOURCE);
	assert_int_equal(s.world->target.wanted, 1);
	woken(&s);
	assert_int_equal(s.world->target.wanted, 1);
	tick(&s);
	assert_int_equal(s.world->target.wanted, 0);
	assert_phase(&s, PHASE_INITIALIZED);
	scene_close(&s);
}

static void test_3_idle_writes_nothing(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	size_t effects = s.world->effects_done, said = s.world->said_count, writes = s.world->status_writes;
	for (int i = 0; i < 10; i++)
		tick(&s);
	assert_int_equal(s.world->effects_done, effects);
	assert_int_equal(s.world->said_count, said);
	assert_int_equal(s.world->status_writes, writes);
	scene_close(&s);
}

static void test_4_progressive_run(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	s.world->pod_start_ms = 15000;
	world_revise(s.world, "v2");
	woken(&s); /* a new revision starts at once */
	assert_phase(&s, PHASE_PROGRESSING);
	assert_heard(&s, "New revision detected! Scaling up podinfo.test");
	assert_int_equal(s.world->target.wanted, 1);
	assert_string_equal(status_of(&s)->last_applied_spec, "v2");
	assert_string_equal(status_of(&s)->last_promoted_spec, "v1");
	tick(&s);
	assert_heard(&s,
		     "canary deployment podinfo.test not ready: waiting for rollout to finish: 0 of 1 (readyThreshold "
		     "100%) updated replicas are available");
	assert_silent(&s, "Starting canary analysis for podinfo.test");
	tick(&s);
	assert_heard(&s, "Starting canary analysis for podinfo.test");
	assert_heard(&s, "Advance podinfo.test canary weight 20");
	assert_int_equal(s.world->routes.canary, 20);
	assert_int_equal(status_of(&s)->weight, 20);
	woken(&s);
	assert_int_equal(s.world->routes.canary, 20); /* one step an interval */
	tick(&s);
	assert_int_equal(s.world->routes.canary, 40);
	tick(&s);
	assert_heard(&s, "Copying podinfo.test template spec to podinfo-primary.test");
	assert_phase(&s, PHASE_PROMOTING);
	assert_string_equal(s.world->source.revision, "v2");
	assert_int_equal(s.world->routes.canary, 40);
	assert_int_equal(status_of(&s)->weight, 40);
	tick(&s); /* the primary's new pod is not there yet */
	assert_phase(&s, PHASE_PROMOTING);
	assert_heard(&s, "podinfo-primary.test not ready: waiting for rollout to finish: 1 old replicas are pending "
			 "termination");
	tick(&s);
	assert_heard(&s, "Routing all traffic to primary");
	assert_phase(&s, PHASE_FINALISING);
	assert_int_equal(s.world->routes.canary, 0);
	assert_int_equal(status_of(&s)->weight, 0);
	assert_int_equal(s.world->target.wanted, 1); /* traffic has an interval to leave */
	woken(&s);
	assert_phase(&s, PHASE_FINALISING);
	tick(&s);
	assert_phase(&s, PHASE_SUCCEEDED);
	assert_int_equal(s.world->target.wanted, 0);
	assert_heard(&s, "Promotion completed! Scaling down podinfo.test");
	assert_heard(&s, "Canary analysis completed successfully, promotion finished.");
	assert_string_equal(status_of(&s)->last_promoted_spec, "v2");
	assert_int_equal(world_heard(s.world, "Promotion completed! Scaling down podinfo.test")->phase,
			 PHASE_SUCCEEDED);
	scene_close(&s);
}

static void success_rate(struct scene *s, double value)
{
	s->metrics[0] = (struct metric_check){ .name = "request-success-rate",
					       .query = "",
					       .interval = "1m",
					       .has_min = true,
					       .min = 1,
					       .template_ref = { "", "", "", "" } };
	s->c.analysis.metric_count = 1;
	s->metric_said[0].value = value;
}

static void test_6_rollback_on_metrics(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.threshold = 2;
	success_rate(&s, 0);
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	assert_int_equal(s.world->routes.canary, 20);
	tick(&s);
	assert_heard(&s, "Halt podinfo.test advancement success rate 0.00% < 1%");
	assert_int_equal(status_of(&s)->failed_checks, 1);
	tick(&s);
	assert_int_equal(status_of(&s)->failed_checks, 2);
	assert_phase(&s, PHASE_PROGRESSING);
	tick(&s);
	assert_heard(&s, "Rolling back podinfo.test failed checks threshold reached 2");
	assert_heard(&s, "Canary failed! Scaling down podinfo.test");
	assert_heard(&s, "Failed checks threshold reached 2");
	assert_int_equal(world_heard(s.world, "Failed checks threshold reached 2")->severity, SEVERITY_ERROR);
	assert_phase(&s, PHASE_FAILED);
	assert_int_equal(s.world->routes.canary, 0);
	assert_int_equal(s.world->target.wanted, 0);
	assert_int_equal(status_of(&s)->failed_checks, 0);
	assert_string_equal(status_of(&s)->condition_message, "Canary analysis failed, Deployment scaled to zero.");
	assert_int_equal(s.metric_said[0].asked, 2);

	/* 7: back to the promoted revision: nothing happens. 64 (E19): and nothing is written. */
	world_revise(s.world, "v1");
	size_t writes = s.world->status_writes, said = s.world->said_count;
	for (int i = 0; i < 10; i++)
		tick(&s);
	assert_phase(&s, PHASE_FAILED);
	assert_int_equal(s.world->status_writes, writes);
	assert_int_equal(s.world->said_count, said);
	/* 8: any other revision runs; also the failed one does not by itself. */
	world_revise(s.world, "v2");
	tick(&s);
	assert_phase(&s, PHASE_FAILED);
	world_revise(s.world, "v3");
	tick(&s);
	assert_phase(&s, PHASE_PROGRESSING);
	scene_close(&s);
}

static void test_9_ab(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.step_weight = 0;
	s.c.analysis.iterations = 3;
	s.match[0] = (struct header_match){ .header = "x-user", .exact = "insider" };
	s.c.analysis.match_count = 1;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	assert_heard(&s, "Advance podinfo.test canary iteration 1/3");
	assert_int_equal(s.world->routes.canary, 100);
	assert_int_equal(status_of(&s)->weight, 0);
	tick(&s);
	tick(&s);
	assert_heard(&s, "Advance podinfo.test canary iteration 3/3");
	assert_int_equal(status_of(&s)->iterations, 3);
	tick(&s);
	assert_phase(&s, PHASE_PROMOTING);
	tick(&s);
	assert_heard(&s, "Routing all traffic to primary");
	assert_int_equal(s.world->routes.canary, 0);
	tick(&s);
	assert_phase(&s, PHASE_SUCCEEDED);
	scene_close(&s);
}

/* E11: one jump, never an endless loop. */
static void test_61_ab_with_promotion_steps(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.step_weight = 0;
	s.c.analysis.iterations = 1;
	s.c.analysis.step_weight_promotion = 20;
	s.match[0] = (struct header_match){ .header = "x-user", .exact = "insider" };
	s.c.analysis.match_count = 1;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	assert_true(scene_until(&s, PHASE_PROMOTING));
	tick(&s);
	assert_phase(&s, PHASE_FINALISING);
	scene_close(&s);
}

static void test_13_missing_backend(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	s.world->router_error = "backend podinfo not found in ingress podinfo";
	for (int i = 0; i < 5; i++)
		tick(&s);
	assert_phase(&s, PHASE_INITIALIZING);
	assert_heard(&s, "backend podinfo not found in ingress podinfo");
	assert_string_equal(s.world->canary.status.condition_message, "backend podinfo not found in ingress podinfo");
	assert_string_equal(s.world->canary.status.condition_reason, "Initializing");
	assert_int_equal(s.world->target.wanted, 0);
	assert_int_equal(s.world->apex, WORLD_APEX_SOURCE);
	s.world->router_error = NULL;
	tick(&s);
	assert_phase(&s, PHASE_INITIALIZED);
	assert_string_equal(s.world->canary.status.condition_message, "Deployment initialization completed.");
	scene_close(&s);
}

static void test_15_restart(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	assert_int_equal(s.world->routes.canary, 20);
	world_revise(s.world, "v3");
	woken(&s); /* untested pods come up: their traffic goes at once */
	assert_heard(&s, "New revision detected! Restarting analysis for podinfo.test");
	assert_int_equal(heard(&s, "New revision detected! Scaling up podinfo.test"), 1);
	assert_int_equal(s.world->routes.canary, 0);
	assert_phase(&s, PHASE_PROGRESSING);
	assert_int_equal(status_of(&s)->weight, 0);
	assert_string_equal(status_of(&s)->last_applied_spec, "v3");
	tick(&s);
	assert_int_equal(heard(&s, "Starting canary analysis for podinfo.test"), 2);
	assert_int_equal(s.world->routes.canary, 20);
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	assert_string_equal(s.world->source.revision, "v3");
	scene_close(&s);
}

static void test_16_config_change(void **state)
{
	(void)state;
	struct pair red[] = { { "configmap/cfg", "241889ca0604e333" } },
		    blue[] = { { "configmap/cfg", "5827ca258084ee1f" } };
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	s.world->configs_tracked = true;
	s.world->configs = (struct pairs){ red, 1 };
	bootstrap(&s);
	s.world->configs = (struct pairs){ blue, 1 };
	tick(&s);
	assert_phase(&s, PHASE_PROGRESSING);
	tick(&s);
	assert_int_equal(s.world->routes.canary, 20);
	/* E18: set back in the middle is a cancellation. */
	s.world->configs = (struct pairs){ red, 1 };
	tick(&s);
	assert_phase(&s, PHASE_SUCCEEDED);
	assert_int_equal(s.world->routes.canary, 0);
	tick(&s);
	assert_phase(&s, PHASE_SUCCEEDED);
	scene_close(&s);
}

static void test_17_confirm_rollout(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	size_t gate = scene_hook(&s, HOOK_CONFIRM_ROLLOUT, "gate");
	s.hook_said[gate] = (struct scene_answer){ .verdict = ANSWER_NO };
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	world_revise(s.world, "v2");
	tick(&s);
	assert_phase(&s, PHASE_WAITING);
	assert_int_equal(s.hook_said[gate].last_phase, PHASE_INITIALIZED);
	assert_int_equal(heard(&s, "Halt podinfo.test advancement waiting for approval gate"), 1);
	assert_int_equal(heard(&s, "Canary is waiting for approval."), 1);
	assert_int_equal(s.world->target.wanted, 0);
	size_t asked = s.hook_said[gate].asked;
	woken(&s); /* an outside URL is asked once an interval */
	assert_int_equal(s.hook_said[gate].asked, asked);
	assert_true(s.world->last.gate.waiting);
	assert_true(s.world->last.gate.foreign);
	tick(&s);
	assert_int_equal(s.hook_said[gate].asked, asked + 1);
	assert_int_equal(s.hook_said[gate].last_phase, PHASE_WAITING);
	assert_int_equal(heard(&s, "Halt podinfo.test advancement waiting for approval gate"), 1);
	s.hook_said[gate].verdict = ANSWER_YES;
	tick(&s);
	assert_heard(&s, "Confirm-rollout check gate passed");
	assert_heard(&s, "New revision detected! Scaling up podinfo.test");
	assert_phase(&s, PHASE_PROGRESSING);
	scene_close(&s);
}

static void test_18_pre_rollout_fails(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.threshold = 2;
	size_t hook = scene_hook(&s, HOOK_PRE_ROLLOUT, "acceptance-test");
	s.hook_said[hook] = (struct scene_answer){ .verdict = ANSWER_NO, .text = "no luck" };
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	assert_heard(&s, "Halt podinfo.test advancement pre-rollout check acceptance-test failed no luck");
	assert_int_equal(status_of(&s)->failed_checks, 1);
	tick(&s);
	assert_int_equal(status_of(&s)->failed_checks, 2);
	assert_int_equal(s.world->routes.canary, 0);
	tick(&s);
	assert_phase(&s, PHASE_FAILED);
	assert_int_equal(s.hook_said[hook].asked, 2);
	scene_close(&s);
}

static void test_19_confirm_traffic_increase(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	size_t gate = scene_hook(&s, HOOK_CONFIRM_TRAFFIC_INCREASE, "gate");
	s.hook_said[gate].verdict = ANSWER_NO;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	tick(&s);
	assert_int_equal(heard(&s, "Halt podinfo.test advancement waiting for traffic increase approval gate"), 2);
	assert_int_equal(heard(&s, "Canary traffic increase is waiting for approval."), 2);
	assert_int_equal(s.world->routes.canary, 0);
	assert_int_equal(status_of(&s)->failed_checks, 0);
	s.hook_said[gate].verdict = ANSWER_YES;
	s.hook_said[gate].asked = 0;
	assert_true(scene_until(&s, PHASE_PROMOTING));
	assert_int_equal(s.hook_said[gate].asked, 3); /* 20, 40, and the tick that promotes */
	scene_close(&s);
}

static void test_20_confirm_promotion(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	success_rate(&s, 100);
	size_t gate = scene_hook(&s, HOOK_CONFIRM_PROMOTION, "gate");
	s.hook_said[gate].verdict = ANSWER_NO;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	assert_true(scene_until(&s, PHASE_WAITING_PROMOTION));
	assert_int_equal(status_of(&s)->weight, 0);
	assert_int_equal(status_of(&s)->own.weight, 40); /* E13: the real one */
	assert_int_equal(status_of(&s)->iterations, -1);
	assert_int_equal(s.world->routes.canary, 40);
	size_t checks = s.metric_said[0].asked;
	tick(&s);
	assert_int_equal(s.metric_said[0].asked, checks + 1); /* analysis goes on */
	assert_int_equal(heard(&s, "Halt podinfo.test advancement waiting for promotion approval gate"), 1);
	s.metric_said[0].value = 0;
	tick(&s);
	assert_int_equal(status_of(&s)->failed_checks, 1);
	s.metric_said[0].value = 100;
	s.hook_said[gate].verdict = ANSWER_YES;
	tick(&s);
	assert_heard(&s, "Confirm-promotion check gate passed");
	assert_phase(&s, PHASE_PROMOTING);
	scene_close(&s);
}

static void test_21_rollback_hook(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	size_t rb = scene_hook(&s, HOOK_ROLLBACK, "rb");
	s.hook_said[rb].verdict = ANSWER_NO;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	assert_heard(&s, "Rollback hook rb not signaling a rollback");
	assert_int_equal(s.world->routes.canary, 20);
	s.hook_said[rb].verdict = ANSWER_YES;
	tick(&s);
	assert_heard(&s, "Rollback check rb passed");
	assert_heard(&s, "Rolling back podinfo.test manual webhook invoked");
	assert_heard(&s, "Canary failed! Scaling down podinfo.test");
	assert_int_equal(world_heard(s.world, "Rolling back manual webhook invoked")->severity, SEVERITY_WARN);
	assert_phase(&s, PHASE_FAILED);
	scene_close(&s);
}

static void test_22_skip_analysis(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.skip_analysis = true;
	size_t rollout = scene_hook(&s, HOOK_ROLLOUT, "load"), post = scene_hook(&s, HOOK_POST_ROLLOUT, "post");
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	assert_silent(&s, "all the metrics providers are available!");
	start(&s, "v2");
	tick(&s);
	assert_phase(&s, PHASE_SUCCEEDED);
	assert_heard(&s, "Copying podinfo.test template spec to podinfo-primary.test");
	assert_heard(&s, "Promotion completed! Canary analysis was skipped for podinfo.test");
	assert_heard(&s, "Canary analysis was skipped, promotion finished.");
	assert_int_equal(s.world->target.wanted, 0);
	assert_string_equal(s.world->source.revision, "v2");
	assert_int_equal(s.hook_said[rollout].asked, 0);
	assert_int_equal(s.hook_said[post].asked, 1);
	scene_close(&s);
}

static void test_23_24_progress_deadline(void **state)
{
	(void)state;
	for (int skip = 0; skip < 2; skip++) {
		struct scene s;
		scene_init(&s);
		s.c.skip_analysis = skip;
		scene_open(&s, "v1", 1);
		bootstrap(&s);
		start(&s, "bad2");
		assert_true(scene_until(&s, PHASE_FAILED));
		assert_heard(&s, "canary deployment podinfo.test not ready: deployment \"podinfo\" exceeded its "
				 "progress deadline");
		assert_heard(&s, "Canary failed! Scaling down podinfo.test");
		/* E4 */
		assert_heard(&s, "Progress deadline exceeded deployment \"podinfo\" exceeded its progress deadline");
		assert_string_equal(s.world->source.revision, "v1");
		assert_int_equal(s.world->target.wanted, 0);
		assert_int_equal(s.world->routes.canary, 0);
		scene_close(&s);
	}
}

static void test_25_ladder(void **state)
{
	(void)state;
	static const struct {
		int steps[4], step_weight, max_weight, expected[5];
	} cases[] = {
		{ { 1, 2, 10, 80 }, 0, 0, { 1, 2, 10, 80 } },
		{ { 1, 2, 10, 200 }, 0, 0, { 1, 2, 10, 100 } },
		{ { 0 }, 20, 50, { 20, 40, 60 } },
		{ { 0 }, 50, 100, { 50, 100 } },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scene s;
		scene_init(&s);
		s.c.analysis.step_weight = cases[i].step_weight;
		s.c.analysis.max_weight = cases[i].max_weight;
		memcpy(s.steps, cases[i].steps, sizeof cases[i].steps);
		s.c.analysis.step_weight_count = cases[i].steps[0] ? 4 : 0;
		scene_open(&s, "v1", 1);
		bootstrap(&s);
		start(&s, "v2");
		for (const int *w = cases[i].expected; *w; w++) {
			tick(&s);
			assert_int_equal(s.world->routes.canary, *w);
		}
		tick(&s);
		assert_phase(&s, PHASE_PROMOTING);
		scene_close(&s);
	}
}

static void test_26_promotion_steps(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.step_weight = 100;
	s.c.analysis.max_weight = 0;
	s.c.analysis.step_weight_promotion = 50;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	static const struct {
		enum phase phase;
		int weight;
	} expected[] = { { PHASE_PROGRESSING, 100 },
			 { PHASE_PROMOTING, 100 },
			 { PHASE_PROMOTING, 50 },
			 { PHASE_FINALISING, 0 },
			 { PHASE_SUCCEEDED, 0 } };
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		tick(&s);
		assert_phase(&s, expected[i].phase);
		assert_int_equal(status_of(&s)->weight, expected[i].weight);
	}
	assert_heard(&s, "Advance podinfo.test primary weight 50");
	assert_heard(&s, "Advance podinfo.test primary weight 100");
	scene_close(&s);
}

static void test_27_blue_green(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.step_weight = 0;
	s.c.analysis.iterations = 1;
	size_t gate = scene_hook(&s, HOOK_CONFIRM_PROMOTION, "gate");
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	assert_heard(&s, "Advance podinfo.test canary iteration 1/1");
	assert_int_equal(s.world->routes.canary, 0);
	tick(&s);
	assert_heard(&s, "Routing all traffic to canary");
	assert_int_equal(s.world->routes.canary, 100);
	assert_phase(&s, PHASE_PROGRESSING);
	tick(&s);
	assert_phase(&s, PHASE_PROMOTING);
	assert_int_equal(s.hook_said[gate].asked, 2); /* E14 */
	tick(&s);
	assert_int_equal(s.world->routes.canary, 0);
	assert_phase(&s, PHASE_FINALISING);
	tick(&s);
	assert_phase(&s, PHASE_SUCCEEDED);
	scene_close(&s);
}

static void test_28_primary_breaks_in_promotion(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.step_weight = 50;
	s.c.analysis.max_weight = 50;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	assert_true(scene_until(&s, PHASE_PROMOTING));
	s.world->source.revision = "bad-on-primary"; /* it runs as canary and not there: quota, affinity, ... */
	s.world->source.pod_count = 0;
	assert_true(scene_until(&s, PHASE_FAILED));
	const char *why = "Promotion of podinfo.test failed, primary not ready: podinfo-primary.test not ready: "
			  "deployment \"podinfo-primary\" exceeded its progress deadline";
	assert_heard(&s, why);
	assert_int_equal(s.world->routes.canary, 100);
	assert_int_equal(status_of(&s)->weight, 100);
	assert_int_equal(s.world->target.wanted, 1);
	/* 60 (E2): a new revision does not send the traffic to the broken primary. */
	s.world->broken = NULL; /* the primary had half of the traffic and lost its pod: that was our doing here */
	world_revise(s.world, "v4");
	for (int i = 0; i < 10 && status_of(&s)->phase != PHASE_PROMOTING; i++) {
		tick(&s);
		assert_int_equal(s.world->routes.canary, 100);
		assert_int_equal(s.world->target.wanted, 1);
	}
	/* It is analysed where the traffic is, and promoted: that is the way out. */
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	assert_string_equal(s.world->source.revision, "v4");
	scene_close(&s);
}

static void test_29_suspend(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	s.world->canary.suspend = true;
	world_revise(s.world, "v3");
	size_t effects = s.world->effects_done, writes = s.world->status_writes;
	for (int i = 0; i < 3; i++)
		tick(&s);
	assert_int_equal(heard(&s, "skipping canary run as object is suspended"), 3);
	assert_int_equal(s.world->effects_done, effects);
	assert_int_equal(s.world->status_writes, writes);
	s.world->canary.suspend = false;
	tick(&s);
	assert_heard(&s, "New revision detected! Restarting analysis for podinfo.test");
	scene_close(&s);
}

static void test_30_threshold_0(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.threshold = 0;
	success_rate(&s, 0);
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	tick(&s);
	assert_int_equal(status_of(&s)->failed_checks, 1);
	tick(&s);
	assert_heard(&s, "Rolling back podinfo.test failed checks threshold reached 1");
	scene_close(&s);
}

static void test_32_unreadable_weight(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	s.world->routes_error = "failed to convert abc to int: invalid syntax";
	tick(&s);
	assert_heard(&s, "failed to convert abc to int: invalid syntax");
	assert_phase(&s, PHASE_PROGRESSING);
	assert_int_equal(s.world->routes.canary, 20);
	scene_close(&s);
}

static void test_33_event_order(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.step_weight = 100;
	s.c.analysis.max_weight = 0;
	s.c.analysis.step_weight_promotion = 50;
	s.c.ns = "default";
	scene_hook(&s, HOOK_EVENT, "h");
	scene_hook(&s, HOOK_PRE_ROLLOUT, "h");
	scene_hook(&s, HOOK_ROLLOUT, "h");
	scene_hook(&s, HOOK_CONFIRM_PROMOTION, "h");
	scene_hook(&s, HOOK_CONFIRM_ROLLOUT, "h");
	scene_hook(&s, HOOK_POST_ROLLOUT, "h");
	scene_hook(&s, HOOK_CONFIRM_TRAFFIC_INCREASE, "h");
	scene_open(&s, "v1", 1);
	s.world->apex = WORLD_APEX_MISSING;
	bootstrap(&s);
	world_revise(s.world, "v2");
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	static const struct {
		enum phase phase;
		const char *text;
	} expected[] = {
		{ PHASE_INITIALIZING, "all the metrics providers are available!" },
		{ PHASE_INITIALIZING, "podinfo-primary.default not ready: deployment podinfo-primary.default get "
				      "query error: not found" },
		{ PHASE_INITIALIZING, "all the metrics providers are available!" },
		{ PHASE_INITIALIZED, "Initialization done! podinfo.default" },
		{ PHASE_INITIALIZED, "Confirm-rollout check h passed" },
		{ PHASE_PROGRESSING, "New revision detected! Scaling up podinfo.default" },
		{ PHASE_PROGRESSING, "Starting canary analysis for podinfo.default" },
		{ PHASE_PROGRESSING, "Pre-rollout check h passed" },
		{ PHASE_PROGRESSING, "Confirm-traffic-increase check h passed" },
		{ PHASE_PROGRESSING, "Advance podinfo.default canary weight 100" },
		{ PHASE_PROGRESSING, "Confirm-traffic-increase check h passed" },
		{ PHASE_PROGRESSING, "Confirm-promotion check h passed" },
		{ PHASE_PROGRESSING, "Copying podinfo.default template spec to podinfo-primary.default" },
		{ PHASE_PROMOTING, "Advance podinfo.default primary weight 50" },
		{ PHASE_PROMOTING, "Advance podinfo.default primary weight 100" },
		{ PHASE_SUCCEEDED, "Post-rollout check h passed" },
		{ PHASE_SUCCEEDED, "Promotion completed! Scaling down podinfo.default" },
	};
	size_t n = 0;
	for (size_t i = 0; i < s.world->said_count; i++) {
		const struct world_said *said = &s.world->said[i];
		if (said->alert)
			continue;
		assert_true(n < sizeof expected / sizeof *expected);
		assert_string_equal(said->text, expected[n].text);
		assert_string_equal(phase_name(said->phase), phase_name(expected[n].phase));
		n++;
	}
	assert_int_equal(n, sizeof expected / sizeof *expected);
	static const size_t calls[] = { 0, 1, 1, 1, 1, 1, 2 };
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		assert_int_equal(s.hook_said[i].asked, calls[i]);
	assert_int_equal(s.hook_said[4].last_phase, PHASE_INITIALIZED);
	assert_int_equal(s.hook_said[5].last_phase, PHASE_SUCCEEDED);
	scene_close(&s);
}

/* Provider kubernetes: iterations only, the router does nothing. */
static void test_42_kubernetes(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.provider = "kubernetes";
	scene_open(&s, "v1", 1);
	s.world->no_router = true;
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	assert_heard(&s, "Progressive traffic is not supported when using the kubernetes provider");
	assert_heard(&s, "Setting canaryAnalysis.iterations: 10");
	assert_heard(&s, "Advance podinfo.test canary iteration 1/10");
	for (int i = 1; i < 10; i++)
		tick(&s);
	assert_heard(&s, "Advance podinfo.test canary iteration 10/10");
	size_t copied = heard(&s, "Routing all traffic to canary");
	tick(&s);
	assert_int_equal(status_of(&s)->iterations, 11);
	assert_int_equal(heard(&s, "Routing all traffic to canary"), copied);
	tick(&s);
	assert_phase(&s, PHASE_PROMOTING);
	tick(&s);
	assert_phase(&s, PHASE_FINALISING);
	assert_silent(&s, "Routing all traffic to primary");
	tick(&s);
	assert_phase(&s, PHASE_SUCCEEDED);
	scene_close(&s);
}

/* E60: a primary that is not ready for a moment must not swallow the revision. */
static void test_58_no_revision_is_lost(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	success_rate(&s, 0);
	s.c.analysis.threshold = 1;
	scene_open(&s, "v1", 2);
	bootstrap(&s);
	start(&s, "v2");
	assert_true(scene_until(&s, PHASE_FAILED));
	s.world->source.pod_count = 1; /* one of two pods restarts */
	s.world->pod_start_ms = 15000;
	world_revise(s.world, "v3");
	world_advance(s.world, 0);
	tick(&s);
	assert_phase(&s, PHASE_FAILED);
	assert_heard(&s, "podinfo-primary.test not ready: waiting for rollout to finish: 1 of 2 (readyThreshold "
			 "100%) updated replicas are available");
	tick(&s);
	assert_phase(&s, PHASE_PROGRESSING);
	assert_string_equal(status_of(&s)->last_applied_spec, "v3");
	scene_close(&s);
}

/* E1: a primary that never becomes ready takes nothing away from production. */
static void test_59_broken_first_primary(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 2);
	woken(&s);
	s.world->source.revision = "bad";
	s.world->source.pod_count = 0;
	for (int i = 0; i < 20; i++)
		tick(&s);
	assert_phase(&s, PHASE_INITIALIZING);
	assert_heard(&s,
		     "podinfo-primary.test not ready: deployment \"podinfo-primary\" exceeded its progress deadline");
	assert_int_equal(s.world->target.wanted, 2);
	assert_int_equal(s.world->apex, WORLD_APEX_USER);
	scene_close(&s);
}

/* E10 */
static void test_62_mirror_that_cannot_be(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.mirror = true;
	s.c.analysis.step_weight = 10;
	scene_open(&s, "v1", 1);
	s.world->can_mirror = false;
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	assert_int_equal(s.world->routes.canary, 10);
	assert_heard(&s, "Traffic mirroring is not supported by the nginx provider, ignoring it");
	scene_close(&s);
}

static void test_52_mirror(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.mirror = true;
	s.c.analysis.step_weight = 10;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	assert_true(s.world->routes.mirrored);
	assert_heard(&s, "Advance podinfo.test canary weight 0");
	tick(&s);
	assert_false(s.world->routes.mirrored);
	assert_int_equal(s.world->routes.canary, 10);
	scene_close(&s);
}

/* E21 */
static void test_63_foreign_hash(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	struct canary_status *st = status_of(&s);
	st->phase = PHASE_SUCCEEDED;
	st->last_applied_spec = st->last_promoted_spec = "76ccc8f5d";
	st->own = (struct own_status){ .revision = "", .promoted = "", .wanted_weight = -1 };
	tick(&s);
	assert_phase(&s, PHASE_SUCCEEDED);
	assert_string_equal(status_of(&s)->last_applied_spec, "v1");
	assert_string_equal(status_of(&s)->last_promoted_spec, "v1");
	assert_silent(&s, "New revision detected! Scaling up podinfo.test");
	scene_close(&s);
}

/* E17: the target changes between the last look and the copy. */
static void test_changed_while_copied(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.max_weight = 20;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	struct observed o;
	world_advance(s.world, INTERVAL_MS);
	world_observe(s.world, &o);
	assert_int_equal(step(&s.world->canary, &o, NULL, 0, s.world->tick, &s.world->last, &s.e), RC_OK);
	assert_int_equal(s.world->last.effects[0].kind, EFFECT_PROMOTE);
	assert_string_equal(s.world->last.effects[0].expect_revision, "v2");
	scene_close(&s);
}

static void rollback_wanted(struct scene *s)
{
	s->world->canary.has_request = true;
	s->world->canary.request = (struct request){ .id = "r1",
						     .verb = "rollback",
						     .by = "wei",
						     .at = "",
						     .revision = "",
						     .reason = "bad latency",
						     .weight = -1 };
	s->world->person = true;
}

/* The way back needs somebody at its end. */
static void test_no_rollback_to_a_primary_without_pods(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.step_weight = 100;
	s.c.analysis.max_weight = 0;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	assert_int_equal(s.world->routes.canary, 100);
	s.world->source.pods[0].ready_at = s.world->now.v + 30000;
	rollback_wanted(&s);
	woken(&s);
	assert_int_equal(s.world->routes.canary, 100);
	assert_int_equal(s.world->target.wanted, 1);
	assert_heard(&s, "Halt podinfo.test traffic stays where it is, podinfo-primary.test has no available pod");
	world_advance(s.world, 30000);
	woken(&s); /* still wanted, now it can be done */
	assert_phase(&s, PHASE_FAILED);
	assert_int_equal(s.world->routes.canary, 0);
	assert_string_equal(status_of(&s)->own.request.id, "r1");
	scene_close(&s);
}

/* E60: what comes in the same moment as the end of a run is not taken for the failed revision. */
static void test_a_revision_that_comes_with_the_rollback(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	world_revise(s.world, "v3");
	rollback_wanted(&s);
	struct error e;
	assert_int_equal(world_tick(s.world, false, NULL, &e), RC_OK);
	assert_phase(&s, PHASE_FAILED);
	assert_string_equal(status_of(&s)->last_applied_spec, "v2");
	tick(&s);
	assert_phase(&s, PHASE_PROGRESSING);
	assert_string_equal(status_of(&s)->last_applied_spec, "v3");
	scene_close(&s);
}

/* An approval of another revision opens nothing, even when it arrives as an answer. */
static void test_a_late_answer_is_dropped(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.gates[HOOK_CONFIRM_ROLLOUT] = true;
	scene_open(&s, "v1", 1);
	s.gate_said[HOOK_CONFIRM_ROLLOUT].verdict = ANSWER_NO;
	bootstrap(&s);
	world_revise(s.world, "v2");
	struct observed o;
	struct decision d;
	world_observe(s.world, &o);
	assert_int_equal(step(&s.world->canary, &o, NULL, 0, s.world->tick, &d, &s.e), RC_OK);
	assert_int_equal(d.kind, DECIDE_ASK);
	struct answer late = { .asked = d.questions[0], .verdict = ANSWER_YES, .text = "", .by = "lin" };
	late.asked.revision = "8bd4f9c5";
	assert_int_equal(step(&s.world->canary, &o, &late, 1, s.world->tick, &d, &s.e), RC_OK);
	assert_int_equal(d.kind, DECIDE_ASK);
	late.asked.revision = d.questions[0].revision;
	assert_int_equal(step(&s.world->canary, &o, &late, 1, s.world->tick, &d, &s.e), RC_OK);
	assert_int_equal(d.kind, DECIDE_DO);
	assert_int_equal(d.transition, TRANSITION_STARTED);
	scene_close(&s);
}

static void test_a_newer_revision_is_asked_for_itself(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.gates[HOOK_CONFIRM_ROLLOUT] = true;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	start(&s, "v2");
	tick(&s);
	s.gate_said[HOOK_CONFIRM_ROLLOUT].verdict = ANSWER_NO;
	world_revise(s.world, "v3");
	tick(&s);
	assert_phase(&s, PHASE_WAITING);
	assert_int_equal(s.world->routes.canary, 0);
	assert_int_equal(s.world->target.wanted, 0);
	scene_close(&s);
}

static void test_fields_of_the_extension_without_it(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.analysis.max_replicas = 4;
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	assert_int_equal(heard(&s, "analysis.maxReplicas has no effect without the annotation "
				   "alicloud.canary.extension.switch: 'true'"),
			 1);
	scene_close(&s);
}

static void test_deletion_with_revert(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	s.c.revert_on_deletion = true;
	scene_open(&s, "v1", 2);
	bootstrap(&s);
	assert_true(s.world->has_finalizer);
	s.world->canary.deleting = true;
	for (int i = 0; i < 10 && !s.world->gone; i++)
		tick(&s);
	assert_true(s.world->gone);
	assert_heard(&s, "Terminating canary podinfo.test");
	assert_heard(&s, "Terminated canary podinfo.test");
	assert_int_equal(s.world->target.wanted, 2);
	assert_int_equal(s.world->apex, WORLD_APEX_TARGET);
	scene_close(&s);
}

static void test_41_deletion_without_revert(void **state)
{
	(void)state;
	struct scene s;
	scene_init(&s);
	scene_open(&s, "v1", 1);
	bootstrap(&s);
	s.world->canary.deleting = true;
	size_t effects = s.world->effects_done;
	for (int i = 0; i < 5; i++)
		tick(&s);
	assert_int_equal(s.world->effects_done, effects);
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_1_bootstrap),
		cmocka_unit_test(test_1_a_taken_over_service_gets_an_interval),
		cmocka_unit_test(test_3_idle_writes_nothing),
		cmocka_unit_test(test_4_progressive_run),
		cmocka_unit_test(test_6_rollback_on_metrics),
		cmocka_unit_test(test_9_ab),
		cmocka_unit_test(test_13_missing_backend),
		cmocka_unit_test(test_15_restart),
		cmocka_unit_test(test_16_config_change),
		cmocka_unit_test(test_17_confirm_rollout),
		cmocka_unit_test(test_18_pre_rollout_fails),
		cmocka_unit_test(test_19_confirm_traffic_increase),
		cmocka_unit_test(test_20_confirm_promotion),
		cmocka_unit_test(test_21_rollback_hook),
		cmocka_unit_test(test_22_skip_analysis),
		cmocka_unit_test(test_23_24_progress_deadline),
		cmocka_unit_test(test_25_ladder),
		cmocka_unit_test(test_26_promotion_steps),
		cmocka_unit_test(test_27_blue_green),
		cmocka_unit_test(test_28_primary_breaks_in_promotion),
		cmocka_unit_test(test_29_suspend),
		cmocka_unit_test(test_30_threshold_0),
		cmocka_unit_test(test_32_unreadable_weight),
		cmocka_unit_test(test_33_event_order),
		cmocka_unit_test(test_41_deletion_without_revert),
		cmocka_unit_test(test_42_kubernetes),
		cmocka_unit_test(test_52_mirror),
		cmocka_unit_test(test_58_no_revision_is_lost),
		cmocka_unit_test(test_59_broken_first_primary),
		cmocka_unit_test(test_61_ab_with_promotion_steps),
		cmocka_unit_test(test_62_mirror_that_cannot_be),
		cmocka_unit_test(test_63_foreign_hash),
		cmocka_unit_test(test_changed_while_copied),
		cmocka_unit_test(test_no_rollback_to_a_primary_without_pods),
		cmocka_unit_test(test_a_revision_that_comes_with_the_rollback),
		cmocka_unit_test(test_a_late_answer_is_dropped),
		cmocka_unit_test(test_a_newer_revision_is_asked_for_itself),
		cmocka_unit_test(test_fields_of_the_extension_without_it),
		cmocka_unit_test(test_deletion_with_revert),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Rollouts with the ACK extension: the seed's numbers, manual releases, replicas only, rollback, the next release,
 * complete (ack-extension.md). */
#include "scene.h"

/* podinfo-canary.yaml: maxReplicas 4, stepWeight 20, canaryReplicas 1, maxWeight 100, interval 3s, threshold 5. */
static void seed(struct scene *s)
{
	scene_init(s);
	s->c.extension = true;
	s->c.analysis.interval_ms = 3000;
	s->c.analysis.max_weight = 100;
	s->c.analysis.max_replicas = 4;
	s->c.analysis.canary_replicas = 1;
}

static void seed_open(struct scene *s)
{
	scene_open(s, "blue", 4);
	bootstrap(s);
}

/* Ticks until this weight is reached, then lets the replicas follow. */
static void until_weight(struct scene *s, int weight)
{
	for (int i = 0; i < 20 && s->world->routes.canary != weight; i++)
		tick(s);
	assert_int_equal(s->world->routes.canary, weight);
}

static void request(struct scene *s, const char *id, const char *verb)
{
	s->world->canary.has_request = true;
	s->world->canary.request = (struct request){
		.id = id, .verb = verb, .by = "wei", .at = "", .revision = "", .reason = "bad latency", .weight = -1
	};
	s->world->person = true;
}

static void test_initialized(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	seed_open(&s);
	assert_true(s.world->has_finalizer);
	assert_int_equal(s.world->source.wanted, 4);
	assert_int_equal(s.world->target.wanted, 0);
	assert_int_equal(s.world->apex, WORLD_APEX_SOURCE);
	scene_close(&s);
}

static void test_the_seed_step_by_step(void **state)
{
	(void)state;
	static const struct {
		int weight, canary, source;
	} table[] = { { 20, 1, 3 }, { 40, 2, 2 }, { 60, 3, 1 }, { 80, 4, 1 } };
	struct scene s;
	seed(&s);
	seed_open(&s);
	world_revise(s.world, "green");
	tick(&s);
	assert_phase(&s, PHASE_PROGRESSING);
	assert_int_equal(s.world->target.wanted, 1);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		until_weight(&s, table[i].weight);
		assert_int_equal(s.world->target.wanted, table[i].canary);
		assert_int_equal(s.world->source.wanted, table[i].source);
		assert_int_equal(status_of(&s)->weight, table[i].weight);
	}
	until_weight(&s, 100);
	assert_int_equal(s.world->target.wanted, 4);
	assert_int_equal(s.world->source.wanted, 1); /* its traffic has an interval to leave */
	tick(&s);
	assert_int_equal(s.world->source.wanted, 0);
	assert_heard(&s, "Promoting podinfo.test: all traffic to the new revision");
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	assert_int_equal(s.world->target.wanted, 4);
	assert_int_equal(s.world->source.wanted, 0);
	assert_int_equal(s.world->apex, WORLD_APEX_TARGET);
	assert_int_equal(s.world->routes.canary, 0);
	assert_true(s.world->target.paused_by_us);
	assert_string_equal(s.world->source.revision, "green"); /* the next release begins from it */
	assert_heard(&s, "Promotion completed! podinfo.test serves the new revision");
	assert_silent(&s, "Copying podinfo.test template spec to podinfo-primary.test");
	scene_close(&s);
}

static void test_no_weight_before_its_pods(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	seed_open(&s);
	world_revise(s.world, "green");
	tick(&s);
	until_weight(&s, 20);
	s.world->pod_start_ms = 10000;
	tick(&s);
	assert_int_equal(s.world->target.wanted, 2);
	assert_int_equal(status_of(&s)->own.next_weight, 40);
	assert_int_equal(s.world->routes.canary, 20);
	assert_int_equal(s.world->source.wanted, 3);
	tick(&s);
	assert_int_equal(s.world->routes.canary, 20);
	world_advance(s.world, 10000);
	woken(&s); /* not at the next interval: as soon as the pods are there */
	assert_int_equal(s.world->routes.canary, 40);
	scene_close(&s);
}

static void test_gates_of_people(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	s.c.policy = "prod";
	s.c.gates[HOOK_CONFIRM_ROLLOUT] = s.c.gates[HOOK_CONFIRM_PROMOTION] = true;
	s.gate_said[HOOK_CONFIRM_ROLLOUT].verdict = s.gate_said[HOOK_CONFIRM_PROMOTION].verdict = ANSWER_NO;
	seed_open(&s);
	size_t effects = s.world->effects_done;
	world_revise(s.world, "green");
	for (int i = 0; i < 5; i++)
		tick(&s);
	assert_phase(&s, PHASE_WAITING);
	assert_int_equal(s.world->effects_done, effects);
	assert_true(s.world->last.gate.waiting);
	assert_string_equal(s.world->last.gate.policy, "prod");
	char asked_for[64];
	memcpy(asked_for, s.gate_revision, sizeof asked_for);
	/* Another revision while people decide: it is about that one now. */
	world_revise(s.world, "red");
	woken(&s);
	assert_phase(&s, PHASE_WAITING);
	assert_string_not_equal(s.gate_revision, asked_for);
	assert_string_equal(status_of(&s)->own.revision, s.gate_revision);
	s.gate_said[HOOK_CONFIRM_ROLLOUT].verdict = ANSWER_YES;
	woken(&s); /* not at the next interval */
	assert_phase(&s, PHASE_PROGRESSING);
	assert_true(scene_until(&s, PHASE_WAITING_PROMOTION));
	assert_int_equal(s.world->routes.canary, 100);
	assert_int_equal(status_of(&s)->own.weight, 100);
	s.gate_said[HOOK_CONFIRM_PROMOTION].verdict = ANSWER_YES;
	woken(&s);
	assert_phase(&s, PHASE_PROMOTING);
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	scene_close(&s);
}

static void test_rejected_before_the_start(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	s.c.gates[HOOK_CONFIRM_ROLLOUT] = true;
	s.gate_said[HOOK_CONFIRM_ROLLOUT].verdict = ANSWER_ABORT;
	seed_open(&s);
	size_t effects = s.world->effects_done;
	world_revise(s.world, "green");
	for (int i = 0; i < 4; i++)
		tick(&s);
	assert_phase(&s, PHASE_FAILED);
	assert_int_equal(s.world->effects_done, effects);
	assert_int_equal(s.gate_said[HOOK_CONFIRM_ROLLOUT].asked, 1);
	assert_heard(&s, "Rolling back podinfo.test rollcall was rejected by lin");
	scene_close(&s);
}

static void test_rejected_at_the_end(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	s.c.gates[HOOK_CONFIRM_PROMOTION] = true;
	s.gate_said[HOOK_CONFIRM_PROMOTION].verdict = ANSWER_NO;
	seed_open(&s);
	world_revise(s.world, "green");
	assert_true(scene_until(&s, PHASE_WAITING_PROMOTION));
	tick(&s);
	assert_int_equal(s.world->source.wanted, 0);
	s.gate_said[HOOK_CONFIRM_PROMOTION].verdict = ANSWER_ABORT;
	woken(&s);
	/* The source has to come back before the traffic does, and the canary stays until then. */
	assert_int_equal(s.world->source.wanted, 4);
	assert_int_equal(s.world->routes.canary, 100);
	assert_int_equal(s.world->target.wanted, 4);
	world_advance(s.world, 2500);
	woken(&s);
	assert_int_equal(s.world->routes.canary, 0);
	assert_int_equal(s.world->target.wanted, 4);
	tick(&s);
	assert_phase(&s, PHASE_FAILED);
	assert_int_equal(s.world->target.wanted, 0);
	assert_string_equal(s.world->source.revision, "blue");
	scene_close(&s);
}

static void test_held(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	s.c.gates[HOOK_CONFIRM_PROMOTION] = true;
	s.gate_said[HOOK_CONFIRM_PROMOTION].verdict = ANSWER_HELD;
	seed_open(&s);
	world_revise(s.world, "green");
	assert_true(scene_until(&s, PHASE_WAITING_PROMOTION));
	for (int i = 0; i < 4; i++)
		tick(&s);
	assert_phase(&s, PHASE_WAITING_PROMOTION);
	assert_int_equal(heard(&s, "Halt podinfo.test advancement, rollcall was rejected by lin and is held"), 1);
	scene_close(&s);
}

static void test_every_step_confirmed(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	s.c.gates[HOOK_CONFIRM_STEP] = true;
	seed_open(&s);
	world_revise(s.world, "green");
	tick(&s);
	for (int step = 1; step <= 5; step++) {
		s.gate_said[HOOK_CONFIRM_STEP].verdict = ANSWER_NO;
		for (int i = 0; i < 3; i++)
			tick(&s);
		assert_int_equal(s.world->routes.canary, 20 * (step - 1));
		assert_int_equal(s.gate_step, step);
		assert_int_equal(s.gate_weight, 20 * step);
		assert_true(s.world->last.gate.waiting);
		assert_phase(&s, PHASE_PROGRESSING);
		woken(&s);
		assert_true(s.world->last.gate.waiting); /* also between intervals: the card must not flicker */
		s.gate_said[HOOK_CONFIRM_STEP].verdict = ANSWER_YES;
		woken(&s);
		world_advance(s.world, 2500);
		woken(&s);
		assert_int_equal(s.world->routes.canary, 20 * step);
	}
	assert_int_equal(heard(&s, "Halt podinfo.test advancement waiting for step approval rollcall"), 5);
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	scene_close(&s);
}

/* ACK's own way to say "manual": a hook that always says no. It is not called. */
static void test_halt_hook(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	size_t h = scene_hook(&s, HOOK_CONFIRM_ROLLOUT, "flagger-default-halt");
	s.hooks[h].halt = true;
	s.gate_said[HOOK_CONFIRM_STEP].verdict = ANSWER_NO;
	seed_open(&s);
	world_revise(s.world, "green");
	for (int i = 0; i < 4; i++)
		tick(&s);
	assert_phase(&s, PHASE_PROGRESSING);
	assert_int_equal(s.world->routes.canary, 0);
	assert_int_equal(s.hook_said[h].asked, 0);
	assert_heard(&s, "Halt podinfo.test advancement waiting for step approval flagger-default-halt");
	scene_close(&s);
}

static void test_rollback_by_verb(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	size_t post = scene_hook(&s, HOOK_POST_ROLLOUT, "canary released");
	seed_open(&s);
	world_revise(s.world, "green");
	tick(&s);
	until_weight(&s, 60);
	request(&s, "r1", "rollback");
	woken(&s);
	assert_heard(&s, "Rolling back podinfo.test wei: bad latency");
	assert_int_equal(s.world->source.wanted, 4); /* the first effect comes at once */
	assert_string_equal(status_of(&s)->own.request.outcome, "done");
	assert_int_equal(s.world->routes.canary, 60);
	assert_true(scene_until(&s, PHASE_FAILED));
	assert_int_equal(s.world->routes.canary, 0);
	assert_int_equal(s.world->target.wanted, 0);
	assert_int_equal(heard(&s, "Rolling back podinfo.test wei: bad latency"), 1);
	tick(&s);
	assert_int_equal(s.hook_said[post].asked, 1);
	assert_int_equal(s.hook_said[post].last_phase, PHASE_FAILED);
	/* Retry: the verb starts the same revision again. */
	request(&s, "r2", "restart");
	tick(&s);
	assert_phase(&s, PHASE_PROGRESSING);
	assert_string_equal(status_of(&s)->own.request.id, "r2");
	assert_int_equal(heard(&s, "New revision detected! Scaling up podinfo.test"), 2);
	scene_close(&s);
}

static void test_promote_by_verb(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	s.c.gates[HOOK_CONFIRM_PROMOTION] = true;
	s.gate_said[HOOK_CONFIRM_PROMOTION].verdict = ANSWER_NO;
	seed_open(&s);
	world_revise(s.world, "green");
	tick(&s);
	until_weight(&s, 20);
	request(&s, "p1", "promote");
	woken(&s);
	assert_phase(&s, PHASE_WAITING_PROMOTION); /* the gates of the policy still count */
	request(&s, "p2", "promote");
	s.world->canary.request.override_gates = true;
	woken(&s);
	assert_phase(&s, PHASE_PROMOTING);
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	assert_string_equal(status_of(&s)->own.promoted, status_of(&s)->own.revision);
	scene_close(&s);
}

static void test_requests_that_are_refused(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	seed_open(&s);
	static const char *const at_rest[] = { "promote", "rollback", "pause", "resume", "restart", "weight", "dance" };
	static const char *const ids[] = { "a", "b", "c", "d", "e", "f", "g" };
	for (size_t i = 0; i < sizeof at_rest / sizeof *at_rest; i++) {
		request(&s, ids[i], at_rest[i]);
		woken(&s);
		assert_string_equal(status_of(&s)->own.request.id, ids[i]);
		assert_string_equal(status_of(&s)->own.request.outcome, "refused");
		assert_phase(&s, PHASE_INITIALIZED);
	}
	world_revise(s.world, "green");
	tick(&s);
	request(&s, "h", "complete");
	woken(&s);
	assert_string_equal(status_of(&s)->own.request.outcome, "refused");
	assert_string_equal(status_of(&s)->own.request.message, "a rollout is in flight; rollback or promote it first");
	request(&s, "i", "rollback");
	s.world->canary.request.revision = "0123456789";
	woken(&s);
	assert_string_equal(status_of(&s)->own.request.outcome, "refused");
	assert_phase(&s, PHASE_PROGRESSING);
	scene_close(&s);
}

static void test_pause_and_resume(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	seed_open(&s);
	world_revise(s.world, "green");
	tick(&s);
	until_weight(&s, 40);
	request(&s, "a", "pause");
	for (int i = 0; i < 5; i++)
		tick(&s);
	assert_int_equal(s.world->routes.canary, 40);
	assert_string_equal(s.world->last.next, "paused at weight 40");
	request(&s, "b", "resume");
	tick(&s);
	until_weight(&s, 60);
	scene_close(&s);
}

static void manual(struct scene *s)
{
	seed(s);
	s->c.analysis.step_weight = 0;
	s->c.analysis.canary_replicas = 2;
	seed_open(s);
	world_revise(s->world, "green");
	tick(s);
}

static void test_manual_release(void **state)
{
	(void)state;
	struct scene s;
	manual(&s);
	for (int i = 0; i < 3; i++)
		tick(&s);
	assert_int_equal(s.world->target.wanted, 2);
	assert_int_equal(s.world->routes.canary, 0);
	s.world->canary.analysis.canary_weight = 30; /* whoever runs it edits the field */
	tick(&s);
	assert_int_equal(s.world->routes.canary, 30);
	assert_int_equal(s.world->source.wanted, 2);
	s.world->canary.analysis.canary_weight = 10;
	woken(&s);
	assert_int_equal(s.world->routes.canary, 10);
	request(&s, "w", "weight");
	s.world->canary.request.weight = 70;
	woken(&s);
	assert_int_equal(s.world->routes.canary, 70);
	tick(&s);
	assert_phase(&s, PHASE_PROGRESSING);
	request(&s, "p", "promote");
	tick(&s);
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	scene_close(&s);
}

static void test_replicas_only(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	s.c.analysis.step_weight = 0;
	s.c.analysis.step_replicas = 2;
	scene_open(&s, "blue", 4);
	s.world->no_router = true;
	bootstrap(&s);
	world_revise(s.world, "green");
	tick(&s);
	assert_int_equal(s.world->target.wanted, 2);
	tick(&s);
	assert_heard(&s, "Advance podinfo.test canary weight 50");
	assert_int_equal(s.world->source.wanted, 2);
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	assert_int_equal(s.world->target.wanted, 4);
	assert_int_equal(s.world->source.wanted, 0);
	scene_close(&s);
}

static void released(struct scene *s)
{
	seed_open(s);
	world_revise(s->world, "green");
	tick(s);
	assert_true(scene_until(s, PHASE_SUCCEEDED));
}

static void test_the_next_release(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	s.c.gates[HOOK_CONFIRM_ROLLOUT] = true;
	released(&s);
	s.gate_said[HOOK_CONFIRM_ROLLOUT].verdict = ANSWER_NO;
	size_t effects = s.world->effects_done;
	world_revise(s.world, "red");
	for (int i = 0; i < 3; i++)
		tick(&s);
	assert_phase(&s, PHASE_WAITING);
	assert_int_equal(s.world->effects_done, effects); /* asked before anything is moved */
	assert_string_equal(s.world->target.pods[0].revision, "green");
	s.gate_said[HOOK_CONFIRM_ROLLOUT].verdict = ANSWER_YES;
	woken(&s);
	assert_true(status_of(&s)->own.returning);
	assert_int_equal(s.world->source.wanted, 4);
	assert_int_equal(s.world->apex, WORLD_APEX_TARGET);
	world_advance(s.world, 2500);
	woken(&s);
	assert_int_equal(s.world->apex, WORLD_APEX_SOURCE);
	assert_true(s.world->target.paused);
	tick(&s);
	assert_false(s.world->target.paused);
	assert_int_equal(s.world->target.wanted, 1);
	until_weight(&s, 20);
	assert_string_equal(s.world->target.pods[0].revision, "red");
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	assert_string_equal(s.world->source.revision, "red");
	scene_close(&s);
}

static void test_back_to_the_promoted_revision(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	seed_open(&s);
	world_revise(s.world, "green");
	tick(&s);
	until_weight(&s, 40);
	world_revise(s.world, "blue");
	tick(&s);
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	assert_int_equal(s.world->routes.canary, 0);
	assert_int_equal(s.world->target.wanted, 0);
	assert_heard(&s, "Rollout of podinfo.test cancelled, podinfo.test was set back to the promoted revision");
	/* And the next one starts from the source that serves. */
	world_revise(s.world, "red");
	tick(&s);
	assert_phase(&s, PHASE_PROGRESSING);
	assert_false(status_of(&s)->own.returning);
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	scene_close(&s);
}

static void test_a_newer_revision_needs_its_own_approval(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	s.c.gates[HOOK_CONFIRM_ROLLOUT] = true;
	seed_open(&s);
	world_revise(s.world, "green");
	tick(&s);
	until_weight(&s, 40);
	s.gate_said[HOOK_CONFIRM_ROLLOUT].verdict = ANSWER_NO;
	world_revise(s.world, "red");
	tick(&s);
	assert_true(scene_until(&s, PHASE_WAITING));
	assert_int_equal(s.world->routes.canary, 0);
	assert_int_equal(s.world->target.wanted, 0);
	s.gate_said[HOOK_CONFIRM_ROLLOUT].verdict = ANSWER_YES;
	assert_true(scene_until(&s, PHASE_SUCCEEDED));
	assert_string_equal(s.world->source.revision, "red");
	scene_close(&s);
}

static void given_back(struct scene *s, const char *revision)
{
	for (int i = 0; i < 20 && !s->world->gone; i++)
		tick(s);
	assert_true(s->world->gone);
	assert_string_equal(s->world->target.revision, revision);
	assert_int_equal(s->world->target.wanted, 4);
	assert_int_equal(world_available(s->world, SIDE_TARGET), 4);
	assert_string_equal(s->world->target.pods[0].revision, revision);
	assert_false(s->world->target.paused);
	assert_false(s->world->source.exists);
	assert_false(s->world->router);
	assert_false(s->world->has_finalizer);
	assert_int_equal(s->world->apex, WORLD_APEX_TARGET);
}

static void test_complete_after_success(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	released(&s);
	request(&s, "c", "complete");
	woken(&s);
	assert_phase(&s, PHASE_TERMINATING);
	given_back(&s, "green");
	assert_heard(&s, "Terminated canary podinfo.test");
	scene_close(&s);
}

static void test_complete_after_failure(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	seed_open(&s);
	world_revise(s.world, "green");
	tick(&s);
	until_weight(&s, 40);
	request(&s, "r", "rollback");
	tick(&s);
	assert_true(scene_until(&s, PHASE_FAILED));
	request(&s, "c", "complete");
	given_back(&s, "blue"); /* production keeps the stable revision */
	scene_close(&s);
}

static void test_deleted_at_every_phase(void **state)
{
	(void)state;
	static const struct {
		enum phase at;
		const char *left;
	} cases[] = { { PHASE_INITIALIZED, "blue" },      { PHASE_PROGRESSING, "blue" }, { PHASE_PROMOTING, "green" },
		      { PHASE_FINALISING, "green" },      { PHASE_SUCCEEDED, "green" },  { PHASE_WAITING, "blue" },
		      { PHASE_WAITING_PROMOTION, "blue" } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct scene s;
		seed(&s);
		s.c.gates[HOOK_CONFIRM_ROLLOUT] = s.c.gates[HOOK_CONFIRM_PROMOTION] = true;
		if (cases[i].at == PHASE_WAITING)
			s.gate_said[HOOK_CONFIRM_ROLLOUT].verdict = ANSWER_NO;
		if (cases[i].at == PHASE_WAITING_PROMOTION)
			s.gate_said[HOOK_CONFIRM_PROMOTION].verdict = ANSWER_NO;
		seed_open(&s);
		if (cases[i].at != PHASE_INITIALIZED)
			world_revise(s.world, "green");
		for (int n = 0; n < 400 && status_of(&s)->phase != cases[i].at; n++) {
			world_advance(s.world, 300);
			woken(&s);
		}
		assert_phase(&s, cases[i].at);
		s.world->canary.deleting = true;
		given_back(&s, cases[i].left);
		scene_close(&s);
	}
}

static void test_progress_deadline_brings_the_source_back_first(void **state)
{
	(void)state;
	struct scene s;
	seed(&s);
	seed_open(&s);
	world_revise(s.world, "green");
	tick(&s);
	until_weight(&s, 40);
	world_revise(s.world, "bad");
	assert_true(scene_until(&s, PHASE_FAILED));
	assert_int_equal(s.world->source.wanted, 4);
	assert_int_equal(s.world->target.wanted, 0);
	assert_string_equal(s.world->source.revision, "blue");
	scene_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_initialized),
		cmocka_unit_test(test_the_seed_step_by_step),
		cmocka_unit_test(test_no_weight_before_its_pods),
		cmocka_unit_test(test_gates_of_people),
		cmocka_unit_test(test_rejected_before_the_start),
		cmocka_unit_test(test_rejected_at_the_end),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_every_step_confirmed),
		cmocka_unit_test(test_halt_hook),
		cmocka_unit_test(test_rollback_by_verb),
		cmocka_unit_test(test_promote_by_verb),
		cmocka_unit_test(test_requests_that_are_refused),
		cmocka_unit_test(test_pause_and_resume),
		cmocka_unit_test(test_manual_release),
		cmocka_unit_test(test_replicas_only),
		cmocka_unit_test(test_the_next_release),
		cmocka_unit_test(test_back_to_the_promoted_revision),
		cmocka_unit_test(test_a_newer_revision_needs_its_own_approval),
		cmocka_unit_test(test_complete_after_success),
		cmocka_unit_test(test_complete_after_failure),
		cmocka_unit_test(test_deleted_at_every_phase),
		cmocka_unit_test(test_progress_deadline_brings_the_source_back_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

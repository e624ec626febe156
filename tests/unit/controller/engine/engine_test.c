#include "controller/engine.h"

#include "tests/unit/controller/engine/rig.h"

#define GATED "{\"metadata\":{\"annotations\":{\"rollcall.dev/gates\":\"confirm-rollout\"}}}"

/* Somebody takes the finalizer off. */
static void canary_vanishes(struct rig *r)
{
	CANARY_PATCH(r, "{\"metadata\":{\"finalizers\":null}}");
	fake_delete(r->fake, KIND_CANARY, "default", C);
}

/* ---- the story of the users' manifests ---- */

static void test_story(bool early)
{
	struct rig r;
	rig_open(&r);
	r.fake->early = early;
	seed(&r, GATED);
	until(&r, C, "Initialized");
	assert_int_equal(replicas(&r, "podinfo-primary"), 4);
	assert_int_equal(replicas(&r, "podinfo"), 0);
	assert_int_equal(rig_weight(&r), 0);
	assert_int_equal(fake_events(r.fake, "Initialization done! podinfo-default.default"), 1);
	assert_int_equal(r.fake->conflicts, 0); /* not even by our own finalizer */

	image(&r, "green");
	until(&r, C, "Waiting");
	assert_int_equal(r.gate_type, HOOK_CONFIRM_ROLLOUT);
	tick_due(&r, C);
	assert_string_equal(rig_phase(&r, C), "Waiting");
	assert_int_equal(replicas(&r, "podinfo"), 0);

	/* a decision does not wait for the interval */
	r.gate = GATE_OPEN;
	engine_gate_decided(r.engine, rig_runner(&r, C)->uid);
	rig_settle(&r);
	assert_string_equal(rig_phase(&r, C), "Progressing");
	until(&r, C, "Succeeded");
	tick_due(&r, C);
	/* the table of the extension's specification */
	static const struct {
		const char *said;
		int target, source;
	} steps[] = { { "Advance podinfo-default.default canary weight 20", 1, 3 },
		      { "Advance podinfo-default.default canary weight 40", 2, 2 },
		      { "Advance podinfo-default.default canary weight 60", 3, 1 },
		      { "Advance podinfo-default.default canary weight 80", 4, 1 },
		      { "Advance podinfo-default.default canary weight 100", 4, 1 } };
	size_t step = 0;
	for (size_t i = 0; i < r.news_count && step < 5; i++)
		if (r.news[i].news == NEWS_SAID && text_eq(r.news[i].text, steps[step].said)) {
			assert_int_equal(r.news[i].target, steps[step].target);
			assert_int_equal(r.news[i].source, steps[step].source);
			step++;
		}
	assert_int_equal(step, 5);
	assert_int_equal(replicas(&r, "podinfo"), 4);
	assert_int_equal(replicas(&r, "podinfo-primary"), 0);
	assert_int_equal(r.peer->request_count, 1);
	assert_true(text_starts(r.peer->requests[0], "POST /released "));
	assert_non_null(strstr(script_body(r.peer, 0), "\"phase\":\"Succeeded\""));
	assert_int_equal(heard(&r, NEWS_STARTED, NULL), 1);
	assert_int_equal(heard(&r, NEWS_SUCCEEDED, NULL), 1);
	assert_int_equal(r.gate_left, 1);
	rig_close(&r);
}

static void test_story_changes_after(void **state)
{
	(void)state;
	test_story(false);
}

static void test_story_changes_before(void **state)
{
	(void)state;
	test_story(true);
}

/* ---- cost ---- */

static unsigned heard_like(const struct rig *r, const char *part)
{
	unsigned n = 0;
	for (size_t i = 0; i < r->news_count; i++)
		n += r->news[i].news == NEWS_SAID && strstr(r->news[i].text, part);
	return n;
}

static void test_idle_writes_nothing(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	tick_due(&r, C);
	fake_forget_counts(r.fake);
	size_t before = r.news_count;
	for (int i = 0; i < 10; i++)
		tick_due(&r, C);
	assert_int_equal(r.fake->all_writes, 0);
	assert_int_equal(r.fake->records, 0);
	assert_int_equal(r.news_count, before);
	assert_false(timer_active(&rig_runner(&r, C)->wake)); /* nothing that time alone could change */
	rig_close(&r);
}

static void test_a_step_costs_four_requests(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	image(&r, "green");
	until(&r, C, "Progressing");
	unsigned steps = 0, all = heard_like(&r, "canary weight");
	for (int i = 0; i < 40 && text_eq(rig_phase(&r, C), "Progressing"); i++) {
		fake_forget_counts(r.fake);
		if (i % 2)
			pods(&r);
		else
			rig_due(&r, C);
		rig_settle(&r);
		unsigned taken = heard_like(&r, "canary weight") - all;
		all += taken;
		steps += taken;
		if (taken && r.fake->all_writes + r.fake->records > 4 * taken)
			fail_msg("%u steps: %u writes, %u events", taken, r.fake->all_writes, r.fake->records);
	}
	assert_int_equal(all, 5); /* the first may have come with the start */
	assert_true(steps >= 4);
	rig_close(&r);
}

/* ---- what goes wrong ---- */

static void test_status_conflict_ticks_again(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	rig_settle(&r);
	/* every write waits, and somebody touches the Canary meanwhile */
	r.fake->held = true;
	image(&r, "green");
	rig_turns(&r);
	assert_non_null(rig_runner(&r, C)->tick);
	CANARY_PATCH(&r, "{\"metadata\":{\"labels\":{\"touched\":\"x\"}}}");
	fake_release(r.fake);
	until(&r, C, "Progressing");
	assert_int_equal(fake_events(r.fake, "New revision detected! Scaling up podinfo.default"), 1);
	assert_int_equal(heard(&r, NEWS_SAID, "New revision detected! Scaling up podinfo.default"), 1);
	assert_int_equal(fake_events_like(r.fake, "CONFLICT"), 0);
	rig_close(&r);
}

/* The finalizer and the new phase in one tick: two writes to one object. */
static void test_own_write_is_no_conflict(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	tick_due(&r, C);
	CANARY_PATCH(&r, "{\"metadata\":{\"finalizers\":null}}");
	image(&r, "green");
	rig_settle(&r);
	assert_string_equal(rig_phase(&r, C), "Progressing");
	assert_int_equal(r.fake->conflicts, 0);
	rig_close(&r);
}

static void test_failed_effect(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	r.fake->fail_all = true;
	r.fake->fail_with = RC_REFUSED;
	seed(&r, NULL);
	/* The phase is the first thing that is written. */
	rig_settle(&r);
	assert_int_equal(fake_events(r.fake, "the server said no"), 1);
	r.fake->fail_all = false;
	rig_due(&r, C);
	rig_settle(&r);
	assert_string_equal(rig_phase(&r, C), "Initializing");
	r.fake->fail_all = true;
	fake_delete(r.fake, KIND_SERVICE, "default", "my-podinfo-svc-canary");
	rig_settle(&r);
	static const char text[] =
		"reconcileService failed: service my-podinfo-svc-canary create error: the server said no";
	assert_int_equal(fake_events(r.fake, text), 1);
	struct runner *x = rig_runner(&r, C);
	assert_true(timer_active(&x->wake));
	int64_t pause = x->retry_ms;
	for (int i = 0; i < 3; i++) { /* woken again and again within one interval: said once */
		runner_wake(x);
		rig_settle(&r);
	}
	assert_int_equal(fake_events(r.fake, text), 1);
	assert_true(x->retry_ms > pause && x->retry_ms <= RETRY_LAST_MS);
	assert_string_equal(rig_phase(&r, C), "Initializing");
	struct arena *a = arena_create(1 << 20);
	assert_string_equal(engine_find(r.engine, "default", C, a)->message, text);
	r.fake->fail_all = false;
	until(&r, C, "Initialized");
	assert_int_equal(x->retry_ms, RETRY_FIRST_MS);
	assert_string_equal(engine_find(r.engine, "default", C, a)->message,
			    ""); /* what is over is not complained of */
	arena_destroy(a);
	rig_close(&r);
}

static void test_conflicts_without_end_are_told(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	r.fake->fail_all = true;
	r.fake->fail_with = RC_CONFLICT;
	seed(&r, NULL);
	rig_settle(&r);
	struct runner *x = rig_runner(&r, C);
	for (int i = 0; i < CONFLICTS_QUIET - 1; i++) {
		assert_int_equal(fake_events_like(r.fake, "the server said no"), 0);
		rig_due(&r, C);
		rig_settle(&r);
	}
	rig_due(&r, C);
	rig_settle(&r);
	assert_int_equal(fake_events_like(r.fake, "the server said no"), 1);
	assert_true(timer_active(&x->wake));
	rig_close(&r);
}

static void test_deleted_with_a_hook_in_flight(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	hooked(&r, "confirm-rollout", "");
	rig_settle(&r);
	r.peer->always = NULL;
	image(&r, "green");
	turn_until(r.loop, hook_is_out, &r);
	canary_vanishes(&r);
	rig_settle(&r);
	assert_null(rig_runner(&r, C));
	assert_int_equal(heard(&r, NEWS_GONE, NULL), 1);
	assert_true(r.gate_left > 0);
	for (struct script_line *l = r.peer->lines; l; l = l->next) { /* now it answers, and nobody is there */
		uv_buf_t b = uv_buf_init((char *)(uintptr_t)ANSWER_200, (unsigned)strlen(ANSWER_200));
		assert_int_equal(uv_write(&l->write, (uv_stream_t *)&l->tcp, &b, 1, NULL), 0);
	}
	rig_turns(&r);
	rig_close(&r);
}

static void test_deleted_with_a_write_in_flight(void **state)
{
	(void)state;
	for (int early = 0; early < 2; early++) {
		struct rig r;
		rig_open(&r);
		seed(&r, NULL);
		until(&r, C, "Initialized");
		r.fake->early = early;
		r.fake->held = true;
		image(&r, "green");
		rig_turns(&r);
		assert_non_null(rig_runner(&r, C)->tick);
		canary_vanishes(&r);
		rig_turns(&r);
		assert_null(rig_runner(&r, C));
		fake_release(r.fake);
		rig_settle(&r);
		rig_close(&r);
	}
}

static void test_invalid_in_the_middle(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	image(&r, "green");
	until(&r, C, "Progressing");
	for (int i = 0; i < 6 && rig_weight(&r) != 20; i++)
		tick_due(&r, C);
	/* with a tick under way */
	r.fake->held = true;
	pods(&r);
	rig_turns(&r);
	rig_due(&r, C);
	rig_turns(&r);
	CANARY_PATCH(&r, "{\"spec\":{\"service\":{\"port\":null}}}");
	fake_release(r.fake);
	rig_settle(&r);
	const cJSON *c = fake_tree(r.fake, KIND_CANARY, "default", C);
	assert_string_equal(json_text(c, "status.conditions.0.reason", ""), "Invalid");
	assert_string_equal(json_text(c, "status.phase", ""), "Progressing");
	const char *why = json_text(c, "status.rollcall.invalid", "");
	assert_non_null(strstr(why, "port"));
	assert_int_equal(fake_events(r.fake, why), 1);
	int weight = rig_weight(&r);
	fake_forget_counts(r.fake);
	for (int i = 0; i < 3; i++)
		tick_due(&r, C);
	assert_int_equal(r.fake->all_writes, 0);
	assert_int_equal(rig_weight(&r), weight);
	struct arena *a = arena_create(1 << 20);
	assert_string_not_equal(engine_find(r.engine, "default", C, a)->invalid, "");
	arena_destroy(a);

	CANARY_PATCH(&r, "{\"spec\":{\"service\":{\"port\":80}}}");
	rig_settle(&r);
	c = fake_tree(r.fake, KIND_CANARY, "default", C);
	assert_null(json_at(c, "status.rollcall.invalid"));
	assert_string_equal(json_text(c, "status.conditions.0.reason", ""), "Progressing");
	until(&r, C, "Succeeded");
	rig_close(&r);
}

static void test_two_canaries_one_target(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	seed(&r, NULL);
	cJSON *second = cJSON_Duplicate(fake_tree(r.fake, KIND_CANARY, "default", C), true);
	assert_true(json_put_text(second, "metadata.name", "second"));
	json_remove(second, "metadata.uid");
	json_remove(second, "metadata.resourceVersion");
	fake_put(r.fake, second);
	for (int i = 0; i < 3; i++) {
		tick_due(&r, C);
		tick_due(&r, "second");
	}
	assert_true(fake_events(r.fake, "another Canary has the same target podinfo.default") >= 2);
	rig_close(&r);
}

static void test_cache_that_is_not_complete(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	r.fake->unknown = true;
	seed(&r, NULL);
	rig_settle(&r);
	assert_int_equal(r.fake->all_writes, 0);
	r.fake->unknown = false;
	r.fake->cluster.settled(r.fake->cluster.changed_owner);
	rig_settle(&r);
	assert_string_equal(rig_phase(&r, C), "Initializing");
	rig_close(&r);
}

static void test_standby_begins_when_it_leads(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	r.fake->not_leading = true;
	seed(&r, NULL);
	cJSON *bad = cJSON_Duplicate(fake_tree(r.fake, KIND_CANARY, "default", C), true);
	assert_true(json_put_text(bad, "metadata.name", "bad"));
	json_remove(bad, "metadata.uid");
	json_remove(bad, "spec.service.port");
	fake_put(r.fake, bad);
	rig_settle(&r);
	assert_int_equal(r.fake->all_writes, 0);
	assert_int_equal(r.fake->records, 0);
	r.fake->not_leading = false;
	engine_wake_all(r.engine);
	rig_settle(&r);
	assert_string_equal(rig_phase(&r, C), "Initializing");
	assert_string_equal(
		json_text(fake_tree(r.fake, KIND_CANARY, "default", "bad"), "status.conditions.0.reason", ""),
		"Invalid");
	assert_int_equal(fake_events_like(r.fake, "port"), 1);
	rig_close(&r);
}

/* ---- news ---- */

static void test_news_come_in_order(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	rig_settle(&r);
	size_t from = r.news_count;
	image(&r, "green");
	until(&r, C, "Progressing");
	static const enum rollout_news wanted[] = { NEWS_SAID, NEWS_ALERT, NEWS_STARTED, NEWS_CHANGED };
	size_t k = 0;
	for (size_t i = from; i < r.news_count && k < 4; i++)
		if (r.news[i].news == wanted[k])
			k++;
	assert_int_equal(k, 4);
	for (size_t i = from; i < r.news_count; i++)
		if (r.news[i].news == NEWS_STARTED)
			assert_int_equal(r.news[i].phase, PHASE_PROGRESSING); /* what is told is what is so */
	rig_close(&r);
}

static void test_event_hooks(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	seed(&r, NULL);
	hooked(&r, "event", "");
	until(&r, C, "Initialized");
	size_t n = r.peer->request_count;
	assert_true(n > 0);
	assert_non_null(strstr(script_body(r.peer, n - 1),
			       "\"eventMessage\":\"Initialization done! podinfo-default.default\""));
	assert_non_null(strstr(script_body(r.peer, n - 1), "\"phase\":\"Initialized\""));
	rig_close(&r);
}

/* ---- the end ---- */

static void test_destroy_with_everything_in_flight(void **state)
{
	(void)state;
	struct rig r;
	struct recorded x;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	hooked(&r, "confirm-rollout", ",{\"name\":\"ev\",\"type\":\"event\",\"url\":\"http://127.0.0.1:1/\"}");
	rig_settle(&r);
	cJSON *second = cJSON_Duplicate(fake_tree(r.fake, KIND_CANARY, "default", C), true);
	assert_true(json_put_text(second, "metadata.name", "second"));
	json_remove(second, "metadata.uid");
	json_remove(second, "status");
	fake_put(r.fake, second);
	r.peer->always = NULL;
	image(&r, "green");
	turn_until(r.loop, hook_is_out, &r);
	r.fake->held = true;
	rig_due(&r, "second");
	request(&r, "q-1", VERB_PAUSE, &x);
	struct engine_request none = { .id = "q-4", .verb = VERB_PAUSE, .ns = "default", .name = "none" };
	engine_request(r.engine, &none, on_record, &x);
	rig_turns(&r);
	rig_close(&r);
}

static void test_counts(void **state)
{
	(void)state;
	struct rig r;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	assert_true(metric_value(r.engine->total, "default") == 1);
	assert_true(metric_value(r.engine->status, "podinfo", "default") == 1);
	struct arena *a = arena_create(1 << 20);
	size_t n;
	assert_non_null(engine_list(r.engine, NULL, a, &n));
	assert_int_equal(n, 1);
	(void)engine_list(r.engine, "other", a, &n);
	assert_int_equal(n, 0);
	assert_non_null(engine_find_uid(r.engine, rig_runner(&r, C)->uid, a));
	assert_null(engine_find(r.engine, "default", "none", a));
	arena_destroy(a);
	canary_vanishes(&r);
	rig_turns(&r);
	assert_true(metric_value(r.engine->total, "default") == 0);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_story_changes_after),
		cmocka_unit_test(test_story_changes_before),
		cmocka_unit_test(test_idle_writes_nothing),
		cmocka_unit_test(test_a_step_costs_four_requests),
		cmocka_unit_test(test_status_conflict_ticks_again),
		cmocka_unit_test(test_own_write_is_no_conflict),
		cmocka_unit_test(test_failed_effect),
		cmocka_unit_test(test_conflicts_without_end_are_told),
		cmocka_unit_test(test_deleted_with_a_hook_in_flight),
		cmocka_unit_test(test_deleted_with_a_write_in_flight),
		cmocka_unit_test(test_invalid_in_the_middle),
		cmocka_unit_test(test_two_canaries_one_target),
		cmocka_unit_test(test_cache_that_is_not_complete),
		cmocka_unit_test(test_standby_begins_when_it_leads),
		cmocka_unit_test(test_news_come_in_order),
		cmocka_unit_test(test_event_hooks),
		cmocka_unit_test(test_destroy_with_everything_in_flight),
		cmocka_unit_test(test_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

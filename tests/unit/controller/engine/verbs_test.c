#include "controller/engine/verbs.h"

#include "tests/unit/controller/engine/rig.h"

static void to_weight(struct rig *r, int weight)
{
	for (int i = 0; i < 12 && rig_weight(r) != weight; i++)
		tick_due(r, C);
	assert_int_equal(rig_weight(r), weight);
}

static void test_requests(void **state)
{
	(void)state;
	struct rig r;
	struct recorded x, y;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	image(&r, "green");
	to_weight(&r, 20);
	request(&r, "q-1", VERB_PAUSE, &x);
	rig_settle(&r);
	assert_int_equal(x.r, RC_OK);
	assert_int_equal(heard(&r, NEWS_REQUEST_DONE, "paused at weight 20"), 1);
	request(&r, "q-1", VERB_PAUSE, &x); /* the same id happens once */
	rig_settle(&r);
	assert_int_equal(heard(&r, NEWS_REQUEST_DONE, NULL), 1);
	for (int i = 0; i < 3; i++)
		tick_due(&r, C);
	assert_int_equal(rig_weight(&r), 20);

	/* two at once: the second must not swallow the first */
	request(&r, "q-2", VERB_RESUME, &x);
	request(&r, "q-3", VERB_PAUSE, &y);
	rig_settle(&r);
	assert_int_equal(x.r, RC_OK);
	assert_int_equal(y.r, RC_CONFLICT);
	assert_int_equal(heard(&r, NEWS_REQUEST_DONE, "resumed"), 1);

	struct engine_request none = { .id = "q-4", .verb = VERB_PAUSE, .ns = "default", .name = "none" };
	x.done = false;
	engine_request(r.engine, &none, on_record, &x);
	rig_settle(&r);
	assert_int_equal(x.r, RC_NOT_FOUND);
	assert_string_equal(x.why, "no canary default/none");
	rig_close(&r);
}

/* A slow gate holds a tick; the way back does not wait for it. */
static void test_rollback_does_not_wait_for_a_hook(void **state)
{
	(void)state;
	struct rig r;
	struct recorded x;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	hooked(&r, "rollout", "");
	image(&r, "green");
	to_weight(&r, 20);
	pods(&r);
	rig_settle(&r);
	r.peer->always = NULL;
	rig_due(&r, C);
	turn_until(r.loop, hook_is_out, &r);
	request(&r, "q-1", VERB_ROLLBACK, &x);
	r.peer->always = ANSWER_200;
	rig_settle(&r);
	assert_int_equal(x.r, RC_OK);
	assert_int_equal(fake_events(r.fake, "Rolling back podinfo-default.default lin: bad latency"), 1);
	until(&r, C, "Failed");
	assert_int_equal(rig_weight(&r), 0);
	assert_int_equal(replicas(&r, "podinfo-primary"), 4);
	rig_close(&r);
}

static void test_complete(void **state)
{
	(void)state;
	for (int early = 0; early < 2; early++) {
		struct rig r;
		struct recorded x;
		rig_open(&r);
		r.fake->early = early;
		seed(&r, NULL);
		CLEANUP(json_delete_p)
		cJSON *before = cJSON_Duplicate(
			json_at(fake_tree(r.fake, KIND_SERVICE, "default", "my-podinfo-svc"), "spec"), true);
		until(&r, C, "Initialized");
		request(&r, "q-1", VERB_COMPLETE, &x);
		for (int i = 0; i < 20 && rig_runner(&r, C); i++)
			tick_due(&r, C);
		assert_null(rig_runner(&r, C));
		assert_null(fake_tree(r.fake, KIND_CANARY, "default", C));
		assert_null(fake_tree(r.fake, KIND_DEPLOYMENT, "default", "podinfo-primary"));
		assert_null(fake_tree(r.fake, KIND_INGRESS, "default", "podinfo-canary"));
		assert_null(fake_tree(r.fake, KIND_SERVICE, "default", "my-podinfo-svc-canary"));
		assert_true(json_equal(json_at(fake_tree(r.fake, KIND_SERVICE, "default", "my-podinfo-svc"), "spec"),
				       before));
		assert_int_equal(replicas(&r, "podinfo"), 4);
		assert_int_equal(heard(&r, NEWS_REQUEST_DONE, "everything is given back"), 1);
		assert_int_equal(fake_events(r.fake, "Terminated canary podinfo-default.default"), 1);
		assert_int_equal(heard(&r, NEWS_GONE, NULL), 1);
		rig_close(&r);
	}
}

/* There is room for one request: whoever asked for what a rollback replaces is told. */
static void test_a_rollback_takes_the_place_of_what_waits(void **state)
{
	(void)state;
	struct rig r;
	struct recorded x;
	rig_open(&r);
	seed(&r, NULL);
	until(&r, C, "Initialized");
	image(&r, "green");
	to_weight(&r, 20);
	r.fake->unknown = true; /* nothing is carried out meanwhile */
	request(&r, "q-1", VERB_PAUSE, &x);
	rig_settle(&r);
	assert_int_equal(x.r, RC_OK);
	request(&r, "q-2", VERB_PROMOTE, &x);
	rig_settle(&r);
	assert_int_equal(x.r, RC_CONFLICT);
	assert_string_equal(x.why, "pause is still being carried out; try again when it is done");
	request(&r, "q-3", VERB_ROLLBACK, &x);
	rig_settle(&r);
	assert_int_equal(x.r, RC_OK);
	assert_int_equal(heard(&r, NEWS_REQUEST_DONE, "rollback took its place"), 1);
	r.fake->unknown = false;
	until(&r, C, "Failed");
	for (size_t i = 0; i < r.news_count; i++)
		if (r.news[i].news == NEWS_REQUEST_DONE)
			assert_true(r.news[i].refused == text_eq(r.news[i].request, "q-1"));
	rig_close(&r);
}

static void test_a_canary_that_cannot_be_used_takes_no_request(void **state)
{
	(void)state;
	struct rig r;
	struct recorded x;
	rig_open(&r);
	seed(&r, "{\"spec\":{\"service\":{\"port\":null}}}");
	rig_settle(&r);
	request(&r, "q-1", VERB_ROLLBACK, &x);
	rig_settle(&r);
	assert_int_equal(x.r, RC_REFUSED);
	assert_non_null(strstr(x.why, "cannot be used: spec.service.port"));
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_rollback_does_not_wait_for_a_hook),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_a_rollback_takes_the_place_of_what_waits),
		cmocka_unit_test(test_a_canary_that_cannot_be_used_takes_no_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "controller/model/canary.h"

#include "tests/unit/controller/model/objects.h"

static struct canary *with_status(cJSON *status)
{
	CLEANUP(json_delete_p) cJSON *v = patched("{}");
	assert_true(json_put(v, "status", status));
	struct canary *c = NULL;
	struct error e = { .text = "" };
	if (canary_parse(v, &c, &e) != RC_OK)
		fail_msg("%s", e.text);
	return c;
}

static const struct pair configs[] = { { "configmap/a", "241889ca0604e333" }, { "secret/b", "3930f0692c2295eb" } };
static const struct canary_status full = {
	.phase = PHASE_WAITING_PROMOTION,
	.failed_checks = 2,
	.weight = 40,
	.iterations = -1,
	.tracked_configs = { configs, 2 },
	.has_tracked_configs = true,
	.last_applied_spec = "5b6c7d8f94",
	.last_promoted_spec = "4455667788",
	.last_transition = { 1767323045000 },
	.has_condition = true,
	.condition_status = "Unknown",
	.condition_reason = "WaitingPromotion",
	.condition_message = "Waiting for approval.",
	.condition_updated = { 1767323046000 },
	.condition_changed = { 1767323047000 },
	.session_cookie = "c=x",
	.previous_session_cookie = "c=w",
	.primary_session_cookie = "p=y",
	.own = {
		.revision = "5b6c7d8f94",
		.promoted = "4455667788",
		.old_image = "r/app:blue",
		.new_image = "r/app:green",
		.requested_by = "ann <ann@example.com>",
		.step = 3,
		.weight = 60,
		.paused = true,
		.skip_rest = true,
		.wanted_weight = 0,
		.post_pending = true,
		.completing = true,
		.source_at_promoted = true,
		.returning = true,
		.failed_why = "progress \"deadline\"\nexceeded \xe7\x81\xb0",
		.run = 7,
		.gate = HOOK_CONFIRM_PROMOTION,
		.held = true,
		.skip_gates = true,
		.max_replicas = 4,
		.next_weight = 80,
		.target_serves = true,
		.falling_back = true,
		.leaving = 2,
		.started_at = { 1767323045123 },
		.changed_at = { 1767323045999 },
		.request = { "r1", "promote", "refused", "the revision is another one" },
	},
};

static void test_every_field_is_printed(void **state)
{
	(void)state;
	CLEANUP(json_delete_p) cJSON *printed = canary_status_print(&full);
	assert_non_null(printed);
	CLEANUP(free_p) char *text = json_print(printed);
	assert_string_equal(
		text,
		"{\"phase\":\"WaitingPromotion\",\"failedChecks\":2,\"canaryWeight\":40,\"iterations\":-1,"
		"\"previousSessionAffinityCookie\":\"c=w\",\"sessionAffinityCookie\":\"c=x\","
		"\"primarySessionAffinityCookie\":\"p=y\","
		"\"trackedConfigs\":{\"configmap/a\":\"241889ca0604e333\",\"secret/b\":\"3930f0692c2295eb\"},"
		"\"lastAppliedSpec\":\"5b6c7d8f94\",\"lastPromotedSpec\":\"4455667788\","
		"\"lastTransitionTime\":\"2026-01-02T03:04:05Z\","
		"\"conditions\":[{\"type\":\"Promoted\",\"status\":\"Unknown\","
		"\"lastUpdateTime\":\"2026-01-02T03:04:06Z\",\"lastTransitionTime\":\"2026-01-02T03:04:07Z\","
		"\"reason\":\"WaitingPromotion\",\"message\":\"Waiting for approval.\"}],"
		"\"rollcall\":{\"revision\":\"5b6c7d8f94\",\"promoted\":\"4455667788\",\"oldImage\":\"r/app:blue\","
		"\"newImage\":\"r/app:green\",\"requestedBy\":\"ann <ann@example.com>\",\"step\":3,\"weight\":60,"
		"\"paused\":true,\"skipRest\":true,\"wantedWeight\":0,\"postPending\":true,\"completing\":true,"
		"\"sourceAtPromoted\":true,\"returning\":true,"
		"\"failedWhy\":\"progress \\\"deadline\\\"\\nexceeded \xe7\x81\xb0\",\"run\":7,"
		"\"gate\":\"confirm-promotion\",\"held\":true,\"skipGates\":true,\"maxReplicas\":4,\"nextWeight\":80,"
		"\"targetServes\":true,\"fallingBack\":true,\"leaving\":2,"
		"\"startedAt\":\"2026-01-02T03:04:05.123Z\",\"changedAt\":\"2026-01-02T03:04:05.999Z\","
		"\"request\":{\"id\":\"r1\",\"verb\":\"promote\",\"outcome\":\"refused\","
		"\"message\":\"the revision is another one\"}}}");
}

/* Equal texts of equal length mean equal values only because the test above shows that every field has its place. */
static void test_round_trip(void **state)
{
	(void)state;
	cJSON *printed = canary_status_print(&full);
	CLEANUP(free_p) char *before = json_print(printed);
	CLEANUP(canary_free_p) struct canary *c = with_status(printed);
	CLEANUP(json_delete_p) cJSON *again = canary_status_print(&c->status);
	CLEANUP(free_p) char *after = json_print(again);
	assert_string_equal(after, before);
	assert_int_equal(c->status.own.started_at.v, full.own.started_at.v);
	assert_int_equal(c->status.last_transition.v, full.last_transition.v);
	assert_int_equal(c->status.own.wanted_weight, 0);
	assert_int_equal(c->status.own.gate, HOOK_CONFIRM_PROMOTION);
	assert_string_equal(c->status.own.failed_why, full.own.failed_why);
}

/* Which allocation of cJSON's fails; those before it are counted down. */
static long allocations_left;

static void *scarce_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Each allocation fails once: no status is better than half of one, and nothing leaks (the sanitizer looks). */
static void test_no_memory_for_printing(void **state)
{
	(void)state;
	cJSON_Hooks scarce = { scarce_malloc, free };
	cJSON *printed = NULL;
	long n = 0;
	cJSON_InitHooks(&scarce);
	for (; !printed && n < 1000; n++) {
		allocations_left = n;
		printed = canary_status_print(&full);
	}
	cJSON_InitHooks(NULL);
	assert_non_null(printed);
	assert_in_range(n, 100, 999);
	CLEANUP(json_delete_p) cJSON *whole = canary_status_print(&full);
	assert_true(cJSON_Compare(printed, whole, true));
	cJSON_Delete(printed);
}

static void test_every_phase(void **state)
{
	(void)state;
	for (enum phase p = 0; p < PHASE_COUNT; p++) {
		const struct canary_status s = { .phase = p, .own = { .wanted_weight = -1 } };
		CLEANUP(canary_free_p) struct canary *c = with_status(canary_status_print(&s));
		assert_int_equal(c->status.phase, p);
	}
}

static void test_least(void **state)
{
	(void)state;
	/* NULL strings are those of a status nobody has filled. */
	const struct canary_status s = { .own = { .wanted_weight = -1 } };
	CLEANUP(json_delete_p) cJSON *printed = canary_status_print(&s);
	CLEANUP(free_p) char *text = json_print(printed);
	assert_string_equal(text, "{\"phase\":\"\",\"failedChecks\":0,\"canaryWeight\":0,\"iterations\":0}");
	const struct canary_status tracked = { .has_tracked_configs = true, .own = { .wanted_weight = -1 } };
	CLEANUP(json_delete_p) cJSON *map = canary_status_print(&tracked);
	CLEANUP(free_p) char *map_text = json_print(map);
	assert_string_equal(map_text, "{\"phase\":\"\",\"failedChecks\":0,\"canaryWeight\":0,\"iterations\":0,"
				      "\"trackedConfigs\":{}}");
}

static void test_stock_flagger(void **state)
{
	(void)state;
	CLEANUP(canary_free_p)
	struct canary *c = with_status(object_from(
		"{\"canaryWeight\":0,\"conditions\":[{\"lastTransitionTime\":\"2025-03-04T05:06:07Z\","
		"\"lastUpdateTime\":\"2025-03-04T05:06:08Z\",\"message\":\"Canary analysis completed successfully, "
		"promotion finished.\",\"reason\":\"Succeeded\",\"status\":\"True\",\"type\":\"Promoted\"}],"
		"\"failedChecks\":1,\"iterations\":0,\"lastAppliedSpec\":\"5978589476\",\"lastPromotedSpec\":"
		"\"5978589476\",\"lastTransitionTime\":\"2025-03-04T05:06:08Z\",\"phase\":\"Succeeded\","
		"\"previousSessionAffinityCookie\":\"flagger-cookie=a\",\"trackedConfigs\":{\"secret/s\":\"aa\"}}"));
	const struct canary_status *s = &c->status;
	assert_int_equal(s->phase, PHASE_SUCCEEDED);
	assert_int_equal(s->failed_checks, 1);
	assert_string_equal(s->last_applied_spec, "5978589476");
	assert_true(s->has_tracked_configs);
	assert_string_equal(pairs_get(&s->tracked_configs, "secret/s"), "aa");
	assert_true(s->has_condition);
	assert_string_equal(s->condition_status, "True");
	assert_string_equal(s->condition_reason, "Succeeded");
	assert_int_equal(s->condition_changed.v, 1741064767000);
	assert_string_equal(s->previous_session_cookie, "flagger-cookie=a");
	assert_string_equal(s->own.revision, "");
	assert_int_equal(s->own.wanted_weight, -1);
	CLEANUP(canary_free_p)
	struct canary *none = with_status(object_from(
		"{\"phase\":\"Initialized\",\"trackedConfigs\":null,\"conditions\":[{\"type\":\"Other\"}]}"));
	assert_false(none->status.has_tracked_configs || none->status.has_condition);
	CLEANUP(canary_free_p) struct canary *empty = with_status(object_from("{\"trackedConfigs\":{}}"));
	assert_true(empty->status.has_tracked_configs);
	assert_int_equal(empty->status.tracked_configs.count, 0);
}

static const struct {
	enum phase phase;
	const char *status, *message;
} conditions[] = {
	{ PHASE_INITIALIZING, "Unknown", "New DaemonSet detected, starting initialization." },
	{ PHASE_INITIALIZED, "True", "DaemonSet initialization completed." },
	{ PHASE_WAITING, "Unknown", "Waiting for approval." },
	{ PHASE_PROGRESSING, "Unknown", "New revision detected, progressing canary analysis." },
	{ PHASE_WAITING_PROMOTION, "Unknown", "Waiting for approval." },
	{ PHASE_PROMOTING, "Unknown", "Canary analysis completed, starting primary rolling update." },
	{ PHASE_FINALISING, "Unknown", "Canary analysis completed, routing all traffic to primary." },
	{ PHASE_SUCCEEDED, "True", "Canary analysis completed successfully, promotion finished." },
	{ PHASE_FAILED, "False", "Canary analysis failed, DaemonSet scaled to zero." },
	{ PHASE_TERMINATING, "Unknown", "Canary is being removed, the DaemonSet is given back." },
};

static void test_conditions(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(4096);
	for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
		const char *status = NULL, *message = NULL;
		phase_condition(conditions[i].phase, "DaemonSet", a, &status, &message);
		assert_string_equal(status, conditions[i].status);
		assert_string_equal(message, conditions[i].message);
	}
	CLEANUP(arena_destroy_p) struct arena *none = arena_create(1);
	const char *status = NULL, *message = NULL;
	phase_condition(PHASE_FAILED, "Deployment", none, &status, &message);
	assert_string_equal(status, "False");
	assert_string_equal(message, "");
}

static void test_words(void **state)
{
	(void)state;
	enum phase p = PHASE_FAILED;
	struct error e;
	assert_string_equal(phase_name(PHASE_WAITING_PROMOTION), "WaitingPromotion");
	assert_string_equal(phase_name_zh(PHASE_FINALISING), "\xe6\x94\xb6\xe5\xb0\xbe\xe4\xb8\xad");
	assert_int_equal(phase_parse("finalising", &p, &e), RC_INVALID);
	assert_int_equal(p, PHASE_FAILED);
	assert_string_equal(e.text, "\"finalising\" is not a phase");
	enum hook_type t = HOOK_EVENT;
	assert_int_equal(hook_type_parse("rollbak", &t, &e), RC_INVALID);
	assert_int_equal(t, HOOK_EVENT);
	assert_int_equal(hook_type_parse("", &t, NULL), RC_OK);
	assert_int_equal(t, HOOK_ROLLOUT);
	for (enum hook_type i = 0; i < HOOK_TYPE_COUNT; i++) {
		assert_int_equal(hook_type_parse(hook_type_name(i), &t, NULL), RC_OK);
		assert_int_equal(t, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field_is_printed),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_no_memory_for_printing),
		cmocka_unit_test(test_every_phase),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_stock_flagger),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

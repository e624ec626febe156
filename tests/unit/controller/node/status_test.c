#include "controller/node/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static const struct wall_ms noon = { 1764072000000 }, later = { 1764072060000 };

static struct container_facts web = { .name = "web", .image = "r/web:1" };
static const struct container_facts *const containers[] = { &web };
static struct pod_facts facts;

static int begin(void **state)
{
	(void)state;
	web = (struct container_facts){
		.name = "web",
		.image = "r/web:1",
		.state = CONTAINER_RUNNING,
		.started = noon,
		.pid = 42,
		.started_up = true,
		.ready = true,
	};
	facts = (struct pod_facts){
		.uid = "u-1",
		.address = "127.10.0.2",
		.host_address = "127.0.0.1",
		.restart = RESTART_ALWAYS,
		.containers = containers,
		.containers_len = 1,
	};
	return 0;
}

static const cJSON *condition(const cJSON *status, const char *type)
{
	const cJSON *c;
	cJSON_ArrayForEach (c, json_at(status, "conditions")) {
		if (strcmp(json_text(c, "type", ""), type) == 0)
			return c;
	}
	return NULL;
}

static void test_a_pod_that_runs(void **state)
{
	cJSON *was;
	(void)state;
	assert_int_equal(json_parse("{\"qosClass\":\"BestEffort\",\"phase\":\"Pending\"}", 43, &was, NULL), RC_OK);
	cJSON *s = pod_status(&facts, was, noon);
	assert_string_equal(json_text(s, "phase", ""), "Running");
	assert_string_equal(json_text(s, "qosClass", ""), "BestEffort");
	assert_string_equal(json_text(s, "podIPs.0.ip", ""), "127.10.0.2");
	assert_string_equal(json_text(s, "startTime", ""), "2025-11-25T12:00:00Z");
	assert_string_equal(json_text(s, "containerStatuses.0.containerID", ""), "rollcall://u-1/42");
	assert_true(json_bool(s, "containerStatuses.0.ready", false));
	for (int i = 0; i < 4; i++) {
		char path[64];
		snprintf(path, sizeof path, "conditions.%d.status", i);
		assert_string_equal(json_text(s, path, ""), "True");
	}
	cJSON_Delete(s);
	cJSON_Delete(was);
}

/* What has not changed keeps its time, and then nothing is there to be written. */
static void test_times_of_conditions(void **state)
{
	(void)state;
	cJSON *first = pod_status(&facts, NULL, noon), *second = pod_status(&facts, first, later);
	bool oom = false;
	assert_null(json_diff_merge(first, second, &oom));
	web.ready = false;
	cJSON *third = pod_status(&facts, second, later);
	assert_string_equal(json_text(condition(third, "Ready"), "lastTransitionTime", ""), "2025-11-25T12:01:00Z");
	assert_string_equal(json_text(condition(third, "PodScheduled"), "lastTransitionTime", ""),
			    "2025-11-25T12:00:00Z");
	assert_string_equal(json_text(condition(third, "Ready"), "message", ""),
			    "containers with unready status: [web]");
	cJSON_Delete(first);
	cJSON_Delete(second);
	cJSON_Delete(third);
}

static void test_a_leaving_pod_is_not_ready(void **state)
{
	(void)state;
	facts.leaving = true;
	cJSON *s = pod_status(&facts, NULL, noon);
	assert_string_equal(json_text(condition(s, "Ready"), "status", ""), "False");
	assert_string_equal(json_text(condition(s, "Ready"), "reason", ""), "PodTerminating");
	assert_string_equal(json_text(condition(s, "ContainersReady"), "status", ""), "True");
	cJSON_Delete(s);
}

static void test_conditions_of_others_stay(void **state)
{
	static const char json[] = "{\"conditions\":[{\"type\":\"example.com/gate\",\"status\":\"True\"},"
				   "{\"type\":\"Ready\",\"status\":\"False\"}]}";
	cJSON *was;
	(void)state;
	assert_int_equal(json_parse(json, sizeof json - 1, &was, NULL), RC_OK);
	cJSON *s = pod_status(&facts, was, noon);
	assert_int_equal(cJSON_GetArraySize(json_at(s, "conditions")), 5);
	assert_string_equal(json_text(condition(s, "example.com/gate"), "status", ""), "True");
	cJSON_Delete(s);
	cJSON_Delete(was);
}

static void test_a_crash(void **state)
{
	(void)state;
	web.state = CONTAINER_WAITING;
	web.ready = web.started_up = false;
	web.last = (struct container_end){ true, noon, later, 139, 11, 42 };
	snprintf(web.reason, sizeof web.reason, "CrashLoopBackOff");
	cJSON *s = pod_status(&facts, NULL, later);
	assert_string_equal(json_text(s, "phase", ""), "Running");
	assert_string_equal(json_text(s, "containerStatuses.0.state.waiting.reason", ""), "CrashLoopBackOff");
	assert_null(json_at(s, "containerStatuses.0.state.waiting.message"));
	assert_int_equal(json_int(s, "containerStatuses.0.lastState.terminated.exitCode", 0), 139);
	assert_int_equal(json_int(s, "containerStatuses.0.lastState.terminated.signal", 0), 11);
	assert_string_equal(json_text(s, "containerStatuses.0.lastState.terminated.finishedAt", ""),
			    "2025-11-25T12:01:00Z");
	cJSON_Delete(s);
}

static const struct {
	const char *name;
	enum container_state state;
	bool ended;
	int code;
	enum restart_policy restart;
	const char *phase;
} phases[] = {
	{ "has never run", CONTAINER_WAITING, false, 0, RESTART_ALWAYS, "Pending" },
	{ "runs", CONTAINER_RUNNING, false, 0, RESTART_NEVER, "Running" },
	{ "waits to start again", CONTAINER_WAITING, true, 1, RESTART_ALWAYS, "Running" },
	{ "has ended well", CONTAINER_TERMINATED, true, 0, RESTART_NEVER, "Succeeded" },
	{ "has ended badly", CONTAINER_TERMINATED, true, 1, RESTART_NEVER, "Failed" },
	{ "has ended well for good", CONTAINER_TERMINATED, true, 0, RESTART_ON_FAILURE, "Succeeded" },
	{ "will start again", CONTAINER_TERMINATED, true, 1, RESTART_ON_FAILURE, "Running" },
};

static void test_phases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
		web.state = phases[i].state;
		web.last = (struct container_end){ .is = phases[i].ended, .exit_code = phases[i].code };
		facts.restart = phases[i].restart;
		if (strcmp(pod_phase(&facts), phases[i].phase) != 0)
			fail_msg("%s: %s", phases[i].name, pod_phase(&facts));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_pod_that_runs, begin),
		cmocka_unit_test_setup(test_times_of_conditions, begin),
		cmocka_unit_test_setup(test_a_leaving_pod_is_not_ready, begin),
		cmocka_unit_test_setup(test_conditions_of_others_stay, begin),
		cmocka_unit_test_setup(test_a_crash, begin),
		cmocka_unit_test_setup(test_phases, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

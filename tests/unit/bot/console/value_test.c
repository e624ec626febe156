#include "bot/console/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static struct rollout at_rest(void)
{
	return (struct rollout){ .cluster = "here",
				 .ns = "default",
				 .name = "podinfo",
				 .uid = "u1",
				 .phase = PHASE_INITIALIZED,
				 .revision = "",
				 .policy = "",
				 .requested_by = "",
				 .stable = { .workload = "podinfo-primary",
					     .images = "app:1",
					     .wanted = 2,
					     .ready = 2,
					     .available = 2,
					     .weight = 100 },
				 .canary = { .workload = "podinfo", .images = "app:1" },
				 .gate = { .policy = "", .name = "" },
				 .next = "",
				 .message = "",
				 .invalid = "" };
}

static struct rollout waiting(void)
{
	static const int weights[] = { 20, 60, 100 };
	static const struct rollout_check checks[] = {
		{ .name = "success-rate", .value = "99.97", .limit = ">= 99", .good = true, .measured = true },
		{ .name = "latency", .value = "", .limit = "" },
	};
	struct rollout r = at_rest();
	r.phase = PHASE_WAITING_PROMOTION;
	r.active = r.paused = true;
	r.revision = "rev";
	r.requested_by = "lin \"the\" wei";
	r.canary.weight = 60;
	r.step = 2;
	r.steps = 3;
	r.weights = weights;
	r.checks = checks;
	r.check_count = 2;
	r.failed_checks = 1;
	r.threshold = 5;
	r.gates[HOOK_CONFIRM_ROLLOUT] = r.gates[HOOK_CONFIRM_PROMOTION] = true;
	r.gate = (struct rollout_gate){ .waiting = true, .type = HOOK_CONFIRM_PROMOTION, .policy = "prod", .name = "" };
	r.started_at.v = 1700000000000;
	return r;
}

static void check(const char *name, struct rollout r, void (*print)(struct strbuf *, const struct rollout *),
		  const char *wanted)
{
	struct strbuf b;
	struct error e;
	cJSON *value = NULL;
	bool object = *wanted == '{';
	strbuf_init(&b, 4096);
	strbuf_add(&b, object ? "" : "{");
	print(&b, &r);
	if (strcmp(object ? b.s : b.s + 1, wanted) != 0)
		fail_msg("%s:\n%s\nwanted\n%s", name, b.s, wanted);
	strbuf_add(&b, object ? "" : "}");
	if (json_parse(b.s, b.len, &value, &e) != RC_OK)
		fail_msg("%s: %s", name, e.text);
	cJSON_Delete(value);
	strbuf_finish(&b);
}

static void what_is_empty_is_left_out(void **state)
{
	(void)state;
	check("at rest", at_rest(), value_rollout,
	      "{\"cluster\":\"here\",\"ns\":\"default\",\"name\":\"podinfo\",\"uid\":\"u1\",\"phase\":\"Initialized\","
	      "\"stable\":{\"workload\":\"podinfo-primary\",\"images\":\"app:1\",\"wanted\":2,\"ready\":2,"
	      "\"available\":2},\"canary\":{\"workload\":\"podinfo\",\"images\":\"app:1\"}}");
}

static void what_there_is_is_there(void **state)
{
	(void)state;
	check("waiting", waiting(), value_rollout,
	      "{\"cluster\":\"here\",\"ns\":\"default\",\"name\":\"podinfo\",\"uid\":\"u1\","
	      "\"phase\":\"WaitingPromotion\",\"active\":true,\"paused\":true,\"revision\":\"rev\","
	      "\"by\":\"lin \\\"the\\\" wei\",\"gates\":[\"confirm-rollout\",\"confirm-promotion\"],"
	      "\"stable\":{\"workload\":\"podinfo-primary\",\"images\":\"app:1\",\"wanted\":2,\"ready\":2,"
	      "\"available\":2},\"canary\":{\"workload\":\"podinfo\",\"images\":\"app:1\"},\"weight\":60,"
	      "\"step\":2,\"steps\":3,\"weights\":[20,60,100],\"failed\":1,\"threshold\":5,"
	      "\"checks\":[{\"name\":\"success-rate\",\"value\":\"99.97\",\"limit\":\">= 99\",\"good\":true,"
	      "\"measured\":true},{\"name\":\"latency\"}],\"gate\":{\"type\":\"confirm-promotion\","
	      "\"policy\":\"prod\"},\"startedAt\":1700000000000}");
}

static void a_point_of_the_timeline(void **state)
{
	(void)state;
	check("at rest", at_rest(), value_point, "\"p\":\"Initialized\",\"r\":[2,2,0,0]");
	check("waiting", waiting(), value_point,
	      "\"p\":\"WaitingPromotion\",\"w\":60,\"s\":2,\"g\":\"confirm-promotion\",\"f\":1,\"h\":true,"
	      "\"r\":[2,2,0,0],\"c\":[[\"success-rate\",\"99.97\",\">= 99\",true]]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_empty_is_left_out),
		cmocka_unit_test(what_there_is_is_there),
		cmocka_unit_test(a_point_of_the_timeline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a receiver's answer means, and what an event looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/channels/webhook/webhook_private.h"

static const struct {
	enum result r;
	int status;
	enum webhook_state state;
} answers[] = {
	{ RC_OK, 200, WEBHOOK_DELIVERED }, { RC_OK, 202, WEBHOOK_DELIVERED },      { RC_OK, 204, WEBHOOK_DELIVERED },
	{ RC_OK, 301, WEBHOOK_WAITING },   { RC_OK, 400, WEBHOOK_FAILED },         { RC_OK, 401, WEBHOOK_WAITING },
	{ RC_OK, 404, WEBHOOK_WAITING },   { RC_OK, 410, WEBHOOK_FAILED },         { RC_OK, 413, WEBHOOK_FAILED },
	{ RC_OK, 422, WEBHOOK_FAILED },    { RC_OK, 429, WEBHOOK_WAITING },        { RC_OK, 500, WEBHOOK_WAITING },
	{ RC_OK, 503, WEBHOOK_WAITING },   { RC_UNREACHABLE, 0, WEBHOOK_WAITING }, { RC_REFUSED, 0, WEBHOOK_WAITING },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
		if (webhook_verdict(answers[i].r, answers[i].status) != answers[i].state)
			fail_msg("%s %d", result_name(answers[i].r), answers[i].status);
}

static struct rollout rollout_of(const char *name)
{
	return (struct rollout){ .cluster = "prod eu/1",
				 .ns = "shop",
				 .name = name,
				 .uid = "u",
				 .phase = PHASE_PROGRESSING,
				 .active = true,
				 .revision = "r",
				 .policy = "",
				 .requested_by = "",
				 .stable = { .workload = "web-primary", .images = "web:1" },
				 .canary = { .workload = "web", .images = "web:2", .weight = 20 },
				 .step = 1,
				 .steps = 5,
				 .next = "",
				 .message = "",
				 .invalid = "",
				 .labels = "" };
}

static void test_event(void **state)
{
	(void)state;
	struct rollout r = rollout_of("web\"\n");
	struct rollout_event news = { .news = NEWS_REQUEST_DONE,
				      .rollout = &r,
				      .text = "\xff<b>",
				      .severity = 7,
				      .request_id = "q",
				      .refused = true };
	struct webhook_event ev = { .id = "evt_1",
				    .type = webhook_rollout_type(NEWS_REQUEST_DONE, true),
				    .at = { 1700000000123 },
				    .cluster = r.cluster,
				    .ns = r.ns,
				    .name = r.name,
				    .rollout = &r,
				    .news = &news };
	cJSON *j = NULL;
	struct error e;
	char *text = webhook_event_json(&ev);
	if (json_parse(text, strlen(text), &j, &e) != RC_OK)
		fail_msg("%s in %s", e.text, text);
	assert_string_equal(json_text(j, "type", ""), "dev.rollcall.rollout.request");
	assert_string_equal(json_text(j, "source", ""), "/clusters/prod%20eu%2F1");
	assert_string_equal(json_text(j, "subject", ""), "shop/web\"\n");
	assert_string_equal(json_text(j, "time", ""), "2023-11-14T22:13:20.123Z");
	assert_string_equal(json_text(j, "data.text", ""), "\xef\xbf\xbd<b>");
	assert_string_equal(json_text(j, "data.severity", ""), "error");
	assert_true(json_bool(j, "data.request.refused", false));
	assert_int_equal(json_int(j, "data.rollout.canary.weight", -1), 20);
	assert_null(json_at(j, "data.approval"));
	cJSON_Delete(j);
	free(text);
}

static void test_what_is_news(void **state)
{
	(void)state;
	struct rollout a = rollout_of("web"), b = rollout_of("web");
	b.rendered_at.v = 5; /* when it was looked at is no news */
	assert_int_equal(webhook_digest(&a), webhook_digest(&b));
	b.canary.weight = 40;
	assert_int_not_equal(webhook_digest(&a), webhook_digest(&b));
	b = rollout_of("web");
	b.gate.waiting = true;
	assert_int_not_equal(webhook_digest(&a), webhook_digest(&b));
	assert_string_equal(webhook_rollout_type(NEWS_CHANGED, true), "rollout.waiting");
	assert_string_equal(webhook_rollout_type(NEWS_CHANGED, false), "rollout.progressed");
	assert_string_equal(webhook_rollout_type(NEWS_FAILED, true), "rollout.failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers), cmocka_unit_test(test_event),
					    cmocka_unit_test(test_what_is_news) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

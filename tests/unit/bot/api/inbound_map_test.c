/* What a body asks for, as the endpoint maps it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/api/inbound_room.h"

static const char *const firing[] = { "firing", NULL }, *const severe[] = { "critical", "page", NULL };
static const struct inbound_condition when[] = { { "status", firing }, { "labels.severity", severe }, { NULL, NULL } };
static const struct inbound_word words[] = { { "success", INBOUND_APPROVE },
					     { "failure", INBOUND_REJECT },
					     { NULL, 0 } };
static const struct inbound_endpoint plain = { .name = "plain",
					       .action = "{action}",
					       .ns = "{namespace}",
					       .rollout = "{name}",
					       .reason = "{reason}",
					       .revision = "{revision}",
					       .id = "{id}" };
static const struct inbound_endpoint alerts = { .name = "alerts",
						.each = "alerts",
						.when = when,
						.action = "rollback",
						.ns = "{labels.namespace}",
						.rollout = "{labels.canary}",
						.reason = "{labels.alertname}: {annotations.summary}",
						.id = "{fingerprint}/{startsAt}" };
static const struct inbound_endpoint holds = { .name = "holds", .action = "hold", .labels = "app={app},tier=web" };
static const struct inbound_endpoint ci = { .name = "ci",
					    .action = "{run.conclusion}",
					    .words = words,
					    .rollout = "web",
					    .id = "{run.id}/{run.attempt}/{run.last}",
					    .reason = "{run.name} {not closed" };

static const struct {
	const char *name;
	const struct inbound_endpoint *endpoint;
	const char *body, *said; /* one line an item */
} cases[] = {
	{ "whole", &plain,
	  "{\"action\":\"approve\",\"namespace\":\"a\",\"name\":\"b\",\"reason\":\"c\",\"revision\":\"d\",\"id\":"
	  "\"e\"}",
	  "approve a/b [] c @d #e\n" },
	{ "little", &plain, "{\"action\":\"rollback\",\"name\":\"b\"}", "rollback /b []  @ #\n" },
	{ "values of other types are none", &plain,
	  "{\"action\":\"hold\",\"name\":\"b\",\"reason\":{\"a\":1},\"id\":[1]}", "hold /b []  @ #\n" },
	{ "a note without text", &plain, "{\"action\":\"annotate\",\"name\":\"b\"}",
	  "invalid: annotate needs a reason\n" },
	{ "no action", &plain, "{\"name\":\"b\"}",
	  "invalid: the action must be approve, reject, promote, rollback, hold, resume or annotate, and is "
	  "missing\n" },
	{ "an action of ours that is none here", &plain, "{\"action\":\"pause\",\"name\":\"b\"}",
	  "invalid: the action must be approve, reject, promote, rollback, hold, resume or annotate, and is pause\n" },
	{ "nobody", &plain, "{\"action\":\"hold\"}", "invalid: it names no rollout\n" },
	{ "braces in a value are text", &plain, "{\"action\":\"hold\",\"name\":\"{action}\"}",
	  "hold /{action} []  @ #\n" },
	{ "alerts", &alerts,
	  "{\"alerts\":[{\"status\":\"firing\",\"labels\":{\"severity\":\"page\",\"namespace\":\"n\",\"canary\":\"c\","
	  "\"alertname\":\"Slow\"},\"annotations\":{\"summary\":\"p99\"},\"fingerprint\":\"f\",\"startsAt\":\"t\"},"
	  "{\"status\":\"resolved\",\"labels\":{\"severity\":\"page\"}},"
	  "{\"status\":\"firing\",\"labels\":{\"severity\":\"info\"}},{\"status\":\"firing\"},"
	  "{\"status\":\"firing\",\"labels\":{\"severity\":\"critical\"}}]}",
	  "rollback n/c [] Slow: p99 @ #f/t\nignored: status is another\nignored: labels.severity is another\n"
	  "ignored: labels.severity is another\ninvalid: it names no rollout\n" },
	{ "no list", &alerts, "{\"alerts\":{}}", "alerts must be a list" },
	{ "nothing in it", &alerts, "{\"alerts\":[]}", "" },
	{ "of texts", &alerts, "{\"alerts\":[\"a\"]}", "alerts[0] must be an object" },
	{ "by labels", &holds, "{\"app\":\"x\"}", "hold / [app=x,tier=web]  @ #\n" },
	{ "a label without value selects nobody", &holds, "{}", "invalid: it names no rollout\n" },
	{ "foreign words", &ci,
	  "{\"run\":{\"conclusion\":\"failure\",\"id\":7,\"attempt\":1.5,\"last\":true,\"name\":\"e2e\"}}",
	  "reject /web [] e2e {not closed @ #7/1.5/true\n" },
	{ "words that mean nothing", &ci, "{\"run\":{\"conclusion\":\"rollback\"}}",
	  "ignored: nothing is meant by this word\n" },
};

static void print(const struct inbound_item *m, struct strbuf *b)
{
	if (m->r != RC_OK || m->ignored)
		strbuf_addf(b, "%s: %s\n", m->ignored ? "ignored" : "invalid", m->why);
	else
		strbuf_addf(b, "%s %s/%s [%s] %s @%s #%s\n", inbound_action_name(m->action), m->ns, m->rollout,
			    m->labels, m->reason, m->revision, m->id);
}

static void test_map(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct arena *a = arena_create(1 << 20);
		cJSON *body = NULL;
		struct error e;
		struct inbound_item *items = NULL;
		struct strbuf b;
		size_t n = 0;
		strbuf_init(&b, 8192);
		assert_int_equal(json_parse(cases[i].body, strlen(cases[i].body), &body, &e), RC_OK);
		if (inbound_map(cases[i].endpoint, body, a, &items, &n, &e) != RC_OK)
			strbuf_add(&b, e.text);
		for (size_t k = 0; k < n; k++)
			print(&items[k], &b);
		if (!text_eq(b.s, cases[i].said))
			fail_msg("%s\n--- wanted\n%s--- got\n%s", cases[i].name, cases[i].said, b.s);
		strbuf_finish(&b);
		cJSON_Delete(body);
		arena_destroy(a);
	}
}

/* Two bytes short of the limit, then a character of three. */
static void test_long_values_are_cut_between_characters(void **state)
{
	(void)state;
	struct arena *a = arena_create(1 << 20);
	cJSON *body = cJSON_CreateObject();
	char reason[2100] = "";
	struct inbound_item *items = NULL;
	size_t n = 0;
	memset(reason, 'x', 1998);
	memcpy(reason + 1998, "数数", 7);
	cJSON_AddStringToObject(body, "action", "annotate");
	cJSON_AddStringToObject(body, "name", "b");
	cJSON_AddStringToObject(body, "reason", reason);
	assert_int_equal(inbound_map(&plain, body, a, &items, &n, NULL), RC_OK);
	assert_int_equal(strlen(items[0].reason), 1998);
	cJSON_Delete(body);
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_map),
					    cmocka_unit_test(test_long_values_are_cut_between_characters) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

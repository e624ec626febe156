#include "app/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "app/terminal.h"
#include "base/clock.h"
#include "base/json.h"

#define SIDES                                                                                                          \
	"\"stable\":{\"workload\":\"podinfo-primary\",\"images\":\"reg/demo:blue\",\"wanted\":2,\"ready\":2,"          \
	"\"weight\":60},\"canary\":{\"workload\":\"podinfo\",\"images\":\"reg/demo:green\",\"wanted\":2,\"ready\":1,"  \
	"\"weight\":40},"

static const struct {
	const char *name, *rollout, *approvals, *tree, *line;
} cases[] = {
	{ "on its way",
	  "{\"name\":\"podinfo-default\",\"namespace\":\"default\",\"phase\":\"Progressing\",\"active\":true," SIDES
	  "\"step\":2,\"steps\":5,\"revision\":\"7f9c2d1abcdef\",\"requestedBy\":\"lin.wei\",\"intervalMs\":40000,"
	  "\"startedAt\":\"2026-11-25T00:00:00Z\",\"failedChecks\":1,\"threshold\":5,"
	  "\"checks\":[{\"name\":\"success-rate\",\"value\":\"99.97%\",\"limit\":\">= 99\",\"good\":true,"
	  "\"measured\":true},{\"name\":\"p99\",\"value\":\"900ms\",\"limit\":\"<= 500\",\"good\":false,"
	  "\"measured\":true}],\"gates\":[\"confirm-rollout\",\"confirm-promotion\"],\"next\":\"weight 60\"}",
	  "[{\"type\":\"confirm-rollout\",\"revision\":\"7f9c2d1abcdef\",\"state\":\"approved\","
	  "\"decidedBy\":\"lin.wei, "
	  "zhao\"},{\"type\":\"confirm-promotion\",\"revision\":\"older\",\"state\":\"rejected\","
	  "\"decidedBy\":\"somebody\"}]",
	  "podinfo-default   default   Progressing   step 2/5   ████████░░░░░░░░░░░░ 40%   1m12s, about 2m left\n"
	  "├─ revision   blue → green   asked by lin.wei   7f9c2d1\n"
	  "├─ primary    podinfo-primary   ●● 2/2   60%\n"
	  "├─ canary     podinfo           ●○ 1/2   40%\n"
	  "├─ metrics    success-rate 99.97% >= 99 ✓   p99 900ms <= 500 ✗   failed 1 of 5\n"
	  "├─ gates      confirm-rollout ✓ lin.wei, zhao   confirm-promotion ·\n"
	  "└─ next       weight 60\n",
	  "default/podinfo-default Progressing step 2/5 weight 40% canary 1/2 stable 2/2" },
	{ "waits for people",
	  "{\"name\":\"p\",\"namespace\":\"d\",\"phase\":\"Waiting\",\"active\":true," SIDES
	  "\"step\":0,\"steps\":5,\"revision\":\"r1\",\"startedAt\":\"2026-11-25T00:01:00Z\",\"intervalMs\":1000,"
	  "\"gate\":{\"type\":\"confirm-rollout\"},\"gates\":[\"confirm-rollout\"],\"paused\":true}",
	  "[{\"type\":\"confirm-rollout\",\"revision\":\"r1\",\"state\":\"open\",\"policy\":\"prod\",\"approvals\":1,"
	  "\"quorum\":2}]",
	  "p   d   Waiting, paused   step 0/5   ████████░░░░░░░░░░░░ 40%   12s\n"
	  "├─ revision   blue → green   r1\n"
	  "├─ primary    podinfo-primary   ●● 2/2   60%\n"
	  "├─ canary     podinfo           ●○ 1/2   40%\n"
	  "└─ gates      confirm-rollout ○ prod, 1 of 2\n",
	  "d/p Waiting paused step 0/5 weight 40% canary 1/2 stable 2/2 waits for confirm-rollout (1 of 2)" },
	{ "rolled back by a no",
	  "{\"name\":\"p\",\"namespace\":\"d\",\"phase\":\"Failed\",\"revision\":\"r1\","
	  "\"changedAt\":\"2026-11-24T23:01:12Z\",\"gates\":[\"confirm-rollout\"],\"message\":\"line\\nend\"}",
	  "[{\"type\":\"confirm-rollout\",\"revision\":\"r1\",\"state\":\"rejected\",\"decidedBy\":\"zhao\","
	  "\"reason\":\"太慢\"}]",
	  "p   d   Failed   1h ago\n"
	  "├─ revision   r1\n"
	  "├─ gates      confirm-rollout ✗ zhao: 太慢\n"
	  "└─ message    line?end\n",
	  "d/p Failed" },
	{ "cannot be used", "{\"name\":\"p\",\"namespace\":\"d\",\"phase\":\"\",\"invalid\":\"spec: wrong\"}", "[]",
	  "p   d   not looked at yet\n└─ invalid    spec: wrong\n", "d/p - invalid" },
};

static void test_trees_and_lines(void **state)
{
	struct wall_ms now;
	(void)state;
	assert_int_equal(wall_parse("2026-11-25T00:01:12Z", &now, NULL), RC_OK);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(json_delete_p) cJSON *rollout = NULL;
		CLEANUP(json_delete_p) cJSON *approvals = NULL;
		struct strbuf tree, line;
		assert_int_equal(json_parse(cases[i].rollout, strlen(cases[i].rollout), &rollout, NULL), RC_OK);
		assert_int_equal(json_parse(cases[i].approvals, strlen(cases[i].approvals), &approvals, NULL), RC_OK);
		const struct tree_view v = { .rollout = rollout, .approvals = approvals, .now_ms = now.v };
		strbuf_init(&tree, 4096);
		strbuf_init(&line, 4096);
		tree_render(&tree, &v);
		tree_line(&line, rollout, approvals);
		if (strcmp(tree.s, cases[i].tree) != 0)
			fail_msg("%s:\n%s", cases[i].name, tree.s);
		if (strcmp(line.s, cases[i].line) != 0)
			fail_msg("%s: %s", cases[i].name, line.s);
		strbuf_finish(&tree);
		strbuf_finish(&line);
	}
}

static const struct {
	const char *from, *to, *text;
} images[] = {
	{ "reg:5000/app:blue", "reg:5000/app:green", "blue → green" },
	{ "reg/app:1", "reg/shop:1", "app:1 → shop:1" },
	{ "reg/a/app:1", "reg/b/app:2", "app:1 → app:2" },
	{ "reg/app:1", "reg/app:1", "app:1" },
	{ "", "reg/app:1", "app:1" },
	{ "a=x:1,b=y:1", "a=x:2,b=y:1", "a=x:1,b=y:1 → a=x:2,b=y:1" },
	{ "reg/app", "reg/app:2", "app → app:2" },
	{ "app@sha256:aa", "app@sha256:bb", "aa → bb" },
};

static void test_images(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
		struct strbuf b;
		strbuf_init(&b, 256);
		tree_images(&b, images[i].from, images[i].to, "→");
		if (strcmp(b.s, images[i].text) != 0)
			fail_msg("%s, %s: %s", images[i].from, images[i].to, b.s);
		strbuf_finish(&b);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trees_and_lines),
		cmocka_unit_test(test_images),
	};
	terminal_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

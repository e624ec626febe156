#include "bot/commands/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

#define WIDE "\xe3\x80\x80"

static int setup(void **state)
{
	return (*state = arena_create(16 << 20)) ? 0 : -1;
}

static int teardown(void **state)
{
	arena_destroy(*state);
	return 0;
}

static void test_lines(void **state)
{
	static const struct {
		const char *line;
		enum command_id id;
		const char *name, *reason;
		int weight;
		bool override_gates;
	} cases[] = {
		{ "list", COMMAND_LIST, "", "", 0, false },
		{ "ls shop", COMMAND_LIST, "shop", "", 0, false },
		{ "列表", COMMAND_LIST, "", "", 0, false },
		{ "status podinfo", COMMAND_STATUS, "podinfo", "", 0, false },
		{ "show shop/podinfo", COMMAND_STATUS, "shop/podinfo", "", 0, false },
		{ "状态 podinfo", COMMAND_STATUS, "podinfo", "", 0, false },
		{ "approve podinfo", COMMAND_APPROVE, "podinfo", "", 0, false },
		{ "ok podinfo", COMMAND_APPROVE, "podinfo", "", 0, false },
		{ "LGTM podinfo  looks good ", COMMAND_APPROVE, "podinfo", "looks good", 0, false },
		{ "批准 podinfo", COMMAND_APPROVE, "podinfo", "", 0, false },
		{ "同意 podinfo 很好", COMMAND_APPROVE, "podinfo", "很好", 0, false },
		{ "approve podinfo override it", COMMAND_APPROVE, "podinfo", "override it", 0, false },
		{ "approve podinfo --override outage", COMMAND_APPROVE, "podinfo", "outage", 0, true },
		{ "reject podinfo too slow", COMMAND_REJECT, "podinfo", "too slow", 0, false },
		{ "deny podinfo no", COMMAND_REJECT, "podinfo", "no", 0, false },
		{ "拒绝" WIDE "podinfo" WIDE "太慢" WIDE, COMMAND_REJECT, "podinfo", "太慢", 0, false },
		{ WIDE " promote" WIDE WIDE "\tpodinfo\r\n", COMMAND_PROMOTE, "podinfo", "", 0, false },
		{ "ship podinfo override hot fix", COMMAND_PROMOTE, "podinfo", "hot fix", 0, true },
		{ "全量 podinfo --override", COMMAND_PROMOTE, "podinfo", "", 0, true },
		{ "promote podinfo overrides", COMMAND_PROMOTE, "podinfo", "overrides", 0, false },
		{ "promote podinfo now override", COMMAND_PROMOTE, "podinfo", "now override", 0, false },
		{ "rollback podinfo", COMMAND_ROLLBACK, "podinfo", "", 0, false },
		{ "abort podinfo override did this", COMMAND_ROLLBACK, "podinfo", "override did this", 0, false },
		{ "回滚 podinfo 延迟", COMMAND_ROLLBACK, "podinfo", "延迟", 0, false },
		{ "Pause podinfo", COMMAND_PAUSE, "podinfo", "", 0, false },
		{ "暂停 podinfo", COMMAND_PAUSE, "podinfo", "", 0, false },
		{ "resume podinfo", COMMAND_RESUME, "podinfo", "", 0, false },
		{ "继续 podinfo", COMMAND_RESUME, "podinfo", "", 0, false },
		{ "restart podinfo", COMMAND_RESTART, "podinfo", "", 0, false },
		{ "retry podinfo", COMMAND_RESTART, "podinfo", "", 0, false },
		{ "重试 podinfo", COMMAND_RESTART, "podinfo", "", 0, false },
		{ "weight podinfo 0", COMMAND_WEIGHT, "podinfo", "", 0, false },
		{ "weight podinfo 40%", COMMAND_WEIGHT, "podinfo", "", 40, false },
		{ "流量 podinfo 100％ 试试", COMMAND_WEIGHT, "podinfo", "试试", 100, false },
		{ "weight podinfo 5 override go", COMMAND_WEIGHT, "podinfo", "go", 5, true },
		{ "complete podinfo", COMMAND_COMPLETE, "podinfo", "", 0, false },
		{ "finish podinfo", COMMAND_COMPLETE, "podinfo", "", 0, false },
		{ "完成 podinfo", COMMAND_COMPLETE, "podinfo", "", 0, false },
		{ "history", COMMAND_HISTORY, "", "", 0, false },
		{ "历史 podinfo", COMMAND_HISTORY, "podinfo", "", 0, false },
		{ "who podinfo", COMMAND_WHO, "podinfo", "", 0, false },
		{ "谁 podinfo", COMMAND_WHO, "podinfo", "", 0, false },
		{ "help", COMMAND_HELP, "", "", 0, false },
		{ "?", COMMAND_HELP, "", "", 0, false },
		{ "帮助", COMMAND_HELP, "", "", 0, false },
		{ "", COMMAND_HELP, "", "", 0, false },
		{ " " WIDE "\n", COMMAND_HELP, "", "", 0, false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct command c = { .name = "untouched" };
		struct error e = { 0 };
		if (command_parse(cases[i].line, *state, &c, &e) != RC_OK)
			fail_msg("\"%s\": %s", cases[i].line, e.text);
		if (c.id != cases[i].id || !text_eq(c.name, cases[i].name) || !text_eq(c.reason, cases[i].reason) ||
		    c.weight != cases[i].weight || c.override_gates != cases[i].override_gates)
			fail_msg("\"%s\": %s \"%s\" \"%s\" %d %d", cases[i].line, command_name(c.id), c.name, c.reason,
				 c.weight, c.override_gates);
	}
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{ "批准吧吗 x", "there is no command \"批准吧吗\"; \"help\" lists them" },
		{ "取消关 x", "there is no command \"取消关\"; did you mean 取消关注?; \"help\" lists them" },
		{ "promote -x", "there is no option \"-x\" here" },
		{ "promote -l", "which labels: -l team=shop" },
		{ "weight -l a=b 5", "there is no option \"-l\" here" },
		{ "list -phase", "which phase: -phase Progressing" },
		{ "unsubscribe", "from what: usage: unsubscribe NAMESPACE/NAME" },
		{ "reject -l team=shop --yes", "why: usage: reject NAME|-l LABELS reason" },
		{ "aprove podinfo", "there is no command \"aprove\"; did you mean approve?; \"help\" lists them" },
		{ "Rolback x", "there is no command \"rolback\"; did you mean rollback?; \"help\" lists them" },
		{ "statsu x", "there is no command \"statsu\"; did you mean status?; \"help\" lists them" },
		{ "frobnicate", "there is no command \"frobnicate\"; \"help\" lists them" },
		{ "回退 x", "there is no command \"回退\"; did you mean 回滚?; \"help\" lists them" },
		{ "a\x01\xff", "there is no command \"a??\"; \"help\" lists them" },
		{ "help aprove", "there is no command \"aprove\"; did you mean approve?" },
		{ "help me", "there is no command \"me\"" },
		{ "status", "which rollout: usage: status NAME" },
		{ "approve", "which rollout: usage: approve NAME|-l LABELS [--override] [reason]" },
		{ "reject", "which rollout: usage: reject NAME|-l LABELS reason" },
		{ "reject podinfo", "why: usage: reject NAME|-l LABELS reason" },
		{ "拒绝 podinfo" WIDE " " WIDE, "why: usage: reject NAME|-l LABELS reason" },
		{ "promote", "which rollout: usage: promote NAME|-l LABELS [override] [reason]" },
		{ "rollback", "which rollout: usage: rollback NAME|-l LABELS [reason]" },
		{ "pause", "which rollout: usage: pause NAME|-l LABELS" },
		{ "resume", "which rollout: usage: resume NAME|-l LABELS" },
		{ "restart", "which rollout: usage: restart NAME|-l LABELS" },
		{ "complete", "which rollout: usage: complete NAME" },
		{ "who", "which rollout: usage: who NAME" },
		{ "weight", "which rollout: usage: weight NAME PERCENT" },
		{ "weight podinfo", "which weight: usage: weight NAME PERCENT" },
		{ "weight podinfo 101", "\"101\" is not a percentage from 0 to 100" },
		{ "weight podinfo -1%", "\"-1%\" is not a percentage from 0 to 100" },
		{ "weight podinfo %", "\"%\" is not a percentage from 0 to 100" },
		{ "weight podinfo 4.5", "\"4.5\" is not a percentage from 0 to 100" },
		{ "weight podinfo 0x10", "\"0x10\" is not a percentage from 0 to 100" },
		{ "weight podinfo 40%%", "\"40%%\" is not a percentage from 0 to 100" },
		{ "weight podinfo 99999999999999999999", "\"99999999999999999999\" is not a percentage from 0 to 100" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct command c = { .id = COMMAND_COUNT, .name = "untouched" };
		struct error e = { 0 };
		enum result r = command_parse(cases[i].line, *state, &c, &e);
		if (r != RC_INVALID || strcmp(e.text, cases[i].why) != 0 || c.id != COMMAND_COUNT)
			fail_msg("\"%s\": %s \"%s\"", cases[i].line, result_name(r), e.text);
	}
}

static void test_help(void **state)
{
	struct command c;
	struct error e;
	const char *all = command_help(COMMAND_COUNT, LANG_EN, *state),
		   *zh = command_help(COMMAND_COUNT, LANG_ZH, *state);
	for (unsigned i = 0; i < COMMAND_COUNT; i++) {
		char line[64];
		const char *name = command_name((enum command_id)i);
		assert_non_null(strstr(all, name));
		assert_non_null(strstr(zh, name));
		(void)snprintf(line, sizeof line, "help %s", name);
		assert_int_equal(command_parse(line, *state, &c, &e), RC_OK);
		assert_int_equal(c.id, COMMAND_HELP);
		assert_int_equal(c.about, i);
	}
	assert_int_equal(command_parse("help Promote", *state, &c, &e), RC_OK);
	assert_int_equal(c.about, COMMAND_PROMOTE);
	assert_int_equal(command_parse("帮助 全量", *state, &c, &e), RC_OK);
	assert_int_equal(c.about, COMMAND_PROMOTE);
	assert_int_equal(command_parse("help", *state, &c, &e), RC_OK);
	assert_int_equal(c.about, COMMAND_COUNT);
	assert_string_equal(command_help(COMMAND_REJECT, LANG_EN, *state),
			    "reject NAME|-l LABELS reason - vote against it | also: deny,拒绝");
	assert_string_equal(command_help(COMMAND_REJECT, LANG_ZH, *state),
			    "拒绝 (reject) 名称|-l 标签 原因 - 投反对票 | 别名：deny,拒绝");
	assert_true(text_starts(all, "list [namespace] [-phase PHASE] [-l LABELS] - "));
	assert_true(text_starts(zh, "列表 (list) [命名空间] [-phase 阶段] [-l 标签] - "));
}

static void test_options(void **state)
{
	static const struct {
		const char *line, *name, *selector, *phase, *reason;
		bool yes, override_gates;
	} cases[] = {
		{ "list -l team=shop", "", "team=shop", "", "", false, false },
		{ "list prod -phase Failed -l a=b,c=d", "prod", "a=b,c=d", "Failed", "", false, false },
		{ "promote -l team=shop", "", "team=shop", "", "", false, false },
		{ "全量 --selector team=shop --yes override 很急", "", "team=shop", "", "很急", true, true },
		{ "reject --yes -l team=shop too slow", "", "team=shop", "", "too slow", true, false },
		{ "rollback podinfo -p99 is high", "podinfo", "", "", "-p99 is high", false, false },
		{ "subscribe prod/* here", "prod/*", "", "", "here", false, false },
		{ "订阅", "", "", "", "", false, false },
		{ "关注 podinfo", "podinfo", "", "", "", false, false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct command c;
		struct error e;
		if (command_parse(cases[i].line, *state, &c, &e) != RC_OK)
			fail_msg("\"%s\": %s", cases[i].line, e.text);
		if (!text_eq(c.name, cases[i].name) || !text_eq(c.selector, cases[i].selector) ||
		    !text_eq(c.phase, cases[i].phase) || !text_eq(c.reason, cases[i].reason) || c.yes != cases[i].yes ||
		    c.override_gates != cases[i].override_gates)
			fail_msg("\"%s\": \"%s\" \"%s\" \"%s\" \"%s\"", cases[i].line, c.name, c.selector, c.phase,
				 c.reason);
	}
}

/* Without memory something is said or done by half, but nothing crashes. */
static void test_no_memory(void **state)
{
	(void)state;
	for (size_t limit = 0; limit < 64; limit++) {
		struct arena *a = arena_create(limit);
		struct command c;
		struct error e;
		(void)!command_parse("weight podinfo 40% override because", a, &c, &e);
		assert_non_null(command_help(COMMAND_COUNT, (enum card_lang)(limit % 2), a));
		arena_destroy(a);
	}
}

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

/* Whatever is typed: a command whose texts are there, or an error that says something. */
static void test_random_lines(void **state)
{
	static const char *const pieces[] = {
		"weight",   "reject", "approve", "拒绝", "流量", "override", "--override", " ",
		WIDE,       "\t",     "%",       "％",   "40",   "a/b/c",    "\xff",       "\xe3",
		"\xe3\x80", "?",      "help",    "\n",   "\x01", "\"",       "…",          "",
	};
	uint64_t seed = 20261124;
	(void)state;
	for (int n = 0; n < 2000; n++) {
		char line[512] = "";
		size_t len = 0;
		for (uint64_t k = next(&seed) % 12; k; k--) {
			uint64_t what = next(&seed);
			if (what % 4 == 0)
				len += (size_t)snprintf(line + len, sizeof line - len, "%c", (int)(1 + what / 4 % 255));
			else
				len += (size_t)snprintf(line + len, sizeof line - len, "%s",
							pieces[what / 4 % (sizeof pieces / sizeof *pieces)]);
		}
		struct arena *a = arena_create(1 << 20);
		struct command c = { .id = COMMAND_COUNT };
		struct error e = { 0 };
		enum result r = command_parse(line, a, &c, &e);
		if (r == RC_OK)
			assert_true(c.id < COMMAND_COUNT && c.name && c.reason && c.weight >= 0 && c.weight <= 100 &&
				    (c.id != COMMAND_REJECT || *c.reason));
		else
			assert_true(r == RC_INVALID && *e.text && text_is_utf8(e.text, strlen(e.text)));
		arena_destroy(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),   cmocka_unit_test(test_mistakes),  cmocka_unit_test(test_help),
		cmocka_unit_test(test_options), cmocka_unit_test(test_no_memory), cmocka_unit_test(test_random_lines),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

/* English sentences of the house in Chinese: every text of the policy, the votes and the verbs, and what no value in
 * them can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/templates.h"
#include "base/text.h"
#include "bot/cards/words.h"

static const struct {
	const char *english, *chinese;
} cases[] = {
	{ "resumed", "已继续" },
	{ "you may not roll back under policy prod; these may: group:sre, user:lin",
	  "按策略 prod，您无权回滚；有权者：group:sre, user:lin" },
	{ "you may not promote under policy prod; nobody may", "按策略 prod，您无权全量；没有人有权" },
	{ "policy prod wants a reason to reject", "策略 prod 要求填写拒绝原因" },
	{ "already approved by lin, zhao at 2025-11-24T10:02:31Z",
	  "lin, zhao 已于 2025-11-24T10:02:31Z 作出决定：已批准" },
	{ "counted: 1 of 2 approvals", "已计入：1/2 票批准" },
	{ "rollback of shop/podinfo asked for by lin", "lin 请求回滚 shop/podinfo" },
	{ "rolled back by lin: p99: too high: really", "由 lin 回滚：p99: too high: really" },
	{ "rolled back by lin: no reason given", "由 lin 回滚，未填写原因" },
	{ "paused at weight 40", "停在流量 40%" },
	{ "there is no rollout \"promote\"; \"list\" shows them", "没有名为“promote”的发布；“列表”可查看全部" },
	/* values are not words of the house, whatever they say */
	{ "you may not pause under policy promote; these may: rollback",
	  "按策略 promote，您无权暂停；有权者：rollback" },
	{ "rolled back by {who}: {why}", "由 {who} 回滚：{why}" },
	/* unknown sentences stay */
	{ "something else happened", "something else happened" },
	{ "", "" },
	{ "counted: 1 of 2 ", "counted: 1 of 2 " },
};

static void test_sentences(void **state)
{
	(void)state;
	struct arena *a = arena_create(256 * 1024);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got = card_said(LANG_ZH, cases[i].english, a);
		if (strcmp(got, cases[i].chinese) != 0)
			fail_msg("\"%s\" became \"%s\"", cases[i].english, got);
		assert_string_equal(card_said(LANG_EN, cases[i].english, a), cases[i].english);
	}
	assert_string_equal(card_said(LANG_ZH, NULL, a), "");
	arena_destroy(a);
}

/* What a sentence takes from the English one it must give back, and nothing else. */
static void test_the_file(void **state)
{
	(void)state;
	const char *body = NULL;
	for (const struct template_file *f = template_files; f->path; f++)
		if (text_eq(f->path, "said.zh"))
			body = f->body;
	assert_non_null(body);
	struct words_entry w;
	size_t n = 0;
	for (; words_next(&body, &w); n++)
		for (const char *at = w.text, *end = at + w.text_len; at < end; at++) {
			size_t len = words_placeholder(at, end);
			if (len && !memmem(w.key, w.key_len, at, len))
				fail_msg("%.*s: %.*s is not in the English", (int)w.key_len, w.key, (int)len, at);
		}
	assert_true(n > 80);
}

/* Also when memory is short there is a text. */
static void test_no_memory(void **state)
{
	(void)state;
	struct arena *a = arena_create(0);
	assert_string_equal(card_said(LANG_ZH, "resumed", a), "resumed");
	arena_destroy(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_the_file),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every state as every platform shows it, in both languages, byte for byte. ROLLCALL_GOLDEN=write writes the files
 * afresh: read the difference before committing it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/cards/samples.h"
#include "bot/channels/dingtalk/dingapp_render.h"
#include "bot/channels/dingtalk/dingtalk_render.h"
#include "bot/channels/slack/slack_render.h"
#include "bot/channels/teams/teams_render.h"

enum { FILE_BYTES_MAX = 256 * 1024 };
static const char *const platforms[] = { "slack", "dingtalk", "dingtalk-app", "dingtalk-template", "teams", "text" };

static const char *const *people(void *owner, const char *approver)
{
	(void)owner;
	static const char *const sre[] = { "slack:U77", "slack:U78", NULL };
	return text_eq(approver, "group:sre") ? sre : NULL;
}

/* As the app's channel asks for it: a question mentions people, and an own template hides its buttons from others. */
static enum result app_card(const struct sample *s, const struct card *card, bool template, char **ret, struct error *e)
{
	static const char *const staff[] = { "manager4220", "lin", NULL };
	struct dingapp_look look = { .template = template, .at = s->ask ? staff : NULL, .only_them = s->ask };
	return dingapp_render_card(card, &look, ret, e);
}

static char *drawn(const struct sample *s, const char *platform, enum card_lang lang)
{
	struct arena *a = arena_create(4 << 20);
	struct error e;
	char *out = NULL;
	const struct card *card =
		sample_card(s, lang, NULL, text_eq(platform, "dingtalk") || text_eq(platform, "teams"), a);
	assert_non_null(card);
	enum result r = RC_OK;
	if (text_eq(platform, "text"))
		out = strdup(card->plain);
	else if (text_eq(platform, "dingtalk"))
		r = dingtalk_render_card(card, &out, &e);
	else if (text_starts(platform, "dingtalk-"))
		r = app_card(s, card, text_eq(platform, "dingtalk-template"), &out, &e);
	else if (text_eq(platform, "teams"))
		r = teams_render_card(card, &out, &e);
	else if (s->ask)
		r = slack_render_ask(card, sample_approvers, people, NULL, &out, &e);
	else
		r = slack_render_card(card, &out, &e);
	if (r != RC_OK)
		fail_msg("%s %s: %s", s->name, platform, e.text);
	arena_destroy(a);
	return out;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	if (!f)
		fail_msg("%s: %s", path, strerror(errno));
	assert_true(fprintf(f, "%s\n", text) > 0);
	assert_int_equal(fclose(f), 0);
}

static void compare_file(const char *path, const char *text)
{
	char *want = calloc(1, FILE_BYTES_MAX);
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("%s: %s (run from the project's root, or with ROLLCALL_GOLDEN=write)", path, strerror(errno));
	size_t n = fread(want, 1, FILE_BYTES_MAX - 1, f);
	assert_int_equal(fclose(f), 0);
	if (n != strlen(text) + 1 || strncmp(want, text, n - 1) != 0)
		fail_msg("%s differs\nwant %s\ngot  %s", path, want, text);
	free(want);
}

static void test_golden(void **state)
{
	(void)state;
	struct sample list[SAMPLES_MAX];
	size_t n = samples_make(list);
	const char *mode = getenv("ROLLCALL_GOLDEN");
	for (size_t i = 0; i < n; i++)
		for (size_t p = 0; p < sizeof platforms / sizeof *platforms; p++)
			for (unsigned lang = 0; lang < LANG_COUNT; lang++) {
				char path[256];
				(void)snprintf(path, sizeof path, "tests/golden/cards/%s.%s.%s.%s", list[i].name,
					       platforms[p], card_lang_name(lang),
					       text_eq(platforms[p], "text") ? "txt" : "json");
				char *text = drawn(&list[i], platforms[p], lang);
				if (text_eq(mode, "write"))
					write_file(path, text);
				else
					compare_file(path, text);
				free(text);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_golden) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

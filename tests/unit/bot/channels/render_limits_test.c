/* Cards larger than any that is built: each platform shortens until they fit, and what must stay whole stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingapp_render.h"
#include "bot/channels/dingtalk/dingtalk_render.h"
#include "bot/channels/slack/slack_render.h"
#include "bot/channels/teams/teams_render.h"

enum { LINES = CARD_LINES_MAX, TEXT_BYTES = 4000 };

struct large {
	char text[TEXT_BYTES + 1], value[3001], url[3101];
	struct card_line lines[LINES];
	struct card_button buttons[3];
	struct card card;
};

/* Every text is made of the same character. */
static void fill(struct large *l, const char *piece)
{
	size_t n = strlen(piece);
	for (size_t i = 0; i + n <= TEXT_BYTES; i += n)
		memcpy(l->text + i, piece, n + 1);
	for (size_t i = 0; i < LINES; i++)
		l->lines[i] = (struct card_line){ .label = "label", .text = l->text };
	memset(l->value, 'v', 3000);
	memset(l->url, 'u', 3100);
	l->buttons[0] = (struct card_button){
		.label = "Whole", .action = "approve", .value = "v1.a.b.c", .url = "", .confirm = ""
	};
	l->buttons[1] = (struct card_button){
		.label = "Value", .action = "reject", .value = l->value, .url = "", .confirm = ""
	};
	l->buttons[2] =
		(struct card_button){ .label = "Link", .action = "open", .value = "", .url = l->url, .confirm = "" };
	l->card = (struct card){ .color = "red",
				 .icon = "🔴",
				 .title = l->text,
				 .state = "state",
				 .subtitle = l->text,
				 .bar = "bar",
				 .lines = l->lines,
				 .line_count = LINES,
				 .buttons = l->buttons,
				 .button_count = 3,
				 .footer = l->text,
				 .plain = l->text };
}

static const char *const pieces[] = { "a", "&", "<", "\"", "数", "😀" };

static void test_slack(void **state)
{
	(void)state;
	struct large *l = calloc(1, sizeof *l);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		char *body = NULL;
		cJSON *j = NULL;
		struct error e;
		fill(l, pieces[i]);
		assert_int_equal(slack_render_card(&l->card, &body, &e), RC_OK);
		assert_int_equal(json_parse(body, strlen(body), &j, &e), RC_OK);
		char *blocks = json_print(json_at(j, "blocks"));
		if (strlen(blocks) >= 12000)
			fail_msg("%s: %zu bytes of blocks", pieces[i], strlen(blocks));
		assert_non_null(strstr(blocks, "*label*"));
		/* a value or link that does not fit is left out, never cut */
		assert_non_null(strstr(blocks, "v1.a.b.c"));
		assert_null(strstr(blocks, "vvv"));
		assert_null(strstr(blocks, "uuu"));
		free(blocks);
		free(body);
		cJSON_Delete(j);
	}
	free(l);
}

static void test_dingtalk(void **state)
{
	(void)state;
	struct large *l = calloc(1, sizeof *l);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		char *body = NULL;
		cJSON *j = NULL;
		struct error e;
		fill(l, pieces[i]);
		assert_int_equal(dingtalk_render_card(&l->card, &body, &e), RC_OK);
		assert_int_equal(json_parse(body, strlen(body), &j, &e), RC_OK);
		const char *text = json_text(j, "markdown.text", "");
		if (!*text || strlen(text) > 4800)
			fail_msg("%s: %zu bytes of text", pieces[i], strlen(text));
		assert_null(strstr(body, "uuu"));
		free(body);
		cJSON_Delete(j);
	}
	free(l);
}

static void test_dingtalk_app(void **state)
{
	(void)state;
	struct large *l = calloc(1, sizeof *l);
	for (size_t i = 0; i < 2 * sizeof pieces / sizeof *pieces; i++) {
		bool template = i % 2;
		char *body = NULL;
		cJSON *j = NULL;
		struct error e;
		fill(l, pieces[i / 2]);
		l->buttons[1].value = "v1.d.e.f";
		assert_int_equal(
			dingapp_render_card(&l->card, &(struct dingapp_look){ .template = template }, &body, &e),
			RC_OK);
		assert_int_equal(json_parse(body, strlen(body), &j, &e), RC_OK);
		const char *text = json_text(j, template ? "params.body" : "standard.contents.0.text", "");
		if (!*text || strlen(text) > 4800)
			fail_msg("%s: %zu bytes of text", pieces[i / 2], strlen(text));
		assert_non_null(strstr(body, "v1.a.b.c"));
		assert_non_null(strstr(body, "v1.d.e.f"));
		const cJSON *member;
		cJSON_ArrayForEach (member, json_at(j, "params"))
			assert_true(cJSON_IsString(member)); /* the platform takes nothing else */
		free(body);
		cJSON_Delete(j);
	}
	free(l);
}

static void test_teams(void **state)
{
	(void)state;
	struct large *l = calloc(1, sizeof *l);
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		char *body = NULL;
		cJSON *j = NULL;
		struct error e;
		fill(l, pieces[i]);
		assert_int_equal(teams_render_card(&l->card, &body, &e), RC_OK);
		assert_int_equal(json_parse(body, strlen(body), &j, &e), RC_OK);
		if (strlen(body) > 20 * 1024)
			fail_msg("%s: %zu bytes", pieces[i], strlen(body));
		assert_int_equal(cJSON_GetArraySize(json_at(j, "attachments.0.content.actions")), 0);
		assert_null(strstr(body, "uuu"));
		free(body);
		cJSON_Delete(j);
	}
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_slack), cmocka_unit_test(test_dingtalk),
					    cmocka_unit_test(test_dingtalk_app), cmocka_unit_test(test_teams) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Whatever values hold, a card is well-formed, within the platform's limits, and mentions and links nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/cards/clean.h"
#include "bot/cards/samples.h"
#include "bot/channels/dingtalk/dingtalk_render.h"
#include "bot/channels/slack/slack_render.h"
#include "bot/channels/teams/teams_render.h"

enum { ROUNDS = 2000, ROUNDS_UNDER_VALGRIND = 40, VALUE_BYTES = 10 * 1024 };

/* ---- chance, the same each time ---- */

static uint64_t dice_state;

static uint64_t dice(uint64_t below)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return dice_state % below;
}

static const char *const pieces[] = {
	"<!channel>",
	"<!here>",
	"<@U1>",
	"<!subteam^S1>",
	"<https://evil.example|click>",
	"[click](https://evil.example)",
	"![x](https://evil.example/x.png)",
	"```",
	"`",
	"*",
	"**",
	"_",
	"~",
	"&lt;!channel&gt;",
	"&",
	"\"",
	"\\",
	"\\u003c",
	"{name}",
	"{{csrf}}",
	"%s%n",
	"\xe2\x80\xaetxt.exe",      /* right to left override */
	"\xd7\xa9\xd7\x9c\xd7\x95", /* Hebrew */
	"\xe2\x81\xa6x\xe2\x81\xa9",
	"\n# heading\n",
	"\r\n- item",
	"\t",
	"\x01\x02\x1b[31m",
	"\x7f",
	"\xff\xfe",
	"\xc3",
	"\xed\xa0\x80",
	"\xf4\x90\x80\x80",
	"\xf0\x9f\x98\x80",
	"数据库",
	"@all",
	"@18612345678",
	"</title><script>alert(1)</script>",
	"registry.example/app:v1",
	"a",
	" ",
};

/* Mostly short, sometimes one piece for ten kilobytes. */
static char *hostile(struct arena *a)
{
	char *s = arena_alloc(a, VALUE_BYTES + 64, 1);
	assert_non_null(s);
	size_t n = 0, want = dice(8) ? dice(60) : VALUE_BYTES;
	bool same = dice(3) == 0;
	const char *piece = pieces[dice(sizeof pieces / sizeof *pieces)];
	for (size_t len = strlen(piece); n < want; n += len) {
		if (!same) {
			piece = pieces[dice(sizeof pieces / sizeof *pieces)];
			len = strlen(piece);
		}
		memcpy(s + n, piece, len);
	}
	return s;
}

static void poison_side(struct rollout_side *s, struct arena *a)
{
	s->workload = hostile(a);
	s->images = hostile(a);
	s->weight = (int)dice(101);
}

static void poison_rollout(struct rollout *r, struct arena *a)
{
	const char **const texts[] = {
		&r->cluster, &r->ns,      &r->name,    &r->uid,    &r->revision, &r->policy,
		&r->next,    &r->message, &r->invalid, &r->labels, &r->channels, &r->requested_by
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = texts[i] == &r->invalid && dice(3) ? "" : hostile(a);
	poison_side(&r->stable, a);
	poison_side(&r->canary, a);
	r->gate.policy = hostile(a);
	r->gate.name = hostile(a);
	r->gate.foreign = dice(2);
	size_t n = dice(30);
	struct rollout_check *checks = arena_alloc(a, n + 1, sizeof *checks);
	for (size_t i = 0; i < n; i++)
		checks[i] = (struct rollout_check){ hostile(a), hostile(a), hostile(a), dice(2), dice(2) };
	r->checks = checks;
	r->check_count = n;
	r->steps = (int)dice(120);
	r->step = r->steps ? (int)dice((uint64_t)r->steps + 1) : 0;
	int *weights = arena_alloc(a, (size_t)r->steps + 1, sizeof *weights);
	for (int i = 0; i < r->steps; i++)
		weights[i] = (int)dice(101);
	r->weights = dice(4) ? weights : NULL;
	r->phase = (enum phase)dice(PHASE_COUNT);
	r->active = dice(2);
	r->paused = dice(3) == 0;
	r->extension = dice(2);
	if (dice(3) == 0)
		r->unreachable_since.v = SAMPLE_NOW_MS - 5000;
}

static void poison_approval(struct approval *ap, struct arena *a)
{
	const char **const texts[] = { &ap->cluster,    &ap->ns,           &ap->name,      &ap->uid,
				       &ap->revision,   &ap->requested_by, &ap->old_image, &ap->new_image,
				       &ap->decided_by, &ap->reason };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = hostile(a);
	size_t n = dice(40);
	struct vote *votes = arena_alloc(a, n + 1, sizeof *votes);
	for (size_t i = 0; i < n; i++)
		votes[i] = (struct vote){ .person = { .platform = "slack",
						      .team = "T1",
						      .id = hostile(a),
						      .name = hostile(a),
						      .user = dice(2) ? hostile(a) : "" },
					  .verb = (enum vote_verb)dice(2),
					  .reason = hostile(a),
					  .via = "slack" };
	ap->votes = votes;
	ap->vote_count = n;
	ap->tally.approvals = (int)dice(3);
	ap->state = (enum req_state)dice(REQ_STATE_COUNT);
	ap->type = (enum hook_type)dice(HOOK_TYPE_COUNT);
	struct policy *p = arena_alloc(a, 1, sizeof *p);
	const char **who = arena_alloc(a, 41, sizeof *who);
	for (size_t i = 0, m = dice(40); i < m; i++)
		who[i] = dice(4) ? hostile(a) : "slack:U012AB3CD";
	*p = (struct policy){ .name = hostile(a), .approvers = who, .quorum = (int)dice(4) };
	ap->policy = dice(5) ? p : NULL;
}

/* ---- what must hold ---- */

static size_t characters(const char *s)
{
	return clean_chars(s);
}

static void no_control(const char *s)
{
	assert_true(text_is_utf8(s, strlen(s)));
	for (; *s; s++)
		if (((unsigned char)*s < 0x20 && *s != '\n') || *s == 0x7f)
			fail_msg("control character %d", *s);
}

/* Only mentions that the policy itself asks for may stand in mrkdwn. */
static void no_markup(const char *s, bool mentions)
{
	no_control(s);
	for (const char *at = strchr(s, '<'); at; at = strchr(at + 1, '<'))
		if (!mentions || !text_starts(at, "<@U012AB3CD>"))
			fail_msg("markup: %.40s", at);
}

static void check_slack_text(const cJSON *text, size_t most, bool mentions)
{
	const char *s = json_text(text, "text", "");
	assert_true(*s != '\0');
	if (characters(s) > most)
		fail_msg("%zu characters, %zu allowed", characters(s), most);
	bool mrkdwn = text_eq(json_text(text, "type", ""), "mrkdwn");
	no_markup(s, mentions && mrkdwn);
	if (mrkdwn && strchr(s, '`'))
		fail_msg("code: %.80s", s);
}

static void check_slack_button(const cJSON *b)
{
	check_slack_text(json_at(b, "text"), 75, false);
	assert_true(strlen(json_text(b, "value", "")) <= 2000);
	assert_true(strlen(json_text(b, "url", "")) <= 3000);
	if (!json_at(b, "confirm"))
		return;
	check_slack_text(json_at(b, "confirm.title"), 100, false);
	check_slack_text(json_at(b, "confirm.text"), 300, false);
	check_slack_text(json_at(b, "confirm.confirm"), 30, false);
	check_slack_text(json_at(b, "confirm.deny"), 30, false);
}

static void check_slack(const char *body, bool mentions)
{
	cJSON *j = NULL;
	struct error e;
	if (json_parse(body, strlen(body), &j, &e) != RC_OK)
		fail_msg("%s in %s", e.text, body);
	assert_true(characters(json_text(j, "text", "")) < 8000);
	no_markup(json_text(j, "text", "<"), mentions);
	char *blocks = json_print(json_at(j, "blocks"));
	assert_true(characters(blocks) < 12000);
	free(blocks);
	assert_in_range(cJSON_GetArraySize(json_at(j, "blocks")), 1, 50);
	const cJSON *block, *element;
	cJSON_ArrayForEach (block, json_at(j, "blocks")) {
		bool header = text_eq(json_text(block, "type", ""), "header");
		if (json_at(block, "text"))
			check_slack_text(json_at(block, "text"), header ? 150 : 3000, mentions);
		assert_in_range(cJSON_GetArraySize(json_at(block, "elements")), 0, 25);
		cJSON_ArrayForEach (element, json_at(block, "elements")) {
			if (text_eq(json_text(element, "type", ""), "button"))
				check_slack_button(element);
			else
				check_slack_text(element, 3000, false);
		}
	}
	cJSON_Delete(j);
}

static void check_dingtalk(const char *body)
{
	cJSON *j = NULL;
	struct error e;
	if (json_parse(body, strlen(body), &j, &e) != RC_OK)
		fail_msg("%s in %s", e.text, body);
	const char *type = json_text(j, "msgtype", "");
	const cJSON *m = json_at(j, type);
	const char *text = json_text(m, "text", ""), *title = json_text(m, "title", "");
	no_control(text);
	no_control(title);
	assert_true(strlen(text) <= 5000 && *text);
	assert_true(characters(title) <= 64 && *title);
	for (size_t i = 0; i < 6; i++) {
		static const char *const never[] = { "[", "]", "<", "`", "://", "\\" };
		assert_null(strstr(text, never[i]));
		assert_null(strstr(title, never[i]));
	}
	assert_null(json_at(j, "at"));
	char *buttons = json_print(json_at(m, "btns"));
	assert_true(!buttons || strlen(buttons) <= 1000);
	free(buttons);
	cJSON_Delete(j);
}

/* Text runs know no markup: what must hold is that everything foreign stands in one, and that links are ours. */
static void check_teams_blocks(const cJSON *blocks)
{
	const cJSON *block, *run;
	cJSON_ArrayForEach (block, blocks) {
		if (text_eq(json_text(block, "type", ""), "Container")) {
			check_teams_blocks(json_at(block, "items"));
			continue;
		}
		assert_string_equal(json_text(block, "type", ""), "RichTextBlock");
		cJSON_ArrayForEach (run, json_at(block, "inlines")) {
			assert_string_equal(json_text(run, "type", ""), "TextRun");
			no_control(json_text(run, "text", "\n"));
		}
	}
}

static void check_teams(const char *body)
{
	cJSON *j = NULL;
	const cJSON *action;
	struct error e;
	if (json_parse(body, strlen(body), &j, &e) != RC_OK)
		fail_msg("%s in %s", e.text, body);
	assert_true(strlen(body) <= 20 * 1024);
	const cJSON *card = json_at(j, "attachments.0.content");
	assert_true(cJSON_GetArraySize(json_at(card, "body")) > 1);
	check_teams_blocks(json_at(card, "body"));
	assert_null(json_at(card, "msteams.entities"));
	cJSON_ArrayForEach (action, json_at(card, "actions"))
		assert_true(text_starts(json_text(action, "url", ""), "https://rollcall.example.com/"));
	cJSON_Delete(j);
}

static void draw_all(const struct sample *s, enum card_lang lang, struct arena *a)
{
	struct error e;
	char *body = NULL;
	const struct card *card = sample_card(s, lang, NULL, false, a);
	assert_non_null(card);
	assert_true(card->button_count <= CARD_BUTTONS_MAX);
	no_control(card->plain);
	assert_int_equal(slack_render_card(card, &body, &e), RC_OK);
	check_slack(body, false);
	free(TAKE(body));
	const char *const *who = s->approvals[0].policy ? s->approvals[0].policy->approvers : NULL;
	assert_int_equal(slack_render_ask(card, who, NULL, NULL, &body, &e), RC_OK);
	check_slack(body, true);
	free(TAKE(body));
	card = sample_card(s, lang, NULL, true, a);
	assert_non_null(card);
	assert_int_equal(dingtalk_render_card(card, &body, &e), RC_OK);
	check_dingtalk(body);
	free(TAKE(body));
	assert_int_equal(teams_render_card(card, &body, &e), RC_OK);
	check_teams(body);
	free(TAKE(body));
}

static void test_hostile_values(void **state)
{
	(void)state;
	/* the sanitizers judge the many; valgrind, fifty times slower, sees the same ways with a few */
	const uint64_t rounds = getenv("ROLLCALL_UNDER_VALGRIND") ? ROUNDS_UNDER_VALGRIND : ROUNDS;
	for (uint64_t round = 1; round <= rounds; round++) {
		dice_state = round * 0x9e3779b97f4a7c15u;
		struct arena *a = arena_create(64 << 20);
		struct sample list[SAMPLES_MAX];
		struct sample s = list[dice(samples_make(list))];
		poison_rollout(&s.r, a);
		for (size_t i = 0; i < 2; i++) {
			if (i >= s.approval_count)
				s.approvals[i] = s.approvals[0];
			poison_approval(&s.approvals[i], a);
		}
		if (!s.approval_count)
			s.approval_count = dice(3);
		draw_all(&s, (enum card_lang)dice(LANG_COUNT), a);
		arena_destroy(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_hostile_values) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Cards, questions and lines in threads. */
#include "bot/bot.h"

#include "tests/unit/bot/room_double.h"

/* ---- cards ---- */

static void test_one_live_card(void **state)
{
	struct room *x = *state;
	struct rollout *r = &x->engine.rollouts[0];
	news(x, NEWS_STARTED);
	wait_sent(x, &x->slack, 1);
	assert_string_equal(last(&x->slack)->channel, "slack:C1");
	assert_string_equal(last(&x->slack)->subject, "uid-1/rev1");
	news(x, NEWS_CHANGED); /* the same: nobody needs to see it again */
	rig_pass(&x->rig, CARD_PAUSE_MS + 20);
	assert_int_equal(x->slack.count, 1);
	r->canary.weight = 40;
	r->step = 2;
	for (int i = 0; i < 5; i++)
		news(x, NEWS_CHANGED); /* a burst is one card */
	wait_sent(x, &x->slack, 2);
	assert_string_equal(last(&x->slack)->message_id, "m0");
	r->phase = PHASE_SUCCEEDED;
	r->active = false;
	news(x, NEWS_SUCCEEDED);
	news(x, NEWS_CHANGED);
	wait_sent(x, &x->slack, 3);
	assert_non_null(strstr(last(&x->slack)->body, "|final"));
	assert_null(strstr(last(&x->slack)->body, "[rollback]"));
	/* messages that cannot be edited: the milestones alone */
	assert_int_equal(x->dingtalk.count, 2);
	assert_int_equal(x->dingtalk.sent[0].kind, OUTBOX_MESSAGE);
	assert_non_null(strstr(x->dingtalk.sent[0].body, "Progressing"));
	assert_non_null(strstr(x->dingtalk.sent[1].body, "Succeeded"));
}

static void test_idle_is_silent(void **state)
{
	struct room *x = *state;
	x->engine.rollouts[0].active = false;
	x->engine.rollouts[0].phase = PHASE_INITIALIZED;
	news(x, NEWS_CHANGED);
	bot_start(x->bot);
	rig_settle(&x->rig);
	assert_int_equal(x->slack.count, 0);
}

static void test_gate_on_all_platforms(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x);
	rig_settle(&x->rig);
	assert_int_equal(x->slack.count, 2); /* the card, then the question in its thread */
	assert_true(text_starts(x->slack.sent[0].body, "card|"));
	assert_true(text_starts(x->slack.sent[1].body, "ask|"));
	assert_int_equal(x->slack.sent[1].kind, OUTBOX_CARD); /* of its own, in the thread of the first */
	assert_string_equal(x->slack.sent[1].thread_id, "m0");
	assert_non_null(strstr(last(&x->dingtalk)->body, "[decide]https://rollcall.example/decide/"));
	const char *token = strchr(strstr(last(&x->dingtalk)->body, "/decide/"), '~');
	assert_non_null(token);
	assert_true(approvals_token_good(x->approvals, id, "decide", "link",
					 arena_strndup(x->arena, token + 1, strcspn(token + 1, "\n"))));
	struct bot_ask q = { .person = on_slack("U1"), .verb = "approve", .request_id = id };
	does(x, q, RC_OK, "approved by lin");
	rig_settle(&x->rig);
	assert_int_equal(x->slack.count, 5); /* the card, the question without its buttons, and a line that is news */
	assert_true(text_starts(x->slack.sent[2].body, "card|"));
	assert_true(text_starts(x->slack.sent[3].body, "asked|"));
	assert_string_equal(x->slack.sent[3].message_id, "m1");
	for (size_t i = 2; i < 5; i++)
		assert_null(strstr(x->slack.sent[i].body, "[approve]"));
	assert_int_equal(x->slack.sent[4].kind, OUTBOX_REPLY);
	assert_non_null(strstr(x->slack.sent[4].body, "lin"));
	assert_non_null(strstr(last(&x->dingtalk)->body, "lin"));
	/* the engine says that it waits no more: the card is put although the vote has just put one */
	x->engine.rollouts[0].gate.waiting = false;
	news(x, NEWS_CHANGED);
	wait_sent(x, &x->slack, 6);
}

/* A card of an older revision shows neither the new one's progress nor buttons. */
static void test_superseded_card(void **state)
{
	struct room *x = *state;
	struct rollout *r = &x->engine.rollouts[0];
	(void)open_gate(x);
	r->revision = "rev2";
	r->canary.images = "podinfo:red";
	r->canary.weight = 60;
	(void)open_gate(x);
	rig_settle(&x->rig);
	const struct sent *old = NULL, *new = NULL;
	for (size_t i = 0; i < x->slack.count; i++) {
		if (x->slack.sent[i].kind != OUTBOX_CARD)
			continue;
		if (text_eq(x->slack.sent[i].subject, "uid-1/rev1"))
			old = &x->slack.sent[i];
		else
			new = &x->slack.sent[i];
	}
	assert_non_null(old);
	assert_non_null(new);
	assert_null(strchr(old->body, '['));
	assert_null(strstr(old->body, "podinfo:red"));
	assert_null(strstr(old->body, "60%"));
	assert_non_null(strstr(old->body, "superseded"));
	assert_non_null(strstr(new->body, "[approve]"));
}

static void test_deleted(void **state)
{
	struct room *x = *state;
	news(x, NEWS_STARTED);
	wait_sent(x, &x->slack, 1);
	struct rollout was = x->engine.rollouts[0];
	x->engine.count = 0;
	engine_double_tell(&x->engine, &(struct rollout_event){ .news = NEWS_GONE, .rollout = &was, .text = "" });
	wait_sent(x, &x->slack, 2);
	assert_null(strchr(last(&x->slack)->body, '['));
	assert_non_null(strstr(last(&x->slack)->body, "the Canary was deleted"));
}

static void test_said_once(void **state)
{
	struct room *x = *state;
	struct rollout_event ev = {
		.news = NEWS_REQUEST_DONE, .rollout = &x->engine.rollouts[0], .text = "rolled back", .request_id = "r1"
	};
	engine_double_tell(&x->engine, &ev);
	engine_double_tell(&x->engine, &ev);
	wait_sent(x, &x->slack, 1);
	assert_string_equal(last(&x->slack)->body, "rolled back");
	restart(x);
	engine_double_tell(&x->engine, &ev);
	ev = (struct rollout_event){
		.news = NEWS_ALERT, .rollout = &x->engine.rollouts[0], .text = "errors", .severity = 1, .key = "k1"
	};
	engine_double_tell(&x->engine, &ev); /* a warning is not for people */
	ev.severity = 2;
	engine_double_tell(&x->engine, &ev);
	engine_double_tell(&x->engine, &ev);
	ev.text = "unprintable"; /* what cannot be drawn is left out, and the rest goes on */
	ev.key = "k2";
	engine_double_tell(&x->engine, &ev);
	wait_sent(x, &x->slack, 2);
	assert_string_equal(last(&x->slack)->body, "errors");
}

static void test_start_brings_cards_up_to_date(void **state)
{
	struct room *x = *state;
	struct rollout *r = &x->engine.rollouts[0];
	news(x, NEWS_STARTED);
	wait_sent(x, &x->slack, 1);
	restart(x);
	bot_start(x->bot);
	wait_sent(x, &x->slack, 2); /* it is active: look again */
	news(x, NEWS_CHANGED);
	rig_settle(&x->rig);
	assert_int_equal(x->slack.count, 2);
	close_rooms(x);
	r->phase = PHASE_FAILED;
	r->active = false;
	r->changed_at.v = clock_system()->wall(clock_system()).v + 5000;
	rig_store_open(&x->rig);
	open_rooms(x);
	bot_start(x->bot); /* ended while nobody looked */
	wait_sent(x, &x->slack, 3);
	assert_non_null(strstr(last(&x->slack)->body, "Rolled back"));
	r->changed_at.v = 1;
	restart(x);
	bot_start(x->bot); /* its card says so already */
	rig_settle(&x->rig);
	assert_int_equal(x->slack.count, 3);
}

/* Active at start, ended at the first news: the card must hear of it. */
static void test_ends_right_after_start(void **state)
{
	struct room *x = *state;
	news(x, NEWS_STARTED);
	wait_sent(x, &x->slack, 1);
	restart(x);
	bot_start(x->bot);
	wait_sent(x, &x->slack, 2);
	x->engine.rollouts[0].phase = PHASE_SUCCEEDED;
	x->engine.rollouts[0].active = false;
	news(x, NEWS_CHANGED);
	wait_sent(x, &x->slack, 3);
	assert_non_null(strstr(last(&x->slack)->body, "Succeeded"));
}

static void test_card_after_full_disk(void **state)
{
	struct room *x = *state;
	news(x, NEWS_STARTED);
	wait_sent(x, &x->slack, 1);
	x->engine.rollouts[0].phase = PHASE_PROMOTING;
	atomic_store(&rig_disk_full, true);
	news(x, NEWS_CHANGED);
	rig_settle(&x->rig);
	atomic_store(&rig_disk_full, false);
	news(x, NEWS_CHANGED); /* the same look, but it has not been put */
	wait_sent(x, &x->slack, 2);
	assert_non_null(strstr(last(&x->slack)->body, "Promoting"));
}

static void test_routes(void **state)
{
	struct room *x = *state;
	static const struct {
		const char *ns, *labels, *annotation, *channels;
	} cases[] = {
		{ "shop", "", "", "slack:C1 dingtalk:ops" },
		{ "prod-eu", "", "", "slack:PROD" },
		{ "dev", "tier=web,team=shop", "", "slack:SHOP" },
		{ "dev", "tier=webs,team=shop", "", "" },
		{ "dev", "team=shop", "", "" },
		{ "shop", "", "slack:A, dingtalk:b,,", "slack:A dingtalk:b" },
		{ "dev", "", "", "" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rollout r = new_rollout(cases[i].ns, "n", "u");
		r.labels = cases[i].labels;
		r.channels = cases[i].annotation;
		char got[128] = "";
		for (const char *const *c = bot_channels(x->bot, &r, x->arena); *c; c++)
			(void)snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "", *c);
		if (strcmp(got, cases[i].channels) != 0)
			fail_msg("case %zu: %s", i, got);
	}
}

/* ---- revisions that another one replaced, without a question asked ---- */

static void test_replaced(void **state)
{
	struct room *x = *state;
	struct rollout *r = &x->engine.rollouts[0];
	news(x, NEWS_STARTED);
	wait_sent(x, &x->slack, 1);
	r->revision = "rev2";
	r->canary.images = "podinfo:red";
	news(x, NEWS_RESTARTED);
	rig_settle(&x->rig);
	const struct sent *old = NULL;
	for (size_t i = 1; i < x->slack.count; i++)
		if (text_eq(x->slack.sent[i].subject, "uid-1/rev1"))
			old = &x->slack.sent[i];
	assert_non_null(old);
	assert_true(text_starts(old->body,
				"card|podinfo: Superseded by a newer revision|Superseded by a newer revision|"
				"final\n"));
	assert_null(strchr(old->body, '['));
	assert_non_null(strstr(old->body, "podinfo: blue → green"));
}

/* Its result stays, its buttons go. */
static void test_deleted_at_rest(void **state)
{
	struct room *x = *state;
	struct rollout *r = &x->engine.rollouts[0];
	r->extension = true;
	news(x, NEWS_STARTED);
	r->phase = PHASE_SUCCEEDED;
	r->active = false;
	news(x, NEWS_SUCCEEDED);
	rig_settle(&x->rig);
	assert_non_null(strstr(last(&x->slack)->body, "[complete]"));
	struct rollout was = *r;
	x->engine.count = 0;
	engine_double_tell(&x->engine, &(struct rollout_event){ .news = NEWS_GONE, .rollout = &was, .text = "" });
	rig_settle(&x->rig);
	assert_true(text_starts(last(&x->slack)->body, "card|podinfo: Succeeded|Succeeded|final\n"));
	assert_null(strchr(last(&x->slack)->body, '['));
}

/* ---- pictures ---- */

static char *render_chart(struct channel *c, const void *png, size_t len, const char *alt, struct error *e)
{
	(void)e;
	assert_non_null(c);
	assert_true(len > 1000 && memcmp(png, "\x89PNG", 4) == 0);
	struct strbuf b;
	strbuf_init(&b, 1024);
	strbuf_addf(&b, "chart|%s", alt);
	char *text = strbuf_take(&b);
	strbuf_finish(&b);
	return text;
}

static size_t charts(struct room *x)
{
	size_t n = 0;
	for (size_t i = 0; i < x->slack.count; i++)
		n += text_starts(x->slack.sent[i].body, "chart|");
	return n;
}

static void test_charts(void **state)
{
	struct room *x = *state;
	struct rollout *r = &x->engine.rollouts[0];
	struct channel_ops ops = slack_double;
	ops.render_chart = render_chart;
	x->slack.channel.ops = &ops;
	static const struct rollout_check checks[] = {
		{ .name = "success-rate", .value = "99.9%", .limit = "≥ 99%", .good = true, .measured = true },
	};
	r->checks = checks;
	r->check_count = 1;
	r->rendered_at.v = 1763978551000;
	news(x, NEWS_STARTED);
	rig_settle(&x->rig);
	assert_int_equal(charts(x), 0);
	for (int i = 2; i <= 3; i++) {
		r->canary.weight = 20 * i;
		r->rendered_at.v += 10000;
		news(x, NEWS_CHANGED);
	}
	(void)open_gate(x); /* what is decided about */
	rig_settle(&x->rig);
	assert_int_equal(charts(x), 1);
	r->phase = PHASE_SUCCEEDED;
	r->active = false;
	r->gate.waiting = false;
	r->rendered_at.v += 10000;
	news(x, NEWS_SUCCEEDED);
	news(x, NEWS_SUCCEEDED);
	rig_settle(&x->rig);
	assert_int_equal(charts(x), 2);
	assert_true(text_starts(last(&x->slack)->body, "chart|"));
	x->slack.channel.ops = &slack_double;
}

/* ---- a question that nobody answers ---- */

static size_t in_channel(struct room *x, const char *channel, const char *start)
{
	size_t n = 0;
	for (size_t i = 0; i < x->slack.count; i++)
		n += text_eq(x->slack.sent[i].channel, channel) && text_starts(x->slack.sent[i].body, start) &&
		     !*x->slack.sent[i].message_id; /* posted, not edited */
	return n;
}

static bool escalated(void *owner)
{
	return in_channel(owner, "slack:LEADS", "ask|") == 1;
}

static void test_escalates(void **state)
{
	struct room *x = *state;
	x->engine.rollouts[0].policy = "slow";
	struct rollout *r = &x->engine.rollouts[0];
	struct gatekeeper k = approvals_gatekeeper(x->approvals);
	const char *by = "";
	r->gate = (struct rollout_gate){
		.waiting = true, .type = HOOK_CONFIRM_PROMOTION, .weight = 100, .policy = "slow", .name = ""
	};
	assert_int_equal(k.ask(k.owner, r, &r->gate, &by), GATE_CLOSED);
	rig_settle(&x->rig);
	RIG_UNTIL(&x->rig, escalated, x);
	restart(x); /* it is said once */
	rig_pass(&x->rig, 80);
	assert_int_equal(in_channel(x, "slack:LEADS", "ask|"), 1);
	assert_int_equal(in_channel(x, "slack:C1", "ask|"), 1); /* and it is no reminder */
	press(x, (struct pressing){ "U1", "slack:LEADS", button(x, "slack:LEADS", "approve"), .text = "" },
	      "approved by lin");
	rig_settle(&x->rig);
	const struct sent *edit = NULL;
	for (size_t i = 0; i < x->slack.count; i++)
		if (text_eq(x->slack.sent[i].channel, "slack:LEADS"))
			edit = &x->slack.sent[i];
	assert_true(text_starts(edit->body, "asked|") && *edit->message_id && !strchr(edit->body, '['));
}

/* ---- words of one's own ---- */

static void test_own_words(void **state)
{
	struct room *x = *state;
	static const struct bot_words words[] = {
		{ "slack:PROD", LANG_EN, "title.state = not here\n" },
		{ "slack:C1", LANG_EN, "title.state = {state} is {name}\nreply.list.none = nix\n" },
		{ .own = NULL },
	};
	bot_set_words(x->bot, words);
	news(x, NEWS_STARTED);
	wait_sent(x, &x->slack, 1);
	assert_true(text_starts(last(&x->slack)->body, "card|Progressing, 20% is podinfo|"));
	types(x, "U1", "slack:C1", "list nowhere", RC_OK, "nix");
	types(x, "U1", "slack:C2", "list nowhere", RC_OK, "no rollouts");
}

/* ---- a channel in trouble ---- */

static void test_trouble_is_told_elsewhere(void **state)
{
	struct room *x = *state;
	speak_trouble(x->bot, "slack:C1", OUTBOX_SHUT_OUT, "token_revoked");
	rig_settle(&x->rig);
	assert_int_equal(x->slack.count, 0);
	assert_string_equal(last(&x->dingtalk)->channel, "dingtalk:ops");
	assert_string_equal(last(&x->dingtalk)->body,
			    "slack:C1 does not let us in: token_revoked. Nothing is lost; it is "
			    "tried again every few minutes.");
	speak_trouble(x->bot, "slack:PROD", OUTBOX_REFUSED, "is_archived");
	rig_settle(&x->rig);
	assert_string_equal(last(&x->slack)->channel, "slack:SHOP");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_live_card, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle_is_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gate_on_all_platforms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_superseded_card, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_said_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_brings_cards_up_to_date, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ends_right_after_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_card_after_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_routes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleted_at_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_charts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escalates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trouble_is_told_elsewhere, setup, teardown),
	};
	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}

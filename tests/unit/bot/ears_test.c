/* What people type and press. */
#include "bot/bot.h"

#include "tests/unit/bot/room_double.h"

/* ---- commands ---- */

static void test_commands(void **state)
{
	struct room *x = *state;
	types(x, "U1", "slack:C1", "list", RC_OK, "shop/podinfo  Progressing  20%, step 1 of 3");
	types(x, "U1", "slack:C1", "list nowhere", RC_OK, "no rollouts");
	types(x, "U1", "slack:C1", "promote podinfo", RC_OK, "promote of shop/podinfo asked for by lin");
	types(x, "U1", "slack:C1", "aprove podinfo", RC_INVALID,
	      "there is no command \"aprove\"; did you mean approve?; \"help\" lists them");
	types(x, "U1", "slack:C1", "status nothing", RC_NOT_FOUND,
	      "there is no rollout \"nothing\"; \"list\" shows them");
	types(x, "U1", "slack:C1", "who podinfo", RC_OK, "policy default, 1 needed of: user:lin, user:zhao, slack:S7");
	types(x, "U1", "slack:C1", "help reject", RC_OK,
	      "reject NAME|-l LABELS reason - vote against it | also: deny,拒绝");
	types(x, "U1", "slack:ZH", "help reject", RC_OK,
	      "拒绝 (reject) 名称|-l 标签 原因 - 投反对票 | 别名：deny,拒绝");
	types(x, "U1", "slack:C1", "reject podinfo too slow", RC_NOT_FOUND,
	      "nothing waits for a decision on shop/podinfo");
	(void)open_gate(x);
	types(x, "U1", "slack:C1", "list", RC_OK,
	      "shop/podinfo  Progressing  20%, step 1 of 3  waits for a decision before the promotion");
	types(x, "U1", "slack:C1", "拒绝 podinfo 太慢", RC_OK, "rejected by lin");
	x->engine.rollouts[1] = new_rollout("dev", "podinfo", "uid-2");
	x->engine.count = 2;
	types(x, "U1", "slack:C1", "status podinfo", RC_INVALID,
	      "Several rollouts are called podinfo. Which one?\nstatus shop/podinfo\nstatus dev/podinfo");
}

static void test_history(void **state)
{
	struct room *x = *state;
	struct answer a = { 0 };
	struct person who = on_slack("U1");
	types(x, "U1", "slack:C1", "history podinfo", RC_OK, "nothing on record");
	types(x, "U1", "slack:C1", "rollback podinfo bad latency", RC_OK, "rollback of shop/podinfo asked for by lin");
	bot_command(x->bot, &who, "slack:C1", "", "ev", "history shop/podinfo", answered, &a);
	RIG_UNTIL(&x->rig, rig_is_true, &a.done);
	assert_int_equal(a.r, RC_OK);
	if (!text_ends(a.text, "Z  lin  verb.rollback  asked: bad latency"))
		fail_msg("%s", a.text);
}

static void test_long_list(void **state)
{
	struct room *x = *state;
	struct answer a = { 0 };
	struct person who = on_slack("U1");
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	for (size_t i = 0; i < 8; i++)
		x->engine.rollouts[i] = new_rollout("shop", names[i], names[i]);
	x->engine.count = 8;
	bot_command(x->bot, &who, "slack:C1", "", "ev", "list", answered, &a);
	assert_true(a.done);
	size_t lines = 1;
	for (const char *p = a.text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 8);
}

/* ---- presses ---- */

static void test_presses(void **state)
{
	static const char too_old[] = "this button is too old; \"status\" shows a fresh card";
	struct room *x = *state;
	(void)open_gate(x);
	const char *approve = button(x, "slack:C1", "approve"), *reject = button(x, "slack:C1", "reject");
	const char *dot = strrchr(approve, '.');
	press(x, (struct pressing){ "U1", "slack:C2", approve, .text = "" }, too_old); /* copied elsewhere */
	press(x, (struct pressing){ "U1", "slack:C1", "v1.x.approve.1-2", .text = "" }, too_old);
	press(x, (struct pressing){ "U1", "slack:C1", "v2", .text = "" }, too_old);
	press(x, (struct pressing){ "U1", "slack:C1", "v1.", .text = "" }, too_old);
	press(x, (struct pressing){ "U1", "slack:C1", "v1.a", .text = "" }, too_old);
	press(x, (struct pressing){ "U1", "slack:C1", "v1.a.b", .text = "" }, too_old);
	press(x, (struct pressing){ "U1", "slack:C1", "v1...", .text = "" }, too_old);
	/* the token of one verb on another */
	press(x,
	      (struct pressing){ "U1", "slack:C1",
				 arena_printf(x->arena, "%.*s%s", (int)(strrchr(reject, '.') - reject), reject, dot),
				 .text = "" },
	      too_old);
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM votes"), 0);
	press(x, (struct pressing){ "U9", "slack:C1", approve, .text = "" },
	      "you may not approve under policy default; these may: user:lin, user:zhao, slack:S7");
	press(x, (struct pressing){ "U1", "slack:C1", reject, .text = "" }, ""); /* a form instead */
	press(x, (struct pressing){ "U1", "slack:C1", reject, .text = "too slow", .form = true }, "rejected by lin");
	const char *decided = approvals_of(x->approvals, "uid-1", "rev1", x->arena, &(size_t){ 0 })[0]->reason;
	assert_string_equal(decided, "too slow");
}

static void test_reject_without_forms(void **state)
{
	struct room *x = *state;
	(void)open_gate(x);
	press(x, (struct pressing){ "U1", "slack:C1", button(x, "slack:C1", "reject"), .no_forms = true },
	      "rejected by lin");
}

static void test_press_of_a_verb(void **state)
{
	struct room *x = *state;
	struct rollout_event ev = { .news = NEWS_STARTED, .rollout = &x->engine.rollouts[0], .text = "" };
	engine_double_tell(&x->engine, &ev);
	rig_settle(&x->rig);
	const char *rollback = button(x, "slack:C1", "rollback");
	press(x, (struct pressing){ "U9", "slack:C1", rollback, .text = "" },
	      "rollback of shop/podinfo asked for by U9");
	assert_string_equal(x->engine.revision, "rev1"); /* the card's own */
	x->engine.rollouts[0].policy = "here";           /* where a rollback needs a reason */
	press(x, (struct pressing){ "U9", "slack:C1", rollback, .text = "" }, "");
	press(x, (struct pressing){ "U9", "slack:C1", rollback, .text = "errors", .form = true },
	      "rollback of shop/podinfo asked for by U9");
	x->engine.count = 0;
	press(x, (struct pressing){ "U9", "slack:C1", rollback, .text = "" }, "this rollout does not exist any more");
}

/* A door that does not prove the content: words look, buttons decide, but for what cannot be undone. */
static void test_unproven(void **state)
{
	struct room *x = *state;
	(void)open_gate(x);
	static const char no[] = "typed decisions do not count here: press the button of a card";
	static const struct {
		const char *line, *text;
	} lines[] = { { "approve podinfo", no },
		      { "rollback podinfo", no },
		      { "批准 podinfo", no },
		      { "promote -l team=shop --yes", no },
		      { "subscribe shop/*", no },
		      { "freeze everything on", no },
		      { "help approve", NULL },
		      { "who podinfo", NULL },
		      { "list", NULL } };
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct responder_double *r = arena_alloc(x->arena, 1, sizeof *r);
		r->responder = (struct responder){ .say = say };
		struct interaction in = { .person = on_slack("U1"),
					  .channel = "slack:C1",
					  .message_id = "",
					  .thread_id = "",
					  .event_id = "typed",
					  .value = "",
					  .text = lines[i].line,
					  .unproven = true,
					  .responder = &r->responder };
		struct bot_ears ears = bot_ears(&x->bot);
		ears.interaction(ears.owner, &in);
		RIG_UNTIL(&x->rig, rig_is_true, &r->said);
		if ((strcmp(r->text, no) == 0) != (lines[i].text != NULL))
			fail_msg("%s: %s", lines[i].line, r->text);
	}
	char token[160];
	struct error e;
	assert_int_equal(
		approvals_token(x->approvals, "uid-1@rev1", "promote", "slack:C1", 60000, token, sizeof token, &e),
		RC_OK);
	const char *promote = arena_printf(x->arena, "v1.uid-1@rev1.promote.%s", token);
	press(x, (struct pressing){ "U1", "slack:C1", promote, .unproven = true },
	      "this cannot be undone, and nothing proves here who you are: use the command line");
	press(x, (struct pressing){ "U1", "slack:C1", button(x, "slack:C1", "approve"), .unproven = true },
	      "approved by lin");
}

static void test_press_without_a_bot(void **state)
{
	(void)state;
	struct bot *none = NULL;
	struct bot_ears ears = bot_ears(&none);
	struct responder_double r = { .responder = { .say = say } };
	ears.interaction(ears.owner, &(struct interaction){ .value = "v1.a.b.c", .responder = &r.responder });
	assert_string_equal(r.text, BOT_STOPPING);
}

/* Typed before the cluster has been read: kept until then, or told at the end. */
static void test_pressed_early(void **state)
{
	struct room *x = *state;
	for (int over = 0; over < 2; over++) {
		struct responder_double r = { .responder = { .say = say } };
		struct interaction in = { .person = on_slack("U1"),
					  .channel = "slack:C1",
					  .thread_id = "",
					  .event_id = "e",
					  .value = "",
					  .text = "pause podinfo",
					  .responder = &r.responder };
		struct bot_ears ears = bot_ears(&x->bot);
		x->bot->started = false;
		ears.interaction(ears.owner, &in);
		rig_settle(&x->rig);
		assert_int_equal(r.says, 0);
		if (over)
			bot_stop(x->bot);
		else
			bot_start(x->bot);
		RIG_UNTIL(&x->rig, rig_is_true, &r.said);
		assert_int_equal(r.says, 1);
		if (!over)
			assert_string_equal(r.text, "pause of shop/podinfo asked for by lin");
	}
	assert_int_equal(x->engine.requests, 1);
}

static void test_typed_interaction(void **state)
{
	struct room *x = *state;
	struct responder_double r = { .responder = { .say = say } };
	struct interaction in = { .person = on_slack("U1"),
				  .channel = "slack:C1",
				  .thread_id = "",
				  .event_id = "e",
				  .value = "",
				  .text = "pause podinfo",
				  .responder = &r.responder };
	struct bot_ears ears = bot_ears(&x->bot);
	ears.interaction(ears.owner, &in);
	RIG_UNTIL(&x->rig, rig_is_true, &r.said);
	assert_string_equal(r.text, "pause of shop/podinfo asked for by lin");
}

/* ---- in the language of the channel ---- */

static void test_chinese(void **state)
{
	struct room *x = *state;
	types(x, "U1", "slack:ZH", "列表", RC_OK, "shop/podinfo  发布中  20%，第 1 步，共 3 步");
	types(x, "U1", "slack:ZH", "列表 nowhere", RC_OK, "没有发布");
	types(x, "U1", "slack:ZH", "批准", RC_INVALID, "缺少名称。用法：approve NAME|-l LABELS [--override] [reason]");
	types(x, "U1", "slack:ZH", "回退 podinfo", RC_INVALID, "没有命令“回退”；是否指 回滚？“帮助”列出全部命令");
	types(x, "U1", "slack:ZH", "状态 nothing", RC_NOT_FOUND, "没有名为“nothing”的发布；“列表”可查看全部");
	types(x, "U1", "slack:ZH", "批准 podinfo", RC_NOT_FOUND, "shop/podinfo 没有等待决定的事项");
	types(x, "U9", "slack:ZH", "暂停 podinfo", RC_REFUSED,
	      "按策略 default，您无权暂停；有权者：user:lin, user:zhao, slack:S7");
	types(x, "U1", "slack:ZH", "暂停 podinfo", RC_OK, "lin 请求暂停 shop/podinfo");
	types(x, "U1", "slack:ZH", "谁 podinfo", RC_OK, "策略 default，需要 1 人：user:lin, user:zhao, slack:S7");
	(void)open_gate(x);
	types(x, "U1", "slack:ZH", "同意 podinfo", RC_OK, "已批准：lin");
	assert_int_equal(audits(x, "action = 'verb.pause' AND outcome = 'refused' AND reason LIKE 'you may not%'"), 1);
}

static void test_list_filters(void **state)
{
	struct room *x = *state;
	x->engine.rollouts[1] = new_rollout("shop", "waits", "uid-2");
	x->engine.rollouts[1].labels = "team=shop,tier=web";
	x->engine.rollouts[1].gate = (struct rollout_gate){ .waiting = true, .type = HOOK_CONFIRM_STEP, .weight = 40 };
	x->engine.rollouts[2] = new_rollout("shop", "ended", "uid-3");
	x->engine.rollouts[2].phase = PHASE_FAILED;
	x->engine.rollouts[2].active = false;
	x->engine.rollouts[2].steps = 0;
	x->engine.count = 3;
	types(x, "U1", "slack:C1", "list", RC_OK,
	      "shop/waits  Progressing  20%, step 1 of 3  waits for a decision before weight 40%\n"
	      "shop/podinfo  Progressing  20%, step 1 of 3\nshop/ended  Rolled back");
	types(x, "U1", "slack:C1", "list shop -phase failed", RC_OK, "shop/ended  Rolled back");
	types(x, "U1", "slack:C1", "list -l tier=web", RC_OK,
	      "shop/waits  Progressing  20%, step 1 of 3  waits for a decision before weight 40%");
	types(x, "U1", "slack:C1", "list -phase odd", RC_INVALID,
	      "There is no phase \"odd\"; phases are Initializing, Initialized, Waiting, Progressing, "
	      "WaitingPromotion, "
	      "Promoting, Finalising, Succeeded, Failed, Terminating, Terminated.");
}

static void test_freeze(void **state)
{
	struct room *x = *state;
	types(x, "U1", "slack:C1", "freeze", RC_OK, "everything: does not hold\nnight: does not hold");
	types(x, "U2", "slack:C1", "freeze night on fire", RC_REFUSED,
	      "you may not switch the freeze night; `by` under freezes says who may");
	types(x, "U1", "slack:C1", "freeze night maybe", RC_INVALID, "on or off: usage: freeze [NAME on|off [reason]]");
	types(x, "U1", "slack:ZH", "封网 night 开", RC_REFUSED, "开启封网须填写原因");
	types(x, "U1", "slack:ZH", "封网 night 开 机房着火", RC_OK, "封网 night 已开启");
	types(x, "U1", "slack:C1", "freeze", RC_OK, "everything: does not hold\nnight: switched on by lin: 机房着火");
	types(x, "U1", "slack:C1", "freeze night off", RC_OK, "the freeze night is off");
	types(x, "U1", "slack:C1", "freeze nihgt on x", RC_NOT_FOUND,
	      "there is no freeze \"nihgt\"; did you mean \"night\"?");
}

/* ---- which one ---- */

static void test_choice(void **state)
{
	struct room *x = *state;
	x->engine.rollouts[1] = new_rollout("dev", "podinfo", "uid-2");
	x->engine.count = 2;
	struct responder_double *r = hears(x, "U1", "slack:C1", "", "rollback podinfo",
					   "Several rollouts are called podinfo. Which one?\nrollback shop/podinfo\n"
					   "rollback dev/podinfo");
	assert_int_equal(r->offered, 2);
	assert_string_equal(r->labels[1], "Roll back dev/podinfo");
	assert_int_equal(x->engine.requests, 0);
	press(x, (struct pressing){ "U1", "slack:C1", r->values[1], .text = "" },
	      "rollback of dev/podinfo asked for by lin");
	r = hears(x, "U1", "slack:C1", "", "status podinfo", NULL);
	assert_string_equal(r->labels[0], "Status of shop/podinfo");
	press(x, (struct pressing){ "U1", "slack:C1", r->values[0], .text = "" },
	      speak_status(x->bot, &x->engine.rollouts[0], LANG_EN, x->arena));
	/* a vote only where something waits */
	hears(x, "U1", "slack:C1", "", "approve podinfo", "Nothing waits for a decision there.");
	(void)open_gate(x);
	r = hears(x, "U1", "slack:C1", "", "approve podinfo", NULL);
	assert_int_equal(r->offered, 1);
	press(x, (struct pressing){ "U1", "slack:C1", r->values[0], .text = "" }, "approved by lin");
}

/* ---- several at once ---- */

static void three_of_a_team(struct room *x)
{
	static const char *const names[] = { "a", "b", "c" };
	for (size_t i = 0; i < 3; i++) {
		x->engine.rollouts[i] = new_rollout("shop", names[i], names[i]);
		x->engine.rollouts[i].labels = i < 2 ? "team=shop" : "team=other";
	}
	x->engine.count = 3;
}

static void test_several(void **state)
{
	struct room *x = *state;
	three_of_a_team(x);
	struct responder_double *r =
		hears(x, "U1", "slack:C1", "", "pause -l team=shop",
		      "Pause 2 rollouts: shop/a, shop/b. Sure? Then type: pause -l team=shop --yes");
	assert_int_equal(r->offered, 1);
	assert_string_equal(r->labels[0], "Pause all 2");
	assert_int_equal(x->engine.requests, 0);
	press(x, (struct pressing){ "U1", "slack:C1", r->values[0], .text = "" },
	      "shop/a: pause of shop/a asked for by lin\nshop/b: pause of shop/b asked for by lin");
	assert_int_equal(x->engine.requests, 2);
	assert_int_equal(audits(x, "action = 'verb.pause' AND outcome = 'asked'"), 2);
	/* somebody without the right: told for each, and on record for each */
	r = hears(x, "U9", "slack:C1", "", "resume -l team=shop --yes", NULL);
	assert_false(r->open);
	assert_non_null(strstr(r->text, "shop/b: you may not pause under policy default"));
	assert_int_equal(audits(x, "action = 'verb.resume' AND outcome = 'refused'"), 2);
	/* a button is about the list that was looked at */
	r = hears(x, "U1", "slack:C1", "", "rollback -l team=shop", NULL);
	x->engine.rollouts[1].revision = "rev2";
	press(x, (struct pressing){ "U1", "slack:C1", r->values[0], .text = "" },
	      "The list has changed since: shop/a, shop/b. Look at it again.");
	assert_int_equal(x->engine.requests, 2);
	/* what a button cannot carry must be typed */
	r = hears(x, "U1", "slack:C1", "", "rollback -l team=shop bad latency",
		  "Roll back 2 rollouts: shop/a, shop/b. Sure? Then type: rollback -l team=shop --yes bad latency");
	assert_int_equal(r->offered, 0);
	hears(x, "U1", "slack:C1", "", "rollback -l team=shop --yes bad latency", NULL);
	assert_string_equal(x->engine.reason, "bad latency");
	hears(x, "U1", "slack:C1", "", "approve -l team=shop", "No rollout with the labels team=shop is concerned.");
	hears(x, "U1", "slack:ZH", "", "暂停 -l team=shop",
	      "暂停 2 个发布：shop/a, shop/b。确定吗？请输入：pause -l team=shop --yes");
}

/* ---- subscriptions and watching ---- */

static void test_subscribe(void **state)
{
	struct room *x = *state;
	hears(x, "U9", "slack:NEW", "", "subscribe", "Nothing is subscribed here.");
	struct responder_double *r = hears(x, "U9", "slack:NEW", "", "subscribe sh*/pod* here",
					   "The cards of sh*/pod* stand here from now on.");
	assert_true(r->open);
	rig_settle(&x->rig);
	assert_non_null(strstr(button(x, "slack:NEW", "rollback"), "v1.")); /* its card stands there now */
	hears(x, "U9", "slack:NEW", "", "sub sh*/pod*", "this place is subscribed to sh*/pod* already");
	hears(x, "U9", "slack:NEW", "", "subscribe", "Subscribed here: sh*/pod*");
	/* who subscribed a channel is not "anyone in the channel" of the policy by that */
	hears(x, "U9", "slack:NEW", "", "rollback podinfo",
	      "you may not roll back under policy default; these may: anyone-in-channel, user:lin");
	restart(x);
	hears(x, "U9", "slack:ZH", "", "订阅", "此处没有订阅。");
	hears(x, "U9", "slack:NEW", "", "unsubscribe sh*/pod*", "The cards of sh*/pod* stand here no longer.");
	hears(x, "U9", "slack:NEW", "", "退订 sh*/pod*", "this place is not subscribed to sh*/pod*");
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM subscriptions"), 0);
	assert_int_equal(audits(x, "action IN ('subscribe', 'unsubscribe') AND detail = '{\"channel\":\"slack:NEW\"}'"),
			 2);
	types(x, "U1", "", "subscribe a/b", RC_INVALID, "This works in a channel of a chat only.");
}

static size_t in_thread(struct room *x, const char *thread, const char *text)
{
	size_t n = 0;
	for (size_t i = 0; i < x->slack.count; i++)
		n += strcmp(x->slack.sent[i].message_id, thread) == 0 && x->slack.sent[i].kind == OUTBOX_REPLY &&
		     strcmp(x->slack.sent[i].body, text) == 0;
	return n;
}

static void test_watch(void **state)
{
	struct room *x = *state;
	hears(x, "U9", "slack:W", "77.1", "watch podinfo", "From now on this thread hears how shop/podinfo goes.");
	news(x, NEWS_STARTED);
	rig_settle(&x->rig);
	assert_int_equal(in_thread(x, "77.1", "🔵 podinfo-default: Progressing, 20%"), 0);
	assert_int_equal(in_thread(x, "77.1", "🔵 podinfo: Progressing, 20%"), 1);
	x->engine.rollouts[0].canary.weight = 40;
	x->engine.rollouts[0].step = 2;
	news(x, NEWS_CHANGED);
	news(x, NEWS_CHANGED);
	rig_settle(&x->rig);
	assert_int_equal(in_thread(x, "77.1", "🔵 podinfo: Progressing, 40%"), 1);
	restart(x); /* it stays watched, and nothing is said twice */
	news(x, NEWS_CHANGED);
	rig_settle(&x->rig);
	assert_int_equal(in_thread(x, "77.1", "🔵 podinfo: Progressing, 40%"), 1);
	hears(x, "U9", "slack:W", "77.1", "unwatch shop/podinfo", "This thread hears no more of shop/podinfo.");
	x->engine.rollouts[0].canary.weight = 60;
	news(x, NEWS_CHANGED);
	rig_settle(&x->rig);
	assert_int_equal(in_thread(x, "77.1", "🔵 podinfo: Progressing, 60%"), 0);
	/* without a thread: the card */
	hears(x, "U9", "slack:W", "", "watch podinfo", "The cards of shop/podinfo stand here from now on.");
}

/* ---- told again when it is done ---- */

static void done_with(struct room *x, bool refused, const char *text)
{
	struct rollout_event ev = { .news = NEWS_REQUEST_DONE,
				    .rollout = &x->engine.rollouts[0],
				    .request_id = x->engine.id,
				    .refused = refused,
				    .text = text };
	engine_double_tell(&x->engine, &ev);
	rig_settle(&x->rig);
}

static void test_answered_again(void **state)
{
	struct room *x = *state;
	struct responder_double *r =
		hears(x, "U1", "slack:ELSE", "88.1", "pause podinfo", "pause of shop/podinfo asked for by lin");
	assert_true(r->open);
	restart(x); /* the promise outlives the process */
	done_with(x, false, "paused at weight 20");
	assert_int_equal(in_thread(x, "88.1", "shop/podinfo: paused at weight 20"), 1);
	done_with(x, false, "paused at weight 20");
	assert_int_equal(in_thread(x, "88.1", "shop/podinfo: paused at weight 20"), 1);
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM answers_owed"), 0);
	hears(x, "U1", "slack:ZH", "99.1", "继续 podinfo", "lin 请求继续 shop/podinfo");
	done_with(x, true, "the rollout is not paused");
	assert_int_equal(in_thread(x, "99.1", "shop/podinfo：未执行：没有暂停"), 1);
	/* where the card stands its thread says it */
	hears(x, "U1", "slack:C1", "", "pause podinfo", NULL);
	size_t before = x->slack.count;
	done_with(x, false, "paused at weight 20");
	size_t said = 0;
	for (size_t i = before; i < x->slack.count; i++)
		said += strcmp(x->slack.sent[i].channel, "slack:C1") == 0;
	assert_int_equal(said, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_commands, setup, teardown),
		cmocka_unit_test_setup_teardown(test_history, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_presses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reject_without_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_press_of_a_verb, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unproven, setup, teardown),
		cmocka_unit_test_setup_teardown(test_press_without_a_bot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pressed_early, setup, teardown),
		cmocka_unit_test_setup_teardown(test_typed_interaction, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chinese, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_filters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_freeze, setup, teardown),
		cmocka_unit_test_setup_teardown(test_choice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several, setup, teardown),
		cmocka_unit_test_setup_teardown(test_subscribe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answered_again, setup, teardown),
	};
	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}

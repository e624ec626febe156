/* Verbs and votes, by whom and on record; the end. */
#include "bot/bot.h"

#include "tests/unit/bot/room_double.h"

/* ---- verbs ---- */

static void test_verbs(void **state)
{
	struct room *x = *state;
	struct bot_ask q = {
		.person = on_slack("U1"), .verb = "promote", .name = "podinfo", .reason = "good", .via = "slack"
	};
	does(x, q, RC_OK, "promote of shop/podinfo asked for by lin");
	assert_string_equal(x->engine.verb, "promote");
	assert_string_equal(x->engine.name, "shop/podinfo");
	assert_string_equal(x->engine.by, "lin");
	assert_string_equal(x->engine.reason, "good");
	assert_string_equal(x->engine.revision, "rev1"); /* what stands there now */
	assert_int_equal(strlen(x->engine.id), 36);
	assert_int_equal(audits(x, "action = 'verb.promote' AND outcome = 'asked' AND actor = 'lin' AND identity ="
				   " 'slack:T1/U1' AND object = 'east/shop/podinfo'"),
			 1);
	q.revision = "rev0";
	does(x, q, RC_OK, "promote of shop/podinfo asked for by lin");
	assert_string_equal(x->engine.revision, "rev0"); /* the engine refuses it */
	q.revision = "";
	q.verb = "rollback";
	does(x, q, RC_OK, "rollback of shop/podinfo asked for by lin");
	assert_string_equal(x->engine.revision, ""); /* whatever runs when it arrives */
	q.verb = "weight";
	q.weight = 40;
	q.name = "east/shop/podinfo";
	does(x, q, RC_OK, "weight of shop/podinfo asked for by lin");
	assert_int_equal(x->engine.weight, 40);
	q.verb = "explode";
	does(x, q, RC_INVALID, "\"explode\" is not a verb");
	x->engine.result = RC_UNREACHABLE;
	q.verb = "pause";
	does(x, q, RC_UNREACHABLE, "the API server said no");
	assert_int_equal(x->engine.requests, 5);
}

static void test_names(void **state)
{
	struct room *x = *state;
	x->engine.rollouts[1] = new_rollout("dev", "podinfo", "uid-2");
	x->engine.rollouts[2] = new_rollout("dev", "other", "uid-3");
	x->engine.count = 3;
	struct bot_ask q = { .person = on_slack("U1"), .verb = "promote" };
	static const struct {
		const char *name;
		enum result r;
		const char *text;
	} cases[] = {
		{ "podinfo", RC_INVALID, "several rollouts have this name, say which: shop/podinfo, dev/podinfo" },
		{ "dev/podinfo", RC_OK, "promote of dev/podinfo asked for by lin" },
		{ "east/dev/podinfo", RC_OK, "promote of dev/podinfo asked for by lin" },
		{ "other", RC_OK, "promote of dev/other asked for by lin" },
		{ "west/dev/podinfo", RC_NOT_FOUND, "there is no rollout \"west/dev/podinfo\"; \"list\" shows them" },
		{ "podinf", RC_NOT_FOUND, "there is no rollout \"podinf\"; \"list\" shows them" },
		{ "shop/", RC_NOT_FOUND, "there is no rollout \"shop/\"; \"list\" shows them" },
		{ "/", RC_NOT_FOUND, "there is no rollout \"/\"; \"list\" shows them" },
		{ "a/b/c/d", RC_NOT_FOUND, "there is no rollout \"a/b/c/d\"; \"list\" shows them" },
		{ "", RC_NOT_FOUND, "there is no rollout \"\"; \"list\" shows them" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		q.name = cases[i].name;
		does(x, q, cases[i].r, cases[i].text);
	}
}

static void test_refused_and_on_record(void **state)
{
	struct room *x = *state;
	struct bot_ask q = { .person = on_slack("U9"), .verb = "promote", .name = "podinfo", .channel = "slack:C1" };
	does(x, q, RC_REFUSED, "you may not promote under policy default; these may: user:lin, user:zhao, slack:S7");
	assert_int_equal(audits(x, "outcome = 'refused' AND actor = 'U9' AND action = 'verb.promote'"), 1);
	x->slack.groups = LIST("slack:S7"); /* a user group, as the platform says */
	does(x, q, RC_OK, "promote of shop/podinfo asked for by U9");
	q.override_gates = true;
	does(x, q, RC_REFUSED, "you may not override gates under policy default; these may: user:zhao");
	q.person = on_slack("U2");
	does(x, q, RC_OK, "promote of shop/podinfo asked for by zhao");
	assert_true(x->engine.override_gates);
	x->engine.rollouts[0].policy = "missing";
	does(x, q, RC_REFUSED, "there is no policy \"missing\"; nobody may do this until it is configured");
	x->engine.rollouts[0].policy = "here";
	q = (struct bot_ask){ .person = on_slack("U9"), .verb = "rollback", .name = "podinfo", .channel = "slack:C1" };
	does(x, q, RC_REFUSED, "policy here wants a reason for a rollback");
}

/* Not any channel: one where the card stands, whatever the platform claims. */
static void test_anyone_in_channel(void **state)
{
	struct room *x = *state;
	struct bot_ask q = { .person = on_slack("U9"), .verb = "rollback", .name = "podinfo", .channel = "slack:C2" };
	does(x, q, RC_REFUSED, "you may not roll back under policy default; these may: anyone-in-channel, user:lin");
	q.channel = "slack:C1";
	does(x, q, RC_OK, "rollback of shop/podinfo asked for by U9");
	x->engine.rollouts[0].policy = "here";
	const char *id = open_gate(x);
	q = (struct bot_ask){ .person = on_slack("U9"), .verb = "approve", .request_id = id, .channel = "slack:C2" };
	does(x, q, RC_REFUSED, "you may not approve under policy here; these may: anyone-in-channel");
	q.channel = "slack:C1";
	does(x, q, RC_OK, "approved by U9");
}

static void test_votes_by_name(void **state)
{
	struct room *x = *state;
	struct bot_ask q = { .person = on_slack("U1"), .verb = "approve", .name = "podinfo", .via = "slack" };
	does(x, q, RC_NOT_FOUND, "nothing waits for a decision on shop/podinfo");
	(void)open_gate(x);
	does(x, q, RC_OK, "approved by lin");
	assert_int_equal(x->engine.decided, 1);
	q.request_id = "gone";
	does(x, q, RC_NOT_FOUND, "there is no such request any more");
}

/* The author of a revision cannot approve it through another door. */
static void test_self_approval(void **state)
{
	struct room *x = *state;
	x->engine.rollouts[0].requested_by = "slack:U1";
	(void)open_gate(x);
	struct bot_ask q = { .person = { .platform = "dingtalk", .id = "m1" }, .verb = "approve", .name = "podinfo" };
	does(x, q, RC_REFUSED, "you asked for this revision; policy default wants somebody else to approve it");
}

/* ---- no decision without a record ---- */

static void test_disk_full(void **state)
{
	struct room *x = *state;
	struct answer a;
	atomic_store(&rig_disk_full, true);
	struct bot_ask q = { .person = on_slack("U1"), .verb = "promote", .name = "podinfo" };
	ask(x, q, &a);
	RIG_UNTIL(&x->rig, rig_is_true, &a.done);
	assert_int_equal(a.r, RC_EXHAUSTED);
	if (!text_starts(a.text, "not done: the decision could not be recorded (") ||
	    !text_ends(a.text, "); a rollback is possible"))
		fail_msg("%s", a.text);
	assert_int_equal(x->engine.requests, 0);
	q.verb = "rollback";
	does(x, q, RC_OK, "rollback of shop/podinfo asked for by lin");
	assert_int_equal(x->engine.requests, 1);
	q.person = on_slack("U9"); /* a refusal is told although it cannot be recorded */
	q.verb = "pause";
	does(x, q, RC_REFUSED, "you may not pause under policy default; these may: user:lin, user:zhao, slack:S7");
}

/* ---- the end ---- */

static void test_end_with_calls_in_flight(void **state)
{
	struct room *x = *state;
	struct answer groups, store, engine, vote, typed = { 0 };
	struct bot_ask q = { .person = on_slack("U1"), .verb = "promote", .name = "podinfo" };
	const char *id = open_gate(x);
	x->engine.silent = true;
	ask(x, q, &engine);
	rig_settle(&x->rig);
	assert_int_equal(x->engine.requests, 1);
	ask(x, q, &store);
	q = (struct bot_ask){ .person = on_slack("U1"), .verb = "approve", .request_id = id };
	ask(x, q, &vote);
	x->slack.silent = true;
	ask(x, q, &groups);
	news(x, NEWS_STARTED); /* a card under way */
	bot_stop(x->bot);
	static const char maybe[] =
		"rollcall is being stopped; what you asked for may still count, look at it in a minute";
	must_be(&groups, RC_UNREACHABLE, BOT_STOPPING);
	must_be(&store, RC_UNREACHABLE, BOT_STOPPING);
	must_be(&vote, RC_UNREACHABLE, maybe);
	must_be(&engine, RC_UNREACHABLE, maybe);
	struct answer late;
	ask(x, q, &late);
	must_be(&late, RC_UNREACHABLE, BOT_STOPPING);
	struct person who = on_slack("U1");
	bot_command(x->bot, &who, "slack:C1", "", "e", "list", answered, &typed);
	must_be(&typed, RC_UNREACHABLE, BOT_STOPPING);
	x->slack.questions[0].done(x->slack.questions[0].owner, NULL);
	news(x, NEWS_FAILED);
	close_rooms(x);
	assert_int_equal(x->engine.requests, 1);
	assert_int_equal(groups.calls + store.calls + vote.calls + engine.calls, 4);
	rig_store_open(&x->rig);
	open_rooms(x);
	assert_int_equal(approvals_find(x->approvals, id, x->arena)->state, REQ_APPROVED); /* it did count */
}

/* The bot goes before the store has closed: what is under way finds nobody, and harms nobody. */
static void test_bot_goes_first(void **state)
{
	struct room *x = *state;
	struct answer a;
	struct bot_ask q = { .person = on_slack("U1"), .verb = "promote", .name = "podinfo" };
	ask(x, q, &a);
	news(x, NEWS_STARTED);
	x->engine.listener_count = 0;
	bot_destroy(x->bot);
	must_be(&a, RC_UNREACHABLE, BOT_STOPPING);
	rig_store_close(&x->rig);
	approvals_destroy(x->approvals);
	outbox_destroy(x->outbox);
	x->bot = NULL;
	bot_destroy(NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_verbs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_and_on_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_anyone_in_channel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_votes_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_self_approval, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disk_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_with_calls_in_flight, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bot_goes_first, setup, teardown),
	};
	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}

#include "bot/approvals/freezes.h"

#include "tests/unit/bot/rig.h"

#include "bot/approvals/freeze.h"

/* Freezes in force: what holds keeps approvals back, who may override goes past it on record, switches outlive the
 * process. */

void engine_gate_decided(struct engine *g, const char *uid)
{
	(void)g;
	(void)uid;
}

#define LIST(...)                                                                                                      \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}
enum { SOON_MS = 30 };
static const struct policy policies[] = {
	{ .name = "default",
	  .approvers = LIST("user:lin", "user:lead"),
	  .rights = { [RIGHT_OVERRIDE] = LIST("user:lead") },
	  .freezes = LIST("weekends"),
	  .quorum = 1 },
	{ .name = "silence",
	  .approvers = LIST("user:lin"),
	  .freezes = LIST("weekends"),
	  .quorum = 1,
	  .timeout_ms = SOON_MS,
	  .on_timeout = TIMEOUT_APPROVE },
	{ .name = "free", .approvers = LIST("user:lin"), .quorum = 1 },
	{ .name = NULL },
};
static const struct freeze freezes[] = {
	{ .name = "weekends", .days = 1 << 6 | 1 << 0, .by = LIST("user:lead") },
	{ .name = NULL },
};
#define WEDNESDAY "2026-11-25T12:00:00Z"
#define SATURDAY "2026-11-28T12:00:00Z"

struct room {
	struct rig rig; /* first */
	struct clock_manual clock;
	struct approvals *approvals;
	struct arena *arena;
};

static void set_clock(struct room *x, const char *at)
{
	assert_int_equal(wall_parse(at, &x->clock.wall_now, NULL), RC_OK);
}

static void room_open(struct room *x)
{
	struct approvals_options o = { .loop = x->rig.loop,
				       .store = x->rig.store,
				       .policies = policies,
				       .freezes = freezes,
				       .clock = &x->clock.clock };
	struct error e;
	if (approvals_create(&o, &x->approvals, &e) != RC_OK)
		fail_msg("%s", e.text);
}

static void room_close(struct room *x)
{
	approvals_stop(x->approvals);
	rig_store_close(&x->rig);
	approvals_destroy(x->approvals);
}

static int setup(void **state)
{
	struct room *x = calloc(1, sizeof *x);
	assert_non_null(x);
	rig_init(&x->rig, approvals_migrations);
	clock_manual_init(&x->clock, (struct wall_ms){ 0 });
	set_clock(x, WEDNESDAY);
	x->arena = arena_create(16 << 20);
	room_open(x);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct room *x = *state;
	room_close(x);
	rig_finish(&x->rig);
	arena_destroy(x->arena);
	free(x);
	return 0;
}

/* ---- asking ---- */

static const char *open_gate(struct room *x, const char *uid, const char *policy)
{
	struct rollout r = { .cluster = "c",
			     .ns = "n",
			     .name = "shop",
			     .uid = uid,
			     .revision = "r1",
			     .policy = policy,
			     .requested_by = "",
			     .stable = { .images = "blue" },
			     .canary = { .images = "green" } };
	struct rollout_gate g = { .type = HOOK_CONFIRM_ROLLOUT, .policy = "", .name = "" };
	struct gatekeeper k = approvals_gatekeeper(x->approvals);
	const char *by = "";
	assert_int_equal(k.ask(k.owner, &r, &g, &by), GATE_CLOSED);
	rig_settle(&x->rig);
	const struct approval *a = approvals_open_of(x->approvals, uid, x->arena);
	assert_non_null(a);
	return a->id;
}

struct told {
	bool done;
	enum result r;
	char text[512];
};

static void told(void *owner, enum result r, const char *text)
{
	struct told *t = owner;
	assert_false(t->done);
	t->done = true;
	t->r = r;
	(void)snprintf(t->text, sizeof t->text, "%s", text);
}

static bool is_told(void *owner)
{
	return ((struct told *)owner)->done;
}

static void expect(struct room *x, struct told *t, enum result r, const char *text)
{
	RIG_UNTIL(&x->rig, is_told, t);
	if (t->r != r || strcmp(t->text, text) != 0)
		fail_msg("got %s \"%s\", not %s \"%s\"", result_name(t->r), t->text, result_name(r), text);
}

static struct person person(const char *name)
{
	return (struct person){ .platform = "token", .team = "", .id = name, .name = name, .user = name };
}

static void vote(struct room *x, const char *id, const char *user, enum vote_verb verb, const char *reason, bool past,
		 enum result r, const char *text)
{
	struct told t = { .done = false };
	struct vote_ask v = { .request_id = id,
			      .revision = "",
			      .person = person(user),
			      .verb = verb,
			      .reason = reason,
			      .via = "cli",
			      .event_id = "",
			      .message_id = "",
			      .override_freeze = past };
	approvals_vote(x->approvals, &v, told, &t);
	assert_false(t.done);
	expect(x, &t, r, text);
}

static void turn(struct room *x, const char *name, bool on, const char *user, const char *reason, enum result r,
		 const char *text)
{
	struct told t = { .done = false };
	struct freeze_ask q = { .name = name, .on = on, .person = person(user), .reason = reason };
	approvals_freeze(x->approvals, &q, told, &t);
	assert_false(t.done);
	expect(x, &t, r, text);
}

/* ---- what holds by the clock ---- */

#define HELD                                                                                                           \
	"the freeze weekends holds until 2026-11-30T00:00:00Z; who has the right to override may approve past it, "    \
	"with a reason"

static void test_nothing_is_approved_while_one_holds(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, "u1", "default");
	set_clock(x, SATURDAY);
	vote(x, id, "lin", VOTE_APPROVE, "", false, RC_REFUSED, HELD);
	vote(x, id, "lin", VOTE_APPROVE, "now", true, RC_REFUSED,
	     "you may not override gates under policy default; these may: user:lead");
	vote(x, id, "lead", VOTE_APPROVE, "", true, RC_REFUSED, "going past a freeze wants a reason");
	vote(x, id, "lead", VOTE_APPROVE, "outage", false, RC_REFUSED, HELD);
	vote(x, id, "lead", VOTE_APPROVE, "outage", true, RC_OK, "approved by lead");
	const struct approval *a = approvals_find(x->approvals, id, x->arena);
	assert_string_equal(a->votes[0].reason, "past a freeze: outage");
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM audit WHERE outcome = 'refused'"), 4);
}

static void test_a_no_is_always_heard(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, "u1", "default");
	set_clock(x, SATURDAY);
	vote(x, id, "lin", VOTE_REJECT, "", false, RC_OK, "rejected by lin");
}

static void test_other_policies_go_on(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, "u1", "free");
	set_clock(x, SATURDAY);
	vote(x, id, "lin", VOTE_APPROVE, "", false, RC_OK, "approved by lin");
}

static bool clock_is_past(void *owner)
{
	const struct approval *a = owner;
	return clock_system()->wall(clock_system()).v >= a->opened_at.v;
}

static void test_silence_is_no_consent_while_one_holds(void **state)
{
	struct room *x = *state;
	set_clock(x, SATURDAY);
	const char *id = open_gate(x, "u1", "silence");
	x->clock.wall_now.v += SOON_MS * 2;
	/* its timer has had its time by the loop's clock */
	struct approval since = { .opened_at = { clock_system()->wall(clock_system()).v + SOON_MS * 2 } };
	RIG_UNTIL(&x->rig, clock_is_past, &since);
	assert_int_equal(approvals_find(x->approvals, id, x->arena)->state, REQ_OPEN);
	set_clock(x, "2026-11-30T00:00:00Z");
	vote(x, id, "lin", VOTE_APPROVE, "", false, RC_CONFLICT,
	     "already approved by rollcall at 2026-11-30T00:00:00Z");
	rig_settle(&x->rig);
	assert_int_equal(approvals_find(x->approvals, id, x->arena)->state, REQ_APPROVED);
}

/* ---- switches ---- */

static void test_a_switch_outlives_the_process(void **state)
{
	struct room *x = *state;
	turn(x, "everything", true, "lin", "smoke", RC_REFUSED,
	     "you may not switch the freeze everything; `by` under freezes says who may");
	turn(x, "weekends", true, "lead", "", RC_REFUSED, "switching a freeze on wants a reason");
	turn(x, "weekend", true, "lead", "x", RC_NOT_FOUND,
	     "there is no freeze \"weekend\"; did you mean \"weekends\"?");
	turn(x, "weekends", true, "lead", "the site is down", RC_OK, "the freeze weekends is on");
	room_close(x);
	rig_store_open(&x->rig);
	room_open(x);
	const char *id = open_gate(x, "u1", "default");
	vote(x, id, "lin", VOTE_APPROVE, "", false, RC_REFUSED,
	     "the freeze weekends holds: lead switched it on: the site is down; who has the right to override may "
	     "approve past it, with a reason");
	const struct freeze_state *s = approvals_freezes(x->approvals, x->arena);
	assert_string_equal(s[0].name, "everything");
	assert_false(s[0].holds);
	assert_string_equal(s[1].name, "weekends");
	assert_true(s[1].holds && s[1].switched);
	assert_string_equal(s[1].by, "lead");
	assert_null(s[2].name);
	turn(x, "weekends", false, "lead", "", RC_OK, "the freeze weekends is off");
	vote(x, id, "lin", VOTE_APPROVE, "", false, RC_OK, "approved by lin");
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM audit WHERE action LIKE 'freeze.%'"), 5);
}

static void test_everything_holds_for_every_policy(void **state)
{
	struct room *x = *state;
	struct person local = { .platform = "token", .team = "", .id = "local", .name = "local", .user = "" };
	struct told t = { .done = false };
	struct freeze_ask q = { .name = "everything", .on = true, .person = local, .reason = "stop" };
	approvals_freeze(x->approvals, &q, told, &t);
	expect(x, &t, RC_OK, "the freeze everything is on");
	const char *id = open_gate(x, "u1", "free");
	vote(x, id, "lin", VOTE_APPROVE, "", false, RC_REFUSED,
	     "the freeze everything holds: local switched it on: stop; who has the right to override may approve past "
	     "it, with a reason");
}

static void test_off_does_not_end_what_the_clock_holds(void **state)
{
	struct room *x = *state;
	set_clock(x, SATURDAY);
	turn(x, "weekends", false, "lead", "", RC_OK,
	     "the freeze weekends holds until 2026-11-30T00:00:00Z by the clock; only the switch was taken back");
}

static void test_nothing_is_switched_that_cannot_be_recorded(void **state)
{
	struct room *x = *state;
	struct told t = { .done = false };
	struct freeze_ask q = { .name = "weekends", .on = true, .person = person("lead"), .reason = "stop" };
	atomic_store(&rig_disk_full, true);
	approvals_freeze(x->approvals, &q, told, &t);
	RIG_UNTIL(&x->rig, is_told, &t);
	atomic_store(&rig_disk_full, false);
	assert_int_equal(t.r, RC_EXHAUSTED);
	assert_false(approvals_freezes(x->approvals, x->arena)[1].holds);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_approved_while_one_holds),
		TEST(test_a_no_is_always_heard),
		TEST(test_other_policies_go_on),
		TEST(test_silence_is_no_consent_while_one_holds),
		TEST(test_a_switch_outlives_the_process),
		TEST(test_everything_holds_for_every_policy),
		TEST(test_off_does_not_end_what_the_clock_holds),
		TEST(test_nothing_is_switched_that_cannot_be_recorded),
	};
	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}

#include "bot/approvals/approvals.h"

#include "tests/unit/bot/rig.h"

/* Reminders count from when the question was put, whoever was running then; a decision ends them. */

void engine_gate_decided(struct engine *g, const char *uid)
{
	(void)g;
	(void)uid;
}

static const int64_t soon[] = { 30, 60, 3600000, 0 };
static const char *const lin_alone[] = { "user:lin", NULL };
static const struct policy policies[] = {
	{ .name = "default", .approvers = lin_alone, .quorum = 1, .remind_ms = soon },
	{ .name = NULL },
};
struct room {
	struct rig rig; /* first */
	struct approvals *approvals;
	int opened, reminded, decided;
	int64_t opened_at;
};

static void recorded(void *owner, struct store_tx *tx, enum approval_news news, const struct approval *after)
{
	struct room *x = owner;
	(void)tx;
	x->opened_at = after->opened_at.v;
	x->opened += news == APPROVAL_OPENED;
	x->reminded += news == APPROVAL_REMINDED;
	x->decided += news == APPROVAL_DECIDED;
}

static void room_open(struct room *x)
{
	struct approvals_options o = { .loop = x->rig.loop, .store = x->rig.store, .policies = policies };
	struct error e;
	if (approvals_create(&o, &x->approvals, &e) != RC_OK)
		fail_msg("%s", e.text);
	approvals_record(x->approvals, recorded, x);
}

static void room_close(struct room *x)
{
	approvals_stop(x->approvals);
	rig_store_close(&x->rig);
	approvals_destroy(x->approvals);
}

static enum gate_verdict ask(struct room *x)
{
	struct rollout r = { .cluster = "c",
			     .ns = "n",
			     .name = "shop",
			     .uid = "u1",
			     .revision = "r1",
			     .policy = "",
			     .requested_by = "",
			     .stable = { .images = "blue" },
			     .canary = { .images = "green" } };
	struct rollout_gate g = { .type = HOOK_CONFIRM_ROLLOUT, .policy = "", .name = "rollcall" };
	struct gatekeeper k = approvals_gatekeeper(x->approvals);
	const char *by = "";
	return k.ask(k.owner, &r, &g, &by);
}

/* Two are due and have been said; a machine that is late says both at once. */
static bool reminded(void *owner)
{
	const struct room *x = owner;
	struct wall_ms opened = { x->opened_at };
	return x->reminded > 0 && policy_reminders_due(&policies[0], opened, clock_system()->wall(clock_system())) == 2;
}

static bool is_decided(void *owner)
{
	return ((struct room *)owner)->decided > 0;
}

static void voted(void *owner, enum result r, const char *text)
{
	(void)owner;
	(void)text;
	assert_int_equal(r, RC_OK);
}

static void test_reminded_until_decided(void **state)
{
	struct room *x = *state;
	assert_int_equal(ask(x), GATE_CLOSED);
	RIG_UNTIL(&x->rig, reminded, x);
	rig_settle(&x->rig);
	int said = x->reminded;
	assert_int_equal(x->opened, 1);
	assert_in_range(said, 1, 2);

	/* What is over is not said again by the next process; the one in an hour is still to come. */
	room_close(x);
	rig_store_open(&x->rig);
	room_open(x);
	struct arena *a = arena_create(1 << 20);
	const struct approval *open = approvals_open_of(x->approvals, "u1", a);
	assert_non_null(open);
	assert_int_equal(policy_reminders_due(&policies[0], open->opened_at, clock_system()->wall(clock_system())), 2);
	struct vote_ask v = { .request_id = open->id,
			      .revision = "r1",
			      .person = { .platform = "token", .id = "lin", .user = "lin" },
			      .verb = VOTE_APPROVE,
			      .via = "cli" };
	approvals_vote(x->approvals, &v, voted, x);
	RIG_UNTIL(&x->rig, is_decided, x);
	assert_int_equal(x->reminded, said);
	arena_destroy(a);
}

static void test_due(void **state)
{
	(void)state;
	const struct {
		int64_t after;
		size_t due;
	} cases[] = { { 0, 0 }, { 29, 0 }, { 30, 1 }, { 59, 1 }, { 60, 2 }, { 3599999, 2 }, { 3600000, 3 } };
	struct wall_ms opened = { 1764000000000ll };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (policy_reminders_due(&policies[0], opened, (struct wall_ms){ opened.v + cases[i].after }) !=
		    cases[i].due)
			fail_msg("after %lld ms: not %zu", (long long)cases[i].after, cases[i].due);
	struct policy none = { .name = "none" };
	assert_int_equal(policy_reminders_due(&none, opened, (struct wall_ms){ INT64_MAX }), 0);
}

static int setup(void **state)
{
	struct room *x = calloc(1, sizeof *x);
	assert_non_null(x);
	rig_init(&x->rig, approvals_migrations);
	room_open(x);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct room *x = *state;
	room_close(x);
	rig_finish(&x->rig);
	free(x);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_due),
		cmocka_unit_test_setup_teardown(test_reminded_until_decided, setup, teardown),
	};
	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}

#include "bot/approvals/approvals.h"

#include "tests/unit/bot/rig.h"

#include "base/metrics.h"
#include "base/text.h"
#include "bot/approvals/audit.h"

#define LIST(...)                                                                                                      \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

/* ---- the engine: all that approvals ask of it ---- */

static char engine_told[8][32];
static size_t engine_told_count;

void engine_gate_decided(struct engine *g, const char *uid)
{
	(void)g;
	(void)snprintf(engine_told[engine_told_count++ % 8], 32, "%s", uid);
}

/* ---- a room ---- */

static const struct policy policies[] = {
	{ .name = "default", .approvers = LIST("user:lin", "user:zhao", "slack:U3"), .quorum = 1, .distinct = true },
	{ .name = "two", .approvers = LIST("user:lin", "user:zhao", "user:wei"), .quorum = 2, .distinct = true },
	{ .name = "hold", .approvers = LIST("user:lin"), .quorum = 1, .hold_on_reject = true },
	{ .name = "soon", .approvers = LIST("user:lin", "user:zhao"), .quorum = 2, .timeout_ms = 40 },
	{ .name = "soon-yes",
	  .approvers = LIST("user:lin", "user:zhao"),
	  .quorum = 2,
	  .timeout_ms = 40,
	  .on_timeout = TIMEOUT_APPROVE },
	{ .name = "soon-wait",
	  .approvers = LIST("user:lin"),
	  .quorum = 1,
	  .timeout_ms = 40,
	  .on_timeout = TIMEOUT_WAIT },
	{ .name = "hour", .approvers = LIST("user:lin", "user:zhao"), .quorum = 2, .timeout_ms = 3600000 },
	{ .name = "slow-no",
	  .approvers = LIST("user:lin", "user:zhao", "user:wei"),
	  .quorum = 9,
	  .reject_quorum = 9,
	  .distinct = true },
	{ .name = NULL },
};
struct news {
	enum approval_news news;
	enum req_state state;
	long long audit_rows; /* that others could read at that moment */
};
struct room {
	struct rig rig; /* first */
	struct clock_manual clock;
	struct metrics *metrics;
	struct approvals *approvals;
	struct arena *arena;
	struct news news[64];
	size_t news_count;
	enum req_state recorded[64];
	size_t recorded_count;
};

static void heard(void *owner, enum approval_news news, const struct approval *a)
{
	struct room *x = owner;
	x->news[x->news_count++ % 64] =
		(struct news){ news, a->state, rig_number(&x->rig, "SELECT count(*) FROM audit") };
}

static void recorded(void *owner, struct store_tx *tx, enum approval_news news, const struct approval *after)
{
	struct room *x = owner;
	(void)news;
	x->recorded[x->recorded_count++ % 64] = after->state;
	store_exec(tx, "INSERT INTO told (request, state, votes) VALUES (?1, ?2, ?3)", "sii", after->id,
		   (int64_t)after->state, (int64_t)after->vote_count);
}

static void room_open(struct room *x)
{
	struct approvals_options o = { .loop = x->rig.loop,
				       .store = x->rig.store,
				       .engine = (struct engine *)x,
				       .policies = policies,
				       .metrics = x->metrics,
				       .clock = &x->clock.clock };
	struct error e;
	if (approvals_create(&o, &x->approvals, &e) != RC_OK)
		fail_msg("%s", e.text);
	approvals_listen(x->approvals, heard, x);
	approvals_record(x->approvals, recorded, x);
}

static void room_close(struct room *x)
{
	approvals_stop(x->approvals);
	rig_store_close(&x->rig);
	approvals_destroy(x->approvals);
	x->approvals = NULL;
}

static void restart(struct room *x)
{
	room_close(x);
	rig_store_open(&x->rig);
	room_open(x);
}

static int setup(void **state)
{
	static struct store_migration all[8];
	size_t n = 0;
	for (; approvals_migrations[n].room; n++)
		all[n] = approvals_migrations[n];
	all[n++] = (struct store_migration){ "test", 1,
					     "CREATE TABLE told (request TEXT, state INTEGER, votes INTEGER);" };
	all[n] = (struct store_migration){ 0 };
	struct room *x = calloc(1, sizeof *x);
	assert_non_null(x);
	engine_told_count = 0;
	rig_init(&x->rig, all);
	clock_manual_init(&x->clock, (struct wall_ms){ 1764000000000ll });
	x->metrics = metrics_create();
	x->arena = arena_create(64 << 20);
	room_open(x);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct room *x = *state;
	if (x->approvals)
		room_close(x);
	rig_finish(&x->rig);
	arena_destroy(x->arena);
	metrics_destroy(x->metrics);
	free(x);
	return 0;
}

/* ---- asking and voting ---- */

struct gate {
	const char *revision, *policy, *requested_by;
	int step;
	enum hook_type type;
};

static struct rollout rollout_of(const struct gate *g)
{
	return (struct rollout){ .cluster = "prod",
				 .ns = "shop",
				 .name = "podinfo",
				 .uid = "uid-1",
				 .revision = g->revision,
				 .policy = g->policy ? g->policy : "",
				 .requested_by = g->requested_by ? g->requested_by : "",
				 .stable.images = "podinfo:blue",
				 .canary.images = "podinfo:green" };
}

static enum gate_verdict ask_by(struct room *x, const struct gate *g, const char **by)
{
	struct rollout r = rollout_of(g);
	struct rollout_gate gate = { .waiting = true,
				     .type = g->type ? g->type : HOOK_CONFIRM_PROMOTION,
				     .step = g->step,
				     .weight = 40,
				     .policy = "",
				     .name = "" };
	struct gatekeeper k = approvals_gatekeeper(x->approvals);
	return k.ask(k.owner, &r, &gate, by);
}

static enum gate_verdict ask(struct room *x, const struct gate *g)
{
	const char *by = "";
	return ask_by(x, g, &by);
}

static void leave(struct room *x, const struct gate *g)
{
	struct rollout r = rollout_of(g);
	struct gatekeeper k = approvals_gatekeeper(x->approvals);
	k.left(k.owner, &r);
}

/* Opens a request and gives its id. */
static const char *open_gate(struct room *x, const struct gate *g)
{
	assert_int_equal(ask(x, g), GATE_CLOSED);
	rig_settle(&x->rig);
	const struct approval *a = approvals_open_of(x->approvals, "uid-1", x->arena);
	assert_non_null(a);
	assert_string_equal(a->revision, g->revision);
	return a->id;
}

static enum req_state state_of(struct room *x, const char *id)
{
	const struct approval *a = approvals_find(x->approvals, id, x->arena);
	assert_non_null(a);
	return a->state;
}

struct ballot {
	bool done, inside;
	int calls;
	enum result r;
	char text[512];
};

static void counted(void *owner, enum result r, const char *text)
{
	struct ballot *b = owner;
	assert_false(b->inside); /* never from inside the call */
	b->done = true;
	b->calls++;
	b->r = r;
	(void)snprintf(b->text, sizeof b->text, "%s", text);
}

static void cast(struct room *x, const char *id, const char *user, enum vote_verb verb, const char *event_id,
		 struct ballot *b)
{
	struct vote_ask v = { .request_id = id,
			      .revision = "",
			      .person = { .platform = "slack", .team = "T1", .id = user, .name = user, .user = user },
			      .verb = verb,
			      .reason = "why not",
			      .via = "slack",
			      .event_id = event_id,
			      .message_id = "1700.1" };
	*b = (struct ballot){ .inside = true };
	approvals_vote(x->approvals, &v, counted, b);
	b->inside = false;
}

static void expect(const struct ballot *b, enum result r, const char *text)
{
	assert_int_equal(b->calls, 1);
	if (b->r != r || strcmp(b->text, text) != 0)
		fail_msg("got %s \"%s\", not %s \"%s\"", result_name(b->r), b->text, result_name(r), text);
}

static void vote(struct room *x, const char *id, const char *user, enum vote_verb verb, enum result r, const char *text)
{
	struct ballot b;
	cast(x, id, user, verb, "", &b);
	RIG_UNTIL(&x->rig, rig_is_true, &b.done);
	expect(&b, r, text);
}

/* ---- the way through ---- */

static void test_quorum(void **state)
{
	struct room *x = *state;
	const struct gate g = { .revision = "aaa", .policy = "two" };
	const char *id = open_gate(x, &g), *by = NULL;
	assert_int_equal(x->recorded[0], REQ_OPEN);
	assert_int_equal(x->news[0].news, APPROVAL_OPENED);
	assert_int_equal(ask(x, &g), GATE_CLOSED); /* asked once only */
	rig_settle(&x->rig);
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM approvals"), 1);

	vote(x, id, "lin", VOTE_APPROVE, RC_OK, "counted: 1 of 2 approvals");
	assert_int_equal(ask(x, &g), GATE_CLOSED);
	assert_int_equal(engine_told_count, 0);
	vote(x, id, "zhao", VOTE_APPROVE, RC_OK, "approved by lin, zhao");
	assert_int_equal(engine_told_count, 1);
	assert_string_equal(engine_told[0], "uid-1");
	assert_int_equal(ask_by(x, &g, &by), GATE_OPEN);
	assert_string_equal(by, "lin, zhao");
	assert_int_equal(x->news_count, 3);
	assert_int_equal(x->news[1].news, APPROVAL_VOTED);
	assert_int_equal(x->news[2].news, APPROVAL_DECIDED);
	/* opened, vote, vote, approved: each on disk before anybody heard */
	assert_int_equal(x->news[2].audit_rows, 4);
	assert_int_equal(metric_value(metrics_add(x->metrics, METRIC_COUNTER, "rollcall_votes_total", "", "verb", NULL),
				      "approve"),
			 2);
	vote(x, id, "wei", VOTE_REJECT, RC_CONFLICT, "already approved by lin, zhao at 2025-11-24T16:00:00Z");
	assert_int_equal(state_of(x, id), REQ_APPROVED);
}

/* Nothing is approved before the disk says so. */
static void test_only_after_commit(void **state)
{
	struct room *x = *state;
	const struct gate g = { .revision = "aaa" };
	const char *id = open_gate(x, &g);
	struct ballot b;
	cast(x, id, "lin", VOTE_APPROVE, "", &b);
	assert_int_equal(x->recorded[x->recorded_count - 1], REQ_APPROVED);
	assert_int_equal(state_of(x, id), REQ_OPEN);
	assert_int_equal(ask(x, &g), GATE_CLOSED);
	assert_int_equal(approvals_find(x->approvals, id, x->arena)->vote_count, 0);
	assert_int_equal(engine_told_count, 0);
	RIG_UNTIL(&x->rig, rig_is_true, &b.done);
	assert_int_equal(state_of(x, id), REQ_APPROVED);
	assert_int_equal(ask(x, &g), GATE_OPEN);
}

static void test_one_person_twice(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, &(struct gate){ .revision = "aaa", .policy = "two" });
	vote(x, id, "lin", VOTE_APPROVE, RC_OK, "counted: 1 of 2 approvals");
	vote(x, id, "lin", VOTE_APPROVE, RC_OK, "counted: 1 of 2 approvals");
	assert_int_equal(state_of(x, id), REQ_OPEN);
	assert_int_equal(approvals_find(x->approvals, id, x->arena)->vote_count, 2);
	vote(x, id, "lin", VOTE_REJECT, RC_OK, "rejected by lin");
}

static void test_votes_are_bounded(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, &(struct gate){ .revision = "aaa", .policy = "slow-no" });
	for (int i = 0; i < 20; i++)
		vote(x, id, "lin", i % 2 ? VOTE_APPROVE : VOTE_REJECT, RC_OK,
		     i % 2 ? "counted: 1 of 9 approvals" : "counted: 1 of 9 rejections");
	vote(x, id, "lin", VOTE_APPROVE, RC_REFUSED, "you have changed your vote too often; your last one stands");
	vote(x, id, "zhao", VOTE_APPROVE, RC_OK, "counted: 2 of 9 approvals");
	assert_int_equal(approvals_find(x->approvals, id, x->arena)->vote_count, 21);
}

static void test_refusals(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, &(struct gate){ .revision = "aaa", .requested_by = "zhao" });
	vote(x, id, "eve", VOTE_APPROVE, RC_REFUSED,
	     "you may not approve under policy default; these may: user:lin, user:zhao, slack:U3");
	vote(x, id, "zhao", VOTE_APPROVE, RC_REFUSED,
	     "you asked for this revision; policy default wants somebody else to approve it");
	vote(x, "nonsense", "lin", VOTE_APPROVE, RC_NOT_FOUND, "there is no such request any more");
	assert_int_equal(state_of(x, id), REQ_OPEN);
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM audit WHERE outcome = 'refused'"), 3);
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM audit WHERE request = 'nonsense'"), 1);
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM votes"), 0);
}

static void test_unknown_policy(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, &(struct gate){ .revision = "aaa", .policy = "nobody" });
	vote(x, id, "lin", VOTE_APPROVE, RC_REFUSED, "the policy of this gate is not configured any more");
}

static void test_reject(void **state)
{
	struct room *x = *state;
	const struct gate g = { .revision = "aaa" }, h = { .revision = "bbb", .policy = "hold" };
	vote(x, open_gate(x, &g), "zhao", VOTE_REJECT, RC_OK, "rejected by zhao");
	assert_int_equal(ask(x, &g), GATE_REJECTED_ROLLBACK);
	vote(x, open_gate(x, &h), "lin", VOTE_REJECT, RC_OK, "rejected by lin");
	assert_int_equal(ask(x, &h), GATE_REJECTED_HOLD);
}

/* ---- revisions ---- */

static void test_superseded(void **state)
{
	struct room *x = *state;
	const struct gate old = { .revision = "aaa" }, new = { .revision = "bbb" };
	const char *id = open_gate(x, &old);
	const char *next = open_gate(x, &new);
	assert_int_equal(state_of(x, id), REQ_SUPERSEDED);
	vote(x, id, "lin", VOTE_APPROVE, RC_CONFLICT,
	     "superseded: a newer revision replaced aaa; its own card asks again");
	assert_int_equal(state_of(x, next), REQ_OPEN);
	assert_int_equal(engine_told_count, 0);
	struct vote_ask v = { .request_id = next,
			      .revision = "aaa",
			      .person = { .platform = "slack", .id = "lin", .user = "lin" },
			      .reason = "",
			      .via = "slack" };
	struct ballot b = { 0 };
	approvals_vote(x->approvals, &v, counted, &b);
	RIG_UNTIL(&x->rig, rig_is_true, &b.done);
	expect(&b, RC_CONFLICT, "superseded: that button was about another revision");
}

static void test_same_revision_again(void **state)
{
	struct room *x = *state;
	const struct gate a = { .revision = "aaa" }, b = { .revision = "bbb" };
	const char *first = open_gate(x, &a);
	vote(x, first, "lin", VOTE_APPROVE, RC_OK, "approved by lin");
	assert_int_equal(ask(x, &a), GATE_OPEN);
	(void)open_gate(x, &b);
	const char *second = open_gate(x, &a);
	assert_string_not_equal(first, second);
	restart(x);
	assert_int_equal(ask(x, &a), GATE_CLOSED);
	assert_int_equal(state_of(x, second), REQ_OPEN);
}

/* An approval is for one rollout: when that has ended, the same revision is asked about afresh. */
static void test_over(void **state)
{
	struct room *x = *state;
	const struct gate g = { .revision = "aaa" };
	const char *id = open_gate(x, &g);
	vote(x, id, "lin", VOTE_APPROVE, RC_OK, "approved by lin");
	leave(x, &g);
	assert_int_equal(ask(x, &g), GATE_CLOSED);
	rig_settle(&x->rig);
	restart(x);
	assert_int_equal(rig_number(&x->rig, "SELECT over FROM approvals WHERE state = 1"), 1);
	assert_int_equal(ask(x, &g), GATE_CLOSED);
	size_t n = 0;
	(void)approvals_of(x->approvals, "uid-1", "aaa", x->arena, &n);
	assert_int_equal(n, 1); /* the new one alone */
}

static void test_left_open(void **state)
{
	struct room *x = *state;
	const struct gate g = { .revision = "aaa" };
	const char *id = open_gate(x, &g);
	leave(x, &g);
	rig_settle(&x->rig);
	assert_int_equal(state_of(x, id), REQ_CANCELLED);
	vote(x, id, "lin", VOTE_APPROVE, RC_CONFLICT, "already cancelled by rollcall at 2025-11-24T16:00:00Z");
}

/* The end of a rollout that comes while a vote, or the opening itself, is being written is not lost. */
static void test_ends_during_a_write(void **state)
{
	struct room *x = *state;
	const struct gate a = { .revision = "aaa", .policy = "two" }, b = { .revision = "bbb", .policy = "two" };
	const char *id = open_gate(x, &a);
	struct ballot one, two;
	cast(x, id, "lin", VOTE_APPROVE, "", &one);
	cast(x, id, "zhao", VOTE_APPROVE, "", &two); /* waits for the first */
	(void)ask(x, &b);
	RIG_UNTIL(&x->rig, rig_is_true, &two.done);
	expect(&one, RC_OK, "counted: 1 of 2 approvals");
	expect(&two, RC_CONFLICT, "superseded: a newer revision replaced aaa; its own card asks again");
	assert_int_equal(state_of(x, id), REQ_SUPERSEDED);

	leave(x, &b);
	rig_settle(&x->rig);
	assert_int_equal(ask(x, &a), GATE_CLOSED);
	leave(x, &a); /* while it is being opened */
	rig_settle(&x->rig);
	assert_null(approvals_open_of(x->approvals, "uid-1", x->arena));
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM approvals WHERE state = 0"), 0);
}

/* A process that died between the end of a rollout and its record finds out at start. */
static enum rollout_life at_rest(void *owner, const char *uid)
{
	(void)uid;
	return *(enum rollout_life *)owner;
}

static void test_reconcile(void **state)
{
	struct room *x = *state;
	const struct gate g = { .revision = "aaa" }, other = { .revision = "aaa", .step = 2 };
	vote(x, open_gate(x, &g), "lin", VOTE_APPROVE, RC_OK, "approved by lin");
	const char *open = open_gate(x, &other);
	enum rollout_life life = ROLLOUT_ACTIVE;
	restart(x);
	approvals_reconcile(x->approvals, at_rest, &life);
	assert_int_equal(ask(x, &g), GATE_OPEN);
	life = ROLLOUT_AT_REST;
	approvals_reconcile(x->approvals, at_rest, &life);
	assert_int_equal(ask(x, &g), GATE_CLOSED);
	assert_int_equal(state_of(x, open), REQ_OPEN);
	rig_settle(&x->rig);
	life = ROLLOUT_GONE;
	approvals_reconcile(x->approvals, at_rest, &life);
	rig_settle(&x->rig);
	assert_int_equal(state_of(x, open), REQ_CANCELLED);
}

/* What is over leaves memory but for the last thousand, and never what is still open. */
static void test_memory_is_bounded(void **state)
{
	struct room *x = *state;
	const char *kept = open_gate(x, &(struct gate){ .revision = "keep" });
	char revision[16];
	for (int i = 0; i < 1100; i++) {
		(void)snprintf(revision, sizeof revision, "r%d", i);
		struct rollout r = rollout_of(&(struct gate){ .revision = revision });
		struct rollout_gate gate = { .type = HOOK_CONFIRM_PROMOTION, .policy = "", .name = "" };
		struct gatekeeper k = approvals_gatekeeper(x->approvals);
		const char *by;
		r.uid = "uid-2";
		(void)k.ask(k.owner, &r, &gate, &by);
		if (i % 100 == 0)
			rig_settle(&x->rig);
	}
	rig_settle(&x->rig);
	(void)open_gate(x, &(struct gate){ .revision = "keep", .step = 7 });
	size_t n = 0;
	(void)approvals_of(x->approvals, "uid-2", "", x->arena, &n);
	assert_int_equal(n, 1); /* the others are over */
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM approvals WHERE state = 3 AND over = 1"), 1099);
	/* the oldest are forgotten: pressing their buttons says so */
	char id[64];
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	assert_int_equal(sqlite3_open(x->rig.path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT request FROM audit WHERE action = 'request.opened' ORDER BY seq"
					    " LIMIT 1 OFFSET 1",
					    -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	(void)snprintf(id, sizeof id, "%s", (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	sqlite3_close(db);
	assert_null(approvals_find(x->approvals, id, x->arena));
	assert_int_equal(state_of(x, kept), REQ_OPEN);
}

/* ---- deadlines ---- */

struct wanted {
	struct room *x;
	const char *id;
	enum req_state state;
};

static bool is_in_state(void *owner)
{
	struct wanted *w = owner;
	return state_of(w->x, w->id) == w->state;
}

static void wait_state(struct room *x, const char *id, enum req_state s)
{
	struct wanted w = { x, id, s };
	RIG_UNTIL(&x->rig, is_in_state, &w);
}

static void test_deadlines(void **state)
{
	struct room *x = *state;
	static const struct {
		const char *policy;
		enum req_state state;
		enum gate_verdict verdict;
	} cases[] = {
		{ "soon", REQ_EXPIRED, GATE_REJECTED_ROLLBACK },
		{ "soon-yes", REQ_APPROVED, GATE_OPEN },
	};
	for (size_t i = 0; i < 2; i++)
		for (int over_restart = 0; over_restart < 2; over_restart++) {
			char revision[8];
			(void)snprintf(revision, sizeof revision, "%zu-%d", i, over_restart);
			const struct gate g = { .revision = revision, .policy = cases[i].policy };
			const char *id = open_gate(x, &g);
			assert_int_equal(approvals_find(x->approvals, id, x->arena)->deadline_at.v,
					 x->clock.wall_now.v + 40);
			if (over_restart) {
				room_close(x);
				clock_manual_advance(&x->clock, 1000);
				rig_store_open(&x->rig);
				room_open(x);
			} else {
				clock_manual_advance(&x->clock, 40);
			}
			wait_state(x, id, cases[i].state);
			assert_int_equal(ask(x, &g), cases[i].verdict);
			rig_settle(&x->rig);
		}
	assert_int_equal(engine_told_count, 4);
	const struct gate g = { .revision = "wait", .policy = "soon-wait" };
	const char *id = open_gate(x, &g);
	clock_manual_advance(&x->clock, 1000);
	restart(x);
	rig_settle(&x->rig);
	assert_int_equal(ask(x, &g), GATE_CLOSED);
	vote(x, id, "lin", VOTE_APPROVE, RC_OK, "approved by lin");
}

/* The wall decides, not how long the loop has run. */
static void test_clock_stands_still(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, &(struct gate){ .revision = "aaa", .policy = "soon" });
	rig_pass(&x->rig, 90);
	assert_int_equal(state_of(x, id), REQ_OPEN);
	clock_manual_advance(&x->clock, 40);
	wait_state(x, id, REQ_EXPIRED);
}

static void test_vote_after_deadline(void **state)
{
	struct room *x = *state;
	const struct gate g = { .revision = "aaa", .policy = "hour" };
	const char *id = open_gate(x, &g);
	clock_manual_advance(&x->clock, 3600000); /* the loop's timer does not know */
	vote(x, id, "lin", VOTE_APPROVE, RC_CONFLICT, "already expired by rollcall at 2025-11-24T17:00:00Z");
	assert_int_equal(state_of(x, id), REQ_EXPIRED);
}

/* ---- repeats and queues ---- */

static void test_event_once(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, &(struct gate){ .revision = "aaa", .policy = "two" });
	struct ballot b[3];
	cast(x, id, "lin", VOTE_APPROVE, "ev-1", &b[0]);
	cast(x, id, "lin", VOTE_APPROVE, "ev-1", &b[1]);
	RIG_UNTIL(&x->rig, rig_is_true, &b[1].done);
	expect(&b[0], RC_OK, "counted: 1 of 2 approvals");
	expect(&b[1], RC_CONFLICT, "this press has already been counted");
	restart(x);
	cast(x, id, "zhao", VOTE_APPROVE, "ev-1", &b[2]);
	RIG_UNTIL(&x->rig, rig_is_true, &b[2].done);
	expect(&b[2], RC_CONFLICT, "this press has already been counted");
	assert_int_equal(approvals_find(x->approvals, id, x->arena)->vote_count, 1);
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM audit WHERE outcome = 'refused'"), 2);
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM told"), 2); /* opened, one vote */
}

/* A press that came twice must not bring the deadline forward. */
static void test_repeat_keeps_deadline(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, &(struct gate){ .revision = "aaa", .policy = "hour" });
	struct ballot b[2];
	cast(x, id, "lin", VOTE_APPROVE, "ev-1", &b[0]);
	cast(x, id, "lin", VOTE_APPROVE, "ev-1", &b[1]);
	RIG_UNTIL(&x->rig, rig_is_true, &b[1].done);
	clock_manual_advance(&x->clock, 60000);
	vote(x, id, "zhao", VOTE_APPROVE, RC_OK, "approved by lin, zhao");
}

static void test_queue(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, &(struct gate){ .revision = "aaa", .policy = "slow-no" });
	enum { MANY = 300 };
	struct ballot *b = calloc(MANY, sizeof *b);
	size_t counted_votes = 0, turned_away = 0, refused = 0;
	assert_non_null(b);
	for (size_t i = 0; i < MANY; i++)
		cast(x, id, i % 2 ? "lin" : "zhao", VOTE_APPROVE, "", &b[i]);
	for (size_t i = 0; i < MANY; i++)
		RIG_UNTIL(&x->rig, rig_is_true, &b[i].done);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(b[i].calls, 1);
		counted_votes += b[i].r == RC_OK;
		refused += b[i].r == RC_REFUSED;
		turned_away += b[i].r == RC_EXHAUSTED;
	}
	assert_int_equal(counted_votes, 40); /* 20 each */
	assert_int_equal(turned_away, MANY - 257);
	assert_int_equal(refused, 257 - 40);
	expect(&b[0], RC_OK, "counted: 1 of 9 approvals");
	expect(&b[1], RC_OK, "counted: 2 of 9 approvals");
	free(b);
}

/* ---- a disk that fails ---- */

static void test_disk_full(void **state)
{
	struct room *x = *state;
	const struct gate g = { .revision = "aaa", .policy = "two" }, h = { .revision = "aaa", .step = 3 };
	const char *id = open_gate(x, &g);
	vote(x, id, "lin", VOTE_APPROVE, RC_OK, "counted: 1 of 2 approvals");
	atomic_store(&rig_disk_full, true);
	struct ballot b;
	cast(x, id, "zhao", VOTE_APPROVE, "", &b);
	RIG_UNTIL(&x->rig, rig_is_true, &b.done);
	assert_int_equal(b.r, RC_EXHAUSTED);
	if (!text_starts(b.text, "not counted: the decision could not be recorded ("))
		fail_msg("%s", b.text);
	assert_int_equal(state_of(x, id), REQ_OPEN);
	assert_int_equal(approvals_find(x->approvals, id, x->arena)->vote_count, 1);
	assert_int_equal(ask(x, &g), GATE_CLOSED);
	vote(x, id, "zhao", VOTE_APPROVE, RC_EXHAUSTED,
	     "not counted: decisions cannot be recorded now (disk); a rollback is possible");
	assert_int_equal(ask(x, &h), GATE_CLOSED); /* cannot be asked: nobody hears of it */
	rig_settle(&x->rig);
	size_t n = 0;
	(void)approvals_of(x->approvals, "uid-1", "", x->arena, &n);
	assert_int_equal(n, 1);
	assert_int_equal(engine_told_count, 0);
	atomic_store(&rig_disk_full, false);
	(void)ask(x, &h); /* the write that makes the store well again */
	rig_settle(&x->rig);
	vote(x, id, "zhao", VOTE_APPROVE, RC_OK, "approved by lin, zhao");
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM votes"), 2);
}

struct over_wait {
	struct room *x;
};

static bool is_over_on_disk(void *owner)
{
	return rig_number(&((struct over_wait *)owner)->x->rig, "SELECT over FROM approvals") == 1;
}

/* That a rollout has ended is written in the end, or an old approval would open the next one. */
static void test_over_is_written_in_the_end(void **state)
{
	struct room *x = *state;
	const struct gate g = { .revision = "aaa" };
	vote(x, open_gate(x, &g), "lin", VOTE_APPROVE, RC_OK, "approved by lin");
	atomic_store(&rig_disk_full, true);
	leave(x, &g);
	rig_settle(&x->rig);
	atomic_store(&rig_disk_full, false);
	RIG_UNTIL(&x->rig, is_over_on_disk, &(struct over_wait){ x });
}

/* ---- what is told with the vote ---- */

static void test_recorder_is_one_with_the_vote(void **state)
{
	struct room *x = *state;
	const char *id = open_gate(x, &(struct gate){ .revision = "aaa" });
	assert_int_equal(rig_exec(&x->rig, "ALTER TABLE told RENAME TO gone"), SQLITE_OK);
	struct ballot b;
	cast(x, id, "lin", VOTE_APPROVE, "", &b);
	RIG_UNTIL(&x->rig, rig_is_true, &b.done);
	assert_int_equal(b.r, RC_EXHAUSTED);
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM votes"), 0);
	assert_int_equal(rig_number(&x->rig, "SELECT state FROM approvals"), REQ_OPEN);
	assert_int_equal(rig_exec(&x->rig, "ALTER TABLE gone RENAME TO told"), SQLITE_OK);
	vote(x, id, "lin", VOTE_APPROVE, RC_OK, "approved by lin");
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM told WHERE state = 1"), 1);
	approvals_forget(x->approvals, x);
	size_t before = x->news_count, told = x->recorded_count;
	(void)open_gate(x, &(struct gate){ .revision = "bbb" });
	assert_int_equal(x->news_count, before);
	assert_int_equal(x->recorded_count, told);
}

/* ---- stopping ---- */

static void test_stop(void **state)
{
	struct room *x = *state;
	const struct gate g = { .revision = "aaa", .policy = "two" };
	const char *id = open_gate(x, &g);
	assert_int_equal(ask(x, &(struct gate){ .revision = "aaa", .step = 5 }), GATE_CLOSED);
	rig_settle(&x->rig);
	size_t n = 0;
	const struct approval *const *all = approvals_of(x->approvals, "uid-1", "aaa", x->arena, &n);
	assert_int_equal(n, 2);
	const char *other = all[all[0]->step == 5 ? 0 : 1]->id;
	struct ballot written, waiting, late, deciding;
	cast(x, other, "lin", VOTE_APPROVE, "", &deciding);
	cast(x, id, "lin", VOTE_APPROVE, "", &written);
	cast(x, id, "zhao", VOTE_APPROVE, "", &waiting);
	approvals_stop(x->approvals);
	cast(x, id, "wei", VOTE_APPROVE, "", &late);
	assert_int_equal(ask(x, &(struct gate){ .revision = "bbb" }), GATE_CLOSED); /* writes nothing */
	leave(x, &g);
	rig_store_close(&x->rig);
	approvals_destroy(x->approvals);
	x->approvals = NULL;
	expect(&written, RC_OK, "counted: 1 of 2 approvals");
	expect(&deciding, RC_OK, "approved by lin"); /* but there is no engine any more that could hear of it */
	expect(&waiting, RC_UNREACHABLE, "not counted: rollcall is being stopped, press again in a minute");
	expect(&late, RC_UNREACHABLE, "not counted: rollcall is being stopped, press again in a minute");
	assert_int_equal(engine_told_count, 0);
	rig_store_open(&x->rig);
	room_open(x);
	assert_int_equal(approvals_find(x->approvals, id, x->arena)->vote_count, 1);
	vote(x, id, "zhao", VOTE_APPROVE, RC_OK, "approved by lin, zhao");
}

static const struct policy others[] = {
	{ .name = "default", .approvers = LIST("user:wei"), .quorum = 1, .distinct = true },
	{ .name = NULL },
};
/* A configuration that is read again takes policies away and gives others: also while a vote is being written. */
static void test_other_policies(void **state)
{

	struct room *x = *state;
	const char *id = open_gate(x, &(struct gate){ .revision = "aaa", .policy = "two" });
	struct ballot b;
	cast(x, id, "lin", VOTE_APPROVE, "", &b);
	approvals_set_policies(x->approvals, others);
	RIG_UNTIL(&x->rig, rig_is_true, &b.done);
	expect(&b, RC_OK, "counted, but the policy of this gate is not configured any more");
	vote(x, id, "zhao", VOTE_APPROVE, RC_REFUSED, "the policy of this gate is not configured any more");
	approvals_set_policies(x->approvals, policies);
	vote(x, id, "zhao", VOTE_APPROVE, RC_OK, "approved by lin, zhao");
	const char *next = open_gate(x, &(struct gate){ .revision = "bbb" });
	approvals_set_policies(x->approvals, others);
	vote(x, next, "lin", VOTE_APPROVE, RC_REFUSED, "you may not approve under policy default; these may: user:wei");
	vote(x, next, "wei", VOTE_APPROVE, RC_OK, "approved by wei");
}

/* ---- the record ---- */

static void test_audit(void **state)
{
	struct room *x = *state;
	struct error e;
	int64_t rows = 0;
	const char *id = open_gate(x, &(struct gate){ .revision = "aaa" });
	vote(x, id, "eve", VOTE_APPROVE, RC_REFUSED,
	     "you may not approve under policy default; these may: user:lin, user:zhao, slack:U3");
	vote(x, id, "lin", VOTE_APPROVE, RC_OK, "approved by lin");
	assert_int_equal(audit_verify(x->rig.path, NULL, NULL, &rows, &e), RC_OK);
	assert_int_equal(rows, 4);
	static const char *const forbidden[] = {
		"UPDATE audit SET actor = 'eve' WHERE seq = 3",
		"DELETE FROM audit WHERE seq = 4",
		"DELETE FROM audit",
		"INSERT OR REPLACE INTO audit SELECT seq, at, 'eve', identity, action, object, request, outcome, "
		"reason,"
		" detail, hash FROM audit WHERE seq = 3",
	};
	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
		if (rig_exec(&x->rig, forbidden[i]) == SQLITE_OK)
			fail_msg("allowed: %s", forbidden[i]);
	assert_int_equal(audit_verify(x->rig.path, NULL, NULL, &rows, &e), RC_OK);
	assert_int_equal(rows, 4);

	static const struct {
		const char *change, *back, *text;
	} tampered[] = {
		{ "UPDATE audit SET actor = 'eve' WHERE seq = 3", "UPDATE audit SET actor = 'lin' WHERE seq = 3",
		  "audit row 3 was changed after it was written" },
		{ "UPDATE audit SET at = at + 1 WHERE seq = 2", "UPDATE audit SET at = at - 1 WHERE seq = 2",
		  "audit row 2 was changed after it was written" },
		{ "UPDATE audit SET actor = 'lin' || char(0) || 'eve' WHERE seq = 3",
		  "UPDATE audit SET actor = 'lin' WHERE seq = 3", "audit row 3 was changed after it was written" },
		{ "UPDATE audit SET seq = 9 WHERE seq = 1", "UPDATE audit SET seq = 1 WHERE seq = 9",
		  "audit row 1 is missing" },
		{ "DELETE FROM audit WHERE seq = 2", NULL, "audit row 2 is missing" },
	};
	assert_int_equal(rig_exec(&x->rig, "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete"), SQLITE_OK);
	for (size_t i = 0; i < sizeof tampered / sizeof *tampered; i++) {
		assert_int_equal(rig_exec(&x->rig, tampered[i].change), SQLITE_OK);
		rows = -7;
		enum result r = audit_verify(x->rig.path, NULL, NULL, &rows, &e);
		if (r != RC_INVALID || strcmp(e.text, tampered[i].text) != 0 || rows != -7)
			fail_msg("%s: %s \"%s\"", tampered[i].change, result_name(r), e.text);
		if (tampered[i].back)
			assert_int_equal(rig_exec(&x->rig, tampered[i].back), SQLITE_OK);
	}
	assert_int_equal(audit_verify("/nowhere/at/all", NULL, NULL, &rows, &e), RC_INVALID);
}

/* ---- tokens ---- */

static void test_tokens(void **state)
{
	struct room *x = *state;
	char token[160], longer[200], small[8];
	struct error e;
	assert_int_equal(approvals_token(x->approvals, "id1", "approve", "slack:C1", 60000, token, sizeof token, &e),
			 RC_OK);
	assert_int_equal(approvals_token(x->approvals, "id1", "approve", "slack:C1", 60000, small, sizeof small, &e),
			 RC_EXHAUSTED);
	const struct {
		const char *name, *id, *verb, *channel, *token;
		bool good;
	} cases[] = {
		{ "as made", "id1", "approve", "slack:C1", token, true },
		{ "other verb", "id1", "reject", "slack:C1", token, false },
		{ "other channel", "id1", "approve", "slack:C2", token, false },
		{ "other request", "id2", "approve", "slack:C1", token, false },
		{ "fields that run together", "id", "1approve", "slack:C1", token, false },
		{ "nothing", "id1", "approve", "slack:C1", "", false },
		{ "a dash", "id1", "approve", "slack:C1", "-", false },
		{ "no expiry", "id1", "approve", "slack:C1", strchr(token, '-'), false },
		{ "no MAC", "id1", "approve", "slack:C1", "6925d000-", false },
		{ "not hex", "id1", "approve", "slack:C1", "zz-00", false },
		{ "upper case", "id1", "approve", "slack:C1", "6925D000-00", false },
		{ "an endless expiry", "id1", "approve", "slack:C1",
		  "ffffffffffffffffffff-00000000000000000000000000000000", false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (approvals_token_good(x->approvals, cases[i].id, cases[i].verb, cases[i].channel, cases[i].token) !=
		    cases[i].good)
			fail_msg("%s", cases[i].name);
	(void)snprintf(longer, sizeof longer, "%s0", token);
	assert_false(approvals_token_good(x->approvals, "id1", "approve", "slack:C1", longer));
	for (size_t i = 0; token[i]; i++) {
		char bent[160];
		(void)snprintf(bent, sizeof bent, "%s", token);
		bent[i] = bent[i] == '0' ? '1' : '0';
		if (approvals_token_good(x->approvals, "id1", "approve", "slack:C1", bent))
			fail_msg("bent at %zu", i);
	}
	restart(x);
	assert_true(approvals_token_good(x->approvals, "id1", "approve", "slack:C1", token));
	clock_manual_advance(&x->clock, 60000);
	assert_true(approvals_token_good(x->approvals, "id1", "approve", "slack:C1", token));
	clock_manual_advance(&x->clock, 1000);
	assert_false(approvals_token_good(x->approvals, "id1", "approve", "slack:C1", token));
}

static void test_policies(void **state)
{
	struct room *x = *state;
	assert_ptr_equal(approvals_policy(x->approvals, ""), &policies[0]);
	assert_ptr_equal(approvals_policy(x->approvals, NULL), &policies[0]);
	assert_ptr_equal(approvals_policy(x->approvals, "two"), &policies[1]);
	assert_null(approvals_policy(x->approvals, "twos"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_quorum),
		TEST(test_only_after_commit),
		TEST(test_one_person_twice),
		TEST(test_votes_are_bounded),
		TEST(test_refusals),
		TEST(test_unknown_policy),
		TEST(test_reject),
		TEST(test_superseded),
		TEST(test_same_revision_again),
		TEST(test_over),
		TEST(test_left_open),
		TEST(test_ends_during_a_write),
		TEST(test_reconcile),
		TEST(test_memory_is_bounded),
		TEST(test_deadlines),
		TEST(test_clock_stands_still),
		TEST(test_vote_after_deadline),
		TEST(test_event_once),
		TEST(test_repeat_keeps_deadline),
		TEST(test_queue),
		TEST(test_disk_full),
		TEST(test_over_is_written_in_the_end),
		TEST(test_recorder_is_one_with_the_vote),
		TEST(test_stop),
		TEST(test_other_policies),
		TEST(test_audit),
		TEST(test_tokens),
		TEST(test_policies),
	};
	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}

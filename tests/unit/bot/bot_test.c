#include "bot/bot.h"

#include "tests/unit/bot/engine_double.h"
#include "tests/unit/bot/rig.h"

#include "base/json.h"
#include "base/metrics.h"
#include "base/strbuf.h"
#include "bot/room.h"

#define LIST(...)                                                                                                      \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

/* ---- two platforms: one with live cards and buttons, one with messages and links ---- */

struct sent {
	enum outbox_kind kind;
	char channel[32], subject[64], message_id[16], thread_id[16], body[4096];
};
struct question {
	void (*done)(void *owner, const char *const *groups);
	void *owner;
};
struct channel_double {
	struct channel channel; /* first */
	struct rig *rig;
	struct sent sent[128];
	size_t count;
	const char *const *groups; /* answered at once, unless silent */
	bool silent;
	struct question questions[8];
	size_t question_count;
	struct pending {
		struct channel_double *c;
		uint64_t row;
		char id[16];
		outbox_sent *done;
		void *owner;
		struct deferred soon;
	} pending[128];
};

static char *render(const char *what, const struct card *card)
{
	struct strbuf b;
	strbuf_init(&b, 4000);
	strbuf_addf(&b, "%s|%s|%s%s\n", what, card->title, card->state, card->final ? "|final" : "");
	for (size_t i = 0; i < card->line_count; i++)
		strbuf_addf(&b, "%s: %s\n", card->lines[i].label, card->lines[i].text);
	for (size_t i = 0; i < card->button_count; i++)
		strbuf_addf(&b, "[%s]%s%s\n", card->buttons[i].action, card->buttons[i].value, card->buttons[i].url);
	char *text = strbuf_take(&b);
	strbuf_finish(&b);
	return text;
}

static char *render_card(struct channel *c, const struct card *card, struct error *e)
{
	(void)c;
	(void)e;
	return render("card", card);
}

static char *render_ask(struct channel *c, const struct card *card, const char *const *who_may, struct error *e)
{
	(void)c;
	(void)e;
	return render(who_may ? "ask" : "asked", card);
}

static char *render_text(struct channel *c, const char *text, struct error *e)
{
	(void)c;
	if (strstr(text, "unprintable")) {
		error_set(e, RC_INVALID, "will not");
		return NULL;
	}
	return strdup(text);
}

static void arrived(void *owner)
{
	struct pending *p = owner;
	p->done(p->owner, p->row,
		&(struct outbox_result){ .r = RC_OK, .retry_after_ms = -1, .message_id = p->id, .why = "" });
}

static void deliver(void *owner, const struct outbox_item *item, outbox_sent *done, void *done_owner)
{
	struct channel_double *c = owner;
	assert_true(c->count < 128);
	struct sent *s = &c->sent[c->count];
	struct pending *p = &c->pending[c->count];
	s->kind = item->kind;
	(void)snprintf(s->channel, sizeof s->channel, "%s", item->channel);
	(void)snprintf(s->subject, sizeof s->subject, "%s", item->subject);
	(void)snprintf(s->message_id, sizeof s->message_id, "%s", item->message_id);
	(void)snprintf(s->thread_id, sizeof s->thread_id, "%s", item->thread_id);
	(void)snprintf(s->body, sizeof s->body, "%s", item->body);
	*p = (struct pending){ .c = c, .row = item->row, .done = done, .owner = done_owner };
	(void)snprintf(p->id, sizeof p->id, "m%zu", c->count++);
	loop_defer(c->rig->loop, &p->soon, arrived, p);
}

static void groups_of(struct channel *channel, const struct person *p,
		      void (*done)(void *owner, const char *const *groups), void *owner)
{
	struct channel_double *c = (struct channel_double *)channel;
	(void)p;
	if (c->silent)
		c->questions[c->question_count++] = (struct question){ done, owner };
	else
		done(owner, c->groups ? c->groups : LIST(NULL));
}

static const struct channel_ops slack_double = { .platform = "slack",
						 .render_card = render_card,
						 .render_ask = render_ask,
						 .render_text = render_text,
						 .deliver = deliver,
						 .groups = groups_of };
static const struct channel_ops dingtalk_double = { .platform = "dingtalk",
						    .render_card = render_card,
						    .render_ask = render_ask,
						    .render_text = render_text,
						    .deliver = deliver,
						    .buttons_are_links = true };

/* ---- a room ---- */

static const struct directory_user users[] = {
	{ .name = "lin", .identities = LIST("slack:U1", "dingtalk:m1"), .groups = LIST("sre") },
	{ .name = "zhao", .identities = LIST("slack:U2"), .groups = LIST("dev") },
	{ .name = NULL },
};
static const struct policy policies[] = {
	{ .name = "default",
	  .approvers = LIST("user:lin", "user:zhao", "slack:S7"),
	  .rights = { [RIGHT_ROLLBACK] = LIST("anyone-in-channel", "user:lin"), [RIGHT_OVERRIDE] = LIST("user:zhao") },
	  .quorum = 1,
	  .distinct = true },
	{ .name = "here", .approvers = LIST("anyone-in-channel"), .quorum = 1, .reason_rollback = true },
	{ .name = NULL },
};
static const struct bot_route routes[] = {
	{ .ns = "prod-*", .labels = "", .channels = LIST("slack:PROD") },
	{ .ns = "", .labels = "team=shop,tier=web", .channels = LIST("slack:SHOP") },
	{ .ns = "shop", .labels = "", .channels = LIST("slack:C1", "dingtalk:ops") },
	{ .channels = NULL },
};
static const struct bot_channel_lang langs[] = { { "slack:ZH", LANG_ZH }, { NULL, LANG_EN } };

struct room {
	struct rig rig; /* first */
	struct engine engine;
	struct metrics *metrics;
	struct approvals *approvals;
	struct outbox *outbox;
	struct channel_double slack, dingtalk;
	struct channel *channels[3];
	struct bot *bot;
	struct arena *arena;
};

static struct rollout new_rollout(const char *ns, const char *name, const char *uid)
{
	static const int weights[] = { 20, 40, 60 };
	return (struct rollout){ .cluster = "east",
				 .ns = ns,
				 .name = name,
				 .uid = uid,
				 .phase = PHASE_PROGRESSING,
				 .active = true,
				 .revision = "rev1",
				 .policy = "",
				 .requested_by = "",
				 .stable = { .workload = "podinfo-primary", .images = "podinfo:blue", .weight = 80 },
				 .canary = { .workload = "podinfo", .images = "podinfo:green", .weight = 20 },
				 .step = 1,
				 .steps = 3,
				 .weights = weights,
				 .gate = { .policy = "", .name = "" },
				 .next = "",
				 .message = "",
				 .invalid = "",
				 .labels = "",
				 .channels = "" };
}

static void open_rooms(struct room *x)
{
	struct error e;
	struct approvals_options ao = { .loop = x->rig.loop,
					.store = x->rig.store,
					.engine = &x->engine,
					.policies = policies,
					.metrics = x->metrics };
	assert_int_equal(approvals_create(&ao, &x->approvals, &e), RC_OK);
	assert_int_equal(outbox_create(x->rig.loop, x->rig.store, x->metrics, &x->outbox, &e), RC_OK);
	struct bot_options o = { .loop = x->rig.loop,
				 .store = x->rig.store,
				 .engine = &x->engine,
				 .approvals = x->approvals,
				 .outbox = x->outbox,
				 .metrics = x->metrics,
				 .channels = x->channels,
				 .users = users,
				 .routes = routes,
				 .langs = langs,
				 .public_url = "https://rollcall.example",
				 .console_url = "" };
	x->engine.listener_count = 0;
	assert_int_equal(bot_create(&o, &x->bot, &e), RC_OK);
	assert_int_equal(outbox_start(x->outbox, &e), RC_OK);
	x->bot->started = true; /* bot_start would put cards: that is for its own tests */
}

/* In the order of the program's end. */
static void close_rooms(struct room *x)
{
	bot_stop(x->bot);
	x->engine.listener_count = 0;
	x->engine.done = NULL;
	loop_defer_cancel(&x->engine.soon);
	rig_store_close(&x->rig);
	for (size_t i = 0; i < 128; i++) {
		loop_defer_cancel(&x->slack.pending[i].soon);
		loop_defer_cancel(&x->dingtalk.pending[i].soon);
	}
	bot_destroy(x->bot);
	approvals_destroy(x->approvals);
	outbox_destroy(x->outbox);
	x->bot = NULL;
}

static void restart(struct room *x)
{
	close_rooms(x);
	rig_store_open(&x->rig);
	open_rooms(x);
}

static int setup(void **state)
{
	static struct store_migration all[12];
	size_t n = 0;
	for (const struct store_migration *m = approvals_migrations; m->room; m++)
		all[n++] = *m;
	for (const struct store_migration *m = outbox_migrations; m->room; m++)
		all[n++] = *m;
	for (const struct store_migration *m = bot_migrations; m->room; m++)
		all[n++] = *m;
	struct room *x = calloc(1, sizeof *x);
	assert_non_null(x);
	rig_init(&x->rig, all);
	x->metrics = metrics_create();
	x->arena = arena_create(256 << 20);
	x->engine.loop = x->rig.loop;
	x->engine.rollouts[0] = new_rollout("shop", "podinfo", "uid-1");
	x->engine.count = 1;
	x->slack.channel.ops = &slack_double;
	x->dingtalk.channel.ops = &dingtalk_double;
	x->slack.rig = x->dingtalk.rig = &x->rig;
	x->channels[0] = &x->slack.channel;
	x->channels[1] = &x->dingtalk.channel;
	open_rooms(x);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct room *x = *state;
	if (x->bot)
		close_rooms(x);
	rig_finish(&x->rig);
	metrics_destroy(x->metrics);
	arena_destroy(x->arena);
	free(x);
	return 0;
}

/* ---- asking ---- */

struct answer {
	bool done;
	int calls;
	enum result r;
	char text[2048];
};

static void answered(void *owner, enum result r, const char *text)
{
	struct answer *a = owner;
	a->done = true;
	a->calls++;
	a->r = r;
	(void)snprintf(a->text, sizeof a->text, "%s", text);
}

static struct person on_slack(const char *id)
{
	return (struct person){ .platform = "slack", .team = "T1", .id = id, .name = id, .in_channel = true };
}

static void must_be(const struct answer *a, enum result r, const char *text)
{
	assert_int_equal(a->calls, 1);
	if (a->r != r || strcmp(a->text, text) != 0)
		fail_msg("%s \"%s\", not %s \"%s\"", result_name(a->r), a->text, result_name(r), text);
}

static void ask(struct room *x, struct bot_ask q, struct answer *a)
{
	*a = (struct answer){ 0 };
	bot_do(x->bot, &q, answered, a);
}

static void does(struct room *x, struct bot_ask q, enum result r, const char *text)
{
	struct answer *a = arena_alloc(x->arena, 1, sizeof *a); /* outlives a test that fails */
	ask(x, q, a);
	RIG_UNTIL(&x->rig, rig_is_true, &a->done);
	must_be(a, r, text);
}

static void types(struct room *x, const char *id, const char *channel, const char *line, enum result r,
		  const char *text)
{
	struct answer *a = arena_alloc(x->arena, 1, sizeof *a);
	struct person who = on_slack(id);
	bot_command(x->bot, &who, channel, "", "ev", line, answered, a);
	RIG_UNTIL(&x->rig, rig_is_true, &a->done);
	must_be(a, r, text);
}

static const char *open_gate(struct room *x)
{
	struct rollout *r = &x->engine.rollouts[0];
	struct gatekeeper k = approvals_gatekeeper(x->approvals);
	const char *by = "";
	r->gate = (struct rollout_gate){
		.waiting = true, .type = HOOK_CONFIRM_PROMOTION, .weight = 100, .policy = "", .name = ""
	};
	assert_int_equal(k.ask(k.owner, r, &r->gate, &by), GATE_CLOSED);
	rig_settle(&x->rig);
	const struct approval *ap = approvals_open_of(x->approvals, r->uid, x->arena);
	assert_non_null(ap);
	return ap->id;
}

static long long audits(struct room *x, const char *where)
{
	char sql[256];
	(void)snprintf(sql, sizeof sql, "SELECT count(*) FROM audit WHERE %s", where);
	return rig_number(&x->rig, sql);
}

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

/* ---- commands ---- */

static void test_commands(void **state)
{
	struct room *x = *state;
	types(x, "U1", "slack:C1", "list", RC_OK, "shop/podinfo  Progressing  20%  step 1/3");
	types(x, "U1", "slack:C1", "list nowhere", RC_OK, "no rollouts");
	types(x, "U1", "slack:C1", "promote podinfo", RC_OK, "promote of shop/podinfo asked for by lin");
	types(x, "U1", "slack:C1", "aprove podinfo", RC_INVALID,
	      "there is no command \"aprove\"; did you mean approve?; \"help\" lists them");
	types(x, "U1", "slack:C1", "status nothing", RC_NOT_FOUND,
	      "there is no rollout \"nothing\"; \"list\" shows them");
	types(x, "U1", "slack:C1", "who podinfo", RC_OK, "policy default, 1 needed: user:lin user:zhao slack:S7");
	types(x, "U1", "slack:C1", "help reject", RC_OK, "reject NAME reason - vote against it\nalso: deny,拒绝");
	types(x, "U1", "slack:ZH", "help reject", RC_OK,
	      "拒绝 (reject) NAME reason - vote against it\nalso: deny,拒绝");
	types(x, "U1", "slack:C1", "reject podinfo too slow", RC_NOT_FOUND,
	      "nothing waits for a decision on shop/podinfo");
	(void)open_gate(x);
	types(x, "U1", "slack:C1", "list", RC_OK, "shop/podinfo  Progressing  20%  step 1/3  waits: confirm-promotion");
	types(x, "U1", "slack:C1", "拒绝 podinfo 太慢", RC_OK, "rejected by lin");
	x->engine.rollouts[1] = new_rollout("dev", "podinfo", "uid-2");
	x->engine.count = 2;
	types(x, "U1", "slack:C1", "status podinfo", RC_INVALID,
	      "several rollouts have this name: write NAMESPACE/NAME");
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

struct responder_double {
	struct responder responder; /* first */
	bool said;
	int says, forms;
	bool nothing;
	char text[1024], title[256], value[512];
};

static void say(struct responder *responder, const char *text, bool in_channel)
{
	struct responder_double *r = (struct responder_double *)responder;
	assert_false(in_channel);
	r->said = true;
	r->says++;
	r->nothing = !text;
	(void)snprintf(r->text, sizeof r->text, "%s", text ? text : "");
}

static enum result ask_reason(struct responder *responder, const char *title, const char *label, const char *submit,
			      const char *value, struct error *e)
{
	struct responder_double *r = (struct responder_double *)responder;
	assert_true(*label && *submit);
	r->forms++;
	(void)snprintf(r->title, sizeof r->title, "%s", title);
	(void)snprintf(r->value, sizeof r->value, "%s", value);
	return strstr(r->text, "no form") ? error_set(e, RC_UNREACHABLE, "the form did not open") : RC_OK;
}

struct pressing {
	const char *id, *channel, *value, *text;
	bool form, no_forms;
};

static void press(struct room *x, struct pressing p, const char *text)
{
	struct responder_double *r = arena_alloc(x->arena, 1, sizeof *r);
	r->responder = (struct responder){ .say = say, .ask_reason = p.no_forms ? NULL : ask_reason };
	struct interaction in = { .person = on_slack(p.id),
				  .channel = p.channel,
				  .message_id = "1700.1",
				  .thread_id = "",
				  .event_id = "",
				  .value = p.value,
				  .text = p.text ? p.text : "",
				  .form = p.form,
				  .responder = &r->responder };
	struct bot_ears ears = bot_ears(&x->bot);
	ears.interaction(ears.owner, &in);
	RIG_UNTIL(&x->rig, rig_is_true, &r->said);
	assert_int_equal(r->says, 1);
	if (strcmp(r->text, text) != 0)
		fail_msg("said \"%s\", not \"%s\"", r->text, text);
	assert_int_equal(r->nothing, r->forms == 1);
	if (r->forms)
		assert_string_equal(r->value, p.value);
}

/* The value of a button on the newest message that has it. */
static const char *button(struct room *x, const char *channel, const char *action)
{
	char mark[32];
	(void)snprintf(mark, sizeof mark, "[%s]", action);
	for (size_t i = x->slack.count; i > 0; i--) {
		const char *at = strcmp(x->slack.sent[i - 1].channel, channel) == 0
					 ? strstr(x->slack.sent[i - 1].body, mark)
					 : NULL;
		if (at)
			return arena_strndup(x->arena, at + strlen(mark), strcspn(at + strlen(mark), "\n"));
	}
	fail_msg("no button %s in %s", action, channel);
	return "";
}

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

/* ---- cards ---- */

struct amount {
	struct channel_double *c;
	size_t n;
};

static bool has_sent(void *owner)
{
	struct amount *a = owner;
	return a->c->count >= a->n;
}

static void news(struct room *x, enum rollout_news what)
{
	struct rollout_event ev = { .news = what, .rollout = &x->engine.rollouts[0], .text = "" };
	engine_double_tell(&x->engine, &ev);
}

static void wait_sent(struct room *x, struct channel_double *c, size_t n)
{
	struct amount a = { c, n };
	RIG_UNTIL(&x->rig, has_sent, &a);
	rig_settle(&x->rig);
	assert_int_equal(c->count, n);
}

static const struct sent *last(const struct channel_double *c)
{
	assert_true(c->count > 0);
	return &c->sent[c->count - 1];
}

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
		TEST(test_verbs),
		TEST(test_names),
		TEST(test_refused_and_on_record),
		TEST(test_anyone_in_channel),
		TEST(test_votes_by_name),
		TEST(test_self_approval),
		TEST(test_disk_full),
		TEST(test_commands),
		TEST(test_history),
		TEST(test_long_list),
		TEST(test_presses),
		TEST(test_reject_without_forms),
		TEST(test_press_of_a_verb),
		cmocka_unit_test(test_press_without_a_bot),
		TEST(test_pressed_early),
		TEST(test_typed_interaction),
		TEST(test_one_live_card),
		TEST(test_idle_is_silent),
		TEST(test_gate_on_all_platforms),
		TEST(test_superseded_card),
		TEST(test_deleted),
		TEST(test_said_once),
		TEST(test_start_brings_cards_up_to_date),
		TEST(test_ends_right_after_start),
		TEST(test_card_after_full_disk),
		TEST(test_routes),
		TEST(test_end_with_calls_in_flight),
		TEST(test_bot_goes_first),
	};
	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}

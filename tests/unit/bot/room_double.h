#pragma once
/* A bot between doubles: an engine that the test sets, two platforms that note what they are given. */
#include "tests/unit/bot/engine_double.h"
#include "tests/unit/bot/rig.h"

#include "base/json.h"
#include "base/metrics.h"
#include "base/strbuf.h"
#include "bot/approvals/freeze.h"
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

static inline char *render(const char *what, const struct card *card)
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

static inline char *render_card(struct channel *c, const struct card *card, struct error *e)
{
	(void)c;
	(void)e;
	return render("card", card);
}

static inline char *render_ask(struct channel *c, const struct card *card, const char *const *who_may, struct error *e)
{
	(void)c;
	(void)e;
	return render(who_may ? "ask" : "asked", card);
}

static inline char *render_text(struct channel *c, const char *text, struct error *e)
{
	(void)c;
	if (strstr(text, "unprintable")) {
		error_set(e, RC_INVALID, "will not");
		return NULL;
	}
	return strdup(text);
}

static inline void arrived(void *owner)
{
	struct pending *p = owner;
	p->done(p->owner, p->row,
		&(struct outbox_result){ .r = RC_OK, .retry_after_ms = -1, .message_id = p->id, .why = "" });
}

static inline void deliver(void *owner, const struct outbox_item *item, outbox_sent *done, void *done_owner)
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

static inline void groups_of(struct channel *channel, const struct person *p,
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
	{ .name = "slow", .approvers = LIST("user:lin"), .quorum = 1, .escalate_ms = 60, .escalate_to = "slack:LEADS" },
	{ .name = "here", .approvers = LIST("anyone-in-channel"), .quorum = 1, .reason_rollback = true },
	{ .name = NULL },
};
static const struct freeze freezes[] = { { .name = "night", .by = LIST("group:sre") }, { .name = NULL } };
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

static inline struct rollout new_rollout(const char *ns, const char *name, const char *uid)
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

static inline void open_rooms(struct room *x)
{
	struct error e;
	struct approvals_options ao = { .loop = x->rig.loop,
					.store = x->rig.store,
					.engine = &x->engine,
					.policies = policies,
					.freezes = freezes,
					.metrics = x->metrics,
					.clock = clock_system() };
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
static inline void close_rooms(struct room *x)
{
	bot_stop(x->bot);
	x->engine.listener_count = 0;
	engine_double_stop(&x->engine);
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

static inline void restart(struct room *x)
{
	close_rooms(x);
	rig_store_open(&x->rig);
	open_rooms(x);
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
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

static inline void answered(void *owner, enum result r, const char *text)
{
	struct answer *a = owner;
	a->done = true;
	a->calls++;
	a->r = r;
	(void)snprintf(a->text, sizeof a->text, "%s", text);
}

static inline struct person on_slack(const char *id)
{
	return (struct person){ .platform = "slack", .team = "T1", .id = id, .name = id, .in_channel = true };
}

static inline void must_be(const struct answer *a, enum result r, const char *text)
{
	assert_int_equal(a->calls, 1);
	if (a->r != r || strcmp(a->text, text) != 0)
		fail_msg("%s \"%s\", not %s \"%s\"", result_name(a->r), a->text, result_name(r), text);
}

static inline void ask(struct room *x, struct bot_ask q, struct answer *a)
{
	*a = (struct answer){ 0 };
	bot_do(x->bot, &q, answered, a);
}

static inline void does(struct room *x, struct bot_ask q, enum result r, const char *text)
{
	struct answer *a = arena_alloc(x->arena, 1, sizeof *a); /* outlives a test that fails */
	ask(x, q, a);
	RIG_UNTIL(&x->rig, rig_is_true, &a->done);
	must_be(a, r, text);
}

static inline void types(struct room *x, const char *id, const char *channel, const char *line, enum result r,
			 const char *text)
{
	struct answer *a = arena_alloc(x->arena, 1, sizeof *a);
	struct person who = on_slack(id);
	bot_command(x->bot, &who, channel, "", "ev", line, answered, a);
	RIG_UNTIL(&x->rig, rig_is_true, &a->done);
	must_be(a, r, text);
}

static inline const char *open_gate(struct room *x)
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

static inline long long audits(struct room *x, const char *where)
{
	char sql[256];
	(void)snprintf(sql, sizeof sql, "SELECT count(*) FROM audit WHERE %s", where);
	return rig_number(&x->rig, sql);
}

/* ---- pressing ---- */

struct responder_double {
	struct responder responder; /* first */
	bool said;
	int says, forms;
	bool nothing, open;
	size_t offered;
	char labels[4][128], values[4][512];
	char text[1024], title[256], value[512];
};

static inline void say(struct responder *responder, const char *text, bool in_channel)
{
	struct responder_double *r = (struct responder_double *)responder;
	r->open = in_channel;
	r->said = true;
	r->says++;
	r->nothing = !text;
	(void)snprintf(r->text, sizeof r->text, "%s", text ? text : "");
}

static inline enum result ask_reason(struct responder *responder, const char *title, const char *label,
				     const char *submit, const char *value, struct error *e)
{
	struct responder_double *r = (struct responder_double *)responder;
	assert_true(*label && *submit);
	r->forms++;
	(void)snprintf(r->title, sizeof r->title, "%s", title);
	(void)snprintf(r->value, sizeof r->value, "%s", value);
	return strstr(r->text, "no form") ? error_set(e, RC_UNREACHABLE, "the form did not open") : RC_OK;
}

static inline void offer(struct responder *responder, const char *text, const struct card_button *buttons, size_t count)
{
	struct responder_double *r = (struct responder_double *)responder;
	say(responder, text, false);
	for (; r->offered < count && r->offered < 4; r->offered++) {
		(void)snprintf(r->labels[r->offered], sizeof r->labels[0], "%s", buttons[r->offered].label);
		(void)snprintf(r->values[r->offered], sizeof r->values[0], "%s", buttons[r->offered].value);
	}
}

/* As typed in a chat; the answer is asserted unless text is NULL. */
static inline struct responder_double *hears(struct room *x, const char *id, const char *channel, const char *thread,
					     const char *line, const char *text)
{
	struct responder_double *r = arena_alloc(x->arena, 1, sizeof *r);
	r->responder = (struct responder){ .say = say, .offer = offer };
	struct interaction in = { .person = on_slack(id),
				  .channel = channel,
				  .message_id = "",
				  .thread_id = thread,
				  .event_id = "typed",
				  .value = "",
				  .text = line,
				  .responder = &r->responder };
	struct bot_ears ears = bot_ears(&x->bot);
	ears.interaction(ears.owner, &in);
	RIG_UNTIL(&x->rig, rig_is_true, &r->said);
	assert_int_equal(r->says, 1);
	if (text && strcmp(r->text, text) != 0)
		fail_msg("said \"%s\", not \"%s\"", r->text, text);
	return r;
}

struct pressing {
	const char *id, *channel, *value, *text;
	bool form, no_forms, unproven;
};

static inline void press(struct room *x, struct pressing p, const char *text)
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
				  .unproven = p.unproven,
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
static inline const char *button(struct room *x, const char *channel, const char *action)
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

/* ---- what was sent ---- */

struct amount {
	struct channel_double *c;
	size_t n;
};

static inline bool has_sent(void *owner)
{
	struct amount *a = owner;
	return a->c->count >= a->n;
}

static inline void news(struct room *x, enum rollout_news what)
{
	struct rollout_event ev = { .news = what, .rollout = &x->engine.rollouts[0], .text = "" };
	engine_double_tell(&x->engine, &ev);
}

static inline void wait_sent(struct room *x, struct channel_double *c, size_t n)
{
	struct amount a = { c, n };
	RIG_UNTIL(&x->rig, has_sent, &a);
	rig_settle(&x->rig);
	assert_int_equal(c->count, n);
}

static inline const struct sent *last(const struct channel_double *c)
{
	assert_true(c->count > 0);
	return &c->sent[c->count - 1];
}

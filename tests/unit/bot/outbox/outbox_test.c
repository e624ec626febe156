#include "bot/outbox/outbox.h"

#include "tests/unit/bot/rig.h"

#include "base/json.h"
#include "base/metrics.h"
#include "base/text.h"
#include "bot/outbox/lane.h"

/* ---- a platform that answers as it is told ---- */

struct delivered {
	char channel[32], subject[32], body[64], message_id[32];
	enum outbox_kind kind;
	bool maybe_sent;
	int64_t at_ms;
	uint64_t row;
	outbox_sent *done;
	void *owner;
};
struct platform_double {
	struct rig *rig;
	struct delivered got[64];
	size_t count, answered;
	struct outbox_result script[64]; /* per delivery; zero: OK with an id of its own */
	bool silent;                     /* answers come by hand */
	struct deferred soon;
};
struct room {
	struct rig rig; /* first */
	struct outbox *outbox;
	struct metrics *metrics;
	struct platform_double slack, dingtalk;
	int64_t spacing_ms;
	int per_minute, per_minute_channel, updates_per_minute;
};

static void answer_one(struct platform_double *p, size_t i)
{
	char id[32];
	struct outbox_result r = p->script[i];
	(void)snprintf(id, sizeof id, "m%zu", i);
	if (!r.message_id)
		r.message_id = r.r == RC_OK ? id : "";
	if (!r.why)
		r.why = "";
	if (!r.retry_after_ms)
		r.retry_after_ms = r.r == RC_OK ? -1 : 1;
	p->got[i].done(p->got[i].owner, p->got[i].row, &r);
}

static void answer_soon(void *owner)
{
	struct platform_double *p = owner;
	while (p->answered < p->count)
		answer_one(p, p->answered++);
}

static void deliver(void *owner, const struct outbox_item *item, outbox_sent *done, void *done_owner)
{
	struct platform_double *p = owner;
	assert_true(p->count < 64);
	struct delivered *d = &p->got[p->count++];
	*d = (struct delivered){ .kind = item->kind,
				 .maybe_sent = item->maybe_sent,
				 .at_ms = loop_now(p->rig->loop).v,
				 .row = item->row,
				 .done = done,
				 .owner = done_owner };
	(void)snprintf(d->channel, sizeof d->channel, "%s", item->channel);
	(void)snprintf(d->subject, sizeof d->subject, "%s", item->subject);
	(void)snprintf(d->body, sizeof d->body, "%s", item->body);
	(void)snprintf(d->message_id, sizeof d->message_id, "%s", item->message_id);
	if (!p->silent)
		loop_defer(p->rig->loop, &p->soon, answer_soon, p);
}

static void create(struct room *x)
{
	struct error e;
	assert_int_equal(outbox_create(x->rig.loop, x->rig.store, x->metrics, &x->outbox, &e), RC_OK);
	outbox_platform(x->outbox, "slack:", x->spacing_ms, x->per_minute, x->per_minute_channel, deliver, &x->slack);
	outbox_platform_updates(x->outbox, x->updates_per_minute);
	outbox_platform(x->outbox, "dingtalk:", 0, 0, 0, deliver, &x->dingtalk);
}

static void start(struct room *x)
{
	struct error e;
	assert_int_equal(outbox_start(x->outbox, &e), RC_OK);
}

static void stop(struct room *x)
{
	outbox_stop(x->outbox);
	rig_store_close(&x->rig);
	loop_defer_cancel(&x->slack.soon);
	loop_defer_cancel(&x->dingtalk.soon);
	outbox_destroy(x->outbox);
	x->outbox = NULL;
}

/* Another process: the platform has forgotten what it was told, not what it was asked. */
static void restart(struct room *x)
{
	stop(x);
	rig_store_open(&x->rig);
	create(x);
	start(x);
}

static int setup(void **state)
{
	struct room *x = calloc(1, sizeof *x);
	assert_non_null(x);
	rig_init(&x->rig, outbox_migrations);
	x->metrics = metrics_create();
	x->slack.rig = x->dingtalk.rig = &x->rig;
	create(x);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct room *x = *state;
	if (x->outbox)
		stop(x);
	rig_finish(&x->rig);
	metrics_destroy(x->metrics);
	free(x);
	return 0;
}

/* ---- putting ---- */

static void committed(void *owner, enum result r, const struct error *why)
{
	struct room *x = owner;
	if (r != RC_OK)
		fail_msg("%s", why->text);
	outbox_kick(x->outbox);
}

static void put_item(struct room *x, const struct outbox_item *item)
{
	struct store_tx *tx = store_begin(x->rig.store);
	outbox_put(x->outbox, tx, item);
	store_submit(tx, committed, x);
}

static void put(struct room *x, enum outbox_kind kind, const char *channel, const char *subject, const char *body,
		const char *key, bool urgent)
{
	put_item(x, &(struct outbox_item){ .kind = kind,
					   .channel = channel,
					   .subject = subject,
					   .key = key,
					   .body = body,
					   .urgent = urgent });
}
#define CARD(x, subject, body) put(x, OUTBOX_CARD, "slack:C1", subject, body, "", false)
#define REPLY(x, subject, body) put(x, OUTBOX_REPLY, "slack:C1", subject, body, "", false)

struct amount {
	struct platform_double *p;
	size_t n;
};

static bool has_got(void *owner)
{
	struct amount *a = owner;
	return a->p->count >= a->n;
}

static void wait_for(struct room *x, struct platform_double *p, size_t n)
{
	struct amount a = { p, n };
	RIG_UNTIL(&x->rig, has_got, &a);
	rig_settle(&x->rig);
	assert_int_equal(p->count, n);
}

static void expect(const struct platform_double *p, size_t i, const char *body, const char *message_id)
{
	if (strcmp(p->got[i].body, body) != 0 || strcmp(p->got[i].message_id, message_id) != 0)
		fail_msg("delivery %zu: \"%s\" to \"%s\", not \"%s\" to \"%s\"", i, p->got[i].body,
			 p->got[i].message_id, body, message_id);
}

static long long rows(struct room *x)
{
	return rig_number(&x->rig, "SELECT count(*) FROM outbox");
}

/* ---- cards ---- */

static void test_card_is_posted_then_updated(void **state)
{
	struct room *x = *state;
	start(x);
	CARD(x, "u/1", "one");
	wait_for(x, &x->slack, 1);
	CARD(x, "u/1", "two");
	wait_for(x, &x->slack, 2);
	expect(&x->slack, 0, "one", "");
	expect(&x->slack, 1, "two", "m0");
	assert_string_equal(outbox_message_id(x->outbox, "slack:C1", "u/1"), "m1");
	assert_string_equal(outbox_message_id(x->outbox, "slack:C1", "u/2"), "");
	assert_true(outbox_card_at(x->outbox, "slack:C1", "u/1") > 0);
	assert_int_equal(outbox_card_at(x->outbox, "slack:C1", "u/2"), 0);
	assert_int_equal(rows(x), 0);
	restart(x);
	CARD(x, "u/1", "three");
	wait_for(x, &x->slack, 3);
	expect(&x->slack, 2, "three", "m1");
	assert_int_equal(metric_value(metrics_add(x->metrics, METRIC_COUNTER, "rollcall_outbox_sent_total", "",
						  "platform", NULL),
				      "slack:"),
			 3);
}

static void test_newest_card_wins(void **state)
{
	struct room *x = *state;
	for (const char *const *b = (const char *const[]){ "1", "2", "3", NULL }; *b; b++)
		CARD(x, "u/1", *b);
	CARD(x, "u/2", "other");
	rig_settle(&x->rig);
	start(x);
	wait_for(x, &x->slack, 2);
	expect(&x->slack, 0, "3", "");
	expect(&x->slack, 1, "other", "");
}

/* Those that wait in memory behind another one, too. */
static void test_newest_waiting_card_wins(void **state)
{
	struct room *x = *state;
	start(x);
	x->slack.silent = true;
	REPLY(x, "u/0", "in flight");
	wait_for(x, &x->slack, 1);
	for (const char *const *b = (const char *const[]){ "1", "2", "3", NULL }; *b; b++) {
		CARD(x, "u/1", *b);
		rig_settle(&x->rig);
	}
	x->slack.silent = false;
	answer_soon(&x->slack);
	wait_for(x, &x->slack, 2);
	expect(&x->slack, 1, "3", "");
	assert_false(x->slack.got[1].maybe_sent);
}

/* The old one is in flight when the new one comes, and fails: it does not come back. */
static void test_old_in_flight_fails(void **state)
{
	static const enum result failures[] = { RC_UNREACHABLE, RC_CONFLICT, RC_INVALID, RC_NOT_FOUND, RC_OK };
	struct room *x = *state;
	start(x);
	x->slack.silent = true;
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		size_t n = x->slack.count;
		char subject[8];
		(void)snprintf(subject, sizeof subject, "u/%zu", i);
		CARD(x, subject, "old");
		wait_for(x, &x->slack, n + 1);
		CARD(x, subject, "new");
		rig_settle(&x->rig);
		assert_int_equal(x->slack.count, n + 1); /* one at a time */
		x->slack.script[n].r = failures[i];
		answer_one(&x->slack, n);
		wait_for(x, &x->slack, n + 2);
		char id[8] = "";
		if (failures[i] == RC_OK)
			(void)snprintf(id, sizeof id, "m%zu", n);
		expect(&x->slack, n + 1, "new", id);
		answer_one(&x->slack, n + 1);
		rig_settle(&x->rig);
		bool failed = failures[i] != RC_OK;
		if (failed) { /* what was found may be the old one */
			wait_for(x, &x->slack, n + 3);
			(void)snprintf(id, sizeof id, "m%zu", n + 1);
			expect(&x->slack, n + 2, "new", id);
			answer_one(&x->slack, n + 2);
			rig_settle(&x->rig);
		}
		assert_int_equal(x->slack.count, n + 2 + failed);
		assert_int_equal(rows(x), 0);
	}
}

static void test_gone_card_is_posted_afresh(void **state)
{
	struct room *x = *state;
	start(x);
	CARD(x, "u/1", "one");
	wait_for(x, &x->slack, 1);
	x->slack.script[1].r = RC_UNREACHABLE; /* tries of another kind do not count */
	x->slack.script[2].r = RC_NOT_FOUND;
	CARD(x, "u/1", "two");
	wait_for(x, &x->slack, 4);
	expect(&x->slack, 2, "two", "m0");
	expect(&x->slack, 3, "two", "");
	assert_string_equal(outbox_message_id(x->outbox, "slack:C1", "u/1"), "m3");
	/* a platform that never finds it is not asked for ever */
	for (size_t i = 4; i < 12; i++)
		x->slack.script[i].r = RC_NOT_FOUND;
	CARD(x, "u/1", "three");
	wait_for(x, &x->slack, 8);
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM outbox WHERE dead = 1"), 1);
}

/* ---- order ---- */

static void test_reply_after_its_card(void **state)
{
	struct room *x = *state;
	put(x, OUTBOX_REPLY, "slack:C1", "u/1", "reply", "", true);
	CARD(x, "u/1", "card");
	put(x, OUTBOX_REPLY, "slack:C1", "u/9", "alone", "", false);
	rig_settle(&x->rig);
	start(x);
	wait_for(x, &x->slack, 3);
	expect(&x->slack, 0, "card", "");
	expect(&x->slack, 1, "reply", "m0");
	expect(&x->slack, 2, "alone", "");
}

static void test_urgent_first(void **state)
{
	struct room *x = *state;
	x->slack.silent = true;
	start(x);
	REPLY(x, "u/0", "in flight");
	wait_for(x, &x->slack, 1);
	CARD(x, "u/1", "progress");
	REPLY(x, "u/2", "talk");
	put(x, OUTBOX_MESSAGE, "slack:C1", "u/3", "decide", "", true);
	put(x, OUTBOX_MESSAGE, "slack:C1", "u/3", "decide too", "", true);
	rig_settle(&x->rig);
	x->slack.silent = false;
	answer_soon(&x->slack);
	wait_for(x, &x->slack, 5);
	static const char *const order[] = { "in flight", "decide", "decide too", "progress", "talk" };
	for (size_t i = 0; i < 5; i++)
		expect(&x->slack, i, order[i], "");
}

/* At start what is urgent goes first although it is the last row of many. */
static void test_urgent_first_of_a_backlog(void **state)
{
	struct room *x = *state;
	struct store_tx *tx = store_begin(x->rig.store);
	for (int i = 0; i < 300; i++)
		outbox_put(x->outbox, tx,
			   &(struct outbox_item){ .kind = OUTBOX_REPLY, .channel = "slack:C1", .body = "talk" });
	store_submit(tx, NULL, NULL);
	put(x, OUTBOX_REPLY, "slack:C1", "u/1", "decide", "", true);
	rig_settle(&x->rig);
	x->slack.silent = true;
	restart(x);
	wait_for(x, &x->slack, 1);
	expect(&x->slack, 0, "decide", "");
}

static void test_order_survives_failures(void **state)
{
	struct room *x = *state;
	x->slack.script[0].r = x->slack.script[1].r = RC_UNREACHABLE;
	start(x);
	REPLY(x, "u/1", "first");
	REPLY(x, "u/1", "second");
	wait_for(x, &x->slack, 4);
	static const char *const order[] = { "first", "first", "first", "second" };
	for (size_t i = 0; i < 4; i++)
		expect(&x->slack, i, order[i], "");
	assert_false(x->slack.got[0].maybe_sent);
	assert_true(x->slack.got[1].maybe_sent);
	assert_false(x->slack.got[3].maybe_sent);
}

static void test_channels_do_not_wait_for_each_other(void **state)
{
	struct room *x = *state;
	x->slack.silent = true;
	start(x);
	REPLY(x, "u/1", "stuck");
	wait_for(x, &x->slack, 1);
	put(x, OUTBOX_REPLY, "slack:C2", "u/1", "there", "", false);
	put(x, OUTBOX_REPLY, "dingtalk:ops", "u/1", "elsewhere", "", false);
	wait_for(x, &x->slack, 2);
	wait_for(x, &x->dingtalk, 1);
}

/* ---- how fast ---- */

static void test_spacing(void **state)
{
	struct room *x = *state;
	stop(x);
	rig_store_open(&x->rig);
	x->spacing_ms = 30;
	create(x);
	for (int i = 0; i < 4; i++)
		REPLY(x, "u/1", "r");
	put(x, OUTBOX_REPLY, "slack:C2", "u/1", "r", "", false); /* has its own */
	rig_settle(&x->rig);
	start(x);
	wait_for(x, &x->slack, 5);
	int64_t last = 0;
	for (size_t i = 0; i < 5; i++) {
		if (text_eq(x->slack.got[i].channel, "slack:C2"))
			continue;
		assert_true(!last || x->slack.got[i].at_ms - last >= 30);
		last = x->slack.got[i].at_ms;
	}
	assert_true(x->slack.got[4].at_ms - x->slack.got[0].at_ms < 5000);
}

static void test_per_minute(void **state)
{
	struct room *x = *state;
	stop(x);
	rig_store_open(&x->rig);
	x->per_minute = 5;
	x->per_minute_channel = 3;
	create(x);
	for (int i = 0; i < 4; i++) {
		REPLY(x, "u/1", "r");
		put(x, OUTBOX_REPLY, "slack:C2", "u/1", "r", "", false);
	}
	put(x, OUTBOX_REPLY, "dingtalk:ops", "u/1", "r", "", false);
	rig_settle(&x->rig);
	start(x);
	wait_for(x, &x->dingtalk, 1);
	wait_for(x, &x->slack, 5);
	size_t here = 0;
	for (size_t i = 0; i < 5; i++)
		here += text_eq(x->slack.got[i].channel, "slack:C1");
	assert_in_range(here, 2, 3);
	assert_int_equal(rows(x), 3);
}

/* Progress of many may not use up what a decision needs: a third of a shared limit is for what is urgent. */
static void test_a_part_is_kept_for_what_is_urgent(void **state)
{
	struct room *x = *state;
	stop(x);
	rig_store_open(&x->rig);
	x->per_minute = 12;
	create(x);
	for (int i = 0; i < 12; i++)
		REPLY(x, "u/1", "progress");
	rig_settle(&x->rig);
	start(x);
	wait_for(x, &x->slack, 8);
	rig_settle(&x->rig);
	assert_int_equal(x->slack.count, 8);
	put(x, OUTBOX_REPLY, "slack:C2", "u/2", "question", "", true);
	wait_for(x, &x->slack, 9);
	assert_string_equal(x->slack.got[8].channel, "slack:C2");
}

/* Updates of cards have a limit of their own: new messages are not held up by it. */
static void test_updates_per_minute(void **state)
{
	struct room *x = *state;
	stop(x);
	rig_store_open(&x->rig);
	x->updates_per_minute = 2;
	create(x);
	start(x);
	for (int i = 0; i < 4; i++) {
		put(x, OUTBOX_CARD, "slack:C1", "u/1", "card", "", false);
		rig_settle(&x->rig);
		if (i < 3)
			wait_for(x, &x->slack, (size_t)i + 1);
	}
	assert_int_equal(x->slack.count, 3); /* posted, then updated twice */
	put(x, OUTBOX_REPLY, "slack:C2", "u/2", "news", "", false);
	wait_for(x, &x->slack, 4);
	assert_string_equal(x->slack.got[3].channel, "slack:C2");
	assert_int_equal(rows(x), 1);
}

static void test_retry_after(void **state)
{
	struct room *x = *state;
	x->slack.script[0] = (struct outbox_result){ .r = RC_UNREACHABLE, .retry_after_ms = 120 };
	start(x);
	REPLY(x, "u/1", "r");
	wait_for(x, &x->slack, 2);
	assert_in_range(x->slack.got[1].at_ms - x->slack.got[0].at_ms, 119, 10000);
	assert_int_equal(rows(x), 0);
}

static void test_backoff(void **state)
{
	struct room *x = *state;
	x->slack.script[0] = (struct outbox_result){ .r = RC_UNREACHABLE, .retry_after_ms = -1 };
	start(x);
	REPLY(x, "u/1", "r");
	wait_for(x, &x->slack, 2);
	assert_in_range(x->slack.got[1].at_ms - x->slack.got[0].at_ms, 499, 12000);
}

/* A dead credential keeps the queue of its platform, and slows nobody else. */
static void test_pause(void **state)
{
	struct room *x = *state;
	x->slack.script[0] = (struct outbox_result){ .r = RC_REFUSED, .pause_channel = true };
	start(x);
	REPLY(x, "u/1", "r");
	wait_for(x, &x->slack, 1);
	put(x, OUTBOX_REPLY, "slack:C2", "u/1", "r", "", true);
	put(x, OUTBOX_REPLY, "dingtalk:ops", "u/1", "r", "", false);
	wait_for(x, &x->dingtalk, 1);
	assert_int_equal(x->slack.count, 1);
	assert_int_equal(rig_number(&x->rig, "SELECT count(*) FROM outbox WHERE dead = 0"), 2);
}

/* ---- dead letters ---- */

static void test_dead_letters(void **state)
{
	struct room *x = *state;
	x->slack.script[0] = (struct outbox_result){ .r = RC_INVALID, .why = "no \"channel\"" };
	start(x);
	REPLY(x, "u/1", "bad");
	REPLY(x, "u/1", "good");
	wait_for(x, &x->slack, 2);
	expect(&x->slack, 1, "good", "");
	for (int again = 0; again < 2; again++) {
		char *json = outbox_json(x->outbox);
		cJSON *list = NULL;
		struct error e;
		assert_non_null(json);
		assert_int_equal(json_parse(json, strlen(json), &list, &e), RC_OK);
		assert_int_equal(cJSON_GetArraySize(list), 1);
		assert_string_equal(json_text(list, "0.state", ""), "dead");
		assert_string_equal(json_text(list, "0.why", ""), "no \"channel\"");
		assert_string_equal(json_text(list, "0.kind", ""), "reply");
		assert_string_equal(json_text(list, "0.channel", ""), "slack:C1");
		cJSON_Delete(list);
		free(json);
		restart(x); /* nor does it leave at the next start */
		rig_settle(&x->rig);
		assert_int_equal(x->slack.count, 2);
	}
	outbox_retry(x->outbox, 999);
	rig_settle(&x->rig);
	assert_int_equal(x->slack.count, 2);
	outbox_retry(x->outbox, 0);
	wait_for(x, &x->slack, 3);
	expect(&x->slack, 2, "bad", "");
	assert_int_equal(rows(x), 0);
}

/* A channel that is wrong for good keeps the newest card alone, not one a change. */
static void test_dead_cards_do_not_pile_up(void **state)
{
	struct room *x = *state;
	start(x);
	for (size_t i = 0; i < 10; i++) {
		x->slack.script[i].r = RC_INVALID;
		CARD(x, "u/1", "card");
		wait_for(x, &x->slack, i + 1);
	}
	assert_int_equal(rows(x), 1);
	CARD(x, "u/1", "good");
	wait_for(x, &x->slack, 11);
	assert_int_equal(rows(x), 0);
}

static void test_unknown_channel(void **state)
{
	struct room *x = *state;
	start(x);
	put(x, OUTBOX_REPLY, "pager:1", "u/1", "r", "", false);
	rig_settle(&x->rig);
	char *json = outbox_json(x->outbox);
	assert_non_null(json);
	if (!strstr(json, "\"state\":\"waiting\",\"why\":\"no platform of this name is configured\""))
		fail_msg("%s", json);
	free(json);
	REPLY(x, "u/1", "r");
	wait_for(x, &x->slack, 1);
}

/* ---- once ---- */

static void test_key_once(void **state)
{
	struct room *x = *state;
	start(x);
	for (int i = 0; i < 2; i++) {
		put(x, OUTBOX_REPLY, "slack:C1", "u/1", "first", "u/open", true);
		put(x, OUTBOX_REPLY, "slack:C1", "u/1", "again", "u/open", true);
		put(x, OUTBOX_REPLY, "slack:C2", "u/1", "there", "u/open", true);
		put(x, OUTBOX_REPLY, "slack:C1", "u/1", "free", "", true);
		put(x, OUTBOX_REPLY, "slack:C1", "u/1", "free", "", true);
		wait_for(x, &x->slack, i ? 6 : 4);
		restart(x);
	}
	size_t first = 0, again = 0, there = 0;
	for (size_t i = 0; i < x->slack.count; i++) {
		first += text_eq(x->slack.got[i].body, "first");
		again += text_eq(x->slack.got[i].body, "again");
		there += text_eq(x->slack.got[i].body, "there");
	}
	assert_int_equal(first, 1);
	assert_int_equal(again, 0);
	assert_int_equal(there, 1);
}

static void test_restart_in_flight(void **state)
{
	struct room *x = *state;
	x->slack.silent = true;
	start(x);
	REPLY(x, "u/1", "flies");
	REPLY(x, "u/1", "waits");
	wait_for(x, &x->slack, 1);
	outbox_stop(x->outbox);
	answer_one(&x->slack, 0); /* arrives after the stop: nothing may touch the store */
	x->slack.silent = false;
	x->slack.answered = x->slack.count;
	restart(x);
	wait_for(x, &x->slack, 3);
	expect(&x->slack, 1, "flies", "");
	assert_true(x->slack.got[1].maybe_sent);
	assert_false(x->slack.got[2].maybe_sent);
}

/* Killed while a card is being posted that a newer one has replaced already: the newer one looks for the older one,
 * and what is found becomes the newer one by an update. No second card. */
static void test_restart_with_a_replaced_card_in_flight(void **state)
{
	struct room *x = *state;
	x->slack.silent = true;
	start(x);
	CARD(x, "u/1", "old");
	wait_for(x, &x->slack, 1);
	CARD(x, "u/1", "newer");
	CARD(x, "u/1", "newest");
	rig_settle(&x->rig);
	assert_int_equal(rows(x), 1);
	x->slack.silent = false;
	x->slack.answered = 1; /* never */
	restart(x);
	wait_for(x, &x->slack, 3);
	expect(&x->slack, 1, "newest", "");
	assert_true(x->slack.got[1].maybe_sent);
	assert_int_equal(x->slack.got[1].row, x->slack.got[0].row); /* what a platform looks for */
	expect(&x->slack, 2, "newest", "m1");
	assert_int_equal(rows(x), 0);
	restart(x);
	assert_string_equal(outbox_message_id(x->outbox, "slack:C1", "u/1"), "m2");
}

/* The same without a restart: nobody knows whether the older one arrived. */
static void test_replaced_card_of_unknown_outcome(void **state)
{
	struct room *x = *state;
	x->slack.silent = true;
	start(x);
	CARD(x, "u/1", "old");
	wait_for(x, &x->slack, 1);
	CARD(x, "u/1", "new");
	rig_settle(&x->rig);
	x->slack.script[0].r = RC_CONFLICT;
	x->slack.silent = false;
	answer_soon(&x->slack);
	wait_for(x, &x->slack, 3);
	assert_true(x->slack.got[1].maybe_sent);
	assert_int_equal(x->slack.got[1].row, x->slack.got[0].row);
	expect(&x->slack, 2, "new", "m1");
}

/* ---- sizes ---- */

static void test_sizes(void **state)
{
	struct room *x = *state;
	char *body = malloc(OUTBOX_BODY_MAX + 2);
	assert_non_null(body);
	memset(body, '"', OUTBOX_BODY_MAX + 1); /* twice as long in an answer of the store */
	body[OUTBOX_BODY_MAX + 1] = '\0';
	REPLY(x, "u/1", body);
	put_item(x, &(struct outbox_item){ .kind = OUTBOX_REPLY, .channel = "slack:C1" });
	rig_settle(&x->rig);
	assert_int_equal(rows(x), 0);
	body[OUTBOX_BODY_MAX] = '\0';
	for (int i = 0; i < 10; i++)
		REPLY(x, "u/1", body);
	memset(body, '\1', OUTBOX_BODY_MAX); /* six times as long */
	for (int i = 0; i < 10; i++)
		REPLY(x, "u/1", body);
	REPLY(x, "u/1", "small");
	rig_settle(&x->rig);
	start(x);
	wait_for(x, &x->slack, 21);
	expect(&x->slack, 20, "small", "");
	free(body);
}

static void test_many(void **state)
{
	struct room *x = *state;
	x->slack.silent = true;
	struct store_tx *tx = store_begin(x->rig.store);
	for (int i = 0; i < 5000; i++) {
		char subject[16];
		(void)snprintf(subject, sizeof subject, "u/%d", i);
		outbox_put(x->outbox, tx,
			   &(struct outbox_item){
				   .kind = OUTBOX_CARD, .channel = "slack:C1", .subject = subject, .body = "c" });
	}
	store_submit(tx, committed, x);
	start(x);
	put(x, OUTBOX_REPLY, "dingtalk:ops", "u/1", "last", "", false);
	wait_for(x, &x->dingtalk, 1);
	char *json = outbox_json(x->outbox);
	assert_non_null(json);
	free(json);
}

/* ---- a disk that fails ---- */

struct counting {
	struct room *x;
	long long n;
};

static bool has_rows(void *owner)
{
	struct counting *c = owner;
	return rows(c->x) == c->n;
}

static void test_disk_full(void **state)
{
	struct room *x = *state;
	start(x);
	CARD(x, "u/1", "one");
	wait_for(x, &x->slack, 1);
	x->slack.silent = true;
	CARD(x, "u/1", "two");
	wait_for(x, &x->slack, 2);
	REPLY(x, "u/1", "post");
	rig_settle(&x->rig);
	atomic_store(&rig_disk_full, true);
	x->slack.silent = false;
	answer_soon(&x->slack); /* the outcome cannot be written, nor that a post is tried */
	rig_settle(&x->rig);
	assert_int_equal(x->slack.count, 2);
	assert_int_equal(rows(x), 2);
	atomic_store(&rig_disk_full, false);
	wait_for(x, &x->slack, 3);
	expect(&x->slack, 2, "post", "m1");
	struct counting none = { x, 0 };
	RIG_UNTIL(&x->rig, has_rows, &none);
	assert_int_equal(rig_number(&x->rig, "SELECT message_id = 'm1' FROM outbox_cards"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
/* ---- trouble is told once, and that it is over ---- */

struct told {
	size_t count;
	enum outbox_trouble what[8];
	char channel[8][32], why[8][64];
};

static void troubled(void *owner, const char *channel, enum outbox_trouble what, const char *why)
{
	struct told *t = owner;
	assert_true(t->count < 8);
	t->what[t->count] = what;
	(void)snprintf(t->channel[t->count], sizeof t->channel[0], "%s", channel);
	(void)snprintf(t->why[t->count++], sizeof t->why[0], "%s", why);
}

static void test_unreached_for_long(void **state)
{
	struct room *x = *state;
	struct told t = { 0 };
	x->outbox->trouble_after_ms = 20;
	outbox_on_trouble(x->outbox, troubled, &t);
	for (size_t i = 0; i < 6; i++)
		x->slack.script[i] = (struct outbox_result){ .r = RC_UNREACHABLE, .retry_after_ms = 15, .why = "503" };
	start(x);
	REPLY(x, "u/1", "a");
	wait_for(x, &x->slack, 1);
	assert_int_equal(t.count, 0); /* a hiccup is none */
	put(x, OUTBOX_REPLY, "slack:C2", "u/1", "b", "", false);
	wait_for(x, &x->slack, 8); /* six failures on both channels, then both arrive */
	assert_int_equal(t.count, 2);
	assert_int_equal(t.what[0], OUTBOX_UNREACHED);
	assert_string_equal(t.why[0], "503");
	assert_int_equal(t.what[1], OUTBOX_WELL);
	assert_int_equal(rows(x), 0);
}

static void test_shut_out_and_refused(void **state)
{
	struct room *x = *state;
	struct told t = { 0 };
	outbox_on_trouble(x->outbox, troubled, &t);
	x->slack.script[0] = (struct outbox_result){ .r = RC_INVALID, .why = "is_archived" };
	x->slack.script[1] = (struct outbox_result){ .r = RC_INVALID, .why = "is_archived" };
	x->slack.script[2] = (struct outbox_result){ .r = RC_REFUSED, .pause_channel = true, .why = "token_revoked" };
	start(x);
	REPLY(x, "u/1", "a");
	REPLY(x, "u/1", "b");
	wait_for(x, &x->slack, 2);
	put(x, OUTBOX_REPLY, "slack:C2", "u/1", "c", "", false);
	wait_for(x, &x->slack, 3);
	assert_int_equal(t.count, 2);
	assert_int_equal(t.what[0], OUTBOX_REFUSED);
	assert_string_equal(t.channel[0], "slack:C1");
	assert_int_equal(t.what[1], OUTBOX_SHUT_OUT);
	assert_string_equal(t.channel[1], "slack:C2");
	CLEANUP(free_p) char *shown = outbox_json(x->outbox);
	assert_non_null(strstr(shown, "\"state\":\"waiting\",\"why\":\"token_revoked\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_card_is_posted_then_updated),
		TEST(test_newest_card_wins),
		TEST(test_newest_waiting_card_wins),
		TEST(test_old_in_flight_fails),
		TEST(test_gone_card_is_posted_afresh),
		TEST(test_reply_after_its_card),
		TEST(test_urgent_first),
		TEST(test_urgent_first_of_a_backlog),
		TEST(test_order_survives_failures),
		TEST(test_channels_do_not_wait_for_each_other),
		TEST(test_spacing),
		TEST(test_per_minute),
		TEST(test_a_part_is_kept_for_what_is_urgent),
		TEST(test_updates_per_minute),
		TEST(test_retry_after),
		TEST(test_backoff),
		TEST(test_pause),
		TEST(test_unreached_for_long),
		TEST(test_shut_out_and_refused),
		TEST(test_dead_letters),
		TEST(test_dead_cards_do_not_pile_up),
		TEST(test_unknown_channel),
		TEST(test_key_once),
		TEST(test_restart_in_flight),
		TEST(test_restart_with_a_replaced_card_in_flight),
		TEST(test_replaced_card_of_unknown_outcome),
		TEST(test_sizes),
		TEST(test_many),
		TEST(test_disk_full),
	};
	return cmocka_run_group_tests(tests, rig_group_setup, NULL);
}

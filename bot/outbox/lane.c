#include "bot/outbox/lane.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"

enum {
	BACKOFF_FIRST_MS = 1000,
	BACKOFF_LAST_MS = 60000,
	PAUSE_MS = 300000,
	GONE_MAX = 3,
	SUBJECT_MAX = 512,
	SHARED_LIMIT = 10 /* a minute: from here on there is something to keep for what is urgent */
};

void row_free(struct row *r)
{
	if (!r)
		return;
	free(r->subject);
	free(r->body);
	free(r->key);
	free(r->why);
	free(r);
}

static struct platform *platform_of(struct outbox *o, const char *channel)
{
	for (size_t i = 0; i < o->platform_count; i++)
		if (text_starts(channel, o->platforms[i].prefix))
			return &o->platforms[i];
	return NULL;
}

struct lane *lane_of(struct outbox *o, const char *channel)
{
	struct lane *l;
	HASH_FIND_STR(o->lanes, channel, l);
	if (l)
		return l;
	l = calloc(1, sizeof *l);
	char *name = l ? strdup(channel) : NULL;
	if (!name) {
		free(l);
		return NULL;
	}
	*l = (struct lane){ .channel = name, .outbox = o, .platform = platform_of(o, channel) };
	if (l->platform)
		l->rate.limit = l->platform->per_minute_channel;
	HASH_ADD_KEYPTR(hh, o->lanes, l->channel, strlen(l->channel), l);
	return l;
}

static void unlink_row(struct lane *l, struct row *r)
{
	struct row *before = NULL;
	for (struct row *at = l->rows; at && at != r; at = at->next)
		before = at;
	if (before)
		before->next = r->next;
	else
		l->rows = r->next;
	if (l->last == r)
		l->last = before;
}

static uint64_t mark_of(const struct row *r)
{
	return r->mark ? r->mark : r->id;
}

/* What replaces a card that may have been posted looks for that one. */
static void inherit(struct row *newer, const struct row *older)
{
	if (!older->maybe_sent || older->dead || newer->maybe_sent)
		return;
	newer->maybe_sent = true;
	newer->mark = mark_of(older);
}

/* A newer card makes an older one that has not left worthless: nothing old is sent after something new. */
static void drop_older_cards(struct lane *l, struct row *newer)
{
	struct row *next;
	for (struct row *r = l->rows; r && r != newer; r = next) {
		next = r->next;
		if (r->kind != OUTBOX_CARD || r == l->flying || !text_eq(r->subject, newer->subject))
			continue;
		inherit(newer, r);
		unlink_row(l, r);
		row_free(r);
	}
}

void lane_add(struct lane *l, struct row *r)
{
	assert(!l->last || l->last->id < r->id); /* read in order */
	r->next = NULL;
	if (l->last)
		l->last->next = r;
	else
		l->rows = r;
	l->last = r;
	if (r->kind == OUTBOX_CARD)
		drop_older_cards(l, r);
}

void lane_destroy(struct lane *l)
{
	timer_stop(&l->timer);
	while (l->rows) {
		struct row *r = l->rows;
		l->rows = r->next;
		row_free(r);
	}
	HASH_DEL(l->outbox->lanes, l);
	free(l->channel);
	free(l);
}

/* ---- choosing ---- */

static struct row *waiting_card(const struct lane *l, const char *subject)
{
	for (struct row *r = l->rows; r; r = r->next)
		if (r->kind == OUTBOX_CARD && !r->dead && text_eq(r->subject, subject))
			return r;
	return NULL;
}

/* The subject of the card in whose thread a row belongs; "" none. buf of SUBJECT_MAX bytes. */
static const char *thread_of(const struct row *r, char *buf)
{
	const char *mark = strchr(r->subject, '#');
	if (r->kind == OUTBOX_REPLY)
		(void)text_copy(buf, SUBJECT_MAX, r->subject);
	else if (r->kind == OUTBOX_CARD && mark && mark - r->subject < SUBJECT_MAX)
		(void)text_copy(buf, (size_t)(mark - r->subject) + 1, r->subject);
	else
		buf[0] = '\0';
	return buf;
}

/* Decisions before progress, otherwise in order; what belongs in a thread goes after the card that it hangs on. */
static struct row *choose(const struct lane *l)
{
	struct row *best = NULL;
	char thread[SUBJECT_MAX];
	for (struct row *r = l->rows; r; r = r->next)
		if (!r->dead && (!best || (r->urgent && !best->urgent)))
			best = r;
	if (best && *thread_of(best, thread) && !*outbox_message_id(l->outbox, l->channel, thread)) {
		struct row *card = waiting_card(l, thread);
		if (card)
			return card;
	}
	return best;
}

static int64_t jitter(int64_t ms)
{
	unsigned char byte;
	if (crypto_random(&byte, 1, NULL) != RC_OK)
		byte = 128;
	return ms / 2 + ms * byte / 510;
}

static void wake(void *owner)
{
	lane_run(owner);
}

/* ---- sending ---- */

static void lane_sent(void *owner, uint64_t id, const struct outbox_result *res);

static void fly(void *owner, enum result r, const struct error *why)
{
	struct lane *l = owner;
	struct row *row = l->flying;
	if (l->outbox->stopped)
		return;
	if (r != RC_OK) {
		lane_sent(l, mark_of(row),
			  &(struct outbox_result){ .r = RC_UNREACHABLE, .retry_after_ms = -1, .why = why->text });
		return;
	}
	char thread[SUBJECT_MAX];
	bool hangs = row->kind == OUTBOX_CARD && *thread_of(row, thread);
	struct outbox_item item = { .row = mark_of(row),
				    .kind = row->kind,
				    .channel = l->channel,
				    .subject = row->subject,
				    .key = row->key,
				    .body = row->body,
				    .urgent = row->urgent,
				    .message_id = outbox_message_id(l->outbox, l->channel, row->subject),
				    .thread_id = hangs ? outbox_message_id(l->outbox, l->channel, thread) : "",
				    .maybe_sent = row->maybe_sent };
	row->maybe_sent = true;
	l->posting = !*item.message_id;
	l->not_before_ms = loop_now(l->outbox->loop).v + l->platform->spacing_ms;
	l->platform->deliver(l->platform->owner, &item, lane_sent, l);
}

/* Of a limit that all conversations share, a third is for what a person waits for; a small one has nothing to spare. */
static int kept_of(const struct rate *r, const struct row *row)
{
	return row->urgent || r->limit < SHARED_LIMIT ? 0 : r->limit / 3;
}

static int64_t wait_for_turn(const struct lane *l, const struct row *row, bool update, int64_t now)
{
	const struct platform *p = l->platform;
	int64_t wait = l->not_before_ms > now ? l->not_before_ms - now : 0;
	int64_t others[] = { rate_wait(&l->rate, now, 0), rate_wait(&p->rate, now, kept_of(&p->rate, row)),
			     update ? rate_wait(&p->updates, now, kept_of(&p->updates, row)) : 0,
			     p->paused_until_ms - now };
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		wait = others[i] > wait ? others[i] : wait;
	return wait;
}

void lane_run(struct lane *l)
{
	if (l->flying || !l->platform || l->outbox->stopped)
		return;
	struct row *row = choose(l);
	if (!row)
		return;
	int64_t now = loop_now(l->outbox->loop).v;
	bool update = row->kind == OUTBOX_CARD && *outbox_message_id(l->outbox, l->channel, row->subject);
	int64_t wait = wait_for_turn(l, row, update, now);
	if (wait > 0) {
		timer_start(l->outbox->loop, &l->timer, wait, wake, l);
		return;
	}
	l->flying = row;
	rate_use(&l->rate, now);
	rate_use(&l->platform->rate, now);
	if (update)
		rate_use(&l->platform->updates, now);
	/* An update can be repeated; a post cannot: that a try was made is on disk before it is made. */
	if (update)
		fly(l, RC_OK, NULL);
	else
		rows_trying(l->outbox, row, fly, l);
}

/* ---- trouble ---- */

static void tell(struct lane *l, enum outbox_trouble what, const char *why)
{
	if (l->outbox->troubled)
		l->outbox->troubled(l->outbox->trouble_owner, l->channel, what, why ? why : "");
}

static void is_well(struct lane *l)
{
	struct platform *p = l->platform;
	bool was_told = p->told || l->told;
	p->failing_since_ms = 0;
	p->told = l->told = false;
	if (was_told)
		tell(l, OUTBOX_WELL, "");
}

static void is_unwell(struct lane *l, const struct outbox_result *res)
{
	struct platform *p = l->platform;
	int64_t now = loop_now(l->outbox->loop).v;
	if (!p->failing_since_ms)
		p->failing_since_ms = now ? now : 1;
	bool long_enough = now - p->failing_since_ms >= l->outbox->trouble_after_ms;
	if (p->told || (!res->pause_channel && !long_enough))
		return;
	p->told = true;
	tell(l, res->pause_channel ? OUTBOX_SHUT_OUT : OUTBOX_UNREACHED, res->why);
}

/* ---- outcomes ---- */

static void arrived(struct lane *l, struct row *row, const struct outbox_result *res)
{
	struct outbox *o = l->outbox;
	const char *known = outbox_message_id(o, l->channel, row->subject);
	const char *id = row->kind != OUTBOX_CARD ? NULL : text_empty(res->message_id) ? known : res->message_id;
	/* What was found may be the older card: this one goes out as its update. */
	bool older = row->kind == OUTBOX_CARD && l->posting && row->mark && !text_empty(id);
	if (older)
		rows_posted(o, l, row, id);
	else
		rows_sent(o, l, row, text_empty(id) ? NULL : id);
	if (!text_empty(id))
		posted_set(o, l->channel, row->subject, id, loop_wall(o->loop).v);
	metric_inc(o->sent, 1, l->platform->prefix);
	is_well(l);
	if (older) {
		row->mark = 0;
		return;
	}
	unlink_row(l, row);
	row_free(row);
}

static void put_off(struct lane *l, struct row *row, const struct outbox_result *res)
{
	int64_t backoff = BACKOFF_FIRST_MS;
	for (int i = 0; i < row->tries && backoff < BACKOFF_LAST_MS; i++)
		backoff *= 2;
	backoff = backoff > BACKOFF_LAST_MS ? BACKOFF_LAST_MS : backoff;
	int64_t wait = res->retry_after_ms >= 0 ? res->retry_after_ms : jitter(backoff);
	row->tries++;
	free(row->why);
	row->why = strdup(res->why ? res->why : "");
	is_unwell(l, res);
	int64_t until = loop_now(l->outbox->loop).v + wait;
	l->not_before_ms = until > l->not_before_ms ? until : l->not_before_ms;
	if (row->tries == 1 || row->tries % 10 == 0)
		log_warn("message_put_off", "channel=%s row=%llu tries=%d wait_ms=%lld why=%s", l->channel,
			 (unsigned long long)row->id, row->tries, (long long)wait, res->why ? res->why : "");
}

static void bury(struct lane *l, struct row *row, const struct outbox_result *res)
{
	log_error("message_refused", "channel=%s row=%llu why=%s", l->channel, (unsigned long long)row->id,
		  res->why ? res->why : "");
	metric_inc(l->outbox->failed, 1, l->platform->prefix);
	row->dead = true;
	row->gone = 0;
	free(row->why);
	row->why = strdup(res->why ? res->why : "");
	rows_dead(l->outbox, row, row->why ? row->why : "");
	if (!l->told) {
		l->told = true;
		tell(l, OUTBOX_REFUSED, res->why);
	}
}

/* The card is gone: the same content as a new one. */
static void post_afresh(struct lane *l, struct row *row, const struct outbox_result *res)
{
	posted_set(l->outbox, l->channel, row->subject, "", 0);
	row->maybe_sent = false;
	row->mark = 0;
	if (row->gone++ >= GONE_MAX)
		bury(l, row, res);
}

/* While this one was in flight a newer card may have come; an old one that failed must not follow it. */
static void drop_if_replaced(struct lane *l, struct row *row)
{
	for (struct row *r = row->next; r; r = r->next)
		if (r->kind == OUTBOX_CARD && text_eq(r->subject, row->subject)) {
			inherit(r, row);
			unlink_row(l, row);
			row_free(row);
			return;
		}
}

static void lane_sent(void *owner, uint64_t id, const struct outbox_result *res)
{
	struct lane *l = owner;
	struct row *row = l->flying;
	assert(row && mark_of(row) == id);
	l->flying = NULL;
	if (l->outbox->stopped)
		return; /* the store may be closed: the next start asks the platform whether it arrived */
	if (res->pause_channel) {
		l->platform->paused_until_ms = loop_now(l->outbox->loop).v + PAUSE_MS;
		log_error("channel_paused", "channel=%s minutes=%d why=%s", l->channel, PAUSE_MS / 60000,
			  res->why ? res->why : "");
	}
	switch (res->r) {
	case RC_OK:
		arrived(l, row, res);
		row = NULL;
		break;
	case RC_NOT_FOUND:
		post_afresh(l, row, res);
		break;
	case RC_INVALID:
	case RC_REFUSED:
		if (res->pause_channel)
			put_off(l, row, res);
		else
			bury(l, row, res);
		break;
	default:
		put_off(l, row, res);
		break;
	}
	if (row && row->kind == OUTBOX_CARD)
		drop_if_replaced(l, row);
	timer_start(l->outbox->loop, &l->timer, 0, wake, l);
}

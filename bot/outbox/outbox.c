#include "bot/outbox/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/metrics.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/outbox/lane.h"

enum result outbox_create(struct loop *l, struct store *store, struct metrics *metrics, struct outbox **ret,
			  struct error *e)
{
	CLEANUP(outbox_destroy_p) struct outbox *o = calloc(1, sizeof *o);
	if (!o)
		return error_set(e, RC_EXHAUSTED, "no memory for the outbox");
	o->loop = l;
	o->store = store;
	o->trouble_after_ms = TROUBLE_AFTER_MS;
	o->sent = metrics_add(metrics, METRIC_COUNTER, "rollcall_outbox_sent_total", "Messages delivered.", "platform",
			      NULL);
	o->failed = metrics_add(metrics, METRIC_COUNTER, "rollcall_outbox_dead_total", "Messages that were refused.",
				"platform", NULL);
	*ret = TAKE(o);
	return RC_OK;
}

void outbox_stop(struct outbox *o)
{
	if (!o)
		return;
	o->stopped = true;
	timer_stop(&o->again);
}

void outbox_destroy(struct outbox *o)
{
	if (!o)
		return;
	assert(!o->reading && "the store must have closed before");
	timer_stop(&o->again);
	while (o->owed)
		owed_free(o->owed);
	struct lane *l, *next_lane;
	HASH_ITER (hh, o->lanes, l, next_lane) {
		lane_destroy(l);
	}
	struct posted *p, *next;
	HASH_ITER (hh, o->posted, p, next) {
		HASH_DEL(o->posted, p);
		free(p->key);
		free(p->message_id);
		free(p);
	}
	free(o);
}

void outbox_platform(struct outbox *o, const char *prefix, int64_t spacing_ms, int per_minute, int per_minute_channel,
		     outbox_deliver *deliver, void *owner)
{
	if (o->platform_count >= sizeof o->platforms / sizeof *o->platforms)
		return;
	struct platform *p = &o->platforms[o->platform_count++];
	*p = (struct platform){ .spacing_ms = spacing_ms,
				.per_minute_channel = per_minute_channel,
				.rate = { .limit = per_minute },
				.deliver = deliver,
				.owner = owner };
	(void)snprintf(p->prefix, sizeof p->prefix, "%s", prefix);
}

void outbox_platform_updates(struct outbox *o, int per_minute)
{
	if (o->platform_count)
		o->platforms[o->platform_count - 1].updates.limit = per_minute;
}

void outbox_on_trouble(struct outbox *o, outbox_troubled *cb, void *owner)
{
	o->troubled = cb;
	o->trouble_owner = owner;
}

enum result outbox_start(struct outbox *o, struct error *e)
{
	enum result r = rows_load_posted(o, e);
	if (r != RC_OK)
		return error_in(e, r, "outbox");
	o->started = true;
	rows_read(o);
	return RC_OK;
}

void outbox_kick(struct outbox *o)
{
	if (o->started) /* before, nobody knows which cards stand already */
		rows_read(o);
}

enum { SHOWN_BYTES = 2 << 20 };

static void add_row(struct strbuf *b, const struct lane *l, const struct row *r)
{
	static const char *const kinds[] = {
		[OUTBOX_CARD] = "card", [OUTBOX_REPLY] = "reply", [OUTBOX_MESSAGE] = "message"
	};
	strbuf_addf(b, "%s{\"row\":%llu,\"kind\":\"%s\",\"channel\":", b->len > 1 ? "," : "", (unsigned long long)r->id,
		    kinds[r->kind]);
	strbuf_add_json(b, l->channel);
	strbuf_add(b, ",\"subject\":");
	strbuf_add_json(b, r->subject);
	strbuf_addf(b, ",\"tries\":%d,\"state\":\"%s\",\"why\":", r->tries,
		    r->dead          ? "dead"
		    : r == l->flying ? "sending"
				     : "waiting");
	strbuf_add_json(b, r->why ? r->why : "");
	strbuf_addc(b, '}');
}

char *outbox_json(struct outbox *o)
{
	struct strbuf b;
	strbuf_init(&b, 2 * SHOWN_BYTES);
	strbuf_addc(&b, '[');
	struct lane *l, *next;
	HASH_ITER (hh, o->lanes, l, next) {
		for (const struct row *r = l->rows; r && b.len < SHOWN_BYTES; r = r->next)
			add_row(&b, l, r);
	}
	strbuf_addc(&b, ']');
	char *text = strbuf_take(&b);
	strbuf_finish(&b);
	return text;
}

void outbox_retry(struct outbox *o, uint64_t row)
{
	struct lane *l, *next;
	HASH_ITER (hh, o->lanes, l, next) {
		for (struct row *r = l->rows; r; r = r->next)
			if (r->dead && (row == 0 || row == r->id)) {
				r->dead = false;
				r->tries = 0;
				free(r->why);
				r->why = NULL;
				rows_alive(o, r->id);
			}
		lane_run(l);
	}
}

#include "bot/console/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"

enum {
	STREAMS_MAX = 500,
	QUEUE_MAX = 8 << 20, /* a snapshot of some thousand rollouts fits */
	EVENT_MAX = 8 << 20,
	RING_BYTES_MAX = 4 << 20,
	BEAT_MS = 5000,
	MEMORY_MS = 300000, /* so long after the last listener has left, events are kept for its return */
	BOOT_BYTES = 9,
};

struct feed_stream {
	struct feed *feed;
	struct http_exchange *x;
	char tag[FEED_TAG_MAX];
	struct feed_stream *next, **at;
};
struct feed {
	struct feed_options o;
	struct ring ring;
	char boot[BOOT_BYTES * 2]; /* tells the events of this process from those of the one before */
	struct feed_stream *streams;
	size_t stream_count;
	struct timer beat;
	struct mono_ms left_at; /* the last listener */
	bool stopped, ever;
	struct metric *listeners, *events, *resumed;
};

/* ---- streams ---- */

static void stream_free(struct feed_stream *s)
{
	struct feed *f = s->feed;
	*s->at = s->next;
	if (s->next)
		s->next->at = s->at;
	f->stream_count--;
	metric_set(f->listeners, (double)f->stream_count);
	f->left_at = loop_now(f->o.loop);
	free(s);
}

static void stream_closed(void *owner)
{
	stream_free(owner);
}

static void stream_end(struct feed_stream *s)
{
	struct http_exchange *x = s->x;
	stream_free(s);
	http_on_close(x, NULL, NULL);
	http_stream_end(x);
}

/* A stream that is too slow is closed by this, and told so by stream_closed later. */
static void send_to_all(struct feed *f, const char *text, size_t len)
{
	for (struct feed_stream *s = f->streams; s; s = s->next)
		(void)http_stream_send(s->x, text, len);
}

static void turn_away(struct feed *f)
{
	struct feed_stream *next;
	for (struct feed_stream *s = f->streams; s; s = next) {
		next = s->next;
		if (!f->o.admits(f->o.owner, s->tag))
			stream_end(s);
	}
}

/* An event and not a comment, so that the page can tell silence from a dead connection. */
static void beat(void *owner)
{
	static const char text[] = "event: beat\ndata: {}\n\n";
	struct feed *f = owner;
	turn_away(f);
	f->o.beat(f->o.owner);
	send_to_all(f, text, strlen(text));
	if (f->streams)
		timer_start(f->o.loop, &f->beat, BEAT_MS, beat, f);
}

/* ---- events ---- */

static void print_head(const struct feed *f, struct strbuf *b, uint64_t number, const char *event)
{
	strbuf_addf(b, "id: %s.%llu\nevent: %s\ndata: ", f->boot, (unsigned long long)number, event);
}

void feed_put(struct feed *f, const char *event, const char *json, size_t len)
{
	struct strbuf b;
	strbuf_init(&b, EVENT_MAX);
	print_head(f, &b, f->ring.next, event);
	strbuf_addn(&b, json, len);
	strbuf_add(&b, "\n\n");
	metric_inc(f->events, 1, event);
	if (b.overflow) {
		ring_clear(&f->ring); /* nobody may believe to have heard it */
		while (f->streams)
			stream_end(f->streams);
	} else {
		ring_put(&f->ring, b.s, b.len);
		send_to_all(f, b.s, b.len);
	}
	strbuf_finish(&b);
}

bool feed_is_heard(const struct feed *f)
{
	return f->streams || (f->ever && loop_now(f->o.loop).v - f->left_at.v < MEMORY_MS);
}

/* Number of "BOOT.NUMBER" when it is of this process and all that followed is kept. */
static bool can_resume(const struct feed *f, const char *seen, uint64_t *ret)
{
	size_t n = strlen(f->boot);
	return seen && strncmp(seen, f->boot, n) == 0 && seen[n] == '.' &&
	       text_u64(seen + n + 1, 0, UINT64_MAX, ret, NULL) == RC_OK && ring_covers(&f->ring, *ret);
}

static void send_missed(struct feed *f, struct http_exchange *x, uint64_t seen)
{
	for (uint64_t i = seen + 1; i < f->ring.next; i++) {
		const struct ring_event *ev = ring_at(&f->ring, i);
		if (!http_stream_send(x, ev->text, ev->len))
			return;
	}
	metric_inc(f->resumed, 1, "missed");
}

static void send_everything(struct feed *f, struct feed_stream *s)
{
	struct strbuf b;
	strbuf_init(&b, EVENT_MAX);
	print_head(f, &b, f->ring.next - 1, "snapshot");
	f->o.snapshot(f->o.owner, &b);
	strbuf_add(&b, "\n\n");
	if (b.overflow)
		stream_end(s);
	else
		(void)http_stream_send(s->x, b.s, b.len);
	strbuf_finish(&b);
	metric_inc(f->resumed, 1, "snapshot");
}

void feed_open(struct feed *f, struct http_exchange *x, const char *tag, const char *seen)
{
	static const char retry[] = "retry: 1000\n\n";
	uint64_t last = 0;
	struct feed_stream *s = f->stopped || f->stream_count >= STREAMS_MAX ? NULL : calloc(1, sizeof *s);
	if (!s) {
		http_respond_error(x, 503, NULL, f->stopped ? "rollcall is being stopped" : "too many listen already");
		return;
	}
	*s = (struct feed_stream){ .feed = f, .x = x, .next = f->streams, .at = &f->streams };
	(void)text_copy(s->tag, sizeof s->tag, tag);
	if (s->next)
		s->next->at = &s->next;
	/* What was not rendered while nobody listened was not kept either. */
	bool heard = feed_is_heard(f), resumes = heard && can_resume(f, seen, &last);
	if (!heard)
		ring_clear(&f->ring);
	f->streams = s;
	f->stream_count++;
	f->ever = true;
	metric_set(f->listeners, (double)f->stream_count);
	http_stream_start(x, "text/event-stream; charset=utf-8", QUEUE_MAX);
	http_on_close(x, stream_closed, s);
	(void)http_stream_send(x, retry, strlen(retry));
	if (resumes)
		send_missed(f, x, last);
	else
		send_everything(f, s);
	if (!timer_active(&f->beat))
		timer_start(f->o.loop, &f->beat, BEAT_MS, beat, f);
}

/* ---- life ---- */

enum result feed_create(const struct feed_options *o, struct feed **ret, struct error *e)
{
	CLEANUP(feed_destroy_p) struct feed *f = calloc(1, sizeof *f);
	if (!f)
		return error_set(e, RC_EXHAUSTED, "no memory for events");
	f->o = *o;
	ring_init(&f->ring, RING_BYTES_MAX);
	enum result r = crypto_token(BOOT_BYTES, f->boot, sizeof f->boot, e);
	if (r != RC_OK)
		return r;
	f->listeners = metrics_add(o->metrics, METRIC_GAUGE, "rollcall_console_listeners",
				   "Pages of the console that are open.", "", NULL);
	f->events = metrics_add(o->metrics, METRIC_COUNTER, "rollcall_console_events_total",
				"Events for the console's pages.", "event", NULL);
	f->resumed = metrics_add(o->metrics, METRIC_COUNTER, "rollcall_console_streams_total",
				 "Pages that began to listen, by what they were given.", "given", NULL);
	*ret = TAKE(f);
	return RC_OK;
}

void feed_stop(struct feed *f)
{
	f->stopped = true;
	timer_stop(&f->beat);
	while (f->streams)
		stream_end(f->streams);
}

void feed_destroy(struct feed *f)
{
	if (!f)
		return;
	feed_stop(f);
	ring_finish(&f->ring);
	free(f);
}

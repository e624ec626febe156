/* GET /api/v1/events: server-sent events. A peer first gets every rollout as it is ("rollouts"), then each change of a
 * rollout, and of a question to people ("approval"); with the Last-Event-ID of the newest change it has missed nothing
 * and gets no list. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/api/rest_room.h"

enum { QUEUE_MAX = 4 << 20, EVENT_MAX = 8 << 20, KEEP_ALIVE_MS = 15000 };

struct rest_stream {
	struct rest *api;
	struct http_exchange *x;
	struct timer alive; /* a comment now and then, so that a dead connection shows */
	struct rest_stream *next, **at;
};

static void stream_free(struct rest_stream *s)
{
	timer_stop(&s->alive);
	*s->at = s->next;
	if (s->next)
		s->next->at = s->at;
	s->api->stream_count--;
	free(s);
}

static void stream_closed(void *owner)
{
	stream_free(owner);
}

static void stream_end(struct rest_stream *s)
{
	struct http_exchange *x = s->x;
	stream_free(s);
	http_on_close(x, NULL, NULL);
	http_stream_end(x);
}

static void keep_alive(void *owner)
{
	static const char comment[] = ":\n\n";
	struct rest_stream *s = owner;
	timer_start(s->api->o.loop, &s->alive, KEEP_ALIVE_MS, keep_alive, s);
	(void)http_stream_send(s->x, comment, strlen(comment)); /* closed ones are told by stream_closed */
}

static void print_event(struct rest *a, struct strbuf *b, const char *event)
{
	strbuf_addf(b, "id: %s.%llu\nevent: %s\ndata: ", a->boot, (unsigned long long)a->event_id, event);
}

/* One line: JSON escapes line ends. */
static void send_all(struct rest *a, struct rest_stream *s)
{
	CLEANUP(arena_destroy_p) struct arena *arena = arena_create(EVENT_MAX * 8ul);
	size_t n = 0;
	const struct rollout *const *list = arena ? engine_list(a->o.engine, NULL, arena, &n) : NULL;
	struct strbuf b;
	strbuf_init(&b, QUEUE_MAX);
	print_event(a, &b, "rollouts");
	strbuf_addc(&b, '[');
	for (size_t i = 0; list && i < n; i++) {
		strbuf_add(&b, i ? "," : "");
		rest_add_rollout(&b, list[i]);
	}
	strbuf_add(&b, "]\n\n");
	if (b.overflow)
		stream_end(s);
	else
		(void)http_stream_send(s->x, b.s, b.len);
	strbuf_finish(&b);
}

void rest_events(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	if (!rest_admit(a, x, SCOPE_READ) || !rest_is_synced(a, x))
		return;
	struct rest_stream *s = a->stream_count < REST_STREAMS_MAX && !a->stopping ? calloc(1, sizeof *s) : NULL;
	if (!s) {
		http_respond_error(x, 503, NULL, "too many listen already");
		return;
	}
	char now[64];
	const char *seen = http_header(x, "last-event-id");
	(void)snprintf(now, sizeof now, "%s.%llu", a->boot, (unsigned long long)a->event_id);
	*s = (struct rest_stream){ .api = a, .x = x, .next = a->streams, .at = &a->streams };
	if (s->next)
		s->next->at = &s->next;
	a->streams = s;
	a->stream_count++;
	http_stream_start(x, "text/event-stream", QUEUE_MAX);
	http_on_close(x, stream_closed, s);
	timer_start(a->o.loop, &s->alive, KEEP_ALIVE_MS, keep_alive, s);
	if (!seen || !text_eq(seen, now))
		send_all(a, s);
}

static const char *news_name(enum rollout_news n)
{
	static const char *const names[] = {
		[NEWS_CHANGED] = "changed", [NEWS_SAID] = "said",           [NEWS_ALERT] = "alert",
		[NEWS_STARTED] = "started", [NEWS_RESTARTED] = "restarted", [NEWS_SUCCEEDED] = "succeeded",
		[NEWS_FAILED] = "failed",   [NEWS_CANCELLED] = "cancelled", [NEWS_REQUEST_DONE] = "request",
		[NEWS_GONE] = "gone",
	};
	return names[n];
}

void rest_event(void *owner, const struct rollout_event *ev)
{
	struct rest *a = owner;
	a->event_id++;
	if (!a->streams)
		return;
	struct strbuf b;
	strbuf_init(&b, EVENT_MAX);
	print_event(a, &b, news_name(ev->news));
	strbuf_add(&b, "{\"text\":");
	strbuf_add_json(&b, ev->text ? ev->text : "");
	strbuf_addf(&b, ",\"warning\":%s,\"rollout\":", ev->warning ? "true" : "false");
	rest_add_rollout(&b, ev->rollout);
	strbuf_add(&b, "}\n\n");
	for (struct rest_stream *s = a->streams; s && !b.overflow; s = s->next)
		(void)http_stream_send(s->x, b.s, b.len);
	strbuf_finish(&b);
}

/* A vote leaves the rollout as it is, and everybody wants to see it. */
void rest_approval_event(void *owner, enum approval_news news, const struct approval *approval)
{
	struct rest *a = owner;
	if (!approval || news == APPROVAL_REMINDED)
		return;
	a->event_id++;
	if (!a->streams)
		return;
	struct strbuf b;
	strbuf_init(&b, EVENT_MAX);
	print_event(a, &b, "approval");
	rest_add_approval(&b, approval);
	strbuf_add(&b, "\n\n");
	for (struct rest_stream *s = a->streams; s && !b.overflow; s = s->next)
		(void)http_stream_send(s->x, b.s, b.len);
	strbuf_finish(&b);
}

void rest_streams_end(struct rest *a)
{
	while (a->streams)
		stream_end(a->streams);
}

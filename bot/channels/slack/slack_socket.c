/* Socket Mode (slack.md 14): a few WebSockets that we open, over which Slack sends what it would post otherwise. One
 * that Slack is about to close is read and acknowledged on until it goes, and its successor is open before that. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/ws_client.h"
#include "bot/channels/slack/slack_frame.h"
#include "bot/channels/slack/slack_private.h"

enum {
	ARENA_BYTES = 8 * 1024 * 1024,
	HELLO_MS = 10 * 1000,
	LEAVING_MS = 30 * 1000, /* Slack says ten seconds */
	BACKOFF_MS = 1000,
	BACKOFF_MAX_MS = 60 * 1000,
	STEADY_MS = 60 * 1000, /* who lived for so long was no failure */
	CROWDED_MS = 30 * 1000,
	DEAD_MS = 5 * 60 * 1000,
};

struct slack_socket {
	struct slack_sockets *all;
	struct slack_socket *next, **at;
	struct ws *ws;   /* owned */
	bool ready;      /* it has said hello */
	bool leaving;    /* Slack is about to close it: no longer counted on */
	int64_t rest_ms; /* before the next one is opened, once this one has gone; 0: as it went */
	struct mono_ms ready_at;
	struct timer deadline; /* for the hello; then, when it is leaving, for its end */
};
struct slack_sockets {
	struct slack *slack;
	struct slack_socket *list;
	bool asking; /* Slack for an address */
	int tries;   /* that failed in a row */
	struct timer again;
	struct metric *open, *frames, *ends;
};

static void fill(void *owner);

/* ---- waiting ---- */

/* Between the half and the whole of it: many of us must not come back at the same moment. */
static int64_t jitter(int64_t ms)
{
	uint16_t dice = 0;
	(void)!crypto_random(&dice, sizeof dice, NULL);
	return ms / 2 + ms * dice / 2 / UINT16_MAX;
}

static int64_t backoff(int tries)
{
	int64_t ms = BACKOFF_MS;
	while (--tries > 0 && ms < BACKOFF_MAX_MS)
		ms *= 2;
	return jitter(ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS);
}

static void rest(struct slack_sockets *all, int64_t ms)
{
	timer_start(all->slack->ctx.loop, &all->again, ms, fill, all);
}

/* ---- one connection ---- */

static void count_open(struct slack_sockets *all)
{
	int n = 0;
	for (const struct slack_socket *k = all->list; k; k = k->next)
		n += k->ready;
	metric_set(all->open, n);
}

static void socket_free(struct slack_socket *k)
{
	timer_stop(&k->deadline);
	slack_acks_forget(k->all->slack, k);
	ws_cancel(&k->ws);
	*k->at = k->next;
	if (k->next)
		k->next->at = k->at;
	free(k);
}

/* What cannot be acknowledged comes again: an event by itself, a press by the person. */
static void send_ack(void *place, const char *text)
{
	struct slack_socket *k = place;
	struct error e = { .text = "no memory" };
	if (!text)
		return;
	if (!*text || ws_send(k->ws, text, strlen(text), &e) != RC_OK)
		log_warn("slack_not_acknowledged", "why=%s", e.text);
}

static void envelope(struct slack_socket *k, const struct slack_frame *f, struct arena *a)
{
	struct slack *s = k->all->slack;
	const char *why = f->why;
	int foreign = f->readable ? slack_foreign(s, &f->in, &why) : 400;
	CLEANUP(free_p) char *answer = foreign || !f->takes_answer ? NULL : slack_form_answer(s, &f->in, a);
	const char *ack = slack_frame_ack(f->envelope_id, answer, a);
	metric_inc(k->all->frames, 1, foreign ? "refused" : "heard");
	if (foreign)
		log_warn("slack_frame_refused", "status=%d why=%s", foreign, why);
	if (foreign || answer)
		send_ack(k, ack);
	else
		slack_hear(s, &f->in, f->envelope_id, slack_ack_create(s, k, send_ack, ack ? ack : ""));
}

static void never_greeted(void *owner)
{
	struct slack_socket *k = owner;
	ws_close(k->ws);
}

static int wanted(const struct slack_sockets *all)
{
	int n = all->slack->connections;
	for (const struct slack_socket *k = all->list; k; k = k->next)
		n += k->leaving;
	return n;
}

static void greeted(struct slack_socket *k, int connections)
{
	struct slack_sockets *all = k->all;
	timer_stop(&k->deadline);
	k->ready = true;
	k->ready_at = loop_now(all->slack->ctx.loop);
	count_open(all);
	log_info("slack_socket_open", "connections=%d", connections);
	if (connections > wanted(all))
		log_warn("slack_socket_shared",
			 "connections=%d ours=%d what=another process uses this app token and gets a share of what "
			 "people do",
			 connections, wanted(all));
	fill(all);
}

static void told_to_leave(struct slack_socket *k, const char *reason)
{
	struct slack_sockets *all = k->all;
	k->leaving = true;
	timer_start(all->slack->ctx.loop, &k->deadline, LEAVING_MS, never_greeted, k);
	if (text_eq(reason, "link_disabled")) {
		log_error("slack_socket_mode_off", "what=Socket Mode is switched off in the settings of the Slack app");
		k->rest_ms = DEAD_MS;
	} else if (text_eq(reason, "too_many_websockets")) {
		log_error("slack_too_many_sockets",
			  "what=ten connections use this app token already; other processes with it must go");
		k->rest_ms = CROWDED_MS + jitter(CROWDED_MS);
		ws_close(k->ws);
	} else {
		log_info("slack_socket_leaving", "reason=%s", reason);
	}
	if (k->rest_ms)
		rest(all, k->rest_ms);
	else
		fill(all);
}

static void message(void *owner, const char *text, size_t len)
{
	struct slack_socket *k = owner;
	struct slack *s = k->all->slack;
	struct slack_frame f;
	struct error e = { .text = "no memory" };
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(ARENA_BYTES);
	if (!a || slack_read_frame(text, len, s->bot_user, a, &f, &e) != RC_OK) {
		log_warn("slack_frame_unreadable", "why=%s", e.text);
		metric_inc(k->all->frames, 1, "unreadable");
		return;
	}
	switch (f.kind) {
	case FRAME_HELLO:
		greeted(k, f.connections);
		break;
	case FRAME_DISCONNECT:
		told_to_leave(k, f.reason);
		break;
	case FRAME_ENVELOPE:
		envelope(k, &f, a);
		break;
	case FRAME_OTHER:
		metric_inc(k->all->frames, 1, "unknown");
		if (*f.envelope_id)
			send_ack(k, slack_frame_ack(f.envelope_id, NULL, a));
		break;
	}
}

static void closed(void *owner, const struct ws_end *end)
{
	struct slack_socket *k = owner;
	struct slack_sockets *all = k->all;
	bool steady = k->ready && loop_now(all->slack->ctx.loop).v - k->ready_at.v >= STEADY_MS;
	bool failed = !k->ready || (!k->leaving && !steady);
	int64_t pause = k->rest_ms;
	all->tries = failed ? all->tries + 1 : 0;
	k->ws = NULL;
	metric_inc(all->ends, 1, k->leaving ? "asked_to" : "by_itself");
	if (k->leaving)
		log_debug("slack_socket_closed", "why=%s", end->why);
	else
		log_warn("slack_socket_closed", "why=%s", end->why);
	socket_free(k);
	count_open(all);
	if (failed && !pause)
		rest(all, backoff(all->tries));
	else
		fill(all);
}

/* ---- opening ---- */

static enum result open_at(struct slack_sockets *all, const char *url, struct error *e)
{
	static const struct ws_handlers handlers = { .message = message, .closed = closed };
	struct slack *s = all->slack;
	if (!slack_address_good(s, url))
		return error_set(e, RC_REFUSED, "Slack named an address that is not Slack's");
	struct slack_socket *k = calloc(1, sizeof *k);
	if (!k)
		return error_set(e, RC_EXHAUSTED, "no memory for a connection");
	k->all = all;
	struct ws_options o = { .url = url, .user_agent = "rollcall/" ROLLCALL_VERSION };
	enum result r = ws_open(s->ctx.loop, &o, &handlers, k, &k->ws, e);
	if (r != RC_OK) {
		free(k);
		return r;
	}
	k->next = all->list;
	k->at = &all->list;
	if (k->next)
		k->next->at = &k->next;
	all->list = k;
	timer_start(s->ctx.loop, &k->deadline, HELLO_MS, never_greeted, k);
	return RC_OK;
}

static void failed(struct slack_sockets *all, const struct slack_answer *ans, const char *why)
{
	enum slack_trouble t = slack_trouble_of(ans->error);
	all->tries++;
	if (t == TROUBLE_CREDENTIAL || t == TROUBLE_SETUP) {
		log_error("slack_app_token_refused", "why=%s", why);
		rest(all, DEAD_MS);
		return;
	}
	log_warn("slack_socket_not_opened", "why=%s", why);
	int64_t pause = backoff(all->tries);
	rest(all, ans->retry_after_ms > pause ? ans->retry_after_ms : pause);
}

static void answered(void *owner, const struct slack_answer *ans)
{
	struct slack_sockets *all = owner;
	struct error e;
	all->asking = false;
	if (ans->r != RC_OK)
		failed(all, ans, ans->why);
	else if (open_at(all, json_text(ans->body, "url", ""), &e) != RC_OK)
		failed(all, ans, e.text);
}

/* One after the other: opening is rate-limited, and whoever fails should fail alone. */
static void fill(void *owner)
{
	struct slack_sockets *all = owner;
	int counted_on = 0;
	bool opening = all->asking;
	for (const struct slack_socket *k = all->list; k; k = k->next) {
		counted_on += !k->leaving;
		opening = opening || (!k->ready && !k->leaving);
	}
	if (opening || counted_on >= all->slack->connections || timer_active(&all->again))
		return;
	all->asking = true;
	slack_send(all->slack, &(struct slack_request){ .as = SLACK_FORM_BODY,
							.method = "apps.connections.open",
							.as_app = true,
							.body = "",
							.done = answered,
							.owner = all });
}

void slack_sockets_start(struct slack *s)
{
	if (s->sockets || !s->app_authorization)
		return;
	struct slack_sockets *all = calloc(1, sizeof *all);
	if (!all) {
		log_error("slack_socket_not_opened", "why=no memory");
		return;
	}
	all->slack = s;
	all->open = metrics_add(s->ctx.metrics, METRIC_GAUGE, "rollcall_slack_socket_connections",
				"Socket Mode connections that are open.", "", NULL);
	all->frames = metrics_add(s->ctx.metrics, METRIC_COUNTER, "rollcall_slack_socket_frames_total",
				  "Envelopes that came over Socket Mode.", "outcome", NULL);
	all->ends = metrics_add(s->ctx.metrics, METRIC_COUNTER, "rollcall_slack_socket_closed_total",
				"Socket Mode connections that ended.", "how", NULL);
	s->sockets = all;
	fill(all);
}

void slack_sockets_destroy(struct slack *s)
{
	struct slack_sockets *all = TAKE(s->sockets);
	if (!all)
		return;
	timer_stop(&all->again);
	while (all->list)
		socket_free(all->list);
	free(all);
}

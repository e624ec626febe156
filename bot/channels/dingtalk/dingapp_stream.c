/* Stream Mode (dingtalk.md 10): callbacks over a WebSocket that we open, with a ticket for one use. Before a connection
 * goes, the next one stands. What is not acknowledged comes again, on whatever connection there is then. */
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingapp_private.h"

enum {
	PING_MS = 30 * 1000,
	SILENT_MS = 90 * 1000,
	BACKOFF_FIRST_MS = 1000,
	BACKOFF_MAX_MS = 60 * 1000,
	HEALTHY_MS = 60 * 1000,
	SHORT_LIFE_MS = 30 * 1000,
	SHORT_LIVES_MAX = 5,
	URL_BYTES_MAX = 8192,
};
#define TOPIC_PRESS "/v1.0/card/instances/callback"
#define TOPIC_MESSAGE "/v1.0/im/bot/messages/get"
#define NOTHING_TO_CHANGE "{\"response\":{}}"

struct dingapp_link {
	struct dingapp *ding;
	struct dingapp_link *next, **at;
	struct ws *ws;
	uint64_t id;
	struct mono_ms born;
	bool open, leaving; /* the server has said that it will close it */
};

static void open_one(void *owner);

static void link_free(struct dingapp_link *l)
{
	ws_cancel(&l->ws);
	*l->at = l->next;
	if (l->next)
		l->next->at = l->at;
	free(l);
}

static void show(struct dingapp *d)
{
	size_t n = 0;
	for (const struct dingapp_link *l = d->stream.links; l; l = l->next)
		n += l->open;
	metric_set(d->links_metric, (double)n);
}

static bool standing(const struct dingapp *d)
{
	for (const struct dingapp_link *l = d->stream.links; l; l = l->next)
		if (!l->leaving)
			return true;
	return false;
}

static void again_in(struct dingapp *d, int64_t ms)
{
	unsigned char dice = 0;
	(void)!crypto_random(&dice, sizeof dice, NULL);
	timer_start(d->ctx.loop, &d->stream.again, ms + ms * dice / 1024, open_one, d);
}

/* The next try, unless a connection stands or one is being opened. */
static void again(struct dingapp *d)
{
	if (standing(d) || d->stream.opening || timer_active(&d->stream.again))
		return;
	int64_t ms = BACKOFF_FIRST_MS;
	for (int i = 0; i < d->stream.tries && ms < BACKOFF_MAX_MS; i++)
		ms *= 2;
	d->stream.tries++;
	again_in(d, ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS);
}

/* ---- frames ---- */

static void send_text(struct dingapp_link *l, char *text)
{
	struct error e = { .text = "no memory" };
	if (!text || ws_send(l->ws, text, strlen(text), &e) != RC_OK)
		log_warn("dingtalk_ack_lost", "why=%s", e.text);
	free(text);
}

void dingapp_stream_ack(struct dingapp *d, uint64_t link, const char *message_id, const char *data)
{
	for (struct dingapp_link *l = d->stream.links; l; l = l->next)
		if (l->id == link && l->ws) {
			send_text(l, dingapp_ack(200, message_id, data));
			return;
		}
}

static void system_frame(struct dingapp_link *l, const struct dingapp_frame *f)
{
	struct dingapp *d = l->ding;
	if (text_eq(f->topic, "ping")) {
		send_text(l, dingapp_ack(200, f->message_id, f->data));
	} else if (text_eq(f->topic, "disconnect")) {
		log_info("dingtalk_stream_leaves", "link=%llu", (unsigned long long)l->id);
		l->leaving = true;
		if (!standing(d) && !d->stream.opening && !timer_active(&d->stream.again))
			open_one(d);
	}
}

static void callback_frame(struct dingapp_link *l, const struct dingapp_frame *f)
{
	struct dingapp *d = l->ding;
	struct dingapp_origin from = { .link = l->id, .message_id = f->message_id };
	const char *why = NULL;
	bool now;
	if (text_eq(f->topic, TOPIC_PRESS)) {
		now = dingapp_hear_press(d, &from, f->data, strlen(f->data), &why);
	} else if (text_eq(f->topic, TOPIC_MESSAGE)) {
		now = dingapp_hear_message(d, &from, f->data, strlen(f->data), &why);
	} else {
		send_text(l, dingapp_ack(404, f->message_id, "{}"));
		return;
	}
	if (why)
		log_warn("dingtalk_callback_refused", "topic=%s why=%s", f->topic, why);
	/* the ears may have closed this very connection: it is looked for anew */
	if (now)
		dingapp_stream_ack(d, from.link, from.message_id, NOTHING_TO_CHANGE);
}

static void ws_message(void *owner, const char *text, size_t len)
{
	static const char *const types[] = { "system", "event", "callback", "other" };
	struct dingapp_link *l = owner;
	struct dingapp_frame f;
	struct error e;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(DINGAPP_ARENA_BYTES);
	if (!a || dingapp_read_frame(text, len, a, &f, &e) != RC_OK) {
		log_warn("dingtalk_frame_refused", "why=%s", a ? e.text : "no memory");
		return;
	}
	metric_inc(l->ding->frames_metric, 1, types[f.type]);
	switch (f.type) {
	case DINGAPP_FRAME_SYSTEM:
		system_frame(l, &f);
		break;
	case DINGAPP_FRAME_EVENT:
		dingapp_hear_event(l->ding, f.event_type);
		send_text(l, dingapp_ack(200, f.message_id, "{\"status\":\"SUCCESS\",\"message\":\"ok\"}"));
		break;
	case DINGAPP_FRAME_CALLBACK:
		callback_frame(l, &f);
		break;
	case DINGAPP_FRAME_OTHER:
		send_text(l, dingapp_ack(404, f.message_id, "{}"));
		break;
	}
}

/* ---- life of a connection ---- */

static void ws_opened(void *owner)
{
	struct dingapp_link *l = owner;
	l->open = true;
	log_info("dingtalk_stream_open", "link=%llu", (unsigned long long)l->id);
	show(l->ding);
}

static void ws_closed(void *owner, const struct ws_end *end)
{
	struct dingapp_link *l = owner;
	struct dingapp *d = l->ding;
	int64_t life = loop_now(d->ctx.loop).v - l->born.v;
	bool expected = l->leaving;
	l->ws = NULL; /* gone by itself */
	if (l->open && !expected)
		d->stream.short_lives = life < SHORT_LIFE_MS ? d->stream.short_lives + 1 : 0;
	if (life >= HEALTHY_MS || expected)
		d->stream.tries = 0;
	if (!expected)
		log_warn("dingtalk_stream_lost", "link=%llu why=%s", (unsigned long long)l->id, end->why);
	if (d->stream.short_lives == SHORT_LIVES_MAX)
		log_error("dingtalk_stream_unwanted",
			  "what=connections are accepted and closed at once; is the app released, and in Stream Mode?");
	link_free(l);
	show(d);
	again(d);
}

/* ---- opening ---- */

static bool platform_host(const char *host)
{
	return text_ends(host, ".dingtalk.com") || text_ends(host, ".dingtalk.io");
}

/* wss and a host of the platform; or the host that the configuration names. */
static bool endpoint_good(const struct dingapp *d, const char *url)
{
	CURLU *u = curl_url(), *base = curl_url();
	char *scheme = NULL, *host = NULL, *user = NULL, *own = NULL;
	bool good = u && base && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
		    curl_url_set(base, CURLUPART_URL, d->api_url, 0) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		    curl_url_get(base, CURLUPART_HOST, &own, 0) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER;
	good = good && ((text_eq(scheme, "wss") && platform_host(host)) || text_eq(host, own));
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_free(own);
	curl_url_cleanup(u);
	curl_url_cleanup(base);
	return good;
}

static enum result connect_to(struct dingapp *d, const char *endpoint, const char *ticket, struct error *e)
{
	static const struct ws_handlers handlers = { .opened = ws_opened, .message = ws_message, .closed = ws_closed };
	struct dingapp_link *l = calloc(1, sizeof *l);
	struct strbuf url;
	strbuf_init(&url, URL_BYTES_MAX);
	strbuf_addf(&url, "%s%sticket=", endpoint, strchr(endpoint, '?') ? "&" : "?");
	strbuf_add_urlencoded(&url, ticket, strlen(ticket));
	enum result r = RC_OK;
	if (!l || url.overflow)
		r = error_set(e, RC_EXHAUSTED, "no memory for a connection");
	struct ws_options o = {
		.url = url.s, .user_agent = "rollcall/" ROLLCALL_VERSION, .ping_ms = PING_MS, .silent_ms = SILENT_MS
	};
	if (r == RC_OK)
		r = ws_open(d->ctx.loop, &o, &handlers, l, &l->ws, e);
	strbuf_finish(&url);
	if (r != RC_OK || !l) {
		free(l);
		return r;
	}
	l->ding = d;
	l->id = ++d->stream.serial;
	l->born = loop_now(d->ctx.loop);
	l->next = d->stream.links;
	l->at = &d->stream.links;
	if (l->next)
		l->next->at = &l->next;
	d->stream.links = l;
	return RC_OK;
}

static void registered(void *owner, const struct dingapp_answer *ans)
{
	struct dingapp *d = owner;
	struct error e = { .text = "" };
	d->stream.opening = false;
	const char *endpoint = json_text(ans->body, "endpoint", ""), *ticket = json_text(ans->body, "ticket", "");
	if (ans->trouble == DINGAPP_FINE) {
		if (*ticket)
			log_redact(ticket);
		if (!*endpoint || !*ticket)
			(void)!error_set(&e, RC_INVALID, "the answer has no endpoint or no ticket");
		else if (!endpoint_good(d, endpoint))
			(void)!error_set(&e, RC_REFUSED, "the endpoint is not a host of DingTalk");
		else if (connect_to(d, endpoint, ticket, &e) == RC_OK)
			return;
		log_warn("dingtalk_stream_not_open", "why=%s", e.text);
		again(d);
		return;
	}
	bool theirs = ans->trouble == DINGAPP_UNKNOWN || ans->trouble == DINGAPP_SLOW;
	if (theirs) {
		log_warn("dingtalk_stream_not_open", "why=%s", ans->why);
		again(d);
	} else { /* will not get better by itself */
		log_error("dingtalk_stream_refused", "why=%s", ans->why);
		again_in(d, BACKOFF_MAX_MS);
	}
}

static void open_one(void *owner)
{
	struct dingapp *d = owner;
	struct strbuf b;
	strbuf_init(&b, URL_BYTES_MAX);
	strbuf_add(&b, "{\"clientId\":");
	strbuf_add_json(&b, d->client_id);
	strbuf_add(&b, ",\"clientSecret\":");
	strbuf_add_json(&b, d->client_secret);
	strbuf_add(&b, ",\"subscriptions\":[{\"type\":\"CALLBACK\",\"topic\":\"" TOPIC_PRESS "\"},"
		       "{\"type\":\"CALLBACK\",\"topic\":\"" TOPIC_MESSAGE "\"},"
		       "{\"type\":\"EVENT\",\"topic\":\"*\"}],\"ua\":\"rollcall/" ROLLCALL_VERSION "\"}");
	d->stream.opening = true;
	dingapp_send(d, &(struct dingapp_request){ .auth = DINGAPP_BARE,
						   .method = "POST",
						   .path = "/v1.0/gateway/connections/open",
						   .body = b.overflow ? NULL : b.s,
						   .done = registered,
						   .owner = d });
	if (b.s)
		memset(b.s, 0, b.len);
	strbuf_finish(&b);
}

void dingapp_stream_start(struct dingapp *d)
{
	open_one(d);
}

void dingapp_stream_stop(struct dingapp *d)
{
	timer_stop(&d->stream.again);
	while (d->stream.links)
		link_free(d->stream.links);
}

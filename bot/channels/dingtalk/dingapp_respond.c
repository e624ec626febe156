/* Answers to people. Of a press: in the acknowledgement where the card can show it to that person alone, else one to
 * one. Of a message: where it was written, through its session while that lives. */
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/cards/clean.h"
#include "bot/channels/dingtalk/dingapp_private.h"

enum {
	ACK_WITHIN_MS = 2500, /* of 3 s, after which the person sees a failure */
	SESSION_SPARE_MS = 30 * 1000,
	ARENA_BYTES = 256 * 1024,
	BODY_BYTES_MAX = 64 * 1024,
};

struct dingapp_responder {
	struct responder responder; /* first */
	struct dingapp *ding;       /* NULL: the channel is gone */
	struct dingapp_responder *next, **at;
	char *channel, *staff, *message_id; /* owned */
	char *session;                      /* owned; a secret; "" none */
	struct wall_ms session_end;
	uint64_t link;
	bool press, template, acked;
	struct timer ack;
};

static void responder_free(struct dingapp_responder *r)
{
	timer_stop(&r->ack);
	if (r->at) {
		*r->at = r->next;
		if (r->next)
			r->next->at = r->at;
	}
	free(r->channel);
	free(r->staff);
	free(r->message_id);
	crypto_free_secret(r->session);
	free(r);
}

void dingapp_responders_detach(struct dingapp *d)
{
	while (d->responders) {
		struct dingapp_responder *r = d->responders;
		d->responders = r->next;
		timer_stop(&r->ack);
		r->ding = NULL;
		r->at = NULL;
		r->next = NULL;
	}
}

/* ---- acknowledging ---- */

static void ack_with(struct dingapp_responder *r, const char *data)
{
	if (!r->acked && r->link)
		dingapp_stream_ack(r->ding, r->link, r->message_id, data);
	r->acked = true;
}

static void ack_in_time(void *owner)
{
	ack_with(owner, "{\"response\":{}}");
}

/* Only the person who pressed sees it. */
static bool ack_with_note(struct dingapp_responder *r, const char *text)
{
	struct strbuf b;
	strbuf_init(&b, BODY_BYTES_MAX);
	strbuf_add(&b, "{\"response\":{\"cardUpdateOptions\":{\"updateCardDataByKey\":true,"
		       "\"updatePrivateDataByKey\":true},\"userPrivateData\":{\"cardParamMap\":{\"note\":");
	strbuf_add_json(&b, text);
	strbuf_add(&b, "}}}}");
	bool good = !b.overflow;
	if (good)
		ack_with(r, b.s);
	strbuf_finish(&b);
	return good;
}

/* ---- where we may post to ---- */

static bool same_origin(const char *url, const char *base)
{
	size_t len = strlen(base);
	return strncmp(url, base, len) == 0 && url[len] == '/' && !strpbrk(url, "@\\");
}

bool dingapp_session_good(const struct dingapp *d, const char *url)
{
	if (same_origin(url, d->oapi_url))
		return true;
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *user = NULL, *port = NULL;
	bool good = u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		    curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER &&
		    curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_NO_PORT && text_eq(scheme, "https") &&
		    (text_eq(host, "oapi.dingtalk.com") || text_eq(host, "oapi.dingtalk.io"));
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_free(port);
	curl_url_cleanup(u);
	return good;
}

/* ---- saying ---- */

/* A text on its way through a session. */
struct saying {
	struct dingapp *ding;
	char *channel, *text; /* owned */
};

static void saying_free(void *owner)
{
	struct saying *w = owner;
	free(w->channel);
	free(w->text);
	free(w);
}

static void said(void *owner, const struct dingapp_answer *ans)
{
	struct saying *w = owner;
	if (ans->trouble != DINGAPP_FINE && ans->trouble != DINGAPP_UNKNOWN)
		dingapp_say(w->ding, w->channel, w->text);
	else if (ans->trouble == DINGAPP_UNKNOWN)
		log_warn("answer_lost", "platform=dingtalk why=%s", ans->why);
	saying_free(w);
}

static char *session_body(const char *text, const char *staff)
{
	struct strbuf b;
	strbuf_init(&b, BODY_BYTES_MAX);
	strbuf_add(&b, "{\"msgtype\":\"text\",\"text\":{\"content\":");
	strbuf_add_json(&b, text);
	strbuf_add(&b, "},\"at\":{\"atUserIds\":[");
	strbuf_add_json(&b, staff);
	strbuf_add(&b, "],\"isAtAll\":false}}");
	char *body = strbuf_take(&b);
	strbuf_finish(&b);
	return body;
}

static void say_in_session(struct dingapp_responder *r, const char *text)
{
	struct saying *w = calloc(1, sizeof *w);
	char *body = session_body(text, r->staff);
	if (w)
		*w = (struct saying){ .ding = r->ding, .channel = strdup(r->channel), .text = strdup(text) };
	if (w && w->channel && w->text && body) {
		dingapp_send(r->ding, &(struct dingapp_request){ .auth = DINGAPP_URL,
								 .method = "POST",
								 .path = r->session,
								 .body = body,
								 .done = said,
								 .drop = saying_free,
								 .owner = w });
	} else {
		log_warn("answer_lost", "platform=dingtalk why=no memory");
		if (w)
			saying_free(w);
	}
	free(body);
}

static bool session_lives(const struct dingapp_responder *r)
{
	return *r->session && r->session_end.v - loop_wall(r->ding->ctx.loop).v > SESSION_SPARE_MS;
}

static void say_somewhere(struct dingapp_responder *r, const char *text, bool in_channel, struct arena *a)
{
	bool noted = r->press && r->template && r->link && !r->acked && !in_channel && ack_with_note(r, text);
	ack_in_time(r);
	if (noted)
		return;
	const char *alone = *r->staff ? arena_printf(a, DINGAPP_PREFIX "@%s", r->staff) : NULL;
	if (!r->press && session_lives(r))
		say_in_session(r, text);
	else if (r->press && !in_channel && alone)
		dingapp_say(r->ding, alone, text);
	else
		dingapp_say(r->ding, r->channel, text);
}

static void responder_say(struct responder *responder, const char *text, bool in_channel)
{
	struct dingapp_responder *r = (struct dingapp_responder *)responder;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(ARENA_BYTES);
	const char *cleaned = text && a ? clean_lines(a, *text ? text : "-", DINGAPP_TEXT_CHARS_MAX) : NULL;
	if (r->ding && cleaned)
		say_somewhere(r, cleaned, in_channel, a);
	else if (r->ding)
		ack_in_time(r);
	responder_free(r);
}

/* Where it was typed: the buttons count there alone. */
static void responder_offer(struct responder *responder, const char *text, const struct card_button *buttons,
			    size_t count)
{
	struct dingapp_responder *r = (struct dingapp_responder *)responder;
	if (r->ding) {
		ack_in_time(r);
		dingapp_offer(r->ding, r->channel, text, buttons, count);
	}
	responder_free(r);
}

struct responder *dingapp_responder_create(struct dingapp *d, const struct dingapp_reply *reply)
{
	struct dingapp_responder *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	bool session = !text_empty(reply->session) && dingapp_session_good(d, reply->session);
	if (!text_empty(reply->session) && !session)
		log_warn("session_refused", "platform=dingtalk what=not a host of the platform");
	/* no forms: a reason is typed on the card, or with the command */
	*r = (struct dingapp_responder){ .responder = { responder_say, NULL, responder_offer },
					 .ding = d,
					 .channel = strdup(reply->channel),
					 .staff = strdup(reply->staff),
					 .message_id = strdup(reply->from.message_id),
					 .session = strdup(session ? reply->session : ""),
					 .session_end = reply->session_end,
					 .link = reply->from.link,
					 .press = reply->press,
					 .template = reply->template };
	if (!r->channel || !r->staff || !r->message_id || !r->session) {
		responder_free(r);
		return NULL;
	}
	r->next = d->responders;
	r->at = &d->responders;
	if (r->next)
		r->next->at = &r->next;
	d->responders = r;
	timer_start(d->ctx.loop, &r->ack, ACK_WITHIN_MS, ack_in_time, r);
	return &r->responder;
}

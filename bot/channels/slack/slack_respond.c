/* Answers to one person: through the response_url while it lives, else as an ephemeral message; and the reason form. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/channels/slack/slack_private.h"

enum {
	RESPONSE_URL_LIFE_MS = 29 * 60 * 1000, /* 30 min by Slack's clock */
	ARENA_BYTES = 64 * 1024,
};

/* Where an answer goes. Copied by whoever outlives the responder. */
struct place {
	struct slack *slack; /* NULL: the channel is gone */
	char *channel, *user, *thread_ts;
	char *response_url; /* secret; "" none */
};
struct slack_responder {
	struct responder responder; /* first */
	struct slack_responder *next, **at;
	struct place place;
	char *message_ts, *trigger_id;
	struct slack_ack *ack; /* owned; NULL none */
	struct mono_ms born;
};

static void place_finish(struct place *p)
{
	free(p->channel);
	free(p->user);
	free(p->thread_ts);
	crypto_free_secret(p->response_url);
}

static void responder_free(struct slack_responder *r)
{
	if (r->at) {
		*r->at = r->next;
		if (r->next)
			r->next->at = r->at;
	}
	slack_ack_now(&r->ack);
	place_finish(&r->place);
	free(r->message_ts);
	crypto_free_secret(r->trigger_id);
	free(r);
}

void slack_responders_detach(struct slack *s)
{
	while (s->responders) {
		struct slack_responder *r = s->responders;
		s->responders = r->next;
		r->place.slack = NULL;
		r->at = NULL;
		r->next = NULL;
	}
}

/* ---- saying ---- */

/* A message on its way to one person: by response_url first, then by another way. */
struct saying {
	struct place place;
	char *text; /* rendered body: {"text":...} */
	bool in_channel, by_url;
};

static void saying_free(void *owner)
{
	struct saying *w = owner;
	place_finish(&w->place);
	free(w->text);
	free(w);
}

/* The rendered text with what the way needs; malloc'ed. */
static char *body_by_url(const struct saying *w)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	if (json_parse(w->text, strlen(w->text), &j, NULL) != RC_OK ||
	    !json_put_text(j, "response_type", w->in_channel ? "in_channel" : "ephemeral") ||
	    !json_put(j, "replace_original", cJSON_CreateFalse()))
		return NULL;
	if (w->in_channel && *w->place.thread_ts && !json_put_text(j, "thread_ts", w->place.thread_ts))
		return NULL;
	return json_print(j);
}

static char *body_by_method(const struct saying *w, bool ephemeral)
{
	CLEANUP(json_delete_p) cJSON *j = NULL;
	if (json_parse(w->text, strlen(w->text), &j, NULL) != RC_OK || !json_put_text(j, "channel", w->place.channel) ||
	    (ephemeral && !json_put_text(j, "user", w->place.user)) ||
	    (*w->place.thread_ts && !json_put_text(j, "thread_ts", w->place.thread_ts)))
		return NULL;
	return json_print(j);
}

static void said(void *owner, const struct slack_answer *ans);

static void say_on(struct saying *w)
{
	/* in a direct message (to a person, when they pressed on their Home) there is nobody to hide an answer from */
	bool ephemeral = !w->in_channel && !strchr("DUW", *w->place.channel);
	char *body = w->by_url ? body_by_url(w) : body_by_method(w, ephemeral);
	struct slack_request q = { .as = w->by_url ? SLACK_BARE : SLACK_JSON,
				   .method = w->by_url   ? w->place.response_url
					     : ephemeral ? "chat.postEphemeral"
							 : "chat.postMessage",
				   .body = body,
				   .done = said,
				   .drop = saying_free,
				   .owner = w };
	slack_send(w->place.slack, &q);
	free(body);
}

static void said(void *owner, const struct slack_answer *ans)
{
	struct saying *w = owner;
	if (ans->r != RC_OK && w->by_url && *w->place.channel && *w->place.user) {
		w->by_url = false;
		say_on(w);
		return;
	}
	if (ans->r != RC_OK)
		log_warn("answer_lost", "platform=slack why=%s", ans->why);
	saying_free(w);
}

/* Takes what is in p (and leaves it empty) and text. */
static void say_at(struct place *p, char *text, bool in_channel, bool by_url)
{
	struct saying *w = calloc(1, sizeof *w);
	if (!w || !text) {
		free(w);
		free(text);
		return;
	}
	*w = (struct saying){ .place = *p, .text = text, .in_channel = in_channel, .by_url = by_url };
	*p = (struct place){ 0 };
	say_on(w);
}

/* Takes the body. */
static void respond(struct slack_responder *r, char *body, bool in_channel)
{
	struct slack *s = r->place.slack;
	bool in_time = loop_now(s->ctx.loop).v - r->born.v < RESPONSE_URL_LIFE_MS;
	bool by_url = *r->place.response_url && in_time;
	if (by_url || *r->place.channel)
		say_at(&r->place, body, in_channel, by_url);
	else
		free(body);
}

static void responder_say(struct responder *responder, const char *text, bool in_channel)
{
	struct slack_responder *r = (struct slack_responder *)responder;
	struct slack *s = r->place.slack;
	char *body = NULL;
	struct error e;
	if (s && text && slack_render_text(*text ? text : "-", &body, &e) == RC_OK)
		respond(r, TAKE(body), in_channel);
	free(body);
	responder_free(r);
}

static void responder_offer(struct responder *responder, const char *text, const struct card_button *buttons,
			    size_t count)
{
	struct slack_responder *r = (struct slack_responder *)responder;
	char *body = NULL;
	struct error e;
	if (r->place.slack && slack_render_offer(text, buttons, count, &body, &e) == RC_OK)
		respond(r, TAKE(body), false);
	free(body);
	responder_free(r);
}

/* ---- the reason form ---- */

static void form_opened(void *owner, const struct slack_answer *ans)
{
	struct place *p = owner;
	if (ans->r != RC_OK) {
		log_warn("form_not_opened", "platform=slack why=%s", ans->why);
		struct arena *a = arena_create(ARENA_BYTES);
		char *text = NULL;
		struct error e;
		if (a && slack_render_text(card_words(p->slack->ctx.lang, "try_again", a, NULL), &text, &e) == RC_OK)
			say_at(p, text, false, *p->response_url != '\0');
		arena_destroy(a);
	}
	place_finish(p);
	free(p);
}

static void form_dropped(void *owner)
{
	place_finish(owner);
	free(owner);
}

static struct place *place_copy(const struct place *p)
{
	struct place *c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	*c = (struct place){ .slack = p->slack,
			     .channel = strdup(p->channel),
			     .user = strdup(p->user),
			     .thread_ts = strdup(p->thread_ts),
			     .response_url = strdup(p->response_url) };
	if (c->channel && c->user && c->thread_ts && c->response_url)
		return c;
	form_dropped(c);
	return NULL;
}

/* The trigger lives for three seconds: nothing is fetched and nothing waits before this call leaves. */
static enum result responder_ask_reason(struct responder *responder, const char *title, const char *label,
					const char *submit, const char *value, struct error *e)
{
	struct slack_responder *r = (struct slack_responder *)responder;
	struct slack *s = r->place.slack;
	if (!s || !*r->trigger_id)
		return error_set(e, RC_REFUSED, "no form can be opened here; type the command with the reason");
	struct arena *a = arena_create(ARENA_BYTES);
	struct slack_form f = { .trigger_id = r->trigger_id,
				.title = title,
				.label = label,
				.submit = submit,
				.cancel = a ? card_words(s->ctx.lang, "reason.cancel", a, NULL) : "",
				.value = value,
				.channel = r->place.channel,
				.message_ts = r->message_ts,
				.thread_ts = r->place.thread_ts };
	char *body = slack_form_json(&f);
	arena_destroy(a);
	struct place *p = body ? place_copy(&r->place) : NULL;
	if (p)
		slack_send(s, &(struct slack_request){ .as = SLACK_JSON,
						       .method = "views.open",
						       .body = body,
						       .done = form_opened,
						       .drop = form_dropped,
						       .owner = p });
	free(body);
	return p ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for the form, try again");
}

struct responder *slack_responder_create(struct slack *s, const struct slack_inbound *in, struct slack_ack **ack)
{
	struct slack_responder *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	*r = (struct slack_responder){ .responder = { responder_say, responder_ask_reason, responder_offer },
				       .place = { .slack = s,
						  .channel = strdup(in->channel),
						  .user = strdup(in->user),
						  .thread_ts = strdup(in->thread_ts),
						  .response_url = strdup(in->response_url) },
				       .message_ts = strdup(in->message_ts),
				       .trigger_id = strdup(in->trigger_id),
				       .born = loop_now(s->ctx.loop) };
	if (*in->response_url && !slack_response_url_good(s, in->response_url)) {
		log_warn("response_url_refused", "platform=slack");
		if (r->place.response_url)
			*r->place.response_url = '\0';
	}
	if (in->kind != SLACK_PRESS)
		r->responder.ask_reason = NULL;
	if (!r->place.channel || !r->place.user || !r->place.thread_ts || !r->place.response_url || !r->message_ts ||
	    !r->trigger_id) {
		responder_free(r);
		return NULL;
	}
	r->next = s->responders;
	r->at = &s->responders;
	if (r->next)
		r->next->at = &r->next;
	s->responders = r;
	r->ack = TAKE(*ack);
	return &r->responder;
}

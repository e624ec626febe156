/* What leaves for people: one live card a rollout and channel, a reply in its thread for what an edit would not notify.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/room.h"

static const int64_t button_life_ms = 30 * 86400000ll, link_life_ms = 86400000;

/* ---- building ---- */

const char *voice_button_value(struct voice *v, const char *id, const char *verb, struct arena *a)
{
	char token[160];
	struct error e;
	if (approvals_token(v->bot->o.approvals, id, verb, v->channel, button_life_ms, token, sizeof token, &e) !=
	    RC_OK) {
		log_error("button_failed", "why=%s", e.text);
		return "";
	}
	const char *value = arena_printf(a, "v1.%s.%s.%s", id, verb, token);
	return value ? value : "";
}

static const char *button_value(void *owner, const char *id, const char *verb, struct arena *a)
{
	return voice_button_value(owner, id, verb, a);
}

static const char *link_to(void *owner, const struct approval *ap, const char *verb, struct arena *a)
{
	(void)verb;
	const struct voice *v = owner;
	char token[160];
	if (text_empty(v->bot->o.public_url) || approvals_token(v->bot->o.approvals, ap->id, "decide", "link",
								link_life_ms, token, sizeof token, NULL) != RC_OK)
		return NULL;
	return arena_printf(a, "%s/decide/%s~%s", v->bot->o.public_url, ap->id, token);
}

struct card_options voice_options(struct voice *v)
{
	const struct bot *b = v->bot;
	const struct channel *c = bot_channel(b, v->channel);
	bool links = c && c->ops->buttons_are_links;
	struct card_wording w = bot_wording(b, v->channel);
	return (struct card_options){ .lang = w.lang,
				      .own_words = w.own,
				      .end = v->end,
				      .console_url = b->o.console_url,
				      .button_value = links ? NULL : button_value,
				      .button_owner = v,
				      .link = links ? link_to : NULL,
				      .link_owner = v };
}

/* The requests of this run, with one as it will be; *ret_count of them. */
static const struct approval *const *requests_with(struct voice *v, const struct rollout *r,
						   const struct approval *after, struct arena *a, size_t *ret_count)
{
	size_t n = 0, m = 0;
	const struct approval *const *list =
		approvals_of_run(v->bot->o.approvals, r->uid, r->revision, r->started_at, a, &n);
	*ret_count = n;
	if (!after)
		return list;
	const struct approval **mine = arena_alloc(a, n + 1, sizeof *mine);
	bool there = false;
	for (size_t i = 0; mine && i < n; i++) {
		bool same = text_eq(list[i]->id, after->id);
		mine[m++] = same ? after : list[i];
		there = there || same;
	}
	if (mine && !there)
		mine[m++] = after;
	*ret_count = m;
	return mine;
}

const struct card *voice_card(struct voice *v, const struct rollout *r, const struct approval *after, struct arena *a)
{
	size_t n = 0;
	const struct approval *const *list = requests_with(v, r, after, a, &n);
	struct card_options o = voice_options(v);
	return card_build(r, list, n, &o, a);
}

const char *speak_status(struct bot *b, const struct rollout *r, enum card_lang lang, struct arena *a)
{
	size_t n = 0;
	const struct approval *const *list =
		approvals_of_run(b->o.approvals, r->uid, r->revision, r->started_at, a, &n);
	struct card_options o = { .lang = lang, .console_url = "" };
	const struct card *c = card_build(r, list, n, &o, a);
	return c ? c->plain : "";
}

/* ---- putting ---- */

void voice_put(struct voice *v, struct store_tx *tx, enum outbox_kind kind, const char *subject, const char *key,
	       char *body, bool urgent, const struct error *e)
{
	if (body)
		outbox_put(v->bot->o.outbox, tx,
			   &(struct outbox_item){ .kind = kind,
						  .channel = v->channel,
						  .subject = subject,
						  .key = key,
						  .body = body,
						  .urgent = urgent });
	else
		log_error("card_failed", "channel=%s why=%s", v->channel, e->text);
	free(body);
}

const char *speak_key(const struct rollout *r, const char *what, struct arena *a)
{
	const char *key = arena_printf(a, "%s/%s%s%s", r->uid, r->revision, *what ? "/" : "", what);
	return key ? key : "";
}

/* Where messages cannot be edited a card is a new message: only for what a person must know, once each. */
static const char *milestone(const struct rollout *r, struct arena *a)
{
	switch (r->phase) {
	case PHASE_PROGRESSING:
		return r->step <= 1 ? speak_key(r, "started", a) : NULL;
	case PHASE_SUCCEEDED:
	case PHASE_FAILED:
		return speak_key(r, phase_name(r->phase), a);
	default:
		return NULL;
	}
}

static uint64_t mix(uint64_t h, const char *s)
{
	for (; s && *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return (h ^ 0xff) * 1099511628211u;
}

/* FNV-1a over what a person would see change: neither the time of the card nor the tokens of its buttons. */
static uint64_t look_of(const struct card *card, const struct rollout *r)
{
	uint64_t h = mix(14695981039346656037u, card->title);
	h = mix(mix(mix(mix(h, card->color), card->state), card->subtitle), card->bar);
	for (size_t i = 0; i < card->line_count; i++)
		h = mix(mix(h, card->lines[i].label), card->lines[i].text);
	for (size_t i = 0; i < card->button_count; i++)
		h = mix(mix(h, card->buttons[i].action), card->buttons[i].label);
	return mix(h, card->final ? "final" : r->unreachable_since.v ? "unreachable" : "") | 1;
}

void voice_put_card(struct voice *v, struct store_tx *tx, const struct rollout *r, const struct card *card, bool urgent,
		    struct arena *a)
{
	struct channel *c = bot_channel(v->bot, v->channel);
	const char *subject = speak_key(r, "", a);
	struct error e = { .text = "no memory" };
	if (!c || !card || !*subject)
		return;
	if (!c->ops->buttons_are_links) {
		voice_put(v, tx, OUTBOX_CARD, subject, "", c->ops->render_card(c, card, &e), urgent, &e);
		return;
	}
	const char *key = milestone(r, a);
	if (key)
		voice_put(v, tx, OUTBOX_MESSAGE, subject, key, c->ops->render_card(c, card, &e), urgent, &e);
}

static void kicked(void *owner, enum result r, const struct error *why)
{
	struct bot *b = owner;
	b->flying--;
	if (r != RC_OK) {
		log_error("cards_not_stored", "why=%s", why->text);
		struct shown *s, *next;
		HASH_ITER (hh, b->shown, s, next) {
			shown_forget_looks(s); /* the next change is put, whatever was put before */
		}
	} else if (!b->stopping) {
		outbox_kick(b->o.outbox);
	}
	if (b->destroyed && !b->flying)
		bot_free(b);
}

void speak_submit(struct bot *b, struct store_tx *tx)
{
	b->flying++;
	store_submit(tx, kicked, b);
}

/* Cards in all channels but those that show the same already. */
static void put_cards(struct bot *b, struct store_tx *tx, const struct rollout *r, enum card_end end, bool urgent,
		      struct arena *a)
{
	struct shown *s = shown_find(b, r);
	for (const char *const *c = bot_channels(b, r, a); *c; c++) {
		struct voice v = { b, *c, end };
		const struct card *card = voice_card(&v, r, NULL, a);
		uint64_t *last = shown_look(s, *c), look = card ? look_of(card, r) : 0;
		if (last && *last && *last == look)
			continue;
		voice_put_card(&v, tx, r, card, urgent, a);
		if (last)
			*last = look;
	}
}

void speak_rollout(struct bot *b, const struct rollout *r, enum card_end end, bool urgent)
{
	struct arena *a = arena_create(BOT_ARENA_BYTES);
	if (a && !b->stopping && *bot_channels(b, r, a)) {
		struct store_tx *tx = store_begin(b->o.store);
		put_cards(b, tx, r, end, urgent, a);
		speak_submit(b, tx);
	}
	arena_destroy(a);
}

void voice_put_text(struct voice *v, struct store_tx *tx, const struct rollout *r, const char *key, const char *text,
		    struct arena *a)
{
	struct channel *c = bot_channel(v->bot, v->channel);
	struct error e = { .text = "no memory" };
	if (c)
		voice_put(v, tx, OUTBOX_REPLY, speak_key(r, "", a), key, c->ops->render_text(c, text, &e), true, &e);
}

/* In the thread of a person who watches, not in that of the card. */
static void put_watched(struct bot *b, struct store_tx *tx, const struct subscription *s, const char *key,
			const char *text, struct arena *a)
{
	struct voice v = { .bot = b, .channel = s->channel };
	struct channel *c = bot_channel(b, s->channel);
	const char *once = *key ? arena_printf(a, "%s/%s", s->thread, key) : "";
	const char *subject = outbox_thread(b->o.outbox, tx, s->channel, s->thread, a);
	struct error e = { .text = "no memory" };
	if (c && once && subject)
		voice_put(&v, tx, OUTBOX_REPLY, subject, once, c->ops->render_text(c, text, &e), false, &e);
}

/* What is asked, and by whom it is decided, stands with its buttons in the thread of the card. */
void speak_watchers(struct bot *b, struct store_tx *tx, const struct rollout *r, const char *key, struct arena *a)
{
	for (const struct subscription *s = b->subscriptions; s; s = s->next) {
		if (!*s->thread || !subscription_fits(s, r))
			continue;
		struct voice v = { .bot = b, .channel = s->channel };
		struct card_options o = voice_options(&v);
		const struct card *card = card_build(r, NULL, 0, &o, a);
		const char *line = card ? arena_printf(a, "%s %s", card->icon, card->title) : NULL;
		if (line)
			put_watched(b, tx, s, key, line, a);
	}
}

static bool anybody_hears(struct bot *b, const struct rollout *r, struct arena *a)
{
	bool heard = *bot_channels(b, r, a) != NULL;
	for (const struct subscription *s = b->subscriptions; s && !heard; s = s->next)
		heard = subscription_fits(s, r);
	return heard;
}

void speak_text(struct bot *b, const struct rollout *r, const char *key, const char *english)
{
	struct arena *a = arena_create(BOT_ARENA_BYTES);
	if (!a || b->stopping || !anybody_hears(b, r, a)) {
		arena_destroy(a);
		return;
	}
	struct store_tx *tx = store_begin(b->o.store);
	for (const char *const *c = bot_channels(b, r, a); *c; c++) {
		struct voice v = { .bot = b, .channel = *c };
		voice_put_text(&v, tx, r, key, card_said(bot_lang(b, *c), english, a), a);
	}
	for (const struct subscription *s = b->subscriptions; s; s = s->next)
		if (*s->thread && subscription_fits(s, r)) {
			enum card_lang lang = bot_lang(b, s->channel);
			put_watched(b, tx, s, key,
				    card_words(lang, "reply.done", a, "name", arena_printf(a, "%s/%s", r->ns, r->name),
					       "text", card_said(lang, english, a), NULL),
				    a);
		}
	speak_submit(b, tx);
	arena_destroy(a);
}

void bot_say(struct bot *b, const struct rollout *r, const char *key, const char *text)
{
	speak_text(b, r, key, text);
}

void speak_chart(struct bot *b, struct store_tx *tx, const struct rollout *r, const char *key, bool urgent,
		 struct arena *a)
{
	const struct shown *s = shown_find(b, r);
	CLEANUP(free_p) unsigned char *png = NULL;
	size_t len = 0;
	bool drawn = false;
	for (const char *const *at = bot_channels(b, r, a); *at; at++) {
		struct voice v = { .bot = b, .channel = *at };
		struct channel *c = bot_channel(b, *at);
		if (!c || !c->ops->render_chart)
			continue;
		if (!drawn && !(s && trace_draw(s->trace, r, &png, &len)))
			return;
		drawn = true;
		const struct card *card = voice_card(&v, r, NULL, a);
		struct error e = { .text = "no memory" };
		char *body = card ? c->ops->render_chart(c, png, len, card->title, &e) : NULL;
		voice_put(&v, tx, OUTBOX_REPLY, speak_key(r, "", a), key, body, urgent, &e);
	}
}

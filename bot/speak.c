/* What leaves for people: one live card a rollout and channel, a reply in its thread for what an edit would not notify.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/room.h"

static const int64_t button_life_ms = 30 * 86400000ll, link_life_ms = 86400000;

/* ---- building ---- */

struct voice {
	struct bot *bot;
	const char *channel;
};

static const char *button_value(void *owner, const char *id, const char *verb, struct arena *a)
{
	const struct voice *v = owner;
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

static struct card_options options_for(struct voice *v)
{
	const struct bot *b = v->bot;
	const struct channel *c = bot_channel(b, v->channel);
	bool links = c && c->ops->buttons_are_links;
	return (struct card_options){ .lang = bot_lang(b, v->channel),
				      .console_url = b->o.console_url,
				      .button_value = links ? NULL : button_value,
				      .button_owner = v,
				      .link = links ? link_to : NULL,
				      .link_owner = v };
}

static const struct card *card_of(struct voice *v, const struct rollout *r, struct arena *a)
{
	size_t n = 0;
	const struct approval *const *list =
		approvals_of_run(v->bot->o.approvals, r->uid, r->revision, r->started_at, a, &n);
	struct card_options o = options_for(v);
	return card_build(r, list, n, &o, a);
}

/* The same with one request as it will be once the transaction in hand commits. */
static const struct card *card_with(struct voice *v, const struct rollout *r, const struct approval *after,
				    struct arena *a)
{
	size_t n = 0, m = 0;
	const struct approval *const *list =
		approvals_of_run(v->bot->o.approvals, r->uid, after->revision, r->started_at, a, &n);
	const struct approval **mine = arena_alloc(a, n + 1, sizeof *mine);
	bool there = false;
	for (size_t i = 0; mine && i < n; i++) {
		bool same = text_eq(list[i]->id, after->id);
		mine[m++] = same ? after : list[i];
		there = there || same;
	}
	if (mine && !there)
		mine[m++] = after;
	struct card_options o = options_for(v);
	return card_build(r, mine, m, &o, a);
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

static void put(struct bot *b, struct store_tx *tx, enum outbox_kind kind, const char *channel, const char *subject,
		const char *key, char *body, bool urgent, const struct error *e)
{
	if (body)
		outbox_put(b->o.outbox, tx,
			   &(struct outbox_item){ .kind = kind,
						  .channel = channel,
						  .subject = subject,
						  .key = key,
						  .body = body,
						  .urgent = urgent });
	else
		log_error("card_failed", "channel=%s why=%s", channel, e->text);
	free(body);
}

/* Where messages cannot be edited a card is a new message: only for what a person must know, once each. */
static const char *milestone(const struct rollout *r, struct arena *a)
{
	switch (r->phase) {
	case PHASE_PROGRESSING:
		return r->step <= 1 ? arena_printf(a, "%s/%s/started", r->uid, r->revision) : NULL;
	case PHASE_SUCCEEDED:
	case PHASE_FAILED:
		return arena_printf(a, "%s/%s/%s", r->uid, r->revision, phase_name(r->phase));
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

static struct shown *shown_find(const struct bot *b, const struct rollout *r)
{
	struct shown *s;
	HASH_FIND_STR(b->shown, r->uid, s);
	return s && text_eq(s->revision, r->revision) ? s : NULL;
}

/* Where the look of the last card stands; NULL: it is not remembered. */
static uint64_t *look_at(struct shown *s, const char *channel)
{
	for (struct look *l = s ? s->looks : NULL; l; l = l->next)
		if (text_eq(l->channel, channel))
			return &l->look;
	struct look *l = s ? calloc(1, sizeof *l) : NULL;
	char *name = l ? strdup(channel) : NULL;
	if (!name) {
		free(l);
		return NULL;
	}
	*l = (struct look){ .channel = name, .next = s->looks };
	s->looks = l;
	return &l->look;
}

static void looks_forget(struct shown *s)
{
	while (s->looks) {
		struct look *l = s->looks;
		s->looks = l->next;
		free(l->channel);
		free(l);
	}
}

static void put_card(struct voice *v, struct store_tx *tx, const struct rollout *r, const struct card *card,
		     bool urgent, struct arena *a)
{
	struct channel *c = bot_channel(v->bot, v->channel);
	const char *subject = arena_printf(a, "%s/%s", r->uid, r->revision);
	struct error e = { .text = "no memory" };
	if (!c || !card || !subject)
		return;
	if (!c->ops->buttons_are_links) {
		put(v->bot, tx, OUTBOX_CARD, v->channel, subject, "", c->ops->render_card(c, card, &e), urgent, &e);
		return;
	}
	const char *key = milestone(r, a);
	if (key)
		put(v->bot, tx, OUTBOX_MESSAGE, v->channel, subject, key, c->ops->render_card(c, card, &e), urgent, &e);
}

static void kicked(void *owner, enum result r, const struct error *why)
{
	struct bot *b = owner;
	b->flying--;
	if (r != RC_OK) {
		log_error("cards_not_stored", "why=%s", why->text);
		struct shown *s, *next;
		HASH_ITER (hh, b->shown, s, next) {
			looks_forget(s); /* the next change is put, whatever was put before */
		}
	} else if (!b->stopping) {
		outbox_kick(b->o.outbox);
	}
	if (b->destroyed && !b->flying)
		free(b);
}

static void submit(struct bot *b, struct store_tx *tx)
{
	b->flying++;
	store_submit(tx, kicked, b);
}

/* Cards in all channels but those that show the same already. */
static void put_cards(struct bot *b, struct store_tx *tx, const struct rollout *r, bool urgent, struct arena *a)
{
	struct shown *s = shown_find(b, r);
	for (const char *const *c = bot_channels(b, r, a); *c; c++) {
		struct voice v = { b, *c };
		const struct card *card = card_of(&v, r, a);
		uint64_t *last = look_at(s, *c), look = card ? look_of(card, r) : 0;
		if (last && *last && *last == look)
			continue;
		put_card(&v, tx, r, card, urgent, a);
		if (last)
			*last = look;
	}
}

void speak_rollout(struct bot *b, const struct rollout *r, bool urgent)
{
	struct arena *a = arena_create(BOT_ARENA_BYTES);
	if (!a || b->stopping || !*bot_channels(b, r, a)) {
		arena_destroy(a);
		return;
	}
	struct store_tx *tx = store_begin(b->o.store);
	put_cards(b, tx, r, urgent, a);
	submit(b, tx);
	arena_destroy(a);
}

/* A line of text in the thread of the rollout's card, said once. */
static void put_text(struct bot *b, struct store_tx *tx, const char *channel, const struct rollout *r, const char *key,
		     const char *text, struct arena *a)
{
	struct channel *c = bot_channel(b, channel);
	const char *subject = arena_printf(a, "%s/%s", r->uid, r->revision);
	struct error e = { .text = "no memory" };
	if (c && subject)
		put(b, tx, OUTBOX_REPLY, channel, subject, key, c->ops->render_text(c, text, &e), true, &e);
}

void speak_text(struct bot *b, const struct rollout *r, const char *key, const char *text)
{
	struct arena *a = arena_create(BOT_ARENA_BYTES);
	if (!a || b->stopping || !*bot_channels(b, r, a)) {
		arena_destroy(a);
		return;
	}
	struct store_tx *tx = store_begin(b->o.store);
	for (const char *const *c = bot_channels(b, r, a); *c; c++)
		put_text(b, tx, *c, r, key, text, a);
	submit(b, tx);
	arena_destroy(a);
}

/* ---- the engine speaks ---- */

static void refresh(void *owner)
{
	struct shown *s = owner;
	struct arena *a = arena_create(BOT_ARENA_BYTES);
	const struct rollout *r = a ? engine_find_uid(s->bot->o.engine, s->uid, a) : NULL;
	if (r && text_eq(r->revision, s->revision))
		speak_rollout(s->bot, r, false);
	arena_destroy(a);
}

static struct shown *shown_of(struct bot *b, const struct rollout *r)
{
	struct shown *s;
	HASH_FIND_STR(b->shown, r->uid, s);
	if (s)
		return s;
	s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	*s = (struct shown){ .bot = b, .uid = strdup(r->uid), .revision = strdup("") };
	if (!s->uid || !s->revision) {
		free(s->uid);
		free(s->revision);
		free(s);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, b->shown, s->uid, strlen(s->uid), s);
	return s;
}

static void shown_free(struct bot *b, struct shown *s)
{
	timer_stop(&s->timer);
	HASH_DEL(b->shown, s); /* NOLINT: the analyzer does not know uthash */
	looks_forget(s);
	free(s->uid);
	free(s->revision);
	free(s);
}

/* From now on this revision is what the rollout's card is about. NULL: no memory. */
static struct shown *shown_turn(struct bot *b, const struct rollout *r)
{
	struct shown *s = shown_of(b, r);
	if (!s)
		return NULL;
	if (!text_eq(s->revision, r->revision)) {
		char *revision = strdup(r->revision);
		if (!revision) {
			shown_free(b, s);
			return NULL;
		}
		free(s->revision);
		s->revision = revision;
		looks_forget(s);
	}
	s->phase = r->phase;
	s->waiting = r->gate.waiting;
	return s;
}

void speak_now(struct bot *b, const struct rollout *r)
{
	if (shown_turn(b, r))
		speak_rollout(b, r, r->gate.waiting);
}

/* A change of phase or gate goes out at once; progress waits a moment, so that a burst is one card. */
static void changed(struct bot *b, const struct rollout *r, bool told)
{
	struct shown *s = shown_find(b, r);
	if (!r->active && !told && !s)
		return; /* at rest, and never shown */
	bool urgent = !s || s->phase != r->phase || s->waiting != r->gate.waiting;
	s = shown_turn(b, r);
	if (!s)
		return;
	if (urgent) {
		timer_stop(&s->timer);
		speak_rollout(b, r, true);
	} else if (!timer_active(&s->timer)) {
		timer_start(b->o.loop, &s->timer, CARD_PAUSE_MS, refresh, s);
	}
}

/* What cannot change any more must not look as if it went on: no buttons, no progress. */
static void at_rest(struct rollout *r, const char *why)
{
	r->active = r->paused = r->suspended = false;
	r->gate.waiting = false;
	r->step = r->steps = 0;
	r->check_count = 0;
	r->next = "";
	r->message = why;
}

static void gone(struct bot *b, const struct rollout *r)
{
	struct shown *s = shown_find(b, r);
	if (s && r->active) {
		struct rollout last = *r;
		at_rest(&last, "the Canary was deleted");
		last.phase = r->completing ? PHASE_TERMINATED : PHASE_NONE;
		speak_rollout(b, &last, true);
	}
	HASH_FIND_STR(b->shown, r->uid, s);
	if (s)
		shown_free(b, s);
}

static void request_done(struct bot *b, const struct rollout_event *ev)
{
	char key[128];
	(void)snprintf(key, sizeof key, "request/%s", ev->request_id);
	if (!text_empty(ev->text))
		speak_text(b, ev->rollout, key, ev->text);
}

void speak_event(void *owner, const struct rollout_event *ev)
{
	struct bot *b = owner;
	if (b->stopping)
		return;
	switch (ev->news) {
	case NEWS_CHANGED:
		changed(b, ev->rollout, false);
		break;
	case NEWS_STARTED:
	case NEWS_RESTARTED:
	case NEWS_SUCCEEDED:
	case NEWS_FAILED:
	case NEWS_CANCELLED:
		changed(b, ev->rollout, true);
		break;
	case NEWS_ALERT:
		if (ev->severity >= 2)
			speak_text(b, ev->rollout, ev->key ? ev->key : "", ev->text);
		break;
	case NEWS_REQUEST_DONE:
		request_done(b, ev);
		break;
	case NEWS_GONE:
		gone(b, ev->rollout);
		break;
	case NEWS_SAID:
		break;
	}
}

/* ---- the approvals speak ---- */

/* Edits notify nobody, so a gate that opens also posts one reply that mentions those who may answer. It is a card of
 * its own: every vote brings it up to date, and what has been decided has no buttons any more. */
static void put_ask(struct voice *v, struct store_tx *tx, const struct rollout *r, const struct approval *ap,
		    struct arena *a)
{
	struct channel *c = bot_channel(v->bot, v->channel);
	struct card_options o = options_for(v);
	const struct card *card = card_ask(r, ap, &o, a);
	struct error e = { .text = "no memory" };
	if (!c || !card)
		return;
	const char *const *who = ap->state == REQ_OPEN && ap->policy ? ap->policy->approvers : NULL;
	if (!c->ops->buttons_are_links) {
		const char *subject = arena_printf(a, "%s/%s#%s", r->uid, ap->revision, ap->id);
		if (subject)
			put(v->bot, tx, OUTBOX_CARD, v->channel, subject, "", c->ops->render_ask(c, card, who, &e),
			    true, &e);
		return;
	}
	const char *subject = arena_printf(a, "%s/%s", r->uid, ap->revision);
	const char *key = arena_printf(a, "%s/open", ap->id);
	if (ap->state == REQ_OPEN && subject && key)
		put(v->bot, tx, OUTBOX_REPLY, v->channel, subject, key, c->ops->render_ask(c, card, who, &e), true, &e);
}

/* The question once more, as a message that notifies. */
static void put_reminder(struct voice *v, struct store_tx *tx, const struct rollout *r, const struct approval *ap,
			 struct arena *a)
{
	struct channel *c = bot_channel(v->bot, v->channel);
	struct card_options o = options_for(v);
	const struct card *card = card_ask(r, ap, &o, a);
	const char *subject = arena_printf(a, "%s/%s", r->uid, ap->revision);
	size_t n = policy_reminders_due(ap->policy, ap->opened_at, loop_wall(v->bot->o.loop));
	const char *key = arena_printf(a, "%s/remind/%zu", ap->id, n);
	struct error e = { .text = "no memory" };
	if (c && card && subject && key && ap->policy)
		put(v->bot, tx, OUTBOX_REPLY, v->channel, subject, key,
		    c->ops->render_ask(c, card, ap->policy->approvers, &e), true, &e);
}

static void put_decided(struct voice *v, struct store_tx *tx, const struct rollout *r, const struct approval *ap,
			struct arena *a)
{
	enum card_lang lang = bot_lang(v->bot, v->channel);
	const char *gate = card_gate_name(ap, lang, a), *votes = card_gate_text(ap, lang, a);
	const char *text = gate && votes ? arena_printf(a, "%s: %s", gate, votes) : NULL;
	const char *key = arena_printf(a, "%s/%s", ap->id, req_state_name(ap->state));
	if (text && key)
		put_text(v->bot, tx, v->channel, r, key, text, a);
}

void speak_record(void *owner, struct store_tx *tx, enum approval_news news, const struct approval *after)
{
	struct bot *b = owner;
	struct arena *a = arena_create(BOT_ARENA_BYTES);
	const struct rollout *now = a ? engine_find_uid(b->o.engine, after->uid, a) : NULL;
	if (!now) {
		arena_destroy(a);
		return;
	}
	struct rollout r = *now;
	r.revision = after->revision;
	if (!text_eq(now->revision, after->revision) || after->state == REQ_SUPERSEDED) {
		/* The rollout is at another revision: of this one the card knows what was asked, and that it is over.
		 */
		at_rest(&r, "");
		r.phase = PHASE_NONE;
		r.stable = (struct rollout_side){ .workload = now->stable.workload, .images = after->old_image };
		r.canary = (struct rollout_side){ .workload = now->canary.workload, .images = after->new_image };
	}
	/* Whether this commits is not the bot's to know: the next card is put whatever this one looked like. */
	struct shown *s = shown_find(b, &r);
	if (s)
		looks_forget(s);
	for (const char *const *c = bot_channels(b, now, a); *c; c++) {
		struct voice v = { b, *c };
		if (news == APPROVAL_REMINDED) {
			put_reminder(&v, tx, &r, after, a);
			continue;
		}
		put_card(&v, tx, &r, card_with(&v, &r, after, a), true, a);
		put_ask(&v, tx, &r, after, a);
		if (news == APPROVAL_DECIDED)
			put_decided(&v, tx, &r, after, a);
	}
	arena_destroy(a);
}

void speak_news(void *owner, enum approval_news news, const struct approval *a)
{
	(void)news;
	(void)a;
	struct bot *b = owner;
	if (!b->stopping)
		outbox_kick(b->o.outbox);
}

void speak_forget(struct bot *b)
{
	struct shown *s, *next;
	HASH_ITER (hh, b->shown, s, next) {
		shown_free(b, s);
	}
}

/* The approvals speak: questions, votes and decisions, in the transaction that makes them true. */
#include <string.h>

#include "base/text.h"
#include "bot/room.h"

/* Edits notify nobody, so a gate that opens also posts one reply that mentions those who may answer. It is a card of
 * its own: every vote brings it up to date, and what has been decided has no buttons any more. */
static void put_ask(struct voice *v, struct store_tx *tx, const struct rollout *r, const struct approval *ap,
		    struct arena *a)
{
	struct channel *c = bot_channel(v->bot, v->channel);
	struct card_options o = voice_options(v);
	const struct card *card = card_ask(r, ap, &o, a);
	struct error e = { .text = "no memory" };
	if (!c || !card)
		return;
	const char *const *who = ap->state == REQ_OPEN && ap->policy ? ap->policy->approvers : NULL;
	if (!c->ops->buttons_are_links) {
		const char *subject = arena_printf(a, "%s/%s#%s", r->uid, ap->revision, ap->id);
		if (subject)
			voice_put(v, tx, OUTBOX_CARD, subject, "", c->ops->render_ask(c, card, who, &e), true, &e);
		return;
	}
	const char *subject = arena_printf(a, "%s/%s", r->uid, ap->revision);
	const char *key = arena_printf(a, "%s/open", ap->id);
	if (ap->state == REQ_OPEN && subject && key)
		voice_put(v, tx, OUTBOX_REPLY, subject, key, c->ops->render_ask(c, card, who, &e), true, &e);
}

/* The question once more, as a message that notifies. */
static void put_reminder(struct voice *v, struct store_tx *tx, const struct rollout *r, const struct approval *ap,
			 struct arena *a)
{
	struct channel *c = bot_channel(v->bot, v->channel);
	struct card_options o = voice_options(v);
	const struct card *card = card_ask(r, ap, &o, a);
	const char *subject = arena_printf(a, "%s/%s", r->uid, ap->revision);
	size_t n = policy_reminders_due(ap->policy, ap->opened_at, loop_wall(v->bot->o.loop));
	const char *key = arena_printf(a, "%s/remind/%zu", ap->id, n);
	struct error e = { .text = "no memory" };
	if (c && card && subject && key && ap->policy && n)
		voice_put(v, tx, OUTBOX_REPLY, subject, key, c->ops->render_ask(c, card, ap->policy->approvers, &e),
			  true, &e);
}

/* The question in one more place, brought up to date there too. */
static void put_escalated(struct bot *b, struct store_tx *tx, const struct rollout *r, const struct approval *ap,
			  struct arena *a)
{
	struct voice v = { .bot = b, .channel = ap->policy ? ap->policy->escalate_to : NULL };
	struct channel *c = v.channel ? bot_channel(b, v.channel) : NULL;
	const char *what = arena_printf(a, "escalated/%s", ap->id), *subject = what ? speak_key(r, what, a) : "";
	bool open = ap->state == REQ_OPEN;
	if (!c || !*subject || !policy_escalates(ap->policy, ap->opened_at, loop_wall(b->o.loop)))
		return;
	if (!open && (c->ops->buttons_are_links || !outbox_card_at(b->o.outbox, v.channel, subject)))
		return;
	struct card_options o = voice_options(&v);
	const struct card *card = card_ask(r, ap, &o, a);
	struct error e = { .text = "no memory" };
	bool live = !c->ops->buttons_are_links;
	char *body = card ? c->ops->render_ask(c, card, open ? ap->policy->approvers : NULL, &e) : NULL;
	voice_put(&v, tx, live ? OUTBOX_CARD : OUTBOX_MESSAGE, subject, live ? "" : subject, body, true, &e);
}

static void put_decided(struct voice *v, struct store_tx *tx, const struct rollout *r, const struct approval *ap,
			struct arena *a)
{
	enum card_lang lang = bot_lang(v->bot, v->channel);
	const char *gate = card_gate_name(ap, lang, a), *votes = card_gate_text(ap, lang, a);
	const char *text = gate && votes ? arena_printf(a, "%s: %s", gate, votes) : NULL;
	const char *key = arena_printf(a, "%s/%s", ap->id, req_state_name(ap->state));
	if (text && key)
		voice_put_text(v, tx, r, key, text, a);
}

/* On the chart; and the chart, before people decide about what it shows. */
static void note(struct bot *b, struct shown *s, struct store_tx *tx, enum approval_news news, const struct rollout *r,
		 const struct approval *after, struct arena *a)
{
	static const enum chart_mark_kind kinds[REQ_STATE_COUNT] = {
		[REQ_OPEN] = MARK_ASKED,       [REQ_APPROVED] = MARK_APPROVED, [REQ_REJECTED] = MARK_REJECTED,
		[REQ_SUPERSEDED] = MARK_ASKED, [REQ_EXPIRED] = MARK_REJECTED,  [REQ_CANCELLED] = MARK_ASKED,
	};
	bool opened = news == APPROVAL_OPENED && after->type != HOOK_ROLLBACK;
	bool decided = news == APPROVAL_DECIDED && after->state != REQ_SUPERSEDED && after->state != REQ_CANCELLED;
	if (!opened && !decided)
		return;
	trace_mark(s->trace, opened ? after->opened_at : after->decided_at, kinds[after->state], after->decided_by);
	const char *what = arena_printf(a, "chart/%s", after->id);
	if (opened && what)
		speak_chart(b, tx, r, speak_key(r, what, a), true, a);
}

/* The rollout as the card of what is asked shows it. Where the engine is at another revision, the card knows what was
 * asked, and whether it is still: the engine asks before it tells that it waits. */
static struct rollout rollout_of(const struct rollout *now, const struct approval *after)
{
	struct rollout r = *now;
	r.revision = after->revision;
	if (text_eq(now->revision, after->revision) && after->state != REQ_SUPERSEDED)
		return r;
	speak_at_rest(&r);
	r.phase = PHASE_NONE;
	r.stable = (struct rollout_side){ .workload = now->stable.workload, .images = after->old_image };
	r.canary = (struct rollout_side){ .workload = now->canary.workload, .images = after->new_image };
	if (after->state != REQ_OPEN)
		return r;
	r.phase = PHASE_WAITING;
	r.active = true;
	r.steps = now->steps;
	r.gate.waiting = true;
	r.gate.type = after->type;
	r.started_at = r.changed_at = after->opened_at;
	return r;
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
	struct rollout r = rollout_of(now, after);
	/* Whether this commits is not the bot's to know: the next card is put whatever this one looked like. */
	struct shown *s = shown_find(b, &r);
	if (s)
		shown_forget_looks(s);
	for (const char *const *c = bot_channels(b, now, a); *c; c++) {
		struct voice v = { .bot = b, .channel = *c };
		if (news == APPROVAL_REMINDED) {
			put_reminder(&v, tx, &r, after, a);
			continue;
		}
		voice_put_card(&v, tx, &r, voice_card(&v, &r, after, a), true, a);
		put_ask(&v, tx, &r, after, a);
		if (news == APPROVAL_DECIDED)
			put_decided(&v, tx, &r, after, a);
	}
	put_escalated(b, tx, &r, after, a);
	if (s)
		note(b, s, tx, news, &r, after, a);
	arena_destroy(a);
}

void speak_news(void *owner, enum approval_news news, const struct approval *a)
{
	(void)a;
	struct bot *b = owner;
	if (b->stopping)
		return;
	outbox_kick(b->o.outbox);
	if (news != APPROVAL_REMINDED)
		waiting_changed(b);
}

/* What a card says of approvals. */
#include <string.h>

#include "base/text.h"
#include "bot/cards/card_build.h"

enum { NAME_CHARS = 60, GATES_SHOWN = 6 };

static const char *number(struct arena *a, int n)
{
	const char *text = arena_printf(a, "%d", n);
	return text ? text : "";
}

static const char *person_name(const struct person *p, struct arena *a)
{
	const char *name = !text_empty(p->user) ? p->user : !text_empty(p->name) ? p->name : p->id;
	return clean(a, name, NAME_CHARS);
}

/* A later vote of the same person replaces this one. */
static bool replaced(const struct approval *ap, size_t i)
{
	for (size_t k = i + 1; k < ap->vote_count; k++)
		if (person_same(&ap->votes[i].person, &ap->votes[k].person))
			return true;
	return false;
}

static const char *names_of(const struct approval *ap, enum vote_verb verb, struct arena *a)
{
	const char *names = "";
	for (size_t i = 0; i < ap->vote_count && names; i++) {
		if (ap->votes[i].verb != verb || replaced(ap, i))
			continue;
		names = arena_printf(a, "%s%s%s", names, *names ? ", " : "", person_name(&ap->votes[i].person, a));
	}
	return clean(a, names, CARD_VALUE_CHARS);
}

static int needed(const struct approval *ap)
{
	return ap->policy && ap->policy->quorum > 1 ? ap->policy->quorum : 1;
}

/* "1 of 2: lin.wei" */
static const char *votes_text(const struct approval *ap, const struct card_wording *w, struct arena *a)
{
	const char *given = number(a, ap->tally.approvals), *wanted = number(a, needed(ap));
	const char *who = names_of(ap, VOTE_APPROVE, a);
	return card_words_of(w, *who ? "votes.who" : "votes.count", a, "given", given, "needed", wanted, "who", who,
			     NULL);
}

static const char *approved_text(const struct approval *ap, const struct card_wording *w, struct arena *a)
{
	const char *by = clean(a, ap->decided_by, CARD_VALUE_CHARS);
	if (ap->tally.approvals >= needed(ap))
		by = votes_text(ap, w, a);
	else if (!*by) /* on_timeout: approve */
		return card_words_of(w, "votes.expired_open", a, NULL);
	return card_words_of(w, "votes.approved", a, "votes", by, NULL);
}

static const char *rejected_text(const struct approval *ap, const struct card_wording *w, struct arena *a)
{
	const char *by = clean(a, ap->decided_by, CARD_VALUE_CHARS), *why = clean(a, ap->reason, CARD_VALUE_CHARS);
	if (!*by)
		by = names_of(ap, VOTE_REJECT, a);
	return card_words_of(w, *why ? "votes.rejected_why" : "votes.rejected", a, "who", by, "why", why, NULL);
}

static const char *state_text(const struct approval *ap, const struct card_wording *w, struct arena *a)
{
	switch (ap->state) {
	case REQ_OPEN:
		return votes_text(ap, w, a);
	case REQ_APPROVED:
		return approved_text(ap, w, a);
	case REQ_REJECTED:
		return rejected_text(ap, w, a);
	case REQ_SUPERSEDED:
		return card_words_of(w, "votes.superseded", a, NULL);
	case REQ_EXPIRED:
		return card_words_of(w, "votes.expired", a, NULL);
	case REQ_CANCELLED:
		return card_words_of(w, "votes.cancelled", a, NULL);
	case REQ_STATE_COUNT:
		break;
	}
	return "";
}

static const char *gate_text(const struct card_wording *w, const struct approval *ap, struct arena *a)
{
	const char *text = ap ? state_text(ap, w, a) : "";
	if (!ap || ap->state == REQ_OPEN || ap->decided_at.v <= 0)
		return text;
	/* the whole date: the card may be read another day */
	return card_words_of(w, "votes.at", a, "text", text, "time",
			     clean_time(a, ap->decided_at, (struct wall_ms){ 0 }), NULL);
}

const char *card_gate_text(const struct approval *ap, enum card_lang lang, struct arena *a)
{
	return gate_text(&(struct card_wording){ .lang = lang }, ap, a);
}

static const char *gate_key(const char *group, enum hook_type t, struct arena *a)
{
	bool known = t == HOOK_CONFIRM_ROLLOUT || t == HOOK_CONFIRM_TRAFFIC_INCREASE || t == HOOK_CONFIRM_STEP ||
		     t == HOOK_CONFIRM_PROMOTION || t == HOOK_ROLLBACK;
	const char *key = arena_printf(a, "%s.%s", group, known ? hook_type_name(t) : "other");
	return key ? key : "";
}

const char *gate_title(const struct card_draft *d, const struct approval *ap)
{
	return WORDS(d, gate_key("title.ask", ap->type, d->a), d->a, "name", clean(d->a, ap->name, NAME_CHARS), "from",
		     number(d->a, d->r->canary.weight), "to", number(d->a, ap->weight), NULL);
}

const char *gate_what(const struct card_wording *w, enum hook_type t, int weight, struct arena *a)
{
	return card_words_of(w, gate_key("gate", t, a), a, "weight", number(a, weight), NULL);
}

const char *card_gate_name(const struct approval *ap, enum card_lang lang, struct arena *a)
{
	return gate_what(&(struct card_wording){ .lang = lang }, ap->type, ap->weight, a);
}

const char *gate_effect(const struct card_draft *d, enum hook_type t, int weight)
{
	return WORDS(d, gate_key("next.effect", t, d->a), d->a, "weight", number(d->a, weight), NULL);
}

const struct approval *gate_last(const struct card_draft *d, enum req_state state)
{
	for (size_t i = d->approval_count; i > 0; i--)
		if (d->approvals[i - 1]->state == state)
			return d->approvals[i - 1];
	return NULL;
}

static void gate_line(struct card_draft *d, const struct approval *ap)
{
	const char *text = gate_text(&d->w, ap, d->a);
	if (ap->state == REQ_OPEN)
		text = WORDS(d, "votes.open", d->a, "votes", text, NULL);
	if (ap->state == REQ_OPEN && ap->policy && !text_empty(ap->policy->name))
		text = WORDS(d, "votes.policy", d->a, "votes", text, "policy",
			     clean(d->a, ap->policy->name, NAME_CHARS), NULL);
	const char *what = gate_what(&d->w, ap->type, ap->weight, d->a);
	const char *whole = WORDS(d, "plain.line", d->a, "label", what, "text", text, NULL);
	draft_line(d, "label.gate", whole);
}

static bool asked(const struct card_draft *d, enum hook_type t)
{
	for (size_t i = 0; i < d->approval_count; i++)
		if (d->approvals[i]->type == t)
			return true;
	return false;
}

/* The newest ones, and those that are still to come. */
void gate_lines(struct card_draft *d)
{
	size_t n = d->approval_count, from = n > GATES_SHOWN ? n - GATES_SHOWN : 0;
	for (size_t i = from; i < n; i++)
		gate_line(d, d->approvals[i]);
	static const enum hook_type to_come[] = { HOOK_CONFIRM_ROLLOUT, HOOK_CONFIRM_PROMOTION };
	for (size_t i = 0; d->r->active && i < sizeof to_come / sizeof *to_come; i++) {
		if (!d->r->gates[to_come[i]] || asked(d, to_come[i]))
			continue;
		const char *what = gate_what(&d->w, to_come[i], 0, d->a);
		draft_line(d, "label.gate",
			   WORDS(d, "plain.line", d->a, "label", what, "text", WORDS(d, "votes.not_asked", d->a, NULL),
				 NULL));
	}
}

/* ---- the question in the thread ---- */

static const char *approvers(const struct card_draft *d, const struct policy *p)
{
	const char *list = "";
	for (const char *const *who = p->approvers; who && *who && list; who++)
		list = arena_printf(d->a, "%s%s%s", list, *list ? ", " : "", clean(d->a, *who, NAME_CHARS));
	return clean(d->a, list, CARD_VALUE_CHARS);
}

const char *until_text(const struct card_draft *d, const struct approval *ap)
{
	if (ap->deadline_at.v <= 0 || !ap->policy)
		return "";
	static const char *const keys[] = {
		[TIMEOUT_REJECT] = "until.reject", [TIMEOUT_APPROVE] = "until.approve", [TIMEOUT_WAIT] = "until.wait"
	};
	return WORDS(d, keys[ap->policy->on_timeout], d->a, "time",
		     clean_time(d->a, ap->deadline_at, d->r->rendered_at), NULL);
}

static void ask_lines(struct card_draft *d, const struct approval *ap)
{
	draft_line(d, "label.revision", revision_text(d, ap->old_image, ap->new_image, ap->requested_by));
	if (ap->policy) {
		const char *who = approvers(d, ap->policy);
		draft_line(
			d, "label.policy",
			!*who ? clean(d->a, ap->policy->name, NAME_CHARS)
			      : WORDS(d, "policy.needs", d->a, "needed", number(d->a, needed(ap)), "who", who, NULL));
	}
	draft_line(d, "label.gate", gate_text(&d->w, ap, d->a));
	if (!d->open)
		return; /* there is nothing to do about it any more */
	draft_line(d, "label.until", until_text(d, ap));
	draft_line(d, "label.next",
		   WORDS(d, "next.decision", d->a, "effect", gate_effect(d, ap->type, ap->weight), NULL));
	const char *name = clean(d->a, ap->name, NAME_CHARS), *ns = clean(d->a, ap->ns, NAME_CHARS);
	const char *command = arena_printf(d->a, "rollcall approve %s/%s", ns, name);
	draft_line(d, "label.command", command ? command : "");
}

const struct card *card_ask(const struct rollout *r, const struct approval *ap, const struct card_options *o,
			    struct arena *a)
{
	struct card_draft *d = arena_alloc(a, 1, sizeof *d);
	if (!d)
		return NULL;
	*d = (struct card_draft){
		.r = r, .approvals = &ap, .approval_count = 1, .o = o, .w = { o->lang, o->own_words }, .a = a
	};
	d->open = ap->state == REQ_OPEN ? ap : NULL;
	d->final = !d->open;
	ask_lines(d, ap);
	if (!d->open) {
		bool good = ap->state == REQ_APPROVED;
		return draft_card(d, good ? "green" : "grey", good ? "✅" : "⚪", gate_title(d, ap),
				  gate_what(&d->w, ap->type, ap->weight, a), "");
	}
	buttons_of_request(d, ap);
	return draft_card(d, "yellow", "🟡", gate_title(d, ap), WORDS(d, "state.asking", a, NULL), "");
}

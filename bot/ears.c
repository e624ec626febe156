/* What people do in chats: presses of buttons, forms; commands go on to typed.c. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/typed.h"

/* ---- presses ---- */

/* "v1.SUBJECT.VERB.TOKEN" */
struct pressed {
	const char *subject, *verb, *token;
};

static bool take_apart(const char *value, struct arena *a, struct pressed *ret)
{
	char *s = text_starts(value, "v1.") ? arena_strdup(a, value + 3) : NULL;
	char *token = s ? strrchr(s, '.') : NULL; /* from the end: a revision may have dots */
	if (!token)
		return false;
	*token++ = '\0';
	char *verb = strrchr(s, '.');
	if (!verb)
		return false;
	*verb++ = '\0';
	*ret = (struct pressed){ s, verb, token };
	return true;
}

/* English of the house, privately, in the language of the channel. */
static void reply(struct bot *b, const struct interaction *in, const char *english, struct arena *a)
{
	in->responder->say(in->responder, card_said(bot_lang(b, in->channel), english, a), false);
}

struct press {
	enum card_lang lang;
	struct responder *responder;
};

static void tell(void *owner, enum result r, const char *text)
{
	(void)r;
	struct press *p = owner;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(BOT_ARENA_BYTES);
	p->responder->say(p->responder, a ? card_said(p->lang, text, a) : text, false);
	free(p);
}

/* Must this press carry a reason that it does not have yet? Then a form asks for it. */
static bool wants_reason(struct bot *b, const struct interaction *in, const struct pressed *p, struct arena *a)
{
	if (in->form || !in->responder->ask_reason)
		return false;
	if (text_eq(p->verb, "reject"))
		return true;
	const struct approval *ap = text_eq(p->verb, "approve") ? approvals_find(b->o.approvals, p->subject, a) : NULL;
	if (ap && ap->policy)
		return ap->policy->reason_approve;
	const char *at = strchr(p->subject, '@');
	const char *uid = at ? arena_strndup(a, p->subject, (size_t)(at - p->subject)) : NULL;
	const struct rollout *r = uid && text_eq(p->verb, "rollback") ? engine_find_uid(b->o.engine, uid, a) : NULL;
	const struct policy *policy = r ? approvals_policy(b->o.approvals, r->policy) : NULL;
	return policy && policy->reason_rollback;
}

static void ask_for_reason(struct bot *b, const struct interaction *in, const struct pressed *p, struct arena *a)
{
	enum card_lang lang = bot_lang(b, in->channel);
	struct error e;
	const char *title_key = arena_printf(a, "form.%s", p->verb),
		   *submit_key = arena_printf(a, "button.%s", p->verb);
	if (!title_key || !submit_key) {
		reply(b, in, "no memory for this now, try again", a);
		return;
	}
	const char *title = card_words(lang, title_key, a, NULL);
	enum result r = in->responder->ask_reason(in->responder, title, card_words(lang, "form.reason", a, NULL),
						  card_words(lang, submit_key, a, NULL), in->value, &e);
	if (r == RC_OK)
		in->responder->say(in->responder, NULL, false);
	else
		reply(b, in, e.text, a);
}

/* A choice that was offered to somebody who typed: what it carries as the line they would type. */
static const char *line_for(struct bot *b, const struct pressed *p, struct arena *a)
{
	static const char *const shown[] = { "status", "who", "history", "watch", "unwatch" };
	const char *at = strchr(p->subject, '@');
	if (several_is(p->subject))
		return arena_printf(a, "%s -l %s --yes", p->verb, p->subject);
	for (size_t i = 0; at && i < sizeof shown / sizeof *shown; i++) {
		if (!text_eq(p->verb, shown[i]))
			continue;
		const char *uid = arena_strndup(a, p->subject, (size_t)(at - p->subject));
		const struct rollout *r = uid ? engine_find_uid(b->o.engine, uid, a) : NULL;
		return arena_printf(a, "%s %s/%s", p->verb, r ? r->ns : "-", r ? r->name : "-");
	}
	return NULL;
}

static void press_verb(struct bot *b, const struct interaction *in, const struct pressed *p, struct arena *a)
{
	struct bot_ask q = { .person = in->person,
			     .verb = p->verb,
			     .reason = in->form ? in->text : "",
			     .via = in->person.platform,
			     .event_id = in->event_id,
			     .message_id = in->message_id,
			     .channel = in->channel };
	const char *at = strchr(p->subject, '@');
	if (!at) {
		q.request_id = p->subject;
	} else {
		const char *uid = arena_strndup(a, p->subject, (size_t)(at - p->subject));
		const struct rollout *r = uid ? engine_find_uid(b->o.engine, uid, a) : NULL;
		if (!r) {
			reply(b, in, "this rollout does not exist any more", a);
			return;
		}
		q.name = arena_printf(a, "%s/%s", r->ns, r->name);
		q.revision = at + 1;
	}
	struct press *call = calloc(1, sizeof *call);
	if (!call) {
		reply(b, in, "no memory for this now, try again", a);
		return;
	}
	*call = (struct press){ bot_lang(b, in->channel), in->responder };
	bot_do(b, &q, tell, call);
}

/* What may not come by a door that does not prove the content: it cannot be undone. */
static bool needs_proof(const char *verb)
{
	static const char *const verbs[] = { "promote", "complete", "weight", "override" };
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (text_eq(verbs[i], verb))
			return true;
	return false;
}

static void press(struct bot *b, const struct interaction *in, struct arena *a)
{
	struct pressed p;
	if (!take_apart(in->value, a, &p) ||
	    !approvals_token_good(b->o.approvals, p.subject, p.verb, in->channel, p.token)) {
		reply(b, in, "this button is too old; \"status\" shows a fresh card", a);
		return;
	}
	if (in->unproven && needs_proof(p.verb)) {
		reply(b, in, "this cannot be undone, and nothing proves here who you are: use the command line", a);
		return;
	}
	if (wants_reason(b, in, &p, a)) {
		ask_for_reason(b, in, &p, a);
		return;
	}
	const char *line = line_for(b, &p, a);
	if (line)
		typed_hear(b, in, in->form ? arena_printf(a, "%s %s", line, in->text) : line);
	else
		press_verb(b, in, &p, a);
}

/* Through a door that does not prove the content people may look, and buttons decide. */
static bool looks_only(const struct interaction *in, struct arena *a)
{
	struct command c;
	if (command_parse(in->text, a, &c, NULL) != RC_OK)
		return true; /* it is told what is wrong with it */
	return c.id == COMMAND_HELP || c.id == COMMAND_LIST || c.id == COMMAND_STATUS || c.id == COMMAND_WHO ||
	       c.id == COMMAND_HISTORY;
}

/* A vote needs the request alone, and that is on disk. */
static bool needs_cluster(const struct interaction *in, struct arena *a)
{
	struct pressed p;
	return text_empty(in->value) || !take_apart(in->value, a, &p) || strchr(p.subject, '@');
}

void ears_heard(void *owner, const struct interaction *in)
{
	struct bot *b = owner;
	struct arena *a = arena_create(BOT_ARENA_BYTES);
	if (a && !b->started && needs_cluster(in, a))
		early_keep(b, in);
	else if (!a)
		in->responder->say(in->responder, "no memory for this now, try again", false);
	else if (!text_empty(in->value))
		press(b, in, a);
	else if (in->unproven && !looks_only(in, a))
		reply(b, in, "typed decisions do not count here: press the button of a card", a);
	else
		typed_hear(b, in, in->text);
	arena_destroy(a);
}

/* What people do in chats: presses of buttons, forms, commands. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/commands/command.h"
#include "bot/room.h"

/* ---- commands ---- */

struct command_call {
	struct bot *bot;
	bot_answer *done;
	void *owner;
};

static const char *line_of(const struct rollout *r, struct arena *a)
{
	const char *waits = r->gate.waiting ? arena_printf(a, "  waits: %s", hook_type_name(r->gate.type)) : "";
	return arena_printf(a, "%s/%s  %s  %d%%  step %d/%d%s%s", r->ns, r->name,
			    r->phase == PHASE_NONE ? "-" : phase_name(r->phase), r->canary.weight, r->step, r->steps,
			    waits, r->paused ? "  paused" : "");
}

static const char *list_text(struct bot *b, const char *ns, struct arena *a)
{
	size_t n = 0;
	CLEANUP(arena_destroy_p) struct arena *scratch = arena_create(BOT_LIST_BYTES);
	const struct rollout *const *list =
		scratch ? engine_list(b->o.engine, text_empty(ns) ? NULL : ns, scratch, &n) : NULL;
	const char *text = n ? "" : "no rollouts";
	for (size_t i = 0; i < n && i < 30 && text; i++)
		text = arena_printf(a, "%s%s%s", text, i ? "\n" : "", line_of(list[i], a));
	if (n > 30 && text)
		text = arena_printf(a, "%s\nand %zu more", text, n - 30);
	return text;
}

static const char *who_text(struct bot *b, const struct rollout *r, enum card_lang lang, struct arena *a)
{
	assert(r);
	const struct policy *p = approvals_policy(b->o.approvals, r->policy);
	if (!p)
		return arena_printf(a, "policy \"%s\" is not configured", r->policy);
	const char *text = arena_printf(a, "policy %s, %d needed:", p->name, p->quorum);
	for (const char *const *who = p->approvers; who && *who && text; who++)
		text = arena_printf(a, "%s %s", text, *who);
	size_t n = 0;
	const struct approval *const *list = approvals_of(b->o.approvals, r->uid, r->revision, a, &n);
	for (size_t i = 0; i < n && text; i++)
		text = arena_printf(a, "%s\n%s: %s", text, hook_type_name(list[i]->type),
				    card_gate_text(list[i], lang, a));
	return text;
}

static void history_read(void *owner, enum result r, const char *json_array, const struct error *why)
{
	struct command_call *call = owner;
	struct arena *a = arena_create(BOT_ARENA_BYTES);
	CLEANUP(json_delete_p) cJSON *rows = NULL;
	const char *text = r == RC_OK ? "" : why->text;
	if (!a)
		text = "no memory for this now, try again";
	if (r == RC_OK && a && json_parse(json_array, strlen(json_array), &rows, NULL) == RC_OK) {
		const cJSON *row;
		cJSON_ArrayForEach (row, rows) {
			char at[32];
			wall_print((struct wall_ms){ json_int(row, "at", 0) }, at);
			const char *reason = json_text(row, "reason", "");
			text = arena_printf(a, "%s%s%s  %s  %s  %s%s%s", text ? text : "", text && *text ? "\n" : "",
					    at, json_text(row, "actor", ""), json_text(row, "action", ""),
					    json_text(row, "outcome", ""), *reason ? ": " : "", reason);
		}
	}
	call->done(call->owner, r, text && *text ? text : "nothing on record");
	arena_destroy(a);
	free(call);
}

static void history(struct bot *b, const struct rollout *r, struct arena *a, bot_answer *done, void *owner)
{
	struct command_call *call = calloc(1, sizeof *call);
	const char *object = r ? arena_printf(a, "%s/%s/%s", r->cluster, r->ns, r->name) : "";
	if (!call || !object) {
		free(call);
		done(owner, RC_EXHAUSTED, "no memory for this now, try again");
		return;
	}
	*call = (struct command_call){ b, done, owner };
	store_read(b->o.store,
		   "SELECT at, actor, action, outcome, reason FROM (SELECT * FROM audit WHERE ?1 = '' OR object = ?1"
		   " ORDER BY seq DESC LIMIT 20) ORDER BY seq",
		   "s", history_read, call, object);
}

static void show(struct bot *b, const struct command *c, enum card_lang lang, struct arena *a, bot_answer *done,
		 void *owner)
{
	size_t n = 0;
	const struct rollout *const *found = text_empty(c->name) ? NULL : bot_find(b, c->name, a, &n);
	const struct rollout *r = n == 1 ? found[0] : NULL;
	if (!r && !text_empty(c->name)) {
		done(owner, n ? RC_INVALID : RC_NOT_FOUND,
		     n ? "several rollouts have this name: write NAMESPACE/NAME"
		       : arena_printf(a, "there is no rollout \"%.80s\"; \"list\" shows them", c->name));
		return;
	}
	if (c->id == COMMAND_HISTORY)
		history(b, r, a, done, owner);
	else if (c->id == COMMAND_WHO)
		done(owner, RC_OK, who_text(b, r, lang, a));
	else
		done(owner, RC_OK, speak_status(b, r, lang, a));
}

static void ask_verb(struct bot *b, const struct person *who, const char *channel, const char *event_id,
		     const struct command *c, bot_answer *done, void *owner)
{
	struct bot_ask q = { .person = *who,
			     .verb = command_name(c->id),
			     .name = c->name,
			     .reason = c->reason,
			     .via = who->platform,
			     .event_id = event_id,
			     .channel = channel,
			     .weight = c->weight,
			     .override_gates = c->override_gates };
	bot_do(b, &q, done, owner);
}

void bot_command(struct bot *b, const struct person *who, const char *channel, const char *thread_id,
		 const char *event_id, const char *line, bot_answer *done, void *owner)
{
	(void)thread_id;
	if (b->stopping) {
		done(owner, RC_UNREACHABLE, BOT_STOPPING);
		return;
	}
	struct arena *a = arena_create(BOT_ARENA_BYTES);
	struct command c;
	struct error e = { .text = "no memory for this now, try again" };
	if (!a || command_parse(line, a, &c, &e) != RC_OK) {
		done(owner, RC_INVALID, e.text);
		arena_destroy(a);
		return;
	}
	enum card_lang lang = bot_lang(b, channel);
	switch (c.id) {
	case COMMAND_HELP:
		done(owner, RC_OK, command_help(c.about, lang == LANG_ZH, a));
		break;
	case COMMAND_LIST:
		done(owner, RC_OK, list_text(b, c.name, a));
		break;
	case COMMAND_STATUS:
	case COMMAND_WHO:
	case COMMAND_HISTORY:
		show(b, &c, lang, a, done, owner);
		break;
	default:
		ask_verb(b, who, channel, event_id, &c, done, owner);
		break;
	}
	arena_destroy(a);
}

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

static void tell(void *owner, enum result r, const char *text)
{
	(void)r;
	struct responder *responder = owner;
	responder->say(responder, text, false);
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
		in->responder->say(in->responder, "no memory for this now, try again", false);
		return;
	}
	const char *title = card_words(lang, title_key, a, NULL);
	enum result r = in->responder->ask_reason(in->responder, title, card_words(lang, "form.reason", a, NULL),
						  card_words(lang, submit_key, a, NULL), in->value, &e);
	in->responder->say(in->responder, r == RC_OK ? NULL : e.text, false);
}

static void press(struct bot *b, const struct interaction *in, struct arena *a)
{
	struct pressed p;
	if (!take_apart(in->value, a, &p) ||
	    !approvals_token_good(b->o.approvals, p.subject, p.verb, in->channel, p.token)) {
		in->responder->say(in->responder, "this button is too old; \"status\" shows a fresh card", false);
		return;
	}
	if (wants_reason(b, in, &p, a)) {
		ask_for_reason(b, in, &p, a);
		return;
	}
	struct bot_ask q = { .person = in->person,
			     .verb = p.verb,
			     .reason = in->form ? in->text : "",
			     .via = in->person.platform,
			     .event_id = in->event_id,
			     .message_id = in->message_id,
			     .channel = in->channel };
	const char *at = strchr(p.subject, '@');
	if (!at) {
		q.request_id = p.subject;
	} else {
		const char *uid = arena_strndup(a, p.subject, (size_t)(at - p.subject));
		const struct rollout *r = uid ? engine_find_uid(b->o.engine, uid, a) : NULL;
		if (!r) {
			in->responder->say(in->responder, "this rollout does not exist any more", false);
			return;
		}
		q.name = arena_printf(a, "%s/%s", r->ns, r->name);
		q.revision = at + 1;
	}
	bot_do(b, &q, tell, in->responder);
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
	else
		bot_command(b, &in->person, in->channel, in->thread_id, in->event_id, in->text, tell, in->responder);
	arena_destroy(a);
}

#include "bot/typed.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/approvals/freezes.h"

enum { CHOICES_MAX = 5 };

static const char no_memory[] = "no memory for this now, try again";

/* ---- the end of it ---- */

static void typed_free(struct typed *t)
{
	arena_destroy(t->arena);
	free(t);
}

void typed_answer(struct typed *t, enum result r, const char *text, bool open)
{
	if (t->responder)
		t->responder->say(t->responder, text, open);
	else if (t->done)
		t->done(t->owner, r, text);
	typed_free(t);
}

void typed_said(struct typed *t, enum result r, const char *english)
{
	typed_answer(t, r, card_said(t->lang, english, t->arena), false);
}

void typed_offer(struct typed *t, const char *text, const struct card_button *buttons, size_t count)
{
	if (!t->responder || !t->responder->offer) {
		typed_answer(t, RC_INVALID, text, false);
		return;
	}
	t->responder->offer(t->responder, text, buttons, count);
	typed_free(t);
}

/* ---- which one ---- */

static const char *verb_words(const struct typed *t)
{
	const char *key = arena_printf(t->arena, "verb.%s", command_name(t->c.id));
	return TYPED_WORDS(t, key ? key : "", t->arena, NULL);
}

/* What a press about this rollout carries; NULL: the command has no sense for it. */
static const char *subject_of(const struct typed *t, const struct rollout *r)
{
	if (t->c.id != COMMAND_APPROVE && t->c.id != COMMAND_REJECT)
		return arena_printf(t->arena, "%s@%s", r->uid, r->revision);
	const struct approval *ap = approvals_open_of(t->bot->o.approvals, r->uid, t->arena);
	return ap ? ap->id : NULL;
}

/* Buttons that do at one press what was typed, and the lines to type where there are none. */
static void choose(struct typed *t, const struct rollout *const *found, size_t n)
{
	struct voice v = { .bot = t->bot, .channel = t->channel };
	struct card_button *buttons = arena_alloc(t->arena, CHOICES_MAX, sizeof *buttons);
	const char *text = TYPED_WORDS(t, "reply.choose", t->arena, "name", t->c.name, NULL);
	size_t count = 0;
	for (size_t i = 0; i < n && count < CHOICES_MAX && buttons; i++) {
		const char *name = arena_printf(t->arena, "%s/%s", found[i]->ns, found[i]->name);
		const char *subject = subject_of(t, found[i]);
		if (!name || !subject)
			continue;
		text = arena_printf(t->arena, "%s\n%s %s", text ? text : "", command_name(t->c.id), name);
		buttons[count++] =
			(struct card_button){ .label = TYPED_WORDS(t, "reply.choose.line", t->arena, "verb",
								   verb_words(t), "name", name, NULL),
					      .action = command_name(t->c.id),
					      .value = voice_button_value(&v, subject, command_name(t->c.id), t->arena),
					      .url = "",
					      .confirm = "" };
	}
	if (count)
		typed_offer(t, text ? text : "", buttons, count);
	else
		typed_answer(t, RC_NOT_FOUND, TYPED_WORDS(t, "reply.nothing_waits", t->arena, NULL), false);
}

/* The one that is meant; NULL: the person has been answered. */
static const struct rollout *the_one(struct typed *t)
{
	size_t n = 0;
	const struct rollout *const *found = bot_find(t->bot, t->c.name, t->arena, &n);
	if (n == 1)
		return found[0];
	const char *why = t->bot->started ? arena_printf(t->arena, "there is no rollout \"%.80s\"; \"list\" shows them",
							 t->c.name)
					  : "the cluster is still being read, try again in a moment";
	if (n)
		choose(t, found, n);
	else
		typed_said(t, t->bot->started ? RC_NOT_FOUND : RC_UNREACHABLE, why ? why : no_memory);
	return NULL;
}

/* ---- verbs ---- */

static void verb_done(void *owner, enum result r, const char *text)
{
	struct typed *t = owner;
	typed_answer(t, r, card_said(t->lang, text, t->arena), r == RC_OK);
}

static void ask_verb(struct typed *t, const struct rollout *r)
{
	struct bot_ask q = { .person = t->who,
			     .verb = command_name(t->c.id),
			     .name = arena_printf(t->arena, "%s/%s", r->ns, r->name),
			     .reason = t->c.reason,
			     .via = t->who.platform,
			     .event_id = t->event_id,
			     .channel = t->channel,
			     .thread = t->thread,
			     .typed = true,
			     .weight = t->c.weight,
			     .override_gates = t->c.override_gates };
	bot_do(t->bot, &q, verb_done, t);
}

static void freeze(struct typed *t)
{
	if (text_empty(t->c.name)) {
		show_freezes(t);
		return;
	}
	bot_recognise(t->bot, &t->who, t->arena);
	struct freeze_ask q = { .name = t->c.name, .on = t->c.on, .person = t->who, .reason = t->c.reason };
	approvals_freeze(t->bot->o.approvals, &q, verb_done, t);
}

/* ---- subscriptions ---- */

static void subscribed(void *owner, enum result r, const struct error *why)
{
	struct typed *t = owner;
	static const char *const keys[COMMAND_COUNT] = { [COMMAND_WATCH] = "reply.watching",
							 [COMMAND_UNWATCH] = "reply.unwatched",
							 [COMMAND_SUBSCRIBE] = "reply.subscribed",
							 [COMMAND_UNSUBSCRIBE] = "reply.unsubscribed" };
	if (r != RC_OK) {
		typed_said(t, r, why->text);
		return;
	}
	if ((t->c.id == COMMAND_SUBSCRIBE || (t->c.id == COMMAND_WATCH && text_empty(t->thread))) && t->bot->started)
		subscription_show(t->bot, t->c.name);
	bool card = text_empty(t->thread);
	const char *key = keys[t->c.id];
	if (card && t->c.id == COMMAND_WATCH)
		key = keys[COMMAND_SUBSCRIBE];
	if (card && t->c.id == COMMAND_UNWATCH)
		key = keys[COMMAND_UNSUBSCRIBE];
	typed_answer(t, RC_OK, TYPED_WORDS(t, key, t->arena, "name", t->c.name, NULL), true);
}

static void subscribe(struct typed *t)
{
	bool on = t->c.id == COMMAND_WATCH || t->c.id == COMMAND_SUBSCRIBE;
	bool in_thread = t->c.id == COMMAND_WATCH || t->c.id == COMMAND_UNWATCH;
	struct error e;
	if (!bot_channel(t->bot, t->channel)) {
		typed_answer(t, RC_INVALID, TYPED_WORDS(t, "reply.place", t->arena, NULL), false);
		return;
	}
	if (!in_thread)
		t->thread = "";
	enum result r = subscription_set(t->bot, &t->who, t->channel, t->thread, t->c.name, on, subscribed, t, &e);
	if (r != RC_OK)
		typed_said(t, r, e.text);
}

static void list_subscriptions(struct typed *t)
{
	const char *names = "";
	for (const struct subscription *s = t->bot->subscriptions; s && names; s = s->next)
		if (text_eq(s->channel, t->channel) && (!*s->thread || text_eq(s->thread, t->thread)))
			names = arena_printf(t->arena, "%s%s%s", names, *names ? ", " : "", s->pattern);
	const char *key = names && *names ? "reply.subscriptions" : "reply.subscriptions.none";
	typed_answer(t, RC_OK, TYPED_WORDS(t, key, t->arena, "names", names, NULL), false);
}

/* A rollout by its whole name, whatever was typed. */
static void watch(struct typed *t)
{
	const struct rollout *r = the_one(t);
	if (!r)
		return;
	const char *name = arena_printf(t->arena, "%s/%s", r->ns, r->name);
	t->c.name = name ? name : t->c.name;
	subscribe(t);
}

/* ---- the beginning of it ---- */

static void run_one(struct typed *t)
{
	const struct rollout *r = the_one(t);
	if (!r)
		return;
	if (t->c.id == COMMAND_STATUS || t->c.id == COMMAND_WHO)
		show_one(t, r);
	else if (t->c.id == COMMAND_HISTORY)
		show_history(t, r);
	else
		ask_verb(t, r);
}

static void run(struct typed *t)
{
	switch (t->c.id) {
	case COMMAND_HELP:
		typed_answer(t, RC_OK, command_help(t->c.about, t->lang, t->arena), false);
		break;
	case COMMAND_LIST:
		show_list(t);
		break;
	case COMMAND_FREEZE:
		freeze(t);
		break;
	case COMMAND_SUBSCRIBE:
		if (text_empty(t->c.name))
			list_subscriptions(t);
		else
			subscribe(t);
		break;
	case COMMAND_UNSUBSCRIBE:
		subscribe(t);
		break;
	case COMMAND_WATCH:
	case COMMAND_UNWATCH:
		watch(t);
		break;
	case COMMAND_HISTORY:
		if (text_empty(t->c.name))
			show_history(t, NULL);
		else
			run_one(t);
		break;
	default:
		if (text_empty(t->c.selector))
			run_one(t);
		else
			several_run(t);
		break;
	}
}

static bool copy_person(struct typed *t, const struct person *who)
{
	t->who = *who;
	const char **const texts[] = { &t->who.platform, &t->who.team, &t->who.id, &t->who.name,
				       &t->who.user,     &t->channel,  &t->thread, &t->event_id };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (!(*texts[i] = arena_strdup(t->arena, *texts[i] ? *texts[i] : "")))
			return false;
	t->who.identities = NULL; /* asked for when it is judged */
	size_t n = 0;
	while (who->groups && who->groups[n])
		n++;
	const char **groups = arena_alloc(t->arena, n + 1, sizeof *groups);
	for (size_t i = 0; groups && i < n; i++)
		groups[i] = arena_strdup(t->arena, who->groups[i]);
	t->who.groups = groups;
	return groups != NULL;
}

static void begin(struct bot *b, const struct person *who, const char *line, struct typed seed)
{
	struct typed *t = calloc(1, sizeof *t);
	struct arena *a = t ? arena_create(BOT_ARENA_BYTES) : NULL;
	struct error e = { .text = "" };
	if (!a) {
		free(t);
		if (seed.responder)
			seed.responder->say(seed.responder, no_memory, false);
		else if (seed.done)
			seed.done(seed.owner, RC_EXHAUSTED, no_memory);
		return;
	}
	*t = seed;
	t->bot = b;
	t->arena = a;
	t->words = bot_wording(b, seed.channel);
	if (!copy_person(t, who))
		typed_said(t, RC_EXHAUSTED, no_memory);
	else if (command_parse(line, a, &t->c, &e) != RC_OK)
		typed_said(t, RC_INVALID, e.text);
	else
		run(t);
}

void bot_command(struct bot *b, const struct person *who, const char *channel, const char *thread_id,
		 const char *event_id, const char *line, bot_answer *done, void *owner)
{
	enum card_lang lang = bot_lang(b, channel);
	if (b->stopping) {
		done(owner, RC_UNREACHABLE, BOT_STOPPING);
		return;
	}
	begin(b, who, line,
	      (struct typed){ .channel = channel,
			      .thread = thread_id,
			      .event_id = event_id,
			      .lang = lang,
			      .done = done,
			      .owner = owner });
}

void typed_hear(struct bot *b, const struct interaction *in, const char *line)
{
	begin(b, &in->person, line,
	      (struct typed){ .channel = in->channel,
			      .thread = in->thread_id,
			      .event_id = in->event_id,
			      .lang = bot_lang(b, in->channel),
			      .responder = in->responder });
}

/* What waits for one person's word: the open questions that a policy lets them answer and that they have not answered
 * yet, as cards. For pages of their own, where a platform has them. */
#include <stdlib.h>

#include "base/text.h"
#include "bot/room.h"

enum { QUESTIONS_MAX = 50 };

struct bot_waiting {
	struct bot *bot;     /* NULL: it is being stopped; nobody is told any more */
	struct arena *arena; /* owned; holds the person and the cards */
	struct person person;
	const char *channel;
	waiting_told *told;
	void *owner;
	struct bot_waiting *next, **at;
};

static void waiting_free(struct bot_waiting *w)
{
	if (w->at) {
		*w->at = w->next;
		if (w->next)
			w->next->at = w->at;
	}
	arena_destroy(w->arena);
	free(w);
}

static bool has_voted(const struct approval *ap, const struct person *who)
{
	for (size_t i = 0; i < ap->vote_count; i++)
		if (person_same(&ap->votes[i].person, who))
			return true;
	return false;
}

/* Nobody is "in the channel" on a page of their own. */
static bool waits_for(const struct approval *ap, const struct person *who)
{
	return ap->policy && !has_voted(ap, who) &&
	       policy_admits(ap->policy, who, VOTE_APPROVE, "-", ap->requested_by, NULL) == RC_OK;
}

static const struct card *question(const struct bot_waiting *w, const struct approval *ap)
{
	const struct rollout *r = engine_find_uid(w->bot->o.engine, ap->uid, w->arena);
	struct voice v = { .bot = w->bot, .channel = w->channel };
	struct card_options o = voice_options(&v);
	return r ? card_ask(r, ap, &o, w->arena) : NULL;
}

static void tell(struct bot_waiting *w)
{
	const struct card *cards[QUESTIONS_MAX];
	size_t all = 0, n = 0;
	const struct approval *const *open = approvals_of(w->bot->o.approvals, NULL, "", w->arena, &all);
	for (size_t i = 0; i < all && n < QUESTIONS_MAX; i++)
		if (waits_for(open[i], &w->person) && (cards[n] = question(w, open[i])))
			n++;
	w->told(w->owner, cards, n);
}

static void groups_known(void *owner, const char *const *groups)
{
	struct bot_waiting *w = owner;
	if (w->bot) {
		w->person.groups = bot_join(w->arena, w->person.groups, groups);
		tell(w);
	}
	waiting_free(w);
}

static bool keep_person(struct bot_waiting *w, const struct person *who, const char *channel)
{
	w->person = (struct person){ .platform = arena_strdup(w->arena, who->platform),
				     .team = arena_strdup(w->arena, who->team),
				     .id = arena_strdup(w->arena, who->id),
				     .name = arena_strdup(w->arena, who->name),
				     .user = "" };
	w->channel = arena_strdup(w->arena, channel);
	return w->person.platform && w->person.team && w->person.id && w->person.name && w->channel;
}

void waiting_for(void *owner, const struct person *who, const char *channel, waiting_told *told, void *to)
{
	struct bot *b = owner;
	struct bot_waiting *w = b->stopping ? NULL : calloc(1, sizeof *w);
	if (w)
		*w = (struct bot_waiting){
			.bot = b, .arena = arena_create(BOT_ARENA_BYTES), .told = told, .owner = to
		};
	if (!w || !w->arena || !keep_person(w, who, channel)) {
		if (w)
			waiting_free(w);
		told(to, NULL, 0);
		return;
	}
	w->next = b->waiting;
	w->at = &b->waiting;
	if (w->next)
		w->next->at = &w->next;
	b->waiting = w;
	bot_recognise(b, &w->person, w->arena);
	struct channel *c = bot_channel(b, channel);
	if (c && c->ops->groups)
		c->ops->groups(c, &w->person, groups_known, w);
	else
		groups_known(w, NULL);
}

void waiting_changed(struct bot *b)
{
	for (struct channel *const *c = b->o.channels; c && *c && !b->stopping; c++)
		if ((*c)->ops->changed)
			(*c)->ops->changed(*c);
}

/* Those who wait for a platform's word on groups free themselves when it comes. */
void waiting_forget(struct bot *b)
{
	while (b->waiting) {
		struct bot_waiting *w = b->waiting;
		b->waiting = w->next;
		if (w->next)
			w->next->at = &b->waiting;
		w->bot = NULL;
		w->next = NULL;
		w->at = NULL;
		w->told(w->owner, NULL, 0);
	}
}

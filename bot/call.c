/* One way in for every verb: who is it, may they, is it on record; then a vote, or a request on the Canary. */
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/approvals/freezes.h"
#include "bot/room.h"

struct bot_call {
	struct bot *bot;
	struct arena *arena; /* owned; holds every string of the ask */
	struct bot_ask ask;
	const struct rollout *rollout; /* NULL: a vote by request id */
	enum engine_verb verb;
	char id[37]; /* of the engine request */
	bot_answer *done;
	void *owner;
	struct deferred soon;
	enum result r;
	const char *text;
	enum { WAITS_FOR_NOBODY, WAITS_FOR_GROUPS, WAITS_FOR_VOTE, WAITS_FOR_STORE, WAITS_FOR_ENGINE } waits;
	bool cancelled; /* its answer has been given */
	struct bot_call *next, **at;
};

static void call_unlink(struct bot_call *c)
{
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
}

static void call_link(struct bot_call **head, struct bot_call *c)
{
	c->next = *head;
	c->at = head;
	if (c->next)
		c->next->at = &c->next;
	*head = c;
}

static void call_free(struct bot_call *c)
{
	loop_defer_cancel(&c->soon);
	call_unlink(c);
	arena_destroy(c->arena);
	free(c);
}

static void answer_now(void *owner)
{
	struct bot_call *c = owner;
	bot_answer *done = c->done;
	void *to = c->owner;
	enum result r = c->r;
	struct arena *a = TAKE(c->arena);
	const char *text = c->text ? c->text : "";
	call_free(c);
	if (done)
		done(to, r, text);
	arena_destroy(a);
}

static void answer(struct bot_call *c, enum result r, const char *text)
{
	c->r = r;
	c->text = arena_strdup(c->arena, text);
	loop_defer(c->bot->o.loop, &c->soon, answer_now, c);
}

/* Somebody answered; false: the call was cancelled meanwhile, touch nothing. */
static bool landed(struct bot_call *c)
{
	c->waits = WAITS_FOR_NOBODY;
	if (!c->cancelled)
		return true;
	call_free(c);
	return false;
}

/* Acts the person in a channel where the rollout's card stands? The platform alone cannot know. */
static bool is_in_channel(const struct bot_call *c, const struct rollout *r)
{
	for (const char *const *ch = r ? bot_routed(c->bot, r, c->arena) : NULL; ch && *ch; ch++)
		if (text_eq(*ch, c->ask.channel))
			return true;
	return false;
}

/* ---- votes ---- */

static void voted(void *owner, enum result r, const char *text)
{
	struct bot_call *c = owner;
	if (landed(c))
		answer(c, r, text);
}

static void vote(struct bot_call *c, const char *request_id)
{
	const struct bot_ask *q = &c->ask;
	struct vote_ask v = { .request_id = request_id,
			      .revision = q->revision,
			      .person = q->person,
			      .verb = text_eq(q->verb, "reject") ? VOTE_REJECT : VOTE_APPROVE,
			      .reason = q->reason,
			      .via = q->via,
			      .event_id = q->event_id,
			      .message_id = q->message_id,
			      .override_freeze = q->override_gates };
	const struct approval *ap = approvals_find(c->bot->o.approvals, request_id, c->arena);
	const struct rollout *r = ap ? engine_find_uid(c->bot->o.engine, ap->uid, c->arena) : NULL;
	v.person.in_channel = is_in_channel(c, r);
	c->waits = WAITS_FOR_VOTE;
	approvals_vote(c->bot->o.approvals, &v, voted, c);
}

/* ---- verbs of the engine ---- */

static enum right right_of(enum engine_verb v)
{
	static const enum right rights[VERB_COUNT] = {
		[VERB_PROMOTE] = RIGHT_PROMOTE,   [VERB_ROLLBACK] = RIGHT_ROLLBACK, [VERB_PAUSE] = RIGHT_PAUSE,
		[VERB_RESUME] = RIGHT_PAUSE,      [VERB_RESTART] = RIGHT_PROMOTE,   [VERB_WEIGHT] = RIGHT_WEIGHT,
		[VERB_COMPLETE] = RIGHT_COMPLETE,
	};
	return rights[v];
}

static void on_record(void *owner, enum result r, const struct error *why);

static void audit(struct bot_call *c, const char *outcome, const char *why, store_done *done)
{
	const struct rollout *r = c->rollout;
	const struct person *p = &c->ask.person;
	struct store_tx *tx = store_begin(c->bot->o.store);
	struct audit_row row = {
		.actor = person_actor(p),
		.identity = arena_printf(c->arena, "%s:%s%s%s", p->platform, p->team ? p->team : "",
					 text_empty(p->team) ? "" : "/", p->id),
		.action = arena_printf(c->arena, "verb.%s", engine_verb_name(c->verb)),
		.object = arena_printf(c->arena, "%s/%s/%s", r->cluster, r->ns, r->name),
		.request = c->id,
		.outcome = outcome,
		.reason = text_empty(why) ? c->ask.reason : why,
		.detail = "",
	};
	audit_append(tx, loop_wall(c->bot->o.loop), &row);
	if (c->ask.typed && done == on_record)
		answers_owe(c->bot, tx, c->id, c->ask.channel, c->ask.thread);
	c->waits = WAITS_FOR_STORE;
	store_submit(tx, done, c);
}

static void recorded(void *owner, enum result r, const struct error *why)
{
	struct bot_call *c = owner;
	if (!landed(c))
		return;
	if (r != RC_OK) {
		answer(c, r, why->text);
		return;
	}
	answer(c, RC_OK,
	       arena_printf(c->arena, "%s of %s/%s asked for by %s", engine_verb_name(c->verb), c->rollout->ns,
			    c->rollout->name, person_actor(&c->ask.person)));
}

static void hand_over(struct bot_call *c)
{
	const struct bot_ask *q = &c->ask;
	struct engine_request r = { .id = c->id,
				    .verb = c->verb,
				    .ns = c->rollout->ns,
				    .name = c->rollout->name,
				    .by = person_actor(&q->person),
				    .reason = q->reason,
				    .revision = q->revision,
				    .weight = q->weight,
				    .override_gates = q->override_gates };
	c->waits = WAITS_FOR_ENGINE;
	engine_request(c->bot->o.engine, &r, recorded, c);
}

/* No decision without a record; only a rollback goes on when the disk is full (architecture.md, law 5). */
static void on_record(void *owner, enum result r, const struct error *why)
{
	struct bot_call *c = owner;
	if (!landed(c))
		return;
	if (r == RC_OK || c->verb == VERB_ROLLBACK) {
		hand_over(c);
		return;
	}
	log_error("audit_failed", "canary=%s/%s verb=%s why=%s", c->rollout->ns, c->rollout->name,
		  engine_verb_name(c->verb), why->text);
	answer(c, RC_EXHAUSTED,
	       arena_printf(c->arena, "not done: the decision could not be recorded (%s); a rollback is possible",
			    why->text));
}

static void refusal_on_record(void *owner, enum result r, const struct error *why)
{
	(void)r;
	(void)why;
	struct bot_call *c = owner;
	if (landed(c))
		answer(c, c->r, c->text);
}

static void refuse(struct bot_call *c, enum result r, const char *text)
{
	c->r = r;
	c->text = arena_strdup(c->arena, text);
	audit(c, "refused", text, refusal_on_record);
}

/* What brings a new version forward is held back; what stops one never is. */
static enum result may_in_freeze(struct bot_call *c, const struct policy *p, struct error *e)
{
	char frozen[384];
	if (!approvals_frozen(c->bot->o.approvals, p, frozen, sizeof frozen))
		return RC_OK;
	if (!c->ask.override_gates)
		return error_set(e, RC_REFUSED, "%s; who has the right to override may go past it, with a reason",
				 frozen);
	return approvals_may_pass(p, &c->ask.person, c->ask.reason, e);
}

static enum result may(struct bot_call *c, struct error *e)
{
	struct bot_ask *q = &c->ask;
	const struct policy *p = approvals_policy(c->bot->o.approvals, c->rollout->policy);
	if (!p)
		return error_set(e, RC_REFUSED, "there is no policy \"%s\"; nobody may do this until it is configured",
				 text_empty(c->rollout->policy) ? "default" : c->rollout->policy);
	q->person.in_channel = is_in_channel(c, c->rollout);
	enum result r = policy_allows(p, &q->person, right_of(c->verb), e);
	if (r == RC_OK && q->override_gates)
		r = policy_allows(p, &q->person, RIGHT_OVERRIDE, e);
	if (r == RC_OK && (c->verb == VERB_PROMOTE || c->verb == VERB_RESTART))
		r = may_in_freeze(c, p, e);
	if (r == RC_OK && c->verb == VERB_ROLLBACK && p->reason_rollback && text_empty(q->reason))
		r = error_set(e, RC_REFUSED, "policy %s wants a reason for a rollback", p->name);
	return r;
}

static void run_verb(struct bot_call *c)
{
	struct error e;
	if (engine_verb_parse(c->ask.verb, &c->verb, &e) != RC_OK) {
		answer(c, RC_INVALID, e.text);
		return;
	}
	if (crypto_uuid(c->id, &e) != RC_OK) {
		answer(c, RC_EXHAUSTED, e.text);
		return;
	}
	/* What a person asks for is about what they see now. Stopping is about whatever runs when it arrives. */
	if (c->verb != VERB_ROLLBACK && c->verb != VERB_PAUSE && text_empty(c->ask.revision))
		c->ask.revision = c->rollout->revision;
	enum result r = may(c, &e);
	if (r != RC_OK)
		refuse(c, r, e.text);
	else
		audit(c, "asked", "", on_record);
}

/* ---- finding what it is about ---- */

static const char *ambiguous(const struct rollout *const *list, size_t n, struct arena *a)
{
	const char *text = "several rollouts have this name, say which: ";
	for (size_t i = 0; i < n && i < 10 && text; i++)
		text = arena_printf(a, "%s%s%s/%s", text, i ? ", " : "", list[i]->ns, list[i]->name);
	return text;
}

static enum result find_rollout(struct bot_call *c, const char **why)
{
	size_t n = 0;
	const struct rollout *const *found = bot_find(c->bot, c->ask.name, c->arena, &n);
	if (n == 1) {
		c->rollout = found[0];
		return RC_OK;
	}
	if (!n && !c->bot->started) {
		*why = "the cluster is still being read, try again in a moment";
		return RC_UNREACHABLE;
	}
	*why = n ? ambiguous(found, n, c->arena)
		 : arena_printf(c->arena, "there is no rollout \"%.80s\"; \"list\" shows them", c->ask.name);
	return n ? RC_INVALID : RC_NOT_FOUND;
}

static void run(struct bot_call *c)
{
	bool votes = text_eq(c->ask.verb, "approve") || text_eq(c->ask.verb, "reject");
	if (votes && !text_empty(c->ask.request_id)) {
		vote(c, c->ask.request_id);
		return;
	}
	const char *why = "";
	enum result r = find_rollout(c, &why);
	if (r != RC_OK) {
		answer(c, r, why);
		return;
	}
	if (!votes) {
		run_verb(c);
		return;
	}
	const struct approval *ap = approvals_open_of(c->bot->o.approvals, c->rollout->uid, c->arena);
	if (ap)
		vote(c, ap->id);
	else
		answer(c, RC_NOT_FOUND,
		       arena_printf(c->arena, "nothing waits for a decision on %s/%s", c->rollout->ns,
				    c->rollout->name));
}

/* ---- who is it ---- */

const char *const *bot_join(struct arena *a, const char *const *x, const char *const *y)
{
	size_t n = 0, m = 0;
	while (x && x[n])
		n++;
	while (y && y[m])
		m++;
	const char **all = arena_alloc(a, n + m + 1, sizeof *all);
	for (size_t i = 0; all && i < n + m; i++)
		all[i] = arena_strdup(a, i < n ? x[i] : y[i - n]);
	return all;
}

static void groups_known(void *owner, const char *const *groups)
{
	struct bot_call *c = owner;
	if (!landed(c))
		return;
	c->ask.person.groups = bot_join(c->arena, c->ask.person.groups, groups);
	run(c);
}

static bool copy_ask(struct bot_call *c, const struct bot_ask *q)
{
	struct arena *a = c->arena;
	c->ask = *q;
	const char **const texts[] = {
		&c->ask.verb,      &c->ask.name,        &c->ask.request_id,      &c->ask.revision,
		&c->ask.reason,    &c->ask.via,         &c->ask.event_id,        &c->ask.message_id,
		&c->ask.channel,   &c->ask.thread,      &c->ask.person.platform, &c->ask.person.team,
		&c->ask.person.id, &c->ask.person.name, &c->ask.person.user
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		*texts[i] = arena_strdup(a, *texts[i] ? *texts[i] : "");
		if (!*texts[i])
			return false;
	}
	c->ask.person.groups = bot_join(a, q->person.groups, NULL);
	c->ask.person.identities = NULL;
	return c->ask.person.groups != NULL;
}

/* What the caller knows of groups (a token's, a service account's) stays. */
static void recognise(struct bot_call *c)
{
	const char *const *given = c->ask.person.groups;
	c->ask.person.groups = NULL;
	bot_recognise(c->bot, &c->ask.person, c->arena);
	c->ask.person.groups = bot_join(c->arena, given, c->ask.person.groups);
}

void bot_do(struct bot *b, const struct bot_ask *ask, bot_answer *done, void *owner)
{
	if (b->stopping) {
		done(owner, RC_UNREACHABLE, BOT_STOPPING);
		return;
	}
	struct bot_call *c = calloc(1, sizeof *c);
	struct arena *a = c ? arena_create(BOT_ARENA_BYTES) : NULL;
	if (!a) {
		free(c);
		done(owner, RC_EXHAUSTED, "no memory for this now, try again");
		return;
	}
	*c = (struct bot_call){ .bot = b, .arena = a, .done = done, .owner = owner };
	call_link(&b->calls, c);
	if (!copy_ask(c, ask)) {
		answer(c, RC_EXHAUSTED, "no memory for this now, try again");
		return;
	}
	recognise(c);
	struct channel *ch = bot_groups_of(b, c->ask.person.platform);
	if (ch) {
		c->waits = WAITS_FOR_GROUPS;
		ch->ops->groups(ch, &c->ask.person, groups_known, c);
		return;
	}
	run(c);
}

/* Everybody hears something; what is recorded already will happen all the same. */
void bot_calls_cancel(struct bot *b)
{
	while (b->calls) {
		struct bot_call *c = b->calls;
		bot_answer *done = c->done;
		void *owner = c->owner;
		bool answered = c->soon.loop != NULL;
		enum result r = answered ? c->r : RC_UNREACHABLE;
		struct arena *a = NULL;
		const char *text = BOT_STOPPING;
		if (answered) {
			a = TAKE(c->arena);
			text = c->text ? c->text : "";
		} else if (c->waits == WAITS_FOR_VOTE || c->waits == WAITS_FOR_ENGINE) {
			text = "rollcall is being stopped; what you asked for may still count, look at it in a minute";
		}
		c->done = NULL;
		c->cancelled = true;
		call_unlink(c);
		call_link(&b->cancelled, c);
		if (c->waits == WAITS_FOR_NOBODY)
			call_free(c);
		if (done)
			done(owner, r, text);
		arena_destroy(a);
	}
}

void calls_forget(struct bot *b)
{
	struct bot_call *next;
	for (struct bot_call *c = b->cancelled; c; c = next) {
		next = c->next;
		if (c->waits == WAITS_FOR_ENGINE)
			call_free(c);
	}
	/* The others live until they land; the list's head is about to go. */
	while (b->cancelled) {
		struct bot_call *c = b->cancelled;
		call_unlink(c);
		c->next = NULL;
		c->at = &c->next;
	}
}

#pragma once
/* The bot's inside. */
#include <uthash.h>

#include "bot/bot.h"
#include "bot/cards/chart.h"

enum { BOT_ARENA_BYTES = 8 << 20, BOT_LIST_BYTES = 512 << 20 /* every rollout */, CARD_PAUSE_MS = 250 };
#define BOT_STOPPING "rollcall is being stopped, ask again in a minute"

/* A rollout whose cards are out: which revision, and a refresh that waits a moment so that bursts become one. */
struct look {
	char *channel; /* owned */
	uint64_t look; /* of the card that was put last; 0 unknown */
	struct look *next;
};
struct trace;
struct shown {
	struct bot *bot;
	char *uid, *revision; /* owned */
	char *images;         /* owned; of the canary, for when it has been replaced */
	struct look *looks;   /* owned; of this revision */
	struct trace *trace;  /* owned; NULL before the first note */
	enum phase phase;
	struct wall_ms started_at;
	bool waiting, active;
	int weight;
	struct timer timer;
	UT_hash_handle hh;
};
struct bot_call; /* an ask under way */
struct early;
struct bot_waiting; /* somebody is told what waits for them */
struct bot {
	struct bot_options o;
	struct shown *shown;
	struct subscription *subscriptions;
	struct owed_answer *owed;
	struct bot_call *calls;
	struct bot_call *cancelled; /* calls that somebody still owes an answer */
	struct bot_waiting *waiting;
	int flying;   /* transactions of speak.c */
	bool started; /* the cluster has been read */
	bool stopping, destroyed;
	struct early *early; /* heard before that */
	size_t early_count;
	struct timer early_timer;
};

/* ---- bot.c ---- */
void bot_free(struct bot *b);                                       /* once nothing of it flies */
struct channel *bot_channel(const struct bot *b, const char *name); /* the platform of "slack:C024"; NULL */
/* The one that knows the groups of a platform's people ("slack"); NULL. */
struct channel *bot_groups_of(const struct bot *b, const char *platform);
enum card_lang bot_lang(const struct bot *b, const char *channel);
struct card_wording bot_wording(const struct bot *b, const char *channel); /* lives as long as the configuration */
/* Where a rollout's cards stand, NULL-terminated, in the arena: by its annotation or the first route that fits, and
 * where somebody subscribed to it. */
const char *const *bot_channels(const struct bot *b, const struct rollout *r, struct arena *a);
/* The same without subscriptions: what anybody may ask for gives nobody a right. */
const char *const *bot_routed(const struct bot *b, const struct rollout *r, struct arena *a);

/* ---- subscriptions.c: what people asked to be told, and where ---- */
struct subscription {
	char *channel, *thread, *pattern; /* owned; thread "": cards in the channel, else lines in that thread */
	struct subscription *next;
};
MUST_CHECK enum result subscriptions_load(struct bot *b, struct error *e);
void subscriptions_free(struct bot *b);
/* "shop/podinfo", "prod-x/y*", "*" of every namespace. */
bool subscription_fits(const struct subscription *s, const struct rollout *r);
/* on: from now on; else no more. RC_CONFLICT: it is so already; RC_EXHAUSTED: there are too many. done later, once. */
MUST_CHECK enum result subscription_set(struct bot *b, const struct person *who, const char *channel,
					const char *thread, const char *pattern, bool on, store_done *done, void *owner,
					struct error *e);

/* Cards of what fits, at once, where they were not before. */
void subscription_show(struct bot *b, const char *pattern);

/* ---- answers.c: owed to who typed a verb ---- */
MUST_CHECK enum result answers_load(struct bot *b, struct error *e);
void answers_free(struct bot *b);
/* In the transaction that records the verb. thread "": in the channel. */
void answers_owe(struct bot *b, struct store_tx *tx, const char *request, const char *channel, const char *thread);
void answers_give(struct bot *b, const struct rollout_event *ev);

/* ---- trace.c: how a rollout went so far, for its chart ---- */
void trace_note(struct trace **t, const struct rollout *r);
void trace_mark(struct trace *t, struct wall_ms at, enum chart_mark_kind kind, const char *text); /* t may be NULL */
/* A picture of it, malloc'ed; false: there is not enough to see. */
bool trace_draw(const struct trace *t, const struct rollout *r, unsigned char **ret_png, size_t *ret_len);
void trace_free(struct trace *t);

/* ---- shown.c ---- */
struct shown *shown_find(const struct bot *b, const struct rollout *r); /* of this very revision; NULL */
struct shown *shown_of_uid(const struct bot *b, const char *uid);       /* of any; NULL */
/* Where the look of the last card stands; NULL: it is not remembered. */
uint64_t *shown_look(struct shown *s, const char *channel);
void shown_forget_looks(struct shown *s);
/* From now on this revision is what the rollout's card is about. NULL: no memory. */
struct shown *shown_turn(struct bot *b, const struct rollout *r);
void shown_free(struct bot *b, struct shown *s);

/* ---- speak.c: cards out ---- */
/* One channel being spoken to. */
struct voice {
	struct bot *bot;
	const char *channel;
	enum card_end end;
};
struct card_options voice_options(struct voice *v);
/* What a button of this channel carries back: "v1.SUBJECT.VERB.TOKEN"; "" on failure. */
const char *voice_button_value(struct voice *v, const char *subject, const char *verb, struct arena *a);
/* after: one request as it will be once the transaction in hand commits; NULL: as they are. */
const struct card *voice_card(struct voice *v, const struct rollout *r, const struct approval *after, struct arena *a);
void voice_put_card(struct voice *v, struct store_tx *tx, const struct rollout *r, const struct card *card, bool urgent,
		    struct arena *a);
/* body is freed; NULL: e says why, and it is logged. */
void voice_put(struct voice *v, struct store_tx *tx, enum outbox_kind kind, const char *subject, const char *key,
	       char *body, bool urgent, const struct error *e);
/* A line in the thread of the rollout's card, said once. */
void voice_put_text(struct voice *v, struct store_tx *tx, const struct rollout *r, const char *key, const char *text,
		    struct arena *a);
/* The rollout's chart in the thread of its card where the platform shows pictures; said once a key. */
void speak_chart(struct bot *b, struct store_tx *tx, const struct rollout *r, const char *key, bool urgent,
		 struct arena *a);
void speak_submit(struct bot *b, struct store_tx *tx);
/* What cannot change any more must not look as if it went on: no buttons, no progress. */
void speak_at_rest(struct rollout *r);
/* English, translated a channel; in every thread that shows or watches this rollout. */
void speak_text(struct bot *b, const struct rollout *r, const char *key, const char *english);
const char *speak_key(const struct rollout *r, const char *what, struct arena *a); /* "UID/REV/WHAT" */
/* A line in every thread that watches the rollout, said once a key. */
void speak_watchers(struct bot *b, struct store_tx *tx, const struct rollout *r, const char *key, struct arena *a);
void speak_rollout(struct bot *b, const struct rollout *r, enum card_end end, bool urgent);
void speak_now(struct bot *b, const struct rollout *r);        /* the same, and its changes will be heard */
void speak_event(void *owner, const struct rollout_event *ev); /* engine_listener */
void speak_record(void *owner, struct store_tx *tx, enum approval_news news, const struct approval *after);
void speak_news(void *owner, enum approval_news news, const struct approval *a);
const char *speak_status(struct bot *b, const struct rollout *r, enum card_lang lang, struct arena *a);
void speak_forget(struct bot *b); /* at the end */

void speak_trouble(void *owner, const char *channel, enum outbox_trouble what, const char *why); /* outbox_troubled */

/* ---- ears.c: clicks and commands in ---- */
void ears_heard(void *owner, const struct interaction *in);

/* ---- typed.c: commands ---- */
void typed_hear(struct bot *b, const struct interaction *in, const char *line); /* owns the responder from now on */

/* ---- early.c: heard before the cluster has been read ---- */
void early_keep(struct bot *b, const struct interaction *in); /* owns the responder from now on */
void early_hear(struct bot *b);
void early_forget(struct bot *b);

/* ---- waiting.c: what waits for one person ---- */
void waiting_for(void *owner, const struct person *who, const char *channel, waiting_told *told, void *to);
void waiting_changed(struct bot *b); /* pages of people are no longer right */
void waiting_forget(struct bot *b);

/* ---- call.c: asks under way ---- */
/* Both lists as one, copied; NULL ones are empty. */
const char *const *bot_join(struct arena *a, const char *const *x, const char *const *y);
void bot_calls_cancel(struct bot *b);
void calls_forget(struct bot *b); /* that can never be answered, because the engine is gone */

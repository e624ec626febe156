#pragma once
/* The bot's inside. */
#include <uthash.h>

#include "bot/bot.h"

enum { BOT_ARENA_BYTES = 8 << 20, BOT_LIST_BYTES = 512 << 20 /* every rollout */, CARD_PAUSE_MS = 250 };
#define BOT_STOPPING "rollcall is being stopped, ask again in a minute"

/* A rollout whose cards are out: which revision, and a refresh that waits a moment so that bursts become one. */
struct look {
	char *channel; /* owned */
	uint64_t look; /* of the card that was put last; 0 unknown */
	struct look *next;
};
struct shown {
	struct bot *bot;
	char *uid, *revision; /* owned */
	struct look *looks;   /* owned; of this revision */
	enum phase phase;
	bool waiting;
	struct timer timer;
	UT_hash_handle hh;
};
struct bot_call; /* an ask under way */
struct early;
struct bot {
	struct bot_options o;
	struct shown *shown;
	struct bot_call *calls;
	struct bot_call *cancelled; /* calls that somebody still owes an answer */
	int flying;                 /* transactions of speak.c */
	bool started;               /* the cluster has been read */
	bool stopping, destroyed;
	struct early *early; /* heard before that */
	size_t early_count;
	struct timer early_timer;
};

/* ---- bot.c ---- */
struct channel *bot_channel(const struct bot *b, const char *name); /* the platform of "slack:C024"; NULL */
enum card_lang bot_lang(const struct bot *b, const char *channel);
/* Where a rollout's cards stand, NULL-terminated, in the arena. */
const char *const *bot_channels(const struct bot *b, const struct rollout *r, struct arena *a);

/* ---- speak.c: cards out ---- */
void speak_rollout(struct bot *b, const struct rollout *r, bool urgent);
void speak_now(struct bot *b, const struct rollout *r);        /* the same, and its changes will be heard */
void speak_event(void *owner, const struct rollout_event *ev); /* engine_listener */
void speak_record(void *owner, struct store_tx *tx, enum approval_news news, const struct approval *after);
void speak_news(void *owner, enum approval_news news, const struct approval *a);
void speak_text(struct bot *b, const struct rollout *r, const char *key, const char *text);
const char *speak_status(struct bot *b, const struct rollout *r, enum card_lang lang, struct arena *a);
void speak_forget(struct bot *b); /* at the end */

/* ---- ears.c: clicks and commands in ---- */
void ears_heard(void *owner, const struct interaction *in);

/* ---- early.c: heard before the cluster has been read ---- */
void early_keep(struct bot *b, const struct interaction *in); /* owns the responder from now on */
void early_hear(struct bot *b);
void early_forget(struct bot *b);

/* ---- call.c: asks under way ---- */
void bot_calls_cancel(struct bot *b);
void calls_forget(struct bot *b); /* that can never be answered, because the engine is gone */

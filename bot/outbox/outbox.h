#pragma once
/* Everything that leaves for a person or an external system: durable, ordered a destination, newest card wins,
 * rate-limited, retried with Retry-After and jitter, dead letters visible. An item counts once the caller's transaction
 * commits. Copies what it is given. Loop thread only. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/loop.h"
#include "base/store.h"

struct outbox;
struct metrics;

enum outbox_kind {
	OUTBOX_CARD,   /* the live card of a subject: posted once, then updated in place; a newer one replaces an unsent
			* one; final cards are sent before others */
	OUTBOX_REPLY,  /* a message in the card's thread (or a message of its own where there are no threads); in order
			*/
	OUTBOX_MESSAGE /* a message that stands alone; in order */
};
struct outbox_item {
	uint64_t row; /* set by the outbox */
	enum outbox_kind kind;
	const char *channel; /* destination: "slack:C024BE91L", "dingtalk:releases" */
	const char *subject; /* rollout UID and revision: one live card per (channel, subject). "A#B" is a card of its
			      * own in the thread of A's card */
	const char *key;     /* the same key is accepted once, for ever: "UID/REV/gate/open"; "" none */
	const char *body;    /* platform JSON, at most OUTBOX_BODY_MAX */
	bool urgent;         /* a person waits for it: decisions before progress */
	const char *message_id; /* for delivery: of the subject's card when it has been posted, "" before */
	const char *thread_id;  /* for delivery: of A's card for a subject "A#B"; "" none */
	bool maybe_sent; /* for delivery: an earlier try may have arrived; look it up first where that can be done */
};
enum { OUTBOX_BODY_MAX = 256 * 1024 };

/* What a channel does with one item. done must be called exactly once, later. */
struct outbox_result {
	enum result
		r; /* OK; UNREACHABLE: again later (retry_after_ms or backoff); INVALID: never will (dead letter);
		    * NOT_FOUND: the card is gone, post it afresh; CONFLICT: outcome unknown, look it up or repeat */
	int64_t retry_after_ms; /* -1: not said */
	const char *message_id; /* of what was posted; "" keep */
	const char *why;        /* "" */
	bool pause_channel;     /* credential dead, setup wrong: keep the queue, try again slowly, say so */
};
typedef void outbox_sent(void *owner, uint64_t row, const struct outbox_result *result);
typedef void outbox_deliver(void *channel_owner, const struct outbox_item *item, outbox_sent *done, void *owner);

extern const struct store_migration outbox_migrations[];
MUST_CHECK enum result outbox_create(struct loop *l, struct store *store, struct metrics *metrics, struct outbox **ret,
				     struct error *e);
/* Nothing is sent any more, outcomes are not recorded: before store_close. */
void outbox_stop(struct outbox *o);
/* Once the store has closed and the channels are destroyed, which may owe outcomes. Unsent rows stay on disk. */
void outbox_destroy(struct outbox *o);
/* A platform: all channels that start with prefix ("slack:"). spacing_ms: between two items of one channel; per_minute:
 * 0 none, over all channels of the platform. Registered before outbox_start. */
void outbox_platform(struct outbox *o, const char *prefix, int64_t spacing_ms, int per_minute, int per_minute_channel,
		     outbox_deliver *deliver, void *owner);
/* What somebody should know of, once until it is well again: a platform is not reached for long, or does not let us in
 * (both: once for all its channels), or a channel refused a message for good. why: of the platform; "" none. */
enum outbox_trouble { OUTBOX_UNREACHED, OUTBOX_SHUT_OUT, OUTBOX_REFUSED, OUTBOX_WELL };
typedef void outbox_troubled(void *owner, const char *channel, enum outbox_trouble what, const char *why);
void outbox_on_trouble(struct outbox *o, outbox_troubled *cb, void *owner);
/* Of that, updates of cards in place a minute, over all channels of the platform that was registered last. Of both
 * limits, unless they are small, a third is kept for what is urgent. */
void outbox_platform_updates(struct outbox *o, int per_minute);
/* Loads what was not sent and begins. */
MUST_CHECK enum result outbox_start(struct outbox *o, struct error *e);
/* Adds to the caller's transaction; the outbox learns of it when that commits: call outbox_kick from its done. */
void outbox_put(struct outbox *o, struct store_tx *tx, const struct outbox_item *item);
void outbox_kick(struct outbox *o);
/* The message id of a subject's card in a channel; "" when it has none yet. Lives until the next turn. */
const char *outbox_message_id(struct outbox *o, const char *channel, const char *subject);
/* The subject of replies in a thread that the outbox did not begin, in the arena; the transaction remembers it. NULL:
 * no memory. */
const char *outbox_thread(struct outbox *o, struct store_tx *tx, const char *channel, const char *thread_id,
			  struct arena *a);
/* When that card was last sent (wall, ms); 0: never, or it is gone. */
int64_t outbox_card_at(struct outbox *o, const char *channel, const char *subject);
/* Rows waiting, and dead letters, as a JSON array for "rollcall outbox"; malloc'ed. */
char *outbox_json(struct outbox *o);
void outbox_retry(struct outbox *o, uint64_t row); /* 0: all dead letters */
DEFINE_CLEANUP(struct outbox, outbox_destroy)

#pragma once
/* The inside of the webhook channel. */
#include <uthash.h>

#include "base/metrics.h"
#include "base/standard_webhooks.h"
#include "bot/channels/webhook/webhook.h"
#include "bot/channels/webhook/webhook_event.h"

enum {
	WEBHOOK_WAITING_MAX = 10000, /* of one receiver; beyond, the oldest fail */
	WEBHOOK_KEPT_MAX = 10000,    /* of one receiver, in the log */
};
enum webhook_state { WEBHOOK_WAITING, WEBHOOK_DELIVERED, WEBHOOK_FAILED };

struct webhook;
/* One receiver and the delivery under way. It reads the next one from disk when it is done with the last: what waits
 * needs no memory. */
struct webhook_lane {
	struct webhook *webhook;
	const struct webhook_receiver *receiver;
	struct webhook_key keys[2];
	enum { LANE_IDLE, LANE_READS, LANE_SENDS, LANE_WRITES, LANE_RESTS } state;
	bool more; /* asked for while it was busy */
	struct timer timer;
	struct http_call *call;
	/* the delivery */
	int64_t id, queued_at;
	int tries;
	char *event, *body; /* owned */
	/* its outcome, until that is on disk */
	enum webhook_state outcome;
	int status;
	char why[256];
	int64_t wait_ms;
};
struct webhook_known { /* a rollout and how it looked last */
	char *uid;     /* owned */
	uint64_t digest;
	bool waiting;
	UT_hash_handle hh;
};
struct webhook {
	struct channel channel; /* first */
	struct channel_context ctx;
	struct egress egress;
	struct webhook_lane *lanes; /* owned */
	size_t lane_count;
	struct webhook_known *known;
	struct engine *engine;
	int flying; /* what the store owes an answer to */
	bool destroyed;
	struct timer start, trim;
	struct metric *sent;
};
#define WEBHOOK_OF(c) ((struct webhook *)(c))

/* One more answer of the store has come; false: the channel is gone, touch nothing. */
bool webhook_landed(struct webhook *w);

/* ---- webhook_lane.c ---- */
void webhook_lane_run(struct webhook_lane *l); /* looks for the next delivery, now or when it is free */
void webhook_lane_finish(struct webhook_lane *l);
/* What an answer means. Pure. */
enum webhook_state webhook_verdict(enum result r, int status);

/* ---- webhook_rows.c ---- */
void webhook_put(const struct webhook_lane *l, struct store_tx *tx, const struct webhook_event *ev, const char *body);
void webhook_trim(struct webhook *w);

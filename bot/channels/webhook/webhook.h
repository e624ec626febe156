#pragma once
/* Webhooks out: what happens to rollouts and approvals, to other systems, as CloudEvents 1.0 in JSON, signed as
 * Standard Webhooks say (docs/webhooks.md). Hears engine and approvals itself, and takes no cards. A receiver gets its
 * events in order, each again and again until it is taken or too old; an event of an approval is part of that
 * approval's transaction. What was sent is kept for a week, for the log and for replay. Loop thread only. */
#include "base/egress.h"
#include "bot/channels/channel.h"

struct webhook_receiver { /* borrowed for the channel's life */
	const char *name;
	const char *url;
	const char *secret, *previous_secret; /* "whsec_..."; previous_secret NULL: none */
	const char *const *events;            /* patterns: "rollout.*"; NULL-terminated; NULL: all */
	const char *ns, *labels;              /* pattern; "team=shop"; NULL: all */
	int64_t retry_ms;                     /* so long after an event it is still tried */
};
struct webhook_options {
	const struct webhook_receiver *receivers; /* ends with a NULL name */
	struct egress egress;
};
extern const struct channel_ops webhook_ops;
extern const struct store_migration webhook_migrations[]; /* ends with a NULL room */
MUST_CHECK enum result webhook_create(const struct channel_context *ctx, const struct webhook_options *o,
				      struct channel **ret, struct error *e);

/* The log, newest first: rows as JSON without bodies. receiver "": all; state "": all, or "waiting", "delivered",
 * "failed". */
void webhook_log(struct store *s, const char *receiver, const char *state, int64_t limit, store_rows *done,
		 void *owner);
/* Sends again, with the ids they had: one delivery (id), or with id 0 all that failed, of one receiver or ("") all.
 * *count in done: how many. */
typedef void webhook_replayed(void *owner, enum result r, int64_t count, const struct error *why);
void webhook_replay(struct channel *c, int64_t id, const char *receiver, webhook_replayed *done, void *owner);

#pragma once
/* The inside of the Teams channel. */
#include "bot/channels/teams/teams.h"

struct teams_sending;
struct teams {
	struct channel channel; /* first */
	struct channel_context ctx;
	const struct teams_flow *flows;
	struct teams_sending *sending; /* under way */
};
#define TEAMS_OF(c) ((struct teams *)(c))

/* ---- teams_outcome.c: what a flow's answer means. Pure. ---- */
struct teams_outcome {
	enum result r; /* OK, INVALID, UNREACHABLE, CONFLICT (unknown) */
	int64_t retry_after_ms;
	char why[256];
};
void teams_outcome(int status, const char *body, size_t len, int64_t retry_after_ms, struct teams_outcome *ret);

/* ---- teams_deliver.c ---- */
void teams_deliver(void *channel_owner, const struct outbox_item *item, outbox_sent *done, void *owner);
void teams_sending_drop(struct teams *t);

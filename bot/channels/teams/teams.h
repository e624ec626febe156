#pragma once
/* Microsoft Teams by a flow of the Workflows app ("Post to a channel when a webhook request is received"): Adaptive
 * Cards out; decisions by links to the confirm page (bot/channels/decide). A flow's messages have no ids: nothing can
 * be edited, what changed is a new message. */
#include "bot/channels/channel.h"

struct teams_flow {
	const char *name; /* channel is "teams:NAME" */
	const char *url;  /* a secret: its query carries the signature */
};
struct teams_options {
	const struct teams_flow *flows; /* ends with a NULL name; borrowed for the channel's life */
};
extern const struct channel_ops teams_ops;
MUST_CHECK enum result teams_create(const struct channel_context *ctx, const struct teams_options *o,
				    struct channel **ret, struct error *e);

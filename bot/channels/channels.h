#pragma once
/* The platforms there are, and which of them serves a destination ("slack:C024BE91L"). */
#include "bot/channels/channel.h"

const struct channel_ops *channels_platform(const char *platform); /* NULL: there is none of that name */
/* Is a destination well-formed, and of a platform that exists? For the configuration. */
MUST_CHECK enum result channels_check(const char *destination, struct error *e);
/* The configured channel that serves a destination, among a NULL-terminated list; NULL: none. */
struct channel *channels_find(struct channel *const *channels, const char *destination);
/* Tells the outbox who delivers what, and how fast. Before outbox_start. */
void channels_register(struct channel *const *channels, struct outbox *o);

#pragma once
/* An event as a CloudEvent 1.0 in JSON. Pure. */
#include "bot/approvals/approvals.h"
#include "controller/engine.h"

#define WEBHOOK_TYPES "dev.rollcall."

struct webhook_event {
	const char *id, *type; /* "rollout.started" */
	struct wall_ms at;
	const char *cluster, *ns, *name;
	const struct rollout *rollout;    /* NULL: not known any more */
	const struct approval *approval;  /* NULL: not about one */
	const struct rollout_event *news; /* NULL: an approval's */
};
/* What a change of the engine is called; waiting: a gate has just begun to wait. */
const char *webhook_rollout_type(enum rollout_news news, bool waiting);
const char *webhook_approval_type(enum approval_news news);
/* malloc'ed; NULL: no memory, or larger than an event may be. */
char *webhook_event_json(const struct webhook_event *ev);
/* Of what a receiver would see change. */
uint64_t webhook_digest(const struct rollout *r);

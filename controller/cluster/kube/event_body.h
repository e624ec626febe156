#pragma once
/* The core/v1 Event that says it. Pure. */
#include "base/clock.h"
#include "base/strbuf.h"
#include "controller/cluster/cluster.h"

enum { EVENT_NAME_MAX = 254 };
/* OBJECT.16 hex digits: the same for the same uid and seed, and a valid name however long the object's is. */
MUST_CHECK enum result event_name(const struct cluster_event *q, const char *seed, char ret[EVENT_NAME_MAX],
				  struct error *e);
void event_body_add(struct strbuf *b, const struct cluster_event *q, const char *name, const char *instance,
		    struct wall_ms now);
/* The patch that says that it happened again. */
void event_count_add(struct strbuf *b, unsigned count, struct wall_ms now);

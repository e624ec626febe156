#pragma once
/* Server-sent events out of the pieces in which they arrive. Pure. */
#include <stdbool.h>

#include "base/strbuf.h"

enum { SSE_EVENT_MAX = 32 << 20, SSE_ID_MAX = 128, SSE_NAME_MAX = 32 };
/* data has one line for each data field; it lives until the callback returns. */
typedef void sse_event(void *owner, const char *name, const char *data, size_t len);
struct sse {
	struct strbuf line, data;
	char name[SSE_NAME_MAX], id[SSE_ID_MAX], last_id[SSE_ID_MAX]; /* last_id: of the last event that was whole */
	bool after_cr, has_data;
	sse_event *cb;
	void *owner;
};
void sse_init(struct sse *s, sse_event *cb, void *owner);
void sse_finish(struct sse *s);
void sse_restart(struct sse *s); /* a new connection: half an event is forgotten, last_id is not */
bool sse_feed(struct sse *s, const char *bytes, size_t len); /* false: an event is too long */

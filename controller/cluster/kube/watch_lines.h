#pragma once
/* A watch's bytes, split anywhere, to lines, and a line to an event. Pure. */
#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { WATCH_LINE_MAX = 16 * 1024 * 1024 };

/* The beginning of a line whose end has not come yet. */
struct watch_lines {
	struct strbuf part;
};
/* One line without its end, never empty. false stops: the rest of the bytes is dropped. */
typedef bool watch_line(void *owner, const char *line, size_t len);

void watch_lines_init(struct watch_lines *w, size_t max_bytes);
void watch_lines_finish(struct watch_lines *w);
/* RC_EXHAUSTED: a line past the limit; RC_REFUSED: line said stop. After either nothing more may be fed. In line the
 * owner may not finish w. */
MUST_CHECK enum result watch_lines_feed(struct watch_lines *w, const char *data, size_t len, watch_line *line,
					void *owner, struct error *e);

#define WATCH_EVENTS(X) X(ADDED) X(MODIFIED) X(DELETED) X(BOOKMARK) X(ERROR)
#define X(id) WATCH_##id,
enum watch_type { WATCH_EVENTS(X) WATCH_TYPE_COUNT };
#undef X
struct watch_event {
	enum watch_type type;
	cJSON *object; /* owned by whoever asked; never NULL */
};
/* Unknown types are RC_INVALID. */
MUST_CHECK enum result watch_event_parse(const char *line, size_t len, struct watch_event *ret, struct error *e);

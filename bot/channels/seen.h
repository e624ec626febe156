#pragma once
/* What has been seen within a while: for replays and repeats. Bounded: beyond max the oldest are forgotten. */
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct seen;
struct seen *seen_create(size_t max); /* NULL: no memory */
void seen_destroy(struct seen *s);
/* True when it is new; remembered for keep_ms from now. Without memory it counts as seen: refusing is the safe side. */
bool seen_first(struct seen *s, const char *key, struct mono_ms now, int64_t keep_ms);
/* How often a key was counted within the window; counts one more when add. */
int seen_count(struct seen *s, const char *key, struct mono_ms now, int64_t window_ms, bool add);
DEFINE_CLEANUP(struct seen, seen_destroy)

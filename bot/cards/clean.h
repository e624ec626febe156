#pragma once
/* Foreign text made fit to be shown: one line, valid UTF-8, no control, bidi or invisible characters, bounded. Escaping
 * for a platform comes later and is the platform's. Pure. */
#include "base/arena.h"
#include "base/clock.h"

/* At most max_chars code points, "…" at the end when shortened; NULL is "". */
const char *clean(struct arena *a, const char *s, size_t max_chars);
/* The same, but shortened in the middle: the end of an image name is its tag. */
const char *clean_middle(struct arena *a, const char *s, size_t max_chars);
/* The same as clean, but line ends stay. */
const char *clean_lines(struct arena *a, const char *s, size_t max_chars);
size_t clean_chars(const char *utf8); /* code points of valid UTF-8 */

/* "14:02:31 UTC" on the day of now, else "2026-11-24 14:02 UTC"; "" for 0. */
const char *clean_time(struct arena *a, struct wall_ms t, struct wall_ms now);

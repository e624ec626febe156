#pragma once
/* Delays that double from min to max, each at random between half of it and all of it, so that many who failed together
 * do not come back together. Plain data; zeroed but for min and max is fresh. */
#include <stdint.h>

struct backoff {
	int64_t min_ms, max_ms;
	unsigned failures;
};
int64_t backoff_next(struct backoff *b);
void backoff_reset(struct backoff *b);
/* At random in [from, to). */
int64_t backoff_between(int64_t from_ms, int64_t to_ms);

#pragma once
/* A bounded histogram of milliseconds: exact up to 16, then eight buckets for each doubling, up to two minutes. Pure.
 */
#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_EXACT = 16, HISTOGRAM_STEPS = 8, HISTOGRAM_BUCKETS = HISTOGRAM_EXACT + HISTOGRAM_STEPS * 13 };
struct histogram {
	uint32_t buckets[HISTOGRAM_BUCKETS]; /* the last one takes all that is longer */
};
void histogram_add(struct histogram *h, uint64_t ms);
void histogram_merge(struct histogram *h, const struct histogram *more);
/* The value below which a share (0 to 1) lies, to within an eighth; 0 when there is none. */
double histogram_quantile(const struct histogram *h, double share);

#include "controller/metrics/histogram.h"

static size_t bucket_of(uint64_t ms)
{
	if (ms < HISTOGRAM_EXACT)
		return (size_t)ms;
	unsigned octave = 63 - (unsigned)__builtin_clzll(ms); /* 4 for 16 to 31 */
	size_t step = (size_t)(ms >> (octave - 3)) & (HISTOGRAM_STEPS - 1);
	size_t bucket = HISTOGRAM_EXACT + (octave - 4) * HISTOGRAM_STEPS + step;
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The lowest value of a bucket; of the one behind the last: where that one ends. */
static double floor_of(size_t bucket)
{
	if (bucket < HISTOGRAM_EXACT)
		return (double)bucket;
	size_t octave = (bucket - HISTOGRAM_EXACT) / HISTOGRAM_STEPS, step = bucket % HISTOGRAM_STEPS;
	return (double)((uint64_t)(HISTOGRAM_STEPS + step) << (octave + 1));
}

void histogram_add(struct histogram *h, uint64_t ms)
{
	h->buckets[bucket_of(ms)]++;
}

void histogram_merge(struct histogram *h, const struct histogram *more)
{
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		h->buckets[i] += more->buckets[i];
}

double histogram_quantile(const struct histogram *h, double share)
{
	uint64_t all = 0, below = 0;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		all += h->buckets[i];
	double rank = share * (double)all;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t n = h->buckets[i];
		if (n && (double)(below + n) >= rank) {
			double low = floor_of(i), inside = (rank - (double)below) / (double)n;
			return i < HISTOGRAM_EXACT ? low : low + (floor_of(i + 1) - low) * inside;
		}
		below += n;
	}
	return 0;
}

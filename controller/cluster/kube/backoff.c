#include "controller/cluster/kube/backoff.h"

#include "base/crypto.h"

int64_t backoff_between(int64_t from_ms, int64_t to_ms)
{
	uint32_t random;
	if (to_ms <= from_ms || crypto_random(&random, sizeof random, NULL) != RC_OK)
		return from_ms;
	return from_ms + (int64_t)random % (to_ms - from_ms);
}

int64_t backoff_next(struct backoff *b)
{
	int64_t delay = b->min_ms;
	for (unsigned i = 0; i < b->failures && delay < b->max_ms; i++)
		delay *= 2;
	b->failures++;
	if (delay > b->max_ms)
		delay = b->max_ms;
	return backoff_between(delay / 2, delay + 1);
}

void backoff_reset(struct backoff *b)
{
	b->failures = 0;
}

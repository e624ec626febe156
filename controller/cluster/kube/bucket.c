#include "controller/cluster/kube/bucket.h"

void bucket_init(struct bucket *b, int64_t burst, int64_t one_per_us, int64_t now_ms)
{
	*b = (struct bucket){ burst, one_per_us, burst * one_per_us, now_ms };
}

static void bucket_refill(struct bucket *b, int64_t now_ms)
{
	int64_t full_us = b->burst * b->one_per_us, gone_ms = now_ms - b->at_ms;
	if (gone_ms <= 0)
		return;
	b->at_ms = now_ms;
	b->level_us = gone_ms >= full_us / 1000 || b->level_us + gone_ms * 1000 > full_us
			      ? full_us
			      : b->level_us + gone_ms * 1000;
}

bool bucket_take(struct bucket *b, int64_t now_ms)
{
	bucket_refill(b, now_ms);
	if (b->level_us < b->one_per_us)
		return false;
	b->level_us -= b->one_per_us;
	return true;
}

int64_t bucket_wait_ms(struct bucket *b, int64_t now_ms)
{
	bucket_refill(b, now_ms);
	int64_t lack_us = b->one_per_us - b->level_us;
	return lack_us <= 0 ? 0 : (lack_us + 999) / 1000;
}

#include "bot/outbox/lane.h"

static int limit_of(const struct rate *r, int keep)
{
	int limit = (r->limit > RATE_MAX ? RATE_MAX : r->limit) - keep;
	return limit > 1 ? limit : 1;
}

int64_t rate_wait(const struct rate *r, int64_t now_ms, int keep)
{
	if (r->limit <= 0)
		return 0;
	int64_t first = r->sent_ms[(r->at + RATE_MAX - limit_of(r, keep)) % RATE_MAX];
	if (first == 0 || now_ms - first >= RATE_WINDOW_MS)
		return 0;
	return first + RATE_WINDOW_MS - now_ms;
}

void rate_use(struct rate *r, int64_t now_ms)
{
	r->sent_ms[r->at] = now_ms ? now_ms : 1;
	r->at = (r->at + 1) % RATE_MAX;
}

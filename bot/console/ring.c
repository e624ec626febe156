#include "bot/console/ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void ring_init(struct ring *r, size_t bytes_max)
{
	*r = (struct ring){ .first = 1, .next = 1, .bytes_max = bytes_max };
}

static struct ring_event *place(const struct ring *r, uint64_t number)
{
	return &r->events[number % RING_EVENTS_MAX];
}

static void drop_oldest(struct ring *r)
{
	struct ring_event *old = place(r, r->first++);
	r->bytes -= old->len;
	free(old->text);
	*old = (struct ring_event){ 0 };
}

static void drop_all(struct ring *r)
{
	while (r->first < r->next)
		drop_oldest(r);
}

void ring_clear(struct ring *r)
{
	drop_all(r);
	r->first = ++r->next;
}

void ring_finish(struct ring *r)
{
	drop_all(r);
	free(r->events);
	r->events = NULL;
}

void ring_put(struct ring *r, const char *text, size_t len)
{
	if (!r->events)
		r->events = calloc(RING_EVENTS_MAX, sizeof *r->events);
	char *copy = r->events && len <= r->bytes_max ? malloc(len + 1) : NULL;
	if (!copy) {
		ring_clear(r);
		return;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	while (r->first < r->next && (r->next - r->first == RING_EVENTS_MAX || r->bytes + len > r->bytes_max))
		drop_oldest(r);
	*place(r, r->next++) = (struct ring_event){ .text = copy, .len = len };
	r->bytes += len;
}

bool ring_covers(const struct ring *r, uint64_t seen)
{
	return seen + 1 >= r->first && seen < r->next;
}

const struct ring_event *ring_at(const struct ring *r, uint64_t number)
{
	assert(number >= r->first && number < r->next);
	return place(r, number);
}

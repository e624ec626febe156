#pragma once
/* The last events as they went out, so that a client that lost its connection gets what it missed and nothing twice.
 * Pure: bounded by bytes, the oldest go first. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RING_EVENTS_MAX = 4096 };
struct ring_event {
	char *text; /* owned */
	size_t len;
};
struct ring {
	struct ring_event *events; /* owned; RING_EVENTS_MAX places, NULL before the first */
	uint64_t first, next;      /* numbers: of the oldest that is kept, and of the one to come; from 1 */
	size_t bytes, bytes_max;
};

void ring_init(struct ring *r, size_t bytes_max);
void ring_finish(struct ring *r);
/* Copies; the event's number is r->next as it was before. One that cannot be kept clears the ring: no gap is hidden. */
void ring_put(struct ring *r, const char *text, size_t len);
/* Forgets all, and a number is left out, so that nobody who has seen what came before is covered. */
void ring_clear(struct ring *r);
/* Can somebody who has seen the event of that number be given the rest? */
bool ring_covers(const struct ring *r, uint64_t seen);
/* The event of a number that is covered: first <= number < next. */
const struct ring_event *ring_at(const struct ring *r, uint64_t number);

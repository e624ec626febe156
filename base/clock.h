#pragma once
/* Two kinds of time that do not mix: mono for intervals, wall for display and for deadlines that survive a restart. */
#include <stdint.h>

#include "base/error.h"

struct mono_ms {
	int64_t v;
};
struct wall_ms {
	int64_t v; /* since 1970-01-01T00:00:00Z */
};

/* A clock that tests can drive. The system clock is clock_system; a manual one starts where it is told to. */
struct clock {
	struct mono_ms (*mono)(const struct clock *c);
	struct wall_ms (*wall)(const struct clock *c);
};
struct clock_manual {
	struct clock clock; /* first: a pointer to it is a clock */
	struct mono_ms mono_now;
	struct wall_ms wall_now;
};

const struct clock *clock_system(void);
void clock_manual_init(struct clock_manual *c, struct wall_ms start);
void clock_manual_advance(struct clock_manual *c, int64_t ms); /* both clocks */

/* RFC 3339 in UTC: "2026-11-24T21:58:22Z" (ms: with ".123"). buf of 32 bytes. */
void wall_print(struct wall_ms t, char buf[32]);
void wall_print_ms(struct wall_ms t, char buf[32]);
/* Accepts fractions and numeric offsets. */
MUST_CHECK enum result wall_parse(const char *s, struct wall_ms *ret, struct error *e);

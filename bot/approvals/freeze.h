#pragma once
/* Times in which nothing is released: weekends, holidays, nights. Pure: no clock, no time zone database. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

struct freeze_dates { /* days since 1970-01-01, both included */
	int64_t from, to;
};
/* Holds on its days and on its dates, within its hours. Without days, dates and hours it holds only when somebody
 * switches it on. */
struct freeze {
	const char *name;                 /* NULL ends a list */
	unsigned days;                    /* bit 0 Sunday ... bit 6 Saturday */
	const struct freeze_dates *dates; /* of date_count */
	size_t date_count;
	int from_minute, to_minute; /* of the day; from > to: over midnight, and then the day is the one it begins on;
				     * equal: the whole day */
	int offset_minutes;         /* local time is UTC plus this */
	const char *const *by;      /* who may switch it, as approvers are named; NULL-terminated; NULL: token:local */
};
/* Holds for every policy; can be switched without being configured. */
#define FREEZE_EVERYTHING "everything"

/* By the clock. *ret_until: when it ends, 0 when it does not within a year. */
bool freeze_holds(const struct freeze *f, struct wall_ms now, struct wall_ms *ret_until);
/* "sat" -> 6; -1: none. */
int freeze_day(const char *name);
/* "2026-10-01" or "2026-10-01..2026-10-08" */
MUST_CHECK enum result freeze_parse_dates(const char *text, struct freeze_dates *ret, struct error *e);
/* "22:00"; 24:00 is the end of the day */
MUST_CHECK enum result freeze_parse_hour(const char *text, int *ret_minute, struct error *e);
/* "+08:00", "-05:30" */
MUST_CHECK enum result freeze_parse_offset(const char *text, int *ret_minutes, struct error *e);

#include "bot/approvals/freeze.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { MINUTE_MS = 60000, DAY_MINUTES = 24 * 60, WEEK = 7, EPOCH_DAY = 4 /* a Thursday */, OFFSET_MAX = 14 * 60 };
/* Each day has three edges at most: its midnight, and where the hours begin and end. */
enum { EDGES_MAX = 3 * 366 };

static int64_t floor_div(int64_t a, int64_t b)
{
	return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static bool on_day(const struct freeze *f, int64_t day)
{
	int weekday = (int)(((day + EPOCH_DAY) % WEEK + WEEK) % WEEK);
	if (!f->days && !f->date_count)
		return f->from_minute != f->to_minute; /* hours of every day */
	if (f->days & 1u << weekday)
		return true;
	for (size_t i = 0; i < f->date_count; i++)
		if (day >= f->dates[i].from && day <= f->dates[i].to)
			return true;
	return false;
}

/* minute: local, since 1970 */
static bool holds_at(const struct freeze *f, int64_t minute)
{
	int64_t day = floor_div(minute, DAY_MINUTES);
	int at = (int)(minute - day * DAY_MINUTES);
	if (f->from_minute == f->to_minute)
		return on_day(f, day);
	if (f->from_minute < f->to_minute)
		return on_day(f, day) && at >= f->from_minute && at < f->to_minute;
	return (at >= f->from_minute && on_day(f, day)) || (at < f->to_minute && on_day(f, day - 1));
}

/* The next minute at which it may begin or end. */
static int64_t next_edge(const struct freeze *f, int64_t minute)
{
	int64_t day = floor_div(minute, DAY_MINUTES) * DAY_MINUTES, next = day + DAY_MINUTES;
	const int hours[] = { f->from_minute, f->to_minute };
	for (size_t i = 0; i < 2; i++)
		if (day + hours[i] > minute && day + hours[i] < next)
			next = day + hours[i];
	return next;
}

bool freeze_holds(const struct freeze *f, struct wall_ms now, struct wall_ms *ret_until)
{
	int64_t minute = floor_div(now.v, MINUTE_MS) + f->offset_minutes;
	if (!holds_at(f, minute))
		return false;
	int edges = 0;
	while (edges < EDGES_MAX && holds_at(f, minute)) {
		minute = next_edge(f, minute);
		edges++;
	}
	ret_until->v = edges < EDGES_MAX ? (minute - f->offset_minutes) * MINUTE_MS : 0;
	return true;
}

/* ---- as they are written ---- */

int freeze_day(const char *name)
{
	static const char *const days[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };
	for (int i = 0; i < WEEK; i++)
		if (text_eq(days[i], name))
			return i;
	return -1;
}

static enum result parse_day(const char *text, size_t len, int64_t *ret, struct error *e)
{
	char whole[32], again[32];
	struct wall_ms at;
	int n = snprintf(whole, sizeof whole, "%.*sT00:00:00Z", (int)len, text);
	if (len != strlen("2026-10-01") || n < 0 || wall_parse(whole, &at, NULL) != RC_OK)
		return error_set(e, RC_INVALID, "\"%.40s\" is not a date such as 2026-10-01, or 2026-10-01..2026-10-08",
				 text);
	wall_print(at, again); /* February 30 would be another day */
	if (!text_eq(whole, again))
		return error_set(e, RC_INVALID, "there is no day %.*s", (int)len, text);
	*ret = floor_div(at.v, (int64_t)DAY_MINUTES * MINUTE_MS);
	return RC_OK;
}

enum result freeze_parse_dates(const char *text, struct freeze_dates *ret, struct error *e)
{
	struct freeze_dates d = { 0 };
	const char *dots = strstr(text, "..");
	enum result r = parse_day(text, dots ? (size_t)(dots - text) : strlen(text), &d.from, e);
	d.to = d.from;
	if (r == RC_OK && dots)
		r = parse_day(dots + 2, strlen(dots + 2), &d.to, e);
	if (r == RC_OK && d.to < d.from)
		r = error_set(e, RC_INVALID, "%.40s ends before it begins", text);
	if (r == RC_OK)
		*ret = d;
	return r;
}

/* "HH:MM", two digits each */
static bool parse_clock(const char *text, int max_hours, int *ret)
{
	uint64_t hours, minutes;
	char h[3], m[3];
	if (strlen(text) != 5 || text[2] != ':')
		return false;
	(void)snprintf(h, sizeof h, "%.2s", text);
	(void)snprintf(m, sizeof m, "%s", text + 3);
	if (text_u64(h, 0, (uint64_t)max_hours, &hours, NULL) != RC_OK || text_u64(m, 0, 59, &minutes, NULL) != RC_OK)
		return false;
	*ret = (int)(hours * 60 + minutes);
	return true;
}

enum result freeze_parse_hour(const char *text, int *ret_minute, struct error *e)
{
	int minute;
	if (!parse_clock(text, 24, &minute) || minute > DAY_MINUTES)
		return error_set(e, RC_INVALID, "\"%.40s\" is not an hour from 00:00 to 24:00", text);
	*ret_minute = minute;
	return RC_OK;
}

enum result freeze_parse_offset(const char *text, int *ret_minutes, struct error *e)
{
	int minutes;
	if ((*text != '+' && *text != '-') || !parse_clock(text + 1, OFFSET_MAX / 60, &minutes) || minutes > OFFSET_MAX)
		return error_set(e, RC_INVALID, "\"%.40s\" is not an offset such as +08:00 or -05:30", text);
	*ret_minutes = *text == '-' ? -minutes : minutes;
	return RC_OK;
}

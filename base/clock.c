#include "base/clock.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

static int64_t read_clock(clockid_t id)
{
	struct timespec t = { 0 };
	clock_gettime(id, &t); /* cannot fail for the two that are asked for */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct mono_ms system_mono(const struct clock *c)
{
	(void)c;
	return (struct mono_ms){ read_clock(CLOCK_MONOTONIC) };
}

static struct wall_ms system_wall(const struct clock *c)
{
	(void)c;
	return (struct wall_ms){ read_clock(CLOCK_REALTIME) };
}

const struct clock *clock_system(void)
{
	static const struct clock clock = { system_mono, system_wall };
	return &clock;
}

static struct mono_ms manual_mono(const struct clock *c)
{
	return ((const struct clock_manual *)c)->mono_now;
}

static struct wall_ms manual_wall(const struct clock *c)
{
	return ((const struct clock_manual *)c)->wall_now;
}

void clock_manual_init(struct clock_manual *c, struct wall_ms start)
{
	/* Not zero: a forgotten mono time must not look like "now". */
	*c = (struct clock_manual){ { manual_mono, manual_wall }, { 1000 }, start };
}

void clock_manual_advance(struct clock_manual *c, int64_t ms)
{
	c->mono_now.v += ms;
	c->wall_now.v += ms;
}

enum { MS_PER_DAY = 86400000 };

struct date {
	int64_t year;
	unsigned month, day;
};

/* Civil dates from days since 1970-01-01 and back: years begin in March, so that the leap day is the last one, and
 * come in eras of 400 years, which all have 146097 days. */
static struct date date_of_day(int64_t day)
{
	int64_t z = day + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t month = (5 * doy + 2) / 153; /* 0 is March */
	unsigned civil = (unsigned)(month < 10 ? month + 3 : month - 9);
	return (struct date){ yoe + era * 400 + (civil <= 2), civil, (unsigned)(doy - (153 * month + 2) / 5 + 1) };
}

static int64_t day_of_date(struct date d)
{
	int64_t y = d.year - (d.month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t yoe = y - era * 400;
	int64_t month = d.month > 2 ? d.month - 3 : d.month + 9;
	int64_t doy = (153 * month + 2) / 5 + d.day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* Writes up to the seconds; returns the milliseconds that are left. */
static unsigned print_seconds(struct wall_ms t, char buf[32])
{
	int64_t day = t.v / MS_PER_DAY, rest = t.v % MS_PER_DAY;
	if (rest < 0) {
		rest += MS_PER_DAY;
		day--;
	}
	struct date d = date_of_day(day);
	unsigned s = (unsigned)(rest / 1000);
	snprintf(buf, 32, "%04" PRId64 "-%02u-%02uT%02u:%02u:%02u", d.year, d.month, d.day, s / 3600, s / 60 % 60,
		 s % 60);
	return (unsigned)(rest % 1000);
}

void wall_print(struct wall_ms t, char buf[32])
{
	print_seconds(t, buf);
	size_t len = strlen(buf);
	snprintf(buf + len, 32 - len, "Z");
}

void wall_print_ms(struct wall_ms t, char buf[32])
{
	unsigned ms = print_seconds(t, buf);
	size_t len = strlen(buf);
	snprintf(buf + len, 32 - len, ".%03uZ", ms);
}

/* n digits at *s within [min, max], then the separator (0: none); moves *s past both. */
static bool read_field(const char **s, unsigned n, unsigned min, unsigned max, char separator, unsigned *ret)
{
	unsigned v = 0;
	const char *p = *s;
	for (; n; n--, p++) {
		if (*p < '0' || *p > '9')
			return false;
		v = v * 10 + (unsigned)(*p - '0');
	}
	if (v < min || v > max)
		return false;
	if (separator && *p != separator && !(separator == 'T' && *p == 't'))
		return false;
	*s = p + (separator != 0);
	*ret = v;
	return true;
}

/* Milliseconds of ".123456"; further digits are dropped. */
static bool read_fraction(const char **s, unsigned *ret_ms)
{
	const char *p = *s;
	unsigned ms = 0, scale = 100;
	if (*p != '.') {
		*ret_ms = 0;
		return true;
	}
	for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
		ms += (unsigned)(*p - '0') * scale;
	if (p == *s + 1)
		return false;
	*s = p;
	*ret_ms = ms;
	return true;
}

static bool read_offset(const char *s, int64_t *ret_ms)
{
	unsigned hours, minutes;
	if ((*s == 'Z' || *s == 'z') && !s[1]) {
		*ret_ms = 0;
		return true;
	}
	if (*s != '+' && *s != '-')
		return false;
	int64_t sign = *s++ == '-' ? -1 : 1;
	if (!read_field(&s, 2, 0, 23, ':', &hours) || !read_field(&s, 2, 0, 59, 0, &minutes) || *s)
		return false;
	*ret_ms = sign * ((int64_t)hours * 60 + minutes) * 60000;
	return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

enum result wall_parse(const char *s, struct wall_ms *ret, struct error *e)
{
	unsigned year, month, day, hour, minute, second, ms;
	int64_t offset;
	char shown[TEXT_SHOWN];
	const char *p = s ? s : "";
	bool ok = read_field(&p, 4, 0, 9999, '-', &year) && read_field(&p, 2, 1, 12, '-', &month) &&
		  read_field(&p, 2, 1, days_in_month(year, month), 'T', &day) && read_field(&p, 2, 0, 23, ':', &hour) &&
		  read_field(&p, 2, 0, 59, ':', &minute) && read_field(&p, 2, 0, 59, 0, &second) &&
		  read_fraction(&p, &ms) && read_offset(p, &offset);
	if (!ok)
		return error_set(e, RC_INVALID, "\"%s\" is not a time such as 2026-11-24T21:58:22Z",
				 text_show(s ? s : "", s ? strlen(s) : 0, shown));
	int64_t days = day_of_date((struct date){ year, month, day });
	int64_t seconds = ((int64_t)hour * 60 + minute) * 60 + second;
	ret->v = days * MS_PER_DAY + seconds * 1000 + ms - offset;
	return RC_OK;
}

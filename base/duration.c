#include "base/duration.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* U+00B5 micro sign */
	{ "\xce\xbcs", 1000 }, /* U+03BC Greek mu */
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60 * UINT64_C(1000000000) },
	{ "h", 3600 * UINT64_C(1000000000) },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const struct unit *find_unit(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strlen(units[i].name) == len && memcmp(units[i].name, s, len) == 0)
			return &units[i];
	return NULL;
}

/* One "1.5h" at *s, moved past it. Digits of the fraction that are below a nanosecond are read and dropped, as Go does.
 */
static const char *read_part(const char **s, uint64_t *ret_ns)
{
	uint64_t whole = 0, fraction = 0;
	double scale = 1;
	const char *p = *s;
	bool digits = is_digit(*p), fits = true;
	for (; is_digit(*p); p++)
		fits = fits && !__builtin_mul_overflow(whole, UINT64_C(10), &whole) &&
		       !__builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole);
	if (*p == '.') {
		digits = digits || is_digit(p[1]);
		for (p++; is_digit(*p); p++) {
			if (fraction > (UINT64_MAX >> 1) / 10 - 1)
				continue;
			fraction = fraction * 10 + (uint64_t)(*p - '0');
			scale *= 10;
		}
	}
	if (!digits)
		return "a number is expected";
	size_t len = 0;
	while (p[len] && p[len] != '.' && !is_digit(p[len]))
		len++;
	if (len == 0)
		return "the unit is missing (h, m, s or ms, such as 30s)";
	const struct unit *unit = find_unit(p, len);
	if (!unit)
		return "the unit is unknown (use h, m, s or ms, such as 1m30s)";
	fits = fits && !__builtin_mul_overflow(whole, unit->ns, &whole);
	uint64_t part = (uint64_t)((double)fraction * ((double)unit->ns / scale));
	if (!fits || __builtin_add_overflow(whole, part, ret_ns))
		return "it is too long (more than 292 years)";
	*s = p + len;
	return NULL;
}

static const char *read_all(const char *s, uint64_t most, uint64_t *ret_ns)
{
	uint64_t sum = 0;
	if (!*s)
		return "a number is expected";
	while (*s) {
		uint64_t part;
		const char *why = read_part(&s, &part);
		if (why)
			return why;
		if (__builtin_add_overflow(sum, part, &sum) || sum > most)
			return "it is too long (more than 292 years)";
	}
	*ret_ns = sum;
	return NULL;
}

enum result duration_parse(const char *s, int64_t *ret_ms, struct error *e)
{
	char shown[TEXT_SHOWN];
	if (text_empty(s))
		return error_set(e, RC_INVALID, "empty, but must be a duration such as 30s");
	bool negative = *s == '-';
	const char *body = s + (*s == '-' || *s == '+');
	uint64_t ns = 0, most = (uint64_t)INT64_MAX + negative;
	const char *why = strcmp(body, "0") == 0 ? NULL : read_all(body, most, &ns);
	if (why)
		return error_set(e, RC_INVALID, "\"%s\" is not a duration: %s", text_show(s, strlen(s), shown), why);
	/* Down, also below zero: whatever is negative stays so. */
	uint64_t ms = (ns + (negative ? 999999 : 0)) / 1000000;
	*ret_ms = negative ? -(int64_t)ms : (int64_t)ms;
	return RC_OK;
}

static uint64_t magnitude(int64_t ms)
{
	return ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
}

void duration_print(int64_t ms, char buf[32])
{
	uint64_t v = magnitude(ms), s = v / 1000, fraction = v % 1000;
	const char *sign = ms < 0 ? "-" : "";
	if (v == 0) {
		snprintf(buf, 32, "0s");
		return;
	}
	if (s == 0) {
		snprintf(buf, 32, "%s%" PRIu64 "ms", sign, fraction);
		return;
	}
	char point[8] = "";
	if (fraction) {
		snprintf(point, sizeof point, ".%03u", (unsigned)fraction);
		for (size_t i = 3; point[i] == '0'; i--)
			point[i] = '\0';
	}
	if (s < 60)
		snprintf(buf, 32, "%s%" PRIu64 "%ss", sign, s, point);
	else if (s < 3600)
		snprintf(buf, 32, "%s%" PRIu64 "m%" PRIu64 "%ss", sign, s / 60, s % 60, point);
	else
		snprintf(buf, 32, "%s%" PRIu64 "h%" PRIu64 "m%" PRIu64 "%ss", sign, s / 3600, s / 60 % 60, s % 60,
			 point);
}

void duration_human(int64_t ms, char buf[32])
{
	static const struct {
		const char *name;
		uint64_t seconds;
	} steps[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };
	uint64_t v = magnitude(ms), s = v / 1000;
	const char *sign = ms < 0 ? "-" : "";
	if (s == 0) {
		snprintf(buf, 32, "%s%" PRIu64 "%s", sign, v, v ? "ms" : "s");
		return;
	}
	size_t i = 0;
	while (s < steps[i].seconds)
		i++;
	uint64_t first = s / steps[i].seconds;
	unsigned second = steps[i].seconds > 1 ? (unsigned)(s % steps[i].seconds / steps[i + 1].seconds) : 0;
	if (second)
		snprintf(buf, 32, "%s%" PRIu64 "%s%u%s", sign, first, steps[i].name, second, steps[i + 1].name);
	else
		snprintf(buf, 32, "%s%" PRIu64 "%s", sign, first, steps[i].name);
}

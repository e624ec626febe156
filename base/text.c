#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool text_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool text_starts(const char *s, const char *prefix)
{
	return s && prefix && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *s, const char *suffix)
{
	if (!s || !suffix)
		return false;
	size_t len = strlen(s), n = strlen(suffix);
	return n <= len && memcmp(s + len - n, suffix, n) == 0;
}

bool text_empty(const char *s)
{
	return !s || !*s;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

const char *text_show(const char *s, size_t len, char buf[TEXT_SHOWN])
{
	size_t out = 0;
	for (unsigned shown = 0; len; shown++) {
		if (shown == 60) {
			memcpy(buf + out, "...", 3);
			out += 3;
			break;
		}
		size_t n = text_utf8_step(s, len);
		if (n == 0 || (n == 1 && ((unsigned char)*s < 0x20 || *s == 0x7f))) {
			n = 1;
			buf[out++] = '?';
		} else {
			memcpy(buf + out, s, n);
			out += n;
		}
		s += n;
		len -= n;
	}
	buf[out] = '\0';
	return buf;
}

static enum result not_a_number(const char *s, const char *kind, struct error *e)
{
	char shown[TEXT_SHOWN];
	if (text_empty(s))
		return error_set(e, RC_INVALID, "empty, but must be a %s", kind);
	return error_set(e, RC_INVALID, "\"%s\" is not a %s", text_show(s, strlen(s), shown), kind);
}

/* Digits only, to the end. false: something else; *too_big: past 64 bits. */
static bool read_digits(const char *s, uint64_t *ret, bool *too_big)
{
	uint64_t v = 0;
	*too_big = false;
	if (!is_digit(*s))
		return false;
	for (; is_digit(*s); s++)
		if (__builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			*too_big = true;
	*ret = v;
	return *s == '\0';
}

enum result text_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret, struct error *e)
{
	uint64_t v;
	bool too_big;
	char shown[TEXT_SHOWN];
	if (!s || !read_digits(s, &v, &too_big))
		return not_a_number(s, "whole number", e);
	if (too_big || v < min || v > max)
		return error_set(e, RC_INVALID, "%s is not between %" PRIu64 " and %" PRIu64,
				 text_show(s, strlen(s), shown), min, max);
	*ret = v;
	return RC_OK;
}

enum result text_i64(const char *s, int64_t min, int64_t max, int64_t *ret, struct error *e)
{
	uint64_t magnitude;
	bool too_big, negative = s && *s == '-';
	char shown[TEXT_SHOWN];
	if (!s || !read_digits(s + negative, &magnitude, &too_big))
		return not_a_number(s, "whole number", e);
	uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	int64_t v = (int64_t)(negative ? 0 - magnitude : magnitude);
	if (too_big || magnitude > most || v < min || v > max)
		return error_set(e, RC_INVALID, "%s is not between %" PRId64 " and %" PRId64,
				 text_show(s, strlen(s), shown), min, max);
	*ret = v;
	return RC_OK;
}

/* [+-] digits [. digits] [e [+-] digits], with a digit before or after the point, as Go reads a float. */
bool text_is_decimal(const char *s)
{
	s += *s == '-' || *s == '+';
	size_t whole = strspn(s, "0123456789"), fraction = 0;
	s += whole;
	if (*s == '.') {
		fraction = strspn(++s, "0123456789");
		s += fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		if (!is_digit(*s))
			return false;
		s += strspn(s, "0123456789");
	}
	return *s == '\0';
}

/* glibc's "C" is static: nothing is allocated, and nothing is to be freed. */
static locale_t c_locale(void)
{
	return newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

enum result text_double(const char *s, double *ret, struct error *e)
{
	char shown[TEXT_SHOWN];
	if (!s || !text_is_decimal(s))
		return not_a_number(s, "number", e);
	double v = strtod_l(s, NULL, c_locale());
	if (!isfinite(v))
		return error_set(e, RC_INVALID, "%s is too large a number", text_show(s, strlen(s), shown));
	*ret = v;
	return RC_OK;
}

/* The fewest digits that read back as v, as "d.ddde[+-]dd". 15 digits survive the way through a double, so that fewer
 * need not be tried; but subnormals have fewer. */
static void shortest_scientific(double v, char buf[32])
{
	locale_t before = uselocale(c_locale());
	for (int digits = fabs(v) < 2.3e-308 ? 1 : 15; digits <= 17; digits++) {
		snprintf(buf, 32, "%.*e", digits - 1, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	uselocale(before);
}

/* Plain digits from 1e-6 to 2^53. Beyond, where not every integer is a double, scientific: 1e+19 claims less than
 * 10000000000000000000, and a strict reader takes it. */
void text_from_double(double v, char buf[32])
{
	if (!isfinite(v)) {
		snprintf(buf, 32, "%s", isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
		return;
	}
	char scientific[32], digits[24] = "";
	shortest_scientific(v, scientific);
	const char *s = scientific;
	bool negative = *s == '-';
	size_t n = 0;
	for (s += negative; *s != 'e'; s++)
		if (is_digit(*s))
			digits[n++] = *s;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	int exponent = (int)strtol(s + 1, NULL, 10), count = (int)n;
	const char *sign = negative ? "-" : "";
	if (exponent < -6 || fabs(v) > 9007199254740992.0)
		snprintf(buf, 32, "%s%c%s%.*se%+d", sign, digits[0], n > 1 ? "." : "", count - 1, digits + 1, exponent);
	else if (exponent < 0)
		snprintf(buf, 32, "%s0.%.*s%.*s", sign, -exponent - 1, "00000", count, digits);
	else if (exponent >= count - 1)
		snprintf(buf, 32, "%s%.*s%.*s", sign, count, digits, exponent - count + 1, "000000000000000");
	else
		snprintf(buf, 32, "%s%.*s.%.*s", sign, exponent + 1, digits, count - exponent - 1,
			 digits + exponent + 1);
}

size_t text_utf8_step(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;
	if (len == 0)
		return 0;
	if (u[0] < 0x80)
		return 1;
	size_t n = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;
	if (u[0] < 0xc2 || u[0] > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates, past U+10FFFF */
	bool bad = (u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf0 && u[1] < 0x90) ||
		   (u[0] == 0xf4 && u[1] > 0x8f);
	return bad ? 0 : n;
}

bool text_is_utf8(const char *s, size_t len)
{
	while (len) {
		size_t n = text_utf8_step(s, len);
		if (!n)
			return false;
		s += n;
		len -= n;
	}
	return true;
}

size_t text_prefix(const char *utf8, size_t n)
{
	size_t at = 0, left = strlen(utf8);
	for (; n && left; n--) {
		size_t step = text_utf8_step(utf8 + at, left);
		if (!step)
			step = 1;
		at += step;
		left -= step;
	}
	return at;
}

/* One label of len bytes: lower-case letters, digits, '-', not at the ends. */
static bool is_label(const char *s, size_t len, size_t max)
{
	if (len == 0 || len > max || s[0] == '-' || s[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!(s[i] >= 'a' && s[i] <= 'z') && !is_digit(s[i]) && s[i] != '-')
			return false;
	return true;
}

bool text_is_dns_label(const char *s)
{
	return s && is_label(s, strlen(s), 63);
}

/* Kubernetes limits the whole, not each part. */
bool text_is_dns_subdomain(const char *s)
{
	enum { MAX = 253 };
	if (!s || strlen(s) > MAX)
		return false;
	for (;;) {
		size_t len = strcspn(s, ".");
		if (!is_label(s, len, MAX))
			return false;
		if (!s[len])
			return true;
		s += len + 1;
	}
}

size_t text_copy(char *buf, size_t size, const char *s)
{
	size_t len = strlen(s);
	if (len >= size) {
		len = size - 1;
		while (len && ((unsigned char)s[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(buf, s, len);
	buf[len] = '\0';
	return len;
}

#include "base/yaml_scalar.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

static bool is_one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (text_eq(s, *words))
			return true;
	return false;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* All of s as digits of a base. false: it is something else. */
static bool read_integer(const char *s, unsigned base, uint64_t *ret, bool *fits)
{
	uint64_t v = 0;
	*fits = true;
	if (!*s)
		return false;
	for (; *s; s++) {
		unsigned digit = (unsigned)digit_value(*s);
		if (digit >= base)
			return false;
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) || __builtin_add_overflow(v, (uint64_t)digit, &v))
			*fits = false;
	}
	*ret = v;
	return true;
}

static bool read_any_integer(const char *s, uint64_t *ret, bool *fits)
{
	if (s[0] != '0' || !s[1])
		return read_integer(s, 10, ret, fits);
	switch (s[1]) {
	case 'x':
		return read_integer(s + 2, 16, ret, fits);
	case 'o':
		return read_integer(s + 2, 8, ret, fits);
	case 'b':
		return read_integer(s + 2, 2, ret, fits);
	default:
		return read_integer(s + 1, 8, ret, fits) || read_integer(s, 10, ret, fits); /* 089 is no octal */
	}
}

enum yaml_kind yaml_plain_kind(const char *s, double *ret)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };
	static const char *const unfit[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL };
	if (is_one_of(s, nulls))
		return YAML_IS_NULL;
	if (is_one_of(s, trues))
		return YAML_IS_TRUE;
	if (is_one_of(s, falses))
		return YAML_IS_FALSE;
	const char *unsigned_part = s + (*s == '-' || *s == '+');
	if (is_one_of(unsigned_part, unfit))
		return YAML_IS_UNFIT;
	uint64_t integer;
	bool fits;
	if (read_any_integer(unsigned_part, &integer, &fits)) {
		if (!fits || integer > UINT64_C(1) << 53)
			return YAML_IS_UNFIT;
		*ret = *s == '-' ? -(double)integer : (double)integer;
		return YAML_IS_NUMBER;
	}
	if (!text_is_decimal(s))
		return YAML_IS_TEXT;
	return text_double(s, ret, NULL) == RC_OK ? YAML_IS_NUMBER : YAML_IS_UNFIT;
}

bool yaml_must_quote(const char *s)
{
	static const char *const words[] = { "y",  "Y",  "yes", "Yes", "YES", "n",   "N",  "no", "No", "NO",
					     "on", "On", "ON",  "off", "Off", "OFF", "<<", "=",  NULL };
	double number;
	if (yaml_plain_kind(s, &number) != YAML_IS_TEXT || is_one_of(s, words))
		return true;
	/* 1_000, 12:30:00 and 2026-11-24 are numbers and times elsewhere. */
	bool digits = strpbrk(s, "0123456789") != NULL;
	return digits && strspn(s, "0123456789_:.,+-TZtz xob") == strlen(s);
}

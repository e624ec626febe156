#include "base/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_questions(void **state)
{
	(void)state;
	assert_true(text_eq(NULL, NULL));
	assert_false(text_eq("", NULL));
	assert_false(text_eq(NULL, ""));
	assert_true(text_eq("a", "a"));
	assert_false(text_eq("a", "b"));
	assert_true(text_starts("canary", "can"));
	assert_false(text_starts("can", "canary"));
	assert_false(text_starts(NULL, "x"));
	assert_true(text_starts("x", ""));
	assert_true(text_ends("podinfo-primary", "-primary"));
	assert_false(text_ends("primary", "-primary"));
	assert_false(text_ends(NULL, ""));
	assert_true(text_ends("x", ""));
	assert_true(text_empty(NULL));
	assert_true(text_empty(""));
	assert_false(text_empty(" "));
}

static const struct {
	const char *s;
	uint64_t min, max, v;
	const char *error;
} unsigned_cases[] = {
	{ "0", 0, 10, 0, NULL },
	{ "10", 0, 10, 10, NULL },
	{ "007", 0, 10, 7, NULL },
	{ "18446744073709551615", 0, UINT64_MAX, UINT64_MAX, NULL },
	{ "18446744073709551616", 0, UINT64_MAX, 0, "18446744073709551616 is not between 0 and 18446744073709551615" },
	{ "99999999999999999999999", 0, 5, 0, "99999999999999999999999 is not between 0 and 5" },
	{ "11", 0, 10, 0, "11 is not between 0 and 10" },
	{ "4", 5, 10, 0, "4 is not between 5 and 10" },
	{ NULL, 0, 10, 0, "empty, but must be a whole number" },
	{ "", 0, 10, 0, "empty, but must be a whole number" },
	{ "-1", 0, 10, 0, "\"-1\" is not a whole number" },
	{ "+1", 0, 10, 0, "\"+1\" is not a whole number" },
	{ " 1", 0, 10, 0, "\" 1\" is not a whole number" },
	{ "1 ", 0, 10, 0, "\"1 \" is not a whole number" },
	{ "0x1", 0, 10, 0, "\"0x1\" is not a whole number" },
	{ "1.0", 0, 10, 0, "\"1.0\" is not a whole number" },
	{ "1\n2\x80", 0, 10, 0, "\"1?2?\" is not a whole number" },
};

static void test_u64(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof unsigned_cases / sizeof *unsigned_cases; i++) {
		struct error e = { 0 };
		uint64_t v = 4711;
		enum result r = text_u64(unsigned_cases[i].s, unsigned_cases[i].min, unsigned_cases[i].max, &v, &e);
		if (unsigned_cases[i].error) {
			assert_int_equal(r, RC_INVALID);
			assert_string_equal(e.text, unsigned_cases[i].error);
			assert_int_equal(v, 4711);
		} else {
			assert_int_equal(r, RC_OK);
			assert_true(v == unsigned_cases[i].v);
		}
	}
}

static const struct {
	const char *s;
	int64_t min, max, v;
	const char *error;
} signed_cases[] = {
	{ "-0", -1, 1, 0, NULL },
	{ "-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, NULL },
	{ "9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, NULL },
	{ "9223372036854775808", INT64_MIN, INT64_MAX, 0,
	  "9223372036854775808 is not between -9223372036854775808 and 9223372036854775807" },
	{ "-9223372036854775809", INT64_MIN, INT64_MAX, 0,
	  "-9223372036854775809 is not between -9223372036854775808 and 9223372036854775807" },
	{ "-2", -1, 1, 0, "-2 is not between -1 and 1" },
	{ "-", -1, 1, 0, "\"-\" is not a whole number" },
	{ "--1", -1, 1, 0, "\"--1\" is not a whole number" },
	{ "", -1, 1, 0, "empty, but must be a whole number" },
};

static void test_i64(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof signed_cases / sizeof *signed_cases; i++) {
		struct error e = { 0 };
		int64_t v = 4711;
		enum result r = text_i64(signed_cases[i].s, signed_cases[i].min, signed_cases[i].max, &v, &e);
		if (signed_cases[i].error) {
			assert_int_equal(r, RC_INVALID);
			assert_string_equal(e.text, signed_cases[i].error);
			assert_int_equal(v, 4711);
		} else {
			assert_int_equal(r, RC_OK);
			assert_true(v == signed_cases[i].v);
		}
	}
}

static const struct {
	const char *s;
	double v;
	const char *error;
} double_cases[] = {
	{ "1", 1, NULL },
	{ "-0.5", -0.5, NULL },
	{ "+1.5e+3", 1500, NULL },
	{ ".5", 0.5, NULL },
	{ "5.", 5, NULL },
	{ "1e308", 1e308, NULL },
	{ "1e-999", 0, NULL },
	{ "1e999", 0, "1e999 is too large a number" },
	{ "-1e999", 0, "-1e999 is too large a number" },
	{ "", 0, "empty, but must be a number" },
	{ ".", 0, "\".\" is not a number" },
	{ "1e", 0, "\"1e\" is not a number" },
	{ "1e+", 0, "\"1e+\" is not a number" },
	{ "nan", 0, "\"nan\" is not a number" },
	{ "inf", 0, "\"inf\" is not a number" },
	{ "0x1p3", 0, "\"0x1p3\" is not a number" },
	{ "1,5", 0, "\"1,5\" is not a number" },
	{ " 1", 0, "\" 1\" is not a number" },
	{ "1 ", 0, "\"1 \" is not a number" },
};

static void test_double(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof double_cases / sizeof *double_cases; i++) {
		struct error e = { 0 };
		double v = 4711;
		enum result r = text_double(double_cases[i].s, &v, &e);
		if (double_cases[i].error) {
			assert_int_equal(r, RC_INVALID);
			assert_string_equal(e.text, double_cases[i].error);
			assert_true(v == 4711);
		} else {
			assert_int_equal(r, RC_OK);
			assert_true(v == double_cases[i].v);
		}
	}
}

static const struct {
	double v;
	const char *s;
} printed[] = {
	{ 0, "0" },
	{ -0.0, "-0" },
	{ 1, "1" },
	{ 99, "99" },
	{ 100, "100" },
	{ 0.5, "0.5" },
	{ 0.1, "0.1" },
	{ -2.75, "-2.75" },
	{ 98.69, "98.69" },
	{ 1.0 / 3, "0.3333333333333333" },
	{ 0.1 + 0.2, "0.30000000000000004" },
	{ 9007199254740992.0, "9007199254740992" },
	{ 9007199254740994.0, "9.007199254740994e+15" },
	{ 1e15, "1000000000000000" },
	{ 1e16, "1e+16" },
	{ 1e21, "1e+21" },
	{ 1.5e300, "1.5e+300" },
	{ 0.000001, "0.000001" },
	{ 0.0000015, "0.0000015" },
	{ 0.0000001, "1e-7" },
	{ -1.2345678901234567e-7, "-1.2345678901234566e-7" },
	{ 5e-324, "5e-324" },
	{ 2.2250738585072014e-308, "2.2250738585072014e-308" },
	{ 1.7976931348623157e308, "1.7976931348623157e+308" },
	{ NAN, "NaN" },
	{ INFINITY, "+Inf" },
	{ -INFINITY, "-Inf" },
};

static void test_from_double(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
		char buf[32];
		text_from_double(printed[i].v, buf);
		assert_string_equal(buf, printed[i].s);
	}
}

/* A fixed walk through bit patterns: what is printed reads back as the same double. */
static void test_doubles_survive(void **state)
{
	(void)state;
	uint64_t bits = 0x9e3779b97f4a7c15;
	for (int i = 0; i < 20000; i++) {
		bits = bits * 6364136223846793005 + 1442695040888963407;
		double v, back;
		memcpy(&v, &bits, sizeof v);
		if (!isfinite(v))
			continue;
		char buf[32];
		text_from_double(v, buf);
		assert_int_equal(text_double(buf, &back, NULL), RC_OK);
		assert_true(memcmp(&v, &back, sizeof v) == 0);
	}
}

static const struct {
	const char *s;
	size_t len;
	bool ok;
} utf8_cases[] = {
	{ "", 0, true },
	{ "a\0b", 3, true },
	{ "\xc3\xa9", 2, true },
	{ "\xe7\x81\xb0", 3, true },
	{ "\xf4\x8f\xbf\xbf", 4, true },  /* U+10FFFF */
	{ "\xf4\x90\x80\x80", 4, false }, /* one past it */
	{ "\xf5\x80\x80\x80", 4, false },
	{ "\xc0\x80", 2, false }, /* overlong NUL */
	{ "\xc1\xbf", 2, false },
	{ "\xe0\x9f\xbf", 3, false },
	{ "\xe0\xa0\x80", 3, true },
	{ "\xf0\x8f\xbf\xbf", 4, false },
	{ "\xf0\x90\x80\x80", 4, true },
	{ "\xed\x9f\xbf", 3, true },
	{ "\xed\xa0\x80", 3, false }, /* a surrogate */
	{ "\xee\x80\x80", 3, true },
	{ "\x80", 1, false },
	{ "\xe7\x81", 2, false },
	{ "\xe7\x81\xb0", 2, false }, /* len cuts it */
	{ "\xe7\x81z", 3, false },
	{ "\xff", 1, false },
};

static void test_utf8(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof utf8_cases / sizeof *utf8_cases; i++)
		if (text_is_utf8(utf8_cases[i].s, utf8_cases[i].len) != utf8_cases[i].ok)
			fail_msg("row %zu", i);
	assert_int_equal(text_utf8_step("\xe7\x81\xb0", 3), 3);
	assert_int_equal(text_utf8_step("", 0), 0);
	assert_int_equal(text_prefix("\xe7\x81\xb0"
				     "a\xf0\x9f\x9a\x80z",
				     0),
			 0);
	assert_int_equal(text_prefix("\xe7\x81\xb0"
				     "a\xf0\x9f\x9a\x80z",
				     1),
			 3);
	assert_int_equal(text_prefix("\xe7\x81\xb0"
				     "a\xf0\x9f\x9a\x80z",
				     3),
			 8);
	assert_int_equal(text_prefix("\xe7\x81\xb0"
				     "a\xf0\x9f\x9a\x80z",
				     99),
			 9);
}

static void test_show(void **state)
{
	(void)state;
	char buf[TEXT_SHOWN], in[4 * 61 + 1] = "";
	assert_string_equal(text_show("a\0b\x7f\xff\xe7\x81\xb0", 8, buf), "a?b??\xe7\x81\xb0");
	for (size_t i = 0; i < 61; i++)
		memcpy(in + i * 4, "\xf0\x9f\x9a\x80", 5);
	assert_int_equal(strlen(text_show(in, 240, buf)), 240);
	assert_int_equal(strlen(text_show(in, 244, buf)), 243);
	assert_string_equal(buf + 240, "...");
}

static void test_dns(void **state)
{
	(void)state;
	char label[65], name[256];
	memset(label, 'a', sizeof label);
	label[63] = '\0';
	assert_true(text_is_dns_label(label));
	label[63] = 'a';
	label[64] = '\0';
	assert_false(text_is_dns_label(label));
	memset(name, 'a', sizeof name);
	name[100] = '.';
	name[253] = '\0';
	assert_true(text_is_dns_subdomain(name));
	name[253] = 'a';
	name[254] = '\0';
	assert_false(text_is_dns_subdomain(name));
	static const struct {
		const char *s;
		bool label, subdomain;
	} cases[] = {
		{ "podinfo", true, true },    { "pod-info-2", true, true }, { "2", true, true },
		{ "a.b", false, true },       { "", false, false },         { NULL, false, false },
		{ "-a", false, false },       { "a-", false, false },       { "a..b", false, false },
		{ ".a", false, false },       { "a.", false, false },       { "a.-b", false, false },
		{ "Podinfo", false, false },  { "a_b", false, false },      { "a b", false, false },
		{ "\xc3\xa9", false, false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (text_is_dns_label(cases[i].s) != cases[i].label ||
		    text_is_dns_subdomain(cases[i].s) != cases[i].subdomain)
			fail_msg("%s", cases[i].s ? cases[i].s : "NULL");
	}
}

static void test_nearest(void **state)
{
	(void)state;
	static const char *const keys[] = { "stepWeight", "maxWeight", "interval", "port", "url", "stepWeights", NULL };
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{ "stepWieght", "stepWeight" }, /* swapped neighbours are one mistake */
		{ "stepweight", "stepWeight" },
		{ "stpWeght", "stepWeight" },
		{ "stpWght", NULL }, /* three */
		{ "intervall", "interval" },
		{ "intervallll", NULL },
		{ "prot", "port" },
		{ "pot", "port" },
		{ "part", "port" },
		{ "ptro", NULL }, /* two mistakes in a short word are another word */
		{ "stepWeights", "stepWeights" },
		{ "", NULL },
		{ "completely different", NULL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got = text_nearest(cases[i].word, keys);
		if (!text_eq(got, cases[i].nearest))
			fail_msg("%s: %s", cases[i].word, got ? got : "NULL");
	}
}

static const struct {
	const char *text, *plain, *error;
	bool url, canonical;
} base64_cases[] = {
	{ "", "", NULL, false, true },
	{ "Zg==", "f", NULL, false, true },
	{ "Zm8=", "fo", NULL, false, true },
	{ "Zm9v", "foo", NULL, false, true },
	{ "Zm9vYg==", "foob", NULL, false, true },
	{ "Zg", "f", NULL, true, true },
	{ "Zm8", "fo", NULL, true, true },
	{ "+/8=", "\xfb\xff", NULL, false, true },
	{ "-_8", "\xfb\xff", NULL, true, true },
	{ "-/8=", "\xfb\xff", NULL, false, false },
	{ "Z", NULL, "base64 of a wrong length or padding", false, false },
	{ "Zg=", NULL, "base64 of a wrong length or padding", false, false },
	{ "Zm9v=", NULL, "base64 of a wrong length or padding", false, false },
	{ "Zm9v====", NULL, "not base64 at byte 5", false, false },
	{ "=", NULL, "base64 of a wrong length or padding", false, false },
	{ "Zh==", NULL, "base64 with bits after its end", false, false },
	{ "Zm9", NULL, "base64 with bits after its end", false, false },
	{ "Zm 9", NULL, "not base64 at byte 3", false, false },
	{ "Zm9v\n", NULL, "base64 of a wrong length or padding", false, false },
	{ "Z=9v", NULL, "not base64 at byte 2", false, false },
};

static void test_base64(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof base64_cases / sizeof *base64_cases; i++) {
		const char *text = base64_cases[i].text, *plain = base64_cases[i].plain;
		struct error e = { 0 };
		CLEANUP(free_p) unsigned char *bytes = NULL;
		size_t len = 0;
		enum result r = text_unbase64(text, strlen(text), &bytes, &len, &e);
		if (base64_cases[i].error) {
			assert_int_equal(r, RC_INVALID);
			assert_string_equal(e.text, base64_cases[i].error);
			continue;
		}
		assert_int_equal(r, RC_OK);
		assert_int_equal(len, strlen(plain));
		assert_string_equal((char *)bytes, plain);
		CLEANUP(free_p) char *back = text_base64(plain, strlen(plain), base64_cases[i].url);
		if (base64_cases[i].canonical)
			assert_string_equal(back, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions),   cmocka_unit_test(test_u64),
		cmocka_unit_test(test_i64),         cmocka_unit_test(test_double),
		cmocka_unit_test(test_from_double), cmocka_unit_test(test_doubles_survive),
		cmocka_unit_test(test_utf8),        cmocka_unit_test(test_show),
		cmocka_unit_test(test_dns),         cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_base64),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

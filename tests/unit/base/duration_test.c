#include "base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NO_NUMBER " is not a duration: a number is expected"
#define NO_UNIT " is not a duration: the unit is missing (h, m, s or ms, such as 30s)"
#define BAD_UNIT " is not a duration: the unit is unknown (use h, m, s or ms, such as 1m30s)"
#define TOO_LONG " is not a duration: it is too long (more than 292 years)"

static const struct {
	const char *s;
	int64_t ms;
	const char *error;
} cases[] = {
	{ "0", 0, NULL },
	{ "-0", 0, NULL },
	{ "+0", 0, NULL },
	{ "0s", 0, NULL },
	{ "5s", 5000, NULL },
	{ "30s", 30000, NULL },
	{ "1m30s", 90000, NULL },
	{ "-5s", -5000, NULL },
	{ "+5s", 5000, NULL },
	{ "5.0s", 5000, NULL },
	{ "5.6s", 5600, NULL },
	{ "5.s", 5000, NULL },
	{ ".5s", 500, NULL },
	{ "1.0s", 1000, NULL },
	{ "1.004s", 1004, NULL },
	{ "100.00100s", 100001, NULL },
	{ "10ns", 0, NULL },
	{ "999us", 0, NULL },
	{ "1999us", 1, NULL },
	{ "12\xc2\xb5s", 0, NULL },
	{ "1200\xce\xbcs", 1, NULL },
	{ "13ms", 13, NULL },
	{ "16h", 57600000, NULL },
	{ "3h30m", 12600000, NULL },
	{ "10.5s4m", 250500, NULL },
	{ "-2m3.4s", -123400, NULL },
	{ "39h9m14.425s", 140954425, NULL },
	{ "0.3333333333333333333h", 1200000, NULL },
	{ "0.100000000000000000000h", 360000, NULL },
	{ "0.9223372036854775807h", 3320413, NULL },
	{ "-1ns", -1, NULL },
	{ "-1500us", -2, NULL },
	{ "9223372036854775807ns", 9223372036854, NULL },
	{ "9223372036854775.807us", 9223372036854, NULL },
	{ "-9223372036854775808ns", -9223372036855, NULL },
	{ "2562047h47m16.854s", 9223372036854, NULL },
	{ NULL, 0, "empty, but must be a duration such as 30s" },
	{ "", 0, "empty, but must be a duration such as 30s" },
	{ "3", 0, "\"3\"" NO_UNIT },
	{ "-", 0, "\"-\"" NO_NUMBER },
	{ "+", 0, "\"+\"" NO_NUMBER },
	{ "s", 0, "\"s\"" NO_NUMBER },
	{ ".", 0, "\".\"" NO_NUMBER },
	{ "-.", 0, "\"-.\"" NO_NUMBER },
	{ ".s", 0, "\".s\"" NO_NUMBER },
	{ "+.s", 0, "\"+.s\"" NO_NUMBER },
	{ "1d", 0, "\"1d\"" BAD_UNIT },
	{ "1S", 0, "\"1S\"" BAD_UNIT },
	{ "1 s", 0, "\"1 s\"" BAD_UNIT },
	{ "1s ", 0, "\"1s \"" BAD_UNIT },
	{ " 1s", 0, "\" 1s\"" NO_NUMBER },
	{ "1.5.5s", 0, "\"1.5.5s\"" NO_UNIT },
	{ "1m30", 0, "\"1m30\"" NO_UNIT },
	{ "1s-1s", 0, "\"1s-1s\"" BAD_UNIT },
	{ "--1s", 0, "\"--1s\"" NO_NUMBER },
	{ "\x85\x85", 0, "\"\?\?\"" NO_NUMBER },
	{ "9223372036854775808ns", 0, "\"9223372036854775808ns\"" TOO_LONG },
	{ "-9223372036854775809ns", 0, "\"-9223372036854775809ns\"" TOO_LONG },
	{ "99999999999999999999s", 0, "\"99999999999999999999s\"" TOO_LONG },
	{ "3000000h", 0, "\"3000000h\"" TOO_LONG },
	{ "2562047h47m16.855s", 0, "\"2562047h47m16.855s\"" TOO_LONG },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error e = { .text = "" };
		int64_t ms = 4711;
		enum result r = duration_parse(cases[i].s, &ms, &e);
		if (cases[i].error) {
			if (r != RC_INVALID || strcmp(e.text, cases[i].error) != 0 || ms != 4711)
				fail_msg("%s: %s", cases[i].s, e.text);
		} else if (r != RC_OK || ms != cases[i].ms) {
			fail_msg("%s: %lld %s", cases[i].s, (long long)ms, e.text);
		}
	}
}

static const struct {
	int64_t ms;
	const char *go, *human;
} printed[] = {
	{ 0, "0s", "0s" },
	{ 1, "1ms", "1ms" },
	{ 500, "500ms", "500ms" },
	{ 999, "999ms", "999ms" },
	{ 1000, "1s", "1s" },
	{ 1515, "1.515s", "1s" },
	{ 1500, "1.5s", "1s" },
	{ 1050, "1.05s", "1s" },
	{ 4000, "4s", "4s" },
	{ 59999, "59.999s", "59s" },
	{ 60000, "1m0s", "1m" },
	{ 72000, "1m12s", "1m12s" },
	{ 61001, "1m1.001s", "1m1s" },
	{ 3600000, "1h0m0s", "1h" },
	{ 3605000, "1h0m5s", "1h" },
	{ 7500000, "2h5m0s", "2h5m" },
	{ 86400000, "24h0m0s", "1d" },
	{ 273600000, "76h0m0s", "3d4h" },
	{ -1500, "-1.5s", "-1s" },
	{ -1, "-1ms", "-1ms" },
	{ INT64_MAX, "2562047788015h12m55.807s", "106751991167d7h" },
	{ INT64_MIN, "-2562047788015h12m55.808s", "-106751991167d7h" },
};

static void test_print(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
		char buf[32];
		duration_print(printed[i].ms, buf);
		assert_string_equal(buf, printed[i].go);
		duration_human(printed[i].ms, buf);
		assert_string_equal(buf, printed[i].human);
	}
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int64_t ms = -9000000000000; ms < 9000000000000; ms += 7777777777) {
		char buf[32];
		int64_t back;
		duration_print(ms, buf);
		assert_int_equal(duration_parse(buf, &back, NULL), RC_OK);
		assert_true(back == ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

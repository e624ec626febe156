#include "bot/approvals/freeze.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SAT = 1 << 6, SUN = 1 << 0, FRI = 1 << 5 };

static const struct freeze weekends = { .name = "weekends", .days = SAT | SUN, .offset_minutes = 480 };
static const struct freeze friday_nights = {
	.name = "friday nights", .days = FRI, .from_minute = 18 * 60, .to_minute = 8 * 60
};
static const struct freeze nights = { .name = "nights", .from_minute = 22 * 60, .to_minute = 6 * 60 };
static const struct freeze lunch = { .name = "lunch", .from_minute = 12 * 60, .to_minute = 13 * 60 };
static const struct freeze evenings = { .name = "evenings", .from_minute = 20 * 60, .to_minute = 24 * 60 };
static const struct freeze by_hand = { .name = "by hand" };
static const struct freeze always = { .name = "always", .days = 127 };
static struct freeze_dates golden_week[1], eve[2];
static struct freeze holidays = { .name = "holidays", .dates = golden_week, .date_count = 1, .offset_minutes = 480 };
static struct freeze turn = { .name = "turn of the year", .dates = eve, .date_count = 2 };

/* 2026-11-25 is a Wednesday. */
static const struct {
	const struct freeze *freeze;
	const char *now;
	bool holds;
	const char *until; /* "": not within a year */
} cases[] = {
	{ &weekends, "2026-11-25T12:00:00Z", false, NULL },
	{ &weekends, "2026-11-27T15:59:59Z", false, NULL }, /* Friday night in Shanghai */
	{ &weekends, "2026-11-27T16:00:00Z", true, "2026-11-29T16:00:00Z" },
	{ &weekends, "2026-11-29T15:59:59Z", true, "2026-11-29T16:00:00Z" },
	{ &weekends, "2026-11-29T16:00:00Z", false, NULL },
	{ &friday_nights, "2026-11-27T17:59:00Z", false, NULL },
	{ &friday_nights, "2026-11-27T18:00:00Z", true, "2026-11-28T08:00:00Z" },
	{ &friday_nights, "2026-11-28T07:59:59Z", true, "2026-11-28T08:00:00Z" },
	{ &friday_nights, "2026-11-28T08:00:00Z", false, NULL },
	{ &friday_nights, "2026-11-27T07:00:00Z", false, NULL }, /* that morning belongs to Thursday's night */
	{ &nights, "2026-11-25T21:59:00Z", false, NULL },
	{ &nights, "2026-11-25T23:00:00Z", true, "2026-11-26T06:00:00Z" },
	{ &nights, "2026-11-26T00:00:00Z", true, "2026-11-26T06:00:00Z" },
	{ &nights, "2026-11-26T06:00:00Z", false, NULL },
	{ &lunch, "2026-11-25T12:59:59Z", true, "2026-11-25T13:00:00Z" },
	{ &lunch, "2026-11-25T13:00:00Z", false, NULL },
	{ &evenings, "2026-11-25T23:59:00Z", true, "2026-11-26T00:00:00Z" },
	{ &by_hand, "2026-11-25T12:00:00Z", false, NULL },
	{ &always, "2026-11-25T12:00:00Z", true, "" },
	{ &holidays, "2026-09-30T15:59:00Z", false, NULL },
	{ &holidays, "2026-09-30T16:00:00Z", true, "2026-10-08T16:00:00Z" },
	{ &holidays, "2026-10-08T16:00:00Z", false, NULL },
	{ &turn, "2026-12-31T10:00:00Z", true, "2027-01-02T00:00:00Z" }, /* two ranges that touch are one freeze */
	{ &nights, "1969-12-31T23:00:00Z", true, "1970-01-01T06:00:00Z" },
};

static struct wall_ms at(const char *text)
{
	struct wall_ms t;
	assert_int_equal(wall_parse(text, &t, NULL), RC_OK);
	return t;
}

static void test_when_a_freeze_holds(void **state)
{
	(void)state;
	assert_int_equal(freeze_parse_dates("2026-10-01..2026-10-08", &golden_week[0], NULL), RC_OK);
	assert_int_equal(freeze_parse_dates("2027-01-01", &eve[0], NULL), RC_OK);
	assert_int_equal(freeze_parse_dates("2026-12-31", &eve[1], NULL), RC_OK);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct wall_ms until = { -1 };
		char text[32] = "";
		bool holds = freeze_holds(cases[i].freeze, at(cases[i].now), &until);
		if (until.v > 0)
			wall_print(until, text);
		if (holds != cases[i].holds || (holds && strcmp(text, cases[i].until) != 0) ||
		    (!holds && until.v != -1))
			fail_msg("%s at %s: %d until \"%s\"", cases[i].freeze->name, cases[i].now, holds, text);
	}
}

static const struct {
	enum result (*parse)(const char *text, int *ret, struct error *e);
	const char *text;
	int value; /* INT32_MIN: refused */
	const char *error;
} numbers[] = {
	{ freeze_parse_hour, "00:00", 0, NULL },
	{ freeze_parse_hour, "22:30", 1350, NULL },
	{ freeze_parse_hour, "24:00", 1440, NULL },
	{ freeze_parse_hour, "24:01", INT32_MIN, "\"24:01\" is not an hour from 00:00 to 24:00" },
	{ freeze_parse_hour, "8:00", INT32_MIN, "\"8:00\" is not an hour from 00:00 to 24:00" },
	{ freeze_parse_hour, "12:60", INT32_MIN, "\"12:60\" is not an hour from 00:00 to 24:00" },
	{ freeze_parse_hour, "", INT32_MIN, "\"\" is not an hour from 00:00 to 24:00" },
	{ freeze_parse_offset, "+08:00", 480, NULL },
	{ freeze_parse_offset, "-05:30", -330, NULL },
	{ freeze_parse_offset, "08:00", INT32_MIN, "\"08:00\" is not an offset such as +08:00 or -05:30" },
	{ freeze_parse_offset, "+14:30", INT32_MIN, "\"+14:30\" is not an offset such as +08:00 or -05:30" },
};

static void test_hours_and_offsets(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		int value = INT32_MIN;
		struct error e = { .text = "" };
		enum result r = numbers[i].parse(numbers[i].text, &value, &e);
		if (value != numbers[i].value || (r == RC_OK) != !numbers[i].error)
			fail_msg("%s: %d", numbers[i].text, value);
		if (numbers[i].error)
			assert_string_equal(e.text, numbers[i].error);
	}
}

static void test_dates_that_are_none(void **state)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
		{ "2026-13-01", "\"2026-13-01\" is not a date such as 2026-10-01, or 2026-10-01..2026-10-08" },
		{ "tomorrow", "\"tomorrow\" is not a date such as 2026-10-01, or 2026-10-01..2026-10-08" },
		{ "2026-10-08..2026-10-01", "2026-10-08..2026-10-01 ends before it begins" },
		{ "2026-10-01..", "\"\" is not a date such as 2026-10-01, or 2026-10-01..2026-10-08" },
		{ "2026-1-1", "\"2026-1-1\" is not a date such as 2026-10-01, or 2026-10-01..2026-10-08" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct freeze_dates d = { 7, 7 };
		struct error e = { .text = "" };
		assert_int_equal(freeze_parse_dates(bad[i].text, &d, &e), RC_INVALID);
		assert_string_equal(e.text, bad[i].error);
		assert_int_equal(d.from, 7);
	}
	struct freeze_dates d;
	assert_int_equal(freeze_parse_dates("2026-02-30", &d, NULL), RC_INVALID);
}

static void test_days(void **state)
{
	(void)state;
	assert_int_equal(freeze_day("sun"), 0);
	assert_int_equal(freeze_day("sat"), 6);
	assert_int_equal(freeze_day("Saturday"), -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_when_a_freeze_holds),
		cmocka_unit_test(test_hours_and_offsets),
		cmocka_unit_test(test_dates_that_are_none),
		cmocka_unit_test(test_days),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	int64_t ms;
	const char *s, *with_ms;
} printed[] = {
	{ 0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z" },
	{ -1, "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.999Z" },
	{ 1795557502123, "2026-11-24T21:58:22Z", "2026-11-24T21:58:22.123Z" },
	{ 951782400000, "2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z" },
	{ 951868800000, "2000-03-01T00:00:00Z", "2000-03-01T00:00:00.000Z" },
	{ 1709164800000, "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z" },
	{ 4107542400000, "2100-03-01T00:00:00Z", "2100-03-01T00:00:00.000Z" },
	{ 4107456000000, "2100-02-28T00:00:00Z", "2100-02-28T00:00:00.000Z" },
	{ 253402300799999, "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z" },
	{ -62167219200000, "0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z" },
};

static void test_print_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
		char buf[32];
		struct wall_ms back;
		wall_print((struct wall_ms){ printed[i].ms }, buf);
		assert_string_equal(buf, printed[i].s);
		wall_print_ms((struct wall_ms){ printed[i].ms }, buf);
		assert_string_equal(buf, printed[i].with_ms);
		assert_int_equal(wall_parse(buf, &back, NULL), RC_OK);
		assert_true(back.v == printed[i].ms);
	}
	char buf[32];
	wall_print_ms((struct wall_ms){ INT64_MAX }, buf);
	assert_string_equal(buf, "292278994-08-17T07:12:55.807Z");
	wall_print_ms((struct wall_ms){ INT64_MIN }, buf);
	assert_string_equal(buf, "-292275055-05-16T16:47:04.192Z");
}

static void test_every_day_survives(void **state)
{
	(void)state;
	for (int64_t day = -719528; day < 2932896; day += 7) {
		char buf[32];
		struct wall_ms back;
		wall_print((struct wall_ms){ day * 86400000 }, buf);
		assert_int_equal(wall_parse(buf, &back, NULL), RC_OK);
		assert_true(back.v == day * 86400000);
	}
}

static const struct {
	const char *s;
	int64_t ms;
} parsed[] = {
	{ "2026-11-24T21:58:22.5Z", 1795557502500 },    { "2026-11-24T21:58:22.123456789Z", 1795557502123 },
	{ "2026-11-25T05:58:22+08:00", 1795557502000 }, { "2026-11-24T16:28:22-05:30", 1795557502000 },
	{ "2026-11-24t21:58:22z", 1795557502000 },      { "2026-11-24T21:58:22-00:00", 1795557502000 },
};

static const char *const refused[] = {
	"",
	"2026-11-24",
	"2026-11-24T21:58:22",
	"2026-11-24 21:58:22Z",
	"2026-11-24T21:58:22.Z",
	"2026-11-24T21:58Z",
	"2026-02-29T00:00:00Z",
	"2100-02-29T00:00:00Z",
	"2026-13-01T00:00:00Z",
	"2026-00-01T00:00:00Z",
	"2026-01-00T00:00:00Z",
	"2026-04-31T00:00:00Z",
	"2026-11-24T24:00:00Z",
	"2026-11-24T23:60:00Z",
	"2026-11-24T23:59:60Z",
	"2026-11-24T21:58:22ZZ",
	"2026-11-24T21:58:22+8:00",
	"2026-11-24T21:58:22+24:00",
	"2026-11-24T21:58:22+08:00x",
	"2026-11-24T21:58:22+0800",
	" 2026-11-24T21:58:22Z",
	"-026-11-24T21:58:22Z",
	("2026-11-24\xd4"
	 "21:58:22Z"),
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof parsed / sizeof *parsed; i++) {
		struct wall_ms t;
		struct error e;
		assert_int_equal(wall_parse(parsed[i].s, &t, &e), RC_OK);
		assert_true(t.v == parsed[i].ms);
	}
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct wall_ms t = { 4711 };
		struct error e;
		if (wall_parse(refused[i], &t, &e) != RC_INVALID || t.v != 4711)
			fail_msg("%s was accepted", refused[i]);
	}
	struct wall_ms t;
	struct error e;
	assert_int_equal(wall_parse(NULL, &t, &e), RC_INVALID);
	assert_int_equal(wall_parse("tomorrow", &t, &e), RC_INVALID);
	assert_string_equal(e.text, "\"tomorrow\" is not a time such as 2026-11-24T21:58:22Z");
}

static void test_clocks(void **state)
{
	(void)state;
	struct clock_manual manual;
	clock_manual_init(&manual, (struct wall_ms){ 1795557502123 });
	const struct clock *c = &manual.clock;
	int64_t start = c->mono(c).v;
	assert_true(c->wall(c).v == 1795557502123);
	clock_manual_advance(&manual, 2500);
	assert_true(c->wall(c).v == 1795557504623);
	assert_true(c->mono(c).v == start + 2500);

	c = clock_system();
	struct mono_ms first = c->mono(c);
	assert_true(c->mono(c).v >= first.v);
	assert_true(c->wall(c).v > 1700000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print_and_back),
		cmocka_unit_test(test_every_day_survives),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_clocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

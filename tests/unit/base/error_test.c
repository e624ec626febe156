#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_names(void **state)
{
	(void)state;
	static const struct {
		enum result r;
		const char *name;
	} cases[] = {
		{ RC_OK, "OK" },
		{ RC_INVALID, "INVALID" },
		{ RC_REFUSED, "REFUSED" },
		{ RC_CONFLICT, "CONFLICT" },
		{ RC_NOT_FOUND, "NOT_FOUND" },
		{ RC_UNREACHABLE, "UNREACHABLE" },
		{ RC_EXHAUSTED, "EXHAUSTED" },
		{ RC_COUNT, "UNKNOWN" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_string_equal(result_name(cases[i].r), cases[i].name);
}

static void test_set_and_context(void **state)
{
	(void)state;
	struct error e;
	assert_int_equal(error_set(&e, RC_INVALID, "port %d", 70000), RC_INVALID);
	assert_string_equal(e.text, "port 70000");
	assert_int_equal(e.code, RC_INVALID);
	assert_int_equal(error_in(&e, RC_REFUSED, "listener %s", "api"), RC_REFUSED);
	assert_string_equal(e.text, "listener api: port 70000");
	assert_int_equal(e.code, RC_REFUSED);
	assert_int_equal(error_set(NULL, RC_CONFLICT, "x"), RC_CONFLICT);
	assert_int_equal(error_in(NULL, RC_CONFLICT, "x"), RC_CONFLICT);
}

static void test_own_text_as_argument(void **state)
{
	(void)state;
	struct error e;
	(void)error_set(&e, RC_INVALID, "inner");
	(void)error_set(&e, RC_INVALID, "outer (%s)", e.text);
	assert_string_equal(e.text, "outer (inner)");
	(void)error_in(&e, RC_INVALID, "again %s", e.text);
	assert_string_equal(e.text, "again outer (inner): outer (inner)");
}

static void test_cut_at_the_end(void **state)
{
	(void)state;
	struct error e;
	char full[600];
	memset(full, 'a', sizeof full);
	full[511] = '\0';
	(void)error_set(&e, RC_INVALID, "%s", full);
	assert_int_equal(strlen(e.text), 511);
	(void)error_in(&e, RC_INVALID, "ctx");
	assert_int_equal(strlen(e.text), 511);
	assert_memory_equal(e.text, "ctx: aaa", 8);
	full[511] = 'a';
	full[512] = '\0';
	(void)error_set(&e, RC_INVALID, "%s", full);
	assert_int_equal(strlen(e.text), 511);
}

/* A cut must not leave half a character behind. */
static void test_cut_between_characters(void **state)
{
	(void)state;
	static const struct {
		const char *character;
		size_t prefix, kept;
	} cases[] = {
		{ "\xe7\x81\xb0", 508, 511 }, /* just fits */
		{ "\xe7\x81\xb0", 509, 509 },     { "\xe7\x81\xb0", 510, 510 },     { "\xf0\x9f\x9a\x80", 507, 511 },
		{ "\xf0\x9f\x9a\x80", 508, 508 }, { "\xf0\x9f\x9a\x80", 510, 510 }, { "\xc3\xa9", 509, 511 },
		{ "\xc3\xa9", 510, 510 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char text[600];
		struct error e;
		memset(text, 'a', cases[i].prefix);
		snprintf(text + cases[i].prefix, sizeof text - cases[i].prefix, "%s and a tail", cases[i].character);
		(void)error_set(&e, RC_INVALID, "%s", text);
		assert_int_equal(strlen(e.text), cases[i].kept);
		(void)error_set(&e, RC_INVALID, "%s", text + 5);
		(void)error_in(&e, RC_INVALID, "abc"); /* the same 5 bytes in front */
		assert_int_equal(strlen(e.text), cases[i].kept);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_set_and_context),
		cmocka_unit_test(test_own_text_as_argument),
		cmocka_unit_test(test_cut_at_the_end),
		cmocka_unit_test(test_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_appends(void **state)
{
	(void)state;
	struct strbuf b;
	strbuf_init(&b, 1000);
	assert_string_equal(b.s, "");
	strbuf_add(&b, "a");
	strbuf_addn(&b, "bcd", 2);
	strbuf_addc(&b, 'd');
	strbuf_addf(&b, "%0200d", 7);
	assert_int_equal(b.len, 204);
	assert_int_equal(strlen(b.s), 204);
	assert_memory_equal(b.s, "abcd000", 7);
	assert_false(b.overflow);
	strbuf_clear(&b);
	assert_string_equal(b.s, "");
	strbuf_addf(&b, "%d", 5);
	assert_string_equal(b.s, "5");
	strbuf_finish(&b);
	assert_string_equal(b.s, "");
}

static void test_ceiling(void **state)
{
	(void)state;
	struct strbuf b;
	strbuf_init(&b, 4);
	strbuf_add(&b, "1234");
	assert_false(b.overflow);
	strbuf_addc(&b, '5');
	assert_true(b.overflow);
	assert_string_equal(b.s, "1234");
	assert_null(strbuf_take(&b));
	assert_string_equal(b.s, "");

	strbuf_init(&b, 4);
	strbuf_add(&b, "12345");
	assert_true(b.overflow);
	strbuf_add(&b, "1"); /* would fit, but a text with a hole is worse than none */
	assert_string_equal(b.s, "");
	strbuf_clear(&b);
	assert_false(b.overflow);
	strbuf_finish(&b);

	strbuf_init(&b, 4);
	strbuf_addf(&b, "%d", 1234);
	strbuf_addf(&b, "%s", "");
	assert_false(b.overflow);
	strbuf_addf(&b, "%d", 5);
	assert_true(b.overflow);
	assert_string_equal(b.s, "1234");
	strbuf_finish(&b);
}

static void test_pieces_are_all_or_nothing(void **state)
{
	(void)state;
	struct strbuf b;
	strbuf_init(&b, 10);
	strbuf_add(&b, "x=");
	strbuf_add_json(&b, "a\nb\nc"); /* 9 with quotes: one too many */
	assert_true(b.overflow);
	assert_string_equal(b.s, "x=");
	strbuf_finish(&b);
	strbuf_init(&b, 11);
	strbuf_add(&b, "x=");
	strbuf_add_json(&b, "a\nb\nc");
	assert_false(b.overflow);
	assert_string_equal(b.s, "x=\"a\\nb\\nc\"");
	strbuf_finish(&b);
	strbuf_init(&b, 5);
	strbuf_add_urlencoded(&b, "  ", 2);
	assert_true(b.overflow);
	assert_string_equal(b.s, "");
	strbuf_finish(&b);
}

static const struct {
	const char *in, *json, *go;
} escapes[] = {
	{ "", "\"\"", "\"\"" },
	{ "plain \xe7\x81\xb0\xe5\xba\xa6 \xf0\x9f\x9a\x80", "\"plain \xe7\x81\xb0\xe5\xba\xa6 \xf0\x9f\x9a\x80\"",
	  "\"plain \xe7\x81\xb0\xe5\xba\xa6 \xf0\x9f\x9a\x80\"" },
	{ "\"\\/", "\"\\\"\\\\/\"", "\"\\\"\\\\/\"" },
	{ "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"", "\"\\b\\f\\n\\r\\t\"" },
	{ "\x01\x1f\x7f", "\"\\u0001\\u001f\\u007f\"", "\"\\u0001\\u001f\x7f\"" },
	{ "\xc2\x9b\xc2\xa0", "\"\\u009b\xc2\xa0\"", "\"\xc2\x9b\xc2\xa0\"" },
	{ "<a href='x'>&", "\"<a href='x'>&\"", "\"\\u003ca href='x'\\u003e\\u0026\"" },
	{ "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", "\"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\"",
	  "\"\\u2028\\u2029\xe2\x80\xaa\"" },
	{ "a\xff"
	  "b",
	  "\"a\xef\xbf\xbd"
	  "b\"",
	  "\"a\\ufffdb\"" },
	{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", "\"\\ufffd\\ufffd\\ufffd\"" },
	{ "\xe7\x81", "\"\xef\xbf\xbd\xef\xbf\xbd\"", "\"\\ufffd\\ufffd\"" },
};

static void test_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
		struct strbuf b;
		strbuf_init(&b, 1000);
		strbuf_add_json(&b, escapes[i].in);
		assert_string_equal(b.s, escapes[i].json);
		strbuf_clear(&b);
		strbuf_add_json_go(&b, escapes[i].in);
		assert_string_equal(b.s, escapes[i].go);
		strbuf_finish(&b);
	}
}

static void test_urlencoded(void **state)
{
	(void)state;
	struct strbuf b;
	strbuf_init(&b, 1000);
	strbuf_add_urlencoded(&b, "aZ09-._~ +/=&%\0\xe7", 16);
	assert_string_equal(b.s, "aZ09-._~%20%2B%2F%3D%26%25%00%E7");
	strbuf_finish(&b);
}

static void test_take(void **state)
{
	(void)state;
	struct strbuf b;
	strbuf_init(&b, 10);
	char *s = strbuf_take(&b);
	assert_string_equal(s, "");
	free(s);
	strbuf_add(&b, "abc");
	s = strbuf_take(&b);
	assert_string_equal(s, "abc");
	free(s);
	assert_string_equal(b.s, "");
	assert_int_equal(b.max, 10);
	strbuf_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_pieces_are_all_or_nothing),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_urlencoded),
		cmocka_unit_test(test_take),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

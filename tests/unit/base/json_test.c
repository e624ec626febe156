#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "base/text.h"

/* What is written, and what json_print makes of it. */
static const struct {
	const char *in, *out;
} good[] = {
	{ "null", "null" },
	{ " \t\r\n true \n", "true" },
	{ "false", "false" },
	{ "\"\"", "\"\"" },
	{ "[]", "[]" },
	{ "{}", "{}" },
	{ "[ 1 , -2.50 , 1e2 , 0 ]", "[1,-2.5,100,0]" },
	{ "0.1", "0.1" },
	{ "1E+2", "100" },
	{ "9007199254740992", "9007199254740992" },
	{ "-9007199254740992", "-9007199254740992" },
	{ "9007199254740991", "9007199254740991" },
	{ "1e21", "1e+21" },
	{ "12345678901234567890.0", "1.2345678901234567e+19" },
	{ "1e-999", "0" },
	{ "{\"b\":1,\"a\":{\"b\":[{}]}}", "{\"b\":1,\"a\":{\"b\":[{}]}}" },
	{ "{\"a\":{\"x\":1},\"b\":{\"x\":1},\"x\":[{\"x\":1},{\"x\":1}]}",
	  "{\"a\":{\"x\":1},\"b\":{\"x\":1},\"x\":[{\"x\":1},{\"x\":1}]}" },
	{ "{\"\":1,\"a\":2,\"A\":3}", "{\"\":1,\"a\":2,\"A\":3}" },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\"" },
	{ "\"\\u7070 \\uD83d\\uDE80\"", "\"\xe7\x81\xb0 \xf0\x9f\x9a\x80\"" },
	{ "\"\xe7\x81\xb0\xe5\xba\xa6\"", "\"\xe7\x81\xb0\xe5\xba\xa6\"" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct error e = { .text = "" };
		CLEANUP(json_delete_p) cJSON *v = NULL;
		if (json_parse(good[i].in, strlen(good[i].in), &v, &e) != RC_OK)
			fail_msg("%s: %s", good[i].in, e.text);
		CLEANUP(free_p) char *out = json_print(v);
		assert_string_equal(out, good[i].out);
	}
}

#define TEXT(s) (s), sizeof(s) - 1
static const struct {
	const char *in;
	size_t len;
	const char *error;
} bad[] = {
	{ TEXT(""), "line 1 column 1: the text ends where a value is expected" },
	{ TEXT(" \n "), "line 2 column 2: the text ends where a value is expected" },
	{ TEXT("nul"), "line 1 column 1: 'n' where a value is expected" },
	{ TEXT("nulll"), "line 1 column 5: 'l' where the end of the text is expected" },
	{ TEXT("True"), "line 1 column 1: 'T' where a value is expected" },
	{ TEXT("NaN"), "line 1 column 1: 'N' where a value is expected" },
	{ TEXT("'a'"), "line 1 column 1: ''' where a value is expected" },
	{ TEXT("{} {}"), "line 1 column 4: '{' where the end of the text is expected" },
	{ TEXT("{}\0"), "line 1 column 3: byte 0x00 where the end of the text is expected" },
	{ TEXT("\xef\xbb\xbf{}"), "line 1 column 1: byte 0xef where a value is expected" },
	{ TEXT("[1,]"), "line 1 column 4: ']' where a value is expected" },
	{ TEXT("[1 2]"), "line 1 column 4: '2' where ',' or ']' is expected" },
	{ TEXT("[1"), "line 1 column 3: the text ends where ',' or ']' is expected" },
	{ TEXT("["), "line 1 column 2: the text ends where a value is expected" },
	{ TEXT("[}"), "line 1 column 2: '}' where a value is expected" },
	{ TEXT("{\"a\":1,}"), "line 1 column 8: '}' where a key in quotes is expected" },
	{ TEXT("{a:1}"), "line 1 column 2: 'a' where a key in quotes is expected" },
	{ TEXT("{\"a\" 1}"), "line 1 column 6: '1' where ':' is expected" },
	{ TEXT("{\"a\":1 \"b\":2}"), "line 1 column 8: '\"' where ',' or '}' is expected" },
	{ TEXT("{\"a\":}"), "line 1 column 6: '}' where a value is expected" },
	{ TEXT("// c\n{}"), "line 1 column 1: '/' where a value is expected" },
	{ TEXT("01"), "line 1 column 1: a number with a leading zero" },
	{ TEXT("-01"), "line 1 column 1: a number with a leading zero" },
	{ TEXT("-"), "line 1 column 2: the text ends where a digit is expected" },
	{ TEXT("+1"), "line 1 column 1: '+' where a value is expected" },
	{ TEXT(".5"), "line 1 column 1: '.' where a value is expected" },
	{ TEXT("[1.]"), "line 1 column 4: ']' where a digit is expected" },
	{ TEXT("1e"), "line 1 column 3: the text ends where a digit is expected" },
	{ TEXT("1e+x"), "line 1 column 4: 'x' where a digit is expected" },
	{ TEXT("0x10"), "line 1 column 2: 'x' where the end of the text is expected" },
	{ TEXT("1e999"), "line 1 column 1: the number 1e999 does not fit a double" },
	{ TEXT("[0, -1e999]"), "line 1 column 5: the number -1e999 does not fit a double" },
	{ TEXT("9007199254740993"),
	  "line 1 column 1: the integer 9007199254740993 is beyond 2^53 and would lose digits" },
	{ TEXT("{\"a\":\n -9007199254740993}"),
	  "line 2 column 2: the integer -9007199254740993 is beyond 2^53 and would lose digits" },
	{ TEXT("18446744073709551617"),
	  "line 1 column 1: the integer 18446744073709551617 is beyond 2^53 and would lose digits" },
	{ TEXT("\"abc"), "line 1 column 1: a string without an end" },
	{ TEXT("\"abc\\"), "line 1 column 5: an escape that JSON does not know" },
	{ TEXT("\"a\nb\""), "line 1 column 3: control character 0x0a in a string, write it as an escape" },
	{ TEXT("\"a\0b\""), "line 1 column 3: control character 0x00 in a string, write it as an escape" },
	{ TEXT("\"\\x41\""), "line 1 column 2: an escape that JSON does not know" },
	{ TEXT("\"\\\0\""), "line 1 column 2: an escape that JSON does not know" },
	{ TEXT("\"\\u12g4\""), "line 1 column 2: an escape that JSON does not know" },
	{ TEXT("\"\\u123"), "line 1 column 2: an escape that JSON does not know" },
	{ TEXT("\"a\\u0000\""), "line 1 column 3: a NUL character in a string" },
	{ TEXT("{\"\\u0000\":1}"), "line 1 column 3: a NUL character in a string" },
	{ TEXT("\"\\ud83d\""), "line 1 column 2: half of a surrogate pair" },
	{ TEXT("\"\\ude80\""), "line 1 column 2: half of a surrogate pair" },
	{ TEXT("\"\\ud83d\\u0041\""), "line 1 column 2: half of a surrogate pair" },
	{ TEXT("\"\\ud83d\\ud83d\""), "line 1 column 2: half of a surrogate pair" },
	{ TEXT("\"\\ud83d\\ude8"), "line 1 column 2: half of a surrogate pair" },
	{ TEXT("\"\xff\""), "line 1 column 2: byte 0xff is not valid UTF-8" },
	{ TEXT("\"\xc0\x80\""), "line 1 column 2: byte 0xc0 is not valid UTF-8" },
	{ TEXT("\"\xed\xa0\xbd\""), "line 1 column 2: byte 0xed is not valid UTF-8" },
	{ TEXT("\"\xe7\x81\xb0\xe7\x81\""), "line 1 column 3: byte 0xe7 is not valid UTF-8" },
	{ TEXT("{\"\xff\":1}"), "line 1 column 3: byte 0xff is not valid UTF-8" },
	{ TEXT("{\"a\":1,\"a\":1}"), "line 1 column 8: key \"a\" for the second time" },
	{ TEXT("{\"a\":1,\n  \"b\":2,\n  \"\\u0061\":3}"), "line 3 column 3: key \"a\" for the second time" },
	{ TEXT("{\"b\":1,\"a\":1,\"b\":1,\"a\":1}"), "line 1 column 14: key \"b\" for the second time" },
	{ TEXT("{\"\":1,\"\":1}"), "line 1 column 7: key \"\" for the second time" },
	{ TEXT("[{\"x\":{\"k\":[],\"k\":0},\"x\":1}]"), "line 1 column 15: key \"k\" for the second time" },
	{ TEXT("{\"\\ud83d\\ude80\":1,\"\xf0\x9f\x9a\x80\":1}"),
	  "line 1 column 19: key \"\xf0\x9f\x9a\x80\" for the second time" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct error e = { .text = "" };
		/* An exact copy on the heap, so that a sanitizer sees each byte that is read past the end. */
		CLEANUP(free_p) char *text = malloc(bad[i].len ? bad[i].len : 1);
		memcpy(text, bad[i].in, bad[i].len);
		cJSON *v = NULL;
		enum result r = json_parse(text, bad[i].len, &v, &e);
		if (r != RC_INVALID || strcmp(e.text, bad[i].error) != 0 || v)
			fail_msg("%s: \"%s\" instead of \"%s\"", bad[i].in, e.text, bad[i].error);
		assert_int_equal(json_check(text, bad[i].len, NULL), RC_INVALID);
	}
}

static char *nested(size_t depth, const char *open, const char *close)
{
	struct strbuf b;
	strbuf_init(&b, 10000);
	for (size_t i = 0; i < depth; i++)
		strbuf_add(&b, open);
	strbuf_add(&b, "0");
	for (size_t i = 0; i < depth; i++)
		strbuf_add(&b, close);
	return strbuf_take(&b);
}

static void test_depth(void **state)
{
	(void)state;
	static const struct {
		const char *open, *close, *error;
	} cases[] = {
		{ "[", "]", "line 1 column 65: nested deeper than 64" },
		{ "{\"a\":", "}", "line 1 column 321: nested deeper than 64" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error e;
		CLEANUP(free_p) char *at_limit = nested(64, cases[i].open, cases[i].close);
		CLEANUP(free_p) char *beyond = nested(65, cases[i].open, cases[i].close);
		CLEANUP(json_delete_p) cJSON *v = NULL;
		assert_int_equal(json_parse(at_limit, strlen(at_limit), &v, &e), RC_OK);
		CLEANUP(free_p) char *back = json_print(v);
		assert_string_equal(back, at_limit);
		assert_int_equal(json_check(beyond, strlen(beyond), &e), RC_INVALID);
		assert_string_equal(e.text, cases[i].error);
	}
}

static void test_long_numbers(void **state)
{
	(void)state;
	char number[70] = "0.";
	struct error e;
	memset(number + 2, '5', 61);
	assert_int_equal(strlen(number), 63);
	CLEANUP(json_delete_p) cJSON *v = NULL;
	assert_int_equal(json_parse(number, 63, &v, &e), RC_OK);
	number[63] = '5';
	assert_int_equal(json_check(number, 64, &e), RC_INVALID);
	assert_string_equal(e.text, "line 1 column 1: a number of more than 63 characters");
}

static void test_many_keys(void **state)
{
	(void)state;
	struct strbuf b;
	strbuf_init(&b, 10000000);
	strbuf_addc(&b, '{');
	for (int i = 0; i < 100000; i++)
		strbuf_addf(&b, "\"k%d\":0,", i);
	strbuf_add(&b, "\"k99999\":0}");
	struct error e;
	assert_int_equal(json_check(b.s, b.len, &e), RC_INVALID);
	assert_string_equal(e.text, "line 1 column 1088892: key \"k99999\" for the second time");
	strbuf_finish(&b);
}

static cJSON *read_json(const char *text)
{
	cJSON *v = NULL;
	struct error e;
	if (json_parse(text, strlen(text), &v, &e) != RC_OK)
		fail_msg("%s: %s", text, e.text);
	return v;
}

static void assert_json(const cJSON *v, const char *text)
{
	CLEANUP(free_p) char *printed = json_print(v);
	assert_string_equal(printed, text);
}

static void test_lookups(void **state)
{
	(void)state;
	CLEANUP(json_delete_p)
	cJSON *v = read_json("{\"spec\":{\"a.b/c\":\"dot\",\"w\":20,\"half\":0.5,\"on\":true,"
			     "\"none\":null,\"list\":[{\"n\":\"x\"},{\"n\":\"y\"}],\"0\":\"zero\","
			     "\"back\\\\slash\":1},\"\":{\"\":7}}");
	assert_ptr_equal(json_at(v, ""), v);
	assert_ptr_equal(json_at(v, NULL), v);
	assert_null(json_at(NULL, "spec"));
	assert_string_equal(json_text(v, "spec.a\\.b/c", "?"), "dot");
	assert_string_equal(json_text(v, "spec.list.1.n", "?"), "y");
	assert_string_equal(json_text(v, "spec.list.2.n", "?"), "?");
	assert_string_equal(json_text(v, "spec.list.-1.n", "?"), "?");
	assert_string_equal(json_text(v, "spec.list.9999999999.n", "?"), "?");
	assert_string_equal(json_text(v, "spec.list.x", "?"), "?");
	assert_string_equal(json_text(v, "spec.list.", "?"), "?");
	assert_string_equal(json_text(v, "spec.0", "?"), "zero");
	assert_null(json_text(v, "spec.w", NULL));
	assert_null(json_text(v, "spec.w.x", NULL));
	assert_null(json_text(v, "spec.", NULL));
	assert_null(json_text(v, "spe", NULL));
	assert_null(json_text(v, "specs", NULL));
	assert_int_equal(json_int(v, "spec.w", 1), 20);
	assert_int_equal(json_int(v, "spec.half", 1), 1);
	assert_int_equal(json_int(v, "spec.none", 1), 1);
	assert_int_equal(json_int(v, "spec.back\\\\slash", 9), 1);
	assert_int_equal(json_int(v, ".", 9), 7);
	assert_true(json_number(v, "spec.half", 1) == 0.5);
	assert_true(json_number(v, "spec.on", 1.5) == 1.5);
	assert_true(json_bool(v, "spec.on", false));
	assert_true(json_bool(v, "spec.w", true));
	assert_false(json_bool(v, "spec.gone", false));
	assert_true(cJSON_IsNull(json_at(v, "spec.none")));
	CLEANUP(json_delete_p) cJSON *large = read_json("[1e300, -9007199254740992, 1e16]");
	assert_int_equal(json_int(large, "0", 5), 5);
	assert_true(json_int(large, "1", 5) == -9007199254740992);
	assert_int_equal(json_int(large, "2", 5), 5);
}

static void test_append(void **state)
{
	(void)state;
	CLEANUP(json_delete_p) cJSON *v = cJSON_CreateArray();
	assert_true(json_append(v, cJSON_CreateString("a")));
	assert_true(json_append(v, cJSON_CreateTrue()));
	assert_json(v, "[\"a\",true]");
	assert_false(json_append(v, NULL));
	assert_false(json_append(NULL, cJSON_CreateString("freed"))); /* the sanitizer sees a leak */
	assert_json(v, "[\"a\",true]");
}

static void test_put_and_remove(void **state)
{
	(void)state;
	CLEANUP(json_delete_p) cJSON *v = read_json("{\"a\":1,\"list\":[{\"i\":\"v1\"},2],\"none\":null,\"z\":9}");
	assert_true(json_put_text(v, "m.x\\.y/z.deep", "t"));
	assert_true(json_put_int(v, "a", 9007199254740992));
	assert_true(json_put_text(v, "list.0.i", "v2"));
	assert_true(json_put_int(v, "list.1", 3));
	assert_true(json_put_int(v, "none.x", 1));
	assert_json(v, "{\"a\":9007199254740992,\"list\":[{\"i\":\"v2\"},3],\"none\":{\"x\":1},\"z\":9,"
		       "\"m\":{\"x.y/z\":{\"deep\":\"t\"}}}");
	assert_false(json_put_int(v, "a.b", 1));
	assert_false(json_put_int(v, "list.7", 1));
	assert_false(json_put_int(v, "list.x.y", 1));
	assert_false(json_put_int(v, "", 1));
	assert_false(json_put_int(NULL, "a", 1));
	assert_false(json_put(v, "a", NULL));
	/* A value that has been a member under another name. */
	assert_true(json_put(v, "z", cJSON_DetachItemFromObjectCaseSensitive(v, "list")));
	json_remove(v, "m.x\\.y/z");
	json_remove(v, "m.gone.deeper");
	json_remove(v, "a.b");
	json_remove(v, "");
	json_remove(NULL, "a");
	json_remove(v, "z.0");
	assert_json(v, "{\"a\":9007199254740992,\"none\":{\"x\":1},\"z\":[3],\"m\":{}}");
}

static void test_equal(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{ "{\"a\":1,\"b\":[1,{}]}", "{\"b\":[1,{}],\"a\":1}", true },
		{ "{\"a\":1}", "{\"a\":1,\"b\":1}", false },
		{ "{\"a\":1,\"b\":1}", "{\"a\":1}", false },
		{ "{\"a\":1}", "{\"A\":1}", false },
		{ "[1,2]", "[2,1]", false },
		{ "[1]", "[1,1]", false },
		{ "0.1", "0.1", true },
		{ "0.30000000000000004", "0.3", false }, /* no tolerance */
		{ "\"1\"", "1", false },
		{ "true", "false", false },
		{ "null", "null", true },
		{ "null", "0", false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(json_delete_p) cJSON *a = read_json(cases[i].a);
		CLEANUP(json_delete_p) cJSON *b = read_json(cases[i].b);
		if (json_equal(a, b) != cases[i].equal)
			fail_msg("%s %s", cases[i].a, cases[i].b);
	}
	assert_true(json_equal(NULL, NULL));
	CLEANUP(json_delete_p) cJSON *object = read_json("{}");
	assert_false(json_equal(object, NULL));
}

static void test_canonical(void **state)
{
	(void)state;
	static const struct {
		const char *in, *plain, *go;
	} cases[] = {
		{ "{\"b\":1,\"a\":{\"z\":1,\"Z\":2,\"\":[3.0,\"x\"]}}",
		  "{\"a\":{\"\":[3,\"x\"],\"Z\":2,\"z\":1},\"b\":1}",
		  "{\"a\":{\"\":[3,\"x\"],\"Z\":2,\"z\":1},\"b\":1}" },
		{ "{\"<k>\":\"a&b\xe2\x80\xa8\"}", "{\"<k>\":\"a&b\xe2\x80\xa8\"}",
		  "{\"\\u003ck\\u003e\":\"a\\u0026b\\u2028\"}" },
		{ "{\"\xe7\x81\xb0\":1,\"z\":2,\"\xc3\xa9\":3}", "{\"z\":2,\"\xc3\xa9\":3,\"\xe7\x81\xb0\":1}",
		  "{\"z\":2,\"\xc3\xa9\":3,\"\xe7\x81\xb0\":1}" },
		{ "{}", "{}", "{}" },
		{ "[]", "[]", "[]" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(json_delete_p) cJSON *v = read_json(cases[i].in);
		CLEANUP(free_p) char *plain = json_canonical(v, false);
		CLEANUP(free_p) char *go = json_canonical(v, true);
		assert_string_equal(plain, cases[i].plain);
		assert_string_equal(go, cases[i].go);
	}
	CLEANUP(free_p) char *none = json_canonical(NULL, true);
	assert_string_equal(none, "null");
}

/* The checksums that a stock Flagger stores in status.trackedConfigs. */
static void test_config_checksums(void **state)
{
	(void)state;
	static const struct {
		const char *data, *checksum;
	} cases[] = {
		{ "{\"color\":\"red\"}", "241889ca0604e333" },
		{ "null", "74234e98afe7498f" },
		{ "{\"url\":\"http://a/?x=1&y=2\"}", "5827ca258084ee1f" },
		{ "{\"apiKey\":\"dGVzdA==\"}", "3930f0692c2295eb" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(json_delete_p) cJSON *v = read_json(cases[i].data);
		CLEANUP(free_p) char *text = json_canonical(v, true);
		char hex[SHA256_HEX];
		assert_int_equal(crypto_sha256_hex(text, strlen(text), hex, NULL), RC_OK);
		hex[16] = '\0';
		assert_string_equal(hex, cases[i].checksum);
	}
}

static void test_print_of_built_trees(void **state)
{
	(void)state;
	CLEANUP(json_delete_p) cJSON *v = cJSON_CreateArray();
	cJSON_AddItemToArray(v, cJSON_CreateNumber(1.0 / 0.0));
	cJSON_AddItemToArray(v, cJSON_CreateNumber(0.1));
	cJSON_AddItemToArray(v, cJSON_CreateRaw("{\"raw\":1}"));
	cJSON_AddItemToArray(v, cJSON_CreateString("\xff"));
	assert_json(v, "[null,0.1,{\"raw\":1},\"\xef\xbf\xbd\"]");
	assert_json(NULL, "null");
}

/* The rows of RFC 7386, appendix A, but for those whose target is no object and stays equal. */
static const struct {
	const char *target, *patch, *result;
} merges[] = {
	{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
	{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
	{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
	{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
	{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
	{ "[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]" },
	{ "{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]" },
	{ "{\"a\":\"foo\"}", "null", "null" },
	{ "{\"a\":\"foo\"}", "\"bar\"", "\"bar\"" },
	{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
	{ "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}" },
	{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
	{ "{}", "{\"a\":[null,{\"b\":null}]}", "{\"a\":[null,{\"b\":null}]}" },
};

static void test_merge_patch(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
		CLEANUP(json_delete_p) cJSON *target = read_json(merges[i].target);
		CLEANUP(json_delete_p) cJSON *patch = read_json(merges[i].patch);
		assert_true(json_merge_patch(&target, patch));
		assert_json(target, merges[i].result);
		assert_json(patch, merges[i].patch);
	}
	CLEANUP(json_delete_p) cJSON *target = NULL;
	CLEANUP(json_delete_p) cJSON *patch = read_json("{\"a\":1}");
	assert_true(json_merge_patch(&target, patch));
	assert_json(target, "{\"a\":1}");
}

static const struct {
	const char *from, *to, *patch; /* NULL: equal */
} diffs[] = {
	{ "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", NULL },
	{ "{\"a\":1,\"b\":2}", "{\"b\":3}", "{\"a\":null,\"b\":3}" },
	{ "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":3}}", "{\"a\":{\"c\":3}}" },
	{ "{\"a\":[1,2]}", "{\"a\":[1,3]}", "{\"a\":[1,3]}" },
	{ "{\"a\":1}", "{\"a\":{}}", "{\"a\":{}}" },
	{ "{\"a\":{\"b\":1}}", "{\"a\":{}}", "{\"a\":{\"b\":null}}" },
	{ "{}", "{\"a\":null}", NULL },
	{ "{\"a\":{}}", "{\"a\":{\"b\":null}}", NULL },
	{ "{\"a\":1}", "{\"a\":null}", "{\"a\":null}" },
	{ "1", "2", "2" },
	{ "{}", "[1]", "[1]" },
	{ "[1]", "[1]", NULL },
};

static void test_diff(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof diffs / sizeof *diffs; i++) {
		CLEANUP(json_delete_p) cJSON *from = read_json(diffs[i].from);
		CLEANUP(json_delete_p) cJSON *to = read_json(diffs[i].to);
		bool oom = true;
		CLEANUP(json_delete_p) cJSON *patch = json_diff_merge(from, to, &oom);
		assert_false(oom);
		if (!diffs[i].patch) {
			assert_null(patch);
			continue;
		}
		assert_json(patch, diffs[i].patch);
		assert_true(json_merge_patch(&from, patch));
		assert_null(json_diff_merge(from, to, &oom));
	}
}

/* Every allocation of cJSON fails once; nothing leaks, nothing crashes. */
static int allocations_left;
static void *counted_malloc(size_t size)
{
	return allocations_left-- > 0 ? malloc(size) : NULL;
}

static bool work_on_trees(void)
{
	static const char text[] = "{\"a\":{\"b\":[1,\"x\",{}]},\"\\u0063\":\"d\"}";
	CLEANUP(json_delete_p) cJSON *v = NULL;
	CLEANUP(json_delete_p) cJSON *other = NULL;
	if (json_parse(text, strlen(text), &v, NULL) != RC_OK ||
	    json_parse("{\"n\":{\"m\":1}}", 13, &other, NULL) != RC_OK)
		return false;
	bool oom;
	CLEANUP(json_delete_p) cJSON *patch = json_diff_merge(v, other, &oom);
	if (!patch)
		return false;
	if (!json_put_text(v, "x.y.z", "deep") || !json_put_int(v, "c", 5))
		return false;
	return json_merge_patch(&v, patch);
}

static void test_no_memory(void **state)
{
	(void)state;
	cJSON_InitHooks(&(cJSON_Hooks){ counted_malloc, free });
	int n = 0;
	do
		allocations_left = n++;
	while (n < 1000 && !work_on_trees());
	cJSON_InitHooks(NULL);
	assert_in_range(n, 20, 999);

	struct error e;
	cJSON *v = NULL;
	cJSON_InitHooks(&(cJSON_Hooks){ counted_malloc, free });
	allocations_left = 0;
	enum result r = json_parse("[1]", 3, &v, &e);
	cJSON_InitHooks(NULL);
	assert_int_equal(r, RC_EXHAUSTED);
	assert_string_equal(e.text, "no memory to read JSON of 3 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_long_numbers),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_put_and_remove),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_config_checksums),
		cmocka_unit_test(test_print_of_built_trees),
		cmocka_unit_test(test_merge_patch),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"

/* Several documents are joined by " | ". */
static const struct {
	const char *in, *json;
} good[] = {
	{ "", "" },
	{ "# nothing\n", "" },
	{ "---\n---\n# nothing\n---\na: 1\n...\n---\n", "{\"a\":1}" },
	{ "a: 1\n---\nb: 2\n--- text\n--- ~\n", "{\"a\":1} | {\"b\":2} | \"text\" | null" },
	{ "'true'", "\"true\"" },
	{ "\"true\"", "\"true\"" },
	{ "[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]" },
	{ "[yes, no, on, off, y, n, Yes, OFF]", "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"Yes\",\"OFF\"]" },
	{ "[null, Null, NULL, ~, '', 'null', nUll]", "[null,null,null,null,\"\",\"null\",\"nUll\"]" },
	{ "a:\nb: ''\n", "{\"a\":null,\"b\":\"\"}" },
	{ "[0, 5, -5, +5, 99, '5']", "[0,5,-5,5,99,\"5\"]" },
	{ "[0x1F, 0o17, 0b11, 0644, 08, 0x, 0xg, -0x10, 1_000]", "[31,15,3,420,8,\"0x\",\"0xg\",-16,\"1_000\"]" },
	{ "[9007199254740992, -9007199254740992]", "[9007199254740992,-9007199254740992]" },
	{ "[1.5, .5, 5., 1e3, -1.5E-2, 1.2.3, 12:30, 2026-11-24, '1.5']",
	  "[1.5,0.5,5,1000,-0.015,\"1.2.3\",\"12:30\",\"2026-11-24\",\"1.5\"]" },
	{ "[5s, 25%, 1m30s, -, +, ., e5, inf, nan]",
	  "[\"5s\",\"25%\",\"1m30s\",\"-\",\"+\",\".\",\"e5\",\"inf\",\"nan\"]" },
	{ "[!!str 5, !!int 5, !!float 5, !!bool true, !!null ~, ! 5, !!int '5']", "[\"5\",5,5,true,null,\"5\",5]" },
	{ "!!map {a: !!seq [1]}", "{\"a\":[1]}" },
	{ "1: a\ntrue: b\n~: c\n'': d\n", "{\"1\":\"a\",\"true\":\"b\",\"~\":\"c\",\"\":\"d\"}" },
	{ "# \xe8\xaf\xa5\xe5\xa4\x84\xe7\x9a\x84\nname: \xe7\x81\xb0\xe5\xba\xa6 # \xe6\xad\xa5\xe9\x95\xbf\n",
	  "{\"name\":\"\xe7\x81\xb0\xe5\xba\xa6\"}" },
	{ "\xef\xbb\xbf"
	  "a: 1\n",
	  "{\"a\":1}" },
	{ "a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}" },
	{ "a: \"\\u7070\\x41\\n\"", "{\"a\":\"\xe7\x81\xb0"
				    "A\\n\"}" },
	{ "{\"json\": [1, {\"a\": null}],\n\t\"tab\": true}", "{\"json\":[1,{\"a\":null}],\"tab\":true}" },
	{ "a: 1\r\nb:\r\n  - c\r\n", "{\"a\":1,\"b\":[\"c\"]}" },
	{ "a: &x [1, {b: 2}]\nc: *x\nd: *x\n", "{\"a\":[1,{\"b\":2}],\"c\":[1,{\"b\":2}],\"d\":[1,{\"b\":2}]}" },
	{ "a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}" },
	{ "base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3\n",
	  "{\"base\":{\"x\":1,\"y\":2},\"more\":{\"y\":3,\"x\":1}}" },
	{ "a: {<<: [{x: 1, y: 1}, {x: 2, z: 2}], z: 3}", "{\"a\":{\"z\":3,\"x\":1,\"y\":1}}" },
	{ "a: {<<: &m {x: 1}}\nb: *m\n", "{\"a\":{\"x\":1},\"b\":{\"x\":1}}" },
	{ "a: {'<<': 1}", "{\"a\":{\"<<\":1}}" },
	{ "%YAML 1.1\n---\na: 1\n", "{\"a\":1}" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct error e = { .text = "" };
		struct yaml_doc **docs;
		size_t count;
		if (yaml_parse("f", good[i].in, strlen(good[i].in), &docs, &count, &e) != RC_OK)
			fail_msg("%s: %s", good[i].in, e.text);
		struct strbuf b;
		strbuf_init(&b, 10000);
		for (size_t d = 0; d < count; d++) {
			CLEANUP(free_p) char *json = json_print(yaml_root(docs[d]));
			strbuf_addf(&b, "%s%s", d ? " | " : "", json);
			assert_string_equal(yaml_file(docs[d]), "f");
		}
		assert_string_equal(b.s, good[i].json);
		strbuf_finish(&b);
		yaml_free(docs, count);
	}
}

#define TEXT(s) (s), sizeof(s) - 1
static const struct {
	const char *in;
	size_t len;
	const char *error;
} bad[] = {
	{ TEXT("a: 1\nb: 2\na: 3\n"), "f:3:1: key \"a\" for the second time" },
	{ TEXT("a:\n  - {x: 1, \"x\": 2}\n"), "f:2:12: key \"x\" for the second time" },
	{ TEXT("{b: 1, a: 1, b: 1, a: 1}"), "f:1:14: key \"b\" for the second time" },
	{ TEXT("a: {<<: {}, <<: {}}"), "f:1:13: key \"<<\" for the second time" },
	{ TEXT("a:\n  <<: 1\n"), "f:2:7: \"<<\" needs a mapping or a list of mappings" },
	{ TEXT("a:\n  <<: [{x: 1}, 2]\n"), "f:2:7: \"<<\" needs a mapping or a list of mappings" },
	{ TEXT("a:\n\tb: 1\n"), "f:2:1: a tab where YAML wants blanks" },
	{ TEXT("a:\n  b: 1\n\tc: 1\n"), "f:3:1: a tab where YAML wants blanks" },
	{ TEXT("a: b: c"), "f:1:5: mapping values are not allowed in this context" },
	{ TEXT("# \xe6\xad\xa5\xe9\x95\xbf\n\xe6\xad\xa5: @x"),
	  "f:2:4: found character that cannot start any token while scanning for the next token from line 2 on" },
	{ TEXT("a: [1,\n b: 2\n"),
	  "f:3:1: did not find expected ',' or ']' while parsing a flow sequence from line 1 on" },
	{ TEXT("a: 'x"), "f:1:6: found unexpected end of stream while scanning a quoted scalar from line 1 on" },
	{ TEXT("%YAML 3.0\n---\na: 1\n"), "f:1:1: found incompatible YAML document" },
	{ TEXT("a: \xff"), "f:1:4: byte 0xff is not valid UTF-8" },
	{ TEXT("a: \xe7\x81\xb0\nb: \xed\xa0\x80"), "f:2:4: byte 0xed is not valid UTF-8" },
	{ TEXT("a: \x01"), "f:1:4: control characters are not allowed" },
	{ TEXT("a: b\0c"), "f:1:5: control characters are not allowed" },
	{ TEXT("a: \"b\\0c\""), "f:1:4: a NUL character in a text" },
	{ TEXT("\"b\\0c\": 1"), "f:1:1: a NUL character in a key" },
	{ TEXT("a: 9007199254740993"),
	  "f:1:4: the number 9007199254740993 does not fit (integers up to 2^53), put it in quotes to have a text" },
	{ TEXT("a: 0xffffffffffffffffff"), "f:1:4: the number 0xffffffffffffffffff does not fit (integers up to 2^53), "
					   "put it in quotes to have a text" },
	{ TEXT("a: 09007199254740993"),
	  "f:1:4: the number 09007199254740993 does not fit (integers up to 2^53), put it in quotes to have a text" },
	{ TEXT("a: 1e999"),
	  "f:1:4: the number 1e999 does not fit (integers up to 2^53), put it in quotes to have a text" },
	{ TEXT("a: -.inf"),
	  "f:1:4: the number -.inf does not fit (integers up to 2^53), put it in quotes to have a text" },
	{ TEXT("a: .NaN"),
	  "f:1:4: the number .NaN does not fit (integers up to 2^53), put it in quotes to have a text" },
	{ TEXT("a: !!int x"), "f:1:4: \"x\" cannot have the tag tag:yaml.org,2002:int" },
	{ TEXT("a: !!bool 1"), "f:1:4: \"1\" cannot have the tag tag:yaml.org,2002:bool" },
	{ TEXT("a: !secret x"), "f:1:4: \"x\" cannot have the tag !secret" },
	{ TEXT("a: !!binary eA=="), "f:1:4: \"eA==\" cannot have the tag tag:yaml.org,2002:binary" },
	{ TEXT("a: !x {}"), "f:1:4: a mapping cannot have the tag !x" },
	{ TEXT("a: !!set []"), "f:1:4: a list cannot have the tag tag:yaml.org,2002:set" },
	{ TEXT("? [a]\n: 1\n"), "f:1:3: a key must be a text, not a list" },
	{ TEXT("? {a: 1}\n: 1\n"), "f:1:3: a key must be a text, not a mapping" },
	{ TEXT("a: *x"), "f:1:4: alias *x has no anchor before it" },
	{ TEXT("a: &x 1\n---\nb: *x\n"), "f:3:4: alias *x has no anchor before it" },
	{ TEXT("a: &x [1, *x]"), "f:1:11: alias *x stands inside its own anchor" },
	{ TEXT("a: &x k\n*x : 1\n"), "f:2:1: alias *x as a key or of a key is not supported" },
	{ TEXT("&x k: *x"), "f:1:7: alias *x as a key or of a key is not supported" },
	{ TEXT("a: 1\n--- [\n"), "f:3:1: did not find expected node content while parsing a flow node from line 3 on" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct error e = { .text = "" };
		CLEANUP(free_p) char *text = malloc(bad[i].len);
		memcpy(text, bad[i].in, bad[i].len);
		struct yaml_doc **docs = NULL;
		size_t count = 4711;
		enum result r = yaml_parse("f", text, bad[i].len, &docs, &count, &e);
		if (r != RC_INVALID || strcmp(e.text, bad[i].error) != 0 || docs || count != 4711)
			fail_msg("%s: \"%s\" instead of \"%s\"", bad[i].in, e.text, bad[i].error);
	}
}

static enum result try(const char *text, size_t len, struct error *e)
{
	struct yaml_doc **docs;
	size_t count;
	enum result r = yaml_parse("f", text, len, &docs, &count, e);
	if (r == RC_OK)
		yaml_free(docs, count);
	return r;
}

static void test_depth(void **state)
{
	(void)state;
	struct error e = { .text = "" };
	char text[200];
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	assert_int_equal(try(text + 1, 128, &e), RC_OK);
	assert_int_equal(try(text, 130, &e), RC_INVALID);
	assert_string_equal(e.text, "f:1:65: nested deeper than 64");

	/* An alias brings the depth of its anchor along. */
	static const struct {
		unsigned outer, inner;
		enum result r;
	} cases[] = { { 32, 32, RC_OK }, { 32, 33, RC_INVALID } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct strbuf b;
		strbuf_init(&b, 1000);
		strbuf_add(&b, "[ &x ");
		for (unsigned n = 0; n < cases[i].inner; n++)
			strbuf_addc(&b, '[');
		for (unsigned n = 0; n < cases[i].inner; n++)
			strbuf_addc(&b, ']');
		strbuf_addc(&b, ',');
		for (unsigned n = 1; n < cases[i].outer; n++)
			strbuf_addc(&b, '[');
		strbuf_add(&b, "*x");
		for (unsigned n = 1; n < cases[i].outer; n++)
			strbuf_addc(&b, ']');
		strbuf_addc(&b, ']');
		assert_int_equal(try(b.s, b.len, &e), cases[i].r);
		strbuf_finish(&b);
	}
	assert_string_equal(e.text, "f:1:104: nested deeper than 64");
}

static void test_node_limit(void **state)
{
	(void)state;
	struct error e = { .text = "" };
	struct strbuf b;
	strbuf_init(&b, 1 << 20);
	strbuf_addc(&b, '[');
	for (int i = 1; i < 100000; i++)
		strbuf_add(&b, "1,\n");
	strbuf_addc(&b, ']');
	assert_int_equal(try(b.s, b.len, &e), RC_OK);
	b.s[b.len - 1] = '1';
	strbuf_addc(&b, ']');
	assert_int_equal(try(b.s, b.len, &e), RC_INVALID);
	assert_string_equal(e.text, "f:100000:1: more than 100000 values (aliases count each time they are used)");
	strbuf_finish(&b);
}

/* Nine lines that mean 10^9 values. */
static void test_alias_bomb(void **state)
{
	(void)state;
	struct error e = { .text = "" };
	struct strbuf b;
	strbuf_init(&b, 10000);
	strbuf_add(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 9; i++) {
		strbuf_addf(&b, "a%d: &a%d [", i, i);
		for (int n = 0; n < 10; n++)
			strbuf_addf(&b, "%s*a%d", n ? "," : "", i - 1);
		strbuf_add(&b, "]\n");
	}
	assert_int_equal(try(b.s, b.len, &e), RC_INVALID);
	assert_string_equal(e.text, "f:5:38: more than 100000 values (aliases count each time they are used)");
	strbuf_finish(&b);
}

static void test_anchor_limit(void **state)
{
	(void)state;
	struct error e = { .text = "" };
	struct strbuf b;
	strbuf_init(&b, 100000);
	for (int i = 0; i < 256; i++)
		strbuf_addf(&b, "- &a%d x\n", i);
	assert_int_equal(try(b.s, b.len, &e), RC_OK);
	strbuf_add(&b, "- &more x\n");
	assert_int_equal(try(b.s, b.len, &e), RC_INVALID);
	assert_string_equal(e.text, "f:257:3: more than 256 anchors");
	strbuf_finish(&b);
}

static void test_byte_limit(void **state)
{
	(void)state;
	enum { MAX = 4 * 1024 * 1024 };
	struct error e = { .text = "" };
	CLEANUP(free_p) char *text = malloc(MAX + 1);
	memset(text, ' ', MAX + 1);
	text[0] = '#';
	assert_int_equal(try(text, MAX, &e), RC_OK);
	assert_int_equal(try(text, MAX + 1, &e), RC_INVALID);
	assert_string_equal(e.text, "f: 4194305 bytes, but at most 4194304 (4 MiB) are read");
}

static void test_many_keys(void **state)
{
	(void)state;
	struct error e = { .text = "" };
	struct strbuf b;
	strbuf_init(&b, 1 << 21);
	for (int i = 0; i < 90000; i++)
		strbuf_addf(&b, "k%d: 0\n", i);
	strbuf_add(&b, "k0: 0\n");
	assert_int_equal(try(b.s, b.len, &e), RC_INVALID);
	assert_string_equal(e.text, "f:90001:1: key \"k0\" for the second time");
	strbuf_finish(&b);
}

static struct yaml_doc *load(const char *path, size_t index, struct yaml_doc ***docs, size_t *count)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		fail_msg("cannot open %s", path);
	char text[16384];
	size_t len = fread(text, 1, sizeof text, f);
	fclose(f);
	struct error e;
	if (yaml_parse(path, text, len, docs, count, &e) != RC_OK)
		fail_msg("%s", e.text);
	assert_true(index < *count);
	return (*docs)[index];
}

static void test_seed_canary(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		unsigned line, column, key_line, key_column;
	} places[] = {
		{ "", 1, 1, 0, 0 },
		{ "metadata", 4, 3, 3, 1 },
		{ "metadata.annotations.alicloud\\.canary\\.extension\\.switch", 6, 39, 6, 5 },
		{ "spec.analysis.webhooks.0", 13, 9, 0, 0 },
		{ "spec.analysis.webhooks.0.metadata.data", 21, 19, 21, 13 },
		{ "spec.analysis.stepWeight", 29, 17, 29, 5 },
		{ "spec.service.targetPort", 41, 17, 41, 5 },
	};
	struct yaml_doc **docs;
	size_t count;
	struct yaml_doc *d = load("tests/fixtures/seed/podinfo-canary.yaml", 0, &docs, &count);
	assert_int_equal(count, 1);
	const cJSON *root = yaml_root(d);
	assert_string_equal(json_text(root, "metadata.annotations.alicloud\\.canary\\.extension\\.switch", "?"),
			    "true");
	assert_string_equal(json_text(root, "spec.analysis.webhooks.0.metadata.data", "?"),
			    "{\"msgtype\": \"text\",\"text\": {\"content\": \"deploy success\"}}");
	assert_string_equal(json_text(root, "spec.analysis.interval", "?"), "3s");
	assert_int_equal(json_int(root, "spec.analysis.stepWeight", -1), 20);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const cJSON *node = json_at(root, places[i].path);
		struct yaml_place at = yaml_place(d, node), key = yaml_key_place(d, node);
		if (at.line != places[i].line || at.column != places[i].column || key.line != places[i].key_line ||
		    key.column != places[i].key_column)
			fail_msg("%s: %u:%u, key %u:%u", places[i].path, at.line, at.column, key.line, key.column);
	}
	yaml_free(docs, count);
}

static void test_seed_application(void **state)
{
	(void)state;
	struct yaml_doc **docs;
	size_t count;
	struct yaml_doc *ingress = load("tests/fixtures/seed/podinfo.yaml", 2, &docs, &count);
	assert_int_equal(count, 3);
	static const char *const kinds[] = { "Deployment", "Service", "Ingress" };
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(json_text(yaml_root(docs[i]), "kind", "?"), kinds[i]);
	const cJSON *port = json_at(yaml_root(ingress), "spec.rules.0.http.paths.0.backend.servicePort");
	assert_int_equal(json_int(port, "", -1), 80);
	assert_int_equal(yaml_place(ingress, port).line, 85);
	assert_string_equal(json_text(yaml_root(docs[0]), "spec.strategy.rollingUpdate.maxSurge", "?"), "25%");
	assert_true(cJSON_IsObject(json_at(yaml_root(docs[0]), "spec.template.spec.securityContext")));
	yaml_free(docs, count);
}

static void test_places(void **state)
{
	(void)state;
	static const char text[] = "a: &x\n  p: 1\nb: *x\nc:\n  <<: *x\n  q: 2\n\xe6\xad\xa5: [\xe9\x95\xbf, 5]\n";
	struct yaml_doc **docs;
	size_t count;
	struct error e;
	assert_int_equal(yaml_parse("f", text, strlen(text), &docs, &count, &e), RC_OK);
	struct yaml_doc *d = docs[0];
	cJSON *root = yaml_take_root(d);
	assert_null(yaml_root(d));
	static const struct {
		const char *path;
		unsigned line, column, key_line, key_column;
	} places[] = {
		{ "b", 3, 4, 3, 1 },   /* where the alias stands */
		{ "b.p", 2, 6, 2, 3 }, /* where it is written */
		{ "c.p", 2, 6, 2, 3 },
		{ "c.q", 6, 6, 6, 3 },
		{ "\xe6\xad\xa5.1", 7, 8, 0, 0 }, /* columns count characters */
	};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const cJSON *node = json_at(root, places[i].path);
		struct yaml_place at = yaml_place(d, node), key = yaml_key_place(d, node);
		if (at.line != places[i].line || at.column != places[i].column || key.line != places[i].key_line ||
		    key.column != places[i].key_column)
			fail_msg("%s: %u:%u, key %u:%u", places[i].path, at.line, at.column, key.line, key.column);
	}
	cJSON stranger = { 0 };
	assert_int_equal(yaml_place(d, &stranger).line, 0);
	assert_int_equal(yaml_place(d, NULL).line, 0);
	assert_int_equal(yaml_key_place(d, NULL).line, 0);
	cJSON_Delete(root);
	yaml_free(docs, count);
	yaml_free(NULL, 0);
}

/* out: NULL when it is printed as it was read. */
static const struct {
	const char *in, *out;
} printed[] = {
	{ "a: 1\n", NULL },
	{ "a: '1'\nb: 'true'\nc: ''\nd: 'null'\ne: '~'\n", NULL },
	{ "list:\n- a\n- b: 1\n  c: []\n- {}\n", NULL },
	{ "text: |\n  one\n  two\nkept: |-\n  one\n  two\nmore: |+\n  one\n\n...\n", NULL },
	{ "'yes': 'no'\n'on': 'off'\nwords: yes or no\n", NULL },
	{ "version: '1.2.3'\nimage: registry/app:1.2.3\ntime: '12:30'\nday: '2026-11-24'\nduration: 5s\n", NULL },
	{ "name: \xe7\x81\xb0\xe5\xba\xa6\n", NULL },
	{ "\"\xf0\x9f\x9a\x80\"\n", "\"\\U0001F680\"\n" },
	{ "half: 0.5\nlarge: 9007199254740992\nnothing: null\nyes: true\n",
	  "half: 0.5\nlarge: 9007199254740992\nnothing: null\n'yes': true\n" },
	{ "colon: 'a: b'\nhash: 'a #b'\ndash: '- a'\nstar: '*a'\nblank: ' a '\n", NULL },
	{ "control: \"a\\tb\\x01\"\n", NULL },
};

static void test_print(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof printed / sizeof *printed; i++) {
		struct yaml_doc **docs;
		size_t count;
		struct error e;
		if (yaml_parse("f", printed[i].in, strlen(printed[i].in), &docs, &count, &e) != RC_OK)
			fail_msg("%s", e.text);
		CLEANUP(free_p) char *text = yaml_print(yaml_root(docs[0]));
		assert_string_equal(text, printed[i].out ? printed[i].out : printed[i].in);
		struct yaml_doc **again;
		size_t again_count;
		assert_int_equal(yaml_parse("f", text, strlen(text), &again, &again_count, &e), RC_OK);
		assert_true(json_equal(yaml_root(docs[0]), yaml_root(again[0])));
		yaml_free(docs, count);
		yaml_free(again, again_count);
	}
	CLEANUP(json_delete_p) cJSON *bad_text = cJSON_CreateString("a\xff");
	CLEANUP(free_p) char *text = yaml_print(bad_text);
	assert_string_equal(text, "a\xef\xbf\xbd\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),        cmocka_unit_test(test_bad),
		cmocka_unit_test(test_depth),       cmocka_unit_test(test_node_limit),
		cmocka_unit_test(test_alias_bomb),  cmocka_unit_test(test_anchor_limit),
		cmocka_unit_test(test_byte_limit),  cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_seed_canary), cmocka_unit_test(test_seed_application),
		cmocka_unit_test(test_places),      cmocka_unit_test(test_print),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "controller/node/images.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

enum { ARENA_BYTES = 65536 };
#define WORDS(...)                                                                                                     \
	(const char *const[])                                                                                          \
	{                                                                                                              \
		__VA_ARGS__, NULL                                                                                      \
	}

static const struct node_image table[] = {
	{ "registry.example.com/shop/web:*", WORDS("web", "{tag}"), NULL },
	{ "registry.example.com/shop/web:1.0", WORDS("old-web"), NULL },
	{ "registry.example.com/*", WORDS("any"), NULL },
	{ "registry.example.com/shop/web", WORDS("bare"), NULL },
};
enum { TABLE_LEN = sizeof table / sizeof table[0] };

static void test_the_closest_pattern_is_taken(void **state)
{
	static const struct {
		const char *image, *command;
	} cases[] = {
		{ "registry.example.com/shop/web:2.0", "web" },
		{ "registry.example.com/shop/web:1.0", "old-web" },
		{ "registry.example.com/shop/web:1.0.1", "web" },
		{ "registry.example.com/shop/web", "bare" },
		{ "registry.example.com/other:1", "any" },
		{ "registry.example.org/shop/web:1.0", NULL },
		{ "", NULL },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct node_image *found = images_find(table, TABLE_LEN, cases[i].image);
		const char *command = found ? found->command[0] : NULL;
		if (!text_eq(command, cases[i].command))
			fail_msg("%s: %s", cases[i].image, command ? command : "none");
	}
}

static void test_tags(void **state)
{
	static const char *const cases[][2] = {
		{ "web:green", "green" },           { "registry:5000/web", "latest" },
		{ "registry:5000/web:1.2", "1.2" }, { "registry:5000/web:1.2@sha256:abcd", "1.2" },
		{ "web@sha256:abcd", "latest" },    { "web:", "" },
	};
	(void)state;
	struct arena *a = arena_create(4096);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(image_tag(a, cases[i][0]), cases[i][1]);
	arena_destroy(a);
}

static const struct image_use use = {
	.image = "r/web:green",
	.pod = "web-1",
	.ns = "shop",
	.address = "127.10.0.2",
	.port = 8080,
	.args = WORDS("-v", "{tag}"),
};

static void test_placeholders_are_replaced(void **state)
{
	static const char *const words[] = {
		"web",
		"--at={address}:{port}",
		"{tag}{tag}",
		"{image}",
		"{namespace}/{pod}",
		"{args}",
		"{\"a\":{}}",
		"{",
		"",
		NULL,
	};
	static const char *const wanted[] = {
		"web",        "--at=127.10.0.2:8080",
		"greengreen", "r/web:green",
		"shop/web-1", "-v",
		"{tag}",      "{\"a\":{}}",
		"{",          "",
	};
	const char *const *got;
	struct error e;
	(void)state;
	struct arena *a = arena_create(ARENA_BYTES);
	assert_int_equal(image_expand(a, words, &use, &got, &e), RC_OK);
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		assert_string_equal(got[i], wanted[i]);
	assert_null(got[sizeof wanted / sizeof wanted[0]]);
	arena_destroy(a);
}

static void test_a_port_that_is_not_there(void **state)
{
	struct image_use without = use;
	const char *const *got = NULL;
	struct error e;
	(void)state;
	struct arena *a = arena_create(ARENA_BYTES);
	without.port = 0;
	assert_int_equal(image_expand(a, WORDS("web", "{port}"), &without, &got, &e), RC_INVALID);
	assert_string_equal(e.text, "the command wants {port}, and the container has no ports[0].containerPort");
	assert_null(got);
	assert_int_equal(image_expand(a, WORDS("web"), &without, &got, &e), RC_OK);
	arena_destroy(a);
}

static void test_mistakes_of_a_table(void **state)
{
	const struct {
		struct node_image image;
		const char *error;
	} cases[] = {
		{ { "a:*", WORDS("x", "{tag}", "{args}"), WORDS("A={tag}", "B=") }, NULL },
		{ { "a*:1", WORDS("x"), NULL },
		  "image \"a*:1\": a pattern is an image's name, and \"*\" may only be its end" },
		{ { "", WORDS("x"), NULL }, "image \"\": a pattern is an image's name, and \"*\" may only be its end" },
		{ { "a", NULL, NULL }, "image \"a\": there is no command" },
		{ { "a", WORDS(""), NULL }, "image \"a\": there is no command" },
		{ { "a", WORDS("x", "{tagg}"), NULL },
		  "image \"a\": command: \"{tagg}\": there is no {tagg}; there are {tag} {image} {port} {address} "
		  "{pod} "
		  "{namespace} and, as a whole argument, {args}" },
		{ { "a", WORDS("x", "-{args}"), NULL },
		  "image \"a\": command: \"-{args}\": {args} must be an argument of its own" },
		{ { "a", WORDS("{args}"), NULL },
		  "image \"a\": command: \"{args}\": {args} must be an argument of its own" },
		{ { "a", WORDS("x"), WORDS("=x") }, "image \"a\": env \"=x\": not NAME=value" },
		{ { "a", WORDS("x"), WORDS("x") }, "image \"a\": env \"x\": not NAME=value" },
	};
	struct error e;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		enum result r = images_check(&cases[i].image, 1, &e);
		assert_int_equal(r, cases[i].error ? RC_INVALID : RC_OK);
		if (cases[i].error)
			assert_string_equal(e.text, cases[i].error);
	}
	const struct node_image twice[] = { { "a", WORDS("x"), NULL }, { "a", WORDS("y"), NULL } };
	assert_int_equal(images_check(twice, 2, &e), RC_INVALID);
	assert_string_equal(e.text, "image \"a\" is there twice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_closest_pattern_is_taken), cmocka_unit_test(test_tags),
		cmocka_unit_test(test_placeholders_are_replaced),    cmocka_unit_test(test_a_port_that_is_not_there),
		cmocka_unit_test(test_mistakes_of_a_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

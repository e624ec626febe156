#include "controller/node/upstream_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static const char *const a1[] = { "127.0.0.1:1001" }, *const a2[] = { "127.0.0.1:1001", "127.0.0.1:1002" },
			 *const b3[] = { "10.0.0.1:80", "10.0.0.2:80", "[::1]:80" };
#define NONE                                                                                                           \
	{                                                                                                              \
		NULL, 0                                                                                                \
	}
#define OF(list)                                                                                                       \
	{                                                                                                              \
		list, sizeof(list) / sizeof *(list)                                                                    \
	}

static struct strbuf rendered(const struct upstream_wish *w)
{
	struct strbuf b;
	struct error e;
	strbuf_init(&b, UPSTREAM_BYTES_MAX);
	if (upstream_text(w, &b, &e) != RC_OK)
		fail_msg("%s", e.text);
	return b;
}

static void test_weights(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		int weight;
		struct upstream_side primary, canary;
		const char *servers; /* of upstream "shop" */
		int given;
	} cases[] = {
		{ "all to the primary", 0, OF(a2), OF(b3), "\tserver 127.0.0.1:1001;\n\tserver 127.0.0.1:1002;\n", 0 },
		{ "shares of unequal sides", 20, OF(a2), OF(b3),
		  "\tserver 127.0.0.1:1001 weight=6;\n\tserver 127.0.0.1:1002 weight=6;\n\tserver 10.0.0.1:80;\n"
		  "\tserver 10.0.0.2:80;\n\tserver [::1]:80;\n",
		  20 },
		{ "a half", 50, OF(a1), OF(a1), "\tserver 127.0.0.1:1001;\n\tserver 127.0.0.1:1001;\n", 50 },
		{ "all to the canary", 100, OF(a2), OF(a1), "\tserver 127.0.0.1:1001;\n", 100 },
		{ "a canary that is not ready gets nothing", 40, OF(a1), NONE, "\tserver 127.0.0.1:1001;\n", 0 },
		{ "without a primary the canary gets all", 40, NONE, OF(a1), "\tserver 127.0.0.1:1001;\n", 100 },
		{ "nothing is ready", 40, NONE, NONE, "\tserver 127.0.0.1:1 down; # nothing is ready\n", 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct upstream_wish w = { .name = "shop",
						 .ns = "default",
						 .canary = "shop",
						 .target = "shop",
						 .weight = cases[i].weight,
						 .primary_side = cases[i].primary,
						 .canary_side = cases[i].canary };
		char wanted[1024];
		snprintf(wanted, sizeof wanted,
			 "upstream shop {\n\tzone shop 256k;\n%s}\nmap \"\" $shop {\n\tdefault shop;\n}\n",
			 cases[i].servers);
		struct strbuf b = rendered(&w);
		if (!strstr(b.s, wanted) || upstream_weight(&w) != cases[i].given)
			fail_msg("%s: %d\n%s", cases[i].name, upstream_weight(&w), b.s);
		assert_true(upstream_text_untouched(b.s));
		strbuf_finish(&b);
	}
}

#define CHOICE "map \"${my_shop_if_0}\" $my_shop {\n\tdefault my-shop_canary;\n\t\"\" my-shop_primary;\n}\n"

static void test_conditions(void **state)
{
	(void)state;
	static const struct {
		const char *name, *match, *wanted;
		int weight;
	} cases[] = {
		{ "nobody yet", "[{\"header\":\"X-User\",\"exact\":\"in\"}]",
		  "map \"\" $my_shop {\n\tdefault my-shop_primary;\n}\n", 0 },
		{ "a header's value", "[{\"header\":\"X-User\",\"exact\":\"a.b\"}]",
		  "map $http_x_user $my_shop_if_0 {\n\tdefault \"\";\n\t\"~^a\\\\x2eb$\" 1;\n}\n" CHOICE, 100 },
		{ "its beginning", "[{\"header\":\"x\",\"prefix\":\"in\"}]", "\"~^in\" 1;\n", 100 },
		{ "its end", "[{\"header\":\"x\",\"suffix\":\"in\"}]", "\"~in$\" 1;\n", 100 },
		{ "a pattern", "[{\"header\":\"user-agent\",\"regex\":\".*\\\"Fox\\\\d\"}]",
		  "map $http_user_agent $my_shop_if_0 {\n\tdefault \"\";\n\t\"~.*\\\"Fox\\\\d\" 1;\n}\n", 100 },
		{ "it is there", "[{\"header\":\"x\"}]", "\"~.\" 1;\n", 100 },
		{ "a cookie by name", "[{\"header\":\"cookie\",\"exact\":\"canary\"}]",
		  "map $cookie_canary $my_shop_if_0 {\n\tdefault \"\";\n\talways 1;\n}\n", 100 },
		{ "one of several", "[{\"header\":\"x\",\"exact\":\"1\"},{\"header\":\"cookie\",\"regex\":\"a\"}]",
		  "map \"${my_shop_if_0}${my_shop_if_1}\" $my_shop {\n", 100 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(json_delete_p) cJSON *match = cJSON_Parse(cases[i].match);
		struct strbuf b = rendered(&(struct upstream_wish){ .name = "my-shop",
								    .ns = "default",
								    .canary = "shop",
								    .target = "shop",
								    .weight = cases[i].weight,
								    .match = match,
								    .primary_side = OF(a1),
								    .canary_side = OF(b3) });
		if (!strstr(b.s, cases[i].wanted) || !strstr(b.s, "upstream my-shop_primary {") ||
		    !strstr(b.s, "upstream my-shop_canary {"))
			fail_msg("%s:\n%s", cases[i].name, b.s);
		strbuf_finish(&b);
	}
}

static void test_what_cannot_be_written(void **state)
{
	(void)state;
	static const struct {
		const char *match, *says;
	} cases[] = {
		{ "[{\"header\":\"x;y\",\"exact\":\"1\"}]", "match: \"x;y\" is not the name of a header" },
		{ "[{\"header\":\"\",\"exact\":\"1\"}]", "is not the name of a header" },
		{ "[{\"header\":\"cookie\",\"exact\":\"a-b\"}]", "exact is the name of a cookie" },
		{ "[{\"header\":\"x\",\"exact\":\"a\\nb\"}]", "has line ends" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		CLEANUP(json_delete_p) cJSON *match = cJSON_Parse(cases[i].match);
		struct error e = { 0 };
		struct strbuf b;
		strbuf_init(&b, UPSTREAM_BYTES_MAX);
		const struct upstream_wish w = { .name = "shop",
						 .ns = "default",
						 .canary = "shop",
						 .target = "shop",
						 .weight = 100,
						 .match = match,
						 .primary_side = OF(a1),
						 .canary_side = OF(a1) };
		assert_int_equal(upstream_text(&w, &b, &e), RC_INVALID);
		if (!strstr(e.text, cases[i].says) || b.len)
			fail_msg("%s: %s", cases[i].match, e.text);
		strbuf_finish(&b);
	}
}

/* Pods without traffic are no reason to reload. */
static void test_a_side_without_traffic_is_not_named(void **state)
{
	(void)state;
	CLEANUP(json_delete_p) cJSON *match = cJSON_Parse("[{\"header\":\"x\",\"exact\":\"1\"}]");
	for (int by_match = 0; by_match < 2; by_match++) {
		struct upstream_wish w = { .name = "shop",
					   .ns = "default",
					   .canary = "shop",
					   .target = "shop",
					   .match = by_match ? match : NULL,
					   .primary_side = OF(a1),
					   .canary_side = NONE };
		struct strbuf without = rendered(&w);
		w.canary_side = (struct upstream_side)OF(b3);
		struct strbuf with = rendered(&w);
		assert_string_equal(with.s, without.s);
		strbuf_finish(&with);
		strbuf_finish(&without);
	}
}

static void test_who_has_answered(void **state)
{
	(void)state;
	struct strbuf b = rendered(&(struct upstream_wish){ .name = "my-shop",
							    .ns = "default",
							    .canary = "c",
							    .target = "web",
							    .weight = 20,
							    .primary_side = OF(a1),
							    .canary_side = { b3, 1 } });
	assert_non_null(strstr(b.s, "map $upstream_addr $my_shop_side {\n\tdefault \"-\";\n"
				    "\t\"~^10\\\\x2e0\\\\x2e0\\\\x2e1\\\\x3a80(,|$)\" canary;\n"
				    "\t\"~^127\\\\x2e0\\\\x2e0\\\\x2e1\\\\x3a1001(,|$)\" primary;\n}\n"));
	assert_non_null(strstr(b.s, "map \"\" $my_shop_route {\n\tdefault default/web;\n}\n"));
	assert_non_null(
		strstr(b.s, "log_format my_shop_traffic '$status $request_time $my_shop_side $my_shop_route';\n"));
	strbuf_finish(&b);
}

static void test_the_seal(void **state)
{
	(void)state;
	struct strbuf b = rendered(&(struct upstream_wish){ .name = "shop",
							    .ns = "default",
							    .canary = "shop",
							    .target = "shop",
							    .primary_side = OF(a1),
							    .canary_side = NONE });
	assert_true(upstream_text_untouched(b.s));
	b.s[b.len - 2] ^= 1;
	assert_false(upstream_text_untouched(b.s));
	b.s[b.len - 2] ^= 1;
	b.s[40] ^= 1; /* a digit of the seal */
	assert_false(upstream_text_untouched(b.s));
	strbuf_finish(&b);
	assert_false(upstream_text_untouched(""));
	assert_false(upstream_text_untouched("upstream shop { server 10.0.0.1; }\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_what_cannot_be_written),
		cmocka_unit_test(test_a_side_without_traffic_is_not_named),
		cmocka_unit_test(test_who_has_answered),
		cmocka_unit_test(test_the_seal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

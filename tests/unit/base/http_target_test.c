#include "base/http_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/http_server_private.h"

static void test_paths(void **state)
{
	(void)state;
	/* NULL: refused */
	static const struct {
		const char *raw, *path;
	} rows[] = {
		{ "/", "/" },
		{ "/a/b", "/a/b" },
		{ "/a%20b+c", "/a b+c" },
		{ "/%2e%2e%2Fx", "/..%2Fx" },
		{ "/a%2fb", "/a%2Fb" },
		{ "/a//b/", "/a//b/" },
		{ "/...", "/..." },
		{ "/.a/b.", "/.a/b." },
		{ "/%E4%B8%AD", "/\xe4\xb8\xad" },
		{ "/..", NULL },
		{ "/.", NULL },
		{ "/a/./b", NULL },
		{ "/a/%2E./b", NULL },
		{ "/a/..", NULL },
		{ "/%00", NULL },
		{ "/%1f", NULL },
		{ "/%7F", NULL },
		{ "/%", NULL },
		{ "/%a", NULL },
		{ "/%ag", NULL },
		{ "/%+1", NULL },
		{ "/%c0%af", NULL },
		{ "/%ff", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		CLEANUP(arena_destroy_p) struct arena *a = arena_create(4096);
		const char *path = NULL;
		enum result r = http_decode_path(a, rows[i].raw, strlen(rows[i].raw), &path, NULL);
		if ((r == RC_OK) != (rows[i].path != NULL) || (path && strcmp(path, rows[i].path) != 0))
			fail_msg("%s: %s", rows[i].raw, path ? path : "refused");
	}
}

static void test_pairs(void **state)
{
	(void)state;
	static const struct {
		const char *raw, *printed;
	} rows[] = {
		{ "", "" },
		{ "a=b", "a=b;" },
		{ "a", "a=;" },
		{ "=b", "=b;" },
		{ "&&a=1&&b=2&", "a=1;b=2;" },
		{ "a=b=c", "a=b=c;" },
		{ "a%3Db=%26+%2B", "a=b=& +;" },
		{ "a=%", NULL },
		{ "a=%4", NULL },
		{ "%00=1", NULL },
		{ "a=%ff", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		CLEANUP(arena_destroy_p) struct arena *a = arena_create(4096);
		struct http_pairs p = { 0 };
		char printed[128] = "";
		enum result r = http_decode_pairs(a, rows[i].raw, strlen(rows[i].raw), &p, NULL);
		for (size_t n = 0; n < p.n; n++)
			snprintf(printed + strlen(printed), sizeof printed - strlen(printed), "%s=%s;", p.at[n].name,
				 p.at[n].value);
		if ((r == RC_OK) != (rows[i].printed != NULL) || (r == RC_OK && strcmp(printed, rows[i].printed) != 0))
			fail_msg("%s: %s", rows[i].raw, r == RC_OK ? printed : "refused");
	}
}

static void test_pairs_limit(void **state)
{
	(void)state;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(1 << 20);
	struct http_pairs p;
	char raw[2001];
	for (size_t i = 0; i < sizeof raw; i++)
		raw[i] = i % 2 ? '&' : 'a';
	assert_int_equal(http_decode_pairs(a, raw, 1999, &p, NULL), RC_OK);
	assert_int_equal(p.n, 1000);
	assert_int_equal(http_decode_pairs(a, raw, 2001, &p, NULL), RC_INVALID);
}

static void test_routes(void **state)
{
	(void)state;
	/* printed NULL: no match */
	static const struct {
		const char *pattern, *path, *printed;
	} rows[] = {
		{ "/a", "/a", "" },
		{ "/a", "/a/", NULL },
		{ "/a", "/ab", NULL },
		{ "/ab", "/a", NULL },
		{ "/a/{x}", "/a/b", "x=b;" },
		{ "/a/{x}", "/a/", NULL },
		{ "/a/{x}", "/a", NULL },
		{ "/a/{x}", "/a/b/c", NULL },
		{ "/a/{x}/c", "/a/b/c", "x=b;" },
		{ "/a/{x}/c", "/a/b/d", NULL },
		{ "/{x}/{y}", "/a%2Fb/c", "x=a%2Fb;y=c;" },
		{ "/s/{rest...}", "/s/", "rest=;" },
		{ "/s/{rest...}", "/s/a/b", "rest=a/b;" },
		{ "/s/{x}/{rest...}", "/s//b", NULL },
		{ "/s/{rest...}", "/s", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct http_params p;
		char printed[128] = "";
		bool fits = http_route_match(rows[i].pattern, rows[i].path, &p);
		for (size_t n = 0; fits && n < p.n; n++)
			snprintf(printed + strlen(printed), sizeof printed - strlen(printed), "%.*s=%.*s;",
				 (int)p.at[n].name_len, p.at[n].name, (int)p.at[n].value_len, p.at[n].value);
		if (fits != (rows[i].printed != NULL) || (fits && strcmp(printed, rows[i].printed) != 0))
			fail_msg("%s on %s: %s", rows[i].pattern, rows[i].path, fits ? printed : "no match");
	}
}

static void test_dates(void **state)
{
	(void)state;
	static const struct {
		int64_t s;
		const char *date;
	} rows[] = {
		{ 0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" },
		{ 784111777, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" },
		{ 951782399, "Date: Mon, 28 Feb 2000 23:59:59 GMT\r\n" },
		{ 951782400, "Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n" },
		{ 951868800, "Date: Wed, 01 Mar 2000 00:00:00 GMT\r\n" },
		{ 1709164800, "Date: Thu, 29 Feb 2024 00:00:00 GMT\r\n" },
		{ 1735689599, "Date: Tue, 31 Dec 2024 23:59:59 GMT\r\n" },
		{ 4107542400, "Date: Mon, 01 Mar 2100 00:00:00 GMT\r\n" },
		{ 4294967296, "Date: Sun, 07 Feb 2106 06:28:16 GMT\r\n" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char date[64];
		http_date_print((struct wall_ms){ rows[i].s * 1000 + 999 }, date);
		assert_string_equal(date, rows[i].date);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),  cmocka_unit_test(test_pairs), cmocka_unit_test(test_pairs_limit),
		cmocka_unit_test(test_routes), cmocka_unit_test(test_dates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

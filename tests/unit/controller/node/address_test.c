#include "controller/node/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool nobody(void *owner, uint32_t address)
{
	(void)owner;
	(void)address;
	return false;
}

static bool everybody_but(void *owner, uint32_t address)
{
	return address != *(uint32_t *)owner;
}

static void take(struct address_pool *p, const char *wanted)
{
	uint32_t address;
	char text[ADDRESS_TEXT];
	assert_int_equal(address_pool_take(p, nobody, NULL, &address, NULL), RC_OK);
	assert_string_equal(address_print(address, text), wanted);
}

static void test_addresses_rest_before_they_are_used_again(void **state)
{
	struct address_pool p;
	uint32_t last;
	struct error e;
	(void)state;
	assert_int_equal(address_pool_parse("127.10.0.0/30", &p, &e), RC_OK);
	take(&p, "127.10.0.1");
	take(&p, "127.10.0.2");
	take(&p, "127.10.0.1");
	assert_true(address_pool_has(&p, "127.10.0.1", &last));
	address_pool_after(&p, last);
	take(&p, "127.10.0.2");
}

static void test_a_full_pool(void **state)
{
	struct address_pool p;
	uint32_t address = 7, only;
	struct error e;
	(void)state;
	assert_int_equal(address_pool_parse("127.10.0.9/29", &p, &e), RC_OK); /* the host's bits do not matter */
	assert_false(address_pool_has(&p, "127.10.0.8", &only));
	assert_false(address_pool_has(&p, "127.10.0.15", &only));
	assert_false(address_pool_has(&p, "127.10.0", &only));
	assert_true(address_pool_has(&p, "127.10.0.14", &only));
	assert_int_equal(address_pool_take(&p, everybody_but, &only, &address, &e), RC_OK);
	assert_int_equal(address, only);
	only = 1;
	assert_int_equal(address_pool_take(&p, everybody_but, &only, &address, &e), RC_EXHAUSTED);
	assert_string_equal(e.text, "all 6 addresses are in use");
}

static void test_mistakes(void **state)
{
	static const char *const cases[] = {
		"",    "127.10.0.0",  "127.10.0.0/31",  "127.10.0.0/7", "127.10/16",
		"/16", "127.10.0.0/", "127.10.0.0/16x", "::1/16",       "127.10.0.0.127.10.0.0/16"
	};
	struct address_pool p;
	struct error e;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(address_pool_parse(cases[i], &p, &e), RC_INVALID);
		assert_non_null(strstr(e.text, "not a network such as 127.10.0.0/16 (/8 to /30)"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_rest_before_they_are_used_again),
		cmocka_unit_test(test_a_full_pool),
		cmocka_unit_test(test_mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

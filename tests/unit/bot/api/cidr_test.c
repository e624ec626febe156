#include "bot/api/cidr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

static const struct {
	const char *range, *address;
	bool holds;
} cases[] = {
	{ "10.0.0.0/8", "10.255.0.1", true },
	{ "10.0.0.0/8", "11.0.0.0", false },
	{ "10.128.0.0/9", "10.127.255.255", false },
	{ "10.128.0.0/9", "10.128.0.0", true },
	{ "192.168.1.7", "192.168.1.7", true },
	{ "192.168.1.7", "192.168.1.6", false },
	{ "0.0.0.0/0", "8.8.8.8", true },
	{ "0.0.0.0/0", "::1", false },
	{ "::/0", "::1", true },
	{ "::/0", "8.8.8.8", false },
	{ "fd00::/8", "fdff::1", true },
	{ "fd00::/8", "fe00::1", false },
	{ "2001:db8:8000::/33", "2001:db8:7fff::", false },
	{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
	{ "10.0.0.0/8", "nonsense", false },
	{ "10.0.0.0/8", "", false },
};

static void ranges_hold_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct cidr c;
		struct error e;
		if (cidr_parse(cases[i].range, &c, &e) != RC_OK)
			fail_msg("%s: %s", cases[i].range, e.text);
		if (cidr_holds(&c, cases[i].address) != cases[i].holds)
			fail_msg("%s %s", cases[i].range, cases[i].address);
	}
}

static const struct {
	const char *range, *text;
} bad[] = {
	{ "", "\"\" is no address range such as 10.0.0.0/8" },
	{ "ten", "\"ten\" is no address range such as 10.0.0.0/8" },
	{ "10.0.0/8", "\"10.0.0/8\" is no address range such as 10.0.0.0/8" },
	{ "10.0.0.0/", "\"10.0.0.0/\": the prefix must be a number from 0 to 32" },
	{ "10.0.0.0/33", "\"10.0.0.0/33\": the prefix must be a number from 0 to 32" },
	{ "::/129", "\"::/129\": the prefix must be a number from 0 to 128" },
	{ "10.0.0.0/-1", "\"10.0.0.0/-1\": the prefix must be a number from 0 to 32" },
	{ "10.0.0.1/8", "\"10.0.0.1/8\" has bits behind its prefix" },
	{ "10.64.0.0/9", "\"10.64.0.0/9\" has bits behind its prefix" },
	{ "fd00::1/64", "\"fd00::1/64\" has bits behind its prefix" },
};

static void bad_ranges_say_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct cidr c;
		struct error e;
		if (cidr_parse(bad[i].range, &c, &e) != RC_INVALID || !text_eq(e.text, bad[i].text))
			fail_msg("%s: %s", bad[i].range, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_hold_addresses),
		cmocka_unit_test(bad_ranges_say_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/egress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *host, *address;
	bool allowed, allowed_private;
} egress[] = {
	{ "hooks.example.com", "93.184.216.34", true, true },
	{ "svc.test", "10.0.0.7", true, true }, /* Services of the cluster are what hooks are for */
	{ "localhost", "127.0.0.1", false, true },
	{ "0177.0.0.1", "127.0.0.1", false, true }, /* whatever it was written as, this is what it resolves to */
	{ "x", "127.255.255.254", false, true },
	{ "x", "0.0.0.0", false, false },
	{ "x", "169.254.169.254", false, false },
	{ "x", "100.100.100.200", false, false },
	{ "x", "100.100.100.201", true, true },
	{ "x", "224.0.0.1", false, false },
	{ "x", "255.255.255.255", false, false },
	{ "x", "::1", false, true },
	{ "x", "::", false, false },
	{ "x", "::ffff:127.0.0.1", false, true },
	{ "x", "::ffff:169.254.169.254", false, false },
	{ "x", "::169.254.169.254", false, false },
	{ "x", "::ffff:93.184.216.34", true, true },
	{ "x", "64:ff9b::a9fe:a9fe", false, false },
	{ "x", "64:ff9b::5db8:d822", true, true },
	{ "x", "2002:7f00:1::", false, true },
	{ "x", "fe80::1", false, false },
	{ "x", "febf::1", false, false },
	{ "x", "ff02::1", false, false },
	{ "x", "fd00:ec2::254", false, false },
	{ "x", "fd00:ec2::255", true, true },
	{ "x", "2606:2800:220:1::1", true, true },
	{ "metadata.internal", "169.254.169.254", true, true }, /* allowed by name */
	{ "METADATA.internal", "169.254.169.254", true, true },
	{ "metadata.internal.evil", "169.254.169.254", false, false },
};

static void test_egress(void **state)
{
	(void)state;
	static const char *const allow[] = { "metadata.internal", NULL };
	for (size_t i = 0; i < sizeof egress / sizeof *egress; i++) {
		struct sockaddr_in v4 = { .sin_family = AF_INET };
		struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
		bool six = strchr(egress[i].address, ':');
		void *to = six ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr;
		assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, egress[i].address, to), 1);
		const struct sockaddr *a = six ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
		struct egress o = { .allow = allow };
		if (egress_allows(&o, egress[i].host, a) != egress[i].allowed)
			fail_msg("%s %s", egress[i].host, egress[i].address);
		o.private_too = true;
		if (egress_allows(&o, egress[i].host, a) != egress[i].allowed_private)
			fail_msg("private: %s %s", egress[i].host, egress[i].address);
	}
	struct sockaddr local = { .sa_family = AF_UNIX };
	assert_false(egress_allows(&(struct egress){ .private_too = true }, "x", &local));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_egress) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

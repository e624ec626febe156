#include "bot/channels/slack/slack_verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "e6b19c573432dcc6b075501d51b51bb8"
#define TIME "1700000000"
#define NOW 1700000000
#define FORM                                                                                                           \
	"token=legacy&team_id=T0001&command=%2Fapprove&text=R-17&user_id=U0002&response_url=https%3A%2F%2Fhooks."      \
	"example.test%2Fcommands%2F1"
#define FORM_SIGNATURE "v0=2c782e3c4054c8f75813e7aaa0bdd3c0e1bcd31dd6ae836a7b02af3013bce6d4"
#define JSON "{\"type\":\"url_verification\",\"challenge\":\"abc123\",\"token\":\"legacy\"}"
#define JSON_SIGNATURE "v0=96fe965b8bb674cf4a1713988663763ab2a53069575052c3672c821775b760e5"
#define FORM_SIGNATURE_UPPER "v0=2C782E3C4054C8F75813E7AAA0BDD3C0E1BCD31DD6AE836A7B02AF3013BCE6D4"

static const struct {
	const char *name, *secret, *old_secret, *timestamp, *signature, *body;
	int64_t now;
	const char *why; /* NULL: genuine */
} cases[] = {
	{ "a form", SECRET, NULL, TIME, FORM_SIGNATURE, FORM, NOW, NULL },
	{ "JSON", SECRET, NULL, TIME, JSON_SIGNATURE, JSON, NOW, NULL },
	{ "the old secret of a rotation", "another", SECRET, TIME, FORM_SIGNATURE, FORM, NOW, NULL },
	{ "300 s late", SECRET, NULL, TIME, FORM_SIGNATURE, FORM, NOW + 300, NULL },
	{ "300 s early", SECRET, NULL, TIME, FORM_SIGNATURE, FORM, NOW - 300, NULL },
	{ "301 s late", SECRET, NULL, TIME, FORM_SIGNATURE, FORM, NOW + 301,
	  "timestamp is -301 s off, the limit is 300 s" },
	{ "301 s early", SECRET, NULL, TIME, FORM_SIGNATURE, FORM, NOW - 301,
	  "timestamp is 301 s off, the limit is 300 s" },
	{ "another secret", "another", NULL, TIME, FORM_SIGNATURE, FORM, NOW, "signature does not match" },
	{ "no secret", NULL, "", TIME, FORM_SIGNATURE, FORM, NOW, "signature does not match" },
	{ "another body", SECRET, NULL, TIME, FORM_SIGNATURE, FORM "x", NOW, "signature does not match" },
	{ "another time", SECRET, NULL, "1700000001", FORM_SIGNATURE, FORM, NOW, "signature does not match" },
	{ "the same time, written otherwise", SECRET, NULL, "01700000000", FORM_SIGNATURE, FORM, NOW,
	  "signature does not match" },
	{ "upper case", SECRET, NULL, TIME, FORM_SIGNATURE_UPPER, FORM, NOW, "signature does not match" },
	{ "another version", SECRET, NULL, TIME, "v1=2c782e3c4054c8f75813e7aaa0bdd3c0e1bcd31dd6ae836a7b02af3013bce6d4",
	  FORM, NOW, "signature does not match" },
	{ "too short", SECRET, NULL, TIME, "v0=2c78", FORM, NOW, "signature is missing or has not the form v0=HEX" },
	{ "too long", SECRET, NULL, TIME, FORM_SIGNATURE "0", FORM, NOW,
	  "signature is missing or has not the form v0=HEX" },
	{ "no signature", SECRET, NULL, TIME, NULL, FORM, NOW, "signature is missing or has not the form v0=HEX" },
	{ "no timestamp", SECRET, NULL, NULL, FORM_SIGNATURE, FORM, NOW, "timestamp is missing or not a number" },
	{ "a signed timestamp", SECRET, NULL, "+1700000000", FORM_SIGNATURE, FORM, NOW,
	  "timestamp is missing or not a number" },
	{ "a fraction", SECRET, NULL, "1700000000.5", FORM_SIGNATURE, FORM, NOW,
	  "timestamp is missing or not a number" },
	{ "13 digits", SECRET, NULL, "1700000000000", FORM_SIGNATURE, FORM, NOW,
	  "timestamp is missing or not a number" },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *const secrets[2] = { cases[i].secret, cases[i].old_secret };
		struct error e = { .text = "" };
		enum result r = slack_verify(secrets, cases[i].timestamp, cases[i].signature, cases[i].body,
					     strlen(cases[i].body), cases[i].now, &e);
		if (r != (cases[i].why ? RC_REFUSED : RC_OK))
			fail_msg("%s: result %d", cases[i].name, (int)r);
		if (cases[i].why && strcmp(e.text, cases[i].why) != 0)
			fail_msg("%s: %s", cases[i].name, e.text);
	}
}

static void test_empty_body(void **state)
{
	(void)state;
	/* printf 'v0:1700000000:' | openssl dgst -sha256 -hmac SECRET */
	const char *const secrets[2] = { SECRET, NULL };
	struct error e;
	assert_int_equal(slack_verify(secrets, TIME,
				      "v0=2b45349bc7a6109b1ab766cd0de9babddf838b88cb6d4120798790ea8b854de7", "", 0, NOW,
				      &e),
			 RC_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_empty_body) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

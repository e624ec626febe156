#include "base/standard_webhooks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

/* The vector of the specification's own libraries. */
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define BODY "{\"test\": 2432232314}"
#define SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
enum { SECONDS = 1614265330 };

static struct webhook_key key_of(const char *secret)
{
	struct webhook_key k = { .len = 0 };
	struct error e;
	if (webhook_key_parse(secret, &k, &e) != RC_OK)
		fail_msg("%s", e.text);
	return k;
}

static void test_sign(void **state)
{
	(void)state;
	struct webhook_key k = key_of(SECRET);
	char signature[WEBHOOK_SIGNATURE_MAX];
	assert_int_equal(webhook_sign(&k, ID, SECONDS, BODY, strlen(BODY), signature, NULL), RC_OK);
	assert_string_equal(signature, SIGNATURE);
}

static const struct {
	const char *name, *header, *id, *body;
	int64_t seconds;
	bool good;
} checks[] = {
	{ "as sent", SIGNATURE, ID, BODY, SECONDS, true },
	{ "one of several", "v1,AAAA v1a,zzzz " SIGNATURE, ID, BODY, SECONDS, true },
	{ "blanks around", "  " SIGNATURE "  ", ID, BODY, SECONDS, true },
	{ "body changed", SIGNATURE, ID, "{\"test\": 2432232315}", SECONDS, false },
	{ "shorter body", SIGNATURE, ID, "{\"test\": 2432232314", SECONDS, false },
	{ "another id", SIGNATURE, "msg_p5jXN8AQM9LWM0D4loKWxJel", BODY, SECONDS, false },
	{ "another time", SIGNATURE, ID, BODY, SECONDS + 1, false },
	{ "another version", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", ID, BODY, SECONDS, false },
	{ "no version", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", ID, BODY, SECONDS, false },
	{ "a piece", "v1,g0hM9SsE", ID, BODY, SECONDS, false },
	{ "longer", SIGNATURE "=", ID, BODY, SECONDS, false },
	{ "empty", "", ID, BODY, SECONDS, false },
};

static void test_signed(void **state)
{
	(void)state;
	struct webhook_key k = key_of(SECRET), none = { .len = 0 };
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		size_t len = strlen(checks[i].body);
		if (webhook_signed(&k, checks[i].id, checks[i].seconds, checks[i].body, len, checks[i].header) !=
		    checks[i].good)
			fail_msg("%s", checks[i].name);
		assert_false(
			webhook_signed(&none, checks[i].id, checks[i].seconds, checks[i].body, len, checks[i].header));
	}
}

static const struct {
	const char *secret, *why;
} keys[] = {
	{ SECRET, NULL },
	{ "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "what follows whsec_ must be the base64 of 24 to 64 bytes" },
	{ "whsec_", "what follows whsec_ must be the base64 of 24 to 64 bytes" },
	{ "whsec_%%%%", "what follows whsec_ must be the base64 of 24 to 64 bytes" },
	{ "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a secret of Standard Webhooks begins with whsec_" },
	{ "whsec_"
	  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	  "what follows whsec_ must be the base64 of 24 to 64 bytes" },
};

static void test_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct webhook_key k = { .len = 7 };
		struct error e = { .text = "" };
		enum result r = webhook_key_parse(keys[i].secret, &k, &e);
		if (r != (keys[i].why ? RC_INVALID : RC_OK) || (keys[i].why && !text_eq(e.text, keys[i].why)))
			fail_msg("%s: %s", keys[i].secret, e.text);
		assert_int_equal(k.len, keys[i].why ? 7 : 24); /* untouched on failure */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sign), cmocka_unit_test(test_signed),
					    cmocka_unit_test(test_keys) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

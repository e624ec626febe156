#include "base/crypto.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_sha256(void **state)
{
	(void)state;
	static const struct {
		const char *in, *hex;
	} cases[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char hex[SHA256_HEX];
		assert_int_equal(crypto_sha256_hex(cases[i].in, strlen(cases[i].in), hex, NULL), RC_OK);
		assert_string_equal(hex, cases[i].hex);
	}
}

/* RFC 4231, and a key that is missing. */
static void test_hmac(void **state)
{
	(void)state;
	static const struct {
		const char *key, *data, *hex;
	} cases[] = {
		{ "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", "Hi There",
		  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "Jefe", "what do ya want for nothing?",
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char mac[SHA256_BYTES];
		char hex[SHA256_HEX];
		enum result r = crypto_hmac_sha256(*cases[i].key ? cases[i].key : NULL, strlen(cases[i].key),
						   cases[i].data, strlen(cases[i].data), mac, NULL);
		assert_int_equal(r, RC_OK);
		crypto_hex(mac, sizeof mac, hex);
		assert_string_equal(hex, cases[i].hex);
	}
	unsigned char mac[SHA256_BYTES];
	struct error e;
	assert_int_equal(crypto_hmac_sha256("", (size_t)1 << 31, "", 0, mac, &e), RC_INVALID);
	assert_string_equal(e.text, "HMAC key of 2147483648 bytes is too long");
}

static void test_equal(void **state)
{
	(void)state;
	assert_true(crypto_equal("a\0b", 3, "a\0b", 3));
	assert_false(crypto_equal("a\0b", 3, "a\0c", 3));
	assert_false(crypto_equal("ab", 2, "abc", 3));
	assert_true(crypto_equal(NULL, 0, NULL, 0));
	assert_true(crypto_equal_text("v0=ab", "v0=ab"));
	assert_false(crypto_equal_text("v0=ab", "v0=aB"));
	assert_false(crypto_equal_text("v0=ab", "v0=abc"));
	assert_false(crypto_equal_text(NULL, NULL)); /* two secrets that are not set do not agree */
	assert_false(crypto_equal_text("", NULL));
}

static void test_random(void **state)
{
	(void)state;
	unsigned char a[16] = { 0 }, b[16] = { 0 };
	struct error e;
	assert_int_equal(crypto_random(a, sizeof a, &e), RC_OK);
	assert_int_equal(crypto_random(b, sizeof b, &e), RC_OK);
	assert_memory_not_equal(a, b, sizeof a);
	assert_int_equal(crypto_random(a, (size_t)1 << 31, &e), RC_INVALID);
	assert_string_equal(e.text, "2147483648 random bytes are too many");
}

static void test_token(void **state)
{
	(void)state;
	char a[45], b[45], one[45];
	struct error e;
	assert_int_equal(crypto_token(32, a, sizeof a, &e), RC_OK);
	assert_int_equal(crypto_token(32, b, sizeof b, &e), RC_OK);
	assert_int_equal(strlen(a), 43);
	assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
	assert_string_not_equal(a, b);
	assert_int_equal(crypto_token(32, one, 44, &e), RC_INVALID);
	assert_string_equal(e.text, "a token of 32 bytes does not fit");
	char large[400];
	assert_int_equal(crypto_token(256, large, sizeof large, &e), RC_OK);
	assert_int_equal(crypto_token(257, large, sizeof large, &e), RC_INVALID);
}

static void test_uuid(void **state)
{
	(void)state;
	char a[37], b[37];
	assert_int_equal(crypto_uuid(a, NULL), RC_OK);
	assert_int_equal(crypto_uuid(b, NULL), RC_OK);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 36);
	for (size_t i = 0; i < 36; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23)
			assert_int_equal(a[i], '-');
		else
			assert_true(isdigit(a[i]) || (a[i] >= 'a' && a[i] <= 'f'));
	}
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
}

static void test_free_secret(void **state)
{
	(void)state;
	crypto_free_secret(NULL);
	crypto_free_secret(strdup("xoxb-secret"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),      cmocka_unit_test(test_hmac),  cmocka_unit_test(test_equal),
		cmocka_unit_test(test_random),      cmocka_unit_test(test_token), cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_free_secret),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/crypto.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/text.h"

enum result crypto_sha256(const void *data, size_t len, unsigned char ret[SHA256_BYTES], struct error *e)
{
	unsigned char digest[SHA256_BYTES];
	if (EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL) != 1)
		return error_set(e, RC_EXHAUSTED, "SHA-256 is not available");
	memcpy(ret, digest, sizeof digest);
	return RC_OK;
}

enum result crypto_sha256_hex(const void *data, size_t len, char ret[SHA256_HEX], struct error *e)
{
	unsigned char digest[SHA256_BYTES];
	enum result r = crypto_sha256(data, len, digest, e);
	if (r == RC_OK)
		crypto_hex(digest, sizeof digest, ret);
	return r;
}

enum result crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
			       unsigned char ret[SHA256_BYTES], struct error *e)
{
	unsigned char mac[SHA256_BYTES];
	if (key_len > INT_MAX)
		return error_set(e, RC_INVALID, "HMAC key of %zu bytes is too long", key_len);
	if (!HMAC(EVP_sha256(), key, (int)key_len, data, len, mac, NULL))
		return error_set(e, RC_EXHAUSTED, "HMAC-SHA-256 is not available");
	memcpy(ret, mac, sizeof mac);
	return RC_OK;
}

enum result crypto_sha1(const void *data, size_t len, unsigned char ret[SHA1_BYTES], struct error *e)
{
	unsigned char digest[SHA1_BYTES];
	if (EVP_Digest(data, len, digest, NULL, EVP_sha1(), NULL) != 1)
		return error_set(e, RC_EXHAUSTED, "SHA-1 is not available");
	memcpy(ret, digest, sizeof digest);
	return RC_OK;
}

void crypto_hex(const unsigned char *bytes, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < len; i++) {
		*ret++ = digits[bytes[i] >> 4];
		*ret++ = digits[bytes[i] & 15];
	}
	*ret = '\0';
}

bool crypto_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && (a_len == 0 || CRYPTO_memcmp(a, b, a_len) == 0);
}

bool crypto_equal_text(const char *a, const char *b)
{
	return a && b && crypto_equal(a, strlen(a), b, strlen(b));
}

enum result crypto_random(void *ret, size_t len, struct error *e)
{
	if (len > INT_MAX)
		return error_set(e, RC_INVALID, "%zu random bytes are too many", len);
	if (RAND_bytes(ret, (int)len) != 1)
		return error_set(e, RC_EXHAUSTED, "no random numbers are available");
	return RC_OK;
}

enum result crypto_token(size_t bytes, char *buf, size_t size, struct error *e)
{
	enum { BYTES_MAX = 256 };
	unsigned char random[BYTES_MAX];
	if (bytes > BYTES_MAX || size < (bytes + 2) / 3 * 4 + 1)
		return error_set(e, RC_INVALID, "a token of %zu bytes does not fit", bytes);
	enum result r = crypto_random(random, bytes, e);
	if (r != RC_OK)
		return r;
	char *text = text_base64(random, bytes, true);
	OPENSSL_cleanse(random, sizeof random);
	if (!text)
		return error_set(e, RC_EXHAUSTED, "no memory for a token");
	memcpy(buf, text, strlen(text) + 1);
	crypto_free_secret(text);
	return RC_OK;
}

enum result crypto_uuid(char ret[37], struct error *e)
{
	enum { GROUPS = 5 };
	static const size_t groups[GROUPS] = { 4, 2, 2, 2, 6 };
	unsigned char random[16];
	enum result r = crypto_random(random, sizeof random, e);
	if (r != RC_OK)
		return r;
	random[6] = (unsigned char)((random[6] & 0x0f) | 0x40); /* version 4 */
	random[8] = (unsigned char)((random[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
	const unsigned char *bytes = random;
	for (size_t i = 0; i < GROUPS; i++) {
		crypto_hex(bytes, groups[i], ret);
		bytes += groups[i];
		ret += groups[i] * 2;
		if (i + 1 < GROUPS)
			*ret++ = '-';
	}
	return RC_OK;
}

void crypto_wipe(void *bytes, size_t len)
{
	OPENSSL_cleanse(bytes, len);
}

void crypto_free_secret(char *secret)
{
	if (!secret)
		return;
	OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}

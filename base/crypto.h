#pragma once
/* Hashing, MACs, random tokens: OpenSSL EVP underneath. */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { SHA256_BYTES = 32, SHA256_HEX = 65 /* with NUL */, SHA1_BYTES = 20 };

MUST_CHECK enum result crypto_sha256(const void *data, size_t len, unsigned char ret[SHA256_BYTES], struct error *e);
MUST_CHECK enum result crypto_sha256_hex(const void *data, size_t len, char ret[SHA256_HEX], struct error *e);
MUST_CHECK enum result crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len,
					  unsigned char ret[SHA256_BYTES], struct error *e);
/* Only where a protocol prescribes it: nothing secret may depend on it. */
MUST_CHECK enum result crypto_sha1(const void *data, size_t len, unsigned char ret[SHA1_BYTES], struct error *e);
void crypto_hex(const unsigned char *bytes, size_t len, char *ret /* 2*len+1 */);
/* Constant time over equal lengths; different lengths are unequal at once. */
bool crypto_equal(const void *a, size_t a_len, const void *b, size_t b_len);
bool crypto_equal_text(const char *a, const char *b);
MUST_CHECK enum result crypto_random(void *ret, size_t len, struct error *e);
/* bytes of randomness as base64url without padding; buf must hold 4*((bytes+2)/3)+1. */
MUST_CHECK enum result crypto_token(size_t bytes, char *buf, size_t size, struct error *e);
/* UUID version 4, lower case. */
MUST_CHECK enum result crypto_uuid(char ret[37], struct error *e);
/* So that the compiler cannot leave it out. */
void crypto_wipe(void *bytes, size_t len);
/* Wipes and frees a NUL-terminated secret; NULL is fine. */
void crypto_free_secret(char *secret);

#pragma once
/* Signatures of the Standard Webhooks specification, version 1: HMAC-SHA256 over "ID.SECONDS.BODY", as "v1,BASE64". */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { WEBHOOK_KEY_MIN = 24, WEBHOOK_KEY_MAX = 64, WEBHOOK_SIGNATURE_MAX = 64, WEBHOOK_TOLERANCE_S = 300 };

struct webhook_key {
	unsigned char bytes[WEBHOOK_KEY_MAX];
	size_t len; /* 0: none */
};
/* "whsec_" and the base64 of 24 to 64 bytes. The error never shows the secret. */
MUST_CHECK enum result webhook_key_parse(const char *secret, struct webhook_key *ret, struct error *e);
/* "v1,BASE64" */
MUST_CHECK enum result webhook_sign(const struct webhook_key *k, const char *id, int64_t seconds, const void *body,
				    size_t len, char ret[WEBHOOK_SIGNATURE_MAX], struct error *e);
/* Is one of the signatures in the header (separated by blanks) of this key? Those of other versions are passed over.
 * Constant time each. */
bool webhook_signed(const struct webhook_key *k, const char *id, int64_t seconds, const void *body, size_t len,
		    const char *header);

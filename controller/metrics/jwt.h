#pragma once
/* A signed claim of a Google service account (RFC 7519, RS256): what is exchanged for an access token. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"

struct jwt_claim {
	const char *issuer, *scope, *audience;
	const char *key_pem; /* PKCS #8 */
	struct wall_ms now;
	int64_t valid_s;
};
/* In the arena. RC_INVALID: the key is none. */
MUST_CHECK enum result jwt_sign(const struct jwt_claim *c, struct arena *a, const char **ret, struct error *e);

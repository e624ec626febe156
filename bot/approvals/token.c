/* What a button or link is about, so that it cannot be made up or used for something else (approvals.md 4). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/strbuf.h"
#include "bot/approvals/request.h"

enum { MAC_HEX = 32 }; /* 128 bits are enough for something that expires */

static enum result mac(const struct approvals *a, const char *id, const char *verb, const char *channel,
		       int64_t expiry_s, char ret[MAC_HEX + 1], struct error *e)
{
	struct strbuf b;
	unsigned char full[SHA256_BYTES];
	strbuf_init(&b, 4096);
	/* Lengths keep one field from running into the next. */
	strbuf_addf(&b, "%zu:%s%zu:%s%zu:%s%lld", strlen(id), id, strlen(verb), verb, strlen(channel), channel,
		    (long long)expiry_s);
	enum result r = b.overflow ? error_set(e, RC_INVALID, "the identity is too long")
				   : crypto_hmac_sha256(a->key, sizeof a->key, b.s, b.len, full, e);
	strbuf_finish(&b);
	if (r == RC_OK)
		crypto_hex(full, MAC_HEX / 2, ret);
	return r;
}

enum result approvals_token(struct approvals *a, const char *request_id, const char *verb, const char *channel,
			    int64_t life_ms, char *buf, size_t size, struct error *e)
{
	char text[MAC_HEX + 1];
	int64_t expiry = (a->o.clock->wall(a->o.clock).v + life_ms) / 1000;
	enum result r = mac(a, request_id, verb, channel, expiry, text, e);
	if (r != RC_OK)
		return r;
	int n = snprintf(buf, size, "%llx-%s", (unsigned long long)expiry, text);
	return n > 0 && (size_t)n < size ? RC_OK : error_set(e, RC_EXHAUSTED, "no room for a token");
}

bool approvals_token_good(struct approvals *a, const char *request_id, const char *verb, const char *channel,
			  const char *token)
{
	const char *dash = strchr(token, '-');
	size_t digits = strspn(token, "0123456789abcdef");
	if (!dash || digits == 0 || digits > 12 || token + digits != dash)
		return false;
	int64_t expiry = (int64_t)strtoull(token, NULL, 16);
	char text[MAC_HEX + 1];
	if (mac(a, request_id, verb, channel, expiry, text, NULL) != RC_OK || !crypto_equal_text(text, dash + 1))
		return false;
	return a->o.clock->wall(a->o.clock).v / 1000 <= expiry;
}

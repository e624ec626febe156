#include "base/standard_webhooks.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { ID_MAX = 256, SIGNATURES_MAX = 16 };

enum result webhook_key_parse(const char *secret, struct webhook_key *ret, struct error *e)
{
	static const char prefix[] = "whsec_";
	unsigned char *bytes = NULL;
	size_t len = 0;
	if (!text_starts(secret, prefix))
		return error_set(e, RC_INVALID, "a secret of Standard Webhooks begins with whsec_");
	const char *base64 = secret + strlen(prefix);
	enum result r = text_unbase64(base64, strlen(base64), &bytes, &len, NULL);
	if (r == RC_EXHAUSTED)
		return error_set(e, r, "no memory for a secret");
	if (r == RC_OK && (len < WEBHOOK_KEY_MIN || len > WEBHOOK_KEY_MAX))
		r = RC_INVALID;
	if (r == RC_OK) {
		memcpy(ret->bytes, bytes, len);
		ret->len = len;
	}
	if (bytes)
		OPENSSL_cleanse(bytes, len);
	free(bytes);
	return r == RC_OK ? RC_OK
			  : error_set(e, RC_INVALID, "what follows whsec_ must be the base64 of %d to %d bytes",
				      WEBHOOK_KEY_MIN, WEBHOOK_KEY_MAX);
}

enum result webhook_sign(const struct webhook_key *k, const char *id, int64_t seconds, const void *body, size_t len,
			 char ret[WEBHOOK_SIGNATURE_MAX], struct error *e)
{
	unsigned char mac[SHA256_BYTES];
	struct strbuf text;
	strbuf_init(&text, len + ID_MAX + 64);
	strbuf_addf(&text, "%s.%lld.", id, (long long)seconds);
	strbuf_addn(&text, body, len);
	enum result r = text.overflow ? error_set(e, RC_EXHAUSTED, "no memory for a signature")
				      : crypto_hmac_sha256(k->bytes, k->len, text.s, text.len, mac, e);
	strbuf_finish(&text);
	CLEANUP(free_p) char *base64 = r == RC_OK ? text_base64(mac, sizeof mac, false) : NULL;
	if (r == RC_OK && !base64)
		r = error_set(e, RC_EXHAUSTED, "no memory for a signature");
	if (r == RC_OK)
		(void)snprintf(ret, WEBHOOK_SIGNATURE_MAX, "v1,%s", base64);
	return r;
}

bool webhook_signed(const struct webhook_key *k, const char *id, int64_t seconds, const void *body, size_t len,
		    const char *header)
{
	char wanted[WEBHOOK_SIGNATURE_MAX];
	bool good = false;
	if (!k->len || strlen(id) > ID_MAX || webhook_sign(k, id, seconds, body, len, wanted, NULL) != RC_OK)
		return false;
	size_t wanted_len = strlen(wanted);
	for (int i = 0; *header && i < SIGNATURES_MAX; i++) {
		header += strspn(header, " ");
		size_t word = strcspn(header, " ");
		good = crypto_equal(wanted, wanted_len, header, word) || good;
		header += word;
	}
	return good;
}

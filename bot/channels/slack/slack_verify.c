#include "bot/channels/slack/slack_verify.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/strbuf.h"
#include "base/text.h"

enum {
	TIMESTAMP_DIGITS_MAX = 12,
	SIGNATURE_LEN = 3 + 64,
	BASE_BYTES_MAX = 2 * 1024 * 1024,
};

static enum result check_time(const char *timestamp, int64_t now_s, struct error *e)
{
	uint64_t t;
	if (text_empty(timestamp) || strlen(timestamp) > TIMESTAMP_DIGITS_MAX ||
	    text_u64(timestamp, 0, 999999999999, &t, NULL) != RC_OK)
		return error_set(e, RC_REFUSED, "timestamp is missing or not a number");
	int64_t off = (int64_t)t - now_s;
	if (off > SLACK_WINDOW_S || off < -SLACK_WINDOW_S)
		return error_set(e, RC_REFUSED, "timestamp is %lld s off, the limit is %d s", (long long)off,
				 SLACK_WINDOW_S);
	return RC_OK;
}

static bool signed_with(const char *secret, const struct strbuf *base, const char *signature)
{
	if (text_empty(secret))
		return false;
	unsigned char mac[SHA256_BYTES];
	char want[SIGNATURE_LEN + 1] = "v0=";
	if (crypto_hmac_sha256(secret, strlen(secret), base->s, base->len, mac, NULL) != RC_OK)
		return false;
	crypto_hex(mac, sizeof mac, want + 3);
	return crypto_equal(want, SIGNATURE_LEN, signature, SIGNATURE_LEN);
}

enum result slack_verify(const char *const secrets[2], const char *timestamp, const char *signature, const char *body,
			 size_t len, int64_t now_s, struct error *e)
{
	if (text_empty(signature) || strlen(signature) != SIGNATURE_LEN)
		return error_set(e, RC_REFUSED, "signature is missing or has not the form v0=HEX");
	enum result r = check_time(timestamp, now_s, e);
	if (r != RC_OK)
		return r;
	struct strbuf base;
	strbuf_init(&base, BASE_BYTES_MAX);
	strbuf_addf(&base, "v0:%s:", timestamp);
	strbuf_addn(&base, body, len);
	bool good = false;
	for (size_t i = 0; i < 2 && !base.overflow; i++)
		good |= signed_with(secrets[i], &base, signature);
	strbuf_finish(&base);
	return good ? RC_OK : error_set(e, RC_REFUSED, "signature does not match");
}

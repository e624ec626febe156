#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/standard_webhooks.h"
#include "base/text.h"
#include "bot/api/inbound_room.h"

static bool refuse(const struct inbound_endpoint *p, struct http_exchange *x, const char *why)
{
	log_warn("inbound_refused", "endpoint=%s peer=%s why=%s", p->name, http_peer(x)->address, why);
	http_respond_error(x, 401, NULL, "%s", why);
	return false;
}

/* NULL: missing, or there twice: of two the first and the last would each be believed by somebody. */
static const char *only_header(const struct http_exchange *x, const char *name)
{
	return http_header_repeated(x, name) ? NULL : http_header(x, name);
}

static bool is_visible(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < '!' || (unsigned char)*s > '~')
			return false;
	return true;
}

static bool key_signs(const char *secret, const char *id, uint64_t seconds, const char *body, size_t len,
		      const char *signatures)
{
	struct webhook_key k = { .len = 0 };
	bool good = secret && webhook_key_parse(secret, &k, NULL) == RC_OK &&
		    webhook_signed(&k, id, (int64_t)seconds, body, len, signatures);
	explicit_bzero(&k, sizeof k);
	return good;
}

static bool proved_standard(const struct inbound_endpoint *p, struct wall_ms now, struct http_exchange *x,
			    const char **ret_id)
{
	const char *id = only_header(x, "webhook-id"), *at = only_header(x, "webhook-timestamp"),
		   *signatures = only_header(x, "webhook-signature");
	size_t len = 0;
	const char *body = http_body(x, &len);
	uint64_t seconds = 0;
	if (!id || !at || !signatures)
		return refuse(p, x, "webhook-id, webhook-timestamp and webhook-signature must be there, once each");
	if (!*id || strlen(id) > INBOUND_ID_MAX || !is_visible(id))
		return refuse(p, x, "webhook-id is no id");
	if (text_u64(at, 0, INT32_MAX * 64ull, &seconds, NULL) != RC_OK)
		return refuse(p, x, "webhook-timestamp is no number of seconds");
	int64_t age = now.v / 1000 - (int64_t)seconds;
	if (age > WEBHOOK_TOLERANCE_S || age < -WEBHOOK_TOLERANCE_S)
		return refuse(p, x, "webhook-timestamp is more than five minutes off");
	bool first = key_signs(p->secret, id, seconds, body, len, signatures);
	if (!key_signs(p->previous_secret, id, seconds, body, len, signatures) && !first)
		return refuse(p, x, "the signature is wrong");
	*ret_id = id;
	return true;
}

static bool hub_signs(const char *secret, const char *body, size_t len, const char *hex)
{
	unsigned char mac[SHA256_BYTES];
	char wanted[SHA256_HEX];
	if (!secret || crypto_hmac_sha256(secret, strlen(secret), body, len, mac, NULL) != RC_OK)
		return false;
	crypto_hex(mac, sizeof mac, wanted);
	return crypto_equal_text(wanted, hex);
}

/* No time and no id is signed there: the body itself says whether it came before. */
static bool proved_hub(const struct inbound_endpoint *p, struct http_exchange *x, const char **ret_id)
{
	static const char prefix[] = "sha256=";
	const char *signature = only_header(x, "x-hub-signature-256");
	size_t len = 0;
	const char *body = http_body(x, &len);
	char digest[SHA256_HEX];
	if (!signature || !text_starts(signature, prefix))
		return refuse(p, x, "X-Hub-Signature-256 must be there, once, as sha256=HEX");
	signature += strlen(prefix);
	bool first = hub_signs(p->secret, body, len, signature);
	if (!hub_signs(p->previous_secret, body, len, signature) && !first)
		return refuse(p, x, "the signature is wrong");
	*ret_id = crypto_sha256_hex(body, len, digest, NULL) == RC_OK ? arena_strdup(http_arena(x), digest) : NULL;
	if (*ret_id)
		return true;
	http_respond_error(x, 503, NULL, "no memory for this now");
	return false;
}

static bool proved_token(struct rest *rest, const struct inbound_endpoint *p, struct http_exchange *x,
			 const char **ret_id)
{
	const struct token *t = rest_admit(rest, x, SCOPE_DECIDE);
	if (!t)
		return false;
	if (!text_eq(t->name, p->token)) {
		log_warn("inbound_refused", "endpoint=%s peer=%s token=%s", p->name, http_peer(x)->address, t->name);
		http_respond_error(x, 403, NULL, "token \"%s\" is not this endpoint's", t->name);
		return false;
	}
	const char *key = only_header(x, "idempotency-key");
	*ret_id = key && strlen(key) <= INBOUND_ID_MAX ? key : "";
	return true;
}

bool inbound_proved(struct rest *rest, const struct inbound_endpoint *p, struct wall_ms now, struct http_exchange *x,
		    const char **ret_id)
{
	if (p->token)
		return proved_token(rest, p, x, ret_id);
	return p->proof == INBOUND_HUB ? proved_hub(p, x, ret_id) : proved_standard(p, now, x, ret_id);
}

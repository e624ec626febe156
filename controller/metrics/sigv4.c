#include "controller/metrics/sigv4.h"

#include <string.h>
#include <time.h>

#include "base/crypto.h"

enum { DATE_LEN = 8, STAMP_LEN = 16 };

static enum result no_memory(struct error *e)
{
	return error_set(e, RC_EXHAUSTED, "no memory for the signature");
}

/* "20150830T123600Z" */
static bool stamp_of(struct wall_ms now, char ret[STAMP_LEN + 1])
{
	time_t seconds = (time_t)(now.v / 1000);
	struct tm tm;
	return gmtime_r(&seconds, &tm) && strftime(ret, STAMP_LEN + 1, "%Y%m%dT%H%M%SZ", &tm) == STAMP_LEN;
}

static const char *canonical(const struct sigv4 *s, struct arena *a, const char *stamp, const char **ret_headers,
			     struct error *e)
{
	char body[SHA256_HEX];
	if (crypto_sha256_hex(s->body, strlen(s->body), body, e) != RC_OK)
		return NULL;
	*ret_headers = s->token ? "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
				: "content-type;host;x-amz-date;x-amz-target";
	return arena_printf(a, "POST\n/\n\ncontent-type:%s\nhost:%s\nx-amz-date:%s\n%s%s%sx-amz-target:%s\n\n%s\n%s",
			    s->content_type, s->host, stamp, s->token ? "x-amz-security-token:" : "",
			    s->token ? s->token : "", s->token ? "\n" : "", s->target, *ret_headers, body);
}

/* The key of the day, the region and the service: a chain of four. */
static enum result signing_key(const struct sigv4 *s, struct arena *a, const char *date,
			       unsigned char key[SHA256_BYTES], struct error *e)
{
	const char *first = arena_printf(a, "AWS4%s", s->secret);
	const char *const parts[] = { s->region, s->service, "aws4_request" };
	if (!first)
		return no_memory(e);
	enum result r = crypto_hmac_sha256(first, strlen(first), date, DATE_LEN, key, e);
	for (size_t i = 0; r == RC_OK && i < sizeof parts / sizeof *parts; i++) {
		unsigned char next[SHA256_BYTES];
		r = crypto_hmac_sha256(key, SHA256_BYTES, parts[i], strlen(parts[i]), next, e);
		memcpy(key, next, SHA256_BYTES);
		explicit_bzero(next, sizeof next);
	}
	return r;
}

enum result sigv4_sign(const struct sigv4 *s, struct arena *a, const char **ret_date, const char **ret_authorization,
		       struct error *e)
{
	char stamp[STAMP_LEN + 1], digest[SHA256_HEX], signature[SHA256_HEX];
	unsigned char key[SHA256_BYTES], mac[SHA256_BYTES];
	const char *headers = NULL;
	if (!stamp_of(s->now, stamp))
		return error_set(e, RC_INVALID, "the clock shows no date");
	const char *request = canonical(s, a, stamp, &headers, e);
	if (!request)
		return no_memory(e);
	enum result r = crypto_sha256_hex(request, strlen(request), digest, e);
	const char *scope = arena_printf(a, "%.*s/%s/%s/aws4_request", DATE_LEN, stamp, s->region, s->service);
	const char *text = scope ? arena_printf(a, "AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, scope, digest) : NULL;
	if (r == RC_OK && !text)
		return no_memory(e);
	if (r == RC_OK)
		r = signing_key(s, a, stamp, key, e);
	if (r == RC_OK)
		r = crypto_hmac_sha256(key, sizeof key, text, strlen(text), mac, e);
	explicit_bzero(key, sizeof key);
	if (r != RC_OK)
		return r;
	crypto_hex(mac, sizeof mac, signature);
	const char *date = arena_strdup(a, stamp);
	const char *all = arena_printf(a, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
				       s->key_id, scope, headers, signature);
	if (!date || !all)
		return no_memory(e);
	*ret_date = date;
	*ret_authorization = all;
	return RC_OK;
}

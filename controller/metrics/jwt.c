#include "controller/metrics/jwt.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

static void key_free(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static void digest_free(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}

static EVP_PKEY *key_read(const char *pem)
{
	BIO *b = BIO_new_mem_buf(pem, (int)strlen(pem));
	EVP_PKEY *key = b ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;
	BIO_free(b);
	return key;
}

static const char *encoded(struct arena *a, const void *bytes, size_t len)
{
	CLEANUP(free_p) char *text = text_base64(bytes, len, true);
	return text ? arena_strdup(a, text) : NULL;
}

static const char *claims(const struct jwt_claim *c, struct arena *a)
{
	CLEANUP(json_delete_p) cJSON *j = cJSON_CreateObject();
	int64_t now = c->now.v / 1000;
	bool ok = json_put_text(j, "iss", c->issuer) && json_put_text(j, "scope", c->scope) &&
		  json_put_text(j, "aud", c->audience) && json_put_int(j, "iat", now) &&
		  json_put_int(j, "exp", now + c->valid_s);
	CLEANUP(free_p) char *text = ok ? json_print(j) : NULL;
	return text ? encoded(a, text, strlen(text)) : NULL;
}

enum result jwt_sign(const struct jwt_claim *c, struct arena *a, const char **ret, struct error *e)
{
	static const char header[] = "{\"alg\":\"RS256\",\"typ\":\"JWT\"}";
	CLEANUP(key_free) EVP_PKEY *key = key_read(c->key_pem);
	if (!key)
		return error_set(e, RC_INVALID, "the private key of the service account cannot be read");
	const char *first = encoded(a, header, sizeof header - 1), *second = claims(c, a);
	const char *text = first && second ? arena_printf(a, "%s.%s", first, second) : NULL;
	CLEANUP(digest_free) EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t len = (size_t)EVP_PKEY_get_size(key);
	unsigned char *mac = arena_alloc(a, len, 1);
	if (!text || !md || !mac)
		return error_set(e, RC_EXHAUSTED, "no memory for the token");
	if (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(md, mac, &len, (const unsigned char *)text, strlen(text)) != 1)
		return error_set(e, RC_INVALID, "the private key of the service account cannot sign with RS256");
	const char *third = encoded(a, mac, len);
	*ret = third ? arena_printf(a, "%s.%s", text, third) : NULL;
	return *ret ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for the token");
}

#include "bot/channels/dingtalk/dingapp_crypt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/strbuf.h"
#include "base/text.h"

enum {
	WINDOW_MS = 5 * 60 * 1000,
	MESSAGE_BYTES_MAX = 1024,
	KEY_CHARS = 43,
	KEY_BYTES = 32,
	BLOCK = 16,
	PAD_MAX = 32,
	RANDOM_BYTES = 16,
	LENGTH_BYTES = 4,
	ENVELOPE_BYTES_MAX = 512 * 1024,
	SEAL_CHARS_MAX = 256,
};

bool dingapp_signature_good(const char *key, const char *message, const char *signature)
{
	unsigned char mac[SHA256_BYTES];
	if (!signature || crypto_hmac_sha256(key, strlen(key), message, strlen(message), mac, NULL) != RC_OK)
		return false;
	char *own = text_base64(mac, sizeof mac, false);
	bool good = own && crypto_equal_text(own, signature);
	free(own);
	return good;
}

enum result dingapp_robot_proof(const char *secret, const char *timestamp, const char *signature, int64_t now_ms,
				struct error *e)
{
	int64_t at = 0;
	char message[MESSAGE_BYTES_MAX];
	if (!timestamp || !signature || text_i64(timestamp, 0, INT64_MAX, &at, NULL) != RC_OK)
		return error_set(e, RC_REFUSED, "timestamp or sign is missing or malformed");
	if (at < now_ms - WINDOW_MS || at > now_ms + WINDOW_MS)
		return error_set(e, RC_REFUSED, "timestamp is off by more than five minutes");
	int n = snprintf(message, sizeof message, "%s\n%s", timestamp, secret);
	if (n < 0 || (size_t)n >= sizeof message || !dingapp_signature_good(secret, message, signature))
		return error_set(e, RC_REFUSED, "sign is wrong");
	return RC_OK;
}

/* ---- the envelope ---- */

/* 43 characters are two bits more than the key has. The console gives any, a strict decoder wants them to be zero. */
static bool key_of(const struct dingapp_envelope *v, unsigned char key[KEY_BYTES])
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[KEY_CHARS + 1];
	unsigned char *bytes = NULL;
	size_t len = 0;
	if (strlen(v->aes_key) != KEY_CHARS)
		return false;
	memcpy(text, v->aes_key, sizeof text);
	const char *last = strchr(alphabet, text[KEY_CHARS - 1]);
	if (!last)
		return false;
	text[KEY_CHARS - 1] = alphabet[(last - alphabet) & ~3];
	if (text_unbase64(text, KEY_CHARS, &bytes, &len, NULL) != RC_OK)
		return false;
	bool good = len == KEY_BYTES;
	if (good)
		memcpy(key, bytes, KEY_BYTES);
	free(bytes);
	return good;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool seal_of(const char *token, const char *timestamp, const char *nonce, const char *encrypted,
		    char hex[2 * SHA1_BYTES + 1])
{
	const char *parts[] = { token, timestamp, nonce, encrypted };
	unsigned char hash[SHA1_BYTES];
	struct strbuf b;
	qsort(parts, 4, sizeof *parts, by_bytes);
	strbuf_init(&b, ENVELOPE_BYTES_MAX * 2);
	for (int i = 0; i < 4; i++)
		strbuf_add(&b, parts[i]);
	bool good = !b.overflow && crypto_sha1(b.s, b.len, hash, NULL) == RC_OK;
	if (good)
		crypto_hex(hash, sizeof hash, hex);
	strbuf_finish(&b);
	return good;
}

/* AES-256-CBC, no padding of the library's; the IV is the head of the key. out holds len bytes. */
static bool cipher(bool encrypt, const unsigned char key[KEY_BYTES], const unsigned char *in, size_t len,
		   unsigned char *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, m = 0;
	bool good = ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, key, encrypt) == 1 &&
		    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 &&
		    EVP_CipherFinal_ex(ctx, out + n, &m) == 1 && (size_t)n + (size_t)m == len;
	EVP_CIPHER_CTX_free(ctx);
	return good;
}

static size_t length_at(const unsigned char *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* 16 random bytes, four of length, the message, the owner, padding. */
static enum result unpack(const unsigned char *plain, size_t len, const char *owner, char **ret, struct error *e)
{
	size_t pad = len ? plain[len - 1] : 0, head = RANDOM_BYTES + LENGTH_BYTES;
	if (pad < 1 || pad > PAD_MAX || pad > len)
		return error_set(e, RC_INVALID, "the padding is wrong");
	for (size_t i = len - pad; i < len; i++)
		if (plain[i] != pad)
			return error_set(e, RC_INVALID, "the padding is wrong");
	len -= pad;
	size_t n = len >= head ? length_at(plain + RANDOM_BYTES) : 0;
	if (len < head || n > len - head)
		return error_set(e, RC_INVALID, "the length is wrong");
	if (len - head - n != strlen(owner) || memcmp(plain + head + n, owner, len - head - n) != 0)
		return error_set(e, RC_REFUSED, "it is for another app");
	char *text = malloc(n + 1);
	if (!text)
		return error_set(e, RC_EXHAUSTED, "no memory");
	memcpy(text, plain + head, n);
	text[n] = '\0';
	*ret = text;
	return RC_OK;
}

enum result dingapp_open_envelope(const struct dingapp_envelope *v, const struct dingapp_seal *seal,
				  const char *encrypted, char **ret, struct error *e)
{
	unsigned char key[KEY_BYTES];
	char hex[2 * SHA1_BYTES + 1];
	if (!seal->signature || !seal->timestamp || !seal->nonce || strlen(seal->timestamp) > SEAL_CHARS_MAX ||
	    strlen(seal->nonce) > SEAL_CHARS_MAX || strlen(encrypted) > ENVELOPE_BYTES_MAX)
		return error_set(e, RC_REFUSED, "signature, timestamp or nonce is missing");
	if (!seal_of(v->token, seal->timestamp, seal->nonce, encrypted, hex) ||
	    !crypto_equal_text(hex, seal->signature))
		return error_set(e, RC_REFUSED, "the signature is wrong");
	CLEANUP(free_p) unsigned char *bytes = NULL;
	size_t len = 0;
	enum result r = text_unbase64(encrypted, strlen(encrypted), &bytes, &len, e);
	if (r != RC_OK)
		return r;
	if (!len || len % BLOCK || !key_of(v, key))
		return error_set(e, RC_INVALID, "not a whole number of blocks, or the key is malformed");
	CLEANUP(free_p) unsigned char *plain = malloc(len);
	if (!plain)
		return error_set(e, RC_EXHAUSTED, "no memory");
	if (!cipher(false, key, bytes, len, plain))
		return error_set(e, RC_INVALID, "it cannot be decrypted");
	return unpack(plain, len, v->owner, ret, e);
}

static char *pack(const struct dingapp_envelope *v, const unsigned char random[16], const char *text)
{
	unsigned char key[KEY_BYTES];
	size_t n = strlen(text), owner = strlen(v->owner);
	size_t len = RANDOM_BYTES + LENGTH_BYTES + n + owner, pad = PAD_MAX - len % PAD_MAX;
	if (n > ENVELOPE_BYTES_MAX || !key_of(v, key))
		return NULL;
	CLEANUP(free_p) unsigned char *plain = malloc(len + pad), *out = malloc(len + pad);
	if (!plain || !out)
		return NULL;
	memcpy(plain, random, RANDOM_BYTES);
	for (int i = 0; i < LENGTH_BYTES; i++)
		plain[RANDOM_BYTES + i] = (unsigned char)(n >> (24 - 8 * i));
	memcpy(plain + RANDOM_BYTES + LENGTH_BYTES, text, n);
	memcpy(plain + RANDOM_BYTES + LENGTH_BYTES + n, v->owner, owner);
	memset(plain + len, (int)pad, pad);
	return cipher(true, key, plain, len + pad, out) ? text_base64(out, len + pad, false) : NULL;
}

char *dingapp_answer_envelope(const struct dingapp_envelope *v, const char *timestamp, const char *nonce,
			      const unsigned char random[16], const char *text)
{
	char hex[2 * SHA1_BYTES + 1];
	char *encrypted = pack(v, random, text), *answer = NULL;
	struct strbuf b;
	strbuf_init(&b, ENVELOPE_BYTES_MAX * 2);
	if (encrypted && seal_of(v->token, timestamp, nonce, encrypted, hex)) {
		strbuf_addf(&b, "{\"msg_signature\":\"%s\",\"timeStamp\":", hex);
		strbuf_add_json(&b, timestamp);
		strbuf_add(&b, ",\"nonce\":");
		strbuf_add_json(&b, nonce);
		strbuf_addf(&b, ",\"encrypt\":\"%s\"}", encrypted);
		answer = strbuf_take(&b);
	}
	free(encrypted);
	strbuf_finish(&b);
	return answer;
}

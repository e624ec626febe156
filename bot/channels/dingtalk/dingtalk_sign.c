#include <stdio.h>
#include <string.h>

#include "base/crypto.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/channels/dingtalk/dingtalk_private.h"

enum { URL_BYTES_MAX = 8192, MESSAGE_BYTES_MAX = 512 };

/* base64(HMAC-SHA256(secret, "MS\nSECRET")): the secret is both key and part of the message. */
static char *sign(const char *secret, int64_t now_ms)
{
	char message[MESSAGE_BYTES_MAX];
	int n = snprintf(message, sizeof message, "%lld\n%s", (long long)now_ms, secret);
	unsigned char mac[SHA256_BYTES];
	if (n < 0 || (size_t)n >= sizeof message ||
	    crypto_hmac_sha256(secret, strlen(secret), message, (size_t)n, mac, NULL) != RC_OK)
		return NULL;
	return text_base64(mac, sizeof mac, false);
}

char *dingtalk_signed_url(const char *url, const char *secret, int64_t now_ms)
{
	struct strbuf b;
	strbuf_init(&b, URL_BYTES_MAX);
	strbuf_add(&b, url);
	if (!text_empty(secret)) {
		char *mark = sign(secret, now_ms);
		strbuf_addf(&b, "%stimestamp=%lld&sign=", strchr(url, '?') ? "&" : "?", (long long)now_ms);
		if (mark)
			strbuf_add_urlencoded(&b, mark, strlen(mark));
		b.overflow |= !mark;
		free(mark);
	}
	char *signed_url = strbuf_take(&b);
	strbuf_finish(&b);
	return signed_url;
}

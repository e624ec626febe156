#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>

static const char alphabets[2][65] = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Length without padding; false when the padding is wrong or a lone character remains. */
static bool strip_padding(const char *s, size_t *len)
{
	size_t n = *len, padding = 0;
	while (n && padding < 2 && s[n - 1] == '=') {
		n--;
		padding++;
	}
	if (padding && *len % 4 != 0)
		return false;
	*len = n;
	return n % 4 != 1;
}

enum result text_unbase64(const char *s, size_t len, unsigned char **ret, size_t *ret_len, struct error *e)
{
	size_t n = len, out = 0;
	if (!strip_padding(s, &n))
		return error_set(e, RC_INVALID, "base64 of a wrong length or padding");
	unsigned char *bytes = malloc(n / 4 * 3 + 3);
	if (!bytes)
		return error_set(e, RC_EXHAUSTED, "no memory for %zu bytes of base64", len);
	uint32_t bits = 0;
	unsigned held = 0;
	for (size_t i = 0; i < n; i++) {
		int v = sextet(s[i]);
		if (v < 0) {
			free(bytes);
			return error_set(e, RC_INVALID, "not base64 at byte %zu", i + 1);
		}
		bits = bits << 6 | (uint32_t)v;
		held += 6;
		if (held >= 8) {
			held -= 8;
			bytes[out++] = (unsigned char)(bits >> held);
		}
	}
	/* One value has one text: what is compared as text must not have a second spelling. */
	if (bits & ((1U << held) - 1)) {
		free(bytes);
		return error_set(e, RC_INVALID, "base64 with bits after its end");
	}
	bytes[out] = '\0';
	*ret = bytes;
	*ret_len = out;
	return RC_OK;
}

char *text_base64(const void *bytes, size_t len, bool url)
{
	const unsigned char *in = bytes;
	const char *alphabet = alphabets[url];
	if (len > SIZE_MAX / 2)
		return NULL;
	char *text = malloc((len + 2) / 3 * 4 + 1), *out = text;
	if (!text)
		return NULL;
	for (; len >= 3; in += 3, len -= 3) {
		*out++ = alphabet[in[0] >> 2];
		*out++ = alphabet[(in[0] & 3) << 4 | in[1] >> 4];
		*out++ = alphabet[(in[1] & 15) << 2 | in[2] >> 6];
		*out++ = alphabet[in[2] & 63];
	}
	if (len) {
		unsigned second = len == 2 ? in[1] : 0;
		*out++ = alphabet[in[0] >> 2];
		*out++ = alphabet[(in[0] & 3U) << 4 | second >> 4];
		if (len == 2)
			*out++ = alphabet[(second & 15) << 2];
		else if (!url)
			*out++ = '=';
		if (!url)
			*out++ = '=';
	}
	*out = '\0';
	return text;
}

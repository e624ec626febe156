#include "bot/api/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { V4_BITS = 32, V6_BITS = 128, ADDRESS_MAX = 64 };

/* Do the first bits of both agree? */
static bool same_prefix(const unsigned char *a, const unsigned char *b, int bits)
{
	size_t whole = (size_t)bits / 8;
	int rest = bits % 8;
	if (memcmp(a, b, whole) != 0)
		return false;
	return !rest || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool read_address(const char *text, unsigned char bytes[16], int *ret_family)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	memset(bytes, 0, 16);
	if (inet_pton(AF_INET, text, bytes) == 1) {
		*ret_family = AF_INET;
		return true;
	}
	if (inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	*ret_family = AF_INET6;
	if (memcmp(bytes, mapped, sizeof mapped) == 0) {
		memmove(bytes, bytes + sizeof mapped, 4);
		memset(bytes + 4, 0, 12);
		*ret_family = AF_INET;
	}
	return true;
}

static bool is_clean(const struct cidr *c)
{
	unsigned char masked[16] = { 0 };
	size_t whole = (size_t)c->bits / 8;
	memcpy(masked, c->bytes, whole);
	if (c->bits % 8)
		masked[whole] = (unsigned char)(c->bytes[whole] & (0xff << (8 - c->bits % 8)));
	return memcmp(masked, c->bytes, sizeof masked) == 0;
}

enum result cidr_parse(const char *text, struct cidr *ret, struct error *e)
{
	char address[ADDRESS_MAX];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct cidr c;
	if (len >= sizeof address || snprintf(address, sizeof address, "%.*s", (int)len, text) < 0 ||
	    !read_address(address, c.bytes, &c.family))
		return error_set(e, RC_INVALID, "\"%.60s\" is no address range such as 10.0.0.0/8", text);
	uint64_t max = c.family == AF_INET ? V4_BITS : V6_BITS, bits = max;
	if (slash && text_u64(slash + 1, 0, max, &bits, NULL) != RC_OK)
		return error_set(e, RC_INVALID, "\"%.60s\": the prefix must be a number from 0 to %d", text, (int)max);
	c.bits = (int)bits;
	if (!is_clean(&c))
		return error_set(e, RC_INVALID, "\"%.60s\" has bits behind its prefix", text);
	*ret = c;
	return RC_OK;
}

bool cidr_holds(const struct cidr *c, const char *address)
{
	unsigned char bytes[16];
	int family;
	return read_address(address, bytes, &family) && family == c->family && same_prefix(bytes, c->bytes, c->bits);
}

#include "base/egress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

static bool v4_denied(uint32_t a, bool private_too)
{
	uint8_t first = (uint8_t)(a >> 24);
	bool metadata = a == 0x646464c8u;          /* 100.100.100.200 */
	bool link_local = (a >> 16) == 0xa9fe;     /* 169.254/16, cloud metadata among them */
	bool nowhere = first == 0 || first >= 224; /* this network, multicast, reserved */
	if (metadata || link_local || nowhere)
		return true;
	return private_too && first == 127;
}

static uint32_t v4_of(const uint8_t a[4])
{
	return (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3];
}

/* An IPv4 address in one of the clothes that IPv6 has for it is judged as what it is. */
static bool v6_denied(const uint8_t a[16], bool private_too)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t metadata[16] = { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54 };
	static const uint8_t loopback[16] = { [15] = 1 };
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	static const uint8_t zero[16];
	if (memcmp(a, mapped, sizeof mapped) == 0 || memcmp(a, zero, 12) == 0) {
		if (memcmp(a, loopback, 16) == 0)
			return private_too;
		return v4_denied(v4_of(a + 12), private_too);
	}
	if (memcmp(a, nat64, sizeof nat64) == 0)
		return v4_denied(v4_of(a + 12), private_too);
	if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
		return v4_denied(v4_of(a + 2), private_too);
	if (memcmp(a, metadata, 16) == 0 || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || a[0] == 0xff)
		return true;
	return false;
}

bool egress_allows(const struct egress *g, const char *host, const struct sockaddr *address)
{
	for (const char *const *h = g->allow; h && *h; h++)
		if (strcasecmp(*h, host) == 0)
			return true;
	bool loopback_too = !g->private_too;
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof in);
		return !v4_denied(ntohl(in.sin_addr.s_addr), loopback_too);
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof in6);
		return !v6_denied(in6.sin6_addr.s6_addr, loopback_too);
	}
	return false;
}

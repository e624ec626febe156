/* Where hooks may go. A Canary's author can make the controller call any URL, so the address itself is judged, at
 * connect time (security.md 3). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/text.h"
#include "controller/hooks/hooks.h"

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

static bool v6_denied(const uint8_t a[16], bool private_too)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t metadata[16] = { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54 };
	static const uint8_t loopback[16] = { [15] = 1 };
	static const uint8_t zero[16];
	if (memcmp(a, mapped, sizeof mapped) == 0 || memcmp(a, zero, 12) == 0) {
		if (memcmp(a, loopback, 16) == 0)
			return private_too;
		uint32_t v4 = (uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 | (uint32_t)a[14] << 8 | a[15];
		return v4_denied(v4, private_too);
	}
	if (memcmp(a, metadata, 16) == 0 || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || a[0] == 0xff)
		return true;
	return false;
}

bool egress_allowed(const struct hooks_options *o, const char *host, const struct sockaddr *address)
{
	for (const char *const *h = o->egress_allow; h && *h; h++)
		if (text_eq(*h, host))
			return true;
	bool loopback_too = !o->egress_private;
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

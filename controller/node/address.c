#include "controller/node/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"

enum { BITS_MIN = 8, BITS_MAX = 30 };

static bool address_parse(const char *text, uint32_t *ret)
{
	struct in_addr in;
	if (inet_pton(AF_INET, text, &in) != 1)
		return false;
	*ret = ntohl(in.s_addr);
	return true;
}

enum result address_pool_parse(const char *cidr, struct address_pool *ret, struct error *e)
{
	char network[ADDRESS_TEXT] = "", shown[TEXT_SHOWN];
	const char *slash = strchr(cidr, '/');
	size_t len = slash ? (size_t)(slash - cidr) : 0;
	uint32_t address = 0;
	uint64_t bits = 0;
	if (len < sizeof network)
		memcpy(network, cidr, len);
	if (!slash || !address_parse(network, &address) ||
	    text_u64(slash + 1, BITS_MIN, BITS_MAX, &bits, NULL) != RC_OK)
		return error_set(e, RC_INVALID, "\"%s\": not a network such as 127.10.0.0/16 (/%d to /%d)",
				 text_show(cidr, strlen(cidr), shown), BITS_MIN, BITS_MAX);
	uint32_t size = UINT32_C(1) << (32 - bits);
	address &= ~(size - 1);
	*ret = (struct address_pool){ .first = address + 1, .count = size - 2 };
	return RC_OK;
}

enum result address_pool_take(struct address_pool *p, bool (*taken)(void *owner, uint32_t address), void *owner,
			      uint32_t *ret, struct error *e)
{
	for (uint32_t tried = 0; tried < p->count; tried++) {
		uint32_t address = p->first + p->next;
		p->next = (p->next + 1) % p->count;
		if (!taken(owner, address)) {
			*ret = address;
			return RC_OK;
		}
	}
	return error_set(e, RC_EXHAUSTED, "all %u addresses are in use", p->count);
}

bool address_pool_has(const struct address_pool *p, const char *text, uint32_t *ret)
{
	uint32_t address;
	if (!address_parse(text, &address) || address < p->first || address - p->first >= p->count)
		return false;
	*ret = address;
	return true;
}

void address_pool_after(struct address_pool *p, uint32_t address)
{
	p->next = (address - p->first + 1) % p->count;
}

const char *address_print(uint32_t address, char buf[ADDRESS_TEXT])
{
	struct in_addr in = { .s_addr = htonl(address) };
	return inet_ntop(AF_INET, &in, buf, ADDRESS_TEXT);
}

#pragma once
/* Address ranges: "10.0.0.0/8", "fd00::/8", a single address. Pure. */
#include <stdbool.h>

#include "base/error.h"

struct cidr {
	unsigned char bytes[16];
	int family; /* AF_INET, AF_INET6 */
	int bits;
};
/* The bits behind the prefix must be zero: what was meant is unclear otherwise. */
MUST_CHECK enum result cidr_parse(const char *text, struct cidr *ret, struct error *e);
/* address: numeric; an IPv4 address mapped into IPv6 counts as what it is. */
bool cidr_holds(const struct cidr *c, const char *address);

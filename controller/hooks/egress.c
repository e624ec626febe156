#include "base/egress.h"
#include "controller/hooks/hooks.h"

bool egress_allowed(const struct hooks_options *o, const char *host, const struct sockaddr *address)
{
	const struct egress g = { .allow = o->egress_allow, .private_too = o->egress_private };
	return egress_allows(&g, host, address);
}

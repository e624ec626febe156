#pragma once
/* Where calls may go whose URL somebody else chose: the author of a Canary, a configuration of many hands. The address
 * itself is judged, when a connection to it is about to be made (http_client.h), so that nothing is gained by how a
 * host is written or by a name whose address changes. Pure. */
#include <stdbool.h>
#include <sys/socket.h>

struct egress {
	const char *const *allow; /* hosts that may be called although they are loopback, link-local or metadata
				   * addresses; NULL-terminated; NULL none */
	bool private_too;         /* all loopback addresses are allowed (one machine, tests) */
};
bool egress_allows(const struct egress *g, const char *host, const struct sockaddr *address);

#include "controller/cluster/embedded/ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/json.h"

/* Whoever listens on this port of any address would be in the way of a process that listens on all. */
static bool is_free(unsigned port)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	if (s < 0)
		return true;
	(void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	bool ok = bind(s, (const struct sockaddr *)&in, sizeof in) == 0 || errno != EADDRINUSE;
	close(s);
	return ok;
}

/* Of a pod that is there, be it that its process does not listen yet. */
static bool is_given(const struct shelf *s, unsigned port)
{
	struct item *i, *next;
	HASH_ITER (by_name, s->by_name[KIND_POD], i, next) {
		const cJSON *p;
		cJSON_ArrayForEach (p, i->pod->ports) {
			if (p->valueint == (int)port)
				return true;
		}
	}
	return false;
}

unsigned port_choose(const struct shelf *s, unsigned *next)
{
	if (!*next && crypto_random(next, sizeof *next, NULL) != RC_OK)
		*next = 0;
	for (unsigned n = 0; n < PORTS_COUNT; n++) {
		unsigned port = PORTS_FIRST + *next % PORTS_COUNT;
		*next = *next % PORTS_COUNT + 1;
		if (!is_given(s, port) && is_free(port))
			return port;
	}
	return 0;
}

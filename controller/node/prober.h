#pragma once
/* One look at a container: does it accept, answer, or run a command well? */
#include <stdbool.h>

#include "base/error.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "controller/node/probe.h"

struct probing;
/* Once, on a later turn, within the probe's timeout; the probing is gone after it. why: "" when ok. */
typedef void probed(void *owner, bool ok, const char *why);
struct probe_target {
	const char *address;    /* numeric IPv4 */
	const char *const *env; /* of a command; NULL-terminated */
};
/* NULL: no memory. All arguments are needed only during the call. */
struct probing *probing_start(struct loop *l, struct http_client *http, const struct probe_spec *spec,
			      const struct probe_target *target, probed *done, void *owner);
void probing_cancel(struct probing **p); /* sets it NULL; NULL is fine */

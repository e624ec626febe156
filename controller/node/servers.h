#pragma once
/* Who answers for a Service now? Pure. */
#include "controller/node/routes.h"

/* The upstream of a backend, made when it is not there yet. port is a number or a text, as the backend has it. NULL: no
 * memory, or ns and service are no names. A Service or port that does not exist has no servers. */
const struct upstream *servers_find(struct routes *r, const struct routes_input *in, const char *ns,
				    const char *service, const cJSON *port);

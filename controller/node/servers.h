#pragma once
/* Who answers for a Service now? Pure. */
#include "controller/node/routes.h"

/* The upstream of a backend, made when it is not there yet. port is a number or a text, as the backend has it. NULL: no
 * memory, or ns and service are no names. A Service or port that does not exist has no servers. */
const struct upstream *servers_find(struct routes *r, const struct routes_input *in, const char *ns,
				    const char *service, const cJSON *port);

/* ---- parts of it, for whoever finds servers by a selector of its own ---- */
/* "127.10.0.2:8080"; NULL: not a numeric address, not a port, or no memory. */
const char *server_text(struct arena *a, const char *address, int64_t port);
bool server_selected(const cJSON *selector, const cJSON *labels); /* an empty selector selects all */
bool server_ready(const cJSON *pod);                              /* and not about to leave */
/* target: a number, a number as text, or the name of a port of the pod. 0: there is none. */
int64_t server_port(const cJSON *pod, const cJSON *target);

#pragma once
/* What a demo stands on: a folder of its own, ports that nobody has, a configuration that names them. */
#include "base/error.h"

enum { GROUND_PATH = 4096 };
struct ground {
	char folder[GROUND_PATH], config[GROUND_PATH]; /* absolute */
	char bin[GROUND_PATH];                         /* the folder of our program and of the application's */
	int port, admin_port, web_port, app_port;
	int network;      /* pods are 127.NETWORK.x.y */
	const char *chat; /* borrowed: lines for the configuration (chat.h) */
};
/* Makes the folder, or begins anew in one that a demo has left; chooses ports; writes the configuration. RC_CONFLICT:
 * another demo runs in it. RC_INVALID: it is something else's. Before any loop runs. */
MUST_CHECK enum result ground_prepare(const char *folder, const char *chat, struct ground *ret, struct error *e);
/* A file of templates/demo with its {{words}} filled in; malloc'ed; NULL: no memory. */
char *ground_fill(const struct ground *g, const char *name);

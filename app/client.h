#pragma once
/* The service, asked over its API: one call, waited for. */
#include <cjson/cJSON.h>

#include "app/cli.h"

/* path: "/api/v1/..."; body: JSON or NULL. On EXIT_DONE *ret is the answer (cJSON_Delete). What went wrong has been
 * printed. */
enum exit_code client_call(const struct cli *c, const char *method, const char *path, const char *body, cJSON **ret);
/* The same with a body of another type. */
enum exit_code client_send(const struct cli *c, const char *method, const char *path, const char *type,
			   const char *body, cJSON **ret);
/* The rollout that a word means: NS/NAME, or NAME with --namespace, or a NAME that only one has. ns, name: buffers of
 * CLIENT_NAME bytes. */
enum { CLIENT_NAME = 254 };
enum exit_code client_resolve(const struct cli *c, const char *word, char *ret_ns, char *ret_name);

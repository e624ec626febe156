#pragma once
/* The service, asked over its API: one call that is waited for, or a client for verbs that stay. */
#include <cjson/cJSON.h>

#include "app/cli.h"
#include "base/cleanup.h"
#include "base/http_client.h"
#include "base/loop.h"

/* path: "/api/v1/..."; body: JSON or NULL. On EXIT_DONE *ret is the answer (cJSON_Delete). What went wrong has been
 * printed. */
enum exit_code client_call(const struct cli *c, const char *method, const char *path, const char *body, cJSON **ret);
/* The same with a body of another type. */
enum exit_code client_send(const struct cli *c, const char *method, const char *path, const char *type,
			   const char *body, cJSON **ret);
/* The rollout that a word means: NS/NAME, or NAME with --namespace, or a NAME that only one has. ns, name: buffers of
 * CLIENT_NAME bytes. */
enum { CLIENT_NAME = 254, CLIENT_PATH = 2048 };
enum exit_code client_resolve(const struct cli *c, const char *word, char *ret_ns, char *ret_name);
/* "/api/v1/rollouts/NS/NAME" and more; buf of CLIENT_PATH bytes. */
void client_rollout_path(const char *ns, const char *name, const char *more, char *buf);

/* ---- clients that stay ---- */

struct client {
	const struct cli *cli;
	struct loop *loop; /* owned, as are the next three */
	struct http_client *http;
	char *token, *ca;  /* NULL: none */
	char server[1024]; /* without a slash at its end */
};
enum exit_code client_open(const struct cli *c, struct client **ret); /* what went wrong has been printed */
void client_close(struct client *k);                                  /* NULL is fine */
/* Reads the token again: a service that starts anew leaves another one for this machine. */
void client_reread_token(struct client *k);
/* q has all but url, headers and tls; header: one more, "Name: value", or NULL. As http_send. */
struct http_call *client_begin(struct client *k, const struct http_request *q, const char *path, const char *header,
			       http_done *done, void *owner, struct error *e);
/* What an answer that is none of 2xx says, printed; its exit code. */
enum exit_code client_refusal(const struct cli *c, int status, const cJSON *answer);
DEFINE_CLEANUP(struct client, client_close)

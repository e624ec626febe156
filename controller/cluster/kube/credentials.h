#pragma once
/* Who we are to the API server at this moment: fixed, read from a file again and again, or printed by a program. */
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "controller/cluster/kube/kubeconfig.h"

/* What a request carries. Counted, because certificates must outlive the calls that were started with them: the
 * credentials hold one reference, each call another. */
struct identity {
	unsigned references;
	char *authorization;              /* header line; NULL: none */
	char *own_cert_pem, *own_key_pem; /* when a program printed them */
	struct http_tls tls;
};
struct identity *identity_ref(struct identity *i);
void identity_unref(struct identity *i); /* NULL is fine */

/* Embedded; zeroed is idle. */
struct credentials_wait {
	struct credentials_wait *prev, *next;
	struct credentials_wait **list; /* that it is in; NULL: idle */
	void (*ready)(void *owner, enum result r, const struct error *why);
	void *owner;
};

struct credentials;
/* config must outlive it. */
MUST_CHECK enum result credentials_create(struct loop *l, const struct kubeconfig *config, struct credentials **ret,
					  struct error *e);
void credentials_destroy(struct credentials *c); /* NULL is fine */
/* The present identity, borrowed; NULL: ready is called later, then ask again. */
struct identity *credentials_get(struct credentials *c, struct credentials_wait *w,
				 void (*ready)(void *owner, enum result r, const struct error *why), void *owner);
void credentials_wait_stop(struct credentials_wait *w);
/* The server did not accept used (401). false: there is no fresher one to be had. */
bool credentials_refused(struct credentials *c, const struct identity *used);
DEFINE_CLEANUP(struct credentials, credentials_destroy)

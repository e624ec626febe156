#pragma once
/* Runs a kubeconfig's exec program and reads the ExecCredential that it prints. Nothing blocks. */
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/loop.h"
#include "controller/cluster/kube/kubeconfig.h"

struct exec_plugin;
struct exec_credential {
	char *token, *cert_pem, *key_pem; /* borrowed by the callback, which may take (and null) them; NULL: none */
	struct wall_ms expires;           /* v INT64_MAX: never said */
};
typedef void exec_plugin_done(void *owner, enum result r, struct exec_credential *credential, const struct error *why);

/* config must outlive the run, which ends by itself after 60 s. done runs once, on a later turn. */
MUST_CHECK enum result exec_plugin_run(struct loop *l, const struct kubeconfig *config, exec_plugin_done *done,
				       void *owner, struct exec_plugin **ret, struct error *e);
/* Kills it; done does not run. Sets it NULL; NULL is fine. Its memory goes when libuv has closed what it has open. */
void exec_plugin_stop(struct exec_plugin **x);
/* Pure: what the program printed. api_version is what was asked for. */
MUST_CHECK enum result exec_credential_parse(const char *text, size_t len, const char *api_version,
					     struct exec_credential *ret, struct error *e);
void exec_credential_finish(struct exec_credential *c); /* wipes and frees */

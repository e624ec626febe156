#pragma once
/* How to reach an API server and who we are there: kubeconfig files, or the pod's own ServiceAccount. */
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"

struct exec_variable {
	const char *name, *value;
};
/* users[].user.exec: a program that prints an ExecCredential. */
struct exec_spec {
	const char *api_version;
	const char *command;     /* found in PATH when it has no '/' */
	const char *const *args; /* NULL-terminated, without the command */
	const struct exec_variable *variables;
	size_t variable_count;
	const char *install_hint; /* "" */
	bool cluster_info;
};
/* All texts belong to the arena; NULL when absent. */
struct kubeconfig {
	struct arena *arena;
	const char *context, *ns, *server;
	const char *ca_pem, *tls_server_name, *proxy;
	bool no_verify;
	char *cert_pem, *key_pem, *token, *password; /* secrets: wiped by kubeconfig_destroy */
	const char *token_file, *username;
	const char *as, *const *as_groups; /* impersonation; as_groups is NULL-terminated */
	const struct exec_spec *exec;
};

/* Empty. */
MUST_CHECK enum result kubeconfig_create(struct kubeconfig **ret, struct error *e);
/* paths: one file, or several joined by ':' as in $KUBECONFIG: the first that defines a name wins, missing files are
 * passed over. context NULL: current-context. Errors say file, line, column and field. */
MUST_CHECK enum result kubeconfig_load(const char *paths, const char *context, struct kubeconfig **ret,
				       struct error *e);
/* dir: where kubelet mounts token, ca.crt and namespace. */
MUST_CHECK enum result kubeconfig_in_cluster(const char *dir, const char *host, const char *port,
					     struct kubeconfig **ret, struct error *e);
/* The file given, $KUBECONFIG, in-cluster, ~/.kube/config: the first that there is. */
MUST_CHECK enum result kubeconfig_find(const char *path, const char *context, const char *account_dir,
				       struct kubeconfig **ret, struct error *e);
void kubeconfig_destroy(struct kubeconfig *c); /* NULL is fine */
DEFINE_CLEANUP(struct kubeconfig, kubeconfig_destroy)

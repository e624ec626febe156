#include "controller/cluster/kube/kubeconfig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "controller/cluster/kube/file.h"

enum { ARENA_BYTES = 8 * 1024 * 1024, CA_MAX_BYTES = 1024 * 1024, NAMESPACE_MAX_BYTES = 256 };

enum result kubeconfig_create(struct kubeconfig **ret, struct error *e)
{
	struct kubeconfig *c = calloc(1, sizeof *c);
	if (c)
		c->arena = arena_create(ARENA_BYTES);
	if (!c || !c->arena) {
		free(c);
		return error_set(e, RC_EXHAUSTED, "kubeconfig: no memory");
	}
	*ret = c;
	return RC_OK;
}

enum result kubeconfig_in_cluster(const char *dir, const char *host, const char *port, struct kubeconfig **ret,
				  struct error *e)
{
	CLEANUP(kubeconfig_destroy_p) struct kubeconfig *c = NULL;
	CLEANUP(free_p) char *ca = NULL, *ns = NULL;
	enum result ok = kubeconfig_create(&c, e);
	if (ok != RC_OK || !c)
		return ok;
	char path[4096];
	size_t ca_len, ns_len;
	snprintf(path, sizeof path, "%s/ca.crt", dir);
	ok = file_read(path, CA_MAX_BYTES, &ca, &ca_len, e);
	if (ok != RC_OK || !ca)
		return error_in(e, ok, "the pod's ServiceAccount");
	snprintf(path, sizeof path, "%s/namespace", dir);
	if (file_read(path, NAMESPACE_MAX_BYTES, &ns, &ns_len, NULL) == RC_OK)
		c->ns = arena_strndup(c->arena, ns, strcspn(ns, "\r\n"));
	bool v6 = strchr(host, ':') != NULL;
	c->context = "in-cluster";
	c->server = arena_printf(c->arena, "https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
	c->ca_pem = arena_strndup(c->arena, ca, ca_len);
	c->token_file = arena_printf(c->arena, "%s/token", dir);
	if (!c->server || !c->ca_pem || !c->token_file)
		return error_set(e, RC_EXHAUSTED, "the pod's ServiceAccount: no memory");
	*ret = TAKE(c);
	return RC_OK;
}

enum result kubeconfig_find(const char *path, const char *context, const char *account_dir, struct kubeconfig **ret,
			    struct error *e)
{
	const char *env = getenv("KUBECONFIG"), *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT"), *home = getenv("HOME");
	if (text_empty(path) && !text_empty(env))
		path = env;
	if (!text_empty(path))
		return kubeconfig_load(path, context, ret, e);
	if (host && *host && port && *port)
		return kubeconfig_in_cluster(account_dir ? account_dir
							 : "/var/run/secrets/kubernetes.io/serviceaccount",
					     host, port, ret, e);
	char usual[4096];
	snprintf(usual, sizeof usual, "%s/.kube/config", home ? home : "");
	enum result ok = kubeconfig_load(usual, context, ret, e);
	if (ok == RC_NOT_FOUND)
		return error_set(e, RC_NOT_FOUND,
				 "no API server: neither $KUBECONFIG, nor a pod's ServiceAccount, nor %s", usual);
	return ok;
}

void kubeconfig_destroy(struct kubeconfig *c)
{
	if (!c)
		return;
	char *const secrets[] = { c->cert_pem, c->key_pem, c->token, c->password };
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		if (secrets[i])
			explicit_bzero(secrets[i], strlen(secrets[i]));
	}
	arena_destroy(c->arena);
	free(c);
}

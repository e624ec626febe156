#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/cluster/kube/exec_plugin.h"

void exec_credential_finish(struct exec_credential *c)
{
	crypto_free_secret(TAKE(c->token));
	crypto_free_secret(TAKE(c->cert_pem));
	crypto_free_secret(TAKE(c->key_pem));
}

static enum result take_text(const cJSON *status, const char *key, char **ret, struct error *e)
{
	const char *text = json_text(status, key, "");
	if (!*text)
		return RC_OK;
	*ret = strdup(text);
	return *ret ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for a credential");
}

/* A token ends up in a header line. */
static bool header_safe(const char *token)
{
	for (const char *s = token; *s; s++) {
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

static enum result read_status(const cJSON *status, struct exec_credential *c, struct error *e)
{
	enum result r = take_text(status, "token", &c->token, e);
	if (r == RC_OK)
		r = take_text(status, "clientCertificateData", &c->cert_pem, e);
	if (r == RC_OK)
		r = take_text(status, "clientKeyData", &c->key_pem, e);
	const char *expires = json_text(status, "expirationTimestamp", "");
	if (r == RC_OK && *expires)
		r = wall_parse(expires, &c->expires, e);
	if (r != RC_OK)
		return r;
	if (!c->cert_pem != !c->key_pem)
		return error_set(e, RC_INVALID, "clientCertificateData and clientKeyData belong together");
	if (!c->token && !c->cert_pem)
		return error_set(e, RC_INVALID, "neither a token nor a client certificate");
	if (c->token && !header_safe(c->token))
		return error_set(e, RC_INVALID, "a token with blanks or control characters");
	return RC_OK;
}

static void wipe(cJSON *node)
{
	for (; node; node = node->next) {
		if (cJSON_IsString(node))
			explicit_bzero(node->valuestring, strlen(node->valuestring));
		if (node->child)
			wipe(node->child);
	}
}

enum result exec_credential_parse(const char *text, size_t len, const char *api_version, struct exec_credential *ret,
				  struct error *e)
{
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	CLEANUP(exec_credential_finish) struct exec_credential c = { .expires = { INT64_MAX } };
	enum result r = json_parse(text, len, &tree, e);
	if (r != RC_OK)
		return error_in(e, r, "what the exec program printed");
	if (!text_eq(json_text(tree, "kind", ""), "ExecCredential"))
		r = error_set(e, RC_INVALID, "what the exec program printed is not an ExecCredential");
	else if (!text_eq(json_text(tree, "apiVersion", ""), api_version))
		r = error_set(e, RC_INVALID, "the exec program answered in another apiVersion than %s", api_version);
	else if (!cJSON_IsObject(json_at(tree, "status")))
		r = error_set(e, RC_INVALID, "the exec program's ExecCredential has no status");
	else if ((r = read_status(json_at(tree, "status"), &c, e)) != RC_OK)
		error_in(e, r, "the exec program's ExecCredential");
	wipe(tree);
	if (r != RC_OK)
		return r;
	*ret = c;
	c = (struct exec_credential){ 0 };
	return RC_OK;
}

#include "controller/cluster/kube/credentials.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/cluster/kube/exec_plugin.h"
#include "controller/cluster/kube/file.h"

enum {
	TOKEN_MAX_BYTES = 64 * 1024,
	TOKEN_FILE_MS = 60 * 1000,    /* kubelet replaces it well before it expires */
	EXPIRY_MARGIN_MS = 10 * 1000, /* a program's credential is not used in its last seconds */
	RERUN_MS = 5 * 1000           /* and one that came expired does not make the program run without end */
};

struct credentials {
	struct loop *loop;
	const struct kubeconfig *config;
	struct identity *current; /* NULL: none yet, or refused */
	struct mono_ms read_at;   /* of the token file */
	struct wall_ms expires;
	struct exec_plugin *run; /* while a program runs */
	struct mono_ms ran_at;
	struct credentials_wait *waiting, *told; /* told: while the news goes round */
	struct deferred failed;                  /* a program that could not be started */
	struct error why;
};

/* ---- identities ---- */

struct identity *identity_ref(struct identity *i)
{
	i->references++;
	return i;
}

void identity_unref(struct identity *i)
{
	if (!i || --i->references)
		return;
	crypto_free_secret(i->authorization);
	crypto_free_secret(i->own_cert_pem);
	crypto_free_secret(i->own_key_pem);
	free(i);
}

static char *header_of(const char *scheme, const char *value)
{
	static const char name[] = "Authorization: ";
	size_t size = sizeof name + strlen(scheme) + 1 + strlen(value);
	char *header = malloc(size);
	if (header)
		snprintf(header, size, "%s%s %s", name, scheme, value);
	return header;
}

static char *header_basic(const char *username, const char *password)
{
	size_t size = strlen(username) + strlen(password) + 2;
	char *pair = malloc(size);
	if (!pair)
		return NULL;
	snprintf(pair, size, "%s:%s", username, password);
	char *coded = text_base64(pair, size - 1, false), *header = coded ? header_of("Basic", coded) : NULL;
	crypto_free_secret(pair);
	crypto_free_secret(coded);
	return header;
}

static enum result identity_create(const struct kubeconfig *c, const char *token, struct identity **ret,
				   struct error *e)
{
	struct identity *i = calloc(1, sizeof *i);
	if (!i)
		return error_set(e, RC_EXHAUSTED, "no memory for credentials");
	i->references = 1;
	i->tls = (struct http_tls){
		.ca_pem = c->ca_pem, .cert_pem = c->cert_pem, .key_pem = c->key_pem, .no_verify = c->no_verify
	};
	if (token)
		i->authorization = header_of("Bearer", token);
	else if (c->username)
		i->authorization = header_basic(c->username, c->password ? c->password : "");
	if ((token || c->username) && !i->authorization) {
		identity_unref(i);
		return error_set(e, RC_EXHAUSTED, "no memory for credentials");
	}
	*ret = i;
	return RC_OK;
}

static void credentials_set(struct credentials *c, struct identity *i)
{
	identity_unref(c->current);
	c->current = i;
}

/* ---- a token in a file ---- */

static enum result token_file_read(struct credentials *c, struct error *e)
{
	char *token = NULL;
	size_t len;
	struct identity *i = NULL;
	enum result r = file_read(c->config->token_file, TOKEN_MAX_BYTES, &token, &len, e);
	if (r != RC_OK)
		return r;
	len = strcspn(token, "\r\n");
	token[len] = '\0';
	r = len ? identity_create(c->config, token, &i, e)
		: error_set(e, RC_INVALID, "%s: empty", c->config->token_file);
	crypto_free_secret(token);
	if (r != RC_OK)
		return r;
	c->read_at = loop_now(c->loop);
	credentials_set(c, i);
	return RC_OK;
}

/* A file that cannot be read for a while is no reason to stop: the token we have may be good for another hour. */
static void token_file_reread(struct credentials *c)
{
	struct error e;
	if (c->current && loop_now(c->loop).v - c->read_at.v < TOKEN_FILE_MS)
		return;
	if (token_file_read(c, &e) == RC_OK)
		return;
	c->read_at = loop_now(c->loop);
	log_warn("kube_token_unreadable", "error=%s", e.text);
}

/* ---- a program ---- */

/* In ready others may stop waiting, and may begin to wait anew, which is for the next run. */
static void tell_all(struct credentials *c, enum result r, const struct error *why)
{
	DL_CONCAT(c->told, c->waiting);
	c->waiting = NULL;
	struct credentials_wait *w;
	DL_FOREACH(c->told, w) w->list = &c->told;
	while ((w = c->told)) {
		credentials_wait_stop(w);
		w->ready(w->owner, r, why);
	}
}

static void exec_answered(void *owner, enum result r, struct exec_credential *credential, const struct error *why)
{
	struct credentials *c = owner;
	struct identity *i = NULL;
	struct error e;
	c->run = NULL;
	if (r == RC_OK) {
		r = identity_create(c->config, credential->token, &i, &e);
		why = &e;
	}
	if (r != RC_OK || !i) {
		tell_all(c, r, why);
		return;
	}
	if (credential->cert_pem) {
		i->tls.cert_pem = i->own_cert_pem = TAKE(credential->cert_pem);
		i->tls.key_pem = i->own_key_pem = TAKE(credential->key_pem);
	}
	c->expires = credential->expires;
	c->ran_at = loop_now(c->loop);
	credentials_set(c, i);
	tell_all(c, RC_OK, NULL);
}

static void exec_not_started(void *owner)
{
	struct credentials *c = owner;
	struct error why = c->why;
	tell_all(c, why.code, &why);
}

static void exec_start(struct credentials *c)
{
	if (c->run || c->failed.loop)
		return;
	if (exec_plugin_run(c->loop, c->config, exec_answered, c, &c->run, &c->why) != RC_OK)
		loop_defer(c->loop, &c->failed, exec_not_started, c);
}

static bool exec_current(const struct credentials *c)
{
	return c->current && (c->expires.v == INT64_MAX || loop_wall(c->loop).v < c->expires.v - EXPIRY_MARGIN_MS ||
			      loop_now(c->loop).v - c->ran_at.v < RERUN_MS);
}

/* ---- the door ---- */

struct identity *credentials_get(struct credentials *c, struct credentials_wait *w,
				 void (*ready)(void *owner, enum result r, const struct error *why), void *owner)
{
	if (c->config->token_file)
		token_file_reread(c);
	if (!c->config->exec || exec_current(c))
		return c->current;
	assert(!w->list);
	*w = (struct credentials_wait){ .list = &c->waiting, .ready = ready, .owner = owner };
	DL_APPEND(c->waiting, w);
	exec_start(c);
	return NULL;
}

void credentials_wait_stop(struct credentials_wait *w)
{
	if (!w->list)
		return;
	DL_DELETE(*w->list, w);
	w->list = NULL;
}

bool credentials_refused(struct credentials *c, const struct identity *used)
{
	struct error e;
	if (used != c->current)
		return true; /* another call found out before */
	if (c->config->token_file) {
		CLEANUP(free_p) char *before = strdup(used->authorization ? used->authorization : "");
		return token_file_read(c, &e) == RC_OK && c->current && !text_eq(before, c->current->authorization);
	}
	if (c->config->exec)
		credentials_set(c, NULL);
	return c->config->exec != NULL;
}

enum result credentials_create(struct loop *l, const struct kubeconfig *config, struct credentials **ret,
			       struct error *e)
{
	CLEANUP(credentials_destroy_p) struct credentials *c = calloc(1, sizeof *c);
	if (!c)
		return error_set(e, RC_EXHAUSTED, "no memory for credentials");
	c->loop = l;
	c->config = config;
	c->expires.v = INT64_MAX;
	enum result r = RC_OK;
	if (config->token_file)
		r = token_file_read(c, e);
	else if (!config->exec)
		r = identity_create(config, config->token, &c->current, e);
	if (r == RC_OK)
		*ret = TAKE(c);
	return r;
}

void credentials_destroy(struct credentials *c)
{
	if (!c)
		return;
	while (c->waiting)
		credentials_wait_stop(c->waiting);
	loop_defer_cancel(&c->failed);
	exec_plugin_stop(&c->run);
	identity_unref(c->current);
	free(c);
}

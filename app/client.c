#include "app/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/file.h"
#include "app/process.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { TIMEOUT_MS = 30000, PATH_MAX_BYTES = 4096, TOKEN_BYTES_MAX = 1024 };

struct call {
	struct client *client;
	enum exit_code code;
	cJSON *answer;
};

static enum exit_code exit_of(int status)
{
	switch (status) {
	case 401:
	case 403:
		return EXIT_REFUSED;
	case 404:
		return EXIT_NOT_FOUND;
	case 502:
	case 503:
	case 504:
		return EXIT_UNREACHABLE;
	default:
		return EXIT_FAILED;
	}
}

enum exit_code client_refusal(const struct cli *c, int status, const cJSON *answer)
{
	const char *hint = json_text(answer, "hint", "");
	return cli_fail(c, exit_of(status), "%s%s%s%s", json_text(answer, "error", "failed"), *hint ? " (" : "", hint,
			*hint ? ")" : "");
}

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct call *call = owner;
	const struct cli *c = call->client->cli;
	loop_stop(call->client->loop);
	if (r != RC_OK)
		call->code = cli_fail(c, EXIT_UNREACHABLE, "%s; is `rollcall serve` running?", why->text);
	else if (json_parse(a->body, a->len, &call->answer, NULL) != RC_OK)
		call->code = cli_fail(c, EXIT_FAILED, "%s answers %d, and not as rollcall does", call->client->server,
				      a->status);
	else
		call->code = a->status / 100 == 2 ? EXIT_DONE : client_refusal(c, a->status, call->answer);
}

/* ---- who asks ---- */

/* --token, or what the service left for this machine; NULL: neither, and the service will say what is needed. */
static char *find_token(const struct cli *c)
{
	char dir[PATH_MAX_BYTES], path[PATH_MAX_BYTES + 16];
	char *token = NULL;
	size_t len = 0;
	if (c->token)
		return strdup(c->token);
	if (cli_data_dir(c, dir, sizeof dir) != EXIT_DONE)
		return NULL;
	(void)snprintf(path, sizeof path, "%s/cli.token", dir);
	if (file_load(path, &token, &len, NULL) != RC_OK)
		return NULL;
	token[strcspn(token, "\r\n")] = '\0';
	return token;
}

void client_reread_token(struct client *k)
{
	free(k->token);
	k->token = find_token(k->cli);
}

static enum result open_parts(struct client *k, struct error *e)
{
	const struct cli *c = k->cli;
	const char *server = c->server ? c->server : "http://127.0.0.1:8484";
	size_t len = strlen(server), ca_len = 0;
	while (len && server[len - 1] == '/')
		len--;
	if (len >= sizeof k->server)
		return error_set(e, RC_INVALID, "the address is too long");
	(void)snprintf(k->server, sizeof k->server, "%.*s", (int)len, server);
	client_reread_token(k);
	if (k->token && strlen(k->token) > TOKEN_BYTES_MAX)
		return error_set(e, RC_INVALID, "the token is too long");
	enum result r = c->ca ? file_load(c->ca, &k->ca, &ca_len, e) : RC_OK;
	if (r == RC_OK)
		r = loop_create(&k->loop, e);
	return r == RC_OK ? http_client_create(k->loop, "rollcall-cli/" ROLLCALL_VERSION, &k->http, e) : r;
}

enum exit_code client_open(const struct cli *c, struct client **ret)
{
	struct error e;
	CLEANUP(client_close_p) struct client *k = calloc(1, sizeof *k);
	if (!k)
		return cli_fail(c, EXIT_FAILED, "no memory");
	k->cli = c;
	process_prepare();
	if (open_parts(k, &e) != RC_OK)
		return cli_fail_result(c, &e);
	*ret = TAKE(k);
	return EXIT_DONE;
}

void client_close(struct client *k)
{
	if (!k)
		return;
	http_client_destroy(k->http);
	if (k->loop)
		loop_destroy(k->loop);
	free(k->token);
	free(k->ca);
	free(k);
}

struct http_call *client_begin(struct client *k, const struct http_request *q, const char *path, const char *header,
			       http_done *done, void *owner, struct error *e)
{
	char url[PATH_MAX_BYTES], authorization[TOKEN_BYTES_MAX + 32];
	assert(k && k->http);
	int n = snprintf(url, sizeof url, "%s%s", k->server, path);
	if (n < 0 || (size_t)n >= sizeof url) {
		(void)error_set(e, RC_INVALID, "the address is too long");
		return NULL;
	}
	(void)snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", k->token ? k->token : "");
	const char *headers[] = { header ? header : "Accept: */*", k->token ? authorization : NULL, NULL };
	struct http_tls tls = { .ca_pem = k->ca };
	struct http_request whole = *q;
	whole.url = url;
	whole.headers = headers;
	whole.tls = k->ca ? &tls : NULL;
	return http_send(k->http, &whole, done, owner, e);
}

enum exit_code client_call(const struct cli *c, const char *method, const char *path, const char *body, cJSON **ret)
{
	return client_send(c, method, path, "application/json", body, ret);
}

enum exit_code client_send(const struct cli *c, const char *method, const char *path, const char *type,
			   const char *body, cJSON **ret)
{
	char header[128];
	struct error e;
	CLEANUP(client_close_p) struct client *k = NULL;
	enum exit_code code = client_open(c, &k);
	if (code != EXIT_DONE)
		return code;
	struct call call = { .client = k, .code = EXIT_FAILED };
	struct http_request q = { .method = method,
				  .body = body,
				  .body_len = body ? strlen(body) : 0,
				  .timeout_ms = TIMEOUT_MS,
				  .max_body_bytes = 64 << 20 };
	(void)snprintf(header, sizeof header, "Content-Type: %s", type);
	if (!client_begin(k, &q, path, header, answered, &call, &e))
		return cli_fail_result(c, &e);
	loop_run(k->loop);
	if (call.code == EXIT_DONE)
		*ret = call.answer;
	else
		cJSON_Delete(call.answer);
	return call.code;
}

/* ---- names ---- */

void client_rollout_path(const char *ns, const char *name, const char *more, char *buf)
{
	struct strbuf b;
	strbuf_init(&b, CLIENT_PATH - 1);
	strbuf_add(&b, "/api/v1/rollouts/");
	strbuf_add_urlencoded(&b, ns, strlen(ns));
	strbuf_addc(&b, '/');
	strbuf_add_urlencoded(&b, name, strlen(name));
	strbuf_add(&b, more);
	(void)text_copy(buf, CLIENT_PATH, b.s); /* two names of CLIENT_NAME bytes fit, all of them escaped */
	strbuf_finish(&b);
}

static enum exit_code take_apart(const struct cli *c, const char *ns, size_t ns_len, const char *name, char *ret_ns,
				 char *ret_name)
{
	if (!ns_len || ns_len >= CLIENT_NAME || !*name || strlen(name) >= CLIENT_NAME || strchr(name, '/'))
		return cli_usage(c, "a rollout is named NAME or NAMESPACE/NAME");
	(void)snprintf(ret_ns, CLIENT_NAME, "%.*s", (int)ns_len, ns);
	(void)snprintf(ret_name, CLIENT_NAME, "%s", name);
	return EXIT_DONE;
}

static enum exit_code search(const struct cli *c, const char *word, char *ret_ns, char *ret_name)
{
	CLEANUP(json_delete_p) cJSON *answer = NULL;
	enum exit_code code = client_call(c, "GET", "/api/v1/rollouts", NULL, &answer);
	if (code != EXIT_DONE)
		return code;
	const cJSON *r, *found = NULL;
	cJSON_ArrayForEach (r, json_at(answer, "rollouts")) {
		if (!text_eq(json_text(r, "name", ""), word))
			continue;
		if (found)
			return cli_fail(c, EXIT_FAILED, "several rollouts have this name, say which: %s/%s, %s/%s",
					json_text(found, "namespace", ""), word, json_text(r, "namespace", ""), word);
		found = r;
	}
	if (!found)
		return cli_fail(c, EXIT_NOT_FOUND, "there is no rollout \"%s\"", word);
	const char *ns = json_text(found, "namespace", "");
	return take_apart(c, ns, strlen(ns), word, ret_ns, ret_name);
}

enum exit_code client_resolve(const struct cli *c, const char *word, char *ret_ns, char *ret_name)
{
	const char *slash = strchr(word, '/');
	if (slash && c->ns)
		return cli_usage(c, "\"%s\" names a namespace, and so does --namespace", word);
	if (slash)
		return take_apart(c, word, (size_t)(slash - word), slash + 1, ret_ns, ret_name);
	if (c->ns)
		return take_apart(c, c->ns, strlen(c->ns), word, ret_ns, ret_name);
	return search(c, word, ret_ns, ret_name);
}

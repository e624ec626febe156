#include "app/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/file.h"
#include "app/process.h"
#include "base/http_client.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { TIMEOUT_MS = 30000, PATH_MAX_BYTES = 4096 };

struct call {
	const struct cli *cli;
	struct loop *loop;
	const char *server, *type;
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

static void answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct call *call = owner;
	struct error e;
	loop_stop(call->loop);
	if (r != RC_OK) {
		call->code = cli_fail(call->cli, EXIT_UNREACHABLE, "%s; is `rollcall serve` running?", why->text);
		return;
	}
	if (json_parse(a->body, a->len, &call->answer, &e) != RC_OK) {
		call->code = cli_fail(call->cli, EXIT_FAILED, "%s answers %d, and not as rollcall does", call->server,
				      a->status);
		return;
	}
	if (a->status / 100 == 2) {
		call->code = EXIT_DONE;
		return;
	}
	const char *hint = json_text(call->answer, "hint", "");
	call->code = cli_fail(call->cli, exit_of(a->status), "%s%s%s%s", json_text(call->answer, "error", "failed"),
			      *hint ? " (" : "", hint, *hint ? ")" : "");
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

static enum exit_code ask_service(struct call *call, struct http_client *http, const char *method, const char *path,
				  const char *body, const char *ca_pem)
{
	const struct cli *c = call->cli;
	CLEANUP(free_p) char *token = find_token(c);
	char url[PATH_MAX_BYTES], authorization[1024], type[128];
	size_t len = strlen(call->server);
	while (len && call->server[len - 1] == '/')
		len--;
	int n = snprintf(url, sizeof url, "%.*s%s", (int)len, call->server, path);
	int m = snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", token ? token : "");
	if (n < 0 || (size_t)n >= sizeof url || m < 0 || (size_t)m >= sizeof authorization)
		return cli_fail(c, EXIT_FAILED, "the address or the token is too long");
	(void)snprintf(type, sizeof type, "Content-Type: %s", call->type);
	const char *headers[] = { type, token ? authorization : NULL, NULL };
	struct http_tls tls = { .ca_pem = ca_pem };
	struct http_request q = { .method = method,
				  .url = url,
				  .headers = headers,
				  .body = body,
				  .body_len = body ? strlen(body) : 0,
				  .tls = ca_pem ? &tls : NULL,
				  .timeout_ms = TIMEOUT_MS,
				  .max_body_bytes = 64 << 20 };
	struct error e;
	if (!http_send(http, &q, answered, call, &e))
		return cli_fail_result(c, &e);
	loop_run(call->loop);
	return call->code;
}

enum exit_code client_call(const struct cli *c, const char *method, const char *path, const char *body, cJSON **ret)
{
	return client_send(c, method, path, "application/json", body, ret);
}

enum exit_code client_send(const struct cli *c, const char *method, const char *path, const char *type,
			   const char *body, cJSON **ret)
{
	struct error e;
	CLEANUP(free_p) char *ca = NULL;
	size_t len = 0;
	struct http_client *http = NULL;
	struct call call = { .cli = c, .server = c->server ? c->server : "http://127.0.0.1:8484", .type = type };
	process_prepare();
	if (c->ca && file_load(c->ca, &ca, &len, &e) != RC_OK)
		return cli_fail_result(c, &e);
	enum result r = loop_create(&call.loop, &e);
	if (r == RC_OK)
		r = http_client_create(call.loop, "rollcall-cli/" ROLLCALL_VERSION, &http, &e);
	enum exit_code code = r == RC_OK ? ask_service(&call, http, method, path, body, ca) : cli_fail_result(c, &e);
	if (http)
		http_client_destroy(http);
	if (call.loop)
		loop_destroy(call.loop);
	if (code == EXIT_DONE)
		*ret = call.answer;
	else
		cJSON_Delete(call.answer);
	return code;
}

/* ---- names ---- */

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

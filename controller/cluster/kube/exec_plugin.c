#include "controller/cluster/kube/exec_plugin.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

enum {
	OUTPUT_MAX_BYTES = 1024 * 1024,
	COMPLAINT_MAX_BYTES = 4096,
	RUN_MAX_MS = 60 * 1000,
	ARENA_BYTES = 4 * 1024 * 1024
};

/* Freed when all three handles are closed, which may be long after its owner has stopped it. */
struct exec_plugin {
	struct loop *loop;
	const struct kubeconfig *config;
	exec_plugin_done *done; /* NULL: stopped, or done */
	void *owner;
	uv_process_t process;
	uv_pipe_t out, err;
	struct strbuf output, complaint;
	struct timer limit;
	int open; /* handles */
	bool exited, out_ended, err_ended, too_late;
	int64_t exit_code;
	int signal;
	char buf[4096];
};

/* ---- end ---- */

static void exec_free(struct exec_plugin *x)
{
	if (x->output.s && x->output.len)
		explicit_bzero(x->output.s, x->output.len);
	explicit_bzero(x->buf, sizeof x->buf);
	strbuf_finish(&x->output);
	strbuf_finish(&x->complaint);
	free(x);
}

static void exec_closed(uv_handle_t *h)
{
	struct exec_plugin *x = h->data;
	if (--x->open == 0)
		exec_free(x);
}

static void exec_close(uv_handle_t *h)
{
	if (!uv_is_closing(h))
		uv_close(h, exec_closed);
}

static void exec_close_all(struct exec_plugin *x)
{
	timer_stop(&x->limit);
	exec_close((uv_handle_t *)&x->process);
	exec_close((uv_handle_t *)&x->out);
	exec_close((uv_handle_t *)&x->err);
}

/* What it complained about: the first line, made printable. */
static const char *exec_complaint(struct exec_plugin *x, char buf[TEXT_SHOWN])
{
	const char *s = x->complaint.s ? x->complaint.s : "";
	s += strspn(s, " \t\r\n");
	return text_show(s, strcspn(s, "\r\n"), buf);
}

static enum result exec_verdict(struct exec_plugin *x, struct exec_credential *c, struct error *e)
{
	const char *command = x->config->exec->command;
	char shown[TEXT_SHOWN];
	if (x->too_late)
		return error_set(e, RC_UNREACHABLE, "exec %s: no answer within %d s", command, RUN_MAX_MS / 1000);
	if (x->output.overflow)
		return error_set(e, RC_INVALID, "exec %s: prints more than %d bytes", command, OUTPUT_MAX_BYTES);
	if (x->signal)
		return error_set(e, RC_UNREACHABLE, "exec %s: ended by signal %d: %s", command, x->signal,
				 exec_complaint(x, shown));
	if (x->exit_code)
		return error_set(e, RC_UNREACHABLE, "exec %s: exit code %d: %s", command, (int)x->exit_code,
				 exec_complaint(x, shown));
	enum result r = exec_credential_parse(x->output.s, x->output.len, x->config->exec->api_version, c, e);
	return r == RC_OK ? r : error_in(e, r, "exec %s", command);
}

static void exec_finished(struct exec_plugin *x)
{
	if (!x->done || !x->exited || !x->out_ended || !x->err_ended)
		return;
	struct exec_credential c = { .expires = { INT64_MAX } };
	struct error e;
	enum result r = exec_verdict(x, &c, &e);
	exec_plugin_done *done = TAKE(x->done);
	void *owner = x->owner;
	exec_close_all(x);
	done(owner, r, r == RC_OK ? &c : NULL, r == RC_OK ? NULL : &e);
	exec_credential_finish(&c);
}

/* ---- the run ---- */

static void exec_exited(uv_process_t *p, int64_t exit_code, int signal)
{
	struct exec_plugin *x = p->data;
	x->exited = true;
	x->exit_code = exit_code;
	x->signal = signal;
	exec_finished(x);
}

static void exec_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	(void)suggested;
	struct exec_plugin *x = h->data;
	*buf = uv_buf_init(x->buf, sizeof x->buf);
}

static void exec_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct exec_plugin *x = s->data;
	bool out = s == (uv_stream_t *)&x->out;
	if (n > 0)
		strbuf_addn(out ? &x->output : &x->complaint, buf->base, (size_t)n);
	if (n >= 0)
		return;
	*(out ? &x->out_ended : &x->err_ended) = true;
	exec_finished(x);
}

/* A grandchild may hold the pipes open for ever: their ends are not waited for. */
static void exec_late(void *owner)
{
	struct exec_plugin *x = owner;
	x->too_late = x->exited = x->out_ended = x->err_ended = true;
	uv_process_kill(&x->process, SIGKILL);
	exec_finished(x);
}

/* spec.cluster of what the program is told. */
static bool info_add_cluster(cJSON *info, const struct kubeconfig *c)
{
	bool ok = json_put_text(info, "spec.cluster.server", c->server);
	if (c->tls_server_name)
		ok = json_put_text(info, "spec.cluster.tls-server-name", c->tls_server_name) && ok;
	if (c->no_verify)
		ok = json_put(info, "spec.cluster.insecure-skip-tls-verify", cJSON_CreateTrue()) && ok;
	if (c->proxy)
		ok = json_put_text(info, "spec.cluster.proxy-url", c->proxy) && ok;
	if (c->ca_pem) {
		CLEANUP(free_p) char *ca = text_base64(c->ca_pem, strlen(c->ca_pem), false);
		ok = ca && json_put_text(info, "spec.cluster.certificate-authority-data", ca) && ok;
	}
	return ok;
}

static char *exec_info(const struct kubeconfig *c)
{
	CLEANUP(json_delete_p) cJSON *info = cJSON_CreateObject();
	bool ok = info && json_put_text(info, "apiVersion", c->exec->api_version) &&
		  json_put_text(info, "kind", "ExecCredential") &&
		  json_put(info, "spec.interactive", cJSON_CreateFalse());
	if (ok && c->exec->cluster_info)
		ok = info_add_cluster(info, c);
	return ok ? json_print(info) : NULL;
}

static bool variable_is(const char *entry, const char *name)
{
	size_t len = strlen(name);
	return strncmp(entry, name, len) == 0 && entry[len] == '=';
}

static char *variable_of(struct arena *a, const char *name, const char *value)
{
	return arena_printf(a, "%s=%s", name, value);
}

/* Ours, with the configured ones in place of those of the same name. */
static char **exec_environment(struct arena *a, const struct kubeconfig *c)
{
	static const char info_name[] = "KUBERNETES_EXEC_INFO";
	const struct exec_spec *x = c->exec;
	CLEANUP(free_p) char *info = exec_info(c);
	size_t n = 0, count = 0;
	while (environ[n])
		n++;
	char **env = arena_alloc(a, n + x->variable_count + 2, sizeof *env);
	if (!env || !info)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		bool replaced = variable_is(environ[i], info_name);
		for (size_t k = 0; k < x->variable_count; k++)
			replaced = replaced || variable_is(environ[i], x->variables[k].name);
		if (!replaced)
			env[count++] = environ[i];
	}
	for (size_t k = 0; k < x->variable_count; k++)
		env[count++] = variable_of(a, x->variables[k].name, x->variables[k].value);
	env[count] = variable_of(a, info_name, info);
	return env[count] ? env : NULL;
}

static char **exec_arguments(struct arena *a, const struct exec_spec *x)
{
	size_t n = 0;
	while (x->args[n])
		n++;
	char **argv = arena_alloc(a, n + 2, sizeof *argv);
	if (!argv)
		return NULL;
	argv[0] = arena_strdup(a, x->command);
	for (size_t i = 0; i < n; i++)
		argv[i + 1] = arena_strdup(a, x->args[i]);
	return argv[n] ? argv : NULL;
}

static enum result exec_spawn(struct exec_plugin *x, char **argv, char **env, struct error *e)
{
	uv_stdio_container_t io[3] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&x->out },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&x->err },
	};
	uv_process_options_t o = {
		.exit_cb = exec_exited, .file = argv[0], .args = argv, .env = env, .stdio = io, .stdio_count = 3
	};
	int r = uv_spawn(loop_uv(x->loop), &x->process, &o);
	if (r == 0)
		r = uv_read_start((uv_stream_t *)&x->out, exec_alloc, exec_read);
	if (r == 0)
		r = uv_read_start((uv_stream_t *)&x->err, exec_alloc, exec_read);
	if (r == 0)
		return RC_OK;
	const char *hint = x->config->exec->install_hint;
	return error_set(e, RC_UNREACHABLE, "exec %s: %s%s%s", argv[0], uv_strerror(r), *hint ? ": " : "", hint);
}

enum result exec_plugin_run(struct loop *l, const struct kubeconfig *config, exec_plugin_done *done, void *owner,
			    struct exec_plugin **ret, struct error *e)
{
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(ARENA_BYTES);
	char **argv = a ? exec_arguments(a, config->exec) : NULL, **env = argv ? exec_environment(a, config) : NULL;
	struct exec_plugin *x = env ? calloc(1, sizeof *x) : NULL;
	if (!x)
		return error_set(e, RC_EXHAUSTED, "exec %s: no memory", config->exec->command);
	x->loop = l;
	x->config = config;
	x->owner = owner;
	strbuf_init(&x->output, OUTPUT_MAX_BYTES);
	strbuf_init(&x->complaint, COMPLAINT_MAX_BYTES);
	uv_pipe_init(loop_uv(l), &x->out, 0);
	uv_pipe_init(loop_uv(l), &x->err, 0);
	x->process.data = x->out.data = x->err.data = x;
	x->open = 3;
	enum result r = exec_spawn(x, argv, env, e);
	if (r != RC_OK) {
		exec_close_all(x); /* a uv_process_t that was not started must be closed too */
		return r;
	}
	x->done = done;
	timer_start(l, &x->limit, RUN_MAX_MS, exec_late, x);
	*ret = x;
	return RC_OK;
}

void exec_plugin_stop(struct exec_plugin **xp)
{
	struct exec_plugin *x = TAKE(*xp);
	if (!x)
		return;
	x->done = NULL;
	if (!x->exited)
		uv_process_kill(&x->process, SIGKILL);
	exec_close_all(x);
}

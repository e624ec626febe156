#include "controller/node/prober.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "controller/node/process.h"

enum { URL_MAX = 4096, BODY_MAX = 64 * 1024, WHY_MAX = 256 };

struct probing {
	struct loop *loop;
	probed *done; /* NULL: answered or cancelled */
	void *owner;
	struct timer deadline;
	struct deferred failed;
	char why[WHY_MAX];
	struct http_call *call;
	bool open; /* one of the handles below is to be closed, and frees */
	uv_connect_t connect;
	union {
		uv_handle_t handle;
		uv_tcp_t tcp;
		uv_process_t process;
	};
	bool running; /* the process */
};

/* ---- the end ---- */

static void probing_closed(uv_handle_t *h)
{
	free(h->data);
}

static void probing_release(struct probing *p)
{
	p->done = NULL;
	timer_stop(&p->deadline);
	loop_defer_cancel(&p->failed);
	http_cancel(&p->call);
	if (!p->open) {
		free(p);
		return;
	}
	if (p->running) /* its end closes the handle: a closed one would leave a zombie */
		(void)kill(-uv_process_get_pid(&p->process), SIGKILL);
	else
		uv_close(&p->handle, probing_closed);
}

static void probing_answer(struct probing *p, bool ok, const char *why)
{
	probed *done = p->done;
	void *owner = p->owner;
	char text[WHY_MAX];
	text_copy(text, sizeof text, why);
	probing_release(p);
	done(owner, ok, text);
}

static void probing_fail(void *owner)
{
	struct probing *p = owner;
	probing_answer(p, false, p->why);
}

static void probing_fail_later(struct probing *p, const char *why)
{
	text_copy(p->why, sizeof p->why, why);
	loop_defer(p->loop, &p->failed, probing_fail, p);
}

static void probing_late(void *owner)
{
	probing_answer(owner, false, "no answer within its timeoutSeconds");
}

/* ---- tcp ---- */

static void tcp_connected(uv_connect_t *c, int status)
{
	struct probing *p = c->data;
	if (p->done) /* else cancelled: the handle is closing */
		probing_answer(p, status == 0, status ? uv_strerror(status) : "");
}

static void probe_tcp(struct probing *p, const char *host, unsigned port)
{
	struct sockaddr_in to;
	int status = uv_tcp_init(loop_uv(p->loop), &p->tcp);
	if (status) {
		probing_fail_later(p, uv_strerror(status));
		return;
	}
	p->open = true;
	p->handle.data = p;
	p->connect.data = p;
	status = uv_ip4_addr(host, (int)port, &to);
	if (status == 0)
		status = uv_tcp_connect(&p->connect, &p->tcp, (const struct sockaddr *)&to, tcp_connected);
	if (status)
		probing_fail_later(p, uv_strerror(status));
}

/* ---- http ---- */

static void http_answered(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct probing *p = owner;
	char text[64];
	p->call = NULL;
	snprintf(text, sizeof text, "HTTP status %d", a->status);
	if (r != RC_OK)
		probing_answer(p, false, why->text);
	else
		probing_answer(p, a->status >= 200 && a->status < 400, a->status >= 400 ? text : "");
}

static void probe_http(struct probing *p, struct http_client *http, const struct probe_spec *spec, const char *host)
{
	struct strbuf url;
	struct error e;
	const struct http_tls tls = { .no_verify = true }; /* as kubelet: certificates are not for addresses */
	strbuf_init(&url, URL_MAX);
	strbuf_addf(&url, "%s://%s:%u%s%s", spec->scheme, host, spec->port, *spec->path == '/' ? "" : "/", spec->path);
	p->call = http_send(http,
			    &(struct http_request){
				    .url = url.s,
				    .headers = spec->headers,
				    .tls = &tls,
				    .timeout_ms = spec->timeout_ms,
				    .max_body_bytes = BODY_MAX,
				    .http1_only = true,
				    .no_proxy = true,
			    },
			    http_answered, p, &e);
	if (!p->call)
		probing_fail_later(p, e.text);
	strbuf_finish(&url);
}

/* ---- exec ---- */

static void command_exited(uv_process_t *h, int64_t status, int signal)
{
	struct probing *p = h->data;
	char text[64];
	p->running = false;
	if (!p->done) {
		uv_close(&p->handle, probing_closed);
		return;
	}
	snprintf(text, sizeof text, signal ? "ended by signal %d" : "exit code %d", signal ? signal : (int)status);
	probing_answer(p, status == 0 && signal == 0, status == 0 && signal == 0 ? "" : text);
}

static void probe_exec(struct probing *p, const struct probe_spec *spec, const struct probe_target *target)
{
	uv_process_options_t o = {
		.exit_cb = command_exited,
		.file = spec->command[0],
		.args = process_words(spec->command),
		.env = process_words(target->env),
		.flags = UV_PROCESS_DETACHED,
	};
	int status = uv_spawn(loop_uv(p->loop), &p->process, &o);
	p->running = status == 0;
	p->open = p->handle.loop != NULL; /* uv_spawn may fail before or after it has begun with the handle */
	p->handle.data = p;
	if (status)
		probing_fail_later(p, uv_strerror(status));
}

/* ---- doors ---- */

struct probing *probing_start(struct loop *l, struct http_client *http, const struct probe_spec *spec,
			      const struct probe_target *target, probed *done, void *owner)
{
	struct probing *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	*p = (struct probing){ .loop = l, .done = done, .owner = owner };
	const char *host = text_empty(spec->host) ? target->address : spec->host;
	timer_start(l, &p->deadline, spec->timeout_ms, probing_late, p);
	switch (spec->action) {
	case PROBE_TCP:
		probe_tcp(p, host, spec->port);
		break;
	case PROBE_HTTP:
		probe_http(p, http, spec, host);
		break;
	case PROBE_EXEC:
		probe_exec(p, spec, target);
		break;
	case PROBE_NONE:
		probing_fail_later(p, "there is no probe");
		break;
	}
	return p;
}

void probing_cancel(struct probing **p)
{
	if (*p)
		probing_release(*p);
	*p = NULL;
}

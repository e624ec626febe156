#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/http_server_private.h"

static void run_again(void *owner)
{
	http_connection_run(owner);
}

/* Never from inside the call: the next request's handler would run under this one's. */
static void go_on_later(struct http_connection *c)
{
	if (!c->running && c->state != HTTP_STATE_CLOSED)
		loop_defer(c->server->loop, &c->again, run_again, c);
}

/* The exchange is over; what was written is on its way. */
static void finish(struct http_exchange *x)
{
	struct http_connection *c = x->connection;
	x->closed = NULL;
	if (c) {
		c->exchange = NULL;
		http_connection_enter(c, HTTP_STATE_FLUSH);
		go_on_later(c);
	}
	http_exchange_destroy(x);
}

static bool keeps(const struct http_exchange *x)
{
	const struct http_connection *c = x->connection;
	return x->keep_alive && !c->server->closing && !(c->eof && !c->in.len);
}

void http_respond(struct http_exchange *x, int status, const char *content_type, const void *body, size_t len,
		  const char *const *headers)
{
	assert(!x->streaming && status >= 200 && status <= 599);
	struct http_connection *c = x->connection;
	if (!c) {
		finish(x);
		return;
	}
	if (!http_headers_ok(headers)) {
		http_respond_error(x, 500, NULL, "a header of the answer has a control byte");
		return;
	}
	struct strbuf *head = &c->server->out;
	c->close_after = !keeps(x);
	http_answer_print(c->server, &(struct http_answer){ .status = status,
							    .content_type = content_type,
							    .length = content_type ? (int64_t)len : 0,
							    .headers = headers,
							    .keep_alive = !c->close_after });
	bool bodyless = x->head_only || !content_type || status == 204 || status == 304;
	c->exchange = NULL; /* answered: its closed callback is not due any more, also if the write fails */
	if (head->overflow)
		http_connection_close(c);
	else
		http_connection_write(c, head->s, head->len, body, bodyless ? 0 : len);
	finish(x);
}

void http_respond_text(struct http_exchange *x, int status, const char *content_type, const char *body)
{
	http_respond(x, status, content_type, body, strlen(body), NULL);
}

void http_respond_json(struct http_exchange *x, int status, const char *json)
{
	http_respond_text(x, status, "application/json", json);
}

static void respond_error(struct http_exchange *x, int status, const char *hint, const char *error)
{
	struct strbuf body;
	strbuf_init(&body, 16384);
	http_error_print(&body, error, hint);
	http_respond(x, status, "application/json", body.s, body.len, NULL);
	strbuf_finish(&body);
}

void http_respond_error(struct http_exchange *x, int status, const char *hint, const char *fmt, ...)
{
	char error[1024];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(error, sizeof error, fmt, ap);
	va_end(ap);
	respond_error(x, status, hint, error);
}

static int status_of(enum result r)
{
	switch (r) {
	case RC_INVALID:
		return 400;
	case RC_REFUSED:
		return 403;
	case RC_NOT_FOUND:
		return 404;
	case RC_CONFLICT:
		return 409;
	case RC_UNREACHABLE:
	case RC_EXHAUSTED:
		return 503;
	case RC_OK:
	case RC_COUNT:
		break;
	}
	return 500;
}

void http_respond_result(struct http_exchange *x, const struct error *e)
{
	respond_error(x, status_of(e->code), NULL, e->text);
}

void http_stream_start(struct http_exchange *x, const char *content_type, size_t max_queue_bytes)
{
	assert(!x->streaming);
	struct http_connection *c = x->connection;
	x->streaming = true;
	x->max_queue = max_queue_bytes;
	if (!c)
		return;
	/* the last is for proxies in front that would keep events back */
	static const char *const headers[] = { "Cache-Control: no-cache", "X-Accel-Buffering: no", NULL };
	http_answer_print(
		c->server,
		&(struct http_answer){ .status = 200, .content_type = content_type, .length = -1, .headers = headers });
	c->close_after = true;
	http_connection_enter(c, HTTP_STATE_STREAM);
	http_connection_write(c, c->server->out.s, c->server->out.len, NULL, 0);
	if (x->head_only && x->connection) { /* all is said; to its owner it is a stream whose peer left at once */
		c->exchange = NULL;
		http_connection_enter(c, HTTP_STATE_FLUSH);
		http_exchange_lost(x);
	}
	go_on_later(c);
}

bool http_stream_send(struct http_exchange *x, const char *data, size_t len)
{
	struct http_connection *c = x->connection;
	assert(x->streaming);
	if (!c)
		return false;
	size_t queue = http_connection_queue(c);
	if (len > x->max_queue || queue > x->max_queue - len)
		http_connection_close(c);
	else
		http_connection_write(c, data, len, NULL, 0);
	return x->connection != NULL;
}

void http_stream_end(struct http_exchange *x)
{
	assert(x->streaming);
	finish(x);
}

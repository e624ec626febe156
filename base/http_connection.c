#include <stdlib.h>
#include <sys/socket.h>

#include "base/http_server_private.h"

enum {
	STEPS_PER_TURN = 32, /* pipelined requests before others have their turn */
	LINGER_MS = 2000,
	LINGER_BYTES_MAX = 1024 * 1024,
};

/* ---- states ---- */

static void timed_out(void *owner);

static int64_t wait_ms(const struct http_connection *c, enum http_state state)
{
	const struct http_server_options *o = &c->server->o;
	const int64_t none = 0, header = o->header_timeout_ms, body = o->body_timeout_ms, idle = o->idle_timeout_ms,
		      stall = o->body_timeout_ms, linger = header < LINGER_MS ? header : LINGER_MS;
#define X(id, wait) [HTTP_STATE_##id] = wait,
	const int64_t waits[HTTP_STATE_COUNT] = { HTTP_STATES(X) };
#undef X
	return waits[state];
}

void http_connection_enter(struct http_connection *c, enum http_state state)
{
	if (c->state == HTTP_STATE_CLOSED)
		return;
	c->state = state;
	int64_t ms = wait_ms(c, state);
	c->queue_seen = http_connection_queue(c);
	c->sent_seen = c->queued_ever - c->queue_seen;
	if (state == HTTP_STATE_FLUSH && !c->queue_seen)
		ms = 0; /* gone already: the next step follows at once */
	if (ms)
		timer_start(c->server->loop, &c->timer, ms, timed_out, c);
	else
		timer_stop(&c->timer);
}

/* What waits now has waited for the whole period, and nothing of it has left. */
static void check_stall(struct http_connection *c)
{
	size_t queue = http_connection_queue(c);
	uint64_t sent = c->queued_ever - queue;
	if (queue && c->queue_seen && sent == c->sent_seen)
		http_connection_close(c);
	else
		http_connection_enter(c, c->state);
}

static void timed_out(void *owner)
{
	struct http_connection *c = owner;
	switch (c->state) {
	case HTTP_STATE_FRESH:
	case HTTP_STATE_IDLE:
	case HTTP_STATE_HEAD:
		http_connection_refuse(c, 408, "the head of the request did not come in time", NULL);
		break;
	case HTTP_STATE_BODY:
		http_connection_refuse(c, 408, "the body of the request did not come in time", NULL);
		break;
	case HTTP_STATE_STREAM:
	case HTTP_STATE_FLUSH:
		check_stall(c);
		break;
	case HTTP_STATE_HANDSHAKE:
	case HTTP_STATE_LINGER:
	case HTTP_STATE_HANDLER:
	case HTTP_STATE_CLOSED:
	case HTTP_STATE_COUNT:
		http_connection_close(c);
		break;
	}
	http_connection_run(c);
}

static void handle_closed(uv_handle_t *handle)
{
	struct http_connection *c = handle->data;
	http_tls_destroy(c->tls);
	free(c->in.s);
	http_server_connection_gone(c); /* frees c */
}

void http_connection_close(struct http_connection *c)
{
	if (c->state == HTTP_STATE_CLOSED)
		return;
	http_connection_enter(c, HTTP_STATE_CLOSED);
	loop_defer_cancel(&c->again);
	if (c->exchange)
		http_exchange_lost(TAKE(c->exchange));
	uv_close((uv_handle_t *)&c->tcp, handle_closed);
}

void http_connection_refuse(struct http_connection *c, int status, const char *error, const char *hint)
{
	static const char *const retry_after[] = { "Retry-After: 1", NULL };
	struct http_server *s = c->server;
	struct strbuf body;
	strbuf_init(&body, 4096);
	http_error_print(&body, error, hint);
	http_answer_print(s, &(struct http_answer){ .status = status,
						    .content_type = "application/json",
						    .length = (int64_t)body.len,
						    .headers = status == 503 ? retry_after : NULL });
	http_connection_write(c, s->out.s, s->out.len, body.s, body.len);
	strbuf_finish(&body);
	if (c->exchange)
		http_exchange_destroy(TAKE(c->exchange));
	c->close_after = true;
	http_connection_enter(c, HTTP_STATE_FLUSH);
}

/* ---- steps: true when the connection came further and the next step may be possible ---- */

static bool step_handshake(struct http_connection *c)
{
	int r = http_tls_handshake(c->tls);
	http_wire_flush_tls(c);
	if (r < 0 || (r == 0 && c->eof))
		http_connection_close(c);
	else if (r == 1)
		http_connection_enter(c, HTTP_STATE_FRESH);
	return r == 1;
}

/* A judgement costs the length of the head, so it waits for the end of a line, for a byte that cannot be right, or for
 * a length that may be too much: else a peer that sends byte by byte would make it quadratic. */
static bool worth_judging(const struct http_connection *c)
{
	const struct http_limits *l = &c->server->limits;
	size_t judged = c->in.len - c->unjudged;
	if (c->in.len >= l->head_bytes || (c->in.len > l->target_bytes + 64 && judged <= l->target_bytes + 64))
		return true;
	for (const char *s = c->in.s + judged, *end = c->in.s + c->in.len; s < end; s++)
		if ((unsigned char)*s < 0x20 && *s != '\t' && *s != '\r')
			return true;
	return false;
}

static bool begin_exchange(struct http_connection *c)
{
	c->unjudged = 0;
	if (!http_exchange_begin(c, &c->server->head))
		return true;
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct http_exchange *x = c->exchange;
	http_connection_enter(c, HTTP_STATE_BODY);
	if (c->server->head.expects_continue && x->body_needed && !x->body_len)
		http_connection_write(c, go_on, sizeof go_on - 1, NULL, 0);
	return true;
}

static bool step_head(struct http_connection *c)
{
	struct http_refusal why;
	if (c->over_limit) {
		http_connection_refuse(c, 503, "too many connections", "try again later");
		return true;
	}
	enum http_verdict v = HTTP_MORE;
	if (c->unjudged && worth_judging(c))
		v = http_judge(c->in.s, c->in.len, &c->server->limits, &c->server->head, &why);
	switch (v) {
	case HTTP_OK:
		return begin_exchange(c);
	case HTTP_REFUSED:
		http_connection_refuse(c, why.status, why.error, why.hint);
		return true;
	case HTTP_MORE:
		break;
	}
	if (c->eof) {
		http_connection_close(c);
		return false;
	}
	if (c->in.len && c->state == HTTP_STATE_IDLE)
		http_connection_enter(c, HTTP_STATE_HEAD);
	return false;
}

static bool step_body(struct http_connection *c)
{
	struct http_exchange *x = c->exchange;
	if (x->body_len < x->body_needed) {
		if (c->eof)
			http_connection_close(c);
		return false;
	}
	if (x->body)
		x->body[x->body_len] = '\0';
	x->handed_over = true;
	http_connection_enter(c, HTTP_STATE_HANDLER);
	x->route->handle(x->route->owner, x);
	return true;
}

static bool step_flush(struct http_connection *c)
{
	if (http_connection_queue(c))
		return false;
	if (!c->close_after && !c->server->closing) {
		if (!c->in.len) {
			free(TAKE(c->in.s));
			c->in.cap = 0;
		}
		http_connection_enter(c, HTTP_STATE_IDLE);
		c->unjudged = c->in.len;
		return true;
	}
	if (c->tls) {
		http_tls_bye(c->tls);
		http_wire_flush_tls(c);
	}
	uv_os_fd_t fd;
	if (c->eof || uv_fileno((uv_handle_t *)&c->tcp, &fd) != 0 || shutdown(fd, SHUT_WR) != 0)
		http_connection_close(c);
	http_connection_enter(c, HTTP_STATE_LINGER);
	return true;
}

static bool step(struct http_connection *c)
{
	http_wire_fill(c);
	switch (c->state) {
	case HTTP_STATE_HANDSHAKE:
		return step_handshake(c);
	case HTTP_STATE_FRESH:
	case HTTP_STATE_IDLE:
	case HTTP_STATE_HEAD:
		return step_head(c);
	case HTTP_STATE_BODY:
		return step_body(c);
	case HTTP_STATE_FLUSH:
		return step_flush(c);
	case HTTP_STATE_STREAM:
	case HTTP_STATE_LINGER:
		if (c->eof || c->dropped > LINGER_BYTES_MAX)
			http_connection_close(c);
		return false;
	case HTTP_STATE_HANDLER: /* waits for http_respond */
	case HTTP_STATE_CLOSED:
	case HTTP_STATE_COUNT:
		return false;
	}
	return false;
}

static void run_again(void *owner)
{
	http_connection_run(owner);
}

void http_connection_run(struct http_connection *c)
{
	if (c->running)
		return;
	c->running = true;
	int steps = 0;
	while (steps < STEPS_PER_TURN && step(c))
		steps++;
	c->running = false;
	if (steps == STEPS_PER_TURN && c->state != HTTP_STATE_CLOSED)
		loop_defer(c->server->loop, &c->again, run_again, c);
	http_wire_update_reading(c);
}

void http_connection_start(struct http_connection *c)
{
	c->tcp.data = c;
	http_connection_enter(c, c->tls ? HTTP_STATE_HANDSHAKE : HTTP_STATE_FRESH);
	http_connection_run(c);
}

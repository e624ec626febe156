#include <string.h>

#include "base/http_server_private.h"

enum {
	IN_BYTES_FIRST = 2048,
	QUEUE_HIGH_BYTES = 256 * 1024, /* no more is read while the peer leaves so much unread */
};

/* ---- writing ---- */

struct write {
	uv_write_t req;
	char bytes[];
};

size_t http_connection_queue(const struct http_connection *c)
{
	return uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
}

static void written(uv_write_t *req, int status)
{
	struct http_connection *c = req->data;
	free(req);
	if (status < 0)
		http_connection_close(c);
	else
		http_connection_run(c);
}

/* What the socket does not take now is copied and waits: partial writes are libuv's. */
static void write_rest(struct http_connection *c, const uv_buf_t bufs[2], size_t done)
{
	size_t len = bufs[0].len + bufs[1].len - done, n = 0;
	struct write *w = malloc(sizeof *w + len);
	if (!w) {
		http_connection_close(c);
		return;
	}
	for (int i = 0; i < 2; i++) {
		size_t skip = done < bufs[i].len ? done : bufs[i].len;
		if (bufs[i].len > skip)
			memcpy(w->bytes + n, bufs[i].base + skip, bufs[i].len - skip);
		n += bufs[i].len - skip;
		done -= skip;
	}
	w->req.data = c;
	uv_buf_t rest = { .base = w->bytes, .len = len };
	if (uv_write(&w->req, (uv_stream_t *)&c->tcp, &rest, 1, written) != 0) {
		free(w);
		http_connection_close(c);
	}
}

static void write_raw(struct http_connection *c, const char *head, size_t head_len, const char *body, size_t len)
{
	const uv_buf_t bufs[2] = { { .base = (char *)head, .len = head_len }, { .base = (char *)body, .len = len } };
	if (c->state == HTTP_STATE_CLOSED || head_len + len == 0)
		return;
	c->queued_ever += head_len + len;
	int r = uv_try_write((uv_stream_t *)&c->tcp, bufs, len ? 2 : 1);
	if (r < 0 && r != UV_EAGAIN)
		http_connection_close(c);
	else if (r < 0 || (size_t)r < head_len + len)
		write_rest(c, bufs, r < 0 ? 0 : (size_t)r);
}

void http_wire_flush_tls(struct http_connection *c)
{
	const char *bytes;
	size_t len = http_tls_output(c->tls, &bytes);
	write_raw(c, bytes, len, NULL, 0);
	http_tls_output_taken(c->tls);
}

void http_connection_write(struct http_connection *c, const char *head, size_t head_len, const char *body, size_t len)
{
	if (!c->tls) {
		write_raw(c, head, head_len, body, len);
		return;
	}
	if (http_tls_write(c->tls, head, head_len) && http_tls_write(c->tls, body, len))
		http_wire_flush_tls(c);
	else
		http_connection_close(c);
}

/* ---- reading ---- */

/* Without room, what the peer sends waits in its socket. */
static bool has_room(const struct http_connection *c)
{
	if (c->state == HTTP_STATE_CLOSED || http_connection_queue(c) > QUEUE_HIGH_BYTES)
		return false;
	if (c->state == HTTP_STATE_LINGER || c->state == HTTP_STATE_STREAM)
		return true;
	if (c->state == HTTP_STATE_BODY)
		return c->exchange->body_len < c->exchange->body_needed;
	return c->in.len < c->server->limits.head_bytes;
}

static bool grow_input(struct http_connection *c)
{
	size_t cap = c->in.cap ? c->in.cap * 2 : IN_BYTES_FIRST;
	if (cap > c->server->limits.head_bytes)
		cap = c->server->limits.head_bytes;
	char *grown = realloc(c->in.s, cap);
	if (!grown)
		return false;
	c->in.s = grown;
	c->in.cap = cap;
	return true;
}

/* Where the next bytes go, when there is room; NULL: no memory. */
static char *room(struct http_connection *c, size_t *ret_len)
{
	struct http_server *s = c->server;
	*ret_len = 0;
	if (c->state == HTTP_STATE_LINGER || c->state == HTTP_STATE_STREAM) {
		*ret_len = sizeof s->bytes;
		return s->bytes;
	}
	char *to;
	if (c->state == HTTP_STATE_BODY)
		return http_exchange_body_room(c->exchange, &to, ret_len) ? to : NULL;
	if (c->in.len == c->in.cap && !grow_input(c))
		return NULL;
	*ret_len = c->in.cap - c->in.len;
	return c->in.s + c->in.len;
}

/* n bytes came where room said. */
static void took(struct http_connection *c, size_t n)
{
	if (c->state == HTTP_STATE_LINGER) {
		c->dropped += n;
	} else if (c->state == HTTP_STATE_BODY) {
		c->exchange->body_len += n;
	} else if (c->state != HTTP_STATE_STREAM) {
		c->in.len += n;
		c->unjudged += n;
	}
}

void http_wire_fill(struct http_connection *c)
{
	int r = 1;
	while (c->tls && c->state != HTTP_STATE_HANDSHAKE && r == 1 && has_room(c)) {
		size_t len, n;
		char *to = room(c, &len);
		r = to ? http_tls_read(c->tls, to, len, &n) : -1;
		if (r == 1)
			took(c, n);
		else if (r < 0)
			c->eof = true;
		http_wire_flush_tls(c);
	}
}

static void alloc_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	(void)suggested;
	struct http_connection *c = handle->data;
	size_t len = sizeof c->server->bytes;
	char *to = c->tls ? c->server->bytes : room(c, &len);
	*ret = (uv_buf_t){ .base = to, .len = to ? len : 0 };
}

/* Somebody speaks plain HTTP to a TLS port: the first byte of TLS is 0x16. */
static bool is_plain(const struct http_connection *c, const char *bytes)
{
	return c->tls && c->state == HTTP_STATE_HANDSHAKE && bytes[0] >= 'A' && bytes[0] <= 'Z';
}

static void refuse_plain(struct http_connection *c)
{
	http_tls_destroy(TAKE(c->tls));
	http_connection_refuse(c, 400, "this port speaks TLS", "use https://");
}

static void read_some(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct http_connection *c = stream->data;
	if (n < 0 && n != UV_EOF) { /* reset, or no memory to read into */
		http_connection_close(c);
		return;
	}
	if (n == UV_EOF) {
		c->eof = true;
		c->reading = false; /* libuv has stopped by itself */
	} else if (n > 0 && is_plain(c, buf->base)) {
		refuse_plain(c);
	} else if (n > 0 && !c->tls) {
		took(c, (size_t)n);
	} else if (n > 0 && !http_tls_feed(c->tls, buf->base, (size_t)n)) {
		http_connection_close(c);
	}
	http_connection_run(c);
}

void http_wire_update_reading(struct http_connection *c)
{
	bool want = !c->eof && has_room(c);
	if (want == c->reading || c->state == HTTP_STATE_CLOSED)
		return;
	c->reading = want;
	if (!want)
		uv_read_stop((uv_stream_t *)&c->tcp);
	else if (uv_read_start((uv_stream_t *)&c->tcp, alloc_room, read_some) != 0)
		http_connection_close(c);
}

#include "base/ws_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/text.h"
#include "base/ws_frame.h"
#include "base/ws_handshake.h"

enum {
	OPEN_MS = 10 * 1000,
	PING_MS = 10 * 1000,
	SILENT_MS = 30 * 1000,
	FAREWELL_MS = 1000,
	HEAD_BYTES_MAX = 16 * 1024,
	READ_BYTES = 16 * 1024,
	READS_A_TURN = 16, /* then others have their turn */
	/* room for frame heads, pongs and the farewell beside the messages that wait */
	CONTROL_BYTES_MAX = 64 * 1024,
};

/* connecting: curl's; greeting: our request is out; open; leaving: our farewell is out; answered: nothing is read any
 * more, and it ends once what waits has left */
enum ws_state { WS_CONNECTING, WS_GREETING, WS_OPEN, WS_LEAVING, WS_ANSWERED };

/* It outlives its connection until the loop has closed the handle. */
struct watch {
	uv_poll_t poll;
	struct ws *ws; /* borrowed; not used once the handle is closing */
};
struct ws {
	struct loop *loop; /* borrowed, as the owner */
	struct ws_handlers handlers;
	void *owner;
	struct http_client *http; /* owned; of its own: curl looks after the idle connections that it shares */
	struct http_call *call;   /* the connection */
	struct watch *watch;
	enum ws_state state;
	bool busy;  /* in a turn of ours: nothing is freed before its end */
	bool dead;  /* cancelled meanwhile */
	bool ended; /* closed is due */
	enum result end;
	struct error why;
	struct timer deadline, beat;
	struct deferred again;
	int64_t ping_ms, silent_ms;
	struct mono_ms last_byte;
	char key[WS_KEY_TEXT];
	struct strbuf out;  /* waits to be sent */
	struct strbuf head; /* of the answer to our request */
	struct ws_reader in;
	int status, code; /* as in ws_end */
};

/* ---- the end ---- */

static void watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void watch_stop(struct ws *w)
{
	struct watch *watch = TAKE(w->watch);
	if (watch)
		uv_close((uv_handle_t *)&watch->poll, watch_closed);
}

/* The order matters: nobody watches a socket that curl has closed. */
static void ws_free(struct ws *w)
{
	if (!w)
		return;
	timer_stop(&w->deadline);
	timer_stop(&w->beat);
	loop_defer_cancel(&w->again);
	watch_stop(w);
	http_cancel(&w->call);
	http_client_destroy(w->http);
	strbuf_finish(&w->out);
	strbuf_finish(&w->head);
	ws_reader_finish(&w->in);
	free(w);
}

void ws_cancel(struct ws **p)
{
	struct ws *w = TAKE(*p);
	if (!w)
		return;
	w->dead = true;
	if (!w->busy)
		ws_free(w);
}

/* The first reason counts. */
static void note_end(struct ws *w, enum result r, const char *why)
{
	if (w->why.text[0])
		return;
	w->end = r;
	(void)text_copy(w->why.text, sizeof w->why.text, why);
}

static void end(struct ws *w, enum result r, const char *why)
{
	note_end(w, r, why);
	w->ended = true;
}

static void turn_begins(struct ws *w)
{
	assert(!w->busy);
	w->busy = true;
}

/* Every turn of ours ends here; w may be gone after it. */
static void turn_ends(struct ws *w)
{
	w->busy = false;
	if (!w->dead && !w->ended)
		return;
	void (*closed)(void *owner, const struct ws_end *end) = w->dead ? NULL : w->handlers.closed;
	void *owner = w->owner;
	struct error why = w->why;
	struct ws_end how = { .r = w->end, .status = w->status, .code = w->code, .why = why.text };
	ws_free(w);
	if (closed)
		closed(owner, &how);
}

/* ---- bytes out ---- */

static void socket_ready(uv_poll_t *poll, int status, int events);

static void watch_on(struct ws *w)
{
	int events = (w->state == WS_ANSWERED ? 0 : UV_READABLE) | (w->out.len ? UV_WRITABLE : 0);
	if (w->watch && !w->ended && uv_poll_start(&w->watch->poll, events, socket_ready) != 0)
		end(w, RC_EXHAUSTED, "the socket of a WebSocket cannot be watched");
}

static void flush(struct ws *w)
{
	size_t sent = 0, n = 1;
	while (n && sent < w->out.len) {
		struct error e;
		if (http_kept_send(w->call, w->out.s + sent, w->out.len - sent, &n, &e) != RC_OK) {
			end(w, w->state == WS_LEAVING ? RC_OK : RC_UNREACHABLE, e.text);
			return;
		}
		sent += n;
	}
	if (sent == w->out.len) {
		strbuf_clear(&w->out);
	} else if (sent) {
		memmove(w->out.s, w->out.s + sent, w->out.len - sent + 1);
		w->out.len -= sent;
	}
	if (w->state == WS_ANSWERED && !w->out.len)
		w->ended = true;
}

static void frame_add(struct ws *w, enum ws_opcode opcode, const void *payload, size_t len)
{
	unsigned char mask[WS_MASK_BYTES];
	if (crypto_random(mask, sizeof mask, NULL) == RC_OK)
		ws_frame_add(&w->out, opcode, payload, len, mask);
	else
		w->out.overflow = true;
	if (w->out.overflow)
		end(w, RC_EXHAUSTED, "the peer of a WebSocket takes nothing, or there is no memory");
}

static void deadline_passed(void *owner)
{
	struct ws *w = owner;
	turn_begins(w);
	if (w->state == WS_LEAVING || w->state == WS_ANSWERED)
		end(w, RC_OK, "no farewell came back");
	else
		end(w, RC_UNREACHABLE, "the WebSocket was not open in time");
	turn_ends(w);
}

static void farewell(struct ws *w, enum ws_state state, int code)
{
	unsigned char bytes[2] = { (unsigned char)(code >> 8), (unsigned char)code };
	frame_add(w, WS_CLOSE, bytes, code == WS_CODE_NONE ? 0 : sizeof bytes);
	w->state = state;
	timer_start(w->loop, &w->deadline, FAREWELL_MS, deadline_passed, w);
}

/* ---- what the peer says ---- */

static void peer_leaves(struct ws *w)
{
	const char *reason;
	char text[256], shown[TEXT_SHOWN];
	w->code = (int)ws_close_of(&w->in, &reason);
	(void)snprintf(text, sizeof text, "the peer closed the WebSocket with %d %s", w->code,
		       text_show(reason, strlen(reason), shown));
	bool good = w->code == WS_CODE_NORMAL || w->code == WS_CODE_AWAY;
	if (w->state == WS_LEAVING)
		end(w, RC_OK, text);
	else
		note_end(w, good ? RC_OK : RC_UNREACHABLE, text);
	if (w->state == WS_OPEN)
		farewell(w, WS_ANSWERED, w->code);
}

static void peer_is_bad(struct ws *w)
{
	note_end(w, w->in.bad == WS_CODE_TOO_BIG ? RC_EXHAUSTED : RC_INVALID, w->in.why);
	if (w->state == WS_OPEN)
		farewell(w, WS_ANSWERED, (int)w->in.bad);
	else
		w->ended = true;
}

static void hear(struct ws *w, enum ws_event event)
{
	switch (event) {
	case WS_GOT_TEXT:
		w->handlers.message(w->owner, w->in.message.s, w->in.message.len);
		break;
	case WS_GOT_PING:
		if (w->state == WS_OPEN)
			frame_add(w, WS_PONG, w->in.control.s, w->in.control.len);
		break;
	case WS_GOT_CLOSE:
		peer_leaves(w);
		break;
	case WS_IS_BAD:
		peer_is_bad(w);
		break;
	case WS_GOT_PONG:
	case WS_GOT_BINARY:
	case WS_NEEDS_MORE:
		break;
	}
}

static bool goes_on(const struct ws *w)
{
	return !w->dead && !w->ended && w->state != WS_ANSWERED;
}

static void frames_arrived(struct ws *w, const char *bytes, size_t len)
{
	enum ws_event event;
	do {
		event = ws_read(&w->in, &bytes, &len);
		hear(w, event);
	} while (event != WS_NEEDS_MORE && goes_on(w));
}

static void beat(void *owner)
{
	struct ws *w = owner;
	turn_begins(w);
	if (loop_now(w->loop).v - w->last_byte.v >= w->silent_ms)
		end(w, RC_UNREACHABLE, "the peer of the WebSocket has fallen silent");
	else if (w->state == WS_OPEN)
		frame_add(w, WS_PING, "", 0);
	timer_start(w->loop, &w->beat, w->ping_ms, beat, w);
	watch_on(w);
	turn_ends(w);
}

static void head_arrived(struct ws *w, const char *bytes, size_t len)
{
	struct error e;
	strbuf_addn(&w->head, bytes, len);
	const char *over = strstr(w->head.s, "\r\n\r\n");
	if (!over && w->head.overflow)
		end(w, RC_UNREACHABLE, "the head of the answer is too long");
	if (!over)
		return;
	size_t n = (size_t)(over + 4 - w->head.s);
	CLEANUP(free_p) char *head = strndup(w->head.s, n);
	enum result r = head ? ws_answer_check(head, w->key, &w->status, &e)
			     : error_set(&e, RC_EXHAUSTED, "no memory for a handshake");
	if (r != RC_OK) {
		end(w, r, e.text);
		return;
	}
	w->state = WS_OPEN;
	timer_stop(&w->deadline);
	timer_start(w->loop, &w->beat, w->ping_ms, beat, w);
	if (w->handlers.opened)
		w->handlers.opened(w->owner);
	if (goes_on(w))
		frames_arrived(w, w->head.s + n, w->head.len - n);
	strbuf_finish(&w->head);
}

/* ---- bytes in ---- */

static void read_on(void *owner);

/* Until nothing is there: more than the socket tells of may wait inside TLS. */
static void receive(struct ws *w)
{
	char bytes[READ_BYTES];
	size_t n = 1;
	for (int i = 0; n && goes_on(w); i++) {
		struct error e;
		if (i == READS_A_TURN) {
			loop_defer(w->loop, &w->again, read_on, w);
			return;
		}
		if (http_kept_receive(w->call, bytes, sizeof bytes, &n, &e) != RC_OK) {
			end(w, w->state == WS_LEAVING ? RC_OK : RC_UNREACHABLE, e.text);
			return;
		}
		if (!n)
			return;
		w->last_byte = loop_now(w->loop);
		if (w->state == WS_GREETING)
			head_arrived(w, bytes, n);
		else
			frames_arrived(w, bytes, n);
	}
}

static void read_on(void *owner)
{
	struct ws *w = owner;
	turn_begins(w);
	if (goes_on(w))
		receive(w);
	watch_on(w);
	turn_ends(w);
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	struct ws *w = watch->ws;
	turn_begins(w);
	if (w->out.len && (status < 0 || events & UV_WRITABLE))
		flush(w);
	if (goes_on(w))
		receive(w); /* also finds out what is wrong */
	if (status < 0 && !w->ended)
		end(w, RC_UNREACHABLE, uv_strerror(status));
	watch_on(w);
	turn_ends(w);
}

/* ---- the beginning ---- */

static bool watch_start(struct ws *w)
{
	struct watch *watch = calloc(1, sizeof *watch);
	if (!watch)
		return false;
	if (uv_poll_init_socket(loop_uv(w->loop), &watch->poll, http_kept_socket(w->call)) != 0) {
		free(watch);
		return false;
	}
	watch->poll.data = watch;
	watch->ws = w;
	w->watch = watch;
	return true;
}

static void connected(void *owner, enum result r, const struct http_answer *answer, const struct error *why)
{
	struct ws *w = owner;
	w->call = NULL;
	turn_begins(w);
	if (r != RC_OK) {
		end(w, r, why->text);
	} else {
		w->call = http_keep(answer);
		w->state = WS_GREETING;
		w->last_byte = loop_now(w->loop);
		if (watch_start(w))
			watch_on(w);
		else
			end(w, RC_EXHAUSTED, "the socket of a WebSocket cannot be watched");
	}
	turn_ends(w);
}

static enum result write_request(struct ws *w, const struct ws_options *o, const struct ws_url *url, struct error *e)
{
	unsigned char random[WS_KEY_BYTES];
	enum result r = crypto_random(random, sizeof random, e);
	if (r != RC_OK)
		return r;
	CLEANUP(free_p) char *key = text_base64(random, sizeof random, false);
	for (const char *const *h = o->headers; h && *h; h++)
		if (strpbrk(*h, "\r\n"))
			return error_set(e, RC_INVALID, "a header of a WebSocket has a line break in it");
	if (key) {
		(void)text_copy(w->key, sizeof w->key, key);
		ws_request_add(&w->out, url, w->key, o->user_agent, o->headers);
	}
	return key && !w->out.overflow ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for a WebSocket");
}

static enum result connect_to(struct ws *w, const struct ws_options *o, const struct ws_url *url, struct error *e)
{
	enum result r = http_client_create(w->loop, o->user_agent, &w->http, e);
	if (r != RC_OK)
		return r;
	int64_t open_ms = o->open_ms ? o->open_ms : OPEN_MS;
	struct http_request q = { .url = url->connect,
				  .tls = o->tls,
				  .connect_only = true,
				  .http1_only = true,
				  .connect_timeout_ms = open_ms,
				  .egress = o->egress,
				  .egress_owner = o->egress_owner };
	w->call = http_send(w->http, &q, connected, w, e);
	timer_start(w->loop, &w->deadline, open_ms, deadline_passed, w);
	return w->call ? RC_OK : RC_EXHAUSTED;
}

static void ws_free_p(struct ws **w)
{
	ws_free(*w);
}

enum result ws_open(struct loop *l, const struct ws_options *o, const struct ws_handlers *h, void *owner,
		    struct ws **ret, struct error *e)
{
	struct ws_url url;
	enum result r = ws_url_parse(o->url, &url, e);
	if (r != RC_OK)
		return r;
	CLEANUP(ws_free_p) struct ws *w = calloc(1, sizeof *w);
	if (w) {
		*w = (struct ws){ .loop = l,
				  .handlers = *h,
				  .owner = owner,
				  .ping_ms = o->ping_ms ? o->ping_ms : PING_MS,
				  .silent_ms = o->silent_ms ? o->silent_ms : SILENT_MS,
				  .code = WS_CODE_BROKEN };
		strbuf_init(&w->out, WS_WAITING_BYTES_MAX + CONTROL_BYTES_MAX);
		strbuf_init(&w->head, HEAD_BYTES_MAX + READ_BYTES);
		ws_reader_init(&w->in, o->max_message_bytes ? o->max_message_bytes : WS_MESSAGE_BYTES_MAX);
		r = write_request(w, o, &url, e);
		if (r == RC_OK)
			r = connect_to(w, o, &url, e);
	} else {
		r = error_set(e, RC_EXHAUSTED, "no memory for a WebSocket");
	}
	strbuf_finish(&url.target);
	if (r == RC_OK)
		*ret = TAKE(w);
	return r;
}

/* ---- speaking ---- */

size_t ws_waiting_bytes(const struct ws *w)
{
	return w->out.len;
}

/* What cannot be sent now is found out, and said, in a turn of its own. */
static void soon(struct ws *w)
{
	loop_defer(w->loop, &w->again, read_on, w);
}

enum result ws_send(struct ws *w, const char *text, size_t len, struct error *e)
{
	if (w->state != WS_OPEN || w->ended || w->dead)
		return error_set(e, RC_UNREACHABLE, "the WebSocket is not open");
	if (len > WS_WAITING_BYTES_MAX || w->out.len > WS_WAITING_BYTES_MAX - len)
		return error_set(e, RC_EXHAUSTED, "%zu bytes wait already for the peer of the WebSocket", w->out.len);
	frame_add(w, WS_TEXT, text, len);
	soon(w);
	return w->ended ? error_set(e, RC_EXHAUSTED, "no memory for a WebSocket message") : RC_OK;
}

void ws_close(struct ws *w)
{
	if (w->state == WS_OPEN)
		farewell(w, WS_LEAVING, WS_CODE_NORMAL);
	else if (w->state < WS_OPEN)
		end(w, RC_OK, "left before it was open");
	soon(w);
}

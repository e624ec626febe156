#pragma once
/* A WebSocket client on the one loop (RFC 6455): TLS, name lookup, proxy and egress are the HTTP client's; text
 * messages whole, whatever their fragments; pings both ways; a limit on everything. ws:// only to loopback. No callback
 * runs inside ws_open, and none after ws_cancel. closed is the last: the connection is gone then, and its owner must
 * forget it. In every callback the owner may send, close and cancel. The program must ignore SIGPIPE. Loop thread only.
 */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/http_client.h"
#include "base/loop.h"

struct ws;

enum { WS_MESSAGE_BYTES_MAX = 1024 * 1024, WS_WAITING_BYTES_MAX = 1024 * 1024 };

struct ws_end {
	/* RC_OK: a farewell with 1000 or 1001; REFUSED: the server answered 4xx, or egress said no; INVALID: the
	 * address, or the peer broke the protocol; EXHAUSTED: too long a message; UNREACHABLE: all else */
	enum result r;
	int status; /* of the handshake; 0: none came */
	int code;   /* of the peer's farewell; 1005 it named none, 1006 there was none */
	const char *why;
};
struct ws_handlers {
	void (*opened)(void *owner); /* NULL is fine */
	/* text ends in NUL and lives until the callback returns. Binary messages are not handed on. */
	void (*message)(void *owner, const char *text, size_t len);
	void (*closed)(void *owner, const struct ws_end *end);
};
struct ws_options {
	const char *url; /* "wss://host/path?ticket=..."; a secret: no error shows it */
	const char *user_agent;
	const char *const *headers; /* "Name: value", NULL-terminated; NULL none */
	const struct http_tls *tls; /* copied; NULL: the system's authorities */
	http_egress *egress;        /* NULL: everywhere */
	void *egress_owner;
	int64_t open_ms;          /* until it is open; 0: 10 s */
	int64_t ping_ms;          /* between our pings; 0: 10 s */
	int64_t silent_ms;        /* no byte for so long: unreachable; 0: 30 s */
	size_t max_message_bytes; /* 0: WS_MESSAGE_BYTES_MAX */
};
/* Copies options and handlers. A bad address is an error here; everything later goes to closed. */
MUST_CHECK enum result ws_open(struct loop *l, const struct ws_options *o, const struct ws_handlers *h, void *owner,
			       struct ws **ret, struct error *e);
/* Copies. RC_UNREACHABLE: it is not open (any more); RC_EXHAUSTED: too much waits for a slow peer already, try later or
 * give up. RC_OK promises only that it is on its way. */
MUST_CHECK enum result ws_send(struct ws *w, const char *text, size_t len, struct error *e);
size_t ws_waiting_bytes(const struct ws *w); /* that the peer has not taken yet */
/* Says farewell, once what waits has left, and waits a second for the peer's; then closed. Messages still come. */
void ws_close(struct ws *w);
void ws_cancel(struct ws **w); /* without a word; sets it NULL; NULL is fine */

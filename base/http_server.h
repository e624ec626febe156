#pragma once
/* HTTP/1.1 server on the one loop. Every request of every connection is judged (base/http_judge.h) before a byte of its
 * body is read: ambiguous framing is refused and answered. Bodies have a Content-Length or are not accepted. Errors are
 * answered as {"error":"...","hint":"..."} JSON. Loop thread only. The program must ignore SIGPIPE. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/loop.h"

struct http_server;
struct http_exchange; /* one request and its answer; owned by the server */

struct http_peer {
	char address[64]; /* numeric, without port */
	bool loopback;
};
/* Called once the whole body is there (within its limits). Must answer now or later: http_respond, http_stream_start.
 * The exchange lives until it is answered or closed; if the peer goes away first, the closed callback set by
 * http_on_close runs, on a later turn, and the exchange must not be touched after. Without that callback the exchange
 * stays until it is answered, into the void. After the answer nothing is called any more. A peer that closes only its
 * sending side still gets its answer; of a stream it is the end. */
typedef void http_handler(void *owner, struct http_exchange *x);
struct http_route {
	const char *method; /* "GET" also serves HEAD */
	const char
		*path; /* exact, or with {names}: "/api/v1/rollouts/{ns}/{name}"; a last "{rest...}" takes the rest */
	size_t max_body_bytes;
	http_handler *handle;
	void *owner;
};
struct http_server_options {
	const char *host;                  /* numeric address, e.g. "127.0.0.1" */
	int port;                          /* 0: any free one, see http_server_port */
	const char *cert_file, *key_file;  /* TLS when both are set */
	unsigned max_connections;          /* 0: 1024 */
	unsigned max_connections_per_peer; /* 0: 256; loopback peers are exempt from the per-peer limit */
	int64_t header_timeout_ms;         /* 0: 5 s */
	int64_t body_timeout_ms;           /* 0: 10 s */
	int64_t idle_timeout_ms;           /* 0: 75 s */
	size_t max_header_bytes;           /* 0: 16 KiB */
	bool limit_loopback;               /* loopback peers are not exempt from the per-peer limit */
};

/* The first route that fits by path and method is taken. routes is copied (strings borrowed for the server's life);
 * ends with a NULL path. */
MUST_CHECK enum result http_server_create(struct loop *l, const struct http_server_options *o,
					  const struct http_route *routes, struct http_server **ret, struct error *e);
/* Stops listening; open exchanges are given grace_ms to be answered, then closed; closed(owner) runs when all is gone
 * and the server has been freed. */
void http_server_close(struct http_server *s, int64_t grace_ms, loop_fn *closed, void *owner);
int http_server_port(const struct http_server *s);
/* Reads the certificate and its key again; connections that are open keep the old one. On failure all stays as it was.
 */
MUST_CHECK enum result http_server_reload_tls(struct http_server *s, const char *cert_file, const char *key_file,
					      struct error *e);

const char *http_method(const struct http_exchange *x);
const char *http_path(const struct http_exchange *x);                    /* decoded, no query */
const char *http_param(const struct http_exchange *x, const char *name); /* of the route's path; "" when missing */
/* Query or (for application/x-www-form-urlencoded) form field, decoded; NULL when missing; the first when it came
 * twice. */
const char *http_query(const struct http_exchange *x, const char *name);
const char *http_form(struct http_exchange *x, const char *name);
const char *http_header(const struct http_exchange *x, const char *lower_case_name); /* NULL when missing */
/* Whether a header came more than once: of a signature the first and the last would each be believed by somebody. */
bool http_header_repeated(const struct http_exchange *x, const char *lower_case_name);
const char *http_cookie(struct http_exchange *x, const char *name);
const char *http_body(const struct http_exchange *x, size_t *len); /* raw bytes; ends in NUL */
const struct http_peer *http_peer(const struct http_exchange *x);
struct arena *http_arena(struct http_exchange *x); /* freed with the exchange */

/* content_type NULL: no body. headers: "Name: value" NULL-terminated, NULL for none. Copies everything. */
void http_respond(struct http_exchange *x, int status, const char *content_type, const void *body, size_t len,
		  const char *const *headers);
void http_respond_text(struct http_exchange *x, int status, const char *content_type, const char *body);
void http_respond_json(struct http_exchange *x, int status, const char *json);
/* {"error":..., "hint":...}; hint may be NULL. */
void http_respond_error(struct http_exchange *x, int status, const char *hint, const char *fmt, ...) PRINTF(4, 5);
/* 400/403/404/409/503/... as the result suggests, with the error's text. */
void http_respond_result(struct http_exchange *x, const struct error *e);

/* A body without end (server-sent events). Pieces wait in a queue of at most max_queue bytes; a peer that does not keep
 * up is closed. */
void http_stream_start(struct http_exchange *x, const char *content_type, size_t max_queue_bytes);
bool http_stream_send(struct http_exchange *x, const char *data,
		      size_t len); /* false: closed or too slow, now closing */
void http_stream_end(struct http_exchange *x);
void http_on_close(struct http_exchange *x, loop_fn *closed, void *owner);

#pragma once
/* The inside of the HTTP server, shared by http_server.c (life, accepting, limits), http_connection.c (one connection's
 * states), http_wire.c (its reading and writing), http_exchange.c (one request and its answer) and http_tls.c.
 *
 * Why not libwebsockets, as first planned: its HTTP parser takes what must be refused (two lengths, bare LF, ...) and
 * closes without a word where an answer is due, and it can be kept from the bytes only for the first request of a
 * connection (lws_adopt_socket_vhost_readbuf): the second request of a kept connection would pass unjudged. As the
 * judge reads the whole head and a body always has a length, what is left to do is small and is done here. */
#include <uthash.h>

#include "base/http_judge.h"
#include "base/http_server.h"
#include "base/http_target.h"
#include "base/strbuf.h"

struct ssl_ctx_st;
struct http_tls;

/* fresh: accepted, no byte yet; flush: the answer is on its way; linger: all is said, but what the peer still sends is
 * read and dropped for a moment, because closing a socket with unread bytes takes the answer from the peer. */
#define HTTP_STATES(X)                                                                                                 \
	X(HANDSHAKE, header)                                                                                           \
	X(FRESH, header)                                                                                               \
	X(IDLE, idle)                                                                                                  \
	X(HEAD, header)                                                                                                \
	X(BODY, body) X(HANDLER, none) X(STREAM, stall) X(FLUSH, stall) X(LINGER, linger) X(CLOSED, none)
#define X(id, wait) HTTP_STATE_##id,
enum http_state { HTTP_STATES(X) HTTP_STATE_COUNT };
#undef X

enum { HTTP_SCRATCH_BYTES = 16384 };

struct http_peer_count {
	UT_hash_handle hh;
	unsigned connections;
	unsigned char key[16]; /* IPv4 mapped into IPv6; of IPv6 the /64, which is what one host can have */
};

struct http_connection {
	struct http_connection *prev, *next;
	struct http_server *server; /* outlives it */
	uv_tcp_t tcp;
	struct http_tls *tls; /* owned; NULL: plain */
	enum http_state state;
	struct timer timer;
	struct deferred again;
	struct {
		char *s; /* owned; NULL while empty and idle */
		size_t len, cap;
	} in;
	size_t unjudged;                /* bytes at the end of in that are new to the judge */
	struct http_exchange *exchange; /* owned from its head to its answer */
	struct http_peer peer;
	struct http_peer_count *count;   /* NULL: exempt, or over the limits */
	uint64_t queued_ever, sent_seen; /* bytes; seen: at the last look for a stall */
	size_t queue_seen;
	size_t dropped;
	bool over_limit, reading, running, eof, close_after;
};

struct http_exchange {
	struct loop *loop;
	struct http_server *server;         /* NULL: nobody waits for this exchange's end */
	struct http_connection *connection; /* NULL: the peer is gone */
	struct arena *arena;                /* owned */
	char *head;                         /* owned; the strings of fields and method point here */
	const char *method, *path;
	struct http_pairs fields, query, params, form;
	const struct http_route *route;
	char *body; /* owned */
	size_t body_len, body_cap, body_needed;
	struct http_peer peer;
	loop_fn *closed;
	void *closed_owner;
	struct deferred closing;
	size_t max_queue;
	bool handed_over; /* the handler knows it */
	bool streaming, head_only, keep_alive, form_read;
};

struct http_server {
	struct loop *loop;
	struct http_server_options o; /* host and files are not kept */
	struct http_limits limits;
	struct http_route *routes; /* owned copy, ends with a NULL path */
	uv_poll_t listener;
	int fd, port;
	struct ssl_ctx_st *tls; /* owned; NULL: plain */
	struct http_connection *connections;
	unsigned n_connections, n_over_limit;
	struct http_peer_count *peers; /* owned table */
	unsigned exchanges;            /* whose end the server waits for */
	struct timer backoff, grace;
	struct deferred going;
	bool closing, listener_closed;
	loop_fn *closed;
	void *closed_owner;
	struct http_head head; /* scratch, as are out and bytes */
	struct strbuf out;
	int64_t date_s;
	char date[64]; /* of date_s */
	char bytes[HTTP_SCRATCH_BYTES];
};

/* http_server.c */
void http_server_connection_gone(struct http_connection *c);
void http_server_exchange_gone(struct http_server *s);

/* http_connection.c. None of these frees c at once, none calls a handler but http_connection_run, which does nothing
 * while it is running further up the stack. */
void http_connection_start(struct http_connection *c);
void http_connection_run(struct http_connection *c);
void http_connection_enter(struct http_connection *c, enum http_state state);
/* Answers with an error, without an exchange, and closes. */
void http_connection_refuse(struct http_connection *c, int status, const char *error, const char *hint);
/* Closes at once; the exchange learns it on a later turn. */
void http_connection_close(struct http_connection *c);

/* http_wire.c */
void http_connection_write(struct http_connection *c, const char *head, size_t head_len, const char *body, size_t len);
size_t http_connection_queue(const struct http_connection *c); /* bytes that wait to leave */
void http_wire_flush_tls(struct http_connection *c);           /* sends what TLS has to say */
void http_wire_fill(struct http_connection *c);                /* decrypts as much as there is room for */
void http_wire_update_reading(struct http_connection *c);      /* reads on or not, as there is room */

/* http_exchange.c, http_respond.c */
/* Makes the exchange of the head that was judged, taking c->in, and routes it. False: no body is to be read, because
 * the request was refused or answered already. */
bool http_exchange_begin(struct http_connection *c, const struct http_head *head);
/* Room for more of the body; false: no memory. */
bool http_exchange_body_room(struct http_exchange *x, char **ret, size_t *ret_len);
void http_exchange_destroy(struct http_exchange *x);
/* The connection is gone: tells who waits for that, on a later turn. */
void http_exchange_lost(struct http_exchange *x);

/* http_answer.c */
struct http_answer {
	int status;
	const char *content_type;   /* NULL: none */
	int64_t length;             /* -1: ends with the connection */
	const char *const *headers; /* NULL: none */
	bool keep_alive;
};
/* Writes the head into s->out. */
void http_answer_print(struct http_server *s, const struct http_answer *a);
/* {"error":..., "hint":...} */
void http_error_print(struct strbuf *out, const char *error, const char *hint);
/* "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" */
void http_date_print(struct wall_ms t, char ret[64]);
bool http_headers_ok(const char *const *headers);

/* http_tls.c: TLS over memory; the connection moves the bytes. */
MUST_CHECK enum result http_tls_load(const char *cert_file, const char *key_file, struct ssl_ctx_st **ret,
				     struct error *e);
void http_tls_unload(struct ssl_ctx_st *ctx);
struct http_tls *http_tls_create(struct ssl_ctx_st *ctx); /* NULL: no memory */
void http_tls_destroy(struct http_tls *t);
bool http_tls_feed(struct http_tls *t, const char *bytes, size_t len); /* bytes from the network */
size_t http_tls_output(struct http_tls *t, const char **ret);          /* bytes for the network ... */
void http_tls_output_taken(struct http_tls *t);                        /* ... all of them were taken */
/* 1: done, 0: wants more from the network, -1: failed or over */
int http_tls_handshake(struct http_tls *t);
int http_tls_read(struct http_tls *t, char *ret, size_t len, size_t *ret_len);
bool http_tls_write(struct http_tls *t, const char *bytes, size_t len);
void http_tls_bye(struct http_tls *t);

#pragma once
/* HTTP client on libcurl's multi handle and the one loop: HTTP/2 where the server speaks it, connection reuse,
 * deadlines, cancellation, bodies that arrive in pieces. The callback runs exactly once, on a later turn of the loop,
 * never inside http_send; after http_cancel it never runs. In it the owner may destroy itself and start or cancel
 * calls. TLS is always verified unless the request says otherwise. The program must ignore SIGPIPE. A request on a kept
 * connection that dies before a byte of the answer arrived is sent once more on a new one, whatever its method.
 * Loop thread only. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/loop.h"

struct http_client;
struct http_call;

/* Who we may connect to: asked for each resolved address before connecting to it, and again before each request, since
 * a kept connection may be another caller's. false refuses. With a proxy the address is the proxy's. host is the URL's,
 * without brackets. Must not call the client. */
typedef bool http_egress(void *owner, const char *host, const struct sockaddr *address);

struct http_tls {                       /* all copied by http_send; NULL members mean the system's default or none */
	const char *ca_pem;             /* PEM text; trusted instead of the system's authorities */
	const char *cert_pem, *key_pem; /* client certificate, PEM text */
	bool no_verify;                 /* only for what an operator allowed by name */
};
struct http_request {
	const char *method; /* "GET" when NULL */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated; NULL for none; copied */
	const void *body;           /* copied */
	size_t body_len;
	const struct http_tls *tls;
	int64_t timeout_ms;         /* whole call; 0: none (watches) */
	int64_t connect_timeout_ms; /* 0: 10 s */
	int64_t idle_timeout_ms;    /* no byte for so long: unreachable; 0: none */
	size_t max_body_bytes;      /* answers larger than that fail; 0: 16 MiB; ignored when on_data is set */
	/* 0: none followed. Only for GET, HEAD and POST, and only to the same origin or from http to https on the
	 * same host: our headers may carry keys. What is not followed is the answer, with its 3xx. */
	unsigned max_redirects;
	bool http1_only; /* event hooks of old servers */
	/* Name lookup, egress, proxy and TLS, but no request: a connection for another protocol, which the callback may
	 * keep with http_keep. The answer is status 0. timeout_ms ends with the callback. */
	bool connect_only;
	bool no_proxy;
	const char *proxy;   /* overrides the environment's */
	http_egress *egress; /* NULL: everywhere */
	void *egress_owner;
	/* For streams: called for each piece as it arrives, status already known; false aborts the call
	 * (RC_INVALID). It may send and cancel calls, also this one, and destroy the client. */
	bool (*on_data)(void *owner, int status, const char *data, size_t len);
	void *on_data_owner;
};
struct http_answer {
	int status;
	const char *body; /* ends in NUL; lives until the callback returns; "" with on_data */
	size_t len;
	struct http_call *call; /* for http_answer_header */
};
/* r is RC_OK whenever a whole answer arrived, whatever its status; otherwise RC_UNREACHABLE (network, TLS, time-out,
 * cut in the middle), RC_REFUSED (egress), RC_INVALID (URL, header, certificate, on_data said false), RC_EXHAUSTED
 * (answer too large, memory), and why says more: of the URL only "GET https://host:port", because paths and queries of
 * webhooks are secrets. answer and why are never NULL; after a failure status is 0 and body "". */
typedef void http_done(void *owner, enum result r, const struct http_answer *answer, const struct error *why);

MUST_CHECK enum result http_client_create(struct loop *l, const char *user_agent, struct http_client **ret,
					  struct error *e);
/* Cancels everything; no callback runs after. */
void http_client_destroy(struct http_client *c);
/* Owned by the client. Never NULL: what cannot start (bad URL, no memory) fails through the callback; no memory for
 * even that is NULL with e filled. */
struct http_call *http_send(struct http_client *c, const struct http_request *q, http_done *cb, void *owner,
			    struct error *e);
void http_cancel(struct http_call **call); /* sets it NULL; NULL is fine */
/* In the callback of a connect_only call that went well: the connection is the caller's from now on and until
 * http_cancel. It belongs to the client all the same, and must go before it does. */
struct http_call *http_keep(const struct http_answer *a);
uv_os_sock_t http_kept_socket(struct http_call *kept); /* to watch, nothing else; stop that before http_cancel */
/* What could be written or read without waiting: 0 is RC_OK and means nothing now. RC_UNREACHABLE: it has ended. */
MUST_CHECK enum result http_kept_send(struct http_call *kept, const void *bytes, size_t len, size_t *ret,
				      struct error *e);
MUST_CHECK enum result http_kept_receive(struct http_call *kept, void *buf, size_t size, size_t *ret, struct error *e);
/* A header of the answer, by lower-case name; NULL when missing. Lives until the callback returns. */
const char *http_answer_header(const struct http_answer *a, const char *name);
/* Retry-After in ms from now (seconds or HTTP date); -1 when missing or unreadable. */
int64_t http_answer_retry_after(const struct http_answer *a, struct wall_ms now);
DEFINE_CLEANUP(struct http_client, http_client_destroy)

#include "base/http_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "base/http_server_private.h"

enum {
	ACCEPTS_PER_TURN = 16,
	ACCEPT_BACKOFF_MS = 100,
	OVER_LIMIT_MAX = 128, /* connections past the limits that are still told so */
	TARGET_BYTES_MAX = 8192,
	ANSWER_HEAD_BYTES_MAX = 32768,
};

/* ---- limits ---- */

static bool is_v4_mapped(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

static void peer_print(const struct sockaddr_storage *a, struct http_peer *ret, unsigned char ret_key[16])
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)a)->sin6_addr;
	struct in_addr v4 = ((const struct sockaddr_in *)a)->sin_addr;
	unsigned char first; /* of the address, in network order */
	*ret = (struct http_peer){ .address = "" };
	memset(ret_key, 0, 16);
	if (a->ss_family == AF_INET6 && !is_v4_mapped(a)) {
		(void)inet_ntop(AF_INET6, v6, ret->address, sizeof ret->address);
		ret->loopback = IN6_IS_ADDR_LOOPBACK(v6);
		memcpy(ret_key, v6, 8);
		return;
	}
	if (a->ss_family == AF_INET6)
		memcpy(&v4, v6->s6_addr + 12, 4);
	(void)inet_ntop(AF_INET, &v4, ret->address, sizeof ret->address);
	memcpy(&first, &v4, 1);
	ret->loopback = first == 127;
	memcpy(ret_key, mapped, 12);
	memcpy(ret_key + 12, &v4, 4);
}

static void count_leave(struct http_server *s, struct http_peer_count *p)
{
	if (p && --p->connections == 0) {
		HASH_DEL(s->peers, p);
		free(p);
	}
}

/* false: that peer has as many connections as one may have. */
static bool count_enter(struct http_server *s, struct http_connection *c, const unsigned char key[16])
{
	struct http_peer_count *p;
	if (c->peer.loopback && !s->o.limit_loopback)
		return true;
	HASH_FIND(hh, s->peers, key, 16, p);
	if (p && p->connections >= s->o.max_connections_per_peer)
		return false;
	if (!p) {
		p = calloc(1, sizeof *p);
		if (!p)
			return false;
		memcpy(p->key, key, 16);
		HASH_ADD(hh, s->peers, key, 16, p);
	}
	p->connections++;
	c->count = p;
	return true;
}

/* ---- end ---- */

static void gone(void *owner)
{
	struct http_server *s = owner;
	loop_fn *closed = s->closed;
	void *closed_owner = s->closed_owner;
	timer_stop(&s->grace);
	http_tls_unload(s->tls);
	strbuf_finish(&s->out);
	free(s->routes);
	free(s);
	if (closed)
		closed(closed_owner);
}

/* On a later turn: the last to leave may be inside http_respond. */
static void maybe_gone(struct http_server *s)
{
	if (s->closing && s->listener_closed && !s->connections && !s->exchanges)
		loop_defer(s->loop, &s->going, gone, s);
}

void http_server_connection_gone(struct http_connection *c)
{
	struct http_server *s = c->server;
	DL_DELETE(s->connections, c);
	count_leave(s, c->count);
	if (c->over_limit)
		s->n_over_limit--;
	else
		s->n_connections--;
	free(c);
	maybe_gone(s);
}

void http_server_exchange_gone(struct http_server *s)
{
	s->exchanges--;
	maybe_gone(s);
}

static void listener_closed(uv_handle_t *handle)
{
	struct http_server *s = handle->data;
	s->listener_closed = true;
	(void)close(s->fd);
	maybe_gone(s);
}

static void close_all(void *owner)
{
	struct http_server *s = owner;
	struct http_connection *c;
	DL_FOREACH(s->connections, c) /* they leave the list on a later turn */
	http_connection_close(c);
}

void http_server_close(struct http_server *s, int64_t grace_ms, loop_fn *closed, void *owner)
{
	assert(!s->closing);
	s->closing = true;
	s->closed = closed;
	s->closed_owner = owner;
	timer_stop(&s->backoff);
	uv_close((uv_handle_t *)&s->listener, listener_closed);
	struct http_connection *c;
	DL_FOREACH(s->connections, c)
	{
		bool waits = (c->state == HTTP_STATE_FRESH && !c->in.len) || c->state == HTTP_STATE_IDLE ||
			     c->state == HTTP_STATE_STREAM || c->state == HTTP_STATE_HANDSHAKE;
		if (waits)
			http_connection_close(c);
	}
	timer_start(s->loop, &s->grace, grace_ms, close_all, s);
}

/* ---- accepting ---- */

static void accept_some(uv_poll_t *poll, int status, int events);

static void accept_again(void *owner)
{
	struct http_server *s = owner;
	if (uv_poll_start(&s->listener, UV_READABLE, accept_some) != 0)
		timer_start(s->loop, &s->backoff, ACCEPT_BACKOFF_MS, accept_again, s);
}

static void admit(struct http_server *s, int fd, const struct sockaddr_storage *address)
{
	unsigned char key[16];
	struct http_connection *c = calloc(1, sizeof *c);
	if (!c || uv_tcp_init(loop_uv(s->loop), &c->tcp) != 0) {
		free(c);
		(void)close(fd);
		return;
	}
	c->server = s;
	c->tcp.data = c;
	peer_print(address, &c->peer, key);
	c->over_limit = s->n_connections >= s->o.max_connections || !count_enter(s, c, key);
	*(c->over_limit ? &s->n_over_limit : &s->n_connections) += 1;
	DL_APPEND(s->connections, c);
	bool opened = uv_tcp_open(&c->tcp, fd) == 0;
	if (!opened)
		(void)close(fd);
	if (s->tls)
		c->tls = http_tls_create(s->tls);
	if (!opened || (s->tls && !c->tls) || s->n_over_limit > OVER_LIMIT_MAX)
		http_connection_close(c);
	else
		http_connection_start(c);
}

static void accept_some(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	struct http_server *s = poll->data;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage address = { 0 };
		socklen_t len = sizeof address;
		int fd = accept4(s->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			int on = 1;
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			admit(s, fd, &address);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			/* the queue stays readable: without a pause this would spin */
			(void)uv_poll_stop(&s->listener);
			timer_start(s->loop, &s->backoff, ACCEPT_BACKOFF_MS, accept_again, s);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

/* ---- begin ---- */

static enum result listen_on(const char *host, int port, int *ret, struct error *e)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	int on = 1, off = 0;
	bool v4 = uv_ip4_addr(host, port, &a.v4) == 0;
	if (!v4 && uv_ip6_addr(host, port, &a.v6) != 0)
		return error_set(e, RC_INVALID, "cannot listen on %s: not a numeric address", host);
	int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(e, RC_EXHAUSTED, "cannot open a socket: %s", strerrordesc_np(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (!v4)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off); /* "::" serves both families */
	if (bind(fd, &a.any, v4 ? sizeof a.v4 : sizeof a.v6) != 0 || listen(fd, SOMAXCONN) != 0) {
		enum result r = errno == EACCES ? RC_REFUSED : errno == EADDRINUSE ? RC_CONFLICT : RC_INVALID;
		(void)error_set(e, r, "cannot listen on %s port %d: %s", host, port, strerrordesc_np(errno));
		(void)close(fd);
		return r;
	}
	*ret = fd;
	return RC_OK;
}

static int port_of(int fd)
{
	struct sockaddr_in6 a = { 0 };
	socklen_t len = sizeof a;
	/* the port is at the same place in both families */
	return getsockname(fd, (struct sockaddr *)&a, &len) == 0 ? ntohs(a.sin6_port) : 0;
}

static void set_options(struct http_server *s, const struct http_server_options *o)
{
	s->o = *o;
	s->o.host = s->o.cert_file = s->o.key_file = NULL;
	s->o.max_connections = o->max_connections ? o->max_connections : 1024;
	s->o.max_connections_per_peer = o->max_connections_per_peer ? o->max_connections_per_peer : 256;
	s->o.header_timeout_ms = o->header_timeout_ms ? o->header_timeout_ms : 5000;
	s->o.body_timeout_ms = o->body_timeout_ms ? o->body_timeout_ms : 10000;
	s->o.idle_timeout_ms = o->idle_timeout_ms ? o->idle_timeout_ms : 75000;
	size_t head = o->max_header_bytes ? o->max_header_bytes : 16384;
	s->limits = (struct http_limits){ .head_bytes = head,
					  .target_bytes = head < TARGET_BYTES_MAX * 2 ? head / 2 : TARGET_BYTES_MAX,
					  .fields = HTTP_FIELDS_MAX };
	strbuf_init(&s->out, ANSWER_HEAD_BYTES_MAX);
}

static bool copy_routes(struct http_server *s, const struct http_route *routes)
{
	size_t n = 0;
	while (routes[n].path)
		n++;
	s->routes = calloc(n + 1, sizeof *s->routes);
	if (s->routes && n)
		memcpy(s->routes, routes, n * sizeof *routes);
	return s->routes != NULL;
}

static void destroy_unopened(struct http_server **s)
{
	if (!*s)
		return;
	if ((*s)->fd >= 0)
		(void)close((*s)->fd);
	http_tls_unload((*s)->tls);
	strbuf_finish(&(*s)->out);
	free((*s)->routes);
	free(*s);
}

enum result http_server_create(struct loop *l, const struct http_server_options *o, const struct http_route *routes,
			       struct http_server **ret, struct error *e)
{
	CLEANUP(destroy_unopened) struct http_server *s = calloc(1, sizeof *s);
	if (!s)
		return error_set(e, RC_EXHAUSTED, "no memory for the HTTP server");
	s->loop = l;
	s->fd = -1;
	set_options(s, o);
	if (!copy_routes(s, routes))
		return error_set(e, RC_EXHAUSTED, "no memory for the HTTP server");
	if (!o->cert_file != !o->key_file)
		return error_set(e, RC_INVALID, "TLS needs both a certificate and a key");
	enum result r = RC_OK;
	if (o->cert_file)
		r = http_tls_load(o->cert_file, o->key_file, &s->tls, e);
	if (r == RC_OK)
		r = listen_on(o->host, o->port, &s->fd, e);
	if (r != RC_OK)
		return r;
	s->port = port_of(s->fd);
	int failed = uv_poll_init(loop_uv(l), &s->listener, s->fd);
	if (failed)
		return error_set(e, RC_EXHAUSTED, "cannot poll the listening socket: %s", uv_strerror(failed));
	s->listener.data = s;
	accept_again(s);
	*ret = TAKE(s);
	return RC_OK;
}

int http_server_port(const struct http_server *s)
{
	return s->port;
}

enum result http_server_reload_tls(struct http_server *s, const char *cert_file, const char *key_file, struct error *e)
{
	struct ssl_ctx_st *tls;
	if (!s->tls)
		return error_set(e, RC_CONFLICT, "this listener has no TLS");
	enum result r = http_tls_load(cert_file, key_file, &tls, e);
	if (r != RC_OK)
		return r;
	http_tls_unload(s->tls); /* counted: open connections hold theirs */
	s->tls = tls;
	return RC_OK;
}

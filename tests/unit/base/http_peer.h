#pragma once
/* A peer that answers by script: each path has its bytes, sent raw, and its moments of silence. A thread a connection;
 * nothing in it knows HTTP beyond the end of a request. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	PEER_CONNECTIONS = 128,
	PEER_PARTS = 8,
	PEER_REQUESTS = 512,
	PEER_REQUEST_BYTES = 4096,
	PEER_DEADLINE_MS = 20000
};

/* Parts that are not sent but done. */
static const char PEER_HANG[] = "hang";   /* until the client closes */
static const char PEER_CLOSE[] = "close"; /* at once */
static const char PEER_GATE[] = "gate";   /* until the test calls peer_open_gate once more */

struct peer_reply {
	const char *path; /* of the request target, without its query */
	const char *parts[PEER_PARTS];
};
struct peer {
	const struct peer_reply *replies; /* ends in a NULL path */
	int listener, gate[2];
	uint16_t port;
	pthread_t acceptor, threads[PEER_CONNECTIONS];
	pthread_mutex_t lock;
	unsigned connections, requests;
	char *log[PEER_REQUESTS]; /* each request, raw */
	struct peer_connection {
		struct peer *peer;
		int fd;
	} connected[PEER_CONNECTIONS];
};

static inline bool peer_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	return poll(&p, 1, PEER_DEADLINE_MS) == 1;
}

static inline void peer_log(struct peer *p, const char *request)
{
	pthread_mutex_lock(&p->lock);
	if (p->requests < PEER_REQUESTS)
		p->log[p->requests++] = strdup(request);
	pthread_mutex_unlock(&p->lock);
}

static inline size_t peer_body_length(const char *head)
{
	const char *length = strcasestr(head, "\r\ncontent-length:");
	return length ? strtoul(length + strlen("\r\ncontent-length:"), NULL, 10) : 0;
}

/* One request into buf, of which a long body is cut; false at the end of the connection. */
static inline bool peer_read(int fd, char *buf, size_t size)
{
	char rest[4096];
	size_t len = 0, body = 0;
	while (len < 4 || strcmp(buf + len - 4, "\r\n\r\n") != 0) {
		if (len + 1 == size || !peer_readable(fd) || recv(fd, buf + len, 1, 0) != 1)
			return false;
		buf[++len] = '\0';
	}
	for (body = peer_body_length(buf); body;) {
		size_t room = size - 1 - len, wanted = body < sizeof rest ? body : sizeof rest;
		ssize_t n = peer_readable(fd) ? recv(fd, rest, wanted, 0) : -1;
		if (n <= 0)
			return false;
		size_t kept = (size_t)n < room ? (size_t)n : room;
		memcpy(buf + len, rest, kept);
		len += kept;
		buf[len] = '\0';
		body -= (size_t)n;
	}
	return true;
}

static inline bool peer_send(int fd, const char *s)
{
	for (size_t len = strlen(s); len;) {
		ssize_t n = send(fd, s, len, MSG_NOSIGNAL);
		if (n < 0)
			return false;
		s += n;
		len -= (size_t)n;
	}
	return true;
}

static const struct peer_reply *peer_find(const struct peer *p, const char *request)
{
	const char *target = strchr(request, ' ');
	size_t len = target ? strcspn(++target, " ?") : 0;
	const struct peer_reply *r = p->replies;
	while (r->path && (strlen(r->path) != len || strncmp(r->path, target, len) != 0))
		r++;
	return r->path ? r : NULL;
}

static inline bool peer_play(struct peer *p, int fd, const struct peer_reply *reply)
{
	char c;
	for (size_t i = 0; i < PEER_PARTS && reply->parts[i]; i++) {
		const char *part = reply->parts[i];
		if (part == PEER_CLOSE)
			return false;
		if (part == PEER_HANG) {
			while (peer_readable(fd) && recv(fd, &c, 1, 0) > 0)
				;
			return false;
		}
		if (part == PEER_GATE) {
			if (!peer_readable(p->gate[0]) || read(p->gate[0], &c, 1) != 1)
				return false;
		} else if (!peer_send(fd, part)) {
			return false;
		}
	}
	return true;
}

static inline void *peer_serve(void *arg)
{
	struct peer_connection *c = arg;
	char request[PEER_REQUEST_BYTES];
	while (peer_read(c->fd, request, sizeof request)) {
		peer_log(c->peer, request);
		const struct peer_reply *reply = peer_find(c->peer, request);
		if (!reply || !peer_play(c->peer, c->fd, reply))
			break;
	}
	close(c->fd);
	return NULL;
}

static inline void *peer_accept(void *arg)
{
	struct peer *p = arg;
	for (;;) {
		int fd = accept(p->listener, NULL, NULL);
		if (fd < 0 || p->connections == PEER_CONNECTIONS) {
			if (fd >= 0)
				close(fd);
			return NULL;
		}
		pthread_mutex_lock(&p->lock);
		unsigned i = p->connections++;
		pthread_mutex_unlock(&p->lock);
		p->connected[i] = (struct peer_connection){ p, fd };
		if (pthread_create(&p->threads[i], NULL, peer_serve, &p->connected[i]) != 0)
			abort();
	}
}

static inline struct peer *peer_start(const struct peer_reply *replies)
{
	struct peer *p = calloc(1, sizeof *p);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	assert_non_null(p);
	p->replies = replies;
	pthread_mutex_init(&p->lock, NULL);
	assert_int_equal(pipe(p->gate), 0);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(p->listener, PEER_CONNECTIONS), 0);
	assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &len), 0);
	p->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&p->acceptor, NULL, peer_accept, p), 0);
	return p;
}

/* After the clients are gone: a connection that is still open would be waited for. */
static inline void peer_stop(struct peer *p)
{
	shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->acceptor, NULL);
	close(p->gate[1]);
	for (unsigned i = 0; i < p->connections; i++)
		pthread_join(p->threads[i], NULL);
	close(p->listener);
	close(p->gate[0]);
	for (unsigned i = 0; i < p->requests; i++)
		free(p->log[i]);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static inline void peer_open_gate(struct peer *p)
{
	assert_int_equal(write(p->gate[1], "", 1), 1);
}

static inline unsigned peer_connections(struct peer *p)
{
	pthread_mutex_lock(&p->lock);
	unsigned n = p->connections;
	pthread_mutex_unlock(&p->lock);
	return n;
}

/* The n-th request, raw; "" when it did not come. It lives until peer_stop. */
static inline const char *peer_request(struct peer *p, unsigned n)
{
	pthread_mutex_lock(&p->lock);
	const char *request = n < p->requests ? p->log[n] : "";
	pthread_mutex_unlock(&p->lock);
	return request;
}

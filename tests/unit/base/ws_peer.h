#pragma once
/* A WebSocket server for one connection, played by a function of the test in a thread of its own; plain or TLS. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include <cmocka.h>

#include "base/ws_handshake.h"
#include "tls_files.h"

enum { WS_PEER_DEADLINE_MS = 20000, WS_PEER_BYTES = 1100000 };

struct ws_peer {
	int listener, fd;
	uint16_t port;
	SSL_CTX *tls; /* NULL: plain */
	SSL *ssl;
	pthread_t thread;
	void (*play)(struct ws_peer *p);
	char request[4096];
	unsigned opcode; /* of the last frame that ws_peer_frame_in read */
	size_t len;
	char *got; /* its payload, unmasked */
	unsigned count;
};

static inline ssize_t ws_peer_recv(struct ws_peer *p, char *buf, size_t len)
{
	if (p->ssl)
		return SSL_read(p->ssl, buf, (int)len);
	struct pollfd wait = { .fd = p->fd, .events = POLLIN };
	return poll(&wait, 1, WS_PEER_DEADLINE_MS) == 1 ? recv(p->fd, buf, len, 0) : -1;
}

static inline bool ws_peer_read(struct ws_peer *p, char *buf, size_t len)
{
	for (size_t n = 0; n < len;) {
		ssize_t got = ws_peer_recv(p, buf + n, len - n);
		if (got <= 0)
			return false;
		n += (size_t)got;
	}
	return true;
}

static inline void ws_peer_bytes(struct ws_peer *p, const void *bytes, size_t len)
{
	const char *at = bytes;
	while (len) {
		ssize_t n = p->ssl ? SSL_write(p->ssl, at, (int)len) : send(p->fd, at, len, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

/* first: FIN, reserved bits and opcode */
static inline void ws_peer_frame(struct ws_peer *p, unsigned first, const char *payload, size_t len)
{
	unsigned char head[10] = { (unsigned char)first };
	size_t extra = len < 126 ? 0 : len <= 65535 ? 2 : 8;
	head[1] = (unsigned char)(extra == 0 ? len : extra == 2 ? 126 : 127);
	for (size_t i = 0; i < extra; i++)
		head[2 + i] = (unsigned char)((uint64_t)len >> (8 * (extra - 1 - i)));
	ws_peer_bytes(p, head, 2 + extra);
	ws_peer_bytes(p, payload, len);
}

static inline void ws_peer_text(struct ws_peer *p, const char *text)
{
	ws_peer_frame(p, 0x81, text, strlen(text));
}

/* The next frame of the client, which must be masked; false: it has gone. */
static inline bool ws_peer_frame_in(struct ws_peer *p)
{
	unsigned char head[2], more[8], mask[4];
	if (!ws_peer_read(p, (char *)head, 2) || !(head[1] & 0x80))
		return false;
	uint64_t len = head[1] & 0x7f;
	size_t extra = len == 126 ? 2 : len == 127 ? 8 : 0;
	if (!ws_peer_read(p, (char *)more, extra) || !ws_peer_read(p, (char *)mask, 4))
		return false;
	for (size_t i = 0; i < extra; i++)
		len = (i ? len << 8 : 0) | more[i];
	if (len >= WS_PEER_BYTES || !ws_peer_read(p, p->got, len))
		return false;
	for (size_t i = 0; i < len; i++)
		p->got[i] = (char)((unsigned char)p->got[i] ^ mask[i % 4]);
	p->got[len] = '\0';
	p->len = len;
	p->opcode = head[0] & 15;
	return true;
}

/* Until the client has closed. */
static inline void ws_peer_drain(struct ws_peer *p)
{
	char c[256];
	while (ws_peer_recv(p, c, sizeof c) > 0)
		;
}

static inline bool ws_peer_request(struct ws_peer *p)
{
	size_t n = 0;
	while (n < 4 || strcmp(p->request + n - 4, "\r\n\r\n") != 0) {
		if (n + 1 == sizeof p->request || !ws_peer_read(p, p->request + n, 1))
			return false;
		p->request[++n] = '\0';
	}
	return true;
}

static inline void ws_peer_welcome(struct ws_peer *p)
{
	char key[WS_KEY_TEXT] = "", accept[WS_ACCEPT_TEXT], head[256];
	const char *at = strstr(p->request, "Sec-WebSocket-Key: ");
	if (!at || sscanf(at, "Sec-WebSocket-Key: %24s", key) != 1 || ws_accept_of(key, accept, NULL) != RC_OK)
		return;
	int n = snprintf(head, sizeof head,
			 "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			 "Sec-WebSocket-Accept: %s\r\n\r\n",
			 accept);
	ws_peer_bytes(p, head, (size_t)n);
}

static inline void *ws_peer_serve(void *arg)
{
	struct ws_peer *p = arg;
	p->fd = accept(p->listener, NULL, NULL);
	if (p->fd < 0)
		return NULL;
	if (p->tls) {
		p->ssl = SSL_new(p->tls);
		SSL_set_fd(p->ssl, p->fd);
	}
	if ((!p->ssl || SSL_accept(p->ssl) == 1) && ws_peer_request(p))
		p->play(p);
	SSL_free(p->ssl);
	p->ssl = NULL;
	close(p->fd);
	return NULL;
}

/* identity NULL: plain */
static inline struct ws_peer *ws_peer_start(void (*play)(struct ws_peer *p), const struct tls_identity *identity)
{
	struct ws_peer *p = calloc(1, sizeof *p);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	assert_non_null(p);
	p->play = play;
	p->got = malloc(WS_PEER_BYTES);
	assert_non_null(p->got);
	if (identity) {
		p->tls = SSL_CTX_new(TLS_server_method());
		assert_int_equal(SSL_CTX_use_certificate(p->tls, identity->certificate), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(p->tls, identity->key), 1);
	}
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(p->listener, 4), 0);
	assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &len), 0);
	p->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&p->thread, NULL, ws_peer_serve, p), 0);
	return p;
}

/* The play must be over, or end when its client is gone. What it gathered stays until ws_peer_free. */
static inline void ws_peer_stop(struct ws_peer *p)
{
	shutdown(p->listener, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->listener);
}

static inline void ws_peer_free(struct ws_peer *p)
{
	SSL_CTX_free(p->tls);
	free(p->got);
	free(p);
}

#pragma once
/* Routes -> a whole nginx configuration. Pure. Before the lines that come from an Ingress stands "# ingress ns/name",
 * so that a line that nginx complains of leads to whom to blame. */
#include "base/strbuf.h"
#include "controller/node/routes.h"

enum { RENDER_BYTES_MAX = 64 * 1024 * 1024 };
struct render_options {
	const char *folder; /* of pid file, logs and temporary files; render_word_ok */
	const char *listen; /* "127.0.0.1:8080", render_listen_ok */
	unsigned workers;   /* 0: one a core */
	const char *user;   /* of the workers, when the master is root; NULL: not said */
	bool close_client_connections;
	const char *log_socket; /* each request is told there, as metrics/traffic.h says; NULL: nowhere */
};
void render(const struct routes *r, const struct render_options *o, struct strbuf *b);
/* Can stand in a configuration, quoted. */
bool render_word_ok(const char *s);
/* address:port, [address]:port or port */
bool render_listen_ok(const char *s);
/* The Ingress that a line (from 1) of a configuration comes from, as "ns/name"; false: nobody's. */
bool render_blame(const char *text, unsigned line, char *buf, size_t size);
/* A foreign text inside double quotes; and there, as a regular expression that matches just this text. */
void render_escaped(struct strbuf *b, const char *s);
void render_literal(struct strbuf *b, const char *s);
/* A server line of a configuration (NULL: none) names this address; port 0: any of it. */
bool render_mentions(const char *text, const char *address, unsigned port);

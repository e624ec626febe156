#pragma once
/* The web console: pages for people in front of the same verbs as everywhere else, live by server-sent events. Builds
 * on the API (bot/api), whose engine, store, approvals, bot and tokens it uses. Loop thread only. */
#include "base/cleanup.h"
#include "base/store.h"
#include "base/strbuf.h"
#include "bot/api/rest.h"

struct console;
struct console_options { /* all borrowed, and outlive the console */
	struct rest *rest;
	const char *public_url; /* how people reach it, "" as they type it: whose pages may decide */
	bool secure;            /* people come by https, and cookies travel by that alone */
	/* Users who are chosen from a list, without a secret: only for a listener on the loopback. NULL: none. */
	const char *const *people;
	struct wall_ms (*unreachable_since)(void *owner); /* the cluster; 0: reachable */
	/* What only the program knows of a rollout, as members of an object: `,"pods":[...]`. NULL: nothing. */
	void (*detail)(void *owner, const struct rollout *r, struct strbuf *b);
	void *owner;
};
extern const struct store_migration console_migrations[]; /* ends with a NULL room */
MUST_CHECK enum result console_create(const struct console_options *o, struct console **ret, struct error *e);
/* Notes what is; called once the engine's cache is full. */
void console_start(struct console *c);
/* Users or policies are others now: pages ask again who may do what. */
void console_people_changed(struct console *c);
/* Ends the event streams, which would otherwise keep a server from closing, and writes down what is not yet. */
void console_stop(struct console *c);
/* After the servers have closed and the engine is gone. */
void console_destroy(struct console *c);
const struct http_route *console_routes(struct console *c); /* ends with a NULL path */
DEFINE_CLEANUP(struct console, console_destroy)

#pragma once
/* The other side of a channel, on the same loop: an HTTP server that answers by script and remembers what came, and a
 * client for what comes in. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/http_client.h"
#include "base/http_server.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

enum { WEB_CALLS_MAX = 64, WEB_BODY_MAX = 64 * 1024, WEB_DEADLINE_MS = 20000 };

struct web_call {
	char path[128], authorization[96], timestamp[32], sign[96], content_type[64];
	char *body;
};
struct web_answer { /* taken once, by the first call of that path */
	const char *path, *body;
	int status;
	const char *header; /* "Retry-After: 7"; NULL none */
	bool taken;
};
struct web {
	struct loop *loop;
	struct http_client *client;
	struct http_server *server;
	char base[64]; /* http://127.0.0.1:PORT */
	struct web_call calls[WEB_CALLS_MAX];
	size_t call_count;
	struct web_answer answers[WEB_CALLS_MAX];
	size_t answer_count;
	const struct web_answer *standard; /* what is answered otherwise, by path; ends with a NULL path */
};

static inline void web_give_up(void *owner)
{
	(void)owner;
	fail_msg("nothing happened for 20 s");
}

static inline void web_run_until(struct loop *l, bool (*done)(void *owner), void *owner)
{
	struct timer deadline = { 0 };
	timer_start(l, &deadline, WEB_DEADLINE_MS, web_give_up, NULL);
	while (!done(owner))
		loop_run(l);
	timer_stop(&deadline);
}

static inline void web_copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

static inline void web_called(void *owner, struct http_exchange *x)
{
	struct web *w = owner;
	assert_true(w->call_count < WEB_CALLS_MAX);
	struct web_call *c = &w->calls[w->call_count++];
	web_copy(c->path, sizeof c->path, http_path(x));
	web_copy(c->authorization, sizeof c->authorization, http_header(x, "authorization"));
	web_copy(c->content_type, sizeof c->content_type, http_header(x, "content-type"));
	web_copy(c->timestamp, sizeof c->timestamp, http_query(x, "timestamp"));
	web_copy(c->sign, sizeof c->sign, http_query(x, "sign"));
	size_t len;
	c->body = strdup(http_body(x, &len));
	struct web_answer *found = NULL;
	for (size_t i = 0; i < w->answer_count && !found; i++)
		if (!w->answers[i].taken && text_eq(w->answers[i].path, c->path))
			found = &w->answers[i];
	const struct web_answer *a = found;
	for (const struct web_answer *s = w->standard; !a && s && s->path; s++)
		if (text_eq(s->path, c->path))
			a = s;
	if (found)
		found->taken = true;
	const char *headers[] = { a ? a->header : NULL, NULL };
	const char *body = a ? a->body : "{\"ok\":false,\"error\":\"unknown_method\"}";
	bool json = *body == '{';
	http_respond(x, a ? a->status : 200, json ? "application/json" : "text/plain", body, strlen(body), headers);
	loop_stop(w->loop);
}

static inline void web_answers(struct web *w, const char *path, int status, const char *body, const char *header)
{
	assert_true(w->answer_count < WEB_CALLS_MAX);
	w->answers[w->answer_count++] =
		(struct web_answer){ .path = path, .body = body, .status = status, .header = header };
}

static inline size_t web_count(const struct web *w, const char *path)
{
	size_t n = 0;
	for (size_t i = 0; i < w->call_count; i++)
		n += text_eq(w->calls[i].path, path);
	return n;
}

/* The nth call (from 0) of a path; NULL: not yet. */
static inline const struct web_call *web_find(const struct web *w, const char *path, size_t nth)
{
	for (size_t i = 0; i < w->call_count; i++)
		if (text_eq(w->calls[i].path, path) && nth-- == 0)
			return &w->calls[i];
	return NULL;
}

struct web_wait {
	const struct web *w;
	const char *path;
	size_t nth;
};
static inline bool web_has_come(void *owner)
{
	struct web_wait *c = owner;
	return web_find(c->w, c->path, c->nth);
}

static inline const struct web_call *web_wait(struct web *w, const char *path, size_t nth)
{
	struct web_wait c = { w, path, nth };
	web_run_until(w->loop, web_has_come, &c);
	return web_find(w, path, nth);
}

static inline void web_forget(struct web *w)
{
	for (size_t i = 0; i < w->call_count; i++)
		free(w->calls[i].body);
	w->call_count = w->answer_count = 0;
}

static inline struct http_server *web_serve(struct loop *l, const struct http_route *routes, char base[64])
{
	struct http_server *s = NULL;
	struct error e;
	struct http_server_options o = { .host = "127.0.0.1" };
	if (http_server_create(l, &o, routes, &s, &e) != RC_OK)
		fail_msg("%s", e.text);
	(void)snprintf(base, 64, "http://127.0.0.1:%d", http_server_port(s));
	return s;
}

static inline void web_start(struct web *w, const struct web_answer *standard)
{
	struct error e;
	*w = (struct web){ .standard = standard };
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(loop_create(&w->loop, &e), RC_OK);
	assert_int_equal(http_client_create(w->loop, "rollcall-test/1", &w->client, &e), RC_OK);
	struct http_route routes[] = { { "POST", "/{rest...}", WEB_BODY_MAX, web_called, w },
				       { "PUT", "/{rest...}", WEB_BODY_MAX, web_called, w },
				       { 0 } };
	w->server = web_serve(w->loop, routes, w->base);
}

static inline void web_closed(void *owner)
{
	bool *closed = owner;
	*closed = true;
}

static inline bool web_is_closed(void *owner)
{
	return *(bool *)owner;
}

static inline void web_tick(void *owner)
{
	loop_stop(owner);
}

/* The loop's own turn: a server closes over several. */
static inline void web_close_server(struct loop *l, struct http_server *s)
{
	bool closed = false;
	http_server_close(s, 0, web_closed, &closed);
	while (!closed) {
		struct timer t = { 0 };
		timer_start(l, &t, 1, web_tick, l);
		loop_run(l);
		timer_stop(&t);
	}
}

static inline void web_stop(struct web *w)
{
	web_forget(w);
	http_client_destroy(w->client);
	web_close_server(w->loop, w->server);
	loop_destroy(w->loop);
}

/* ---- asking ---- */

struct web_reply {
	struct loop *loop;
	bool came;
	int status;
	char *body;
	char csp[512], cookie[256], cache[64], referrer[64];
};
static inline void web_replied(void *owner, enum result r, const struct http_answer *a, const struct error *why)
{
	struct web_reply *y = owner;
	if (r != RC_OK)
		fail_msg("%s", why->text);
	y->came = true;
	y->status = a->status;
	y->body = strdup(a->body);
	web_copy(y->csp, sizeof y->csp, http_answer_header(a, "content-security-policy"));
	web_copy(y->cookie, sizeof y->cookie, http_answer_header(a, "set-cookie"));
	web_copy(y->cache, sizeof y->cache, http_answer_header(a, "cache-control"));
	web_copy(y->referrer, sizeof y->referrer, http_answer_header(a, "referrer-policy"));
	loop_stop(y->loop);
}

static inline bool web_has_replied(void *owner)
{
	return ((struct web_reply *)owner)->came;
}

static inline void web_ask(struct web *w, const char *method, const char *url, const char *const *headers,
			   const char *body, struct web_reply *ret)
{
	struct error e;
	free(ret->body);
	*ret = (struct web_reply){ .loop = w->loop };
	struct http_request q = { .method = method,
				  .url = url,
				  .headers = headers,
				  .body = body,
				  .body_len = body ? strlen(body) : 0,
				  .timeout_ms = 15000 };
	assert_non_null(http_send(w->client, &q, web_replied, ret, &e));
	web_run_until(w->loop, web_has_replied, ret);
}

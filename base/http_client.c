#include "base/http_client.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/http_call.h"

enum {
	KEPT_CONNECTIONS = 64,
	HOST_CONNECTIONS = 32 /* a burst waits for a stream: HTTP/2 has a hundred and more on each */
};

struct http_client {
	struct loop *loop; /* borrowed */
	char *user_agent;
	CURLM *multi;
	struct timer timeout; /* curl's */
	struct deferred turn;
	struct http_call *calls[CALL_STATE_COUNT];
	unsigned busy; /* > 0 inside curl or inside our own delivery: nothing is freed then */
	bool dying;    /* destroyed while busy */
};

/* A socket of curl's that the loop watches. It outlives its client until the loop has closed the handle. */
struct watch {
	uv_poll_t poll;
	struct http_client *client; /* borrowed; not used once the handle is closing */
	curl_socket_t fd;
	int events; /* what curl waits for, in libuv's terms */
};

static void client_turn(void *owner);
static void client_free(struct http_client *c);

static void client_enter(struct http_client *c)
{
	c->busy++;
}

/* c may be gone after this. */
static void client_leave(struct http_client *c)
{
	if (--c->busy == 0 && c->dying)
		client_free(c);
}

static void call_move(struct http_call *call, enum call_state state)
{
	struct http_client *c = call->client;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a first element without a next is its own prev */
	DL_DELETE(c->calls[call->state], call);
	DL_APPEND(c->calls[state], call);
	call->state = state;
}

/* Delivery, starting and freeing wait for a turn of their own, outside curl and outside the caller. */
static void client_schedule(struct http_client *c)
{
	if (!c->dying)
		loop_defer(c->loop, &c->turn, client_turn, c);
}

static void call_finished(struct http_call *call, CURLcode code)
{
	timer_stop(&call->idle);
	if (!call->connect_only || code != CURLE_OK)
		(void)curl_multi_remove_handle(call->client->multi, call->easy);
	http_call_judge(call, code);
	call_move(call, CALL_DONE);
	client_schedule(call->client);
}

/* ---- curl and the loop ---- */

static void collect_finished(struct http_client *c)
{
	int left;
	for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
		struct http_call *call = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call);
		if (call->state == CALL_RUNNING) /* else cancelled meanwhile */
			call_finished(call, m->data.result);
	}
}

static void drive(struct http_client *c, curl_socket_t fd, int events)
{
	int running;
	client_enter(c);
	CURLMcode r = curl_multi_socket_action(c->multi, fd, events, &running);
	assert(r != CURLM_RECURSIVE_API_CALL && r != CURLM_BAD_HANDLE);
	(void)r; /* whatever else goes wrong ends the call that it concerns */
	collect_finished(c);
	client_leave(c);
}

static void timed_out(void *owner)
{
	drive(owner, CURL_SOCKET_TIMEOUT, 0);
}

static int timeout_changed(CURLM *multi, long ms, void *owner)
{
	struct http_client *c = owner;
	(void)multi;
	if (ms < 0)
		timer_stop(&c->timeout);
	else
		timer_start(c->loop, &c->timeout, ms, timed_out, c);
	return 0;
}

/* libuv stops watching a socket in error and says no more. curl is told to read and write instead: it finds the error
 * itself, has a better text for it, and takes a reset of a kept connection for what it is, a reason to try a new one.
 */
static void socket_ready(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	int what = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
	if (status < 0) {
		what = CURL_CSELECT_IN | CURL_CSELECT_OUT;
		if (uv_poll_start(poll, w->events, socket_ready) != 0)
			what |= CURL_CSELECT_ERR;
	}
	drive(w->client, w->fd, what);
}

static void watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static struct watch *watch_open(struct http_client *c, curl_socket_t fd)
{
	struct watch *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	if (uv_poll_init_socket(loop_uv(c->loop), &w->poll, fd) != 0) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	w->client = c;
	w->fd = fd;
	(void)curl_multi_assign(c->multi, fd, w);
	return w;
}

static int interest_changed(CURL *easy, curl_socket_t fd, int what, void *owner, void *socket_data)
{
	struct http_client *c = owner;
	struct watch *w = socket_data;
	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w)
			uv_close((uv_handle_t *)&w->poll, watch_closed);
		return 0;
	}
	if (!w)
		w = watch_open(c, fd);
	if (!w)
		return -1;
	w->events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	return uv_poll_start(&w->poll, w->events, socket_ready) == 0 ? 0 : -1;
}

/* ---- the life of a call ---- */

static void call_idle(void *owner)
{
	struct http_call *call = owner;
	curl_off_t uploaded = 0;
	int64_t now = loop_now(call->loop).v;
	(void)curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
	if (uploaded != call->uploaded) {
		call->uploaded = uploaded;
		call->last_byte.v = now;
	}
	int64_t left = call->last_byte.v + call->idle_ms - now;
	if (left > 0) {
		timer_start(call->loop, &call->idle, left, call_idle, call);
		return;
	}
	call_finished(call, CURLE_OPERATION_TIMEDOUT);
	call->result = error_set(&call->why, RC_UNREACHABLE, "%s: no byte for %lld ms", call->origin,
				 (long long)call->idle_ms);
}

static void call_start(struct http_call *call)
{
	call_move(call, CALL_RUNNING);
	if (curl_multi_add_handle(call->client->multi, call->easy) != CURLM_OK) {
		call_finished(call, CURLE_OUT_OF_MEMORY);
		return;
	}
	if (call->idle_ms > 0)
		timer_start(call->loop, &call->idle, call->idle_ms, call_idle, call);
}

static void call_free(struct http_call *call)
{
	struct http_client *c = call->client;
	DL_DELETE(c->calls[call->state], call);
	if (call->easy)
		(void)curl_multi_remove_handle(c->multi, call->easy);
	http_call_destroy(call);
}

static void call_deliver(struct http_call *call)
{
	struct http_answer answer = { .body = "", .call = call };
	call_move(call, CALL_DELIVERED);
	if (call->result == RC_OK) {
		answer.status = call->status;
		answer.body = call->body.s;
		answer.len = call->body.len;
	}
	call->cb(call->owner, call->result, &answer, &call->why);
	if (call->state != CALL_KEPT)
		call_free(call);
}

static void client_turn(void *owner)
{
	struct http_client *c = owner;
	client_enter(c);
	while (c->calls[CALL_CANCELLED])
		call_free(c->calls[CALL_CANCELLED]);
	while (c->calls[CALL_DONE])
		call_move(c->calls[CALL_DONE], CALL_DUE);
	while (c->calls[CALL_QUEUED])
		call_start(c->calls[CALL_QUEUED]);
	while (c->calls[CALL_DUE])
		call_deliver(c->calls[CALL_DUE]);
	client_leave(c);
}

struct http_call *http_send(struct http_client *c, const struct http_request *q, http_done *cb, void *owner,
			    struct error *e)
{
	assert(cb && !c->dying);
	struct http_call *call = calloc(1, sizeof *call);
	if (!call) {
		(void)error_set(e, RC_EXHAUSTED, "no memory for a call");
		return NULL;
	}
	call->client = c;
	call->loop = c->loop;
	call->cb = cb;
	call->owner = owner;
	call->result = http_call_prepare(call, q, c->user_agent, &call->why);
	call->state = call->result == RC_OK ? CALL_QUEUED : CALL_DONE;
	DL_APPEND(c->calls[call->state], call);
	client_schedule(c);
	return call;
}

void http_cancel(struct http_call **p)
{
	struct http_call *call = TAKE(*p);
	if (!call || call->state == CALL_DELIVERED || call->state == CALL_CANCELLED)
		return;
	timer_stop(&call->idle);
	call_move(call, CALL_CANCELLED);
	client_schedule(call->client);
}

/* ---- kept connections ---- */

struct http_call *http_keep(const struct http_answer *a)
{
	assert(a->call->state == CALL_DELIVERED && a->call->connect_only && a->call->result == RC_OK);
	call_move(a->call, CALL_KEPT);
	return a->call;
}

uv_os_sock_t http_kept_socket(struct http_call *kept)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	assert(kept->state == CALL_KEPT);
	(void)curl_easy_getinfo(kept->easy, CURLINFO_ACTIVESOCKET, &fd);
	return fd;
}

static enum result kept_ended(const struct http_call *kept, CURLcode code, struct error *e)
{
	return error_set(e, RC_UNREACHABLE, "%s: %s", kept->origin,
			 code == CURLE_OK ? "the peer has closed the connection" : curl_easy_strerror(code));
}

enum result http_kept_send(struct http_call *kept, const void *bytes, size_t len, size_t *ret, struct error *e)
{
	size_t n = 0;
	assert(kept->state == CALL_KEPT);
	CURLcode code = curl_easy_send(kept->easy, bytes, len, &n);
	if (code != CURLE_OK && code != CURLE_AGAIN)
		return kept_ended(kept, code, e);
	*ret = code == CURLE_OK ? n : 0;
	return RC_OK;
}

enum result http_kept_receive(struct http_call *kept, void *buf, size_t size, size_t *ret, struct error *e)
{
	size_t n = 0;
	assert(kept->state == CALL_KEPT);
	CURLcode code = curl_easy_recv(kept->easy, buf, size, &n);
	if (code != CURLE_AGAIN && (code != CURLE_OK || !n))
		return kept_ended(kept, code, e);
	*ret = code == CURLE_OK ? n : 0;
	return RC_OK;
}

/* ---- answers ---- */

const char *http_answer_header(const struct http_answer *a, const char *name)
{
	struct curl_header *h = NULL;
	if (!a->call->easy || curl_easy_header(a->call->easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return NULL;
	return h->value;
}

int64_t http_answer_retry_after(const struct http_answer *a, struct wall_ms now)
{
	const char *value = http_answer_header(a, "retry-after");
	if (!value || !*value)
		return -1;
	size_t digits = strspn(value, "0123456789");
	if (value[digits] == '\0') {
		int64_t seconds = digits > 9 ? 999999999 : strtoll(value, NULL, 10);
		return seconds * 1000;
	}
	if (digits > 0)
		return -1;
	time_t at = curl_getdate(value, NULL);
	if (at < 0)
		return -1;
	int64_t left = (int64_t)at * 1000 - now.v;
	return left > 0 ? left : 0;
}

/* ---- the client ---- */

static bool multi_setup(struct http_client *c)
{
	c->multi = curl_multi_init();
	return c->multi && !curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, interest_changed) &&
	       !curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) &&
	       !curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, timeout_changed) &&
	       !curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c) &&
	       !curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX) &&
	       !curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HOST_CONNECTIONS) &&
	       !curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
}

static void client_free(struct http_client *c)
{
	for (enum call_state s = 0; s < CALL_STATE_COUNT; s++)
		while (c->calls[s])
			call_free(c->calls[s]);
	(void)curl_multi_cleanup(c->multi); /* closes the connections, which ends the watches and may set the timer */
	timer_stop(&c->timeout);
	loop_defer_cancel(&c->turn);
	free(c->user_agent);
	free(c);
	curl_global_cleanup();
}

enum result http_client_create(struct loop *l, const char *user_agent, struct http_client **ret, struct error *e)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(e, RC_EXHAUSTED, "cannot initialise the HTTP library");
	struct http_client *c = calloc(1, sizeof *c);
	if (!c) {
		curl_global_cleanup();
		return error_set(e, RC_EXHAUSTED, "no memory for the HTTP client");
	}
	c->loop = l;
	c->user_agent = strdup(user_agent);
	if (!c->user_agent || !multi_setup(c)) {
		client_free(c);
		return error_set(e, RC_EXHAUSTED, "no memory for the HTTP client");
	}
	*ret = c;
	return RC_OK;
}

void http_client_destroy(struct http_client *c)
{
	if (!c)
		return;
	for (enum call_state s = 0; s < CALL_DELIVERED; s++)
		for (struct http_call *call; (call = c->calls[s]);)
			http_cancel(&call);
	c->dying = true;
	loop_defer_cancel(&c->turn);
	if (!c->busy)
		client_free(c);
}

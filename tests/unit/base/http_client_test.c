#include "base/http_client.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_peer.h"

#define OK_TEXT(body_len, body) "HTTP/1.1 200 OK\r\nContent-Length: " body_len "\r\n\r\n" body
#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

#define RETRY(value) "HTTP/1.1 429 Too Many Requests\r\nRetry-After: " value "\r\nContent-Length: 0\r\n\r\n"
#define MOVED(status, to) "HTTP/1.1 " status "\r\nLocation: " to "\r\nContent-Length: 4\r\n\r\nbody"

static const struct peer_reply replies[] = {
	{ "/hello", { "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-One: 1\r\nx-two:  two words \r\n\r\nhello" } },
	{ "/empty", { "HTTP/1.1 204 No Content\r\n\r\n" } },
	{ "/missing", { "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone" } },
	{ "/head", { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" } },
	{ "/ten", { OK_TEXT("10", "0123456789") } },
	{ "/ten-chunked", { CHUNKED "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n" } },
	{ "/until-close", { "HTTP/1.1 200 OK\r\n\r\nall of it", PEER_CLOSE } },
	{ "/once", { OK_TEXT("2", "ok"), PEER_CLOSE } }, /* closes a connection that looks kept */
	{ "/continue", { "HTTP/1.1 100 Continue\r\n\r\n" OK_TEXT("2", "ok") } },
	{ "/stream", { CHUNKED, "3\r\none\r\n", PEER_GATE, "3\r\ntwo\r\n", PEER_GATE, "0\r\n\r\n" } },
	{ "/endless", { CHUNKED, "3\r\none\r\n", PEER_HANG } },
	{ "/hang", { PEER_HANG } },
	{ "/cut-length", { OK_TEXT("10", "01234"), PEER_CLOSE } },
	{ "/cut-chunk", { CHUNKED "a\r\n01234", PEER_CLOSE } },
	{ "/cut-head", { "HTTP/1.1 200 OK\r\nContent-Le", PEER_CLOSE } },
	{ "/cut-at-once", { PEER_CLOSE } },
	{ "/not-http", { "SSH-2.0-OpenSSH_9.2\r\n", PEER_CLOSE } },
	{ "/cut-stream", { CHUNKED, "3\r\none\r\n", PEER_GATE, PEER_CLOSE } },
	{ "/huge", { "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", PEER_HANG } },
	{ "/trailer", { CHUNKED "2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n" } },
	{ "/wait-120", { RETRY("120") } },
	{ "/wait-0", { RETRY("0") } },
	{ "/wait-huge", { RETRY("99999999999999999999") } },
	{ "/wait-date", { RETRY("Tue, 24 Nov 2026 22:00:30 GMT") } },
	{ "/wait-past", { RETRY("Tue, 24 Nov 2026 21:59:59 GMT") } },
	{ "/wait-negative", { RETRY("-5") } },
	{ "/wait-fraction", { RETRY("1.5") } },
	{ "/wait-word", { RETRY("soon") } },
	{ "/wait-empty", { RETRY("") } },
	{ "/to-hello", { MOVED("302 Found", "/hello") } },
	{ "/to-hello-303", { MOVED("303 See Other", "hello") } },
	{ "/to-hello-307", { MOVED("307 Temporary Redirect", "/hello") } },
	{ "/to-itself", { MOVED("301 Moved Permanently", "/to-itself") } },
	{ "/to-port", { MOVED("302 Found", "http://127.0.0.1:1/") } },
	{ "/to-host", { MOVED("302 Found", "http://127.0.0.2/") } },
	{ "/to-network", { MOVED("302 Found", "//127.0.0.2/") } },
	{ "/to-ftp", { MOVED("302 Found", "ftp://127.0.0.1/") } },
	{ "/to-file", { MOVED("302 Found", "file:///etc/passwd") } },
	{ NULL, { NULL } },
};

#define NOW_MS 1795557600000 /* 2026-11-24T22:00:00Z */

/* What the tests of this file share: a loop, a client and a peer. */
struct fixture {
	struct loop *loop;
	struct http_client *client;
	struct peer *peer;
	char base[64];
};
/* A call as its owner sees it. */
struct asker {
	struct fixture *f;
	struct http_call *call;
	unsigned answers;
	enum result r;
	int status;
	char body[256], why[512], header[64];
	int64_t retry_after;
	const char *want_header;
	unsigned pieces;
	unsigned stop_after; /* pieces until on_data says false; 0: never */
	void (*then)(struct asker *a), (*piece)(struct asker *a);
	struct asker *other;
};

static void give_up(void *owner)
{
	(void)owner;
	fail_msg("nothing happened for 20 s");
}

/* Until a callback stops the loop. */
static void run(struct fixture *f)
{
	struct timer deadline = { 0 };
	timer_start(f->loop, &deadline, 20000, give_up, NULL);
	loop_run(f->loop);
	timer_stop(&deadline);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct error e;
	assert_non_null(f);
	assert_int_equal(loop_create(&f->loop, &e), RC_OK);
	assert_int_equal(http_client_create(f->loop, "rollcall-test/1", &f->client, &e), RC_OK);
	f->peer = peer_start(replies);
	(void)snprintf(f->base, sizeof f->base, "http://127.0.0.1:%u", (unsigned)f->peer->port);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	http_client_destroy(f->client);
	loop_destroy(f->loop);
	peer_stop(f->peer);
	free(f);
	return 0;
}

static void answered(void *owner, enum result r, const struct http_answer *answer, const struct error *why)
{
	struct asker *a = owner;
	a->call = NULL;
	a->answers++;
	a->r = r;
	a->status = answer->status;
	assert_int_equal(strlen(answer->body), answer->len);
	(void)snprintf(a->body, sizeof a->body, "%s", answer->body);
	(void)snprintf(a->why, sizeof a->why, "%s", r == RC_OK ? "" : why->text);
	const char *header = a->want_header ? http_answer_header(answer, a->want_header) : NULL;
	(void)snprintf(a->header, sizeof a->header, "%s", header ? header : "(none)");
	a->retry_after = http_answer_retry_after(answer, (struct wall_ms){ NOW_MS });
	if (a->then)
		a->then(a);
	else
		loop_stop(a->f->loop);
}

static bool piece_arrived(void *owner, int status, const char *data, size_t len)
{
	struct asker *a = owner;
	a->status = status;
	a->pieces++;
	(void)snprintf(a->body + strlen(a->body), sizeof a->body - strlen(a->body), "[%.*s]", (int)len, data);
	bool goes_on = a->pieces != a->stop_after;
	if (a->piece)
		a->piece(a);
	return goes_on;
}

static void send_to(struct asker *a, const char *path, struct http_request q)
{
	char url[256];
	struct error e;
	(void)snprintf(url, sizeof url, "%s%s", a->f->base, path);
	q.url = url;
	if (q.on_data)
		q.on_data_owner = a;
	unsigned before = a->answers;
	a->call = http_send(a->f->client, &q, answered, a, &e);
	assert_non_null(a->call);
	assert_int_equal(a->answers, before); /* never inside http_send */
}

static void ask(struct asker *a, const char *path, struct http_request q)
{
	send_to(a, path, q);
	run(a->f);
	assert_int_equal(a->answers, 1);
}

/* ---- answers ---- */

static void an_answer_has_status_body_and_headers(void **state)
{
	struct asker a = { .f = *state, .want_header = "x-two" };
	ask(&a, "/hello?x=1", (struct http_request){ 0 });
	assert_int_equal(a.r, RC_OK);
	assert_int_equal(a.status, 201);
	assert_string_equal(a.body, "hello");
	assert_string_equal(a.header, "two words");
	char expected[256];
	(void)snprintf(
		expected, sizeof expected,
		"GET /hello?x=1 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUser-Agent: rollcall-test/1\r\nAccept: */*\r\n\r\n",
		(unsigned)a.f->peer->port);
	assert_string_equal(peer_request(a.f->peer, 0), expected);
}

static void every_whole_answer_is_ok(void **state)
{
	static const struct {
		const char *path, *method;
		int status;
		const char *body;
	} cases[] = {
		{ "/trailer", NULL, 200, "ok" },
		{ "/missing", NULL, 404, "gone" },
		{ "/empty", NULL, 204, "" },
		{ "/ten-chunked", NULL, 200, "0123456789" },
		{ "/until-close", NULL, 200, "all of it" },
		{ "/continue", "POST", 200, "ok" },
		{ "/head", "HEAD", 200, "" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct asker a = { .f = *state, .want_header = "x-two" };
		ask(&a, cases[i].path, (struct http_request){ .method = cases[i].method });
		if (a.r != RC_OK || a.status != cases[i].status || strcmp(a.body, cases[i].body) != 0)
			fail_msg("%s: %s %d \"%s\" %s", cases[i].path, result_name(a.r), a.status, a.body, a.why);
		assert_string_equal(a.header, "(none)");
	}
}

static void what_is_cut_is_unreachable(void **state)
{
	static const char *const paths[] = { "/cut-length", "/cut-chunk", "/cut-head", "/cut-at-once", "/not-http" };
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct asker a = { .f = *state };
		ask(&a, paths[i], (struct http_request){ 0 });
		if (a.r != RC_UNREACHABLE || a.status != 0 || *a.body)
			fail_msg("%s: %s %d \"%s\"", paths[i], result_name(a.r), a.status, a.body);
	}
}

static void one_connection_serves_many_calls(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 20; i++) {
		struct asker a = { .f = f };
		ask(&a, "/hello", (struct http_request){ 0 });
		assert_int_equal(a.status, 201);
	}
	assert_int_equal(peer_connections(f->peer), 1);
}

static void a_kept_connection_that_died_is_replaced(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 10; i++) {
		struct asker a = { .f = f };
		ask(&a, "/once", (struct http_request){ .method = i % 2 ? "POST" : "GET" });
		assert_string_equal(a.why, "");
	}
	assert_int_equal(peer_connections(f->peer), 10);
}

static void the_caller_is_told_when_to_come_back(void **state)
{
	static const struct {
		const char *path;
		int64_t ms;
	} cases[] = {
		{ "/wait-120", 120000 },  { "/wait-0", 0 },     { "/wait-huge", 999999999000 },
		{ "/wait-date", 30000 },  { "/wait-past", 0 },  { "/wait-negative", -1 },
		{ "/wait-fraction", -1 }, { "/wait-word", -1 }, { "/wait-empty", -1 },
		{ "/missing", -1 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct asker a = { .f = *state };
		ask(&a, cases[i].path, (struct http_request){ 0 });
		if (a.r != RC_OK || a.retry_after != cases[i].ms)
			fail_msg("%s: %s %lld", cases[i].path, result_name(a.r), (long long)a.retry_after);
	}
}

/* ---- requests ---- */

static void a_request_is_sent_as_it_was_given(void **state)
{
	static const char *const headers[] = { "Content-Type: application/json", "X-Empty:", "User-Agent: other",
					       NULL };
	static const struct {
		const char *method, *body;
		const char *const *headers;
		const char *sent; /* after the Host line */
	} cases[] = {
		{ "POST", "{}", headers,
		  "Accept: */*\r\nContent-Type: application/json\r\nX-Empty:\r\nUser-Agent: other\r\nContent-Length: "
		  "2\r\n\r\n{}" },
		{ "POST", NULL, NULL, "User-Agent: rollcall-test/1\r\nAccept: */*\r\nContent-Length: 0\r\n\r\n" },
		{ "PATCH", "[1]", NULL, "User-Agent: rollcall-test/1\r\nAccept: */*\r\nContent-Length: 3\r\n\r\n[1]" },
		{ "PUT", "", NULL, "User-Agent: rollcall-test/1\r\nAccept: */*\r\nContent-Length: 0\r\n\r\n" },
		{ "DELETE", NULL, NULL, "User-Agent: rollcall-test/1\r\nAccept: */*\r\n\r\n" },
		{ "DELETE", "x", NULL, "User-Agent: rollcall-test/1\r\nAccept: */*\r\nContent-Length: 1\r\n\r\nx" },
		{ "GET", "q", NULL, "User-Agent: rollcall-test/1\r\nAccept: */*\r\nContent-Length: 1\r\n\r\nq" },
	};
	struct fixture *f = *state;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct asker a = { .f = f };
		char expected[512], body[8] = "";
		(void)snprintf(body, sizeof body, "%s", cases[i].body ? cases[i].body : "");
		(void)snprintf(expected, sizeof expected, "%s /ten HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s",
			       cases[i].method, (unsigned)f->peer->port, cases[i].sent);
		send_to(&a, "/ten",
			(struct http_request){ .method = cases[i].method,
					       .headers = cases[i].headers,
					       .body = cases[i].body ? body : NULL,
					       .body_len = strlen(body) });
		memset(body, '!', sizeof body); /* the body is copied */
		run(f);
		assert_int_equal(a.r, RC_OK);
		assert_string_equal(peer_request(f->peer, i), expected);
	}
}

static void a_large_body_goes_without_asking_first(void **state)
{
	struct asker a = { .f = *state };
	CLEANUP(free_p) char *body = malloc(2000000);
	assert_non_null(body);
	memset(body, 'x', 2000000);
	ask(&a, "/ten", (struct http_request){ .method = "POST", .body = body, .body_len = 2000000 });
	assert_int_equal(a.r, RC_OK);
	assert_null(strcasestr(peer_request(a.f->peer, 0), "Expect"));
}

static void what_cannot_be_sent_fails_through_the_callback(void **state)
{
	static const struct {
		const char *name, *method, *url, *header, *why;
	} cases[] = {
		{ "no URL", NULL, NULL, NULL, "invalid URL, expected http:// or https://: Bad scheme" },
		{ "empty", NULL, "", NULL, "invalid URL, expected http:// or https://: Bad scheme" },
		{ "no scheme", NULL, "podinfo.test:9898/x?token=hunter2", NULL,
		  "invalid URL, expected http:// or https://: Unsupported URL scheme" },
		{ "other scheme", NULL, "ftp://127.0.0.1/", NULL,
		  "invalid URL, expected http:// or https://: Unsupported URL scheme" },
		{ "bad port", NULL, "http://u:hunter2@h:99999/", NULL,
		  "invalid URL, expected http:// or https://: Port number was not a decimal number between 0 and "
		  "65535" },
		{ "a blank in it", NULL, "http://127.0.0.1/a b", NULL,
		  "invalid URL, expected http:// or https://: Bad path" },
		{ "no method", "", "http://127.0.0.1/", NULL, "not an HTTP method" },
		{ "two lines of method", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "http://127.0.0.1/", NULL,
		  "not an HTTP method" },
		{ "no colon", NULL, "http://127.0.0.1/", "Authorization hunter2",
		  "GET http://127.0.0.1:80: a header of the request is not of the form \"Name: value\"" },
		{ "no name", NULL, "http://127.0.0.1/", ": hunter2",
		  "GET http://127.0.0.1:80: a header of the request is not of the form \"Name: value\"" },
		{ "smuggled line", "PUT", "https://127.0.0.1/", "X-Token: hunter2\r\nX-Other: y",
		  "PUT https://127.0.0.1:443: header X-Token has a control character in its value" },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct asker a = { .f = f };
		struct error e;
		const char *const headers[] = { cases[i].header, NULL };
		struct http_request q = { .method = cases[i].method, .url = cases[i].url, .headers = headers };
		a.call = http_send(f->client, &q, answered, &a, &e);
		assert_non_null(a.call);
		assert_int_equal(a.answers, 0);
		run(f);
		if (a.r != RC_INVALID || strcmp(a.why, cases[i].why) != 0)
			fail_msg("%s: %s \"%s\"", cases[i].name, result_name(a.r), a.why);
	}
	assert_int_equal(peer_connections(f->peer), 0);
}

/* Nothing of a URL but its origin: tokens are in paths, queries and before the @. */
static void errors_keep_secrets(void **state)
{
	static const char *const paths[] = { "/cut-at-once", "/services/hunter2", "/hang" };
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct asker a = { .f = f };
		char url[256], expected[128];
		struct error e;
		(void)snprintf(url, sizeof url, "http://hunter2:hunter2@127.0.0.1:%u%s?hunter2#hunter2",
			       (unsigned)f->peer->port, paths[i]);
		(void)snprintf(expected, sizeof expected, "GET http://127.0.0.1:%u: ", (unsigned)f->peer->port);
		struct http_request q = { .url = url, .timeout_ms = 300 };
		a.call = http_send(f->client, &q, answered, &a, &e);
		run(f);
		assert_int_equal(a.r, RC_UNREACHABLE);
		assert_null(strstr(a.why, "hunter2"));
		assert_memory_equal(a.why, expected, strlen(expected));
		assert_non_null(strstr(peer_request(f->peer, (unsigned)i), "Authorization: Basic "));
	}
}

/* ---- limits ---- */

static void an_answer_may_not_be_too_large(void **state)
{
	static const struct {
		const char *path;
		size_t max;
		enum result r;
	} cases[] = {
		{ "/ten", 10, RC_OK },          { "/ten", 9, RC_EXHAUSTED },
		{ "/ten-chunked", 10, RC_OK },  { "/ten-chunked", 9, RC_EXHAUSTED },
		{ "/huge", 100, RC_EXHAUSTED }, /* at once: the body never comes */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct asker a = { .f = *state };
		char expected[128];
		ask(&a, cases[i].path, (struct http_request){ .max_body_bytes = cases[i].max });
		(void)snprintf(expected, sizeof expected, "GET %s: the answer is larger than %zu bytes", a.f->base,
			       cases[i].max);
		if (a.r != cases[i].r || strcmp(a.why, a.r ? expected : "") != 0)
			fail_msg("%s within %zu: %s \"%s\"", cases[i].path, cases[i].max, result_name(a.r), a.why);
	}
}

static void a_head_without_end_is_refused(void **state)
{
	struct fixture *f = *state;
	enum { BYTES = 400 * 1000 };
	CLEANUP(free_p) char *head = malloc(BYTES + 64);
	assert_non_null(head);
	size_t n = (size_t)snprintf(head, 64, "HTTP/1.1 200 OK\r\n");
	while (n < BYTES)
		n += (size_t)snprintf(head + n, 64, "X-%zu: 0123456789012345678901234567890123456789\r\n", n);
	const struct peer_reply long_head[] = { { "/", { head, PEER_HANG } }, { NULL, { NULL } } };
	struct peer *peer = peer_start(long_head);
	struct asker a = { .f = f };
	char url[64];
	struct error e;
	(void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", (unsigned)peer->port);
	a.call = http_send(f->client, &(struct http_request){ .url = url }, answered, &a, &e);
	run(f);
	assert_int_equal(a.r, RC_EXHAUSTED);
	assert_non_null(strstr(a.why, ": the headers of the answer are too large"));
	peer_stop(peer);
}

static void silence_ends_a_call(void **state)
{
	static const struct {
		const char *path;
		int64_t whole, idle;
		const char *why;
	} cases[] = {
		{ "/hang", 50, 0, "Operation timed out after " }, { "/endless", 50, 0, "Operation timed out after " },
		{ "/hang", 0, 50, "no byte for 50 ms" },          { "/endless", 0, 50, "no byte for 50 ms" },
		{ "/endless", 10000, 50, "no byte for 50 ms" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct asker a = { .f = *state };
		int64_t before = loop_now(a.f->loop).v;
		ask(&a, cases[i].path,
		    (struct http_request){ .timeout_ms = cases[i].whole, .idle_timeout_ms = cases[i].idle });
		if (a.r != RC_UNREACHABLE || !strstr(a.why, cases[i].why))
			fail_msg("%zu: %s \"%s\"", i, result_name(a.r), a.why);
		assert_in_range(loop_now(a.f->loop).v - before, 49, 5000);
	}
}

static void the_idle_time_begins_anew_with_each_byte(void **state)
{
	struct asker a = { .f = *state };
	struct timer first = { 0 }, second = { 0 };
	int64_t before = loop_now(a.f->loop).v;
	send_to(&a, "/stream", (struct http_request){ .idle_timeout_ms = 1000, .on_data = piece_arrived });
	timer_start(a.f->loop, &first, 600, (loop_fn *)peer_open_gate, a.f->peer);
	timer_start(a.f->loop, &second, 1200, (loop_fn *)peer_open_gate, a.f->peer);
	run(a.f);
	assert_int_equal(a.r, RC_OK);
	assert_in_range(loop_now(a.f->loop).v - before, 1200, 10000);
}

/* ---- streams ---- */

static void open_gate(struct asker *a)
{
	peer_open_gate(a->f->peer);
}

static void a_stream_arrives_in_pieces(void **state)
{
	struct asker a = { .f = *state, .piece = open_gate };
	ask(&a, "/stream", (struct http_request){ .on_data = piece_arrived, .max_body_bytes = 1 });
	assert_int_equal(a.r, RC_OK);
	assert_int_equal(a.status, 200);
	/* each gate opens when the piece before it has arrived: nothing was held back */
	assert_int_equal(a.pieces, 2);
}

static void a_stream_that_is_cut_is_unreachable(void **state)
{
	struct asker a = { .f = *state, .piece = open_gate };
	ask(&a, "/cut-stream", (struct http_request){ .on_data = piece_arrived });
	assert_int_equal(a.r, RC_UNREACHABLE);
	assert_int_equal(a.pieces, 1);
}

static void the_reader_may_stop_a_stream(void **state)
{
	struct asker a = { .f = *state, .stop_after = 1 };
	char expected[128];
	ask(&a, "/endless", (struct http_request){ .on_data = piece_arrived });
	(void)snprintf(expected, sizeof expected, "GET %s: stopped by the reader of its body", a.f->base);
	assert_int_equal(a.r, RC_INVALID);
	assert_string_equal(a.why, expected);
}

/* ---- cancelling ---- */

static void cancel_self(struct asker *a)
{
	http_cancel(&a->call);
	assert_null(a->call);
	loop_stop(a->f->loop);
}

static void cancel_other(struct asker *a)
{
	http_cancel(&a->other->call);
	loop_stop(a->f->loop);
}

/* Another call is answered meanwhile, so that a late callback would have had its turn. */
static void settle(struct fixture *f)
{
	for (int i = 0; i < 3; i++) {
		struct asker a = { .f = f };
		ask(&a, "/hello", (struct http_request){ 0 });
		assert_int_equal(a.status, 201);
	}
}

static void a_cancelled_call_is_silent_wherever_it_was_cancelled(void **state)
{
	struct fixture *f = *state;
	struct http_call *none = NULL;
	struct http_request stream = { .on_data = piece_arrived, .idle_timeout_ms = 60000 };
	http_cancel(&none);

	struct asker before = { .f = f };
	send_to(&before, "/hello", (struct http_request){ 0 });
	http_cancel(&before.call);
	settle(f);
	assert_int_equal(before.answers, 0);

	struct asker inside = { .f = f, .piece = cancel_self };
	send_to(&inside, "/endless", stream);
	run(f);
	settle(f);
	assert_int_equal(inside.answers, 0);
	assert_int_equal(inside.pieces, 1);

	struct asker victim = { .f = f }, from_piece = { .f = f, .piece = cancel_other, .other = &victim };
	send_to(&victim, "/endless", stream);
	send_to(&from_piece, "/endless", stream);
	run(f);
	settle(f);
	assert_int_equal(victim.answers, 0);
	http_cancel(&from_piece.call);
	settle(f);
	assert_int_equal(from_piece.answers, 0);

	struct asker hung = { .f = f }, from_answer = { .f = f, .then = cancel_other, .other = &hung };
	send_to(&hung, "/hang", (struct http_request){ 0 });
	send_to(&from_answer, "/hello", (struct http_request){ 0 });
	run(f);
	settle(f);
	assert_int_equal(hung.answers, 0);

	/* both are done in the same turn; the first callback cancels the second */
	struct asker second = { .f = f }, first = { .f = f, .then = cancel_other, .other = &second };
	struct error e;
	first.call = http_send(f->client, &(struct http_request){ .url = "x" }, answered, &first, &e);
	second.call = http_send(f->client, &(struct http_request){ .url = "y" }, answered, &second, &e);
	run(f);
	settle(f);
	assert_int_equal(first.answers, 1);
	assert_int_equal(second.answers, 0);
}

static void destroy_client(struct asker *a)
{
	http_client_destroy(a->f->client);
	a->f->client = NULL;
	loop_stop(a->f->loop);
}

static void the_client_may_be_destroyed_anywhere(void **state)
{
	struct fixture *f = *state;
	struct error e;
	for (int where = 0; where < 3; where++) {
		struct asker a = { .f = f, .then = destroy_client, .piece = destroy_client }, others[3];
		for (size_t i = 0; i < 3; i++) {
			others[i] = (struct asker){ .f = f };
			send_to(&others[i], i == 0 ? "/hang" : "/endless", (struct http_request){ 0 });
		}
		send_to(&a, where == 0 ? "/endless" : "/hello",
			(struct http_request){ .on_data = where == 0 ? piece_arrived : NULL });
		if (where == 2)
			destroy_client(&a);
		run(f);
		assert_int_equal(a.answers, where == 1);
		assert_null(f->client);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(others[i].answers, 0);
		assert_int_equal(http_client_create(f->loop, "rollcall-test/1", &f->client, &e), RC_OK);
	}
	http_client_destroy(NULL);
}

static void send_other(struct asker *a)
{
	send_to(a->other, "/hello", (struct http_request){ 0 });
}

static void calls_may_start_in_callbacks(void **state)
{
	struct fixture *f = *state;
	struct asker third = { .f = f }, second = { .f = f, .then = send_other, .other = &third },
		     first = { .f = f, .piece = send_other, .other = &second };
	send_to(&first, "/endless", (struct http_request){ .on_data = piece_arrived });
	run(f);
	assert_int_equal(second.status, 201);
	assert_int_equal(third.status, 201);
	http_cancel(&first.call);
}

/* ---- many ---- */

enum { MANY = 60 };
static unsigned many_answers;

static void counted(struct asker *a)
{
	assert_int_equal(a->r, RC_OK);
	if (++many_answers == MANY / 2)
		loop_stop(a->f->loop);
}

static void many_calls_at_once_are_answered_once_each(void **state)
{
	struct asker a[MANY];
	many_answers = 0;
	for (size_t i = 0; i < MANY; i++) {
		a[i] = (struct asker){ .f = *state, .then = counted };
		send_to(&a[i], i % 3 ? "/hello" : "/once", (struct http_request){ 0 });
	}
	for (size_t i = 0; i < MANY; i += 2)
		http_cancel(&a[i].call);
	run(*state);
	settle(*state);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(a[i].answers, i % 2);
}

/* ---- redirects ---- */

static void redirects_stay_with_their_origin(void **state)
{
	static const struct {
		const char *method, *path;
		unsigned max;
		int status;
		const char *last; /* the last request that the peer saw */
	} cases[] = {
		{ "GET", "/to-hello", 0, 302, "GET /to-hello " },
		{ "GET", "/to-hello", 1, 201, "GET /hello " },
		{ "POST", "/to-hello-303", 1, 201, "GET /hello " },
		{ "POST", "/to-hello-307", 1, 201, "POST /hello " },
		{ "PUT", "/to-hello-307", 5, 307, "PUT /to-hello-307 " },
		{ "DELETE", "/to-hello", 5, 302, "DELETE /to-hello " },
		{ "GET", "/to-itself", 3, 301, "GET /to-itself " },
		{ "GET", "/to-port", 5, 302, "GET /to-port " },
		{ "GET", "/to-host", 5, 302, "GET /to-host " },
		{ "GET", "/to-network", 5, 302, "GET /to-network " },
		{ "GET", "/to-ftp", 5, 302, "GET /to-ftp " },
		{ "GET", "/to-file", 5, 302, "GET /to-file " },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct asker a = { .f = f, .want_header = "location" };
		ask(&a, cases[i].path,
		    (struct http_request){
			    .method = cases[i].method, .max_redirects = cases[i].max, .body = "b", .body_len = 0 });
		const char *last = peer_request(f->peer, f->peer->requests - 1);
		bool located = strcmp(a.header, "(none)") != 0;
		if (a.r != RC_OK || a.status != cases[i].status || located != (a.status / 100 == 3) ||
		    strncmp(last, cases[i].last, strlen(cases[i].last)) != 0)
			fail_msg("%s %s: %s %d, last request %.40s", cases[i].method, cases[i].path, a.why, a.status,
				 last);
	}
	assert_int_equal(f->peer->requests, 1 + 2 + 2 + 2 + 1 + 1 + 4 + 5);
}

/* ---- egress ---- */

struct policy {
	bool allows;
	unsigned asked;
	char host[64];
	uint16_t port;
};

static bool judge(void *owner, const char *host, const struct sockaddr *address)
{
	struct policy *p = owner;
	struct sockaddr_in v4;
	p->asked++;
	(void)snprintf(p->host, sizeof p->host, "%s", host);
	if (address->sa_family != AF_INET) /* ::1, when the name has it */
		return false;
	memcpy(&v4, address, sizeof v4);
	assert_int_equal(v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	p->port = ntohs(v4.sin_port);
	return p->allows;
}

static void the_egress_policy_is_asked_for_every_request(void **state)
{
	struct fixture *f = *state;
	struct policy no = { .allows = false }, yes = { .allows = true };
	struct http_request refused = { .egress = judge, .egress_owner = &no },
			    allowed = { .egress = judge, .egress_owner = &yes };
	char expected[128];
	(void)snprintf(expected, sizeof expected, "GET %s: the egress policy does not allow this address", f->base);

	struct asker closed = { .f = f };
	ask(&closed, "/hello", refused);
	assert_int_equal(closed.r, RC_REFUSED);
	assert_string_equal(closed.why, expected);
	assert_int_equal(no.asked, 1);
	assert_string_equal(no.host, "127.0.0.1");
	assert_int_equal(no.port, f->peer->port);

	struct asker open = { .f = f };
	ask(&open, "/hello", allowed);
	assert_int_equal(open.r, RC_OK);
	assert_true(yes.asked > 0);

	struct asker kept = { .f = f }; /* the connection of the call before is there, and is not for this one */
	ask(&kept, "/hello", refused);
	assert_int_equal(kept.r, RC_REFUSED);
	assert_string_equal(kept.why, expected);
	assert_int_equal(no.port, f->peer->port);
	assert_int_equal(f->peer->requests, 1);
}

/* The system would complete a connection that nobody accepts: none may wait here. */
static void a_refused_address_is_never_connected_to(void **state)
{
	struct fixture *f = *state;
	static const char *const hosts[] = { "127.0.0.1", "localhost" };
	for (size_t i = 0; i < 2; i++) {
		struct policy no = { .allows = false };
		struct asker a = { .f = f };
		struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t len = sizeof address;
		char url[64];
		struct error e;
		int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
		assert_int_equal(listen(listener, 4), 0);
		assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
		(void)snprintf(url, sizeof url, "http://%s:%u/", hosts[i], (unsigned)ntohs(address.sin_port));
		struct http_request q = { .url = url, .timeout_ms = 5000, .egress = judge, .egress_owner = &no };
		a.call = http_send(f->client, &q, answered, &a, &e);
		run(f);
		assert_int_equal(a.r, RC_REFUSED);
		assert_string_equal(no.host, hosts[i]);
		struct pollfd waiting = { .fd = listener, .events = POLLIN };
		assert_int_equal(poll(&waiting, 1, 0), 0);
		close(listener);
	}
}

/* ---- proxies ---- */

static void a_proxy_is_used_when_asked_for(void **state)
{
	struct fixture *f = *state;
	struct error e;
	struct asker through = { .f = f };
	struct http_request q = { .url = "http://example.test/hello", .proxy = f->base };
	through.call = http_send(f->client, &q, answered, &through, &e);
	run(f);
	assert_int_equal(through.status, 0); /* the peer knows no such target and closes */
	assert_memory_equal(peer_request(f->peer, 0), "GET http://example.test/hello ", 30);

	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	struct asker environment = { .f = f }, direct = { .f = f };
	ask(&environment, "/hello", (struct http_request){ 0 });
	ask(&direct, "/hello", (struct http_request){ .no_proxy = true });
	(void)unsetenv("http_proxy");
	assert_int_equal(environment.r, RC_UNREACHABLE);
	assert_int_equal(direct.status, 201);
}

static void nobody_listens(void **state)
{
	struct fixture *f = *state;
	struct asker a = { .f = f };
	struct error e;
	a.call = http_send(f->client, &(struct http_request){ .url = "http://127.0.0.1:1/x?y" }, answered, &a, &e);
	run(f);
	assert_int_equal(a.r, RC_UNREACHABLE);
	assert_memory_equal(a.why, "GET http://127.0.0.1:1: Failed to connect to 127.0.0.1 port 1", 61);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_answer_has_status_body_and_headers),
		CASE(every_whole_answer_is_ok),
		CASE(what_is_cut_is_unreachable),
		CASE(one_connection_serves_many_calls),
		CASE(a_kept_connection_that_died_is_replaced),
		CASE(the_caller_is_told_when_to_come_back),
		CASE(a_request_is_sent_as_it_was_given),
		CASE(a_large_body_goes_without_asking_first),
		CASE(what_cannot_be_sent_fails_through_the_callback),
		CASE(errors_keep_secrets),
		CASE(an_answer_may_not_be_too_large),
		CASE(a_head_without_end_is_refused),
		CASE(silence_ends_a_call),
		CASE(the_idle_time_begins_anew_with_each_byte),
		CASE(a_stream_arrives_in_pieces),
		CASE(a_stream_that_is_cut_is_unreachable),
		CASE(the_reader_may_stop_a_stream),
		CASE(a_cancelled_call_is_silent_wherever_it_was_cancelled),
		CASE(the_client_may_be_destroyed_anywhere),
		CASE(calls_may_start_in_callbacks),
		CASE(many_calls_at_once_are_answered_once_each),
		CASE(redirects_stay_with_their_origin),
		CASE(the_egress_policy_is_asked_for_every_request),
		CASE(a_refused_address_is_never_connected_to),
		CASE(a_proxy_is_used_when_asked_for),
		CASE(nobody_listens),
	};
	static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
	for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
		(void)unsetenv(proxies[i]);
	(void)sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	return cmocka_run_group_tests_name("http_client", tests, NULL, NULL);
}

#include "base/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define H "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" H "\r\n"
#define POST(path, length, body) "POST " path " HTTP/1.1\r\n" H "Content-Length: " length "\r\n\r\n" body

enum { DEADLINE_MS = 5000, BIG_BYTES = 6 * 1024 * 1024 };

/* ---- the server under test, and what its handlers saw ---- */

static struct {
	struct loop *loop;
	struct http_server *server;
	uv_timer_t tick; /* so that no turn waits long */
	struct http_exchange *held;
	int handled, closed_calls;
	bool server_gone;
	char last[512];
} t;

static void note_closed(void *owner)
{
	(void)owner;
	t.closed_calls++;
	t.held = NULL;
}

static void handle_hello(void *owner, struct http_exchange *x)
{
	t.handled++;
	http_respond_text(x, 200, "text/plain", owner ? owner : "hello");
}

static void handle_echo(void *owner, struct http_exchange *x)
{
	(void)owner;
	size_t len;
	const char *body = http_body(x, &len);
	assert_int_equal(body[len], 0);
	t.handled++;
	http_respond(x, 200, "text/plain", body, len, NULL);
}

static const char *or_dash(const char *s)
{
	return s ? s : "-";
}

static void handle_show(void *owner, struct http_exchange *x)
{
	(void)owner;
	snprintf(t.last, sizeof t.last, "%s %s ns=%s name=%s rest=%s q=%s form=%s cookie=%s agent=%s peer=%s/%d",
		 http_method(x), http_path(x), http_param(x, "ns"), http_param(x, "name"), http_param(x, "rest"),
		 or_dash(http_query(x, "q")), or_dash(http_form(x, "f")), or_dash(http_cookie(x, "sid")),
		 or_dash(http_header(x, "user-agent")), http_peer(x)->address, http_peer(x)->loopback);
	http_respond_text(x, 200, "text/plain", "ok");
}

static void handle_hold(void *owner, struct http_exchange *x)
{
	t.handled++;
	t.held = x;
	if (owner)
		http_on_close(x, note_closed, NULL);
}

static void handle_stream(void *owner, struct http_exchange *x)
{
	t.held = x;
	http_stream_start(x, "text/event-stream", 65536);
	http_on_close(x, note_closed, owner);
	http_stream_send(x, "data: 0\n\n", 9);
}

static char *big_body(void)
{
	static char *big;
	if (!big) {
		big = malloc(BIG_BYTES);
		for (size_t i = 0; i < BIG_BYTES; i++)
			big[i] = (char)('a' + i % 23);
	}
	return big;
}

static void handle_big(void *owner, struct http_exchange *x)
{
	(void)owner;
	http_respond(x, 200, "text/plain", big_body(), BIG_BYTES, NULL);
}

static void handle_redirect(void *owner, struct http_exchange *x)
{
	(void)owner;
	char location[256];
	snprintf(location, sizeof location, "Location: %s", or_dash(http_query(x, "to")));
	http_respond(x, 303, NULL, NULL, 0, (const char *const[]){ location, NULL });
}

static void handle_failure(void *owner, struct http_exchange *x)
{
	(void)owner;
	struct error e;
	(void)error_set(&e, RC_CONFLICT, "already \"decided\"");
	http_respond_result(x, &e);
}

static void handle_nothing(void *owner, struct http_exchange *x)
{
	(void)owner;
	http_respond(x, 204, NULL, NULL, 0, NULL);
}

static const struct http_route routes[] = {
	{ "GET", "/hello", 0, handle_hello, NULL },
	{ "POST", "/hello", 16, handle_hello, "posted" },
	{ "POST", "/echo", 1 << 20, handle_echo, NULL },
	{ "GET", "/show", 0, handle_show, NULL },
	{ "POST", "/show", 4096, handle_show, NULL },
	{ "GET", "/api/{ns}/{name}", 0, handle_show, NULL },
	{ "GET", "/files/{rest...}", 0, handle_show, NULL },
	{ "GET", "/hold", 0, handle_hold, &t },
	{ "GET", "/hold-deaf", 0, handle_hold, NULL },
	{ "GET", "/stream", 0, handle_stream, NULL },
	{ "GET", "/big", 0, handle_big, NULL },
	{ "GET", "/redirect", 0, handle_redirect, NULL },
	{ "GET", "/failure", 0, handle_failure, NULL },
	{ "DELETE", "/nothing", 0, handle_nothing, NULL },
	{ NULL, NULL, 0, NULL, NULL },
};

static void tick(uv_timer_t *timer)
{
	(void)timer;
}

static void start(struct http_server_options o)
{
	struct error e;
	memset(&t, 0, sizeof t);
	o.host = o.host ? o.host : "127.0.0.1";
	assert_int_equal(loop_create(&t.loop, &e), RC_OK);
	if (http_server_create(t.loop, &o, routes, &t.server, &e) != RC_OK)
		fail_msg("%s", e.text);
	uv_timer_init(loop_uv(t.loop), &t.tick);
	uv_timer_start(&t.tick, tick, 2, 2);
}

static void turn(void)
{
	uv_run(loop_uv(t.loop), UV_RUN_ONCE);
}

static void note_gone(void *owner)
{
	(void)owner;
	t.server_gone = true;
}

static void stop(void)
{
	if (!t.server_gone)
		http_server_close(t.server, 0, note_gone, NULL);
	while (!t.server_gone)
		turn();
	uv_close((uv_handle_t *)&t.tick, NULL);
	loop_destroy(t.loop);
}

/* ---- a client that says raw bytes and hears raw bytes ---- */

struct client {
	int fd;
	size_t len;
	bool eof, reset;
	SSL *ssl;
	char in[65536];
};

static struct client *connect_client(void)
{
	struct client *c = calloc(1, sizeof *c);
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)http_server_port(t.server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
	return c;
}

static void client_close(struct client *c)
{
	SSL_free(c->ssl);
	close(c->fd);
	free(c);
}

static void client_read(struct client *c)
{
	if (c->len == sizeof c->in - 1)
		return;
	ssize_t n;
	if (c->ssl) {
		n = SSL_read(c->ssl, c->in + c->len, (int)(sizeof c->in - 1 - c->len));
		int why = n > 0 ? 0 : SSL_get_error(c->ssl, (int)n);
		if (n <= 0 && (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE))
			return;
		if (n < 0)
			n = 0;
	} else {
		n = recv(c->fd, c->in + c->len, sizeof c->in - 1 - c->len, 0);
		if (n < 0 && errno == EAGAIN)
			return;
		c->reset |= n < 0;
	}
	if (n <= 0)
		c->eof = true;
	else
		c->len += (size_t)n;
	c->in[c->len] = '\0';
}

static int64_t now_ms(void)
{
	return (int64_t)(uv_hrtime() / 1000000);
}

/* Turns the loop until cond holds. */
#define WAIT_FOR(c, cond)                                                                                              \
	for (int64_t until_ = now_ms() + DEADLINE_MS; !(cond);) {                                                      \
		turn();                                                                                                \
		if (c)                                                                                                 \
			client_read(c);                                                                                \
		if (now_ms() > until_)                                                                                 \
			fail_msg("%s:%d: never: %s; heard: %s", __func__, __LINE__, #cond,                             \
				 (c) ? ((struct client *)(c))->in : "");                                               \
	}

static void say_bytes(struct client *c, const char *bytes, size_t len)
{
	for (int64_t until = now_ms() + DEADLINE_MS; len;) {
		ssize_t n = c->ssl ? SSL_write(c->ssl, bytes, (int)len) : send(c->fd, bytes, len, MSG_NOSIGNAL);
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (!c->ssl && errno != EAGAIN) {
			return; /* closed on us: the test looks at what was heard */
		}
		if (len)
			turn();
		assert_true(now_ms() < until);
	}
}

static void say(struct client *c, const char *text)
{
	say_bytes(c, text, strlen(text));
}

static int count(const char *in, const char *what)
{
	int n = 0;
	for (const char *s = in; (s = strstr(s, what)); s += strlen(what))
		n++;
	return n;
}

static void hear(struct client *c, const char *text)
{
	WAIT_FOR(c, strstr(c->in, text));
}

static void forget(struct client *c)
{
	c->len = 0;
	c->in[0] = '\0';
}

/* ---- the contract: raw bytes in, status out, closed or not ---- */

/* clang-format off */
static const struct { const char *name, *bytes, *status, *text; bool kept; } rows[] = {
	{ "Transfer-Encoding", "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "411", "\"error\":\"Transfer-Encoding is not accepted\"", false },
	{ "Transfer-Encoding next to a length", "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "411", "\"hint\":", false },
	{ "length twice", "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", "400", "came twice", false },
	{ "length list", POST("/echo", "5,5", "hello"), "400", "malformed Content-Length", false },
	{ "length signed", POST("/echo", "+5", "hello"), "400", "malformed Content-Length", false },
	{ "length hex", POST("/echo", "0x5", "hello"), "400", "malformed Content-Length", false },
	{ "length empty", POST("/echo", "", "hello"), "400", "malformed Content-Length", false },
	{ "length over the route's limit", POST("/echo", "1048577", ""), "413", "the body is too large", false },
	{ "length over any limit", POST("/echo", "99999999999999999999999", ""), "413", "the body is too large", false },
	{ "no Host", "GET /hello HTTP/1.1\r\n\r\n", "400", "no Host", false },
	{ "two Host", "GET /hello HTTP/1.1\r\n" H H "\r\n", "400", "came twice", false },
	{ "name with a space", "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", "400", "malformed header name", false },
	{ "bare LF", "GET /hello HTTP/1.1\nHost: a\n\n", "400", "LF alone", false },
	{ "folded", "GET /hello HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", "400", "folded", false },
	{ "control byte", "GET /hello HTTP/1.1\r\n" H "X: \x02\r\n\r\n", "400", "control byte", false },
	{ "GET with a body", "GET /hello HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", "400", "not allowed with this method", false },
	{ "HEAD with a body", "HEAD /hello HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", "400", "not allowed with this method", false },
	{ "DELETE with a body", "DELETE /nothing HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi", "400", "not allowed with this method", false },
	{ "unknown path", GET("/nowhere"), "404", "nothing is served at /nowhere", true },
	{ "unknown path, bytes are escaped", GET("/a%22b"), "404", "nothing is served at /a\\\"b", true },
	{ "unknown path with a body", POST("/nowhere", "5", "hello"), "404", "nothing is served", false },
	{ "unknown method", "BREW /hello HTTP/1.1\r\n" H "\r\n", "405", "Allow: GET, HEAD, POST\r\n", true },
	{ "method of another route", POST("/show/x", "0", ""), "404", "", true },
	{ "method not served", "PUT /nothing HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx", "405", "Allow: DELETE\r\n", false },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505", "use HTTP/1.1", false },
	{ "TLS hello", "\x16\x03\x01\x05\xa8\x01", "400", "control byte", false },
	{ "dot segment", GET("/files/../x"), "400", "dot segment", false },
	{ "encoded dot segment", GET("/files/%2e%2E"), "400", "dot segment", false },
	{ "dot at the end", GET("/files/."), "400", "dot segment", false },
	{ "NUL in the path", GET("/files/a%00b"), "400", "control byte in the path", false },
	{ "newline in the path", GET("/files/a%0Ab"), "400", "control byte in the path", false },
	{ "bad escape", GET("/files/%4"), "400", "percent-encoding", false },
	{ "escape that is no hex", GET("/files/%zz"), "400", "percent-encoding", false },
	{ "path that is not UTF-8", GET("/files/%ff"), "400", "not UTF-8", false },
	{ "NUL in the query", GET("/show?q=%00"), "400", "percent-encoding", false },
	{ "bad escape in the query", GET("/show?q=%"), "400", "percent-encoding", false },
	{ "unknown expectation", "POST /echo HTTP/1.1\r\n" H "Expect: tea\r\nContent-Length: 1\r\n\r\nx", "417", "", false },
	{ "GET", GET("/hello"), "200", "Content-Length: 5\r\nConnection: keep-alive\r\n\r\nhello", true },
	{ "close on request", "GET /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "200", "Connection: close\r\n\r\nhello", false },
	{ "HTTP/1.0", "GET /hello HTTP/1.0\r\n" H "\r\n", "200", "Connection: close\r\n\r\nhello", false },
	{ "POST", POST("/echo", "5", "hello"), "200", "\r\n\r\nhello", true },
	{ "POST without a length", "POST /echo HTTP/1.1\r\n" H "\r\n", "200", "Content-Length: 0\r\n", true },
	{ "an error as a result", GET("/failure"), "409", "{\"error\":\"already \\\"decided\\\"\"}", true },
	{ "a redirect", GET("/redirect?to=/x"), "303", "Location: /x\r\n", true },
	{ "a header with a line end in it", GET("/redirect?to=/x%0d%0aSet-Cookie:a"), "500", "control byte", true },
};
/* clang-format on */

static void test_contract(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct client *c = connect_client();
		say(c, rows[i].bytes);
		WAIT_FOR(c, (rows[i].kept ? strstr(c->in, "\r\n\r\n") != NULL : c->eof));
		char line[32];
		snprintf(line, sizeof line, "HTTP/1.1 %s ", rows[i].status);
		if (c->reset || strncmp(c->in, line, strlen(line)) != 0 || !strstr(c->in, rows[i].text) ||
		    !strstr(c->in, "\r\nDate: ") || count(c->in, "\r\nDate: ") != 1)
			fail_msg("%s: %s%s", rows[i].name, c->in, c->reset ? " (reset)" : "");
		if (!rows[i].kept && !strstr(c->in, "\r\nConnection: close\r\n"))
			fail_msg("%s: does not say that it closes", rows[i].name);
		if (rows[i].kept) { /* and what follows on the same connection is judged as well */
			forget(c);
			say(c, "GET /hello HTTP/1.1\nHost: a\n\n");
			WAIT_FOR(c, c->eof);
			if (strncmp(c->in, "HTTP/1.1 400 ", 13) != 0)
				fail_msg("%s: the second request was not judged: %s", rows[i].name, c->in);
		}
		client_close(c);
	}
	stop();
}

static void test_nul_in_head(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *c = connect_client();
	static const char bytes[] = "GET /hello HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n";
	say_bytes(c, bytes, sizeof bytes - 1);
	WAIT_FOR(c, c->eof);
	assert_non_null(strstr(c->in, "HTTP/1.1 400 "));
	client_close(c);
	stop();
}

static void test_too_long(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	static const struct {
		const char *start;
		const char *status;
	} long_ones[] = { { "GET /", "414" }, { "GET /hello HTTP/1.1\r\n" H "X: ", "431" } };
	for (size_t i = 0; i < 2; i++) {
		static char bytes[200000];
		memset(bytes, 'a', sizeof bytes);
		memcpy(bytes, long_ones[i].start, strlen(long_ones[i].start));
		struct client *c = connect_client();
		say_bytes(c, bytes, sizeof bytes);
		WAIT_FOR(c, c->eof);
		if (c->reset || !strstr(c->in, long_ones[i].status))
			fail_msg("%s: %s", long_ones[i].status, c->in);
		client_close(c);
	}
	struct client *c = connect_client();
	say(c, "GET /hello HTTP/1.1\r\n" H);
	for (int i = 0; i < 100; i++)
		say(c, "a: b\r\n");
	WAIT_FOR(c, c->eof);
	assert_non_null(strstr(c->in, "HTTP/1.1 431 "));
	client_close(c);
	stop();
}

/* ---- requests that are good ---- */

static void test_parts(void **state)
{
	(void)state;
	/* clang-format off */
	static const struct { const char *bytes, *seen; } parts[] = {
		{ GET("/api/prod/pod%20info"), "GET /api/prod/pod info ns=prod name=pod info rest= q=- form=- cookie=- agent=- peer=127.0.0.1/1" },
		{ GET("/api/a%2Fb/%e4%b8%ad"), "GET /api/a%2Fb/\xe4\xb8\xad ns=a%2Fb name=\xe4\xb8\xad rest= q=- form=- cookie=- agent=- peer=127.0.0.1/1" },
		{ GET("/files/a/b.js"), "GET /files/a/b.js ns= name= rest=a/b.js q=- form=- cookie=- agent=- peer=127.0.0.1/1" },
		{ GET("/files/"), "GET /files/ ns= name= rest= q=- form=- cookie=- agent=- peer=127.0.0.1/1" },
		{ GET("http://a/show?x&q=a%26+b&q=c"), "GET /show ns= name= rest= q=a& b form=- cookie=- agent=- peer=127.0.0.1/1" },
		{ "GET /show?q HTTP/1.1\r\n" H "COOKIE: a=b; xsid=1; sid=2=3;sid=4\r\nUser-Agent: \t me \r\n\r\n", "GET /show ns= name= rest= q= form=- cookie=2=3 agent=me peer=127.0.0.1/1" },
		{ "POST /show?f=q HTTP/1.1\r\n" H "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\nContent-Length: 13\r\n\r\ne=1&f=%7B%7D&g", "POST /show ns= name= rest= q=- form={} cookie=- agent=- peer=127.0.0.1/1" },
		{ "POST /show HTTP/1.1\r\n" H "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\n\r\nf=%00a", "POST /show ns= name= rest= q=- form=- cookie=- agent=- peer=127.0.0.1/1" },
		{ "POST /show HTTP/1.1\r\n" H "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\nf=1", "POST /show ns= name= rest= q=- form=- cookie=- agent=- peer=127.0.0.1/1" },
	};
	/* clang-format on */
	start((struct http_server_options){ 0 });
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		struct client *c = connect_client();
		say(c, parts[i].bytes);
		hear(c, "\r\n\r\nok");
		assert_string_equal(t.last, parts[i].seen);
		client_close(c);
	}
	stop();
}

static void test_byte_by_byte(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *c = connect_client();
	static const char bytes[] = POST("/echo", "5", "hello") GET("/hello");
	for (size_t i = 0; i < sizeof bytes - 1; i++) {
		say_bytes(c, bytes + i, 1);
		turn();
	}
	WAIT_FOR(c, count(c->in, "hello") == 2);
	client_close(c);
	stop();
}

/* Far more than fits the input buffer, in one go; answered in order. */
static void test_pipelined(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *c = connect_client();
	enum { ROUNDS = 200 };
	char *bytes = malloc(ROUNDS * 512);
	size_t len = 0;
	for (int i = 0; i < ROUNDS; i++)
		len += (size_t)snprintf(bytes + len, 512, POST("/echo", "5", "a%03d;") "%s", i, GET("/hello"));
	say_bytes(c, bytes, len);
	WAIT_FOR(c, count(c->in, "\r\n\r\nhello") == ROUNDS);
	const char *at = c->in;
	for (int i = 0; i < ROUNDS; i++) {
		char echo[32];
		snprintf(echo, sizeof echo, "\r\n\r\na%03d;", i);
		at = strstr(at, echo);
		assert_non_null(at);
	}
	assert_int_equal(t.handled, 2 * ROUNDS);
	free(bytes);
	client_close(c);
	stop();
}

static void test_head(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *c = connect_client();
	say(c, "HEAD /hello HTTP/1.1\r\n" H "\r\nHEAD /nowhere HTTP/1.1\r\n" H "\r\n" GET("/hello"));
	WAIT_FOR(c, count(c->in, "HTTP/1.1 ") == 3 && strstr(c->in, "\r\n\r\nhello"));
	assert_int_equal(count(c->in, "Content-Length: 5\r\n"), 2);
	assert_int_equal(count(c->in, "\r\n\r\nHTTP/1.1 404 "), 1);
	assert_int_equal(count(c->in, "\r\n\r\nHTTP/1.1 200 "), 1);
	forget(c);
	say(c, "DELETE /nothing HTTP/1.1\r\n" H "\r\n");
	hear(c, "\r\n\r\n");
	assert_null(strstr(c->in, "Content-Length"));
	client_close(c);
	stop();
}

static void test_continue(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *c = connect_client();
	say(c, "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	hear(c, "HTTP/1.1 100 Continue\r\n\r\n");
	forget(c);
	say(c, "hello");
	hear(c, "\r\n\r\nhello");
	forget(c);
	/* who does not wait is not told; who is refused is not invited */
	say(c, "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
	hear(c, "\r\n\r\nhello");
	assert_null(strstr(c->in, " 100 "));
	forget(c);
	say(c, "POST /hello HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 17\r\n\r\n");
	WAIT_FOR(c, c->eof);
	assert_non_null(strstr(c->in, "HTTP/1.1 413 "));
	assert_null(strstr(c->in, " 100 "));
	client_close(c);
	stop();
}

/* The peer is still sending when the answer is due: it must arrive, not be killed by a reset. */
static void test_answer_survives_unread_body(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *c = connect_client();
	say(c, POST("/echo", "1048577", ""));
	static char piece[500000];
	say_bytes(c, piece, sizeof piece);
	WAIT_FOR(c, c->eof);
	assert_false(c->reset);
	assert_non_null(strstr(c->in, "HTTP/1.1 413 "));
	client_close(c);
	stop();
}

static void test_large_body(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *c = connect_client();
	say(c, POST("/echo", "1048576", ""));
	say_bytes(c, big_body(), 1048576);
	size_t total = 0, head = 0;
	WAIT_FOR(c, ({
			 char *end = head ? NULL : strstr(c->in, "\r\n\r\n");
			 if (end)
				 head = (size_t)(end - c->in) + 4;
			 if (head) {
				 size_t skip = total ? 0 : head;
				 if (memcmp(c->in + skip, big_body() + total, c->len - skip) != 0)
					 fail_msg("differs after %zu bytes", total);
				 total += c->len - skip;
				 forget(c);
			 }
			 total == 1048576;
		 }));
	client_close(c);
	stop();
}

/* ---- time ---- */

static void test_timeouts(void **state)
{
	(void)state;
	start((struct http_server_options){ .header_timeout_ms = 60, .body_timeout_ms = 60, .idle_timeout_ms = 60 });
	static const struct {
		const char *first, *text;
	} slow[] = {
		{ "", "the head of the request did not come in time" },
		{ "GET /hello HTTP/1.1\r\n", "the head of the request did not come in time" },
		{ POST("/echo", "5", "hell"), "the body of the request did not come in time" },
	};
	for (size_t i = 0; i < sizeof slow / sizeof *slow; i++) {
		struct client *c = connect_client();
		say(c, slow[i].first);
		WAIT_FOR(c, c->eof);
		if (strncmp(c->in, "HTTP/1.1 408 ", 13) != 0 || !strstr(c->in, slow[i].text))
			fail_msg("%zu: %s", i, c->in);
		client_close(c);
	}
	struct client *c = connect_client();
	say(c, GET("/hello"));
	hear(c, "hello");
	forget(c);
	WAIT_FOR(c, c->eof);
	assert_int_equal(strncmp(c->in, "HTTP/1.1 408 ", 13), 0);
	client_close(c);
	stop();
}

/* A byte now and then does not keep a slowloris alive. */
static void test_slowloris(void **state)
{
	(void)state;
	start((struct http_server_options){ .header_timeout_ms = 100 });
	struct client *c = connect_client();
	int64_t from = now_ms();
	say(c, "GET /hello HTTP/1.1\r\n");
	while (!c->eof && now_ms() < from + DEADLINE_MS) {
		say(c, "a");
		turn();
		client_read(c);
	}
	assert_true(c->eof);
	assert_int_equal(strncmp(c->in, "HTTP/1.1 408 ", 13), 0);
	client_close(c);
	stop();
}

static void test_reader_that_stalls(void **state)
{
	(void)state;
	start((struct http_server_options){ .body_timeout_ms = 60 });
	struct client *c = connect_client();
	say(c, GET("/big"));
	struct client *other = connect_client();
	say(other, GET("/hello"));
	hear(other, "hello");
	/* nothing is read from c; its answer must not be kept for ever */
	for (int64_t until = now_ms() + 400; now_ms() < until;)
		turn();
	size_t total = 0;
	WAIT_FOR(c, ({
			 total += c->len;
			 forget(c);
			 c->eof;
		 }));
	assert_true(total < BIG_BYTES);
	client_close(other);
	client_close(c);
	stop();
}

/* ---- limits ---- */

static void test_limit(void **state, struct http_server_options o)
{
	(void)state;
	start(o);
	struct client *kept[3];
	for (size_t i = 0; i < 3; i++) {
		kept[i] = connect_client();
		say(kept[i], GET("/hello"));
		hear(kept[i], "hello");
	}
	struct client *c = connect_client();
	say(c, GET("/hello"));
	WAIT_FOR(c, c->eof);
	assert_int_equal(strncmp(c->in, "HTTP/1.1 503 ", 13), 0);
	assert_non_null(strstr(c->in, "\r\nRetry-After: "));
	assert_false(c->reset);
	client_close(c);
	client_close(kept[0]);
	for (int i = 0; i < 10; i++)
		turn();
	c = connect_client();
	say(c, GET("/hello"));
	hear(c, "\r\n\r\nhello");
	client_close(c);
	client_close(kept[1]);
	client_close(kept[2]);
	stop();
}

static void test_total_limit(void **state)
{
	test_limit(state, (struct http_server_options){ .max_connections = 3 });
}

static void test_peer_limit(void **state)
{
	test_limit(state, (struct http_server_options){ .max_connections_per_peer = 3, .limit_loopback = true });
}

static void test_loopback_is_exempt(void **state)
{
	(void)state;
	start((struct http_server_options){ .max_connections_per_peer = 1 });
	struct client *a = connect_client(), *b = connect_client();
	say(a, GET("/hello"));
	say(b, GET("/hello"));
	hear(a, "\r\n\r\nhello");
	hear(b, "\r\n\r\nhello");
	client_close(a);
	client_close(b);
	stop();
}

/* Without descriptors accepting pauses, and goes on once there are some. */
static void test_no_descriptors(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *c = connect_client();
	struct rlimit old;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	int next = dup(c->fd);
	close(next);
	struct rlimit none = { .rlim_cur = (rlim_t)next, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	say(c, GET("/hello"));
	int turns = 0;
	for (int64_t until = now_ms() + 60; now_ms() < until; turns++)
		turn();
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(c->len, 0);
	assert_true(turns < 100); /* the ticks of 2 ms, and no more */
	hear(c, "\r\n\r\nhello");
	client_close(c);
	stop();
}

/* ---- answers that come later, peers that go ---- */

static void test_later(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *c = connect_client();
	say(c, GET("/hold") GET("/hello"));
	WAIT_FOR(c, t.held);
	for (int i = 0; i < 5; i++)
		turn();
	assert_int_equal(t.handled, 1); /* one after the other */
	http_respond_text(t.held, 200, "text/plain", "at last");
	hear(c, "\r\n\r\nhello");
	assert_non_null(strstr(c->in, "\r\n\r\nat last"));
	client_close(c);
	stop();
	assert_int_equal(t.closed_calls, 0);
}

static void test_half_closed(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *c = connect_client();
	say(c, GET("/hello") GET("/hold"));
	shutdown(c->fd, SHUT_WR);
	WAIT_FOR(c, t.held);
	for (int i = 0; i < 5; i++)
		turn();
	http_respond_text(t.held, 200, "text/plain", "still here");
	WAIT_FOR(c, c->eof);
	assert_non_null(strstr(c->in, "\r\n\r\nhello"));
	assert_non_null(strstr(c->in, "\r\n\r\nstill here"));
	assert_int_equal(t.closed_calls, 0);
	client_close(c);
	stop();
}

static void client_reset(struct client *c)
{
	struct linger hard = { .l_onoff = 1 };
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	client_close(c);
}

static void test_peer_goes(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *none = NULL, *c = connect_client();
	say(c, GET("/hold"));
	WAIT_FOR(c, t.held);
	client_reset(c);
	WAIT_FOR(none, t.closed_calls == 1);
	/* a handler that does not listen may still answer, into the void */
	c = connect_client();
	say(c, GET("/hold-deaf"));
	WAIT_FOR(c, t.held);
	client_reset(c);
	for (int i = 0; i < 10; i++)
		turn();
	http_respond_text(t.held, 200, "text/plain", "too late");
	/* or learn late that it has gone */
	t.held = NULL;
	c = connect_client();
	say(c, GET("/hold-deaf"));
	WAIT_FOR(c, t.held);
	client_reset(c);
	for (int i = 0; i < 10; i++)
		turn();
	http_on_close(t.held, note_closed, NULL);
	assert_int_equal(t.closed_calls, 1);
	WAIT_FOR(none, t.closed_calls == 2);
	/* or meet a reset after the peer had closed its sending side, when nothing is read any more */
	t.held = NULL;
	c = connect_client();
	say(c, GET("/hold"));
	shutdown(c->fd, SHUT_WR);
	WAIT_FOR(c, t.held);
	for (int i = 0; i < 10; i++)
		turn();
	client_reset(c);
	for (int i = 0; i < 10; i++)
		turn();
	http_respond_text(t.held, 200, "text/plain", "too late");
	assert_int_equal(t.closed_calls, 2);
	/* in the middle of a head, and of a body */
	static const char *const parts[] = { "GET /hel", POST("/echo", "5", "he") };
	for (size_t i = 0; i < 2; i++) {
		c = connect_client();
		say(c, parts[i]);
		turn();
		client_close(c);
	}
	stop();
}

static void test_big_answer(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *c = connect_client();
	say(c, GET("/big"));
	for (int i = 0; i < 20; i++)
		turn();
	hear(c, "\r\n\r\n");
	size_t head = (size_t)(strstr(c->in, "\r\n\r\n") - c->in) + 4, total = 0;
	while (total < BIG_BYTES) {
		size_t skip = total ? 0 : head;
		if (c->len > skip && memcmp(c->in + skip, big_body() + total, c->len - skip) != 0)
			fail_msg("differs after %zu bytes", total);
		total += c->len - skip;
		forget(c);
		if (total < BIG_BYTES)
			WAIT_FOR(c, c->len > 0);
	}
	assert_int_equal(total, BIG_BYTES);
	say(c, GET("/hello"));
	hear(c, "\r\n\r\nhello");
	client_close(c);
	stop();
}

/* ---- streams ---- */

static void test_stream(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *none = NULL, *c = connect_client();
	say(c, GET("/stream"));
	hear(c, "data: 0\n\n");
	assert_null(strstr(c->in, "Content-Length"));
	assert_non_null(strstr(c->in, "Connection: close\r\n"));
	assert_true(http_stream_send(t.held, "data: 1\n\n", 9));
	hear(c, "data: 1\n\n");
	http_stream_end(t.held);
	WAIT_FOR(c, c->eof);
	assert_false(c->reset);
	assert_int_equal(t.closed_calls, 0);
	client_close(c);
	/* a peer that leaves */
	c = connect_client();
	say(c, GET("/stream"));
	hear(c, "data: 0\n\n");
	client_close(c);
	WAIT_FOR(none, t.closed_calls == 1);
	/* HEAD: only the head, and for the handler the peer has left */
	c = connect_client();
	say(c, "HEAD /stream HTTP/1.1\r\n" H "\r\n");
	WAIT_FOR(c, c->eof);
	assert_null(strstr(c->in, "data:"));
	WAIT_FOR(none, t.closed_calls == 2);
	client_close(c);
	stop();
}

static void test_stream_too_slow(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *none = NULL, *c = connect_client();
	say(c, GET("/stream"));
	WAIT_FOR(c, t.held);
	static char piece[32768];
	int sent = 0;
	struct http_exchange *x = t.held;
	while (http_stream_send(x, piece, sizeof piece) && sent < 10000)
		sent++;
	assert_true(sent < 10000);
	assert_false(http_stream_send(x, "more", 4));
	assert_int_equal(t.closed_calls, 0); /* never inside the call */
	WAIT_FOR(none, t.closed_calls == 1);
	client_close(c);
	/* one that is larger than the queue */
	c = connect_client();
	say(c, GET("/stream"));
	hear(c, "data: 0\n\n");
	assert_false(http_stream_send(t.held, big_body(), BIG_BYTES));
	http_stream_end(t.held); /* its owner may also end it; then it is not told */
	WAIT_FOR(c, c->eof);
	assert_int_equal(t.closed_calls, 1);
	client_close(c);
	stop();
}

/* ---- the end ---- */

static void test_graceful_close(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *idle = connect_client(), *busy = connect_client(), *stream = connect_client();
	say(stream, GET("/stream"));
	hear(stream, "data: 0");
	say(idle, GET("/hello"));
	hear(idle, "hello");
	say(busy, GET("/hold"));
	WAIT_FOR(busy, t.handled == 2);
	struct http_exchange *held = t.held;
	http_server_close(t.server, 60000, note_gone, NULL);
	WAIT_FOR(idle, idle->eof);
	WAIT_FOR(stream, stream->eof);
	assert_int_equal(t.closed_calls, 1); /* the stream's */
	assert_false(t.server_gone);
	http_respond_text(held, 200, "text/plain", "done");
	WAIT_FOR(busy, busy->eof);
	assert_non_null(strstr(busy->in, "Connection: close\r\n\r\ndone"));
	client_close(idle);
	client_close(busy);
	client_close(stream);
	WAIT_FOR((struct client *)NULL, t.server_gone);
	stop();
}

static void test_close_after_grace(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct client *a = connect_client(), *b = connect_client();
	say(a, GET("/hold-deaf"));
	WAIT_FOR(a, t.held);
	struct http_exchange *deaf = t.held;
	say(b, GET("/hold"));
	WAIT_FOR(b, t.held != deaf);
	http_server_close(t.server, 30, note_gone, NULL);
	WAIT_FOR(a, a->eof && t.server_gone);
	assert_int_equal(t.closed_calls, 1);
	http_respond_text(deaf, 200, "text/plain", "after the server"); /* must be harmless */
	client_close(a);
	client_close(b);
	stop();
}

static void test_cannot_start(void **state)
{
	(void)state;
	start((struct http_server_options){ 0 });
	struct error e;
	struct http_server *s = NULL;
	struct http_server_options taken = { .host = "127.0.0.1", .port = http_server_port(t.server) };
	assert_int_equal(http_server_create(t.loop, &taken, routes, &s, &e), RC_CONFLICT);
	assert_non_null(strstr(e.text, "cannot listen on 127.0.0.1 port "));
	struct http_server_options named = { .host = "localhost" };
	assert_int_equal(http_server_create(t.loop, &named, routes, &s, &e), RC_INVALID);
	assert_string_equal(e.text, "cannot listen on localhost: not a numeric address");
	struct http_server_options half = { .host = "127.0.0.1", .cert_file = "/nonexistent" };
	assert_int_equal(http_server_create(t.loop, &half, routes, &s, &e), RC_INVALID);
	half.key_file = "/nonexistent";
	assert_int_equal(http_server_create(t.loop, &half, routes, &s, &e), RC_INVALID);
	assert_string_equal(e.text, "cannot load the certificate /nonexistent: No such file or directory");
	assert_null(s);
	stop();
}

/* ---- TLS ---- */

static char cert_file[64], key_file[64];

static void make_certificate(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME *name = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	snprintf(cert_file, sizeof cert_file, "/tmp/http_server_cert_XXXXXX");
	snprintf(key_file, sizeof key_file, "/tmp/http_server_key_XXXXXX");
	FILE *f = fdopen(mkstemp(cert_file), "w");
	assert_int_equal(PEM_write_X509(f, cert), 1);
	fclose(f);
	f = fdopen(mkstemp(key_file), "w");
	assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static struct client *connect_tls(SSL_CTX *ctx)
{
	struct client *c = connect_client();
	c->ssl = SSL_new(ctx);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_mode(c->ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
	int r;
	WAIT_FOR((struct client *)NULL, ({
			 r = SSL_connect(c->ssl);
			 r == 1 || SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ;
		 }));
	if (r != 1) {
		client_close(c);
		return NULL;
	}
	return c;
}

static void test_tls(void **state)
{
	(void)state;
	make_certificate();
	start((struct http_server_options){ .cert_file = cert_file, .key_file = key_file, .max_connections = 1 });
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x02h2\x08http/1.1", 12);
	struct client *c = connect_tls(ctx), *none = NULL;
	assert_non_null(c);
	const unsigned char *protocol;
	unsigned len;
	SSL_get0_alpn_selected(c->ssl, &protocol, &len);
	assert_int_equal(len, 8);
	say(c, POST("/echo", "5", "hello") GET("/hello"));
	WAIT_FOR(c, count(c->in, "\r\n\r\nhello") == 2);
	forget(c);
	say(c, POST("/echo", "1048576", ""));
	say_bytes(c, big_body(), 1048576);
	size_t total = 0;
	WAIT_FOR(c, ({
			 total += c->len;
			 forget(c);
			 total > 1048576;
		 }));
	/* the limit is told in TLS as well */
	struct client *second = connect_tls(ctx);
	assert_non_null(second);
	WAIT_FOR(second, second->eof);
	assert_int_equal(strncmp(second->in, "HTTP/1.1 503 ", 13), 0);
	client_close(second);
	/* a framing error: answer, close_notify, end */
	forget(c);
	say(c, "GET /hello HTTP/1.1\n");
	WAIT_FOR(c, c->eof);
	assert_int_equal(strncmp(c->in, "HTTP/1.1 400 ", 13), 0);
	assert_int_equal(SSL_get_shutdown(c->ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
	client_close(c);
	for (int i = 0; i < 10; i++)
		turn();
	/* plain HTTP gets an answer that says what is wrong */
	c = connect_client();
	say(c, GET("/hello"));
	WAIT_FOR(c, c->eof);
	assert_non_null(strstr(c->in, "HTTP/1.1 400 "));
	assert_non_null(strstr(c->in, "this port speaks TLS"));
	client_close(c);
	/* garbage and old versions get nothing */
	c = connect_client();
	say_bytes(c, "\x16\x03\x01\x00\x05wrong", 10);
	WAIT_FOR(c, c->eof);
	client_close(c);
	SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, TLS1_1_VERSION);
	assert_null(connect_tls(ctx));
	/* a stream, and a close that does not wait */
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	WAIT_FOR(none, (c = connect_tls(ctx)));
	say(c, GET("/stream"));
	hear(c, "data: 0\n\n");
	/* a new certificate for those who come, not for those who are here */
	struct error e;
	assert_int_equal(http_server_reload_tls(t.server, "/nonexistent", key_file, &e), RC_INVALID);
	assert_int_equal(http_server_reload_tls(t.server, cert_file, key_file, &e), RC_OK);
	assert_true(http_stream_send(t.held, "data: 1\n\n", 9));
	hear(c, "data: 1\n\n");
	client_close(c);
	SSL_CTX_free(ctx);
	unlink(cert_file);
	unlink(key_file);
	stop();
}

static void test_ipv6(void **state)
{
	(void)state;
	int probe = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	bool has = probe >= 0 && bind(probe, (struct sockaddr *)&a, sizeof a) == 0;
	close(probe);
	if (!has)
		skip();
	start((struct http_server_options){ .host = "::1" });
	struct client *c = calloc(1, sizeof *c);
	c->fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	a.sin6_port = htons((uint16_t)http_server_port(t.server));
	assert_int_equal(connect(c->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
	say(c, GET("/show"));
	hear(c, "ok");
	assert_non_null(strstr(t.last, "peer=::1/1"));
	client_close(c);
	stop();
}

static int free_big(void **state)
{
	(void)state;
	free(big_body());
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contract),
		cmocka_unit_test(test_nul_in_head),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_continue),
		cmocka_unit_test(test_answer_survives_unread_body),
		cmocka_unit_test(test_large_body),
		cmocka_unit_test(test_timeouts),
		cmocka_unit_test(test_slowloris),
		cmocka_unit_test(test_reader_that_stalls),
		cmocka_unit_test(test_total_limit),
		cmocka_unit_test(test_peer_limit),
		cmocka_unit_test(test_loopback_is_exempt),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_peer_goes),
		cmocka_unit_test(test_big_answer),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_too_slow),
		cmocka_unit_test(test_graceful_close),
		cmocka_unit_test(test_close_after_grace),
		cmocka_unit_test(test_cannot_start),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_ipv6),
	};
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigaction(SIGPIPE, &ignore, NULL);
	return cmocka_run_group_tests(tests, NULL, free_big);
}

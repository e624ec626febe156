#include "base/ws_handshake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define GOOD "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"

/* RFC 6455, 1.3 */
static void the_standard_s_example(void **state)
{
	(void)state;
	char accept[WS_ACCEPT_TEXT];
	struct error e;
	assert_int_equal(ws_accept_of(KEY, accept, &e), RC_OK);
	assert_string_equal(accept, ACCEPT);
}

static void answers(void **state)
{
	(void)state;
	static const struct {
		const char *name, *head;
		enum result r;
		int status;
	} cases[] = {
		{ "good", GOOD "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n", RC_OK, 101 },
		{ "any case and blanks",
		  "HTTP/1.1 101\r\nUPGRADE:WebSocket \r\nconnection: keep-alive, upgrade\r\nsec-websocket-accept: "
		  " " ACCEPT "\t\r\n\r\n",
		  RC_OK, 101 },
		{ "of another key", GOOD "Sec-WebSocket-Accept: c3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", RC_UNREACHABLE,
		  101 },
		{ "without an accept", GOOD "\r\n", RC_UNREACHABLE, 101 },
		{ "two accepts", GOOD "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Accept: x\r\n\r\n",
		  RC_UNREACHABLE, 101 },
		{ "without an upgrade",
		  "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n", RC_UNREACHABLE,
		  101 },
		{ "another upgrade",
		  "HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
		  RC_UNREACHABLE, 101 },
		{ "a connection that only sounds like it",
		  "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgraded\r\nSec-WebSocket-Accept: " ACCEPT
		  "\r\n\r\n",
		  RC_UNREACHABLE, 101 },
		{ "an extension", GOOD "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Extensions: x\r\n\r\n",
		  RC_UNREACHABLE, 101 },
		{ "a protocol", GOOD "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: x\r\n\r\n",
		  RC_UNREACHABLE, 101 },
		{ "refused", "HTTP/1.1 403 Forbidden\r\n\r\n", RC_REFUSED, 403 },
		{ "their trouble", "HTTP/1.1 503 x\r\n\r\n", RC_UNREACHABLE, 503 },
		{ "no upgrade at all", "HTTP/1.1 200 OK\r\n\r\n", RC_UNREACHABLE, 200 },
		{ "an old version", "HTTP/1.0 101 x\r\n\r\n", RC_UNREACHABLE, 0 },
		{ "not HTTP", "SSH-2.0-x\r\n\r\n", RC_UNREACHABLE, 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error e = { .text = "" };
		int status = -1;
		enum result r = ws_answer_check(cases[i].head, KEY, &status, &e);
		if (r != cases[i].r || status != cases[i].status)
			fail_msg("%s: %s, status %d: %s", cases[i].name, result_name(r), status, e.text);
	}
}

static void addresses(void **state)
{
	(void)state;
	static const struct {
		const char *url, *connect, *host, *target, *error;
	} cases[] = {
		{ "wss://a.example/link/?ticket=1&x=%20", "https://a.example/", "a.example", "/link/?ticket=1&x=%20",
		  NULL },
		{ "WSS://a.example:8443", "https://a.example:8443/", "a.example:8443", "/", NULL },
		{ "ws://127.0.0.1:80/x", "http://127.0.0.1:80/", "127.0.0.1:80", "/x", NULL },
		{ "ws://[::1]:81/", "http://[::1]:81/", "[::1]:81", "/", NULL },
		{ "ws://localhost/", "http://localhost/", "localhost", "/", NULL },
		{ "ws://a.example/?secret", NULL, NULL, NULL,
		  "a WebSocket must be wss://, for everything but loopback" },
		{ "ws://127.0.0.1.example/", NULL, NULL, NULL,
		  "a WebSocket must be wss://, for everything but loopback" },
		{ "https://a.example/", NULL, NULL, NULL, "the address of a WebSocket must begin with wss://" },
		{ "wss://u:p@a.example/", NULL, NULL, NULL, "the address of a WebSocket must not name a user" },
		{ "wss://", NULL, NULL, NULL, "not the address of a WebSocket" },
		{ "", NULL, NULL, NULL, "the address of a WebSocket must begin with wss://" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ws_url u;
		struct error e;
		enum result r = ws_url_parse(cases[i].url, &u, &e);
		if ((r == RC_OK) != !cases[i].error || (r != RC_OK && strcmp(e.text, cases[i].error) != 0))
			fail_msg("%s: %s %s", cases[i].url, result_name(r), r == RC_OK ? "" : e.text);
		if (r != RC_OK)
			continue;
		assert_string_equal(u.connect, cases[i].connect);
		assert_string_equal(u.host, cases[i].host);
		assert_string_equal(u.target.s, cases[i].target);
		strbuf_finish(&u.target);
	}
}

/* A line break in a URL would be a header of somebody else's. */
static void an_address_cannot_bring_headers(void **state)
{
	(void)state;
	struct ws_url u;
	if (ws_url_parse("wss://a.example/x\r\nX-Evil: 1", &u, NULL) == RC_OK) {
		assert_null(strpbrk(u.target.s, "\r\n "));
		strbuf_finish(&u.target);
	}
}

static void the_request(void **state)
{
	(void)state;
	struct ws_url u;
	struct strbuf b;
	const char *const headers[] = { "X-One: 1", NULL };
	assert_int_equal(ws_url_parse("wss://a.example:8443/link?t=1", &u, NULL), RC_OK);
	strbuf_init(&b, 4096);
	ws_request_add(&b, &u, KEY, "rollcall/1", headers);
	assert_string_equal(b.s, "GET /link?t=1 HTTP/1.1\r\nHost: a.example:8443\r\nUpgrade: websocket\r\n"
				 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY
				 "\r\nUser-Agent: rollcall/1\r\nX-One: 1\r\n\r\n");
	strbuf_finish(&u.target);
	strbuf_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_standard_s_example),
		cmocka_unit_test(answers),
		cmocka_unit_test(addresses),
		cmocka_unit_test(an_address_cannot_bring_headers),
		cmocka_unit_test(the_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

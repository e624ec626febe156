#include "base/http_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define H "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n" H

static const struct http_limits limits = { .head_bytes = 1024, .target_bytes = 256, .fields = 8 };

/* clang-format off */
static const struct { const char *name; const char *bytes; int status; const char *error; } refused[] = {
	{ "Transfer-Encoding", POST "Transfer-Encoding: chunked\r\n\r\n", 411, "Transfer-Encoding is not accepted" },
	{ "Transfer-Encoding next to a length", POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 411, "Transfer-Encoding is not accepted" },
	{ "Transfer-Encoding identity, odd case", POST "tRANSFER-eNCODING:identity\r\n\r\n", 411, "Transfer-Encoding is not accepted" },
	{ "length twice, equal", POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400, "a header that must be single came twice" },
	{ "length twice, different", POST "Content-Length: 3\r\ncontent-length: 4\r\n\r\n", 400, "a header that must be single came twice" },
	{ "length as a list", POST "Content-Length: 5,5\r\n\r\n", 400, "malformed Content-Length" },
	{ "length signed", POST "Content-Length: +5\r\n\r\n", 400, "malformed Content-Length" },
	{ "length negative", POST "Content-Length: -5\r\n\r\n", 400, "malformed Content-Length" },
	{ "length in hex", POST "Content-Length: 0x5\r\n\r\n", 400, "malformed Content-Length" },
	{ "length empty", POST "Content-Length:\r\n\r\n", 400, "malformed Content-Length" },
	{ "length blank", POST "Content-Length:   \r\n\r\n", 400, "malformed Content-Length" },
	{ "length with a leading zero", POST "Content-Length: 05\r\n\r\n", 400, "malformed Content-Length" },
	{ "length with a blank inside", POST "Content-Length: 1 0\r\n\r\n", 400, "malformed Content-Length" },
	{ "length past 64 bits", POST "Content-Length: 99999999999999999999\r\n\r\n", 413, "the body is too large" },
	{ "no Host", GET "Accept: */*\r\n\r\n", 400, "no Host header" },
	{ "no Host in 1.0", "GET / HTTP/1.0\r\n\r\n", 400, "no Host header" },
	{ "two Host", GET H H "\r\n", 400, "a header that must be single came twice" },
	{ "empty Host", GET "Host:\r\n\r\n", 400, "malformed Host" },
	{ "Host list", GET "Host: a,b\r\n\r\n", 400, "malformed Host" },
	{ "Host with a user", GET "Host: u@a\r\n\r\n", 400, "malformed Host" },
	{ "space before the colon", GET "Host : a\r\n\r\n", 400, "malformed header name" },
	{ "tab before the colon", POST "Content-Length\t: 3\r\n\r\n", 400, "malformed header name" },
	{ "empty name", GET H ": x\r\n\r\n", 400, "malformed header name" },
	{ "no colon", GET H "nonsense\r\n\r\n", 400, "malformed header name" },
	{ "byte over 0x7f in a name", GET H "N\xc3\xa4me: x\r\n\r\n", 400, "malformed header name" },
	{ "bare LF in the request line", "GET / HTTP/1.1\nHost: a\n\n", 400, "a line ends with LF alone" },
	{ "bare LF after a header", GET "Host: a\n\r\n", 400, "a line ends with LF alone" },
	{ "bare LF as the end", GET H "\n", 400, "a line ends with LF alone" },
	{ "bare CR", GET "Host: a\rX: y\r\n\r\n", 400, "CR without LF in the head" },
	{ "folded header", GET H "X: a\r\n b\r\n\r\n", 400, "a folded header" },
	{ "header that starts with a tab", GET "\tHost: a\r\n\r\n", 400, "a folded header" },
	{ "control byte in a value", GET H "X: a\x01" "b\r\n\r\n", 400, "control byte in the head" },
	{ "DEL in a value", GET H "X: a\x7f\r\n\r\n", 400, "control byte in the head" },
	{ "a TLS hello", "\x16\x03\x01\x02", 400, "control byte in the head" },
	{ "GET with a body", GET H "Content-Length: 3\r\n\r\n", 400, "a body is not allowed with this method" },
	{ "HEAD with a body", "HEAD / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\n", 400, "a body is not allowed with this method" },
	{ "DELETE with a body", "DELETE / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\n", 400, "a body is not allowed with this method" },
	{ "HTTP/0.9", "GET /\r\n", 400, "malformed request line" },
	{ "HTTP/2.0", "GET / HTTP/2.0\r\n", 505, "HTTP version not supported" },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP version not supported" },
	{ "HTTP/1.2", "GET / HTTP/1.2\r\n", 505, "HTTP version not supported" },
	{ "HTTP/0.9 spelled out", "GET / HTTP/0.9\r\n", 505, "HTTP version not supported" },
	{ "HTTP/1.10", "GET / HTTP/1.10\r\n", 400, "malformed request line" },
	{ "lower-case http", "GET / http/1.1\r\n", 400, "malformed request line" },
	{ "space behind the version", "GET / HTTP/1.1 \r\n", 400, "malformed request line" },
	{ "two spaces", "GET  / HTTP/1.1\r\n", 400, "the request target has a byte that must be percent-encoded" },
	{ "tab between", "GET\t/ HTTP/1.1\r\n", 400, "malformed request line" },
	{ "space in front", " GET / HTTP/1.1\r\n", 400, "malformed request line" },
	{ "no target", "GET HTTP/1.1\r\n", 400, "malformed request line" },
	{ "empty target", "GET  HTTP/1.1\r\n", 400, "the request target is not a path" },
	{ "space in the target", "GET /a b HTTP/1.1\r\n", 400, "the request target has a byte that must be percent-encoded" },
	{ "fragment", "GET /a#b HTTP/1.1\r\n", 400, "the request target has a byte that must be percent-encoded" },
	{ "raw UTF-8 in the target", "GET /\xc3\xa4 HTTP/1.1\r\n", 400, "the request target has a byte that must be percent-encoded" },
	{ "asterisk", "OPTIONS * HTTP/1.1\r\n", 400, "the request target is not a path" },
	{ "authority", "CONNECT a:443 HTTP/1.1\r\n", 400, "the request target is not a path" },
	{ "relative", "GET a/b HTTP/1.1\r\n", 400, "the request target is not a path" },
	{ "another scheme", "GET ftp://a/ HTTP/1.1\r\n", 400, "the request target is not a path" },
	{ "no authority", "GET http:///a HTTP/1.1\r\n", 400, "the request target is not a path" },
	{ "query behind the authority", "GET http://a?b HTTP/1.1\r\n", 400, "the request target is not a path" },
	{ "query with a slash behind the authority", "GET http://a?b/ HTTP/1.1\r\n" H "\r\n", 400, "the request target names another host than Host" },
	{ "absolute for another host", "GET http://b/ HTTP/1.1\r\n" H "\r\n", 400, "the request target names another host than Host" },
	{ "method too long", "GETGETGETGETGETGETGETGETGETGETGETGET / HTTP/1.1\r\n", 400, "malformed request line" },
	{ "two empty lines in front", "\r\n\r\n" GET H "\r\n", 400, "malformed request line" },
	{ "Authorization twice", GET H "Authorization: a\r\nAuthorization: b\r\n\r\n", 400, "a header that must be single came twice" },
	{ "unknown expectation", POST "Expect: 200-ok\r\n\r\n", 417, "unknown expectation" },
	{ "nine headers", GET H "a:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\nf:1\r\ng:1\r\nh:1\r\n", 431, "too many headers" },
};

static const struct { const char *name; const char *bytes, *method, *target; unsigned minor; uint64_t length; bool keep, expects; } good[] = {
	{ "smallest", GET H "\r\n", "GET", "/", 1, 0, true, false },
	{ "1.0 closes", "GET / HTTP/1.0\r\n" H "\r\n", "GET", "/", 0, 0, false, false },
	{ "1.0 keeps on request", "GET / HTTP/1.0\r\n" H "Connection: Keep-Alive\r\n\r\n", "GET", "/", 0, 0, true, false },
	{ "close", GET H "Connection: x , CLOSE\r\n\r\n", "GET", "/", 1, 0, false, false },
	{ "close in the second Connection", GET H "Connection: keep-alive\r\nConnection: close\r\n\r\n", "GET", "/", 1, 0, false, false },
	{ "not a close", GET H "Connection: closed\r\n\r\n", "GET", "/", 1, 0, true, false },
	{ "length", POST "Content-Length: \t 42 \r\n\r\n", "POST", "/", 1, 42, true, false },
	{ "length of 18 digits", POST "Content-Length: 999999999999999999\r\n\r\n", "POST", "/", 1, 999999999999999999, true, false },
	{ "GET with length 0", GET H "Content-Length: 0\r\n\r\n", "GET", "/", 1, 0, true, false },
	{ "POST without a length", POST "\r\n", "POST", "/", 1, 0, true, false },
	{ "expects", POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", "POST", "/", 1, 1, true, true },
	{ "1.0 cannot expect", "POST / HTTP/1.0\r\n" H "Expect: 100-continue\r\n\r\n", "POST", "/", 0, 0, false, false },
	{ "query", "GET /a/b?c=d%20e HTTP/1.1\r\n" H "\r\n", "GET", "/a/b?c=d%20e", 1, 0, true, false },
	{ "absolute", "GET http://A/b?c HTTP/1.1\r\n" H "\r\n", "GET", "/b?c", 1, 0, true, false },
	{ "absolute without a path", "GET HTTPS://a HTTP/1.1\r\n" H "\r\n", "GET", "/", 1, 0, true, false },
	{ "an empty line in front", "\r\n" GET H "\r\n", "GET", "/", 1, 0, true, false },
	{ "IPv6 host and port", GET "Host: [::1]:8080\r\n\r\n", "GET", "/", 1, 0, true, false },
	{ "UTF-8 in a value", GET H "X: \xc3\xa4\r\n\r\n", "GET", "/", 1, 0, true, false },
	{ "empty value", GET H "X:\r\n\r\n", "GET", "/", 1, 0, true, false },
	{ "unknown method", "BREW / HTTP/1.1\r\n" H "\r\n", "BREW", "/", 1, 0, true, false },
	{ "eight headers", GET H "a:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\nf:1\r\ng:1\r\n\r\n", "GET", "/", 1, 0, true, false },
};
/* clang-format on */

static void test_refused(void **state)
{
	(void)state;
	static struct http_head head;
	struct http_refusal why = { 0 };
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		enum http_verdict v = http_judge(refused[i].bytes, strlen(refused[i].bytes), &limits, &head, &why);
		if (v != HTTP_REFUSED || why.status != refused[i].status || strcmp(why.error, refused[i].error) != 0)
			fail_msg("%s: verdict %d, %d %s", refused[i].name, (int)v, why.status,
				 v == HTTP_REFUSED ? why.error : "-");
	}
}

static bool slice_is(const char *bytes, struct http_slice s, const char *text)
{
	return s.len == strlen(text) && memcmp(bytes + s.at, text, s.len) == 0;
}

static void test_good(void **state)
{
	(void)state;
	static struct http_head h;
	struct http_refusal why;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char bytes[512];
		size_t len = strlen(good[i].bytes);
		/* whatever follows is the body's or the next request's */
		snprintf(bytes, sizeof bytes, "%s\n\x01:", good[i].bytes);
		enum http_verdict v = http_judge(bytes, len + 3, &limits, &h, &why);
		if (v != HTTP_OK)
			fail_msg("%s: verdict %d, %s", good[i].name, (int)v, v == HTTP_REFUSED ? why.error : "-");
		if (h.bytes != len || h.minor != good[i].minor || h.content_length != good[i].length ||
		    h.keep_alive != good[i].keep || h.expects_continue != good[i].expects ||
		    !slice_is(bytes, h.method, good[i].method) || !slice_is(bytes, h.target, good[i].target))
			fail_msg("%s: read wrongly", good[i].name);
	}
}

/* However the bytes are cut into pieces, the verdict is the same: each piece but the last of a good head is MORE, and
 * what was refused stays refused whatever follows. */
static void test_pieces(void **state)
{
	(void)state;
	static struct http_head h;
	struct http_refusal why, first;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		for (size_t n = 0; n < strlen(good[i].bytes); n++)
			if (http_judge(good[i].bytes, n, &limits, &h, &why) != HTTP_MORE)
				fail_msg("%s: not MORE after %zu bytes", good[i].name, n);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		bool was_refused = false;
		for (size_t n = 0; n <= strlen(refused[i].bytes); n++) {
			enum http_verdict v = http_judge(refused[i].bytes, n, &limits, &h, &why);
			if (v == HTTP_OK || (was_refused && (v != HTTP_REFUSED || why.status != first.status)))
				fail_msg("%s: changes its mind after %zu bytes", refused[i].name, n);
			if (v == HTTP_REFUSED && !was_refused)
				first = why;
			was_refused = v == HTTP_REFUSED;
		}
	}
}

static void test_nul(void **state)
{
	(void)state;
	static struct http_head h;
	struct http_refusal why;
	static const char *const heads[] = { "GET /@ HTTP/1.1\r\n" H "\r\n", GET "Ho@st: a\r\n\r\n",
					     GET "Host: a@\r\n\r\n", "@GET / HTTP/1.1\r\n", GET H "X: a\r\n@\r\n" };
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		char bytes[128];
		size_t len = strlen(heads[i]);
		snprintf(bytes, sizeof bytes, "%s", heads[i]);
		*strchr(bytes, '@') = '\0';
		if (http_judge(bytes, len, &limits, &h, &why) != HTTP_REFUSED || why.status != 400)
			fail_msg("NUL passes: %s", heads[i]);
	}
}

/* At each limit, and one past it. */
static void test_limits(void **state)
{
	(void)state;
	static struct http_head h;
	struct http_refusal why = { 0 };
	for (int past = 0; past <= 1; past++) {
		char bytes[2048];
		int len = snprintf(bytes, sizeof bytes, "GET /%0*d HTTP/1.1\r\n" H "\r\n", 255 + past, 0);
		enum http_verdict v = http_judge(bytes, (size_t)len, &limits, &h, &why);
		assert_int_equal(v, past ? HTTP_REFUSED : HTTP_OK);
		assert_int_equal(why.status, past ? 414 : 0);
		why.status = 0;
		len = snprintf(bytes, sizeof bytes, GET H "X: %0*d\r\n\r\n", 0, 0);
		int pad = 1024 - len + 1 + past;
		len = snprintf(bytes, sizeof bytes, GET H "X: %0*d\r\n\r\n", pad, 0);
		assert_int_equal(len, 1024 + past);
		v = http_judge(bytes, (size_t)len, &limits, &h, &why);
		assert_int_equal(v, past ? HTTP_REFUSED : HTTP_OK);
		assert_int_equal(why.status, past ? 431 : 0);
		why.status = 0;
	}
}

/* Lines that never end: an answer before the buffer is full, and never MORE at the limit. */
static void test_endless(void **state)
{
	(void)state;
	static struct http_head h;
	struct http_refusal why;
	static const struct {
		const char *start;
		int status;
	} rows[] = { { "GET /", 414 }, { "G", 414 }, { GET "X", 431 }, { GET H "X: ", 431 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char bytes[1024];
		memset(bytes, 'a', sizeof bytes);
		memcpy(bytes, rows[i].start, strlen(rows[i].start));
		size_t n = 1;
		while (n < sizeof bytes && http_judge(bytes, n, &limits, &h, &why) == HTTP_MORE)
			n++;
		assert_int_equal(http_judge(bytes, n, &limits, &h, &why), HTTP_REFUSED);
		if (why.status != rows[i].status || (rows[i].status == 414 && n > 400))
			fail_msg("%s: %d after %zu bytes", rows[i].start, why.status, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_good),   cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_nul),     cmocka_unit_test(test_limits), cmocka_unit_test(test_endless),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

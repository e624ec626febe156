#include "base/ws_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LIMIT = 70000 };

/* What a reader makes of bytes, as text: "text(hello) ping(x) close(1000,bye) bad(1002)". */
static void tell(struct strbuf *told, enum ws_event event, struct ws_reader *r)
{
	static const char *const names[] = {
		[WS_GOT_TEXT] = "text", [WS_GOT_BINARY] = "binary", [WS_GOT_PING] = "ping", [WS_GOT_PONG] = "pong"
	};
	const char *reason;
	if (told->len)
		strbuf_addc(told, ' ');
	if (event == WS_IS_BAD)
		strbuf_addf(told, "bad(%d)", (int)r->bad);
	else if (event == WS_GOT_CLOSE) {
		int code = (int)ws_close_of(r, &reason);
		strbuf_addf(told, "close(%d,%s)", code, reason);
	} else {
		const struct strbuf *b = event == WS_GOT_TEXT || event == WS_GOT_BINARY ? &r->message : &r->control;
		strbuf_addf(told, "%s(%s)", names[event], b->s);
	}
}

static void read_all(struct strbuf *told, const char *bytes, size_t len, size_t piece)
{
	struct ws_reader r;
	ws_reader_init(&r, LIMIT);
	for (size_t from = 0; from < len; from += piece) {
		const char *at = bytes + from;
		size_t left = len - from < piece ? len - from : piece;
		enum ws_event event;
		while ((event = ws_read(&r, &at, &left)) != WS_NEEDS_MORE) {
			tell(told, event, &r);
			if (event == WS_IS_BAD) {
				assert_true(*r.why);
				from = len;
				break;
			}
		}
	}
	ws_reader_finish(&r);
}

static const struct {
	const char *name, *bytes;
	size_t len;
	const char *events;
} cases[] = {
#define BYTES(s) s, sizeof(s) - 1
	{ "a text", BYTES("\x81\x05hello"), "text(hello)" },
	{ "an empty text", BYTES("\x81\x00"), "text()" },
	{ "two texts",
	  BYTES("\x81\x01"
		"a\x81\x01"
		"b"),
	  "text(a) text(b)" },
	{ "fragments", BYTES("\x01\x03hel\x00\x01l\x80\x01o"), "text(hello)" },
	{ "an empty last fragment", BYTES("\x01\x01x\x80\x00"), "text(x)" },
	{ "a ping between fragments", BYTES("\x01\x02he\x89\x01p\x80\x03llo"), "ping(p) text(hello)" },
	{ "a character cut between fragments", BYTES("\x01\x01\xc3\x80\x01\xa9"), "text(\xc3\xa9)" },
	{ "a pong", BYTES("\x8a\x02yo"), "pong(yo)" },
	{ "binary", BYTES("\x82\x02xy\x81\x01z"), "binary(xy) text(z)" },
	{ "a farewell",
	  BYTES("\x88\x05\x03\xe8"
		"bye"),
	  "close(1000,bye)" },
	{ "a farewell without a word", BYTES("\x88\x00"), "close(1005,)" },
	{ "an application's farewell", BYTES("\x88\x02\x0f\xa0"), "close(4000,)" },
	{ "half a code", BYTES("\x88\x01\x03"), "bad(1002)" },
	{ "code 1005 on the wire", BYTES("\x88\x02\x03\xed"), "bad(1002)" },
	{ "code 999", BYTES("\x88\x02\x03\xe7"), "bad(1002)" },
	{ "code 2000", BYTES("\x88\x02\x07\xd0"), "bad(1002)" },
	{ "a reason that is not UTF-8", BYTES("\x88\x03\x03\xe8\xff"), "bad(1007)" },
	{ "a masked frame", BYTES("\x81\x81\x01\x02\x03\x04x"), "bad(1002)" },
	{ "a reserved bit", BYTES("\xc1\x01x"), "bad(1002)" },
	{ "an unknown data frame", BYTES("\x83\x01x"), "bad(1002)" },
	{ "an unknown control frame", BYTES("\x8b\x00"), "bad(1002)" },
	{ "a fragmented ping", BYTES("\x09\x00"), "bad(1002)" },
	{ "a long ping", BYTES("\x89\x7e\x00\x7e"), "bad(1002)" },
	{ "a continuation of nothing", BYTES("\x80\x01x"), "bad(1002)" },
	{ "a text in a text", BYTES("\x01\x01x\x81\x01y"), "bad(1002)" },
	{ "a length of two bytes that fits one", BYTES("\x81\x7e\x00\x7d"), "bad(1002)" },
	{ "a length of eight bytes that fits two", BYTES("\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff"), "bad(1002)" },
	{ "too long a message", BYTES("\x81\x7f\x00\x00\x00\x00\x00\x01\x11\x71"), "bad(1009)" },
	{ "a message as long as there can be none", BYTES("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), "bad(1009)" },
	{ "a text that is not UTF-8", BYTES("\x81\x02\xc3\x28"), "bad(1007)" },
	{ "half a frame", BYTES("\x81\x05hel"), "" },
#undef BYTES
};

static void bytes_of_a_server(void **state)
{
	(void)state;
	static const size_t pieces[] = { 1, 2, 3, 1000 };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
			struct strbuf told;
			strbuf_init(&told, 1000);
			read_all(&told, cases[i].bytes, cases[i].len, pieces[k]);
			if (strcmp(told.s, cases[i].events) != 0)
				fail_msg("%s, %zu at a time: %s, expected %s", cases[i].name, pieces[k], told.s,
					 cases[i].events);
			strbuf_finish(&told);
		}
}

/* Fragments count together. */
static void the_limit_is_the_message_s(void **state)
{
	(void)state;
	for (size_t extra = 0; extra <= 1; extra++) {
		struct ws_reader r;
		struct strbuf bytes;
		ws_reader_init(&r, 300);
		strbuf_init(&bytes, 4096);
		strbuf_addn(&bytes, "\x01\x7e\x00\xc8", 4);
		for (size_t i = 0; i < 200; i++)
			strbuf_addc(&bytes, 'a');
		strbuf_addc(&bytes, (char)0x80);
		strbuf_addc(&bytes, (char)(100 + extra));
		for (size_t i = 0; i < 100 + extra; i++)
			strbuf_addc(&bytes, 'b');
		const char *at = bytes.s;
		size_t left = bytes.len;
		assert_int_equal(ws_read(&r, &at, &left), extra ? WS_IS_BAD : WS_GOT_TEXT);
		if (extra)
			assert_int_equal(r.bad, WS_CODE_TOO_BIG);
		else
			assert_int_equal(r.message.len, 300);
		strbuf_finish(&bytes);
		ws_reader_finish(&r);
	}
}

/* What we write is what the standard says, at each form of the length; unmasked it is what was given. */
static void frames_of_ours(void **state)
{
	(void)state;
	static const struct {
		size_t len, head;
		const char *first;
	} sizes[] = { { 0, 2, "\x81\x80" },
		      { 125, 2, "\x81\xfd" },
		      { 126, 4, "\x81\xfe\x00\x7e" },
		      { 65535, 4, "\x81\xfe\xff\xff" },
		      { 65536, 10, "\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00" } };
	static const unsigned char mask[WS_MASK_BYTES] = { 0x37, 0xfa, 0x21, 0x3d };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *payload = calloc(1, sizes[i].len + 1);
		struct strbuf b;
		assert_non_null(payload);
		for (size_t k = 0; k < sizes[i].len; k++)
			payload[k] = (char)('a' + k % 26);
		strbuf_init(&b, 70000);
		ws_frame_add(&b, WS_TEXT, payload, sizes[i].len, mask);
		assert_int_equal(b.len, sizes[i].head + WS_MASK_BYTES + sizes[i].len);
		assert_memory_equal(b.s, sizes[i].first, sizes[i].head);
		assert_memory_equal(b.s + sizes[i].head, mask, sizeof mask);
		for (size_t k = 0; k < sizes[i].len; k++)
			assert_int_equal((unsigned char)b.s[sizes[i].head + 4 + k] ^ mask[k % 4], payload[k]);
		strbuf_finish(&b);
		free(payload);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_of_a_server),
		cmocka_unit_test(the_limit_is_the_message_s),
		cmocka_unit_test(frames_of_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

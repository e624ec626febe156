#include "app/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void note(void *owner, const char *name, const char *data, size_t len)
{
	struct strbuf *b = owner;
	assert_int_equal(strlen(data), len);
	strbuf_addf(b, "[%s|%s]", name, data);
}

static const struct {
	const char *name, *stream, *events, *last_id;
} cases[] = {
	{ "one event", "id: b.1\nevent: said\ndata: {\"a\":1}\n\n", "[said|{\"a\":1}]", "b.1" },
	{ "without a name", "data: x\n\n", "[message|x]", "" },
	{ "data of several lines", "data: x\ndata:y\ndata\n\n", "[message|x\ny\n]", "" },
	{ "a comment keeps the line alive and is nothing", ":\n\n: hm\ndata: x\n\n", "[message|x]", "" },
	{ "carriage returns", "data: x\r\n\r\ndata: y\r\rdata: z\n\n", "[message|x][message|y][message|z]", "" },
	{ "an event that is not whole is none", "id: 1\ndata: x\n\nid: 2\ndata: y\n", "[message|x]", "1" },
	{ "an id without data counts", "id: 7\n\n", "", "7" },
	{ "unknown fields are nothing", "retry: 10\nfoo\ndata: x\n\n", "[message|x]", "" },
	{ "only one blank belongs to the colon", "data:  x\n\n", "[message| x]", "" },
};

static void check(size_t i, size_t piece)
{
	struct sse s;
	struct strbuf heard;
	size_t len = strlen(cases[i].stream);
	strbuf_init(&heard, 4096);
	sse_init(&s, note, &heard);
	for (size_t at = 0; at < len; at += piece)
		assert_true(sse_feed(&s, cases[i].stream + at, len - at < piece ? len - at : piece));
	if (strcmp(heard.s, cases[i].events) != 0 || strcmp(s.last_id, cases[i].last_id) != 0)
		fail_msg("%s, in pieces of %zu: %s, id %s", cases[i].name, piece, heard.s, s.last_id);
	sse_finish(&s);
	strbuf_finish(&heard);
}

static void test_events_in_pieces_of_every_size(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t piece = 1; piece < 40; piece++)
			check(i, piece);
}

static void test_a_new_connection_forgets_half_an_event(void **state)
{
	struct sse s;
	struct strbuf heard;
	static const char first[] = "id: 1\ndata: x\n\nid: 2\nevent: said\ndata: half", second[] = "data: y\n\n";
	(void)state;
	strbuf_init(&heard, 4096);
	sse_init(&s, note, &heard);
	assert_true(sse_feed(&s, first, strlen(first)));
	sse_restart(&s);
	assert_string_equal(s.last_id, "1");
	assert_true(sse_feed(&s, second, strlen(second)));
	assert_string_equal(heard.s, "[message|x][message|y]");
	assert_string_equal(s.last_id, "1");
	sse_finish(&s);
	strbuf_finish(&heard);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events_in_pieces_of_every_size),
		cmocka_unit_test(test_a_new_connection_forgets_half_an_event),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

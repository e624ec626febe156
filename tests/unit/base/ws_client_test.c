#include "base/ws_client.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "ws_peer.h"

/* What an owner hears, as text: "open hello [closed OK 1000]". */
struct owner {
	struct loop *loop;
	struct ws_peer *peer;
	struct ws *ws;
	struct strbuf heard;
	struct ws_end end;
	char why[512];
	void (*on_open)(struct owner *o);
	void (*on_message)(struct owner *o, const char *text, size_t len);
	bool keeps_quiet; /* long messages are not written down */
	unsigned messages;
	size_t bytes;
};

static void opened(void *owner)
{
	struct owner *o = owner;
	strbuf_add(&o->heard, "open");
	if (o->on_open)
		o->on_open(o);
}

static void message(void *owner, const char *text, size_t len)
{
	struct owner *o = owner;
	assert_int_equal(strlen(text), len);
	o->messages++;
	o->bytes += len;
	if (!o->keeps_quiet)
		strbuf_addf(&o->heard, " %s", text);
	if (o->on_message)
		o->on_message(o, text, len);
}

static void closed(void *owner, const struct ws_end *end)
{
	struct owner *o = owner;
	o->ws = NULL;
	o->end = *end;
	(void)text_copy(o->why, sizeof o->why, end->why);
	strbuf_addf(&o->heard, " [%s %d]", result_name(end->r), end->code);
	loop_stop(o->loop);
}

static const struct ws_handlers handlers = { opened, message, closed };

static void give_up(void *owner)
{
	(void)owner;
	fail_msg("nothing happened for 20 s");
}

static void run(struct owner *o)
{
	struct timer deadline = { 0 };
	timer_start(o->loop, &deadline, WS_PEER_DEADLINE_MS, give_up, NULL);
	loop_run(o->loop);
	timer_stop(&deadline);
}

static void begin(struct owner *o, void (*play)(struct ws_peer *p), struct ws_options q, const struct tls_identity *id)
{
	char url[64];
	struct error e;
	assert_int_equal(loop_create(&o->loop, &e), RC_OK);
	strbuf_init(&o->heard, 100000);
	o->peer = ws_peer_start(play, id);
	(void)snprintf(url, sizeof url, "%s://127.0.0.1:%u/link?ticket=s3cret", id ? "wss" : "ws", o->peer->port);
	q.url = url;
	q.user_agent = "rollcall-test/1";
	if (ws_open(o->loop, &q, &handlers, o, &o->ws, &e) != RC_OK)
		fail_msg("%s", e.text);
	assert_int_equal(o->heard.len, 0); /* never inside ws_open */
}

/* Nothing is left over, neither of ours nor of the loop's. */
static void finish(struct owner *o)
{
	ws_cancel(&o->ws);
	loop_destroy(o->loop);
	ws_peer_stop(o->peer);
	ws_peer_free(o->peer);
	strbuf_finish(&o->heard);
}

static void expect(struct owner *o, const char *heard)
{
	if (strcmp(o->heard.s, heard) != 0)
		fail_msg("heard \"%s\" (%s), expected \"%s\"", o->heard.s, o->why, heard);
}

/* ---- plays of the server ---- */

static void say_goodbye(struct ws_peer *p)
{
	ws_peer_frame(p, 0x88, "\x03\xe8", 2);
	while (ws_peer_frame_in(p) && p->opcode != 8)
		;
	p->count = p->opcode == 8;
}

static void plays_hello(struct ws_peer *p)
{
	ws_peer_welcome(p);
	ws_peer_text(p, "hello");
	say_goodbye(p);
}

static void plays_echo(struct ws_peer *p)
{
	ws_peer_welcome(p);
	while (ws_peer_frame_in(p)) {
		if (p->opcode == 8) {
			ws_peer_frame(p, 0x88, p->got, p->len);
			break;
		}
		if (p->opcode == 1)
			ws_peer_frame(p, 0x81, p->got, p->len);
	}
}

static void plays_pieces(struct ws_peer *p)
{
	static const char bytes[] = "\x01\x03hel\x89\x02hi\x00\x01l\x80\x01o\x82\x01x\x81\x05world";
	ws_peer_welcome(p);
	for (size_t i = 0; i < sizeof bytes - 1; i++)
		ws_peer_bytes(p, bytes + i, 1);
	while (ws_peer_frame_in(p) && p->opcode != 10)
		;
	p->count += p->opcode == 10 && p->len == 2 && memcmp(p->got, "hi", 2) == 0 ? 10 : 0;
	ws_peer_frame(p, 0x88, "\x03\xe9", 2);
	ws_peer_drain(p);
}

static void plays_refusal(struct ws_peer *p)
{
	static const char answer[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
	ws_peer_bytes(p, answer, sizeof answer - 1);
	ws_peer_drain(p);
}

static void plays_silence(struct ws_peer *p)
{
	ws_peer_drain(p);
}

static void plays_deaf(struct ws_peer *p)
{
	ws_peer_welcome(p);
	ws_peer_text(p, "hello");
	ws_peer_drain(p);
}

static void plays_cut(struct ws_peer *p)
{
	ws_peer_welcome(p);
	ws_peer_bytes(p, "\x81\x05hel", 5);
}

static void plays_nonsense(struct ws_peer *p)
{
	ws_peer_welcome(p);
	ws_peer_text(p, "one");
	ws_peer_bytes(p, "\x83\x00\x81\x03two", 7);
	while (ws_peer_frame_in(p) && p->opcode != 8)
		;
	const unsigned char *code = (const unsigned char *)p->got;
	p->count = p->opcode == 8 && p->len == 2 ? (unsigned)code[0] << 8 | code[1] : 0;
}

static void plays_too_much(struct ws_peer *p)
{
	ws_peer_welcome(p);
	ws_peer_frame(p, 0x81, "0123456789", 10);
	ws_peer_frame(p, 0x81, "0123456789x", 11);
	ws_peer_drain(p);
}

static void plays_trouble(struct ws_peer *p)
{
	ws_peer_welcome(p);
	ws_peer_frame(p, 0x88,
		      "\x03\xf3"
		      "try later\n",
		      12);
	ws_peer_drain(p);
}

/* ---- what an owner does ---- */

static void send_two(struct owner *o)
{
	assert_int_equal(ws_send(o->ws, "one", 3, NULL), RC_OK);
	assert_int_equal(ws_send(o->ws, "two", 3, NULL), RC_OK);
}

static void leave_after_two(struct owner *o, const char *text, size_t len)
{
	(void)len;
	if (strcmp(text, "two") == 0)
		ws_close(o->ws);
}

static void cancel_now(struct owner *o, const char *text, size_t len)
{
	(void)text;
	(void)len;
	ws_cancel(&o->ws);
	loop_stop(o->loop);
}

static void leave_at_once(struct owner *o)
{
	ws_close(o->ws);
	assert_int_equal(ws_send(o->ws, "late", 4, NULL), RC_UNREACHABLE);
}

/* ---- the tests ---- */

static void a_message_and_a_farewell(void **state)
{
	(void)state;
	struct owner o = { 0 };
	begin(&o, plays_hello, (struct ws_options){ 0 }, NULL);
	run(&o);
	expect(&o, "open hello [OK 1000]");
	assert_int_equal(o.end.status, 101);
	ws_peer_stop(o.peer);
	assert_int_equal(o.peer->count, 1); /* ours came back */
	assert_non_null(strstr(o.peer->request, "GET /link?ticket=s3cret HTTP/1.1\r\n"));
	assert_non_null(strstr(o.peer->request, "\r\nUser-Agent: rollcall-test/1\r\n"));
	assert_null(strstr(o.peer->request, "Extensions"));
	loop_destroy(o.loop);
	ws_peer_free(o.peer);
	strbuf_finish(&o.heard);
}

static void over_tls(void **state)
{
	(void)state;
	struct tls_identity authority = tls_create("authority", NULL), server = tls_create("server", &authority);
	struct tls_identity stranger = tls_create("stranger", NULL);
	const struct {
		const char *name, *ca, *heard;
	} cases[] = {
		{ "its own authority", authority.cert_pem, "open hello [OK 1000]" },
		{ "another one", stranger.cert_pem, " [UNREACHABLE 1006]" },
		{ "the system's", NULL, " [UNREACHABLE 1006]" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct owner o = { 0 };
		struct http_tls tls = { .ca_pem = cases[i].ca };
		begin(&o, plays_hello, (struct ws_options){ .tls = cases[i].ca ? &tls : NULL }, &server);
		run(&o);
		if (strcmp(o.heard.s, cases[i].heard) != 0)
			fail_msg("%s: heard \"%s\" (%s)", cases[i].name, o.heard.s, o.why);
		assert_null(strstr(o.why, "s3cret"));
		finish(&o);
	}
	tls_free(&stranger);
	tls_free(&server);
	tls_free(&authority);
}

static void large_messages_over_tls(void **state)
{
	(void)state;
	struct tls_identity authority = tls_create("authority", NULL), server = tls_create("server", &authority);
	struct http_tls tls = { .ca_pem = authority.cert_pem };
	struct owner o = { .keeps_quiet = true };
	char *big = malloc(WS_MESSAGE_BYTES_MAX + 1);
	assert_non_null(big);
	memset(big, 'x', WS_MESSAGE_BYTES_MAX);
	big[WS_MESSAGE_BYTES_MAX] = '\0';
	begin(&o, plays_echo, (struct ws_options){ .tls = &tls }, &server);
	while (!o.heard.len)
		(void)uv_run(loop_uv(o.loop), UV_RUN_ONCE);
	assert_int_equal(ws_send(o.ws, big, WS_MESSAGE_BYTES_MAX, NULL), RC_OK);
	assert_int_equal(ws_send(o.ws, "x", 1, NULL), RC_EXHAUSTED); /* that much waits already */
	while (!o.messages && o.ws)
		(void)uv_run(loop_uv(o.loop), UV_RUN_ONCE);
	assert_int_equal(o.bytes, WS_MESSAGE_BYTES_MAX);
	assert_int_equal(ws_waiting_bytes(o.ws), 0);
	ws_close(o.ws);
	run(&o);
	expect(&o, "open [OK 1000]");
	free(big);
	finish(&o);
	tls_free(&server);
	tls_free(&authority);
}

static void sent_in_order_and_left_politely(void **state)
{
	(void)state;
	struct owner o = { .on_open = send_two, .on_message = leave_after_two };
	begin(&o, plays_echo, (struct ws_options){ 0 }, NULL);
	run(&o);
	expect(&o, "open one two [OK 1000]");
	finish(&o);
}

static void pieces_pings_and_binary(void **state)
{
	(void)state;
	struct owner o = { 0 };
	begin(&o, plays_pieces, (struct ws_options){ .ping_ms = 5 }, NULL);
	run(&o);
	expect(&o, "open hello world [OK 1001]");
	ws_peer_stop(o.peer);
	assert_int_equal(o.peer->count, 10);
	loop_destroy(o.loop);
	ws_peer_free(o.peer);
	strbuf_finish(&o.heard);
}

static void what_goes_wrong_is_said(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		void (*play)(struct ws_peer *p);
		struct ws_options options;
		const char *heard, *why;
		unsigned count;
	} cases[] = {
		{ "refused", plays_refusal, { 0 }, " [REFUSED 1006]", "the WebSocket was refused with HTTP 403", 0 },
		{ "no answer",
		  plays_silence,
		  { .open_ms = 100 },
		  " [UNREACHABLE 1006]",
		  "the WebSocket was not open in time",
		  0 },
		{ "silence",
		  plays_deaf,
		  { .ping_ms = 20, .silent_ms = 100 },
		  "open hello [UNREACHABLE 1006]",
		  "the peer of the WebSocket has fallen silent",
		  0 },
		{ "cut in a frame", plays_cut, { 0 }, "open [UNREACHABLE 1006]", "closed the connection", 0 },
		{ "nonsense", plays_nonsense, { 0 }, "open one [INVALID 1006]", "a frame of an unknown kind", 1002 },
		{ "too long",
		  plays_too_much,
		  { .max_message_bytes = 10 },
		  "open 0123456789 [EXHAUSTED 1006]",
		  "a message that is too long",
		  0 },
		{ "their trouble",
		  plays_trouble,
		  { 0 },
		  "open [UNREACHABLE 1011]",
		  "the peer closed the WebSocket with 1011 try later?",
		  0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct owner o = { 0 };
		begin(&o, cases[i].play, cases[i].options, NULL);
		run(&o);
		if (strcmp(o.heard.s, cases[i].heard) != 0 || !strstr(o.why, cases[i].why))
			fail_msg("%s: heard \"%s\" (%s)", cases[i].name, o.heard.s, o.why);
		loop_destroy(o.loop);
		ws_peer_stop(o.peer);
		assert_int_equal(o.peer->count, cases[i].count);
		ws_peer_free(o.peer);
		strbuf_finish(&o.heard);
	}
}

static void cancelled_in_a_callback(void **state)
{
	(void)state;
	struct owner o = { .on_message = cancel_now };
	begin(&o, plays_deaf, (struct ws_options){ 0 }, NULL);
	run(&o);
	expect(&o, "open hello");
	finish(&o);
}

static void cancelled_before_it_began(void **state)
{
	(void)state;
	struct owner o = { 0 };
	begin(&o, plays_deaf, (struct ws_options){ 0 }, NULL);
	finish(&o);
}

/* The peer does not answer a farewell: a second is enough. */
static void left_without_an_answer(void **state)
{
	(void)state;
	struct owner o = { .on_open = leave_at_once };
	begin(&o, plays_deaf, (struct ws_options){ 0 }, NULL);
	run(&o);
	expect(&o, "open hello [OK 1006]");
	finish(&o);
}

static void closed_before_it_was_open(void **state)
{
	(void)state;
	struct owner o = { 0 };
	begin(&o, plays_silence, (struct ws_options){ 0 }, NULL);
	ws_close(o.ws);
	run(&o);
	expect(&o, " [OK 1006]");
	finish(&o);
}

static bool nobody(void *owner, const char *host, const struct sockaddr *address)
{
	(void)owner;
	(void)host;
	(void)address;
	return false;
}

static void the_egress_policy_is_asked(void **state)
{
	(void)state;
	struct owner o = { 0 };
	begin(&o, plays_hello, (struct ws_options){ .egress = nobody }, NULL);
	run(&o);
	expect(&o, " [REFUSED 1006]");
	finish(&o);
}

static void a_bad_address_is_said_at_once(void **state)
{
	(void)state;
	struct loop *l;
	struct ws *w = NULL;
	struct error e;
	const char *const evil[] = { "X: 1\r\nY: 2", NULL };
	assert_int_equal(loop_create(&l, &e), RC_OK);
	struct ws_options o = { .url = "ws://a.example/?s3cret", .user_agent = "x" };
	assert_int_equal(ws_open(l, &o, &handlers, NULL, &w, &e), RC_INVALID);
	assert_null(strstr(e.text, "s3cret"));
	o = (struct ws_options){ .url = "ws://127.0.0.1:1/", .user_agent = "x", .headers = evil };
	assert_int_equal(ws_open(l, &o, &handlers, NULL, &w, &e), RC_INVALID);
	assert_null(w);
	loop_destroy(l);
}

static void nobody_listens(void **state)
{
	(void)state;
	struct owner o = { 0 };
	struct error e;
	assert_int_equal(loop_create(&o.loop, &e), RC_OK);
	strbuf_init(&o.heard, 1000);
	struct ws_options q = { .url = "ws://127.0.0.1:1/", .user_agent = "x" };
	assert_int_equal(ws_open(o.loop, &q, &handlers, &o, &o.ws, &e), RC_OK);
	run(&o);
	expect(&o, " [UNREACHABLE 1006]");
	loop_destroy(o.loop);
	strbuf_finish(&o.heard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_and_a_farewell),
		cmocka_unit_test(over_tls),
		cmocka_unit_test(large_messages_over_tls),
		cmocka_unit_test(sent_in_order_and_left_politely),
		cmocka_unit_test(pieces_pings_and_binary),
		cmocka_unit_test(what_goes_wrong_is_said),
		cmocka_unit_test(cancelled_in_a_callback),
		cmocka_unit_test(cancelled_before_it_began),
		cmocka_unit_test(left_without_an_answer),
		cmocka_unit_test(closed_before_it_was_open),
		cmocka_unit_test(the_egress_policy_is_asked),
		cmocka_unit_test(a_bad_address_is_said_at_once),
		cmocka_unit_test(nobody_listens),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

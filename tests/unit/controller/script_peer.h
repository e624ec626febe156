#pragma once
/* An HTTP peer on the loop of the test: each request gets the next answer of a script, and is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/loop.h"

enum { SCRIPT_REQUESTS = 256, SCRIPT_BYTES = 65536 };

struct script_peer;
struct script_line { /* one connection */
	uv_tcp_t tcp;
	struct script_peer *peer;
	struct script_line *next;
	char in[SCRIPT_BYTES];
	size_t len;
	uv_write_t write;
};
/* Answers are whole: "HTTP/1.1 200 OK\r\n..."; NULL: none, the connection stays; "": it is closed. */
struct script_peer {
	uv_tcp_t tcp;
	struct loop *loop;
	struct script_line *lines;
	uint16_t port;
	char url[64];
	const char *answers[SCRIPT_REQUESTS];
	size_t answer_count, answered;
	const char *always; /* what comes after the script */
	char *requests[SCRIPT_REQUESTS];
	size_t request_count;
};

#define ANSWER(status, len, body) "HTTP/1.1 " status "\r\nContent-Length: " len "\r\n\r\n" body
#define ANSWER_200 ANSWER("200 OK", "0", "")

static inline void script_closed(uv_handle_t *h)
{
	free(h->data);
}

static inline void script_close(struct script_line *line)
{
	struct script_line **at = &line->peer->lines;
	while (*at && *at != line)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = line->next;
	uv_close((uv_handle_t *)&line->tcp, script_closed);
}

static inline size_t script_length(const char *in)
{
	const char *end = strstr(in, "\r\n\r\n");
	const char *length = strcasestr(in, "\r\ncontent-length:");
	if (!end)
		return 0;
	return (size_t)(end + 4 - in) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static inline void script_answer(struct script_line *line)
{
	struct script_peer *p = line->peer;
	const char *text = p->answered < p->answer_count ? p->answers[p->answered++] : p->always;
	if (!text)
		return;
	if (!*text) {
		script_close(line);
		return;
	}
	uv_buf_t b = uv_buf_init((char *)(uintptr_t)text, (unsigned)strlen(text));
	assert_int_equal(uv_write(&line->write, (uv_stream_t *)&line->tcp, &b, 1, NULL), 0);
}

static inline void script_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct script_line *line = s->data;
	(void)b;
	if (n < 0) {
		script_close(line);
		return;
	}
	line->len += (size_t)n;
	line->in[line->len] = '\0';
	size_t whole = script_length(line->in);
	if (!whole || line->len < whole)
		return;
	assert_true(line->peer->request_count < SCRIPT_REQUESTS);
	line->peer->requests[line->peer->request_count++] = strndup(line->in, whole);
	memmove(line->in, line->in + whole, line->len - whole + 1);
	line->len -= whole;
	script_answer(line);
}

static inline void script_room(uv_handle_t *h, size_t n, uv_buf_t *b)
{
	struct script_line *line = h->data;
	(void)n;
	*b = uv_buf_init(line->in + line->len, (unsigned)(sizeof line->in - 1 - line->len));
}

static inline void script_connected(uv_stream_t *s, int status)
{
	struct script_peer *p = s->data;
	struct script_line *line = calloc(1, sizeof *line);
	assert_int_equal(status, 0);
	assert_non_null(line);
	line->peer = p;
	line->next = p->lines;
	p->lines = line;
	assert_int_equal(uv_tcp_init(loop_uv(p->loop), &line->tcp), 0);
	line->tcp.data = line;
	assert_int_equal(uv_accept(s, (uv_stream_t *)&line->tcp), 0);
	assert_int_equal(uv_read_start((uv_stream_t *)&line->tcp, script_room, script_read), 0);
}

static inline struct script_peer *script_start(struct loop *l)
{
	struct script_peer *p = calloc(1, sizeof *p);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int len = sizeof a;
	assert_non_null(p);
	p->loop = l;
	p->always = ANSWER_200;
	assert_int_equal(uv_tcp_init(loop_uv(l), &p->tcp), 0);
	p->tcp.data = p;
	assert_int_equal(uv_tcp_bind(&p->tcp, (struct sockaddr *)&a, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *)&p->tcp, 64, script_connected), 0);
	assert_int_equal(uv_tcp_getsockname(&p->tcp, (struct sockaddr *)&a, &len), 0);
	p->port = ntohs(a.sin_port);
	(void)snprintf(p->url, sizeof p->url, "http://127.0.0.1:%u", p->port);
	return p;
}

/* Freed by the loop; its last turns are those of loop_destroy. */
static inline void script_stop(struct script_peer *p)
{
	while (p->lines)
		script_close(p->lines);
	for (size_t i = 0; i < p->request_count; i++)
		free(p->requests[i]);
	uv_close((uv_handle_t *)&p->tcp, script_closed);
}

static inline void script_say(struct script_peer *p, const char *answer)
{
	assert_true(p->answer_count < SCRIPT_REQUESTS);
	p->answers[p->answer_count++] = answer;
}

static inline const char *script_body(const struct script_peer *p, size_t n)
{
	const char *end = n < p->request_count ? strstr(p->requests[n], "\r\n\r\n") : NULL;
	return end ? end + 4 : "";
}

/* ---- waiting ---- */

static inline void script_too_late(void *owner)
{
	*(bool *)owner = true;
}

/* Turns the loop until met says so; a deadline of 20 s fails the test. */
static inline void turn_until(struct loop *l, bool (*met)(void *owner), void *owner)
{
	struct timer deadline = { 0 };
	bool late = false;
	timer_start(l, &deadline, 20000, script_too_late, &late);
	while (!met(owner) && !late)
		(void)uv_run(loop_uv(l), UV_RUN_ONCE);
	timer_stop(&deadline);
	if (late)
		fail_msg("waited too long");
}

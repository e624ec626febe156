#include "base/ws_frame.h"

#include <string.h>

#include "base/text.h"

enum { FIN = 0x80, RESERVED = 0x70, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f, LENGTH_16 = 126, LENGTH_64 = 127 };

void ws_reader_init(struct ws_reader *r, size_t max_message_bytes)
{
	*r = (struct ws_reader){ .why = "" };
	strbuf_init(&r->message, max_message_bytes);
	strbuf_init(&r->control, WS_CONTROL_MAX);
}

void ws_reader_finish(struct ws_reader *r)
{
	strbuf_finish(&r->message);
	strbuf_finish(&r->control);
}

static enum ws_event bad(struct ws_reader *r, enum ws_close_code code, const char *why)
{
	r->bad = code;
	r->why = why;
	return WS_IS_BAD;
}

/* ---- the head of a frame ---- */

static bool is_control(enum ws_opcode opcode)
{
	return opcode >= WS_CLOSE;
}

/* How many bytes the head has, as far as can be told. */
static size_t head_bytes(const struct ws_reader *r)
{
	if (r->head_len < 2)
		return 2;
	unsigned length = r->head[1] & LENGTH;
	return length == LENGTH_64 ? 10 : length == LENGTH_16 ? 4 : 2;
}

static uint64_t head_length(const struct ws_reader *r)
{
	size_t n = head_bytes(r);
	uint64_t length = 0;
	if (n == 2)
		return r->head[1] & LENGTH;
	for (size_t i = 2; i < n; i++)
		length = length << 8 | r->head[i];
	return length;
}

static const char *what_is_wrong(const struct ws_reader *r)
{
	enum ws_opcode op = r->opcode;
	if (r->head[0] & RESERVED)
		return "a frame with a reserved bit";
	if (r->head[1] & MASKED)
		return "a masked frame of a server";
	if ((op > WS_BINARY && op < WS_CLOSE) || op > WS_PONG)
		return "a frame of an unknown kind";
	if (is_control(op) && (!r->fin || r->left > WS_CONTROL_MAX))
		return "a control frame that is fragmented or too long";
	if (op == WS_CONTINUATION && r->kind == WS_CONTINUATION)
		return "a continuation of nothing";
	if ((op == WS_TEXT || op == WS_BINARY) && r->kind != WS_CONTINUATION)
		return "a message inside another";
	if ((head_bytes(r) == 4 && r->left < LENGTH_16) || (head_bytes(r) == 10 && r->left <= UINT16_MAX))
		return "a length that is not written in the shortest way";
	return NULL;
}

static enum ws_event head_complete(struct ws_reader *r)
{
	r->opcode = (enum ws_opcode)(r->head[0] & OPCODE);
	r->fin = r->head[0] & FIN;
	r->left = head_length(r);
	const char *wrong = what_is_wrong(r);
	if (wrong)
		return bad(r, WS_CODE_PROTOCOL, wrong);
	if (!is_control(r->opcode) && r->left > r->message.max - r->message.len)
		return bad(r, WS_CODE_TOO_BIG, "a message that is too long");
	if (r->opcode == WS_TEXT || r->opcode == WS_BINARY)
		r->kind = r->opcode;
	r->in_payload = true;
	return WS_NEEDS_MORE;
}

/* ---- its end ---- */

static bool close_code_allowed(unsigned code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != WS_CODE_NONE && code != WS_CODE_BROKEN) ||
	       (code >= 3000 && code <= 4999);
}

static enum ws_event control_complete(struct ws_reader *r)
{
	const struct strbuf *c = &r->control;
	r->over = true;
	if (r->opcode != WS_CLOSE)
		return r->opcode == WS_PING ? WS_GOT_PING : WS_GOT_PONG;
	const unsigned char *s = (const unsigned char *)c->s;
	if (c->len == 1 || (c->len >= 2 && !close_code_allowed((unsigned)s[0] << 8 | s[1])))
		return bad(r, WS_CODE_PROTOCOL, "a farewell without a proper code");
	if (c->len > 2 && !text_is_utf8(c->s + 2, c->len - 2))
		return bad(r, WS_CODE_NOT_UTF8, "a farewell that is not UTF-8");
	return WS_GOT_CLOSE;
}

static enum ws_event frame_complete(struct ws_reader *r)
{
	r->in_payload = false;
	r->head_len = 0;
	if (is_control(r->opcode))
		return control_complete(r);
	if (!r->fin)
		return WS_NEEDS_MORE;
	enum ws_opcode kind = r->kind;
	r->kind = WS_CONTINUATION;
	r->over = true;
	if (kind == WS_BINARY)
		return WS_GOT_BINARY;
	if (!text_is_utf8(r->message.s, r->message.len))
		return bad(r, WS_CODE_NOT_UTF8, "a text that is not UTF-8");
	return WS_GOT_TEXT;
}

/* ---- reading ---- */

static void drop_what_was_read(struct ws_reader *r)
{
	strbuf_clear(&r->control);
	if (r->over && r->kind == WS_CONTINUATION)
		strbuf_clear(&r->message);
	r->over = false;
}

static enum ws_event read_head(struct ws_reader *r, const char **at, size_t *len)
{
	r->head[r->head_len++] = (unsigned char)**at;
	(*at)++;
	(*len)--;
	return r->head_len < 2 || r->head_len < head_bytes(r) ? WS_NEEDS_MORE : head_complete(r);
}

static enum ws_event read_payload(struct ws_reader *r, const char **at, size_t *len)
{
	size_t n = r->left < *len ? (size_t)r->left : *len;
	struct strbuf *to = is_control(r->opcode) ? &r->control : &r->message;
	strbuf_addn(to, *at, n);
	if (to->overflow)
		return bad(r, WS_CODE_TOO_BIG, "a message that is too long for the memory there is");
	*at += n;
	*len -= n;
	r->left -= n;
	return r->left ? WS_NEEDS_MORE : frame_complete(r);
}

enum ws_event ws_read(struct ws_reader *r, const char **at, size_t *len)
{
	if (r->bad)
		return WS_IS_BAD;
	if (r->over)
		drop_what_was_read(r);
	while (*len || (r->in_payload && !r->left)) {
		enum ws_event event = r->in_payload ? read_payload(r, at, len) : read_head(r, at, len);
		if (event != WS_NEEDS_MORE)
			return event;
	}
	return WS_NEEDS_MORE;
}

enum ws_close_code ws_close_of(const struct ws_reader *r, const char **ret_reason)
{
	const unsigned char *s = (const unsigned char *)r->control.s;
	*ret_reason = r->control.len > 2 ? r->control.s + 2 : "";
	return r->control.len < 2 ? WS_CODE_NONE : (enum ws_close_code)((unsigned)s[0] << 8 | s[1]);
}

/* ---- writing ---- */

void ws_frame_add(struct strbuf *b, enum ws_opcode opcode, const void *payload, size_t len,
		  const unsigned char mask[WS_MASK_BYTES])
{
	unsigned char head[WS_HEAD_BYTES_MAX] = { (unsigned char)(FIN | opcode) };
	size_t extra = len < LENGTH_16 ? 0 : len <= UINT16_MAX ? 2 : 8;
	head[1] = (unsigned char)(MASKED | (extra == 0 ? len : extra == 2 ? LENGTH_16 : LENGTH_64));
	for (size_t i = 0; i < extra; i++)
		head[2 + i] = (unsigned char)((uint64_t)len >> (8 * (extra - 1 - i)));
	strbuf_addn(b, (const char *)head, 2 + extra);
	strbuf_addn(b, (const char *)mask, WS_MASK_BYTES);
	size_t from = b->len;
	strbuf_addn(b, payload, len);
	for (size_t i = 0; !b->overflow && i < len; i++)
		b->s[from + i] = (char)((unsigned char)b->s[from + i] ^ mask[i % WS_MASK_BYTES]);
}

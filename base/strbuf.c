#include "base/strbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static char empty[1] = ""; /* what s points to while nothing is owned (cap 0) */

void strbuf_init(struct strbuf *b, size_t max_bytes)
{
	*b = (struct strbuf){ .s = empty, .max = max_bytes < SIZE_MAX ? max_bytes : SIZE_MAX - 1 };
}

void strbuf_finish(struct strbuf *b)
{
	if (b->cap)
		free(b->s);
	strbuf_init(b, b->max);
}

void strbuf_clear(struct strbuf *b)
{
	b->len = 0;
	b->overflow = false;
	if (b->cap)
		b->s[0] = '\0';
}

/* Room for more bytes and the NUL. */
static bool reserve(struct strbuf *b, size_t more)
{
	if (b->overflow)
		return false;
	if (more > b->max - b->len) {
		b->overflow = true;
		return false;
	}
	size_t need = b->len + more + 1;
	if (need <= b->cap)
		return true;
	size_t cap = b->cap < 64 ? 64 : b->cap <= SIZE_MAX / 2 ? b->cap * 2 : SIZE_MAX;
	if (cap > b->max + 1)
		cap = b->max + 1;
	if (cap < need)
		cap = need;
	char *s = realloc(b->cap ? b->s : NULL, cap);
	if (!s) {
		b->overflow = true;
		return false;
	}
	s[b->len] = '\0';
	b->s = s;
	b->cap = cap;
	return true;
}

void strbuf_addn(struct strbuf *b, const char *s, size_t len)
{
	if (!len || !reserve(b, len))
		return;
	memcpy(b->s + b->len, s, len);
	b->len += len;
	b->s[b->len] = '\0';
}

void strbuf_add(struct strbuf *b, const char *s)
{
	strbuf_addn(b, s, strlen(s));
}

void strbuf_addc(struct strbuf *b, char c)
{
	strbuf_addn(b, &c, 1);
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	if (b->overflow)
		return;
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	size_t room = b->cap ? b->cap - b->len : 0;
	int n = vsnprintf(room ? b->s + b->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		b->overflow = true;
	else if ((size_t)n < room && (size_t)n <= b->max - b->len)
		b->len += (size_t)n;
	else if (reserve(b, (size_t)n)) {
		vsnprintf(b->s + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	if (b->cap)
		b->s[b->len] = '\0';
	va_end(again);
}

/* An append of several pieces is all or nothing. */
static void roll_back(struct strbuf *b, size_t len)
{
	if (!b->overflow)
		return;
	b->len = len;
	if (b->cap)
		b->s[len] = '\0';
}

static void add_escape(struct strbuf *b, unsigned char c)
{
	static const char short_forms[][2] = { { '"', '"' },  { '\\', '\\' }, { '\b', 'b' }, { '\f', 'f' },
					       { '\n', 'n' }, { '\r', 'r' },  { '\t', 't' } };
	for (size_t i = 0; i < sizeof short_forms / sizeof *short_forms; i++)
		if (short_forms[i][0] == (char)c) {
			strbuf_addn(b, (char[]){ '\\', short_forms[i][1] }, 2);
			return;
		}
	strbuf_addf(b, "\\u%04x", c);
}

/* Bytes from s on that need no escape, whatever the flavour: they are copied in one piece. */
static size_t plain_run(const char *s)
{
	size_t n = 0;
	for (unsigned char c; (c = (unsigned char)s[n]) >= 0x20 && c < 0x7f; n++)
		if (strchr("\"\\<>&", c))
			break;
	return n;
}

static void add_json(struct strbuf *b, const char *s, bool go)
{
	size_t start = b->len, left = strlen(s);
	strbuf_addc(b, '"');
	while (left && !b->overflow) {
		unsigned char c = (unsigned char)*s;
		size_t n = plain_run(s);
		if (n) {
			strbuf_addn(b, s, n);
		} else if (c < 0x80) {
			n = 1;
			if (c < 0x20 || c == '"' || c == '\\' || (go ? c != 0x7f : c == 0x7f))
				add_escape(b, c);
			else
				strbuf_addc(b, (char)c);
		} else if (!(n = text_utf8_step(s, left))) {
			n = 1;
			strbuf_add(b, go ? "\\ufffd" : "\xef\xbf\xbd");
		} else if (!go && n == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0) {
			add_escape(b, (unsigned char)s[1]); /* to some terminals U+0080 to U+009F are commands */
		} else if (go && n == 3 && (!memcmp(s, "\xe2\x80\xa8", 3) || !memcmp(s, "\xe2\x80\xa9", 3))) {
			strbuf_add(b, s[2] == '\xa8' ? "\\u2028" : "\\u2029");
		} else {
			strbuf_addn(b, s, n);
		}
		s += n;
		left -= n;
	}
	strbuf_addc(b, '"');
	roll_back(b, start);
}

void strbuf_add_json(struct strbuf *b, const char *utf8)
{
	add_json(b, utf8, false);
}

void strbuf_add_json_go(struct strbuf *b, const char *utf8)
{
	add_json(b, utf8, true);
}

void strbuf_add_urlencoded(struct strbuf *b, const char *s, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t start = b->len;
	for (size_t i = 0; i < len && !b->overflow; i++) {
		unsigned char c = (unsigned char)s[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool kept = letter || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
		if (kept)
			strbuf_addc(b, (char)c);
		else
			strbuf_addn(b, (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3);
	}
	roll_back(b, start);
}

char *strbuf_take(struct strbuf *b)
{
	char *s = NULL;
	if (b->overflow)
		strbuf_finish(b);
	else
		s = b->cap ? b->s : calloc(1, 1);
	strbuf_init(b, b->max);
	return s;
}

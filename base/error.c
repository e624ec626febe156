#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define X(id) [RC_##id] = #id,
static const char *const result_names[RC_COUNT] = { RESULTS(X) };
#undef X

const char *result_name(enum result r)
{
	return (unsigned)r < RC_COUNT ? result_names[r] : "UNKNOWN";
}

/* A text that was cut must not end inside a UTF-8 sequence: errors travel to chats and into JSON. */
static void drop_half_character(char *text, size_t len)
{
	size_t start = len;
	while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	unsigned char lead = (unsigned char)text[start - 1];
	size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (want > len - start + 1)
		text[start - 1] = '\0';
}

/* Bytes of text after appending to the len bytes that are there; cut at the end when there is no room. */
static size_t append(char *text, size_t size, size_t len, const char *more)
{
	size_t n = strlen(more), room = size - 1 - len;
	size_t kept = n < room ? n : room;
	memcpy(text + len, more, kept);
	text[len + kept] = '\0';
	if (kept < n)
		drop_half_character(text, len + kept);
	return len + kept;
}

static size_t format(char *text, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(text, size, fmt, ap);
	if (n < 0)
		return append(text, size, 0, fmt);
	if ((size_t)n < size)
		return (size_t)n;
	drop_half_character(text, size - 1);
	return size - 1;
}

enum result error_set(struct error *e, enum result code, const char *fmt, ...)
{
	assert(code != RC_OK);
	if (!e)
		return code;
	char text[sizeof e->text]; /* an argument may be the text that is replaced */
	va_list ap;
	va_start(ap, fmt);
	format(text, sizeof text, fmt, ap);
	va_end(ap);
	append(e->text, sizeof e->text, 0, text);
	e->code = code;
	return code;
}

enum result error_in(struct error *e, enum result code, const char *fmt, ...)
{
	assert(code != RC_OK);
	if (!e)
		return code;
	char text[sizeof e->text];
	va_list ap;
	va_start(ap, fmt);
	size_t len = format(text, sizeof text, fmt, ap);
	va_end(ap);
	len = append(text, sizeof text, len, ": ");
	append(text, sizeof text, len, e->text);
	append(e->text, sizeof e->text, 0, text);
	e->code = code;
	return code;
}

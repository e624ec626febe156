#include "bot/cards/clean.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

#define ELLIPSIS "…"
#define REPLACEMENT "\xef\xbf\xbd"

static uint32_t code_point(const char *s, size_t len)
{
	const unsigned char *b = (const unsigned char *)s;
	static const unsigned char lead[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = b[0] & lead[len];
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (b[i] & 0x3fu);
	return c;
}

/* Breaks the line or moves the pen: becomes a blank. */
static bool is_blank(uint32_t c)
{
	return c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

/* Cannot be seen, or changes how its neighbours are seen. */
static bool is_unseen(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

/* Cleaned but not shortened; NULL: the arena is full. */
static char *cleaned(struct arena *a, const char *s, size_t len, bool keep_lines)
{
	char *out = arena_alloc(a, len + 1, strlen(REPLACEMENT));
	if (!out)
		return NULL;
	size_t n = 0;
	for (const char *end = s + len; s < end;) {
		size_t step = text_utf8_step(s, (size_t)(end - s));
		uint32_t c = step ? code_point(s, step) : 0xfffd;
		if (!step)
			memcpy(out + n, REPLACEMENT, 3), n += 3;
		else if (keep_lines && c == '\n')
			out[n++] = '\n';
		else if (is_blank(c))
			out[n++] = ' ';
		else if (!is_unseen(c))
			memcpy(out + n, s, step), n += step;
		s += step ? step : 1;
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return out;
}

size_t clean_chars(const char *utf8)
{
	size_t n = 0;
	for (; *utf8; utf8++)
		n += ((unsigned char)*utf8 & 0xc0) != 0x80;
	return n;
}

/* Only so much of a text is looked at: what is longer is shortened anyway. */
static size_t looked_at(const char *s, size_t max_chars)
{
	return strnlen(s, max_chars * 16 + 64);
}

static const char *shortened(struct arena *a, char *text, size_t max_chars)
{
	if (clean_chars(text) <= max_chars)
		return text;
	char *cut = arena_printf(a, "%.*s" ELLIPSIS, (int)text_prefix(text, max_chars - 1), text);
	return cut ? cut : "";
}

const char *clean(struct arena *a, const char *s, size_t max_chars)
{
	s = s ? s : "";
	char *text = cleaned(a, s, looked_at(s, max_chars), false);
	return text ? shortened(a, text, max_chars) : "";
}

const char *clean_lines(struct arena *a, const char *s, size_t max_chars)
{
	s = s ? s : "";
	char *text = cleaned(a, s, looked_at(s, max_chars), true);
	return text ? shortened(a, text, max_chars) : "";
}

const char *clean_middle(struct arena *a, const char *s, size_t max_chars)
{
	s = s ? s : "";
	char *text = cleaned(a, s, strlen(s), false);
	size_t chars = text ? clean_chars(text) : 0;
	if (chars <= max_chars)
		return text ? text : "";
	size_t head = (max_chars - 1) / 2, tail = max_chars - 1 - head;
	const char *rest = text + text_prefix(text, chars - tail);
	char *cut = arena_printf(a, "%.*s" ELLIPSIS "%s", (int)text_prefix(text, head), text, rest);
	return cut ? cut : "";
}

const char *clean_time(struct arena *a, struct wall_ms t, struct wall_ms now)
{
	if (t.v <= 0)
		return "";
	char at[32], today[32];
	wall_print(t, at); /* 2026-11-24T21:58:22Z */
	wall_print(now, today);
	bool same_day = strncmp(at, today, 10) == 0;
	char *text = same_day ? arena_printf(a, "%.8s UTC", at + 11) : arena_printf(a, "%.10s %.5s UTC", at, at + 11);
	return text ? text : "";
}

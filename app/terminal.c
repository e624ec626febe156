#include "app/terminal.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/text.h"

void terminal_prepare(void)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8"); /* missing: everything is one column wide */
}

bool terminal_is_live(void)
{
	const char *term = getenv("TERM");
	return isatty(STDOUT_FILENO) && !text_empty(term) && !text_eq(term, "dumb");
}

bool terminal_has_color(void)
{
	return terminal_is_live() && text_empty(getenv("NO_COLOR"));
}

void terminal_size(size_t *ret_columns, size_t *ret_rows)
{
	struct winsize w = { 0 };
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col && w.ws_row;
	*ret_columns = known ? w.ws_col : 80;
	*ret_rows = known ? w.ws_row : 24;
}

/* ---- widths ---- */

/* Bytes of the escape sequence (CSI ... letter) that s starts with; 0: none. */
static size_t escape_bytes(const char *s)
{
	if (s[0] != '\033' || s[1] != '[')
		return 0;
	size_t n = 2 + strspn(s + 2, "0123456789;?");
	return s[n] ? n + 1 : n;
}

static wchar_t decode(const char *s, size_t n)
{
	static const unsigned char first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned long c = (unsigned char)s[0] & first[n];
	for (size_t i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3f);
	return (wchar_t)c;
}

/* The next character: its bytes, and its columns. Bytes that are no UTF-8 are one column each. */
static size_t step(const char *s, size_t *ret_columns)
{
	size_t n = text_utf8_step(s, strnlen(s, 4));
	int w = n ? wcwidth(decode(s, n)) : 1;
	*ret_columns = w < 0 ? 1 : (size_t)w;
	return n ? n : 1;
}

size_t terminal_width(const char *utf8)
{
	size_t width = 0, columns;
	while (*utf8) {
		size_t n = escape_bytes(utf8);
		if (!n) {
			n = step(utf8, &columns);
			width += columns;
		}
		utf8 += n;
	}
	return width;
}

void terminal_add_cut(struct strbuf *b, const char *text, size_t columns)
{
	bool whole = terminal_width(text) <= columns, full = false;
	size_t room = whole ? columns : columns ? columns - 1 : 0, used = 0, w;
	while (*text) {
		size_t n = escape_bytes(text);
		if (n) {
			strbuf_addn(b, text, n);
		} else {
			n = step(text, &w);
			if (!full && used + w > room) {
				full = true;
				strbuf_add(b, columns ? "…" : "");
			}
			if (!full)
				strbuf_addn(b, text, n);
			used += w;
		}
		text += n;
	}
}

/* LRE, RLE, PDF, LRO, RLO, LRI, RLI, FSI, PDI, LRM, RLM, ALM, and line separators */
static bool turns_writing(wchar_t c)
{
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f ||
	       c == 0x061c || c == 0x2028 || c == 0x2029;
}

void terminal_add_foreign(struct strbuf *b, const char *text)
{
	while (*text) {
		size_t n = text_utf8_step(text, strnlen(text, 4));
		wchar_t c = n ? decode(text, n) : 0;
		if (!n || c < 0x20 || (c >= 0x7f && c < 0xa0) || turns_writing(c))
			strbuf_addc(b, '?');
		else
			strbuf_addn(b, text, n);
		text += n ? n : 1;
	}
}

/* ---- colours ---- */

const char *tone_escape(enum tone t)
{
	static const char *const escapes[] = {
		[TONE_PLAIN] = "",         [TONE_GOOD] = "\033[32m",  [TONE_BAD] = "\033[31m",
		[TONE_WAITS] = "\033[33m", [TONE_MOVES] = "\033[36m", [TONE_FAINT] = "\033[2m",
		[TONE_STRONG] = "\033[1m",
	};
	return escapes[t];
}

enum tone phase_tone(const char *phase)
{
	static const struct {
		const char *phase;
		enum tone tone;
	} tones[] = {
		{ "Succeeded", TONE_GOOD },  { "Initialized", TONE_GOOD },       { "Failed", TONE_BAD },
		{ "Waiting", TONE_WAITS },   { "WaitingPromotion", TONE_WAITS }, { "Progressing", TONE_MOVES },
		{ "Promoting", TONE_MOVES }, { "Finalising", TONE_MOVES },       { "Initializing", TONE_MOVES },
	};
	for (size_t i = 0; i < sizeof tones / sizeof *tones; i++)
		if (text_eq(phase, tones[i].phase))
			return tones[i].tone;
	return TONE_PLAIN;
}

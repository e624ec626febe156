#pragma once
/* What is known of the terminal: its size, whether it has colours, how wide a text stands on it. */
#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* Widths need the character classes of UTF-8: once, at start. */
void terminal_prepare(void);
/* Is standard output a terminal that can be painted on? */
bool terminal_is_live(void);
/* The same, and colour is wanted: NO_COLOR is not set. */
bool terminal_has_color(void);
/* Of standard output; 80 x 24 when it is none. */
void terminal_size(size_t *ret_columns, size_t *ret_rows);

/* Columns that a text takes; escapes take none, wide characters (CJK, emoji) two. */
size_t terminal_width(const char *utf8);
/* Adds as much of text as fits into so many columns, with "…" where it was cut; escapes are kept, so that colours end.
 */
void terminal_add_cut(struct strbuf *b, const char *text, size_t columns);
/* Foreign text: control characters, which could move the cursor or forge a line, and those that turn the direction of
 * writing become '?'. */
void terminal_add_foreign(struct strbuf *b, const char *text);

enum tone { TONE_PLAIN, TONE_GOOD, TONE_BAD, TONE_WAITS, TONE_MOVES, TONE_FAINT, TONE_STRONG };
#define TONE_END "\033[0m"
const char *tone_escape(enum tone t); /* "" for TONE_PLAIN */
enum tone phase_tone(const char *phase);

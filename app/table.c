#include "app/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/terminal.h"
#include "base/strbuf.h"

/* A character has four bytes at most; escapes are no part of a cell. */
enum { CELL_COLUMNS_MAX = TABLE_CELL / 4 - 1, CELL_BYTES_MAX = 1 << 20 };

void table_init(struct table *t, size_t columns)
{
	*t = (struct table){ .columns = columns };
}

static bool grow(struct table *t)
{
	size_t cap = t->cap ? t->cap * 2 : TABLE_COLUMNS * 16;
	void *cells = reallocarray(t->cells, cap, sizeof *t->cells);
	if (!cells)
		return false;
	t->cells = cells;
	t->cap = cap;
	return true;
}

void table_add(struct table *t, const char *text)
{
	struct strbuf clean, cut;
	if (t->count == t->cap && !grow(t)) {
		t->failed = true;
		return;
	}
	strbuf_init(&clean, CELL_BYTES_MAX);
	strbuf_init(&cut, TABLE_CELL - 1);
	terminal_add_foreign(&clean, text);
	terminal_add_cut(&cut, clean.s, CELL_COLUMNS_MAX);
	memcpy(t->cells[t->count], cut.s, cut.len + 1);
	t->failed = t->failed || clean.overflow || cut.overflow;
	t->count++;
	strbuf_finish(&clean);
	strbuf_finish(&cut);
}

void table_print(struct table *t)
{
	size_t widths[TABLE_COLUMNS] = { 0 };
	bool colors = terminal_has_color();
	for (size_t i = 0; i < t->count; i++) {
		size_t w = terminal_width(t->cells[i]);
		if (w > widths[i % t->columns])
			widths[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->count && !t->failed; i++) {
		const char *color = colors ? tone_escape(phase_tone(t->cells[i])) : "";
		bool last = i % t->columns == t->columns - 1;
		printf("%s%s%s", color, t->cells[i], *color ? TONE_END : "");
		printf("%*s", last ? 0 : (int)(widths[i % t->columns] - terminal_width(t->cells[i]) + 3), "");
		if (last)
			putchar('\n');
	}
	if (t->failed)
		fputs("rollcall: no memory\n", stderr);
	free(t->cells);
	t->cells = NULL;
}

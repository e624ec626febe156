#include "app/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

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
	if (t->count == t->cap && !grow(t)) {
		t->failed = true;
		return;
	}
	char *cell = t->cells[t->count++];
	size_t len = strlen(text);
	if (len >= TABLE_CELL)
		len = text_prefix(text, TABLE_CELL / 4); /* whole characters, of four bytes at most */
	memcpy(cell, text, len);
	cell[len] = '\0';
	for (char *p = cell; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

/* Code points: what stands in a table here is Latin. */
static size_t width_of(const char *cell)
{
	size_t n = 0;
	for (; *cell; cell++)
		n += ((unsigned char)*cell & 0xc0) != 0x80;
	return n;
}

bool terminal_has_color(void)
{
	return isatty(STDOUT_FILENO) && text_empty(getenv("NO_COLOR")) && !text_eq(getenv("TERM"), "dumb");
}

const char *phase_color(const char *phase)
{
	static const struct {
		const char *phase, *escape;
	} colors[] = {
		{ "Succeeded", "\033[32m" }, { "Initialized", "\033[32m" },      { "Failed", "\033[31m" },
		{ "Waiting", "\033[33m" },   { "WaitingPromotion", "\033[33m" }, { "Progressing", "\033[34m" },
		{ "Promoting", "\033[34m" }, { "Finalising", "\033[34m" },
	};
	for (size_t i = 0; terminal_has_color() && i < sizeof colors / sizeof *colors; i++)
		if (text_eq(phase, colors[i].phase))
			return colors[i].escape;
	return "";
}

void table_print(struct table *t)
{
	size_t widths[TABLE_COLUMNS] = { 0 };
	for (size_t i = 0; i < t->count; i++) {
		size_t w = width_of(t->cells[i]);
		if (w > widths[i % t->columns])
			widths[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->count && !t->failed; i++) {
		const char *color = phase_color(t->cells[i]);
		bool last = i % t->columns == t->columns - 1;
		printf("%s%s%s", color, t->cells[i], *color ? "\033[0m" : "");
		printf("%*s", last ? 0 : (int)(widths[i % t->columns] - width_of(t->cells[i]) + 3), "");
		if (last)
			putchar('\n');
	}
	if (t->failed)
		fputs("rollcall: no memory\n", stderr);
	free(t->cells);
	t->cells = NULL;
}

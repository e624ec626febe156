#pragma once
/* Columns for a terminal. */
#include <stdbool.h>
#include <stddef.h>

enum { TABLE_COLUMNS = 10, TABLE_CELL = 484 };
struct table {
	char (*cells)[TABLE_CELL];  /* owned; rows of columns */
	size_t columns, count, cap; /* of cells */
	bool failed;                /* no memory */
};
void table_init(struct table *t, size_t columns);
/* Foreign text: control characters become '?'; longer than a cell is cut. A cell that is the name of a phase has its
 * colour on a terminal. */
void table_add(struct table *t, const char *text);
void table_print(struct table *t); /* the first row is the head; frees */

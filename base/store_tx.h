#pragma once
/* What is submitted to the writer: a transaction's statements, or one reading. Only store*.c includes this. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/store.h"
#include "base/store_db.h"

struct store_statement;

/* Built on the loop thread, run on the writer, delivered and freed on the loop thread; one thread at a time. */
struct store_tx {
	struct store *store; /* borrowed */
	struct store_tx *next;
	struct arena *arena; /* owned: statements and their values */
	struct store_statement *first, **end;
	store_done *done;
	store_rows *rows; /* not NULL: a reading */
	void *owner;
	enum result result;
	bool unbuilt; /* refused before it ran: only delivered */
	struct error why;
	bool sick;  /* failed with an error of disk or file */
	bool wrote; /* changed a row at least */
	char *json; /* owned: the rows of a reading */
};

struct store_tx *store_tx_create(struct store *s);
/* Frees the arguments of its steps; on the loop thread. */
void store_tx_destroy(struct store_tx *tx);
void store_tx_add(struct store_tx *tx, const char *sql, const char *types, va_list values);
/* Runs the statements inside the open transaction; undoing is the caller's. */
void store_tx_run(struct store_tx *tx, struct store_db *db);
void store_tx_read(struct store_tx *tx, struct store_db *db);
/* Takes over the connection's last error. */
void store_tx_fail(struct store_tx *tx, struct store_db *db);

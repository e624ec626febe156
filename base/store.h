#pragma once
/* SQLite behind one writer thread: WAL, synchronous=FULL, transactions that wait at the same time are committed as one
 * group. The loop thread never touches the disk after start. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/loop.h"

struct store;
struct store_tx; /* statements gathered on the loop thread, run together or not at all */

struct store_migration {  /* applied in order; PRAGMA user_version counts them across all rooms */
	const char *room; /* "approvals": version rows are kept per room in table schema_rooms */
	int version;      /* from 1, without gaps */
	const char *sql;
};
/* Runs once on the loop thread, after commit (RC_OK) or when nothing of it was stored. */
typedef void store_done(void *owner, enum result r, const struct error *why);
/* Runs on the writer thread inside the transaction; anything but RC_OK undoes this transaction alone. Touches only db
 * and arg; must neither begin nor end a transaction. It runs a second time when the commit of its group failed. */
typedef enum result store_step(sqlite3 *db, void *arg, struct error *e);

/* path ":memory:" is fine for tests. Locks path.lock: a second instance gets RC_CONFLICT that names the pid of the
 * first. A corrupt file is RC_INVALID and says how to restore. migrations end with a NULL room and are
 * applied all or none; a file that a newer program wrote is RC_INVALID. */
MUST_CHECK enum result store_open(struct loop *l, const char *path, const struct store_migration *migrations,
				  struct store **ret, struct error *e);
/* Finishes what was submitted, then frees; closed (may be NULL) runs on the loop thread, after every store_done.
 * Nothing may be submitted after it. */
void store_close(struct store *s, loop_fn *closed, void *owner);

/* NULL: no memory (every function below takes it; store_submit of NULL calls done with RC_EXHAUSTED at once, so that no
 * check is needed). */
struct store_tx *store_begin(struct store *s);
/* types: one letter an argument: s text (const char *, NULL is SQL NULL), i int64_t, b blob (const void *, size_t).
 * Copied. One statement; rows that it gives are ignored. */
void store_exec(struct store_tx *tx, const char *sql, const char *types, ...);
/* arg is freed with arg_free (may be NULL) after the transaction is over, on the loop thread, after done. */
void store_call(struct store_tx *tx, store_step *step, void *arg, void (*arg_free)(void *arg));
/* Takes tx. done may be NULL; it comes in the order of submissions. RC_CONFLICT: a constraint failed; RC_EXHAUSTED:
 * disk, memory, or too many transactions wait; RC_UNREACHABLE: another process keeps the database locked; RC_INVALID:
 * bad SQL; or what a step returned. */
void store_submit(struct store_tx *tx, store_done *done, void *owner);
void store_abandon(struct store_tx *tx); /* NULL is fine */

/* Reading at start, before the loop runs: synchronous, and blind for what is submitted and not yet done. row (which
 * must not call the store) gets the statement positioned on a row; false stops. */
MUST_CHECK enum result store_load(struct store *s, const char *sql, bool (*row)(void *owner, sqlite3_stmt *st),
				  void *owner, struct error *e);
/* Reading later: runs on the writer thread, after all that was submitted before, with a JSON array of row objects as
 * the result (at most 4 MiB). */
typedef void store_rows(void *owner, enum result r, const char *json_array, const struct error *why);
void store_read(struct store *s, const char *sql, const char *types, store_rows *done, void *owner, ...);
/* True while the last transaction failed for want of space or with an I/O error: approvals are refused then (law 5).
 * The store tries a small write of its own every 2 s until one succeeds. */
bool store_unwell(const struct store *s);
/* Groups committed since the store was opened. */
uint64_t store_commits(const struct store *s);

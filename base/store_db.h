#pragma once
/* The SQLite connection behind the store: opening (lock, check, migrations), a small cache of prepared statements, and
 * what its errors mean. One thread at a time. Only store*.c includes this. */
#include <stdint.h>

#include <sqlite3.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/store.h"
#include "base/strbuf.h"

enum { STORE_CACHED_STATEMENTS = 32 };

struct store_db {
	sqlite3 *sqlite;
	int lock_fd; /* -1: none */
	struct {
		sqlite3_stmt *statement;
		uint64_t used; /* the smallest is evicted */
	} cache[STORE_CACHED_STATEMENTS];
	uint64_t uses;
};

MUST_CHECK enum result store_db_open(const char *path, const struct store_migration *migrations, struct store_db **ret,
				     struct error *e);
void store_db_close(struct store_db *db);
DEFINE_CLEANUP(struct store_db, store_db_close)

/* What the last failure of the connection means. */
enum result store_db_failure(struct store_db *db, struct error *e);
/* Is this primary result code one of a sick disk or file? */
bool store_db_is_sick(int code);
/* A single statement, ready to bind; goes back by store_db_release and stays the cache's. */
MUST_CHECK enum result store_db_prepare(struct store_db *db, const char *sql, sqlite3_stmt **ret, struct error *e);
void store_db_release(sqlite3_stmt *statement);
/* A fixed statement without arguments; rows are ignored. */
MUST_CHECK enum result store_db_run(struct store_db *db, const char *sql, struct error *e);
/* Back to no transaction, whatever is open. */
void store_db_undo(struct store_db *db);
/* Appends the current row as a JSON object: blobs as base64. */
void store_db_row_json(sqlite3_stmt *statement, struct strbuf *out);

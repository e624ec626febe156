#include "base/store_db.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

bool store_db_is_sick(int code)
{
	switch (code) {
	case SQLITE_FULL:
	case SQLITE_IOERR:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return true;
	default:
		return false;
	}
}

enum result store_db_failure(struct store_db *db, struct error *e)
{
	const char *what = sqlite3_errmsg(db->sqlite);
	switch (sqlite3_errcode(db->sqlite) & 0xff) {
	case SQLITE_CONSTRAINT:
		return error_set(e, RC_CONFLICT, "%s", what);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(e, RC_UNREACHABLE, "another process keeps the database busy: %s", what);
	case SQLITE_FULL:
		return error_set(e, RC_EXHAUSTED, "no space left for the database: %s", what);
	case SQLITE_IOERR:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return error_set(e, RC_EXHAUSTED, "the database cannot be written: %s", what);
	case SQLITE_NOMEM:
	case SQLITE_TOOBIG:
		return error_set(e, RC_EXHAUSTED, "%s", what);
	default:
		return error_set(e, RC_INVALID, "%s", what);
	}
}

static bool is_blank(const char *s)
{
	return s[strspn(s, " \t\r\n;")] == '\0';
}

static enum result prepare(struct store_db *db, const char *sql, sqlite3_stmt **ret, struct error *e)
{
	const char *rest = NULL;
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v3(db->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, &rest) != SQLITE_OK)
		return store_db_failure(db, e);
	if (!statement || !is_blank(rest)) {
		(void)sqlite3_finalize(statement);
		return error_set(e, RC_INVALID, "expected one SQL statement: %.80s", sql);
	}
	*ret = statement;
	return RC_OK;
}

enum result store_db_prepare(struct store_db *db, const char *sql, sqlite3_stmt **ret, struct error *e)
{
	size_t oldest = 0;
	for (size_t i = 0; i < STORE_CACHED_STATEMENTS; i++) {
		sqlite3_stmt *known = db->cache[i].statement;
		if (known && strcmp(sqlite3_sql(known), sql) == 0) {
			db->cache[i].used = ++db->uses;
			*ret = known;
			return RC_OK;
		}
		if (db->cache[i].used < db->cache[oldest].used)
			oldest = i;
	}
	sqlite3_stmt *statement = NULL;
	enum result r = prepare(db, sql, &statement, e);
	if (r != RC_OK)
		return r;
	(void)sqlite3_finalize(db->cache[oldest].statement);
	db->cache[oldest].statement = statement;
	db->cache[oldest].used = ++db->uses;
	*ret = statement;
	return RC_OK;
}

void store_db_release(sqlite3_stmt *statement)
{
	(void)sqlite3_reset(statement); /* repeats the error of the last step, which was reported then */
	(void)sqlite3_clear_bindings(statement);
}

enum result store_db_run(struct store_db *db, const char *sql, struct error *e)
{
	if (sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
		return store_db_failure(db, e);
	return RC_OK;
}

/* SQLite rolls back by itself after some errors; a second time would be an error. A failure leaves nothing to be done:
 * the next BEGIN fails and says so. */
void store_db_undo(struct store_db *db)
{
	if (!sqlite3_get_autocommit(db->sqlite))
		(void)sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
}

static void add_blob(sqlite3_stmt *statement, int column, struct strbuf *out)
{
	const void *bytes = sqlite3_column_blob(statement, column);
	CLEANUP(free_p)
	char *text = text_base64(bytes ? bytes : "", (size_t)sqlite3_column_bytes(statement, column), false);
	if (text)
		strbuf_add_json(out, text);
	else
		out->overflow = true;
}

static void add_value(sqlite3_stmt *statement, int column, struct strbuf *out)
{
	char number[32];
	double d;
	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_INTEGER:
		strbuf_addf(out, "%lld", (long long)sqlite3_column_int64(statement, column));
		break;
	case SQLITE_FLOAT:
		d = sqlite3_column_double(statement, column);
		text_from_double(d, number);
		strbuf_add(out, isfinite(d) ? number : "null"); /* JSON has no infinity */
		break;
	case SQLITE_TEXT:
		strbuf_add_json(out, (const char *)sqlite3_column_text(statement, column));
		break;
	case SQLITE_BLOB:
		add_blob(statement, column, out);
		break;
	default:
		strbuf_add(out, "null");
	}
}

void store_db_row_json(sqlite3_stmt *statement, struct strbuf *out)
{
	int columns = sqlite3_column_count(statement);
	for (int i = 0; i < columns; i++) {
		strbuf_addc(out, i ? ',' : '{');
		strbuf_add_json(out, sqlite3_column_name(statement, i));
		strbuf_addc(out, ':');
		add_value(statement, i, out);
	}
	strbuf_addc(out, '}');
}

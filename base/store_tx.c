#include "base/store_tx.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { TX_BYTES = 32 * 1024 * 1024, READ_BYTES = 4 * 1024 * 1024 };

struct store_value {
	char type; /* 's', 'i', 'b' */
	int64_t number;
	const void *bytes; /* in the arena; NULL is SQL NULL */
	size_t len;
};
struct store_statement {
	struct store_statement *next;
	const char *sql; /* NULL: a step */
	struct store_value *values;
	size_t count;
	store_step *step;
	void *arg;
	void (*arg_free)(void *arg);
};

/* ---- building ---- */

struct store_tx *store_tx_create(struct store *s)
{
	struct store_tx *tx = calloc(1, sizeof *tx);
	if (!tx)
		return NULL;
	tx->store = s;
	tx->end = &tx->first;
	tx->arena = arena_create(TX_BYTES);
	if (tx->arena)
		return tx;
	free(tx);
	return NULL;
}

void store_tx_destroy(struct store_tx *tx)
{
	if (!tx)
		return;
	for (struct store_statement *st = tx->first; st; st = st->next)
		if (st->arg_free)
			st->arg_free(st->arg);
	arena_destroy(tx->arena);
	free(tx->json);
	free(tx);
}

static void too_large(struct store_tx *tx)
{
	tx->result = error_set(&tx->why, RC_EXHAUSTED, "no memory for the transaction, or it has more than %d MiB",
			       TX_BYTES / 1024 / 1024);
}

static struct store_statement *statement_add(struct store_tx *tx)
{
	struct store_statement *st = arena_alloc(tx->arena, 1, sizeof *st);
	if (!st) {
		too_large(tx);
		return NULL;
	}
	*tx->end = st;
	tx->end = &st->next;
	return st;
}

/* False: no room for the copy. */
static bool value_copy(struct store_tx *tx, struct store_value *v, const void *bytes, size_t len)
{
	v->len = len;
	if (!bytes)
		return true;
	char *copy = arena_alloc(tx->arena, len + 1, 1);
	if (copy && len)
		memcpy(copy, bytes, len);
	v->bytes = copy;
	return copy != NULL;
}

void store_tx_add(struct store_tx *tx, const char *sql, const char *types, va_list values)
{
	struct store_statement *st = statement_add(tx);
	if (!st)
		return;
	st->count = types ? strlen(types) : 0;
	st->sql = arena_strdup(tx->arena, sql);
	st->values = arena_alloc(tx->arena, st->count ? st->count : 1, sizeof *st->values);
	bool fits = st->sql && st->values;
	for (size_t i = 0; fits && i < st->count; i++) {
		struct store_value *v = &st->values[i];
		v->type = types[i];
		assert(v->type == 'i' || v->type == 's' || v->type == 'b');
		if (v->type == 'i') {
			v->number = va_arg(values, int64_t);
		} else {
			const char *bytes = va_arg(values, const char *);
			size_t len = v->type == 'b' ? va_arg(values, size_t) : bytes ? strlen(bytes) : 0;
			fits = value_copy(tx, v, bytes, len);
		}
	}
	if (!fits)
		too_large(tx);
}

void store_call(struct store_tx *tx, store_step *step, void *arg, void (*arg_free)(void *arg))
{
	struct store_statement *st = tx ? statement_add(tx) : NULL;
	if (st) {
		st->step = step;
		st->arg = arg;
		st->arg_free = arg_free;
	} else if (arg_free) {
		arg_free(arg);
	}
}

/* ---- running, on the writer thread ---- */

void store_tx_fail(struct store_tx *tx, struct store_db *db)
{
	tx->sick = store_db_is_sick(sqlite3_errcode(db->sqlite) & 0xff);
	tx->result = store_db_failure(db, &tx->why);
}

static bool bind_values(sqlite3_stmt *sql, const struct store_statement *st)
{
	int failed = SQLITE_OK;
	for (size_t i = 0; i < st->count && failed == SQLITE_OK; i++) {
		const struct store_value *v = &st->values[i];
		int at = (int)i + 1;
		if (v->type == 'i')
			failed = sqlite3_bind_int64(sql, at, v->number);
		else if (v->type == 's')
			failed = sqlite3_bind_text64(sql, at, v->bytes, v->len, SQLITE_STATIC, SQLITE_UTF8);
		else
			failed = sqlite3_bind_blob64(sql, at, v->bytes, v->len, SQLITE_STATIC);
	}
	return failed == SQLITE_OK;
}

/* The statement with its values; NULL after a failure, which tx has. */
static sqlite3_stmt *ready(struct store_tx *tx, struct store_db *db, const struct store_statement *st)
{
	sqlite3_stmt *sql = NULL;
	if (store_db_prepare(db, st->sql, &sql, &tx->why) != RC_OK) {
		tx->result = tx->why.code;
		return NULL;
	}
	if (sqlite3_bind_parameter_count(sql) != (int)st->count) {
		tx->result = error_set(&tx->why, RC_INVALID, "%d parameters for %zu values: %.80s",
				       sqlite3_bind_parameter_count(sql), st->count, st->sql);
	} else if (!bind_values(sql, st)) {
		store_tx_fail(tx, db);
	} else {
		return sql;
	}
	store_db_release(sql);
	return NULL;
}

static void statement_run(struct store_tx *tx, struct store_db *db, const struct store_statement *st)
{
	int step;
	if (st->step) {
		tx->result = st->step(db->sqlite, st->arg, &tx->why);
		tx->sick = tx->result != RC_OK && store_db_is_sick(sqlite3_errcode(db->sqlite) & 0xff);
		return;
	}
	sqlite3_stmt *sql = ready(tx, db, st);
	if (!sql)
		return;
	while ((step = sqlite3_step(sql)) == SQLITE_ROW)
		;
	if (step != SQLITE_DONE)
		store_tx_fail(tx, db);
	store_db_release(sql);
}

void store_tx_run(struct store_tx *tx, struct store_db *db)
{
	for (const struct store_statement *st = tx->first; st && tx->result == RC_OK; st = st->next)
		statement_run(tx, db, st);
}

static void collect_rows(struct store_tx *tx, struct store_db *db, sqlite3_stmt *sql)
{
	struct strbuf out;
	int step;
	strbuf_init(&out, READ_BYTES);
	strbuf_addc(&out, '[');
	while ((step = sqlite3_step(sql)) == SQLITE_ROW && !out.overflow) {
		if (out.len > 1)
			strbuf_addc(&out, ',');
		store_db_row_json(sql, &out);
	}
	strbuf_addc(&out, ']');
	if (step != SQLITE_DONE && !out.overflow)
		store_tx_fail(tx, db);
	else if (!(tx->json = strbuf_take(&out)))
		tx->result = error_set(&tx->why, RC_EXHAUSTED, "no memory for the rows, or more than %d MiB",
				       READ_BYTES / 1024 / 1024);
	strbuf_finish(&out);
}

void store_tx_read(struct store_tx *tx, struct store_db *db)
{
	if (tx->result != RC_OK)
		return;
	sqlite3_stmt *sql = ready(tx, db, tx->first);
	if (!sql)
		return;
	if (sqlite3_stmt_readonly(sql))
		collect_rows(tx, db, sql);
	else
		tx->result = error_set(&tx->why, RC_INVALID, "a reading must not write: %.80s", tx->first->sql);
	store_db_release(sql);
}

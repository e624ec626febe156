#include "bot/approvals/audit.h"

#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/strbuf.h"

enum { FIELDS = 9, ROW_MAX = 64 * 1024 };

struct pending {
	int64_t at;
	char *fields[FIELDS - 1]; /* owned: actor ... detail */
};

static void pending_free(void *arg)
{
	struct pending *p = arg;
	for (size_t i = 0; p && i < FIELDS - 1; i++)
		free(p->fields[i]);
	free(p);
}

/* The canonical row: a JSON array of sequence, time and the fields, in this order. */
static enum result row_hash(const char *previous, int64_t seq, int64_t at, const char *const *fields,
			    char ret[SHA256_HEX], struct error *e)
{
	struct strbuf b;
	strbuf_init(&b, ROW_MAX);
	strbuf_addf(&b, "%s[%lld,%lld", previous, (long long)seq, (long long)at);
	for (size_t i = 0; i < FIELDS - 1; i++) {
		strbuf_addc(&b, ',');
		strbuf_add_json(&b, fields[i]);
	}
	strbuf_addc(&b, ']');
	enum result r = b.overflow ? error_set(e, RC_INVALID, "an audit row is longer than %d bytes", ROW_MAX)
				   : crypto_sha256_hex(b.s, b.len, ret, e);
	strbuf_finish(&b);
	return r;
}

static enum result failed(sqlite3 *db, int rc, struct error *e)
{
	int kind = rc & 0xff;
	bool full = kind == SQLITE_FULL || kind == SQLITE_IOERR || kind == SQLITE_READONLY || kind == SQLITE_NOMEM;
	return error_set(e, full ? RC_EXHAUSTED : RC_INVALID, "audit: %s", sqlite3_errmsg(db));
}

static enum result read_head(sqlite3 *db, int64_t *seq, char hash[SHA256_HEX], struct error *e)
{
	sqlite3_stmt *st = NULL;
	*seq = 0;
	hash[0] = '\0';
	if (sqlite3_prepare_v2(db, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1", -1, &st, NULL) != SQLITE_OK)
		return error_set(e, RC_INVALID, "audit: %s", sqlite3_errmsg(db));
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		const char *head = (const char *)sqlite3_column_text(st, 1);
		*seq = sqlite3_column_int64(st, 0);
		(void)snprintf(hash, SHA256_HEX, "%s", head ? head : "");
	}
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? RC_OK : failed(db, rc, e);
}

static enum result insert(sqlite3 *db, int64_t seq, const struct pending *p, const char *hash, struct error *e)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(
		db,
		"INSERT INTO audit (seq, at, actor, identity, action, object, request, outcome, reason,"
		" detail, hash) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
		-1, &st, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_int64(st, 1, seq);
		sqlite3_bind_int64(st, 2, p->at);
		for (int i = 0; i < FIELDS - 1; i++)
			sqlite3_bind_text(st, 3 + i, p->fields[i], -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 11, hash, -1, SQLITE_STATIC);
		rc = sqlite3_step(st);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? RC_OK : failed(db, rc, e);
}

/* On the writer thread: nobody can come between reading the head and adding to it. */
static enum result append_step(sqlite3 *db, void *arg, struct error *e)
{
	struct pending *p = arg;
	int64_t seq;
	char previous[SHA256_HEX], hash[SHA256_HEX];
	enum result r = read_head(db, &seq, previous, e);
	if (r == RC_OK)
		r = row_hash(previous, seq + 1, p->at, (const char *const *)p->fields, hash, e);
	return r == RC_OK ? insert(db, seq + 1, p, hash, e) : r;
}

static enum result no_memory_step(sqlite3 *db, void *arg, struct error *e)
{
	(void)db;
	(void)arg;
	return error_set(e, RC_EXHAUSTED, "no memory for the audit row");
}

void audit_append(struct store_tx *tx, struct wall_ms at, const struct audit_row *row)
{
	const char *const fields[FIELDS - 1] = { row->actor,   row->identity, row->action, row->object,
						 row->request, row->outcome,  row->reason, row->detail };
	struct pending *p = calloc(1, sizeof *p);
	bool ok = p != NULL;
	for (size_t i = 0; ok && i < FIELDS - 1; i++) {
		p->fields[i] = strdup(fields[i] ? fields[i] : "");
		ok = p->fields[i] != NULL;
	}
	if (!ok) {
		pending_free(p);
		store_call(tx, no_memory_step, NULL, NULL); /* no record, no decision */
		return;
	}
	p->at = at.v;
	store_call(tx, append_step, p, pending_free);
}

static enum result check_row(sqlite3_stmt *st, int64_t expected, char previous[SHA256_HEX], struct error *e)
{
	const char *fields[FIELDS - 1];
	bool whole = true;
	for (int i = 0; i < FIELDS - 1; i++) {
		fields[i] = (const char *)sqlite3_column_text(st, 2 + i);
		fields[i] = fields[i] ? fields[i] : "";
		/* A NUL inside would hide what follows it from the hash. */
		whole = whole && strlen(fields[i]) == (size_t)sqlite3_column_bytes(st, 2 + i);
	}
	int64_t seq = sqlite3_column_int64(st, 0);
	if (seq != expected)
		return error_set(e, RC_INVALID, "audit row %lld is missing", (long long)expected);
	char hash[SHA256_HEX];
	enum result r = row_hash(previous, seq, sqlite3_column_int64(st, 1), fields, hash, e);
	const char *stored = (const char *)sqlite3_column_text(st, 10);
	if (r == RC_OK && (!whole || !stored || strcmp(stored, hash) != 0))
		r = error_set(e, RC_INVALID, "audit row %lld was changed after it was written", (long long)seq);
	if (r == RC_OK)
		(void)snprintf(previous, SHA256_HEX, "%s", hash);
	return r;
}

static const char *column(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);
	return s ? s : "";
}

static void show_row(sqlite3_stmt *st, audit_visitor *visit, void *owner)
{
	const struct audit_line line = { .seq = sqlite3_column_int64(st, 0),
					 .at = { sqlite3_column_int64(st, 1) },
					 .row = { .actor = column(st, 2),
						  .identity = column(st, 3),
						  .action = column(st, 4),
						  .object = column(st, 5),
						  .request = column(st, 6),
						  .outcome = column(st, 7),
						  .reason = column(st, 8),
						  .detail = column(st, 9) },
					 .hash = column(st, 10) };
	visit(owner, &line);
}

enum result audit_verify(const char *database, audit_visitor *visit, void *owner, int64_t *ret_rows, struct error *e)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	char previous[SHA256_HEX] = "";
	int64_t rows = 0;
	enum result r = RC_OK;
	if (sqlite3_open_v2(database, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db,
			       "SELECT seq, at, actor, identity, action, object, request, outcome, reason, detail, hash"
			       " FROM audit ORDER BY seq",
			       -1, &st, NULL) != SQLITE_OK)
		r = error_set(e, RC_INVALID, "%s: %s", database, db ? sqlite3_errmsg(db) : "no memory");
	int step = SQLITE_DONE;
	while (r == RC_OK && (step = sqlite3_step(st)) == SQLITE_ROW) {
		r = check_row(st, ++rows, previous, e);
		if (r == RC_OK && visit)
			show_row(st, visit, owner);
	}
	if (r == RC_OK && step != SQLITE_DONE)
		r = error_set(e, RC_INVALID, "%s: cannot read after audit row %lld: %s", database, (long long)rows,
			      sqlite3_errmsg(db));
	sqlite3_finalize(st);
	sqlite3_close(db);
	if (r == RC_OK)
		*ret_rows = rows;
	return r;
}

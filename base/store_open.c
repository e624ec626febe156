#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/store_db.h"

enum { PATH_BYTES = 4096, OWNER_ONLY = 0600 };

/* ---- one instance at a time ---- */

static enum result lock_holder(int fd, const char *path, struct error *e)
{
	char pid[24] = "";
	ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
	pid[n > 0 ? n : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	if (!*pid)
		return error_set(e, RC_CONFLICT, "database %s is in use by another process", path);
	return error_set(e, RC_CONFLICT, "database %s is in use by process %s", path, pid);
}

static enum result file_failure(const char *doing, const char *path, int code, struct error *e)
{
	enum result r = code == ENOSPC || code == EMFILE || code == ENFILE || code == EIO ? RC_EXHAUSTED
			: code == EACCES || code == EPERM || code == EROFS                ? RC_REFUSED
											  : RC_INVALID;
	return error_set(e, r, "cannot %s %s: %s", doing, path, strerror(code));
}

/* The kernel frees the lock with the process, however it ends; the file stays and only says who holds it. */
static enum result lock_take(const char *path, int *ret_fd, struct error *e)
{
	char name[PATH_BYTES], pid[24];
	int n = snprintf(name, sizeof name, "%s.lock", path);
	if (n < 0 || (size_t)n >= sizeof name)
		return error_set(e, RC_INVALID, "the path of the database is too long");
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, OWNER_ONLY);
	if (fd < 0)
		return file_failure("open", name, errno, e);
	enum result r = RC_OK;
	n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		r = errno == EWOULDBLOCK ? lock_holder(fd, path, e) : file_failure("lock", name, errno, e);
	else if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		r = file_failure("write", name, errno, e);
	if (r != RC_OK)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

/* Readable by us alone from its first byte; SQLite gives its companions the same rights. */
static enum result file_create(const char *path, struct error *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, OWNER_ONLY);
	if (fd < 0)
		return file_failure("open", path, errno, e);
	close(fd);
	return RC_OK;
}

/* ---- migrations ---- */

static int known_version(const struct store_migration *m, const char *room)
{
	int version = 0;
	for (; m->room; m++)
		if (strcmp(m->room, room) == 0 && m->version > version)
			version = m->version;
	return version;
}

static enum result room_version(struct store_db *db, const char *room, int *ret, struct error *e)
{
	sqlite3_stmt *st = NULL;
	enum result r = store_db_prepare(db, "SELECT version FROM schema_rooms WHERE room = ?", &st, e);
	if (r != RC_OK)
		return r;
	(void)sqlite3_bind_text(st, 1, room, -1, SQLITE_STATIC);
	int step = sqlite3_step(st);
	if (step == SQLITE_ROW || step == SQLITE_DONE)
		*ret = step == SQLITE_ROW ? sqlite3_column_int(st, 0) : 0;
	else
		r = store_db_failure(db, e);
	store_db_release(st);
	return r;
}

static enum result room_set_version(struct store_db *db, const struct store_migration *m, struct error *e)
{
	sqlite3_stmt *st = NULL;
	enum result r = store_db_prepare(db,
					 "INSERT INTO schema_rooms (room, version) VALUES (?, ?) "
					 "ON CONFLICT (room) DO UPDATE SET version = excluded.version",
					 &st, e);
	if (r != RC_OK)
		return r;
	(void)sqlite3_bind_text(st, 1, m->room, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(st, 2, m->version);
	if (sqlite3_step(st) != SQLITE_DONE)
		r = store_db_failure(db, e);
	store_db_release(st);
	return r;
}

static enum result migrate_one(struct store_db *db, const struct store_migration *all, const struct store_migration *m,
			       int *count, struct error *e)
{
	int version = 0;
	enum result r = room_version(db, m->room, &version, e);
	if (r != RC_OK)
		return r;
	if (version > known_version(all, m->room))
		return error_set(e, RC_INVALID,
				 "%s has version %d and this program knows %d: it was written by a newer rollcall; "
				 "start that one, or restore a backup from before the upgrade",
				 m->room, version, known_version(all, m->room));
	if (m->version <= version)
		return RC_OK;
	if (m->version != version + 1)
		return error_set(e, RC_INVALID, "migration %s %d does not follow version %d", m->room, m->version,
				 version);
	r = store_db_run(db, m->sql, e);
	if (r == RC_OK)
		r = room_set_version(db, m, e);
	if (r != RC_OK)
		return error_in(e, r, "migration %s %d", m->room, m->version);
	++*count;
	return RC_OK;
}

/* A migration that rebuilds a table needs the foreign keys off; that none dangles is checked before the commit. */
static enum result check_foreign_keys(struct store_db *db, struct error *e)
{
	sqlite3_stmt *st = NULL;
	enum result r = store_db_prepare(db, "PRAGMA foreign_key_check", &st, e);
	if (r != RC_OK)
		return r;
	int step = sqlite3_step(st);
	if (step == SQLITE_ROW)
		r = error_set(e, RC_INVALID, "after the migrations a row of %s refers to nothing",
			      (const char *)sqlite3_column_text(st, 0));
	else if (step != SQLITE_DONE)
		r = store_db_failure(db, e);
	store_db_release(st);
	return r;
}

static enum result count_migrations(struct store_db *db, int applied, struct error *e)
{
	char sql[64];
	sqlite3_stmt *st = NULL;
	enum result r = store_db_prepare(db, "PRAGMA user_version", &st, e);
	if (r != RC_OK)
		return r;
	int before = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int(st, 0) : 0;
	store_db_release(st);
	(void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d", before + applied);
	return store_db_run(db, sql, e);
}

static enum result migrate_all(struct store_db *db, const struct store_migration *migrations, struct error *e)
{
	int applied = 0;
	enum result r = store_db_run(db,
				     "CREATE TABLE IF NOT EXISTS schema_rooms "
				     "(room TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;"
				     "CREATE TABLE IF NOT EXISTS store_health "
				     "(id INTEGER PRIMARY KEY CHECK (id = 1), at_ms INTEGER NOT NULL)",
				     e);
	for (const struct store_migration *m = migrations; r == RC_OK && m && m->room; m++)
		r = migrate_one(db, migrations, m, &applied, e);
	if (r == RC_OK && applied)
		r = check_foreign_keys(db, e);
	if (r == RC_OK && applied)
		r = count_migrations(db, applied, e);
	return r;
}

/* All of them or none. */
static enum result migrate(struct store_db *db, const struct store_migration *migrations, struct error *e)
{
	enum result r = store_db_run(db, "BEGIN IMMEDIATE", e);
	if (r != RC_OK)
		return r;
	r = migrate_all(db, migrations, e);
	if (r == RC_OK)
		r = store_db_run(db, "COMMIT", e);
	if (r != RC_OK)
		store_db_undo(db);
	return r;
}

/* ---- opening ---- */

static enum result check(struct store_db *db, struct error *e)
{
	sqlite3_stmt *st = NULL;
	enum result r = store_db_prepare(db, "PRAGMA quick_check(1)", &st, e);
	if (r != RC_OK)
		return r;
	const char *found = sqlite3_step(st) == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
	if (!found)
		r = store_db_failure(db, e);
	else if (strcmp(found, "ok") != 0)
		r = error_set(e, RC_INVALID, "%s", found);
	store_db_release(st);
	return r;
}

static bool is_damaged(struct store_db *db)
{
	int code = sqlite3_errcode(db->sqlite) & 0xff;
	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

static enum result damaged(const char *path, struct error *e)
{
	struct error cause = *e;
	return error_set(e, RC_INVALID,
			 "database %s is damaged (%.120s): move it with its -wal and -shm away and put a backup in its "
			 "place, or save what can be read with: sqlite3 %s .recover | sqlite3 repaired.db",
			 path, cause.text, path);
}

/* Where the file system cannot do it, SQLite stays with what it had and does not fail. */
static enum result use_wal(struct store_db *db, struct error *e)
{
	sqlite3_stmt *st = NULL;
	enum result r = store_db_prepare(db, "PRAGMA journal_mode = WAL", &st, e);
	if (r != RC_OK)
		return r;
	const char *mode = sqlite3_step(st) == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
	if (!mode)
		r = store_db_failure(db, e);
	else if (strcmp(mode, "wal") != 0 && strcmp(mode, "memory") != 0)
		r = error_set(e, RC_INVALID,
			      "its file system cannot share memory, which a write-ahead log needs; "
			      "use a local disk");
	store_db_release(st);
	return r;
}

static enum result configure(struct store_db *db, struct error *e)
{
	(void)sqlite3_extended_result_codes(db->sqlite, 1);
	(void)sqlite3_busy_timeout(db->sqlite, 5000); /* somebody looks at it with the sqlite3 shell */
	enum result r = use_wal(db, e);
	if (r != RC_OK)
		return r;
	return store_db_run(db,
			    "PRAGMA synchronous = FULL;"
			    "PRAGMA foreign_keys = OFF;"
			    "PRAGMA trusted_schema = OFF;"
			    "PRAGMA cell_size_check = ON;"
			    "PRAGMA journal_size_limit = 67108864",
			    e);
}

static enum result open_files(const char *path, struct store_db *db, struct error *e)
{
	if (strcmp(path, ":memory:") == 0)
		return RC_OK;
	enum result r = lock_take(path, &db->lock_fd, e);
	return r == RC_OK ? file_create(path, e) : r;
}

static enum result open_sqlite(const char *path, const struct store_migration *migrations, struct store_db *db,
			       struct error *e)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(path, &db->sqlite, flags, NULL) != SQLITE_OK)
		return db->sqlite ? error_in(e, store_db_failure(db, e), "database %s", path)
				  : error_set(e, RC_EXHAUSTED, "no memory for the database");
	enum result r = configure(db, e);
	bool sound = r == RC_OK || !is_damaged(db);
	if (r == RC_OK) {
		r = check(db, e);
		sound = r == RC_OK || !(r == RC_INVALID || is_damaged(db));
	}
	if (r != RC_OK)
		return sound ? error_in(e, r, "database %s", path) : damaged(path, e);
	r = migrate(db, migrations, e);
	if (r == RC_OK)
		r = store_db_run(db, "PRAGMA foreign_keys = ON", e);
	return r == RC_OK ? r : error_in(e, r, "database %s", path);
}

enum result store_db_open(const char *path, const struct store_migration *migrations, struct store_db **ret,
			  struct error *e)
{
	struct error local;
	CLEANUP(store_db_close_p) struct store_db *db = calloc(1, sizeof *db);
	if (!db)
		return error_set(e, RC_EXHAUSTED, "no memory for the database");
	db->lock_fd = -1;
	e = e ? e : &local;
	enum result r = open_files(path, db, e);
	if (r == RC_OK)
		r = open_sqlite(path, migrations, db, e);
	if (r == RC_OK)
		*ret = TAKE(db);
	return r;
}

void store_db_close(struct store_db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < STORE_CACHED_STATEMENTS; i++)
		(void)sqlite3_finalize(db->cache[i].statement);
	(void)sqlite3_close_v2(db->sqlite);
	if (db->lock_fd >= 0)
		close(db->lock_fd);
	free(db);
}

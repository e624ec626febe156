#include "base/store.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a disk that fails on command: the default VFS with two methods replaced ---- */

static atomic_int disk_error;   /* what a write answers for which there is no room */
static atomic_llong disk_bytes; /* how far a file can grow */
static atomic_uint syncs;
static sqlite3_vfs shim;
static sem_t holding, released; /* see hold */
/* SQLite has other methods for the database than for its log: one pair each. */
static sqlite3_io_methods shim_methods[2];
static int (*real_write)(sqlite3_file *, const void *, int, sqlite3_int64);
static int (*real_sync)(sqlite3_file *, int);

static int shim_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	if (offset + len > atomic_load(&disk_bytes))
		return atomic_load(&disk_error);
	return real_write(file, bytes, len, offset);
}

static int shim_sync(sqlite3_file *file, int flags)
{
	atomic_fetch_add(&syncs, 1);
	if (atomic_load(&disk_bytes) == 0)
		return atomic_load(&disk_error);
	return real_sync(file, flags);
}

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	sqlite3_vfs *real = vfs->pAppData;
	int r = real->xOpen(real, name, file, flags, out_flags);
	if (r != SQLITE_OK || !file->pMethods)
		return r;
	sqlite3_io_methods *methods = &shim_methods[flags & SQLITE_OPEN_MAIN_DB ? 0 : 1];
	real_write = file->pMethods->xWrite;
	real_sync = file->pMethods->xSync;
	*methods = *file->pMethods;
	methods->xWrite = shim_write;
	methods->xSync = shim_sync;
	file->pMethods = methods;
	return SQLITE_OK;
}

static int install_shim(void **state)
{
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);
	(void)state;
	(void)sem_init(&holding, 0, 0);
	(void)sem_init(&released, 0, 0);
	shim = *real;
	shim.pNext = NULL;
	shim.zName = "failing";
	shim.pAppData = real;
	shim.xOpen = shim_open;
	return sqlite3_vfs_register(&shim, 1) == SQLITE_OK ? 0 : -1;
}

static void disk_is_full(long long bytes, int error)
{
	atomic_store(&disk_error, error);
	atomic_store(&disk_bytes, bytes);
}

static void disk_works(void)
{
	atomic_store(&disk_bytes, INT64_MAX);
}

/* ---- a loop, a folder, a store ---- */

static const struct store_migration migrations[] = {
	{ "votes", 1,
	  "CREATE TABLE gates (id TEXT PRIMARY KEY);"
	  "CREATE TABLE votes (id INTEGER PRIMARY KEY, gate TEXT NOT NULL REFERENCES gates (id),"
	  " who TEXT UNIQUE, note BLOB);"
	  "INSERT INTO gates VALUES ('g')" },
	{ "outbox", 1, "CREATE TABLE outbox (id INTEGER PRIMARY KEY, body TEXT)" },
	{ "votes", 2, "ALTER TABLE votes ADD COLUMN weight REAL" },
	{ NULL, 0, NULL },
};

struct fixture {
	struct loop *loop;
	struct store *store;
	char folder[64], path[96];
};
/* What completions said, in their order. */
struct outcome {
	struct fixture *f;
	char order[64];
	size_t n, expected;
	enum result r[64];
	char why[512], json[512];
};
struct asker {
	struct outcome *o;
	char name;
};

static void give_up(void *owner)
{
	(void)owner;
	fail_msg("nothing happened for 30 s");
}

static void run(struct fixture *f)
{
	struct timer deadline = { 0 };
	timer_start(f->loop, &deadline, 30000, give_up, NULL);
	loop_run(f->loop);
	timer_stop(&deadline);
}

static enum result reopen(struct fixture *f, struct error *e)
{
	return store_open(f->loop, f->path, migrations, &f->store, e);
}

static void must_open(struct fixture *f)
{
	struct error e = { 0 };
	if (reopen(f, &e) != RC_OK)
		fail_msg("%s", e.text);
}

static void closed(void *owner)
{
	struct fixture *f = owner;
	f->store = NULL;
	loop_stop(f->loop);
}

static void close_store(struct fixture *f)
{
	store_close(f->store, closed, f);
	while (f->store)
		run(f);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct error e;
	assert_non_null(f);
	disk_works();
	(void)snprintf(f->folder, sizeof f->folder, "/tmp/store_test.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	(void)snprintf(f->path, sizeof f->path, "%s/db", f->folder);
	assert_int_equal(loop_create(&f->loop, &e), RC_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	struct fixture *f = *state;
	disk_works();
	if (f->store)
		close_store(f);
	loop_destroy(f->loop);
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char name[128];
		(void)snprintf(name, sizeof name, "%s%s", f->path, suffixes[i]);
		(void)unlink(name);
	}
	assert_int_equal(rmdir(f->folder), 0);
	free(f);
	return 0;
}

static int setup_open(void **state)
{
	if (setup(state) != 0)
		return -1;
	must_open(*state);
	return 0;
}

static void done(void *owner, enum result r, const struct error *why)
{
	struct asker *a = owner;
	struct outcome *o = a->o;
	assert_true(o->n < sizeof o->order - 1);
	o->r[o->n] = r;
	o->order[o->n++] = a->name;
	if (r != RC_OK)
		(void)snprintf(o->why, sizeof o->why, "%s", why->text);
	if (o->n == o->expected)
		loop_stop(o->f->loop);
}

static void rows(void *owner, enum result r, const char *json, const struct error *why)
{
	struct asker *a = owner;
	(void)snprintf(a->o->json, sizeof a->o->json, "%s", json);
	done(owner, r, why);
}

static bool count_row(void *owner, sqlite3_stmt *st)
{
	*(long long *)owner = sqlite3_column_int64(st, 0);
	return false;
}

static long long count(struct fixture *f, const char *sql)
{
	long long n = -1;
	struct error e = { 0 };
	if (store_load(f->store, sql, count_row, &n, &e) != RC_OK)
		fail_msg("%s: %s", sql, e.text);
	return n;
}

/* One statement as a transaction of its own, waited for. */
static enum result exec_one(struct fixture *f, const char *sql, struct outcome *o)
{
	struct asker a = { o, '.' };
	*o = (struct outcome){ .f = f, .expected = 1 };
	struct store_tx *tx = store_begin(f->store);
	store_exec(tx, sql, "");
	store_submit(tx, done, &a);
	run(f);
	return o->r[0];
}

/* Keeps the writer inside a transaction, so that all that is submitted until release waits together. */
static enum result hold_step(sqlite3 *db, void *arg, struct error *e)
{
	(void)db;
	(void)arg;
	(void)e;
	(void)sem_post(&holding);
	while (sem_wait(&released) != 0)
		;
	return RC_OK;
}

static void hold(struct fixture *f)
{
	struct store_tx *tx = store_begin(f->store);
	store_call(tx, hold_step, NULL, NULL);
	store_submit(tx, NULL, NULL);
	while (sem_wait(&holding) != 0)
		;
}

static void release(void)
{
	(void)sem_post(&released);
}

/* ---- transactions ---- */

static void values_come_back_as_they_went(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { .f = f, .expected = 2 };
	struct asker write = { &o, 'w' }, read = { &o, 'r' };
	static const unsigned char blob[] = { 0, 1, 0xff };
	char who[] = "zo\xc3\xab \"q\"";
	struct store_tx *tx = store_begin(f->store);
	store_exec(tx, "INSERT INTO votes (gate, who, note, weight) VALUES (?, ?, ?, 0.5)", "ssb", "g", who, blob,
		   sizeof blob);
	store_exec(tx, "INSERT INTO votes (id, gate, who, note) VALUES (?, 'g', ?, ?)", "isb", INT64_MAX, NULL, NULL,
		   (size_t)0);
	who[0] = 'X'; /* values are copied */
	store_submit(tx, done, &write);
	store_read(f->store, "SELECT id, who, note, weight FROM votes WHERE gate = ? ORDER BY id", "s", rows, &read,
		   "g");
	assert_int_equal(o.n, 0); /* never inside the call */
	run(f);
	assert_string_equal(o.order, "wr");
	assert_int_equal(o.r[0], RC_OK);
	assert_int_equal(o.r[1], RC_OK);
	assert_string_equal(o.json, "[{\"id\":1,\"who\":\"zo\xc3\xab \\\"q\\\"\",\"note\":\"AAH/\",\"weight\":0.5},"
				    "{\"id\":9223372036854775807,\"who\":null,\"note\":null,\"weight\":null}]");
}

static void failures_have_a_code_and_a_text(void **state)
{
	static const struct {
		const char *name, *sql;
		enum result r;
		const char *why;
	} cases[] = {
		{ "unique", "INSERT INTO votes (gate, who) VALUES ('g', 'ann')", RC_CONFLICT,
		  "UNIQUE constraint failed: votes.who" },
		{ "foreign key", "INSERT INTO votes (gate, who) VALUES ('none', 'bob')", RC_CONFLICT,
		  "FOREIGN KEY constraint failed" },
		{ "syntax", "INSRT INTO votes", RC_INVALID, "near \"INSRT\": syntax error" },
		{ "no table", "DELETE FROM nowhere", RC_INVALID, "no such table: nowhere" },
		{ "two statements", "DELETE FROM votes; DELETE FROM outbox", RC_INVALID,
		  "expected one SQL statement: DELETE FROM votes; DELETE FROM outbox" },
		{ "none", "  ", RC_INVALID, "expected one SQL statement:   " },
		{ "values missing", "DELETE FROM votes WHERE id = ?", RC_INVALID,
		  "1 parameters for 0 values: DELETE FROM votes WHERE id = ?" },
		{ "ends the transaction", "COMMIT", RC_INVALID, "no such savepoint: tx" },
		{ "fine, with a semicolon", "DELETE FROM outbox; ", RC_OK, "" },
	};
	struct fixture *f = *state;
	struct outcome o;
	assert_int_equal(exec_one(f, "INSERT INTO votes (gate, who) VALUES ('g', 'ann')", &o), RC_OK);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum result r = exec_one(f, cases[i].sql, &o);
		if (r != cases[i].r || strcmp(o.why, cases[i].why) != 0)
			fail_msg("%s: %s \"%s\"", cases[i].name, result_name(r), o.why);
	}
	assert_int_equal(count(f, "SELECT count(*) FROM votes"), 1);
	assert_false(store_unwell(f->store));
}

static void one_that_fails_undoes_itself_alone(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { .f = f, .expected = 4 };
	struct asker a[4] = { { &o, 'a' }, { &o, 'b' }, { &o, 'c' }, { &o, 'd' } };
	static const char *const second[] = { "SELECT 1", "INSERT INTO votes (gate, who) VALUES ('g', 'a')",
					      "INSERT INTO outbox (body) VALUES ('c')", "DELETE FROM nowhere" };
	hold(f);
	for (size_t i = 0; i < 4; i++) {
		struct store_tx *tx = store_begin(f->store);
		char who[2] = { a[i].name, '\0' };
		store_exec(tx, "INSERT INTO votes (gate, who) VALUES ('g', ?)", "s", who);
		store_exec(tx, second[i], "");
		store_submit(tx, done, &a[i]);
	}
	release();
	run(f);
	assert_string_equal(o.order, "abcd");
	assert_int_equal(store_commits(f->store), 2); /* all four together */
	assert_int_equal(o.r[0], RC_OK);
	assert_int_equal(o.r[1], RC_CONFLICT);
	assert_int_equal(o.r[2], RC_OK);
	assert_int_equal(o.r[3], RC_INVALID);
	assert_int_equal(count(f, "SELECT count(*) FROM votes WHERE who IN ('a', 'c')"), 2);
	assert_int_equal(count(f, "SELECT count(*) FROM votes"), 2);
}

struct step_arg {
	struct outcome *o;
	pthread_t loop_thread;
	enum result answer;
	unsigned ran;
};

static enum result step(sqlite3 *db, void *arg, struct error *e)
{
	struct step_arg *s = arg;
	s->ran++;
	assert_false(pthread_equal(pthread_self(), s->loop_thread));
	if (sqlite3_exec(db, "INSERT INTO outbox (body) VALUES ('step')", NULL, NULL, NULL) != SQLITE_OK)
		return error_set(e, RC_EXHAUSTED, "insert");
	return s->answer == RC_OK ? RC_OK : error_set(e, s->answer, "the step said no");
}

static void step_arg_free(void *arg)
{
	struct step_arg *s = arg;
	assert_true(pthread_equal(pthread_self(), s->loop_thread));
	assert_true(s->o->n > 0); /* after done */
	free(s);
}

static void a_step_runs_inside_the_transaction(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 2; i++) {
		struct outcome o = { .f = f, .expected = 1 };
		struct asker a = { &o, 's' };
		struct step_arg *arg = calloc(1, sizeof *arg);
		assert_non_null(arg);
		*arg = (struct step_arg){ &o, pthread_self(), i ? RC_REFUSED : RC_OK, 0 };
		struct store_tx *tx = store_begin(f->store);
		store_exec(tx, "INSERT INTO outbox (body) VALUES ('statement')", "");
		store_call(tx, step, arg, step_arg_free);
		store_submit(tx, done, &a);
		run(f);
		assert_int_equal(o.r[0], i ? RC_REFUSED : RC_OK);
		assert_string_equal(o.why, i ? "the step said no" : "");
		assert_int_equal(count(f, "SELECT count(*) FROM outbox"), 2);
	}
}

static void freed(void *arg)
{
	++*(unsigned *)arg;
}

static void what_is_abandoned_or_could_not_begin_is_freed(void **state)
{
	struct fixture *f = *state;
	unsigned frees = 0;
	struct outcome o = { .f = f }; /* nothing to wait for: the answer comes at once */
	struct asker a = { &o, 'n' };
	struct store_tx *tx = store_begin(f->store);
	store_exec(tx, "DELETE FROM votes", "");
	store_call(tx, step, &frees, freed);
	store_abandon(tx);
	store_abandon(NULL);
	assert_int_equal(frees, 1);
	store_exec(NULL, "DELETE FROM votes", "");
	store_call(NULL, step, &frees, freed);
	assert_int_equal(frees, 2);
	store_submit(NULL, done, &a);
	assert_int_equal(o.r[0], RC_EXHAUSTED);
	assert_string_equal(o.why, "no memory for the transaction");
}

static void a_transaction_that_is_too_large_fails(void **state)
{
	struct fixture *f = *state;
	struct outcome o = { .f = f, .expected = 1 };
	struct asker a = { &o, 'l' };
	CLEANUP(free_p) char *piece = calloc(1, 12 * 1024 * 1024);
	assert_non_null(piece);
	struct store_tx *tx = store_begin(f->store);
	for (int i = 0; i < 3; i++)
		store_exec(tx, "INSERT INTO outbox (body) VALUES (?)", "b", piece, (size_t)12 * 1024 * 1024);
	store_submit(tx, done, &a);
	run(f);
	assert_int_equal(o.r[0], RC_EXHAUSTED);
	assert_string_equal(o.why, "no memory for the transaction, or it has more than 32 MiB");
	assert_int_equal(count(f, "SELECT count(*) FROM outbox"), 0);
}

static void readings_are_limited_and_do_not_write(void **state)
{
	static const struct {
		const char *sql;
		enum result r;
		const char *text; /* why, or the rows */
	} cases[] = {
		{ "SELECT zeroblob(4000000) AS b", RC_EXHAUSTED, "no memory for the rows, or more than 4 MiB" },
		{ "DELETE FROM votes RETURNING id", RC_INVALID,
		  "a reading must not write: DELETE FROM votes RETURNING id" },
		{ "SELECT missing", RC_INVALID, "no such column: missing" },
		{ "SELECT abs(-9223372036854775807 - 1)", RC_INVALID, "integer overflow" },
		{ "SELECT 1 WHERE 0", RC_OK, "[]" },
		{ "SELECT 9e999 AS x", RC_OK, "[{\"x\":null}]" },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct outcome o = { .f = f, .expected = 1 };
		struct asker a = { &o, 'r' };
		store_read(f->store, cases[i].sql, "", rows, &a);
		run(f);
		const char *text = o.r[0] == RC_OK ? o.json : o.why;
		if (o.r[0] != cases[i].r || strcmp(text, cases[i].text) != 0)
			fail_msg("%s: %s \"%s\"", cases[i].sql, result_name(o.r[0]), text);
	}
}

/* ---- group commit ---- */

enum { MANY = 1000 };
struct crowd {
	struct fixture *f;
	unsigned next;
};
struct member {
	struct crowd *crowd;
	unsigned i;
};

static void member_done(void *owner, enum result r, const struct error *why)
{
	struct member *m = owner;
	(void)why;
	assert_int_equal(r, RC_OK);
	assert_int_equal(m->i, m->crowd->next);
	if (++m->crowd->next == MANY)
		loop_stop(m->crowd->f->loop);
}

static void submit_many(struct crowd *c, struct member *members)
{
	for (unsigned i = 0; i < MANY; i++) {
		members[i] = (struct member){ c, i };
		struct store_tx *tx = store_begin(c->f->store);
		store_exec(tx, "INSERT INTO outbox (id, body) VALUES (?, 'x')", "i", (int64_t)i);
		store_submit(tx, member_done, &members[i]);
	}
}

static void a_thousand_at_once_are_one_commit_in_order(void **state)
{
	struct fixture *f = *state;
	struct crowd c = { .f = f };
	struct member members[MANY];
	unsigned synced = atomic_load(&syncs);
	hold(f);
	submit_many(&c, members);
	release();
	run(f);
	assert_int_equal(c.next, MANY);
	assert_int_equal(store_commits(f->store), 2);
	assert_int_equal(count(f, "SELECT count(*) FROM outbox"), MANY);
	/* full synchronisation: the log has reached the disk, and not once for each */
	assert_in_range(atomic_load(&syncs) - synced, 1, 5);
}

static void every_commit_reaches_the_disk(void **state)
{
	struct fixture *f = *state;
	for (unsigned i = 0; i < 10; i++) {
		struct outcome o;
		unsigned synced = atomic_load(&syncs);
		assert_int_equal(exec_one(f, "INSERT INTO outbox (body) VALUES ('x')", &o), RC_OK);
		assert_true(atomic_load(&syncs) > synced);
	}
}

enum { TOO_MANY = 16384 + 10 };
struct tally {
	struct fixture *f;
	unsigned stored, refused;
};

static void tallied(void *owner, enum result r, const struct error *why)
{
	struct tally *t = owner;
	if (r == RC_OK)
		t->stored++;
	else
		t->refused++;
	if (r != RC_OK)
		assert_string_equal(why->text, "16384 transactions wait for the disk already");
	if (t->stored + t->refused == TOO_MANY)
		loop_stop(t->f->loop);
}

static void the_queue_has_a_limit(void **state)
{
	struct fixture *f = *state;
	struct tally t = { .f = f };
	hold(f);
	for (unsigned i = 0; i < TOO_MANY; i++)
		store_submit(store_begin(f->store), tallied, &t);
	release();
	run(f);
	assert_int_equal(t.refused, 10);
	assert_int_equal(store_commits(f->store), 1 + 16384 / 1024 + 1);
	assert_false(store_unwell(f->store));
}

static void close_finishes_what_was_submitted(void **state)
{
	struct fixture *f = *state;
	struct crowd c = { .f = f };
	struct member members[MANY];
	submit_many(&c, members);
	close_store(f);
	assert_int_equal(c.next, MANY);
	must_open(f);
	assert_int_equal(count(f, "SELECT count(*) FROM outbox"), MANY);
}

/* ---- a sick disk ---- */

static void a_full_disk_is_said_and_healed(void **state)
{
	static const struct {
		int error;
		const char *why;
	} cases[] = {
		{ SQLITE_FULL, "no space left for the database: database or disk is full" },
		{ SQLITE_IOERR_WRITE, "the database cannot be written: disk I/O error" },
		{ SQLITE_READONLY, "the database cannot be written: attempt to write a readonly database" },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct outcome o;
		disk_is_full(0, cases[i].error);
		assert_int_equal(exec_one(f, "INSERT INTO outbox (body) VALUES ('lost')", &o), RC_EXHAUSTED);
		assert_string_equal(o.why, cases[i].why);
		assert_true(store_unwell(f->store));
		assert_int_equal(exec_one(f, "DELETE FROM outbox WHERE 0", &o), RC_OK);
		assert_true(store_unwell(f->store)); /* it wrote nothing, so that it proves nothing */
		disk_works();
		assert_int_equal(exec_one(f, "INSERT INTO outbox (body) VALUES ('kept')", &o), RC_OK);
		assert_false(store_unwell(f->store));
		assert_int_equal(count(f, "SELECT count(*) FROM outbox WHERE body = 'lost'"), 0);
		assert_int_equal(count(f, "SELECT count(*) FROM outbox WHERE body = 'kept'"), (long long)i + 1);
	}
}

static void healed(void *owner)
{
	struct fixture *f = owner;
	static struct timer again;
	if (store_unwell(f->store))
		timer_start(f->loop, &again, 20, healed, f);
	else
		loop_stop(f->loop);
}

static void it_heals_without_being_asked(void **state)
{
	struct fixture *f = *state;
	struct outcome o;
	disk_is_full(0, SQLITE_FULL);
	assert_int_equal(exec_one(f, "INSERT INTO outbox (body) VALUES ('lost')", &o), RC_EXHAUSTED);
	disk_works();
	struct deferred look = { 0 };
	loop_defer(f->loop, &look, healed, f);
	run(f);
}

/* Twenty transactions that wait together; big has a body of big_bytes, the others one of small_bytes. */
static void submit_twenty(struct outcome *o, struct asker a[20], size_t big, size_t big_bytes, size_t small_bytes)
{
	CLEANUP(free_p) char *body = calloc(1, big_bytes);
	assert_non_null(body);
	hold(o->f);
	for (size_t i = 0; i < 20; i++) {
		a[i] = (struct asker){ o, (char)('a' + i) };
		struct store_tx *tx = store_begin(o->f->store);
		store_exec(tx, "INSERT INTO outbox (body) VALUES (?)", "b", body, i == big ? big_bytes : small_bytes);
		store_submit(tx, done, &a[i]);
	}
	release();
	run(o->f);
	assert_string_equal(o->order, "abcdefghijklmnopqrst");
}

/* What was said to be stored is, and nothing else, also after opening anew. Returns how many. */
static unsigned stored_as_said(const struct outcome *o)
{
	unsigned stored = 0;
	for (size_t i = 0; i < o->n; i++) {
		assert_true(o->r[i] == RC_OK || o->r[i] == RC_EXHAUSTED);
		stored += o->r[i] == RC_OK;
	}
	assert_int_equal(count(o->f, "SELECT count(*) FROM outbox"), stored);
	disk_works();
	close_store(o->f);
	must_open(o->f);
	assert_int_equal(count(o->f, "SELECT count(*) FROM outbox"), stored);
	return stored;
}

static void one_too_big_for_the_disk_fails_alone(void **state)
{
	struct outcome o = { .f = *state, .expected = 20 };
	struct asker a[20];
	disk_is_full(1024 * 1024, SQLITE_FULL);
	submit_twenty(&o, a, 10, 8 * 1024 * 1024, 100);
	assert_int_equal(o.r[10], RC_EXHAUSTED);
	assert_false(store_unwell(o.f->store)); /* the last one was stored */
	assert_int_equal(stored_as_said(&o), 19);
}

static void a_group_too_big_for_the_disk_is_tried_one_by_one(void **state)
{
	struct outcome o = { .f = *state, .expected = 20 };
	struct asker a[20];
	disk_is_full(1024 * 1024, SQLITE_FULL);
	submit_twenty(&o, a, 0, 80 * 1024, 80 * 1024);
	assert_true(store_unwell(o.f->store));
	assert_string_equal(o.why, "no space left for the database: database or disk is full");
	assert_int_equal(o.r[0], RC_OK);
	assert_int_equal(o.r[19], RC_EXHAUSTED);
	assert_in_range(stored_as_said(&o), 5, 15);
}

/* ---- opening ---- */

static void the_schema_is_migrated_once(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(count(f, "PRAGMA user_version"), 3);
	assert_int_equal(count(f, "SELECT version FROM schema_rooms WHERE room = 'votes'"), 2);
	assert_int_equal(count(f, "SELECT version FROM schema_rooms WHERE room = 'outbox'"), 1);
	close_store(f);
	must_open(f); /* a second time would fail: the tables are there */
	assert_int_equal(count(f, "PRAGMA user_version"), 3);
	assert_int_equal(count(f, "PRAGMA foreign_keys"), 1);
	assert_int_equal(count(f, "PRAGMA synchronous"), 2);
	struct stat st;
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void bad_migrations_change_nothing(void **state)
{
	static const struct {
		const char *name;
		struct store_migration list[4];
		const char *why; /* after "database PATH: " */
	} cases[] = {
		{ "gap", { { "votes", 4, "SELECT 1" } }, "migration votes 4 does not follow version 2" },
		{ "bad SQL after a good one",
		  { { "new", 1, "CREATE TABLE new (id)" }, { "votes", 3, "CREATE nothing" } },
		  "migration votes 3: near \"nothing\": syntax error" },
		{ "older program",
		  { { "votes", 1, "SELECT 1" } },
		  "votes has version 2 and this program knows 1: it was written by a newer rollcall; start that one, "
		  "or restore a backup from before the upgrade" },
		{ "dangling row",
		  { { "votes", 3, "INSERT INTO votes (gate) VALUES ('none')" } },
		  "after the migrations a row of votes refers to nothing" },
	};
	struct fixture *f = *state;
	close_store(f);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error e = { 0 };
		char expected[512];
		(void)snprintf(expected, sizeof expected, "database %s: %s", f->path, cases[i].why);
		enum result r = store_open(f->loop, f->path, cases[i].list, &f->store, &e);
		if (r != RC_INVALID || strcmp(e.text, expected) != 0)
			fail_msg("%s: %s \"%s\"", cases[i].name, result_name(r), e.text);
		assert_null(f->store);
	}
	must_open(f);
	assert_int_equal(count(f, "PRAGMA user_version"), 3);
	assert_int_equal(count(f, "SELECT count(*) FROM sqlite_schema WHERE name = 'new'"), 0);
}

static void a_second_instance_is_told_who_is_first(void **state)
{
	struct fixture *f = *state;
	struct store *second = NULL;
	struct error e = { 0 };
	char expected[256];
	assert_int_equal(store_open(f->loop, f->path, migrations, &second, &e), RC_CONFLICT);
	(void)snprintf(expected, sizeof expected, "database %s is in use by process %ld", f->path, (long)getpid());
	assert_string_equal(e.text, expected);
	close_store(f);
	must_open(f); /* the lock went with the first */
}

static void damage_is_refused_with_the_way_out(void **state)
{
	struct fixture *f = *state;
	struct error e = { 0 };
	char expected[512];
	struct outcome o;
	for (int i = 0; i < 50; i++)
		assert_int_equal(exec_one(f, "INSERT INTO outbox (body) VALUES (hex(zeroblob(1000)))", &o), RC_OK);
	close_store(f);
	for (int head = 0; head < 2; head++) {
		int fd = open(f->path, O_WRONLY);
		char junk[4096];
		memset(junk, 0xa5, sizeof junk);
		for (off_t page = head ? 0 : 4; page < (head ? 1 : 12); page++)
			assert_int_equal(pwrite(fd, junk, sizeof junk, page * 4096), sizeof junk);
		close(fd);
		assert_int_equal(reopen(f, &e), RC_INVALID);
		(void)snprintf(expected, sizeof expected, "database %s is damaged (", f->path);
		assert_memory_equal(e.text, expected, strlen(expected));
		(void)snprintf(expected, sizeof expected,
			       "): move it with its -wal and -shm away and put a backup in its place, or save what can "
			       "be read with: sqlite3 %s .recover | sqlite3 repaired.db",
			       f->path);
		assert_non_null(strstr(e.text, expected));
		assert_null(f->store);
	}
}

static void places_that_do_not_work_are_named(void **state)
{
	struct fixture *f = *state;
	struct error e = { 0 };
	char path[256], expected[512];
	(void)snprintf(path, sizeof path, "%s/no/such/db", f->folder);
	assert_int_equal(store_open(f->loop, path, migrations, &f->store, &e), RC_INVALID);
	(void)snprintf(expected, sizeof expected, "cannot open %s.lock: No such file or directory", path);
	assert_string_equal(e.text, expected);
	assert_null(f->store);
}

static void memory_needs_no_file(void **state)
{
	struct fixture *f = *state;
	struct error e = { 0 };
	struct outcome o;
	assert_int_equal(store_open(f->loop, ":memory:", migrations, &f->store, &e), RC_OK);
	assert_int_equal(exec_one(f, "INSERT INTO outbox (body) VALUES ('x')", &o), RC_OK);
	assert_int_equal(count(f, "SELECT count(*) FROM outbox"), 1);
	assert_int_not_equal(access(":memory:", F_OK), 0);
	assert_int_not_equal(access(":memory:.lock", F_OK), 0);
}

/* ---- a crash after the answer ---- */

static void die(void *owner, enum result r, const struct error *why)
{
	(void)owner;
	(void)why;
	if (r == RC_OK)
		(void)kill(getpid(), SIGKILL);
	_exit(1);
}

static void child_main(struct fixture *f)
{
	must_open(f);
	struct store_tx *tx = store_begin(f->store);
	store_exec(tx, "INSERT INTO outbox (body) VALUES ('acknowledged')", "");
	store_submit(tx, die, NULL);
	run(f);
	_exit(2);
}

static void what_was_acknowledged_survives_a_kill(void **state)
{
	struct fixture *f = *state;
	int status = 0;
	for (int i = 1; i <= 3; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			child_main(f);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		must_open(f); /* and its lock is gone */
		assert_int_equal(count(f, "SELECT count(*) FROM outbox WHERE body = 'acknowledged'"), i);
		close_store(f);
	}
}

/* ---- callbacks that go on ---- */

struct chain {
	struct fixture *f;
	int left;
};

static void chained(void *owner, enum result r, const struct error *why)
{
	struct chain *c = owner;
	(void)why;
	assert_int_equal(r, RC_OK);
	if (c->left-- == 0) {
		store_close(c->f->store, closed, c->f);
		return;
	}
	struct store_tx *tx = store_begin(c->f->store);
	store_exec(tx, "INSERT INTO outbox (body) VALUES (?)", "i", (int64_t)c->left);
	store_submit(tx, chained, c);
}

static void a_completion_may_submit_and_close(void **state)
{
	struct fixture *f = *state;
	struct chain c = { f, 5 };
	store_submit(store_begin(f->store), chained, &c);
	run(f);
	must_open(f);
	assert_int_equal(count(f, "SELECT count(*) FROM outbox"), 5);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, setup_open, teardown)
#define SHUT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(values_come_back_as_they_went),
		OPEN(failures_have_a_code_and_a_text),
		OPEN(one_that_fails_undoes_itself_alone),
		OPEN(a_step_runs_inside_the_transaction),
		OPEN(what_is_abandoned_or_could_not_begin_is_freed),
		OPEN(a_transaction_that_is_too_large_fails),
		OPEN(readings_are_limited_and_do_not_write),
		OPEN(a_thousand_at_once_are_one_commit_in_order),
		OPEN(every_commit_reaches_the_disk),
		OPEN(the_queue_has_a_limit),
		OPEN(close_finishes_what_was_submitted),
		OPEN(a_full_disk_is_said_and_healed),
		OPEN(it_heals_without_being_asked),
		OPEN(one_too_big_for_the_disk_fails_alone),
		OPEN(a_group_too_big_for_the_disk_is_tried_one_by_one),
		OPEN(the_schema_is_migrated_once),
		OPEN(bad_migrations_change_nothing),
		OPEN(a_second_instance_is_told_who_is_first),
		OPEN(damage_is_refused_with_the_way_out),
		SHUT(places_that_do_not_work_are_named),
		SHUT(memory_needs_no_file),
		SHUT(what_was_acknowledged_survives_a_kill),
		OPEN(a_completion_may_submit_and_close),
	};
	return cmocka_run_group_tests_name("store", tests, install_shim, NULL);
}

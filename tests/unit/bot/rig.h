#pragma once
/* A loop, a store in a folder of its own on a disk that fills up on command, and waiting for conditions. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/loop.h"
#include "base/store.h"

/* ---- the disk: the default VFS, whose writes can be made to fail ---- */

static atomic_bool rig_disk_full;
static sqlite3_vfs rig_vfs;
static sqlite3_io_methods rig_methods[2]; /* SQLite has others for the database than for its log */
static int (*rig_real_write)(sqlite3_file *, const void *, int, sqlite3_int64);

static int rig_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	return atomic_load(&rig_disk_full) ? SQLITE_FULL : rig_real_write(file, bytes, len, offset);
}

static int rig_open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	sqlite3_vfs *real = vfs->pAppData;
	int r = real->xOpen(real, name, file, flags, out_flags);
	if (r != SQLITE_OK || !file->pMethods)
		return r;
	sqlite3_io_methods *methods = &rig_methods[flags & SQLITE_OPEN_MAIN_DB ? 0 : 1];
	rig_real_write = file->pMethods->xWrite;
	*methods = *file->pMethods;
	methods->xWrite = rig_write;
	file->pMethods = methods;
	return SQLITE_OK;
}

static int rig_group_setup(void **state)
{
	(void)state;
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);
	rig_vfs = *real;
	rig_vfs.pNext = NULL;
	rig_vfs.zName = "rig";
	rig_vfs.pAppData = real;
	rig_vfs.xOpen = rig_open_file;
	return sqlite3_vfs_register(&rig_vfs, 1) == SQLITE_OK ? 0 : -1;
}

/* ---- loop and store ---- */

struct rig {
	struct loop *loop;
	struct store *store;
	const struct store_migration *migrations;
	char folder[64], path[96];
};

static void rig_store_open(struct rig *g)
{
	struct error e;
	if (store_open(g->loop, g->path, g->migrations, &g->store, &e) != RC_OK)
		fail_msg("%s", e.text);
}

static void rig_init(struct rig *g, const struct store_migration *migrations)
{
	struct error e;
	atomic_store(&rig_disk_full, false);
	g->migrations = migrations;
	(void)snprintf(g->folder, sizeof g->folder, "/tmp/bot_test.XXXXXX");
	assert_non_null(mkdtemp(g->folder));
	(void)snprintf(g->path, sizeof g->path, "%s/db", g->folder);
	assert_int_equal(loop_create(&g->loop, &e), RC_OK);
	rig_store_open(g);
}

struct rig_wait {
	struct rig *rig;
	bool (*is)(void *owner);
	void *owner;
	struct timer poll;
	int turns;
};

static void rig_look(void *owner)
{
	struct rig_wait *w = owner;
	if (w->is(w->owner) || ++w->turns > 15000)
		loop_stop(w->rig->loop);
	else
		timer_start(w->rig->loop, &w->poll, 1, rig_look, w);
}

/* Until the condition holds, at most about 15 s. */
static bool rig_until(struct rig *g, bool (*is)(void *owner), void *owner)
{
	struct rig_wait w = { .rig = g, .is = is, .owner = owner };
	timer_start(g->loop, &w.poll, 0, rig_look, &w);
	loop_run(g->loop);
	timer_stop(&w.poll);
	return is(owner);
}
#define RIG_UNTIL(g, is, owner)                                                                                        \
	do {                                                                                                           \
		if (!rig_until(g, is, owner))                                                                          \
			fail_msg("line %d: waited in vain for %s", __LINE__, #is);                                     \
	} while (0)

static inline void rig_flushed(void *owner, enum result r, const char *rows, const struct error *why)
{
	(void)r;
	(void)rows;
	(void)why;
	*(bool *)owner = true;
}

static inline bool rig_is_true(void *owner)
{
	return *(bool *)owner;
}

/* All that was submitted so far is answered, and what that caused has run, some turns deep. */
static inline void rig_settle(struct rig *g)
{
	for (int i = 0; i < 4; i++) {
		bool done = false;
		store_read(g->store, "SELECT 1", "", rig_flushed, &done);
		RIG_UNTIL(g, rig_is_true, &done);
	}
}

static inline void rig_rang(void *owner)
{
	*(bool *)owner = true;
}

/* Lets the loop's timers of that time ring: for what must not happen. */
static inline void rig_pass(struct rig *g, int64_t ms)
{
	struct timer t = { 0 };
	bool rang = false;
	timer_start(g->loop, &t, ms, rig_rang, &rang);
	RIG_UNTIL(g, rig_is_true, &rang);
	rig_settle(g);
}

static void rig_store_closed(void *owner)
{
	struct rig *g = owner;
	g->store = NULL;
	loop_stop(g->loop);
}

static void rig_store_close(struct rig *g)
{
	store_close(g->store, rig_store_closed, g);
	while (g->store)
		loop_run(g->loop);
}

static void rig_finish(struct rig *g)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	atomic_store(&rig_disk_full, false);
	if (g->store)
		rig_store_close(g);
	loop_destroy(g->loop);
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char name[128];
		(void)snprintf(name, sizeof name, "%s%s", g->path, suffixes[i]);
		(void)unlink(name);
	}
	assert_int_equal(rmdir(g->folder), 0);
}

/* ---- looking at the database from outside ---- */

static inline long long rig_number(struct rig *g, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	long long n = -1;
	assert_int_equal(sqlite3_open_v2(g->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* What SQLite says of it: SQLITE_OK or not. */
static inline int rig_exec(struct rig *g, const char *sql)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open_v2(g->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	int r = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return r;
}

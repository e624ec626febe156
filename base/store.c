#include "base/store.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/store_db.h"
#include "base/store_tx.h"

enum { WAITING_MAX = 16384, GROUP_MAX = 1024, PROBE_MS = 2000 };

struct queue {
	struct store_tx *first, **end;
	size_t count;
};

struct store {
	struct loop *loop; /* borrowed */
	struct store_db *db;
	pthread_t writer;
	pthread_mutex_t lock; /* of the two queues and the two flags */
	pthread_cond_t work;
	struct queue waiting, finished;
	bool closing, ended;
	pthread_mutex_t db_lock; /* the writer and store_load */
	atomic_ullong commits;

	/* loop thread */
	struct wake wake;
	struct timer probe;
	bool unwell;
	loop_fn *closed;
	void *closed_owner;
};

static void queue_init(struct queue *q)
{
	*q = (struct queue){ .end = &q->first };
}

static void queue_add(struct queue *q, struct store_tx *tx)
{
	tx->next = NULL;
	*q->end = tx;
	q->end = &tx->next;
	q->count++;
}

static struct store_tx *queue_take(struct queue *q)
{
	struct store_tx *tx = q->first;
	if (!tx)
		return NULL;
	q->first = tx->next;
	if (!q->first)
		q->end = &q->first;
	q->count--;
	return tx;
}

/* ---- the writer thread ---- */

/* After an error of the disk SQLite may have rolled back by itself: then there is no savepoint left to end. */
static bool savepoint_end(struct store_tx *tx, struct store_db *db)
{
	if (tx->result != RC_OK && !sqlite3_get_autocommit(db->sqlite))
		return store_db_run(db, "ROLLBACK TO tx", NULL) == RC_OK &&
		       store_db_run(db, "RELEASE tx", NULL) == RC_OK;
	if (store_db_run(db, "RELEASE tx", NULL) == RC_OK)
		return true;
	if (tx->result == RC_OK)
		store_tx_fail(tx, db);
	return false;
}

/* Its own savepoint: what fails takes nothing else with it. False: the whole transaction is lost. */
static bool run_in_savepoint(struct store_tx *tx, struct store_db *db)
{
	if (tx->result != RC_OK)
		return true;
	if (store_db_run(db, "SAVEPOINT tx", NULL) != RC_OK) {
		store_tx_fail(tx, db);
		return false;
	}
	sqlite3_int64 before = sqlite3_total_changes64(db->sqlite);
	store_tx_run(tx, db);
	tx->wrote = sqlite3_total_changes64(db->sqlite) != before;
	return savepoint_end(tx, db);
}

static void fail_all(struct store_tx *first, struct store_db *db)
{
	for (struct store_tx *tx = first; tx; tx = tx->next)
		if (tx->result == RC_OK)
			store_tx_fail(tx, db);
}

/* False: the group was lost as a whole. */
static bool commit_group(struct store *s, struct store_tx *first)
{
	struct store_db *db = s->db;
	if (store_db_run(db, "BEGIN IMMEDIATE", NULL) != RC_OK) {
		fail_all(first, db);
		return true; /* each alone would wait as long for nothing */
	}
	bool whole = true;
	for (struct store_tx *tx = first; tx && whole; tx = tx->next)
		whole = run_in_savepoint(tx, db);
	if (whole && store_db_run(db, "COMMIT", NULL) == RC_OK) {
		atomic_fetch_add(&s->commits, 1);
		return true;
	}
	if (whole)
		fail_all(first, db);
	store_db_undo(db);
	return false;
}

/* A lost group says nothing about its members: each gets its own transaction and its own verdict. */
static void commit_each(struct store *s, struct store_tx *first)
{
	for (struct store_tx *tx = first, *next; tx; tx = next) {
		next = tx->next;
		tx->next = NULL;
		if (!tx->unbuilt) {
			tx->result = RC_OK;
			tx->sick = false;
			(void)commit_group(s, tx);
		}
		tx->next = next;
	}
}

static void run_group(struct store *s, struct store_tx *first)
{
	pthread_mutex_lock(&s->db_lock);
	if (first->rows)
		store_tx_read(first, s->db);
	else if (!commit_group(s, first) && first->next)
		commit_each(s, first);
	pthread_mutex_unlock(&s->db_lock);
}

/* The transactions at the head of the queue, up to the next reading; or one reading. With the lock held. */
static struct store_tx *take_group(struct queue *waiting)
{
	struct queue group;
	queue_init(&group);
	do
		queue_add(&group, queue_take(waiting));
	while (waiting->first && !waiting->first->rows && !group.first->rows && group.count < GROUP_MAX);
	return group.first;
}

static void *writer_main(void *arg)
{
	struct store *s = arg;
	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (!s->waiting.first && !s->closing)
			pthread_cond_wait(&s->work, &s->lock);
		if (!s->waiting.first)
			break;
		struct store_tx *group = take_group(&s->waiting);
		pthread_mutex_unlock(&s->lock);
		run_group(s, group);
		pthread_mutex_lock(&s->lock);
		for (struct store_tx *next; group; group = next) {
			next = group->next;
			queue_add(&s->finished, group);
		}
		wake_send(&s->wake);
	}
	pthread_mutex_unlock(&s->lock);
	store_db_close(TAKE(s->db)); /* the last checkpoint takes its time: here, not on the loop */
	pthread_mutex_lock(&s->lock);
	s->ended = true;
	wake_send(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* ---- the loop thread ---- */

static void probe(void *owner)
{
	struct store *s = owner;
	struct store_tx *tx = store_begin(s);
	store_exec(tx,
		   "INSERT INTO store_health (id, at_ms) VALUES (1, ?) "
		   "ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms",
		   "i", loop_wall(s->loop).v);
	store_submit(tx, NULL, NULL);
	timer_start(s->loop, &s->probe, PROBE_MS, probe, s);
}

static void judge_health(struct store *s, const struct store_tx *tx)
{
	if (tx->sick && !s->unwell && !s->closing)
		timer_start(s->loop, &s->probe, PROBE_MS, probe, s);
	if (tx->result == RC_OK && tx->wrote) {
		s->unwell = false;
		timer_stop(&s->probe);
	}
	s->unwell = s->unwell || tx->sick;
}

static void deliver(struct store *s, struct store_tx *tx)
{
	judge_health(s, tx);
	if (tx->rows)
		tx->rows(tx->owner, tx->result, tx->json ? tx->json : "[]", &tx->why);
	else if (tx->done)
		tx->done(tx->owner, tx->result, &tx->why);
	store_tx_destroy(tx);
}

static void store_free(struct store *s)
{
	store_db_close(s->db);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->db_lock);
	free(s);
}

static void wake_closed(void *owner)
{
	struct store *s = owner;
	loop_fn *closed = s->closed;
	void *closed_owner = s->closed_owner;
	store_free(s);
	if (closed)
		closed(closed_owner);
}

static void work_finished(void *owner)
{
	struct store *s = owner;
	pthread_mutex_lock(&s->lock);
	struct store_tx *tx = s->finished.first;
	bool ended = s->ended;
	queue_init(&s->finished);
	pthread_mutex_unlock(&s->lock);
	for (struct store_tx *next; tx; tx = next) {
		next = tx->next;
		deliver(s, tx);
	}
	if (!ended)
		return;
	(void)pthread_join(s->writer, NULL);
	wake_close(&s->wake, wake_closed);
}

struct store_tx *store_begin(struct store *s)
{
	return store_tx_create(s);
}

void store_exec(struct store_tx *tx, const char *sql, const char *types, ...)
{
	va_list values;
	if (!tx)
		return;
	va_start(values, types);
	store_tx_add(tx, sql, types, values);
	va_end(values);
}

static void submit(struct store_tx *tx)
{
	struct store *s = tx->store;
	assert(!s->closing);
	tx->unbuilt = tx->result != RC_OK;
	pthread_mutex_lock(&s->lock);
	if (!tx->unbuilt && s->waiting.count >= WAITING_MAX) {
		tx->unbuilt = true;
		tx->result =
			error_set(&tx->why, RC_EXHAUSTED, "%d transactions wait for the disk already", WAITING_MAX);
	}
	queue_add(&s->waiting, tx);
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

void store_submit(struct store_tx *tx, store_done *done, void *owner)
{
	struct error why;
	if (tx) {
		tx->done = done;
		tx->owner = owner;
		submit(tx);
	} else if (done) {
		done(owner, error_set(&why, RC_EXHAUSTED, "no memory for the transaction"), &why);
	}
}

void store_abandon(struct store_tx *tx)
{
	store_tx_destroy(tx);
}

void store_read(struct store *s, const char *sql, const char *types, store_rows *done, void *owner, ...)
{
	struct error why;
	va_list values;
	struct store_tx *tx = store_tx_create(s);
	if (!tx) {
		done(owner, error_set(&why, RC_EXHAUSTED, "no memory for a reading"), "[]", &why);
		return;
	}
	va_start(values, owner);
	store_tx_add(tx, sql, types, values);
	va_end(values);
	tx->rows = done;
	tx->owner = owner;
	submit(tx);
}

enum result store_load(struct store *s, const char *sql, bool (*row)(void *owner, sqlite3_stmt *st), void *owner,
		       struct error *e)
{
	sqlite3_stmt *st = NULL;
	int step = SQLITE_DONE;
	pthread_mutex_lock(&s->db_lock);
	enum result r = store_db_prepare(s->db, sql, &st, e);
	if (r == RC_OK) {
		while ((step = sqlite3_step(st)) == SQLITE_ROW && row(owner, st))
			;
		if (step != SQLITE_DONE && step != SQLITE_ROW)
			r = store_db_failure(s->db, e);
		store_db_release(st);
	}
	pthread_mutex_unlock(&s->db_lock);
	return r;
}

bool store_unwell(const struct store *s)
{
	return s->unwell;
}

uint64_t store_commits(const struct store *s)
{
	return atomic_load(&s->commits);
}

/* ---- opening and closing ---- */

/* Signals are for the loop's thread. */
static enum result writer_start(struct store *s, struct error *e)
{
	sigset_t all, before;
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&s->writer, NULL, writer_main, s);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed ? error_set(e, RC_EXHAUSTED, "cannot start the writer thread") : RC_OK;
}

enum result store_open(struct loop *l, const char *path, const struct store_migration *migrations, struct store **ret,
		       struct error *e)
{
	struct store *s = calloc(1, sizeof *s);
	if (!s)
		return error_set(e, RC_EXHAUSTED, "no memory for the store");
	s->loop = l;
	queue_init(&s->waiting);
	queue_init(&s->finished);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->db_lock, NULL);
	pthread_cond_init(&s->work, NULL);
	enum result r = store_db_open(path, migrations, &s->db, e);
	if (r != RC_OK) {
		store_free(s);
		return r;
	}
	r = wake_open(l, &s->wake, work_finished, s, e);
	if (r != RC_OK) {
		store_free(s);
		return r;
	}
	r = writer_start(s, e);
	if (r != RC_OK) {
		wake_close(&s->wake, wake_closed); /* frees s */
		return r;
	}
	*ret = s;
	return RC_OK;
}

void store_close(struct store *s, loop_fn *closed, void *owner)
{
	assert(!s->closing);
	timer_stop(&s->probe);
	s->closed = closed;
	s->closed_owner = owner;
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
}

#include "bot/console/journal.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/console/value.h"

enum { FLUSH_MS = 300, PENDING_MAX = 5000, POINT_MAX = 16 * 1024, SAID_MAX = 2000, DAYS_KEPT = 90 };

struct last { /* run of a rollout */
	char *uid;
	int64_t run;
	struct wall_ms started_at;
	int64_t points;
	bool ended;
	char look[SHA256_HEX]; /* of the last point */
	char said[SHA256_HEX]; /* of the last words */
	UT_hash_handle hh;
};
struct journal {
	struct loop *loop;
	struct store *store;
	struct last *by_uid;
	int64_t next_run;
	struct store_tx *tx; /* owned; what waits to be written; NULL nothing */
	size_t pending;
	struct timer flush;
	struct strbuf point;
	struct metric *dropped;
};

/* ---- writing ---- */

static void stored(void *owner, enum result r, const struct error *why)
{
	(void)owner;
	if (r != RC_OK)
		log_warn("journal_gap", "why=%s", why->text);
}

void journal_flush(struct journal *j)
{
	timer_stop(&j->flush);
	if (!j->pending)
		return;
	j->pending = 0;
	store_submit(TAKE(j->tx), stored, NULL);
}

static void flush_due(void *owner)
{
	journal_flush(owner);
}

/* The transaction that gathers; false: what is new is dropped, because the disk does not take the old. */
static bool gather(struct journal *j)
{
	if (store_unwell(j->store) || j->pending >= PENDING_MAX) {
		metric_inc(j->dropped, 1);
		return false;
	}
	if (!j->pending++)
		j->tx = store_begin(j->store);
	if (!timer_active(&j->flush))
		timer_start(j->loop, &j->flush, FLUSH_MS, flush_due, j);
	return true;
}

static void write_point(struct journal *j, struct last *n, int64_t at)
{
	if (n->points >= JOURNAL_POINTS_MAX || !gather(j))
		return;
	n->points++;
	store_exec(j->tx, "INSERT INTO console_points (run, at, point) VALUES (?1, ?2, ?3)", "iis", n->run, at,
		   j->point.s);
}

static void write_run(struct journal *j, const struct last *n, const struct rollout *r)
{
	if (!gather(j))
		return;
	store_exec(j->tx,
		   "INSERT OR IGNORE INTO console_runs (run, uid, object, revision, started_at, ended_at, phase,"
		   " old_image, new_image, requested_by) VALUES (?1, ?2, ?3, ?4, ?5, 0, '', ?6, ?7, ?8)",
		   "isssisss", n->run, r->uid, j->point.s, r->revision, n->started_at.v, r->stable.images,
		   r->canary.images, r->requested_by);
	store_exec(j->tx,
		   "DELETE FROM console_runs WHERE uid = ?1 AND run NOT IN (SELECT run FROM console_runs WHERE uid = ?1"
		   " ORDER BY run DESC LIMIT ?2)",
		   "si", r->uid, (int64_t)JOURNAL_RUNS_KEPT);
}

static void write_end(struct journal *j, struct last *n, const struct rollout *r, int64_t at)
{
	if (gather(j))
		store_exec(j->tx, "UPDATE console_runs SET ended_at = ?2, phase = ?3 WHERE run = ?1", "iis", n->run, at,
			   phase_name(r->phase));
	n->ended = true;
}

/* ---- hearing ---- */

static struct last *last_create(struct journal *j, const char *uid)
{
	struct last *n = calloc(1, sizeof *n);
	char *copy = n ? strdup(uid) : NULL;
	if (!copy) {
		free(n);
		return NULL;
	}
	n->uid = copy;
	HASH_ADD_KEYPTR(hh, j->by_uid, n->uid, strlen(n->uid), n);
	return n;
}

/* The run that the rollout is in; a new one is written down. NULL: none. */
static struct last *run_of(struct journal *j, const struct rollout *r)
{
	struct last *n = NULL;
	HASH_FIND_STR(j->by_uid, r->uid, n);
	if (!r->started_at.v || text_empty(r->uid))
		return NULL;
	if (n && n->started_at.v == r->started_at.v)
		return n;
	if (!n)
		n = last_create(j, r->uid);
	if (!n)
		return NULL;
	n->run = j->next_run++;
	n->started_at = r->started_at;
	n->points = 0;
	n->ended = false;
	n->look[0] = n->said[0] = '\0';
	strbuf_clear(&j->point);
	strbuf_addf(&j->point, "%s/%s/%s", r->cluster, r->ns, r->name);
	write_run(j, n, r);
	return n;
}

static void forget(struct journal *j, const char *uid)
{
	struct last *n = NULL;
	HASH_FIND_STR(j->by_uid, uid, n);
	if (!n)
		return;
	HASH_DEL(j->by_uid, n);
	free(n->uid);
	free(n);
}

static void print_said(struct strbuf *b, const struct rollout_event *ev)
{
	char text[SAID_MAX];
	(void)text_copy(text, sizeof text, ev->text);
	value_text(b, ev->news == NEWS_REQUEST_DONE ? "did" : "say", text);
	if (ev->warning || ev->refused)
		value_number(b, "warn", 1);
}

/* Is it another than the last one of its kind? Somebody who waits says the same each tick. */
static bool is_news(struct journal *j, char last[SHA256_HEX])
{
	char look[SHA256_HEX];
	if (crypto_sha256_hex(j->point.s, j->point.len, look, NULL) != RC_OK)
		return true;
	bool news = !text_eq(look, last);
	(void)text_copy(last, SHA256_HEX, look);
	return news;
}

static void add_time(struct strbuf *b, int64_t at)
{
	strbuf_addf(b, ",\"t\":%lld}", (long long)at);
}

bool journal_hear(struct journal *j, const struct rollout_event *ev, struct journal_note *ret)
{
	const struct rollout *r = ev->rollout;
	bool says = ev->news == NEWS_SAID || ev->news == NEWS_REQUEST_DONE;
	if (ev->news == NEWS_GONE)
		forget(j, r->uid);
	if (ev->news == NEWS_GONE || ev->news == NEWS_ALERT || (says && text_empty(ev->text)))
		return false;
	struct last *n = run_of(j, r);
	if (!n)
		return false;
	int64_t at = loop_wall(j->loop).v;
	strbuf_clear(&j->point);
	strbuf_addc(&j->point, '{');
	if (says)
		print_said(&j->point, ev);
	else
		value_point(&j->point, r);
	if (!is_news(j, says ? n->said : n->look))
		return false;
	add_time(&j->point, at);
	if (j->point.overflow)
		return false;
	write_point(j, n, at);
	if (!says && !r->active && !n->ended)
		write_end(j, n, r, at);
	*ret = (struct journal_note){ .run = n->run, .point = j->point.s, .len = j->point.len };
	return true;
}

int64_t journal_run(const struct journal *j, const char *uid)
{
	struct last *n = NULL;
	HASH_FIND_STR(j->by_uid, uid, n);
	return n ? n->run : 0;
}

/* ---- life ---- */

static bool load(void *owner, sqlite3_stmt *st)
{
	struct journal *j = owner;
	const char *uid = (const char *)sqlite3_column_text(st, 0);
	struct last *n = last_create(j, uid ? uid : "");
	if (!n)
		return false;
	n->run = sqlite3_column_int64(st, 1);
	n->started_at.v = sqlite3_column_int64(st, 2);
	n->ended = sqlite3_column_int64(st, 3) != 0;
	n->points = sqlite3_column_int64(st, 4);
	return true;
}

static bool load_number(void *owner, sqlite3_stmt *st)
{
	struct journal *j = owner;
	j->next_run = sqlite3_column_int64(st, 0) + 1;
	return true;
}

static void forget_old(struct journal *j)
{
	int64_t before = loop_wall(j->loop).v - DAYS_KEPT * INT64_C(86400000);
	struct store_tx *tx = store_begin(j->store);
	store_exec(tx, "DELETE FROM console_runs WHERE started_at < ?1 AND ended_at != 0", "i", before);
	store_submit(tx, stored, NULL);
}

enum result journal_create(struct loop *l, struct store *store, struct metrics *metrics, struct journal **ret,
			   struct error *e)
{
	CLEANUP(journal_destroy_p) struct journal *j = calloc(1, sizeof *j);
	if (!j)
		return error_set(e, RC_EXHAUSTED, "no memory for the journal");
	*j = (struct journal){ .loop = l, .store = store };
	strbuf_init(&j->point, POINT_MAX);
	j->dropped = metrics_add(metrics, METRIC_COUNTER, "rollcall_console_points_dropped_total",
				 "Points of timelines that were not written down.", "", NULL);
	enum result r = store_load(
		store,
		"SELECT uid, run, started_at, ended_at, (SELECT count(*) FROM console_points p WHERE p.run = r.run)"
		" FROM console_runs r WHERE run IN (SELECT max(run) FROM console_runs GROUP BY uid)",
		load, j, e);
	if (r == RC_OK)
		r = store_load(store, "SELECT coalesce(max(run), 0) FROM console_runs", load_number, j, e);
	if (r != RC_OK)
		return error_in(e, r, "journal");
	forget_old(j);
	*ret = TAKE(j);
	return RC_OK;
}

void journal_destroy(struct journal *j)
{
	if (!j)
		return;
	timer_stop(&j->flush);
	store_abandon(j->tx);
	struct last *n, *next;
	HASH_ITER (hh, j->by_uid, n, next) {
		HASH_DEL(j->by_uid, n);
		free(n->uid);
		free(n);
	}
	strbuf_finish(&j->point);
	free(j);
}

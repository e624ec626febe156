/* The deliveries on disk. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "bot/channels/webhook/webhook_private.h"

enum { KEEP_MS = 7 * 86400 * 1000, REPLAY_MAX = 1000 };

const struct store_migration webhook_migrations[] = {
	{ "webhooks", 1,
	  "CREATE TABLE webhook_deliveries (id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL,"
	  " event_id TEXT NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL, at INTEGER NOT NULL,"
	  " queued_at INTEGER NOT NULL, body TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0,"
	  " tries INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '',"
	  " done_at INTEGER NOT NULL DEFAULT 0, UNIQUE (receiver, event_id));"
	  "CREATE INDEX webhook_deliveries_next ON webhook_deliveries (receiver, state, id);" },
	{ NULL, 0, NULL },
};

void webhook_put(const struct webhook_lane *l, struct store_tx *tx, const struct webhook_event *ev, const char *body)
{
	char subject[512];
	(void)snprintf(subject, sizeof subject, "%s/%s", ev->ns, ev->name);
	store_exec(tx,
		   "INSERT OR IGNORE INTO webhook_deliveries (receiver, event_id, type, subject, at, queued_at, body)"
		   " VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
		   "ssssis", l->receiver->name, ev->id, ev->type, subject, ev->at.v, body);
}

static void trimmed(void *owner, enum result r, const struct error *why)
{
	if (webhook_landed(owner) && r != RC_OK)
		log_warn("webhooks_not_trimmed", "why=%s", why->text);
}

void webhook_trim(struct webhook *w)
{
	int64_t now = loop_wall(w->ctx.loop).v;
	struct store_tx *tx = store_begin(w->ctx.store);
	for (size_t i = 0; i < w->lane_count; i++) {
		const char *name = w->lanes[i].receiver->name;
		store_exec(
			tx,
			"UPDATE webhook_deliveries SET state = 2, why = 'too many waited', done_at = ?2 WHERE"
			" receiver = ?1 AND state = 0 AND id <= (SELECT id FROM webhook_deliveries WHERE receiver = ?1"
			" AND state = 0 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
			"sii", name, now, (int64_t)WEBHOOK_WAITING_MAX);
		store_exec(
			tx,
			"DELETE FROM webhook_deliveries WHERE receiver = ?1 AND state <> 0 AND (done_at < ?2 OR id <="
			" (SELECT id FROM webhook_deliveries WHERE receiver = ?1 AND state <> 0 ORDER BY id DESC"
			" LIMIT 1 OFFSET ?3))",
			"sii", name, now - KEEP_MS, (int64_t)WEBHOOK_KEPT_MAX);
	}
	/* A receiver that is not configured any more takes nothing. */
	store_exec(tx, "DELETE FROM webhook_deliveries WHERE queued_at < ?1 AND done_at < ?1", "i",
		   now - 2 * (int64_t)KEEP_MS);
	w->flying++;
	store_submit(tx, trimmed, w);
}

void webhook_log(struct store *s, const char *receiver, const char *state, int64_t limit, store_rows *done, void *owner)
{
	store_read(s,
		   "SELECT id, receiver, event_id AS event, type, subject,"
		   " strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at,"
		   " CASE state WHEN 0 THEN 'waiting' WHEN 1 THEN 'delivered' ELSE 'failed' END AS state, tries, "
		   "status, why"
		   " FROM webhook_deliveries WHERE (?1 = '' OR receiver = ?1) AND (?2 = '' OR state = CASE ?2"
		   " WHEN 'waiting' THEN 0 WHEN 'delivered' THEN 1 ELSE 2 END) ORDER BY id DESC LIMIT ?3",
		   "ssi", done, owner, receiver, state, limit);
}

/* ---- replay ---- */

struct replay {
	struct webhook *webhook;
	int64_t id, now, count;
	char *receiver; /* owned */
	webhook_replayed *done;
	void *owner;
};

static void replay_free(void *arg)
{
	struct replay *p = arg;
	free(p->receiver);
	free(p);
}

static enum result replay_step(sqlite3 *db, void *arg, struct error *e)
{
	struct replay *p = arg;
	static const char sql[] =
		"UPDATE webhook_deliveries SET state = 0, tries = 0, queued_at = ?1, done_at = 0 WHERE id IN (SELECT id"
		" FROM webhook_deliveries WHERE (?2 = 0 AND state = 2 AND (?3 = '' OR receiver = ?3)) OR (id = ?2 AND"
		" state <> 0) ORDER BY id DESC LIMIT ?4)";
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
		  sqlite3_bind_int64(st, 1, p->now) == SQLITE_OK && sqlite3_bind_int64(st, 2, p->id) == SQLITE_OK &&
		  sqlite3_bind_text(st, 3, p->receiver, -1, SQLITE_STATIC) == SQLITE_OK &&
		  sqlite3_bind_int(st, 4, REPLAY_MAX) == SQLITE_OK && sqlite3_step(st) == SQLITE_DONE;
	p->count = ok ? sqlite3_changes(db) : 0;
	sqlite3_finalize(st);
	return ok ? RC_OK : error_set(e, RC_EXHAUSTED, "the log cannot be written: %s", sqlite3_errmsg(db));
}

static void replay_done(void *owner, enum result r, const struct error *why)
{
	struct replay *p = owner;
	struct webhook *w = p->webhook;
	bool there = webhook_landed(w);
	p->done(p->owner, r, p->count, why);
	for (size_t i = 0; there && r == RC_OK && i < w->lane_count; i++)
		webhook_lane_run(&w->lanes[i]);
}

void webhook_replay(struct channel *c, int64_t id, const char *receiver, webhook_replayed *done, void *owner)
{
	struct webhook *w = WEBHOOK_OF(c);
	struct error e;
	struct replay *p = calloc(1, sizeof *p);
	if (p)
		*p = (struct replay){ .webhook = w,
				      .id = id,
				      .now = loop_wall(w->ctx.loop).v,
				      .receiver = strdup(receiver),
				      .done = done,
				      .owner = owner };
	if (!p || !p->receiver) {
		free(p);
		done(owner, error_set(&e, RC_EXHAUSTED, "no memory for this now"), 0, &e);
		return;
	}
	struct store_tx *tx = store_begin(w->ctx.store);
	if (!tx) {
		replay_free(p);
		done(owner, error_set(&e, RC_EXHAUSTED, "no memory for this now"), 0, &e);
		return;
	}
	store_call(tx, replay_step, p, replay_free);
	w->flying++;
	store_submit(tx, replay_done, p);
}

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bot/api/inbound_room.h"

/* Longer than anybody repeats; what is signed without a time could be sent again after it. */
static const int64_t keep_ms = 90 * 86400000ll;

const struct store_migration inbound_migrations[] = {
	{ "inbound", 1,
	  "CREATE TABLE inbound_ids (endpoint TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, boot TEXT NOT NULL,"
	  " done INTEGER NOT NULL DEFAULT 0, text TEXT NOT NULL DEFAULT '', PRIMARY KEY (endpoint, id)) WITHOUT ROWID;"
	  "CREATE INDEX inbound_ids_at ON inbound_ids (at);" },
	{ NULL, 0, NULL },
};

struct claim {
	char *endpoint, *id, *boot, *text; /* owned */
	int64_t at;
	enum inbound_claim claim;
	inbound_claimed *done;
	void *owner;
};

static void claim_free(void *arg)
{
	struct claim *c = arg;
	free(c->endpoint);
	free(c->id);
	free(c->boot);
	free(c->text);
	free(c);
}

static sqlite3_stmt *prepared(sqlite3 *db, const char *sql, const struct claim *c)
{
	sqlite3_stmt *st = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_bind_text(st, 1, c->endpoint, -1, SQLITE_STATIC) == SQLITE_OK &&
	    sqlite3_bind_text(st, 2, c->id, -1, SQLITE_STATIC) == SQLITE_OK)
		return st;
	sqlite3_finalize(st);
	return NULL;
}

/* One that a process began and died over is begun again: what it does happens once by itself. */
static enum result look(sqlite3 *db, struct claim *c, struct error *e)
{
	sqlite3_stmt *st = prepared(db, "SELECT done, text, boot FROM inbound_ids WHERE endpoint = ?1 AND id = ?2", c);
	int step = st ? sqlite3_step(st) : SQLITE_ERROR;
	c->claim = CLAIM_NEW;
	free(c->text);
	c->text = NULL;
	if (step == SQLITE_ROW && sqlite3_column_int(st, 0)) {
		c->claim = CLAIM_DONE;
		c->text = strdup((const char *)sqlite3_column_text(st, 1));
	} else if (step == SQLITE_ROW && text_eq((const char *)sqlite3_column_text(st, 2), c->boot)) {
		c->claim = CLAIM_BUSY;
	}
	sqlite3_finalize(st);
	return step == SQLITE_ROW || step == SQLITE_DONE ? RC_OK : error_set(e, RC_EXHAUSTED, "%s", sqlite3_errmsg(db));
}

static enum result claim_step(sqlite3 *db, void *arg, struct error *e)
{
	struct claim *c = arg;
	enum result r = look(db, c, e);
	if (r != RC_OK || c->claim != CLAIM_NEW)
		return r;
	sqlite3_stmt *st =
		prepared(db, "INSERT OR REPLACE INTO inbound_ids (endpoint, id, at, boot) VALUES (?1, ?2, ?3, ?4)", c);
	bool ok = st && sqlite3_bind_int64(st, 3, c->at) == SQLITE_OK &&
		  sqlite3_bind_text(st, 4, c->boot, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(st) == SQLITE_DONE;
	sqlite3_finalize(st);
	return ok ? RC_OK : error_set(e, RC_EXHAUSTED, "%s", sqlite3_errmsg(db));
}

static void claimed(void *owner, enum result r, const struct error *why)
{
	struct claim *c = owner;
	c->done(c->owner, r, c->claim, c->text ? c->text : "", why);
}

void inbound_claim(struct store *s, const char *endpoint, const char *id, const char *boot, struct wall_ms now,
		   inbound_claimed *done, void *owner)
{
	struct error e;
	struct claim *c = calloc(1, sizeof *c);
	if (c)
		*c = (struct claim){ .endpoint = strdup(endpoint),
				     .id = strdup(id),
				     .boot = strdup(boot),
				     .at = now.v,
				     .done = done,
				     .owner = owner };
	struct store_tx *tx = c && c->endpoint && c->id && c->boot ? store_begin(s) : NULL;
	if (!tx) {
		if (c)
			claim_free(c);
		done(owner, error_set(&e, RC_EXHAUSTED, "no memory for this now"), CLAIM_NEW, "", &e);
		return;
	}
	store_call(tx, claim_step, c, claim_free);
	store_submit(tx, claimed, c);
}

void inbound_settle(struct store *s, const char *endpoint, const char *id, bool done_for_good, const char *text,
		    store_done *done, void *owner)
{
	struct store_tx *tx = store_begin(s);
	if (done_for_good)
		store_exec(tx, "UPDATE inbound_ids SET done = 1, text = ?3 WHERE endpoint = ?1 AND id = ?2", "sss",
			   endpoint, id, text);
	else
		store_exec(tx, "DELETE FROM inbound_ids WHERE endpoint = ?1 AND id = ?2", "ss", endpoint, id);
	store_submit(tx, done, owner);
}

void inbound_forget_old(struct store *s, struct wall_ms now)
{
	struct store_tx *tx = store_begin(s);
	store_exec(tx, "DELETE FROM inbound_ids WHERE at < ?1", "i", now.v - keep_ms);
	store_submit(tx, NULL, NULL);
}

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/outbox/lane.h"

const struct store_migration outbox_migrations[] = {
	{ "outbox", 1,
	  "CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, channel TEXT NOT NULL,"
	  " subject TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, urgent INTEGER NOT NULL,"
	  " tried INTEGER NOT NULL DEFAULT 0, mark INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0, why "
	  "TEXT NOT NULL DEFAULT '');"
	  "CREATE INDEX outbox_subject ON outbox (channel, subject, kind);"
	  "CREATE TABLE outbox_keys (key TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;"
	  "CREATE TABLE outbox_cards (channel TEXT NOT NULL, subject TEXT NOT NULL, message_id TEXT NOT NULL,"
	  " at INTEGER NOT NULL, PRIMARY KEY (channel, subject)) WITHOUT ROWID;" },
	{ NULL, 0, NULL },
};

/* At once. Cards are some KiB; when they are larger than an answer of the store, fewer are read. */
enum { READ_ROWS = 64, READ_LESS = 8 };

void outbox_put(struct outbox *o, struct store_tx *tx, const struct outbox_item *item)
{
	int64_t now = loop_wall(o->loop).v;
	const char *key = item->key ? item->key : "", *subject = item->subject ? item->subject : "";
	if (!item->body || strlen(item->body) > OUTBOX_BODY_MAX) {
		log_error("message_too_large", "channel=%s subject=%s", item->channel, subject);
		return;
	}
	/* The card that it replaces may have been posted a moment ago: what that one would be found by goes on. */
	store_exec(tx,
		   "INSERT INTO outbox (kind, channel, subject, key, body, urgent, tried, mark)"
		   " SELECT ?1, ?2, ?3, ?4, ?5, ?6, COALESCE(mark, 0) > 0, COALESCE(mark, 0) FROM (SELECT max(CASE mark"
		   " WHEN 0 THEN id ELSE mark END) AS mark FROM outbox WHERE ?1 = 0 AND kind = 0 AND channel = ?2 AND"
		   " subject = ?3 AND tried = 1 AND dead = 0)"
		   " WHERE ?4 = '' OR NOT EXISTS (SELECT 1 FROM outbox_keys WHERE key = ?2 || ' ' || ?4)",
		   "issssi", (int64_t)item->kind, item->channel, subject, key, item->body, (int64_t)item->urgent);
	/* Dead ones too: the newest one is what people miss. */
	if (item->kind == OUTBOX_CARD)
		store_exec(
			tx,
			"DELETE FROM outbox WHERE channel = ?1 AND subject = ?2 AND kind = ?3 AND id < (SELECT max(id)"
			" FROM outbox WHERE channel = ?1 AND subject = ?2 AND kind = ?3)",
			"ssi", item->channel, subject, (int64_t)OUTBOX_CARD);
	if (*key)
		store_exec(tx, "INSERT OR IGNORE INTO outbox_keys (key, at) VALUES (?1 || ' ' || ?2, ?3)", "ssi",
			   item->channel, key, now);
}

/* ---- what was posted ---- */

static char *posted_key(const char *channel, const char *subject)
{
	size_t len = strlen(channel) + strlen(subject) + 2;
	char *key = malloc(len);
	if (key)
		(void)snprintf(key, len, "%s\n%s", channel, subject);
	return key;
}

const char *outbox_message_id(struct outbox *o, const char *channel, const char *subject)
{
	CLEANUP(free_p) char *key = posted_key(channel, subject);
	struct posted *p = NULL;
	if (key)
		HASH_FIND_STR(o->posted, key, p);
	return p ? p->message_id : "";
}

static void posted_free(struct outbox *o, struct posted *p)
{
	HASH_DEL(o->posted, p);
	free(p->key);
	free(p->message_id);
	free(p);
}

/* The table's order is that of the last sending: the first one is the first to be forgotten. */
void posted_set(struct outbox *o, const char *channel, const char *subject, const char *message_id, int64_t at_ms)
{
	struct posted *old = NULL, *p = calloc(1, sizeof *p);
	if (p)
		*p = (struct posted){ .key = posted_key(channel, subject),
				      .message_id = strdup(message_id),
				      .at_ms = at_ms };
	if (!p || !p->key || !p->message_id) {
		if (p) {
			free(p->key);
			free(p->message_id);
		}
		free(p);
		return;
	}
	HASH_FIND_STR(o->posted, p->key, old);
	if (old)
		posted_free(o, old);
	HASH_ADD_KEYPTR(hh, o->posted, p->key, strlen(p->key), p);
	if (HASH_COUNT(o->posted) > POSTED_MAX)
		posted_free(o, o->posted);
}

int64_t outbox_card_at(struct outbox *o, const char *channel, const char *subject)
{
	CLEANUP(free_p) char *key = posted_key(channel, subject);
	struct posted *p = NULL;
	if (key)
		HASH_FIND_STR(o->posted, key, p);
	return p && *p->message_id ? p->at_ms : 0;
}

const char *outbox_thread(struct outbox *o, struct store_tx *tx, const char *channel, const char *thread_id,
			  struct arena *a)
{
	const char *subject = arena_printf(a, "thread/%s", thread_id);
	if (!subject)
		return NULL;
	int64_t now = loop_wall(o->loop).v;
	if (!*outbox_message_id(o, channel, subject))
		posted_set(o, channel, subject, thread_id, now);
	store_exec(tx, "INSERT OR REPLACE INTO outbox_cards (channel, subject, message_id, at) VALUES (?1, ?2, ?3, ?4)",
		   "sssi", channel, subject, thread_id, now);
	return subject;
}

static bool posted_row(void *owner, sqlite3_stmt *st)
{
	posted_set(owner, (const char *)sqlite3_column_text(st, 0), (const char *)sqlite3_column_text(st, 1),
		   (const char *)sqlite3_column_text(st, 2), sqlite3_column_int64(st, 3));
	return true;
}

enum result rows_load_posted(struct outbox *o, struct error *e)
{
	/* Cards of rollouts that ended long ago are never updated again. */
	return store_load(o->store,
			  "SELECT channel, subject, message_id, at FROM (SELECT * FROM outbox_cards ORDER BY at DESC"
			  " LIMIT 20000) ORDER BY at",
			  posted_row, o, e);
}

/* ---- reading what committed ---- */

static void owed_write(struct owed *w);

static struct row *row_from(const cJSON *j)
{
	struct row *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	*r = (struct row){ .id = (uint64_t)json_int(j, "id", 0),
			   .kind = (enum outbox_kind)json_int(j, "kind", 0),
			   .subject = strdup(json_text(j, "subject", "")),
			   .body = strdup(json_text(j, "body", "")),
			   .key = strdup(json_text(j, "key", "")),
			   .urgent = json_int(j, "urgent", 0) != 0,
			   .maybe_sent = json_int(j, "tried", 0) != 0,
			   .mark = (uint64_t)json_int(j, "mark", 0),
			   .dead = json_int(j, "dead", 0) != 0,
			   .why = strdup(json_text(j, "why", "")) };
	if (r->subject && r->body && r->key)
		return r;
	row_free(r);
	return NULL;
}

/* How many; -1: no memory for the next one. */
static int add_rows(struct outbox *o, const cJSON *rows)
{
	int n = 0;
	const cJSON *j;
	cJSON_ArrayForEach (j, rows) {
		struct lane *l = lane_of(o, json_text(j, "channel", ""));
		struct row *r = l ? row_from(j) : NULL;
		if (!r)
			return -1;
		n++;
		if (!l->platform) {
			log_error("channel_unknown", "channel=%s row=%llu", l->channel, (unsigned long long)r->id);
			free(r->why);
			r->why = strdup("no platform of this name is configured");
		}
		o->seen = r->id;
		lane_add(l, r);
	}
	return n;
}

static void try_again(void *owner)
{
	struct outbox *o = owner;
	struct owed *w;
	DL_FOREACH(o->owed, w)
	{
		if (!w->flying)
			owed_write(w);
	}
	rows_read(o);
}

static void later(struct outbox *o)
{
	if (!o->stopped && !timer_active(&o->again))
		timer_start(o->loop, &o->again, STORE_RETRY_MS, try_again, o);
}

static void rows_arrived(void *owner, enum result r, const char *json_array, const struct error *why)
{
	struct outbox *o = owner;
	o->reading = false;
	CLEANUP(json_delete_p) cJSON *rows = NULL;
	struct error e;
	if (r == RC_EXHAUSTED && o->read_rows > 1) {
		o->read_rows /= READ_LESS;
		rows_read(o);
		return;
	}
	if (r != RC_OK || json_parse(json_array, strlen(json_array), &rows, &e) != RC_OK) {
		log_error("outbox_unreadable", "why=%s", r != RC_OK ? why->text : e.text);
		later(o);
		return;
	}
	int n = add_rows(o, rows);
	if (n < 0) {
		log_error("no_memory", "room=outbox");
		later(o);
		return;
	}
	bool whole = n < o->read_rows, again = !whole || o->read_again;
	o->read_rows = o->read_rows * 2 < READ_ROWS ? o->read_rows * 2 : READ_ROWS;
	/* Only who knows all that waits can choose what goes first. */
	struct lane *l, *next;
	HASH_ITER (hh, o->lanes, l, next) {
		if (whole)
			lane_run(l);
	}
	if (again)
		rows_read(o);
}

void rows_read(struct outbox *o)
{
	if (o->stopped)
		return;
	if (o->reading) {
		o->read_again = true;
		return;
	}
	if (!o->read_rows)
		o->read_rows = READ_ROWS;
	o->reading = true;
	o->read_again = false;
	store_read(o->store,
		   "SELECT id, kind, channel, subject, key, body, urgent, tried, mark, dead, why FROM outbox"
		   " WHERE id > ?1 ORDER BY id LIMIT ?2",
		   "ii", rows_arrived, o, (int64_t)o->seen, (int64_t)o->read_rows);
}

/* ---- outcomes ---- */

void rows_trying(struct outbox *o, const struct row *r, store_done *done, void *owner)
{
	struct store_tx *tx = store_begin(o->store);
	store_exec(tx, "UPDATE outbox SET tried = 1 WHERE id = ?1", "i", (int64_t)r->id);
	store_submit(tx, done, owner);
}

void owed_free(struct owed *w)
{
	assert(!w->flying);
	DL_DELETE(w->outbox->owed, w);
	free(w->channel);
	free(w->subject);
	free(w->message_id);
	free(w);
}

static void owed_written(void *owner, enum result r, const struct error *why)
{
	struct owed *w = owner;
	w->flying = false;
	if (r == RC_OK) {
		owed_free(w);
		return;
	}
	log_error("outcome_not_stored", "channel=%s row=%llu why=%s", w->channel, (unsigned long long)w->row,
		  why->text);
	later(w->outbox);
}

static void owed_write(struct owed *w)
{
	struct store_tx *tx = store_begin(w->outbox->store);
	store_exec(tx, "DELETE FROM outbox WHERE id = ?1", "i", (int64_t)w->row);
	if (w->message_id)
		store_exec(tx,
			   "INSERT INTO outbox_cards (channel, subject, message_id, at) VALUES (?1, ?2, ?3, ?4)"
			   " ON CONFLICT (channel, subject) DO UPDATE SET message_id = ?3, at = ?4",
			   "sssi", w->channel, w->subject, w->message_id, w->at_ms);
	w->flying = true;
	store_submit(tx, owed_written, w);
}

/* row 0: none to delete */
static void owe(struct outbox *o, const struct lane *l, const char *subject, uint64_t row, const char *message_id)
{
	struct owed *w = calloc(1, sizeof *w);
	if (!w) {
		log_error("no_memory", "room=outbox"); /* the row stays: the next start asks whether it arrived */
		return;
	}
	*w = (struct owed){ .outbox = o,
			    .row = row,
			    .channel = strdup(l->channel),
			    .subject = strdup(subject),
			    .message_id = message_id ? strdup(message_id) : NULL,
			    .at_ms = loop_wall(o->loop).v };
	DL_APPEND(o->owed, w);
	if (w->channel && w->subject)
		owed_write(w);
	else
		owed_free(w);
}

void rows_sent(struct outbox *o, const struct lane *l, const struct row *r, const char *message_id)
{
	owe(o, l, r->subject, r->id, message_id);
}

void rows_posted(struct outbox *o, const struct lane *l, const struct row *r, const char *message_id)
{
	owe(o, l, r->subject, 0, message_id);
}

void rows_dead(struct outbox *o, const struct row *r, const char *why)
{
	struct store_tx *tx = store_begin(o->store);
	store_exec(tx, "UPDATE outbox SET dead = 1, why = ?2 WHERE id = ?1", "is", (int64_t)r->id, why);
	store_exec(tx,
		   "DELETE FROM outbox WHERE dead = 1 AND id <= (SELECT id FROM outbox WHERE dead = 1"
		   " ORDER BY id DESC LIMIT 1 OFFSET ?1)",
		   "i", (int64_t)DEAD_MAX);
	store_submit(tx, NULL, NULL);
}

void rows_alive(struct outbox *o, uint64_t id)
{
	struct store_tx *tx = store_begin(o->store);
	store_exec(tx, "UPDATE outbox SET dead = 0, why = '' WHERE id = ?1", "i", (int64_t)id);
	store_submit(tx, NULL, NULL);
}

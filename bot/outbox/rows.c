#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/outbox/lane.h"

const struct store_migration outbox_migrations[] = {
	{ "outbox", 1,
	  "CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, channel TEXT NOT NULL,"
	  " subject TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, urgent INTEGER NOT NULL,"
	  " tried INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '');"
	  "CREATE INDEX outbox_subject ON outbox (channel, subject, kind);"
	  "CREATE TABLE outbox_keys (key TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;"
	  "CREATE TABLE outbox_cards (channel TEXT NOT NULL, subject TEXT NOT NULL, message_id TEXT NOT NULL,"
	  " at INTEGER NOT NULL, PRIMARY KEY (channel, subject)) WITHOUT ROWID;" },
	{ NULL, 0, NULL },
};

enum { READ_ROWS = 8 }; /* at most 8 bodies of OUTBOX_BODY_MAX fit one answer of the store */

void outbox_put(struct outbox *o, struct store_tx *tx, const struct outbox_item *item)
{
	int64_t now = loop_wall(o->loop).v;
	const char *key = item->key ? item->key : "", *subject = item->subject ? item->subject : "";
	if (!item->body || strlen(item->body) > OUTBOX_BODY_MAX) {
		log_error("message_too_large", "channel=%s subject=%s", item->channel, subject);
		return;
	}
	if (item->kind == OUTBOX_CARD)
		store_exec(tx, "DELETE FROM outbox WHERE channel=?1 AND subject=?2 AND kind=?3 AND dead=0", "ssi",
			   item->channel, subject, (int64_t)OUTBOX_CARD);
	store_exec(tx,
		   "INSERT INTO outbox (kind, channel, subject, key, body, urgent) SELECT ?1, ?2, ?3, ?4, ?5, ?6"
		   " WHERE ?4 = '' OR NOT EXISTS (SELECT 1 FROM outbox_keys WHERE key = ?2 || ' ' || ?4)",
		   "issssi", (int64_t)item->kind, item->channel, subject, key, item->body, (int64_t)item->urgent);
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

void posted_set(struct outbox *o, const char *channel, const char *subject, const char *message_id)
{
	CLEANUP(free_p) char *key = posted_key(channel, subject);
	CLEANUP(free_p) char *id = strdup(message_id);
	struct posted *p = NULL;
	if (!key || !id)
		return;
	HASH_FIND_STR(o->posted, key, p);
	if (!p) {
		p = calloc(1, sizeof *p);
		if (!p)
			return;
		p->key = TAKE(key);
		HASH_ADD_KEYPTR(hh, o->posted, p->key, strlen(p->key), p);
	}
	free(p->message_id);
	p->message_id = TAKE(id);
}

static bool posted_row(void *owner, sqlite3_stmt *st)
{
	posted_set(owner, (const char *)sqlite3_column_text(st, 0), (const char *)sqlite3_column_text(st, 1),
		   (const char *)sqlite3_column_text(st, 2));
	return true;
}

enum result rows_load_posted(struct outbox *o, struct error *e)
{
	/* Cards of rollouts that ended long ago are never updated again. */
	return store_load(o->store,
			  "SELECT channel, subject, message_id FROM outbox_cards ORDER BY at DESC LIMIT 20000",
			  posted_row, o, e);
}

/* ---- reading what committed ---- */

struct reading {
	struct outbox *outbox; /* NULL: destroyed meanwhile */
	bool gone;
};

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
			   .dead = json_int(j, "dead", 0) != 0,
			   .why = strdup(json_text(j, "why", "")) };
	if (r->subject && r->body && r->key)
		return r;
	row_free(r);
	return NULL;
}

static int add_rows(struct outbox *o, const cJSON *rows)
{
	int n = 0;
	const cJSON *j;
	cJSON_ArrayForEach (j, rows) {
		n++;
		struct lane *l = lane_of(o, json_text(j, "channel", ""));
		struct row *r = l ? row_from(j) : NULL;
		if (!r) {
			log_error("no_memory", "room=outbox");
			return n;
		}
		if (!l->platform)
			log_error("channel_unknown", "channel=%s row=%llu", l->channel, (unsigned long long)r->id);
		o->seen = r->id > o->seen ? r->id : o->seen;
		lane_add(l, r);
		lane_run(l);
	}
	return n;
}

static void rows_arrived(void *owner, enum result r, const char *json_array, const struct error *why)
{
	struct reading *reading = owner;
	struct outbox *o = reading->gone ? NULL : reading->outbox;
	free(reading);
	if (!o)
		return;
	o->gone = NULL;
	o->reading = false;
	CLEANUP(json_delete_p) cJSON *rows = NULL;
	struct error e;
	if (r != RC_OK || json_parse(json_array, strlen(json_array), &rows, &e) != RC_OK) {
		log_error("outbox_unreadable", "why=%s", r != RC_OK ? why->text : e.text);
		return;
	}
	int n = add_rows(o, rows);
	if (n == READ_ROWS || o->read_again)
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
	struct reading *reading = calloc(1, sizeof *reading);
	if (!reading) {
		log_error("no_memory", "room=outbox");
		return;
	}
	reading->outbox = o;
	o->gone = &reading->gone;
	o->reading = true;
	o->read_again = false;
	store_read(o->store,
		   "SELECT id, kind, channel, subject, key, body, urgent, tried, dead, why FROM outbox"
		   " WHERE id > ?1 ORDER BY id LIMIT ?2",
		   "ii", rows_arrived, reading, (int64_t)o->seen, (int64_t)READ_ROWS);
}

/* ---- outcomes ---- */

void rows_trying(struct outbox *o, const struct row *r, store_done *done, void *owner)
{
	struct store_tx *tx = store_begin(o->store);
	store_exec(tx, "UPDATE outbox SET tried = 1 WHERE id = ?1", "i", (int64_t)r->id);
	store_submit(tx, done, owner);
}

void rows_sent(struct outbox *o, const struct lane *l, const struct row *r, const char *message_id)
{
	struct store_tx *tx = store_begin(o->store);
	store_exec(tx, "DELETE FROM outbox WHERE id = ?1", "i", (int64_t)r->id);
	if (message_id)
		store_exec(tx,
			   "INSERT INTO outbox_cards (channel, subject, message_id, at) VALUES (?1, ?2, ?3, ?4)"
			   " ON CONFLICT (channel, subject) DO UPDATE SET message_id = ?3, at = ?4",
			   "sssi", l->channel, r->subject, message_id, loop_wall(o->loop).v);
	store_submit(tx, NULL, NULL);
}

void rows_dead(struct outbox *o, const struct row *r, const char *why)
{
	struct store_tx *tx = store_begin(o->store);
	store_exec(tx, "UPDATE outbox SET dead = 1, why = ?2 WHERE id = ?1", "is", (int64_t)r->id, why);
	store_submit(tx, NULL, NULL);
}

void rows_alive(struct outbox *o, uint64_t id)
{
	struct store_tx *tx = store_begin(o->store);
	store_exec(tx, "UPDATE outbox SET dead = 0, why = '' WHERE id = ?1", "i", (int64_t)id);
	store_submit(tx, NULL, NULL);
}

/* What people asked to be told, and where: kept in the store, at hand in memory. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "bot/room.h"

enum { SUBSCRIPTIONS_MAX = 5000 };

const struct store_migration bot_migrations[] = {
	{ "bot", 1,
	  "CREATE TABLE subscriptions (channel TEXT NOT NULL, thread TEXT NOT NULL, pattern TEXT NOT NULL, by TEXT NOT"
	  " NULL, at INTEGER NOT NULL, PRIMARY KEY (channel, thread, pattern)) WITHOUT ROWID;"
	  "CREATE TABLE answers_owed (request TEXT PRIMARY KEY, channel TEXT NOT NULL, thread TEXT NOT NULL, at INTEGER"
	  " NOT NULL) WITHOUT ROWID;" },
	{ NULL, 0, NULL },
};

static void subscription_free(struct subscription *s)
{
	if (!s)
		return;
	free(s->channel);
	free(s->thread);
	free(s->pattern);
	free(s);
}

static struct subscription *add(struct bot *b, const char *channel, const char *thread, const char *pattern)
{
	struct subscription *s = calloc(1, sizeof *s);
	if (s)
		*s = (struct subscription){ .channel = strdup(channel),
					    .thread = strdup(thread),
					    .pattern = strdup(pattern),
					    .next = b->subscriptions };
	if (!s || !s->channel || !s->thread || !s->pattern) {
		subscription_free(s);
		return NULL;
	}
	b->subscriptions = s;
	return s;
}

static struct subscription **find(struct bot *b, const char *channel, const char *thread, const char *pattern)
{
	struct subscription **at = &b->subscriptions;
	while (*at && !(text_eq((*at)->channel, channel) && text_eq((*at)->thread, thread) &&
			text_eq((*at)->pattern, pattern)))
		at = &(*at)->next;
	return at;
}

static bool row(void *owner, sqlite3_stmt *st)
{
	return add(owner, (const char *)sqlite3_column_text(st, 0), (const char *)sqlite3_column_text(st, 1),
		   (const char *)sqlite3_column_text(st, 2)) != NULL;
}

enum result subscriptions_load(struct bot *b, struct error *e)
{
	return store_load(b->o.store, "SELECT channel, thread, pattern FROM subscriptions", row, b, e);
}

void subscriptions_free(struct bot *b)
{
	while (b->subscriptions) {
		struct subscription *s = b->subscriptions;
		b->subscriptions = s->next;
		subscription_free(s);
	}
}

bool subscription_fits(const struct subscription *s, const struct rollout *r)
{
	const char *slash = strchr(s->pattern, '/');
	if (!slash)
		return fnmatch(s->pattern, r->name, 0) == 0;
	char ns[128];
	size_t len = (size_t)(slash - s->pattern);
	if (len >= sizeof ns)
		return false;
	(void)text_copy(ns, len + 1, s->pattern);
	return fnmatch(ns, r->ns, 0) == 0 && fnmatch(slash + 1, r->name, 0) == 0;
}

static size_t count(const struct bot *b)
{
	size_t n = 0;
	for (const struct subscription *s = b->subscriptions; s; s = s->next)
		n++;
	return n;
}

static void record(struct bot *b, struct store_tx *tx, const struct person *who, const char *channel,
		   const char *pattern, bool on)
{
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(8192);
	struct strbuf where;
	strbuf_init(&where, 2048);
	strbuf_add(&where, "{\"channel\":");
	strbuf_add_json(&where, channel);
	strbuf_addc(&where, '}');
	struct audit_row audit = { .actor = person_actor(who),
				   .identity = a ? arena_printf(a, "%s:%.200s", who->platform, who->id) : "",
				   .action = on ? "subscribe" : "unsubscribe",
				   .object = a ? arena_printf(a, "%.300s", pattern) : "",
				   .request = "",
				   .outcome = "done",
				   .reason = "",
				   .detail = where.overflow ? "" : where.s };
	audit_append(tx, loop_wall(b->o.loop), &audit);
	strbuf_finish(&where);
}

enum result subscription_set(struct bot *b, const struct person *who, const char *channel, const char *thread,
			     const char *pattern, bool on, store_done *done, void *owner, struct error *e)
{
	struct subscription **at = find(b, channel, thread, pattern);
	if (on && *at)
		return error_set(e, RC_CONFLICT, "this place is subscribed to %.100s already", pattern);
	if (!on && !*at)
		return error_set(e, RC_CONFLICT, "this place is not subscribed to %.100s", pattern);
	if (on && (count(b) >= SUBSCRIPTIONS_MAX || !add(b, channel, thread, pattern)))
		return error_set(e, RC_EXHAUSTED, "there are too many subscriptions");
	struct subscription *old = on ? NULL : *at;
	if (old) {
		*at = old->next;
		subscription_free(old);
	}
	struct store_tx *tx = store_begin(b->o.store);
	store_exec(tx,
		   on ? "INSERT OR IGNORE INTO subscriptions (channel, thread, pattern, by, at) VALUES (?1, ?2, ?3, "
			"?4, ?5)"
		      : "DELETE FROM subscriptions WHERE channel = ?1 AND thread = ?2 AND pattern = ?3 AND ?4 = ?4 AND "
			"?5 = ?5",
		   "ssssi", channel, thread, pattern, person_actor(who), loop_wall(b->o.loop).v);
	record(b, tx, who, channel, pattern, on);
	store_submit(tx, done, owner);
	return RC_OK;
}

void subscription_show(struct bot *b, const char *pattern)
{
	size_t n = 0;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(BOT_LIST_BYTES);
	const struct rollout *const *list = a ? engine_list(b->o.engine, NULL, a, &n) : NULL;
	const struct subscription wanted = { .pattern = (char[512]){ 0 } };
	(void)text_copy(wanted.pattern, 512, pattern);
	for (size_t i = 0; i < n && !b->stopping; i++)
		if (list[i]->active && subscription_fits(&wanted, list[i]))
			speak_now(b, list[i]);
}

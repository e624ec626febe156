#include "controller/cluster/embedded/revisions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/crypto.h"
#include "base/json.h"

enum { HASH_DIGITS = 10 };

enum result revision_create(const cJSON *template, int64_t number, struct revision **ret, struct error *e)
{
	char hex[SHA256_HEX] = "";
	CLEANUP(revision_destroy_p) struct revision *v = calloc(1, sizeof *v);
	CLEANUP(free_p) char *text = json_canonical(template, false);
	if (v)
		v->template = cJSON_Duplicate(template, true);
	if (!v || !text || !v->template)
		return error_set(e, RC_EXHAUSTED, "no memory for a revision");
	enum result r = crypto_sha256_hex(text, strlen(text), hex, e);
	if (r != RC_OK)
		return r;
	snprintf(v->hash, sizeof v->hash, "%.*s", (int)HASH_DIGITS, hex);
	v->number = number;
	*ret = TAKE(v);
	return RC_OK;
}

void revision_destroy(struct revision *v)
{
	if (!v)
		return;
	cJSON_Delete(v->template);
	free(v);
}

void revisions_free(struct revision *list)
{
	struct revision *v, *next;
	DL_FOREACH_SAFE(list, v, next)
	revision_destroy(v);
}

struct revision *revisions_find(struct revision *list, const cJSON *template)
{
	struct revision *v;
	DL_FOREACH(list, v)
	{
		if (json_equal(v->template, template))
			return v;
	}
	return NULL;
}

void revision_store(struct store_tx *tx, const char *uid, const struct revision *v)
{
	CLEANUP(free_p) char *template = json_print(v->template);
	store_exec(tx,
		   "INSERT INTO cluster_revisions (uid, hash, number, replicas, desired, most, template) VALUES (?, ?, "
		   "?, ?, ?, ?, ?) ON CONFLICT (uid, hash) DO UPDATE SET number = excluded.number, replicas = "
		   "excluded.replicas, desired = excluded.desired, most = excluded.most",
		   "ssiiiis", uid, v->hash, v->number, (int64_t)v->replicas, (int64_t)v->desired, (int64_t)v->most,
		   template); /* without memory NULL, which the table refuses */
}

void revision_forget(struct store_tx *tx, const char *uid, const char *hash)
{
	store_exec(tx, "DELETE FROM cluster_revisions WHERE uid = ? AND hash = ?", "ss", uid, hash);
}

void revisions_forget(struct store_tx *tx, const char *uid)
{
	store_exec(tx, "DELETE FROM cluster_revisions WHERE uid = ?", "s", uid);
}

struct loading {
	bool (*found)(void *owner, const char *uid, struct revision *v);
	void *owner;
	enum result r;
	struct error why;
};

static const char *text(sqlite3_stmt *st, int column)
{
	const char *s = (const char *)sqlite3_column_text(st, column);
	return s ? s : "";
}

static bool load_row(void *owner, sqlite3_stmt *st)
{
	struct loading *l = owner;
	const char *json = text(st, 6);
	struct revision *v = calloc(1, sizeof *v);
	if (!v) {
		l->r = error_set(&l->why, RC_EXHAUSTED, "no memory for the revisions");
		return false;
	}
	l->r = json_parse(json, strlen(json), &v->template, &l->why);
	if (l->r != RC_OK) {
		revision_destroy(v);
		return false;
	}
	snprintf(v->hash, sizeof v->hash, "%s", text(st, 1));
	v->number = sqlite3_column_int64(st, 2);
	v->replicas = sqlite3_column_int(st, 3);
	v->desired = sqlite3_column_int(st, 4);
	v->most = sqlite3_column_int(st, 5);
	if (!l->found(l->owner, text(st, 0), v))
		l->r = error_set(&l->why, RC_EXHAUSTED, "no memory for the revisions");
	return l->r == RC_OK;
}

enum result revisions_load(struct store *s, bool (*found)(void *owner, const char *uid, struct revision *v),
			   void *owner, struct error *e)
{
	struct loading l = { .found = found, .owner = owner };
	enum result r = store_load(s,
				   "SELECT uid, hash, number, replicas, desired, most, template FROM cluster_revisions"
				   " ORDER BY uid, number",
				   load_row, &l, e);
	return r == RC_OK && l.r != RC_OK ? error_set(e, l.r, "revisions: %s", l.why.text) : r;
}

#include "bot/console/session.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/text.h"
#include "bot/approvals/audit.h"

enum { SECRET_BYTES = 32, SESSIONS_MAX = 5000 };

struct session {
	char hash[SHA256_HEX]; /* of the secret; the tag too */
	enum session_kind kind;
	char name[TOKEN_NAME_MAX + 1];
	struct wall_ms bound; /* of a token: when it was made, so that a later one of that name is another */
	struct wall_ms expires_at;
	UT_hash_handle hh;
};
struct sessions {
	struct loop *loop;
	struct store *store;
	struct tokens *tokens;
	const char *const *people;
	struct session *by_hash;
};

/* ---- entries ---- */

static struct session *entry_find(struct sessions *s, const char *secret)
{
	char hash[SHA256_HEX];
	struct session *n = NULL;
	if (!text_empty(secret) && crypto_sha256_hex(secret, strlen(secret), hash, NULL) == RC_OK)
		HASH_FIND_STR(s->by_hash, hash, n);
	return n;
}

static void entry_drop(struct sessions *s, struct session *n)
{
	struct store_tx *tx = store_begin(s->store);
	store_exec(tx, "DELETE FROM console_sessions WHERE hash = ?1", "s", n->hash);
	store_submit(tx, NULL, NULL);
	HASH_DEL(s->by_hash, n);
	free(n);
}

static bool is_listed(const struct sessions *s, const char *name)
{
	for (const char *const *p = s->people; p && *p; p++)
		if (text_eq(*p, name))
			return true;
	return false;
}

/* NULL: it is over. */
static bool entry_good(struct sessions *s, struct session *n, struct visitor *ret)
{
	*ret = (struct visitor){ .kind = n->kind, .name = n->name, .scope = SCOPE_DECIDE, .tag = n->hash };
	if (n->expires_at.v <= loop_wall(s->loop).v)
		return false;
	if (n->kind == SESSION_CHOSEN)
		return is_listed(s, n->name);
	const struct token *t = tokens_named(s->tokens, n->name);
	if (!t || t->created_at.v != n->bound.v)
		return false;
	ret->scope = t->scope;
	return true;
}

static bool judge(struct sessions *s, struct session *n, struct visitor *ret)
{
	struct visitor v;
	if (!n)
		return false;
	if (!entry_good(s, n, &v)) {
		entry_drop(s, n);
		return false;
	}
	*ret = v;
	return true;
}

bool sessions_find(struct sessions *s, const char *secret, struct visitor *ret)
{
	return judge(s, entry_find(s, secret), ret);
}

bool sessions_good(struct sessions *s, const char *tag)
{
	struct session *n = NULL;
	struct visitor unused;
	HASH_FIND_STR(s->by_hash, tag, n);
	return judge(s, n, &unused);
}

void sessions_csrf(const char *secret, char ret[SESSION_CSRF_MAX])
{
	static const char purpose[] = "rollcall console csrf";
	unsigned char mac[SHA256_BYTES];
	ret[0] = '\0';
	if (crypto_hmac_sha256(secret, strlen(secret), purpose, strlen(purpose), mac, NULL) == RC_OK)
		crypto_hex(mac, sizeof mac, ret);
}

/* ---- beginning ---- */

/* Room for one more: what is over goes, or else the oldest, which the table keeps first. */
static void make_room(struct sessions *s)
{
	struct session *n, *next;
	struct visitor unused;
	if (HASH_COUNT(s->by_hash) < SESSIONS_MAX)
		return;
	HASH_ITER (hh, s->by_hash, n, next) {
		if (!entry_good(s, n, &unused))
			entry_drop(s, n);
	}
	if (HASH_COUNT(s->by_hash) >= SESSIONS_MAX)
		entry_drop(s, s->by_hash);
}

static void stored(void *owner, enum result r, const struct error *why)
{
	(void)owner;
	if (r != RC_OK)
		log_warn("session_not_stored", "why=%s", why->text);
}

static void store(struct sessions *s, const struct session *n)
{
	struct store_tx *tx = store_begin(s->store);
	const char *identity = n->kind == SESSION_TOKEN ? "token" : "console";
	char who[TOKEN_NAME_MAX + 16];
	(void)snprintf(who, sizeof who, "%s:%s", identity, n->name);
	store_exec(tx, "INSERT INTO console_sessions (hash, kind, name, bound, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
		   "sisii", n->hash, (int64_t)n->kind, n->name, n->bound.v, n->expires_at.v);
	struct audit_row row = { .actor = n->name,
				 .identity = who,
				 .action = "console.signed-in",
				 .object = "console",
				 .request = "",
				 .outcome = "ok",
				 .reason = "",
				 .detail = "" };
	audit_append(tx, loop_wall(s->loop), &row);
	store_submit(tx, stored, NULL);
}

static enum result begin(struct sessions *s, enum session_kind kind, const char *name, struct wall_ms bound,
			 char ret[SESSION_SECRET_MAX], struct error *e)
{
	struct session *n = calloc(1, sizeof *n);
	if (!n)
		return error_set(e, RC_EXHAUSTED, "no memory for a session");
	*n = (struct session){ .kind = kind, .bound = bound, .expires_at.v = loop_wall(s->loop).v + SESSION_LIFE_MS };
	(void)text_copy(n->name, sizeof n->name, name);
	enum result r = crypto_token(SECRET_BYTES, ret, SESSION_SECRET_MAX, e);
	if (r == RC_OK)
		r = crypto_sha256_hex(ret, strlen(ret), n->hash, e);
	if (r != RC_OK) {
		free(n);
		return r;
	}
	make_room(s);
	HASH_ADD_STR(s->by_hash, hash, n);
	store(s, n);
	return RC_OK;
}

enum result sessions_begin_token(struct sessions *s, const char *token, char ret[SESSION_SECRET_MAX], struct error *e)
{
	const struct token *t = tokens_find(s->tokens, token);
	if (!t)
		return error_set(e, RC_REFUSED, "this token is unknown, expired or revoked");
	return begin(s, SESSION_TOKEN, t->name, t->created_at, ret, e);
}

enum result sessions_begin_chosen(struct sessions *s, const char *name, char ret[SESSION_SECRET_MAX], struct error *e)
{
	if (!is_listed(s, name))
		return error_set(e, RC_REFUSED, "nobody of that name may be chosen here");
	return begin(s, SESSION_CHOSEN, name, (struct wall_ms){ 0 }, ret, e);
}

void sessions_end(struct sessions *s, const char *secret)
{
	struct session *n = entry_find(s, secret);
	if (n)
		entry_drop(s, n);
}

/* ---- life ---- */

static bool load(void *owner, sqlite3_stmt *st)
{
	struct sessions *s = owner;
	const char *hash = (const char *)sqlite3_column_text(st, 0), *name = (const char *)sqlite3_column_text(st, 2);
	struct session *n = calloc(1, sizeof *n);
	if (!n)
		return false;
	(void)text_copy(n->hash, sizeof n->hash, hash ? hash : "");
	n->kind = sqlite3_column_int(st, 1) == SESSION_CHOSEN ? SESSION_CHOSEN : SESSION_TOKEN;
	(void)text_copy(n->name, sizeof n->name, name ? name : "");
	n->bound.v = sqlite3_column_int64(st, 3);
	n->expires_at.v = sqlite3_column_int64(st, 4);
	HASH_ADD_STR(s->by_hash, hash, n);
	return true;
}

enum result sessions_create(struct loop *l, struct store *st, struct tokens *tokens, const char *const *people,
			    struct sessions **ret, struct error *e)
{
	CLEANUP(sessions_destroy_p) struct sessions *s = calloc(1, sizeof *s);
	if (!s)
		return error_set(e, RC_EXHAUSTED, "no memory for sessions");
	*s = (struct sessions){ .loop = l, .store = st, .tokens = tokens, .people = people };
	enum result r = store_load(
		st, "SELECT hash, kind, name, bound, expires_at FROM console_sessions ORDER BY expires_at", load, s, e);
	if (r != RC_OK)
		return error_in(e, r, "sessions");
	*ret = TAKE(s);
	return RC_OK;
}

void sessions_destroy(struct sessions *s)
{
	if (!s)
		return;
	struct session *n, *next;
	HASH_ITER (hh, s->by_hash, n, next) {
		HASH_DEL(s->by_hash, n);
		free(n);
	}
	free(s);
}

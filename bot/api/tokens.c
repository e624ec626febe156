#include "bot/api/tokens.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <uthash.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/approvals/audit.h"

enum { USE_NOTED_MS = 60000, SECRET_BYTES = 32, JSON_MAX = 4 << 20 };
static const char prefix[] = "rct_"; /* so that scanners for leaked secrets know one when they see it */

struct entry {
	struct token token; /* name is owned */
	char hash[SHA256_HEX];
	bool stored;
	struct wall_ms noted_at; /* use that is on disk */
	UT_hash_handle hh;
};
struct tokens {
	struct loop *loop;   /* borrowed */
	struct store *store; /* borrowed */
	struct entry *by_hash;
};
struct change { /* one that waits for the disk */
	struct tokens *tokens;
	struct entry *entry; /* issue: owned until it counts; NULL for revoke */
	char secret[TOKEN_MAX];
	token_issued *issued;
	token_revoked *revoked;
	void *owner;
};

const struct store_migration tokens_migrations[] = {
	{ "tokens", 1,
	  "CREATE TABLE tokens (name TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, scope TEXT NOT NULL,"
	  " created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER NOT NULL) WITHOUT ROWID;" },
	{ NULL, 0, NULL },
};

#define X(id, name) [SCOPE_##id] = name,
static const char *const scope_names[SCOPE_COUNT + 1] = { TOKEN_SCOPES(X) };
#undef X

const char *token_scope_name(enum token_scope s)
{
	return scope_names[s];
}

enum result token_scope_parse(const char *name, enum token_scope *ret, struct error *e)
{
	for (enum token_scope s = 0; s < SCOPE_COUNT; s++)
		if (text_eq(name, scope_names[s])) {
			*ret = s;
			return RC_OK;
		}
	return error_set(e, RC_INVALID, "scope \"%.20s\" is not one of read, decide, admin", name);
}

/* ---- entries ---- */

static void entry_free(struct entry *n)
{
	if (n)
		free((char *)(uintptr_t)n->token.name);
	free(n);
}

static struct entry *entry_create(const char *name, const char *hash, enum token_scope scope)
{
	struct entry *n = calloc(1, sizeof *n);
	if (!n)
		return NULL;
	*n = (struct entry){ .token = { .name = strdup(name), .scope = scope } };
	(void)snprintf(n->hash, sizeof n->hash, "%s", hash);
	if (n->token.name)
		return n;
	entry_free(n);
	return NULL;
}

static void entry_add(struct tokens *t, struct entry *n)
{
	HASH_ADD_STR(t->by_hash, hash, n);
}

static struct entry *entry_named(const struct tokens *t, const char *name)
{
	struct entry *n, *next;
	HASH_ITER (hh, t->by_hash, n, next) {
		if (text_eq(n->token.name, name))
			return n;
	}
	return NULL;
}

static const char *column(sqlite3_stmt *st, int i)
{
	const char *s = (const char *)sqlite3_column_text(st, i);
	return s ? s : "";
}

static bool load(void *owner, sqlite3_stmt *st)
{
	struct tokens *t = owner;
	enum token_scope scope = SCOPE_READ;
	if (token_scope_parse(column(st, 2), &scope, NULL) != RC_OK)
		scope = SCOPE_READ; /* one that nobody knows gives the least */
	struct entry *n = entry_create(column(st, 0), column(st, 1), scope);
	if (!n)
		return false;
	n->stored = true;
	n->token.created_at.v = sqlite3_column_int64(st, 3);
	n->token.expires_at.v = sqlite3_column_int64(st, 4);
	n->token.used_at.v = n->noted_at.v = sqlite3_column_int64(st, 5);
	entry_add(t, n);
	return true;
}

enum result tokens_create(struct loop *l, struct store *store, struct tokens **ret, struct error *e)
{
	CLEANUP(tokens_destroy_p) struct tokens *t = calloc(1, sizeof *t);
	if (!t)
		return error_set(e, RC_EXHAUSTED, "no memory for tokens");
	*t = (struct tokens){ .loop = l, .store = store };
	enum result r =
		store_load(store, "SELECT name, hash, scope, created_at, expires_at, used_at FROM tokens", load, t, e);
	if (r != RC_OK)
		return error_in(e, r, "tokens");
	*ret = TAKE(t);
	return RC_OK;
}

void tokens_destroy(struct tokens *t)
{
	if (!t)
		return;
	struct entry *n, *next;
	HASH_ITER (hh, t->by_hash, n, next) {
		HASH_DEL(t->by_hash, n);
		entry_free(n);
	}
	free(t);
}

/* ---- use ---- */

static void note_use(struct tokens *t, struct entry *n)
{
	n->token.used_at = loop_wall(t->loop);
	if (!n->stored || n->token.used_at.v - n->noted_at.v < USE_NOTED_MS)
		return;
	n->noted_at = n->token.used_at;
	struct store_tx *tx = store_begin(t->store);
	store_exec(tx, "UPDATE tokens SET used_at = ?2 WHERE name = ?1", "si", n->token.name, n->token.used_at.v);
	store_submit(tx, NULL, NULL);
}

static const struct token *used(struct tokens *t, struct entry *n)
{
	if (!n || (n->token.expires_at.v && n->token.expires_at.v <= loop_wall(t->loop).v))
		return NULL;
	note_use(t, n);
	return &n->token;
}

/* Found by its hash: how long that takes tells nothing of the secret. */
const struct token *tokens_find(struct tokens *t, const char *secret)
{
	char hash[SHA256_HEX];
	struct entry *n = NULL;
	if (!text_starts(secret, prefix) || crypto_sha256_hex(secret, strlen(secret), hash, NULL) != RC_OK)
		return NULL;
	HASH_FIND_STR(t->by_hash, hash, n);
	return used(t, n);
}

const struct token *tokens_named(struct tokens *t, const char *name)
{
	return used(t, entry_named(t, name));
}

/* ---- making ---- */

static enum result make(const char *name, enum token_scope scope, char secret[TOKEN_MAX], struct entry **ret,
			struct error *e)
{
	char hash[SHA256_HEX];
	(void)snprintf(secret, TOKEN_MAX, "%s", prefix);
	enum result r = crypto_token(SECRET_BYTES, secret + strlen(prefix), TOKEN_MAX - strlen(prefix), e);
	if (r == RC_OK)
		r = crypto_sha256_hex(secret, strlen(secret), hash, e);
	if (r != RC_OK)
		return r;
	*ret = entry_create(name, hash, scope);
	return *ret ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for a token");
}

enum result tokens_local(struct tokens *t, const char *name, enum token_scope scope, char ret[TOKEN_MAX],
			 struct error *e)
{
	struct entry *n = NULL;
	enum result r = make(name, scope, ret, &n, e);
	if (r == RC_OK)
		entry_add(t, n);
	return r;
}

/* Letters, digits, ".", "-", "_", "@": a name is part of "token:NAME" in policies. */
static enum result check_name(const struct tokens *t, const char *name, struct error *e)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@";
	char shown[TEXT_SHOWN];
	size_t len = strlen(name);
	if (!len || len > TOKEN_NAME_MAX || strspn(name, allowed) != len)
		return error_set(e, RC_INVALID, "\"%s\": a token's name is 1 to %d letters, digits, or . - _ @",
				 text_show(name, len, shown), TOKEN_NAME_MAX);
	if (text_eq(name, "local"))
		return error_set(e, RC_INVALID, "\"local\" is the name of the command line's own token");
	if (entry_named(t, name))
		return error_set(e, RC_CONFLICT, "there is a token \"%s\" already; revoke it first", name);
	return RC_OK;
}

static void change_free(struct change *c)
{
	OPENSSL_cleanse(c->secret, sizeof c->secret);
	entry_free(c->entry);
	free(c);
}

static void issue_done(void *owner, enum result r, const struct error *why)
{
	struct change *c = owner;
	if (r == RC_OK)
		entry_add(c->tokens, TAKE(c->entry));
	c->issued(c->owner, r, r == RC_OK ? c->secret : "", why);
	change_free(c);
}

static void record(struct tokens *t, struct store_tx *tx, const char *action, const char *name, const char *by,
		   const char *scope)
{
	char object[TOKEN_NAME_MAX + 16], detail[64];
	(void)snprintf(object, sizeof object, "token/%s", name);
	(void)snprintf(detail, sizeof detail, "{\"scope\":\"%s\"}", scope);
	struct audit_row row = { .actor = by,
				 .identity = "",
				 .action = action,
				 .object = object,
				 .request = "",
				 .outcome = "ok",
				 .reason = "",
				 .detail = detail };
	audit_append(tx, loop_wall(t->loop), &row);
}

void tokens_issue(struct tokens *t, const char *name, enum token_scope scope, int64_t life_ms, const char *by,
		  token_issued *done, void *owner)
{
	struct error e = { .code = RC_OK };
	struct change *c = calloc(1, sizeof *c);
	if (!c) {
		done(owner, error_set(&e, RC_EXHAUSTED, "no memory for a token"), "", &e);
		return;
	}
	enum result r = check_name(t, name, &e);
	if (r == RC_OK)
		r = make(name, scope, c->secret, &c->entry, &e);
	if (r != RC_OK) {
		free(c);
		done(owner, r, "", &e);
		return;
	}
	c->tokens = t;
	c->issued = done;
	c->owner = owner;
	struct token *n = &c->entry->token;
	c->entry->stored = true;
	n->created_at = loop_wall(t->loop);
	n->expires_at.v = life_ms ? n->created_at.v + life_ms : 0;
	struct store_tx *tx = store_begin(t->store);
	store_exec(tx,
		   "INSERT INTO tokens (name, hash, scope, created_at, expires_at, used_at) VALUES (?1,?2,?3,?4,?5,0)",
		   "sssii", name, c->entry->hash, token_scope_name(scope), n->created_at.v, n->expires_at.v);
	record(t, tx, "token.created", name, by, token_scope_name(scope));
	store_submit(tx, issue_done, c);
}

static void revoke_done(void *owner, enum result r, const struct error *why)
{
	struct change *c = owner;
	c->revoked(c->owner, r, why);
	change_free(c);
}

void tokens_revoke(struct tokens *t, const char *name, const char *by, token_revoked *done, void *owner)
{
	struct error e = { .code = RC_OK };
	struct entry *n = entry_named(t, name);
	struct change *c = n && n->stored ? calloc(1, sizeof *c) : NULL;
	if (!c) {
		char shown[TEXT_SHOWN];
		if (n && n->stored)
			(void)error_set(&e, RC_EXHAUSTED, "no memory for this now");
		else
			(void)error_set(&e, RC_NOT_FOUND, "there is no token \"%s\"",
					text_show(name, strlen(name), shown));
		done(owner, e.code, &e);
		return;
	}
	*c = (struct change){ .tokens = t, .revoked = done, .owner = owner };
	struct store_tx *tx = store_begin(t->store);
	store_exec(tx, "DELETE FROM tokens WHERE name = ?1", "s", name);
	record(t, tx, "token.revoked", name, by, token_scope_name(n->token.scope));
	HASH_DEL(t->by_hash, n);
	entry_free(n);
	store_submit(tx, revoke_done, c);
}

/* ---- list ---- */

static int by_name(const void *x, const void *y)
{
	const struct entry *const *a = x, *const *b = y;
	return strcmp((*a)->token.name, (*b)->token.name);
}

static void add_time(struct strbuf *b, const char *key, struct wall_ms at)
{
	char text[32] = "";
	if (at.v)
		wall_print(at, text);
	strbuf_addf(b, ",\"%s\":", key);
	strbuf_add_json(b, text);
}

static void add_entry(struct strbuf *b, const struct token *n)
{
	strbuf_add(b, "{\"name\":");
	strbuf_add_json(b, n->name);
	strbuf_addf(b, ",\"scope\":\"%s\"", token_scope_name(n->scope));
	add_time(b, "createdAt", n->created_at);
	add_time(b, "expiresAt", n->expires_at);
	add_time(b, "usedAt", n->used_at);
	strbuf_addc(b, '}');
}

char *tokens_json(struct tokens *t)
{
	CLEANUP(free_p) struct entry **list = calloc(HASH_COUNT(t->by_hash) + 1, sizeof *list);
	if (!list)
		return NULL;
	size_t n = 0;
	struct entry *entry, *next;
	HASH_ITER (hh, t->by_hash, entry, next) {
		if (entry->stored)
			list[n++] = entry;
	}
	qsort(list, n, sizeof *list, by_name);
	struct strbuf b;
	strbuf_init(&b, JSON_MAX);
	strbuf_addc(&b, '[');
	for (size_t i = 0; i < n; i++) {
		strbuf_add(&b, i ? "," : "");
		add_entry(&b, &list[i]->token);
	}
	strbuf_addc(&b, ']');
	return strbuf_take(&b);
}

#pragma once
/* Bearer tokens: a name, a scope, perhaps an end. Stored as SHA-256 only, shown once, held in memory so that a request
 * needs no disk. A token is a person: platform "token", id NAME. Loop thread only. */
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "base/store.h"

struct tokens;

/* Each scope includes those before it. */
#define TOKEN_SCOPES(X) X(READ, "read") X(DECIDE, "decide") X(ADMIN, "admin")
#define X(id, name) SCOPE_##id,
enum token_scope { TOKEN_SCOPES(X) SCOPE_COUNT };
#undef X
const char *token_scope_name(enum token_scope s);
MUST_CHECK enum result token_scope_parse(const char *name, enum token_scope *ret, struct error *e);

struct token {
	const char *name;
	enum token_scope scope;
	struct wall_ms created_at, expires_at, used_at; /* 0: never */
};
enum { TOKEN_MAX = 64, TOKEN_NAME_MAX = 63 };

extern const struct store_migration tokens_migrations[]; /* ends with a NULL room */
/* Loads all of them. store is borrowed. */
MUST_CHECK enum result tokens_create(struct loop *l, struct store *store, struct tokens **ret, struct error *e);
void tokens_destroy(struct tokens *t);

/* Whose is it? NULL: nobody's, or expired. Lives until the next turn. Notes its use. */
const struct token *tokens_find(struct tokens *t, const char *secret);
/* The one of that name, for those who have shown it before; NULL: gone or expired. The same otherwise. */
const struct token *tokens_named(struct tokens *t, const char *name);
/* One that lives as long as this process: not stored, for the command line on the same machine. */
MUST_CHECK enum result tokens_local(struct tokens *t, const char *name, enum token_scope scope, char ret[TOKEN_MAX],
				    struct error *e);

/* r: RC_OK and the secret, once and for all; RC_CONFLICT: the name is taken; RC_INVALID; RC_EXHAUSTED: not stored. The
 * audit row names by. */
typedef void token_issued(void *owner, enum result r, const char *secret, const struct error *why);
void tokens_issue(struct tokens *t, const char *name, enum token_scope scope, int64_t life_ms /* 0: for ever */,
		  const char *by, token_issued *done, void *owner);
/* RC_NOT_FOUND: there is none of that name. It opens nothing from now on, also when the store fails. */
typedef void token_revoked(void *owner, enum result r, const struct error *why);
void tokens_revoke(struct tokens *t, const char *name, const char *by, token_revoked *done, void *owner);
/* All but the local ones, by name, as a JSON array; malloc'ed; NULL: no memory. */
char *tokens_json(struct tokens *t);
DEFINE_CLEANUP(struct tokens, tokens_destroy)

#pragma once
/* Who sits in front of a page: a cookie stands for somebody who has shown an API token, or was chosen from the list of
 * a service on the loopback. Held in memory and on disk, there as SHA-256 only, so that a restart signs nobody out. A
 * token that ends or is revoked ends its sessions. */
#include "base/cleanup.h"
#include "base/loop.h"
#include "base/store.h"
#include "bot/api/tokens.h"

struct sessions;
enum session_kind { SESSION_TOKEN, SESSION_CHOSEN };
enum { SESSION_SECRET_MAX = 48, SESSION_CSRF_MAX = 65, SESSION_LIFE_MS = 7 * 86400000 };

struct visitor { /* lives until the next turn */
	enum session_kind kind;
	const char *name; /* of the token, or the user */
	enum token_scope scope;
	const char *tag; /* names the session inside the process; no secret */
};
/* Loads those that are still good. people (may be NULL, borrowed): who may be chosen. */
MUST_CHECK enum result sessions_create(struct loop *l, struct store *store, struct tokens *tokens,
				       const char *const *people, struct sessions **ret, struct error *e);
void sessions_destroy(struct sessions *s);

/* NULL secret is fine. false: nobody, or not any more. */
bool sessions_find(struct sessions *s, const char *secret, struct visitor *ret);
/* The same by the tag. */
bool sessions_good(struct sessions *s, const char *tag);
/* What a page of this session sends along with each decision; a page of another site cannot know it. */
void sessions_csrf(const char *secret, char ret[SESSION_CSRF_MAX]);

/* RC_REFUSED: the token opens nothing, or the person is not on the list. The secret goes into a cookie; it is good at
 * once, and outlives this process when the disk takes it. */
MUST_CHECK enum result sessions_begin_token(struct sessions *s, const char *token, char ret[SESSION_SECRET_MAX],
					    struct error *e);
MUST_CHECK enum result sessions_begin_chosen(struct sessions *s, const char *name, char ret[SESSION_SECRET_MAX],
					     struct error *e);
void sessions_end(struct sessions *s, const char *secret);
DEFINE_CLEANUP(struct sessions, sessions_destroy)

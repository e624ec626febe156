#pragma once
/* What we know of the cluster: the wanted objects, who wants them, and which answers can be relied on. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/loop.h"
#include "controller/cluster/kube/entry.h"

/* ns and name "" mean all. */
struct want {
	UT_hash_handle hh;
	struct want *prev, *next; /* of its kind */
	enum kind kind;
	unsigned count;
	bool known;    /* has been looked up */
	uint64_t born; /* compared with the beginning of a list: cache_now */
	void *fetch;   /* whose looking up is in flight: see fetch.c */
	const char *ns, *name;
	size_t key_len;
	char key[]; /* kind's byte, ns, NUL, name */
};

struct cache;
MUST_CHECK enum result cache_create(struct loop *l, cluster_changed *changed, void *owner, struct cache **ret,
				    struct error *e);
void cache_destroy(struct cache *c); /* NULL is fine */

/* ---- wants ---- */

/* NULL: no memory. count is 1 when it is new. */
struct want *cache_want(struct cache *c, enum kind kind, const char *ns, const char *name);
struct want *cache_want_find(const struct cache *c, enum kind kind, const char *ns, const char *name);
/* Drops one count; with the last one the want and the objects that nobody else wants. */
void cache_unwant(struct cache *c, struct want *w);
struct want *cache_wants(const struct cache *c, enum kind kind); /* a list by next */
bool cache_wanted(const struct cache *c, enum kind kind, const char *ns, const char *name);
bool cache_known(const struct cache *c, enum kind kind, const char *ns, const char *name);
uint64_t cache_now(struct cache *c); /* a number greater than all given before */

/* ---- objects ---- */

const struct object *cache_find(const struct cache *c, enum kind kind, const char *ns, const char *name);
void cache_each(const struct cache *c, enum kind kind, const char *ns,
		bool (*visit)(void *owner, const struct object *o), void *owner);
/* Takes n. What is older than what is there, or deleted already, changes nothing. Answers the newest state known:
 * n's own when it is not wanted, and so not kept. It lives until the next turn. */
const struct object *cache_put(struct cache *c, struct entry *n);
/* It was deleted, when the server was at resource_version ("": now). It does not come back: whatever an answer that is
 * still under way says about this uid is dropped. */
void cache_gone(struct cache *c, enum kind kind, const char *ns, const char *name, const char *uid,
		const char *resource_version);
/* A list of a kind in ns ("": all) is complete: what it did not mention since began, and is not newer than it, is gone.
 */
void cache_listed(struct cache *c, enum kind kind, const char *ns, uint64_t began, const char *resource_version);
DEFINE_CLEANUP(struct cache, cache_destroy)

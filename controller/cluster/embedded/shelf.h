#pragma once
/* All objects, as they are on disk: by name, by uid, and by owner. What is replaced or removed can be looked at until
 * the next turn of the loop. */
#include <stddef.h>

#include <uthash.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/loop.h"
#include "controller/cluster/embedded/pod_brief.h"
#include "controller/cluster/kube/entry.h"

struct item;
struct owned; /* the items that name one owner */
struct tie {  /* an item and one of its owners */
	struct item *item;
	struct tie *prev, *next; /* of the owner */
	struct owned *owner;     /* NULL: not on the shelf */
	const char *uid;         /* of the owner */
};
struct item {
	const struct object *o;
	struct entry *entry;   /* owned */
	struct pod_brief *pod; /* owned; NULL: not a pod */
	UT_hash_handle by_name, by_uid;
	struct item *next; /* in the graveyard */
	bool collecting;   /* its deletion is under way: see garbage.c */
	size_t ties_len;
	struct tie ties[];
};
struct shelf {
	struct loop *loop;
	struct item *by_name[KIND_COUNT], *by_uid;
	struct owned *owned;
	struct item *graves;
	struct deferred sweep;
};

/* tree: as stored; managedFields leave it. */
MUST_CHECK enum result item_create(enum kind kind, cJSON *tree, struct item **ret, struct error *e);
void item_destroy(struct item *i);      /* NULL is fine */
cJSON *item_tree(const struct item *i); /* owned by the caller; NULL: no memory */

void shelf_init(struct shelf *s, struct loop *l);
void shelf_finish(struct shelf *s);
struct item *shelf_find(const struct shelf *s, enum kind kind, const char *ns, const char *name);
struct item *shelf_find_uid(const struct shelf *s, const char *uid);
/* The first tie to an owner; the others by next. */
const struct tie *shelf_owned_by(const struct shelf *s, const char *uid);
/* Takes i, in the place of what has its name. */
void shelf_put(struct shelf *s, struct item *i);
void shelf_remove(struct shelf *s, struct item *i);
DEFINE_CLEANUP(struct item, item_destroy)

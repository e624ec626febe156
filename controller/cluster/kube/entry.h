#pragma once
/* One object as the cache holds it: fields, strings and compact JSON in a single piece of memory. */
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "controller/cluster/cluster.h"

struct entry {
	struct object o; /* first: an object of the cache is its entry */
	UT_hash_handle hh;
	struct entry *next;   /* in a graveyard or a list of the deleted */
	uint64_t listed;      /* the last list that had it */
	size_t key_len, size; /* key: ns, NUL, name */
	const char *key;
	char text[];
};

/* One object's JSON. api_version is what it gets where the server leaves it and the kind out, as it does in lists. */
MUST_CHECK enum result entry_parse(enum kind kind, const char *api_version, const char *json, size_t len,
				   struct entry **ret, struct error *e);
/* The same from a tree, which is changed (managedFields leave it) and stays the caller's. */
MUST_CHECK enum result entry_from_tree(enum kind kind, const char *api_version, cJSON *tree, struct entry **ret,
				       struct error *e);
/* NULL is fine. Secrets are wiped. */
void entry_free(struct entry *n);

/* Resource versions are opaque by contract and decimal in practice. Answers <0, 0, >0; RV_UNORDERED when one of them is
 * not a number and they differ. */
enum { RV_UNORDERED = 2 };
int rv_compare(const char *a, const char *b);
DEFINE_CLEANUP(struct entry, entry_free)

#pragma once
/* Late wants: objects that the list and the watch of their kind have passed over are read one by one, or, when they are
 * many, by listing again. */
#include "controller/cluster/kube/reflector.h"

struct fetches;
struct fetches_options {
	struct loop *loop;
	struct api *api;
	struct cache *cache;
	struct versions *versions;
	struct reflector *(*reflector)(void *owner, enum kind kind, const char *ns); /* the one that covers it */
	void (*settled)(void *owner);
	void *owner;
	int64_t retry_min_ms, retry_max_ms;
};
MUST_CHECK enum result fetches_create(const struct fetches_options *o, struct fetches **ret, struct error *e);
void fetches_destroy(struct fetches *f); /* NULL is fine */
/* Something of this kind may be unknown: looked at soon. */
void fetches_run(struct fetches *f, enum kind kind);
/* The want is about to go. */
void fetches_forget(struct fetches *f, struct want *w);
DEFINE_CLEANUP(struct fetches, fetches_destroy)

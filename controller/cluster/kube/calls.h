#pragma once
/* Writes and records in flight, by id: whoever asked may be gone when the answer comes. */
#include <stdint.h>

#include <uthash.h>

#include "controller/cluster/cluster.h"

/* First member of what is in flight. */
struct pending {
	UT_hash_handle hh;
	uint64_t id;
	cluster_done *done;
	void *owner;
	void (*release)(struct pending *p); /* stops and frees it */
};
/* What could not even be begun for want of memory; kept ready for it. */
struct refused_call {
	uint64_t id; /* 0: free */
	cluster_done *done;
	void *owner;
};
enum { REFUSED_CALLS = 32 };
struct calls {
	struct loop *loop;
	struct pending *all;
	uint64_t last_id;
	struct refused_call refused[REFUSED_CALLS];
	struct deferred refuse;
};
/* Answers its id. */
uint64_t calls_add(struct calls *c, struct pending *p, void (*release)(struct pending *p), cluster_done *done,
		   void *owner);
/* An id whose done runs later with RC_EXHAUSTED. */
uint64_t calls_add_exhausted(struct calls *c, cluster_done *done, void *owner);
struct pending *calls_find(const struct calls *c, uint64_t id);
/* Releases p, then tells its owner. */
void calls_finish(struct calls *c, struct pending *p, enum result r, const struct object *now, const struct error *why);
void calls_cancel(struct calls *c, uint64_t id);
void calls_cancel_all(struct calls *c);

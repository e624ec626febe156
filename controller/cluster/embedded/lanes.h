#pragma once
/* Writes on their way to the disk. Those of one object go one after the other, each computed from what the one before
 * has left on disk; those of different objects go together and are committed in groups. */
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/store.h"
#include "controller/cluster/embedded/mutation.h"
#include "controller/cluster/embedded/shelf.h"
#include "controller/cluster/kube/calls.h"

struct lane;
struct op;
/* After the commit, before the writer is told. is: now on the shelf; NULL: removed. was: until now; NULL: new. */
typedef void lanes_published(void *owner, const struct item *was, const struct item *is);
struct lanes {
	struct loop *loop;
	struct store *store;
	struct shelf *shelf;
	struct calls *calls;
	lanes_published *published;
	void *owner;
	int64_t version; /* the last one given */
	struct lane *all, *waiting;
	struct op *on_disk; /* under way */
	struct op *decided; /* without the disk */
	struct deferred tell;
	size_t count, in_flight;
};
struct lane_write {
	enum mutation_verb verb;
	enum kind kind;
	const char *ns, *name, *subresource, *manager;
	const char *body;  /* JSON text; or */
	const cJSON *tree; /* copied */
};
void lanes_finish(struct lanes *l); /* what is on its way to the disk still gets there */
/* done runs once, later, unless the call is cancelled, which does not stop the write. Answers the call's id. */
uint64_t lanes_write(struct lanes *l, const struct lane_write *w, cluster_done *done, void *owner);
/* A call that fails later. */
uint64_t lanes_refuse(struct lanes *l, const struct error *why, cluster_done *done, void *owner);

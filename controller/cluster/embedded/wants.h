#pragma once
/* Who wants which objects. Everything is there at any time; but as over an API server, what is not wanted is not seen,
 * and what begins to be wanted is told as added on a later turn. */
#include <stdbool.h>

#include "base/loop.h"
#include "controller/cluster/embedded/shelf.h"

struct wish;
struct wants {
	struct loop *loop;
	struct shelf *shelf;
	struct cluster *cluster; /* whose callbacks are called */
	struct wish *all, *fresh;
	struct deferred tell, settle;
	bool started;
};
void wants_init(struct wants *w, struct loop *l, struct shelf *shelf, struct cluster *c);
void wants_finish(struct wants *w);
void wants_start(struct wants *w);
void wants_add(struct wants *w, enum kind kind, const char *ns, const char *name);
void wants_remove(struct wants *w, enum kind kind, const char *ns, const char *name);
/* Wanted, and told. */
bool wants_see(const struct wants *w, enum kind kind, const char *ns, const char *name);
bool wants_synced(const struct wants *w, enum kind kind);
/* To the owner, if it can see it. */
void wants_changed(struct wants *w, enum object_change what, const struct object *o);

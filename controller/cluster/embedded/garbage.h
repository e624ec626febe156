#pragma once
/* What is owned goes when none of its owners is there any more, in the background. */
#include "controller/cluster/embedded/lanes.h"

struct dead_owner;
struct garbage {
	struct loop *loop;
	struct shelf *shelf;
	struct lanes *lanes;
	struct dead_owner *queue;
	struct deferred run;
	struct timer again;
};
void garbage_init(struct garbage *g, struct loop *l, struct shelf *shelf, struct lanes *lanes);
void garbage_finish(struct garbage *g);
void garbage_start(struct garbage *g); /* looks at everything once */
void garbage_published(struct garbage *g, const struct item *was, const struct item *is);

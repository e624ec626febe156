#pragma once
/* Keeps the Deployments of Process and SystemdUnit objects (process_template.h) as these say. Looks afresh each time;
 * one write under way an object. */
#include "controller/cluster/embedded/lanes.h"

struct process_item;
struct processes {
	struct loop *loop;
	struct shelf *shelf;
	struct lanes *lanes;
	struct process_item *all; /* by uid; those that are to be looked at, or have a write under way */
	struct deferred run;
	struct timer again;
	bool started;
};
void processes_init(struct processes *p, struct loop *l, struct shelf *shelf, struct lanes *lanes);
void processes_finish(struct processes *p); /* the calls have been cancelled */
void processes_start(struct processes *p);
void processes_published(struct processes *p, const struct item *was, const struct item *is);

#pragma once
/* Makes Deployments come true: revisions, pods, status, as rollout_plan says. Looks afresh each time; one batch of
 * writes under way a Deployment. */
#include "controller/cluster/embedded/lanes.h"

struct rolling;
struct batch;
struct replicator {
	struct loop *loop;
	struct store *store;
	struct shelf *shelf;
	struct lanes *lanes;
	struct rolling *all;   /* by uid */
	struct rolling *dirty; /* to be looked at in this turn */
	struct batch *batches; /* under way */
	struct deferred run;
	unsigned next_port; /* for pods that are given one */
	bool started;
};
/* Reads the revisions. The shelf is full by now. */
MUST_CHECK enum result replicator_init(struct replicator *r, struct loop *l, struct store *store, struct shelf *shelf,
				       struct lanes *lanes, struct error *e);
void replicator_finish(struct replicator *r);
void replicator_start(struct replicator *r);
void replicator_published(struct replicator *r, const struct item *was, const struct item *is);

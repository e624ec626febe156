#pragma once
/* Endpoints of Services: the pods that a selector means, by readiness. */
#include "controller/cluster/embedded/lanes.h"

/* The subsets for a Service; NULL: no memory. pods: of its namespace. Pure. */
cJSON *endpoints_subsets(const cJSON *service, const struct item *const *pods, size_t len);

struct dirty_ns;
struct endpoints {
	struct loop *loop;
	struct shelf *shelf;
	struct lanes *lanes;
	struct dirty_ns *dirty;
	struct deferred run;
	struct timer again;
	size_t writing;
	bool started;
};
void endpoints_init(struct endpoints *p, struct loop *l, struct shelf *shelf, struct lanes *lanes);
void endpoints_finish(struct endpoints *p);
void endpoints_start(struct endpoints *p);
void endpoints_published(struct endpoints *p, const struct item *was, const struct item *is);

#pragma once
/* Leadership by a coordination.k8s.io Lease. */
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "controller/cluster/cluster.h"
#include "controller/cluster/kube/api.h"

struct lease;
/* Begins at once. l is copied. */
MUST_CHECK enum result lease_create(struct loop *loop, struct api *api, const struct leadership *l, struct lease **ret,
				    struct error *e);
void lease_destroy(struct lease *l); /* does not give it back; NULL is fine */
/* By our own clock too: a process that slept through its deadline does not lead. */
bool lease_leading(const struct lease *l);
/* Stops leading and gives it back so that another can take it at once. done runs once, later, within a second. */
void lease_release(struct lease *l, loop_fn *done, void *owner);
DEFINE_CLEANUP(struct lease, lease_destroy)

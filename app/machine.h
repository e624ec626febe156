#pragma once
/* `cluster.embedded`: the node in the same process as the cluster that it works for. */
#include "app/config.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "controller/cluster/cluster.h"

struct machine;
/* cluster: an embedded one; borrowed, as all others are. */
MUST_CHECK enum result machine_create(const struct config *c, struct loop *l, struct http_client *http,
				      struct cluster *cluster, struct machine **ret, struct error *e);
/* After the cluster has been started. What an earlier process has left running is taken over. */
void machine_start(struct machine *m);
/* Ends the pods and nginx, each within its time; one that was never started leaves them alone. stopped(owner) runs on a
 * later turn, when m has been freed; only then may the cluster go. */
void machine_stop(struct machine *m, loop_fn *stopped, void *owner);

#pragma once
/* `cluster.embedded`: the node in the same process as the cluster that it works for. */
#include "app/hands.h"

struct machine;
/* h->cluster: an embedded one, to which it makes a door of its own; h->folder is left out: it is in the data folder. */
MUST_CHECK enum result machine_create(const struct hands_options *h, struct machine **ret, struct error *e);
/* After the cluster has been started. What an earlier process has left running is taken over. */
void machine_start(struct machine *m);
/* Ends the pods and nginx, each within its time; one that was never started leaves them alone. stopped(owner) runs on a
 * later turn, when m has been freed; only then may the cluster go. */
void machine_stop(struct machine *m, loop_fn *stopped, void *owner);

#pragma once
/* Processes of an earlier run whose pod is not this node's any more. */
#include <stdbool.h>

#include "base/loop.h"

struct orphans;
struct orphans *orphans_create(struct loop *l, const char *folder); /* NULL: no memory; folder is borrowed */
/* Ends what the record of this pod says is running, and removes it. */
void orphans_end(struct orphans *o, const char *uid);
/* What an earlier run started and did not live to write down: a process with the mark of a container of ours whose
 * recorded process is not alive. It has served nobody. Before any container is started; reads /proc. */
#define ORPHAN_MARK "ROLLCALL_CONTAINER=" /* NODE/UID/NAME, first in a container's environment */
void orphans_sweep(struct orphans *o, const char *node, bool (*ours)(void *owner, const char *uid), void *owner);
void orphans_destroy(struct orphans *o); /* those that are left are killed; NULL is fine */

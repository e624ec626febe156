#pragma once
/* Processes of an earlier run whose pod is not this node's any more. */
#include "base/loop.h"

struct orphans;
struct orphans *orphans_create(struct loop *l, const char *folder); /* NULL: no memory; folder is borrowed */
/* Ends what the record of this pod says is running, and removes it. */
void orphans_end(struct orphans *o, const char *uid);
void orphans_destroy(struct orphans *o); /* those that are left are killed; NULL is fine */

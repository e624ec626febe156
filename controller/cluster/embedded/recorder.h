#pragma once
/* Events, in a table of their own: a key is recorded once, equal texts without one are counted. The newest ten thousand
 * are kept. */
#include "base/store.h"
#include "controller/cluster/kube/calls.h"

struct note;
struct recorder {
	struct loop *loop;
	struct store *store;
	struct calls *calls;
	struct note *notes; /* on their way to the disk */
};
void recorder_init(struct recorder *r, struct loop *l, struct store *store, struct calls *calls);
void recorder_finish(struct recorder *r);
uint64_t recorder_record(struct recorder *r, const struct cluster_event *ev, cluster_done *done, void *owner);
void recorder_read(struct recorder *r, const char *ns, const char *name, store_rows *done, void *owner);

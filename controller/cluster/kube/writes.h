#pragma once
/* Create, patch, delete: retried where that is harmless, and in the cache before the asker hears of them. */
#include "controller/cluster/kube/api.h"
#include "controller/cluster/kube/cache.h"
#include "controller/cluster/kube/calls.h"
#include "controller/cluster/kube/versions.h"

/* Borrowed by all that writes. */
struct write_doors {
	struct loop *loop;
	struct api *api;
	struct cache *cache;
	struct versions *versions;
	struct calls *calls;
};
/* As cluster_write. */
uint64_t writes_send(const struct write_doors *d, const struct write *w, cluster_done *done, void *owner);

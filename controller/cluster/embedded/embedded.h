#pragma once
/* The cluster seam without Kubernetes: objects in SQLite, the defaults that an API server would fill in, and the loops
 * that make pods of Deployments and Endpoints of Services. Pods are run by controller/node/. What a completion told is
 * on disk; kill -9 loses none of it. Loop thread only. */
#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/store.h"
#include "controller/cluster/cluster.h"

/* For store_open, together with those of the other rooms. */
extern const struct store_migration embedded_migrations[];

/* Reads all objects. store is borrowed, opened with embedded_migrations, and must outlive the cluster; one cluster a
 * store. name is for people. What cluster_destroy finds on its way to the disk still gets there. */
MUST_CHECK enum result embedded_create(struct loop *l, struct store *store, const char *name, struct cluster **ret,
				       struct error *e);

/* Another door to the same objects, with wants and callbacks of its own: for the node, when the engine has the first
 * one in the same process. To be started like a cluster, and destroyed before the cluster is. */
MUST_CHECK enum result embedded_view(struct cluster *c, struct cluster **ret, struct error *e);

/* `apply`: creates the object or merges the manifest into it, three-way: what an earlier manifest set and this one
 * leaves out is removed, what others set stays. The manifest is remembered as kubectl does, in the annotation
 * kubectl.kubernetes.io/last-applied-configuration. A resourceVersion in it is a precondition. done as in
 * cluster_write: RC_INVALID says what this platform supports. Answers a call id for cluster_cancel. */
uint64_t embedded_apply(struct cluster *c, const cJSON *manifest, cluster_done *done, void *owner);

/* The same, and cluster_write, for somebody: who ("token:lin") counts as the author of a pod template that changes. */
uint64_t embedded_apply_as(struct cluster *c, const char *who, const cJSON *manifest, cluster_done *done, void *owner);
uint64_t embedded_write_as(struct cluster *c, const char *who, const struct write *w, cluster_done *done, void *owner);

/* What embedded_apply_as would do, without doing it: *ret is "created", "configured" or "unchanged"; or its error. */
MUST_CHECK enum result embedded_try(struct cluster *c, const char *who, const cJSON *manifest, const char **ret,
				    struct error *e);

/* The Events recorded about an object (name NULL: about all of ns; ns NULL too: about everything), oldest first, as a
 * JSON array of {"seq", "ns", "kind", "name", "type", "reason", "message", "count", "first_ms", "last_ms"}; at most the
 * 200 newest. */
void embedded_events(struct cluster *c, const char *ns, const char *name, store_rows *done, void *owner);

#pragma once
/* From an effect to the writes that make it so, decided on the cache alone: what is already so needs no write. The
 * targets and routers are planners: pure functions of the cache, so that a test needs no server. */
#include <stddef.h>

#include "base/arena.h"
#include "controller/cluster/cluster.h"
#include "controller/core/decision.h"

struct controller_options {   /* the flags of the original that change what is written (flagger-controller.md 3.5) */
	const char *provider; /* default provider: "nginx" */
	const char *const *selector_labels;        /* NULL-terminated: app, name, app.kubernetes.io/name */
	const char *const *include_label_prefixes; /* NULL-terminated; "*" is all */
	const char *ingress_annotations_prefix;    /* "nginx.ingress.kubernetes.io" */
	bool track_configs;
	const char *metrics_server;
	const char *event_webhook; /* "" none */
	const char *cluster_name;
	bool one_machine; /* the cluster is embedded: a node of ours sees to the objects of rollcall.dev */
};
enum { PLAN_MAX = 64 };
struct plan {
	const struct canary *canary;
	const struct cluster *cluster;
	const struct controller_options *options;
	struct arena *arena;
	struct write writes[PLAN_MAX];
	size_t count;
};
/* Appends; strings must live in the arena (body is printed into it). false: full or no memory. */
bool plan_create(struct plan *p, enum kind kind, const char *ns, const char *name, const cJSON *object);
bool plan_patch(struct plan *p, enum kind kind, const char *ns, const char *name, const cJSON *patch);
bool plan_delete(struct plan *p, enum kind kind, const char *ns, const char *name, const char *uid);
/* A cached object as a tree that is deleted with plan_trees_free; NULL: not there. */
cJSON *plan_tree(const struct plan *p, enum kind kind, const char *ns, const char *name);
/* metadata of something that we create: name, namespace, owner reference to the Canary, managed-by label. */
cJSON *plan_metadata(const struct plan *p, const char *name);
bool plan_is_ours(const struct plan *p, const cJSON *object); /* controlled by this Canary, by kind and name */

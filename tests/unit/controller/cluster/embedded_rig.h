#pragma once
/* An embedded cluster on a file of its own, that can be closed and opened again. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/store.h"
#include "controller/cluster/embedded/embedded.h"
#include "tests/unit/controller/cluster/kube_rig.h"

struct embedded_rig {
	struct rig g; /* first */
	struct store *store;
	char folder[64], path[96];
	bool closed;
};

static inline void embedded_rig_opened(struct embedded_rig *x)
{
	struct error e = { .text = "" };
	if (store_open(x->g.loop, x->path, embedded_migrations, &x->store, &e) != RC_OK ||
	    embedded_create(x->g.loop, x->store, "test", &x->g.cluster, &e) != RC_OK)
		fail_msg("%s", e.text);
	x->g.cluster->changed = rig_changed;
	x->g.cluster->changed_owner = &x->g;
	x->g.cluster->settled = rig_settled;
}

static inline void embedded_rig_closed(void *owner)
{
	struct embedded_rig *x = owner;
	x->closed = true;
}

static inline void embedded_rig_shut(struct embedded_rig *x)
{
	cluster_destroy(x->g.cluster);
	x->g.cluster = NULL;
	x->closed = false;
	store_close(x->store, embedded_rig_closed, x);
	UNTIL(&x->g, x->closed);
}

static inline void embedded_rig_reopen(struct embedded_rig *x)
{
	embedded_rig_shut(x);
	x->g.n = 0;
	embedded_rig_opened(x);
}

static inline int embedded_setup(void **state)
{
	struct embedded_rig *x = calloc(1, sizeof *x);
	struct error e;
	if (!x)
		return -1;
	snprintf(x->folder, sizeof x->folder, "/tmp/embedded_test.XXXXXX");
	if (!mkdtemp(x->folder) || loop_create(&x->g.loop, &e) != RC_OK)
		return -1;
	snprintf(x->path, sizeof x->path, "%s/db", x->folder);
	embedded_rig_opened(x);
	*state = x;
	return 0;
}

static inline int embedded_teardown(void **state)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	struct embedded_rig *x = *state;
	timer_stop(&x->g.turn);
	embedded_rig_shut(x);
	loop_destroy(x->g.loop);
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char name[128];
		snprintf(name, sizeof name, "%s%s", x->path, suffixes[i]);
		(void)unlink(name);
	}
	int r = rmdir(x->folder);
	free(x);
	return r;
}

static inline struct outcome rig_apply(struct embedded_rig *x, const char *json)
{
	struct outcome o = { .rig = &x->g };
	cJSON *manifest = NULL;
	struct error e;
	if (json_parse(json, strlen(json), &manifest, &e) != RC_OK)
		fail_msg("%s: %s", json, e.text);
	assert_true(embedded_apply(x->g.cluster, manifest, outcome_done, &o) != 0);
	cJSON_Delete(manifest);
	assert_int_equal(o.times, 0);
	UNTIL(&x->g, o.times);
	return o;
}

/* The object's JSON, to be deleted by the caller; NULL: there is none. */
static inline cJSON *rig_tree(struct embedded_rig *x, enum kind kind, const char *ns, const char *name)
{
	const struct object *o = cluster_find(x->g.cluster, kind, ns, name);
	cJSON *tree = NULL;
	struct error e;
	if (o && json_parse(o->json, o->json_len, &tree, &e) != RC_OK)
		fail_msg("%s", e.text);
	return tree;
}

static inline void rig_want_all(struct embedded_rig *x)
{
	for (unsigned k = 0; k < KIND_COUNT; k++)
		cluster_want(x->g.cluster, (enum kind)k, NULL, NULL);
	cluster_start(x->g.cluster);
	for (unsigned k = 0; k < KIND_COUNT; k++)
		UNTIL(&x->g, cluster_synced(x->g.cluster, (enum kind)k) &&
				     cluster_known(x->g.cluster, (enum kind)k, NULL, NULL));
}

#pragma once
/* The templates that a Deployment has had, and how many pods of each there should be: what ReplicaSet objects keep for
 * Kubernetes. In a table of their own. */
#include <cjson/cJSON.h>

#include "base/store.h"
#include "controller/cluster/embedded/rollout.h"

struct revision {
	struct revision *prev, *next;
	char hash[16];
	int64_t number;
	int replicas, desired, most;
	cJSON *template; /* owned */
};
/* hash names a template; equal ones have the same. */
MUST_CHECK enum result revision_create(const cJSON *template, int64_t number, struct revision **ret, struct error *e);
void revision_destroy(struct revision *v); /* NULL is fine */
void revisions_free(struct revision *list);
/* The one whose template is the same; NULL: none. */
struct revision *revisions_find(struct revision *list, const cJSON *template);

void revision_store(struct store_tx *tx, const char *uid, const struct revision *v);
void revision_forget(struct store_tx *tx, const char *uid, const char *hash);
void revisions_forget(struct store_tx *tx, const char *uid);
/* Tells of each, Deployment by Deployment; found takes v and answers false when there is no memory. */
MUST_CHECK enum result revisions_load(struct store *s, bool (*found)(void *owner, const char *uid, struct revision *v),
				      void *owner, struct error *e);
DEFINE_CLEANUP(struct revision, revision_destroy)

#pragma once
/* One pod of this node, from its binding to its deletion. */
#include <stdbool.h>

#include <uthash.h>

#include "controller/node/container.h"
#include "controller/node/site.h"

/* Taken; runs; is no longer to be sent requests, waits until nobody does; its processes are being ended; its object is
 * being deleted. */
#define POD_STAGES(X) X(RUNNING) X(DRAINING) X(ENDING) X(DELETING)
#define X(id) POD_##id,
enum pod_stage { POD_STAGES(X) POD_STAGE_COUNT };
#undef X

struct pod {
	UT_hash_handle hh; /* the node's, by uid */
	uint64_t seen;     /* the node's: the last walk that met its object, */
	char version[32];  /* and which state of it that was */
	const struct site *site;
	struct pod_spec *spec;
	struct container_doors doors;
	char address[ADDRESS_TEXT]; /* "" until there is one */
	enum pod_stage stage;
	bool leaving;  /* to be deleted, or deleted */
	bool vanished; /* the object is not there any more */
	bool stopping; /* the node is; the object stays */
	bool started;
	int64_t grace_ms;
	struct mono_ms drain_until;
	cJSON *status; /* the object's, as the cache has it */
	char *written; /* the last patch that the server has taken */
	uint64_t status_call, delete_call;
	struct timer timer;
	struct deferred tick;
	struct container containers[];
};

/* Takes what an object says; nothing begins before pod_update. */
MUST_CHECK enum result pod_create(const struct site *s, const cJSON *object, struct pod **ret, struct error *e);
/* Processes go on. NULL is fine. */
void pod_destroy(struct pod *p);
/* A new state of its object. */
void pod_update(struct pod *p, const cJSON *object);
/* Its object is gone; ends what runs. */
void pod_vanish(struct pod *p);
/* The node stops. */
void pod_stop(struct pod *p);
/* Something that it may wait for has changed. It looks on the next turn. */
void pod_wake(struct pod *p);
/* The logs of its processes are kept within their bound. */
void pod_trim_logs(const struct pod *p);

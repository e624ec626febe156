#pragma once
/* Keeps the cache of one kind, in one namespace or in all, like the server: a list, then a watch from where the list
 * was made, for ever. */
#include <stdbool.h>

#include "controller/cluster/kube/api.h"
#include "controller/cluster/kube/cache.h"
#include "controller/cluster/kube/lister.h"
#include "controller/cluster/kube/versions.h"
#include "controller/cluster/kube/watch_lines.h"

#define REFLECTOR_STATES(X) X(IDLE) X(RESOLVING) X(LISTING) X(WATCHING) X(WAITING)
#define X(id) REFLECTOR_##id,
enum reflector_state { REFLECTOR_STATES(X) };
#undef X

struct reflector;
struct reflector_options {
	struct loop *loop;
	struct api *api;
	struct cache *cache;
	struct versions *versions;
	int64_t retry_min_ms, retry_max_ms;
	void (*filled)(void *owner, struct reflector *r); /* after each complete list, and when it is clear that there
							   * will be none soon: see absent and said_refused */
	void *owner;
};
struct reflector {
	struct reflector *prev, *next; /* the owner's */
	const struct reflector_options *o;
	enum kind kind;
	enum reflector_state state;
	bool filled; /* a list has been complete since it was started */
	bool absent; /* the server does not have the kind, and never had */
	char *ns;    /* owned; "": all */
	char resource_version[64];
	uint64_t list_began;
	struct mono_ms broken_at; /* the watch; meaningless while it runs */
	struct mono_ms watch_began;
	bool heard;  /* the present watch has brought something */
	bool gone;   /* its resourceVersion is too old for the server */
	bool relist; /* wanted when the present list is complete */
	bool said_absent, said_refused;
	struct error trouble; /* of the stream */
	struct versions_wait version;
	struct lister lister;
	struct api_call watch;
	struct watch_lines lines;
	struct timer again;
	struct backoff backoff;
};
/* NULL: no memory. ns "": all. Owned by the caller. */
struct reflector *reflector_create(const struct reflector_options *o, enum kind kind, const char *ns);
void reflector_destroy(struct reflector *r); /* NULL is fine */
void reflector_start(struct reflector *r);   /* running is fine */
/* Another list soon, however the watch stands. */
void reflector_relist(struct reflector *r);
/* The network is back: do not wait. */
void reflector_hurry(struct reflector *r);
bool reflector_synced(const struct reflector *r);

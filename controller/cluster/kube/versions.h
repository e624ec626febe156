#pragma once
/* Under which group and version the server has a kind: one for most, the best of several for those that have moved. */
#include "base/error.h"
#include "base/loop.h"
#include "controller/cluster/kube/api.h"
#include "controller/cluster/kube/path.h"

/* Embedded; zeroed is idle. */
struct versions_wait {
	struct versions_wait *prev, *next;
	struct versions_wait **list; /* that it is in; NULL: idle */
	void (*ready)(void *owner, enum result r, const struct error *why);
	void *owner;
};
struct version_of {
	struct versions *versions;
	enum kind kind;
	const struct api_group *found; /* NULL: not known */
	unsigned next;                 /* candidate that is asked for */
	struct api_call call;
	struct versions_wait *waiting, *told;
};
/* Embedded in the kube. */
struct versions {
	struct api *api;
	struct version_of of[KIND_COUNT];
};
void versions_init(struct versions *v, struct api *api);
void versions_finish(struct versions *v);
/* NULL: ready is called later (RC_NOT_FOUND: the server does not have the kind), then ask again. */
const struct api_group *versions_get(struct versions *v, enum kind kind, struct versions_wait *w,
				     void (*ready)(void *owner, enum result r, const struct error *why), void *owner);
/* What is known now; the preferred one when nothing is. */
const struct api_group *versions_known(const struct versions *v, enum kind kind);
void versions_wait_stop(struct versions_wait *w);
/* The server answered 404 where it should have the kind: look again. */
void versions_forget(struct versions *v, enum kind kind);
/* "deployments.apps", for texts. buf of 128 bytes. */
const char *versions_resource(enum kind kind, char buf[128]);

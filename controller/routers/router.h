#pragma once
/* A traffic provider: weights, match, mirror (flagger-controller.md 6). One file a provider; the table is in routers.c.
 */
#include "controller/plan.h"

struct route_object;
struct router {
	const char *provider; /* "nginx" */
	bool can_weight, can_match, can_mirror, can_affinity;
	bool mirrors_iterations_only;      /* mirrors, but not before weights */
	const struct route_object *object; /* of those whose operations are route_object.h's; else NULL */
	void (*wants)(const struct router *self, const struct plan *p,
		      void (*want)(void *owner, enum kind kind, const char *ns, const char *name), void *owner);
	/* Fills router_objects, router_error, routes, routes_error. */
	enum result (*observe)(const struct router *self, const struct plan *p, struct observed *o, struct error *e);
	enum result (*ensure)(const struct router *self, struct plan *p, struct error *e);
	enum result (*set)(const struct router *self, struct plan *p, const struct routes *r, struct error *e);
	/* complete / revertOnDeletion: removes what it made, gives back what it changed. */
	enum result (*finalize)(const struct router *self, struct plan *p, struct error *e);
};
const struct router *router_find(const char *provider); /* NULL: unknown */
/* All names, for "one of ..."; NULL-terminated. */
const char *const *router_names(void);

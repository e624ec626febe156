#pragma once
/* A router whose state is one object of its own beside the Services: what it should be is built anew each time and
 * compared with what is there. Weights are read back from the object, so that a changed spec.service keeps them (E34).
 * All functions are pure; trees are the caller's. */
#include "controller/routers/router.h"

enum { COMPANIONS_MAX = 4 };
/* An object that the route needs and that has no weights: a DestinationRule, an Upstream. */
struct companion {
	enum kind kind;
	const char *name;
	cJSON *spec; /* NULL: no memory */
};
struct route_object {
	enum kind kind;
	bool bare; /* no labels and annotations of spec.service.apex, no marks for GitOps tools */
	/* Every member that spec and companions may have, at any depth; NULL-terminated. A member that is there, is not
	 * wanted and is not named here is a default of the server or somebody else's, and no difference. */
	const char *const *members;
	const char *(*name)(const struct plan *p); /* NULL: the Service's; in the arena */
	/* What it is made from, beside the Canary; NULL: nothing. */
	void (*wants)(const struct plan *p, void (*want)(void *owner, enum kind kind, const char *ns, const char *name),
		      void *owner);
	/* Its spec with these weights. canary: the whole resource. RC_INVALID: what the provider cannot express, or a
	 * source that is not there. */
	enum result (*spec)(const struct plan *p, const cJSON *canary, const struct routes *r, cJSON **ret,
			    struct error *e);
	/* Takes the weights from the object that is there. false: *ret_why (in the arena) says why they cannot be read;
	 * true with *ret_why set: they can, but traffic does not follow them yet. */
	bool (*read)(const struct plan *p, const cJSON *object, struct routes *ret, const char **ret_why);
	const char *(*api_version)(const struct plan *p); /* of a new object; NULL: the kind's */
	/* Labels and annotations beside those of the apex; is: the object that is there, NULL for a new one. NULL:
	 * none. */
	enum result (*metadata)(const struct plan *p, const cJSON *is, const struct routes *r, cJSON *metadata,
				struct error *e);
	enum result (*companions)(const struct plan *p, const cJSON *canary, struct companion *ret, size_t *count,
				  struct error *e);
};
void route_wants(const struct router *self, const struct plan *p,
		 void (*want)(void *owner, enum kind kind, const char *ns, const char *name), void *owner);
enum result route_observe(const struct router *self, const struct plan *p, struct observed *o, struct error *e);
enum result route_ensure(const struct router *self, struct plan *p, struct error *e);
enum result route_set(const struct router *self, struct plan *p, const struct routes *r, struct error *e);
enum result route_finalize(const struct router *self, struct plan *p, struct error *e);
#define ROUTE_OPERATIONS                                                                                               \
	.wants = route_wants, .observe = route_observe, .ensure = route_ensure, .set = route_set,                      \
	.finalize = route_finalize

/* "podinfo-canary" of Service podinfo, in the arena; "" when there is no memory, which the API refuses. */
const char *route_side(const struct plan *p, const char *suffix);
/* {"name": …, "port": …, "weight": …} of a side. NULL: no memory. */
cJSON *route_backend(const struct plan *p, const char *suffix, int weight);
/* A copy of a member of spec.service, put where to says; fine when there is none. false: no memory. */
bool route_copy(const cJSON *canary, const char *from, cJSON *v, const char *to);
/* The number after the primary's weight is the canary's: what most of them say. */
struct routes route_by_primary(int primary);

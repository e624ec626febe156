#pragma once
/* Ingress, Service, Endpoints and Pod objects -> which requests go where. Pure.
 *
 * Where a Service has a selector, its servers are the ready pods that it selects, as their objects say, and not its
 * Endpoints: an API server takes no loopback addresses there, and pods that leave are seen a moment earlier. Endpoints
 * serve Services without a selector. */
#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"

enum { CANARY_SHARE_ALL = 10000 };

struct upstream {
	struct upstream *prev, *next;
	const char *name;           /* "default.my-podinfo-svc.80": of safe characters */
	const char *const *servers; /* "127.10.0.2:8080", sorted; numeric addresses only */
	size_t servers_len;
};
/* Header before cookie before weight, as ingress-nginx does. */
struct canary_rule {
	const struct upstream *upstream;
	unsigned share;     /* of CANARY_SHARE_ALL */
	const char *header; /* "": none; safe characters, as cookie */
	const char *header_value, *header_pattern;
	const char *cookie;
	const char *source; /* "default/podinfo-canary" */
};
struct route_path {
	struct route_path *prev, *next;
	const char *path; /* "/", "/shop": of safe characters, without a slash at the end */
	bool exact;
	const struct upstream *upstream;
	struct canary_rule *canary; /* NULL: none, or one that has no servers */
	const char *source;
};
struct route_host {
	struct route_host *prev, *next;
	const char *name; /* "": all that have no host of their own; "*.example.com"; of safe characters */
	struct route_path *paths;
	const char *source; /* of the first that named it */
};
struct route_problem {
	struct route_problem *prev, *next;
	const char *source, *text;
};
struct routes {
	struct arena *arena;
	struct upstream *upstreams;
	struct route_host *hosts;
	struct route_problem *problems; /* what was left out, and why; the rest works */
};

struct object_list {
	const cJSON *const *items;
	size_t len;
};
struct routes_input {
	struct object_list ingresses, services, endpoints, pods;
	const char *ingress_class; /* Ingresses of this class and of none */
	const char *annotations;   /* "nginx.ingress.kubernetes.io" */
	/* Ingress objects ("ns/name") that nginx has refused. */
	bool (*refused)(void *owner, const char *source);
	void *owner;
};
MUST_CHECK enum result routes_build(const struct routes_input *in, struct routes **ret, struct error *e);
void routes_destroy(struct routes *r); /* NULL is fine */
DEFINE_CLEANUP(struct routes, routes_destroy)

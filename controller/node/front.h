#pragma once
/* The nginx in front of the pods: follows Ingress, Service, Endpoints and Pod objects of the cluster. */
#include "controller/node/node.h"

struct front;
/* Copies the options. updated(owner): another configuration is in use, ask front_serves again. */
MUST_CHECK enum result front_create(const struct node_options *o, loop_fn *updated, void *owner, struct front **ret,
				    struct error *e);
/* Objects have changed; soon, once for many. */
void front_changed(struct front *f);
/* A request that comes now, or one of a moment ago, may be sent to this address. port 0: any of it. */
bool front_serves(const struct front *f, const char *address, unsigned port);
/* Lets nginx finish its requests and end; stopped runs once, later. */
void front_stop(struct front *f, loop_fn *stopped, void *owner);
/* nginx goes on. NULL is fine. */
void front_destroy(struct front *f);
DEFINE_CLEANUP(struct front, front_destroy)

#pragma once
/* The NginxUpstream objects of the cluster -> files that the user's own nginx includes, one each; the status says what
 * nginx has taken over, or why not. A file that somebody else has changed is told and left alone. */
#include "controller/node/node.h"

struct upstreams;
/* Copies the options. updated(owner): another file is in use, ask upstreams_serve again. */
MUST_CHECK enum result upstreams_create(const struct node_options *o, loop_fn *updated, void *owner,
					struct upstreams **ret, struct error *e);
/* Objects have changed; soon, once for many. */
void upstreams_changed(struct upstreams *u);
/* A request that comes now, or one of a moment ago, may be sent there. port 0: any of this address. */
bool upstreams_serve(const struct upstreams *u, const char *address, unsigned port);
void upstreams_destroy(struct upstreams *u); /* nginx and its files stay; NULL is fine */
DEFINE_CLEANUP(struct upstreams, upstreams_destroy)

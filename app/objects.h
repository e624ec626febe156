#pragma once
/* The objects of cluster.embedded over HTTP: what kubectl is for Kubernetes.
 *   POST   /api/v1/apply[?namespace=NS][&dryRun=true]     a stream of manifests, YAML or JSON, also Lists
 *   GET    /api/v1/objects/KIND[?ns=NS]                   {"kind":"List","items":[...]}; KIND may be events, with
 * &name=NAME GET    /api/v1/objects/KIND/NS/NAME PATCH  /api/v1/objects/KIND/NS/NAME                   an RFC 7386
 * merge patch DELETE /api/v1/objects/KIND/NS/NAME POST   /api/v1/objects/KIND/NS/NAME/image {"CONTAINER":"IMAGE"}
 * Writing needs a token of the scope admin and is on record. Loop thread only. */
#include "base/cleanup.h"
#include "base/http_server.h"
#include "bot/api/rest.h"
#include "controller/cluster/cluster.h"

struct objects;
struct objects_options { /* all borrowed, and outlive it */
	struct loop *loop;
	struct store *store;
	struct rest *rest; /* knows who asks */
	struct cluster *cluster;
	bool embedded; /* false: every route says that kubectl is the way */
};
MUST_CHECK enum result objects_create(const struct objects_options *o, struct objects **ret, struct error *e);
void objects_start(struct objects *o);
/* After the server has closed, before the cluster goes. NULL is fine. */
void objects_destroy(struct objects *o);
/* Knows every object; NULL: not embedded. */
const struct cluster *objects_view(const struct objects *o);
const struct http_route *objects_routes(struct objects *o); /* ends with a NULL path */
DEFINE_CLEANUP(struct objects, objects_destroy)

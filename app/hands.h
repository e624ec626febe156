#pragma once
/* The node of this machine, as the configuration describes it. */
#include "app/config.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "controller/cluster/cluster.h"
#include "controller/node/node.h"

/* folder: where it keeps records, logs and nginx. It becomes the one that is told of the cluster's changes; both are
 * borrowed. */
MUST_CHECK enum result hands_create(const struct config *c, const char *folder, struct loop *l,
				    struct http_client *http, struct cluster *cluster, struct node **ret,
				    struct error *e);

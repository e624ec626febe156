#pragma once
/* The node of this machine, as the configuration describes it. */
#include "app/config.h"
#include "base/http_client.h"
#include "base/loop.h"
#include "controller/cluster/cluster.h"
#include "controller/node/node.h"

/* All borrowed. */
struct hands_options {
	const struct config *config;
	const char *folder; /* where it keeps records, logs and nginx */
	struct loop *loop;
	struct http_client *http;
	struct cluster *cluster; /* the node becomes the one that is told of its changes */
	struct traffic *traffic; /* what nginx serves is counted there; NULL: nowhere */
	struct metrics *metrics; /* NULL is fine */
};
MUST_CHECK enum result hands_create(const struct hands_options *h, struct node **ret, struct error *e);

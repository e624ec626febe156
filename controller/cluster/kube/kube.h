#pragma once
/* The cluster seam over a real API server. */
#include "base/http_client.h"
#include "controller/cluster/cluster.h"

struct metrics;
struct kube_options {
	const char *kubeconfig; /* path; NULL: $KUBECONFIG, in-cluster credentials, ~/.kube/config, in this order */
	const char *context;    /* NULL: current-context */
	const char *ns;         /* watch only this namespace; NULL: all */
	const char *name;       /* of the cluster, for people; NULL: the context's */
	int64_t retry_min_ms, retry_max_ms; /* backoff; 0: 500 ms, 30 s */
	struct metrics *metrics;            /* borrowed; NULL: none */
};
/* Reads credentials; connects on cluster_start. http is borrowed. */
MUST_CHECK enum result kube_create(struct loop *l, struct http_client *http, const struct kube_options *o,
				   struct cluster **ret, struct error *e);

/* Is this bearer token a ServiceAccount's of the cluster (TokenReview)? user is "" when not. */
typedef void kube_reviewed(void *owner, enum result r, const char *user, const struct error *why);
void kube_review_token(struct cluster *c, const char *token, kube_reviewed *done, void *owner);

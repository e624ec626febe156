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
	const char *account_dir;            /* of the pod's ServiceAccount; NULL: where kubelet mounts it */
};
/* Reads credentials; connects on cluster_start. http is borrowed. */
MUST_CHECK enum result kube_create(struct loop *l, struct http_client *http, const struct kube_options *o,
				   struct cluster **ret, struct error *e);

/* Is this bearer token a ServiceAccount's of the cluster (TokenReview)? user is "" when not. */
typedef void kube_reviewed(void *owner, enum result r, const char *user, const struct error *why);
void kube_review_token(struct cluster *c, const char *token, kube_reviewed *done, void *owner);

/* Stops leading and gives the lease back, for the next to take it at once: done runs once, later, within a second, also
 * when there is no lease. To be called before cluster_destroy. */
void kube_release_lease(struct cluster *c, loop_fn *done, void *owner);

#pragma once
/* TokenReview: whose bearer token is this? */
#include "controller/cluster/kube/kube.h"
#include "controller/cluster/kube/writes.h"

/* As kube_review_token. */
void review_send(const struct write_doors *d, const char *token, kube_reviewed *done, void *owner);

#pragma once
/* Events about objects: said once when they have a key; equal ones without a key raise the count of the first, within a
 * budget an object; different texts are never merged. */
#include "controller/cluster/kube/writes.h"

struct events;
MUST_CHECK enum result events_create(const struct write_doors *d, const char *instance, struct events **ret,
				     struct error *e);
void events_destroy(struct events *ev); /* every call must be cancelled; NULL is fine */
/* As cluster_record. */
uint64_t events_record(struct events *ev, const struct cluster_event *q, cluster_done *done, void *owner);
DEFINE_CLEANUP(struct events, events_destroy)

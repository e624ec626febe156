#pragma once
/* What to do next about one Deployment: how many pods each revision of its template should have, which pods to make and
 * which to remove, and what its status says. The rules are those of Kubernetes' Deployment and ReplicaSet controllers;
 * a revision here is what a ReplicaSet is there. Pure: no I/O, no clock. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct rollout_pod {
	const char *name, *uid;
	bool deleting, ended, ready, bound;
	struct wall_ms ready_since, created;
	bool remove; /* answer */
};
struct rollout_set {
	const char *hash;
	int64_t number;    /* greater is newer */
	int replicas;      /* how many pods it should have */
	int desired, most; /* spec.replicas, and with the surge, when replicas was set */
	struct rollout_pod *pods;
	size_t pods_len;
	/* answers */
	int active, ready, available; /* pods that are there and stay */
	int create;
	bool changed, drop;
};
/* Texts are borrowed. status "" : there is none. */
struct rollout_condition {
	const char *status, *reason, *message;
	struct wall_ms updated, changed;
};
struct rollout_status {
	int64_t observed_generation;
	int replicas, updated, ready, available, unavailable;
	struct rollout_condition available_is, progressing;
};
struct rollout {
	int replicas, surge, unavailable; /* the last two as numbers, 0 with recreate; unavailable <= replicas */
	bool recreate, paused, deleting;
	int64_t min_ready_ms, deadline_ms, generation;
	int history;
	struct wall_ms now;
	struct rollout_set *sets;
	size_t sets_len;
	struct rollout_set *current; /* whose template is the Deployment's; NULL: none has it yet */
	struct rollout_status was;
	/* answers */
	bool add_set; /* a revision is to be made of the template, with new_number and no pods yet */
	int64_t new_number;
	bool sets_change; /* revisions first, pods in the next pass */
	struct rollout_status is;
	int64_t wake_ms; /* look again then; -1: when something changes */
};
enum { ROLLOUT_BURST = 200 }; /* pods made in one pass */

void rollout_plan(struct rollout *r);
/* The parts of it, for rollout_plan alone. */
void rollout_resize(const struct rollout *r, struct rollout_set *s, int replicas);
void rollout_scale(struct rollout *r);
void rollout_report(struct rollout *r);

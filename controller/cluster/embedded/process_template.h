#pragma once
/* Process and SystemdUnit (rollcall.dev/v1) are for people who have no images: a command line, or a template unit of
 * systemd, in a version. They are a short way to write a Deployment: one of the same name is made of them and follows
 * them, and whatever can be done with a Deployment can be done with it. Pure. */
#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/error.h"
#include "controller/cluster/cluster.h"

#define PROCESS_ANNOTATION "rollcall.dev/command" /* of a pod: its container's command is run as it stands */
#define UNIT_ANNOTATION "rollcall.dev/unit"       /* of a pod: this unit of systemd is run in its container's place */
#define PORT_ANNOTATION "rollcall.dev/port"       /* of a pod: "assign", a free port of this machine is its port */
/* Of the Deployment: the instances that its replicas were made of, and the generation that it follows. */
#define INSTANCES_ANNOTATION "rollcall.dev/instances"
#define GENERATION_ANNOTATION "rollcall.dev/generation"

static inline bool is_process_kind(enum kind k)
{
	return k == KIND_PROCESS || k == KIND_SYSTEMD_UNIT;
}
/* Everything that is wrong, the first of it. */
MUST_CHECK enum result process_check(enum kind kind, const cJSON *object, struct error *e);
/* The Deployment of one that has been checked; its spec.replicas are those of the beginning. NULL: no memory. */
cJSON *process_deployment(enum kind kind, const cJSON *object);

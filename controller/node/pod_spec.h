#pragma once
/* What a Pod object asks of a node. Pure. */
#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "controller/node/probe.h"

enum { POD_CONTAINERS_MAX = 16 };
enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };
/* Those that only the node can tell are filled in when the process starts. */
enum env_source { ENV_VALUE, ENV_POD_IP, ENV_HOST_IP };
struct env_var {
	const char *name, *value;
	enum env_source source;
};
struct container_spec {
	const char *name, *image;
	const char *const *args; /* NULL-terminated */
	const struct env_var *env;
	size_t env_len;
	unsigned port; /* the first containerPort; 0: none */
	/* What is run in the place of an image's command; both NULL: that of the table of images. */
	const char *const *command; /* of a Process; NULL-terminated */
	const char *unit;           /* of a SystemdUnit: "app@.service" */
	const char *folder;         /* to run in; NULL: ours */
	int stop_signal;            /* SIGTERM, if nothing else is asked for */
	struct probe_spec probes[PROBE_ROLE_COUNT];
	const char *problem; /* why it cannot run here; NULL: it can */
};
/* Owns itself and all it points to. */
struct pod_spec {
	struct arena *arena;
	const char *uid, *ns, *name, *node;
	enum restart_policy restart;
	int64_t grace_ms;
	bool shares_address; /* it has a port of this machine instead */
	struct container_spec *containers;
	size_t containers_len;
};
/* RC_INVALID only for what no API server would have let in; everything else that cannot be run is a problem of its
 * container. */
MUST_CHECK enum result pod_spec_parse(const cJSON *pod, struct pod_spec **ret, struct error *e);
void pod_spec_destroy(struct pod_spec *s); /* NULL is fine */
DEFINE_CLEANUP(struct pod_spec, pod_spec_destroy)

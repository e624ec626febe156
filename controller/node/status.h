#pragma once
/* What a node says about a pod. Pure. */
#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/error.h"
#include "controller/node/pod_spec.h"

enum container_state { CONTAINER_WAITING, CONTAINER_RUNNING, CONTAINER_TERMINATED };
enum { CONTAINER_REASON_MAX = 64, CONTAINER_MESSAGE_MAX = 320 };
/* How a process of a container has ended. */
struct container_end {
	bool is; /* false: none has */
	struct wall_ms started, finished;
	int exit_code, exit_signal; /* the signal, or 0; exit_code is 128 + signal then */
	int pid;
};
struct container_facts {
	const char *name, *image;
	enum container_state state;
	char reason[CONTAINER_REASON_MAX];   /* WAITING: "CrashLoopBackOff" */
	char message[CONTAINER_MESSAGE_MAX]; /* the same */
	struct wall_ms started;              /* RUNNING */
	int pid;                             /* RUNNING */
	bool started_up, ready;
	unsigned restarts;
	struct container_end last;
};
struct pod_facts {
	const char *uid, *address, *host_address;
	struct wall_ms began; /* v 0: keep what the object says, or now */
	bool leaving;
	enum restart_policy restart;
	const struct container_facts *const *containers;
	size_t containers_len;
};
/* Does a container start again after this end? */
bool restart_wanted(enum restart_policy p, const struct container_end *end);
/* "Pending", "Running", "Succeeded", "Failed" */
const char *pod_phase(const struct pod_facts *f);
/* The wanted status; was is the object's present one (NULL: none), of which all that is not the node's is kept, and the
 * transition times of what has not changed. NULL: no memory. Caller frees. */
cJSON *pod_status(const struct pod_facts *f, const cJSON *was, struct wall_ms now);

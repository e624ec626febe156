#pragma once
/* One container of a pod: its process, its probes, its restarts. */
#include "controller/node/prober.h"
#include "controller/node/process.h"
#include "controller/node/record.h"
#include "controller/node/site.h"
#include "controller/node/status.h"

struct container;
struct container_probe {
	struct container *container;
	enum probe_role role;
	struct probe_state state;
	struct timer timer;
	struct probing *probing;
};
struct container_doors {
	const struct site *site;
	const struct pod_spec *pod;
	const char *address;           /* the pod's; stays the same */
	void (*changed)(void *owner);  /* facts have changed; may free the container */
	void (*recorded)(void *owner); /* a process was started: to be written down now */
	void *owner;
};
/* Embedded in its pod. */
struct container {
	const struct container_doors *d;
	const struct container_spec *spec;
	struct container_facts facts;
	struct process *process; /* NULL: none */
	struct timer timer;      /* the next start; or, while it is being ended, SIGKILL */
	int64_t backoff_ms;      /* 0: has not crashed lately */
	bool ending, terminating;
	struct container_probe probes[PROBE_ROLE_COUNT];
};
void container_init(struct container *c, const struct container_doors *d, const struct container_spec *spec);
/* Frees what it holds; its process goes on. */
void container_finish(struct container *c);
/* Starts; or takes over what r says is running, with the readiness that was last written down. r NULL: there was none.
 * One that is ending already is only taken over. */
void container_start(struct container *c, const struct record_container *r, bool was_ready);
/* For good: its stop signal, after grace_ms SIGKILL. */
void container_end(struct container *c, int64_t grace_ms);
void container_log(const struct container *c, char *buf, size_t size); /* the path of its log file */
bool container_over(const struct container *c);                        /* no process, and none will be started */
void container_forget(const struct container *c);                      /* the files that are left of it */

#pragma once
/* What a node writes down about the processes of a pod, so that the next run of the node finds them again: one small
 * file a pod. A record of before the machine's last boot is not there. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "controller/node/address.h"
#include "controller/node/pod_spec.h"

enum { RECORD_NAME_MAX = 254, RECORD_UID_MAX = 64 };
struct record_container {
	char name[RECORD_NAME_MAX]; /* of the container */
	int pid;                    /* 0: not running */
	uint64_t start_ticks;
	struct wall_ms started;
	unsigned restarts;
};
struct record {
	char uid[RECORD_UID_MAX], ns[RECORD_NAME_MAX], name[RECORD_NAME_MAX], address[ADDRESS_TEXT];
	struct record_container containers[POD_CONTAINERS_MAX];
	size_t containers_len;
};
MUST_CHECK enum result record_write(const char *folder, const struct record *r, struct error *e);
void record_remove(const char *folder, const char *uid);
/* Of one pod. RC_NOT_FOUND: none, or of before the last boot. */
MUST_CHECK enum result record_read(const char *folder, const char *uid, struct record *ret, struct error *e);
/* The uids of all records in a folder, of whatever boot. What cannot be read is left out. */
void record_each(const char *folder, void (*visit)(void *owner, const char *uid), void *owner);

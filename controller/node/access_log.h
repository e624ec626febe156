#pragma once
/* The socket to which an nginx tells, in the manner of syslog, of each request (metrics/traffic.h says how). Emptied by
 * a budget a turn of the loop: what comes faster waits in the kernel for the next turn, and when that is full nginx
 * leaves lines out rather than wait. What is read and not counted is rollcall_access_log_lines_total. */
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "controller/metrics/traffic.h"

struct access_log;
/* Takes the place of a socket that an earlier run has left. mode: who may write (the user of nginx's workers). The path
 * is copied, traffic is borrowed; m may be NULL. RC_INVALID: the path is longer than a socket's may be. */
MUST_CHECK enum result access_log_open(struct loop *l, const char *path, mode_t mode, struct traffic *traffic,
				       struct metrics *m, struct access_log **ret, struct error *e);
void access_log_close(struct access_log *a); /* removes the socket; NULL is fine */
DEFINE_CLEANUP(struct access_log, access_log_close)

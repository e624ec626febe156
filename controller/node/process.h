#pragma once
/* A process that outlives us: started, or taken over from an earlier run by its pid and start time. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/loop.h"

struct process;
/* Once, on a later turn; the process object is gone after it. status -1: unknown, it was not our child. What is left of
 * its process group has been killed. */
typedef void process_exited(void *owner, int64_t status, int signal);
struct process_options {
	const char *const *argv, *const *env; /* NULL-terminated; argv[0] is looked up in env's PATH */
	const char *log_file;                 /* both outputs are appended to it; NULL: thrown away */
	const char *folder;                   /* to run in; NULL: ours */
	bool keeps_outputs;                   /* instead of a log: both outputs go where ours go */
	bool spares_group;                    /* what it leaves behind, a daemon, is meant to stay */
	process_exited *exited;
	void *owner;
};
/* For uv_spawn, which asks for words that may be changed and changes none. */
char **process_words(const char *const *words);
/* The child leads a session and process group of its own. */
MUST_CHECK enum result process_start(struct loop *l, const struct process_options *o, struct process **ret,
				     struct error *e);
/* RC_NOT_FOUND: it is gone, or the pid is another's now. */
MUST_CHECK enum result process_adopt(struct loop *l, pid_t pid, uint64_t start_ticks, process_exited *exited,
				     void *owner, struct process **ret, struct error *e);
pid_t process_pid(const struct process *p);
uint64_t process_start_ticks(const struct process *p);
/* SIGKILL goes to the whole group, all else to the process itself. */
void process_signal(struct process *p, int signal);
/* It goes on without us; exited will not be called. Sets it NULL; NULL is fine. */
void process_leave(struct process **p);
/* When a live process (not a zombie) started, in clock ticks since boot; 0: there is none. */
uint64_t process_ticks_of(pid_t pid);
/* Keeps the log file of a running process within its bound; one more of the same size is kept beside it. */
void process_log_trim(const char *file);

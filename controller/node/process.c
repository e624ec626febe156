#include "controller/node/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOG_BYTES_MAX = 16 * 1024 * 1024 };

struct process {
	pid_t pid;
	uint64_t start_ticks;
	bool child, spares_group;
	int pidfd;              /* of one that is not our child */
	process_exited *exited; /* NULL: left */
	void *owner;
	union {
		uv_handle_t handle;
		uv_process_t process;
		uv_poll_t poll;
	};
};

uint64_t process_ticks_of(pid_t pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* "pid (name) state ...": the name may contain anything, the start time is the 22nd field */
	const char *at = strrchr(text, ')');
	if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X')
		return 0;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* ---- the end ---- */

static void process_closed(uv_handle_t *h)
{
	struct process *p = h->data;
	if (p->pidfd >= 0)
		close(p->pidfd);
	free(p);
}

static void process_end(struct process *p, int64_t status, int signal)
{
	process_exited *exited = p->exited;
	void *owner = p->owner;
	if (!p->spares_group)
		(void)kill(-p->pid, SIGKILL); /* nobody else closes the listening sockets of what it has left behind */
	p->exited = NULL;
	uv_close(&p->handle, process_closed);
	if (exited)
		exited(owner, status, signal);
}

static void child_exited(uv_process_t *h, int64_t status, int signal)
{
	process_end(h->data, status, signal);
}

static void pidfd_readable(uv_poll_t *h, int status, int events)
{
	struct process *p = h->data;
	(void)status;
	(void)events;
	if (process_ticks_of(p->pid) != p->start_ticks)
		process_end(p, -1, 0);
}

/* ---- starting ---- */

char **process_words(const char *const *words)
{
	char **loose;
	memcpy(&loose, &words, sizeof(void *));
	return loose;
}

/* A log that has grown too long makes room for a new one when its process starts again. */
static int log_open(const char *file)
{
	struct stat st;
	char old[4096];
	if (!file)
		return open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (stat(file, &st) == 0 && st.st_size > LOG_BYTES_MAX &&
	    (size_t)snprintf(old, sizeof old, "%s.1", file) < sizeof old)
		(void)rename(file, old);
	return open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
}

/* What uv_spawn says of a folder that is not there reads as if the program were missing. */
static enum result folder_check(const char *folder, struct error *e)
{
	struct stat st;
	if (!folder || (stat(folder, &st) == 0 && S_ISDIR(st.st_mode)))
		return RC_OK;
	return error_set(e, RC_NOT_FOUND, "there is no folder %.200s", folder);
}

/* A process that goes on for months does not fill the disk: what it has said is copied away and cut off. Both ends are
 * open for appending, so that it goes on at the new end. */
void process_log_trim(const char *file)
{
	char old[4096];
	struct stat st;
	if (stat(file, &st) != 0 || st.st_size <= LOG_BYTES_MAX ||
	    (size_t)snprintf(old, sizeof old, "%s.1", file) >= sizeof old)
		return;
	int from = open(file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int to = open(old, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	off_t at = st.st_size - LOG_BYTES_MAX; /* the newest */
	while (from >= 0 && to >= 0 && copy_file_range(from, &at, to, NULL, LOG_BYTES_MAX, 0) > 0)
		continue;
	if (from >= 0) {
		(void)!ftruncate(from, 0);
		close(from);
	}
	if (to >= 0)
		close(to);
}

static enum result child_start(struct loop *l, struct process *p, const struct process_options *o, struct error *e)
{
	enum result r = folder_check(o->folder, e);
	if (r != RC_OK)
		return r;
	int log = o->keeps_outputs ? dup(STDERR_FILENO) : log_open(o->log_file);
	if (log < 0)
		return error_set(e, RC_EXHAUSTED, "%s: %s", o->log_file ? o->log_file : "/dev/null", strerror(errno));
	uv_stdio_container_t stdio[3] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = log },
		{ .flags = UV_INHERIT_FD, .data.fd = log },
	};
	uv_process_options_t uo = {
		.exit_cb = child_exited,
		.file = o->argv[0],
		.args = process_words(o->argv),
		.env = process_words(o->env),
		.cwd = o->folder,
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = 3,
		.stdio = stdio,
	};
	int status = uv_spawn(loop_uv(l), &p->process, &uo);
	close(log);
	if (status == 0)
		return RC_OK;
	return error_set(e, status == UV_ENOENT || status == UV_EACCES ? RC_NOT_FOUND : RC_EXHAUSTED, "%.200s: %s",
			 o->argv[0], uv_strerror(status));
}

static struct process *process_new(process_exited *exited, void *owner)
{
	struct process *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	*p = (struct process){ .pidfd = -1, .exited = exited, .owner = owner };
	p->handle.data = p;
	return p;
}

enum result process_start(struct loop *l, const struct process_options *o, struct process **ret, struct error *e)
{
	struct process *p = process_new(o->exited, o->owner);
	if (!p)
		return error_set(e, RC_EXHAUSTED, "no memory for a process");
	p->child = true;
	p->spares_group = o->spares_group;
	enum result r = child_start(l, p, o, e);
	if (r != RC_OK && p->handle.loop) {
		uv_close(&p->handle, process_closed);
		return r;
	}
	if (r != RC_OK) {
		free(p);
		return r;
	}
	p->pid = p->process.pid;
	p->start_ticks = process_ticks_of(p->pid);
	*ret = p;
	return RC_OK;
}

static int pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

enum result process_adopt(struct loop *l, pid_t pid, uint64_t start_ticks, process_exited *exited, void *owner,
			  struct process **ret, struct error *e)
{
	int fd = pid > 0 ? pidfd_of(pid) : -1;
	/* looked at after the descriptor was taken: from now on it cannot become another process */
	if (fd < 0 || start_ticks == 0 || process_ticks_of(pid) != start_ticks) {
		if (fd >= 0)
			close(fd);
		return error_set(e, RC_NOT_FOUND, "process %d has ended", (int)pid);
	}
	struct process *p = process_new(exited, owner);
	if (!p) {
		close(fd);
		return error_set(e, RC_EXHAUSTED, "no memory for a process");
	}
	p->pid = pid;
	p->start_ticks = start_ticks;
	p->pidfd = fd;
	int status = uv_poll_init(loop_uv(l), &p->poll, fd);
	if (status) {
		close(fd);
		free(p);
		return error_set(e, RC_EXHAUSTED, "process %d cannot be watched: %s", (int)pid, uv_strerror(status));
	}
	p->handle.data = p;
	(void)uv_poll_start(&p->poll, UV_READABLE, pidfd_readable); /* fails only for descriptors that are closing */
	*ret = p;
	return RC_OK;
}

/* ---- while it runs ---- */

pid_t process_pid(const struct process *p)
{
	return p->pid;
}

uint64_t process_start_ticks(const struct process *p)
{
	return p->start_ticks;
}

void process_signal(struct process *p, int signal)
{
	/* of our own child libuv keeps the pid until it has been told; another's pid may have passed on */
	if (p->child || process_ticks_of(p->pid) == p->start_ticks)
		(void)kill(signal == SIGKILL ? -p->pid : p->pid, signal);
}

void process_leave(struct process **p)
{
	if (!*p)
		return;
	(*p)->exited = NULL;
	uv_close(&(*p)->handle, process_closed);
	*p = NULL;
}

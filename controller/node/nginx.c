#include "controller/node/nginx.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "controller/node/nginx_workers.h"
#include "controller/node/process.h"

enum {
	LOOK_MS = 20,
	TAKEOVER_MS = 5000, /* for new workers to be there and old ones to take no more requests */
	QUIT_MS = 10 * 1000,
	BIRTH_MS = 1000,
	ROTATE_LOOK_MS = 60 * 1000,
	LOG_BYTES_MAX = 64 * 1024 * 1024, /* of each log; one more of before is kept */
	SAID_MAX = 4096,
	PATH_BYTES = 4096
};

enum nginx_stage { NGINX_IDLE, NGINX_TESTING, NGINX_STARTING, NGINX_TAKEOVER };
struct nginx {
	struct nginx_options o;
	enum nginx_stage stage;
	struct process *job;          /* nginx -t, or the start */
	struct process *master;       /* NULL: does not run */
	struct nginx_workers workers; /* of before the reload */
	struct mono_ms until;
	struct timer look, quit, rotate;
	struct deferred failed;
	struct error failure;
	loop_fn *stopped; /* NULL: not stopping */
	void *stopped_owner;
};

/* ---- small files ---- */

static bool path_in(const struct nginx *n, const char *name, char buf[PATH_BYTES])
{
	return snprintf(buf, PATH_BYTES, "%s/%s", n->o.folder, name) < PATH_BYTES;
}

static enum result write_whole(const char *path, const char *text, struct error *e)
{
	size_t left = strlen(text);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	bool ok = fd >= 0;
	while (ok && left) {
		ssize_t n = write(fd, text, left);
		ok = n > 0;
		if (ok)
			text += n, left -= (size_t)n;
	}
	int problem = errno;
	if (fd >= 0)
		close(fd);
	return ok ? RC_OK : error_set(e, RC_EXHAUSTED, "%s: %s", path, strerror(problem));
}

static const char *fresh_file(const struct nginx *n, char buf[PATH_BYTES])
{
	snprintf(buf, PATH_BYTES, "%s.new", n->o.conf_file);
	return buf;
}

static const char *previous_file(const struct nginx *n, char buf[PATH_BYTES])
{
	snprintf(buf, PATH_BYTES, "%s.previous", n->o.conf_file);
	return buf;
}

/* ---- the end of an application ---- */

static void nginx_tell(struct nginx *n, enum result r, unsigned line, const struct error *why)
{
	n->stage = NGINX_IDLE;
	timer_stop(&n->look);
	if (!n->stopped)
		n->o.applied(n->o.owner, r, line, why);
}

static void nginx_fail_later(void *owner)
{
	struct nginx *n = owner;
	nginx_tell(n, n->failure.code, 0, &n->failure);
}

/* The file on disk is what nginx runs with, for whoever looks, and for its next start. */
static void nginx_restore(const struct nginx *n)
{
	char path[PATH_BYTES];
	if (rename(previous_file(n, path), n->o.conf_file) != 0)
		log_warn("nginx_not_restored", "file=%s error=%s", n->o.conf_file, strerror(errno));
}

/* "... in /path/rollcall.conf.new:123": the line; and the text without the path, which says nothing to a reader. */
static unsigned said_line(const char *said)
{
	unsigned line = 0;
	const char *at = strstr(said, ".conf");
	for (; at; at = strstr(at + 1, ".conf")) {
		const char *colon = at + strcspn(at, ": \n");
		if (*colon == ':' && isdigit((unsigned char)colon[1]))
			line = (unsigned)strtoul(colon + 1, NULL, 10);
	}
	return line;
}

/* What nginx has written, on one line. */
static void job_said(const struct nginx *n, char said[SAID_MAX])
{
	char path[PATH_BYTES];
	said[0] = '\0';
	size_t len = path_in(n, "test.log", path) ? file_start(path, said, SAID_MAX) : 0;
	while (len && isspace((unsigned char)said[len - 1]))
		said[--len] = '\0';
	for (char *s = said; *s; s++) {
		if (*s == '\n')
			*s = ' ';
	}
}

/* ---- the running nginx ---- */

static void master_exited(void *owner, int64_t status, int signal)
{
	struct nginx *n = owner;
	(void)status;
	(void)signal;
	n->master = NULL;
	if (n->stopped) {
		timer_stop(&n->quit);
		n->stopped(n->stopped_owner);
		return;
	}
	log_warn("nginx_died", "conf=%s", n->o.conf_file);
	n->o.died(n->o.owner);
}

static bool is_our_master(const struct nginx *n, int pid)
{
	char path[64], line[PATH_BYTES];
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	size_t len = file_start(path, line, sizeof line);
	for (size_t i = 0; i + 1 < len; i++) {
		if (!line[i])
			line[i] = ' ';
	}
	return text_starts(line, "nginx: master process") && strstr(line, n->o.conf_file);
}

/* By its pid file; false: none runs. */
static bool nginx_find(struct nginx *n)
{
	char path[PATH_BYTES], text[32];
	if (n->master)
		return true;
	if (!path_in(n, "nginx.pid", path) || !file_start(path, text, sizeof text))
		return false;
	int pid = (int)strtol(text, NULL, 10);
	if (pid <= 0 || !is_our_master(n, pid))
		return false;
	return process_adopt(n->o.loop, pid, process_ticks_of(pid), master_exited, n, &n->master, NULL) == RC_OK;
}

bool nginx_runs(const struct nginx *n)
{
	return n->master != NULL;
}

/* ---- taking over ---- */

static void takeover_look(void *owner)
{
	struct nginx *n = owner;
	struct error e;
	bool late = loop_now(n->o.loop).v >= n->until.v;
	if (nginx_find(n) && nginx_workers_replaced(&n->workers, process_pid(n->master))) {
		nginx_tell(n, RC_OK, 0, NULL);
	} else if (late) {
		nginx_restore(n);
		error_set(&e, RC_UNREACHABLE, "nginx has not taken the new configuration within %d s: see %s/error.log",
			  TAKEOVER_MS / 1000, n->o.folder);
		nginx_tell(n, RC_UNREACHABLE, 0, &e);
	} else {
		timer_start(n->o.loop, &n->look, LOOK_MS, takeover_look, n);
	}
}

static void takeover_begin(struct nginx *n)
{
	n->stage = NGINX_TAKEOVER;
	n->until.v = loop_now(n->o.loop).v + TAKEOVER_MS;
	timer_start(n->o.loop, &n->look, LOOK_MS, takeover_look, n);
}

/* ---- test, start, reload ---- */

static enum result job_start(struct nginx *n, const char *const *argv, process_exited *exited, struct error *e)
{
	char path[PATH_BYTES];
	if (!path_in(n, "test.log", path))
		return error_set(e, RC_INVALID, "%s: too long", n->o.folder);
	(void)unlink(path);
	const struct process_options o = {
		.argv = argv,
		.log_file = path,
		.spares_group = true, /* the master is of the starter's group until it has made its own */
		.exited = exited,
		.owner = n,
	};
	return process_start(n->o.loop, &o, &n->job, e);
}

static void nginx_quit(struct nginx *n);

static void start_exited(void *owner, int64_t status, int signal)
{
	struct nginx *n = owner;
	struct error e;
	char said[SAID_MAX];
	n->job = NULL;
	if (n->stopped) {
		nginx_quit(n);
		return;
	}
	if (status == 0 && !signal) {
		takeover_begin(n);
		return;
	}
	job_said(n, said);
	nginx_restore(n);
	error_set(&e, RC_UNREACHABLE, "nginx does not start: %s", said);
	nginx_tell(n, e.code, 0, &e);
}

static enum result nginx_begin(struct nginx *n, struct error *e)
{
	char log[PATH_BYTES];
	if (!path_in(n, "error.log", log))
		return error_set(e, RC_INVALID, "%s: too long", n->o.folder);
	const char *const argv[] = { n->o.binary, "-c", n->o.conf_file, "-e", log, NULL };
	n->stage = NGINX_STARTING;
	n->workers.len = 0;
	return job_start(n, argv, start_exited, e);
}

static enum result nginx_install(struct nginx *n, struct error *e)
{
	char fresh[PATH_BYTES], previous[PATH_BYTES];
	previous_file(n, previous);
	(void)unlink(previous);
	if (link(n->o.conf_file, previous) != 0 && errno != ENOENT)
		return error_set(e, RC_EXHAUSTED, "%s: %s", previous, strerror(errno));
	if (rename(fresh_file(n, fresh), n->o.conf_file) != 0)
		return error_set(e, RC_EXHAUSTED, "%s: %s", n->o.conf_file, strerror(errno));
	return RC_OK;
}

static void nginx_switch(struct nginx *n)
{
	struct error e;
	enum result r = nginx_install(n, &e);
	if (r == RC_OK && nginx_find(n)) {
		nginx_workers_note(&n->workers, process_pid(n->master));
		process_signal(n->master, SIGHUP);
		takeover_begin(n);
		return;
	}
	if (r == RC_OK)
		r = nginx_begin(n, &e);
	if (r != RC_OK)
		nginx_tell(n, r, 0, &e);
}

static void test_exited(void *owner, int64_t status, int signal)
{
	struct nginx *n = owner;
	struct error e;
	char said[SAID_MAX], fresh[PATH_BYTES];
	n->job = NULL;
	if (n->stopped) {
		nginx_quit(n);
		return;
	}
	if (status == 0 && !signal) {
		nginx_switch(n);
		return;
	}
	job_said(n, said);
	(void)unlink(fresh_file(n, fresh));
	error_set(&e, RC_INVALID, "nginx refuses the configuration: %s", said);
	nginx_tell(n, RC_INVALID, said_line(said), &e);
}

void nginx_apply(struct nginx *n, const char *text)
{
	char fresh[PATH_BYTES];
	assert(n->stage == NGINX_IDLE && !n->stopped);
	const char *const argv[] = { n->o.binary, "-t", "-q", "-c", fresh_file(n, fresh), "-e", "stderr", NULL };
	n->stage = NGINX_TESTING;
	enum result r = write_whole(fresh, text, &n->failure);
	if (r == RC_OK)
		r = job_start(n, argv, test_exited, &n->failure);
	if (r != RC_OK)
		loop_defer(n->o.loop, &n->failed, nginx_fail_later, n);
}

/* ---- the logs ---- */

static bool rotate(const struct nginx *n, const char *name, const char *before_name)
{
	struct stat st;
	char log[PATH_BYTES], before[PATH_BYTES];
	return path_in(n, name, log) && path_in(n, before_name, before) && stat(log, &st) == 0 &&
	       st.st_size > LOG_BYTES_MAX && rename(log, before) == 0;
}

static void rotate_look(void *owner)
{
	struct nginx *n = owner;
	timer_start(n->o.loop, &n->rotate, ROTATE_LOOK_MS, rotate_look, n);
	if (!n->master)
		return;
	bool access = rotate(n, "access.log", "access.log.1"), error = rotate(n, "error.log", "error.log.1");
	if (access || error)
		process_signal(n->master, SIGUSR1); /* opens its logs again */
}

/* ---- life ---- */

static void quit_late(void *owner)
{
	struct nginx *n = owner;
	process_signal(n->master, SIGKILL);
}

static void quit_look(void *owner)
{
	struct nginx *n = owner;
	if (nginx_find(n)) {
		process_signal(n->master, SIGQUIT);
		timer_start(n->o.loop, &n->quit, QUIT_MS, quit_late, n);
	} else if (loop_now(n->o.loop).v >= n->until.v) {
		n->stopped(n->stopped_owner);
	} else {
		timer_start(n->o.loop, &n->quit, LOOK_MS, quit_look, n);
	}
}

/* One that has just been started writes its pid file a moment later. */
static void nginx_quit(struct nginx *n)
{
	n->until.v = loop_now(n->o.loop).v + (n->stage == NGINX_IDLE ? 0 : BIRTH_MS);
	timer_start(n->o.loop, &n->quit, 0, quit_look, n);
}

void nginx_stop(struct nginx *n, loop_fn *stopped, void *owner)
{
	n->stopped = stopped;
	n->stopped_owner = owner;
	timer_stop(&n->look);
	if (!n->job) /* else when that has ended */
		nginx_quit(n);
}

enum result nginx_create(const struct nginx_options *o, struct nginx **ret, struct error *e)
{
	struct nginx *n = calloc(1, sizeof *n);
	if (!n)
		return error_set(e, RC_EXHAUSTED, "no memory for nginx");
	n->o = *o;
	if (nginx_find(n))
		log_info("nginx_adopted", "pid=%d", process_pid(n->master));
	rotate_look(n);
	*ret = n;
	return RC_OK;
}

void nginx_destroy(struct nginx *n)
{
	if (!n)
		return;
	process_leave(&n->job);
	process_leave(&n->master);
	timer_stop(&n->look);
	timer_stop(&n->quit);
	timer_stop(&n->rotate);
	loop_defer_cancel(&n->failed);
	free(n);
}

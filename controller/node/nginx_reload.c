#include "controller/node/nginx_reload.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "controller/node/nginx_workers.h"
#include "controller/node/process.h"

enum {
	JOB_MS = 30 * 1000,
	LOOK_MS = 20,
	TAKEOVER_MS = 10 * 1000,
	BLIND_MS = 2000, /* without a pid file nobody can be looked at */
	SAID_MAX = 400,
	PATH_BYTES = 4096
};

/* What makes the file what it was before. */
enum reload_undo { UNDO_NOTHING, UNDO_RENAME, UNDO_REMOVE };
enum reload_stage { RELOAD_IDLE, RELOAD_TESTING, RELOAD_SENDING, RELOAD_TAKEOVER };
struct nginx_reload {
	struct nginx_reload_options o;
	enum reload_stage stage;
	char file[PATH_BYTES];
	enum reload_undo undo;
	bool late;
	struct process *job;          /* the test, or the reload */
	struct nginx_workers workers; /* of before */
	int master;                   /* 0: not known */
	struct mono_ms until;
	struct timer timer;
	struct deferred failed;
	struct error failure;
};

/* ---- files ---- */

/* Beside the file, under names that "include *.conf" does not take. */
static bool beside(const struct nginx_reload *n, const char *what, char buf[PATH_BYTES])
{
	const char *slash = strrchr(n->file, '/');
	int folder = slash ? (int)(slash - n->file) + 1 : 0;
	return snprintf(buf, PATH_BYTES, "%.*s.%s.%s", folder, n->file, n->file + folder, what) < PATH_BYTES;
}

static bool write_all(int fd, const char *text)
{
	for (size_t left = strlen(text); left;) {
		ssize_t n = write(fd, text, left);
		if (n <= 0)
			return false;
		text += n;
		left -= (size_t)n;
	}
	return true;
}

static enum result write_fresh(const char *path, const char *text, struct error *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	bool ok = fd >= 0 && write_all(fd, text) && fsync(fd) == 0;
	int problem = errno;
	if (fd >= 0)
		close(fd);
	return ok ? RC_OK : error_set(e, RC_EXHAUSTED, "%s: %s", path, strerror(problem));
}

/* A previous one that is there already is of an exchange that was cut off: what came after it was never tested. */
static enum result keep_previous(struct nginx_reload *n, const char *previous, struct error *e)
{
	bool cut_off = access(previous, F_OK) == 0;
	n->undo = cut_off || link(n->file, previous) == 0 ? UNDO_RENAME : UNDO_REMOVE;
	if (n->undo == UNDO_REMOVE && errno != ENOENT)
		return error_set(e, RC_EXHAUSTED, "%s: %s", previous, strerror(errno));
	return RC_OK;
}

static enum result install(struct nginx_reload *n, const char *text, bool written, struct error *e)
{
	char fresh[PATH_BYTES], previous[PATH_BYTES];
	n->undo = UNDO_NOTHING;
	if (!beside(n, "new", fresh) || !beside(n, "previous", previous))
		return error_set(e, RC_INVALID, "%s: too long", n->file);
	if (written) {
		n->undo = access(previous, F_OK) == 0 ? UNDO_RENAME : UNDO_NOTHING;
		return RC_OK;
	}
	enum result r = write_fresh(fresh, text, e);
	if (r == RC_OK)
		r = keep_previous(n, previous, e);
	if (r == RC_OK && rename(fresh, n->file) != 0)
		r = error_set(e, RC_EXHAUSTED, "%s: %s", n->file, strerror(errno));
	if (r != RC_OK)
		(void)unlink(fresh);
	return r;
}

/* What is on disk is what nginx runs with, for whoever reloads or starts it next. */
static void put_back(const struct nginx_reload *n)
{
	char previous[PATH_BYTES];
	int r = 0;
	if (n->undo == UNDO_RENAME && beside(n, "previous", previous))
		r = rename(previous, n->file);
	else if (n->undo == UNDO_REMOVE)
		r = unlink(n->file);
	if (r != 0)
		log_error("upstream_not_put_back", "file=%s error=%s", n->file, strerror(errno));
}

static void forget_previous(const struct nginx_reload *n)
{
	char previous[PATH_BYTES];
	if (beside(n, "previous", previous))
		(void)unlink(previous);
}

/* ---- the end ---- */

static void reload_tell(struct nginx_reload *n, enum result r, const struct error *why)
{
	n->stage = RELOAD_IDLE;
	timer_stop(&n->timer);
	n->o.done(n->o.owner, r, why); /* last: n may be gone after it */
}

static void fail_later(void *owner)
{
	struct nginx_reload *n = owner;
	reload_tell(n, n->failure.code, &n->failure);
}

static void log_path(const struct nginx_reload *n, char buf[PATH_BYTES])
{
	snprintf(buf, PATH_BYTES, "%s/nginx-said.log", n->o.folder);
}

/* What the command has written, on one line. */
static void job_said(const struct nginx_reload *n, char said[SAID_MAX])
{
	char path[PATH_BYTES];
	log_path(n, path);
	size_t len = file_start(path, said, SAID_MAX);
	while (len && isspace((unsigned char)said[len - 1]))
		said[--len] = '\0';
	for (char *s = said; *s; s++) {
		if ((unsigned char)*s < ' ')
			*s = ' ';
	}
}

static int master_pid(const struct nginx_reload *n);

static void reload_refused(struct nginx_reload *n, const char *const *command)
{
	char said[SAID_MAX];
	struct error e;
	bool tested = n->stage == RELOAD_TESTING;
	bool asleep = !tested && !n->late && !n->master && !master_pid(n);
	if (!asleep) /* one that does not run finds a file that has passed the test when it starts */
		put_back(n);
	job_said(n, said);
	if (asleep)
		error_set(&e, RC_UNREACHABLE, "nginx does not run, by %s; %s is ready for its start: %s",
			  n->o.pid_file ? n->o.pid_file : "its word", n->file, said);
	else if (n->late)
		error_set(&e, RC_UNREACHABLE, "%s did not end within %d s; %s is as before", command[0], JOB_MS / 1000,
			  n->file);
	else if (tested && !strstr(said, n->file))
		error_set(&e, RC_INVALID,
			  "nginx refuses its configuration because of another file; %s is as before: %s", n->file,
			  said);
	else
		error_set(&e, RC_INVALID, "nginx %s; %s is as before: %s",
			  tested ? "refuses the configuration" : "does not reload", n->file, said);
	reload_tell(n, e.code, &e);
}

/* ---- taking over ---- */

static int master_pid(const struct nginx_reload *n)
{
	char text[32];
	long pid = n->o.pid_file && file_start(n->o.pid_file, text, sizeof text) ? strtol(text, NULL, 10) : 0;
	return pid > 0 && process_ticks_of((pid_t)pid) ? (int)pid : 0;
}

static void takeover_look(void *owner)
{
	struct nginx_reload *n = owner;
	struct error e;
	bool late = loop_now(n->o.loop).v >= n->until.v;
	bool over = n->master ? nginx_workers_replaced(&n->workers, n->master) : late;
	if (over) {
		forget_previous(n);
		reload_tell(n, RC_OK, NULL);
	} else if (late) {
		put_back(n);
		error_set(&e, RC_UNREACHABLE,
			  "nginx has not taken its new configuration within %d s (its error log says why); %s is as "
			  "before",
			  TAKEOVER_MS / 1000, n->file);
		reload_tell(n, e.code, &e);
	} else {
		timer_start(n->o.loop, &n->timer, LOOK_MS, takeover_look, n);
	}
}

/* ---- the commands ---- */

static void job_late(void *owner)
{
	struct nginx_reload *n = owner;
	n->late = true;
	process_signal(n->job, SIGKILL);
}

static void job_start(struct nginx_reload *n, enum reload_stage stage, const char *const *argv, process_exited *exited)
{
	char path[PATH_BYTES];
	struct error why;
	log_path(n, path);
	(void)unlink(path);
	const struct process_options o = {
		.argv = argv,
		.log_file = path,
		.spares_group = true, /* a reload that starts nginx is not for us to undo */
		.exited = exited,
		.owner = n,
	};
	n->stage = stage;
	n->late = false;
	if (process_start(n->o.loop, &o, &n->job, &why) == RC_OK) {
		timer_start(n->o.loop, &n->timer, JOB_MS, job_late, n);
		return;
	}
	put_back(n);
	(void)error_set(&n->failure, RC_UNREACHABLE, "%s", why.text);
	loop_defer(n->o.loop, &n->failed, fail_later, n);
}

static void reload_exited(void *owner, int64_t status, int signal)
{
	struct nginx_reload *n = owner;
	n->job = NULL;
	if (status != 0 || signal) {
		reload_refused(n, n->o.reload);
		return;
	}
	n->stage = RELOAD_TAKEOVER;
	n->until.v = loop_now(n->o.loop).v + (n->master ? TAKEOVER_MS : BLIND_MS);
	timer_start(n->o.loop, &n->timer, LOOK_MS, takeover_look, n);
}

static void test_exited(void *owner, int64_t status, int signal)
{
	struct nginx_reload *n = owner;
	n->job = NULL;
	if (status != 0 || signal) {
		reload_refused(n, n->o.test);
		return;
	}
	n->master = master_pid(n);
	if (n->master)
		nginx_workers_note(&n->workers, n->master);
	job_start(n, RELOAD_SENDING, n->o.reload, reload_exited);
}

/* ---- doors ---- */

void nginx_reload_begin(struct nginx_reload *n, const char *file, const char *text, bool written)
{
	assert(n->stage == RELOAD_IDLE);
	snprintf(n->file, sizeof n->file, "%s", file);
	enum result r = install(n, text, written, &n->failure);
	if (r == RC_OK) {
		job_start(n, RELOAD_TESTING, n->o.test, test_exited);
		return;
	}
	n->stage = RELOAD_TESTING;
	loop_defer(n->o.loop, &n->failed, fail_later, n);
}

bool nginx_reload_busy(const struct nginx_reload *n)
{
	return n->stage != RELOAD_IDLE;
}

enum result nginx_reload_create(const struct nginx_reload_options *o, struct nginx_reload **ret, struct error *e)
{
	struct nginx_reload *n = calloc(1, sizeof *n);
	if (!n)
		return error_set(e, RC_EXHAUSTED, "no memory for nginx");
	n->o = *o;
	*ret = n;
	return RC_OK;
}

void nginx_reload_destroy(struct nginx_reload *n)
{
	if (!n)
		return;
	process_leave(&n->job);
	timer_stop(&n->timer);
	loop_defer_cancel(&n->failed);
	free(n);
}

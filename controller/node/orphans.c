#include "controller/node/orphans.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/log.h"
#include "base/text.h"
#include "controller/node/process.h"
#include "controller/node/record.h"

enum { GRACE_MS = 2000, MARK_MAX = 1024, PATH_BYTES = 64 };

struct orphan {
	struct orphan *prev, *next;
	struct orphans *all;
	struct process *process;
	struct timer kill;
};
struct orphans {
	struct loop *loop;
	const char *folder;
	struct orphan *list;
};

struct orphans *orphans_create(struct loop *l, const char *folder)
{
	struct orphans *o = calloc(1, sizeof *o);
	if (o)
		*o = (struct orphans){ .loop = l, .folder = folder };
	return o;
}

static void orphan_free(struct orphan *n)
{
	DL_DELETE(n->all->list, n);
	timer_stop(&n->kill);
	process_leave(&n->process);
	free(n);
}

static void orphan_exited(void *owner, int64_t status, int signal)
{
	struct orphan *n = owner;
	(void)status;
	(void)signal;
	n->process = NULL;
	orphan_free(n);
}

static void orphan_kill(void *owner)
{
	struct orphan *n = owner;
	process_signal(n->process, SIGKILL);
}

static void orphan_end(struct orphans *o, const struct record *r, const struct record_container *c)
{
	struct orphan *n = calloc(1, sizeof *n);
	if (!n)
		return; /* the record goes; at worst a process stays that nobody sends requests to */
	n->all = o;
	if (process_adopt(o->loop, c->pid, c->start_ticks, orphan_exited, n, &n->process, NULL) != RC_OK) {
		free(n);
		return;
	}
	log_info("orphan_ended", "pod=%s/%s container=%s pid=%d", r->ns, r->name, c->name, c->pid);
	DL_APPEND(o->list, n);
	process_signal(n->process, SIGTERM);
	timer_start(o->loop, &n->kill, GRACE_MS, orphan_kill, n);
}

void orphans_end(struct orphans *o, const char *uid)
{
	struct record r;
	if (record_read(o->folder, uid, &r, NULL) == RC_OK) {
		for (size_t i = 0; i < r.containers_len; i++)
			orphan_end(o, &r, &r.containers[i]);
	}
	record_remove(o->folder, uid);
}

/* ---- what was not written down ---- */

struct mark {
	char text[MARK_MAX]; /* cut into its parts */
	const char *node, *uid, *name;
};

static bool mark_read(int pid, struct mark *m)
{
	char path[PATH_BYTES];
	(void)snprintf(path, sizeof path, "/proc/%d/environ", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, m->text, sizeof m->text - 1);
	close(fd);
	m->text[n > 0 ? n : 0] = '\0';
	if (!text_starts(m->text, ORPHAN_MARK))
		return false;
	char *uid = strchr(m->text, '/'), *name = uid ? strchr(uid + 1, '/') : NULL;
	if (!name)
		return false;
	*uid = *name = '\0';
	m->node = m->text + strlen(ORPHAN_MARK);
	m->uid = uid + 1;
	m->name = name + 1;
	return true;
}

/* Then this one is that, or a helper of it. */
static bool recorded_one_lives(const struct orphans *o, const struct mark *m)
{
	struct record r;
	if (record_read(o->folder, m->uid, &r, NULL) != RC_OK)
		return false;
	for (size_t i = 0; i < r.containers_len; i++) {
		const struct record_container *c = &r.containers[i];
		if (text_eq(c->name, m->name) && c->pid)
			return process_ticks_of(c->pid) == c->start_ticks;
	}
	return false;
}

static void end_unrecorded(struct orphans *o, int pid, const struct mark *m)
{
	struct record r = { .containers_len = 0 };
	struct record_container c = { .pid = pid, .start_ticks = process_ticks_of(pid) };
	(void)snprintf(r.ns, sizeof r.ns, "uid");
	(void)snprintf(r.name, sizeof r.name, "%s", m->uid);
	(void)snprintf(c.name, sizeof c.name, "%s", m->name);
	if (c.start_ticks)
		orphan_end(o, &r, &c);
}

void orphans_sweep(struct orphans *o, const char *node, bool (*ours)(void *owner, const char *uid), void *owner)
{
	DIR *all = opendir("/proc");
	const struct dirent *entry;
	struct mark m;
	while (all && (entry = readdir(all))) {
		uint64_t pid = 0;
		if (text_u64(entry->d_name, 1, INT32_MAX, &pid, NULL) != RC_OK || getsid((pid_t)pid) != (pid_t)pid)
			continue;
		if (mark_read((int)pid, &m) && text_eq(m.node, node) && ours(owner, m.uid) &&
		    !recorded_one_lives(o, &m))
			end_unrecorded(o, (int)pid, &m);
	}
	if (all)
		closedir(all);
}

void orphans_destroy(struct orphans *o)
{
	if (!o)
		return;
	struct orphan *n, *next;
	DL_FOREACH_SAFE(o->list, n, next)
	{
		process_signal(n->process, SIGKILL);
		orphan_free(n);
	}
	free(o);
}

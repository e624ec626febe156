#include "controller/node/orphans.h"

#include <signal.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "controller/node/process.h"
#include "controller/node/record.h"

enum { GRACE_MS = 2000 };

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

#include "controller/cluster/embedded/garbage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"

enum { A_TURN = 200, RETRY_MS = 1000 };

struct dead_owner {
	struct dead_owner *prev, *next;
	char uid[];
};

static void run(void *owner);

static bool is_orphan(const struct garbage *g, const struct item *i)
{
	for (size_t k = 0; k < i->ties_len; k++) {
		if (shelf_find_uid(g->shelf, i->ties[k].uid))
			return false;
	}
	return i->ties_len > 0;
}

static void look_at_all(void *owner)
{
	struct garbage *g = owner;
	garbage_start(g);
}

static void deleted(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct garbage *g = owner;
	(void)now;
	if (r == RC_OK || r == RC_NOT_FOUND || r == RC_CONFLICT)
		return;
	log_warn("object_not_collected", "error=%s", why->text);
	if (!timer_active(&g->again))
		timer_start(g->loop, &g->again, RETRY_MS, look_at_all, g);
}

static void collect(struct garbage *g, struct item *i)
{
	char body[128];
	i->collecting = true;
	snprintf(body, sizeof body, "{\"preconditions\":{\"uid\":\"%.64s\"}}", i->o->uid);
	const struct lane_write w = { .verb = MUTATE_DELETE,
				      .kind = i->o->kind,
				      .ns = i->o->ns,
				      .name = i->o->name,
				      .manager = "",
				      .body = body };
	(void)lanes_write(g->lanes, &w, deleted, g);
}

static bool needs_collecting(const struct garbage *g, const struct item *i)
{
	return !i->collecting && !i->o->deleting && is_orphan(g, i);
}

/* A few hundred a turn: whoever owned ten thousand must not stop the loop by leaving. */
static void run(void *owner)
{
	struct garbage *g = owner;
	unsigned left = A_TURN;
	while (g->queue) {
		struct dead_owner *d = g->queue;
		for (const struct tie *t = shelf_owned_by(g->shelf, d->uid); t; t = t->next) {
			if (!needs_collecting(g, t->item))
				continue;
			collect(g, t->item);
			if (--left == 0) {
				loop_defer(g->loop, &g->run, run, g);
				return;
			}
		}
		DL_DELETE(g->queue, d);
		free(d);
	}
}

static void enqueue(struct garbage *g, const char *uid)
{
	size_t size = strlen(uid) + 1;
	struct dead_owner *d = calloc(1, sizeof *d + size);
	if (!d) {
		timer_start(g->loop, &g->again, RETRY_MS, look_at_all, g);
		return;
	}
	memcpy(d->uid, uid, size);
	DL_APPEND(g->queue, d);
	loop_defer(g->loop, &g->run, run, g);
}

void garbage_published(struct garbage *g, const struct item *was, const struct item *is)
{
	if (!is && shelf_owned_by(g->shelf, was->o->uid))
		enqueue(g, was->o->uid);
	if (is && !was && is_orphan(g, is)) /* its owner left while it was being made */
		enqueue(g, is->ties[0].uid);
}

void garbage_start(struct garbage *g)
{
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		struct item *i, *next;
		HASH_ITER (by_name, g->shelf->by_name[k], i, next) {
			i->collecting = false;
			if (needs_collecting(g, i))
				enqueue(g, i->ties[0].uid);
		}
	}
}

void garbage_init(struct garbage *g, struct loop *l, struct shelf *shelf, struct lanes *lanes)
{
	*g = (struct garbage){ .loop = l, .shelf = shelf, .lanes = lanes };
}

void garbage_finish(struct garbage *g)
{
	struct dead_owner *d, *next;
	loop_defer_cancel(&g->run);
	timer_stop(&g->again);
	DL_FOREACH_SAFE(g->queue, d, next)
	free(d);
	g->queue = NULL;
}

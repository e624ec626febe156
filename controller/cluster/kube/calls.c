#include "controller/cluster/kube/calls.h"

uint64_t calls_add(struct calls *c, struct pending *p, void (*release)(struct pending *p), cluster_done *done,
		   void *owner)
{
	p->id = ++c->last_id;
	p->release = release;
	p->done = done;
	p->owner = owner;
	HASH_ADD(hh, c->all, id, sizeof p->id, p);
	return p->id;
}

static void calls_refuse(void *owner)
{
	struct calls *c = owner;
	struct error e;
	error_set(&e, RC_EXHAUSTED, "no memory for a write");
	for (size_t i = 0; i < REFUSED_CALLS; i++) {
		struct refused_call told = c->refused[i];
		c->refused[i].id = 0;
		if (told.id && told.done)
			told.done(told.owner, RC_EXHAUSTED, NULL, &e);
	}
}

uint64_t calls_add_exhausted(struct calls *c, cluster_done *done, void *owner)
{
	uint64_t id = ++c->last_id;
	for (size_t i = 0; i < REFUSED_CALLS; i++) {
		if (c->refused[i].id)
			continue;
		c->refused[i] = (struct refused_call){ id, done, owner };
		loop_defer(c->loop, &c->refuse, calls_refuse, c);
		break;
	}
	return id;
}

struct pending *calls_find(const struct calls *c, uint64_t id)
{
	struct pending *p;
	HASH_FIND(hh, c->all, &id, sizeof id, p);
	return p;
}

static void calls_remove(struct calls *c, struct pending *p)
{
	HASH_DEL(c->all, p);
	p->release(p);
}

void calls_finish(struct calls *c, struct pending *p, enum result r, const struct object *now, const struct error *why)
{
	cluster_done *done = p->done;
	void *owner = p->owner;
	struct error copy = { .code = r };
	if (r != RC_OK && why)
		copy = *why;
	calls_remove(c, p);
	if (done)
		done(owner, r, now, r == RC_OK ? NULL : &copy);
}

void calls_cancel(struct calls *c, uint64_t id)
{
	struct pending *p = calls_find(c, id);
	if (p)
		calls_remove(c, p);
	for (size_t i = 0; i < REFUSED_CALLS; i++) {
		if (c->refused[i].id == id)
			c->refused[i].id = 0;
	}
}

void calls_cancel_all(struct calls *c)
{
	while (c->all)
		calls_remove(c, c->all);
	loop_defer_cancel(&c->refuse);
}

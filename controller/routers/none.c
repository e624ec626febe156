#include "controller/routers/table.h"

static void none_wants(const struct router *self, const struct plan *p,
		       void (*want)(void *owner, enum kind kind, const char *ns, const char *name), void *owner)
{
	(void)self;
	(void)p;
	(void)want;
	(void)owner;
}

static enum result none_observe(const struct router *self, const struct plan *p, struct observed *o, struct error *e)
{
	(void)self;
	(void)e;
	o->router_objects = SHAPE_AS_WANTED;
	bool canary = p->canary->status.iterations > 0;
	o->routes = (struct routes){ .primary = canary ? 0 : 100, .canary = canary ? 100 : 0 };
	return RC_OK;
}

static enum result none_do(const struct router *self, struct plan *p, struct error *e)
{
	(void)self;
	(void)p;
	(void)e;
	return RC_OK;
}

static enum result none_set(const struct router *self, struct plan *p, const struct routes *r, struct error *e)
{
	(void)r;
	return none_do(self, p, e);
}

const struct router router_none = {
	.provider = "kubernetes",
	.wants = none_wants,
	.observe = none_observe,
	.ensure = none_do,
	.set = none_set,
	.finalize = none_do,
};

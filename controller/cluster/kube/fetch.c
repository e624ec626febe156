#include "controller/cluster/kube/fetch.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "base/text.h"

enum {
	GATHER_MS = 20, /* wants come in swarms */
	ONE_BY_ONE_MAX = 16,
	FETCH_RETRY_MS = 10 * 1000
};

/* One want that is being looked up. */
struct fetch {
	struct fetch *prev, *next;
	struct fetches *f;
	struct want *want; /* borrowed; it has us in want->fetch */
	struct versions_wait version;
	struct api_call call;
	struct lister lister;
	struct timer again;
	struct backoff backoff;
	bool said;
	bool reading; /* a page: the want may go meanwhile, and we with the list's end */
};
struct fetches {
	struct fetches_options o;
	struct fetch *running;
	struct gather {
		struct fetches *f;
		enum kind kind;
		struct timer soon;
	} gathers[KIND_COUNT];
};

static void fetch_send(void *owner);

static void fetch_free(struct fetch *x)
{
	DL_DELETE(x->f->running, x);
	versions_wait_stop(&x->version);
	api_stop(&x->call);
	lister_stop(&x->lister);
	timer_stop(&x->again);
	if (x->want)
		x->want->fetch = NULL;
	free(x);
}

static void fetch_known(struct fetch *x)
{
	struct fetches *f = x->f;
	x->want->known = true;
	fetch_free(x);
	f->o.settled(f->o.owner);
}

static void fetch_failed(struct fetch *x, enum result r, int64_t retry_after_ms, const struct error *why)
{
	if (r == RC_NOT_FOUND) {
		fetch_known(x); /* what is missing is known, too */
		return;
	}
	int64_t delay = r == RC_REFUSED ? x->f->o.retry_max_ms : backoff_next(&x->backoff);
	if (r == RC_REFUSED && !x->said)
		log_warn("kube_not_allowed", "kind=%s error=%s", kind_name(x->want->kind), why->text);
	x->said = x->said || r == RC_REFUSED;
	timer_start(x->f->o.loop, &x->again, retry_after_ms > delay ? retry_after_ms : delay, fetch_send, x);
}

/* ---- one object ---- */

static void fetch_answered(void *owner, enum result r, const struct api_answer *answer, const struct error *why)
{
	struct fetch *x = owner;
	struct entry *n = NULL;
	struct error e;
	char api_version[64];
	if (r == RC_OK) {
		path_api_version(versions_known(x->f->o.versions, x->want->kind), api_version);
		r = entry_parse(x->want->kind, api_version, answer->body, answer->len, &n, &e);
		why = &e;
	}
	if (r != RC_OK) {
		fetch_failed(x, r, answer->retry_after_ms, why);
		return;
	}
	x->want->known = true; /* before the change is told, which may end the want and us */
	struct fetches *f = x->f;
	fetch_free(x);
	cache_put(f->o.cache, n);
	f->o.settled(f->o.owner);
}

static void fetch_get(struct fetch *x, const struct api_group *g)
{
	const struct want *w = x->want;
	struct strbuf path;
	char resource[128];
	strbuf_init(&path, 4096);
	path_add(&path, g, kind_info(w->kind)->plural, w->ns, w->name, NULL);
	struct api_request q = {
		.path = path.overflow ? "/" : path.s,
		.subject = { "get", versions_resource(w->kind, resource), w->ns, w->name },
		.retry_ms = FETCH_RETRY_MS,
	};
	api_start(x->f->o.api, &x->call, &q, fetch_answered, x);
	strbuf_finish(&path);
}

/* ---- all of a namespace ---- */

static void fetch_item(void *owner, struct entry *n)
{
	struct fetch *x = owner;
	x->reading = true; /* the change that is told now may end the want */
	cache_put(x->f->o.cache, n);
	x->reading = false;
}

static void fetch_listed(void *owner, enum result r, const struct lister_answer *answer, const struct error *why)
{
	struct fetch *x = owner;
	if (!x->want)
		fetch_free(x);
	else if (r == RC_OK)
		fetch_known(x);
	else
		fetch_failed(x, r, answer->retry_after_ms, why);
}

/* ---- starting ---- */

static void fetch_version(void *owner, enum result r, const struct error *why)
{
	struct fetch *x = owner;
	if (r == RC_OK)
		fetch_send(x);
	else
		fetch_failed(x, r, -1, why);
}

static void fetch_send(void *owner)
{
	struct fetch *x = owner;
	struct fetches_options *o = &x->f->o;
	const struct want *w = x->want;
	const struct api_group *g = versions_get(o->versions, w->kind, &x->version, fetch_version, x);
	if (!g)
		return;
	if (*w->name)
		fetch_get(x, g);
	else
		lister_start(&x->lister, o->api, w->kind, g, w->ns, false, fetch_item, fetch_listed, x);
}

static void fetch_start(struct fetches *f, struct want *w)
{
	struct fetch *x = calloc(1, sizeof *x);
	if (!x) {
		fetches_run(f, w->kind);
		return;
	}
	x->f = f;
	x->want = w;
	x->backoff = (struct backoff){ .min_ms = f->o.retry_min_ms, .max_ms = f->o.retry_max_ms };
	w->fetch = x;
	DL_APPEND(f->running, x);
	fetch_send(x);
}

/* What a list that is still to come will show needs no fetch of its own. */
static bool is_late(struct fetches *f, const struct want *w)
{
	const struct reflector *r = f->o.reflector(f->o.owner, w->kind, w->ns);
	return !w->known && !w->fetch && r && r->filled && r->state != REFLECTOR_LISTING &&
	       r->state != REFLECTOR_RESOLVING && !(r->state == REFLECTOR_WAITING && !*r->resource_version);
}

static void gather_run(void *owner)
{
	struct gather *g = owner;
	struct fetches *f = g->f;
	unsigned late = 0;
	for (struct want *w = cache_wants(f->o.cache, g->kind); w; w = w->next)
		late += is_late(f, w);
	for (struct want *w = cache_wants(f->o.cache, g->kind); w; w = w->next) {
		if (!is_late(f, w))
			continue;
		if (late > ONE_BY_ONE_MAX || !*w->ns)
			reflector_relist(f->o.reflector(f->o.owner, w->kind, w->ns));
		else
			fetch_start(f, w);
	}
}

void fetches_run(struct fetches *f, enum kind kind)
{
	struct gather *g = &f->gathers[kind];
	if (!timer_active(&g->soon))
		timer_start(f->o.loop, &g->soon, GATHER_MS, gather_run, g);
}

void fetches_forget(struct fetches *f, struct want *w)
{
	struct fetch *x = w->fetch;
	(void)f;
	if (!x)
		return;
	w->fetch = NULL;
	x->want = NULL;
	if (!x->reading)
		fetch_free(x);
}

enum result fetches_create(const struct fetches_options *o, struct fetches **ret, struct error *e)
{
	struct fetches *f = calloc(1, sizeof *f);
	if (!f)
		return error_set(e, RC_EXHAUSTED, "no memory for the cache");
	f->o = *o;
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		f->gathers[k].f = f;
		f->gathers[k].kind = (enum kind)k;
	}
	*ret = f;
	return RC_OK;
}

void fetches_destroy(struct fetches *f)
{
	if (!f)
		return;
	while (f->running)
		fetch_free(f->running);
	for (unsigned k = 0; k < KIND_COUNT; k++)
		timer_stop(&f->gathers[k].soon);
	free(f);
}

#include "controller/cluster/embedded/endpoints.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

enum { RETRY_MS = 1000 };

struct dirty_ns {
	UT_hash_handle hh;
	char ns[];
};

static void run(void *owner);

static void run_soon(struct endpoints *p)
{
	if (p->started && p->dirty && !p->writing)
		loop_defer(p->loop, &p->run, run, p);
}

static void again(void *owner)
{
	endpoints_start(owner);
}

static void mark(struct endpoints *p, const char *ns)
{
	struct dirty_ns *d;
	size_t size = strlen(ns) + 1;
	HASH_FIND_STR(p->dirty, ns, d);
	if (!d && (d = calloc(1, sizeof *d + size))) {
		memcpy(d->ns, ns, size);
		HASH_ADD_STR(p->dirty, ns, d);
	}
	if (!d)
		timer_start(p->loop, &p->again, RETRY_MS, again, p);
	run_soon(p);
}

static void written(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct endpoints *p = owner;
	(void)now;
	p->writing--;
	if (r != RC_OK && r != RC_NOT_FOUND && r != RC_CONFLICT) {
		log_warn("endpoints_not_written", "error=%s", why->text);
		timer_start(p->loop, &p->again, RETRY_MS, again, p);
	}
	run_soon(p);
}

/* ---- one Service ---- */

/* Endpoints go with their Service. */
static cJSON *new_endpoints(const cJSON *service)
{
	CLEANUP(json_delete_p) cJSON *o = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *owners = cJSON_CreateArray();
	cJSON *owner = cJSON_CreateObject();
	bool ok = owner && owners && json_put_text(owner, "apiVersion", "v1") &&
		  json_put_text(owner, "kind", "Service") &&
		  json_put_text(owner, "name", json_text(service, "metadata.name", "")) &&
		  json_put_text(owner, "uid", json_text(service, "metadata.uid", ""));
	if (!ok || !cJSON_AddItemToArray(owners, owner)) {
		cJSON_Delete(owner);
		return NULL;
	}
	ok = json_put_text(o, "apiVersion", "v1") && json_put_text(o, "kind", "Endpoints") &&
	     json_put(o, "metadata.ownerReferences", TAKE(owners));
	return ok ? TAKE(o) : NULL;
}

static bool has_selector(const cJSON *service)
{
	const cJSON *selector = json_at(service, "spec.selector");
	return cJSON_IsObject(selector) && selector->child;
}

/* NULL: nothing to write; *oom: no memory. */
static cJSON *change_of(const struct item *is, const cJSON *service, cJSON *subsets, bool *oom)
{
	CLEANUP(json_delete_p) cJSON *wanted = subsets;
	CLEANUP(json_delete_p) cJSON *body = is ? cJSON_CreateObject() : new_endpoints(service);
	CLEANUP(json_delete_p) cJSON *now = is ? item_tree(is) : NULL;
	*oom = !body || !wanted || (is && !now);
	if (*oom)
		return NULL;
	const cJSON *there = json_at(now, "subsets");
	if (is && (there ? json_equal(there, wanted) : !wanted->child))
		return NULL;
	*oom = !json_put(body, "subsets", TAKE(wanted));
	return *oom ? NULL : TAKE(body);
}

static bool bring_up_to_date(struct endpoints *p, const struct item *service, const struct item *const *pods,
			     size_t len)
{
	const struct item *is = shelf_find(p->shelf, KIND_ENDPOINTS, service->o->ns, service->o->name);
	CLEANUP(json_delete_p) cJSON *tree = item_tree(service);
	bool oom = false;
	if (!tree || !has_selector(tree))
		return tree != NULL;
	CLEANUP(json_delete_p) cJSON *body = change_of(is, tree, endpoints_subsets(tree, pods, len), &oom);
	if (!body)
		return !oom;
	p->writing++;
	(void)lanes_write(p->lanes,
			  &(struct lane_write){ .verb = is ? MUTATE_PATCH : MUTATE_CREATE,
						.kind = KIND_ENDPOINTS,
						.ns = service->o->ns,
						.name = service->o->name,
						.manager = "rollcall",
						.tree = body },
			  written, p);
	return true;
}

/* ---- one namespace ---- */

static size_t pods_of(const struct shelf *s, const char *ns, const struct item **pods)
{
	struct item *i, *next;
	size_t n = 0;
	HASH_ITER (by_name, s->by_name[KIND_POD], i, next) {
		if (text_eq(i->o->ns, ns))
			pods[n++] = i;
	}
	return n;
}

static bool run_in(struct endpoints *p, const char *ns)
{
	struct item *i, *next;
	size_t room = HASH_CNT(by_name, p->shelf->by_name[KIND_POD]);
	CLEANUP(free_p) const struct item **pods = calloc(room + 1, sizeof(const struct item *));
	bool ok = pods != NULL;
	size_t len = ok ? pods_of(p->shelf, ns, pods) : 0;
	HASH_ITER (by_name, p->shelf->by_name[KIND_SERVICE], i, next) {
		if (ok && !i->o->deleting && text_eq(i->o->ns, ns))
			ok = bring_up_to_date(p, i, pods, len);
	}
	return ok;
}

static void run(void *owner)
{
	struct endpoints *p = owner;
	struct dirty_ns *d, *next;
	HASH_ITER (hh, p->dirty, d, next) {
		if (!run_in(p, d->ns))
			timer_start(p->loop, &p->again, RETRY_MS, again, p);
		HASH_DEL(p->dirty, d);
		free(d);
	}
}

/* ---- doors ---- */

static bool matters(const struct item *was, const struct item *is)
{
	const struct pod_brief *a = was ? was->pod : NULL, *b = is ? is->pod : NULL;
	if (!a || !b)
		return true;
	return a->ready != b->ready || a->ended != b->ended || was->o->deleting != is->o->deleting ||
	       !text_eq(a->ip, b->ip) || !json_equal(a->labels, b->labels);
}

void endpoints_published(struct endpoints *p, const struct item *was, const struct item *is)
{
	const struct object *o = is ? is->o : was->o;
	bool pod = o->kind == KIND_POD && matters(was, is);
	if (pod || o->kind == KIND_SERVICE || (o->kind == KIND_ENDPOINTS && !is))
		mark(p, o->ns);
}

void endpoints_start(struct endpoints *p)
{
	struct item *i, *next;
	p->started = true;
	HASH_ITER (by_name, p->shelf->by_name[KIND_SERVICE], i, next)
		mark(p, i->o->ns);
	run_soon(p);
}

void endpoints_init(struct endpoints *p, struct loop *l, struct shelf *shelf, struct lanes *lanes)
{
	*p = (struct endpoints){ .loop = l, .shelf = shelf, .lanes = lanes };
}

void endpoints_finish(struct endpoints *p)
{
	struct dirty_ns *d, *next;
	loop_defer_cancel(&p->run);
	timer_stop(&p->again);
	HASH_ITER (hh, p->dirty, d, next) {
		HASH_DEL(p->dirty, d);
		free(d);
	}
}

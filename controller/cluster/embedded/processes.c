#include "controller/cluster/embedded/processes.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/cluster/embedded/defaults.h"
#include "controller/cluster/embedded/process_template.h"

enum { RETRY_MS = 1000 };
#define INSTANCES_PATH "metadata.annotations.rollcall\\.dev/instances"
#define GENERATION_PATH "metadata.annotations.rollcall\\.dev/generation"

static const enum kind process_kinds[] = { KIND_PROCESS, KIND_SYSTEMD_UNIT };

struct process_item {
	UT_hash_handle hh;
	struct processes *p;
	unsigned writing;
	bool dirty;
	char uid[];
};

static void run(void *owner);

static void run_soon(struct processes *p)
{
	if (p->started)
		loop_defer(p->loop, &p->run, run, p);
}

static void again(void *owner)
{
	run_soon(owner);
}

static void mark(struct processes *p, const char *uid)
{
	struct process_item *x;
	size_t size = strlen(uid) + 1;
	HASH_FIND_STR(p->all, uid, x);
	if (!x && (x = calloc(1, sizeof *x + size))) {
		memcpy(x->uid, uid, size);
		x->p = p;
		HASH_ADD_STR(p->all, uid, x);
	}
	if (!x) {
		log_error("process_not_watched", "uid=%s why=no memory", uid);
		return;
	}
	x->dirty = true;
	run_soon(p);
}

/* ---- writing ---- */

static void written(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct process_item *x = owner;
	(void)now;
	x->writing--;
	if (r != RC_OK && r != RC_NOT_FOUND && r != RC_CONFLICT) {
		log_warn("process_not_followed", "uid=%s error=%s", x->uid, why->text);
		x->dirty = true;
		timer_start(x->p->loop, &x->p->again, RETRY_MS, again, x->p);
		return;
	}
	run_soon(x->p);
}

static void put(struct process_item *x, const struct lane_write *w)
{
	x->writing++;
	(void)lanes_write(x->p->lanes, w, written, x);
}

static bool put_copy(cJSON *to, const char *path, const cJSON *from)
{
	const cJSON *v = json_at(from, path);
	return !v || json_put(to, path, cJSON_Duplicate(v, true));
}

/* A target that a canary has scaled to nothing stays there. */
static bool put_instances(cJSON *change, const cJSON *is, const cJSON *wanted)
{
	const char *number = json_text(wanted, INSTANCES_PATH, "");
	if (text_eq(json_text(is, INSTANCES_PATH, ""), number))
		return true;
	return json_put_text(change, INSTANCES_PATH, number) &&
	       (json_int(is, "spec.replicas", 1) == 0 ||
		json_put_int(change, "spec.replicas", json_int(wanted, "spec.replicas", 1)));
}

/* Each state of the object is carried over once: what is done to the Deployment after that is meant (a canary gives
 * the stable template back, say). */
static cJSON *change_of(const cJSON *is, const cJSON *wanted)
{
	static const char *const owned[] = { "spec.template", "spec.minReadySeconds", GENERATION_PATH };
	CLEANUP(json_delete_p) cJSON *was = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *to = cJSON_CreateObject();
	bool ok = was && to, oom = false;
	for (size_t i = 0; ok && i < sizeof owned / sizeof *owned; i++)
		ok = put_copy(was, owned[i], is) && put_copy(to, owned[i], wanted);
	cJSON *change = ok ? json_diff_merge(was, to, &oom) : NULL;
	if (change && put_instances(change, is, wanted))
		return change;
	cJSON_Delete(change);
	return NULL;
}

static void say(struct process_item *x, const struct item *i, const cJSON *object, const char *message)
{
	if (text_eq(json_text(object, "status.message", ""), message))
		return;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	if (!json_put_text(patch, "status.message", message) || !json_put_text(patch, "metadata.uid", i->o->uid))
		return;
	put(x, &(struct lane_write){ .verb = MUTATE_PATCH,
				     .kind = i->o->kind,
				     .ns = i->o->ns,
				     .name = i->o->name,
				     .subresource = "status",
				     .manager = "rollcall",
				     .tree = patch });
}

static void follow(struct process_item *x, const struct item *i)
{
	const struct item *d = shelf_find(x->p->shelf, KIND_DEPLOYMENT, i->o->ns, i->o->name);
	CLEANUP(json_delete_p) cJSON *object = item_tree(i);
	CLEANUP(json_delete_p) cJSON *is = d ? item_tree(d) : NULL;
	CLEANUP(json_delete_p) cJSON *wanted = object ? process_deployment(i->o->kind, object) : NULL;
	CLEANUP(json_delete_p) cJSON *change = NULL;
	if (d && !text_eq(d->o->owner_uid, i->o->uid)) {
		say(x, i, object,
		    "there is a Deployment of this name, which is not of this object: delete one of the two");
		return;
	}
	say(x, i, object, "");
	bool same = is && wanted && text_eq(json_text(is, GENERATION_PATH, ""), json_text(wanted, GENERATION_PATH, ""));
	if (same || (d && d->o->deleting))
		return;
	if (is && wanted && defaults_fill(KIND_DEPLOYMENT, wanted))
		change = change_of(is, wanted);
	const cJSON *body = d ? change : wanted;
	if (!body) {
		log_error("process_not_followed", "uid=%s error=no memory", x->uid);
		x->dirty = true;
		timer_start(x->p->loop, &x->p->again, RETRY_MS, again, x->p);
		return;
	}
	put(x, &(struct lane_write){ .verb = d ? MUTATE_PATCH : MUTATE_CREATE,
				     .kind = KIND_DEPLOYMENT,
				     .ns = i->o->ns,
				     .name = i->o->name,
				     .manager = i->o->template_manager,
				     .tree = body });
}

/* ---- all of them ---- */

static void item_free(struct process_item *x)
{
	HASH_DEL(x->p->all, x);
	free(x);
}

static void run(void *owner)
{
	struct processes *p = owner;
	struct process_item *x, *next;
	HASH_ITER (hh, p->all, x, next) {
		const struct item *i = shelf_find_uid(p->shelf, x->uid);
		if (x->writing)
			continue;
		if (x->dirty && i && !i->o->deleting) {
			x->dirty = false;
			follow(x, i);
		} else {
			item_free(x);
		}
	}
}

/* ---- doors ---- */

void processes_published(struct processes *p, const struct item *was, const struct item *is)
{
	const struct object *o = is ? is->o : was->o;
	if (is_process_kind(o->kind) && is)
		mark(p, o->uid);
	if (o->kind != KIND_DEPLOYMENT || text_empty(o->owner_uid))
		return;
	const struct item *owner = shelf_find_uid(p->shelf, o->owner_uid);
	if (owner && is_process_kind(owner->o->kind))
		mark(p, o->owner_uid);
}

void processes_start(struct processes *p)
{
	struct item *i, *next;
	p->started = true;
	for (size_t k = 0; k < sizeof process_kinds / sizeof *process_kinds; k++) {
		HASH_ITER (by_name, p->shelf->by_name[process_kinds[k]], i, next)
			mark(p, i->o->uid);
	}
}

void processes_init(struct processes *p, struct loop *l, struct shelf *shelf, struct lanes *lanes)
{
	*p = (struct processes){ .loop = l, .shelf = shelf, .lanes = lanes };
}

void processes_finish(struct processes *p)
{
	struct process_item *x, *next;
	loop_defer_cancel(&p->run);
	timer_stop(&p->again);
	HASH_ITER (hh, p->all, x, next)
		item_free(x);
}

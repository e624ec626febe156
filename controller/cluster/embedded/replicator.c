#include "controller/cluster/embedded/replicator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/cluster/embedded/deployment_read.h"
#include "controller/cluster/embedded/ports.h"
#include "controller/cluster/embedded/revisions.h"

enum { RETRY_FIRST_MS = 500, RETRY_LAST_MS = 30 * 1000, NAME_BASE_MAX = 46, SUFFIX = 5, PASSES_A_TURN = 20 };

/* One Deployment. */
struct rolling {
	UT_hash_handle hh;
	struct rolling *dirty_prev, *dirty_next;
	struct replicator *r;
	struct revision *revisions;
	struct batch *batch; /* under way; NULL: none */
	struct timer look;
	int64_t retry_ms;
	bool dirty; /* in the list, or: look again after the batch */
	char uid[];
};
/* Writes that are waited for together; outlives its Deployment. */
struct batch {
	struct batch *prev, *next;
	struct replicator *r;
	struct rolling *x; /* NULL: gone */
	size_t left;
	bool failed;
	struct revision *revisions; /* that come into force with it, when it wrote some */
	bool has_revisions;
	bool on_disk; /* the store will answer, whatever becomes of us */
};
/* What a pass works with. */
struct pass {
	struct rolling *x;
	cJSON *deployment;
	struct rollout plan;
	struct rollout_pod *pods;
	size_t pods_len;
	struct batch *batch;
};

static void look_soon(struct rolling *x);

/* ---- batches ---- */

static void look_timer(void *owner)
{
	look_soon(owner);
}

static void retry_later(struct rolling *x)
{
	x->retry_ms = x->retry_ms ? x->retry_ms * 2 : RETRY_FIRST_MS;
	if (x->retry_ms > RETRY_LAST_MS)
		x->retry_ms = RETRY_LAST_MS;
	timer_start(x->r->loop, &x->look, x->retry_ms, look_timer, x);
}

static void batch_free(struct batch *b)
{
	if (b->r)
		DL_DELETE(b->r->batches, b);
	revisions_free(b->revisions);
	free(b);
}

static void batch_close(struct batch *b)
{
	struct rolling *x = b->x;
	if (x && b->has_revisions && !b->failed) {
		revisions_free(x->revisions);
		x->revisions = TAKE(b->revisions);
	}
	if (x) {
		x->batch = NULL;
		bool again = x->dirty;
		x->dirty = false;
		if (b->failed) {
			retry_later(x);
		} else {
			x->retry_ms = 0;
			if (again || b->has_revisions)
				look_soon(x);
		}
	}
	batch_free(b);
}

static void batch_done(struct batch *b, enum result r, const struct error *why)
{
	if (r != RC_OK && r != RC_NOT_FOUND && r != RC_CONFLICT) {
		b->failed = true;
		log_warn("replicas_not_written", "error=%s", why->text);
	}
	if (--b->left == 0)
		batch_close(b);
}

static void object_written(void *owner, enum result r, const struct object *now, const struct error *why)
{
	(void)now;
	batch_done(owner, r, why);
}

static void revisions_written(void *owner, enum result r, const struct error *why)
{
	struct batch *b = owner;
	b->on_disk = false;
	batch_done(b, r, why);
}

static void batch_write(struct pass *p, const struct lane_write *w)
{
	p->batch->left++;
	(void)lanes_write(p->x->r->lanes, w, object_written, p->batch);
}

/* ---- revisions ---- */

static struct revision *revision_copy(const struct revision *v)
{
	struct revision *copy = calloc(1, sizeof *copy);
	if (!copy)
		return NULL;
	*copy = *v;
	copy->template = cJSON_Duplicate(v->template, true);
	if (!copy->template) {
		free(copy);
		return NULL;
	}
	return copy;
}

static bool add_new(struct pass *p, struct store_tx *tx)
{
	struct revision *v;
	struct error e;
	if (!p->plan.add_set)
		return true;
	if (revision_create(json_at(p->deployment, "spec.template"), p->plan.new_number, &v, &e) != RC_OK)
		return false;
	DL_APPEND(p->batch->revisions, v);
	revision_store(tx, p->x->uid, v);
	return true;
}

/* Into the batch: what will be true once it is on disk. */
static bool next_revisions(struct pass *p, struct store_tx *tx)
{
	const struct revision *v;
	size_t i = 0;
	DL_FOREACH(p->x->revisions, v)
	{
		const struct rollout_set *s = &p->plan.sets[i++];
		if (s->drop) {
			revision_forget(tx, p->x->uid, v->hash);
			continue;
		}
		struct revision *next = revision_copy(v);
		if (!next)
			return false;
		next->number = s->number;
		next->replicas = s->replicas;
		next->desired = s->desired;
		next->most = s->most;
		DL_APPEND(p->batch->revisions, next);
		if (s->changed)
			revision_store(tx, p->x->uid, next);
	}
	return add_new(p, tx);
}

static void write_revisions(struct pass *p)
{
	struct store_tx *tx = store_begin(p->x->r->store);
	p->batch->has_revisions = true;
	if (!tx || !next_revisions(p, tx)) {
		store_abandon(tx);
		p->batch->failed = true;
		return;
	}
	p->batch->left++;
	p->batch->on_disk = true;
	store_submit(tx, revisions_written, p->batch);
}

/* ---- pods ---- */

/* No vowels, no digits that look like letters. */
static bool pod_name(const struct object *o, const char *hash, char *buf, size_t size)
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	unsigned char random[SUFFIX];
	char suffix[SUFFIX + 1] = "";
	if (crypto_random(random, sizeof random, NULL) != RC_OK)
		return false;
	for (size_t i = 0; i < SUFFIX; i++)
		suffix[i] = letters[random[i] % (sizeof letters - 1)];
	int n = (int)strnlen(o->name, NAME_BASE_MAX);
	while (n > 0 && (o->name[n - 1] == '.' || o->name[n - 1] == '-'))
		n--;
	snprintf(buf, size, "%.*s-%s-%s", n, o->name, hash, suffix);
	return true;
}

/* As its template asks, a port that is its alone. */
static bool assign_port(struct replicator *r, cJSON *pod)
{
	if (!text_eq(json_text(pod, "metadata.annotations.rollcall\\.dev/port", ""), "assign"))
		return true;
	unsigned port = port_choose(r->shelf, &r->next_port);
	if (!port)
		log_error("pod_without_port", "pod=%s why=all ports from %d to %d are taken",
			  json_text(pod, "metadata.name", ""), PORTS_FIRST, PORTS_FIRST + PORTS_COUNT - 1);
	return port && json_put_int(pod, "spec.containers.0.ports.0.containerPort", port);
}

static void create_pods(struct pass *p, const struct object *o, const struct revision *v, int n)
{
	while (n-- > 0) {
		char name[128];
		CLEANUP(json_delete_p)
		cJSON *pod = pod_name(o, v->hash, name, sizeof name)
				     ? deployment_pod(p->deployment, v->template, v->hash, name)
				     : NULL;
		if (!pod || !assign_port(p->x->r, pod)) {
			p->batch->failed = true;
			return;
		}
		batch_write(p, &(struct lane_write){ .verb = MUTATE_CREATE,
						     .kind = KIND_POD,
						     .ns = o->ns,
						     .name = name,
						     .manager = "rollcall",
						     .tree = pod });
	}
}

static void delete_pod(struct pass *p, const char *ns, const struct rollout_pod *pod)
{
	char body[128];
	snprintf(body, sizeof body, "{\"preconditions\":{\"uid\":\"%.64s\"}}", pod->uid);
	batch_write(p, &(struct lane_write){ .verb = MUTATE_DELETE,
					     .kind = KIND_POD,
					     .ns = ns,
					     .name = pod->name,
					     .manager = "rollcall",
					     .body = body });
}

static void write_pods(struct pass *p, const struct object *o)
{
	const struct revision *v;
	size_t i = 0;
	for (size_t k = 0; k < p->pods_len; k++) {
		if (p->pods[k].remove)
			delete_pod(p, o->ns, &p->pods[k]);
	}
	DL_FOREACH(p->x->revisions, v)
	create_pods(p, o, v, p->plan.sets[i++].create);
}

/* ---- status ---- */

static void write_status(struct pass *p, const struct object *o)
{
	bool oom = false;
	const cJSON *was = json_at(p->deployment, "status");
	CLEANUP(json_delete_p) cJSON *status = deployment_status(&p->plan.is);
	CLEANUP(json_delete_p) cJSON *nothing = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	cJSON *change = status && nothing ? json_diff_merge(was ? was : nothing, status, &oom) : NULL;
	if (!status || !nothing || !patch || oom) {
		cJSON_Delete(change);
		p->batch->failed = true;
		return;
	}
	if (!change)
		return;
	if (!json_put(patch, "status", change) || !json_put_text(patch, "metadata.uid", o->uid)) {
		p->batch->failed = true;
		return;
	}
	batch_write(p, &(struct lane_write){ .verb = MUTATE_PATCH,
					     .kind = KIND_DEPLOYMENT,
					     .ns = o->ns,
					     .name = o->name,
					     .subresource = "status",
					     .manager = "rollcall",
					     .tree = patch });
}

/* ---- a pass ---- */

static size_t count_pods(const struct rolling *x)
{
	size_t n = 0;
	for (const struct tie *t = shelf_owned_by(x->r->shelf, x->uid); t; t = t->next)
		n += t->item->pod != NULL;
	return n;
}

static void read_pod(const struct item *i, struct rollout_pod *pod)
{
	*pod = (struct rollout_pod){ .name = i->o->name,
				     .uid = i->o->uid,
				     .deleting = i->o->deleting,
				     .ended = i->pod->ended,
				     .ready = i->pod->ready,
				     .bound = i->pod->bound,
				     .ready_since = i->pod->ready_since,
				     .created = i->pod->created };
}

/* Pods in the order of revisions, so that each revision has its own in one piece; what is of no revision (somebody
 * changed its label) goes. */
static void sort_pods(struct pass *p)
{
	const struct revision *v;
	const struct tie *t, *ties = shelf_owned_by(p->x->r->shelf, p->x->uid);
	struct rollout_pod *at = p->pods;
	size_t i = 0;
	DL_FOREACH(p->x->revisions, v)
	{
		struct rollout_set *s = &p->plan.sets[i++];
		*s = (struct rollout_set){ v->hash, v->number, v->replicas, v->desired, v->most, at,   0,
					   0,       0,         0,           0,          false,   false };
		for (t = ties; t; t = t->next) {
			if (t->item->pod && text_eq(t->item->pod->hash, v->hash))
				read_pod(t->item, at++);
		}
		s->pods_len = (size_t)(at - s->pods);
	}
	for (t = ties; t; t = t->next) {
		bool known = !t->item->pod;
		DL_FOREACH(p->x->revisions, v)
		known = known || text_eq(t->item->pod->hash, v->hash);
		if (known)
			continue;
		read_pod(t->item, at);
		at++->remove = !t->item->o->deleting;
	}
	p->pods_len = (size_t)(at - p->pods);
}

static bool pass_begin(struct pass *p, const struct item *i)
{
	const struct revision *v, *current;
	size_t n = 0;
	DL_COUNT(p->x->revisions, v, n);
	p->deployment = item_tree(i);
	p->pods = calloc(count_pods(p->x) + 1, sizeof *p->pods);
	p->batch = calloc(1, sizeof *p->batch);
	struct rollout_set *sets = calloc(n + 1, sizeof *sets);
	if (!p->deployment || !p->pods || !p->batch || !sets) {
		free(sets);
		return false;
	}
	p->batch->x = p->x;
	deployment_read(p->deployment, &p->plan);
	p->plan.now = loop_wall(p->x->r->loop);
	p->plan.sets = sets;
	p->plan.sets_len = n;
	sort_pods(p);
	current = revisions_find(p->x->revisions, json_at(p->deployment, "spec.template"));
	n = 0;
	DL_FOREACH(p->x->revisions, v)
	{
		if (v == current)
			p->plan.current = &sets[n];
		n++;
	}
	return true;
}

static void pass_end(struct pass *p)
{
	cJSON_Delete(p->deployment);
	free(p->plan.sets);
	free(p->pods);
}

/* The batch is held while it is filled: its writes answer later in any case, but one that cannot even begin may not. */
static void pass_run(struct pass *p, const struct item *i)
{
	struct rolling *x = p->x;
	struct batch *b = p->batch;
	x->batch = b;
	b->r = x->r;
	DL_APPEND(x->r->batches, b);
	b->left = 1;
	rollout_plan(&p->plan);
	if (p->plan.sets_change)
		write_revisions(p);
	else
		write_pods(p, i->o);
	write_status(p, i->o);
	if (p->plan.wake_ms >= 0)
		timer_start(x->r->loop, &x->look, p->plan.wake_ms + 1, look_timer, x);
	if (--b->left == 0)
		batch_close(b);
}

static void look(struct rolling *x)
{
	struct pass p = { .x = x };
	const struct item *i = shelf_find_uid(x->r->shelf, x->uid);
	if (!i)
		return;
	timer_stop(&x->look);
	if (pass_begin(&p, i)) {
		pass_run(&p, i);
	} else {
		free(p.batch);
		retry_later(x);
	}
	pass_end(&p);
}

static void run(void *owner)
{
	struct replicator *r = owner;
	for (unsigned n = 0; r->dirty && n < PASSES_A_TURN; n++) {
		struct rolling *x = r->dirty;
		DL_DELETE2(r->dirty, x, dirty_prev, dirty_next);
		x->dirty = false;
		look(x);
	}
	if (r->dirty)
		loop_defer(r->loop, &r->run, run, r);
}

static void look_soon(struct rolling *x)
{
	struct replicator *r = x->r;
	if (x->dirty)
		return;
	x->dirty = true;
	if (x->batch)
		return;
	DL_APPEND2(r->dirty, x, dirty_prev, dirty_next);
	if (r->started)
		loop_defer(r->loop, &r->run, run, r);
}

/* ---- Deployments come and go ---- */

static struct rolling *rolling_find(const struct replicator *r, const char *uid)
{
	struct rolling *x;
	HASH_FIND_STR(r->all, uid, x);
	return x;
}

static struct rolling *rolling_get(struct replicator *r, const char *uid)
{
	size_t size = strlen(uid) + 1;
	struct rolling *x = rolling_find(r, uid);
	if (x || !(x = calloc(1, sizeof *x + size)))
		return x;
	x->r = r;
	memcpy(x->uid, uid, size);
	HASH_ADD_STR(r->all, uid, x);
	return x;
}

static void rolling_free(struct rolling *x)
{
	timer_stop(&x->look);
	if (x->dirty && !x->batch)
		DL_DELETE2(x->r->dirty, x, dirty_prev, dirty_next);
	if (x->batch)
		x->batch->x = NULL;
	HASH_DEL(x->r->all, x);
	revisions_free(x->revisions);
	free(x);
}

static void forget(struct replicator *r, const char *uid)
{
	struct store_tx *tx = store_begin(r->store);
	revisions_forget(tx, uid);
	store_submit(tx, NULL, NULL); /* else at the next start */
}

void replicator_published(struct replicator *r, const struct item *was, const struct item *is)
{
	const struct item *i = is ? is : was;
	struct rolling *x;
	if (i->o->kind == KIND_DEPLOYMENT && !is) {
		x = rolling_find(r, was->o->uid);
		if (x)
			rolling_free(x);
		forget(r, was->o->uid);
	} else if (i->o->kind == KIND_DEPLOYMENT) {
		x = rolling_get(r, is->o->uid);
		if (x)
			look_soon(x);
		else
			log_error("deployment_not_watched", "deployment=%s/%s why=no memory", is->o->ns, is->o->name);
	} else if (i->pod) {
		for (size_t k = 0; k < i->ties_len; k++) {
			x = rolling_find(r, i->ties[k].uid);
			if (x)
				look_soon(x);
		}
	}
}

/* ---- life ---- */

static bool revision_found(void *owner, const char *uid, struct revision *v)
{
	struct replicator *r = owner;
	struct rolling *x = rolling_get(r, uid);
	if (!x) {
		revision_destroy(v);
		return false;
	}
	DL_APPEND(x->revisions, v);
	return true;
}

static enum result look_at_all(struct replicator *r, struct error *e)
{
	struct item *i, *next;
	struct rolling *x, *after;
	HASH_ITER (by_name, r->shelf->by_name[KIND_DEPLOYMENT], i, next) {
		x = rolling_get(r, i->o->uid);
		if (!x)
			return error_set(e, RC_EXHAUSTED, "no memory for the Deployments");
		look_soon(x);
	}
	HASH_ITER (hh, r->all, x, after) { /* their Deployment went, and they should have gone after it */
		if (!shelf_find_uid(r->shelf, x->uid)) {
			forget(r, x->uid);
			rolling_free(x);
		}
	}
	return RC_OK;
}

enum result replicator_init(struct replicator *r, struct loop *l, struct store *store, struct shelf *shelf,
			    struct lanes *lanes, struct error *e)
{
	*r = (struct replicator){ .loop = l, .store = store, .shelf = shelf, .lanes = lanes };
	enum result ok = revisions_load(store, revision_found, r, e);
	return ok == RC_OK ? look_at_all(r, e) : ok;
}

void replicator_start(struct replicator *r)
{
	r->started = true;
	if (r->dirty)
		loop_defer(r->loop, &r->run, run, r);
}

/* The calls are cancelled by now: only what the store holds still answers. */
static void batch_abandon(struct batch *b)
{
	b->x = NULL;
	if (b->on_disk) {
		DL_DELETE(b->r->batches, b);
		b->r = NULL;
		b->left = 1;
	} else {
		batch_free(b);
	}
}

void replicator_finish(struct replicator *r)
{
	struct rolling *x, *next;
	struct batch *b, *after;
	loop_defer_cancel(&r->run);
	HASH_ITER (hh, r->all, x, next)
		rolling_free(x);
	DL_FOREACH_SAFE(r->batches, b, after)
	batch_abandon(b);
}

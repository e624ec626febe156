#include "controller/cluster/embedded/embedded.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/cluster/embedded/admission.h"
#include "controller/cluster/embedded/endpoints.h"
#include "controller/cluster/embedded/garbage.h"
#include "controller/cluster/embedded/lanes.h"
#include "controller/cluster/embedded/processes.h"
#include "controller/cluster/embedded/recorder.h"
#include "controller/cluster/embedded/replicator.h"
#include "controller/cluster/embedded/wants.h"

/* Who looks at the objects: what is wanted, and who is told. */
struct view {
	struct cluster cluster; /* first */
	struct embedded *m;
	struct view *prev, *next;
	struct wants wants;
};
struct embedded {
	struct view self; /* first */
	struct view *views;
	struct loop *loop;
	struct store *store;
	char *name; /* owned */
	struct calls calls;
	struct shelf shelf;
	struct lanes lanes;
	struct garbage garbage;
	struct recorder recorder;
	struct replicator replicator;
	struct endpoints endpoints;
	struct processes processes;
	struct leadership leadership;
	struct deferred led;
};

const struct store_migration embedded_migrations[] = {
	{ "embedded", 1,
	  "CREATE TABLE cluster_objects (kind TEXT NOT NULL, ns TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT "
	  "NULL, json TEXT NOT NULL, PRIMARY KEY (kind, ns, name));"
	  "CREATE TABLE cluster_version (version INTEGER NOT NULL);"
	  "INSERT INTO cluster_version VALUES (0);"
	  "CREATE TABLE cluster_revisions (uid TEXT NOT NULL, hash TEXT NOT NULL, number INTEGER NOT NULL, replicas "
	  "INTEGER NOT NULL, desired INTEGER NOT NULL, most INTEGER NOT NULL, template TEXT NOT NULL, PRIMARY KEY "
	  "(uid, "
	  "hash));"
	  "CREATE TABLE cluster_events (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, ns TEXT NOT "
	  "NULL, kind TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL, type TEXT NOT NULL, reason TEXT NOT NULL, "
	  "message TEXT NOT NULL, count INTEGER NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, keyed "
	  "INTEGER NOT NULL);"
	  "CREATE INDEX cluster_events_object ON cluster_events (ns, name)" },
	{ NULL, 0, NULL },
};

static struct view *view_of(struct cluster *c);
static const struct view *view_of_const(const struct cluster *c);

static struct embedded *embedded_of(struct cluster *c)
{
	return view_of(c)->m;
}

/* ---- what has been committed ---- */

static void warn_of_scaler(struct embedded *m, const struct object *o)
{
	const struct cluster_event ev = {
		.ns = o->ns,
		.name = o->name,
		.uid = o->uid,
		.api_version = "autoscaling/v2",
		.kind = kind_name(KIND_HPA),
		.resource_version = o->resource_version,
		.warning = true,
		.reason = "NotSupported",
		.message = "The embedded platform does not scale by load: this HorizontalPodAutoscaler is kept and "
			   "ignored. Set spec.replicas of its target.",
		.key = "embedded-hpa-ignored",
	};
	log_warn("autoscaler_ignored", "hpa=%s/%s", o->ns, o->name);
	(void)recorder_record(&m->recorder, &ev, NULL, NULL);
}

/* Our own loops first: whoever is told may do anything. */
static void published(void *owner, const struct item *was, const struct item *is)
{
	struct embedded *m = owner;
	garbage_published(&m->garbage, was, is);
	replicator_published(&m->replicator, was, is);
	endpoints_published(&m->endpoints, was, is);
	processes_published(&m->processes, was, is);
	if (is && !was && is->o->kind == KIND_HPA)
		warn_of_scaler(m, is->o);
	struct view *v, *next;
	DL_FOREACH_SAFE(m->views, v, next)
	wants_changed(&v->wants, !is ? OBJECT_DELETED : was ? OBJECT_CHANGED : OBJECT_ADDED, is ? is->o : was->o);
}

/* ---- reading ---- */

static void embedded_start(struct cluster *c)
{
	struct embedded *m = embedded_of(c);
	wants_start(&view_of(c)->wants);
	if (c != &m->self.cluster)
		return;
	garbage_start(&m->garbage);
	replicator_start(&m->replicator);
	endpoints_start(&m->endpoints);
	processes_start(&m->processes);
}

static void embedded_want(struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	wants_add(&view_of(c)->wants, kind, ns, name);
}

static void embedded_unwant(struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	wants_remove(&view_of(c)->wants, kind, ns, name);
}

static bool embedded_synced(const struct cluster *c, enum kind kind)
{
	return wants_synced(&view_of_const(c)->wants, kind);
}

/* A file is always there; what cannot be written is said by the writes. */
static struct wall_ms embedded_unreachable_since(const struct cluster *c)
{
	(void)c;
	return (struct wall_ms){ 0 };
}

static const struct object *embedded_find(const struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	const struct view *v = view_of_const(c);
	const struct item *i = shelf_find(&v->m->shelf, kind, ns, name);
	return i && wants_see(&v->wants, kind, i->o->ns, i->o->name) ? i->o : NULL;
}

static bool embedded_known(const struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	return wants_see(&view_of_const(c)->wants, kind, ns ? ns : "", name ? name : "");
}

static void embedded_each(const struct cluster *c, enum kind kind, const char *ns,
			  bool (*visit)(void *owner, const struct object *o), void *owner)
{
	const struct view *v = view_of_const(c);
	struct item *i, *next;
	HASH_ITER (by_name, v->m->shelf.by_name[kind], i, next) {
		bool seen = (!ns || text_eq(i->o->ns, ns)) && wants_see(&v->wants, kind, i->o->ns, i->o->name);
		if (seen && !visit(owner, i->o))
			return;
	}
}

/* ---- writing ---- */

uint64_t embedded_write_as(struct cluster *c, const char *who, const struct write *w, cluster_done *done, void *owner)
{
	static const enum mutation_verb verbs[] = { MUTATE_CREATE, MUTATE_PATCH, MUTATE_DELETE };
	const struct lane_write lw = {
		.verb = verbs[w->verb],
		.kind = w->kind,
		.ns = w->ns,
		.name = w->name,
		.subresource = w->subresource,
		.manager = who,
		.body = w->body,
	};
	return lanes_write(&embedded_of(c)->lanes, &lw, done, owner);
}

static uint64_t embedded_write(struct cluster *c, const struct write *w, cluster_done *done, void *owner)
{
	return embedded_write_as(c, "rollcall", w, done, owner);
}

static uint64_t embedded_record(struct cluster *c, const struct cluster_event *ev, cluster_done *done, void *owner)
{
	return recorder_record(&embedded_of(c)->recorder, ev, done, owner);
}

static void embedded_cancel(struct cluster *c, uint64_t call)
{
	calls_cancel(&embedded_of(c)->calls, call);
}

/* w borrows of manifest. */
static enum result apply_write(const char *who, const cJSON *manifest, struct lane_write *ret, struct error *e)
{
	enum kind kind;
	const char *name = json_text(manifest, "metadata.name", "");
	enum result r = admission_kind(manifest, &kind, e);
	if (r != RC_OK)
		return r;
	if (!*name)
		return error_set(e, RC_INVALID, "%s: metadata.name: missing%s", kind_name(kind),
				 json_at(manifest, "metadata.generateName") ? " (generateName is not supported)" : "");
	*ret = (struct lane_write){
		.verb = MUTATE_APPLY,
		.kind = kind,
		.ns = json_text(manifest, "metadata.namespace", "default"),
		.name = name,
		.manager = who,
		.tree = manifest,
	};
	return RC_OK;
}

uint64_t embedded_apply_as(struct cluster *c, const char *who, const cJSON *manifest, cluster_done *done, void *owner)
{
	struct embedded *m = embedded_of(c);
	struct error why;
	struct lane_write w = { 0 };
	if (apply_write(who, manifest, &w, &why) != RC_OK)
		return lanes_refuse(&m->lanes, &why, done, owner);
	return lanes_write(&m->lanes, &w, done, owner);
}

enum result embedded_try(struct cluster *c, const char *who, const cJSON *manifest, const char **ret, struct error *e)
{
	struct embedded *m = embedded_of(c);
	struct lane_write w = { 0 };
	enum mutation_outcome outcome = MUTATED_NOTHING;
	enum result r = apply_write(who, manifest, &w, e);
	if (r != RC_OK)
		return r;
	struct item *was = shelf_find(&m->shelf, w.kind, w.ns, w.name);
	CLEANUP(json_delete_p) cJSON *current = was ? item_tree(was) : NULL;
	CLEANUP(json_delete_p) cJSON *made = NULL;
	if (was && !current)
		return error_set(e, RC_EXHAUSTED, "no memory for an object");
	const struct mutation change = { .verb = w.verb,
					 .kind = w.kind,
					 .ns = w.ns,
					 .name = w.name,
					 .subresource = "",
					 .body = manifest,
					 .manager = who,
					 .uid = "",
					 .now = loop_wall(m->loop) };
	r = mutation_run(&change, current, was ? was->o->template_manager : "", &outcome, &made, e);
	if (r == RC_OK)
		*ret = !was ? "created" : outcome == MUTATED_NOTHING ? "unchanged" : "configured";
	return r;
}

uint64_t embedded_apply(struct cluster *c, const cJSON *manifest, cluster_done *done, void *owner)
{
	return embedded_apply_as(c, "rollcall-apply", manifest, done, owner);
}

void embedded_events(struct cluster *c, const char *ns, const char *name, store_rows *done, void *owner)
{
	recorder_read(&embedded_of(c)->recorder, ns, name, done, owner);
}

/* ---- leading: there is one process, the lock of the database sees to it ---- */

static void tell_led(void *owner)
{
	struct embedded *m = owner;
	if (m->leadership.changed)
		m->leadership.changed(m->leadership.owner, true);
}

static void embedded_lead(struct cluster *c, const struct leadership *l)
{
	struct embedded *m = embedded_of(c);
	m->leadership = *l;
	loop_defer(m->loop, &m->led, tell_led, m);
}

static bool embedded_leading(const struct cluster *c)
{
	(void)c;
	return true;
}

/* ---- life ---- */

static void view_close(struct view *v)
{
	wants_finish(&v->wants);
	DL_DELETE(v->m->views, v);
}

static void embedded_free(struct embedded *m)
{
	calls_cancel_all(&m->calls);
	recorder_finish(&m->recorder);
	replicator_finish(&m->replicator);
	endpoints_finish(&m->endpoints);
	processes_finish(&m->processes);
	garbage_finish(&m->garbage);
	lanes_finish(&m->lanes);
	view_close(&m->self);
	assert(!m->views);
	shelf_finish(&m->shelf);
	loop_defer_cancel(&m->led);
	free(m->name);
	free(m);
}

static void embedded_destroy(struct cluster *c)
{
	struct view *v = view_of(c);
	if (v == &v->m->self) {
		embedded_free(v->m);
		return;
	}
	view_close(v);
	free(v);
}

static const struct cluster_ops embedded_ops = {
	.destroy = embedded_destroy,
	.start = embedded_start,
	.want = embedded_want,
	.unwant = embedded_unwant,
	.synced = embedded_synced,
	.unreachable_since = embedded_unreachable_since,
	.find = embedded_find,
	.known = embedded_known,
	.each = embedded_each,
	.write = embedded_write,
	.record = embedded_record,
	.cancel = embedded_cancel,
	.lead = embedded_lead,
	.leading = embedded_leading,
};

static struct view *view_of(struct cluster *c)
{
	assert(c->ops == &embedded_ops);
	return (struct view *)c;
}

static const struct view *view_of_const(const struct cluster *c)
{
	assert(c->ops == &embedded_ops);
	return (const struct view *)c;
}

static void view_open(struct view *v, struct embedded *m)
{
	v->cluster.ops = &embedded_ops;
	v->cluster.name = m->name;
	v->m = m;
	wants_init(&v->wants, m->loop, &m->shelf, &v->cluster);
	DL_APPEND(m->views, v);
}

enum result embedded_view(struct cluster *c, struct cluster **ret, struct error *e)
{
	struct view *v = calloc(1, sizeof *v);
	if (!v)
		return error_set(e, RC_EXHAUSTED, "no memory for a view of the cluster");
	view_open(v, embedded_of(c));
	*ret = &v->cluster;
	return RC_OK;
}

struct loading {
	struct embedded *m;
	enum result r;
	struct error why;
};

static bool load_object(void *owner, sqlite3_stmt *st)
{
	struct loading *l = owner;
	const char *name = (const char *)sqlite3_column_text(st, 0), *json = (const char *)sqlite3_column_text(st, 1);
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	struct item *i = NULL;
	enum kind kind = KIND_COUNT;
	l->r = kind_parse(name, &kind, &l->why);
	if (l->r == RC_OK)
		l->r = json_parse(json ? json : "", json ? strlen(json) : 0, &tree, &l->why);
	if (l->r == RC_OK)
		l->r = item_create(kind, tree, &i, &l->why);
	if (l->r == RC_OK)
		shelf_put(&l->m->shelf, i);
	return l->r == RC_OK;
}

static bool load_version(void *owner, sqlite3_stmt *st)
{
	*(int64_t *)owner = sqlite3_column_int64(st, 0);
	return false;
}

static enum result load(struct embedded *m, struct error *e)
{
	struct loading l = { .m = m };
	enum result r = store_load(m->store, "SELECT version FROM cluster_version", load_version, &m->lanes.version, e);
	if (r == RC_OK)
		r = store_load(m->store, "SELECT kind, json FROM cluster_objects ORDER BY version", load_object, &l, e);
	if (r == RC_OK && l.r != RC_OK)
		r = error_set(e, l.r, "objects: %s", l.why.text);
	return r == RC_OK ? replicator_init(&m->replicator, m->loop, m->store, &m->shelf, &m->lanes, e) : r;
}

static void embedded_destroy_p(struct embedded **m)
{
	if (*m)
		embedded_free(*m);
}

enum result embedded_create(struct loop *l, struct store *store, const char *name, struct cluster **ret,
			    struct error *e)
{
	CLEANUP(embedded_destroy_p) struct embedded *m = NULL;
	struct embedded *made = calloc(1, sizeof *made);
	char *copy = strdup(name ? name : "local");
	if (!made || !copy) {
		free(made);
		free(copy);
		return error_set(e, RC_EXHAUSTED, "no memory for a cluster");
	}
	m = made;
	m->name = copy;
	m->loop = m->calls.loop = l;
	m->store = store;
	shelf_init(&m->shelf, l);
	view_open(&m->self, m);
	m->lanes = (struct lanes){
		.loop = l, .store = store, .shelf = &m->shelf, .calls = &m->calls, .published = published, .owner = m
	};
	garbage_init(&m->garbage, l, &m->shelf, &m->lanes);
	recorder_init(&m->recorder, l, store, &m->calls);
	endpoints_init(&m->endpoints, l, &m->shelf, &m->lanes);
	processes_init(&m->processes, l, &m->shelf, &m->lanes);
	m->replicator.loop = l;
	enum result r = load(m, e);
	if (r != RC_OK)
		return error_in(e, r, "embedded cluster");
	wants_add(&m->self.wants, KIND_CANARY, NULL, NULL); /* always */
	*ret = &m->self.cluster;
	m = NULL;
	return RC_OK;
}

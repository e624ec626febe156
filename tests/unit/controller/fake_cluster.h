#pragma once
/* A cluster in memory behind cluster.h: objects as JSON, creates, merge patches and deletes as an API server judges
 * them, completions and changes on later turns. Counts what is written, fails or holds back what the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"
#include "controller/cluster/cluster.h"

struct fake_object {
	struct object o;
	cJSON *tree;
	char *json, *ns, *name, *uid, *version;
	struct fake_object *next;
};
struct fake_call {
	uint64_t id;
	struct write write; /* strings owned */
	bool is_event;
	cluster_done *done;
	void *owner;
	struct fake_call *next;
};
struct fake_change {
	enum object_change what;
	struct fake_object *object; /* a copy of its own */
	struct fake_change *next;
};
struct fake_event {
	bool warning;
	char *text, *key;
	unsigned count;
	struct fake_event *next;
};
struct fake {
	struct cluster cluster;
	struct loop *loop;
	struct fake_object *objects, *old; /* old: replaced; they live until the next turn */
	struct fake_call *calls;           /* in their order */
	struct fake_change *changes;
	struct fake_event *events; /* in their order */
	struct deferred work, sweep;
	uint64_t last_id, version;
	unsigned writes[KIND_COUNT], all_writes, records, started, conflicts;
	unsigned fail_nth; /* counts down with each write; at 1 it fails with fail_with */
	enum result fail_with;
	bool fail_all; /* every write until the test says otherwise */
	bool held;     /* calls wait until fake_release */
	bool early;    /* changes are told before the completion, as the API server's cache does */
	bool unknown;  /* nothing is known yet */
	bool not_leading, started_once;
	struct wall_ms unreachable;
};

static inline struct fake *fake_of(const struct cluster *c)
{
	return (struct fake *)(uintptr_t)c;
}

/* ---- objects ---- */

static inline void fake_object_free(struct fake_object *f)
{
	cJSON_Delete(f->tree);
	free(f->json);
	free(f->ns);
	free(f->name);
	free(f->uid);
	free(f->version);
	free(f);
}

static inline struct fake_object *fake_object_make(enum kind kind, cJSON *tree)
{
	struct fake_object *f = calloc(1, sizeof *f);
	assert_non_null(f);
	f->tree = tree;
	f->json = json_print(tree);
	f->ns = strdup(json_text(tree, "metadata.namespace", ""));
	f->name = strdup(json_text(tree, "metadata.name", ""));
	f->uid = strdup(json_text(tree, "metadata.uid", ""));
	f->version = strdup(json_text(tree, "metadata.resourceVersion", ""));
	f->o = (struct object){ .kind = kind,
				.ns = f->ns,
				.name = f->name,
				.uid = f->uid,
				.resource_version = f->version,
				.generation = json_int(tree, "metadata.generation", 0),
				.deleting = json_at(tree, "metadata.deletionTimestamp") != NULL,
				.owner_uid = "",
				.template_manager = "kubectl",
				.json = f->json,
				.json_len = strlen(f->json) };
	return f;
}

static inline struct fake_object **fake_slot(struct fake *f, enum kind kind, const char *ns, const char *name)
{
	struct fake_object **at = &f->objects;
	while (*at && ((*at)->o.kind != kind || !text_eq((*at)->ns, ns) || !text_eq((*at)->name, name)))
		at = &(*at)->next;
	return at;
}

static inline void fake_sweep(void *owner)
{
	struct fake *f = owner;
	while (f->old) {
		struct fake_object *next = f->old->next;
		fake_object_free(f->old);
		f->old = next;
	}
}

static inline void fake_work(void *owner);

static inline void fake_change(struct fake *f, enum object_change what, const struct fake_object *of)
{
	struct fake_change *c = calloc(1, sizeof *c), **end = &f->changes;
	assert_non_null(c);
	c->what = what;
	c->object = fake_object_make(of->o.kind, cJSON_Duplicate(of->tree, true));
	while (*end)
		end = &(*end)->next;
	*end = c;
	loop_defer(f->loop, &f->work, fake_work, f);
}

static inline void fake_retire(struct fake *f, struct fake_object **slot)
{
	struct fake_object *gone = *slot;
	*slot = gone->next;
	gone->next = f->old;
	f->old = gone;
	loop_defer(f->loop, &f->sweep, fake_sweep, f);
}

/* Takes the tree; stamps it; replaces what was there. */
static inline struct fake_object *fake_store(struct fake *f, enum kind kind, cJSON *tree)
{
	char text[32];
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)++f->version);
	assert_true(json_put_text(tree, "metadata.resourceVersion", text));
	if (!json_at(tree, "metadata.uid")) {
		(void)snprintf(text, sizeof text, "uid-%llu", (unsigned long long)f->version);
		assert_true(json_put_text(tree, "metadata.uid", text));
	}
	struct fake_object *n = fake_object_make(kind, tree);
	struct fake_object **slot = fake_slot(f, kind, n->ns, n->name);
	enum object_change what = *slot ? OBJECT_CHANGED : OBJECT_ADDED;
	if (*slot)
		fake_retire(f, slot);
	n->next = f->objects;
	f->objects = n;
	fake_change(f, what, n);
	return n;
}

static inline void fake_remove(struct fake *f, struct fake_object **slot)
{
	fake_change(f, OBJECT_DELETED, *slot);
	fake_retire(f, slot);
}

/* ---- what the test sets and asks ---- */

static inline void fake_put(struct fake *f, cJSON *tree)
{
	enum kind kind;
	assert_int_equal(kind_parse(json_text(tree, "kind", ""), &kind, NULL), RC_OK);
	if (!json_at(tree, "metadata.generation"))
		assert_true(json_put_int(tree, "metadata.generation", 1));
	(void)fake_store(f, kind, tree);
}

/* All documents of a YAML (or JSON) text. */
static inline void fake_apply(struct fake *f, const char *text)
{
	struct yaml_doc **docs;
	size_t n;
	struct error e;
	if (yaml_parse("test", text, strlen(text), &docs, &n, &e) != RC_OK)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < n; i++)
		fake_put(f, yaml_take_root(docs[i]));
	yaml_free(docs, n);
}

static inline void fake_apply_file(struct fake *f, const char *path)
{
	char text[16384];
	FILE *file = fopen(path, "rb");
	if (!file)
		fail_msg("cannot read %s", path);
	size_t n = fread(text, 1, sizeof text - 1, file);
	assert_true(feof(file));
	fclose(file);
	text[n] = '\0';
	fake_apply(f, text);
}

static inline const cJSON *fake_tree(struct fake *f, enum kind kind, const char *ns, const char *name)
{
	struct fake_object *o = *fake_slot(f, kind, ns, name);
	return o ? o->tree : NULL;
}

/* A merge patch by somebody else; generation counts changes of the spec. */
static inline void fake_patch(struct fake *f, enum kind kind, const char *ns, const char *name, const char *patch)
{
	struct fake_object *o = *fake_slot(f, kind, ns, name);
	if (!o)
		fail_msg("no %s %s/%s", kind_name(kind), ns, name);
	cJSON *p = NULL, *tree = cJSON_Duplicate(o->tree, true);
	struct error e;
	if (json_parse(patch, strlen(patch), &p, &e) != RC_OK)
		fail_msg("%s in %s", e.text, patch);
	assert_true(json_merge_patch(&tree, p));
	if (json_at(p, "spec"))
		assert_true(json_put_int(tree, "metadata.generation", json_int(tree, "metadata.generation", 1) + 1));
	cJSON_Delete(p);
	(void)fake_store(f, kind, tree);
}

static inline void fake_delete(struct fake *f, enum kind kind, const char *ns, const char *name)
{
	struct fake_object **slot = fake_slot(f, kind, ns, name);
	if (!*slot)
		return;
	if (cJSON_GetArraySize(json_at((*slot)->tree, "metadata.finalizers")) > 0)
		fake_patch(f, kind, ns, name, "{\"metadata\":{\"deletionTimestamp\":\"2026-11-24T22:00:00Z\"}}");
	else
		fake_remove(f, slot);
}

static inline unsigned fake_events(const struct fake *f, const char *text)
{
	unsigned n = 0;
	for (const struct fake_event *e = f->events; e; e = e->next)
		n += text_eq(e->text, text) ? e->count : 0;
	return n;
}

static inline unsigned fake_events_like(const struct fake *f, const char *part)
{
	unsigned n = 0;
	for (const struct fake_event *e = f->events; e; e = e->next)
		n += strstr(e->text, part) ? e->count : 0;
	return n;
}

static inline void fake_forget_counts(struct fake *f)
{
	memset(f->writes, 0, sizeof f->writes);
	f->all_writes = f->records = 0;
}

/* ---- writes ---- */

static inline bool fake_version_fits(const cJSON *body, const struct fake_object *o)
{
	const char *wanted = json_text(body, "metadata.resourceVersion", NULL);
	return !wanted || text_eq(wanted, o->version);
}

/* Status and the rest do not reach each other's members. */
static inline void fake_narrow(cJSON *body, bool status)
{
	if (!status)
		json_remove(body, "status");
	for (cJSON *next, *m = status ? body->child : NULL; m; m = next) {
		next = m->next;
		if (!text_eq(m->string, "status"))
			cJSON_Delete(cJSON_DetachItemViaPointer(body, m));
	}
	json_remove(body, "metadata.resourceVersion");
}

static inline enum result fake_do_patch(struct fake *f, const struct write *w, cJSON *body, struct fake_object **ret)
{
	struct fake_object *o = *fake_slot(f, w->kind, w->ns, w->name);
	if (!o)
		return RC_NOT_FOUND;
	if (!fake_version_fits(body, o))
		return RC_CONFLICT;
	fake_narrow(body, !text_empty(w->subresource));
	cJSON *tree = cJSON_Duplicate(o->tree, true);
	assert_true(json_merge_patch(&tree, body));
	*ret = o;
	if (json_equal(tree, o->tree)) {
		cJSON_Delete(tree);
		return RC_OK;
	}
	if (!json_equal(json_at(tree, "spec"), json_at(o->tree, "spec")))
		assert_true(json_put_int(tree, "metadata.generation", json_int(tree, "metadata.generation", 1) + 1));
	*ret = fake_store(f, w->kind, tree);
	if ((*ret)->o.deleting && cJSON_GetArraySize(json_at(tree, "metadata.finalizers")) == 0) {
		fake_remove(f, fake_slot(f, w->kind, w->ns, w->name));
		*ret = NULL;
	}
	return RC_OK;
}

static inline enum result fake_do_delete(struct fake *f, const struct write *w, const cJSON *body)
{
	struct fake_object *o = *fake_slot(f, w->kind, w->ns, w->name);
	const char *uid = json_text(body, "preconditions.uid", NULL);
	if (!o)
		return RC_NOT_FOUND;
	if (uid && !text_eq(uid, o->uid))
		return RC_CONFLICT;
	fake_delete(f, w->kind, w->ns, w->name);
	return RC_OK;
}

static inline enum result fake_do(struct fake *f, const struct write *w, struct fake_object **ret)
{
	cJSON *body = NULL;
	struct error e;
	if (w->body && json_parse(w->body, strlen(w->body), &body, &e) != RC_OK)
		fail_msg("a body that is no strict JSON: %s: %s", e.text, w->body);
	enum result r = RC_OK;
	if (w->verb == WRITE_CREATE && *fake_slot(f, w->kind, w->ns, w->name)) {
		r = RC_CONFLICT;
	} else if (w->verb == WRITE_CREATE) {
		assert_string_equal(json_text(body, "metadata.namespace", ""), w->ns);
		assert_string_equal(json_text(body, "metadata.name", ""), w->name);
		assert_string_equal(json_text(body, "kind", ""), kind_name(w->kind));
		assert_true(json_put_int(body, "metadata.generation", 1));
		*ret = fake_store(f, w->kind, body);
		body = NULL;
	} else if (w->verb == WRITE_PATCH) {
		r = fake_do_patch(f, w, body, ret);
	} else {
		r = fake_do_delete(f, w, body);
	}
	cJSON_Delete(body);
	return r;
}

static inline void fake_call_free(struct fake_call *c)
{
	free((char *)(uintptr_t)c->write.ns);
	free((char *)(uintptr_t)c->write.name);
	free((char *)(uintptr_t)c->write.body);
	free((char *)(uintptr_t)c->write.subresource);
	free(c);
}

static inline void fake_tell(struct fake *f)
{
	while (f->changes) {
		struct fake_change *c = f->changes;
		f->changes = c->next;
		if (f->cluster.changed)
			f->cluster.changed(f->cluster.changed_owner, c->what, &c->object->o);
		fake_object_free(c->object);
		free(c);
	}
}

static inline bool fake_take(struct fake *f, uint64_t id, struct fake_call **ret)
{
	struct fake_call **at = &f->calls;
	while (*at && (*at)->id != id)
		at = &(*at)->next;
	if (!*at)
		return false;
	*ret = *at;
	*at = (*at)->next;
	return true;
}

static inline void fake_finish(struct fake *f, struct fake_call *c)
{
	struct fake_object *now = NULL;
	struct error why = { .text = "" };
	enum result r = RC_OK;
	uint64_t id = c->id;
	bool fails = !c->is_event && (f->fail_all || (f->fail_nth && --f->fail_nth == 0));
	if (fails)
		r = error_set(&why, f->fail_with, "the server said no");
	else if (!c->is_event)
		r = fake_do(f, &c->write, &now);
	f->conflicts += r == RC_CONFLICT && !fails;
	if (r != RC_OK && !fails)
		(void)error_set(&why, r, "%s %s: %s", kind_name(c->write.kind), c->write.name, result_name(r));
	if (f->early)
		fake_tell(f); /* whoever hears of it may cancel this very call */
	if (!fake_take(f, id, &c))
		return;
	cluster_done *done = c->done;
	void *owner = c->owner;
	fake_call_free(c);
	if (done)
		done(owner, r, r == RC_OK && now ? &now->o : NULL, r == RC_OK ? NULL : &why);
}

/* One call a turn, then what has changed: the completions come before the changes, or after (early). */
static inline void fake_work(void *owner)
{
	struct fake *f = owner;
	if (f->calls && !f->held)
		fake_finish(f, f->calls);
	else
		fake_tell(f);
	if ((f->calls && !f->held) || f->changes)
		loop_defer(f->loop, &f->work, fake_work, f);
}

static inline void fake_release(struct fake *f)
{
	f->held = false;
	loop_defer(f->loop, &f->work, fake_work, f);
}

static inline uint64_t fake_call_add(struct fake *f, const struct write *w, bool is_event, cluster_done *done,
				     void *owner)
{
	struct fake_call *c = calloc(1, sizeof *c), **end = &f->calls;
	assert_non_null(c);
	*c = (struct fake_call){ .id = ++f->last_id, .write = *w, .is_event = is_event, .done = done, .owner = owner };
	c->write.ns = strdup(w->ns);
	c->write.name = strdup(w->name);
	c->write.body = w->body ? strdup(w->body) : NULL;
	c->write.subresource = strdup(w->subresource ? w->subresource : "");
	while (*end)
		end = &(*end)->next;
	*end = c;
	loop_defer(f->loop, &f->work, fake_work, f);
	return c->id;
}

/* ---- the seam ---- */

static inline void fake_op_destroy(struct cluster *c)
{
	struct fake *f = fake_of(c);
	loop_defer_cancel(&f->work);
	loop_defer_cancel(&f->sweep);
	fake_sweep(f);
	f->cluster.changed = NULL;
	fake_tell(f);
	while (f->objects) {
		struct fake_object *next = f->objects->next;
		fake_object_free(f->objects);
		f->objects = next;
	}
	while (f->calls) {
		struct fake_call *next = f->calls->next;
		fake_call_free(f->calls);
		f->calls = next;
	}
	while (f->events) {
		struct fake_event *next = f->events->next;
		free(f->events->text);
		free(f->events->key);
		free(f->events);
		f->events = next;
	}
	free(f);
}
static inline void fake_op_start(struct cluster *c)
{
	fake_of(c)->started_once = true;
}
static inline void fake_op_want(struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	(void)kind;
	(void)ns;
	(void)name;
	fake_of(c)->started++;
}
static inline void fake_op_unwant(struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	(void)kind;
	(void)ns;
	(void)name;
	assert_true(fake_of(c)->started > 0);
	fake_of(c)->started--;
}
static inline bool fake_op_synced(const struct cluster *c, enum kind kind)
{
	(void)c;
	(void)kind;
	return true;
}
static inline struct wall_ms fake_op_unreachable(const struct cluster *c)
{
	return fake_of(c)->unreachable;
}
static inline const struct object *fake_op_find(const struct cluster *c, enum kind kind, const char *ns,
						const char *name)
{
	struct fake_object *o = *fake_slot(fake_of(c), kind, ns, name);
	return o ? &o->o : NULL;
}
static inline bool fake_op_known(const struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	(void)kind;
	(void)ns;
	(void)name;
	return !fake_of(c)->unknown;
}
static inline void fake_op_each(const struct cluster *c, enum kind kind, const char *ns,
				bool (*visit)(void *owner, const struct object *o), void *owner)
{
	for (struct fake_object *o = fake_of(c)->objects; o; o = o->next)
		if (o->o.kind == kind && (!ns || text_eq(ns, o->ns)) && !visit(owner, &o->o))
			return;
}
static inline uint64_t fake_op_write(struct cluster *c, const struct write *w, cluster_done *done, void *owner)
{
	struct fake *f = fake_of(c);
	f->writes[w->kind]++;
	f->all_writes++;
	return fake_call_add(f, w, false, done, owner);
}
static inline uint64_t fake_op_record(struct cluster *c, const struct cluster_event *ev, cluster_done *done,
				      void *owner)
{
	struct fake *f = fake_of(c);
	struct fake_event **end = &f->events;
	f->records++;
	for (; *end; end = &(*end)->next)
		if (ev->key ? text_eq((*end)->key, ev->key) : !(*end)->key && text_eq((*end)->text, ev->message))
			break;
	if (*end && !ev->key)
		(*end)->count++;
	if (!*end) {
		*end = calloc(1, sizeof **end);
		assert_non_null(*end);
		**end = (struct fake_event){ .warning = ev->warning,
					     .text = strdup(ev->message),
					     .key = ev->key ? strdup(ev->key) : NULL,
					     .count = 1 };
	}
	return fake_call_add(f, &(struct write){ .ns = "", .name = "" }, true, done, owner);
}
static inline void fake_op_cancel(struct cluster *c, uint64_t id)
{
	struct fake_call *call;
	if (fake_take(fake_of(c), id, &call))
		fake_call_free(call);
}
static inline void fake_op_lead(struct cluster *c, const struct leadership *l)
{
	(void)c;
	(void)l;
}
static inline bool fake_op_leading(const struct cluster *c)
{
	return !fake_of(c)->not_leading;
}

static inline struct fake *fake_create(struct loop *l)
{
	static const struct cluster_ops ops = {
		.destroy = fake_op_destroy,
		.start = fake_op_start,
		.want = fake_op_want,
		.unwant = fake_op_unwant,
		.synced = fake_op_synced,
		.unreachable_since = fake_op_unreachable,
		.find = fake_op_find,
		.known = fake_op_known,
		.each = fake_op_each,
		.write = fake_op_write,
		.record = fake_op_record,
		.cancel = fake_op_cancel,
		.lead = fake_op_lead,
		.leading = fake_op_leading,
	};
	struct fake *f = calloc(1, sizeof *f);
	assert_non_null(f);
	f->cluster.ops = &ops;
	f->cluster.name = "prod";
	f->loop = l;
	return f;
}

static inline void fake_turn(struct fake *f)
{
	(void)uv_run(loop_uv(f->loop), UV_RUN_NOWAIT);
}

#include "controller/engine/runner.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"

/* ---- interests: which objects wake this canary ---- */

static struct interest *interest_find(struct engine *g, enum kind kind, const char *ns, const char *name, bool make)
{
	char key[600];
	int n = snprintf(key, sizeof key, "%d/%s/%s", (int)kind, ns, name);
	if (n < 0 || (size_t)n >= sizeof key)
		return NULL;
	struct interest *i;
	HASH_FIND(hh, g->interests, key, (size_t)n, i);
	if (i || !make)
		return i;
	i = calloc(1, sizeof *i);
	if (!i)
		return NULL;
	*i = (struct interest){ .kind = kind, .key = dup_text(key), .ns = dup_text(ns), .name = dup_text(name) };
	if (!i->key || !i->ns || !i->name) {
		free(i->key);
		free(i->ns);
		free(i->name);
		free(i);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, g->interests, i->key, (size_t)n, i);
	return i;
}

static void interest_free(struct engine *g, struct interest *i)
{
	HASH_DEL(g->interests, i);
	free(i->runners);
	free(i->key);
	free(i->ns);
	free(i->name);
	free(i);
}

static void interest_drop(struct runner *r, struct interest *i)
{
	for (size_t k = 0; k < i->count; k++)
		if (i->runners[k] == r) {
			i->runners[k] = i->runners[--i->count];
			break;
		}
	cluster_unwant(r->engine->o.cluster, i->kind, i->ns, i->name);
	if (!i->count)
		interest_free(r->engine, i);
}

static bool grow(void **at, size_t *cap, size_t count, size_t size)
{
	if (count < *cap)
		return true;
	size_t bigger = *cap ? *cap * 2 : 4;
	void *moved = reallocarray(*at, bigger, size);
	if (!moved)
		return false;
	*at = moved;
	*cap = bigger;
	return true;
}

/* Interests that a round of wants confirms move to the front; what is left behind is not wanted any more. */
struct wants {
	struct runner *runner;
	size_t confirmed;
};

static void swap_interests(struct interest **at, size_t x, size_t y)
{
	struct interest *kept = at[x];
	at[x] = at[y];
	at[y] = kept;
}

static void want_one(void *owner, enum kind kind, const char *ns, const char *name)
{
	struct wants *w = owner;
	struct runner *r = w->runner;
	if (text_empty(ns) || text_empty(name))
		return;
	for (size_t k = 0; k < r->interest_count; k++)
		if (r->interests[k]->kind == kind && text_eq(r->interests[k]->name, name) &&
		    text_eq(r->interests[k]->ns, ns)) {
			if (k >= w->confirmed)
				swap_interests(r->interests, k, w->confirmed++);
			return;
		}
	struct interest *i = interest_find(r->engine, kind, ns, name, true);
	if (!i || !grow((void **)&i->runners, &i->cap, i->count, sizeof(struct runner *)) ||
	    !grow((void **)&r->interests, &r->interest_cap, r->interest_count, sizeof(struct interest *))) {
		if (i && !i->count)
			interest_free(r->engine, i);
		return;
	}
	i->runners[i->count++] = r;
	r->interests[r->interest_count++] = i;
	swap_interests(r->interests, r->interest_count - 1, w->confirmed++);
	cluster_want(r->engine->o.cluster, kind, ns, name);
}

/* And the keys that it refers to, which are in its own namespace. */
static void want_template(struct wants *w, const struct plan *p, const char *ns, const char *name)
{
	want_one(w, KIND_METRIC_TEMPLATE, ns, name);
	CLEANUP(json_delete_p) cJSON *t = plan_tree(p, KIND_METRIC_TEMPLATE, ns, name);
	want_one(w, KIND_SECRET, ns, json_text(t, "spec.provider.secretRef.name", ""));
}

void runner_want(struct runner *r)
{
	struct arena *a = arena_create(TICK_ARENA_BYTES);
	if (!a || !r->canary) {
		arena_destroy(a);
		return;
	}
	struct plan p;
	struct wants w = { .runner = r };
	plan_begin(r, r->canary, a, &p);
	const struct target *t = target_find(r->canary->target.kind);
	const struct router *router = router_of(&p);
	if (t)
		t->wants(&p, want_one, &w);
	if (router)
		router->wants(router, &p, want_one, &w);
	const struct analysis *an = &r->canary->analysis;
	for (size_t i = 0; i < an->metric_count; i++) {
		const struct object_ref *ref = &an->metrics[i].template_ref;
		if (!text_empty(ref->name))
			want_template(&w, &p, text_empty(ref->ns) ? r->ns : ref->ns, ref->name);
	}
	alerts_wants(&p, want_one, &w);
	while (r->interest_count > w.confirmed)
		interest_drop(r, r->interests[--r->interest_count]);
	arena_destroy(a);
}

static void drop_interests(struct runner *r)
{
	while (r->interest_count)
		interest_drop(r, r->interests[--r->interest_count]);
	free(r->interests);
	r->interests = NULL;
	r->interest_cap = 0;
}

/* ---- life ---- */

const struct canary *runner_canary(const struct runner *r)
{
	if (r->invalid)
		return NULL;
	return r->canary ? r->canary : r->tick ? r->tick->canary : NULL;
}

static void say_invalid(struct runner *r, const struct object *o)
{
	if (r->invalid_said || !cluster_leading(r->engine->o.cluster))
		return;
	r->invalid_said = true;
	log_warn("canary_invalid", "canary=%s why=%s", r->key, r->invalid);
	struct cluster_event ev = { .ns = r->ns,
				    .name = r->name,
				    .uid = r->uid,
				    .api_version = "flagger.app/v1beta1",
				    .kind = "Canary",
				    .resource_version = o->resource_version,
				    .warning = true,
				    .reason = "Synced",
				    .message = r->invalid };
	(void)cluster_record(r->engine->o.cluster, &ev, NULL, NULL);
}

/* ---- the mark: a condition on the object itself, so that "kubectl describe" says what is wrong ---- */

static cJSON *condition(const struct runner *r, const char *status, const char *reason, const char *message)
{
	CLEANUP(json_delete_p) cJSON *c = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	char now[32];
	wall_print(loop_wall(r->engine->o.loop), now);
	bool ok = c && list && json_put_text(c, "type", "Promoted") && json_put_text(c, "status", status) &&
		  json_put_text(c, "reason", reason) && json_put_text(c, "message", message) &&
		  json_put_text(c, "lastUpdateTime", now) && json_put_text(c, "lastTransitionTime", now) &&
		  cJSON_AddItemToArray(list, c);
	if (!ok)
		return NULL;
	(void)TAKE(c);
	return TAKE(list);
}

static void marked(void *owner, enum result rc, const struct object *now, const struct error *why)
{
	(void)now;
	struct runner *r = owner;
	r->marking = 0;
	if (rc != RC_OK && rc != RC_CONFLICT && rc != RC_NOT_FOUND)
		log_warn("canary_not_marked", "canary=%s why=%s", r->key, why ? why->text : result_name(rc));
}

/* status: the members that change. What the API demands of every status is added as it is. */
static void write_mark(struct runner *r, const struct object *o, const cJSON *object, cJSON *conditions, cJSON *mark)
{
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	bool ok = json_put(patch, "status.conditions", conditions);
	ok = json_put(patch, "status.rollcall.invalid", mark) && ok;
	ok = ok && json_put_text(patch, "metadata.resourceVersion", o->resource_version) &&
	     json_put_text(patch, "status.phase", json_text(object, "status.phase", "")) &&
	     json_put_int(patch, "status.failedChecks", json_int(object, "status.failedChecks", 0)) &&
	     json_put_int(patch, "status.canaryWeight", json_int(object, "status.canaryWeight", 0)) &&
	     json_put_int(patch, "status.iterations", json_int(object, "status.iterations", 0));
	CLEANUP(free_p) char *body = ok ? json_print(patch) : NULL;
	if (!body)
		return;
	struct write w = { .verb = WRITE_PATCH,
			   .kind = KIND_CANARY,
			   .ns = r->ns,
			   .name = r->name,
			   .body = body,
			   .subresource = "status" };
	r->marking = cluster_write(r->engine->o.cluster, &w, marked, r);
}

static bool may_mark(const struct runner *r)
{
	return !r->marking && cluster_leading(r->engine->o.cluster);
}

/* Once for each text. */
static void mark_invalid(struct runner *r, const struct object *o, const cJSON *object)
{
	if (may_mark(r) && !text_eq(json_text(object, "status.rollcall.invalid", ""), r->invalid))
		write_mark(r, o, object, condition(r, "False", "Invalid", r->invalid), cJSON_CreateString(r->invalid));
}

/* It can be used again: the condition says what the phase says, as if nothing had been. */
static void clear_mark(struct runner *r, const struct object *o, const cJSON *object)
{
	if (!may_mark(r) || !json_at(object, "status.rollcall.invalid"))
		return;
	struct arena *a = arena_create(TICK_ARENA_BYTES);
	const struct canary *c = r->canary;
	const char *status = "", *message = "";
	if (a && c->status.phase != PHASE_NONE)
		phase_condition(c->status.phase, c->target.kind, a, &status, &message);
	write_mark(r, o, object,
		   *status ? condition(r, status, phase_name(c->status.phase), message) : cJSON_CreateNull(),
		   cJSON_CreateNull());
	arena_destroy(a);
}

void runner_update(struct runner *r, const struct object *o)
{
	CLEANUP(json_delete_p) cJSON *object = NULL;
	struct canary *fresh = NULL;
	struct error e = { .code = RC_OK };
	if (json_parse(o->json, o->json_len, &object, &e) == RC_OK && canary_parse(object, &fresh, &e) == RC_OK) {
		canary_free(r->canary);
		r->canary = fresh;
		set_text(&r->invalid, NULL);
		r->invalid_said = false;
		runner_want(r);
		clear_mark(r, o, object);
		return;
	}
	if (!text_eq(r->invalid, e.text))
		r->invalid_said = false;
	set_text(&r->invalid, e.text);
	/* The rollout stays where it is: traffic keeps flowing as the last good version left it. */
	canary_free(r->canary);
	r->canary = NULL;
	if (!r->invalid)
		return; /* no memory even for that; the next change tries again */
	say_invalid(r, o);
	if (object)
		mark_invalid(r, o, object);
	runner_show(r, NEWS_CHANGED, "", false, 0, NULL);
}

void runner_check(struct runner *r)
{
	const struct object *o = cluster_find(r->engine->o.cluster, KIND_CANARY, r->ns, r->name);
	if (o && text_eq(o->uid, r->uid))
		runner_update(r, o);
	runner_wake(r);
}

/* A verb that somebody is waiting for, and that the tick under way knows nothing of. */
static bool request_is_new(const struct runner *r)
{
	const struct canary *now = r->canary, *then = r->tick->canary;
	return now && now->has_request && !text_eq(now->request.id, now->status.own.request.id) &&
	       !(then->has_request && text_eq(then->request.id, now->request.id));
}

static void tick_now(void *owner)
{
	struct runner *r = owner;
	if (r->tick && request_is_new(r) && tick_droppable(r->tick)) {
		/* A slow hook must not make a person wait, who perhaps wants the way back. */
		r->person = true;
		tick_destroy(r->tick);
	}
	if (r->tick)
		r->again = true;
	else
		tick_begin(r);
}

void runner_wake(struct runner *r)
{
	loop_defer(r->engine->o.loop, &r->soon, tick_now, r);
}

struct runner *runner_create(struct engine *g, const struct object *o)
{
	struct runner *r = calloc(1, sizeof *r);
	size_t len = strlen(o->ns) + strlen(o->name) + 2;
	if (!r)
		return NULL;
	*r = (struct runner){ .engine = g,
			      .ns = dup_text(o->ns),
			      .name = dup_text(o->name),
			      .uid = dup_text(o->uid),
			      .key = malloc(len),
			      .counted_ms = -1,
			      .retry_ms = RETRY_FIRST_MS };
	if (!r->ns || !r->name || !r->uid || !r->key) {
		log_error("no_memory", "canary=%s/%s", o->ns, o->name);
		free(r->ns);
		free(r->name);
		free(r->uid);
		free(r->key);
		free(r);
		return NULL;
	}
	(void)snprintf(r->key, len, "%s/%s", r->ns, r->name);
	HASH_ADD_KEYPTR(hh, g->by_name, r->key, strlen(r->key), r);
	HASH_ADD_KEYPTR(hu, g->by_uid, r->uid, strlen(r->uid), r);
	metric_inc(g->total, 1, r->ns);
	runner_update(r, o);
	return r;
}

void runner_destroy(struct runner *r)
{
	if (!r)
		return;
	timer_stop(&r->wake);
	loop_defer_cancel(&r->soon);
	tick_destroy(r->tick);
	if (r->marking)
		cluster_cancel(r->engine->o.cluster, r->marking);
	drop_interests(r);
	HASH_DELETE(hh, r->engine->by_name, r);
	HASH_DELETE(hu, r->engine->by_uid, r);
	metric_inc(r->engine->total, -1, r->ns);
	canary_free(r->canary);
	char *const owned[] = { r->ns,
				r->name,
				r->uid,
				r->key,
				r->invalid,
				r->gate_policy,
				r->gate_name,
				r->next,
				r->message,
				r->seen.target_images,
				r->seen.source_images,
				r->seen.identity,
				r->seen.requested_by };
	for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
		free(owned[i]);
	for (size_t i = 0; r->answers && i < REMEMBERED_MAX; i++)
		free(r->answers[i].text);
	free(r->answers);
	free(r->checks);
	free(r);
}

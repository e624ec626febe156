#include "controller/engine/verbs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/engine/runner.h"

struct verb_call {
	struct engine *engine;
	uint64_t call;
	char *key; /* "ns/name" of the canary; owned */
	engine_recorded *done;
	void *owner;
	struct deferred soon; /* answers that need no server */
	struct error why;
	struct verb_call *next, **at;
};

static void verb_free(struct verb_call *v)
{
	loop_defer_cancel(&v->soon);
	*v->at = v->next;
	if (v->next)
		v->next->at = v->at;
	free(v->key);
	free(v);
}

static void verb_answer(struct verb_call *v, enum result r, const struct error *why)
{
	engine_recorded *done = v->done;
	void *owner = v->owner;
	struct error text = *why;
	verb_free(v);
	if (done)
		done(owner, r, &text);
}

static void verb_refused(void *owner)
{
	struct verb_call *v = owner;
	verb_answer(v, v->why.code, &v->why);
}

static void verb_written(void *owner, enum result r, const struct object *now, const struct error *why)
{
	(void)now;
	struct verb_call *v = owner;
	struct error none = { .code = r };
	struct runner *asked = NULL;
	v->call = 0;
	HASH_FIND(hh, v->engine->by_name, v->key, strlen(v->key), asked);
	if (asked && r == RC_OK) {
		asked->person = true;
		runner_wake(asked);
	}
	verb_answer(v, r, why ? why : &none);
}

static cJSON *request_json(const struct engine_request *q, struct wall_ms now)
{
	cJSON *j = cJSON_CreateObject();
	char at[32];
	wall_print(now, at);
	bool ok = j && json_put_text(j, "id", q->id) && json_put_text(j, "verb", engine_verb_name(q->verb)) &&
		  json_put_text(j, "by", q->by ? q->by : "") && json_put_text(j, "at", at) &&
		  json_put_text(j, "revision", q->revision ? q->revision : "") &&
		  json_put_text(j, "reason", q->reason ? q->reason : "");
	if (ok && q->verb == VERB_WEIGHT)
		ok = json_put_int(j, "weight", q->weight);
	if (ok && q->override_gates)
		ok = json_put(j, "override", cJSON_CreateTrue());
	if (ok)
		return j;
	cJSON_Delete(j);
	return NULL;
}

/* {"metadata":{"annotations":{"rollcall.dev/request":"{...}"}}}; malloc'ed, NULL: no memory. */
static char *request_patch(const struct engine_request *q, struct wall_ms now)
{
	CLEANUP(json_delete_p) cJSON *request = request_json(q, now);
	CLEANUP(free_p) char *text = request ? json_print(request) : NULL;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	if (!text || !patch || !json_put_text(patch, "metadata.annotations.rollcall\\.dev/request", text))
		return NULL;
	return json_print(patch);
}

/* The request on the Canary that is still to be carried out; NULL none. */
static const struct request *pending_of(const struct runner *r)
{
	const struct canary *c = runner_canary(r);
	return c && c->has_request && !text_eq(c->request.id, c->status.own.request.id) ? &c->request : NULL;
}

static bool being_recorded(const struct engine *g, const struct verb_call *but, const char *key)
{
	for (const struct verb_call *v = g->verbs; v; v = v->next)
		if (v != but && v->call && text_eq(v->key, key))
			return true;
	return false;
}

/* The annotation has room for one: whoever asked for what was there before must not wait for ever. */
static void tell_replaced(struct runner *r, const struct request *old, const struct engine_request *q)
{
	assert(r);
	struct arena *a = arena_create(TICK_ARENA_BYTES);
	const struct rollout *value = a ? runner_rollout(r, a) : NULL;
	char text[128];
	(void)snprintf(text, sizeof text, "%.40s took its place", engine_verb_name(q->verb));
	if (value && !text_eq(old->id, q->id))
		engine_tell(r->engine, &(struct rollout_event){ .news = NEWS_REQUEST_DONE,
								.rollout = value,
								.text = text,
								.request_id = old->id,
								.refused = true });
	arena_destroy(a);
}

static enum result may_request(struct engine *g, const struct engine_request *q, const struct verb_call *v,
			       const struct runner *r, struct error *e)
{
	if (!r)
		return error_set(e, RC_NOT_FOUND, "no canary %s/%s", q->ns, q->name);
	if (!cluster_leading(g->o.cluster))
		return error_set(e, RC_UNREACHABLE, "this replica does not lead; try again");
	if (r->invalid)
		return error_set(e, RC_REFUSED, "canary %s/%s cannot be used: %s", q->ns, q->name, r->invalid);
	if (q->verb == VERB_ROLLBACK)
		return RC_OK; /* the way back never waits */
	const struct request *old = pending_of(r);
	if (old && text_eq(old->id, q->id))
		return RC_OK;
	if (old || being_recorded(g, v, r->key))
		return error_set(e, RC_CONFLICT, "%s is still being carried out; try again when it is done",
				 old ? old->verb : "another request");
	return RC_OK;
}

void engine_request(struct engine *g, const struct engine_request *q, engine_recorded *done, void *owner)
{
	struct verb_call *v = calloc(1, sizeof *v);
	struct runner *r = engine_runner(g, q->ns, q->name);
	char *key = v ? dup_text(r ? r->key : "") : NULL;
	if (!key) {
		struct error e;
		error_set(&e, RC_EXHAUSTED, "no memory for the request");
		free(v);
		if (done)
			done(owner, RC_EXHAUSTED, &e);
		return;
	}
	*v = (struct verb_call){
		.engine = g, .key = key, .done = done, .owner = owner, .next = g->verbs, .at = &g->verbs
	};
	if (v->next)
		v->next->at = &v->next;
	g->verbs = v;

	CLEANUP(free_p) char *patch = r ? request_patch(q, loop_wall(g->o.loop)) : NULL;
	enum result may = may_request(g, q, v, r, &v->why);
	if (may == RC_OK && !patch)
		may = error_set(&v->why, RC_EXHAUSTED, "no memory for the request");
	if (may != RC_OK) {
		loop_defer(g->o.loop, &v->soon, verb_refused, v);
		return;
	}
	const struct request *old = pending_of(r);
	if (old)
		tell_replaced(r, old, q);
	struct write w = {
		.verb = WRITE_PATCH, .kind = KIND_CANARY, .ns = q->ns, .name = q->name, .body = patch, .subresource = ""
	};
	v->call = cluster_write(g->o.cluster, &w, verb_written, v);
}

void verbs_cancel_all(struct engine *g)
{
	while (g->verbs) {
		struct verb_call *v = g->verbs;
		if (v->call)
			cluster_cancel(g->o.cluster, v->call);
		verb_free(v);
	}
}

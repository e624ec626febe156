#include "controller/engine/verbs.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/engine/runner.h"

struct verb_call {
	struct engine *engine;
	uint64_t call;
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
	v->call = 0;
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

void engine_request(struct engine *g, const struct engine_request *q, engine_recorded *done, void *owner)
{
	struct verb_call *v = calloc(1, sizeof *v);
	if (!v) {
		struct error e;
		error_set(&e, RC_EXHAUSTED, "no memory for the request");
		if (done)
			done(owner, RC_EXHAUSTED, &e);
		return;
	}
	*v = (struct verb_call){ .engine = g, .done = done, .owner = owner, .next = g->verbs, .at = &g->verbs };
	if (v->next)
		v->next->at = &v->next;
	g->verbs = v;

	struct runner *r = engine_runner(g, q->ns, q->name);
	CLEANUP(free_p) char *patch = r ? request_patch(q, loop_wall(g->o.loop)) : NULL;
	if (!r)
		error_set(&v->why, RC_NOT_FOUND, "no canary %s/%s", q->ns, q->name);
	else if (!cluster_leading(g->o.cluster))
		error_set(&v->why, RC_UNREACHABLE, "this replica does not lead; try again");
	else if (!patch)
		error_set(&v->why, RC_EXHAUSTED, "no memory for the request");
	if (v->why.code != RC_OK) {
		loop_defer(g->o.loop, &v->soon, verb_refused, v);
		return;
	}
	r->person = true;
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

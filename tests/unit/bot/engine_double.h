#pragma once
/* The engine as the bot sees it: rollouts that the test sets, requests that it answers. */
#include "controller/engine.h"

#include "base/text.h"

struct engine {
	struct loop *loop;
	struct rollout rollouts[8];
	size_t count;
	struct {
		engine_listener *cb;
		void *owner;
	} listeners[8];
	size_t listener_count;
	/* the last request */
	int requests, decided;
	char id[64], verb[16], name[64], by[64], reason[64], revision[64];
	int weight;
	bool override_gates;
	bool silent; /* it is answered by hand */
	enum result result;
	engine_recorded *done; /* of the last one */
	void *owner;
	struct engine_double_call {
		struct engine *engine;
		engine_recorded *done;
		void *owner;
		struct deferred soon;
	} calls[16]; /* being answered */
	bool unsynced;
};

static const char *const engine_double_verbs[VERB_COUNT] = { "promote", "rollback", "pause",   "resume",
							     "restart", "weight",   "complete" };

const char *engine_verb_name(enum engine_verb v)
{
	return engine_double_verbs[v];
}

enum result engine_verb_parse(const char *name, enum engine_verb *ret, struct error *e)
{
	for (unsigned v = 0; v < VERB_COUNT; v++)
		if (text_eq(name, engine_double_verbs[v])) {
			*ret = (enum engine_verb)v;
			return RC_OK;
		}
	return error_set(e, RC_INVALID, "\"%s\" is not a verb", name);
}

void engine_listen(struct engine *g, engine_listener *cb, void *owner)
{
	g->listeners[g->listener_count].cb = cb;
	g->listeners[g->listener_count++].owner = owner;
}

static const struct rollout *engine_double_value(const struct rollout *r, struct arena *a)
{
	struct rollout *v = arena_alloc(a, 1, sizeof *v);
	if (v)
		*v = *r;
	return v;
}

const struct rollout *engine_find(struct engine *g, const char *ns, const char *name, struct arena *a)
{
	for (size_t i = 0; i < g->count; i++)
		if (text_eq(g->rollouts[i].ns, ns) && text_eq(g->rollouts[i].name, name))
			return engine_double_value(&g->rollouts[i], a);
	return NULL;
}

const struct rollout *engine_find_uid(struct engine *g, const char *uid, struct arena *a)
{
	for (size_t i = 0; i < g->count; i++)
		if (text_eq(g->rollouts[i].uid, uid))
			return engine_double_value(&g->rollouts[i], a);
	return NULL;
}

const struct rollout *const *engine_list(struct engine *g, const char *ns, struct arena *a, size_t *ret_count)
{
	const struct rollout **list = arena_alloc(a, g->count + 1, sizeof *list);
	size_t n = 0;
	for (size_t i = 0; list && i < g->count; i++)
		if (!ns || text_eq(ns, g->rollouts[i].ns))
			list[n++] = engine_double_value(&g->rollouts[i], a);
	*ret_count = n;
	return list;
}

bool engine_synced(const struct engine *g)
{
	return !g->unsynced;
}

void engine_gate_decided(struct engine *g, const char *uid)
{
	(void)uid;
	g->decided++;
}

static void engine_double_answer(void *owner)
{
	struct engine_double_call *c = owner;
	struct error e = { .code = c->engine->result, .text = "the API server said no" };
	engine_recorded *done = TAKE(c->done);
	done(c->owner, c->engine->result, &e);
}

static void engine_double_stop(struct engine *g)
{
	for (size_t i = 0; i < sizeof g->calls / sizeof *g->calls; i++) {
		loop_defer_cancel(&g->calls[i].soon);
		g->calls[i].done = NULL;
	}
	g->done = NULL;
}

void engine_request(struct engine *g, const struct engine_request *q, engine_recorded *done, void *owner)
{
	g->requests++;
	(void)snprintf(g->id, sizeof g->id, "%s", q->id);
	(void)snprintf(g->verb, sizeof g->verb, "%s", engine_verb_name(q->verb));
	(void)snprintf(g->name, sizeof g->name, "%s/%s", q->ns, q->name);
	(void)snprintf(g->by, sizeof g->by, "%s", q->by);
	(void)snprintf(g->reason, sizeof g->reason, "%s", q->reason);
	(void)snprintf(g->revision, sizeof g->revision, "%s", q->revision);
	g->weight = q->weight;
	g->override_gates = q->override_gates;
	g->done = done;
	g->owner = owner;
	struct engine_double_call *c = g->calls;
	while (c->done)
		c++;
	if (g->silent)
		return;
	*c = (struct engine_double_call){ .engine = g, .done = done, .owner = owner };
	loop_defer(g->loop, &c->soon, engine_double_answer, c);
}

static void engine_double_tell(struct engine *g, const struct rollout_event *ev)
{
	for (size_t i = 0; i < g->listener_count; i++)
		g->listeners[i].cb(g->listeners[i].owner, ev);
}

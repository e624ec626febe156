#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "controller/engine/runner.h"

/* An event hook being called. It outlives its tick: a slow receiver must not slow a rollout. */
struct event_post {
	struct engine *engine;
	struct hook_call *call;
	char *hook, *canary; /* owned; for the log */
	struct event_post *next, **at;
};

static void post_free(struct event_post *p)
{
	hook_cancel(&p->call);
	*p->at = p->next;
	if (p->next)
		p->next->at = p->at;
	free(p->hook);
	free(p->canary);
	free(p);
}

static void posted(void *owner, enum verdict verdict, const char *text)
{
	struct event_post *p = owner;
	p->call = NULL;
	if (verdict != ANSWER_YES)
		log_warn("event_hook_failed", "canary=%s hook=%s why=%.200s", p->canary, p->hook, text);
	post_free(p);
}

static void post(struct runner *r, const struct canary *c, const struct hook *h, const struct saying *s)
{
	struct engine *g = r->engine;
	struct event_post *p = calloc(1, sizeof *p);
	if (!p)
		return;
	*p = (struct event_post){
		.engine = g, .hook = dup_text(h->name), .canary = dup_text(r->key), .next = g->posts, .at = &g->posts
	};
	if (p->next)
		p->next->at = &p->next;
	g->posts = p;
	struct hook_ask ask = { .canary = c,
				.hook = h,
				.phase = s->phase,
				.key = s->key,
				.event_message = s->text,
				.event_warning = s->warning,
				.at = loop_wall(g->o.loop) };
	p->call = hook_start(g->hooks, &ask, posted, p);
	if (!p->call)
		post_free(p);
}

static void post_all(struct runner *r, const struct canary *c, const struct saying *s)
{
	bool own = false;
	for (size_t i = 0; i < c->analysis.hook_count; i++)
		if (c->analysis.hooks[i].type == HOOK_EVENT) {
			own = true;
			post(r, c, &c->analysis.hooks[i], s);
		}
	const char *everybody = r->engine->o.controller->event_webhook;
	if (own || text_empty(everybody))
		return;
	struct hook h = { .name = "events", .url = everybody, .type = HOOK_EVENT, .timeout_ms = 10000 };
	post(r, c, &h, s);
}

/* A tick that has to be repeated says the same again: the record knows the key, hooks and listeners are spared. */
static bool said_before(struct runner *r, const char *key)
{
	if (!key)
		return false;
	uint64_t hash = text_hash(0, key);
	for (size_t i = 0; i < REMEMBERED_MAX; i++)
		if (r->said[i] == hash)
			return true;
	r->said[r->said_at++ % REMEMBERED_MAX] = hash;
	return false;
}

uint64_t announce(struct runner *r, const struct canary *c, const struct saying *s, cluster_done *done, void *owner)
{
	if (!said_before(r, s->key)) {
		log_info("canary_event", "canary=%s type=%s text=%s", r->key, s->warning ? "Warning" : "Normal",
			 s->text);
		post_all(r, c, s);
		runner_show(r, NEWS_SAID, s->text, s->warning, 0, s->key);
	}
	struct cluster_event ev = { .ns = r->ns,
				    .name = r->name,
				    .uid = r->uid,
				    .api_version = "flagger.app/v1beta1",
				    .kind = "Canary",
				    .resource_version = c->resource_version,
				    .warning = s->warning,
				    .reason = "Synced",
				    .message = s->text,
				    .key = s->key };
	return cluster_record(r->engine->o.cluster, &ev, done, owner);
}

void announce_cancel_all(struct engine *g)
{
	while (g->posts)
		post_free(g->posts);
}

static uint64_t look_of_side(uint64_t h, const struct rollout_side *s)
{
	char text[96];
	(void)snprintf(text, sizeof text, "|%d|%d|%d|%d|", s->wanted, s->ready, s->available, s->weight);
	return text_hash(text_hash(h, text), s->images);
}

/* Over what a person would see change; the time of rendering is not part of it. */
static uint64_t look_of(const struct rollout *v)
{
	char text[256];
	(void)snprintf(text, sizeof text, "%d|%d|%d|%d|%d|%d|%d|%d|%d|%d|%d|%d|%lld|", (int)v->phase, v->active,
		       v->paused, v->suspended, v->completing, v->step, v->failed_checks, v->gate.waiting,
		       (int)v->gate.type, v->gate.step, v->gate.weight, v->gate.foreign,
		       (long long)v->unreachable_since.v);
	uint64_t h = look_of_side(look_of_side(text_hash(0, text), &v->stable), &v->canary);
	const char *const words[] = { v->revision, v->requested_by, v->next,      v->message,
				      v->invalid,  v->gate.policy,  v->gate.name, v->policy };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		h = text_hash(text_hash(h, words[i]), "|");
	for (size_t i = 0; i < v->check_count; i++)
		h = text_hash(text_hash(h, v->checks[i].value), v->checks[i].good ? "+" : "-");
	return h;
}

void runner_show(struct runner *r, enum rollout_news news, const char *text, bool warning, int severity,
		 const char *key)
{
	if (!r->engine->listener_count)
		return;
	struct arena *a = arena_create(TICK_ARENA_BYTES);
	struct rollout *v = a ? runner_rollout(r, a) : NULL;
	if (v && news == NEWS_CHANGED) {
		uint64_t look = look_of(v);
		if (look == r->shown)
			v = NULL; /* nothing that a person would notice */
		r->shown = look;
	}
	if (v)
		engine_tell(r->engine, &(struct rollout_event){ .news = news,
								.rollout = v,
								.text = text ? text : "",
								.warning = warning,
								.severity = severity,
								.key = key });
	arena_destroy(a);
}

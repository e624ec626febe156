#include "app/rehearsal.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "controller/routers/router.h"

/* Steps end when nothing has been left to wait for, or after a month. */
enum { NOTES_MAX = 64, TURNS_MAX = 200000, INIT_TURNS_MAX = 10000, QUIET_TURNS = 3, ASKED_MAX = 64 };
static const int64_t month_ms = 31ll * 24 * 3600 * 1000;

/* A gate that people have been asked at. */
struct asked {
	enum hook_type type;
	int step;
	const char *name;
	int64_t due_ms;
	bool told;
};
struct stage {
	const struct rehearsal_rules *rules;
	struct rehearsal *r;
	struct world *world;
	struct asked asked[ASKED_MAX];
	size_t asked_count;
	struct scene_note notes[NOTES_MAX];
	size_t note_count, heard;
	int64_t start_ms;
	bool begun, failing, no_memory;
};

const char *scene_kind_name(enum scene_kind k)
{
	static const char *const names[] = {
		[SCENE_SAID] = "said",         [SCENE_WARNED] = "warning", [SCENE_ASKED] = "asked",
		[SCENE_APPROVED] = "approved", [SCENE_CALLED] = "called",  [SCENE_FAILED] = "failing",
	};
	return names[k];
}

static void note(struct stage *s, enum scene_kind kind, const char *text)
{
	s->no_memory = s->no_memory || !text;
	if (text && s->begun && s->note_count < NOTES_MAX)
		s->notes[s->note_count++] = (struct scene_note){ kind, text };
}

/* ---- who answers ---- */

static struct asked *gate_of(struct stage *s, const struct question *q)
{
	for (size_t i = 0; i < s->asked_count; i++) {
		struct asked *a = &s->asked[i];
		if (a->type == q->type && a->step == q->step && text_eq(a->name, q->name))
			return a;
	}
	struct asked *a = &s->asked[s->asked_count < ASKED_MAX - 1 ? s->asked_count++ : ASKED_MAX - 1];
	const char *name = arena_strdup(s->world->arena, q->name ? q->name : "");
	int64_t after = s->rules->approve_after_ms;
	*a = (struct asked){ .type = q->type,
			     .step = q->step,
			     .name = name ? name : "",
			     .due_ms = after < 0 ? INT64_MAX : s->world->now.v + after };
	note(s, SCENE_ASKED,
	     q->step ? arena_printf(s->world->arena, "people are asked: %s, weight %d (policy %s)",
				    hook_type_name(q->type), q->weight, text_empty(q->policy) ? "default" : q->policy)
		     : arena_printf(s->world->arena, "people are asked: %s (policy %s)", hook_type_name(q->type),
				    text_empty(q->policy) ? "default" : q->policy));
	return a;
}

static void answer_gate(struct stage *s, const struct question *q, struct answer *ret)
{
	if (q->type == HOOK_ROLLBACK) { /* nobody wants to go back */
		ret->verdict = ANSWER_NO;
		return;
	}
	struct asked *a = gate_of(s, q);
	ret->verdict = s->world->now.v >= a->due_ms ? ANSWER_YES : ANSWER_NO;
	ret->by = "";
	if (ret->verdict == ANSWER_YES && !a->told) {
		a->told = true;
		note(s, SCENE_APPROVED, arena_printf(s->world->arena, "approved: %s", hook_type_name(a->type)));
	}
}

static bool is_failing(const struct stage *s)
{
	return s->begun && s->rules->fail_at >= 0 && s->world->routes.canary >= s->rules->fail_at &&
	       s->world->routes.canary > 0;
}

/* A value on the good side of every limit, or on the bad side of one. */
static double value_of(const struct metric_check *m, bool bad)
{
	bool range = m->has_min || m->has_max;
	bool floor = range ? m->has_min : text_eq(m->name, "request-success-rate");
	double limit = range ? (m->has_min ? m->min : m->max) : m->threshold;
	if (!bad)
		return limit;
	return floor ? limit * 0.9 - 1 : limit * 2 + 1;
}

static void call_hook(struct stage *s, const struct question *q, struct answer *ret)
{
	const struct hook *h = &s->world->canary.analysis.hooks[q->index];
	ret->verdict = h->type == HOOK_ROLLBACK ? ANSWER_NO : ANSWER_YES;
	if (h->type != HOOK_ROLLBACK && h->type != HOOK_ROLLOUT)
		note(s, SCENE_CALLED,
		     arena_printf(s->world->arena, "%s hook \"%s\" is called", hook_type_name(h->type), h->name));
}

static void answer(void *owner, const struct question *q, struct answer *ret)
{
	struct stage *s = owner;
	switch (q->kind) {
	case ASK_HOOK:
		call_hook(s, q, ret);
		break;
	case ASK_GATE:
		answer_gate(s, q, ret);
		break;
	case ASK_METRIC:
		ret->value = value_of(&s->world->canary.analysis.metrics[q->index], is_failing(s));
		break;
	case ASK_PROBE:
		break;
	}
}

/* ---- scenes ---- */

static void hear(struct stage *s)
{
	const struct world *w = s->world;
	for (; s->heard < w->said_count; s->heard++)
		if (!w->said[s->heard].alert) /* an alert says again what an event has said */
			note(s, w->said[s->heard].warning ? SCENE_WARNED : SCENE_SAID, w->said[s->heard].text);
}

static bool same(const struct scene *a, const struct scene *b)
{
	return a->phase == b->phase && a->weight == b->weight && a->stable_ready == b->stable_ready &&
	       a->stable_wanted == b->stable_wanted && a->canary_ready == b->canary_ready &&
	       a->canary_wanted == b->canary_wanted;
}

/* What is said each interval while it stands still is told once. */
static bool is_repeated(const struct stage *s, const struct scene *now)
{
	const struct rehearsal *r = s->r;
	if (!r->count || !same(&r->scenes[r->count - 1], now))
		return false;
	for (size_t i = 0; i < s->note_count; i++) {
		bool heard = false;
		for (size_t k = r->count; k > 0 && !heard && same(&r->scenes[k - 1], now); k--)
			for (size_t n = 0; n < r->scenes[k - 1].note_count; n++)
				heard = heard || text_eq(r->scenes[k - 1].notes[n].text, s->notes[i].text);
		if (!heard)
			return false;
	}
	return true;
}

static struct scene look(const struct stage *s)
{
	const struct world *w = s->world;
	return (struct scene){ .at_ms = w->now.v - s->start_ms,
			       .phase = w->canary.status.phase,
			       .weight = w->apex == WORLD_APEX_TARGET ? 100 : w->routes.canary,
			       .stable_ready = world_available(w, SIDE_SOURCE),
			       .stable_wanted = w->source.wanted,
			       .canary_ready = world_available(w, SIDE_TARGET),
			       .canary_wanted = w->target.wanted };
}

static enum result keep(struct stage *s, struct error *e)
{
	struct rehearsal *r = s->r;
	struct scene now = look(s);
	hear(s);
	if (is_repeated(s, &now)) {
		s->note_count = 0;
		return RC_OK;
	}
	if (r->count == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct scene *more = reallocarray(r->scenes, cap, sizeof *more);
		if (!more)
			return error_set(e, RC_EXHAUSTED, "no memory");
		r->scenes = more;
		r->cap = cap;
	}
	struct scene_note *notes = arena_alloc(s->world->arena, s->note_count + 1, sizeof *notes);
	if (!notes || s->no_memory)
		return error_set(e, RC_EXHAUSTED, "the release is too long to be told");
	memcpy(notes, s->notes, s->note_count * sizeof *notes);
	now.notes = notes;
	now.note_count = s->note_count;
	s->note_count = 0;
	r->scenes[r->count++] = now;
	return RC_OK;
}

/* ---- time ---- */

static void sooner(int64_t *wait, int64_t left)
{
	if (left > 0 && left < *wait)
		*wait = left;
}

/* To the next moment at which something can happen. */
static int64_t next_wait(const struct stage *s)
{
	const struct world *w = s->world;
	int64_t wait = w->canary.analysis.interval_ms > 0 ? w->canary.analysis.interval_ms : 1000;
	const struct world_side *sides[] = { &w->source, &w->target };
	if (w->last.kind == DECIDE_WAIT)
		sooner(&wait, w->last.wake_ms);
	for (size_t k = 0; k < 2; k++)
		for (int i = 0; i < sides[k]->pod_count; i++)
			sooner(&wait, sides[k]->pods[i].ready_at - w->now.v);
	for (size_t i = 0; i < s->asked_count; i++)
		if (s->asked[i].due_ms != INT64_MAX)
			sooner(&wait, s->asked[i].due_ms - w->now.v);
	return wait;
}

/* A decision of a person wakes the canary at once. */
static void wake_for_people(struct stage *s)
{
	for (size_t i = 0; i < s->asked_count; i++)
		if (!s->asked[i].told && s->asked[i].due_ms <= s->world->now.v)
			s->world->person = true;
}

/* Without metrics it is the pods that fail. */
static void fail_pods(struct stage *s)
{
	struct world_side *t = &s->world->target;
	if (!is_failing(s))
		return;
	if (!s->failing)
		note(s, SCENE_FAILED,
		     s->world->canary.analysis.metric_count ? "from here on the metrics of the canary are bad"
							    : "from here on the pods of the canary are not ready");
	s->failing = true;
	for (int i = 0; !s->world->canary.analysis.metric_count && i < t->pod_count; i++)
		if (text_eq(t->pods[i].revision, t->revision))
			t->pods[i].ready_at = INT64_MAX;
}

static bool at_rest(const struct world *w)
{
	const struct canary_status *st = &w->canary.status;
	bool rest = st->phase == PHASE_INITIALIZED || st->phase == PHASE_SUCCEEDED || st->phase == PHASE_FAILED;
	return w->gone || (rest && !st->own.post_pending && !st->own.returning && w->last.kind == DECIDE_WAIT);
}

static enum result initialize(struct stage *s, struct error *e)
{
	struct world *w = s->world;
	enum result r = world_turn(w, e);
	for (int i = 0; r == RC_OK && i < INIT_TURNS_MAX && w->canary.status.phase != PHASE_INITIALIZED; i++) {
		world_advance(w, next_wait(s));
		r = world_turn(w, e);
	}
	if (r == RC_OK && w->canary.status.phase != PHASE_INITIALIZED)
		return error_set(e, RC_INVALID, "it never becomes Initialized: %s",
				 w->said_count ? w->said[w->said_count - 1].text : "nothing is said");
	return r;
}

static enum result release(struct stage *s, struct error *e)
{
	struct world *w = s->world;
	int quiet = 0;
	enum result r = RC_OK;
	world_revise(w, "new");
	s->begun = true;
	s->start_ms = w->now.v;
	s->heard = w->said_count;
	for (int i = 0; r == RC_OK && i < TURNS_MAX && quiet < QUIET_TURNS && w->now.v - s->start_ms < month_ms; i++) {
		if (i)
			world_advance(w, next_wait(s));
		wake_for_people(s);
		fail_pods(s);
		r = world_turn(w, e);
		r = r == RC_OK ? keep(s, e) : r;
		quiet = at_rest(w) ? quiet + 1 : 0;
	}
	s->r->ended = quiet == QUIET_TURNS;
	return r;
}

static void provider_of(struct world *w)
{
	const struct router *router = router_find(text_empty(w->canary.provider) ? "nginx" : w->canary.provider);
	w->no_router = text_eq(w->canary.provider, "kubernetes") || w->canary.analysis.step_replicas > 0;
	w->can_mirror = router && router->can_mirror;
	w->can_match = router && router->can_match;
}

enum result rehearse(const struct canary *c, const struct rehearsal_rules *rules, struct rehearsal *ret,
		     struct error *e)
{
	struct rehearsal r = { .stands = "" };
	struct stage s = { .rules = rules, .r = &r };
	enum result res = world_create(c, "old", rules->replicas, &r.world, e);
	if (res != RC_OK)
		return res;
	s.world = r.world;
	r.world->answer = answer;
	r.world->owner = &s;
	r.world->pod_start_ms = rules->pod_start_ms;
	provider_of(r.world);
	res = initialize(&s, e);
	if (res == RC_OK)
		res = release(&s, e);
	r.world->answer = NULL;
	if (res != RC_OK) {
		rehearsal_finish(&r);
		return res;
	}
	r.end = r.world->canary.status.phase;
	r.took_ms = r.count ? r.scenes[r.count - 1].at_ms : 0;
	if (!r.ended)
		r.stands = r.world->last.next ? r.world->last.next : "";
	*ret = r;
	return RC_OK;
}

void rehearsal_finish(struct rehearsal *r)
{
	world_destroy(r->world);
	free(r->scenes);
	*r = (struct rehearsal){ 0 };
}

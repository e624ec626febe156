#include "controller/core/draft.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "controller/core/affinity.h"
#include "controller/core/revision.h"

const char *effect_name(enum effect_kind k)
{
#define X(id) [EFFECT_##id] = #id,
	static const char *const names[EFFECT_COUNT] = { EFFECTS(X) };
#undef X
	return (size_t)k < EFFECT_COUNT ? names[k] : "?";
}

void draft_begin(struct draft *t, const struct canary *c, const struct observed *o, const struct answer *answers,
		 size_t answer_count, struct arena *a)
{
	*t = (struct draft){ .c = c,
			     .o = o,
			     .s = &c->status,
			     .answers = answers,
			     .answer_count = answer_count,
			     .a = a,
			     .d = { .wake_ms = -1, .next = "", .status = c->status } };
}

enum result draft_end(struct draft *t, struct decision *ret, struct error *e)
{
	struct decision *d = &t->d;
	if (t->exhausted)
		return error_set(e, RC_EXHAUSTED, "%s/%s: no memory for a decision", t->c->ns, t->c->name);
	if (d->question_count) {
		/* Effects decided so far are decided again when the answers are there. */
		*ret = (struct decision){ .kind = DECIDE_ASK,
					  .questions = d->questions,
					  .question_count = d->question_count,
					  .status = t->c->status,
					  .wake_ms = -1,
					  .next = "" };
		return RC_OK;
	}
	d->effects = t->effects;
	d->sayings = t->sayings;
	d->alerts = t->alerts;
	if (!d->write_status)
		d->status = t->c->status;
	bool acts = d->effect_count || d->saying_count || d->alert_count || d->write_status;
	d->kind = acts ? DECIDE_DO : DECIDE_WAIT;
	*ret = *d;
	return RC_OK;
}

/* ---- names ---- */

const char *draft_text(struct draft *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *s = arena_vprintf(t->a, fmt, ap);
	va_end(ap);
	if (!s)
		t->exhausted = true;
	return s ? s : "";
}

const char *draft_canary(struct draft *t)
{
	return draft_text(t, "%s.%s", t->c->name, t->c->ns);
}

const char *draft_target(struct draft *t)
{
	return draft_text(t, "%s.%s", t->c->target.name, t->c->ns);
}

const char *draft_source(struct draft *t)
{
	return draft_text(t, "%s.%s", t->c->source_name, t->c->ns);
}

const char *draft_number(struct draft *t, int n)
{
	return draft_text(t, "%d", n);
}

const char *observed_identity(const struct observed *o, struct arena *a)
{
	const char *template_ = text_empty(o->target.digest) ? o->target.revision : o->target.digest;
	return revision_identity(template_, o->configs_tracked ? &o->configs : NULL, a);
}

const char *draft_identity(struct draft *t)
{
	if (!t->identity)
		t->identity = observed_identity(t->o, t->a);
	if (!t->identity) {
		t->exhausted = true;
		t->identity = "";
	}
	return t->identity;
}

const char *draft_key(struct draft *t, const char *transition, const char *ordinal)
{
	const struct own_status *own = &t->d.status.own;
	const char *revision = text_empty(own->revision) ? draft_identity(t) : own->revision;
	return draft_text(t, "%s/%s.%d/%s/%s", t->c->uid, revision, own->run, transition, ordinal ? ordinal : "");
}

/* ---- effects ---- */

/* Room for one more; the arena never gives back, so lists double. */
static void *grow(struct draft *t, void *list, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return list;
	size_t wanted = *cap ? *cap * 2 : 8;
	void *bigger = arena_alloc(t->a, wanted, size);
	if (!bigger) {
		t->exhausted = true;
		return NULL;
	}
	if (count)
		memcpy(bigger, list, count * size);
	*cap = wanted;
	return bigger;
}

static void add_effect(struct draft *t, const struct effect *f)
{
	struct effect *list = grow(t, t->effects, t->d.effect_count, &t->effect_cap, sizeof *f);
	if (!list)
		return;
	t->effects = list;
	list[t->d.effect_count++] = *f;
}

void draft_do(struct draft *t, enum effect_kind kind)
{
	add_effect(t, &(struct effect){ .kind = kind });
}

/* The last word counts: what was decided for this side before, in the same tick, is taken back. */
static void unscale(struct draft *t, enum side side)
{
	size_t n = 0;
	for (size_t i = 0; i < t->d.effect_count; i++)
		if (t->effects[i].kind != EFFECT_SCALE || t->effects[i].side != side)
			t->effects[n++] = t->effects[i];
	t->d.effect_count = n;
}

void draft_scale(struct draft *t, enum side side, int replicas)
{
	unscale(t, side);
	const struct workload *w = side == SIDE_TARGET ? &t->o->target : &t->o->source;
	if (w->wanted != replicas || !w->exists)
		add_effect(t, &(struct effect){ .kind = EFFECT_SCALE, .side = side, .replicas = replicas });
}

void draft_promote(struct draft *t, const char *template_revision)
{
	add_effect(t, &(struct effect){ .kind = EFFECT_PROMOTE,
					.expect_revision = template_revision,
					.expect_digest = t->o->target.digest,
					.expect_configs = t->o->configs_tracked ? &t->o->configs : NULL });
}

bool draft_has(const struct draft *t, enum effect_kind kind)
{
	for (size_t i = 0; i < t->d.effect_count; i++)
		if (t->effects[i].kind == kind)
			return true;
	return false;
}

static bool apex_leads_to_target(const struct draft *t)
{
	if (draft_has(t, EFFECT_APEX_TO_SOURCE))
		return false;
	return t->o->apex_to_target || draft_has(t, EFFECT_APEX_TO_TARGET);
}

bool draft_route(struct draft *t, struct routes r)
{
	const struct routes *now = &t->o->routes;
	const struct workload *apex = apex_leads_to_target(t) ? &t->o->target : &t->o->source;
	const char *without = NULL;
	if (r.canary > 0 && t->o->target.available < 1)
		without = draft_target(t);
	else if (r.primary > 0 && apex->available < 1)
		without = apex == &t->o->target ? draft_target(t) : draft_source(t);
	bool same = now->primary == r.primary && now->canary == r.canary && now->mirrored == r.mirrored;
	if (same)
		return true;
	if (without) {
		if (t->o->due)
			SAY(t, NO_POD_FOR_TRAFFIC, .a = without);
		draft_next(t, draft_text(t, "waiting for a pod of %s", without));
		return false;
	}
	affinity_cookies(t, &r);
	add_effect(t, &(struct effect){ .kind = EFFECT_SET_ROUTES, .routes = r });
	t->d.status.own.weight = r.canary;
	return true;
}

/* ---- words ---- */

static const char *words_fill(struct draft *t, const char *text, const struct words *w)
{
	const struct placeholder list[] = {
		{ "{canary}", strstr(text, "{canary}") ? draft_canary(t) : "" },
		{ "{target}", strstr(text, "{target}") ? draft_target(t) : "" },
		{ "{source}", strstr(text, "{source}") ? draft_source(t) : "" },
		{ "{kind}", t->c->target.kind },
		{ "{1}", w->a },
		{ "{2}", w->b },
		{ "{3}", w->c },
	};
	const char *filled = text_fill(t->a, text, list, sizeof list / sizeof *list);
	if (!filled)
		t->exhausted = true;
	return filled ? filled : "";
}

/* Two hooks may have one name: what they say are two things. */
static const char *unique_key(struct draft *t, const char *key)
{
	size_t same = 0;
	for (size_t i = 0; i < t->d.saying_count; i++)
		same += text_starts(t->sayings[i].key ? t->sayings[i].key : "", key);
	return same ? draft_text(t, "%s#%zu", key, same + 1) : key;
}

void draft_say(struct draft *t, enum text_id id, const struct words *w)
{
	const struct event_text *text = &event_texts[id];
	struct saying *list = grow(t, t->sayings, t->d.saying_count, &t->saying_cap, sizeof *list);
	if (!list)
		return;
	t->sayings = list;
	list[t->d.saying_count++] =
		(struct saying){ .warning = text->warning,
				 .text = words_fill(t, text->text, w),
				 .phase = text->phase == PHASE_NONE ? t->s->phase : text->phase,
				 .key = text->key ? unique_key(t, draft_key(t, text->key, w->ordinal)) : NULL };
}

void draft_alert(struct draft *t, enum alert_id id, const struct words *w)
{
	const struct alert_text *text = &alert_texts[id];
	struct alert *list = grow(t, t->alerts, t->d.alert_count, &t->alert_cap, sizeof *list);
	if (!list)
		return;
	t->alerts = list;
	const char *said = text->key ? draft_text(t, "alert-%s", text->key) : NULL;
	list[t->d.alert_count++] = (struct alert){ .text = words_fill(t, text->text, w),
						   .severity = text->severity,
						   .with_metadata = text->with_metadata,
						   .key = said ? draft_key(t, said, w->ordinal) : NULL };
}

/* ---- the next status ---- */

void draft_touch(struct draft *t)
{
	t->d.write_status = true;
	t->d.status.last_transition = t->o->now;
}

static void set_condition(struct draft *t, enum phase p)
{
	struct canary_status *s = &t->d.status;
	const char *status = "", *message = "";
	phase_condition(p, t->c->target.kind, t->a, &status, &message);
	bool same_status = s->has_condition && text_eq(s->condition_status, status);
	if (same_status && text_eq(s->condition_reason, phase_name(p)))
		return;
	if (!same_status)
		s->condition_changed = t->o->now;
	s->has_condition = true;
	s->condition_status = status;
	s->condition_reason = phase_name(p);
	s->condition_message = message;
	s->condition_updated = t->o->now;
}

static void enter(struct draft *t, enum phase p)
{
	struct canary_status *s = &t->d.status;
	if (s->phase != p) {
		s->own.changed_at = t->o->now;
		s->own.held = false;
	}
	s->phase = p;
	s->own.gate = HOOK_ROLLOUT;
	set_condition(t, p);
	draft_touch(t);
}

void draft_phase(struct draft *t, enum phase p)
{
	struct canary_status *s = &t->d.status;
	if (p != PHASE_PROGRESSING && p != PHASE_WAITING && p != PHASE_PROMOTING) {
		s->weight = 0;
		s->iterations = p == PHASE_WAITING_PROMOTION ? t->c->analysis.iterations - 1 : 0;
	}
	if (p == PHASE_INITIALIZED || p == PHASE_SUCCEEDED) {
		s->last_promoted_spec = s->last_applied_spec;
		s->own.promoted = s->own.revision;
	}
	enter(t, p);
}

void draft_record(struct draft *t)
{
	struct canary_status *s = &t->d.status;
	s->last_applied_spec = t->o->target.revision;
	s->has_tracked_configs = t->o->configs_tracked;
	s->tracked_configs = t->o->configs_tracked ? t->o->configs : (struct pairs){ 0 };
	s->own.revision = draft_identity(t);
	draft_touch(t);
}

void draft_sync(struct draft *t, enum phase p, int weight)
{
	struct canary_status *s = &t->d.status;
	s->weight = weight;
	s->failed_checks = 0;
	s->iterations = 0;
	draft_record(t);
	if (p == PHASE_INITIALIZED) {
		s->last_promoted_spec = s->last_applied_spec;
		s->own.promoted = s->own.revision;
	}
	enter(t, p);
}

void draft_moved(struct draft *t, enum transition to)
{
	t->d.transition = to;
}

void draft_counted(struct draft *t)
{
	t->d.counted = true;
}

void draft_next(struct draft *t, const char *what)
{
	t->d.next = what;
}

void draft_wake_at(struct draft *t, struct wall_ms at)
{
	int64_t left = at.v > t->o->now.v ? at.v - t->o->now.v : 1;
	if (t->d.wake_ms < 0 || left < t->d.wake_ms)
		t->d.wake_ms = left;
}

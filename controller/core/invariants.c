/* What no decision may do, judged by the decision and what it was made from alone (testing.md). Deliberately written
 * without the code that decides. */
#include <string.h>

#include "base/text.h"
#include "controller/core/step.h"
#include "controller/core/strategy.h"

/* The world as the effects leave it, one after the other. */
struct after {
	const struct canary *c;
	const struct observed *o;
	struct routes routes;
	bool apex_to_target, apex_restored, resumed;
	int target_wanted, source_wanted;
};

static bool plain_router(const struct after *w)
{
	return !w->o->no_router;
}

static const char *routes_broken(const struct after *w, const struct effect *f)
{
	const struct routes *r = &f->routes;
	int apex_pods = w->apex_to_target ? w->o->target.available : w->o->source.available;
	int apex_wanted = w->apex_to_target ? w->target_wanted : w->source_wanted;
	if (r->primary < 0 || r->canary < 0 || r->primary + r->canary != 100)
		return "weights do not sum to 100";
	if (r->mirrored && r->canary > 0)
		return "mirrored and weighted at once";
	if (r->canary > 0 && w->o->target.available < 1)
		return "traffic to a canary without an available pod";
	if (r->canary > 0 && w->target_wanted < 1)
		return "traffic to a canary that is scaled to zero";
	if (r->primary > 0 && apex_pods < 1 && w->o->routes.canary > 0)
		return "traffic to a primary without an available pod";
	if (r->primary > w->o->routes.primary && apex_wanted < 1)
		return "traffic to a primary that is scaled to zero";
	return NULL;
}

static const char *scale_broken(const struct after *w, const struct effect *f)
{
	if (f->replicas < 0)
		return "a negative number of replicas";
	if (f->replicas > 0)
		return NULL;
	if (f->side == SIDE_TARGET) {
		if (w->apex_to_target)
			return "the target is scaled to zero while the apex leads to it";
		if (plain_router(w) && w->routes.canary > 0)
			return "the canary is scaled to zero while it has traffic";
		return NULL;
	}
	if (!w->c->extension)
		return "the primary is scaled to zero";
	if (!w->apex_to_target && !(plain_router(w) && w->routes.primary == 0) && w->c->status.own.weight < 100)
		return "the source is scaled to zero while it has traffic";
	return NULL;
}

static const char *apex_broken(const struct after *w, bool to_target)
{
	const struct workload *to = to_target ? &w->o->target : &w->o->source;
	const struct workload *from = to_target ? &w->o->source : &w->o->target;
	if (to->available < 1 && from->available > 0)
		return "the apex is led to a side without an available pod";
	return NULL;
}

static const char *promote_broken(const struct after *w, const struct effect *f)
{
	enum phase p = w->c->status.phase;
	if (text_empty(f->expect_revision))
		return "a template is copied without saying which";
	if (p == PHASE_INITIALIZING)
		return w->o->apex_service != SHAPE_AS_WANTED || w->apex_to_target
			       ? NULL
			       : "the primary that serves is overwritten";
	if (w->c->extension)
		return p == PHASE_FINALISING && w->source_wanted == 0
			       ? NULL
			       : "the template is copied to a source that has pods";
	bool at_end = p == PHASE_PROGRESSING || p == PHASE_WAITING_PROMOTION;
	if (!at_end && !w->c->skip_analysis)
		return "the template is copied outside of a rollout";
	return NULL;
}

static const char *effect_broken(struct after *w, const struct effect *f)
{
	const char *why = NULL;
	switch (f->kind) {
	case EFFECT_SET_ROUTES:
		why = routes_broken(w, f);
		w->routes = f->routes;
		break;
	case EFFECT_SCALE:
		why = scale_broken(w, f);
		*(f->side == SIDE_TARGET ? &w->target_wanted : &w->source_wanted) = f->replicas;
		break;
	case EFFECT_APEX_TO_SOURCE:
		why = apex_broken(w, false);
		w->apex_to_target = false;
		break;
	case EFFECT_APEX_TO_TARGET:
	case EFFECT_RESTORE_APEX:
		why = apex_broken(w, true);
		w->apex_to_target = true;
		break;
	case EFFECT_PROMOTE:
		why = promote_broken(w, f);
		break;
	case EFFECT_DELETE_OURS:
	case EFFECT_DELETE_CANARY:
		if (w->c->status.phase != PHASE_TERMINATING)
			why = "objects are deleted although the Canary stays";
		break;
	default:
		break;
	}
	return why;
}

/* ---- gates: nothing passes one that this revision's answers have not opened ---- */

static bool counts(const struct canary *c, const struct hook *h, enum hook_type type)
{
	return h->type == type && !h->halt && c->status.own.revision;
}

static bool answered_yes(const struct answer *answers, size_t n, enum hook_type type, size_t index,
			 const char *revision)
{
	for (size_t i = 0; i < n; i++)
		if ((answers[i].asked.kind == ASK_HOOK || answers[i].asked.kind == ASK_GATE) &&
		    answers[i].asked.type == type && answers[i].asked.index == index &&
		    answers[i].verdict == ANSWER_YES && text_eq(answers[i].asked.revision, revision))
			return true;
	return false;
}

static bool people_said_yes(const struct answer *answers, size_t n, enum hook_type type, const char *revision)
{
	for (size_t i = 0; i < n; i++)
		if (answers[i].asked.kind == ASK_GATE && answers[i].asked.type == type &&
		    answers[i].verdict == ANSWER_YES && text_eq(answers[i].asked.revision, revision))
			return true;
	return false;
}

static bool gate_open(const struct canary *c, enum hook_type type, const char *revision, const struct answer *answers,
		      size_t n)
{
	for (size_t i = 0; i < c->analysis.hook_count; i++)
		if (counts(c, &c->analysis.hooks[i], type) && !answered_yes(answers, n, type, i, revision))
			return false;
	return !c->gates[type] || people_said_yes(answers, n, type, revision);
}

static bool check_failed(const struct answer *answers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct answer *said = &answers[i];
		bool check = said->asked.kind == ASK_METRIC ||
			     (said->asked.kind == ASK_HOOK &&
			      (said->asked.type == HOOK_ROLLOUT || said->asked.type == HOOK_PRE_ROLLOUT));
		if (check && said->verdict != ANSWER_YES)
			return true;
	}
	return false;
}

static const char *passage_broken(const struct canary *c, const struct observed *o, const struct decision *d,
				  const struct answer *answers, size_t n)
{
	enum phase from = c->status.phase, to = d->status.phase;
	const char *revision = d->status.own.revision;
	bool starts = to == PHASE_PROGRESSING && d->transition == TRANSITION_STARTED;
	if (starts && !d->status.own.skip_gates && !gate_open(c, HOOK_CONFIRM_ROLLOUT, revision, answers, n))
		return "started before its confirm-rollout gates opened";
	if (to != PHASE_PROMOTING || from == PHASE_PROMOTING)
		return NULL;
	if (o->target.available < 1)
		return "promoted a revision that has no available pod";
	if (c->skip_analysis)
		return NULL;
	if (check_failed(answers, n))
		return "promoted although a check failed";
	if (!c->status.own.skip_gates && !gate_open(c, HOOK_CONFIRM_PROMOTION, revision, answers, n))
		return "promoted before its confirm-promotion gates opened";
	if (!text_eq(revision, c->status.own.revision))
		return "promoted another revision than the one under analysis";
	return NULL;
}

/* ---- status ---- */

static const char *failed_broken(const struct canary *c, const struct after *w, const struct canary_status *s)
{
	bool kept_on_canary = s->weight == 100;
	if (c->status.phase == PHASE_FAILED || s->phase != PHASE_FAILED || kept_on_canary || s->own.target_serves)
		return NULL;
	if (plain_router(w) && w->routes.canary > 0)
		return "Failed with traffic on the canary";
	if (w->apex_to_target)
		return "Failed with the apex on the target";
	if (w->target_wanted > 0)
		return "Failed with pods on the canary";
	return NULL;
}

static const char *status_broken(const struct canary *c, const struct after *w, const struct decision *d)
{
	const struct canary_status *s = &d->status;
	int threshold = c->analysis.threshold > 0 ? c->analysis.threshold : 1;
	if (!d->write_status)
		return s->phase == c->status.phase ? NULL : "the phase changes without a status write";
	if (s->phase == PHASE_PROGRESSING && s->failed_checks > threshold && s->failed_checks > c->status.failed_checks)
		return "failed checks pass the threshold without a rollback";
	if (s->own.weight < 0 || s->own.weight > 100 || s->weight < 0 || s->weight > 100)
		return "a weight out of range";
	if (s->phase == PHASE_SUCCEEDED && c->status.phase != PHASE_SUCCEEDED &&
	    !text_eq(s->last_promoted_spec, s->last_applied_spec))
		return "Succeeded with another revision than the promoted one";
	return failed_broken(c, w, s);
}

static const char *words_broken(const struct decision *d)
{
	for (size_t i = 0; i < d->saying_count; i++)
		for (size_t j = 0; j < i; j++)
			if (d->sayings[i].key && text_eq(d->sayings[i].key, d->sayings[j].key))
				return "two events with one key";
	return NULL;
}

const char *decision_broken(const struct canary *c, const struct observed *o, const struct answer *answers,
			    size_t answer_count, const struct decision *d, struct arena *a)
{
	(void)a;
	struct after w = { .c = c,
			   .o = o,
			   .routes = o->routes,
			   .apex_to_target = o->apex_to_target,
			   .target_wanted = o->target.wanted,
			   .source_wanted = o->source.wanted };
	if (d->kind == DECIDE_ASK)
		return d->question_count ? NULL : "a question without words";
	if (d->kind == DECIDE_WAIT)
		return d->effect_count ? "waits and acts at once" : NULL;
	for (size_t i = 0; i < d->effect_count; i++) {
		const char *why = effect_broken(&w, &d->effects[i]);
		if (why)
			return why;
	}
	const char *why = passage_broken(c, o, d, answers, answer_count);
	if (!why)
		why = status_broken(c, &w, d);
	return why ? why : words_broken(d);
}

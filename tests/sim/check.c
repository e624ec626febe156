/* The invariants of a rollout that one decision alone cannot show. */
#include <string.h>

#include "base/text.h"
#include "controller/core/revision.h"
#include "tests/sim/sim.h"

static void broke(struct sim *s, const char *why)
{
	if (!s->broken)
		s->broken = why;
}

static bool people_asked(const struct sim *s, enum hook_type type)
{
	for (size_t i = 0; i < s->spec.analysis.hook_count; i++)
		if (s->hooks[i].type == type && s->hooks[i].policy && !s->hooks[i].halt)
			return true;
	return s->spec.gates[type];
}

/* The stable side gets another template only when people have agreed to that very revision. */
static void check_promotion(struct sim *s)
{
	const struct world *w = s->world;
	const char *now = w->source.exists ? w->source.revision : NULL;
	const char *was = s->source_was;
	s->source_was = now;
	if (!was || !now || text_eq(was, now) || w->canary.status.phase == PHASE_INITIALIZING)
		return;
	const char *revision = w->canary.status.own.revision;
	if (!text_eq(now, w->target.revision) && !w->target.paused)
		broke(s, "the stable side has a template that the target never had");
	if (s->overridden)
		return;
	if (people_asked(s, HOOK_CONFIRM_ROLLOUT) && !sim_approved(s, HOOK_CONFIRM_ROLLOUT, revision))
		broke(s, "promoted without an approved confirm-rollout gate");
	if (!w->canary.skip_analysis && people_asked(s, HOOK_CONFIRM_PROMOTION) &&
	    !sim_approved(s, HOOK_CONFIRM_PROMOTION, revision))
		broke(s, "promoted without an approved confirm-promotion gate");
}

static void check_traffic(struct sim *s)
{
	const struct canary_status *st = &s->world->canary.status;
	bool kept = st->weight == 100; /* T15: the primary is broken */
	if (st->phase == PHASE_FAILED && s->phase_was != PHASE_FAILED && !kept && !st->own.target_serves) {
		if (!s->world->no_router && s->world->routes.canary > 0)
			broke(s, "Failed with traffic on the canary");
		if (s->world->target.wanted > 0)
			broke(s, "Failed with pods on the canary");
		if (s->world->apex != WORLD_APEX_SOURCE)
			broke(s, "Failed with the apex away from the stable side");
	}
	if (st->phase == PHASE_PROGRESSING && s->world->routes.canary > 0 && !s->overridden &&
	    people_asked(s, HOOK_CONFIRM_ROLLOUT) && !sim_approved(s, HOOK_CONFIRM_ROLLOUT, st->own.revision))
		broke(s, "traffic for a revision that nobody has let in");
	s->phase_was = st->phase;
}

static bool asked_before_each_step(const struct sim *s)
{
	for (size_t i = 0; i < s->spec.analysis.hook_count; i++)
		if (s->hooks[i].halt)
			return true;
	return s->spec.gates[HOOK_CONFIRM_STEP];
}

/* A weight goes up only when people have agreed to that step of that revision. */
static void check_steps(struct sim *s)
{
	const struct canary_status *st = &s->world->canary.status;
	int now = s->world->routes.canary, was = s->weight_was;
	s->weight_was = now;
	bool stepping = st->phase == PHASE_PROGRESSING && s->spec.analysis.iterations == 0;
	if (now <= was || !stepping || !asked_before_each_step(s) || st->own.skip_rest)
		return;
	/* Killed before the status was written, the step is still to be counted. */
	if (!sim_approved_step(s, st->own.revision, st->own.step) &&
	    !sim_approved_step(s, st->own.revision, st->own.step + 1))
		broke(s, "a step that nobody has agreed to");
}

/* What people read: a key always says the same, and says it once unless we were killed in between. */
static void check_words(struct sim *s)
{
	const struct world *w = s->world;
	for (; s->said_checked < w->said_count; s->said_checked++) {
		const struct world_said *now = &w->said[s->said_checked];
		for (size_t i = 0; now->key && i < s->said_checked; i++) {
			if (!text_eq(w->said[i].key, now->key))
				continue;
			/* Killed after a failed check was told: the check is made again and may measure another value.
			 */
			bool measured = s->crashed && strstr(now->key, "/check/");
			if (!measured && !text_eq(w->said[i].text, now->text))
				broke(s, "one key for two texts");
			if (!s->crashed)
				broke(s, "said twice");
			break;
		}
	}
}

static void check_counts(struct sim *s)
{
	const struct canary_status *st = &s->world->canary.status;
	int threshold =
		st->phase == PHASE_PROGRESSING && s->spec.analysis.threshold > 0 ? s->spec.analysis.threshold : 1;
	if (st->phase == PHASE_PROGRESSING && st->failed_checks > threshold)
		broke(s, "failed checks pass the threshold without a rollback");
	if (st->own.request.id && *st->own.request.id && !*st->own.request.outcome)
		broke(s, "a request without an outcome");
}

void sim_check(struct sim *s)
{
	broke(s, s->world->broken);
	if (s->world->gone)
		return;
	check_promotion(s);
	check_traffic(s);
	check_steps(s);
	check_words(s);
	check_counts(s);
}

void sim_check_end(struct sim *s)
{
	const struct world *w = s->world;
	if (!w->gone)
		return;
	bool gave_back = w->canary.status.phase == PHASE_TERMINATING;
	if (gave_back && (w->source.exists || w->router || w->canary_service || w->primary_service || w->has_finalizer))
		broke(s, "something of ours is left after the end");
	if (gave_back && (w->target.wanted < 1 || w->target.paused_by_us))
		broke(s, "the target is not given back");
}

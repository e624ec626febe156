/* One tick, as a story: who may speak first, then the phases from top to bottom. What the letters and numbers mean
 * (K, T, E) is in the specification of the controller whose resource this is; where we do better is said there too. */
#include "controller/core/step.h"

#include "base/text.h"
#include "controller/core/analysis.h"
#include "controller/core/draft.h"
#include "controller/core/extension.h"
#include "controller/core/gates.h"
#include "controller/core/initial.h"
#include "controller/core/leave.h"
#include "controller/core/objects.h"
#include "controller/core/requests.h"
#include "controller/core/revisions.h"
#include "controller/core/runs.h"
#include "controller/core/sides.h"
#include "controller/core/strategy.h"
#include "controller/core/traffic.h"

/* ---- ready? ---- */

/* K20. A canary that will never be ready ends the run; E4: people are told. */
static bool target_ready(struct draft *t)
{
	const char *why;
	enum readiness r = side_readiness(t, SIDE_TARGET, &why);
	if (r == READY)
		return true;
	if (r == BROKEN || t->o->due)
		SAY(t, TARGET_NOT_READY, .a = why);
	if (r == BROKEN) {
		ALARM(t, DEADLINE, .a = why);
		run_rollback(t, why);
	}
	return false;
}

static bool routes_known(struct draft *t)
{
	if (t->o->routes_error)
		objects_trouble(t, t->o->routes_error);
	return !t->o->routes_error;
}

/* ---- Initialized, Succeeded, Failed, Waiting ---- */

/* After Succeeded and Failed: hooks that must be called although we were killed in between, then the last words. */
static void after_the_end(struct draft *t)
{
	if (analysis_after(t) == ANALYSIS_ASKED)
		return;
	if (t->s->phase == PHASE_SUCCEEDED)
		run_say_completed(t);
	t->d.status.own.post_pending = false;
	draft_touch(t);
	t->d.again = true;
}

/* E21: the hashes are another implementation's, the template is the one that runs. */
static void take_over(struct draft *t)
{
	struct canary_status *s = &t->d.status;
	s->last_applied_spec = t->o->target.revision;
	s->last_promoted_spec = t->o->target.revision;
	s->own.revision = draft_identity(t);
	s->own.promoted = s->own.revision;
	draft_touch(t);
}

/* T3, T4: ask, then wait or start. */
static void propose(struct draft *t)
{
	bool known = t->s->phase == PHASE_WAITING && text_eq(t->s->own.revision, draft_identity(t));
	if (!known)
		run_begin(t);
	if (t->d.status.own.skip_gates) {
		run_start(t);
		return;
	}
	struct gate g = { .type = HOOK_CONFIRM_ROLLOUT, .phase = t->s->phase, .asked = known };
	enum gate_outcome said = gate_ask(t, &g);
	switch (said) {
	case GATE_PASSED:
		run_start(t);
		break;
	case GATE_ASKED:
		break;
	case GATE_WAITS:
	case GATE_HELD:
		run_wait(t, &g, said);
		break;
	case GATE_ABORTED:
		run_reject(t, &g);
		break;
	}
}

static bool can_start(struct draft *t)
{
	const char *trouble = t->o->configs_error ? t->o->configs_error : t->o->strategy_error;
	if (trouble)
		objects_trouble(t, trouble);
	if (trouble || !routes_known(t))
		return false;
	/* K16: a broken primary is no reason to send it all of the traffic (E2). */
	return t->c->skip_analysis || run_stranded(t) || side_ready(t, SIDE_SOURCE);
}

static void at_rest(struct draft *t)
{
	if (t->s->own.post_pending) {
		after_the_end(t);
		return;
	}
	if (!objects_keep(t))
		return;
	if (revision_foreign(t)) {
		take_over(t);
		return;
	}
	bool again = request_is(t, "restart") && t->s->phase == PHASE_FAILED;
	if (t->o->configs_error && !revision_changed(t) && !again)
		objects_trouble(t, t->o->configs_error);
	else if ((revision_changed(t) || again) && can_start(t))
		propose(t);
}

static void waiting(struct draft *t)
{
	if (!objects_keep(t))
		return;
	if (revision_reverted(t))
		run_withdraw(t);
	else if (can_start(t))
		propose(t);
}

/* ---- Progressing, WaitingPromotion: is it healthy? ---- */

static bool rolled_back_by_hook(struct draft *t)
{
	const char *name = "";
	switch (gate_rollback(t, &name)) {
	case GATE_ASKED:
		return true;
	case GATE_PASSED:
		SAY(t, ROLLBACK_INVOKED);
		ALARM(t, ROLLBACK_HOOK);
		run_rollback(t, draft_text(t, "rollback hook %s", name));
		return true;
	default:
		return false;
	}
}

static bool rolled_back_by_threshold(struct draft *t)
{
	int threshold = t->c->analysis.threshold > 0 ? t->c->analysis.threshold : 1;
	const char *n = draft_number(t, t->s->failed_checks);
	if (t->s->failed_checks < threshold)
		return false;
	SAY(t, THRESHOLD_REACHED, .a = n);
	ALARM(t, THRESHOLD, .a = n);
	run_rollback(t, draft_text(t, "failed checks threshold reached %s", n));
	return true;
}

static bool nothing_sent_yet(const struct draft *t)
{
	if (t->s->phase != PHASE_PROGRESSING || (t->c->extension && t->s->own.step > 0))
		return false;
	bool mirrored = t->c->analysis.mirror && t->o->routes.mirrored;
	return t->o->routes.canary == 0 && t->s->iterations == 0 && !mirrored;
}

/* A manual release that nobody has given a weight. */
static bool nothing_wanted_yet(const struct draft *t)
{
	return strategy_of(t->c, t->o) == STRATEGY_MANUAL &&
	       strategy_next(t->c, t->o, &t->s->own, 0, extension_maximum(t)).weight == 0;
}

/* K22, K25, K26. false: the tick ends here. */
static bool healthy(struct draft *t)
{
	if (rolled_back_by_hook(t) || rolled_back_by_threshold(t))
		return false;
	bool first = nothing_sent_yet(t);
	/* Not yet, or the start is over and it stands at the gate before the first weight. */
	if (first && (t->s->own.paused || nothing_wanted_yet(t) || t->s->own.gate != HOOK_ROLLOUT))
		return true;
	if (first)
		SAY(t, ANALYSIS_STARTS, .ordinal = draft_number(t, t->s->failed_checks));
	switch (first ? analysis_start(t) : analysis_run(t)) {
	case ANALYSIS_GOOD:
		return true;
	case ANALYSIS_ASKED:
		return false;
	case ANALYSIS_ABORTED:
		ALARM(t, ROLLED_BACK, .ordinal = draft_number(t, t->s->failed_checks + 1), .a = "a check asked for it");
		run_rollback(t, "a check asked for it");
		return false;
	case ANALYSIS_FAILED:
		break;
	}
	t->d.status.failed_checks++;
	draft_touch(t);
	draft_counted(t);
	return false;
}

/* T5: what runs is promoted at once. Traffic that the canary has leaves before its pods do. */
static void skip_analysis(struct draft *t)
{
	if (!t->o->due)
		return;
	if (t->c->extension) {
		run_promote(t);
		return;
	}
	draft_counted(t);
	bool moves = t->o->routes.canary > 0 || t->o->routes.mirrored;
	if (!draft_route(t, (struct routes){ .primary = 100 }))
		return;
	if (moves && !t->o->no_router) {
		draft_touch(t);
		return;
	}
	SAY(t, COPYING);
	draft_promote(t, t->s->last_applied_spec);
	if (has_scaler(t->c)) {
		draft_do(t, EFFECT_UPDATE_SCALER);
		draft_do(t, EFFECT_PAUSE_SCALER);
	}
	draft_scale(t, SIDE_TARGET, 0);
	run_succeed(t);
}

/* ---- Progressing, WaitingPromotion ---- */

/* K16. A primary past its deadline ends the run, if it has pods to take the traffic. */
static bool primary_carries(struct draft *t)
{
	const char *why;
	enum readiness r = t->c->skip_analysis ? READY : side_readiness(t, SIDE_SOURCE, &why);
	if (r == READY || run_stranded(t))
		return true;
	if (t->o->due)
		SAY(t, SOURCE_NOT_READY, .a = why);
	if (r == BROKEN && !t->c->extension && t->o->source.available > 0)
		run_rollback(t, draft_text(t, "primary not ready: %s", why));
	return false;
}

static void keep_replicas(struct draft *t)
{
	if (t->c->extension)
		extension_keep_replicas(t);
	else
		run_scale_up(t);
}

/* A manual release and an answered gate do not wait for the interval; everything else does. */
static bool time_to_go_on(const struct draft *t)
{
	bool manual = strategy_of(t->c, t->o) == STRATEGY_MANUAL && t->s->own.step > 0;
	return t->s->own.gate != HOOK_ROLLOUT || t->s->phase == PHASE_WAITING_PROMOTION || manual ||
	       t->s->own.next_weight > 0;
}

static void progressing(struct draft *t)
{
	if (!objects_keep(t) || !routes_known(t))
		return;
	if (t->c->extension && extension_busy(t))
		return;
	keep_replicas(t);
	if (!primary_carries(t))
		return;
	if (revision_reverted(t)) {
		run_cancel(t);
		return;
	}
	if (revision_changed(t)) {
		run_restart(t);
		return;
	}
	/* No pods wanted counts as ready elsewhere; here it means that somebody took them away. */
	if (t->o->target.wanted == 0 || !target_ready(t))
		return;
	if (t->c->skip_analysis)
		skip_analysis(t);
	else if (t->s->own.skip_rest)
		traffic_promote(t);
	else if (t->o->due && t->s->own.next_weight == 0) {
		draft_counted(t);
		if (healthy(t))
			traffic_go_on(t);
	} else if (time_to_go_on(t))
		traffic_go_on(t);
	else
		traffic_foretell(t);
}

/* ---- Promoting, Finalising (plain: the primary has the new template) ---- */

/* K16: fatal here means that the new template does not run on the primary. */
static bool primary_took_it(struct draft *t)
{
	const char *why;
	enum readiness r = side_readiness(t, SIDE_SOURCE, &why);
	if (t->c->skip_analysis || r == READY)
		return true;
	if (r == BROKEN)
		run_promotion_failed(t, draft_text(t, "%s not ready: %s", draft_source(t), why));
	else if (t->o->due)
		SAY(t, SOURCE_NOT_READY, .a = why);
	return false;
}

static void promoted_all(struct draft *t)
{
	draft_phase(t, PHASE_FINALISING);
	draft_next(t, "scaling the canary down");
}

/* T11. One jump where there is nothing to step through (E11). */
static void traffic_to_primary(struct draft *t)
{
	int step = t->c->analysis.step_weight_promotion, canary = t->o->routes.canary;
	draft_counted(t);
	if (has_scaler(t->c))
		draft_do(t, EFFECT_UPDATE_SCALER);
	if (t->o->no_router || (step > 0 && canary == 0)) {
		promoted_all(t);
		return;
	}
	if (step <= 0 || strategy_of(t->c, t->o) == STRATEGY_AB) {
		if (!draft_route(t, (struct routes){ .primary = 100 }))
			return;
		SAY(t, ALL_TO_PRIMARY);
		promoted_all(t);
		return;
	}
	int left = canary > step ? canary - step : 0;
	if (!draft_route(t, (struct routes){ .primary = 100 - left, .canary = left }))
		return;
	const char *p = draft_number(t, 100 - left);
	SAY(t, ADVANCED_PRIMARY, .ordinal = p, .a = p);
	if (left == 0) {
		promoted_all(t);
	} else {
		t->d.status.weight = left;
		draft_touch(t);
	}
}

static void promoting(struct draft *t)
{
	if (!objects_keep(t) || !routes_known(t))
		return;
	if (t->c->extension) {
		if (!extension_busy(t) && (t->o->target.wanted < extension_maximum(t) || target_ready(t)))
			extension_promoting(t);
		return;
	}
	if (!primary_took_it(t) || !target_ready(t))
		return;
	draft_next(t, "traffic returns to the primary");
	if (t->c->skip_analysis)
		skip_analysis(t);
	else if (t->o->due)
		traffic_to_primary(t);
}

/* T12. */
static void finalising(struct draft *t)
{
	if (!objects_keep(t) || !routes_known(t))
		return;
	if (t->c->extension) {
		if (!extension_busy(t))
			extension_finalising(t);
		return;
	}
	if (!primary_took_it(t))
		return;
	draft_next(t, "scaling the canary down");
	if (!t->o->due)
		return;
	if (!draft_route(t, (struct routes){ .primary = 100 }))
		return; /* somebody gave the canary traffic again */
	if (has_scaler(t->c))
		draft_do(t, EFFECT_PAUSE_SCALER);
	draft_scale(t, SIDE_TARGET, 0);
	run_succeed(t);
}

/* ---- who may speak first ---- */

static void suspended(struct draft *t)
{
	draft_next(t, "suspended");
	if (request_pending(t) && !request_is(t, "rollback")) {
		request_refuse(t, "the canary is suspended");
		return;
	}
	if (request_pending(t)) {
		(void)request_act(t); /* the way back is always open */
		return;
	}
	if (!t->o->due)
		return;
	SAY(t, SUSPENDED);
	draft_counted(t);
}

static void in_phase(struct draft *t)
{
	switch (t->s->phase) {
	case PHASE_NONE:
		initial_detect(t);
		break;
	case PHASE_INITIALIZING:
		initial_go_on(t);
		break;
	case PHASE_INITIALIZED:
	case PHASE_SUCCEEDED:
	case PHASE_FAILED:
		at_rest(t);
		break;
	case PHASE_WAITING:
		waiting(t);
		break;
	case PHASE_PROGRESSING:
	case PHASE_WAITING_PROMOTION:
		progressing(t);
		break;
	case PHASE_PROMOTING:
		promoting(t);
		break;
	case PHASE_FINALISING:
		finalising(t);
		break;
	case PHASE_TERMINATING:
	case PHASE_TERMINATED:
	case PHASE_COUNT:
		break;
	}
}

static void decide(struct draft *t)
{
	if (!t->o->fresh) {
		draft_next(t, "waiting for the cluster");
		return;
	}
	if (leave_is_due(t)) {
		leave(t);
		return;
	}
	if (t->c->suspend && !t->s->own.falling_back) {
		suspended(t);
		return;
	}
	if (t->o->error) {
		objects_trouble(t, t->o->error);
		return;
	}
	if (request_act(t))
		return;
	in_phase(t);
	if (t->o->duplicate_target && (t->s->phase == PHASE_NONE || t->d.transition == TRANSITION_STARTED))
		SAY(t, SHARED_TARGET);
}

enum result step(const struct canary *c, const struct observed *o, const struct answer *answers, size_t answer_count,
		 struct arena *a, struct decision *ret, struct error *e)
{
	struct draft t;
	draft_begin(&t, c, o, answers, answer_count, a);
	decide(&t);
	return draft_end(&t, ret, e);
}

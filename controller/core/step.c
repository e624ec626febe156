/* One tick, as a story: who may speak first, then the phases from top to bottom. What the letters and numbers mean
 * (K, T, E) is in the specification of the controller whose resource this is; where we do better is said there too. */
#include "controller/core/step.h"

#include "base/text.h"
#include "controller/core/analysis.h"
#include "controller/core/draft.h"
#include "controller/core/extension.h"
#include "controller/core/gates.h"
#include "controller/core/leave.h"
#include "controller/core/objects.h"
#include "controller/core/readiness.h"
#include "controller/core/requests.h"
#include "controller/core/revisions.h"
#include "controller/core/runs.h"
#include "controller/core/strategy.h"

/* ---- ready? ---- */

static enum readiness source_readiness(struct draft *t, const char **ret_why)
{
	struct wall_ms deadline;
	enum readiness r =
		readiness_of(&t->o->source, t->c->source_name, t->c->ns, t->c->analysis.primary_ready_threshold,
			     t->c->progress_deadline_s, t->o->now, t->a, ret_why, &deadline);
	if (r != READY)
		draft_next(t, "waiting for the primary");
	if (r == NOT_READY && deadline.v)
		draft_wake_at(t, deadline);
	return r;
}

/* K20. A canary that will never be ready ends the run; E4: people are told. */
static bool target_ready(struct draft *t)
{
	const char *why;
	struct wall_ms deadline;
	enum readiness r =
		readiness_of(&t->o->target, t->c->target.name, t->c->ns, t->c->analysis.canary_ready_threshold,
			     t->c->progress_deadline_s, t->o->now, t->a, &why, &deadline);
	if (r == READY)
		return true;
	draft_next(t, "waiting for pods");
	if (r == BROKEN || t->o->due)
		SAY(t, TARGET_NOT_READY, .a = why);
	if (r == BROKEN) {
		ALARM(t, DEADLINE, .a = why);
		run_rollback(t, why);
	} else if (deadline.v) {
		draft_wake_at(t, deadline);
	}
	return false;
}

/* K16 before a start: a broken primary is no reason to send it all of the traffic (E2). */
static bool source_ready(struct draft *t)
{
	const char *why;
	if (t->c->skip_analysis || run_stranded(t) || source_readiness(t, &why) == READY)
		return true;
	if (t->o->due)
		SAY(t, SOURCE_NOT_READY, .a = why);
	return false;
}

static bool routes_known(struct draft *t)
{
	if (t->o->routes_error)
		objects_trouble(t, t->o->routes_error);
	return !t->o->routes_error;
}

/* ---- none, Initializing ---- */

static void detected(struct draft *t)
{
	const struct observed *o = t->o;
	int whole = o->target.wanted > o->source.wanted ? o->target.wanted : o->source.wanted;
	draft_phase(t, PHASE_INITIALIZING);
	if (!o->source.exists)
		draft_record(t);
	t->d.status.own.wanted_weight = -1;
	t->d.status.own.max_replicas = t->c->extension ? whole : 0;
	t->d.again = true;
}

/* K7. false: asked, the tick goes on with the answer. */
static bool providers_probed(struct draft *t)
{
	struct question *q = arena_alloc(t->a, 1, sizeof *q);
	if (!q) {
		t->exhausted = true;
		return false;
	}
	*q = (struct question){ .kind = ASK_PROBE, .revision = "" };
	const struct answer *said = answer_to(t, q);
	if (!said)
		ask_from(t, q, 1);
	else if (said->verdict == ANSWER_YES)
		SAY(t, PROVIDERS_FINE);
	else
		SAY(t, PROVIDERS_MISSING, .a = said->text);
	return said != NULL;
}

/* T2. The apex leads to a primary that is ready; only then the target may go (E1). */
static void initialized(struct draft *t)
{
	if (t->o->target.wanted > 0)
		draft_scale(t, SIDE_TARGET, 0);
	if (!objects_route(t))
		return;
	bool same = text_empty(t->s->own.revision) || text_eq(t->s->own.revision, draft_identity(t));
	if (same)
		draft_sync(t, PHASE_INITIALIZED, 0);
	else
		draft_phase(t, PHASE_INITIALIZED); /* the primary has an older one: what has come since is a release */
	t->d.status.own.old_image = t->o->target.images;
	t->d.status.own.new_image = t->o->target.images;
	SAY(t, INITIALIZED);
	ALARM(t, INITIALIZED);
	draft_moved(t, TRANSITION_INITIALIZED);
	draft_counted(t);
	t->d.again = true;
}

static bool extension_source_is_whole(struct draft *t)
{
	if (!t->c->extension || !t->o->source.exists || t->o->source.wanted >= extension_maximum(t))
		return true;
	draft_scale(t, SIDE_SOURCE, extension_maximum(t));
	return false;
}

/* What the primary is made from is on record before it is made. Until traffic is led there, it follows the target: a
 * first image that does not run can be corrected. true: the tick ends here. */
static bool first_template_changed(struct draft *t, bool switched)
{
	bool ours = text_empty(t->c->source.name) && !text_empty(t->s->own.revision);
	if (!ours || switched || text_eq(t->s->own.revision, draft_identity(t)))
		return false;
	if (t->o->source.exists)
		draft_promote(t, t->o->target.revision);
	draft_record(t);
	t->d.again = !t->o->source.exists;
	return true;
}

static void initializing(struct draft *t)
{
	const struct observed *o = t->o;
	const char *why;
	bool ready = source_readiness(t, &why) == READY && o->source.available > 0;
	bool switched = o->apex_service == SHAPE_AS_WANTED && !o->apex_to_target;
	if (ready && switched && o->target.wanted > 0 && !o->due)
		return; /* the traffic of the user's own Service gets an interval to move */
	if ((ready || o->due) && !t->c->skip_analysis && !providers_probed(t))
		return;
	if (first_template_changed(t, switched))
		return;
	objects_begin(t);
	if (has_scaler(t->c) && !switched)
		draft_do(t, EFFECT_PAUSE_SCALER);
	if (!extension_source_is_whole(t))
		return;
	if (!ready) {
		if (o->due)
			SAY(t, SOURCE_NOT_READY, .a = why);
		draft_counted(t);
		return;
	}
	if (!switched)
		draft_do(t, EFFECT_APEX_TO_SOURCE);
	if (o->apex_service == SHAPE_DIFFERENT && o->target.wanted > 0) {
		draft_counted(t);
		draft_next(t, "traffic moves to the primary");
		return;
	}
	initialized(t);
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

static void say_rejected(struct draft *t, const struct gate *g)
{
	const char *by = gate_by(t, g);
	SAY(t, GATE_REJECTED, .ordinal = g->name, .a = g->name, .b = by);
	ALARM(t, ROLLED_BACK, .ordinal = g->name, .a = draft_text(t, "%s was rejected%s", g->name, by));
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
		say_rejected(t, &g);
		run_refuse(t, draft_text(t, "%s was rejected%s", g.name, gate_by(t, &g)));
		break;
	}
}

static bool can_start(struct draft *t)
{
	const char *trouble = t->o->configs_error ? t->o->configs_error : t->o->strategy_error;
	if (trouble)
		objects_trouble(t, trouble);
	return !trouble && source_ready(t) && routes_known(t);
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

/* ---- Progressing, WaitingPromotion: may it go on? ---- */

static void rejected(struct draft *t, const struct gate *g)
{
	say_rejected(t, g);
	run_rollback(t, draft_text(t, "%s was rejected%s", g->name, gate_by(t, g)));
}

static void held(struct draft *t, const struct gate *g)
{
	if (t->d.status.own.held)
		return;
	SAY(t, GATE_HELD, .ordinal = draft_text(t, "%s/%d", g->name, g->step), .a = g->name, .b = gate_by(t, g));
	t->d.status.own.held = true;
	draft_touch(t);
}

/* Stands at a gate within Progressing. That it does is remembered, so that an answer opens it without a new analysis.
 */
static void stand(struct draft *t, const struct gate *g)
{
	bool news = t->s->own.gate != g->type;
	const char *ordinal = draft_text(t, "%s/%d", g->name, g->step);
	if (g->type == HOOK_CONFIRM_TRAFFIC_INCREASE && t->o->due) {
		SAY(t, TRAFFIC_WAITS, .a = g->name);
		if (!g->mute)
			ALARM(t, TRAFFIC_WAITS);
	}
	if (g->type == HOOK_CONFIRM_STEP && news)
		SAY(t, STEP_WAITS, .ordinal = ordinal, .a = g->name);
	if (news) {
		t->d.status.own.gate = g->type;
		draft_touch(t);
		draft_moved(t, TRANSITION_WAITING);
	}
	gate_stand(t, g);
}

/* true: it is open. */
static bool step_gate(struct draft *t, enum hook_type type, int weight)
{
	int step = t->s->own.step + 1;
	struct gate g = { .type = type,
			  .phase = PHASE_PROGRESSING,
			  .step = step,
			  .weight = weight,
			  .ordinal = draft_text(t, "%d/%d", step, weight),
			  .asked = t->s->own.gate != HOOK_ROLLOUT };
	switch (gate_ask(t, &g)) {
	case GATE_PASSED:
		return true;
	case GATE_ASKED:
		return false;
	case GATE_HELD:
		held(t, &g);
		stand(t, &g);
		return false;
	case GATE_WAITS:
		stand(t, &g);
		return false;
	case GATE_ABORTED:
		rejected(t, &g);
		return false;
	}
	return false;
}

/* T10, and what follows when it opens. */
static void promotion(struct draft *t, void (*opened)(struct draft *t))
{
	bool known = t->s->phase == PHASE_WAITING_PROMOTION;
	/* Blue/green asks twice; what the first answer has moved is not moved again. */
	bool after_all = t->s->iterations > strategy_iterations(t->c, t->o);
	struct gate g = { .type = HOOK_CONFIRM_PROMOTION,
			  .phase = PHASE_PROGRESSING,
			  .ordinal = draft_number(t, t->s->iterations),
			  .asked = known };
	enum gate_outcome said = t->s->own.skip_gates ? GATE_PASSED : gate_ask(t, &g);
	if (said == GATE_PASSED)
		opened(t);
	if (said == GATE_ABORTED)
		rejected(t, &g);
	if (said != GATE_WAITS && said != GATE_HELD)
		return;
	if (!known) {
		draft_phase(t, PHASE_WAITING_PROMOTION);
		if (after_all)
			t->d.status.iterations = t->s->iterations;
		const char *nth = draft_number(t, t->s->own.step); /* a manual release may come here twice */
		SAY(t, PROMOTION_WAITS, .ordinal = draft_text(t, "%s/%s", g.name, nth), .a = g.name);
		if (!g.mute)
			ALARM(t, PROMOTION_WAITS, .ordinal = nth);
		draft_moved(t, TRANSITION_WAITING);
	} else if (g.fresh && !after_all && t->s->iterations != t->c->analysis.iterations - 1) {
		t->d.status.iterations = t->c->analysis.iterations - 1;
		draft_touch(t);
	}
	if (said == GATE_HELD)
		held(t, &g);
	gate_stand(t, &g);
}

/* ---- Progressing, WaitingPromotion: the next traffic ---- */

static void advanced(struct draft *t, int weight)
{
	struct own_status *own = &t->d.status.own;
	own->step++;
	own->gate = HOOK_ROLLOUT;
	own->held = false;
	own->changed_at = t->o->now;
	t->d.status.weight = weight;
	SAY(t, ADVANCED_WEIGHT, .ordinal = draft_text(t, "%d/%d", weight, own->step), .a = draft_number(t, weight));
	draft_touch(t);
	draft_moved(t, TRANSITION_ADVANCED);
	draft_counted(t);
}

static void iterated(struct draft *t)
{
	int n = t->s->iterations + 1;
	const char *i = draft_number(t, n), *of = draft_number(t, strategy_iterations(t->c, t->o));
	t->d.status.iterations = n;
	t->d.status.own.step = n;
	t->d.status.own.gate = HOOK_ROLLOUT;
	SAY(t, ADVANCED_ITERATION, .ordinal = i, .a = i, .b = of);
	draft_touch(t);
	draft_moved(t, TRANSITION_ADVANCED);
	draft_counted(t);
}

static void advance(struct draft *t, const struct rung *r)
{
	if (t->c->extension) {
		extension_advance(t, r);
		return;
	}
	struct routes to = { .primary = 100 - r->weight, .canary = r->weight };
	if (strategy_mirrors(t->c, t->o) && t->o->routes.canary == 0 && !t->o->routes.mirrored)
		to = (struct routes){ .primary = 100, .mirrored = true };
	if (t->c->analysis.mirror && !t->o->can_mirror && t->s->own.step == 0)
		SAY(t, NO_MIRROR, .a = t->o->provider ? t->o->provider : t->c->provider);
	if (draft_route(t, to))
		advanced(t, to.canary);
}

/* T7. */
static void by_weight(struct draft *t)
{
	bool without_router = strategy_of(t->c, t->o) == STRATEGY_REPLICAS;
	int now = without_router ? t->s->own.weight : t->o->routes.canary;
	struct rung r = strategy_next(t->c, t->o, &t->d.status.own, now, t->c->extension ? extension_maximum(t) : 0);
	if (!r.last && r.weight == now && strategy_of(t->c, t->o) != STRATEGY_REPLICAS)
		return; /* nothing to do: no step, or a manual release that is where it shall be */
	draft_next(t, r.last ? "promotion" : draft_text(t, "weight %d", r.weight));
	bool decided = t->s->own.next_weight == r.weight && !r.last && r.weight > 0;
	bool passed = decided || t->s->own.gate == HOOK_CONFIRM_STEP; /* it stands at the next one already */
	bool asks = t->s->phase == PHASE_PROGRESSING && !t->o->routes.mirrored && !passed;
	if (asks && !step_gate(t, HOOK_CONFIRM_TRAFFIC_INCREASE, r.last ? now : r.weight))
		return;
	if (r.last)
		promotion(t, run_promote);
	else if (decided || step_gate(t, HOOK_CONFIRM_STEP, r.weight))
		advance(t, &r);
}

/* T8. At the gate only its answer is of interest; the original iterates once more before it asks again. */
static void by_match(struct draft *t)
{
	bool at_gate = t->s->phase == PHASE_WAITING_PROMOTION;
	if (at_gate || t->s->iterations >= t->c->analysis.iterations) {
		promotion(t, run_promote);
		return;
	}
	if (t->s->iterations == 0 && !step_gate(t, HOOK_CONFIRM_STEP, 100))
		return;
	if (draft_route(t, (struct routes){ .canary = 100 }))
		iterated(t);
}

static void all_to_canary(struct draft *t)
{
	if (!t->o->no_router) {
		if (!draft_route(t, (struct routes){ .canary = 100 }))
			return;
		if (t->c->analysis.mirror && t->o->can_mirror)
			SAY(t, UNMIRRORED);
		else
			SAY(t, ALL_TO_CANARY);
	}
	t->d.status.iterations = strategy_iterations(t->c, t->o) + 1;
	t->d.status.own.gate = HOOK_ROLLOUT;
	draft_touch(t);
	draft_counted(t);
}

/* The gate at the end of the iterations is asked twice (E14): before all traffic moves, and before the copy. */
static void end_of_iterations(struct draft *t, bool moved)
{
	bool moves = !moved && !t->c->extension;
	bool first = t->s->phase == PHASE_PROGRESSING && moves && !t->o->no_router;
	if (!first || step_gate(t, HOOK_CONFIRM_STEP, 100))
		promotion(t, moves ? all_to_canary : run_promote);
}

/* T9. */
static void by_iterations(struct draft *t)
{
	int all = strategy_iterations(t->c, t->o), n = t->s->iterations;
	bool at_gate = t->s->phase == PHASE_WAITING_PROMOTION;
	if (at_gate || n >= all) {
		end_of_iterations(t, n > all);
		return;
	}
	bool mirror = strategy_mirrors(t->c, t->o) && !t->o->no_router && !t->o->routes.mirrored;
	if (mirror && !draft_route(t, (struct routes){ .primary = 100, .mirrored = true }))
		return;
	iterated(t);
}

static void say_what_kubernetes_cannot(struct draft *t)
{
	if (t->c->analysis.match_count)
		SAY(t, NO_MATCH);
	if (t->c->analysis.iterations >= 1)
		return;
	SAY(t, NO_WEIGHTS);
	SAY(t, TEN_ITERATIONS);
}

static void go_on(struct draft *t)
{
	if (t->s->own.paused) {
		draft_next(t, draft_text(t, "paused at weight %d", t->s->own.weight));
		return;
	}
	enum strategy how = strategy_of(t->c, t->o);
	if (how == STRATEGY_BLUE_GREEN && t->o->no_router && t->o->due)
		say_what_kubernetes_cannot(t);
	switch (how) {
	case STRATEGY_WEIGHTS:
	case STRATEGY_MANUAL:
	case STRATEGY_REPLICAS:
		by_weight(t);
		break;
	case STRATEGY_AB:
		by_match(t);
		break;
	case STRATEGY_BLUE_GREEN:
		by_iterations(t);
		break;
	}
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
	enum readiness r = t->c->skip_analysis ? READY : source_readiness(t, &why);
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
		promotion(t, run_promote);
	else if (t->o->due && t->s->own.next_weight == 0) {
		draft_counted(t);
		if (healthy(t))
			go_on(t);
	} else if (time_to_go_on(t))
		go_on(t);
}

/* ---- Promoting, Finalising (plain: the primary has the new template) ---- */

/* K16: fatal here means that the new template does not run on the primary. */
static bool primary_took_it(struct draft *t)
{
	const char *why;
	enum readiness r = source_readiness(t, &why);
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
		detected(t);
		break;
	case PHASE_INITIALIZING:
		initializing(t);
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
	if (t->c->suspend) {
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
	if (t->o->duplicate_target && t->d.write_status)
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

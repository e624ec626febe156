#include "controller/core/traffic.h"

#include "controller/core/extension.h"
#include "controller/core/gates.h"
#include "controller/core/runs.h"
#include "controller/core/strategy.h"

/* ---- may it go on? ---- */

static void held(struct draft *t, const struct gate *g)
{
	if (t->d.status.own.held)
		return;
	SAY(t, GATE_HELD, .ordinal = draft_text(t, "%s/%d", g->name, t->s->own.step), .a = g->name, .b = gate_by(t, g));
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
		run_reject(t, &g);
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
		run_reject(t, &g);
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

/* ---- the next traffic ---- */

void traffic_advanced(struct draft *t, int weight)
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
		traffic_advanced(t, to.canary);
}

static int weight_now(const struct draft *t)
{
	return strategy_of(t->c, t->o) == STRATEGY_REPLICAS ? t->s->own.weight : t->o->routes.canary;
}

static struct rung next_rung(const struct draft *t)
{
	int whole = t->c->extension ? extension_maximum(t) : 0;
	return strategy_next(t->c, t->o, &t->d.status.own, weight_now(t), whole);
}

void traffic_foretell(struct draft *t)
{
	enum strategy how = strategy_of(t->c, t->o);
	bool iterates = how == STRATEGY_AB || how == STRATEGY_BLUE_GREEN;
	int n = t->s->iterations, all = strategy_iterations(t->c, t->o);
	struct rung r = next_rung(t);
	if (iterates && n < all)
		draft_next(t, draft_text(t, "iteration %d/%d", n + 1, all));
	else if (iterates || r.last)
		draft_next(t, "promotion");
	else
		draft_next(t, draft_text(t, "weight %d", r.weight));
}

/* T7. */
static void by_weight(struct draft *t)
{
	int now = weight_now(t);
	struct rung r = next_rung(t);
	if (!r.last && r.weight == now && strategy_of(t->c, t->o) != STRATEGY_REPLICAS)
		return; /* nothing to do: no step, or a manual release that is where it shall be */
	traffic_foretell(t);
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

void traffic_go_on(struct draft *t)
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

void traffic_promote(struct draft *t)
{
	promotion(t, run_promote);
}

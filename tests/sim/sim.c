/* sim: random rollouts with crashes, clicks, refusals and revisions in the middle, each run to its end on a virtual
 * clock. A seed that breaks an invariant is printed with its trace and replays with --seed N --count 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tests/sim/sim.h"

enum { STORM_TURNS = 120, HEALING_TURNS = 600 };

struct totals {
	size_t rollouts, decisions, crashes, broken;
};

static void revise(struct sim *s)
{
	struct dice *d = &s->dice;
	const struct canary_status *st = &s->world->canary.status;
	if (st->phase == PHASE_TERMINATING)
		return;
	const char *to = sim_word(s, dice_percent(d, 15) ? "bad" : "v");
	if (dice_percent(d, 15) && !text_empty(st->last_promoted_spec))
		to = st->last_promoted_spec;
	sim_note(s, "somebody sets the image: %s", to);
	world_revise(s->world, to);
}

static void kill_pod(struct sim *s)
{
	struct world_side *side = dice_percent(&s->dice, 50) ? &s->world->target : &s->world->source;
	enum side which = side == &s->world->target ? SIDE_TARGET : SIDE_SOURCE;
	if (world_available(s->world, which) < 2)
		return; /* an outage of the whole side is nobody's rollout */
	sim_note(s, "a pod of the %s dies", which == SIDE_TARGET ? "target" : "source");
	side->pods[side->pod_count - 1].ready_at = s->world->now.v + s->world->pod_start_ms;
}

/* What happens to a rollout from outside. */
static void weather(struct sim *s)
{
	struct dice *d = &s->dice;
	struct world *w = s->world;
	if (dice_percent(d, 4))
		revise(s);
	if (dice_percent(d, 3))
		kill_pod(s);
	if (dice_percent(d, 2)) {
		w->canary.suspend = !w->canary.suspend;
		sim_note(s, "suspend: %d", w->canary.suspend);
	}
	if (w->configs_tracked && dice_percent(d, 2)) {
		s->configs[0].value = sim_word(s, "sum");
		sim_note(s, "a ConfigMap changes: %s", s->configs[0].value);
	}
	if (s->spec.extension && s->spec.analysis.canary_weight && dice_percent(d, 10)) {
		w->canary.analysis.canary_weight = dice_between(d, 0, 100);
		sim_note(s, "canaryWeight: %d", w->canary.analysis.canary_weight);
	}
	if (dice_percent(d, 1) && dice_percent(d, 20)) {
		w->canary.deleting = true;
		sim_note(s, "the Canary is deleted");
	}
}

static void heal(struct sim *s)
{
	struct world *w = s->world;
	const struct canary_status *st = &w->canary.status;
	bool answered = !w->canary.has_request || text_eq(w->canary.request.id, st->own.request.id);
	w->canary.suspend = false;
	if (st->phase == PHASE_INITIALIZING && text_starts(w->target.revision, "bad"))
		world_revise(w, sim_word(s, "v")); /* nothing but a corrected image helps here */
	if (!answered)
		return;
	for (size_t i = 0; i < s->vote_count; i++)
		if (s->votes[i].verdict == ANSWER_HELD)
			s->votes[i].verdict = ANSWER_ABORT;
	if (st->own.paused)
		sim_request(s, "resume");
	else if (w->canary.analysis.step_weight == 0 && s->spec.extension && st->phase == PHASE_PROGRESSING &&
		 !st->own.skip_rest && !st->own.falling_back)
		sim_request(s, "promote"); /* a manual release would wait for ever */
}

static bool tick(struct sim *s)
{
	struct error e;
	struct dice *d = &s->dice;
	bool storm = !s->healing;
	struct world_crash crash = { .happens = storm && dice_percent(d, 6), .effects = (size_t)dice_between(d, 0, 6) };
	if (world_tick(s->world, storm && dice_percent(d, 5), &crash, &e) != RC_OK) {
		sim_note(s, "%s", e.text);
		s->broken = "a tick failed";
		return false;
	}
	sim_note_tick(s);
	if (crash.happens && s->world->last.kind == DECIDE_DO) {
		s->crashed = true;
		s->crashes++;
		sim_note(s, "KILLED after %zu effects", crash.effects);
	}
	sim_check(s);
	return s->world->last.kind == DECIDE_DO && s->world->last.again;
}

static void turn(struct sim *s)
{
	int n = 0;
	while (!s->world->gone && !s->broken && tick(s))
		if (++n == 32)
			s->broken = "ticks without end";
}

static bool at_rest(const struct sim *s)
{
	const struct canary_status *st = &s->world->canary.status;
	bool rest = st->phase == PHASE_INITIALIZED || st->phase == PHASE_SUCCEEDED || st->phase == PHASE_FAILED;
	return s->world->gone || (rest && !st->own.post_pending && s->world->last.kind == DECIDE_WAIT);
}

static void run(struct sim *s)
{
	int limit = s->spec.analysis.interval_ms > 0 ? (int)s->spec.analysis.interval_ms : 1000;
	int storm = dice_between(&s->dice, 10, STORM_TURNS);
	for (int i = 0; i < storm && !s->broken && !s->world->gone; i++) {
		world_advance(s->world, dice_between(&s->dice, 100, limit));
		weather(s);
		sim_people(s);
		turn(s);
	}
	s->healing = true;
	sim_note(s, "the weather is over");
	int quiet = 0;
	for (int i = 0; i < HEALING_TURNS && !s->broken && quiet < 12; i++) {
		heal(s);
		world_advance(s->world, limit / 2);
		sim_people(s);
		turn(s);
		quiet = at_rest(s) ? quiet + 1 : 0;
	}
	/* Without a finalizer of ours a deleted Canary simply goes. */
	bool nobody_waits = s->world->canary.deleting && !s->world->has_finalizer;
	if (!s->broken && !at_rest(s) && !nobody_waits)
		s->broken = "does not come to an end";
	if (!s->broken)
		sim_check_end(s);
}

static enum result rollout(uint64_t seed, struct totals *t, bool trace, struct error *e)
{
	struct sim *s = calloc(1, sizeof *s);
	if (!s)
		return error_set(e, RC_EXHAUSTED, "no memory");
	s->seed = seed;
	s->dice.state = seed * 0x2545f4914f6cdd1du;
	sim_spec(s);
	enum result r = world_create(&s->spec, sim_word(s, "v"), dice_between(&s->dice, 1, 4), &s->world, e);
	if (r == RC_OK) {
		s->world->answer = sim_answer;
		s->world->owner = s;
		s->world->pod_start_ms = dice_between(&s->dice, 200, 20000);
		s->world->no_router = text_eq(s->spec.provider, "kubernetes") || s->spec.analysis.step_replicas > 0;
		s->world->can_mirror = dice_percent(&s->dice, 50);
		s->world->configs_tracked = dice_percent(&s->dice, 40);
		s->configs[0] = (struct pair){ "configmap/cfg", "sum" };
		s->world->configs = (struct pairs){ s->configs, 1 };
		if (dice_percent(&s->dice, 30))
			s->world->apex = WORLD_APEX_MISSING;
		run(s);
		t->rollouts++;
		t->decisions += s->world->decisions;
		t->crashes += s->crashes;
		if (s->broken || trace) {
			sim_print(s);
			t->broken += s->broken != NULL;
		}
		if (s->broken)
			printf("sim: seed %llu broken: %s\nreplay: sim --seed %llu --count 1\n",
			       (unsigned long long)seed, s->broken, (unsigned long long)seed);
	}
	world_destroy(s->world);
	free(s);
	return r;
}

static bool parse(int argc, char **argv, uint64_t *seed, uint64_t *count, bool *trace)
{
	struct error e;
	for (int i = 1; i < argc; i++) {
		uint64_t *to = text_eq(argv[i], "--seed") ? seed : text_eq(argv[i], "--count") ? count : NULL;
		if (text_eq(argv[i], "--trace"))
			*trace = true;
		else if (!to || ++i == argc || text_u64(argv[i], 0, UINT64_MAX, to, &e) != RC_OK)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, count = 2000;
	bool trace = false;
	struct totals t = { 0 };
	struct error e;
	if (!parse(argc, argv, &seed, &count, &trace)) {
		fprintf(stderr, "usage: sim [--seed N] [--count N] [--trace]\n");
		return 2;
	}
	for (uint64_t i = 0; i < count && !t.broken; i++)
		if (rollout(seed + i, &t, trace, &e) != RC_OK) {
			fprintf(stderr, "sim: %s\n", e.text);
			return 1;
		}
	printf("sim: %zu rollouts, %zu decisions, %zu crashes, %zu broken\n", t.rollouts, t.decisions, t.crashes,
	       t.broken);
	return t.broken ? 1 : 0;
}

#pragma once
/* A stage for tests of the core: a Canary built by hand, people and hooks that answer as told, ticks by the interval.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "controller/core/world/world.h"

enum { SCENE_HOOKS = 8, SCENE_METRICS = 4, INTERVAL_MS = 10000 };

struct scene_answer {
	enum verdict verdict;
	const char *text;
	double value;
	size_t asked;          /* how often */
	enum phase last_phase; /* payload of the last call */
};
struct scene {
	struct world *world;
	struct canary c;
	struct hook hooks[SCENE_HOOKS];
	struct metric_check metrics[SCENE_METRICS];
	struct scene_answer hook_said[SCENE_HOOKS], metric_said[SCENE_METRICS];
	struct scene_answer gate_said[HOOK_TYPE_COUNT];
	char gate_revision[64]; /* what the last gate question was about */
	int gate_step, gate_weight;
	int steps[8];
	struct header_match match[1];
	struct error e;
};

static void scene_answers(void *owner, const struct question *q, struct answer *ret)
{
	struct scene *s = owner;
	struct scene_answer *said = NULL;
	if (q->kind == ASK_HOOK)
		said = &s->hook_said[q->index];
	if (q->kind == ASK_METRIC)
		said = &s->metric_said[q->index];
	if (q->kind == ASK_GATE) {
		said = &s->gate_said[q->type];
		(void)snprintf(s->gate_revision, sizeof s->gate_revision, "%s", q->revision);
		s->gate_step = q->step;
		s->gate_weight = q->weight;
	}
	if (!said)
		return;
	ret->verdict = said->verdict;
	ret->text = said->text ? said->text : "";
	ret->value = said->value;
	ret->by = q->kind == ASK_GATE ? "lin" : "";
	said->asked++;
	said->last_phase = q->phase;
}

/* The Canary of flagger-controller.md 8: podinfo in namespace test. */
static inline void scene_init(struct scene *s)
{
	*s = (struct scene){ 0 };
	s->c = (struct canary){
		.ns = "test",
		.name = "podinfo",
		.uid = "u-1",
		.provider = "nginx",
		.target = { .api_version = "apps/v1", .kind = "Deployment", .name = "podinfo", .ns = "" },
		.autoscaler = { "", "", "", "" },
		.source_name = "podinfo-primary",
		.policy = "",
		.progress_deadline_s = 60,
		.analysis = { .present = true,
			      .interval_ms = INTERVAL_MS,
			      .threshold = 5,
			      .step_weight = 20,
			      .max_weight = 40,
			      .primary_ready_threshold = 100,
			      .canary_ready_threshold = 100 },
		.status = { .last_applied_spec = "",
			    .last_promoted_spec = "",
			    .own = { .wanted_weight = -1, .revision = "", .promoted = "" } },
	};
	s->c.analysis.hooks = s->hooks;
	s->c.analysis.metrics = s->metrics;
	s->c.analysis.step_weights = s->steps;
	s->c.analysis.match = s->match;
}

static inline size_t scene_hook(struct scene *s, enum hook_type type, const char *name)
{
	s->hooks[s->c.analysis.hook_count] = (struct hook){ .name = name, .url = "http://hooks/x", .type = type };
	return s->c.analysis.hook_count++;
}

static inline void scene_open(struct scene *s, const char *revision, int replicas)
{
	assert_int_equal(world_create(&s->c, revision, replicas, &s->world, &s->e), RC_OK);
	s->world->answer = scene_answers;
	s->world->owner = s;
}

static inline void scene_close(struct scene *s)
{
	if (s->world->broken)
		fail_msg("broken: %s", s->world->broken);
	world_destroy(s->world);
	s->world = NULL;
}

static inline struct canary_status *status_of(struct scene *s)
{
	return &s->world->canary.status;
}

/* An interval passes, then the engine turns. */
static inline void tick(struct scene *s)
{
	world_advance(s->world, s->world->canary.analysis.interval_ms);
	assert_int_equal(world_turn(s->world, &s->e), RC_OK);
}

/* Something has changed in the middle of an interval. */
static inline void woken(struct scene *s)
{
	world_advance(s->world, 1);
	assert_int_equal(world_turn(s->world, &s->e), RC_OK);
}

static inline bool scene_until(struct scene *s, enum phase p)
{
	for (int i = 0; i < 100 && status_of(s)->phase != p; i++)
		tick(s);
	return status_of(s)->phase == p;
}

static inline void bootstrap(struct scene *s)
{
	assert_true(scene_until(s, PHASE_INITIALIZED));
}

static inline size_t heard(const struct scene *s, const char *text)
{
	return world_heard_times(s->world, text);
}

#define assert_heard(s, text)                                                                                          \
	do {                                                                                                           \
		if (!heard((s), (text)))                                                                               \
			fail_msg("nobody said: %s", (text));                                                           \
	} while (0)
#define assert_silent(s, text) assert_int_equal(heard((s), (text)), 0)
#define assert_phase(s, p) assert_string_equal(phase_name(status_of(s)->phase), phase_name(p))

#pragma once
/* Random rollouts on a virtual clock. One struct sim is one rollout: its Canary, its world, the people and hooks around
 * it, and a trace that is printed when an invariant breaks. Everything follows from the seed. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/core/world/world.h"

enum { SIM_HOOKS = 6, SIM_METRICS = 2, SIM_WORDS = 1024, SIM_VOTES = 256, TRACE_LINES = 4096, TRACE_WIDTH = 320 };

struct dice {
	uint64_t state;
};
uint64_t dice_next(struct dice *d);
int dice_between(struct dice *d, int low, int high); /* both included */
bool dice_percent(struct dice *d, int percent);

/* What people have decided about one gate; once made, a decision stays. */
struct sim_vote {
	enum hook_type type;
	char revision[64];
	int step;
	bool decided;
	enum verdict verdict;
};
struct sim {
	uint64_t seed;
	struct dice dice;
	struct canary spec;
	struct hook hooks[SIM_HOOKS];
	struct metric_check metrics[SIM_METRICS];
	struct header_match match[1];
	int steps[6];
	struct world *world;
	struct sim_vote votes[SIM_VOTES];
	size_t vote_count;
	struct pair configs[1];
	char words[SIM_WORDS][24]; /* revisions, ids, config sums */
	size_t word_count;
	bool healing;        /* the weather is over: everything answers, so that the end must come */
	bool overridden;     /* some promote with override_gates was asked for */
	size_t said_checked; /* world.said up to here */
	bool crashed;        /* since the beginning: a message may come twice */
	const char *source_was;
	enum phase phase_was;
	int weight_was;
	size_t crashes;
	const char *broken;
	char trace[TRACE_LINES][TRACE_WIDTH];
	size_t lines;
};

/* spec.c */
void sim_spec(struct sim *s);
const char *sim_word(struct sim *s, const char *prefix);
/* people.c */
void sim_answer(void *owner, const struct question *q, struct answer *ret);
void sim_people(struct sim *s); /* somebody may decide something */
bool sim_approved(const struct sim *s, enum hook_type type, const char *revision);
bool sim_approved_step(const struct sim *s, const char *revision, int step);
void sim_request(struct sim *s, const char *verb);
/* check.c */
void sim_check(struct sim *s); /* after a tick */
void sim_check_end(struct sim *s);
/* trace.c */
void sim_note(struct sim *s, const char *fmt, ...) PRINTF(2, 3);
void sim_note_tick(struct sim *s);
void sim_print(const struct sim *s);

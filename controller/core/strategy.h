#pragma once
/* What the next traffic is: the ladder of weights, iterations, the extension's replicas. */
#include "controller/core/observed.h"
#include "controller/core/step.h"

enum strategy {
	STRATEGY_WEIGHTS,    /* T7 */
	STRATEGY_AB,         /* T8 */
	STRATEGY_BLUE_GREEN, /* T9 */
	STRATEGY_MANUAL,     /* extension, stepWeight 0: whoever runs it says the weight */
	STRATEGY_REPLICAS    /* extension, stepReplicas: no router, replicas are the weight */
};
enum strategy strategy_of(const struct canary *c, const struct observed *o);
/* Iterations that count: 10 where the provider can do nothing else (K27). */
int strategy_iterations(const struct canary *c, const struct observed *o);
/* Mirroring is wanted and the provider can do and report it (E10). */
bool strategy_mirrors(const struct canary *c, const struct observed *o);

/* The next weight, what it takes on the canary's side, and where the ladder ends. */
struct rung {
	int weight, replicas;
	bool last; /* there is no next one: promote */
};
/* own: of the run (steps taken, the weight a verb wants); maximum: of the extension, else 0. */
struct rung strategy_next(const struct canary *c, const struct observed *o, const struct own_status *own, int weight,
			  int maximum);
/* Replicas of the canary's side at the weight and step at which the status stands; extension. */
int strategy_replicas(const struct canary *c, const struct observed *o, int weight, int step, int maximum);

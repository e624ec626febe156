#include "controller/core/strategy.h"

#include "base/text.h"

static int least(int a, int b)
{
	return a < b ? a : b;
}

static int most(int a, int b)
{
	return a > b ? a : b;
}

int ladder_max(const struct analysis *an)
{
	if (an->step_weight_count)
		return least(100, an->step_weights[an->step_weight_count - 1]);
	return an->max_weight > 0 ? least(100, an->max_weight) : 100;
}

/* The first entry above w, so that a weight which is not in the list goes on with its neighbour (E9). */
int ladder_next(const struct analysis *an, int w)
{
	if (an->step_weight > 0 || !an->step_weight_count)
		return least(100, w + most(0, an->step_weight));
	for (size_t i = 0; i < an->step_weight_count; i++)
		if (an->step_weights[i] > w)
			return least(100, an->step_weights[i]);
	return w;
}

size_t ladder_length(const struct analysis *an)
{
	size_t n = 0;
	for (int w = 0, next; w < ladder_max(an) && (next = ladder_next(an, w)) > w; w = next)
		n++;
	return n;
}

int extension_canary_replicas(const struct analysis *an, int maximum, int weight, int step)
{
	if (an->step_replicas > 0)
		return least(maximum, an->step_replicas * step);
	bool manual = an->step_weight <= 0 && !an->step_weight_count;
	int by_weight = manual ? 0 : (maximum * weight + 99) / 100;
	int by_step = least(maximum, an->canary_replicas * (manual ? 1 : step));
	return least(most(most(by_weight, by_step), weight > 0 ? 1 : 0), most(maximum, 1));
}

int extension_source_replicas(int maximum, int canary_available, int weight)
{
	return most(maximum - canary_available, weight >= 100 ? 0 : 1);
}

static bool kubernetes_provider(const struct canary *c, const struct observed *o)
{
	return o->no_router && !(c->extension && c->analysis.step_replicas > 0);
}

enum strategy strategy_of(const struct canary *c, const struct observed *o)
{
	const struct analysis *an = &c->analysis;
	if (kubernetes_provider(c, o))
		return STRATEGY_BLUE_GREEN;
	if (an->iterations > 0)
		return an->match_count || an->has_match ? STRATEGY_AB : STRATEGY_BLUE_GREEN;
	if (c->extension && an->step_replicas > 0)
		return STRATEGY_REPLICAS;
	if (c->extension && an->step_weight <= 0 && !an->step_weight_count)
		return STRATEGY_MANUAL;
	return STRATEGY_WEIGHTS;
}

int strategy_iterations(const struct canary *c, const struct observed *o)
{
	if (c->analysis.iterations < 1 && kubernetes_provider(c, o))
		return 10;
	return c->analysis.iterations;
}

bool strategy_mirrors(const struct canary *c, const struct observed *o)
{
	return c->analysis.mirror && o->can_mirror;
}

int strategy_replicas(const struct canary *c, const struct observed *o, int weight, int step, int maximum)
{
	const struct analysis *an = &c->analysis;
	switch (strategy_of(c, o)) {
	case STRATEGY_AB:
	case STRATEGY_BLUE_GREEN:
		return least(most(1, an->canary_replicas), most(1, maximum));
	case STRATEGY_MANUAL:
		return extension_canary_replicas(an, maximum, most(weight, 1), 1);
	case STRATEGY_WEIGHTS:
	case STRATEGY_REPLICAS:
		break;
	}
	return extension_canary_replicas(an, maximum, weight, step);
}

/* The weight somebody wants now: the verb's, else the spec's. */
static struct rung manual(const struct canary *c, const struct observed *o, const struct own_status *own, int weight,
			  int maximum)
{
	int wanted = own->wanted_weight >= 0 ? own->wanted_weight : c->analysis.canary_weight;
	return (struct rung){ .weight = wanted,
			      .replicas = strategy_replicas(c, o, wanted, 1, maximum),
			      .last = weight == wanted && weight >= ladder_max(&c->analysis) };
}

struct rung strategy_next(const struct canary *c, const struct observed *o, const struct own_status *own, int weight,
			  int maximum)
{
	const struct analysis *an = &c->analysis;
	int next, replicas;
	switch (strategy_of(c, o)) {
	case STRATEGY_MANUAL:
		return manual(c, o, own, weight, maximum);
	case STRATEGY_REPLICAS:
		replicas = extension_canary_replicas(an, maximum, 0, own->step + 1);
		next = maximum ? replicas * 100 / maximum : 100;
		return (struct rung){ .weight = next, .replicas = replicas, .last = weight >= 100 };
	case STRATEGY_AB:
	case STRATEGY_BLUE_GREEN:
		return (struct rung){ .weight = 100, .replicas = strategy_replicas(c, o, weight, 1, maximum) };
	case STRATEGY_WEIGHTS:
		break;
	}
	/* The extension's canaryWeight is where its ladder begins. */
	next = c->extension && weight == 0 && an->canary_weight > 0 ? an->canary_weight : ladder_next(an, weight);
	return (struct rung){ .weight = next,
			      .replicas = extension_canary_replicas(an, maximum, next, own->step + 1),
			      .last = weight >= ladder_max(an) };
}

/* A random Canary: every strategy, with and without the extension. */
#include <stdio.h>

#include "tests/sim/sim.h"

uint64_t dice_next(struct dice *d)
{
	uint64_t z = (d->state += 0x9e3779b97f4a7c15u); /* splitmix64 */
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

int dice_between(struct dice *d, int low, int high)
{
	return low + (int)(dice_next(d) % (uint64_t)(high - low + 1));
}

bool dice_percent(struct dice *d, int percent)
{
	return dice_between(d, 1, 100) <= percent;
}

const char *sim_word(struct sim *s, const char *prefix)
{
	if (s->word_count == SIM_WORDS)
		s->word_count--; /* far more than a storm makes */
	char *word = s->words[s->word_count];
	(void)snprintf(word, sizeof s->words[0], "%s%zu", prefix, s->word_count++);
	return word;
}

static void hooks(struct sim *s)
{
	static const enum hook_type types[] = { HOOK_ROLLOUT,           HOOK_CONFIRM_ROLLOUT,
						HOOK_PRE_ROLLOUT,       HOOK_CONFIRM_TRAFFIC_INCREASE,
						HOOK_CONFIRM_PROMOTION, HOOK_POST_ROLLOUT,
						HOOK_ROLLBACK };
	int n = dice_between(&s->dice, 0, SIM_HOOKS);
	for (int i = 0; i < n; i++) {
		struct hook *h = &s->hooks[i];
		*h = (struct hook){ .name = sim_word(s, "hook"), .url = "http://hooks/x" };
		h->type = types[dice_between(&s->dice, 0, (int)(sizeof types / sizeof *types) - 1)];
		bool gate = h->type != HOOK_ROLLOUT && h->type != HOOK_PRE_ROLLOUT && h->type != HOOK_POST_ROLLOUT;
		if (gate && h->type != HOOK_ROLLBACK && dice_percent(&s->dice, 40))
			h->policy = "prod";
		if (h->type == HOOK_CONFIRM_ROLLOUT && !h->policy && dice_percent(&s->dice, 20))
			h->halt = true;
	}
	s->spec.analysis.hook_count = (size_t)n;
	static const enum hook_type asked[] = { HOOK_CONFIRM_ROLLOUT, HOOK_CONFIRM_STEP, HOOK_CONFIRM_PROMOTION };
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
		s->spec.gates[asked[i]] = dice_percent(&s->dice, 25);
}

static void strategy(struct sim *s)
{
	struct analysis *an = &s->spec.analysis;
	struct dice *d = &s->dice;
	an->max_weight = dice_percent(d, 50) ? 0 : dice_between(d, 10, 100);
	an->step_weight_promotion = dice_percent(d, 30) ? dice_between(d, 10, 60) : 0;
	an->mirror = dice_percent(d, 10);
	switch (dice_between(d, 0, s->spec.extension ? 5 : 3)) {
	case 0:
		an->step_weight = dice_between(d, 10, 60);
		break;
	case 1:
		an->step_weight_count = (size_t)dice_between(d, 1, 6);
		for (size_t i = 0; i < an->step_weight_count; i++)
			s->steps[i] = (i ? s->steps[i - 1] : 0) + dice_between(d, 1, 30);
		break;
	case 2:
		an->iterations = dice_between(d, 1, 4);
		s->match[0] = (struct header_match){ .header = "x-user", .exact = "insider" };
		an->match_count = dice_percent(d, 50);
		break;
	case 3:
		an->iterations = dice_between(d, 1, 4);
		if (dice_percent(d, 50))
			s->spec.provider = "kubernetes";
		break;
	case 4:
		an->canary_weight = dice_between(d, 0, 100);
		break;
	default:
		an->step_replicas = dice_between(d, 1, 3);
		break;
	}
}

void sim_spec(struct sim *s)
{
	struct dice *d = &s->dice;
	s->spec = (struct canary){
		.ns = "test",
		.name = "podinfo",
		.uid = "u-1",
		.provider = "nginx",
		.target = { "apps/v1", "Deployment", "podinfo", "" },
		.autoscaler = { "", dice_percent(d, 20) ? "HorizontalPodAutoscaler" : "", "", "" },
		.source_name = "podinfo-primary",
		.policy = "prod",
		.progress_deadline_s = 60,
		.extension = dice_percent(d, 50),
		.skip_analysis = dice_percent(d, 5),
		.revert_on_deletion = dice_percent(d, 50),
		.analysis = { .present = true,
			      .interval_ms = dice_between(d, 3, 15) * 1000,
			      .threshold = dice_between(d, 0, 4),
			      .primary_ready_threshold = 100,
			      .canary_ready_threshold = dice_percent(d, 80) ? 100 : 50,
			      .hooks = s->hooks,
			      .metrics = s->metrics,
			      .match = s->match,
			      .step_weights = s->steps,
			      .canary_replicas = dice_between(d, 0, 2),
			      .max_replicas = dice_percent(d, 50) ? 0 : dice_between(d, 1, 5) },
		.status = { .last_applied_spec = "",
			    .last_promoted_spec = "",
			    .own = { .revision = "", .promoted = "", .wanted_weight = -1 } },
	};
	hooks(s);
	strategy(s);
	s->spec.analysis.metric_count = (size_t)dice_between(d, 0, SIM_METRICS);
	for (size_t i = 0; i < SIM_METRICS; i++)
		s->metrics[i] = (struct metric_check){ .name = i ? "errors" : "request-success-rate",
						       .query = i ? "q" : "",
						       .interval = "1m",
						       .has_min = !i,
						       .min = 99,
						       .has_max = i,
						       .max = 5,
						       .template_ref = { "", "", "", "" } };
}

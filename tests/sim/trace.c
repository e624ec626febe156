#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "tests/sim/sim.h"

void sim_note(struct sim *s, const char *fmt, ...)
{
	char *line = s->trace[s->lines++ % TRACE_LINES];
	int at = s->world ? snprintf(line, TRACE_WIDTH, "%8.1fs ", (double)(s->world->now.v % 100000000) / 1000.0) : 0;
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(line + at, TRACE_WIDTH - (size_t)at, fmt, ap);
	va_end(ap);
}

static void note_effects(struct sim *s)
{
	const struct decision *d = &s->world->last;
	for (size_t i = 0; i < d->effect_count; i++) {
		const struct effect *f = &d->effects[i];
		if (f->kind == EFFECT_SCALE)
			sim_note(s, "    SCALE %s %d", f->side == SIDE_TARGET ? "target" : "source", f->replicas);
		else if (f->kind == EFFECT_SET_ROUTES)
			sim_note(s, "    ROUTES %d/%d%s", f->routes.primary, f->routes.canary,
				 f->routes.mirrored ? " mirrored" : "");
		else
			sim_note(s, "    %s", effect_name(f->kind));
	}
	for (size_t i = 0; i < d->saying_count; i++)
		sim_note(s, "    \"%s\"", d->sayings[i].text);
}

void sim_note_tick(struct sim *s)
{
	const struct world *w = s->world;
	const struct decision *d = &w->last;
	const struct canary_status *st = &w->canary.status;
	if (d->kind == DECIDE_WAIT)
		return;
	sim_note(s, "%s w%d i%d f%d own{w%d s%d n%d%s%s%s} routes %d/%d apex %d target %d/%d %s source %d/%d %s%s",
		 phase_name(st->phase), st->weight, st->iterations, st->failed_checks, st->own.weight, st->own.step,
		 st->own.next_weight, st->own.falling_back ? " falling" : "", st->own.returning ? " returning" : "",
		 st->own.target_serves ? " serves" : "", w->routes.primary, w->routes.canary, (int)w->apex,
		 world_available(w, SIDE_TARGET), w->target.wanted, w->target.revision, world_available(w, SIDE_SOURCE),
		 w->source.wanted, w->source.revision ? w->source.revision : "-", d->counted ? " counted" : "");
	note_effects(s);
}

static void print_spec(const struct sim *s)
{
	const struct analysis *an = &s->spec.analysis;
	printf("spec: %s provider %s interval %lld threshold %d iterations %d stepWeight %d max %d steps %zu promo %d "
	       "replicas %d/%d canaryWeight %d stepReplicas %d match %zu mirror %d skip %d\n",
	       s->spec.extension ? "extension" : "plain", s->spec.provider, (long long)an->interval_ms, an->threshold,
	       an->iterations, an->step_weight, an->max_weight, an->step_weight_count, an->step_weight_promotion,
	       an->canary_replicas, an->max_replicas, an->canary_weight, an->step_replicas, an->match_count, an->mirror,
	       s->spec.skip_analysis);
	for (size_t i = 0; i < an->hook_count; i++)
		printf("hook: %s%s%s\n", hook_type_name(an->hooks[i].type), an->hooks[i].policy ? " by people" : "",
		       an->hooks[i].halt ? " halt" : "");
	for (int i = 0; i < HOOK_TYPE_COUNT; i++)
		if (s->spec.gates[i])
			printf("gate: %s\n", hook_type_name((enum hook_type)i));
}

void sim_print(const struct sim *s)
{
	print_spec(s);
	size_t from = s->lines > TRACE_LINES ? s->lines - TRACE_LINES : 0;
	for (size_t i = from; i < s->lines; i++)
		printf("%s\n", s->trace[i % TRACE_LINES]);
}

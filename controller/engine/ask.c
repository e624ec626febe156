/* Questions of the core, asked one after the other. A gate is answered from memory; hooks and metrics take their time.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/metrics.h"
#include "base/text.h"
#include "controller/engine/runner.h"

static void answered(struct tick *t, enum verdict verdict, double value, const char *text, const char *by);

static void hook_answered(void *owner, enum verdict verdict, const char *text)
{
	struct tick *t = owner;
	t->hook = NULL;
	answered(t, verdict, 0, text, "");
}

static void remember_check(struct tick *t, size_t index, bool measured, double value)
{
	struct runner *r = t->runner;
	const struct analysis *an = &t->canary->analysis;
	if (r->check_count != an->metric_count) {
		free(r->checks);
		r->checks = calloc(an->metric_count, sizeof *r->checks);
		r->check_count = r->checks ? an->metric_count : 0;
	}
	if (index >= r->check_count)
		return;
	const struct metric_check *m = &an->metrics[index];
	struct check_seen *seen = &r->checks[index];
	char low[32] = "", high[32] = "";
	if (m->has_min)
		text_from_double(m->min, low);
	if (m->has_max || m->has_threshold)
		text_from_double(m->has_max ? m->max : m->threshold, high);
	(void)snprintf(seen->limit, sizeof seen->limit, "%s%s%s%s%s", *low ? "≥ " : "", low, *low && *high ? ", " : "",
		       *high ? "≤ " : "", high);
	seen->measured = measured;
	seen->good = measured && (!m->has_min || value >= m->min) && (!m->has_max || value <= m->max);
	if (measured)
		(void)snprintf(seen->value, sizeof seen->value, "%.2f", value);
	else
		seen->value[0] = '\0';
	if (measured)
		metric_set(r->engine->analysis, value, t->canary->target.name, r->ns, m->name);
}

static void metric_answered(void *owner, enum verdict verdict, double value, const char *text)
{
	struct tick *t = owner;
	t->metric = NULL;
	const struct question *q = &t->decision.questions[t->at];
	if (q->kind == ASK_METRIC)
		remember_check(t, q->index, verdict == ANSWER_YES, value);
	answered(t, verdict, value, text, "");
}

static void ask_hook(struct tick *t, const struct question *q)
{
	struct hook_ask ask = { .canary = t->canary,
				.hook = &t->canary->analysis.hooks[q->index],
				.phase = q->phase,
				.key = q->key,
				.at = t->observed.now };
	t->hook = hook_start(t->runner->engine->hooks, &ask, hook_answered, t);
	if (!t->hook)
		answered(t, ANSWER_ERROR, 0, "no memory for the call", "");
}

static void ask_metric(struct tick *t, size_t index)
{
	plan_begin(t->runner, t->canary, t->arena, &t->plan);
	t->metric = source_ask(t->runner->engine->sources, &t->plan, index, metric_answered, t);
	if (!t->metric)
		answered(t, ANSWER_ERROR, 0, "no memory for the query", "");
}

static void ask_gate(struct tick *t, const struct question *q)
{
	struct runner *r = t->runner;
	const struct gatekeeper *k = &r->engine->o.gatekeeper;
	struct rollout_gate gate = { .waiting = true,
				     .type = q->type,
				     .step = q->step,
				     .weight = q->weight,
				     .policy = q->policy ? q->policy : "",
				     .name = q->name ? q->name : "" };
	struct rollout *value = runner_rollout(r, t->arena);
	const char *by = "";
	enum gate_verdict v = GATE_CLOSED;
	if (value && k->ask) {
		value->revision = q->revision;
		value->gate = gate;
		v = k->ask(k->owner, value, &gate, &by);
	}
	static const enum verdict meaning[] = { [GATE_CLOSED] = ANSWER_NO,
						[GATE_OPEN] = ANSWER_YES,
						[GATE_REJECTED_ROLLBACK] = ANSWER_ABORT,
						[GATE_REJECTED_HOLD] = ANSWER_HELD };
	answered(t, meaning[v], 0, "", by ? by : "");
}

void tick_ask(struct tick *t)
{
	if (t->at >= t->decision.question_count || t->answer_count >= ANSWERS_MAX) {
		tick_step(t);
		return;
	}
	const struct question *q = &t->decision.questions[t->at];
	switch (q->kind) {
	case ASK_HOOK:
		ask_hook(t, q);
		break;
	case ASK_GATE:
		ask_gate(t, q);
		break;
	case ASK_METRIC:
		ask_metric(t, q->index);
		break;
	case ASK_PROBE:
		ask_metric(t, SIZE_MAX);
		break;
	}
}

/* In list order, up to the first that does not pass; rollback hooks up to the first that does (flagger-interfaces 1.1).
 */
static void answered(struct tick *t, enum verdict verdict, double value, const char *text, const char *by)
{
	const struct question *q = &t->decision.questions[t->at];
	struct answer *a = &t->answers[t->answer_count++];
	*a = (struct answer){ .asked = *q,
			      .verdict = verdict,
			      .value = value,
			      .text = arena_strdup(t->arena, text ? text : ""),
			      .by = arena_strdup(t->arena, by) };
	if (!a->text || !a->by)
		a->text = a->by = "";
	bool reverse = q->kind == ASK_HOOK && q->type == HOOK_ROLLBACK;
	t->at++;
	if ((verdict == ANSWER_YES) == reverse)
		tick_step(t);
	else
		tick_ask(t);
}

/* Questions of the core, asked one after the other. A gate is answered from memory; hooks and metrics take their time.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/metrics.h"
#include "base/text.h"
#include "controller/engine/runner.h"

static void answered(struct tick *t, enum verdict verdict, double value, const char *text, const char *by);

/* What is called once in a run and is not a poll: when its key comes again, the tick had to be repeated. */
static void remember_answer(struct runner *r, const struct question *q, enum verdict verdict, const char *text)
{
	if (!q->key || (q->type != HOOK_PRE_ROLLOUT && q->type != HOOK_POST_ROLLOUT))
		return;
	if (!r->answers)
		r->answers = calloc(REMEMBERED_MAX, sizeof *r->answers);
	if (!r->answers)
		return;
	struct hook_said *h = &r->answers[r->answer_at++ % REMEMBERED_MAX];
	h->key = text_hash(0, q->key);
	h->verdict = verdict;
	set_text(&h->text, text);
}

static const struct hook_said *answer_remembered(const struct runner *r, const char *key)
{
	uint64_t hash = text_hash(0, key);
	for (size_t i = 0; key && r->answers && i < REMEMBERED_MAX; i++)
		if (r->answers[i].key == hash)
			return &r->answers[i];
	return NULL;
}

static void hook_answered(void *owner, enum verdict verdict, const char *text)
{
	struct tick *t = owner;
	t->hook = NULL;
	remember_answer(t->runner, &t->decision.questions[t->at], verdict, text);
	answered(t, verdict, 0, text, "");
}

static bool is_rate(const struct metric_check *m)
{
	return text_eq(m->name, "request-success-rate");
}

/* A lone threshold is the least success rate, and the most of everything else (flagger-interfaces.md 3.5). */
static void limits_of(const struct metric_check *m, bool rate, double *low, double *high)
{
	bool range = m->has_min || m->has_max;
	*low = m->has_min ? m->min : !range && rate ? m->threshold : -INFINITY;
	*high = m->has_max ? m->max : !range && !rate ? m->threshold : INFINITY;
}

static void print_limit(const struct metric_check *m, bool rate, char *buf, size_t size)
{
	double low, high;
	char low_text[32] = "", high_text[32] = "";
	limits_of(m, rate, &low, &high);
	if (isfinite(low))
		text_from_double(low, low_text);
	if (isfinite(high))
		text_from_double(high, high_text);
	(void)snprintf(buf, size, "%s%s%s%s%s", *low_text ? "≥ " : "", low_text, *low_text && *high_text ? ", " : "",
		       *high_text ? "≤ " : "", high_text);
}

static void remember_check(struct tick *t, const struct question *q, bool measured, double value)
{
	struct runner *r = t->runner;
	const struct analysis *an = &t->canary->analysis;
	if (r->check_count != an->metric_count) {
		free(r->checks);
		r->checks = calloc(an->metric_count, sizeof *r->checks);
		r->check_count = r->checks ? an->metric_count : 0;
	}
	if (q->index >= r->check_count)
		return;
	const struct metric_check *m = &an->metrics[q->index];
	struct check_seen *seen = &r->checks[q->index];
	bool rate = is_rate(m) && !q->by_template;
	bool duration = text_eq(m->name, "request-duration") && !q->by_template;
	double low, high;
	limits_of(m, rate, &low, &high);
	print_limit(m, rate, seen->limit, sizeof seen->limit);
	seen->measured = measured;
	seen->good = measured && value >= low && value <= high;
	seen->value[0] = '\0';
	if (!measured)
		return;
	(void)snprintf(seen->value, sizeof seen->value, "%.2f", value);
	metric_set(r->engine->analysis, duration ? value / 1000 : value, t->canary->target.name, r->ns, m->name);
}

static void metric_answered(void *owner, enum verdict verdict, double value, const char *text)
{
	struct tick *t = owner;
	t->metric = NULL;
	const struct question *q = &t->decision.questions[t->at];
	if (q->kind == ASK_METRIC)
		remember_check(t, q, verdict == ANSWER_YES, value);
	answered(t, verdict, value, text, "");
}

static void ask_hook(struct tick *t, const struct question *q)
{
	const struct hook_said *before = answer_remembered(t->runner, q->key);
	if (before) {
		answered(t, before->verdict, 0, before->text, "");
		return;
	}
	struct hook_ask ask = { .canary = t->canary,
				.hook = &t->canary->analysis.hooks[q->index],
				.phase = q->phase,
				.key = q->key,
				.at = t->observed.now };
	t->hook = hook_start(t->runner->engine->hooks, &ask, hook_answered, t);
	if (!t->hook)
		answered(t, ANSWER_ERROR, 0, "no memory for the call", "");
}

static void ask_metric(struct tick *t, size_t index, bool by_template)
{
	const struct plan *p = tick_plan(t);
	if (p)
		t->metric = source_ask(t->runner->engine->sources, p, index, by_template, metric_answered, t);
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
		ask_metric(t, q->index, q->by_template);
		break;
	case ASK_PROBE:
		ask_metric(t, SIZE_MAX, false);
		break;
	}
}

/* Room for one answer more; NULL: no memory. */
static struct answer *next_answer(struct tick *t)
{
	if (t->answer_count == t->answer_cap) {
		size_t cap = t->answer_cap ? t->answer_cap * 2 : 4;
		struct answer *bigger = arena_alloc(t->arena, cap, sizeof *bigger);
		if (!bigger)
			return NULL;
		for (size_t i = 0; i < t->answer_count; i++)
			bigger[i] = t->answers[i];
		t->answers = bigger;
		t->answer_cap = cap;
	}
	return &t->answers[t->answer_count++];
}

/* In list order, up to the first that does not pass; rollback hooks up to the first that does (flagger-interfaces 1.1).
 */
static void answered(struct tick *t, enum verdict verdict, double value, const char *text, const char *by)
{
	const struct question *q = &t->decision.questions[t->at];
	struct answer *a = next_answer(t);
	if (!a) {
		tick_fail(t, RC_EXHAUSTED, "no memory for an answer");
		return;
	}
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

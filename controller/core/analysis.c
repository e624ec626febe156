#include "controller/core/analysis.h"

#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/text.h"
#include "controller/core/gates.h"

static const char *const rate_name = "request-success-rate", *const duration_name = "request-duration";

static bool built_in(const struct metric_check *m)
{
	return text_eq(m->name, rate_name) || text_eq(m->name, duration_name);
}

static bool by_template(const struct metric_check *m)
{
	return !text_empty(m->template_ref.name);
}

/* ---- questions ---- */

static struct question hook_question(struct draft *t, size_t i, enum phase phase, const char *ordinal)
{
	const struct hook *h = &t->c->analysis.hooks[i];
	const char *nth = draft_text(t, "%s/%s", h->name, ordinal);
	return (struct question){ .kind = h->policy ? ASK_GATE : ASK_HOOK,
				  .index = i,
				  .type = h->type,
				  .phase = phase,
				  .revision = t->d.status.own.revision ? t->d.status.own.revision : "",
				  .policy = h->policy,
				  .name = h->name,
				  .key = draft_key(t, hook_type_name(h->type), nth) };
}

static struct question metric_question(struct draft *t, size_t i, bool from_template)
{
	return (struct question){ .kind = ASK_METRIC,
				  .index = i,
				  .by_template = from_template,
				  .phase = PHASE_PROGRESSING,
				  .revision = t->d.status.own.revision ? t->d.status.own.revision : "",
				  .name = t->c->analysis.metrics[i].name };
}

struct questions {
	struct question *at;
	size_t count;
};

static struct questions room_for_all(struct draft *t)
{
	const struct analysis *an = &t->c->analysis;
	struct questions q = { .at = arena_alloc(t->a, an->hook_count + 2 * an->metric_count + 1, sizeof *q.at) };
	if (!q.at)
		t->exhausted = true;
	return q;
}

static void add_hooks(struct draft *t, struct questions *q, enum hook_type type, enum phase phase, const char *ordinal)
{
	for (size_t i = 0; q->at && i < t->c->analysis.hook_count; i++)
		if (t->c->analysis.hooks[i].type == type)
			q->at[q->count++] = hook_question(t, i, phase, ordinal);
}

/* Built-in and inline ones first, then templates; one that is both is asked both ways (E48). */
static void add_metrics(struct draft *t, struct questions *q)
{
	const struct analysis *an = &t->c->analysis;
	for (size_t i = 0; q->at && i < an->metric_count; i++)
		if (built_in(&an->metrics[i]) || !text_empty(an->metrics[i].query))
			q->at[q->count++] = metric_question(t, i, false);
	for (size_t i = 0; q->at && i < an->metric_count; i++) {
		const struct metric_check *m = &an->metrics[i];
		if (by_template(m) || (!built_in(m) && text_empty(m->query)))
			q->at[q->count++] = metric_question(t, i, true);
	}
}

/* ---- verdicts ---- */

/* What is said about a failed check; ordinal: its number in the run, and which check. */
struct failure {
	struct draft *t;
	const char *ordinal;
};

static const char *limit(struct draft *t, double v)
{
	char buf[32];
	text_from_double(v, buf);
	return draft_text(t, "%s", buf);
}

static const char *milliseconds(struct draft *t, double v)
{
	char buf[32];
	duration_print((int64_t)v, buf);
	return draft_text(t, "%s", buf);
}

static bool has_range(const struct metric_check *m)
{
	return m->has_min || m->has_max;
}

static bool rate_good(struct failure *f, const struct metric_check *m, double v)
{
	const char *value = draft_text(f->t, "%.2f", v);
	bool low = has_range(m) ? m->has_min && v < m->min : m->threshold > v;
	if (low)
		SAY(f->t, RATE_LOW, .ordinal = f->ordinal, .a = value,
		    .b = limit(f->t, has_range(m) ? m->min : m->threshold));
	else if (m->has_max && v > m->max)
		SAY(f->t, RATE_HIGH, .ordinal = f->ordinal, .a = value, .b = limit(f->t, m->max));
	else
		return true;
	return false;
}

/* Limits are whole milliseconds, the fraction is cut off as the original does. */
static bool duration_good(struct failure *f, const struct metric_check *m, double v)
{
	const char *value = milliseconds(f->t, v);
	double ms = trunc(v);
	if (m->has_min && ms < trunc(m->min))
		SAY(f->t, DURATION_LOW, .ordinal = f->ordinal, .a = value, .b = milliseconds(f->t, m->min));
	else if (has_range(m) ? m->has_max && ms > trunc(m->max) : ms > trunc(m->threshold))
		SAY(f->t, DURATION_HIGH, .ordinal = f->ordinal, .a = value,
		    .b = milliseconds(f->t, has_range(m) ? m->max : m->threshold));
	else
		return true;
	return false;
}

static bool value_good(struct failure *f, const struct metric_check *m, double v)
{
	const char *value = draft_text(f->t, "%.2f", v);
	if (m->has_min && v < m->min)
		SAY(f->t, METRIC_LOW, .ordinal = f->ordinal, .a = m->name, .b = value, .c = limit(f->t, m->min));
	else if (has_range(m) ? m->has_max && v > m->max : v > m->threshold)
		SAY(f->t, METRIC_HIGH, .ordinal = f->ordinal, .a = m->name, .b = value,
		    .c = limit(f->t, has_range(m) ? m->max : m->threshold));
	else
		return true;
	return false;
}

static void say_no_values(struct failure *f, const struct question *q, const char *text)
{
	const struct metric_check *m = &f->t->c->analysis.metrics[q->index];
	const char *provider = f->t->o->provider ? f->t->o->provider : f->t->c->provider;
	const char *why = text_empty(text) ? "no values found" : text;
	if (q->by_template)
		SAY(f->t, TEMPLATE_MISSING, .ordinal = f->ordinal, .a = m->name, .b = why);
	else if (text_eq(m->name, rate_name))
		SAY(f->t, RATE_MISSING, .ordinal = f->ordinal, .a = provider, .b = why);
	else if (text_eq(m->name, duration_name))
		SAY(f->t, DURATION_MISSING, .ordinal = f->ordinal, .a = provider);
	else
		SAY(f->t, INLINE_MISSING, .ordinal = f->ordinal, .a = m->name);
}

/* A template's errors come as whole sentences: the metric source knows whether template, secret, provider or query
 * failed. */
static void say_query_failed(struct failure *f, const struct question *q, const char *text)
{
	const struct metric_check *m = &f->t->c->analysis.metrics[q->index];
	if (q->by_template)
		SAY(f->t, TEMPLATE_FAILED, .ordinal = f->ordinal, .a = text);
	else if (built_in(m))
		SAY(f->t, BUILTIN_FAILED, .ordinal = f->ordinal, .a = text);
	else
		SAY(f->t, INLINE_FAILED, .ordinal = f->ordinal, .a = m->name, .b = text);
}

static bool metric_good(struct failure *f, const struct question *q, const struct answer *said)
{
	const struct metric_check *m = &f->t->c->analysis.metrics[q->index];
	if (said->verdict == ANSWER_NO || (said->verdict == ANSWER_YES && !isfinite(said->value))) {
		say_no_values(f, q, said->text);
		return false;
	}
	if (said->verdict != ANSWER_YES) {
		say_query_failed(f, q, said->text);
		return false;
	}
	if (q->by_template || !built_in(m))
		return value_good(f, m, said->value);
	return text_eq(m->name, rate_name) ? rate_good(f, m, said->value) : duration_good(f, m, said->value);
}

static bool hook_good(struct failure *f, const struct question *q, const struct answer *said)
{
	const char *text = said->text ? said->text : "";
	switch (q->type) {
	case HOOK_PRE_ROLLOUT:
		if (said->verdict == ANSWER_YES)
			SAY(f->t, PRE_PASSED, .ordinal = f->ordinal, .a = q->name);
		else
			SAY(f->t, PRE_FAILED, .ordinal = f->ordinal, .a = q->name, .b = text);
		break;
	case HOOK_POST_ROLLOUT:
		if (said->verdict == ANSWER_YES)
			SAY(f->t, POST_PASSED, .ordinal = q->name, .a = q->name);
		else
			SAY(f->t, POST_FAILED, .ordinal = q->name, .a = q->name, .b = text);
		break;
	default:
		if (said->verdict != ANSWER_YES)
			SAY(f->t, HOOK_FAILED, .ordinal = f->ordinal, .a = q->name, .b = text);
		break;
	}
	return said->verdict == ANSWER_YES;
}

static bool cannot_be_asked(const struct draft *t, const struct question *q)
{
	return q->kind == ASK_METRIC && q->by_template && !by_template(&t->c->analysis.metrics[q->index]);
}

static size_t askable(const struct draft *t, const struct questions *q, size_t from)
{
	size_t n = from;
	while (n < q->count && !cannot_be_asked(t, &q->at[n]))
		n++;
	return n - from;
}

static enum analysis_outcome judge(struct draft *t, const struct questions *q)
{
	for (size_t i = 0; i < q->count; i++) {
		const struct question *asked = &q->at[i];
		struct failure f = { .t = t, .ordinal = draft_text(t, "%d/%s", t->s->failed_checks + 1, asked->name) };
		if (cannot_be_asked(t, asked)) {
			SAY(t, METRIC_UNUSABLE, .ordinal = f.ordinal);
			return ANALYSIS_FAILED;
		}
		const struct answer *said = answer_to(t, asked);
		if (!said) {
			ask_from(t, asked, askable(t, q, i));
			return ANALYSIS_ASKED;
		}
		bool good = asked->kind == ASK_METRIC ? metric_good(&f, asked, said) : hook_good(&f, asked, said);
		if (!good)
			return said->verdict == ANSWER_ABORT ? ANALYSIS_ABORTED : ANALYSIS_FAILED;
	}
	return ANALYSIS_GOOD;
}

enum analysis_outcome analysis_start(struct draft *t)
{
	struct questions q = room_for_all(t);
	add_hooks(t, &q, HOOK_PRE_ROLLOUT, PHASE_PROGRESSING, draft_number(t, t->s->failed_checks));
	return judge(t, &q);
}

enum analysis_outcome analysis_run(struct draft *t)
{
	struct questions q = room_for_all(t);
	/* A check is a look at how things are now: each one is a new question. */
	add_hooks(t, &q, HOOK_ROLLOUT, PHASE_PROGRESSING, draft_text(t, "%lld", (long long)t->o->now.v));
	add_metrics(t, &q);
	return judge(t, &q);
}

enum analysis_outcome analysis_after(struct draft *t)
{
	struct questions q = room_for_all(t);
	add_hooks(t, &q, HOOK_POST_ROLLOUT, t->s->phase, "after");
	return judge(t, &q) == ANALYSIS_ASKED ? ANALYSIS_ASKED : ANALYSIS_GOOD;
}

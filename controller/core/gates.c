#include "controller/core/gates.h"

#include <string.h>

#include "base/text.h"

static bool same_question(const struct question *a, const struct question *b)
{
	return a->kind == b->kind && a->index == b->index && a->type == b->type && a->step == b->step &&
	       a->by_template == b->by_template && text_eq(a->revision, b->revision) && text_eq(a->policy, b->policy);
}

const struct answer *answer_to(const struct draft *t, const struct question *q)
{
	for (size_t i = 0; i < t->answer_count; i++)
		if (same_question(&t->answers[i].asked, q))
			return &t->answers[i];
	return NULL;
}

void ask_from(struct draft *t, const struct question *list, size_t count)
{
	t->d.questions = list;
	t->d.question_count = count;
}

/* A manual release of the original, by name and URL: asked as confirm-step and never called. */
static const struct hook *halt_hook(const struct canary *c)
{
	for (size_t i = 0; i < c->analysis.hook_count; i++)
		if (c->analysis.hooks[i].halt)
			return &c->analysis.hooks[i];
	return NULL;
}

static struct question hook_question(struct draft *t, const struct gate *g, size_t index)
{
	const struct hook *h = &t->c->analysis.hooks[index];
	struct question q = { .kind = h->policy ? ASK_GATE : ASK_HOOK,
			      .index = index,
			      .type = g->type,
			      .phase = g->phase,
			      .revision = draft_identity(t),
			      .policy = h->policy,
			      .name = h->name };
	/* A poll: each asking is a new one, there is nothing to deduplicate. */
	const char *ordinal = draft_text(t, "%s@%lld", h->name, (long long)t->o->now.v);
	q.key = draft_key(t, hook_type_name(g->type), ordinal);
	if (h->policy) {
		q.step = g->step;
		q.weight = g->weight;
	}
	return q;
}

static struct question people_question(struct draft *t, const struct gate *g, const char *name)
{
	return (struct question){ .kind = ASK_GATE,
				  .index = t->c->analysis.hook_count,
				  .type = g->type,
				  .phase = g->phase,
				  .step = g->step,
				  .weight = g->weight,
				  .revision = draft_identity(t),
				  .policy = t->c->policy ? t->c->policy : "",
				  .name = name,
				  .key = draft_key(t, hook_type_name(g->type), draft_number(t, g->step)) };
}

/* Does the annotation ask people at this gate, beyond what the hooks already ask? */
static const char *people_asked(const struct draft *t, const struct gate *g, const struct question *list, size_t n)
{
	const struct hook *halt = halt_hook(t->c);
	if (g->type == HOOK_CONFIRM_STEP && halt)
		return halt->name;
	if (!t->c->gates[g->type])
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (list[i].kind == ASK_GATE && text_eq(list[i].policy, t->c->policy))
			return NULL;
	return "rollcall";
}

static struct question *questions_of(struct draft *t, const struct gate *g, size_t *ret_count)
{
	const struct analysis *an = &t->c->analysis;
	struct question *list = arena_alloc(t->a, an->hook_count + 1, sizeof *list);
	size_t n = 0;
	*ret_count = 0;
	if (!list) {
		t->exhausted = true;
		return NULL;
	}
	for (size_t i = 0; i < an->hook_count; i++)
		if (an->hooks[i].type == g->type && !an->hooks[i].halt)
			list[n++] = hook_question(t, g, i);
	const char *name = people_asked(t, g, list, n);
	if (name)
		list[n++] = people_question(t, g, name);
	*ret_count = n;
	return list;
}

static void say_passed(struct draft *t, const struct gate *g, const char *name)
{
	const char *ordinal = text_empty(g->ordinal) ? name : draft_text(t, "%s/%s", name, g->ordinal);
	switch (g->type) {
	case HOOK_CONFIRM_ROLLOUT:
		SAY(t, ROLLOUT_CONFIRMED, .ordinal = ordinal, .a = name);
		break;
	case HOOK_CONFIRM_TRAFFIC_INCREASE:
		SAY(t, TRAFFIC_CONFIRMED, .ordinal = ordinal, .a = name);
		break;
	case HOOK_CONFIRM_STEP:
		SAY(t, STEP_CONFIRMED, .ordinal = ordinal, .a = name);
		break;
	case HOOK_CONFIRM_PROMOTION:
		SAY(t, PROMOTION_CONFIRMED, .ordinal = ordinal, .a = name);
		break;
	case HOOK_ROLLOUT:
	case HOOK_PRE_ROLLOUT:
	case HOOK_POST_ROLLOUT:
	case HOOK_ROLLBACK:
	case HOOK_EVENT:
	case HOOK_TYPE_COUNT:
		break;
	}
}

static void stopped_at(const struct draft *t, struct gate *g, const struct question *q, const struct answer *by)
{
	g->name = q->name ? q->name : "";
	g->by = by && by->by ? by->by : "";
	g->foreign = q->kind == ASK_HOOK;
	g->mute = q->index < t->c->analysis.hook_count && t->c->analysis.hooks[q->index].mute_alert;
	g->fresh = by != NULL;
}

enum gate_outcome gate_ask(struct draft *t, struct gate *g)
{
	size_t n;
	const struct question *list = questions_of(t, g, &n);
	bool outside_may_be_asked = t->o->due || !g->asked;
	for (size_t i = 0; i < n; i++) {
		const struct answer *said = answer_to(t, &list[i]);
		if (!said && list[i].kind == ASK_HOOK && !outside_may_be_asked) {
			stopped_at(t, g, &list[i], NULL);
			return GATE_WAITS;
		}
		if (!said) {
			ask_from(t, list + i, outside_may_be_asked ? n - i : 1);
			return GATE_ASKED;
		}
		if (said->verdict != ANSWER_YES) {
			stopped_at(t, g, &list[i], said);
			return said->verdict == ANSWER_ABORT  ? GATE_ABORTED
			       : said->verdict == ANSWER_HELD ? GATE_HELD
							      : GATE_WAITS;
		}
	}
	for (size_t i = 0; i < n; i++)
		say_passed(t, g, list[i].name);
	return GATE_PASSED;
}

void gate_stand(struct draft *t, const struct gate *g)
{
	const char *policy = t->c->policy;
	for (size_t i = 0; i < t->c->analysis.hook_count; i++) {
		const struct hook *h = &t->c->analysis.hooks[i];
		if (h->type == g->type && h->policy && text_eq(h->name, g->name))
			policy = h->policy;
	}
	t->d.gate = (struct gate_state){ .waiting = true,
					 .type = g->type,
					 .step = g->step,
					 .weight = g->weight,
					 .policy = g->foreign || !policy ? "" : policy,
					 .name = g->name,
					 .foreign = g->foreign };
	draft_next(t, draft_text(t, "waiting for %s", g->name));
}

const char *gate_by(struct draft *t, const struct gate *g)
{
	return text_empty(g->by) ? "" : draft_text(t, " by %s", g->by);
}

enum gate_outcome gate_rollback(struct draft *t, const char **ret_name)
{
	struct gate g = { .type = HOOK_ROLLBACK, .phase = t->s->phase };
	size_t n;
	const struct question *list = questions_of(t, &g, &n);
	for (size_t i = 0; i < n; i++) {
		const struct answer *said = answer_to(t, &list[i]);
		if (!said) {
			ask_from(t, list + i, n - i);
			return GATE_ASKED;
		}
		if (said->verdict == ANSWER_YES || said->verdict == ANSWER_ABORT) {
			SAY(t, ROLLBACK_PASSED, .ordinal = list[i].name, .a = list[i].name);
			*ret_name = list[i].name;
			return GATE_PASSED;
		}
		if (list[i].kind == ASK_HOOK)
			SAY(t, NOT_SIGNALING, .a = list[i].name);
	}
	return GATE_WAITS;
}

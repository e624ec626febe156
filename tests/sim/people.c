/* Hooks, metrics and people: what they answer, what they ask for. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tests/sim/sim.h"

static struct sim_vote *vote_on(struct sim *s, const struct question *q)
{
	for (size_t i = 0; i < s->vote_count; i++) {
		struct sim_vote *v = &s->votes[i];
		if (v->type == q->type && v->step == q->step && text_eq(v->revision, q->revision))
			return v;
	}
	struct sim_vote *v = &s->votes[s->vote_count < SIM_VOTES - 1 ? s->vote_count++ : s->vote_count];
	*v = (struct sim_vote){ .type = q->type, .step = q->step, .verdict = ANSWER_NO };
	(void)snprintf(v->revision, sizeof v->revision, "%s", q->revision);
	sim_note(s, "people are asked: %s step %d of %s", hook_type_name(q->type), q->step, q->revision);
	return v;
}

bool sim_approved(const struct sim *s, enum hook_type type, const char *revision)
{
	for (size_t i = 0; i < s->vote_count; i++)
		if (s->votes[i].type == type && text_eq(s->votes[i].revision, revision) && s->votes[i].decided &&
		    s->votes[i].verdict == ANSWER_YES)
			return true;
	return false;
}

bool sim_approved_step(const struct sim *s, const char *revision, int step)
{
	for (size_t i = 0; i < s->vote_count; i++)
		if (s->votes[i].type == HOOK_CONFIRM_STEP && s->votes[i].step == step && s->votes[i].decided &&
		    s->votes[i].verdict == ANSWER_YES && text_eq(s->votes[i].revision, revision))
			return true;
	return false;
}

static void decide(struct sim *s, struct sim_vote *v)
{
	v->decided = true;
	v->verdict = ANSWER_YES;
	if (!s->healing && dice_percent(&s->dice, 10))
		v->verdict = dice_percent(&s->dice, 50) ? ANSWER_ABORT : ANSWER_HELD;
	s->world->person = true;
	sim_note(s, "people decide: %s step %d of %s: %d", hook_type_name(v->type), v->step, v->revision,
		 (int)v->verdict);
}

static enum verdict hook_verdict(struct sim *s, enum hook_type type)
{
	if (s->healing)
		return type == HOOK_ROLLBACK ? ANSWER_NO : ANSWER_YES;
	if (type == HOOK_ROLLBACK)
		return dice_percent(&s->dice, 3) ? ANSWER_YES : ANSWER_NO;
	if (dice_percent(&s->dice, 88))
		return ANSWER_YES;
	return dice_percent(&s->dice, 70) ? ANSWER_NO : dice_percent(&s->dice, 70) ? ANSWER_ERROR : ANSWER_ABORT;
}

static void metric(struct sim *s, const struct question *q, struct answer *ret)
{
	bool bad = !s->healing && dice_percent(&s->dice, 12);
	ret->value = q->index ? (bad ? 7 : 1) : (bad ? 50 : 99.5);
	if (!s->healing && dice_percent(&s->dice, 3))
		ret->verdict = dice_percent(&s->dice, 50) ? ANSWER_NO : ANSWER_ERROR;
}

void sim_answer(void *owner, const struct question *q, struct answer *ret)
{
	struct sim *s = owner;
	struct sim_vote *v;
	switch (q->kind) {
	case ASK_HOOK:
		if (s->hooks[q->index].halt)
			s->broken = "a halt hook is called";
		ret->verdict = hook_verdict(s, q->type);
		break;
	case ASK_METRIC:
		metric(s, q, ret);
		break;
	case ASK_GATE:
		v = vote_on(s, q);
		ret->verdict = v->decided ? v->verdict : ANSWER_NO;
		ret->by = v->decided ? "lin" : "";
		break;
	case ASK_PROBE:
		break;
	}
}

void sim_request(struct sim *s, const char *verb)
{
	s->world->canary.has_request = true;
	s->world->canary.request = (struct request){ .id = sim_word(s, "req"),
						     .verb = verb,
						     .by = "wei",
						     .at = "",
						     .reason = "because",
						     .revision = dice_percent(&s->dice, 10) ? "other" : "",
						     .weight = dice_between(&s->dice, -1, 110),
						     .override_gates = dice_percent(&s->dice, 20) };
	if (text_eq(verb, "promote") && s->world->canary.request.override_gates)
		s->overridden = true;
	s->world->person = true;
	sim_note(s, "request: %s%s", verb, s->world->canary.request.override_gates ? " override" : "");
}

void sim_people(struct sim *s)
{
	static const char *const verbs[] = {
		"promote", "rollback", "pause", "resume", "restart", "weight", "complete"
	};
	for (size_t i = 0; i < s->vote_count; i++)
		if (!s->votes[i].decided && (s->healing || dice_percent(&s->dice, 25)))
			decide(s, &s->votes[i]);
	if (!s->healing && dice_percent(&s->dice, 4)) {
		int n = dice_percent(&s->dice, 5) ? 6 : dice_between(&s->dice, 0, 5);
		sim_request(s, verbs[n]);
	}
}

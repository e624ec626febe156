#include "controller/core/requests.h"

#include "base/text.h"
#include "controller/core/leave.h"
#include "controller/core/runs.h"
#include "controller/core/strategy.h"

bool request_pending(const struct draft *t)
{
	return t->c->has_request && !text_eq(t->c->request.id, t->s->own.request.id);
}

bool request_is(const struct draft *t, const char *verb)
{
	return request_pending(t) && text_eq(t->c->request.verb, verb);
}

/* Goes into the next status, with whatever else that status says. */
static void answer(struct draft *t, const char *outcome, const char *message)
{
	t->d.status.own.request = (struct request_done){
		.id = t->c->request.id, .verb = t->c->request.verb, .outcome = outcome, .message = message
	};
}

void request_refuse(struct draft *t, const char *why)
{
	answer(t, "refused", why);
	draft_touch(t);
	t->d.again = true;
}

static void done(struct draft *t, const char *message)
{
	answer(t, "done", message);
	draft_touch(t);
	t->d.again = true;
}

static bool on_its_way(const struct draft *t)
{
	enum phase p = t->s->phase;
	return p == PHASE_WAITING || p == PHASE_PROGRESSING || p == PHASE_WAITING_PROMOTION;
}

static bool being_promoted(const struct draft *t)
{
	return t->s->phase == PHASE_PROMOTING || t->s->phase == PHASE_FINALISING;
}

/* Why nothing that steers a rollout can be done now; NULL: it can. */
static const char *not_steerable(const struct draft *t)
{
	if (t->s->own.falling_back)
		return "the rollout is being rolled back";
	if (being_promoted(t))
		return "the revision is being promoted already";
	return on_its_way(t) ? NULL : "no rollout is in flight";
}

/* ---- the verbs ---- */

static bool promote(struct draft *t)
{
	const char *why = not_steerable(t);
	if (why) {
		request_refuse(t, why);
		return true;
	}
	t->d.status.own.skip_rest = true;
	t->d.status.own.skip_gates = t->c->request.override_gates;
	t->d.status.own.paused = false;
	done(t, t->c->request.override_gates ? "what is left of the analysis and the gates are skipped"
					     : "what is left of the analysis is skipped");
	return true;
}

static const char *cannot_roll_back(const struct draft *t)
{
	if (t->s->own.falling_back)
		return "the rollout is being rolled back already";
	if (!on_its_way(t) && !being_promoted(t))
		return "no rollout is in flight";
	if (!being_promoted(t))
		return NULL;
	if (!t->c->extension)
		return "the primary has been given the new template already; to go back, set the old image";
	if (t->o->source_same_template)
		return "the stable version has been given the new template already; to go back, set the old image";
	return NULL;
}

static bool rollback(struct draft *t)
{
	const struct request *q = &t->c->request;
	const char *why = cannot_roll_back(t);
	if (why) {
		request_refuse(t, why);
		return true;
	}
	const char *by = text_empty(q->by) ? "somebody" : q->by;
	const char *reason = text_empty(q->reason) ? "no reason given" : q->reason;
	SAY(t, ROLLBACK_BY, .ordinal = q->id, .a = by, .b = reason);
	answer(t, "done", "rolled back");
	const char *text = draft_text(t, "rolled back by %s: %s", by, reason);
	ALARM(t, ROLLED_BACK, .ordinal = q->id, .a = draft_text(t, "%s: %s", by, reason));
	if (t->s->phase == PHASE_WAITING)
		run_refuse(t, text);
	else
		run_rollback(t, text);
	return true;
}

static bool pause_rollout(struct draft *t)
{
	const char *why = not_steerable(t);
	if (!why && t->s->own.paused)
		why = "the rollout is paused already";
	if (why) {
		request_refuse(t, why);
		return true;
	}
	t->d.status.own.paused = true;
	done(t, draft_text(t, "paused at weight %d", t->s->own.weight));
	return true;
}

static bool resume(struct draft *t)
{
	if (!t->s->own.paused) {
		request_refuse(t, "the rollout is not paused");
		return true;
	}
	t->d.status.own.paused = false;
	done(t, "resumed");
	return true;
}

static bool restart(struct draft *t)
{
	if (t->s->phase != PHASE_FAILED) {
		request_refuse(t, on_its_way(t) || being_promoted(t) ? "a rollout is in flight" : "nothing has failed");
		return true;
	}
	answer(t, "done", "the revision is rolled out again");
	return false; /* the phase starts it, and writes this with it */
}

static bool weight(struct draft *t)
{
	int w = t->c->request.weight;
	const char *why = not_steerable(t);
	if (!why && t->s->phase != PHASE_PROGRESSING)
		why = "the rollout waits for a gate";
	if (!why && strategy_of(t->c, t->o) != STRATEGY_MANUAL)
		why = "the weights follow the steps of the analysis; only a manual release (stepWeight 0) takes one";
	if (!why && (w < 0 || w > 100))
		why = "the weight must be between 0 and 100";
	if (why) {
		request_refuse(t, why);
		return true;
	}
	t->d.status.own.wanted_weight = w;
	done(t, draft_text(t, "going to weight %d", w));
	return true;
}

static bool complete(struct draft *t)
{
	if (on_its_way(t) || being_promoted(t))
		request_refuse(t, "a rollout is in flight; rollback or promote it first");
	else if (t->s->phase == PHASE_NONE || t->s->phase == PHASE_INITIALIZING)
		request_refuse(t, "the canary is still being initialized");
	else {
		answer(t, "done", "everything is given back");
		leave_begin(t);
	}
	return true;
}

static const struct {
	const char *name;
	bool (*act)(struct draft *t);
} verbs[] = {
	{ "promote", promote }, { "rollback", rollback }, { "pause", pause_rollout }, { "resume", resume },
	{ "restart", restart }, { "weight", weight },     { "complete", complete },
};

bool request_act(struct draft *t)
{
	const struct request *q = &t->c->request;
	if (!request_pending(t))
		return false;
	if (!text_empty(q->revision) && !text_eq(q->revision, draft_identity(t))) {
		request_refuse(t, draft_text(t, "asked for revision %s, the target has %s now", q->revision,
					     draft_identity(t)));
		return true;
	}
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (text_eq(q->verb, verbs[i].name))
			return verbs[i].act(t);
	request_refuse(t, draft_text(t, "unknown verb %s", q->verb));
	return true;
}

#include "bot/cards/samples.h"

#define OLD_IMAGE "registry.example/rollouts-demo:blue"
#define NEW_IMAGE "registry.example/rollouts-demo:green"
#define REVISION "7f9c2d1"

static const int sample_weights[] = { 20, 40, 60, 80, 100 };
static const struct rollout_check sample_checks[] = {
	{ .name = "success-rate", .value = "99.97%", .limit = "≥ 99%", .good = true, .measured = true },
	{ .name = "duration-p99", .value = "812ms", .limit = "≤ 500ms", .good = false, .measured = true },
	{ .name = "load-test", .value = "", .limit = "", .measured = false },
};
const char *const sample_approvers[] = { "group:sre", "slack:U012AB3CD", "slack:S012", "dingtalk:manager4220", NULL };
static const struct policy sample_policy = { .name = "prod",
					     .approvers = sample_approvers,
					     .quorum = 2,
					     .reject_quorum = 1,
					     .distinct = true,
					     .timeout_ms = 4 * 3600000,
					     .on_timeout = TIMEOUT_REJECT,
					     .link_identity = "pin" };
static const struct vote sample_yes[] = {
	{ .person = { .platform = "slack", .team = "T01", .id = "U77", .name = "lin", .user = "lin.wei" },
	  .verb = VOTE_APPROVE,
	  .reason = "",
	  .at = { SAMPLE_NOW_MS - 60000 },
	  .via = "slack" },
	{ .person = { .platform = "dingtalk", .team = "", .id = "m1", .name = "zhao", .user = "zhao" },
	  .verb = VOTE_APPROVE,
	  .reason = "",
	  .at = { SAMPLE_NOW_MS - 50000 },
	  .via = "dingtalk" },
};
static const struct vote sample_no[] = {
	{ .person = { .platform = "slack", .team = "T01", .id = "U78", .name = "zhao", .user = "zhao" },
	  .verb = VOTE_REJECT,
	  .reason = "p99 too high",
	  .at = { SAMPLE_NOW_MS - 60000 },
	  .via = "slack" },
};

static struct rollout sample_rollout(enum phase phase, bool active)
{
	return (struct rollout){
		.cluster = "prod",
		.ns = "default",
		.name = "podinfo-default",
		.uid = "5a1b7c0e-0000-4000-8000-000000000001",
		.phase = phase,
		.active = active,
		.extension = true,
		.revision = REVISION,
		.policy = "prod",
		.gates = { [HOOK_CONFIRM_ROLLOUT] = true, [HOOK_CONFIRM_PROMOTION] = true },
		.requested_by = "chen.yu",
		.stable = { "podinfo-primary", OLD_IMAGE, 2, 2, 2, 60 },
		.canary = { "podinfo", NEW_IMAGE, 2, 1, 1, 40 },
		.step = 2,
		.steps = 5,
		.weights = sample_weights,
		.failed_checks = 1,
		.threshold = 5,
		.checks = sample_checks,
		.check_count = 3,
		.gate = { .policy = "prod", .name = "prod" },
		.next = "weight 60",
		.message = "",
		.invalid = "",
		.started_at = { SAMPLE_NOW_MS - 72000 },
		.changed_at = { SAMPLE_NOW_MS - 2000 },
		.rendered_at = { SAMPLE_NOW_MS },
		.interval_ms = 3000,
		.labels = "",
		.channels = "",
	};
}

static struct approval sample_approval(enum hook_type type, enum req_state state, const struct vote *votes,
				       size_t vote_count)
{
	struct approval ap = { .id = "01JDEKX0000000000000000000",
			       .cluster = "prod",
			       .ns = "default",
			       .name = "podinfo-default",
			       .uid = "5a1b7c0e-0000-4000-8000-000000000001",
			       .revision = REVISION,
			       .type = type,
			       .weight = 20,
			       .state = state,
			       .policy = &sample_policy,
			       .requested_by = "chen.yu",
			       .old_image = OLD_IMAGE,
			       .new_image = NEW_IMAGE,
			       .opened_at = { SAMPLE_NOW_MS - 90000 },
			       .decided_at = { state == REQ_OPEN ? 0 : SAMPLE_NOW_MS - 50000 },
			       .deadline_at = { SAMPLE_NOW_MS + 4 * 3600000 },
			       .votes = votes,
			       .vote_count = vote_count,
			       .decided_by = "",
			       .reason = "" };
	for (size_t i = 0; i < vote_count; i++)
		ap.tally.approvals += votes[i].verb == VOTE_APPROVE;
	return ap;
}

size_t samples_make(struct sample list[SAMPLES_MAX])
{
	size_t n = 0;
	struct approval yes = sample_approval(HOOK_CONFIRM_ROLLOUT, REQ_APPROVED, sample_yes, 2);
	yes.decided_by = "lin.wei, zhao";
	struct approval no = sample_approval(HOOK_CONFIRM_PROMOTION, REQ_REJECTED, sample_no, 1);
	no.decided_by = "zhao";
	no.reason = "p99 too high";
	struct approval one = sample_approval(HOOK_CONFIRM_PROMOTION, REQ_OPEN, sample_yes, 1);
	struct approval none = sample_approval(HOOK_CONFIRM_ROLLOUT, REQ_OPEN, NULL, 0);

	struct rollout r = sample_rollout(PHASE_WAITING, true);
	r.step = 0;
	r.canary.weight = r.canary.ready = r.canary.wanted = 0;
	r.stable.weight = 100;
	r.check_count = 0;
	r.failed_checks = 0;
	r.gate.waiting = true;
	r.gate.type = HOOK_CONFIRM_ROLLOUT;
	list[n++] = (struct sample){ .name = "waiting", .r = r, .approvals = { none }, .approval_count = 1 };
	list[n++] = (struct sample){ .name = "ask", .r = r, .approvals = { none }, .approval_count = 1, .ask = true };

	r = sample_rollout(PHASE_PROGRESSING, true);
	list[n++] = (struct sample){ .name = "progressing", .r = r, .approvals = { yes }, .approval_count = 1 };
	r.paused = true;
	list[n++] = (struct sample){ .name = "paused", .r = r, .approvals = { yes }, .approval_count = 1 };
	r.paused = false;
	r.unreachable_since.v = SAMPLE_NOW_MS - 65000;
	list[n++] = (struct sample){ .name = "unreachable", .r = r, .approvals = { yes }, .approval_count = 1 };

	r = sample_rollout(PHASE_WAITING_PROMOTION, true);
	r.step = 5;
	r.canary.weight = 100;
	r.stable.weight = 0;
	r.gate.waiting = true;
	r.gate.type = HOOK_CONFIRM_PROMOTION;
	list[n++] = (struct sample){ .name = "promotion", .r = r, .approvals = { yes, one }, .approval_count = 2 };

	r = sample_rollout(PHASE_PROMOTING, true);
	r.canary.weight = 100;
	r.step = 5;
	r.next = "waiting for pods";
	list[n++] = (struct sample){ .name = "promoting", .r = r, .approvals = { yes }, .approval_count = 1 };

	r = sample_rollout(PHASE_SUCCEEDED, false);
	r.next = "";
	r.failed_checks = 0;
	list[n++] = (struct sample){ .name = "succeeded-extension", .r = r, .approvals = { yes }, .approval_count = 1 };
	r.extension = false;
	list[n++] = (struct sample){ .name = "succeeded", .r = r };

	r = sample_rollout(PHASE_FAILED, false);
	r.next = "";
	r.canary.weight = 0;
	r.stable.weight = 100;
	list[n++] = (struct sample){ .name = "rejected", .r = r, .approvals = { yes, no }, .approval_count = 2 };
	r.message = "Rolling back podinfo.default failed checks threshold reached 5";
	r.failed_checks = 5;
	r.requested_by = "";
	list[n++] = (struct sample){ .name = "failed", .r = r };

	r = sample_rollout(PHASE_INITIALIZED, false);
	r.invalid = "spec.analysis.interval: \"3x\" is not a duration, write 3s";
	r.next = "";
	list[n++] = (struct sample){ .name = "invalid", .r = r };

	struct approval old = none;
	old.state = REQ_SUPERSEDED;
	old.decided_at.v = SAMPLE_NOW_MS - 50000;
	r = sample_rollout(PHASE_NONE, false);
	r.stable = (struct rollout_side){ .workload = "podinfo-primary", .images = OLD_IMAGE };
	r.canary = (struct rollout_side){ .workload = "podinfo", .images = NEW_IMAGE };
	r.next = "";
	r.step = r.steps = r.failed_checks = 0;
	r.check_count = 0;
	list[n++] = (struct sample){ .name = "superseded", .r = r, .approvals = { old }, .approval_count = 1 };
	list[n++] = (struct sample){ .name = "superseded-unasked", .r = r, .end = END_SUPERSEDED };
	r.message = "the Canary was deleted";
	list[n++] = (struct sample){ .name = "deleted", .r = r, .end = END_DELETED };
	r = sample_rollout(PHASE_NONE, false);
	r.revision = "";
	r.canary = (struct rollout_side){ .workload = "", .images = "" };
	r.stable = r.canary;
	r.step = r.steps = r.failed_checks = 0;
	r.check_count = 0;
	r.requested_by = r.next = "";
	r.started_at.v = 0;
	list[n++] = (struct sample){ .name = "new", .r = r };
	return n;
}

/* ---- buttons as the bot would fill them ---- */

static const char *sample_value(void *owner, const char *subject, const char *verb, struct arena *a)
{
	(void)owner;
	return arena_printf(a, "v1.%s.%s.67243a55-0123456789abcdef", subject, verb);
}

static const char *sample_link(void *owner, const struct approval *ap, const char *verb, struct arena *a)
{
	(void)owner;
	(void)verb;
	return arena_printf(a, "https://rollcall.example.com/decide/%s~67243a55-0123456789abcdef", ap->id);
}

const struct card *sample_card(const struct sample *s, enum card_lang lang, const char *own, bool links,
			       struct arena *a)
{
	struct card_options *o = arena_alloc(a, 1, sizeof *o);
	const struct approval *list[2] = { &s->approvals[0], &s->approvals[1] };
	if (!o)
		return NULL;
	*o = (struct card_options){ .lang = lang,
				    .own_words = own,
				    .end = s->end,
				    .console_url = "https://rollcall.example.com/",
				    .button_value = links ? NULL : sample_value,
				    .link = links ? sample_link : NULL };
	return s->ask ? card_ask(&s->r, list[0], o, a) : card_build(&s->r, list, s->approval_count, o, a);
}

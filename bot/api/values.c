/* The names are those of the Canary's fields where there are such. */
#include "bot/api/values.h"

#include "base/text.h"

static void member(struct strbuf *b, const char *key, const char *text)
{
	strbuf_addf(b, ",\"%s\":", key);
	strbuf_add_json(b, text ? text : "");
}

static void flag(struct strbuf *b, const char *key, bool value)
{
	strbuf_addf(b, ",\"%s\":%s", key, value ? "true" : "false");
}

static void number(struct strbuf *b, const char *key, long long value)
{
	strbuf_addf(b, ",\"%s\":%lld", key, value);
}

/* null: unknown, or not yet */
static void moment(struct strbuf *b, const char *key, struct wall_ms at)
{
	char text[32];
	if (at.v) {
		wall_print_ms(at, text);
		member(b, key, text);
	} else {
		strbuf_addf(b, ",\"%s\":null", key);
	}
}

static void side(struct strbuf *b, const char *key, const struct rollout_side *s)
{
	strbuf_addf(b, ",\"%s\":{\"workload\":", key);
	strbuf_add_json(b, s->workload);
	member(b, "images", s->images);
	number(b, "wanted", s->wanted);
	number(b, "ready", s->ready);
	number(b, "available", s->available);
	number(b, "weight", s->weight);
	strbuf_addc(b, '}');
}

static void ladder(struct strbuf *b, const struct rollout *r)
{
	number(b, "step", r->step);
	number(b, "steps", r->steps);
	strbuf_add(b, ",\"weights\":[");
	for (int i = 0; r->weights && i < r->steps; i++)
		strbuf_addf(b, "%s%d", i ? "," : "", r->weights[i]);
	strbuf_addc(b, ']');
}

static void checks(struct strbuf *b, const struct rollout *r)
{
	number(b, "failedChecks", r->failed_checks);
	number(b, "threshold", r->threshold);
	strbuf_add(b, ",\"checks\":[");
	for (size_t i = 0; i < r->check_count; i++) {
		const struct rollout_check *c = &r->checks[i];
		strbuf_add(b, i ? ",{\"name\":" : "{\"name\":");
		strbuf_add_json(b, c->name);
		member(b, "value", c->value);
		member(b, "limit", c->limit);
		flag(b, "good", c->good);
		flag(b, "measured", c->measured);
		strbuf_addc(b, '}');
	}
	strbuf_addc(b, ']');
}

static void gate(struct strbuf *b, const struct rollout_gate *g)
{
	if (!g->waiting) {
		strbuf_add(b, ",\"gate\":null");
		return;
	}
	strbuf_addf(b, ",\"gate\":{\"type\":\"%s\"", hook_type_name(g->type));
	member(b, "name", g->name);
	member(b, "policy", g->policy);
	number(b, "step", g->step);
	number(b, "weight", g->weight);
	flag(b, "foreign", g->foreign);
	strbuf_addc(b, '}');
}

static void gates(struct strbuf *b, const struct rollout *r)
{
	const char *comma = "";
	strbuf_add(b, ",\"gates\":[");
	for (enum hook_type t = 0; t < HOOK_TYPE_COUNT; t++)
		if (r->gates[t]) {
			strbuf_addf(b, "%s\"%s\"", comma, hook_type_name(t));
			comma = ",";
		}
	strbuf_addc(b, ']');
}

void rest_add_rollout(struct strbuf *b, const struct rollout *r)
{
	strbuf_add(b, "{\"cluster\":");
	strbuf_add_json(b, r->cluster);
	member(b, "namespace", r->ns);
	member(b, "name", r->name);
	member(b, "uid", r->uid);
	member(b, "phase", phase_name(r->phase));
	flag(b, "active", r->active);
	flag(b, "extension", r->extension);
	flag(b, "paused", r->paused);
	flag(b, "suspended", r->suspended);
	flag(b, "completing", r->completing);
	member(b, "revision", r->revision);
	member(b, "policy", r->policy);
	member(b, "requestedBy", r->requested_by);
	gates(b, r);
	side(b, "stable", &r->stable);
	side(b, "canary", &r->canary);
	ladder(b, r);
	checks(b, r);
	gate(b, &r->gate);
	member(b, "next", r->next);
	member(b, "message", r->message);
	member(b, "invalid", r->invalid);
	moment(b, "startedAt", r->started_at);
	moment(b, "changedAt", r->changed_at);
	moment(b, "renderedAt", r->rendered_at);
	moment(b, "unreachableSince", r->unreachable_since);
	number(b, "intervalMs", r->interval_ms);
	member(b, "labels", r->labels);
	strbuf_addc(b, '}');
}

static void vote(struct strbuf *b, const struct vote *v)
{
	strbuf_addf(b, "{\"verb\":\"%s\"", v->verb == VOTE_APPROVE ? "approve" : "reject");
	member(b, "user", v->person.user);
	member(b, "platform", v->person.platform);
	member(b, "id", v->person.id);
	member(b, "name", v->person.name);
	member(b, "reason", v->reason);
	member(b, "via", v->via);
	moment(b, "at", v->at);
	strbuf_addc(b, '}');
}

static void policy(struct strbuf *b, const struct policy *p)
{
	member(b, "policy", p ? p->name : "");
	number(b, "quorum", p ? p->quorum : 0);
	strbuf_add(b, ",\"approvers\":[");
	for (size_t i = 0; p && p->approvers && p->approvers[i]; i++) {
		strbuf_add(b, i ? "," : "");
		strbuf_add_json(b, p->approvers[i]);
	}
	strbuf_addc(b, ']');
}

void rest_add_approval(struct strbuf *b, const struct approval *a)
{
	strbuf_add(b, "{\"id\":");
	strbuf_add_json(b, a->id);
	member(b, "cluster", a->cluster);
	member(b, "namespace", a->ns);
	member(b, "name", a->name);
	member(b, "uid", a->uid);
	member(b, "revision", a->revision);
	member(b, "type", hook_type_name(a->type));
	number(b, "step", a->step);
	number(b, "weight", a->weight);
	member(b, "state", req_state_name(a->state));
	policy(b, a->policy);
	number(b, "approvals", a->tally.approvals);
	number(b, "rejections", a->tally.rejections);
	member(b, "requestedBy", a->requested_by);
	member(b, "oldImage", a->old_image);
	member(b, "newImage", a->new_image);
	moment(b, "openedAt", a->opened_at);
	moment(b, "decidedAt", a->decided_at);
	moment(b, "deadlineAt", a->deadline_at);
	member(b, "decidedBy", a->decided_by);
	member(b, "reason", a->reason);
	strbuf_add(b, ",\"votes\":[");
	for (size_t i = 0; i < a->vote_count; i++) {
		strbuf_add(b, i ? "," : "");
		vote(b, &a->votes[i]);
	}
	strbuf_add(b, "]}");
}

#include "bot/console/value.h"

#include "base/text.h"

/* A member follows another one, or is the first behind a brace or bracket. */
static void key(struct strbuf *b, const char *name)
{
	char last = b->len ? b->s[b->len - 1] : '{';
	strbuf_addf(b, last == '{' ? "\"%s\":" : ",\"%s\":", name);
}

void value_text(struct strbuf *b, const char *name, const char *text)
{
	if (text_empty(text))
		return;
	key(b, name);
	strbuf_add_json(b, text);
}

void value_number(struct strbuf *b, const char *name, int64_t n)
{
	if (!n)
		return;
	key(b, name);
	strbuf_addf(b, "%lld", (long long)n);
}

static void flag(struct strbuf *b, const char *name, bool value)
{
	if (!value)
		return;
	key(b, name);
	strbuf_add(b, "true");
}

static void side(struct strbuf *b, const char *name, const struct rollout_side *s)
{
	key(b, name);
	strbuf_addc(b, '{');
	value_text(b, "workload", s->workload);
	value_text(b, "images", s->images);
	value_number(b, "wanted", s->wanted);
	value_number(b, "ready", s->ready);
	value_number(b, "available", s->available);
	strbuf_addc(b, '}');
}

static void ladder(struct strbuf *b, const struct rollout *r)
{
	value_number(b, "step", r->step);
	value_number(b, "steps", r->steps);
	if (!r->weights || r->steps < 1)
		return;
	key(b, "weights");
	for (int i = 0; i < r->steps; i++)
		strbuf_addf(b, "%c%d", i ? ',' : '[', r->weights[i]);
	strbuf_addc(b, ']');
}

static void checks(struct strbuf *b, const struct rollout *r)
{
	if (!r->check_count)
		return;
	key(b, "checks");
	for (size_t i = 0; i < r->check_count; i++) {
		const struct rollout_check *c = &r->checks[i];
		strbuf_add(b, i ? ",{" : "[{");
		value_text(b, "name", c->name);
		value_text(b, "value", c->value);
		value_text(b, "limit", c->limit);
		flag(b, "good", c->good);
		flag(b, "measured", c->measured);
		strbuf_addc(b, '}');
	}
	strbuf_addc(b, ']');
}

static void gate(struct strbuf *b, const struct rollout_gate *g)
{
	if (!g->waiting)
		return;
	key(b, "gate");
	strbuf_addc(b, '{');
	value_text(b, "type", hook_type_name(g->type));
	value_text(b, "name", g->name);
	value_text(b, "policy", g->policy);
	value_number(b, "weight", g->weight);
	flag(b, "foreign", g->foreign);
	strbuf_addc(b, '}');
}

static void gates(struct strbuf *b, const struct rollout *r)
{
	char next = '[';
	for (enum hook_type t = 0; t < HOOK_TYPE_COUNT; t++)
		if (r->gates[t]) {
			if (next == '[')
				key(b, "gates");
			strbuf_addf(b, "%c\"%s\"", next, hook_type_name(t));
			next = ',';
		}
	if (next == ',')
		strbuf_addc(b, ']');
}

void value_rollout(struct strbuf *b, const struct rollout *r)
{
	strbuf_addc(b, '{');
	value_text(b, "cluster", r->cluster);
	value_text(b, "ns", r->ns);
	value_text(b, "name", r->name);
	value_text(b, "uid", r->uid);
	value_text(b, "phase", phase_name(r->phase));
	flag(b, "active", r->active);
	flag(b, "extension", r->extension);
	flag(b, "paused", r->paused);
	flag(b, "suspended", r->suspended);
	flag(b, "completing", r->completing);
	value_text(b, "revision", r->revision);
	value_text(b, "policy", r->policy);
	value_text(b, "by", r->requested_by);
	gates(b, r);
	side(b, "stable", &r->stable);
	side(b, "canary", &r->canary);
	value_number(b, "weight", r->canary.weight);
	ladder(b, r);
	value_number(b, "failed", r->failed_checks);
	value_number(b, "threshold", r->threshold);
	checks(b, r);
	gate(b, &r->gate);
	value_text(b, "next", r->next);
	value_text(b, "message", r->message);
	value_text(b, "invalid", r->invalid);
	value_number(b, "startedAt", r->started_at.v);
	value_number(b, "changedAt", r->changed_at.v);
	strbuf_addc(b, '}');
}

void value_point(struct strbuf *b, const struct rollout *r)
{
	value_text(b, "p", phase_name(r->phase));
	value_number(b, "w", r->canary.weight);
	value_number(b, "s", r->step);
	if (r->gate.waiting)
		value_text(b, "g", hook_type_name(r->gate.type));
	value_number(b, "f", r->failed_checks);
	flag(b, "h", r->paused);
	key(b, "r");
	strbuf_addf(b, "[%d,%d,%d,%d]", r->stable.available, r->stable.wanted, r->canary.available, r->canary.wanted);
	const char *open = "[";
	for (size_t i = 0; i < r->check_count; i++) {
		const struct rollout_check *c = &r->checks[i];
		if (text_empty(c->value))
			continue;
		if (*open == '[')
			key(b, "c");
		strbuf_add(b, open);
		strbuf_addc(b, '[');
		strbuf_add_json(b, c->name);
		strbuf_addc(b, ',');
		strbuf_add_json(b, c->value);
		strbuf_addc(b, ',');
		strbuf_add_json(b, c->limit);
		strbuf_add(b, c->good ? ",true]" : ",false]");
		open = ",";
	}
	if (*open == ',')
		strbuf_addc(b, ']');
}

/* A runner as a value for people: what its Canary says and what the last tick saw. */
#include "base/text.h"
#include "controller/engine/runner.h"

static const char *copy(struct arena *a, const char *s)
{
	const char *c = arena_strdup(a, s ? s : "");
	return c ? c : "";
}

static const char *labels_text(const struct pairs *p, struct arena *a)
{
	const char *text = "";
	for (size_t i = 0; i < p->count && text; i++)
		text = arena_printf(a, "%s%s%s=%s", text, *text ? "," : "", p->at[i].key, p->at[i].value);
	return text ? text : "";
}

static bool is_active(const struct canary_status *s)
{
	switch (s->phase) {
	case PHASE_WAITING:
	case PHASE_PROGRESSING:
	case PHASE_WAITING_PROMOTION:
	case PHASE_PROMOTING:
	case PHASE_FINALISING:
		return true;
	default:
		return s->own.returning;
	}
}

/* The weights that the rollout goes through, so that a card can draw where it stands. */
static void ladder(const struct analysis *an, struct arena *a, struct rollout *v)
{
	size_t n = ladder_length(an);
	int *weights = n && !an->iterations ? arena_alloc(a, n, sizeof *weights) : NULL;
	v->steps = (int)n;
	int w = 0;
	for (size_t i = 0; weights && i < n; i++)
		weights[i] = w = ladder_next(an, w);
	v->weights = weights;
}

static void checks(const struct runner *r, const struct canary *c, struct arena *a, struct rollout *v)
{
	size_t n = r->check_count < c->analysis.metric_count ? r->check_count : c->analysis.metric_count;
	struct rollout_check *list = n ? arena_alloc(a, n, sizeof *list) : NULL;
	for (size_t i = 0; list && i < n; i++) {
		const struct check_seen *s = &r->checks[i];
		list[i] = (struct rollout_check){ .name = copy(a, c->analysis.metrics[i].name),
						  .value = copy(a, s->value),
						  .limit = copy(a, s->limit),
						  .good = s->good,
						  .measured = s->measured };
	}
	v->checks = list;
	v->check_count = list ? n : 0;
}

/* Which gates people will be asked: by annotation, or webhooks that are answered inside the process. */
static void gates(const struct canary *c, struct rollout *v)
{
	for (unsigned t = 0; t < HOOK_TYPE_COUNT; t++)
		v->gates[t] = c->gates[t];
	for (size_t i = 0; i < c->analysis.hook_count; i++) {
		const struct hook *h = &c->analysis.hooks[i];
		if (h->halt)
			v->gates[HOOK_CONFIRM_STEP] = true;
		else if (h->policy)
			v->gates[h->type] = true;
	}
}

static void sides(const struct runner *r, const struct canary *c, struct arena *a, struct rollout *v)
{
	const struct seen *s = &r->seen;
	v->stable = (struct rollout_side){ .workload = copy(a, c->source_name),
					   .images = copy(a, s->source_images),
					   .wanted = s->source_wanted,
					   .ready = s->source_ready,
					   .available = s->source_available,
					   .weight = 100 - c->status.own.weight };
	v->canary = (struct rollout_side){ .workload = copy(a, c->target.name),
					   .images = copy(a, s->target_images),
					   .wanted = s->target_wanted,
					   .ready = s->target_ready,
					   .available = s->target_available,
					   .weight = c->status.own.weight };
	if (is_active(&c->status) && !text_empty(c->status.own.old_image))
		v->stable.images = copy(a, c->status.own.old_image);
}

struct rollout *runner_rollout(const struct runner *r, struct arena *a)
{
	struct engine *g = r->engine;
	struct rollout *v = arena_alloc(a, 1, sizeof *v);
	if (!v)
		return NULL;
	*v = (struct rollout){ .cluster = copy(a, g->o.cluster->name),
			       .ns = copy(a, r->ns),
			       .name = copy(a, r->name),
			       .uid = copy(a, r->uid),
			       .next = copy(a, r->next),
			       .message = copy(a, r->message),
			       .invalid = copy(a, r->invalid),
			       .revision = "",
			       .policy = "",
			       .requested_by = "",
			       .labels = "",
			       .channels = "",
			       .rendered_at = loop_wall(g->o.loop),
			       .unreachable_since = cluster_unreachable_since(g->o.cluster),
			       .stable = { .workload = "", .images = "" },
			       .canary = { .workload = "", .images = "" } };
	const struct canary *c = runner_canary(r);
	v->gate = (struct rollout_gate){ .policy = "", .name = "" };
	if (!c)
		return v;
	const struct canary_status *s = &c->status;
	v->phase = s->phase;
	v->active = is_active(s);
	v->extension = c->extension;
	v->paused = s->own.paused;
	v->suspended = c->suspend;
	v->completing = s->own.completing || c->deleting;
	v->revision = copy(a, text_empty(s->own.revision) ? r->seen.identity : s->own.revision);
	v->policy = copy(a, c->policy);
	v->requested_by = copy(a, text_empty(s->own.requested_by) ? r->seen.requested_by : s->own.requested_by);
	v->step = c->analysis.iterations ? s->iterations : s->own.step;
	v->failed_checks = s->failed_checks;
	v->threshold = c->analysis.threshold;
	v->started_at = s->own.started_at;
	v->changed_at = s->own.changed_at.v ? s->own.changed_at : s->last_transition;
	v->interval_ms = c->analysis.interval_ms;
	v->labels = labels_text(&c->labels, a);
	v->channels = copy(a, pairs_get(&c->annotations, "rollcall.dev/channels"));
	v->gate = (struct rollout_gate){ .waiting = r->gate.waiting,
					 .type = r->gate.type,
					 .step = r->gate.step,
					 .weight = r->gate.weight,
					 .policy = copy(a, r->gate_policy),
					 .name = copy(a, r->gate_name),
					 .foreign = r->gate.foreign };
	gates(c, v);
	ladder(&c->analysis, a, v);
	sides(r, c, a, v);
	checks(r, c, a, v);
	return v;
}

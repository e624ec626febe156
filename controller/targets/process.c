#include "controller/targets/process.h"

#include "base/text.h"
#include "controller/targets/deployment.h"

static enum kind kind_of(const struct plan *p)
{
	return text_eq(p->canary->target.kind, kind_name(KIND_PROCESS)) ? KIND_PROCESS : KIND_SYSTEMD_UNIT;
}

static void process_wants(const struct plan *p,
			  void (*want)(void *owner, enum kind kind, const char *ns, const char *name), void *owner)
{
	if (!p->options->one_machine)
		return;
	want(owner, kind_of(p), p->canary->ns, p->canary->target.name);
	target_deployment.wants(p, want, owner);
}

static enum result process_observe(const struct plan *p, struct observed *o, struct error *e)
{
	const struct canary *c = p->canary;
	const char *problem = NULL;
	if (!p->options->one_machine)
		problem = arena_printf(
			p->arena,
			"targetRef.kind %s is for one machine (cluster.embedded); on Kubernetes the target "
			"is a Deployment",
			c->target.kind);
	else if (!cluster_find(p->cluster, kind_of(p), c->ns, c->target.name) &&
		 !cluster_find(p->cluster, KIND_DEPLOYMENT, c->ns, c->target.name))
		problem = arena_printf(p->arena, "%s %s.%s does not exist: apply it first", c->target.kind,
				       c->target.name, c->ns);
	else
		return target_deployment.observe(p, o, e);
	o->error = problem;
	return problem ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for what is observed");
}

static enum result process_effect(struct plan *p, const struct effect *f, struct error *e)
{
	return target_deployment.effect(p, f, e);
}

const struct target target_process = {
	.kind = "Process",
	.wants = process_wants,
	.observe = process_observe,
	.effect = process_effect,
};
const struct target target_unit = {
	.kind = "SystemdUnit",
	.wants = process_wants,
	.observe = process_observe,
	.effect = process_effect,
};

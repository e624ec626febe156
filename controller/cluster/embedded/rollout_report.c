/* A Deployment's status: numbers, and the conditions Available and Progressing. */
#include <string.h>

#include "base/text.h"
#include "controller/cluster/embedded/rollout.h"

#define TIMED_OUT "ProgressDeadlineExceeded"
#define COMPLETED "NewReplicaSetAvailable"
#define PAUSED "DeploymentPaused"

static bool is_there(const struct rollout_condition *c)
{
	return !text_empty(c->status);
}

/* Times change only with what is said; fresh: also when it is said again. */
static void say(const struct rollout *r, struct rollout_condition *c, const char *status, const char *reason,
		const char *message, bool fresh)
{
	bool same = is_there(c) && text_eq(c->status, status);
	if (same && text_eq(c->reason, reason) && !fresh)
		return;
	*c = (struct rollout_condition){ status, reason, message, r->now, same ? c->changed : r->now };
}

static void report_available(struct rollout *r)
{
	r->is.available_is = r->was.available_is;
	if (r->is.available >= r->replicas - r->unavailable)
		say(r, &r->is.available_is, "True", "MinimumReplicasAvailable", "Deployment has minimum availability.",
		    false);
	else
		say(r, &r->is.available_is, "False", "MinimumReplicasUnavailable",
		    "Deployment does not have minimum availability.", false);
}

static bool is_over(const struct rollout *r)
{
	return r->is.updated == r->replicas && r->is.replicas == r->replicas && r->is.available == r->replicas &&
	       !r->add_set && r->current;
}

static bool has_moved(const struct rollout *r)
{
	const struct rollout_status *was = &r->was, *is = &r->is;
	return is->updated > was->updated || is->replicas - is->updated < was->replicas - was->updated ||
	       is->ready > was->ready || is->available > was->available;
}

static bool has_timed_out(const struct rollout *r, const struct rollout_condition *c)
{
	return is_there(c) && !text_eq(c->reason, COMPLETED) && !text_eq(c->reason, PAUSED) &&
	       r->now.v >= c->updated.v + r->deadline_ms;
}

static void watch_deadline(struct rollout *r, const struct rollout_condition *c)
{
	if (!is_there(c) || text_eq(c->reason, COMPLETED) || text_eq(c->reason, TIMED_OUT) ||
	    text_eq(c->reason, PAUSED))
		return;
	int64_t ms = c->updated.v + r->deadline_ms - r->now.v;
	ms = ms < 0 ? 0 : ms;
	if (r->wake_ms < 0 || ms < r->wake_ms)
		r->wake_ms = ms;
}

static void report_progress(struct rollout *r)
{
	struct rollout_condition *c = &r->is.progressing;
	*c = r->was.progressing;
	if (r->paused) {
		if (!text_eq(c->reason, TIMED_OUT))
			say(r, c, "Unknown", PAUSED, "Deployment is paused", false);
		return;
	}
	if (is_there(c) && text_eq(c->reason, PAUSED))
		say(r, c, "Unknown", "DeploymentResumed", "Deployment is resumed", false);
	bool was_over = text_eq(c->reason, COMPLETED);
	if (r->add_set)
		say(r, c, "True", "NewReplicaSetCreated", "A new revision of the pod template was made.", true);
	else if (is_over(r))
		say(r, c, "True", COMPLETED, "The newest revision of the pod template has successfully progressed.",
		    false);
	else if (was_over && r->is.replicas == r->is.updated)
		return; /* neither a pod that fell ill nor scaling is a rollout */
	else if (has_moved(r) || !is_there(c))
		say(r, c, "True", "ReplicaSetUpdated", "The newest revision of the pod template is progressing.", true);
	else if (has_timed_out(r, c))
		say(r, c, "False", TIMED_OUT, "The newest revision of the pod template has timed out progressing.",
		    false);
	watch_deadline(r, c);
}

void rollout_report(struct rollout *r)
{
	int wanted = 0;
	r->is = (struct rollout_status){ .observed_generation = r->generation };
	for (size_t i = 0; i < r->sets_len; i++) {
		const struct rollout_set *s = &r->sets[i];
		r->is.replicas += s->active;
		r->is.ready += s->ready;
		r->is.available += s->available;
		wanted += s->replicas;
	}
	r->is.updated = r->current ? r->current->active : 0;
	r->is.unavailable = wanted > r->is.available ? wanted - r->is.available : 0;
	report_available(r);
	report_progress(r);
}

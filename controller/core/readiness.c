#include "controller/core/readiness.h"

/* Too few pods for longer than the deadline: the Deployment itself may count on for longer than the Canary wants. */
static enum readiness not_ready_yet(const struct workload *w, int progress_deadline_s, struct wall_ms now,
				    struct wall_ms *ret_deadline)
{
	if (!w->has_progressing || !w->min_unavailable)
		return NOT_READY;
	struct wall_ms deadline = { w->unavailable_since.v + (int64_t)progress_deadline_s * 1000 };
	if (deadline.v < now.v)
		return BROKEN;
	*ret_deadline = deadline;
	return NOT_READY;
}

enum readiness readiness_of(const struct workload *w, const char *name, const char *ns, int percent,
			    int progress_deadline_s, struct wall_ms now, struct arena *a, const char **ret_why,
			    struct wall_ms *ret_deadline)
{
	const char *wait = "waiting for rollout to finish:";
	*ret_deadline = (struct wall_ms){ 0 };
	*ret_why = "";
	if (!w->exists) {
		*ret_why = arena_printf(a, "deployment %s.%s get query error: not found", name, ns);
		return NOT_READY;
	}
	if (w->generation > w->observed_generation) {
		*ret_why = arena_printf(a, "%s observed deployment generation less than desired generation", wait);
		return NOT_READY;
	}
	if (w->deadline_exceeded) {
		*ret_why = arena_printf(a, "deployment \"%s\" exceeded its progress deadline", name);
		return BROKEN;
	}
	int enough = w->updated * percent / 100;
	if (enough < 1 && w->wanted > 0)
		enough = 1; /* a share of few pods is not no pod */
	if (w->updated < w->wanted)
		*ret_why =
			arena_printf(a, "%s %d out of %d new replicas have been updated", wait, w->updated, w->wanted);
	else if (w->replicas > w->updated)
		*ret_why =
			arena_printf(a, "%s %d old replicas are pending termination", wait, w->replicas - w->updated);
	else if (w->available < enough)
		*ret_why = arena_printf(a, "%s %d of %d (readyThreshold %d%%) updated replicas are available", wait,
					w->available, enough, percent);
	else
		return READY;
	return not_ready_yet(w, progress_deadline_s, now, ret_deadline);
}

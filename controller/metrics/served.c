#include "controller/metrics/served.h"

#include "base/duration.h"
#include "base/text.h"

static const char rate_name[] = "request-success-rate", duration_name[] = "request-duration";

bool served_knows(const char *metric)
{
	return text_eq(metric, rate_name) || text_eq(metric, duration_name);
}

/* As node/render.c names it in the log: the Ingress that users wrote, which both sides share. */
static const char *route_of(const struct plan *p)
{
	const struct canary *c = p->canary;
	const char *ingress = text_empty(c->ingress.name) ? c->target.name : c->ingress.name;
	return arena_printf(p->arena, "%s/%s", c->ns, ingress);
}

enum result served_read(const struct traffic *t, struct mono_ms now, const struct plan *p, const struct metric_check *m,
			double *ret, struct error *e)
{
	struct traffic_sum sum;
	int64_t window_ms = 0;
	const char *route = route_of(p);
	if (!route)
		return error_set(e, RC_EXHAUSTED, "no memory for the metric");
	enum result r = duration_parse(m->interval, &window_ms, e);
	if (r == RC_OK)
		r = traffic_read(t, now, route, TRAFFIC_CANARY, window_ms, &sum, e);
	if (r == RC_OK)
		*ret = text_eq(m->name, rate_name) ? sum.success_rate : sum.p99_ms;
	return r;
}

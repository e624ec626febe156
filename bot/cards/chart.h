#pragma once
/* How a rollout went, as a picture for its thread: the canary's share of the traffic over time with the decisions on
 * it, and each metric against its limit on the same time axis. A PNG at twice its size, on a ground of its own, so that
 * it reads on light and dark. Pure: values in, bytes out. */
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"

struct chart_point {
	struct wall_ms at; /* not before the one in front of it */
	double value;
};
enum chart_mark_kind { MARK_ASKED, MARK_APPROVED, MARK_REJECTED, MARK_PROMOTED, MARK_ROLLED_BACK, MARK_KIND_COUNT };
struct chart_mark {
	struct wall_ms at;
	enum chart_mark_kind kind;
	const char *text; /* "lin.wei"; "" none */
};
struct chart_series {
	const char *name;  /* "success-rate" */
	const char *limit; /* in words, "≥ 99%"; "" none */
	const char *last;  /* the newest value in words, "99.97%"; "" none */
	bool good;         /* the newest value is within its limit */
	bool limited;      /* limit_value may be drawn */
	double limit_value;
	const struct chart_point *points;
	size_t count;
};
struct chart {
	const char *title;                 /* "default/podinfo-default" */
	struct wall_ms from, until;        /* the time axis */
	const struct chart_point *weights; /* 0 to 100; holds until the next one */
	size_t weight_count;
	const struct chart_mark *marks;
	size_t mark_count;
	const struct chart_series *series; /* at most CHART_SERIES_MAX are drawn */
	size_t series_count;
};
enum { CHART_SERIES_MAX = 4, CHART_WIDTH = 640, CHART_SCALE = 2 };

/* malloc'ed PNG. RC_INVALID: there is no time in it (until is not after from); RC_EXHAUSTED: no memory. */
MUST_CHECK enum result chart_png(const struct chart *c, unsigned char **ret, size_t *ret_len, struct error *e);

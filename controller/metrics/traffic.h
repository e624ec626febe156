#pragma once
/* Requests as an nginx that tells of them has served them lately: success rate and durations of each side of a route,
 * without Prometheus. Bounded: so many routes, a ring of seconds and one of minutes each, a histogram in every slot.
 *
 * The nginx may be any: a line is TRAFFIC_FORMAT, handed over as syslog (node/access_log.h). For an nginx of the
 * user's:
 *
 *   log_format rollcall '$status $request_time SIDE ROUTE';
 *   access_log syslog:server=unix:SOCKET,nohostname,tag=rollcall rollcall;
 *
 * where SIDE is "primary" or "canary" (or "-": counted nowhere), by a variable that follows the choice of the
 * upstream, and ROUTE names what is being released: "NAMESPACE/INGRESS" of an Ingress. */
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"

struct metrics;
struct traffic;
#define TRAFFIC_TAG "rollcall"
#define TRAFFIC_FORMAT(side, route) "$status $request_time " side " " route
enum {
	TRAFFIC_ROUTES_MAX = 128,
	TRAFFIC_ROUTE_LEN = 512,
	TRAFFIC_WINDOW_MAX_MS = 60 * 60 * 1000,
};

#define TRAFFIC_SIDES(X) X(PRIMARY, "primary") X(CANARY, "canary")
#define X(id, name) TRAFFIC_##id,
enum traffic_side { TRAFFIC_SIDES(X) TRAFFIC_SIDE_COUNT };
#undef X

struct traffic *traffic_create(struct metrics *m); /* NULL: no memory; m may be NULL */
void traffic_destroy(struct traffic *t);           /* NULL is fine */
/* One message of syslog, as it came. RC_NOT_FOUND: of neither side; RC_INVALID: not such a line; RC_EXHAUSTED: too many
 * routes have traffic, this one is not counted. */
enum result traffic_line(struct traffic *t, struct mono_ms now, const char *message, size_t len);

struct traffic_sum {
	uint64_t requests, failed; /* failed: status 5xx */
	double success_rate;       /* percent */
	double p50_ms, p90_ms, p99_ms;
};
/* Of the last window_ms, and up to one slot more: a second, beyond a minute a minute. RC_NOT_FOUND: no request in it;
 * RC_INVALID: a window longer than an hour. */
MUST_CHECK enum result traffic_read(const struct traffic *t, struct mono_ms now, const char *route,
				    enum traffic_side side, int64_t window_ms, struct traffic_sum *ret,
				    struct error *e);
DEFINE_CLEANUP(struct traffic, traffic_destroy)

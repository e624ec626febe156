#include "controller/metrics/traffic.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/metrics.h"
#include "base/text.h"
#include "controller/metrics/histogram.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60 * 1000, SLOTS = 64, LINE_MAX_BYTES = 1024, DURATION_MAX_S = 1000 * 1000 };

static const char *const side_names[] = {
#define X(id, name) name,
	TRAFFIC_SIDES(X)
#undef X
};

struct slot {
	int64_t number; /* of the slot since the clock began, from 1; 0: unused */
	uint32_t requests, failed;
	struct histogram durations;
};
/* The last SLOTS slots of one width. */
struct ring {
	struct slot slots[SLOTS];
};
struct side {
	struct ring seconds, minutes;
};
struct route {
	UT_hash_handle hh;
	struct mono_ms last;
	struct side *sides[TRAFFIC_SIDE_COUNT]; /* owned; NULL: no request yet */
	char name[];
};
struct traffic {
	struct route *routes; /* owned */
	struct metric *requests, *seconds;
};

struct traffic *traffic_create(struct metrics *m)
{
	struct traffic *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->requests = metrics_add(m, METRIC_COUNTER, "rollcall_requests_total",
				  "Requests that nginx has served, by route, side and class of the status.",
				  "route,side,status", NULL);
	t->seconds = metrics_add(m, METRIC_HISTOGRAM, "rollcall_request_duration_seconds",
				 "How long they took, by route and side.", "route,side", NULL);
	return t;
}

static void route_remove(struct traffic *t, struct route *r)
{
	char status[] = "0xx";
	for (size_t i = 0; i < TRAFFIC_SIDE_COUNT; i++) {
		for (status[0] = '1'; status[0] <= '5'; status[0]++)
			metric_forget(t->requests, r->name, side_names[i], status);
		metric_forget(t->seconds, r->name, side_names[i]);
		free(r->sides[i]);
	}
	HASH_DEL(t->routes, r);
	free(r);
}

void traffic_destroy(struct traffic *t)
{
	struct route *r, *next;
	if (!t)
		return;
	HASH_ITER (hh, t->routes, r, next)
		route_remove(t, r);
	free(t);
}

/* ---- a line ---- */

struct line {
	int status;
	uint64_t ms;
	enum traffic_side side;
	const char *route; /* with its length; the message's */
	size_t route_len;
};

/* "0.004": seconds with milliseconds, as nginx writes them. */
static bool read_seconds(const char *word, uint64_t *ret_ms)
{
	double s = 0;
	if (text_double(word, &s, NULL) != RC_OK || s < 0 || s > DURATION_MAX_S)
		return false;
	*ret_ms = (uint64_t)(s * 1000 + 0.5);
	return true;
}

static bool read_side(const char *word, enum traffic_side *ret)
{
	for (size_t i = 0; i < TRAFFIC_SIDE_COUNT; i++) {
		if (text_eq(word, side_names[i])) {
			*ret = (enum traffic_side)i;
			return true;
		}
	}
	return false;
}

/* false: no more. *at moves behind the word, which gets its NUL. */
static bool next_word(char **at, const char **ret)
{
	if (!**at)
		return false;
	char *end = *at + strcspn(*at, " ");
	*ret = *at;
	*at = *end ? end + 1 : end;
	*end = '\0';
	return **ret != '\0';
}

/* text: a copy of the message, which is taken apart. */
static enum result line_read(char *text, struct line *ret)
{
	char *at = strstr(text, " " TRAFFIC_TAG ": ");
	const char *status, *seconds, *side, *route;
	uint64_t number = 0;
	if (!at)
		return RC_INVALID;
	at += strlen(" " TRAFFIC_TAG ": ");
	at[strcspn(at, "\r\n")] = '\0';
	if (!next_word(&at, &status) || !next_word(&at, &seconds) || !next_word(&at, &side) || !next_word(&at, &route))
		return RC_INVALID;
	if (text_eq(side, "-"))
		return RC_NOT_FOUND;
	if (text_u64(status, 100, 599, &number, NULL) != RC_OK || !read_seconds(seconds, &ret->ms) ||
	    !read_side(side, &ret->side))
		return RC_INVALID;
	ret->status = (int)number;
	ret->route = route;
	ret->route_len = strlen(route);
	bool good = ret->route_len < TRAFFIC_ROUTE_LEN && text_is_utf8(route, ret->route_len) && !*at;
	return good ? RC_OK : RC_INVALID;
}

/* ---- counting ---- */

static void ring_add(struct ring *g, struct mono_ms now, int64_t width_ms, const struct line *l)
{
	int64_t number = now.v / width_ms + 1;
	struct slot *s = &g->slots[number % SLOTS];
	if (s->number != number)
		*s = (struct slot){ .number = number };
	s->requests++;
	s->failed += l->status >= 500;
	histogram_add(&s->durations, l->ms);
}

/* The one that has been silent for longest gives way, if it has been for so long that nobody can ask for it. */
static bool make_room(struct traffic *t, struct mono_ms now)
{
	struct route *r, *next, *oldest = t->routes;
	if (HASH_COUNT(t->routes) < TRAFFIC_ROUTES_MAX)
		return true;
	HASH_ITER (hh, t->routes, r, next)
		oldest = r->last.v < oldest->last.v ? r : oldest;
	if (now.v - oldest->last.v <= TRAFFIC_WINDOW_MAX_MS)
		return false;
	route_remove(t, oldest);
	return true;
}

static struct route *route_of(struct traffic *t, struct mono_ms now, const struct line *l)
{
	struct route *r;
	HASH_FIND(hh, t->routes, l->route, l->route_len, r);
	if (r)
		return r;
	r = make_room(t, now) ? calloc(1, sizeof *r + l->route_len + 1) : NULL;
	if (!r)
		return NULL;
	memcpy(r->name, l->route, l->route_len);
	HASH_ADD_KEYPTR(hh, t->routes, r->name, l->route_len, r);
	return r;
}

enum result traffic_line(struct traffic *t, struct mono_ms now, const char *message, size_t len)
{
	char text[LINE_MAX_BYTES], class[] = "0xx";
	struct line l;
	if (len >= sizeof text || memchr(message, '\0', len))
		return RC_INVALID;
	memcpy(text, message, len);
	text[len] = '\0';
	enum result read = line_read(text, &l);
	if (read != RC_OK)
		return read;
	struct route *r = route_of(t, now, &l);
	if (r && !r->sides[l.side])
		r->sides[l.side] = calloc(1, sizeof *r->sides[l.side]);
	if (!r || !r->sides[l.side])
		return RC_EXHAUSTED;
	r->last = now;
	ring_add(&r->sides[l.side]->seconds, now, SECOND_MS, &l);
	ring_add(&r->sides[l.side]->minutes, now, MINUTE_MS, &l);
	class[0] = (char)('0' + l.status / 100);
	metric_inc(t->requests, 1, r->name, side_names[l.side], class);
	metric_observe(t->seconds, (double)l.ms / 1000, r->name, side_names[l.side]);
	return RC_OK;
}

/* ---- reading ---- */

static void ring_sum(const struct ring *g, struct mono_ms now, int64_t width_ms, int64_t window_ms,
		     struct traffic_sum *sum, struct histogram *durations)
{
	int64_t last = now.v / width_ms + 1, first = (now.v - window_ms) / width_ms + 1;
	for (size_t i = 0; i < SLOTS; i++) {
		const struct slot *s = &g->slots[i];
		if (s->number < first || s->number > last || s->number < 1)
			continue;
		sum->requests += s->requests;
		sum->failed += s->failed;
		histogram_merge(durations, &s->durations);
	}
}

enum result traffic_read(const struct traffic *t, struct mono_ms now, const char *route, enum traffic_side side,
			 int64_t window_ms, struct traffic_sum *ret, struct error *e)
{
	struct traffic_sum sum = { 0 };
	struct histogram durations = { 0 };
	const struct route *r;
	if (window_ms < 1 || window_ms > TRAFFIC_WINDOW_MAX_MS)
		return error_set(e, RC_INVALID, "the access log is remembered for an hour, the interval is longer");
	HASH_FIND_STR(t->routes, route, r);
	const struct side *s = r ? r->sides[side] : NULL;
	if (s && window_ms <= MINUTE_MS)
		ring_sum(&s->seconds, now, SECOND_MS, window_ms, &sum, &durations);
	else if (s)
		ring_sum(&s->minutes, now, MINUTE_MS, window_ms, &sum, &durations);
	if (!sum.requests)
		return error_set(e, RC_NOT_FOUND, "no request to the %s of %s in the access log", side_names[side],
				 route);
	sum.success_rate = 100.0 * (double)(sum.requests - sum.failed) / (double)sum.requests;
	sum.p50_ms = histogram_quantile(&durations, 0.5);
	sum.p90_ms = histogram_quantile(&durations, 0.9);
	sum.p99_ms = histogram_quantile(&durations, 0.99);
	*ret = sum;
	return RC_OK;
}

#pragma once
/* The one loop of the program: libuv, with timers that are embedded in their owners and can be stopped at once (a
 * uv_timer must be closed asynchronously, which every owner would have to wait for), and work deferred to a later turn.
 * Loop thread only, but for loop_wake. */
#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"

struct loop;
typedef void loop_fn(void *owner);

/* Embedded, all fields are the loop's; zeroed is stopped. The owner's destroyer stops it. The heap is made of the
 * timers themselves, so that starting one needs no memory and cannot fail. */
struct timer {
	struct loop *loop; /* NULL: stopped */
	struct timer *child, *next, *prev;
	int64_t due_ms;
	uint64_t order; /* equal due times fire in the order of their starts */
	bool firing;    /* off the heap, waits for its callback in this turn */
	loop_fn *cb;
	void *owner;
};
/* Embedded, all fields are the loop's; zeroed is idle. Runs once, on a later turn, unless cancelled. */
struct deferred {
	struct loop *loop; /* NULL: not queued */
	struct deferred *next, **at;
	loop_fn *cb;
	void *owner;
};

MUST_CHECK enum result loop_create(struct loop **ret, struct error *e);
/* All handles of others must be closed or closing (wakes are closed here); runs the loop until they are gone; asserts
 * that none is left. Timers and deferred work that are still waiting never run. */
void loop_destroy(struct loop *l);
uv_loop_t *loop_uv(struct loop *l);
void loop_run(struct loop *l); /* until loop_stop */
void loop_stop(struct loop *l);
/* The time of this turn: it stands still while callbacks run. */
struct mono_ms loop_now(const struct loop *l);
struct wall_ms loop_wall(const struct loop *l);

/* (Re)arms: fires once, delay_ms (>= 0) from now, never inside this call. */
void timer_start(struct loop *l, struct timer *t, int64_t delay_ms, loop_fn *cb, void *owner);
void timer_stop(struct timer *t);
bool timer_active(const struct timer *t);

void loop_defer(struct loop *l, struct deferred *d, loop_fn *cb, void *owner); /* queued already: stays where it is */
void loop_defer_cancel(struct deferred *d);

/* From any thread: cb(owner) runs on the loop's thread soon; calls may be merged. A wake must outlive the loop or be
 * closed by wake_close, whose callback frees the owner. */
struct wake {
	uv_async_t async;
	struct loop *loop;
	struct wake *prev, *next; /* all open wakes of the loop */
	loop_fn *cb, *closed;
	void *owner;
};
MUST_CHECK enum result wake_open(struct loop *l, struct wake *w, loop_fn *cb, void *owner, struct error *e);
void wake_send(struct wake *w);
void wake_close(struct wake *w, loop_fn *closed);
DEFINE_CLEANUP(struct loop, loop_destroy)

#include "base/loop.h"

#include <assert.h>
#include <stdlib.h>

#include <utlist.h>

struct loop {
	uv_loop_t uv;
	uv_timer_t alarm;     /* rings when the first timer of the heap is due */
	uv_idle_t work;       /* active while something is deferred: the poll must not block */
	uv_async_t keepalive; /* loop_run ends by loop_stop, not for want of handles */
	struct timer *heap;   /* borrowed, as all timers, deferred and wakes */
	struct timer *firing;
	uint64_t started; /* timers, ever */
	int64_t alarm_ms; /* when the alarm rings; INT64_MAX: never */
	struct deferred rescan;
	struct deferred *waiting, **waiting_end;
	struct deferred *running;
	struct wake *wakes;
	struct mono_ms wall_read; /* the turn in which wall was read */
	struct wall_ms wall;
	bool turning;
};

/* ---- the timers' heap: a pairing heap; prev is the left sibling, or the parent for a first child ---- */

static bool is_earlier(const struct timer *a, const struct timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static struct timer *heap_meld(struct timer *a, struct timer *b)
{
	if (!a || !b)
		return a ? a : b;
	struct timer *top = is_earlier(b, a) ? b : a, *under = top == a ? b : a;
	under->prev = top;
	under->next = top->child;
	if (top->child)
		top->child->prev = under;
	top->child = under;
	top->next = top->prev = NULL;
	return top;
}

/* Melds siblings two by two from the left, then the pairs from the right: this order keeps removal logarithmic. */
static struct timer *heap_meld_siblings(struct timer *first)
{
	struct timer *pairs = NULL, *top = NULL;
	while (first) {
		struct timer *a = first, *b = a->next;
		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = heap_meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct timer *pair = pairs;
		pairs = pair->next;
		pair->next = NULL;
		top = heap_meld(top, pair);
	}
	return top;
}

static void heap_remove(struct loop *l, struct timer *t)
{
	struct timer *orphans = heap_meld_siblings(t->child);
	if (t == l->heap) {
		l->heap = orphans;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		l->heap = heap_meld(l->heap, orphans);
	}
	t->child = t->next = t->prev = NULL;
}

/* ---- timers ---- */

static void alarm_rang(uv_timer_t *alarm);
static void timers_fire(void *owner);

/* A stopped timer leaves the alarm as it is: ringing for nothing is cheaper than a system call for each stop. */
static void alarm_set(struct loop *l)
{
	if (!l->heap || l->heap->due_ms >= l->alarm_ms)
		return;
	int64_t delay = l->heap->due_ms - loop_now(l).v;
	l->alarm_ms = l->heap->due_ms;
	int r = uv_timer_start(&l->alarm, alarm_rang, delay > 0 ? (uint64_t)delay : 0, 0);
	assert(r == 0); /* it only fails for a handle that is closing */
	(void)r;
}

static void alarm_rang(uv_timer_t *alarm)
{
	timers_fire(alarm->data);
}

static void timers_fire(void *owner)
{
	struct loop *l = owner;
	int64_t now = loop_now(l).v;
	l->alarm_ms = INT64_MIN; /* no re-arming while timers fire: once, at the end */
	while (l->heap && l->heap->due_ms <= now) {
		struct timer *t = l->heap;
		heap_remove(l, t);
		t->firing = true;
		DL_APPEND(l->firing, t);
	}
	while (l->firing) {
		struct timer *t = l->firing;
		timer_stop(t);
		t->cb(t->owner); /* t may be gone after this */
	}
	l->alarm_ms = INT64_MAX;
	/* libuv would run a zero timer that is started in a timer callback in the same turn, for ever */
	if (l->heap && l->heap->due_ms <= now)
		loop_defer(l, &l->rescan, timers_fire, l);
	else
		alarm_set(l);
}

void timer_start(struct loop *l, struct timer *t, int64_t delay_ms, loop_fn *cb, void *owner)
{
	assert(delay_ms >= 0 && cb);
	timer_stop(t);
	if (!l->turning)
		uv_update_time(&l->uv); /* start-up may have taken long */
	*t = (struct timer){ .loop = l, .order = l->started++, .cb = cb, .owner = owner };
	if (__builtin_add_overflow(loop_now(l).v, delay_ms, &t->due_ms))
		t->due_ms = INT64_MAX;
	l->heap = heap_meld(l->heap, t);
	alarm_set(l);
}

void timer_stop(struct timer *t)
{
	struct loop *l = t->loop;
	if (!l)
		return;
	if (t->firing)
		DL_DELETE(l->firing, t);
	else
		heap_remove(l, t);
	t->loop = NULL;
	t->firing = false;
}

bool timer_active(const struct timer *t)
{
	return t->loop != NULL;
}

/* ---- deferred work ---- */

static void deferred_unlink(struct deferred *d)
{
	assert(d->loop);
	if (d->next)
		d->next->at = d->at;
	else if (d->loop->waiting_end == &d->next)
		d->loop->waiting_end = d->at;
	*d->at = d->next;
	d->loop = NULL;
}

/* The list is set aside first: what is deferred meanwhile waits for the next turn. */
static void work_run(uv_idle_t *work)
{
	struct loop *l = work->data;
	l->running = l->waiting;
	if (l->running)
		l->running->at = &l->running;
	l->waiting = NULL;
	l->waiting_end = &l->waiting;
	while (l->running) {
		struct deferred *d = l->running;
		deferred_unlink(d);
		d->cb(d->owner); /* d may be gone after this */
	}
	if (!l->waiting)
		(void)uv_idle_stop(work);
}

void loop_defer(struct loop *l, struct deferred *d, loop_fn *cb, void *owner)
{
	assert(cb);
	if (d->loop)
		return;
	*d = (struct deferred){ .loop = l, .at = l->waiting_end, .cb = cb, .owner = owner };
	*l->waiting_end = d;
	l->waiting_end = &d->next;
	(void)uv_idle_start(&l->work, work_run); /* active already: no effect */
}

void loop_defer_cancel(struct deferred *d)
{
	if (d->loop)
		deferred_unlink(d);
}

/* ---- wakes ---- */

static void wake_fired(uv_async_t *async)
{
	struct wake *w = async->data;
	w->cb(w->owner);
}

enum result wake_open(struct loop *l, struct wake *w, loop_fn *cb, void *owner, struct error *e)
{
	int r = uv_async_init(&l->uv, &w->async, wake_fired);
	if (r != 0)
		return error_set(e, RC_EXHAUSTED, "cannot open a wake: %s", uv_strerror(r));
	w->async.data = w;
	w->loop = l;
	w->cb = cb;
	w->closed = NULL;
	w->owner = owner;
	DL_APPEND(l->wakes, w);
	return RC_OK;
}

void wake_send(struct wake *w)
{
	(void)uv_async_send(&w->async); /* fails only for a handle that is closing, whose owner waits no more */
}

static void wake_gone(uv_handle_t *handle)
{
	struct wake *w = handle->data;
	if (w->closed)
		w->closed(w->owner); /* w may be gone after this */
}

void wake_close(struct wake *w, loop_fn *closed)
{
	w->closed = closed;
	DL_DELETE(w->loop->wakes, w);
	uv_close((uv_handle_t *)&w->async, wake_gone);
}

/* ---- the loop ---- */

static void keepalive_fired(uv_async_t *async)
{
	(void)async;
}

enum result loop_create(struct loop **ret, struct error *e)
{
	struct loop *l = calloc(1, sizeof *l);
	if (!l)
		return error_set(e, RC_EXHAUSTED, "no memory for the loop");
	int r = uv_loop_init(&l->uv);
	if (r != 0)
		goto fail_loop;
	r = uv_async_init(&l->uv, &l->keepalive, keepalive_fired);
	if (r != 0)
		goto fail_async;
	(void)uv_timer_init(&l->uv, &l->alarm);
	(void)uv_idle_init(&l->uv, &l->work);
	l->alarm.data = l->work.data = l;
	l->waiting_end = &l->waiting;
	l->alarm_ms = INT64_MAX;
	l->wall_read.v = -1;
	*ret = l;
	return RC_OK;
fail_async:
	(void)uv_loop_close(&l->uv);
fail_loop:
	free(l);
	return error_set(e, RC_EXHAUSTED, "cannot create the loop: %s", uv_strerror(r));
}

static void must_be_closing(uv_handle_t *handle, void *unused)
{
	(void)unused;
	assert(uv_is_closing(handle) && "a handle is still open when the loop is destroyed");
	(void)handle;
}

void loop_destroy(struct loop *l)
{
	if (!l)
		return;
	while (l->heap)
		timer_stop(l->heap);
	while (l->waiting)
		deferred_unlink(l->waiting);
	while (l->wakes)
		wake_close(l->wakes, NULL);
	uv_close((uv_handle_t *)&l->alarm, NULL);
	uv_close((uv_handle_t *)&l->work, NULL);
	uv_close((uv_handle_t *)&l->keepalive, NULL);
	uv_walk(&l->uv, must_be_closing, NULL);
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	int r = uv_loop_close(&l->uv);
	assert(r == 0);
	(void)r;
	free(l);
}

uv_loop_t *loop_uv(struct loop *l)
{
	return &l->uv;
}

void loop_run(struct loop *l)
{
	assert(!l->turning);
	l->turning = true;
	(void)uv_run(&l->uv, UV_RUN_DEFAULT);
	l->turning = false;
}

void loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

struct mono_ms loop_now(const struct loop *l)
{
	return (struct mono_ms){ (int64_t)uv_now(&l->uv) };
}

struct wall_ms loop_wall(const struct loop *l)
{
	struct loop *cache = (struct loop *)l;
	if (cache->wall_read.v != loop_now(l).v) {
		cache->wall_read = loop_now(l);
		cache->wall = clock_system()->wall(clock_system());
	}
	return cache->wall;
}

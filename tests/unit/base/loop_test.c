#include "base/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct loop *loop_new(void)
{
	struct loop *l = NULL;
	struct error e;
	assert_int_equal(loop_create(&l, &e), RC_OK);
	return l;
}

static void stop(void *owner)
{
	loop_stop(owner);
}

/* A run that cannot hang: a missing event ends it after 20 s and the assertions that follow fail. */
static void run(struct loop *l)
{
	struct timer deadline = { 0 };
	timer_start(l, &deadline, 20000, stop, l);
	loop_run(l);
	timer_stop(&deadline);
}

/* ---- timers ---- */

struct trace {
	struct loop *loop;
	char seen[4096];
	size_t n, expected;
};
struct mark {
	struct timer timer;
	struct deferred deferred;
	struct trace *trace;
	char name;
	struct mark *victim; /* stopped when this one fires */
	bool freed;          /* frees itself */
};

static void marked(void *owner)
{
	struct mark *m = owner;
	struct trace *t = m->trace;
	assert_true(t->n + 1 < sizeof t->seen);
	assert_false(timer_active(&m->timer));
	t->seen[t->n++] = m->name;
	if (m->victim) {
		timer_stop(&m->victim->timer);
		loop_defer_cancel(&m->victim->deferred);
	}
	if (t->n == t->expected)
		loop_stop(t->loop);
	if (m->freed)
		free(m);
}

static void start(struct trace *t, struct mark *m, char name, int64_t delay_ms)
{
	m->trace = t;
	m->name = name;
	timer_start(t->loop, &m->timer, delay_ms, marked, m);
}

static void timers_fire_by_due_time_then_by_start(void **state)
{
	(void)state;
	CLEANUP(loop_destroy_p) struct loop *l = loop_new();
	struct trace t = { .loop = l, .expected = 6 };
	struct mark m[6] = { 0 };
	start(&t, &m[0], 'e', 30);
	start(&t, &m[1], 'c', 10);
	start(&t, &m[2], 'a', 0);
	start(&t, &m[3], 'd', 10);
	start(&t, &m[4], 'b', 0);
	start(&t, &m[5], 'f', 30);
	assert_int_equal(t.n, 0); /* never inside timer_start */
	run(l);
	assert_string_equal(t.seen, "abcdef");
}

static void a_stopped_timer_never_fires(void **state)
{
	(void)state;
	CLEANUP(loop_destroy_p) struct loop *l = loop_new();
	struct trace t = { .loop = l, .expected = 3 };
	struct mark m[5] = { 0 };
	start(&t, &m[0], 'a', 1);
	start(&t, &m[1], 'X', 1);
	start(&t, &m[2], 'b', 1);
	start(&t, &m[3], 'Y', 1); /* off the heap already when b stops it */
	start(&t, &m[4], 'c', 20);
	m[2].victim = &m[3];
	timer_stop(&m[1].timer);
	timer_stop(&m[1].timer);
	assert_false(timer_active(&m[1].timer));
	assert_true(timer_active(&m[3].timer));
	run(l);
	assert_string_equal(t.seen, "abc");
}

static void a_started_timer_moves(void **state)
{
	(void)state;
	CLEANUP(loop_destroy_p) struct loop *l = loop_new();
	struct trace t = { .loop = l, .expected = 3 };
	struct mark m[3] = { 0 };
	start(&t, &m[0], 'c', 1);
	start(&t, &m[1], 'a', 60000);
	start(&t, &m[2], 'b', 10);
	start(&t, &m[0], 'c', 20);
	start(&t, &m[1], 'a', 0);
	run(l);
	assert_string_equal(t.seen, "abc");
}

static void a_timer_may_free_its_owner(void **state)
{
	(void)state;
	CLEANUP(loop_destroy_p) struct loop *l = loop_new();
	struct trace t = { .loop = l, .expected = 2 };
	struct mark *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second);
	assert_non_null(first);
	assert_non_null(second);
	first->freed = second->freed = true;
	start(&t, first, 'a', 0);
	start(&t, second, 'b', 0);
	run(l);
	assert_string_equal(t.seen, "ab");
}

struct spinner {
	struct loop *loop;
	struct timer timer;
	struct deferred deferred;
	unsigned rounds;
	bool by_timer;
};

static void spin(void *owner)
{
	struct spinner *s = owner;
	s->rounds++;
	if (s->by_timer)
		timer_start(s->loop, &s->timer, 0, spin, s);
	else
		loop_defer(s->loop, &s->deferred, spin, s);
}

static unsigned rounds_until_io(bool by_timer)
{
	CLEANUP(loop_destroy_p) struct loop *l = loop_new();
	struct spinner s = { .loop = l, .by_timer = by_timer };
	struct wake w;
	struct error e;
	assert_int_equal(wake_open(l, &w, stop, l, &e), RC_OK);
	spin(&s);
	wake_send(&w); /* seen by the poll only */
	run(l);
	timer_stop(&s.timer);
	loop_defer_cancel(&s.deferred);
	return s.rounds;
}

/* A callback that starts itself again for at once must leave the loop its turns. */
static void an_eager_timer_does_not_starve_the_poll(void **state)
{
	(void)state;
	assert_in_range(rounds_until_io(true), 2, 5);
	assert_in_range(rounds_until_io(false), 2, 5);
}

static void a_huge_delay_is_never(void **state)
{
	(void)state;
	CLEANUP(loop_destroy_p) struct loop *l = loop_new();
	struct trace t = { .loop = l, .expected = 1 };
	struct mark m[2] = { 0 };
	start(&t, &m[0], 'X', INT64_MAX);
	start(&t, &m[1], 'a', 5);
	run(l);
	assert_string_equal(t.seen, "a");
	assert_true(timer_active(&m[0].timer));
}

/* The heap against the obvious: thousands of starts, moves and stops in a fixed pseudo-random order. */
enum { MANY = 2000 };
struct crowd {
	struct loop *loop;
	struct timer timers[MANY];
	int64_t due[MANY]; /* -1: must not fire */
	uint64_t order[MANY];
	int64_t last_due;
	uint64_t last_order;
	unsigned fired, expected;
};
struct one {
	struct crowd *crowd;
	size_t i;
};

static void crowd_fired(void *owner)
{
	struct one *o = owner;
	struct crowd *c = o->crowd;
	assert_true(c->due[o->i] >= 0);
	assert_true(c->due[o->i] > c->last_due || (c->due[o->i] == c->last_due && c->order[o->i] > c->last_order));
	c->last_due = c->due[o->i];
	c->last_order = c->order[o->i];
	c->due[o->i] = -1;
	if (++c->fired == c->expected)
		loop_stop(c->loop);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* Starts are relative to a clock that moves; only with one base is the expected order known. */
static void timers_begin(void *owner)
{
	struct one *ones = owner;
	struct crowd *c = ones->crowd;
	uint32_t seed = 7;
	uint64_t order = 1;
	for (size_t step = 0; step < 10 * MANY; step++) {
		size_t i = next_random(&seed) % MANY;
		if (next_random(&seed) % 3 == 0) {
			timer_stop(&c->timers[i]);
			c->due[i] = -1;
		} else {
			c->due[i] = next_random(&seed) % 50;
			c->order[i] = order++;
			timer_start(c->loop, &c->timers[i], c->due[i], crowd_fired, &ones[i]);
		}
	}
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(timer_active(&c->timers[i]), c->due[i] >= 0);
		c->expected += c->due[i] >= 0;
	}
}

static void thousands_of_timers_keep_their_order(void **state)
{
	(void)state;
	CLEANUP(loop_destroy_p) struct loop *l = loop_new();
	CLEANUP(free_p) struct crowd *c = calloc(1, sizeof *c);
	CLEANUP(free_p) struct one *ones = calloc(MANY, sizeof *ones);
	assert_non_null(c);
	assert_non_null(ones);
	c->loop = l;
	c->last_due = -1;
	for (size_t i = 0; i < MANY; i++) {
		ones[i] = (struct one){ c, i };
		c->due[i] = -1;
	}
	struct deferred begin = { 0 };
	loop_defer(l, &begin, timers_begin, ones);
	run(l);
	assert_int_equal(c->fired, c->expected);
	assert_in_range(c->fired, MANY / 3, MANY);
}

/* ---- deferred work ---- */

static void defer(struct trace *t, struct mark *m, char name)
{
	m->trace = t;
	m->name = name;
	loop_defer(t->loop, &m->deferred, marked, m);
}

static void deferred_work_runs_later_in_order_and_once(void **state)
{
	(void)state;
	CLEANUP(loop_destroy_p) struct loop *l = loop_new();
	struct trace t = { .loop = l, .expected = 4 };
	struct mark m[6] = { 0 };
	defer(&t, &m[0], 'a');
	defer(&t, &m[1], 'X');
	defer(&t, &m[2], 'b');
	defer(&t, &m[0], 'a'); /* stays where it is */
	defer(&t, &m[3], 'c');
	defer(&t, &m[4], 'Y');
	defer(&t, &m[5], 'Z');
	m[2].victim = &m[4]; /* cancelled while its list runs */
	loop_defer_cancel(&m[1].deferred);
	loop_defer_cancel(&m[5].deferred); /* the last one: the end must move */
	loop_defer_cancel(&m[5].deferred);
	assert_int_equal(t.n, 0);
	struct mark last = { 0 };
	defer(&t, &last, 'd');
	run(l);
	assert_string_equal(t.seen, "abcd");
}

static void waiting_work_and_timers_die_with_the_loop(void **state)
{
	(void)state;
	struct loop *l = loop_new();
	struct trace t = { .loop = l };
	struct mark m[4] = { 0 };
	start(&t, &m[0], 'X', 0);
	start(&t, &m[1], 'Y', 1000);
	defer(&t, &m[2], 'Z');
	defer(&t, &m[3], 'Z');
	loop_destroy(l);
	assert_int_equal(t.n, 0);
	assert_false(timer_active(&m[1].timer));
	timer_stop(&m[1].timer); /* of an owner that dies later */
	loop_defer_cancel(&m[2].deferred);
	loop_destroy(NULL);
}

/* ---- wakes ---- */

struct parcel {
	struct loop *loop;
	struct wake wake;
	uv_thread_t thread, loop_thread;
	unsigned woken;
	bool *closed;
};

static void parcel_sent(void *owner)
{
	struct parcel *p = owner;
	wake_send(&p->wake);
}

static void parcel_closed(void *owner)
{
	struct parcel *p = owner;
	*p->closed = true;
	loop_stop(p->loop);
	free(p);
}

static void parcel_woken(void *owner)
{
	struct parcel *p = owner;
	uv_thread_t self = uv_thread_self();
	assert_true(uv_thread_equal(&self, &p->loop_thread));
	p->woken++;
	wake_send(&p->wake); /* after close: never delivered */
	wake_close(&p->wake, parcel_closed);
}

static void a_wake_crosses_threads_and_closes(void **state)
{
	(void)state;
	CLEANUP(loop_destroy_p) struct loop *l = loop_new();
	struct parcel *p = calloc(1, sizeof *p);
	struct error e;
	bool closed = false;
	assert_non_null(p);
	*p = (struct parcel){ .loop = l, .closed = &closed, .loop_thread = uv_thread_self() };
	assert_int_equal(wake_open(l, &p->wake, parcel_woken, p, &e), RC_OK);
	assert_int_equal(uv_thread_create(&p->thread, parcel_sent, p), 0);
	uv_thread_t thread = p->thread;
	run(l);
	assert_int_equal(uv_thread_join(&thread), 0);
	assert_true(closed);
}

static void an_open_wake_may_outlive_the_loop(void **state)
{
	(void)state;
	struct loop *l = loop_new();
	struct wake w;
	struct error e;
	assert_int_equal(wake_open(l, &w, stop, l, &e), RC_OK);
	loop_destroy(l);
}

/* ---- time ---- */

static void time_stands_still_within_a_turn(void **state)
{
	(void)state;
	CLEANUP(loop_destroy_p) struct loop *l = loop_new();
	const struct clock *system = clock_system();
	struct mono_ms before = loop_now(l);
	struct wall_ms wall = loop_wall(l);
	assert_in_range(llabs(wall.v - system->wall(system).v), 0, 2000);
	while (system->mono(system).v < before.v + 3)
		assert_int_equal(loop_wall(l).v, wall.v);
	assert_int_equal(loop_now(l).v, before.v);
	struct trace t = { .loop = l, .expected = 1 };
	struct mark m = { 0 };
	start(&t, &m, 'a', 5);
	run(l);
	assert_true(loop_now(l).v >=
		    before.v + 8); /* 5 ms after the start, not after the stale time of the last turn */
	assert_true(loop_wall(l).v >= wall.v);
}

static void stop_before_run_is_not_lost(void **state)
{
	(void)state;
	CLEANUP(loop_destroy_p) struct loop *l = loop_new();
	loop_stop(l);
	loop_run(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_by_due_time_then_by_start),
		cmocka_unit_test(a_stopped_timer_never_fires),
		cmocka_unit_test(a_started_timer_moves),
		cmocka_unit_test(a_timer_may_free_its_owner),
		cmocka_unit_test(an_eager_timer_does_not_starve_the_poll),
		cmocka_unit_test(a_huge_delay_is_never),
		cmocka_unit_test(thousands_of_timers_keep_their_order),
		cmocka_unit_test(deferred_work_runs_later_in_order_and_once),
		cmocka_unit_test(waiting_work_and_timers_die_with_the_loop),
		cmocka_unit_test(a_wake_crosses_threads_and_closes),
		cmocka_unit_test(an_open_wake_may_outlive_the_loop),
		cmocka_unit_test(time_stands_still_within_a_turn),
		cmocka_unit_test(stop_before_run_is_not_lost),
	};
	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}

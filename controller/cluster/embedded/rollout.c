#include "controller/cluster/embedded/rollout.h"

#include <stdlib.h>

static int min_int(int a, int b)
{
	return a < b ? a : b;
}

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

/* ---- counting ---- */

static bool stays(const struct rollout_pod *p)
{
	return !p->deleting && !p->ended;
}

static int64_t until_available(const struct rollout *r, const struct rollout_pod *p)
{
	int64_t since = r->now.v - p->ready_since.v;
	if (r->min_ready_ms == 0 || since >= r->min_ready_ms)
		return 0;
	return since < 0 ? r->min_ready_ms : r->min_ready_ms - since; /* a clock that went back */
}

static void wake_in(struct rollout *r, int64_t ms)
{
	if (r->wake_ms < 0 || ms < r->wake_ms)
		r->wake_ms = ms;
}

static void count(struct rollout *r)
{
	for (size_t i = 0; i < r->sets_len; i++) {
		struct rollout_set *s = &r->sets[i];
		for (size_t k = 0; k < s->pods_len; k++) {
			const struct rollout_pod *p = &s->pods[k];
			if (!stays(p))
				continue;
			s->active++;
			if (!p->ready)
				continue;
			s->ready++;
			int64_t ms = until_available(r, p);
			if (ms == 0)
				s->available++;
			else
				wake_in(r, ms);
		}
	}
}

/* ---- revisions ---- */

/* Pods that it has too many go first where they are not available. */
static int lasting_available(const struct rollout_set *s)
{
	return min_int(s->available, s->replicas);
}

static int total_replicas(const struct rollout *r)
{
	int n = 0;
	for (size_t i = 0; i < r->sets_len; i++)
		n += r->sets[i].replicas;
	return n;
}

static int64_t newest_number(const struct rollout *r)
{
	int64_t n = 0;
	for (size_t i = 0; i < r->sets_len; i++)
		n = r->sets[i].number > n ? r->sets[i].number : n;
	return n;
}

/* The template that is wanted is the newest revision, also when it had been there before. */
static void find_current(struct rollout *r)
{
	int64_t newest = newest_number(r);
	if (r->paused)
		return;
	if (!r->current) {
		r->add_set = true;
		r->new_number = newest + 1;
	} else if (r->current->number < newest) {
		r->current->number = newest + 1;
		r->current->changed = true;
	}
}

/* Ordered by number: the oldest first. NULL: no more. */
static struct rollout_set *next_old(const struct rollout *r, int64_t after)
{
	struct rollout_set *best = NULL;
	for (size_t i = 0; i < r->sets_len; i++) {
		struct rollout_set *s = &r->sets[i];
		if (s != r->current && s->number > after && (!best || s->number < best->number))
			best = s;
	}
	return best;
}

/* ---- rolling update ---- */

static void grow_current(struct rollout *r)
{
	struct rollout_set *s = r->current;
	int room = r->replicas + r->surge - total_replicas(r);
	if (s->replicas > r->replicas)
		rollout_resize(r, s, r->replicas);
	else if (s->replicas < r->replicas && room > 0)
		rollout_resize(r, s, s->replicas + min_int(room, r->replicas - s->replicas));
}

/* Old pods that serve nobody may go at once. */
static void shrink_unhealthy(struct rollout *r, int most)
{
	for (struct rollout_set *s = next_old(r, 0); s && most > 0; s = next_old(r, s->number)) {
		int n = min_int(most, s->replicas - lasting_available(s));
		if (n > 0)
			rollout_resize(r, s, s->replicas - n);
		most -= max_int(n, 0);
	}
}

static void shrink_old(struct rollout *r)
{
	int least = r->replicas - r->unavailable, available = 0;
	int most = total_replicas(r) - least - (r->current->replicas - lasting_available(r->current));
	if (most <= 0)
		return;
	shrink_unhealthy(r, most);
	for (size_t i = 0; i < r->sets_len; i++)
		available += lasting_available(&r->sets[i]);
	int spare = available - least;
	for (struct rollout_set *s = next_old(r, 0); s && spare > 0; s = next_old(r, s->number)) {
		int n = min_int(spare, s->replicas);
		if (n > 0)
			rollout_resize(r, s, s->replicas - n);
		spare -= n;
	}
}

static void roll(struct rollout *r)
{
	grow_current(r);
	if (!r->current->changed)
		shrink_old(r);
}

/* ---- recreate ---- */

static bool old_pods_left(const struct rollout *r)
{
	for (size_t i = 0; i < r->sets_len; i++) {
		const struct rollout_set *s = &r->sets[i];
		for (size_t k = 0; s != r->current && k < s->pods_len; k++) {
			if (!s->pods[k].ended)
				return true;
		}
	}
	return false;
}

static void recreate(struct rollout *r)
{
	for (struct rollout_set *s = next_old(r, 0); s; s = next_old(r, s->number)) {
		if (s->replicas)
			rollout_resize(r, s, 0);
	}
	if (!old_pods_left(r) && r->current->replicas != r->replicas)
		rollout_resize(r, r->current, r->replicas);
}

/* ---- history ---- */

static bool is_complete(const struct rollout *r)
{
	const struct rollout_set *s = r->current;
	return s && s->active == r->replicas && s->available == r->replicas && s->replicas == r->replicas &&
	       total_replicas(r) == r->replicas;
}

static void forget_oldest(struct rollout *r)
{
	int empty = 0;
	if (r->paused || !is_complete(r))
		return;
	for (size_t i = 0; i < r->sets_len; i++)
		empty += &r->sets[i] != r->current && !r->sets[i].replicas && !r->sets[i].pods_len;
	for (struct rollout_set *s = next_old(r, 0); s && empty > r->history; s = next_old(r, s->number)) {
		s->drop = !s->replicas && !s->pods_len;
		empty -= s->drop;
	}
}

/* ---- pods ---- */

/* Those that are missed least come first. */
static int by_worth(const void *x, const void *y)
{
	const struct rollout_pod *a = *(struct rollout_pod *const *)x, *b = *(struct rollout_pod *const *)y;
	if (a->bound != b->bound)
		return a->bound ? 1 : -1;
	if (a->ready != b->ready)
		return a->ready ? 1 : -1;
	if (a->ready && a->ready_since.v != b->ready_since.v)
		return a->ready_since.v > b->ready_since.v ? -1 : 1;
	if (a->created.v != b->created.v)
		return a->created.v > b->created.v ? -1 : 1;
	return a < b ? -1 : 1;
}

static void remove_pods(struct rollout_set *s, int n)
{
	struct rollout_pod **sorted = calloc((size_t)s->active + 1, sizeof(struct rollout_pod *));
	size_t len = 0;
	for (size_t k = 0; sorted && k < s->pods_len; k++) {
		if (stays(&s->pods[k]))
			sorted[len++] = &s->pods[k];
	}
	if (sorted)
		qsort(sorted, len, sizeof(struct rollout_pod *), by_worth);
	for (size_t k = 0; k < len && n-- > 0; k++)
		sorted[k]->remove = true;
	free(sorted);
}

static void plan_pods(struct rollout *r)
{
	int burst = ROLLOUT_BURST;
	for (size_t i = 0; i < r->sets_len; i++) {
		struct rollout_set *s = &r->sets[i];
		for (size_t k = 0; k < s->pods_len; k++)
			s->pods[k].remove = s->pods[k].ended && !s->pods[k].deleting;
		if (s->active > s->replicas)
			remove_pods(s, s->active - s->replicas);
		s->create = max_int(min_int(s->replicas - s->active, burst), 0);
		burst -= s->create;
	}
}

/* ---- the whole ---- */

/* spec.replicas is not what the revisions were sized for. */
static bool is_resized(const struct rollout *r)
{
	for (size_t i = 0; i < r->sets_len; i++) {
		if (r->sets[i].replicas > 0 && r->sets[i].desired != r->replicas)
			return true;
	}
	return false;
}

static void plan_sets(struct rollout *r)
{
	find_current(r);
	if (r->add_set)
		return;
	if (r->paused || (is_resized(r) && !r->recreate))
		rollout_scale(r);
	else if (r->recreate)
		recreate(r);
	else
		roll(r);
	forget_oldest(r);
}

void rollout_plan(struct rollout *r)
{
	r->wake_ms = -1;
	count(r);
	if (!r->deleting) {
		plan_sets(r);
		r->sets_change = r->add_set;
		for (size_t i = 0; i < r->sets_len; i++)
			r->sets_change = r->sets_change || r->sets[i].changed || r->sets[i].drop;
		if (!r->sets_change)
			plan_pods(r);
	}
	rollout_report(r);
}

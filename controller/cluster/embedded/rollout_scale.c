/* spec.replicas changed, or the Deployment is paused: revisions grow and shrink in proportion, so that a broken one
 * does not get all that is added while a rollout is under way. */
#include "controller/cluster/embedded/rollout.h"

#include <stdlib.h>

void rollout_resize(const struct rollout *r, struct rollout_set *s, int replicas)
{
	int most = r->replicas + r->surge;
	replicas = replicas < 0 ? 0 : replicas;
	s->changed = s->changed || s->replicas != replicas || s->desired != r->replicas || s->most != most;
	s->replicas = replicas;
	s->desired = r->replicas;
	s->most = most;
}

/* The only one with pods; without any, the wanted one, else the newest; NULL: there are several, or none at all. */
static struct rollout_set *only_active(const struct rollout *r)
{
	struct rollout_set *active = NULL, *newest = NULL;
	for (size_t i = 0; i < r->sets_len; i++) {
		struct rollout_set *s = &r->sets[i];
		if (!newest || s->number > newest->number)
			newest = s;
		if (s->replicas > 0 && active)
			return NULL;
		if (s->replicas > 0)
			active = s;
	}
	return active ? active : r->current ? r->current : newest;
}

static bool is_saturated(const struct rollout *r)
{
	const struct rollout_set *s = r->current;
	return s && s->replicas == r->replicas && s->desired == r->replicas && s->available == r->replicas;
}

/* The largest first; of equals, the newer one when pods are added, the older one when they are taken away. */
struct order {
	struct rollout_set *set;
	bool newer_first;
};

static int by_size(const void *x, const void *y)
{
	const struct order *a = x, *b = y;
	if (a->set->replicas != b->set->replicas)
		return a->set->replicas > b->set->replicas ? -1 : 1;
	bool newer = a->set->number > b->set->number;
	return newer == a->newer_first ? -1 : 1;
}

/* What a revision of its size gets of a change from the old to the new total. */
static int share(const struct rollout *r, const struct rollout_set *s, int left)
{
	if (r->replicas == 0)
		return -s->replicas;
	int most = s->most > 0 ? s->most : r->replicas + r->surge;
	int64_t wanted = (2 * (int64_t)s->replicas * (r->replicas + r->surge) + most) / (2 * (int64_t)most);
	int change = (int)wanted - s->replicas;
	if (left > 0)
		return change < left ? change : left;
	return change > left ? change : left;
}

static void scale_in_proportion(struct rollout *r)
{
	struct order *all = calloc(r->sets_len + 1, sizeof *all);
	size_t n = 0;
	int total = 0, allowed = r->replicas > 0 ? r->replicas + r->surge : 0;
	for (size_t i = 0; all && i < r->sets_len; i++) {
		total += r->sets[i].replicas;
		if (r->sets[i].replicas > 0)
			all[n++].set = &r->sets[i];
	}
	int left = allowed - total;
	for (size_t i = 0; i < n; i++)
		all[i].newer_first = left > 0;
	if (n)
		qsort(all, n, sizeof *all, by_size);
	int *sizes = calloc(n + 1, sizeof *sizes);
	for (size_t i = 0; sizes && i < n; i++) {
		int change = left ? share(r, all[i].set, left) : 0;
		sizes[i] = all[i].set->replicas + change;
		left -= change;
	}
	for (size_t i = 0; sizes && i < n; i++)
		rollout_resize(r, all[i].set, sizes[i] + (i == 0 ? left : 0));
	free(sizes);
	free(all);
}

static bool is_sized(const struct rollout *r)
{
	for (size_t i = 0; i < r->sets_len; i++) {
		const struct rollout_set *s = &r->sets[i];
		if (s->replicas > 0 && (s->desired != r->replicas || s->most != r->replicas + r->surge))
			return false;
	}
	return true;
}

void rollout_scale(struct rollout *r)
{
	struct rollout_set *only = only_active(r);
	if (only) {
		if (only->replicas != r->replicas || !is_sized(r))
			rollout_resize(r, only, r->replicas);
	} else if (is_saturated(r)) {
		for (size_t i = 0; i < r->sets_len; i++) {
			if (&r->sets[i] != r->current && r->sets[i].replicas > 0)
				rollout_resize(r, &r->sets[i], 0);
		}
	} else if (!r->recreate && !is_sized(r)) {
		scale_in_proportion(r);
	}
}

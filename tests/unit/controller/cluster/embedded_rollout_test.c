/* The replica loop without a cluster: what one pass decides, and whole rollouts on a manual clock. */
#include "controller/cluster/embedded/rollout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/cluster/embedded/deployment_read.h"
#include "controller/cluster/embedded/rollout_numbers.h"

enum { PODS = 64, SETS = 4 };

/* ---- maxSurge, maxUnavailable ---- */

static void test_shares(void **state)
{
	static const struct {
		const char *name, *json;
		int total;
		bool up, ok;
		int is;
	} cases[] = {
		{ "a number", "3", 10, true, true, 3 },
		{ "nothing", "0", 10, true, true, 0 },
		{ "surge rounds up", "\"25%\"", 10, true, true, 3 },
		{ "unavailable rounds down", "\"25%\"", 10, false, true, 2 },
		{ "all", "\"100%\"", 7, false, true, 7 },
		{ "none of none", "\"25%\"", 0, true, true, 0 },
		{ "negative", "-1", 10, true, false, 0 },
		{ "a fraction", "1.5", 10, true, false, 0 },
		{ "no percent sign", "\"25\"", 10, true, false, 0 },
		{ "only the sign", "\"%\"", 10, true, false, 0 },
		{ "negative percentage", "\"-25%\"", 10, true, false, 0 },
		{ "huge", "\"99999999999%\"", 10, true, false, 0 },
		{ "neither", "true", 10, true, false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cJSON *v = NULL;
		int got = -7;
		assert_int_equal(json_parse(cases[i].json, strlen(cases[i].json), &v, NULL), RC_OK);
		bool ok = share_of(v, cases[i].total, cases[i].up, &got);
		cJSON_Delete(v);
		if (ok != cases[i].ok || got != (ok ? cases[i].is : -7))
			fail_msg("%s: %d, %d", cases[i].name, ok, got);
	}
}

/* ---- one pass: {replicas wanted, pods, ready pods} a revision, the last one is the template's ---- */

struct before {
	int replicas, pods, ready, desired, most; /* most 0: desired and the surge */
};
static const struct {
	const char *name;
	int replicas, surge, unavailable;
	bool recreate, paused;
	struct before old, new;
	int old_after, new_after; /* revisions' replicas */
} passes[] = {
	{ "a new Deployment gets all at once", 4, 1, 1, false, false, { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 }, 0, 4 },
	{ "at first the surge", 4, 1, 0, false, false, { 4, 4, 4, 4, 0 }, { 0, 0, 0, 0, 0 }, 4, 1 },
	{ "nothing leaves before something is available",
	  4,
	  1,
	  0,
	  false,
	  false,
	  { 4, 4, 4, 4, 0 },
	  { 1, 1, 0, 4, 0 },
	  4,
	  1 },
	{ "an available one lets an old one go", 4, 1, 0, false, false, { 4, 4, 4, 4, 0 }, { 1, 1, 1, 4, 0 }, 3, 1 },
	{ "and makes room for the next", 4, 1, 0, false, false, { 3, 3, 3, 4, 0 }, { 1, 1, 1, 4, 0 }, 3, 2 },
	{ "maxUnavailable lets one go first", 4, 0, 1, false, false, { 4, 4, 4, 4, 0 }, { 0, 0, 0, 4, 0 }, 3, 0 },
	{ "without a surge the new one comes after",
	  4,
	  0,
	  1,
	  false,
	  false,
	  { 3, 3, 3, 4, 0 },
	  { 0, 0, 0, 4, 0 },
	  3,
	  1 },
	{ "old pods that are ill go at once", 4, 1, 1, false, false, { 4, 4, 2, 4, 0 }, { 1, 1, 0, 4, 0 }, 3, 1 },
	{ "pods that are leaving are not counted twice",
	  4,
	  1,
	  1,
	  false,
	  false,
	  { 3, 4, 4, 4, 0 },
	  { 2, 2, 2, 4, 0 },
	  1,
	  2 },
	{ "the last old one", 4, 1, 1, false, false, { 1, 1, 1, 4, 0 }, { 4, 4, 3, 4, 0 }, 0, 4 },
	{ "done", 4, 1, 1, false, false, { 0, 0, 0, 4, 0 }, { 4, 4, 4, 4, 0 }, 0, 4 },
	{ "scaling up alone", 6, 1, 1, false, false, { 0, 0, 0, 4, 0 }, { 4, 4, 4, 4, 0 }, 0, 6 },
	{ "scaling down alone", 1, 1, 1, false, false, { 0, 0, 0, 4, 0 }, { 4, 4, 4, 4, 0 }, 0, 1 },
	{ "scaling to nothing", 0, 1, 0, false, false, { 0, 0, 0, 4, 0 }, { 4, 4, 4, 4, 0 }, 0, 0 },
	{ "scaling in a rollout is in proportion", 10, 3, 2, false, false, { 4, 4, 4, 5, 7 }, { 3, 3, 0, 5, 7 }, 7, 6 },
	{ "recreate: the old ones first", 4, 0, 0, true, false, { 4, 4, 4, 4, 0 }, { 0, 0, 0, 4, 0 }, 0, 0 },
	{ "recreate: none before the last old one is gone",
	  4,
	  0,
	  0,
	  true,
	  false,
	  { 0, 1, 1, 4, 0 },
	  { 0, 0, 0, 4, 0 },
	  0,
	  0 },
	{ "recreate: then all", 4, 0, 0, true, false, { 0, 0, 0, 4, 0 }, { 0, 0, 0, 4, 0 }, 0, 4 },
	{ "paused: the template waits", 4, 1, 1, false, true, { 4, 4, 4, 4, 0 }, { 0, 0, 0, 0, 0 }, 4, 0 },
	{ "paused: scaling does not", 6, 1, 1, false, true, { 4, 4, 4, 4, 0 }, { 0, 0, 0, 0, 0 }, 6, 0 },
	{ "paused in a rollout: both grow", 8, 2, 2, false, true, { 3, 3, 3, 4, 5 }, { 2, 2, 2, 4, 5 }, 6, 4 },
	{ "paused in a rollout: nothing moves", 4, 1, 1, false, true, { 3, 3, 3, 4, 0 }, { 2, 2, 2, 4, 0 }, 3, 2 },
};

static void fill_set(struct rollout_set *s, struct rollout_pod *pods, const struct before *b, int64_t number, int surge)
{
	*s = (struct rollout_set){ .hash = "h",
				   .number = number,
				   .replicas = b->replicas,
				   .desired = b->desired,
				   .most = b->most      ? b->most
					   : b->desired ? b->desired + surge
							: 0,
				   .pods = pods,
				   .pods_len = (size_t)b->pods };
	for (int i = 0; i < b->pods; i++)
		pods[i] = (struct rollout_pod){ .name = "p", .uid = "u", .ready = i < b->ready, .bound = true };
}

static void test_passes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof passes / sizeof *passes; i++) {
		struct rollout_pod pods[2][PODS];
		struct rollout_set sets[2];
		fill_set(&sets[0], pods[0], &passes[i].old, 1, passes[i].surge);
		fill_set(&sets[1], pods[1], &passes[i].new, 2, passes[i].surge);
		struct rollout r = { .replicas = passes[i].replicas,
				     .surge = passes[i].surge,
				     .unavailable = passes[i].unavailable,
				     .recreate = passes[i].recreate,
				     .paused = passes[i].paused,
				     .deadline_ms = 600000,
				     .history = 10,
				     .now = { 1000000 },
				     .sets = sets,
				     .sets_len = 2,
				     .current = &sets[1],
				     .was = { .available_is = { "", "", "", { 0 }, { 0 } },
					      .progressing = { "", "", "", { 0 }, { 0 } } } };
		rollout_plan(&r);
		if (sets[0].replicas != passes[i].old_after || sets[1].replicas != passes[i].new_after)
			fail_msg("%s: %d and %d", passes[i].name, sets[0].replicas, sets[1].replicas);
	}
}

/* ---- a world: pods become ready some time after they were made ---- */

struct world_pod {
	bool used, ready, deleting;
	size_t set;
	int64_t made, since;
};
struct world {
	struct rollout_set sets[SETS];
	size_t sets_len, current;
	struct world_pod pods[PODS];
	int64_t now, ready_after_ms;
	bool broken; /* pods of the newest revision never get ready */
	struct rollout_status status;
	int passes, least_available, most_pods;
	int64_t wake_ms;
};
static const struct rollout_condition none = { "", "", "", { 0 }, { 0 } };

static void world_pass(struct world *w, struct rollout r)
{
	static struct rollout_pod pods[SETS][PODS];
	size_t from[SETS][PODS];
	for (size_t s = 0; s < w->sets_len; s++) {
		struct rollout_set *set = &w->sets[s];
		*set = (struct rollout_set){ .hash = "h",
					     .number = set->number,
					     .replicas = set->replicas,
					     .desired = set->desired,
					     .most = set->most,
					     .pods = pods[s] };
		for (size_t i = 0; i < PODS; i++) {
			const struct world_pod *p = &w->pods[i];
			if (!p->used || p->set != s)
				continue;
			from[s][set->pods_len] = i;
			pods[s][set->pods_len++] = (struct rollout_pod){ .name = "p",
									 .uid = "u",
									 .bound = true,
									 .ready = p->ready,
									 .deleting = p->deleting,
									 .ready_since = { p->since },
									 .created = { p->made } };
		}
	}
	r.now = (struct wall_ms){ w->now };
	r.sets = w->sets;
	r.sets_len = w->sets_len;
	r.current = w->current < w->sets_len ? &w->sets[w->current] : NULL;
	r.was = w->status;
	r.deadline_ms = r.deadline_ms ? r.deadline_ms : 600000;
	r.history = 10;
	rollout_plan(&r);
	w->status = r.is;
	w->wake_ms = r.wake_ms;
	w->passes++;
	if (r.add_set) {
		w->sets[w->sets_len] = (struct rollout_set){ .number = r.new_number };
		w->current = w->sets_len++;
	}
	for (size_t s = 0; !r.sets_change && s < w->sets_len; s++) {
		for (size_t k = 0; k < w->sets[s].pods_len; k++) {
			if (pods[s][k].remove)
				w->pods[from[s][k]].deleting = true;
		}
		for (int n = w->sets[s].create; n > 0; n--) {
			size_t i = 0;
			while (i < PODS && w->pods[i].used)
				i++;
			assert_true(i < PODS);
			w->pods[i] = (struct world_pod){ .used = true, .set = s, .made = w->now };
		}
	}
}

static void world_age(struct world *w, int64_t ms)
{
	w->now += ms;
	for (size_t i = 0; i < PODS; i++) {
		struct world_pod *p = &w->pods[i];
		if (p->deleting)
			*p = (struct world_pod){ .used = false };
		if (!p->used || p->ready || w->now - p->made < w->ready_after_ms ||
		    (w->broken && p->set == w->sets_len - 1))
			continue;
		p->ready = true;
		p->since = w->now;
	}
}

static void world_watch(struct world *w, const struct rollout *r)
{
	int available = 0, pods = 0;
	for (size_t i = 0; i < PODS; i++) {
		const struct world_pod *p = &w->pods[i];
		pods += p->used && !p->deleting;
		available += p->used && !p->deleting && p->ready && w->now - p->since >= r->min_ready_ms;
	}
	w->least_available = available < w->least_available ? available : w->least_available;
	w->most_pods = pods > w->most_pods ? pods : w->most_pods;
}

/* Until nothing changes any more, or for so long. */
static void world_run(struct world *w, struct rollout r, int64_t ms)
{
	w->least_available = PODS;
	w->most_pods = 0;
	for (int64_t t = 0; t < ms; t += 500) {
		for (int i = 0; i < 4; i++) {
			world_pass(w, r);
			world_watch(w, &r);
		}
		world_age(w, 500);
	}
}

static int pods_of(const struct world *w, size_t set)
{
	int n = 0;
	for (size_t i = 0; i < PODS; i++)
		n += w->pods[i].used && !w->pods[i].deleting && w->pods[i].set == set;
	return n;
}

static void world_open(struct world *w)
{
	*w = (struct world){ .now = 1000 * 1000, .ready_after_ms = 1500, .current = SETS };
	w->status.available_is = w->status.progressing = none;
}

static void test_rollouts(void **state)
{
	static const struct {
		const char *name;
		int replicas, surge, unavailable;
		int64_t min_ready_ms;
	} cases[] = {
		{ "one at a time", 4, 1, 0, 0 },
		{ "the seed's", 4, 1, 1, 5000 },
		{ "no surge", 4, 0, 1, 0 },
		{ "all at once", 5, 5, 0, 1000 },
		{ "a quarter of each", 8, 2, 2, 2000 },
		{ "a single pod", 1, 1, 0, 3000 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world w;
		struct rollout r = { .replicas = cases[i].replicas,
				     .surge = cases[i].surge,
				     .unavailable = cases[i].unavailable,
				     .min_ready_ms = cases[i].min_ready_ms,
				     .generation = 1 };
		world_open(&w);
		world_run(&w, r, 30000);
		assert_int_equal(pods_of(&w, 0), r.replicas);
		assert_string_equal(w.status.progressing.reason, "NewReplicaSetAvailable");
		w.current = SETS; /* another template */
		r.generation = 2;
		world_run(&w, r, 120000);
		if (pods_of(&w, 0) || pods_of(&w, 1) != r.replicas)
			fail_msg("%s: %d old, %d new", cases[i].name, pods_of(&w, 0), pods_of(&w, 1));
		if (w.least_available < r.replicas - r.unavailable || w.most_pods > r.replicas + r.surge)
			fail_msg("%s: %d available, %d pods", cases[i].name, w.least_available, w.most_pods);
		assert_int_equal(w.status.observed_generation, 2);
		assert_int_equal(w.status.updated, r.replicas);
		assert_int_equal(w.status.available, r.replicas);
		assert_string_equal(w.status.progressing.reason, "NewReplicaSetAvailable");
		assert_string_equal(w.status.available_is.status, "True");
		assert_int_equal(w.wake_ms, -1); /* at rest */
	}
}

static void test_a_broken_revision_stops_at_the_deadline(void **state)
{
	struct world w;
	struct rollout r = { .replicas = 4, .surge = 1, .unavailable = 1, .deadline_ms = 60000, .generation = 1 };
	(void)state;
	world_open(&w);
	world_run(&w, r, 10000);
	w.broken = true;
	w.current = SETS;
	world_run(&w, r, 50000);
	assert_int_equal(pods_of(&w, 0), 3); /* maxUnavailable of them are gone, and no more */
	assert_int_equal(pods_of(&w, 1), 2);
	assert_string_equal(w.status.progressing.reason, "ReplicaSetUpdated");
	assert_true(w.wake_ms >= 0 && w.wake_ms <= 60000);
	world_run(&w, r, 20000);
	assert_string_equal(w.status.progressing.reason, "ProgressDeadlineExceeded");
	assert_string_equal(w.status.progressing.status, "False");
	assert_int_equal(w.least_available, 3);
	w.current = 0; /* back to the template before */
	world_run(&w, r, 20000);
	assert_int_equal(pods_of(&w, 0), 4);
	assert_int_equal(pods_of(&w, 1), 0);
	assert_string_equal(w.status.progressing.reason, "NewReplicaSetAvailable");
	assert_true(w.sets[0].number > w.sets[1].number);
}

static void test_a_pod_that_falls_ill_is_not_a_rollout(void **state)
{
	struct world w;
	struct rollout r = { .replicas = 2, .surge = 1, .deadline_ms = 10000, .generation = 1 };
	(void)state;
	world_open(&w);
	world_run(&w, r, 10000);
	w.broken = true;
	for (size_t i = 0; i < PODS; i++)
		w.pods[i].ready = false;
	world_run(&w, r, 60000);
	assert_string_equal(w.status.progressing.reason, "NewReplicaSetAvailable");
	assert_string_equal(w.status.available_is.reason, "MinimumReplicasUnavailable");
	assert_int_equal(pods_of(&w, 0), 2);
	assert_int_equal(w.wake_ms, -1);
}

static void test_paused(void **state)
{
	struct world w;
	struct rollout r = { .replicas = 2, .surge = 1, .generation = 1, .paused = true };
	(void)state;
	world_open(&w);
	world_run(&w, r, 5000);
	assert_int_equal(w.sets_len, 0); /* a Deployment that is born paused has no pods */
	assert_string_equal(w.status.progressing.reason, "DeploymentPaused");
	r.paused = false;
	world_run(&w, r, 5000);
	assert_int_equal(pods_of(&w, 0), 2);
	r.paused = true;
	w.current = SETS;
	r.replicas = 5;
	world_run(&w, r, 10000);
	assert_int_equal(w.sets_len, 1);
	assert_int_equal(pods_of(&w, 0), 5);
	assert_int_equal(w.status.updated, 0);
	r.paused = false;
	world_run(&w, r, 60000);
	assert_int_equal(pods_of(&w, 1), 5);
	assert_int_equal(w.status.updated, 5);
}

static void test_recreate(void **state)
{
	struct world w;
	struct rollout r = { .replicas = 3, .recreate = true, .generation = 1 };
	(void)state;
	world_open(&w);
	world_run(&w, r, 5000);
	w.current = SETS;
	for (int i = 0; i < 40; i++) {
		world_pass(&w, r);
		int left = 0;
		for (size_t k = 0; k < PODS; k++)
			left += w.pods[k].used && w.pods[k].set == 0;
		if (left && pods_of(&w, 1))
			fail_msg("pass %d: %d old pods and %d new ones", i, left, pods_of(&w, 1));
		if (i % 3 == 2)
			world_age(&w, 500);
	}
	assert_int_equal(pods_of(&w, 1), 3);
}

static void test_min_ready_wakes(void **state)
{
	struct world w;
	struct rollout r = { .replicas = 1, .surge = 1, .min_ready_ms = 5000, .generation = 1 };
	(void)state;
	world_open(&w);
	for (int i = 0; i < 4; i++)
		world_pass(&w, r);
	w.ready_after_ms = 0;
	world_age(&w, 1000);
	world_pass(&w, r);
	assert_int_equal(w.status.ready, 1);
	assert_int_equal(w.status.available, 0);
	assert_string_equal(w.status.available_is.reason, "MinimumReplicasUnavailable");
	assert_int_equal(w.wake_ms, 5000);
	world_age(&w, 4999);
	world_pass(&w, r);
	assert_int_equal(w.status.available, 0);
	assert_int_equal(w.wake_ms, 1);
	world_age(&w, 1);
	world_pass(&w, r);
	assert_int_equal(w.status.available, 1);
	assert_string_equal(w.status.available_is.reason, "MinimumReplicasAvailable");
	assert_int_equal(w.status.available_is.updated.v, w.now);
}

static void test_what_is_missed_least_goes_first(void **state)
{
	struct rollout_pod pods[] = {
		{ .name = "ready long", .bound = true, .ready = true, .ready_since = { 10 }, .created = { 1 } },
		{ .name = "ready new", .bound = true, .ready = true, .ready_since = { 90 }, .created = { 2 } },
		{ .name = "ill", .bound = true, .created = { 3 } },
		{ .name = "nowhere", .created = { 4 } },
		{ .name = "leaving", .bound = true, .ready = true, .deleting = true, .created = { 5 } },
		{ .name = "ended", .bound = true, .ended = true, .created = { 6 } },
	};
	static const bool removed[] = { false, true, true, true, false, true };
	struct rollout_set set = {
		.hash = "h", .number = 1, .replicas = 1, .desired = 1, .most = 1, .pods = pods, .pods_len = 6
	};
	struct rollout r = { .replicas = 1,
			     .unavailable = 1,
			     .deadline_ms = 1000,
			     .now = { 100 },
			     .sets = &set,
			     .sets_len = 1,
			     .current = &set,
			     .was = { .available_is = none, .progressing = none } };
	(void)state;
	rollout_plan(&r);
	assert_false(r.sets_change);
	for (size_t i = 0; i < 6; i++) {
		if (pods[i].remove != removed[i])
			fail_msg("%s: %d", pods[i].name, pods[i].remove);
	}
}

static void test_history(void **state)
{
	struct rollout_pod pod = { .name = "p", .ready = true, .bound = true };
	struct rollout_set sets[] = {
		{ .hash = "a", .number = 1 },
		{ .hash = "b", .number = 2 },
		{ .hash = "c", .number = 3 },
		{ .hash = "d", .number = 4, .replicas = 1, .desired = 1, .most = 1, .pods = &pod, .pods_len = 1 },
	};
	struct rollout r = { .replicas = 1,
			     .deadline_ms = 1000,
			     .history = 1,
			     .sets = sets,
			     .sets_len = 4,
			     .current = &sets[3],
			     .was = { .available_is = none, .progressing = none } };
	(void)state;
	rollout_plan(&r);
	assert_true(sets[0].drop && sets[1].drop);
	assert_false(sets[2].drop || sets[3].drop);
}

/* ---- JSON ---- */

static void test_reading(void **state)
{
	static const char json[] =
		"{\"metadata\":{\"generation\":7},\"spec\":{\"replicas\":3,\"minReadySeconds\":2,"
		"\"progressDeadlineSeconds\":60,\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{"
		"\"maxSurge\":\"10%\",\"maxUnavailable\":\"10%\"}}},\"status\":{\"updatedReplicas\":2,\"conditions\":["
		"{\"type\":\"Progressing\",\"status\":\"True\",\"reason\":\"ReplicaSetUpdated\",\"message\":\"m\","
		"\"lastUpdateTime\":\"2026-11-24T10:00:00Z\",\"lastTransitionTime\":\"2026-11-24T09:00:00Z\"}]}}";
	cJSON *d = NULL;
	struct rollout r;
	(void)state;
	assert_int_equal(json_parse(json, sizeof json - 1, &d, NULL), RC_OK);
	deployment_read(d, &r);
	assert_int_equal(r.replicas, 3);
	assert_int_equal(r.surge, 1);
	assert_int_equal(r.unavailable, 0);
	assert_int_equal(r.min_ready_ms, 2000);
	assert_int_equal(r.deadline_ms, 60000);
	assert_int_equal(r.generation, 7);
	assert_int_equal(r.was.updated, 2);
	assert_string_equal(r.was.available_is.status, "");
	r.was.available_is = none;
	cJSON *status = deployment_status(&r.was);
	assert_true(json_equal(json_at(status, "conditions"), json_at(d, "status.conditions")));
	assert_null(json_at(status, "replicas"));
	cJSON_Delete(status);
	/* Percentages that come to nothing on both sides: one may be missing. */
	json_put_text(d, "spec.strategy.rollingUpdate.maxSurge", "0%");
	deployment_read(d, &r);
	assert_int_equal(r.unavailable, 1);
	cJSON_Delete(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_passes),
		cmocka_unit_test(test_rollouts),
		cmocka_unit_test(test_a_broken_revision_stops_at_the_deadline),
		cmocka_unit_test(test_a_pod_that_falls_ill_is_not_a_rollout),
		cmocka_unit_test(test_paused),
		cmocka_unit_test(test_recreate),
		cmocka_unit_test(test_min_ready_wakes),
		cmocka_unit_test(test_what_is_missed_least_goes_first),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_reading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#pragma once
/* A loop, a client and a cluster, and waiting for conditions with a deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/http_client.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "controller/cluster/kube/kube.h"

enum { RIG_DEADLINE_MS = 20000, RIG_CHANGES = 4096 };

struct change {
	enum object_change what;
	enum kind kind;
	char ns[64], name[64], resource_version[32];
};
struct rig {
	struct loop *loop;
	struct http_client *http;
	struct cluster *cluster;
	struct timer turn;
	struct change changes[RIG_CHANGES];
	size_t n;
	unsigned settled;
	const char *only_ns; /* changes elsewhere are not noted; NULL: all are */
};
/* The outcome of one write or record. */
struct outcome {
	unsigned times;
	enum result r;
	char why[512];
	char name[64], uid[64], resource_version[32];
	bool has_now;
	struct rig *rig;
	bool in_cache;  /* when done ran, the cache had this resource version or a newer one */
	size_t changes; /* that were told before */
};

static inline void rig_end_turn(void *owner)
{
	loop_stop(owner);
}

/* Some milliseconds of the loop. */
static inline void rig_turn(struct rig *g)
{
	timer_start(g->loop, &g->turn, 2, rig_end_turn, g->loop);
	loop_run(g->loop);
}

#define UNTIL(rig, condition)                                                                                          \
	do {                                                                                                           \
		int64_t end_ = loop_now((rig)->loop).v + RIG_DEADLINE_MS;                                              \
		while (!(condition)) {                                                                                 \
			if (loop_now((rig)->loop).v > end_)                                                            \
				fail_msg("not within %d ms: %s", RIG_DEADLINE_MS, #condition);                         \
			rig_turn(rig);                                                                                 \
		}                                                                                                      \
	} while (0)
/* The condition holds now and goes on to hold for so long. */
#define STAYS(rig, ms, condition)                                                                                      \
	do {                                                                                                           \
		int64_t end_ = loop_now((rig)->loop).v + (ms);                                                         \
		do {                                                                                                   \
			if (!(condition))                                                                              \
				fail_msg("no longer: %s", #condition);                                                 \
			rig_turn(rig);                                                                                 \
		} while (loop_now((rig)->loop).v < end_);                                                              \
	} while (0)

static inline void rig_changed(void *owner, enum object_change what, const struct object *o)
{
	struct rig *g = owner;
	if (g->only_ns && !text_eq(g->only_ns, o->ns))
		return;
	assert_true(g->n < RIG_CHANGES);
	struct change *c = &g->changes[g->n++];
	c->what = what;
	c->kind = o->kind;
	snprintf(c->ns, sizeof c->ns, "%s", o->ns);
	snprintf(c->name, sizeof c->name, "%s", o->name);
	snprintf(c->resource_version, sizeof c->resource_version, "%s", o->resource_version);
}

static inline void rig_settled(void *owner)
{
	struct rig *g = owner;
	g->settled++;
}

/* How often this was told about an object. */
static inline unsigned rig_count(const struct rig *g, enum object_change what, const char *name)
{
	unsigned n = 0;
	for (size_t i = 0; i < g->n; i++)
		n += g->changes[i].what == what && text_eq(g->changes[i].name, name);
	return n;
}

static inline void outcome_done(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct outcome *o = owner;
	o->times++;
	o->r = r;
	snprintf(o->why, sizeof o->why, "%s", why ? why->text : "");
	o->has_now = now != NULL;
	o->changes = o->rig ? o->rig->n : 0;
	if (!now)
		return;
	snprintf(o->name, sizeof o->name, "%s", now->name);
	snprintf(o->uid, sizeof o->uid, "%s", now->uid);
	snprintf(o->resource_version, sizeof o->resource_version, "%s", now->resource_version);
	const struct object *cached = o->rig ? cluster_find(o->rig->cluster, now->kind, now->ns, now->name) : NULL;
	o->in_cache = cached && text_eq(cached->resource_version, now->resource_version);
}

static inline struct outcome rig_write(struct rig *g, enum write_verb verb, enum kind kind, const char *ns,
				       const char *name, const char *subresource, const char *body)
{
	struct outcome o = { .rig = g };
	struct write w = { verb, kind, ns, name, body, subresource };
	assert_true(cluster_write(g->cluster, &w, outcome_done, &o) != 0);
	assert_int_equal(o.times, 0);
	UNTIL(g, o.times);
	return o;
}

static inline void rig_open_loop(struct rig *g)
{
	struct error e;
	memset(g, 0, sizeof *g);
	assert_int_equal(loop_create(&g->loop, &e), RC_OK);
	assert_int_equal(http_client_create(g->loop, "rollcall-test", &g->http, &e), RC_OK);
}

static inline void rig_connect(struct rig *g, const struct kube_options *o)
{
	struct error e = { .text = "" };
	if (kube_create(g->loop, g->http, o, &g->cluster, &e) != RC_OK)
		fail_msg("%s", e.text);
	g->cluster->changed = rig_changed;
	g->cluster->changed_owner = g;
	g->cluster->settled = rig_settled;
}

static inline void rig_close(struct rig *g)
{
	timer_stop(&g->turn);
	cluster_destroy(g->cluster);
	http_client_destroy(g->http);
	loop_destroy(g->loop);
}

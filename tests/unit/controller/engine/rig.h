#pragma once
/* The engine with the real core on a cluster in memory. Time is the test's: tick_due makes the interval be over, pods
 * makes the Deployments' status say that all pods are there. */
#include <signal.h>

#include "base/metrics.h"
#include "controller/engine/runner.h"
#include "tests/unit/controller/fake_cluster.h"
#include "tests/unit/controller/script_peer.h"

enum { NEWS_MAX = 512 };

struct news {
	enum rollout_news news;
	char text[160], canary[64], request[32];
	bool refused, warning;
	enum phase phase;
	int target, source; /* replicas wanted at that moment */
};
struct rig {
	struct loop *loop;
	struct http_client *http;
	struct script_peer *peer;
	struct fake *fake;
	struct metrics *metrics;
	struct engine *engine;
	struct controller_options controller;
	enum gate_verdict gate;
	unsigned gate_asked, gate_left;
	char gate_revision[32];
	enum hook_type gate_type;
	struct news news[NEWS_MAX];
	size_t news_count;
	bool lazy; /* pods do not come */
};

static const char *const rig_labels[] = { "app", "name", "app.kubernetes.io/name", NULL };
static const char *const rig_no_prefix[] = { NULL };

static inline void rig_hears(void *owner, const struct rollout_event *ev)
{
	struct rig *r = owner;
	assert_true(r->news_count < NEWS_MAX);
	struct news *n = &r->news[r->news_count++];
	n->news = ev->news;
	n->warning = ev->warning;
	n->refused = ev->refused;
	n->phase = ev->rollout->phase;
	n->target = (int)json_int(fake_tree(r->fake, KIND_DEPLOYMENT, "default", "podinfo"), "spec.replicas", -1);
	n->source =
		(int)json_int(fake_tree(r->fake, KIND_DEPLOYMENT, "default", "podinfo-primary"), "spec.replicas", -1);
	(void)snprintf(n->text, sizeof n->text, "%s", ev->text);
	(void)snprintf(n->canary, sizeof n->canary, "%s", ev->rollout->name);
	(void)snprintf(n->request, sizeof n->request, "%s", ev->request_id ? ev->request_id : "");
}

static inline enum gate_verdict rig_gate(void *owner, const struct rollout *v, const struct rollout_gate *g,
					 const char **ret_by)
{
	struct rig *r = owner;
	r->gate_asked++;
	r->gate_type = g->type;
	(void)snprintf(r->gate_revision, sizeof r->gate_revision, "%s", v->revision);
	*ret_by = "lin";
	return r->gate;
}

static inline void rig_left(void *owner, const struct rollout *v)
{
	(void)v;
	((struct rig *)owner)->gate_left++;
}

static inline void rig_open(struct rig *r)
{
	struct error e;
	(void)signal(SIGPIPE, SIG_IGN);
	*r = (struct rig){ .controller = { .provider = "nginx",
					   .selector_labels = rig_labels,
					   .include_label_prefixes = rig_no_prefix,
					   .ingress_annotations_prefix = "nginx.ingress.kubernetes.io",
					   .metrics_server = "",
					   .event_webhook = "" } };
	assert_int_equal(loop_create(&r->loop, &e), RC_OK);
	assert_int_equal(http_client_create(r->loop, "rollcall/0", &r->http, &e), RC_OK);
	r->peer = script_start(r->loop);
	r->fake = fake_create(r->loop);
	r->metrics = metrics_create();
	struct engine_options o = { .loop = r->loop,
				    .cluster = &r->fake->cluster,
				    .http = r->http,
				    .metrics = r->metrics,
				    .controller = &r->controller,
				    .gatekeeper = { rig_gate, rig_left, r },
				    .egress_private = true };
	assert_int_equal(engine_create(&o, &r->engine, &e), RC_OK);
	engine_listen(r->engine, rig_hears, r);
	engine_start(r->engine);
}

static inline void rig_close(struct rig *r)
{
	engine_destroy(r->engine);
	assert_int_equal(r->fake->started, 0); /* every want was taken back */
	http_client_destroy(r->http);
	script_stop(r->peer);
	cluster_destroy(&r->fake->cluster);
	metrics_destroy(r->metrics);
	loop_destroy(r->loop);
}

static inline bool rig_busy(const struct rig *r)
{
	if (r->fake->calls || r->fake->changes)
		return true;
	for (const struct runner *x = r->engine->by_name; x; x = x->hh.next)
		if (x->tick || x->soon.loop)
			return true;
	return r->engine->posts || r->engine->verbs;
}

static inline bool rig_is_quiet(void *owner)
{
	return !rig_busy(owner);
}

static inline void rig_settle(struct rig *r)
{
	turn_until(r->loop, rig_is_quiet, r);
}

/* A few turns, whatever is under way. */
static inline void rig_turns(struct rig *r)
{
	for (int i = 0; i < 50; i++)
		fake_turn(r->fake);
}

/* What the deployment controller and the pods would do. */
static inline void pods(struct rig *r)
{
	bool changed = true;
	while (changed) {
		changed = false;
		for (struct fake_object *o = r->fake->objects; o && !changed; o = o->next) {
			if (o->o.kind != KIND_DEPLOYMENT)
				continue;
			int n = (int)json_int(o->tree, "spec.replicas", 1);
			int generation = (int)o->o.generation;
			if (json_int(o->tree, "status.availableReplicas", -1) == n &&
			    json_int(o->tree, "status.observedGeneration", -1) == generation)
				continue;
			char patch[256], name[128];
			(void)snprintf(name, sizeof name, "%s", o->name);
			(void)snprintf(patch, sizeof patch,
				       "{\"status\":{\"replicas\":%d,\"updatedReplicas\":%d,\"readyReplicas\":%d,"
				       "\"availableReplicas\":%d,\"observedGeneration\":%d}}",
				       n, n, n, n, generation);
			fake_patch(r->fake, KIND_DEPLOYMENT, o->ns, name, patch);
			changed = true;
		}
	}
}

static inline struct runner *rig_runner(struct rig *r, const char *name)
{
	return engine_runner(r->engine, "default", name);
}

static inline void rig_due(struct rig *r, const char *name)
{
	struct runner *x = rig_runner(r, name);
	if (!x)
		return;
	x->counted_ms = -1;
	memset(x->chatter, 0, sizeof x->chatter);
	runner_wake(x);
}

/* An interval passes. */
static inline void tick_due(struct rig *r, const char *name)
{
	rig_settle(r);
	if (!r->lazy)
		pods(r);
	rig_settle(r);
	rig_due(r, name);
	rig_settle(r);
}

static inline const char *rig_phase(struct rig *r, const char *name)
{
	return json_text(fake_tree(r->fake, KIND_CANARY, "default", name), "status.phase", "");
}

static inline void until(struct rig *r, const char *name, const char *phase)
{
	for (int i = 0; i < 40 && !text_eq(rig_phase(r, name), phase); i++)
		tick_due(r, name);
	assert_string_equal(rig_phase(r, name), phase);
}

static inline unsigned heard(const struct rig *r, enum rollout_news news, const char *text)
{
	unsigned n = 0;
	for (size_t i = 0; i < r->news_count; i++)
		n += r->news[i].news == news && (!text || text_eq(r->news[i].text, text));
	return n;
}

static inline void seed(struct rig *r, const char *canary_patch)
{
	fake_apply_file(r->fake, "tests/fixtures/seed/podinfo.yaml");
	fake_apply_file(r->fake, "tests/fixtures/seed/podinfo-canary.yaml");
	char hook[256];
	(void)snprintf(hook, sizeof hook,
		       "{\"spec\":{\"analysis\":{\"webhooks\":[{\"name\":\"canary released\",\"type\":\"post-rollout\","
		       "\"timeout\":\"5s\",\"url\":\"%s/released\"}]}}}",
		       r->peer->url);
	fake_patch(r->fake, KIND_CANARY, "default", "podinfo-default", hook);
	fake_patch(r->fake, KIND_CANARY, "default", "podinfo-default", canary_patch ? canary_patch : "{}");
}

static inline void image(struct rig *r, const char *tag)
{
	char patch[256];
	(void)snprintf(patch, sizeof patch,
		       "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"podinfod\",\"image\":"
		       "\"rollouts-demo:%s\"}]}}}}",
		       tag);
	fake_patch(r->fake, KIND_DEPLOYMENT, "default", "podinfo", patch);
}

static inline int rig_weight(struct rig *r)
{
	const char *w = json_text(fake_tree(r->fake, KIND_INGRESS, "default", "podinfo-canary"),
				  "metadata.annotations.nginx\\.ingress\\.kubernetes\\.io/canary-weight", "-1");
	return (int)strtol(w, NULL, 10);
}

static inline int replicas(struct rig *r, const char *name)
{
	return (int)json_int(fake_tree(r->fake, KIND_DEPLOYMENT, "default", name), "spec.replicas", -1);
}

/* ---- the Canary of the users' manifests ---- */

#define C "podinfo-default"
#define CANARY_PATCH(r, patch) fake_patch((r)->fake, KIND_CANARY, "default", C, (patch))

static inline void hooked(struct rig *r, const char *type, const char *extra)
{
	char patch[512];
	(void)snprintf(
		patch, sizeof patch,
		"{\"spec\":{\"analysis\":{\"webhooks\":[{\"name\":\"gate\",\"type\":\"%s\",\"timeout\":\"60s\",\"url\":"
		"\"%s/gate\"}%s]}}}",
		type, r->peer->url, extra);
	CANARY_PATCH(r, patch);
}

static inline bool hook_is_out(void *owner)
{
	struct rig *r = owner;
	struct runner *x = rig_runner(r, C);
	return x && x->tick && x->tick->hook && r->peer->request_count > 0;
}

/* ---- requests ---- */

struct recorded {
	bool done;
	enum result r;
	char why[512];
};

static inline void on_record(void *owner, enum result r, const struct error *why)
{
	struct recorded *x = owner;
	assert_false(x->done);
	x->done = true;
	x->r = r;
	(void)snprintf(x->why, sizeof x->why, "%s", why->text);
}

static inline void request(struct rig *r, const char *id, enum engine_verb verb, struct recorded *x)
{
	*x = (struct recorded){ 0 };
	struct engine_request q = {
		.id = id, .verb = verb, .ns = "default", .name = C, .by = "lin", .reason = "bad latency", .revision = ""
	};
	engine_request(r->engine, &q, on_record, x);
	assert_false(x->done);
}

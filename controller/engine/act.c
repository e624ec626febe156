/* Carrying out a decision: effects first, then what is said, the status last (architecture.md, law 2). Any failure ends
 * the tick; nothing is undone, because the next tick decides afresh. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "controller/engine/runner.h"

static void next_effect(struct tick *t);
static void next_saying(struct tick *t);
static void write_status(struct tick *t);

/* Chatter (no key) is not repeated faster than once an interval. */
static bool too_soon(struct runner *r, const struct saying *s, int64_t interval_ms)
{
	if (s->key)
		return false;
	int64_t now = loop_now(r->engine->o.loop).v;
	uint64_t text = text_hash(0, s->text);
	struct chatter *at = &r->chatter[0];
	for (size_t i = 0; i < CHATTER_MAX; i++) {
		struct chatter *c = &r->chatter[i];
		if (c->text == text && now - c->at_ms < interval_ms)
			return true;
		if (c->text == text || (at->text != text && c->at_ms < at->at_ms))
			at = c;
	}
	*at = (struct chatter){ .text = text, .at_ms = now };
	return false;
}

static int64_t pause_after(struct runner *r, bool moved)
{
	int64_t pause;
	if (moved) {
		unsigned doubled = r->conflicts < 7 ? r->conflicts : 7;
		pause = (RETRY_FIRST_MS / 4) << doubled;
		r->conflicts++;
	} else {
		pause = r->retry_ms;
		r->retry_ms = pause * 2 > RETRY_LAST_MS ? RETRY_LAST_MS : pause * 2;
	}
	return pause < RETRY_LAST_MS ? pause : RETRY_LAST_MS;
}

void tick_fail(struct tick *t, enum result r, const char *text)
{
	struct runner *g = t->runner;
	/* Somebody else moved: look again, soon but not in a spin. When it goes on, it is no coincidence. */
	bool moved = r == RC_CONFLICT || r == RC_NOT_FOUND;
	bool quiet = moved && g->conflicts < CONFLICTS_QUIET;
	tick_give_back(t);
	if (!quiet) {
		log_warn("tick_failed", "canary=%s why=%s", g->key, text);
		set_text(&g->message, text);
		struct saying s = { .warning = true, .text = text, .phase = t->canary->status.phase };
		if (!too_soon(g, &s, t->canary->analysis.interval_ms))
			(void)announce(g, t->canary, &s, NULL, NULL);
	}
	t->decision.again = false;
	tick_end(t, pause_after(g, moved));
}

/* ---- effects ---- */

static enum result plan_effect(struct tick *t, const struct effect *f, struct error *e)
{
	struct plan *p = tick_plan(t);
	if (!p)
		return error_set(e, RC_EXHAUSTED, "no memory for the plan of %s", effect_name(f->kind));
	if (target_owns(f->kind))
		return target_effect(p, f, e);
	const struct router *router = router_of(p);
	if (!router && f->kind == EFFECT_FINALIZE_ROUTER)
		return RC_OK; /* nothing was made */
	if (!router)
		return error_set(e, RC_INVALID, "provider %s is not supported", provider_of(p));
	switch (f->kind) {
	case EFFECT_ENSURE_ROUTER:
		return router->ensure(router, p, e);
	case EFFECT_SET_ROUTES:
		return router->set(router, p, &f->routes, e);
	case EFFECT_FINALIZE_ROUTER:
		return router->finalize(router, p, e);
	default:
		return error_set(e, RC_INVALID, "nobody carries out %s", effect_name(f->kind));
	}
}

static const char *config_failure(struct tick *t, const struct write *w, const char *why)
{
	static const char *const verbs[] = {
		[WRITE_CREATE] = "create", [WRITE_PATCH] = "update", [WRITE_DELETE] = "delete"
	};
	return arena_printf(t->arena, "CreatePrimaryConfigs failed: %s %s.%s %s error: %s",
			    w->kind == KIND_SECRET ? "secret" : "configmap", w->name, w->ns, verbs[w->verb], why);
}

/* The leading part is what people search for (flagger-controller.md 4.2, 4.6, 5.3, K12). */
static const char *failure_text(struct tick *t, const struct write *w, const char *why)
{
	const struct effect *f = &t->decision.effects[t->at];
	const char *text = why;
	bool config = w->kind == KIND_CONFIG_MAP || w->kind == KIND_SECRET;
	if (config && (f->kind == EFFECT_ENSURE_SOURCE || f->kind == EFFECT_PROMOTE)) {
		text = config_failure(t, w, why);
		return text ? text : why;
	}
	switch (f->kind) {
	case EFFECT_ENSURE_SOURCE:
		text = arena_printf(t->arena, "createPrimaryDeployment failed: creating deployment %s.%s failed: %s",
				    w->name, w->ns, why);
		break;
	case EFFECT_ENSURE_CANARY_SERVICE:
	case EFFECT_ENSURE_PRIMARY_SERVICE:
	case EFFECT_APEX_TO_SOURCE:
	case EFFECT_APEX_TO_TARGET:
		text = arena_printf(t->arena, "reconcileService failed: service %s %s error: %s", w->name,
				    w->verb == WRITE_CREATE ? "create" : "update", why);
		break;
	case EFFECT_PROMOTE:
		text = arena_printf(t->arena, "updating deployment %s.%s template spec failed: %s", w->name, w->ns,
				    why);
		break;
	case EFFECT_SCALE:
		if (f->side == SIDE_TARGET && f->replicas == 0)
			text = arena_printf(t->arena, "scaling down canary %s %s.%s failed: %s", t->canary->target.kind,
					    w->name, w->ns, why);
		break;
	default:
		break;
	}
	return text ? text : why;
}

static void next_write(struct tick *t);

static void written(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct tick *t = owner;
	t->call = 0;
	const struct write *w = &t->plan->writes[t->write_at];
	if (r == RC_NOT_FOUND && w->verb == WRITE_DELETE)
		r = RC_OK; /* gone is what was wanted */
	if (r != RC_OK) {
		tick_fail(t, r, failure_text(t, w, why ? why->text : result_name(r)));
		return;
	}
	/* A write of our own to the Canary is no reason for its status to be refused. */
	const char *version = w->kind == KIND_CANARY && now ? arena_strdup(t->arena, now->resource_version) : NULL;
	if (version)
		t->version = version;
	t->write_at++;
	next_write(t);
}

static void next_write(struct tick *t)
{
	if (t->write_at < t->plan->count) {
		t->call = cluster_write(t->runner->engine->o.cluster, &t->plan->writes[t->write_at], written, t);
		return;
	}
	t->at++;
	next_effect(t);
}

static void next_effect(struct tick *t)
{
	if (t->at >= t->decision.effect_count) {
		t->at = 0;
		next_saying(t);
		return;
	}
	const struct effect *f = &t->decision.effects[t->at];
	struct error e;
	enum result r = plan_effect(t, f, &e);
	if (r != RC_OK) {
		tick_fail(t, r, e.text);
		return;
	}
	log_debug("effect", "canary=%s effect=%s writes=%zu", t->runner->key, effect_name(f->kind), t->plan->count);
	t->write_at = 0;
	next_write(t);
}

/* ---- what is said: keyed sayings are on record before the status is, so that a crash in between repeats none ---- */

static void recorded(void *owner, enum result r, const struct object *now, const struct error *why)
{
	(void)now;
	struct tick *t = owner;
	t->call = 0;
	if (r != RC_OK)
		log_warn("event_not_recorded", "canary=%s why=%s", t->runner->key, why ? why->text : result_name(r));
	t->at++;
	next_saying(t);
}

static void next_saying(struct tick *t)
{
	struct runner *r = t->runner;
	t->stage = TICK_SAYS;
	while (t->at < t->decision.saying_count &&
	       too_soon(r, &t->decision.sayings[t->at], t->canary->analysis.interval_ms))
		t->at++;
	if (t->at >= t->decision.saying_count) {
		write_status(t);
		return;
	}
	t->call = announce(r, t->canary, &t->decision.sayings[t->at], recorded, t);
}

/* ---- status ---- */

void update_gauges(const struct tick *t)
{
	struct runner *r = t->runner;
	struct engine *g = r->engine;
	const struct canary *c = t->canary;
	const struct decision *d = &t->decision;
	enum phase p = d->status.phase;
	metric_set(g->status, p == PHASE_PROGRESSING ? 0 : p == PHASE_FAILED ? 2 : 1, c->target.name, r->ns);
	metric_set(g->weight, d->status.own.weight, c->target.name, r->ns);
	metric_set(g->weight, 100 - d->status.own.weight, c->source_name, r->ns);
}

static void count_end(const struct tick *t)
{
	const struct runner *r = t->runner;
	struct engine *g = r->engine;
	const struct canary *c = t->canary;
	const struct decision *d = &t->decision;
	const char *ended = c->skip_analysis || d->status.own.skip_rest ? "skipped" : "completed";
	if (d->transition == TRANSITION_SUCCEEDED)
		metric_inc(g->successes, 1, c->target.name, r->ns, canary_strategy(c), ended);
	if (d->transition == TRANSITION_FAILED)
		metric_inc(g->failures, 1, c->target.name, r->ns, canary_strategy(c), ended);
	metric_observe(g->tick_seconds, (double)(loop_now(g->o.loop).v - t->began_ms) / 1000.0, c->target.name, r->ns);
}

static void tell_news(struct tick *t)
{
	struct runner *r = t->runner;
	struct engine *g = r->engine;
	static const enum rollout_news news[] = {
		[TRANSITION_STARTED] = NEWS_STARTED,     [TRANSITION_RESTARTED] = NEWS_RESTARTED,
		[TRANSITION_SUCCEEDED] = NEWS_SUCCEEDED, [TRANSITION_FAILED] = NEWS_FAILED,
		[TRANSITION_CANCELLED] = NEWS_CANCELLED, [TRANSITION_COMPLETED] = NEWS_CHANGED,
	};
	const struct plan *plan = t->decision.alert_count ? tick_plan(t) : NULL;
	for (size_t i = 0; i < t->decision.alert_count; i++) {
		const struct alert *al = &t->decision.alerts[i];
		if (plan)
			alerts_send(g->alerts, plan, al);
		runner_show(r, NEWS_ALERT, al->text, al->severity != SEVERITY_INFO, (int)al->severity, al->key);
	}
	enum transition to = t->decision.transition;
	bool over = to == TRANSITION_SUCCEEDED || to == TRANSITION_FAILED || to == TRANSITION_CANCELLED;
	if (over && g->o.gatekeeper.left) {
		const struct rollout *value = runner_rollout(r, t->arena);
		if (value)
			g->o.gatekeeper.left(g->o.gatekeeper.owner, value);
	}
	if ((size_t)to < sizeof news / sizeof *news && news[to] != NEWS_CHANGED)
		runner_show(r, news[to], "", to == TRANSITION_FAILED, 0, NULL);
	const struct request_done *was = &t->canary->status.own.request, *now = &t->decision.status.own.request;
	if (!text_empty(now->id) && !text_eq(was->id, now->id)) {
		const struct rollout *value = runner_rollout(r, t->arena);
		if (value)
			engine_tell(g, &(struct rollout_event){ .news = NEWS_REQUEST_DONE,
								.rollout = value,
								.text = now->message ? now->message : "",
								.request_id = now->id,
								.refused = text_eq(now->outcome, "refused") });
	}
	runner_show(r, NEWS_CHANGED, "", false, 0, NULL);
}

static void act_done(struct tick *t)
{
	struct runner *r = t->runner;
	const struct decision *d = &t->decision;
	tick_settle(t);
	for (size_t i = 0; i < d->saying_count; i++)
		if (d->sayings[i].warning)
			set_text(&r->message, d->sayings[i].text);
	/* What it complained of on the way is over. */
	enum transition to = d->transition;
	if (to == TRANSITION_INITIALIZED || to == TRANSITION_STARTED || to == TRANSITION_ADVANCED ||
	    to == TRANSITION_SUCCEEDED)
		set_text(&r->message, NULL);
	if (d->write_status)
		count_end(t);
	tell_news(t);
	tick_end(t, d->wake_ms);
}

static void status_written(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct tick *t = owner;
	t->call = 0;
	/* What is told from here on shows the new status, whether the change has been delivered or not. */
	if (r == RC_OK && now && !t->runner->canary && !t->runner->invalid)
		runner_update(t->runner, now);
	if (r == RC_OK || (r == RC_NOT_FOUND && t->decision.transition == TRANSITION_COMPLETED))
		act_done(t);
	else
		tick_fail(t, r, why ? why->text : result_name(r));
}

/* A merge patch keeps members that are not in it: what has gone must be said as null. */
static void null_what_is_gone(const cJSON *was, cJSON *now)
{
	for (const cJSON *m = was->child; m; m = m->next) {
		cJSON *same = cJSON_GetObjectItemCaseSensitive(now, m->string);
		if (!same)
			cJSON_AddNullToObject(now, m->string);
		else if (cJSON_IsObject(m) && cJSON_IsObject(same))
			null_what_is_gone(m, same);
	}
}

static char *status_patch(struct tick *t)
{
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *was = canary_status_print(&t->canary->status);
	cJSON *now = canary_status_print(&t->decision.status);
	if (!patch || !was || !now || !json_put_text(patch, "metadata.resourceVersion", t->version)) {
		cJSON_Delete(now);
		return NULL;
	}
	null_what_is_gone(was, now);
	if (!json_put(patch, "status", now))
		return NULL;
	if (!cJSON_IsNull(json_at(now, "rollcall")) && !json_put(patch, "status.rollcall.invalid", cJSON_CreateNull()))
		return NULL;
	return json_print(patch);
}

static void write_status(struct tick *t)
{
	t->stage = TICK_WRITES;
	if (!t->decision.write_status) {
		act_done(t);
		return;
	}
	CLEANUP(free_p) char *body = status_patch(t);
	if (!body) {
		tick_fail(t, RC_EXHAUSTED, "no memory for the status");
		return;
	}
	struct write w = { .verb = WRITE_PATCH,
			   .kind = KIND_CANARY,
			   .ns = t->runner->ns,
			   .name = t->runner->name,
			   .body = body,
			   .subresource = "status" };
	t->call = cluster_write(t->runner->engine->o.cluster, &w, status_written, t);
}

void tick_act(struct tick *t)
{
	t->stage = TICK_ACTS;
	t->at = 0;
	next_effect(t);
}

void tick_last_words(struct tick *t)
{
	if (!t || t->decision.kind != DECIDE_DO || t->decision.transition != TRANSITION_COMPLETED)
		return;
	size_t from = t->stage == TICK_ACTS ? 0 : t->stage == TICK_SAYS ? t->at : t->decision.saying_count;
	for (size_t i = from; i < t->decision.saying_count; i++)
		(void)announce(t->runner, t->canary, &t->decision.sayings[i], NULL, NULL);
}

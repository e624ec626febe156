#include "controller/cluster/kube/reflector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

enum {
	WATCH_MIN_S = 240, /* at random up to MAX, so that watches do not all end together */
	WATCH_MAX_S = 300,
	WATCH_GRACE_MS = 30 * 1000, /* the server ends it; past this it is taken for dead */
	HEALTHY_MS = 2000,          /* a watch that lasted so long was none of our failures */
	BROKEN_MS = 10 * 1000       /* broken for longer: no longer synced */
};

static void reflector_step(void *owner);
static void reflector_list(struct reflector *r);
static void reflector_watch(struct reflector *r);

/* ---- waiting ---- */

static void reflector_wait(struct reflector *r, int64_t delay_ms)
{
	r->state = REFLECTOR_WAITING;
	timer_start(r->o->loop, &r->again, delay_ms, reflector_step, r);
}

static void reflector_back_off(struct reflector *r, int64_t retry_after_ms)
{
	int64_t delay = backoff_next(&r->backoff);
	reflector_wait(r, retry_after_ms > delay ? retry_after_ms : delay);
}

/* Missing kinds and missing rights are an operator's business: said once, and looked at again now and then. */
static void reflector_wait_for_operator(struct reflector *r, enum result result, const struct error *why)
{
	bool missing = result == RC_NOT_FOUND, *said = missing ? &r->said_absent : &r->said_refused, first = !*said;
	if (first)
		log_warn(missing ? "kube_kind_missing" : "kube_not_allowed", "kind=%s error=%s", kind_name(r->kind),
			 why->text);
	*said = true;
	r->absent = r->absent || (missing && !r->filled);
	reflector_wait(r, r->o->retry_max_ms);
	if (first)
		r->o->filled(r->o->owner, r);
}

static void reflector_failed(struct reflector *r, enum result result, int64_t retry_after_ms, const struct error *why)
{
	if (result == RC_NOT_FOUND)
		versions_forget(r->o->versions, r->kind);
	if (result == RC_NOT_FOUND || result == RC_REFUSED) {
		reflector_wait_for_operator(r, result, why);
		return;
	}
	log_debug("kube_reflector_retry", "kind=%s error=%s", kind_name(r->kind), why->text);
	reflector_back_off(r, retry_after_ms);
}

static void reflector_step(void *owner)
{
	struct reflector *r = owner;
	if (*r->resource_version)
		reflector_watch(r);
	else
		reflector_list(r);
}

static void reflector_stop(struct reflector *r)
{
	timer_stop(&r->again);
	versions_wait_stop(&r->version);
	lister_stop(&r->lister);
	if (api_active(&r->watch)) {
		api_stop(&r->watch);
		watch_lines_finish(&r->lines);
		r->broken_at = loop_now(r->o->loop);
	}
	r->state = REFLECTOR_IDLE;
	r->resource_version[0] = '\0';
	r->filled = r->absent = false;
}

/* A watch that nobody needs any more ends when the server ends it. */
static bool reflector_is_unwanted(const struct reflector *r)
{
	for (const struct want *w = cache_wants(r->o->cache, r->kind); w; w = w->next) {
		if (!*r->ns || text_eq(r->ns, w->ns))
			return false;
	}
	return true;
}

/* ---- the list ---- */

static void list_item(void *owner, struct entry *n)
{
	struct reflector *r = owner;
	n->listed = r->list_began;
	cache_put(r->o->cache, n);
}

static void list_wants_known(struct reflector *r)
{
	for (struct want *w = cache_wants(r->o->cache, r->kind); w; w = w->next) {
		if (w->born <= r->list_began && (!*r->ns || text_eq(r->ns, w->ns)))
			w->known = true;
	}
}

static void list_done(void *owner, enum result result, const struct lister_answer *answer, const struct error *why)
{
	struct reflector *r = owner;
	if (result != RC_OK) {
		reflector_failed(r, result, answer->retry_after_ms, why);
		return;
	}
	snprintf(r->resource_version, sizeof r->resource_version, "%s", answer->resource_version);
	list_wants_known(r);
	r->filled = true;
	r->absent = r->said_absent = r->said_refused = false;
	cache_listed(r->o->cache, r->kind, r->ns, r->list_began, answer->resource_version);
	if (r->relist) {
		r->resource_version[0] = '\0';
		reflector_list(r);
	} else {
		reflector_watch(r);
	}
	r->o->filled(r->o->owner, r);
}

static void version_ready(void *owner, enum result result, const struct error *why)
{
	struct reflector *r = owner;
	if (result == RC_OK)
		reflector_list(r);
	else
		reflector_failed(r, result, -1, why);
}

static void reflector_list(struct reflector *r)
{
	r->state = REFLECTOR_RESOLVING;
	const struct api_group *g = versions_get(r->o->versions, r->kind, &r->version, version_ready, r);
	if (!g)
		return;
	r->state = REFLECTOR_LISTING;
	r->relist = false;
	r->list_began = cache_now(r->o->cache);
	lister_start(&r->lister, r->o->api, r->kind, g, r->ns, !r->filled, list_item, list_done, r);
}

/* ---- the watch ---- */

static void event_moved(struct reflector *r, const cJSON *object)
{
	const char *rv = json_text(object, "metadata.resourceVersion", "");
	if (*rv)
		snprintf(r->resource_version, sizeof r->resource_version, "%s", rv);
}

static void event_changed(struct reflector *r, cJSON *object)
{
	struct entry *n = NULL;
	char api_version[64];
	struct error e;
	const char *ns = json_text(object, "metadata.namespace", ""), *name = json_text(object, "metadata.name", "");
	if (!cache_wanted(r->o->cache, r->kind, ns, name))
		return;
	path_api_version(versions_known(r->o->versions, r->kind), api_version);
	if (entry_from_tree(r->kind, api_version, object, &n, &e) == RC_OK)
		cache_put(r->o->cache, n);
	else
		log_warn("kube_object_unreadable", "kind=%s error=%s", kind_name(r->kind), e.text);
}

static void event_deleted(struct reflector *r, const cJSON *object)
{
	cache_gone(r->o->cache, r->kind, json_text(object, "metadata.namespace", ""),
		   json_text(object, "metadata.name", ""), json_text(object, "metadata.uid", ""),
		   json_text(object, "metadata.resourceVersion", ""));
}

static bool event_error(struct reflector *r, const cJSON *status)
{
	r->gone = json_int(status, "code", 0) == 410;
	error_set(&r->trouble, RC_UNREACHABLE, "watch %s: %s", kind_info(r->kind)->plural,
		  json_text(status, "message", "the API server gave no reason"));
	return false;
}

static bool watch_line_came(void *owner, const char *line, size_t len)
{
	struct reflector *r = owner;
	struct watch_event ev;
	enum result result = watch_event_parse(line, len, &ev, &r->trouble);
	if (result != RC_OK) {
		r->gone = true; /* what we missed is only in a list */
		return false;
	}
	bool go_on = true;
	r->heard = r->heard || ev.type != WATCH_ERROR;
	if (ev.type == WATCH_ERROR)
		go_on = event_error(r, ev.object);
	else
		event_moved(r, ev.object);
	if (ev.type == WATCH_ADDED || ev.type == WATCH_MODIFIED)
		event_changed(r, ev.object);
	if (ev.type == WATCH_DELETED)
		event_deleted(r, ev.object);
	cJSON_Delete(ev.object);
	return go_on;
}

static bool watch_data(void *owner, const char *data, size_t len)
{
	struct reflector *r = owner;
	struct error e;
	enum result result = watch_lines_feed(&r->lines, data, len, watch_line_came, r, &e);
	if (result == RC_EXHAUSTED) {
		r->trouble = e;
		r->gone = true;
	}
	return result == RC_OK;
}

/* How a watch ends: too old -> list; the server's normal end -> on from where we were, at once; else -> back off. But a
 * server that ends each watch as soon as it begins is not asked again at once. */
static void watch_done(void *owner, enum result result, const struct api_answer *answer, const struct error *why)
{
	struct reflector *r = owner;
	r->broken_at = loop_now(r->o->loop);
	watch_lines_finish(&r->lines);
	bool healthy = r->heard || r->broken_at.v - r->watch_began.v >= HEALTHY_MS;
	bool stopped = r->trouble.code != RC_OK; /* by ourselves, after what it said */
	if (healthy)
		backoff_reset(&r->backoff);
	if (answer->status == 410 || answer->status == 400)
		r->gone = true;
	if (r->gone || answer->status == 404)
		r->resource_version[0] = '\0';
	if (reflector_is_unwanted(r))
		reflector_stop(r);
	else if (healthy && (r->gone || result == RC_OK))
		reflector_step(r);
	else if (r->gone || stopped || result == RC_OK)
		reflector_back_off(r, answer->retry_after_ms);
	else
		reflector_failed(r, result, answer->retry_after_ms, why);
}

static void reflector_watch(struct reflector *r)
{
	struct strbuf path;
	char resource[128];
	int64_t seconds = backoff_between(WATCH_MIN_S, WATCH_MAX_S);
	strbuf_init(&path, 4096);
	path_add(&path, versions_known(r->o->versions, r->kind), kind_info(r->kind)->plural, r->ns, NULL, NULL);
	strbuf_addf(&path, "?watch=true&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=", (int)seconds);
	strbuf_add_urlencoded(&path, r->resource_version, strlen(r->resource_version));
	struct api_request q = {
		.path = path.overflow ? "/" : path.s,
		.subject = { "watch", versions_resource(r->kind, resource), r->ns, "" },
		.timeout_ms = seconds * 1000 + WATCH_GRACE_MS,
		.on_data = watch_data,
	};
	r->state = REFLECTOR_WATCHING;
	r->gone = r->heard = false;
	r->trouble.code = RC_OK;
	r->watch_began = loop_now(r->o->loop);
	watch_lines_init(&r->lines, WATCH_LINE_MAX);
	api_start(r->o->api, &r->watch, &q, watch_done, r);
	strbuf_finish(&path);
}

/* ---- the door ---- */

void reflector_start(struct reflector *r)
{
	if (r->state == REFLECTOR_IDLE)
		reflector_wait(r, 0);
}

void reflector_relist(struct reflector *r)
{
	if (r->state == REFLECTOR_LISTING || r->state == REFLECTOR_RESOLVING) {
		r->relist = true;
		return;
	}
	bool filled = r->filled;
	reflector_stop(r);
	r->filled = filled;
	reflector_wait(r, 0);
}

void reflector_hurry(struct reflector *r)
{
	if (r->state == REFLECTOR_WAITING && !r->said_absent && !r->said_refused) {
		backoff_reset(&r->backoff);
		reflector_wait(r, backoff_between(0, r->o->retry_min_ms));
	}
}

bool reflector_synced(const struct reflector *r)
{
	if (!r->filled)
		return false;
	bool up = r->state == REFLECTOR_WATCHING && !api_unreachable_since(r->o->api).v;
	return up || loop_now(r->o->loop).v - r->broken_at.v < BROKEN_MS;
}

struct reflector *reflector_create(const struct reflector_options *o, enum kind kind, const char *ns)
{
	struct reflector *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->o = o;
	r->kind = kind;
	r->ns = strdup(ns);
	r->backoff = (struct backoff){ .min_ms = o->retry_min_ms, .max_ms = o->retry_max_ms };
	if (r->ns)
		return r;
	free(r);
	return NULL;
}

void reflector_destroy(struct reflector *r)
{
	if (!r)
		return;
	reflector_stop(r);
	free(r->ns);
	free(r);
}

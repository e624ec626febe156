#include "controller/cluster/kube/kube.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "base/log.h"
#include "base/text.h"
#include "controller/cluster/kube/events.h"
#include "controller/cluster/kube/fetch.h"
#include "controller/cluster/kube/lease.h"
#include "controller/cluster/kube/review.h"

enum { RETRY_MIN_MS = 500, RETRY_MAX_MS = 30 * 1000 };

struct kube {
	struct cluster cluster; /* first */
	struct loop *loop;
	struct kubeconfig *config;
	char *name, *ns; /* owned; ns "": all */
	struct api *api;
	struct versions versions;
	struct cache *cache;
	struct calls calls;
	struct write_doors doors;
	struct reflector_options reflector_options;
	struct reflector *reflectors;
	struct fetches *fetches;
	struct events *events;
	struct lease *lease; /* NULL: this process always leads */
	struct deferred settled;
	loop_fn *released;
	void *released_owner;
	struct deferred release;
	bool started;
};

static struct kube *kube_of(struct cluster *c)
{
	return (struct kube *)c;
}

static const struct kube *kube_of_const(const struct cluster *c)
{
	return (const struct kube *)c;
}

/* ---- telling the owner ---- */

static void kube_changed(void *owner, enum object_change what, const struct object *o)
{
	struct kube *k = owner;
	if (k->cluster.changed)
		k->cluster.changed(k->cluster.changed_owner, what, o);
}

static void kube_tell_settled(void *owner)
{
	struct kube *k = owner;
	if (k->cluster.settled)
		k->cluster.settled(k->cluster.changed_owner);
}

static void kube_settled(void *owner)
{
	struct kube *k = owner;
	loop_defer(k->loop, &k->settled, kube_tell_settled, k);
}

/* ---- reflectors: one a kind; one a kind and namespace where we may only see some ---- */

static struct reflector *kube_reflector(void *owner, enum kind kind, const char *ns)
{
	struct kube *k = owner;
	struct reflector *r;
	DL_FOREACH(k->reflectors, r)
	{
		if (r->kind == kind && (!*r->ns || text_eq(r->ns, ns)))
			return r;
	}
	return NULL;
}

static struct reflector *kube_reflector_for(struct kube *k, enum kind kind, const char *ns)
{
	const char *scope = !*k->ns ? "" : *ns ? ns : k->ns;
	struct reflector *r = kube_reflector(k, kind, scope);
	if (r)
		return r;
	r = reflector_create(&k->reflector_options, kind, scope);
	if (r)
		DL_APPEND(k->reflectors, r);
	return r;
}

/* Listed, or not to be had. */
static bool kube_canaries_there(const struct kube *k)
{
	const struct reflector *r;
	DL_FOREACH(k->reflectors, r)
	{
		if (r->kind == KIND_CANARY)
			return r->filled || r->said_absent || r->said_refused;
	}
	return false;
}

/* After a list: what it did not have is known not to be there, and the other kinds may begin when Canaries are there.
 */
static void kube_filled(void *owner, struct reflector *filled)
{
	struct kube *k = owner;
	struct reflector *r;
	for (struct want *w = filled->absent ? cache_wants(k->cache, filled->kind) : NULL; w; w = w->next)
		w->known = true;
	fetches_run(k->fetches, filled->kind);
	kube_settled(k);
	if (filled->kind != KIND_CANARY)
		return;
	log_debug("kube_canaries_listed", "cluster=%s", k->name);
	DL_FOREACH(k->reflectors, r) reflector_start(r);
}

static void kube_reachable(void *owner)
{
	struct kube *k = owner;
	struct reflector *r;
	DL_FOREACH(k->reflectors, r) reflector_hurry(r);
}

/* ---- wants ---- */

/* What can be no object's name is known not to be there. */
static bool names_nothing(const char *ns, const char *name)
{
	return (*ns && !text_is_dns_label(ns)) || (*name && !path_segment_ok(name));
}

static void kube_want(struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	struct kube *k = kube_of(c);
	struct want *w = cache_want(k->cache, kind, ns, name);
	if (!w || w->count > 1)
		return;
	if (names_nothing(w->ns, w->name)) {
		w->known = true;
		return;
	}
	struct reflector *r = kube_reflector_for(k, kind, w->ns);
	if (r && r->absent)
		w->known = true;
	else if (r && k->started && (kind == KIND_CANARY || kube_canaries_there(k)))
		reflector_start(r);
	fetches_run(k->fetches, kind);
}

static void kube_unwant(struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	struct kube *k = kube_of(c);
	struct want *w = cache_want_find(k->cache, kind, ns, name);
	if (!w)
		return;
	if (w->count == 1)
		fetches_forget(k->fetches, w);
	cache_unwant(k->cache, w);
}

static bool kube_synced(const struct cluster *c, enum kind kind)
{
	const struct kube *k = kube_of_const(c);
	const struct reflector *r;
	if (!kube_canaries_there(k))
		return false;
	DL_FOREACH(k->reflectors, r)
	{
		if (r->kind == kind && r->state != REFLECTOR_IDLE && !r->absent && !reflector_synced(r))
			return false;
	}
	return true;
}

static struct wall_ms kube_unreachable_since(const struct cluster *c)
{
	return api_unreachable_since(kube_of_const(c)->api);
}

static const struct object *kube_find(const struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	return cache_find(kube_of_const(c)->cache, kind, ns, name);
}

static bool kube_known(const struct cluster *c, enum kind kind, const char *ns, const char *name)
{
	return cache_known(kube_of_const(c)->cache, kind, ns, name);
}

static void kube_each(const struct cluster *c, enum kind kind, const char *ns,
		      bool (*visit)(void *owner, const struct object *o), void *owner)
{
	cache_each(kube_of_const(c)->cache, kind, ns, visit, owner);
}

/* ---- writes and leadership ---- */

static uint64_t kube_write(struct cluster *c, const struct write *w, cluster_done *done, void *owner)
{
	return writes_send(&kube_of(c)->doors, w, done, owner);
}

static uint64_t kube_record(struct cluster *c, const struct cluster_event *ev, cluster_done *done, void *owner)
{
	return events_record(kube_of(c)->events, ev, done, owner);
}

static void kube_cancel(struct cluster *c, uint64_t call)
{
	calls_cancel(&kube_of(c)->calls, call);
}

static bool kube_leading(const struct cluster *c)
{
	const struct kube *k = kube_of_const(c);
	return !k->lease || lease_leading(k->lease);
}

static bool kube_may_write(void *owner)
{
	return kube_leading(owner);
}

static void kube_lead(struct cluster *c, const struct leadership *l)
{
	struct kube *k = kube_of(c);
	struct error e;
	assert(!k->lease);
	if (lease_create(k->loop, k->api, l, &k->lease, &e) != RC_OK)
		log_error("lease_impossible", "error=%s", e.text);
}

static void kube_tell_released(void *owner)
{
	struct kube *k = owner;
	k->released(k->released_owner);
}

void kube_release_lease(struct cluster *c, loop_fn *done, void *owner)
{
	struct kube *k = kube_of(c);
	k->released = done;
	k->released_owner = owner;
	if (k->lease)
		lease_release(k->lease, kube_tell_released, k);
	else
		loop_defer(k->loop, &k->release, kube_tell_released, k);
}

void kube_review_token(struct cluster *c, const char *token, kube_reviewed *done, void *owner)
{
	review_send(&kube_of(c)->doors, token, done, owner);
}

/* ---- life ---- */

static void kube_start(struct cluster *c)
{
	struct kube *k = kube_of(c);
	struct reflector *r = kube_reflector(k, KIND_CANARY, k->ns);
	k->started = true;
	reflector_start(r);
}

static void kube_destroy(struct cluster *c)
{
	struct kube *k = kube_of(c);
	struct reflector *r, *next;
	calls_cancel_all(&k->calls);
	lease_destroy(k->lease);
	events_destroy(k->events);
	fetches_destroy(k->fetches);
	DL_FOREACH_SAFE(k->reflectors, r, next) reflector_destroy(r);
	versions_finish(&k->versions);
	cache_destroy(k->cache);
	api_destroy(k->api);
	loop_defer_cancel(&k->settled);
	loop_defer_cancel(&k->release);
	kubeconfig_destroy(k->config);
	free(k->name);
	free(k->ns);
	free(k);
}

static const struct cluster_ops kube_ops = {
	.destroy = kube_destroy,
	.start = kube_start,
	.want = kube_want,
	.unwant = kube_unwant,
	.synced = kube_synced,
	.unreachable_since = kube_unreachable_since,
	.find = kube_find,
	.known = kube_known,
	.each = kube_each,
	.write = kube_write,
	.record = kube_record,
	.cancel = kube_cancel,
	.lead = kube_lead,
	.leading = kube_leading,
};

static void kube_say_config(const struct kube *k)
{
	if (k->config->no_verify)
		log_warn("kube_tls_not_verified", "cluster=%s server=%s why=insecure-skip-tls-verify in the kubeconfig",
			 k->name, k->config->server);
}

static enum result kube_connect(struct kube *k, struct http_client *http, const struct kube_options *o, struct error *e)
{
	struct api_options ao = {
		.loop = k->loop,
		.http = http,
		.config = k->config,
		.metrics = o->metrics,
		.retry_min_ms = o->retry_min_ms ? o->retry_min_ms : RETRY_MIN_MS,
		.retry_max_ms = o->retry_max_ms ? o->retry_max_ms : RETRY_MAX_MS,
		.may_write = kube_may_write,
		.reachable = kube_reachable,
		.owner = k,
	};
	char host[256] = "";
	enum result r = api_create(&ao, &k->api, e);
	if (r != RC_OK)
		return r;
	versions_init(&k->versions, k->api);
	k->doors = (struct write_doors){ k->loop, k->api, k->cache, &k->versions, &k->calls };
	k->reflector_options = (struct reflector_options){
		.loop = k->loop,
		.api = k->api,
		.cache = k->cache,
		.versions = &k->versions,
		.retry_min_ms = ao.retry_min_ms,
		.retry_max_ms = ao.retry_max_ms,
		.filled = kube_filled,
		.owner = k,
	};
	r = fetches_create(&(struct fetches_options){ .loop = k->loop,
						      .api = k->api,
						      .cache = k->cache,
						      .versions = &k->versions,
						      .reflector = kube_reflector,
						      .settled = kube_settled,
						      .owner = k,
						      .retry_min_ms = ao.retry_min_ms,
						      .retry_max_ms = ao.retry_max_ms },
			   &k->fetches, e);
	(void)gethostname(host, sizeof host - 1);
	return r == RC_OK ? events_create(&k->doors, host, &k->events, e) : r;
}

static void kube_destroy_p(struct kube **k)
{
	if (*k)
		kube_destroy(&(*k)->cluster);
}

enum result kube_create(struct loop *l, struct http_client *http, const struct kube_options *o, struct cluster **ret,
			struct error *e)
{
	CLEANUP(kube_destroy_p) struct kube *k = calloc(1, sizeof *k);
	if (!k)
		return error_set(e, RC_EXHAUSTED, "no memory for a cluster");
	k->cluster.ops = &kube_ops;
	k->loop = k->calls.loop = l;
	if (!text_empty(o->ns) && !text_is_dns_label(o->ns))
		return error_set(e, RC_INVALID, "not a namespace: \"%.64s\"", o->ns);
	enum result r = kubeconfig_find(o->kubeconfig, o->context, o->account_dir, &k->config, e);
	if (r == RC_OK)
		r = cache_create(l, kube_changed, k, &k->cache, e);
	if (r != RC_OK)
		return r;
	k->ns = strdup(o->ns ? o->ns : "");
	k->name = strdup(o->name ? o->name : k->config->context);
	if (!k->ns || !k->name)
		return error_set(e, RC_EXHAUSTED, "no memory for a cluster");
	k->cluster.name = k->name;
	r = kube_connect(k, http, o, e);
	if (r != RC_OK)
		return r;
	kube_want(&k->cluster, KIND_CANARY, k->ns, NULL);
	if (!kube_reflector(k, KIND_CANARY, k->ns))
		return error_set(e, RC_EXHAUSTED, "no memory for a cluster");
	kube_say_config(k);
	*ret = &k->cluster;
	k = NULL;
	return RC_OK;
}

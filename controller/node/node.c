#include "controller/node/node.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utlist.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/node/address.h"
#include "controller/node/front.h"
#include "controller/node/images.h"
#include "controller/node/orphans.h"
#include "controller/node/pod.h"
#include "controller/node/upstreams.h"

enum {
	OPTIONS_BYTES_MAX = 1024 * 1024,
	LOOK_MS = 50,
	BIND_RETRY_MS = 1000,
	BUSY_MAX = 256,
	STOP_MS = 25 * 1000,
	TRIM_MS = 10 * 1000
};

static const enum kind wanted_kinds[] = { KIND_POD, KIND_INGRESS, KIND_SERVICE, KIND_ENDPOINTS };

/* A binding that is under way, or failed a moment ago. */
struct binding {
	UT_hash_handle hh; /* by uid */
	struct node *node;
	uint64_t call;
	struct timer again;
	char uid[RECORD_UID_MAX];
};
struct node {
	struct arena *arena; /* of the copied options */
	struct node_options o;
	struct site site;
	struct address_pool pool;
	struct front *front;         /* NULL: no nginx */
	struct upstreams *upstreams; /* NULL: not of this cluster */
	struct orphans *orphans;
	struct pod *pods;
	struct binding *bindings;
	uint64_t walk;
	bool filled; /* the pods of the cluster are known */
	struct timer look;
	struct deferred sync, finish;
	loop_fn *stopped; /* NULL: not stopping */
	void *stopped_owner;
	bool front_stopped;
	struct timer give_up, trim;
};

static void node_sync(void *owner);
static void node_finish_soon(struct node *n);

/* ---- binding ---- */

static void binding_free(struct binding *b)
{
	HASH_DEL(b->node->bindings, b);
	cluster_cancel(b->node->o.cluster, b->call);
	timer_stop(&b->again);
	free(b);
}

static void binding_again(void *owner)
{
	struct binding *b = owner;
	struct node *n = b->node;
	binding_free(b);
	loop_defer(n->o.loop, &n->sync, node_sync, n);
}

/* Kept for a while in any case: the cache learns of the binding only when the watch tells. */
static void binding_done(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct binding *b = owner;
	(void)now;
	b->call = 0;
	if (r != RC_OK && r != RC_NOT_FOUND && r != RC_CONFLICT)
		log_warn("pod_not_bound", "uid=%s error=%s", b->uid, why->text);
	timer_start(b->node->o.loop, &b->again, BIND_RETRY_MS, binding_again, b);
}

static void node_bind(struct node *n, const struct object *o)
{
	struct binding *b;
	char body[1024];
	HASH_FIND_STR(n->bindings, o->uid, b);
	if (b || strlen(o->uid) >= sizeof b->uid || !(b = calloc(1, sizeof *b)))
		return;
	b->node = n;
	memcpy(b->uid, o->uid, strlen(o->uid) + 1);
	HASH_ADD_STR(n->bindings, uid, b);
	snprintf(body, sizeof body,
		 "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"%s\",\"uid\":\"%s\"},"
		 "\"target\":{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"%s\"}}",
		 o->name, o->uid, n->o.name);
	const struct write w = {
		.verb = WRITE_CREATE,
		.kind = KIND_POD,
		.ns = o->ns,
		.name = o->name,
		.body = body,
		.subresource = "binding",
	};
	b->call = cluster_write(n->o.cluster, &w, binding_done, b);
}

static bool is_free(const cJSON *pod)
{
	const char *scheduler = json_text(pod, "spec.schedulerName", "default-scheduler");
	return text_empty(json_text(pod, "spec.nodeName", "")) && !json_at(pod, "metadata.deletionTimestamp") &&
	       text_eq(json_text(pod, "status.phase", "Pending"), "Pending") && text_eq(scheduler, "default-scheduler");
}

/* ---- addresses ---- */

static bool node_address_taken(void *owner, uint32_t address)
{
	const struct node *n = owner;
	char text[ADDRESS_TEXT];
	address_print(address, text);
	for (const struct pod *p = n->pods; p; p = p->hh.next) {
		if (text_eq(p->address, text))
			return true;
	}
	return false;
}

/* Others on this machine may use the same network: an address is free when its port can be had. */
static bool port_is_free(uint32_t address, unsigned port)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(address),
	};
	if (s < 0)
		return true;
	(void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	bool ok = bind(s, (const struct sockaddr *)&in, sizeof in) == 0 || errno != EADDRINUSE;
	close(s);
	return ok;
}

struct asked_address {
	struct node *node;
	unsigned port, busy;
};

/* Where somebody listens on all addresses none is free: the process itself can say that best. */
static bool address_unusable(void *owner, uint32_t address)
{
	struct asked_address *q = owner;
	if (node_address_taken(q->node, address))
		return true;
	return q->port && q->busy < BUSY_MAX && !port_is_free(address, q->port) && ++q->busy;
}

static enum result node_give_address(void *owner, unsigned port, char ret[ADDRESS_TEXT], struct error *e)
{
	struct node *n = owner;
	struct asked_address q = { .node = n, .port = port };
	uint32_t address;
	enum result r = address_pool_take(&n->pool, address_unusable, &q, &address, e);
	if (r == RC_OK)
		address_print(address, ret);
	return r;
}

/* ---- pods ---- */

static bool node_served(void *owner, const char *address, unsigned port)
{
	const struct node *n = owner;
	if (!*address)
		return false;
	return (n->front && front_serves(n->front, address, port)) ||
	       (n->upstreams && upstreams_serve(n->upstreams, address, port));
}

static void node_pod_gone(void *owner, struct pod *p)
{
	struct node *n = owner;
	HASH_DEL(n->pods, p);
	pod_destroy(p);
	node_finish_soon(n);
}

static bool has_ended(const cJSON *pod)
{
	const char *phase = json_text(pod, "status.phase", "");
	return text_eq(phase, "Succeeded") || text_eq(phase, "Failed");
}

static struct pod *node_take(struct node *n, const struct object *o, const cJSON *object)
{
	struct error e;
	struct pod *p;
	uint32_t address;
	if (pod_create(&n->site, object, &p, &e) != RC_OK) {
		log_error("pod_not_taken", "pod=%s/%s error=%s", o->ns, o->name, e.text);
		return NULL;
	}
	if (address_pool_has(&n->pool, p->address, &address))
		address_pool_after(&n->pool, address);
	HASH_ADD_KEYPTR(hh, n->pods, p->spec->uid, strlen(p->spec->uid), p);
	return p;
}

static void node_look_at(struct node *n, const struct object *o)
{
	struct pod *p;
	CLEANUP(json_delete_p) cJSON *object = NULL;
	HASH_FIND_STR(n->pods, o->uid, p);
	if (p)
		p->seen = n->walk;
	if (p && text_eq(p->version, o->resource_version))
		return;
	if (json_parse(o->json, o->json_len, &object, NULL) != RC_OK)
		return;
	if (is_free(object) && !n->stopped)
		node_bind(n, o);
	if (!text_eq(json_text(object, "spec.nodeName", ""), n->o.name))
		return;
	if (!p && (!has_ended(object) || o->deleting) && !n->stopped)
		p = node_take(n, o, object);
	if (!p)
		return;
	p->seen = n->walk;
	snprintf(p->version, sizeof p->version, "%s", o->resource_version);
	pod_update(p, object);
}

struct seen_pods {
	const struct object **list;
	size_t len, cap;
	bool oom;
};

static bool collect(void *owner, const struct object *o)
{
	struct seen_pods *all = owner;
	if (all->len == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 64;
		const struct object **list = reallocarray(all->list, cap, sizeof(void *));
		if (!list) {
			all->oom = true;
			return false;
		}
		all->list = list;
		all->cap = cap;
	}
	all->list[all->len++] = o;
	return true;
}

static void record_without_pod(void *owner, const char *uid)
{
	struct node *n = owner;
	struct pod *p;
	HASH_FIND_STR(n->pods, uid, p);
	if (!p)
		orphans_end(n->orphans, uid);
}

/* The same name of a node may be another cluster's, but not the same uid. */
static bool is_known_pod(void *owner, const char *uid)
{
	const struct seen_pods *all = owner;
	for (size_t i = 0; i < all->len; i++)
		if (text_eq(all->list[i]->uid, uid))
			return true;
	return false;
}

/* All pods, afresh. */
static void node_sync(void *owner)
{
	struct node *n = owner;
	struct seen_pods all = { .len = 0 };
	struct pod *p, *next;
	if (!n->filled)
		return;
	n->walk++;
	cluster_each(n->o.cluster, KIND_POD, NULL, collect, &all);
	if (n->walk == 1)
		orphans_sweep(n->orphans, n->o.name, is_known_pod, &all);
	for (size_t i = 0; i < all.len; i++)
		node_look_at(n, all.list[i]);
	free(all.list);
	if (all.oom) {
		timer_start(n->o.loop, &n->look, BIND_RETRY_MS, node_sync, n);
		return;
	}
	HASH_ITER (hh, n->pods, p, next) {
		if (p->seen != n->walk)
			pod_vanish(p);
	}
	if (n->walk == 1)
		record_each(n->site.pods_folder, record_without_pod, n);
}

void node_changed(void *node, enum object_change what, const struct object *o)
{
	struct node *n = node;
	(void)what;
	if (o->kind == KIND_POD && n->filled)
		loop_defer(n->o.loop, &n->sync, node_sync, n);
	bool routes =
		o->kind == KIND_POD || o->kind == KIND_INGRESS || o->kind == KIND_SERVICE || o->kind == KIND_ENDPOINTS;
	if (routes && n->front)
		front_changed(n->front);
	if (n->upstreams && (o->kind == KIND_POD || o->kind == KIND_NGINX_UPSTREAM))
		upstreams_changed(n->upstreams);
}

static void node_front_updated(void *owner)
{
	struct node *n = owner;
	for (struct pod *p = n->pods; p; p = p->hh.next) {
		if (p->stage == POD_DRAINING)
			pod_wake(p);
	}
}

static void node_trim_logs(void *owner)
{
	struct node *n = owner;
	timer_start(n->o.loop, &n->trim, TRIM_MS, node_trim_logs, n);
	for (struct pod *p = n->pods; p; p = p->hh.next)
		pod_trim_logs(p);
}

/* ---- start and stop ---- */

/* Before the cluster is known, a pod that is not there means nothing. */
static void node_look(void *owner)
{
	struct node *n = owner;
	if (!cluster_synced(n->o.cluster, KIND_POD)) {
		timer_start(n->o.loop, &n->look, LOOK_MS, node_look, n);
		return;
	}
	n->filled = true;
	node_trim_logs(n);
	log_info("node_started", "node=%s", n->o.name);
	node_sync(n);
	if (n->front)
		front_changed(n->front);
	if (n->upstreams)
		upstreams_changed(n->upstreams);
}

void node_start(struct node *n)
{
	if (n->upstreams)
		cluster_want(n->o.cluster, KIND_NGINX_UPSTREAM, NULL, NULL);
	for (size_t i = 0; i < sizeof wanted_kinds / sizeof wanted_kinds[0]; i++)
		cluster_want(n->o.cluster, wanted_kinds[i], NULL, NULL);
	node_look(n);
}

static void node_finish(void *owner)
{
	struct node *n = owner;
	loop_fn *stopped = n->stopped;
	void *stopped_owner = n->stopped_owner;
	node_destroy(n);
	stopped(stopped_owner);
}

static void node_finish_soon(struct node *n)
{
	if (n->stopped && n->front_stopped && !n->pods)
		loop_defer(n->o.loop, &n->finish, node_finish, n);
}

static void node_front_stopped(void *owner)
{
	struct node *n = owner;
	struct pod *p, *next;
	n->front_stopped = true;
	HASH_ITER (hh, n->pods, p, next)
		pod_stop(p);
	node_finish_soon(n);
}

void node_stop(struct node *n, loop_fn *stopped, void *owner)
{
	struct binding *b, *next;
	n->stopped = stopped;
	n->stopped_owner = owner;
	timer_stop(&n->look);
	HASH_ITER (hh, n->bindings, b, next)
		binding_free(b);
	timer_start(n->o.loop, &n->give_up, STOP_MS, node_finish, n);
	if (n->front)
		front_stop(n->front, node_front_stopped, n);
	else
		node_front_stopped(n);
}

void node_destroy(struct node *n)
{
	struct pod *p, *next_pod;
	struct binding *b, *next_binding;
	if (!n)
		return;
	HASH_ITER (hh, n->bindings, b, next_binding)
		binding_free(b);
	HASH_ITER (hh, n->pods, p, next_pod) {
		HASH_DEL(n->pods, p);
		pod_destroy(p);
	}
	front_destroy(n->front);
	upstreams_destroy(n->upstreams);
	orphans_destroy(n->orphans);
	timer_stop(&n->look);
	timer_stop(&n->give_up);
	timer_stop(&n->trim);
	loop_defer_cancel(&n->sync);
	loop_defer_cancel(&n->finish);
	arena_destroy(n->arena);
	free(n);
}

/* ---- options ---- */

static enum result make_folder(const char *path, struct error *e)
{
	if (mkdir(path, 0750) == 0 || errno == EEXIST)
		return RC_OK;
	return error_set(e, RC_EXHAUSTED, "%s: %s", path, strerror(errno));
}

static const char *const *copy_words(struct arena *a, const char *const *words)
{
	size_t n = 0;
	while (words && words[n])
		n++;
	const char **copy = arena_alloc(a, n + 1, sizeof *copy);
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = arena_strdup(a, words[i]);
	return copy;
}

static enum result copy_options(struct node *n, const struct node_options *o, struct error *e)
{
	struct arena *a = n->arena;
	struct node_image *images = arena_alloc(a, o->images_len + 1, sizeof *images);
	for (size_t i = 0; images && i < o->images_len; i++) {
		images[i].pattern = arena_strdup(a, o->images[i].pattern);
		images[i].command = copy_words(a, o->images[i].command);
		images[i].env = o->images[i].env ? copy_words(a, o->images[i].env) : NULL;
	}
	n->o = *o;
	n->o.images = images;
	n->o.name = arena_strdup(a, o->name);
	n->o.data_dir = arena_strdup(a, o->data_dir);
	n->site = (struct site){
		.loop = o->loop,
		.cluster = o->cluster,
		.http = o->http,
		.name = n->o.name,
		.pods_folder = arena_printf(a, "%s/pods", o->data_dir),
		.images = images,
		.images_len = o->images_len,
		.commands = o->commands,
		.units_folder = arena_printf(a, "%s/units", o->data_dir),
		.program = o->program ? arena_strdup(a, o->program) : NULL,
		.give_address = node_give_address,
		.served = node_served,
		.gone = node_pod_gone,
		.owner = n,
	};
	if (!images || !n->o.name || !n->o.data_dir || !n->site.pods_folder || !n->site.units_folder)
		return error_set(e, RC_EXHAUSTED, "no memory for a node");
	return RC_OK;
}

static enum result node_check(const struct node_options *o, struct error *e)
{
	if (!text_is_dns_subdomain(o->name))
		return error_set(e, RC_INVALID,
				 "\"%.64s\" is not a name for a node: lower-case letters, digits, - and .",
				 o->name ? o->name : "");
	return images_check(o->images, o->images_len, e);
}

enum result node_create(const struct node_options *o, struct node **ret, struct error *e)
{
	enum result r = node_check(o, e);
	if (r != RC_OK)
		return r;
	CLEANUP(node_destroy_p) struct node *n = calloc(1, sizeof *n);
	if (n)
		n->arena = arena_create(OPTIONS_BYTES_MAX);
	if (!n || !n->arena)
		return error_set(e, RC_EXHAUSTED, "no memory for a node");
	r = copy_options(n, o, e);
	if (r == RC_OK)
		r = address_pool_parse(o->addresses, &n->pool, e);
	if (r == RC_OK)
		r = make_folder(o->data_dir, e);
	if (r == RC_OK)
		r = make_folder(n->site.pods_folder, e);
	if (r == RC_OK && o->nginx.enabled)
		r = front_create(o, node_front_updated, n, &n->front, e);
	if (r == RC_OK && o->upstreams.enabled)
		r = upstreams_create(o, node_front_updated, n, &n->upstreams, e);
	if (r != RC_OK)
		return r;
	n->orphans = orphans_create(o->loop, n->site.pods_folder);
	if (!n->orphans)
		return error_set(e, RC_EXHAUSTED, "no memory for a node");
	*ret = TAKE(n);
	return RC_OK;
}

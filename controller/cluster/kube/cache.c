#include "controller/cluster/kube/cache.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/text.h"

/* A uid that was deleted is remembered for longer than any call takes. */
enum { DEAD_MS = 120 * 1000, DEAD_MAX = 20000, KEY_MAX = 1024 };

struct dead {
	UT_hash_handle hh; /* in the order of dying */
	struct mono_ms at;
	char uid[];
};
struct cache {
	struct loop *loop;
	cluster_changed *changed;
	void *owner;
	struct entry *objects[KIND_COUNT];
	struct want *wants, *of_kind[KIND_COUNT];
	struct dead *dead;
	struct entry *graves; /* replaced or removed, but somebody may look at them in this turn */
	struct deferred sweep;
	uint64_t now;
};

/* ---- keys ---- */

static size_t key_put(char *buf, const char *ns, const char *name)
{
	size_t ns_len = strlen(ns) + 1, name_len = strlen(name);
	if (ns_len + name_len + 1 > KEY_MAX - 1)
		return 0; /* nothing in a cluster is called so */
	memcpy(buf, ns, ns_len);
	memcpy(buf + ns_len, name, name_len + 1);
	return ns_len + name_len;
}

/* ---- the graveyard ---- */

static void cache_sweep(void *owner)
{
	struct cache *c = owner;
	while (c->graves) {
		struct entry *n = c->graves;
		c->graves = n->next;
		entry_free(n);
	}
}

static void cache_bury(struct cache *c, struct entry *n)
{
	n->next = c->graves;
	c->graves = n;
	loop_defer(c->loop, &c->sweep, cache_sweep, c);
}

/* ---- the dead ---- */

static void dead_remove(struct cache *c, struct dead *d)
{
	HASH_DEL(c->dead, d);
	free(d);
}

static void dead_add(struct cache *c, const char *uid)
{
	struct dead *known;
	HASH_FIND_STR(c->dead, uid, known);
	size_t size = strlen(uid) + 1;
	if (size == 1 || known)
		return;
	struct mono_ms now = loop_now(c->loop);
	while (c->dead && (now.v - c->dead->at.v > DEAD_MS || HASH_COUNT(c->dead) >= DEAD_MAX))
		dead_remove(c, c->dead);
	struct dead *d = calloc(1, sizeof *d + size);
	if (!d)
		return; /* at worst a deleted object shows up until its watch event comes */
	d->at = now;
	memcpy(d->uid, uid, size);
	HASH_ADD_STR(c->dead, uid, d);
}

static bool is_dead(const struct cache *c, const char *uid)
{
	struct dead *d;
	HASH_FIND_STR(c->dead, uid, d);
	return d != NULL;
}

/* ---- wants ---- */

static size_t want_key(char buf[KEY_MAX], enum kind kind, const char *ns, const char *name)
{
	buf[0] = (char)('A' + (int)kind);
	size_t len = key_put(buf + 1, ns ? ns : "", name ? name : "");
	return len ? len + 1 : 0;
}

struct want *cache_want_find(const struct cache *c, enum kind kind, const char *ns, const char *name)
{
	char key[KEY_MAX];
	struct want *w = NULL;
	size_t len = want_key(key, kind, ns, name);
	if (len)
		HASH_FIND(hh, c->wants, key, len, w);
	return w;
}

struct want *cache_want(struct cache *c, enum kind kind, const char *ns, const char *name)
{
	char key[KEY_MAX];
	struct want *w = cache_want_find(c, kind, ns, name);
	size_t len = want_key(key, kind, ns, name);
	if (!w && len)
		w = calloc(1, sizeof *w + len + 1);
	if (!w || w->count++)
		return w;
	memcpy(w->key, key, len + 1);
	w->key_len = len;
	w->kind = kind;
	w->ns = w->key + 1;
	w->name = w->ns + strlen(w->ns) + 1;
	w->born = cache_now(c);
	HASH_ADD_KEYPTR(hh, c->wants, w->key, w->key_len, w);
	DL_APPEND(c->of_kind[kind], w);
	return w;
}

static bool wanted_as(const struct cache *c, enum kind kind, const char *ns, const char *name, bool known)
{
	const struct want *w = cache_want_find(c, kind, ns, name);
	return w && (!known || w->known);
}

static bool covered(const struct cache *c, enum kind kind, const char *ns, const char *name, bool known)
{
	return wanted_as(c, kind, ns, name, known) || wanted_as(c, kind, ns, "", known) ||
	       wanted_as(c, kind, "", "", known);
}

bool cache_wanted(const struct cache *c, enum kind kind, const char *ns, const char *name)
{
	return covered(c, kind, ns, name, false);
}

bool cache_known(const struct cache *c, enum kind kind, const char *ns, const char *name)
{
	return covered(c, kind, ns, name, true);
}

struct want *cache_wants(const struct cache *c, enum kind kind)
{
	return c->of_kind[kind];
}

uint64_t cache_now(struct cache *c)
{
	return ++c->now;
}

static void cache_drop_unwanted(struct cache *c, enum kind kind, const char *ns)
{
	struct entry *n, *next;
	HASH_ITER (hh, c->objects[kind], n, next) {
		if ((*ns && !text_eq(n->o.ns, ns)) || cache_wanted(c, kind, n->o.ns, n->o.name))
			continue;
		HASH_DEL(c->objects[kind], n);
		cache_bury(c, n);
	}
}

static struct entry *cache_get(const struct cache *c, enum kind kind, const char *ns, const char *name);

void cache_unwant(struct cache *c, struct want *w)
{
	if (--w->count)
		return;
	HASH_DEL(c->wants, w);
	DL_DELETE(c->of_kind[w->kind], w);
	struct entry *n = *w->name ? cache_get(c, w->kind, w->ns, w->name) : NULL;
	if (!*w->name) {
		cache_drop_unwanted(c, w->kind, w->ns);
	} else if (n && !cache_wanted(c, w->kind, w->ns, w->name)) {
		HASH_DEL(c->objects[w->kind], n);
		cache_bury(c, n);
	}
	free(w);
}

/* ---- objects ---- */

static struct entry *cache_get(const struct cache *c, enum kind kind, const char *ns, const char *name)
{
	char key[KEY_MAX];
	struct entry *n = NULL;
	size_t len = key_put(key, ns ? ns : "", name);
	if (len)
		HASH_FIND(hh, c->objects[kind], key, len, n);
	return n;
}

const struct object *cache_find(const struct cache *c, enum kind kind, const char *ns, const char *name)
{
	const struct entry *n = cache_get(c, kind, ns, name);
	return n ? &n->o : NULL;
}

void cache_each(const struct cache *c, enum kind kind, const char *ns,
		bool (*visit)(void *owner, const struct object *o), void *owner)
{
	struct entry *n, *next;
	HASH_ITER (hh, c->objects[kind], n, next) {
		if ((!ns || text_eq(n->o.ns, ns)) && !visit(owner, &n->o))
			return;
	}
}

static void cache_add(struct cache *c, struct entry *n)
{
	HASH_ADD_KEYPTR(hh, c->objects[n->o.kind], n->key, n->key_len, n);
}

static void cache_unlink(struct cache *c, struct entry *n)
{
	HASH_DEL(c->objects[n->o.kind], n);
}

static void cache_remove(struct cache *c, struct entry *n)
{
	cache_unlink(c, n);
	cache_bury(c, n);
}

static void cache_replace(struct cache *c, struct entry *old, struct entry *n)
{
	bool reborn = !text_eq(old->o.uid, n->o.uid);
	cache_remove(c, old);
	if (reborn) {
		dead_add(c, old->o.uid);
		c->changed(c->owner, OBJECT_DELETED, &old->o);
		if (!cache_wanted(c, n->o.kind, n->o.ns, n->o.name)) {
			cache_bury(c, n);
			return;
		}
	}
	cache_add(c, n);
	c->changed(c->owner, reborn ? OBJECT_ADDED : OBJECT_CHANGED, &n->o);
}

const struct object *cache_put(struct cache *c, struct entry *n)
{
	struct entry *old = cache_get(c, n->o.kind, n->o.ns, n->o.name);
	if (is_dead(c, n->o.uid) || !cache_wanted(c, n->o.kind, n->o.ns, n->o.name)) {
		cache_bury(c, n);
		return &n->o;
	}
	int order = old ? rv_compare(n->o.resource_version, old->o.resource_version) : RV_UNORDERED;
	if (old && order <= 0) {
		old->listed = n->listed > old->listed ? n->listed : old->listed;
		cache_bury(c, n);
		return &old->o;
	}
	if (old) {
		cache_replace(c, old, n);
	} else {
		cache_add(c, n);
		c->changed(c->owner, OBJECT_ADDED, &n->o);
	}
	return &n->o;
}

void cache_gone(struct cache *c, enum kind kind, const char *ns, const char *name, const char *uid,
		const char *resource_version)
{
	struct entry *n = cache_get(c, kind, ns, name);
	if (cache_wanted(c, kind, ns, name))
		dead_add(c, uid);
	bool same = n && (!*uid || text_eq(n->o.uid, uid));
	if (!same && n && (!*resource_version || rv_compare(n->o.resource_version, resource_version) > 0))
		return; /* a namesake that came after */
	if (!n)
		return;
	cache_remove(c, n);
	c->changed(c->owner, OBJECT_DELETED, &n->o);
}

/* The changes are told when all are made: whoever is told may want and unwant, and so change what is walked over. */
void cache_listed(struct cache *c, enum kind kind, const char *ns, uint64_t began, const char *resource_version)
{
	struct entry *n, *next, *gone = NULL;
	HASH_ITER (hh, c->objects[kind], n, next) {
		if (n->listed >= began || (*ns && !text_eq(n->o.ns, ns)) ||
		    rv_compare(n->o.resource_version, resource_version) == 1)
			continue;
		cache_unlink(c, n);
		n->next = gone;
		gone = n;
	}
	while (gone) {
		n = gone;
		gone = n->next;
		dead_add(c, n->o.uid);
		cache_bury(c, n);
		c->changed(c->owner, OBJECT_DELETED, &n->o);
	}
}

/* ---- life ---- */

enum result cache_create(struct loop *l, cluster_changed *changed, void *owner, struct cache **ret, struct error *e)
{
	struct cache *c = calloc(1, sizeof *c);
	if (!c)
		return error_set(e, RC_EXHAUSTED, "no memory for the cache");
	c->loop = l;
	c->changed = changed;
	c->owner = owner;
	*ret = c;
	return RC_OK;
}

void cache_destroy(struct cache *c)
{
	if (!c)
		return;
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		while (c->objects[k]) {
			struct entry *n = c->objects[k];
			HASH_DEL(c->objects[k], n);
			entry_free(n);
		}
	}
	while (c->wants) {
		struct want *w = c->wants;
		HASH_DEL(c->wants, w);
		free(w);
	}
	while (c->dead)
		dead_remove(c, c->dead);
	loop_defer_cancel(&c->sweep);
	cache_sweep(c);
	free(c);
}

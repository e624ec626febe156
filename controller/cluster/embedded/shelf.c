#include "controller/cluster/embedded/shelf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/json.h"
#include "base/text.h"

struct owned {
	UT_hash_handle hh;
	struct tie *ties;
	char uid[];
};
enum { NAME_KEY_MAX = 1024 };

/* ---- items ---- */

static size_t owners_of(const cJSON *tree, struct tie *ties, char *at)
{
	const cJSON *o;
	size_t n = 0;
	cJSON_ArrayForEach (o, json_at(tree, "metadata.ownerReferences")) {
		const char *uid = json_text(o, "uid", "");
		size_t size = strlen(uid) + 1;
		if (size == 1)
			continue;
		if (ties) {
			ties[n].uid = memcpy(at, uid, size);
			at += size;
		}
		n++;
	}
	return n;
}

static size_t owners_bytes(const cJSON *tree)
{
	const cJSON *o;
	size_t bytes = 0;
	cJSON_ArrayForEach (o, json_at(tree, "metadata.ownerReferences"))
		bytes += strlen(json_text(o, "uid", "")) + 1;
	return bytes;
}

enum result item_create(enum kind kind, cJSON *tree, struct item **ret, struct error *e)
{
	size_t n = owners_of(tree, NULL, NULL), head = sizeof(struct item) + n * sizeof(struct tie);
	CLEANUP(item_destroy_p) struct item *i = calloc(1, head + owners_bytes(tree));
	if (!i)
		return error_set(e, RC_EXHAUSTED, "no memory for an object");
	i->ties_len = owners_of(tree, i->ties, (char *)i + head);
	for (size_t k = 0; k < n; k++)
		i->ties[k].item = i;
	enum result r = entry_from_tree(kind, "", tree, &i->entry, e);
	if (r != RC_OK)
		return r;
	i->o = &i->entry->o;
	i->pod = kind == KIND_POD ? pod_brief_create(tree) : NULL;
	if (kind == KIND_POD && !i->pod)
		return error_set(e, RC_EXHAUSTED, "no memory for a pod");
	*ret = TAKE(i);
	return RC_OK;
}

void item_destroy(struct item *i)
{
	if (!i)
		return;
	entry_free(i->entry);
	pod_brief_destroy(i->pod);
	free(i);
}

cJSON *item_tree(const struct item *i)
{
	cJSON *tree = NULL;
	if (json_parse(i->o->json, i->o->json_len, &tree, NULL) != RC_OK)
		return NULL;
	return tree;
}

/* ---- the graveyard ---- */

static void shelf_sweep(void *owner)
{
	struct shelf *s = owner;
	while (s->graves) {
		struct item *i = s->graves;
		s->graves = i->next;
		item_destroy(i);
	}
}

static void bury(struct shelf *s, struct item *i)
{
	i->next = s->graves;
	s->graves = i;
	loop_defer(s->loop, &s->sweep, shelf_sweep, s);
}

/* ---- owners ---- */

static struct owned *owned_find(const struct shelf *s, const char *uid)
{
	struct owned *w;
	HASH_FIND_STR(s->owned, uid, w);
	return w;
}

static struct owned *owned_get(struct shelf *s, const char *uid)
{
	size_t size = strlen(uid) + 1;
	struct owned *w = owned_find(s, uid);
	if (w || !(w = calloc(1, sizeof *w + size)))
		return w;
	memcpy(w->uid, uid, size);
	HASH_ADD_STR(s->owned, uid, w);
	return w;
}

/* Without memory for a tie the item is collected after the next start. */
static void tie_all(struct shelf *s, struct item *i)
{
	for (size_t k = 0; k < i->ties_len; k++) {
		struct tie *t = &i->ties[k];
		t->owner = owned_get(s, t->uid);
		if (t->owner)
			DL_APPEND(t->owner->ties, t);
	}
}

static void untie_all(struct shelf *s, struct item *i)
{
	for (size_t k = 0; k < i->ties_len; k++) {
		struct owned *w = i->ties[k].owner;
		if (!w)
			continue;
		assert(s->owned);
		DL_DELETE(w->ties, &i->ties[k]);
		i->ties[k].owner = NULL;
		if (!w->ties) {
			HASH_DEL(s->owned, w);
			free(w);
		}
	}
}

const struct tie *shelf_owned_by(const struct shelf *s, const char *uid)
{
	const struct owned *w = owned_find(s, uid);
	return w ? w->ties : NULL;
}

/* ---- the shelf ---- */

struct item *shelf_find(const struct shelf *s, enum kind kind, const char *ns, const char *name)
{
	char key[NAME_KEY_MAX];
	struct item *i = NULL;
	ns = ns ? ns : "";
	name = name ? name : "";
	size_t ns_size = strlen(ns) + 1, name_len = strlen(name);
	if (ns_size + name_len >= sizeof key)
		return NULL; /* nothing is called so */
	memcpy(key, ns, ns_size);
	memcpy(key + ns_size, name, name_len);
	HASH_FIND(by_name, s->by_name[kind], key, ns_size + name_len, i);
	return i;
}

struct item *shelf_find_uid(const struct shelf *s, const char *uid)
{
	struct item *i = NULL;
	HASH_FIND(by_uid, s->by_uid, uid, strlen(uid), i);
	return i;
}

static void unlink_item(struct shelf *s, struct item *i)
{
	assert(s->by_name[i->o->kind] && s->by_uid);
	HASH_DELETE(by_name, s->by_name[i->o->kind], i);
	HASH_DELETE(by_uid, s->by_uid, i);
	untie_all(s, i);
}

void shelf_put(struct shelf *s, struct item *i)
{
	struct item *old = shelf_find(s, i->o->kind, i->o->ns, i->o->name);
	if (old)
		shelf_remove(s, old);
	HASH_ADD_KEYPTR(by_name, s->by_name[i->o->kind], i->entry->key, i->entry->key_len, i);
	HASH_ADD_KEYPTR(by_uid, s->by_uid, i->o->uid, strlen(i->o->uid), i);
	tie_all(s, i);
}

void shelf_remove(struct shelf *s, struct item *i)
{
	unlink_item(s, i);
	bury(s, i);
}

void shelf_init(struct shelf *s, struct loop *l)
{
	*s = (struct shelf){ .loop = l };
}

void shelf_finish(struct shelf *s)
{
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		while (s->by_name[k]) {
			struct item *i = s->by_name[k];
			unlink_item(s, i);
			item_destroy(i);
		}
	}
	loop_defer_cancel(&s->sweep);
	shelf_sweep(s);
}

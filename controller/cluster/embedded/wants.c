#include "controller/cluster/embedded/wants.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/text.h"

enum { WISH_KEY_MAX = 1024 };

struct wish {
	UT_hash_handle hh;
	struct wish *prev, *next; /* of the fresh ones */
	enum kind kind;
	unsigned count;
	bool known;
	const char *ns, *name; /* "": all */
	size_t key_len;
	char key[]; /* the kind's letter, ns, NUL, name */
};

static size_t wish_key(char buf[WISH_KEY_MAX], enum kind kind, const char *ns, const char *name)
{
	size_t ns_size = strlen(ns) + 1, name_len = strlen(name);
	if (1 + ns_size + name_len + 1 > WISH_KEY_MAX)
		return 0;
	buf[0] = (char)('A' + (int)kind);
	memcpy(buf + 1, ns, ns_size);
	memcpy(buf + 1 + ns_size, name, name_len + 1);
	return 1 + ns_size + name_len;
}

static struct wish *wish_find(const struct wants *w, enum kind kind, const char *ns, const char *name)
{
	char key[WISH_KEY_MAX];
	struct wish *x = NULL;
	size_t len = wish_key(key, kind, ns ? ns : "", name ? name : "");
	if (len)
		HASH_FIND(hh, w->all, key, len, x);
	return x;
}

static bool is_known(const struct wants *w, enum kind kind, const char *ns, const char *name)
{
	const struct wish *x = wish_find(w, kind, ns, name);
	return x && x->known;
}

bool wants_see(const struct wants *w, enum kind kind, const char *ns, const char *name)
{
	return is_known(w, kind, ns, name) || is_known(w, kind, ns, "") || is_known(w, kind, "", "");
}

/* ---- telling ---- */

static void tell_settled(void *owner)
{
	struct wants *w = owner;
	if (w->cluster->settled)
		w->cluster->settled(w->cluster->changed_owner);
}

void wants_changed(struct wants *w, enum object_change what, const struct object *o)
{
	if (w->cluster->changed && wants_see(w, o->kind, o->ns, o->name))
		w->cluster->changed(w->cluster->changed_owner, what, o);
}

static bool wish_has(const struct wish *x, const struct object *o)
{
	return (!*x->ns || text_eq(x->ns, o->ns)) && (!*x->name || text_eq(x->name, o->name));
}

/* What x is the first to see; *ret_len of them, in memory of the caller's. */
static const struct object **wish_new_to(const struct wants *w, const struct wish *x, size_t *ret_len)
{
	struct item *i, *next;
	size_t n = 0, room = *x->name ? 1 : HASH_CNT(by_name, w->shelf->by_name[x->kind]);
	const struct object **seen = calloc(room + 1, sizeof(const struct object *));
	if (!seen)
		return NULL;
	if (*x->name) {
		i = shelf_find(w->shelf, x->kind, x->ns, x->name);
		if (i && !wants_see(w, x->kind, x->ns, x->name))
			seen[n++] = i->o;
	} else {
		HASH_ITER (by_name, w->shelf->by_name[x->kind], i, next) {
			if (wish_has(x, i->o) && !wants_see(w, x->kind, i->o->ns, i->o->name))
				seen[n++] = i->o;
		}
	}
	*ret_len = n;
	return seen;
}

/* Whoever is told may want and unwant: x is not touched any more once it is known. */
static bool wish_tell(struct wants *w, struct wish *x)
{
	size_t n = 0;
	const struct object **seen = wish_new_to(w, x, &n);
	if (!seen)
		return false;
	DL_DELETE(w->fresh, x);
	x->known = true;
	for (size_t i = 0; i < n; i++)
		wants_changed(w, OBJECT_ADDED, seen[i]);
	free(seen);
	return true;
}

static struct wish *next_fresh(const struct wants *w)
{
	struct wish *x;
	DL_FOREACH(w->fresh, x)
	{
		if (x->kind == KIND_CANARY)
			return x;
	}
	return w->fresh;
}

static void tell_fresh(void *owner)
{
	struct wants *w = owner;
	struct wish *x;
	while ((x = next_fresh(w))) {
		if (!wish_tell(w, x)) {
			log_warn("objects_not_told", "kind=%s why=no memory", kind_name(x->kind));
			loop_defer(w->loop, &w->tell, tell_fresh, w);
			return;
		}
	}
	loop_defer(w->loop, &w->settle, tell_settled, w);
}

/* ---- doors ---- */

void wants_add(struct wants *w, enum kind kind, const char *ns, const char *name)
{
	char key[WISH_KEY_MAX];
	ns = ns ? ns : "";
	name = name ? name : "";
	struct wish *x = wish_find(w, kind, ns, name);
	size_t len = wish_key(key, kind, ns, name);
	if (!x && len)
		x = calloc(1, sizeof *x + len + 1);
	if (!x || x->count++)
		return;
	memcpy(x->key, key, len + 1);
	x->key_len = len;
	x->kind = kind;
	x->ns = x->key + 1;
	x->name = x->ns + strlen(x->ns) + 1;
	HASH_ADD_KEYPTR(hh, w->all, x->key, x->key_len, x);
	DL_APPEND(w->fresh, x);
	if (w->started)
		loop_defer(w->loop, &w->tell, tell_fresh, w);
}

void wants_remove(struct wants *w, enum kind kind, const char *ns, const char *name)
{
	struct wish *x = wish_find(w, kind, ns, name);
	if (!x || --x->count)
		return;
	if (!x->known)
		DL_DELETE(w->fresh, x);
	HASH_DEL(w->all, x);
	free(x);
}

bool wants_synced(const struct wants *w, enum kind kind)
{
	const struct wish *x;
	bool synced = w->started;
	DL_FOREACH(w->fresh, x)
	{
		if (x->kind == kind || x->kind == KIND_CANARY)
			synced = false;
	}
	return synced;
}

void wants_start(struct wants *w)
{
	w->started = true;
	loop_defer(w->loop, &w->tell, tell_fresh, w);
}

void wants_init(struct wants *w, struct loop *l, struct shelf *shelf, struct cluster *c)
{
	*w = (struct wants){ .loop = l, .shelf = shelf, .cluster = c };
}

void wants_finish(struct wants *w)
{
	loop_defer_cancel(&w->tell);
	loop_defer_cancel(&w->settle);
	while (w->all) {
		struct wish *x = w->all;
		HASH_DEL(w->all, x);
		free(x);
	}
}

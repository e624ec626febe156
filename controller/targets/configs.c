#include "controller/targets/configs.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/core/revision.h"
#include "controller/targets/config_refs.h"
#include "controller/targets/deployment.h"

#define COPY_SUFFIX "-primary"
#define OPT_OUT_PATH "metadata.annotations.flagger\\.app/config-tracking"

static bool makes_copies(const struct plan *p)
{
	return p->options->track_configs && text_empty(p->canary->source.name);
}

static const char *kind_word(enum kind k)
{
	return k == KIND_SECRET ? "secret" : "configmap";
}

static const char *copy_name(const struct plan *p, const char *name)
{
	return arena_printf(p->arena, "%s" COPY_SUFFIX, name);
}

/* NULL: not the name of a copy (or no memory). */
static const char *original_name(const struct plan *p, const char *name)
{
	size_t n = strlen(name), suffix = strlen(COPY_SUFFIX);
	if (n <= suffix || !text_ends(name, COPY_SUFFIX))
		return NULL;
	return arena_strndup(p->arena, name, n - suffix);
}

/* ---- which objects are followed ---- */

static bool is_followed(enum kind kind, const cJSON *object)
{
	static const char *const types[] = { "Opaque", "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth",
					     "kubernetes.io/tls" };
	if (text_starts(json_text(object, OPT_OUT_PATH, ""), "disable"))
		return false;
	if (kind != KIND_SECRET)
		return true;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (text_eq(json_text(object, "type", "Opaque"), types[i]))
			return true;
	return false;
}

/* *ret: the object, for the caller to delete; NULL when it is not followed. */
static enum result read_followed(const struct plan *p, const struct config_ref *r, cJSON **ret, struct error *e)
{
	const char *ns = p->canary->ns;
	if (!cluster_find(p->cluster, r->kind, ns, r->name)) {
		*ret = NULL;
		if (!cluster_known(p->cluster, r->kind, ns, r->name))
			return error_set(e, RC_CONFLICT, "%s %s.%s has not been looked up yet", kind_word(r->kind),
					 r->name, ns);
		if (r->optional)
			return RC_OK;
		return error_set(e, RC_INVALID, "GetTargetConfigs failed: %s %s.%s get query error: not found",
				 kind_word(r->kind), r->name, ns);
	}
	CLEANUP(json_delete_p) cJSON *object = plan_tree(p, r->kind, ns, r->name);
	if (!object)
		return error_set(e, RC_EXHAUSTED, "no memory for %s %s.%s", kind_word(r->kind), r->name, ns);
	*ret = is_followed(r->kind, object) ? TAKE(object) : NULL;
	return RC_OK;
}

/* ---- checksums ---- */

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

enum result configs_sums(const struct plan *p, const cJSON *target, struct pairs *ret, struct error *e)
{
	struct config_refs refs;
	enum result rc = config_refs_find(json_at(target, "spec.template"), p->arena, &refs, e);
	if (rc != RC_OK)
		return rc;
	struct pair *at = arena_alloc(p->arena, refs.count + 1, sizeof *at);
	if (!at)
		return error_set(e, RC_EXHAUSTED, "no memory for checksums");
	size_t n = 0;
	for (size_t i = 0; i < refs.count; i++) {
		CLEANUP(json_delete_p) cJSON *object = NULL;
		rc = read_followed(p, &refs.at[i], &object, e);
		if (rc != RC_OK)
			return rc;
		if (!object)
			continue;
		const char *key = arena_printf(p->arena, "%s/%s", kind_word(refs.at[i].kind), refs.at[i].name);
		const char *sum = config_checksum(json_at(object, "data"), p->arena);
		if (!key || text_empty(sum))
			return error_set(e, RC_EXHAUSTED, "no memory for checksums");
		at[n++] = (struct pair){ .key = key, .value = sum };
	}
	qsort(at, n, sizeof *at, by_key);
	*ret = (struct pairs){ .at = at, .count = n };
	return RC_OK;
}

enum result configs_observe(const struct plan *p, const cJSON *target, struct observed *o, struct error *e)
{
	if (!p->options->track_configs)
		return RC_OK;
	struct error why;
	o->configs_tracked = true;
	enum result rc = configs_sums(p, target, &o->configs, &why);
	if (rc == RC_OK)
		return RC_OK;
	if (rc != RC_INVALID)
		return error_set(e, rc, "%s", why.text);
	o->configs_error = arena_strdup(p->arena, why.text);
	return o->configs_error ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for what is observed");
}

static bool same_pairs(const struct pairs *a, const struct pairs *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (by_key(&a->at[i], &b->at[i]) != 0 || !text_eq(a->at[i].value, b->at[i].value))
			return false;
	return true;
}

enum result configs_expect(const struct plan *p, const cJSON *target, const struct pairs *wanted, struct error *e)
{
	struct pairs now = { 0 };
	if (!wanted)
		return RC_OK;
	enum result rc = configs_sums(p, target, &now, e);
	if (rc != RC_OK || same_pairs(&now, wanted))
		return rc;
	return error_set(e, RC_CONFLICT, "configuration of deployment %s.%s changed while it was being promoted",
			 p->canary->target.name, p->canary->ns);
}

/* ---- owners of a copy ---- */

static bool is_this_canary(const struct plan *p, const cJSON *owner)
{
	return text_eq(json_text(owner, "kind", ""), "Canary") &&
	       text_eq(json_text(owner, "name", ""), p->canary->name);
}

static bool owns(const struct plan *p, const cJSON *copy)
{
	const cJSON *owner;
	cJSON_ArrayForEach (owner, json_at(copy, "metadata.ownerReferences")) {
		if (is_this_canary(p, owner))
			return true;
	}
	return false;
}

/* The owners of a copy besides this Canary. Only one may be its controller: this Canary while it is an owner, after it
 * another Canary. */
static bool add_other_owners(const struct plan *p, const cJSON *copy, cJSON *list, bool hand_over)
{
	const cJSON *owner;
	cJSON_ArrayForEach (owner, json_at(copy, "metadata.ownerReferences")) {
		if (is_this_canary(p, owner))
			continue;
		cJSON *kept = cJSON_Duplicate(owner, true);
		if (!kept || !cJSON_AddItemToArray(list, kept)) {
			cJSON_Delete(kept);
			return false;
		}
		bool heir = hand_over && text_eq(json_text(kept, "kind", ""), "Canary");
		bool was = json_bool(kept, "controller", false);
		hand_over = hand_over && !heir;
		if (was != heir && !json_put(kept, "controller", cJSON_CreateBool(heir)))
			return false;
	}
	return true;
}

/* ---- copies ---- */

static bool put_part(cJSON *to, const char *path, const cJSON *from)
{
	const cJSON *v = json_at(from, path);
	return !v || json_put(to, path, cJSON_Duplicate(v, true));
}

static cJSON *wanted_copy(const struct plan *p, enum kind kind, const char *name, const cJSON *original,
			  const cJSON *is)
{
	CLEANUP(json_delete_p) cJSON *copy = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *metadata = plan_metadata(p, name);
	cJSON *labels = cJSON_GetObjectItemCaseSensitive(metadata, "labels");
	cJSON *owners = cJSON_GetObjectItemCaseSensitive(metadata, "ownerReferences");
	bool ok = copy && metadata && metadata_copy_by_prefix(p, json_at(original, "metadata.labels"), labels) &&
		  add_other_owners(p, is, owners, false) && json_put_text(copy, "apiVersion", "v1") &&
		  json_put_text(copy, "kind", kind_name(kind)) && json_put(copy, "metadata", TAKE(metadata)) &&
		  put_part(copy, "data", original) && (kind != KIND_SECRET || put_part(copy, "type", original));
	return ok ? TAKE(copy) : NULL;
}

/* The list of owners is one value to a merge patch, so it carries the version that it was read from. */
static bool patch_versioned(struct plan *p, enum kind kind, const char *name, const cJSON *is, cJSON *patch)
{
	return json_put_text(patch, "metadata.resourceVersion", json_text(is, "metadata.resourceVersion", "")) &&
	       plan_patch(p, kind, p->canary->ns, name, patch);
}

static bool update_copy(struct plan *p, enum kind kind, const char *name, const cJSON *is, const cJSON *wanted)
{
	static const char *const parts[] = { "metadata.labels", "metadata.ownerReferences", "data" };
	CLEANUP(json_delete_p) cJSON *was = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *now = cJSON_CreateObject();
	bool oom = !was || !now;
	for (size_t i = 0; i < sizeof parts / sizeof *parts && !oom; i++)
		oom = !put_part(was, parts[i], is) || !put_part(now, parts[i], wanted);
	CLEANUP(json_delete_p) cJSON *patch = oom ? NULL : json_diff_merge(was, now, &oom);
	return !oom && (!patch || patch_versioned(p, kind, name, is, patch));
}

static bool write_copy(struct plan *p, const struct config_ref *r, const cJSON *original)
{
	const char *ns = p->canary->ns, *name = copy_name(p, r->name);
	if (!name)
		return false;
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, r->kind, ns, name);
	CLEANUP(json_delete_p) cJSON *wanted = wanted_copy(p, r->kind, name, original, is);
	if (!wanted)
		return false;
	if (!is)
		return plan_create(p, r->kind, ns, name, wanted);
	/* The API does not let the type of a Secret change. */
	if (!text_eq(json_text(is, "type", ""), json_text(wanted, "type", "")))
		return plan_delete(p, r->kind, ns, name, json_text(is, "metadata.uid", "")) &&
		       plan_create(p, r->kind, ns, name, wanted);
	return update_copy(p, r->kind, name, is, wanted);
}

enum result configs_copy(struct plan *p, const cJSON *target, struct error *e)
{
	struct config_refs refs;
	if (!makes_copies(p))
		return RC_OK;
	enum result rc = config_refs_find(json_at(target, "spec.template"), p->arena, &refs, e);
	for (size_t i = 0; rc == RC_OK && i < refs.count; i++) {
		CLEANUP(json_delete_p) cJSON *object = NULL;
		rc = read_followed(p, &refs.at[i], &object, e);
		if (rc == RC_OK && object && !write_copy(p, &refs.at[i], object))
			rc = error_set(e, RC_EXHAUSTED, "no room for a copy of %s %s.%s", kind_word(refs.at[i].kind),
				       refs.at[i].name, p->canary->ns);
	}
	return rc;
}

/* ---- names in a template ---- */

struct renaming {
	const struct plan *plan;
	struct config_refs refs; /* of what is followed; to copies only */
};

static bool to_copy(void *owner, enum kind kind, cJSON *name, bool optional)
{
	struct renaming *n = owner;
	(void)optional;
	for (size_t i = 0; i < n->refs.count; i++) {
		if (n->refs.at[i].kind != kind || !text_eq(n->refs.at[i].name, name->valuestring))
			continue;
		const char *copy = copy_name(n->plan, name->valuestring);
		return copy && cJSON_SetValuestring(name, copy);
	}
	return true;
}

bool configs_to_copies(const struct plan *p, cJSON *template_)
{
	struct config_refs all;
	struct renaming n = { .plan = p };
	if (!makes_copies(p))
		return true;
	if (config_refs_find(template_, p->arena, &all, NULL) != RC_OK)
		return false;
	for (size_t i = 0; i < all.count; i++) {
		CLEANUP(json_delete_p) cJSON *object = NULL;
		if (read_followed(p, &all.at[i], &object, NULL) == RC_EXHAUSTED)
			return false;
		if (object && !config_refs_add(&n.refs, p->arena, &all.at[i]))
			return false;
	}
	return config_refs_each(template_, to_copy, &n);
}

/* A copy is known by its owner; one that somebody deleted, by what it was made from. */
static bool is_copy(const struct plan *p, enum kind kind, const char *name, const char *original)
{
	const struct object *o = cluster_find(p->cluster, kind, p->canary->ns, name);
	if (!o)
		return cluster_find(p->cluster, kind, p->canary->ns, original) != NULL;
	if (!text_empty(o->owner_uid) && text_eq(o->owner_uid, p->canary->uid))
		return true;
	CLEANUP(json_delete_p) cJSON *is = plan_tree(p, kind, p->canary->ns, name);
	return owns(p, is);
}

static bool to_original(void *owner, enum kind kind, cJSON *name, bool optional)
{
	const struct renaming *n = owner;
	(void)optional;
	const char *original = original_name(n->plan, name->valuestring);
	if (!original || !is_copy(n->plan, kind, name->valuestring, original))
		return true;
	return cJSON_SetValuestring(name, original) != NULL;
}

bool configs_to_originals(const struct plan *p, cJSON *template_)
{
	struct renaming n = { .plan = p };
	return !text_empty(p->canary->source.name) || config_refs_each(template_, to_original, &n);
}

enum result configs_known(const struct plan *p, const cJSON *source, struct error *e)
{
	struct config_refs refs;
	enum result rc = config_refs_find(json_at(source, "spec.template"), p->arena, &refs, e);
	for (size_t i = 0; rc == RC_OK && i < refs.count; i++) {
		const struct config_ref *r = &refs.at[i];
		const char *original = original_name(p, r->name), *ns = p->canary->ns;
		if (original && (!cluster_known(p->cluster, r->kind, ns, r->name) ||
				 !cluster_known(p->cluster, r->kind, ns, original)))
			rc = error_set(e, RC_CONFLICT, "%s %s.%s has not been looked up yet", kind_word(r->kind),
				       r->name, ns);
	}
	return rc;
}

/* ---- what is needed, and the end ---- */

static bool add_copy(const struct plan *p, struct config_refs *names, enum kind kind, const char *original)
{
	struct config_ref r = { .kind = kind, .name = original ? copy_name(p, original) : NULL };
	return r.name && config_refs_add(names, p->arena, &r);
}

static bool add_recorded(const struct plan *p, struct config_refs *names)
{
	static const enum kind kinds[] = { KIND_CONFIG_MAP, KIND_SECRET };
	const struct pairs *then = &p->canary->status.tracked_configs;
	for (size_t i = 0; i < then->count; i++) {
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			const char *word = kind_word(kinds[k]), *key = then->at[i].key;
			size_t n = strlen(word);
			if (text_starts(key, word) && key[n] == '/' && key[n + 1] &&
			    !add_copy(p, names, kinds[k], key + n + 1))
				return false;
		}
	}
	return true;
}

/* Every name that a copy of this Canary may have, also after tracking has been switched off: from both templates, and
 * from the status when they have gone. */
static bool find_copy_names(const struct plan *p, const struct config_refs *of_target, struct config_refs *ret)
{
	const struct canary *c = p->canary;
	struct config_refs names = { 0 }, of_source;
	if (!text_empty(c->source.name)) {
		*ret = names;
		return true;
	}
	CLEANUP(json_delete_p) cJSON *source = plan_tree(p, KIND_DEPLOYMENT, c->ns, c->source_name);
	bool ok = config_refs_find(json_at(source, "spec.template"), p->arena, &of_source, NULL) == RC_OK &&
		  add_recorded(p, &names);
	for (size_t i = 0; ok && i < of_target->count; i++)
		ok = add_copy(p, &names, of_target->at[i].kind, of_target->at[i].name);
	for (size_t i = 0; ok && i < of_source.count; i++)
		if (original_name(p, of_source.at[i].name))
			ok = config_refs_add(&names, p->arena, &of_source.at[i]);
	if (ok)
		*ret = names;
	return ok;
}

/* false: no memory. */
static bool find_names(const struct plan *p, struct config_refs *of_target, struct config_refs *copies)
{
	CLEANUP(json_delete_p) cJSON *target = NULL;
	if (p->options->track_configs)
		target = plan_tree(p, KIND_DEPLOYMENT, p->canary->ns, p->canary->target.name);
	return config_refs_find(json_at(target, "spec.template"), p->arena, of_target, NULL) == RC_OK &&
	       find_copy_names(p, of_target, copies);
}

/* Without memory nothing is wanted; then what is not known stops whoever needs it. */
void configs_want(const struct plan *p, void (*want)(void *owner, enum kind kind, const char *ns, const char *name),
		  void *owner)
{
	struct config_refs of_target, copies;
	if (!find_names(p, &of_target, &copies))
		return;
	for (size_t i = 0; i < of_target.count; i++)
		want(owner, of_target.at[i].kind, p->canary->ns, of_target.at[i].name);
	for (size_t i = 0; i < copies.count; i++) {
		want(owner, copies.at[i].kind, p->canary->ns, copies.at[i].name);
		want(owner, copies.at[i].kind, p->canary->ns, original_name(p, copies.at[i].name));
	}
}

static bool let_go(struct plan *p, const struct config_ref *r, const cJSON *is)
{
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *others = cJSON_CreateArray();
	if (!patch || !others || !add_other_owners(p, is, others, plan_is_ours(p, is)))
		return false;
	if (!others->child && plan_is_ours(p, is))
		return plan_delete(p, r->kind, p->canary->ns, r->name, json_text(is, "metadata.uid", ""));
	return json_put(patch, "metadata.ownerReferences", TAKE(others)) &&
	       patch_versioned(p, r->kind, r->name, is, patch);
}

bool configs_leftover(const struct plan *p)
{
	struct config_refs of_target, copies;
	if (!find_names(p, &of_target, &copies))
		return true;
	for (size_t i = 0; i < copies.count; i++) {
		CLEANUP(json_delete_p) cJSON *is = plan_tree(p, copies.at[i].kind, p->canary->ns, copies.at[i].name);
		if (owns(p, is))
			return true;
	}
	return false;
}

enum result configs_delete_ours(struct plan *p, struct error *e)
{
	struct config_refs of_target, copies;
	if (!find_names(p, &of_target, &copies))
		return error_set(e, RC_EXHAUSTED, "no memory for the names of copies");
	for (size_t i = 0; i < copies.count; i++) {
		CLEANUP(json_delete_p) cJSON *is = plan_tree(p, copies.at[i].kind, p->canary->ns, copies.at[i].name);
		if (owns(p, is) && !let_go(p, &copies.at[i], is))
			return error_set(e, RC_EXHAUSTED, "no room for the deletion of %s %s.%s",
					 kind_word(copies.at[i].kind), copies.at[i].name, p->canary->ns);
	}
	return RC_OK;
}

/* The end of a Canary: everything that it created goes, everything of the user's stays without a mark of ours. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/targets/configs.h"
#include "controller/targets/deployment.h"
#include "controller/targets/scaler.h"

static const char *finalizer_of(const struct canary *c)
{
	return c->extension ? "rollcall.dev/give-back" : "finalizer.flagger.app";
}

static bool has_finalizer(const struct canary *c, const char *name)
{
	for (const char *const *f = c->finalizers; f && *f; f++)
		if (text_eq(*f, name))
			return true;
	return false;
}

/* The list is one value to a merge patch, so it carries the version that it was read from. */
static enum result set_finalizer(struct plan *p, bool present, struct error *e)
{
	const struct canary *c = p->canary;
	const char *ours = finalizer_of(c);
	if (has_finalizer(c, ours) == present)
		return RC_OK;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	cJSON *list = cJSON_CreateArray();
	bool ok = patch && list;
	for (const char *const *f = c->finalizers; ok && f && *f; f++)
		if (!text_eq(*f, ours))
			ok = cJSON_AddItemToArray(list, cJSON_CreateString(*f));
	if (ok && present)
		ok = cJSON_AddItemToArray(list, cJSON_CreateString(ours));
	if (!ok || !json_put(patch, "metadata.finalizers", list) ||
	    !json_put_text(patch, "metadata.resourceVersion", c->resource_version) ||
	    !plan_patch(p, KIND_CANARY, c->ns, c->name, patch))
		return error_set(e, RC_EXHAUSTED, "no memory for the finalizer");
	return RC_OK;
}

struct owned_name {
	enum kind kind;
	const char *name;
};

enum { OWNED_MAX = 5 };

static size_t owned_names(const struct plan *p, struct owned_name names[OWNED_MAX])
{
	const struct canary *c = p->canary;
	size_t n = 0;
	if (text_empty(c->source.name))
		names[n++] = (struct owned_name){ KIND_DEPLOYMENT, c->source_name };
	names[n++] = (struct owned_name){ KIND_SERVICE, arena_printf(p->arena, "%s-primary", c->service.name) };
	names[n++] = (struct owned_name){ KIND_SERVICE, arena_printf(p->arena, "%s-canary", c->service.name) };
	names[n++] = (struct owned_name){ KIND_SERVICE, c->service.name };
	if (scaler_copy(p, &names[n].kind, &names[n].name))
		n++;
	return n;
}

bool giveback_leftovers(const struct plan *p)
{
	struct owned_name names[OWNED_MAX];
	size_t n = owned_names(p, names);
	for (size_t i = 0; i < n; i++) {
		CLEANUP(json_delete_p) cJSON *is = plan_tree(p, names[i].kind, p->canary->ns, names[i].name);
		if (is && plan_is_ours(p, is))
			return true;
	}
	return configs_leftover(p);
}

static enum result delete_ours(struct plan *p, struct error *e)
{
	struct owned_name names[OWNED_MAX];
	size_t n = owned_names(p, names);
	/* First, because the primary's template says what they are called. */
	enum result rc = configs_delete_ours(p, e);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < n; i++) {
		CLEANUP(json_delete_p) cJSON *is = plan_tree(p, names[i].kind, p->canary->ns, names[i].name);
		if (!is || !plan_is_ours(p, is))
			continue;
		if (!plan_delete(p, names[i].kind, p->canary->ns, names[i].name, json_text(is, "metadata.uid", "")))
			return error_set(e, RC_EXHAUSTED, "no memory for a deletion");
	}
	return RC_OK;
}

enum result giveback_effect(struct plan *p, enum effect_kind kind, struct error *e)
{
	switch (kind) {
	case EFFECT_ADD_FINALIZER:
		return set_finalizer(p, true, e);
	case EFFECT_REMOVE_FINALIZER:
		return set_finalizer(p, false, e);
	case EFFECT_DELETE_OURS:
		return delete_ours(p, e);
	default:
		if (p->canary->deleting)
			return RC_OK;
		if (!plan_delete(p, KIND_CANARY, p->canary->ns, p->canary->name, p->canary->uid))
			return error_set(e, RC_EXHAUSTED, "no memory for a deletion");
		return RC_OK;
	}
}

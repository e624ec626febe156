#include "controller/plan.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

static bool plan_add(struct plan *p, const struct write *w, const cJSON *body)
{
	if (p->count >= PLAN_MAX)
		return false;
	char *text = body ? json_print(body) : NULL;
	const char *kept = body ? arena_strdup(p->arena, text) : NULL;
	free(text);
	if (body && !kept)
		return false;
	struct write *at = &p->writes[p->count];
	*at = *w;
	at->ns = arena_strdup(p->arena, w->ns);
	at->name = arena_strdup(p->arena, w->name);
	at->body = kept;
	at->subresource = "";
	if (!at->ns || !at->name)
		return false;
	p->count++;
	return true;
}

bool plan_create(struct plan *p, enum kind kind, const char *ns, const char *name, const cJSON *object)
{
	return object &&
	       plan_add(p, &(struct write){ .verb = WRITE_CREATE, .kind = kind, .ns = ns, .name = name }, object);
}

bool plan_patch(struct plan *p, enum kind kind, const char *ns, const char *name, const cJSON *patch)
{
	return patch &&
	       plan_add(p, &(struct write){ .verb = WRITE_PATCH, .kind = kind, .ns = ns, .name = name }, patch);
}

bool plan_delete(struct plan *p, enum kind kind, const char *ns, const char *name, const char *uid)
{
	/* The uid is a precondition: an object of that name which somebody made meanwhile is not ours to delete. */
	CLEANUP(json_delete_p) cJSON *options = cJSON_CreateObject();
	bool ok = options && json_put_text(options, "kind", "DeleteOptions") &&
		  json_put_text(options, "apiVersion", "v1") &&
		  json_put_text(options, "propagationPolicy", "Background") &&
		  (text_empty(uid) || json_put_text(options, "preconditions.uid", uid));
	return ok &&
	       plan_add(p, &(struct write){ .verb = WRITE_DELETE, .kind = kind, .ns = ns, .name = name }, options);
}

cJSON *plan_tree(const struct plan *p, enum kind kind, const char *ns, const char *name)
{
	const struct object *o = cluster_find(p->cluster, kind, ns, name);
	cJSON *tree = NULL;
	if (o && json_parse(o->json, o->json_len, &tree, NULL) != RC_OK)
		return NULL;
	return tree;
}

cJSON *plan_metadata(const struct plan *p, const char *name)
{
	const struct canary *c = p->canary;
	CLEANUP(json_delete_p) cJSON *m = cJSON_CreateObject();
	cJSON *owner = cJSON_CreateObject();
	cJSON *owners = cJSON_CreateArray();
	bool ok = m && owner && owners && json_put_text(m, "name", name) && json_put_text(m, "namespace", c->ns) &&
		  json_put_text(m, "labels.app\\.kubernetes\\.io/managed-by", "rollcall") &&
		  json_put_text(owner, "apiVersion", "flagger.app/v1beta1") && json_put_text(owner, "kind", "Canary") &&
		  json_put_text(owner, "name", c->name) && json_put_text(owner, "uid", c->uid) &&
		  json_put(owner, "controller", cJSON_CreateTrue()) &&
		  json_put(owner, "blockOwnerDeletion", cJSON_CreateTrue());
	if (!ok) {
		cJSON_Delete(owner);
		cJSON_Delete(owners);
		return NULL;
	}
	cJSON_AddItemToArray(owners, owner);
	if (!json_put(m, "ownerReferences", owners))
		return NULL;
	return TAKE(m);
}

bool plan_is_ours(const struct plan *p, const cJSON *object)
{
	const cJSON *owner;
	cJSON_ArrayForEach (owner, json_at(object, "metadata.ownerReferences")) {
		if (json_bool(owner, "controller", false) && text_eq(json_text(owner, "kind", ""), "Canary") &&
		    text_eq(json_text(owner, "name", ""), p->canary->name))
			return true;
	}
	return false;
}

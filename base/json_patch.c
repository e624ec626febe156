/* JSON merge patches (RFC 7386): applying one, and finding the one between two values. */
#include "base/json.h"

static bool merge_members(cJSON *object, const cJSON *patch);

/* What a patch makes of nothing: itself, without its nulls. */
static cJSON *fresh(const cJSON *patch)
{
	if (!cJSON_IsObject(patch))
		return cJSON_Duplicate(patch, true);
	CLEANUP(json_delete_p) cJSON *object = cJSON_CreateObject();
	if (!object || !merge_members(object, patch))
		return NULL;
	return TAKE(object);
}

static bool set_member(cJSON *object, const char *name, cJSON *value)
{
	if (!value)
		return false;
	bool ok = cJSON_GetObjectItemCaseSensitive(object, name)
			  ? cJSON_ReplaceItemInObjectCaseSensitive(object, name, value)
			  : cJSON_AddItemToObject(object, name, value);
	if (!ok)
		cJSON_Delete(value);
	return ok;
}

static bool merge_members(cJSON *object, const cJSON *patch)
{
	for (const cJSON *change = patch->child; change; change = change->next) {
		cJSON *old = cJSON_GetObjectItemCaseSensitive(object, change->string);
		if (cJSON_IsNull(change)) {
			if (old)
				cJSON_Delete(cJSON_DetachItemViaPointer(object, old));
		} else if (cJSON_IsObject(change) && cJSON_IsObject(old)) {
			if (!merge_members(old, change))
				return false;
		} else if (!set_member(object, change->string, fresh(change))) {
			return false;
		}
	}
	return true;
}

bool json_merge_patch(cJSON **target, const cJSON *patch)
{
	if (cJSON_IsObject(patch) && cJSON_IsObject(*target))
		return merge_members(*target, patch);
	cJSON *value = fresh(patch);
	if (!value)
		return false;
	cJSON_Delete(*target);
	*target = value;
	return true;
}

/* Adds name: value to *patch, which is made when it is NULL. Takes value over, also on failure. */
static bool note_change(cJSON **patch, const char *name, cJSON *value)
{
	if (value && !*patch)
		*patch = cJSON_CreateObject();
	if (value && *patch && cJSON_AddItemToObject(*patch, name, value))
		return true;
	cJSON_Delete(value);
	return false;
}

static bool diff_objects(const cJSON *from, const cJSON *to, cJSON **patch);

static bool diff_member(const cJSON *old, const cJSON *new, cJSON **patch)
{
	if (!cJSON_IsObject(old) || !cJSON_IsObject(new))
		return json_equal(old, new) || note_change(patch, new->string, cJSON_Duplicate(new, true));
	cJSON *inner = NULL;
	if (diff_objects(old, new, &inner))
		return !inner || note_change(patch, new->string, inner);
	cJSON_Delete(inner);
	return false;
}

/* A null in to means "missing", as a patch cannot say anything else; json_equal agrees. */
static bool diff_objects(const cJSON *from, const cJSON *to, cJSON **patch)
{
	for (const cJSON *old = from->child; old; old = old->next)
		if (!cJSON_GetObjectItemCaseSensitive(to, old->string) &&
		    !note_change(patch, old->string, cJSON_CreateNull()))
			return false;
	for (const cJSON *new = to->child; new; new = new->next)
		if (!diff_member(cJSON_GetObjectItemCaseSensitive(from, new->string), new, patch))
			return false;
	return true;
}

cJSON *json_diff_merge(const cJSON *from, const cJSON *to, bool *oom)
{
	*oom = false;
	cJSON *patch = NULL;
	if (cJSON_IsObject(from) && cJSON_IsObject(to)) {
		if (!diff_objects(from, to, &patch)) {
			cJSON_Delete(patch);
			patch = NULL;
			*oom = true;
		}
		return patch;
	}
	if (json_equal(from, to))
		return NULL;
	patch = to ? cJSON_Duplicate(to, true) : cJSON_CreateNull();
	*oom = !patch;
	return patch;
}

#include "controller/cluster/embedded/three_way.h"

#include <string.h>

#include "base/json.h"

#define LAST_APPLIED_PATH "metadata.annotations.kubectl\\.kubernetes\\.io/last-applied-configuration"

/* A map of metadata that the manifest no longer has at all loses what the manifest had put there, and no more: others
 * label and annotate too. Elsewhere a part that was left out is left out as a whole, so that defaults come back. */
static void drop_left_out(cJSON *current, const cJSON *original, const cJSON *modified, bool shared)
{
	for (const cJSON *was = original->child; was; was = was->next) {
		cJSON *is = cJSON_GetObjectItemCaseSensitive(current, was->string);
		const cJSON *wanted = cJSON_GetObjectItemCaseSensitive(modified, was->string);
		bool maps = cJSON_IsObject(is) && cJSON_IsObject(was);
		bool enter = maps && (wanted ? cJSON_IsObject(wanted) : shared);
		if (enter)
			drop_left_out(is, was, wanted, shared || strcmp(was->string, "metadata") == 0);
		if (is && !wanted && (!enter || !is->child))
			cJSON_Delete(cJSON_DetachItemViaPointer(current, is));
	}
}

bool three_way_merge(cJSON **current, const cJSON *original, const cJSON *modified)
{
	if (cJSON_IsObject(*current) && cJSON_IsObject(original) && cJSON_IsObject(modified))
		drop_left_out(*current, original, modified, false);
	return json_merge_patch(current, modified);
}

cJSON *three_way_remembered(const cJSON *manifest)
{
	CLEANUP(json_delete_p) cJSON *whole = cJSON_Duplicate(manifest, true);
	if (!whole)
		return NULL;
	cJSON_DeleteItemFromObjectCaseSensitive(whole, "status");
	json_remove(whole, "metadata.managedFields");
	json_remove(whole, LAST_APPLIED_PATH);
	CLEANUP(free_p) char *text = json_print(whole);
	if (!text || !json_put_text(whole, LAST_APPLIED_PATH, text))
		return NULL;
	return TAKE(whole);
}

cJSON *three_way_original(const cJSON *object)
{
	const char *text = json_text(object, LAST_APPLIED_PATH, "");
	cJSON *original = NULL;
	if (json_parse(text, strlen(text), &original, NULL) != RC_OK)
		return NULL;
	return original;
}

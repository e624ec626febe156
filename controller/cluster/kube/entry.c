#include "controller/cluster/kube/entry.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/cluster/kube/path.h"

enum { KEPT_STRINGS = 6 };

/* ---- resource versions ---- */

static const char *decimal(const char *s, size_t *ret_len)
{
	size_t len = strspn(s, "0123456789");
	if (len == 0 || s[len])
		return NULL;
	while (len > 1 && *s == '0')
		s++, len--;
	*ret_len = len;
	return s;
}

int rv_compare(const char *a, const char *b)
{
	size_t a_len, b_len;
	const char *x = decimal(a, &a_len), *y = decimal(b, &b_len);
	if (!x || !y)
		return strcmp(a, b) == 0 ? 0 : RV_UNORDERED;
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	int order = memcmp(x, y, a_len);
	return order < 0 ? -1 : order > 0;
}

/* ---- what is taken out of the tree ---- */

static const char *controlling_owner(const cJSON *metadata)
{
	const cJSON *owner;
	cJSON_ArrayForEach (owner, json_at(metadata, "ownerReferences")) {
		if (json_bool(owner, "controller", false))
			return json_text(owner, "uid", "");
	}
	return "";
}

/* Times have whole seconds: of two writers in one second the later entry counts. */
static const char *template_writer(const cJSON *metadata)
{
	const char *manager = "", *latest = "";
	const cJSON *field;
	cJSON_ArrayForEach (field, json_at(metadata, "managedFields")) {
		const char *time = json_text(field, "time", "");
		if (!json_at(field, "fieldsV1.f:spec.f:template") || strcmp(time, latest) < 0)
			continue;
		latest = time;
		manager = json_text(field, "manager", "");
	}
	return manager;
}

static bool prepend_text(cJSON *tree, const char *key, const char *value)
{
	if (cJSON_GetObjectItemCaseSensitive(tree, key))
		return true;
	cJSON *item = cJSON_CreateString(value);
	if (!item || !cJSON_AddItemToObject(tree, key, item)) {
		cJSON_Delete(item);
		return false;
	}
	cJSON *moved = cJSON_DetachItemViaPointer(tree, item);
	return moved && cJSON_InsertItemInArray(tree, 0, moved);
}

/* ---- one piece of memory ---- */

static const char *entry_keep(char **at, const char *s)
{
	size_t size = strlen(s) + 1;
	char *kept = memcpy(*at, s, size);
	*at += size;
	return kept;
}

static struct entry *entry_build(enum kind kind, const cJSON *metadata, const char *manager, const char *json)
{
	const char *const strings[KEPT_STRINGS] = {
		json_text(metadata, "namespace", ""), json_text(metadata, "name", ""),
		json_text(metadata, "uid", ""),       json_text(metadata, "resourceVersion", ""),
		controlling_owner(metadata),          manager,
	};
	size_t json_len = strlen(json), size = sizeof(struct entry) + json_len + 1;
	for (size_t i = 0; i < KEPT_STRINGS; i++)
		size += strlen(strings[i]) + 1;
	struct entry *n = malloc(size);
	if (!n)
		return NULL;
	*n = (struct entry){ .size = size };
	char *at = n->text;
	n->key = at;
	n->key_len = strlen(strings[0]) + 1 + strlen(strings[1]);
	n->o = (struct object){
		.kind = kind,
		.ns = entry_keep(&at, strings[0]), /* ns and name first: together they are the key */
		.generation = json_int(metadata, "generation", 0),
		.deleting = json_at(metadata, "deletionTimestamp") != NULL,
		.json_len = json_len,
	};
	n->o.name = entry_keep(&at, strings[1]);
	n->o.uid = entry_keep(&at, strings[2]);
	n->o.resource_version = entry_keep(&at, strings[3]);
	n->o.owner_uid = entry_keep(&at, strings[4]);
	n->o.template_manager = entry_keep(&at, strings[5]);
	n->o.json = entry_keep(&at, json);
	return n;
}

enum result entry_from_tree(enum kind kind, const char *api_version, cJSON *tree, struct entry **ret, struct error *e)
{
	cJSON *metadata = cJSON_GetObjectItemCaseSensitive(tree, "metadata");
	if (text_empty(json_text(metadata, "name", "")))
		return error_set(e, RC_INVALID, "an object of kind %s without metadata.name", kind_name(kind));
	CLEANUP(free_p) char *manager = strdup(template_writer(metadata));
	cJSON_DeleteItemFromObjectCaseSensitive(metadata, "managedFields");
	bool named = prepend_text(tree, "kind", kind_name(kind)) && prepend_text(tree, "apiVersion", api_version);
	CLEANUP(free_p) char *json = named ? json_print(tree) : NULL;
	struct entry *n = manager && json ? entry_build(kind, metadata, manager, json) : NULL;
	if (json && kind == KIND_SECRET)
		explicit_bzero(json, strlen(json));
	if (!n)
		return error_set(e, RC_EXHAUSTED, "no memory for an object of kind %s", kind_name(kind));
	*ret = n;
	return RC_OK;
}

enum result entry_parse(enum kind kind, const char *api_version, const char *json, size_t len, struct entry **ret,
			struct error *e)
{
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	enum result r = json_parse(json, len, &tree, e);
	return r == RC_OK ? entry_from_tree(kind, api_version, tree, ret, e) : r;
}

void entry_free(struct entry *n)
{
	if (n && n->o.kind == KIND_SECRET)
		explicit_bzero(n->text, n->size - sizeof *n);
	free(n);
}

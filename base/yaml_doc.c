#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((entry)->lost = true)
#include "base/yaml_doc.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { PLACES_BYTES_MAX = 64 * 1024 * 1024 };

void yaml_doc_destroy(struct yaml_doc *d)
{
	if (!d)
		return;
	HASH_CLEAR(hh, d->places);
	arena_destroy(d->memory);
	cJSON_Delete(d->root);
	cJSON_Delete(d->replaced);
	free(d->file);
	free(d);
}
DEFINE_CLEANUP(struct yaml_doc, yaml_doc_destroy)

struct yaml_doc *yaml_doc_create(const char *file)
{
	CLEANUP(yaml_doc_destroy_p) struct yaml_doc *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->file = strdup(file);
	d->memory = arena_create(PLACES_BYTES_MAX);
	d->replaced = cJSON_CreateArray();
	return d->file && d->memory && d->replaced ? TAKE(d) : NULL;
}

const struct yaml_doc_place *yaml_doc_find(const struct yaml_doc *d, const cJSON *node)
{
	struct yaml_doc_place *found = NULL;
	if (node)
		HASH_FIND_PTR(d->places, &node, found);
	return found;
}

bool yaml_doc_note(struct yaml_doc *d, const cJSON *node, struct yaml_place at, struct yaml_place key)
{
	struct yaml_doc_place *p = arena_alloc(d->memory, 1, sizeof *p);
	if (!p)
		return false;
	p->node = node;
	p->at = at;
	p->key = key;
	HASH_ADD_PTR(d->places, node, p);
	return !p->lost;
}

void yaml_docs_free(struct yaml_doc **docs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		yaml_doc_destroy(docs[i]);
	free(docs);
}

const cJSON *yaml_root(const struct yaml_doc *d)
{
	return d->root;
}

cJSON *yaml_take_root(struct yaml_doc *d)
{
	return TAKE(d->root);
}

const char *yaml_file(const struct yaml_doc *d)
{
	return d->file;
}

struct yaml_place yaml_place(const struct yaml_doc *d, const cJSON *node)
{
	const struct yaml_doc_place *p = yaml_doc_find(d, node);
	return p ? p->at : (struct yaml_place){ 0 };
}

struct yaml_place yaml_key_place(const struct yaml_doc *d, const cJSON *node)
{
	const struct yaml_doc_place *p = yaml_doc_find(d, node);
	return p ? p->key : (struct yaml_place){ 0 };
}

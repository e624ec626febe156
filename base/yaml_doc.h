#pragma once
/* A YAML document and the places of its nodes: the inside of base/yaml.h, for yaml.c alone. */
#include <stdbool.h>

#include <uthash.h>

#include "base/yaml.h"

struct arena;

struct yaml_doc_place {
	const cJSON *node;
	struct yaml_place at, key;
	bool lost; /* there was no memory to enter it */
	UT_hash_handle hh;
};

struct yaml_doc {
	char *file;           /* owned */
	cJSON *root;          /* owned until taken */
	cJSON *replaced;      /* owned: array of what "<<" brought and nobody needs; their addresses must stay theirs */
	struct arena *memory; /* owned: the places */
	struct yaml_doc_place *places; /* hash by node address */
};

struct yaml_doc *yaml_doc_create(const char *file); /* NULL: no memory */
void yaml_doc_destroy(struct yaml_doc *d);          /* NULL is fine */
/* false: no memory. */
bool yaml_doc_note(struct yaml_doc *d, const cJSON *node, struct yaml_place at, struct yaml_place key);
const struct yaml_doc_place *yaml_doc_find(const struct yaml_doc *d,
					   const cJSON *node); /* NULL: not of this document */

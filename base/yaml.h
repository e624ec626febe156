#pragma once
/* YAML (1.1 core as libyaml reads it) to JSON trees that remember where each value stood, so that errors can name line
 * and column. Limits: 4 MiB, depth 64, 100,000 nodes; aliases count each time they are used; duplicate keys are errors.
 * JSON is YAML, so the same door reads JSON files. Scalars: plain true/false/null/int/float get their JSON type (yes,
 * no, on, off stay text), quoted ones are text. */
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "base/error.h"

struct yaml_doc; /* one document: a tree and the place of every node */
struct yaml_place {
	unsigned line, column; /* from 1; 0: unknown */
};

/* Reads all documents of a stream. *ret is an array of *ret_count documents (empty ones are left out); free with
 * yaml_free. file is for error texts ("FILE:3:7: ..."). */
MUST_CHECK enum result yaml_parse(const char *file, const char *text, size_t len, struct yaml_doc ***ret,
				  size_t *ret_count, struct error *e);
void yaml_docs_free(struct yaml_doc **docs, size_t count); /* NULL is fine */
/* Only a name for it: libyaml calls a function yaml_free of its own, and a second one would take its place. */
static inline void yaml_free(struct yaml_doc **docs, size_t count)
{
	yaml_docs_free(docs, count);
}
const cJSON *yaml_root(const struct yaml_doc *d);
/* Hands the tree over; the document keeps its places (they are looked up by node address). */
cJSON *yaml_take_root(struct yaml_doc *d);
const char *yaml_file(const struct yaml_doc *d);
/* Where a value stands; of its key when key is asked for and it has one. */
struct yaml_place yaml_place(const struct yaml_doc *d, const cJSON *node);
struct yaml_place yaml_key_place(const struct yaml_doc *d, const cJSON *node);
/* Block style YAML of a JSON tree, for people; malloc'ed; NULL: no memory. */
char *yaml_print(const cJSON *v);

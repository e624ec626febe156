#pragma once
/* Strict JSON on top of cJSON trees. Refused: depth over 64, a key twice in one object, invalid UTF-8, numbers that do
 * not fit a double or an integer of 2^53 or are longer than 63 characters, trailing bytes, NUL in strings, a byte order
 * mark. Errors say line and column (in characters), both from 1. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"

enum { JSON_DEPTH_MAX = 64 };

/* *ret is owned by the caller (cJSON_Delete). */
MUST_CHECK enum result json_parse(const char *text, size_t len, cJSON **ret, struct error *e);
/* The checks of json_parse without building a tree: for bodies that are only passed on. */
MUST_CHECK enum result json_check(const char *text, size_t len, struct error *e);
/* Compact text, members in their order, numbers in shortest form; malloc'ed, caller frees; NULL: no memory. */
char *json_print(const cJSON *v);
/* Compact text with sorted keys: equal values print equal, whatever the order of members. For hashing and comparison.
 * go_escapes: < > & as \u003c etc., as Go writes them. */
char *json_canonical(const cJSON *v, bool go_escapes);

/* The same value: numbers and texts exactly, members in any order. NULL is the same as null. */
bool json_equal(const cJSON *a, const cJSON *b);

/* Lookups that never fail: NULL, the default or an empty answer when the path is missing or of another type. path is
 * "spec.template.metadata.labels"; a literal dot in a key is written "\\.". A number in the path indexes an array. */
const cJSON *json_at(const cJSON *v, const char *path);
const char *json_text(const cJSON *v, const char *path, const char *otherwise);
int64_t json_int(const cJSON *v, const char *path, int64_t otherwise);
double json_number(const cJSON *v, const char *path, double otherwise);
bool json_bool(const cJSON *v, const char *path, bool otherwise);

/* Puts value at a path of members, making objects on the way; replaces what was there; takes ownership of value, also
 * on failure. A number steps into an element that an array has. false: no memory, or something on the way is not an
 * object. */
bool json_put(cJSON *v, const char *path, cJSON *value);
bool json_put_text(cJSON *v, const char *path, const char *value);
bool json_put_int(cJSON *v, const char *path, int64_t value);
/* Adds to the end of an array; takes ownership of item, also on failure. false: there is no array, no item, no memory.
 */
bool json_append(cJSON *list, cJSON *item);
/* Removes the member (or array element) at a path; missing is fine. */
void json_remove(cJSON *v, const char *path);
/* RFC 7386. Changes target; patch stays the caller's. false: no memory. */
bool json_merge_patch(cJSON **target, const cJSON *patch);
/* The RFC 7386 patch that turns from into to; NULL when they are equal (or no memory: *oom). */
cJSON *json_diff_merge(const cJSON *from, const cJSON *to, bool *oom);
static inline void json_delete_p(cJSON **v)
{
	cJSON_Delete(*v);
}

#pragma once
/* Request targets: decoding of paths, queries and forms, and the match of a path against a route's. Pure. */
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

enum { HTTP_PARAMS_MAX = 8 };
struct http_pair {
	const char *name, *value;
};
struct http_pairs {
	struct http_pair *at; /* in the arena */
	size_t n;
};

/* Decodes a raw path that starts with '/'. Refused: bad escapes, NUL and other control bytes, invalid UTF-8, segments
 * "." and "..". An escaped slash stays "%2F": a segment keeps its borders. */
MUST_CHECK enum result http_decode_path(struct arena *a, const char *raw, size_t len, const char **ret,
					struct error *e);
/* application/x-www-form-urlencoded: "a=b&c". Refused: bad escapes, NUL, invalid UTF-8, more than 1000 pairs. */
MUST_CHECK enum result http_decode_pairs(struct arena *a, const char *raw, size_t len, struct http_pairs *ret,
					 struct error *e);
/* The first of that name, or NULL. */
const char *http_pairs_find(const struct http_pairs *p, const char *name);
/* One {name} of a route's pattern, and what the path has in its place; both borrowed. */
struct http_param {
	const char *name, *value;
	size_t name_len, value_len;
};
struct http_params {
	struct http_param at[HTTP_PARAMS_MAX];
	size_t n;
};
/* Does the decoded path match? A {name} takes one segment that is not empty, a last {rest...} takes all that is left.
 */
bool http_route_match(const char *pattern, const char *path, struct http_params *ret);

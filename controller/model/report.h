#pragma once
/* Where mistakes in an object go while it is examined. For canary_check: a list of all of them with their places. For
 * canary_parse: the first that makes the object unusable, everything else costs nothing. Inside the model only. */
#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/error.h"
#include "controller/model/canary.h"

enum level {
	LEVEL_FATAL,   /* no canary can be built from it */
	LEVEL_MISTAKE, /* the API server refuses it or it cannot work; an object that is there all the same is run */
	LEVEL_WARNING
};
struct report {
	const struct yaml_doc *doc; /* borrowed; NULL: no places */
	struct findings *findings;  /* borrowed; NULL: only the first fatal mistake is wanted */
	struct error *first;        /* borrowed; NULL is fine */
	bool failed;                /* a fatal mistake was met */
	bool exhausted;             /* no memory: what was found is not all */
	size_t begin;               /* findings that were there before this object */
};
enum { REPORT_FINDINGS_MAX = 200, REPORT_QUOTE = 72 };

/* A field's path: a step and the way to it, so that walking costs no text. Each borrows its parent and its word, which
 * must live as long as it is used. */
struct path {
	const struct path *parent; /* NULL: the word is the whole path so far */
	const char *word;          /* NULL: index is the step */
	size_t index;
	bool key; /* of a map: shown in brackets */
};
struct path path_of(const char *text);
struct path path_member(const struct path *parent, const char *name); /* parent.name */
struct path path_key(const struct path *parent, const char *key);     /* parent[key] */
struct path path_item(const struct path *parent, size_t index);       /* parent[0] */

/* False when nothing of this level would be kept: saves making its text. */
bool report_wants(const struct report *r, enum level level);
/* node: the value the finding is about, or what misses a member. fmt: what is wrong, without the path. */
void report_add(struct report *r, enum level level, const cJSON *node, const struct path *p, const char *fmt, ...)
	PRINTF(5, 6);
/* The same at the place of the member's key. */
void report_add_key(struct report *r, enum level level, const cJSON *node, const struct path *p, const char *fmt, ...)
	PRINTF(5, 6);
/* A value for a text: in quotes, control characters escaped, long ones cut. Returns buf. */
const char *report_quote(const char *s, char buf[REPORT_QUOTE]);
/* `; did you mean "x"?` or "". words: NULL-terminated. Returns buf. */
const char *report_suggestion(const char *word, const char *const *words, char buf[REPORT_QUOTE]);
/* "a, b, c"; the empty word is left out. Returns buf. */
const char *report_words(const char *const *words, char *buf, size_t size);
/* By line and column; those of one place stay as they were found. */
void report_sort(struct report *r);

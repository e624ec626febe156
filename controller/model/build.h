#pragma once
/* From a JSON tree that was examined to the plain value: reads that never fail but for memory, which is noted once and
 * asked at the end. Texts are copies in the canary's arena. Inside the model only. */
#include <stdbool.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "controller/model/canary.h"

struct build {
	struct arena *arena; /* borrowed */
	bool exhausted;      /* something did not fit; what was read since is worthless but safe to look at */
};

void *build_array(struct build *b, size_t n, size_t size); /* NULL when n is 0 or it does not fit */
const char *build_copy(struct build *b, const char *s);    /* "" when it does not fit; s must not be NULL */
const char *build_text(struct build *b, const cJSON *object, const char *name, const char *otherwise);
int build_int(const cJSON *object, const char *name, int otherwise); /* brought into the range of an int */
bool build_bool(const cJSON *object, const char *name);
struct pairs build_pairs(struct build *b, const cJSON *map); /* members that are text, sorted */
struct pairs build_pairs_without(struct build *b, const cJSON *map, const char *key);
const char *const *build_texts(struct build *b, const cJSON *list);
const char *const *build_comma_list(struct build *b, const char *list);
struct object_ref build_ref(struct build *b, const cJSON *ref);
struct wall_ms build_time(const cJSON *object, const char *name); /* 0 when absent or unreadable */

enum { INTERVAL_LEAST_MS = 1000 };
struct analysis build_analysis(struct build *b, const cJSON *spec);
/* hook_build.c */
void build_hooks(struct build *b, const cJSON *webhooks, struct analysis *ret);
/* The time-out of a hook as it counts; *ret_why: text of what is wrong with it, else NULL. */
int64_t hook_timeout_ms(const char *text, enum hook_type type, const char **ret_why);
struct canary_status build_status(struct build *b, const cJSON *status);

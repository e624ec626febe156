#pragma once
/* A rollout as a tree of lines for a terminal, from what the API says of it. Pure. */
#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/strbuf.h"

struct tree_view {
	const cJSON *rollout;
	const cJSON *approvals; /* an array, newest last; NULL: unknown */
	int64_t now_ms;         /* wall clock */
	bool color;
};
void tree_render(struct strbuf *b, const struct tree_view *v);
/* One line without an end: for logs, and to see whether anything worth a line has changed. */
void tree_line(struct strbuf *b, const cJSON *rollout, const cJSON *approvals);
/* "blue -> green" of two images that differ in their tag alone, "app:blue -> shop:green" of others; one name when both
 * are the same. arrow: between them. */
void tree_images(struct strbuf *b, const char *from, const char *to, const char *arrow);

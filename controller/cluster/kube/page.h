#pragma once
/* One page of a list, item by item: a tree of a whole page would be ten times its text. Pure. */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct page_head {
	char resource_version[64];
	char *next; /* malloc'ed continue token; NULL on the last page */
};
/* One item's JSON, not looked into yet. false ends the reading with RC_EXHAUSTED. */
typedef bool page_item(void *owner, const char *json, size_t len);
MUST_CHECK enum result page_read(const char *text, size_t len, page_item *item, void *owner, struct page_head *ret,
				 struct error *e);

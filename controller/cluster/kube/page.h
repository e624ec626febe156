#pragma once
/* One page of a list, item by item as its bytes arrive: a page may be as large as all the objects of a kind, and its
 * tree ten times as large. Pure. */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

#define PAGE_STATES(X)                                                                                                 \
	X(START) X(FIRST_KEY) X(KEY) X(COLON) X(VALUE) X(FIRST_ITEM) X(ITEM) X(ITEM_END) X(VALUE_END) X(END)
#define X(id) PAGE_##id,
enum page_state { PAGE_STATES(X) };
#undef X

/* One item's JSON, not looked into yet. false ends the reading with RC_EXHAUSTED. */
typedef bool page_item(void *owner, const char *json, size_t len);

/* Embedded; the first two are for whoever has read a page to its end. */
struct page {
	char resource_version[64];
	char *next; /* owned continue token; NULL on the last page */
	page_item *item;
	void *owner;
	enum page_state state;
	struct strbuf part; /* the key, value or item in hand */
	char key[16];       /* of the member in hand, cut */
	unsigned depth;
	bool in_string, escaped;
};
void page_init(struct page *p, page_item *item, void *owner);
void page_finish(struct page *p); /* zeroed is fine */
/* After an error nothing more may be fed. */
MUST_CHECK enum result page_feed(struct page *p, const char *data, size_t len, struct error *e);
/* That was all of it. */
MUST_CHECK enum result page_end(const struct page *p, struct error *e);

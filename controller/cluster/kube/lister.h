#pragma once
/* All objects of a kind, page by page. */
#include <stdbool.h>

#include "controller/cluster/kube/api.h"
#include "controller/cluster/kube/entry.h"
#include "controller/cluster/kube/page.h"
#include "controller/cluster/kube/path.h"

struct lister;
struct lister_answer {
	int status;                   /* of the page that failed */
	const char *resource_version; /* of the whole list */
	int64_t retry_after_ms;       /* -1: not said */
};
/* item takes n; done runs once, on a later turn, and may start it anew. In item it may not be stopped. */
typedef void lister_item(void *owner, struct entry *n);
typedef void lister_done(void *owner, enum result r, const struct lister_answer *answer, const struct error *why);

/* Embedded, all fields are the lister's; zeroed is idle. */
struct lister {
	struct api *api;
	enum kind kind;
	const struct api_group *group; /* borrowed, constant */
	char ns[64];                   /* "": all */
	lister_item *item;
	lister_done *done;
	void *owner;
	struct api_call call;
	struct page page;
	char *next;           /* owned continue token of the page that is asked for */
	struct error trouble; /* why the reading of a page was stopped */
	unsigned limit;       /* objects a page; 0: all in one */
	bool cached;          /* the server may answer from its own cache, which may lag a little: many times faster */
	struct error skipped;
	unsigned skipped_count;
};
void lister_start(struct lister *l, struct api *api, enum kind kind, const struct api_group *group, const char *ns,
		  bool cached, lister_item *item, lister_done *done, void *owner);
void lister_stop(struct lister *l); /* idle is fine */
bool lister_active(const struct lister *l);

#include "controller/cluster/kube/lister.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/cluster/kube/page.h"
#include "controller/cluster/kube/versions.h"

enum { PAGE_OBJECTS = 500, LIST_RETRY_MS = 10 * 1000, PAGE_TIMEOUT_MS = 60 * 1000 };

static void lister_ask(struct lister *l);

static void lister_finish(struct lister *l, enum result r, const struct lister_answer *answer, const struct error *why)
{
	lister_done *done = l->done;
	void *owner = l->owner;
	if (l->skipped_count)
		log_warn("kube_object_unreadable", "kind=%s count=%u error=%s", kind_name(l->kind), l->skipped_count,
			 l->skipped.text);
	lister_stop(l);
	done(owner, r, answer, why);
}

/* One object that cannot be read must not hide the others. */
static bool lister_item_read(void *owner, const char *json, size_t len)
{
	struct lister *l = owner;
	struct entry *n = NULL;
	char api_version[64];
	struct error e;
	enum result r = entry_parse(l->kind, path_api_version(l->group, api_version), json, len, &n, &e);
	if (r == RC_EXHAUSTED)
		return false;
	if (r == RC_OK)
		l->item(l->owner, n);
	else if (l->skipped_count++ == 0)
		l->skipped = e;
	return true;
}

/* Continue tokens expire (410) when the list takes longer than the server keeps its history: once more, in one piece.
 */
static bool lister_restart(struct lister *l, enum result r, int status)
{
	bool expired = status == 410 && l->next, too_large = r == RC_EXHAUSTED && status == 0 && l->limit > 1;
	if (!expired && !too_large)
		return false;
	free(TAKE(l->next));
	l->limit = expired ? 0 : l->limit / 5 + 1;
	lister_ask(l);
	return true;
}

static void lister_answered(void *owner, enum result r, const struct api_answer *answer, const struct error *why)
{
	struct lister *l = owner;
	struct page_head head = { 0 };
	struct error e;
	if (r != RC_OK && lister_restart(l, r, answer->status))
		return;
	if (r == RC_OK) {
		r = page_read(answer->body, answer->len, lister_item_read, l, &head, &e);
		why = &e;
	}
	free(l->next);
	l->next = head.next;
	if (r == RC_OK && l->next) {
		lister_ask(l);
		return;
	}
	lister_finish(l, r, &(struct lister_answer){ answer->status, head.resource_version, answer->retry_after_ms },
		      why);
}

static void lister_ask(struct lister *l)
{
	struct strbuf path;
	char resource[128];
	strbuf_init(&path, 64 * 1024);
	path_add(&path, l->group, kind_info(l->kind)->plural, l->ns, NULL, NULL);
	if (l->limit)
		strbuf_addf(&path, "?limit=%u", l->limit);
	if (l->next) {
		strbuf_add(&path, "&continue=");
		strbuf_add_urlencoded(&path, l->next, strlen(l->next));
	}
	struct api_request q = {
		.path = path.overflow ? "/" : path.s,
		.subject = { "list", versions_resource(l->kind, resource), l->ns, "" },
		.timeout_ms = PAGE_TIMEOUT_MS,
		.retry_ms = LIST_RETRY_MS,
	};
	api_start(l->api, &l->call, &q, lister_answered, l);
	strbuf_finish(&path);
}

void lister_start(struct lister *l, struct api *api, enum kind kind, const struct api_group *group, const char *ns,
		  lister_item *item, lister_done *done, void *owner)
{
	*l = (struct lister){ .api = api,
			      .kind = kind,
			      .group = group,
			      .item = item,
			      .done = done,
			      .owner = owner,
			      .limit = PAGE_OBJECTS };
	snprintf(l->ns, sizeof l->ns, "%s", ns);
	lister_ask(l);
}

void lister_stop(struct lister *l)
{
	api_stop(&l->call);
	free(l->next);
	*l = (struct lister){ 0 };
}

bool lister_active(const struct lister *l)
{
	return l->api != NULL;
}

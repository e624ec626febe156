#include "controller/cluster/kube/lister.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "controller/cluster/kube/versions.h"

enum { PAGE_OBJECTS = 500, PAGE_SILENCE_MS = 60 * 1000, PATH_MAX_BYTES = 64 * 1024 };

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

static bool lister_data(void *owner, const char *data, size_t len)
{
	struct lister *l = owner;
	return page_feed(&l->page, data, len, &l->trouble) == RC_OK;
}

/* Continue tokens expire (410) when the list takes longer than the server keeps its history: once more, in one piece.
 */
static bool lister_restart(struct lister *l, int status)
{
	if (status != 410 || !l->next)
		return false;
	free(TAKE(l->next));
	l->limit = 0;
	lister_ask(l);
	return true;
}

static void lister_answered(void *owner, enum result r, const struct api_answer *answer, const struct error *why)
{
	struct lister *l = owner;
	struct error e;
	char resource_version[64];
	if (r != RC_OK && lister_restart(l, answer->status))
		return;
	if (l->trouble.code != RC_OK) {
		e = l->trouble;
		r = e.code;
		why = &e;
	} else if (r == RC_OK) {
		r = page_end(&l->page, &e);
		why = &e;
	}
	free(l->next);
	l->next = r == RC_OK ? TAKE(l->page.next) : NULL;
	if (r == RC_OK && l->next) {
		lister_ask(l);
		return;
	}
	memcpy(resource_version, l->page.resource_version, sizeof resource_version);
	lister_finish(l, r, &(struct lister_answer){ answer->status, resource_version, answer->retry_after_ms }, why);
}

static void lister_ask(struct lister *l)
{
	struct strbuf path;
	char resource[128];
	strbuf_init(&path, PATH_MAX_BYTES);
	path_add(&path, l->group, kind_info(l->kind)->plural, l->ns, NULL, NULL);
	strbuf_addf(&path, "?limit=%u", l->limit);
	if (l->cached && !l->next && l->limit)
		strbuf_add(&path, "&resourceVersion=0");
	if (l->next) {
		strbuf_add(&path, "&continue=");
		strbuf_add_urlencoded(&path, l->next, strlen(l->next));
	}
	struct api_request q = {
		.path = path.overflow ? "/" : path.s,
		.subject = { "list", versions_resource(l->kind, resource), l->ns, "" },
		.timeout_ms = PAGE_SILENCE_MS,
		.on_data = lister_data,
	};
	page_finish(&l->page);
	page_init(&l->page, lister_item_read, l);
	l->trouble.code = RC_OK;
	api_start(l->api, &l->call, &q, lister_answered, l);
	strbuf_finish(&path);
}

void lister_start(struct lister *l, struct api *api, enum kind kind, const struct api_group *group, const char *ns,
		  bool cached, lister_item *item, lister_done *done, void *owner)
{
	*l = (struct lister){ .api = api,
			      .kind = kind,
			      .group = group,
			      .item = item,
			      .done = done,
			      .owner = owner,
			      .limit = PAGE_OBJECTS,
			      .cached = cached };
	snprintf(l->ns, sizeof l->ns, "%s", ns);
	lister_ask(l);
}

void lister_stop(struct lister *l)
{
	api_stop(&l->call);
	page_finish(&l->page);
	free(l->next);
	*l = (struct lister){ 0 };
}

bool lister_active(const struct lister *l)
{
	return l->api != NULL;
}

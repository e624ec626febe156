#include "controller/cluster/kube/writes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { WRITE_RETRY_MS = 10 * 1000, WRITE_TIMEOUT_MS = 10 * 1000, PATH_MAX_BYTES = 4096, CLOCK_SKEW_MS = 5000 };

struct writing {
	struct pending pending; /* first */
	const struct write_doors *d;
	enum write_verb verb;
	enum kind kind;
	char *ns, *name, *subresource, *body; /* owned */
	struct versions_wait version;
	struct api_call call;
	struct timer refuse;
	struct error refusal;
	struct wall_ms began;
	bool uncertain; /* a try whose answer we did not see */
};

static void writing_send(struct writing *w);

static void writing_release(struct pending *p)
{
	struct writing *w = (struct writing *)p;
	versions_wait_stop(&w->version);
	api_stop(&w->call);
	timer_stop(&w->refuse);
	if (w->body)
		explicit_bzero(w->body, strlen(w->body));
	free(w->ns);
	free(w->name);
	free(w->subresource);
	free(w->body);
	free(w);
}

static void writing_finish(struct writing *w, enum result r, const struct object *now, const struct error *why)
{
	calls_finish(w->d->calls, &w->pending, r, now, why);
}

/* In cache_put and cache_gone a change is told, and whoever hears of it may cancel this very write. */
static void writing_succeed(struct calls *calls, uint64_t id, const struct object *now)
{
	struct pending *p = calls_find(calls, id);
	if (p)
		calls_finish(calls, p, RC_OK, now, NULL);
}

/* ---- what the server says that it has now ---- */

static bool has_own_object(const struct writing *w)
{
	return !*w->subresource || text_eq(w->subresource, "status");
}

static enum result written_object(struct writing *w, const struct api_answer *answer, struct error *e)
{
	if (!has_own_object(w)) { /* a binding's answer is a Status; what it changed comes by the watch */
		writing_succeed(w->d->calls, w->pending.id, NULL);
		return RC_OK;
	}
	struct entry *n = NULL;
	char api_version[64];
	path_api_version(versions_known(w->d->versions, w->kind), api_version);
	enum result r = entry_parse(w->kind, api_version, answer->body, answer->len, &n, e);
	if (r != RC_OK)
		return error_in(e, r, "the answer to a write");
	struct calls *calls = w->d->calls;
	uint64_t id = w->pending.id;
	const struct object *now = cache_put(w->d->cache, n);
	writing_succeed(calls, id, now);
	return RC_OK;
}

/* Of some kinds the last state is answered instead of a Status although nothing keeps it. */
static bool is_still_there(const cJSON *object)
{
	return json_at(object, "metadata.deletionTimestamp") &&
	       (json_at(object, "metadata.finalizers.0") ||
		json_int(object, "metadata.deletionGracePeriodSeconds", 0) > 0);
}

static enum result deleted_object(struct writing *w, const struct api_answer *answer, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	enum result r = json_parse(answer->body, answer->len, &tree, e);
	if (r != RC_OK)
		return error_in(e, r, "the answer to a delete");
	bool status = text_eq(json_text(tree, "kind", ""), "Status");
	if (!status && is_still_there(tree))
		return written_object(w, answer, e);
	const char *uid = json_text(tree, status ? "details.uid" : "metadata.uid", "");
	struct calls *calls = w->d->calls;
	uint64_t id = w->pending.id;
	if (*uid) /* else the watch will tell */
		cache_gone(w->d->cache, w->kind, w->ns, w->name, uid, "");
	writing_succeed(calls, id, NULL);
	return RC_OK;
}

/* ---- a create that finds the object there: by ourselves, in a try whose answer was lost? ---- */

static const char *owner_in(const cJSON *object)
{
	const cJSON *owner;
	cJSON_ArrayForEach (owner, json_at(object, "metadata.ownerReferences")) {
		if (json_bool(owner, "controller", false))
			return json_text(owner, "uid", "");
	}
	return "";
}

static bool body_has_owner(const struct writing *w)
{
	CLEANUP(json_delete_p) cJSON *wanted = NULL;
	return json_parse(w->body, strlen(w->body), &wanted, NULL) == RC_OK && *owner_in(wanted);
}

/* Of the same owner, and made since we began: libcurl itself repeats a request whose connection turns out to be dead,
 * so that the first answer to be seen may be the second one given. */
static bool is_ours(const struct writing *w, const struct api_answer *answer)
{
	CLEANUP(json_delete_p) cJSON *wanted = NULL, *found = NULL;
	struct wall_ms made;
	if (json_parse(w->body, strlen(w->body), &wanted, NULL) != RC_OK ||
	    json_parse(answer->body, answer->len, &found, NULL) != RC_OK || !text_eq(owner_in(wanted), owner_in(found)))
		return false;
	if (w->uncertain)
		return true;
	return wall_parse(json_text(found, "metadata.creationTimestamp", ""), &made, NULL) == RC_OK &&
	       made.v >= w->began.v - CLOCK_SKEW_MS;
}

static void existing_answered(void *owner, enum result r, const struct api_answer *answer, const struct error *why)
{
	struct writing *w = owner;
	struct error e;
	if (r == RC_OK && !is_ours(w, answer))
		r = error_set(&e, RC_CONFLICT, "create %s %s: already exists", kind_name(w->kind), w->name);
	else if (r == RC_OK)
		r = written_object(w, answer, &e); /* w may be gone */
	else
		e = *why;
	if (r != RC_OK)
		writing_finish(w, r, NULL, &e);
}

/* ---- the request ---- */

static bool writing_path(const struct writing *w, bool collection, struct strbuf *path)
{
	strbuf_init(path, PATH_MAX_BYTES);
	path_add(path, versions_known(w->d->versions, w->kind), kind_info(w->kind)->plural, w->ns,
		 collection ? NULL : w->name, collection ? NULL : w->subresource);
	return !path->overflow;
}

static void writing_look(struct writing *w)
{
	struct strbuf path;
	char resource[128];
	struct api_request q = {
		.path = writing_path(w, false, &path) ? path.s : "/",
		.subject = { "get", versions_resource(w->kind, resource), w->ns, w->name },
		.retry_ms = WRITE_RETRY_MS,
	};
	api_start(w->d->api, &w->call, &q, existing_answered, w);
	strbuf_finish(&path);
}

static void writing_answered(void *owner, enum result r, const struct api_answer *answer, const struct error *why)
{
	struct writing *w = owner;
	struct error e;
	if (r == RC_CONFLICT && w->verb == WRITE_CREATE && body_has_owner(w)) {
		w->uncertain = answer->uncertain;
		writing_look(w);
		return;
	}
	if (r == RC_NOT_FOUND && w->verb == WRITE_DELETE && answer->uncertain) {
		writing_finish(w, RC_OK, NULL, NULL);
		return;
	}
	if (answer->status == 404 && *w->subresource == '\0')
		versions_forget(w->d->versions, w->kind);
	if (r == RC_OK)
		r = w->verb == WRITE_DELETE ? deleted_object(w, answer, &e) : written_object(w, answer, &e);
	else
		e = *why;
	if (r != RC_OK)
		writing_finish(w, r, NULL, &e);
}

static void version_ready(void *owner, enum result r, const struct error *why)
{
	struct writing *w = owner;
	if (r == RC_OK)
		writing_send(w);
	else
		writing_finish(w, r, NULL, why);
}

static void writing_send(struct writing *w)
{
	static const char *const methods[] = { "POST", "PATCH", "DELETE" }, *const verbs[] = { "create", "patch",
											       "delete" };
	if (!versions_get(w->d->versions, w->kind, &w->version, version_ready, w))
		return;
	struct strbuf path;
	char resource[128], subject[192];
	versions_resource(w->kind, resource);
	snprintf(subject, sizeof subject, "%s%s%s", resource, *w->subresource ? "/" : "", w->subresource);
	struct api_request q = {
		.method = methods[w->verb],
		.path = writing_path(w, w->verb == WRITE_CREATE && !*w->subresource, &path) ? path.s : "/",
		.subject = { verbs[w->verb], subject, w->ns, w->name },
		.body = w->body,
		.content_type = w->verb == WRITE_PATCH ? "Content-Type: application/merge-patch+json" : NULL,
		.timeout_ms = WRITE_TIMEOUT_MS,
		.retry_ms = WRITE_RETRY_MS,
		.write = true,
	};
	api_start(w->d->api, &w->call, &q, writing_answered, w);
	strbuf_finish(&path);
}

/* ---- the door ---- */

static void writing_refuse(void *owner)
{
	struct writing *w = owner;
	writing_finish(w, w->refusal.code, NULL, &w->refusal);
}

static enum result writing_check(const struct write *w, struct error *e)
{
	char shown[TEXT_SHOWN];
	const char *name = w->name ? w->name : "", *ns = w->ns ? w->ns : "";
	if (!path_segment_ok(name))
		return error_set(e, RC_INVALID, "%s \"%s\": not a name of an object", kind_name(w->kind),
				 text_show(name, strlen(name), shown));
	if (*ns && !text_is_dns_label(ns))
		return error_set(e, RC_INVALID, "%s %s: not a namespace: \"%s\"", kind_name(w->kind), name,
				 text_show(ns, strlen(ns), shown));
	if (w->verb != WRITE_DELETE && !w->body)
		return error_set(e, RC_INVALID, "%s %s: a write without a body", kind_name(w->kind), name);
	return RC_OK;
}

uint64_t writes_send(const struct write_doors *d, const struct write *q, cluster_done *done, void *owner)
{
	struct writing *w = calloc(1, sizeof *w);
	if (!w)
		return calls_add_exhausted(d->calls, done, owner);
	*w = (struct writing){
		.d = d,
		.began = loop_wall(d->loop),
		.verb = q->verb,
		.kind = q->kind,
		.ns = strdup(q->ns ? q->ns : ""),
		.name = strdup(q->name ? q->name : ""),
		.subresource = strdup(q->subresource ? q->subresource : ""),
		.body = q->body ? strdup(q->body) : NULL,
	};
	uint64_t id = calls_add(d->calls, &w->pending, writing_release, done, owner);
	enum result r = writing_check(q, &w->refusal);
	if (r == RC_OK && (!w->ns || !w->name || !w->subresource || (q->body && !w->body)))
		r = error_set(&w->refusal, RC_EXHAUSTED, "no memory for a write");
	if (r == RC_OK)
		writing_send(w);
	else
		timer_start(d->loop, &w->refuse, 0, writing_refuse, w);
	return id;
}

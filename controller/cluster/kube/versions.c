#include "controller/cluster/kube/versions.h"

#include <assert.h>
#include <stdio.h>

#include <utlist.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

/* Kinds that are not only where the table of cluster.h says; best first. */
static const struct candidate {
	enum kind kind;
	struct api_group group;
} moved[] = {
	{ KIND_INGRESS, { "networking.k8s.io", "v1" } }, { KIND_INGRESS, { "networking.k8s.io", "v1beta1" } },
	{ KIND_INGRESS, { "extensions", "v1beta1" } },   { KIND_HPA, { "autoscaling", "v2" } },
	{ KIND_HPA, { "autoscaling", "v2beta2" } }, /* the same shape */
};
#define X(id, kind, plural, group, version) [KIND_##id] = { group, version },
static const struct api_group preferred[KIND_COUNT] = { KINDS(X) };
#undef X

static const struct api_group *candidate(enum kind kind, unsigned n)
{
	for (size_t i = 0; i < sizeof moved / sizeof *moved; i++) {
		if (moved[i].kind == kind && n-- == 0)
			return &moved[i].group;
	}
	return NULL;
}

static void version_ask(struct version_of *v);

static void version_tell(struct version_of *v, enum result r, const struct error *why)
{
	struct versions_wait *w;
	DL_CONCAT(v->told, v->waiting);
	v->waiting = NULL;
	DL_FOREACH(v->told, w) w->list = &v->told;
	while ((w = v->told)) {
		versions_wait_stop(w);
		w->ready(w->owner, r, why);
	}
}

/* A version may be there for other kinds only: networking.k8s.io/v1 had no Ingress at first. */
static bool lists_plural(const struct api_answer *answer, const char *plural)
{
	CLEANUP(json_delete_p) cJSON *tree = NULL;
	const cJSON *resource;
	if (json_parse(answer->body, answer->len, &tree, NULL) != RC_OK)
		return false;
	cJSON_ArrayForEach (resource, json_at(tree, "resources")) {
		if (text_eq(json_text(resource, "name", ""), plural))
			return true;
	}
	return false;
}

static void version_answered(void *owner, enum result r, const struct api_answer *answer, const struct error *why)
{
	struct version_of *v = owner;
	struct error e;
	if (r == RC_OK && lists_plural(answer, kind_info(v->kind)->plural)) {
		v->found = candidate(v->kind, v->next);
		version_tell(v, RC_OK, NULL);
		return;
	}
	if (r != RC_OK && r != RC_NOT_FOUND) {
		version_tell(v, r, why);
		return;
	}
	v->next++;
	if (candidate(v->kind, v->next)) {
		version_ask(v);
		return;
	}
	error_set(&e, RC_NOT_FOUND, "the API server has no %s", kind_info(v->kind)->plural);
	version_tell(v, RC_NOT_FOUND, &e);
}

static void version_ask(struct version_of *v)
{
	const struct api_group *g = candidate(v->kind, v->next);
	char path[128];
	snprintf(path, sizeof path, "/apis/%s/%s", g->group, g->version);
	struct api_request q = { .path = path, .subject = { "get", "apis", "", g->group } };
	api_start(v->versions->api, &v->call, &q, version_answered, v);
}

const struct api_group *versions_get(struct versions *vs, enum kind kind, struct versions_wait *w,
				     void (*ready)(void *owner, enum result r, const struct error *why), void *owner)
{
	struct version_of *v = &vs->of[kind];
	if (v->found)
		return v->found;
	assert(!w->list);
	*w = (struct versions_wait){ .list = &v->waiting, .ready = ready, .owner = owner };
	DL_APPEND(v->waiting, w);
	if (!api_active(&v->call)) {
		v->next = 0;
		version_ask(v);
	}
	return NULL;
}

const struct api_group *versions_known(const struct versions *v, enum kind kind)
{
	return v->of[kind].found ? v->of[kind].found : &preferred[kind];
}

void versions_wait_stop(struct versions_wait *w)
{
	if (!w->list)
		return;
	DL_DELETE(*w->list, w);
	w->list = NULL;
}

void versions_forget(struct versions *v, enum kind kind)
{
	if (candidate(kind, 0))
		v->of[kind].found = NULL;
}

void versions_init(struct versions *v, struct api *api)
{
	*v = (struct versions){ .api = api };
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		v->of[k].versions = v;
		v->of[k].kind = (enum kind)k;
		v->of[k].found = candidate((enum kind)k, 0) ? NULL : &preferred[k];
	}
}

void versions_finish(struct versions *v)
{
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		api_stop(&v->of[k].call);
		while (v->of[k].waiting)
			versions_wait_stop(v->of[k].waiting);
	}
}

const char *versions_resource(enum kind kind, char buf[128])
{
	const struct kind_info *i = kind_info(kind);
	snprintf(buf, 128, "%s%s%s", i->plural, *i->group ? "." : "", i->group);
	return buf;
}

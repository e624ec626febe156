#include "controller/targets/deployment.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/core/revision.h"
#include "controller/targets/configs.h"
#include "controller/targets/scaler.h"

#define MANAGED_BY "app.kubernetes.io/managed-by" /* we are: plan_metadata says so */
#define MANAGED_BY_PATH "app\\.kubernetes\\.io/managed-by"
#define PAUSED_BY_US_PATH "metadata.annotations.rollcall\\.dev/paused"

/* ---- observing ---- */

static void read_conditions(const cJSON *object, struct workload *w)
{
	const cJSON *c;
	cJSON_ArrayForEach (c, json_at(object, "status.conditions")) {
		const char *type = json_text(c, "type", ""), *reason = json_text(c, "reason", "");
		if (text_eq(type, "Progressing")) {
			w->has_progressing = true;
			w->deadline_exceeded = text_eq(reason, "ProgressDeadlineExceeded");
		}
		if (text_eq(type, "Available") && text_eq(json_text(c, "status", ""), "False") &&
		    text_eq(reason, "MinimumReplicasUnavailable")) {
			w->min_unavailable = true;
			if (wall_parse(json_text(c, "lastUpdateTime", ""), &w->unavailable_since, NULL) != RC_OK)
				w->unavailable_since = (struct wall_ms){ 0 };
		}
	}
}

static void read_workload(const struct plan *p, const cJSON *object, struct workload *w)
{
	*w = (struct workload){ .revision = "", .images = "", .requested_by = "" };
	if (!object)
		return;
	w->exists = true;
	w->wanted = (int)json_int(object, "spec.replicas", 1);
	w->replicas = (int)json_int(object, "status.replicas", 0);
	w->updated = (int)json_int(object, "status.updatedReplicas", 0);
	w->ready = (int)json_int(object, "status.readyReplicas", 0);
	w->available = (int)json_int(object, "status.availableReplicas", 0);
	w->generation = json_int(object, "metadata.generation", 0);
	w->observed_generation = json_int(object, "status.observedGeneration", 0);
	w->paused = json_bool(object, "spec.paused", false);
	w->paused_by_us = w->paused && text_eq(json_text(object, PAUSED_BY_US_PATH, ""), "true");
	read_conditions(object, w);
	const cJSON *t = json_at(object, "spec.template");
	w->revision = revision_of_template(t, p->arena);
	w->digest = revision_digest(t, p->arena);
	w->images = template_images(t, p->arena);
}

/* Who caused the revision (approvals.md 3): said by annotation, else the writer of the pod template. */
static const char *author(const struct plan *p, const cJSON *target)
{
	const char *said = pairs_get(&p->canary->annotations, "rollcall.dev/requested-by");
	if (text_empty(said))
		said = json_text(target, "metadata.annotations.rollcall\\.dev/requested-by", "");
	if (!text_empty(said))
		return arena_strdup(p->arena, said);
	const struct object *o = cluster_find(p->cluster, KIND_DEPLOYMENT, p->canary->ns, p->canary->target.name);
	const char *manager = o && o->template_manager ? o->template_manager : "";
	/* What the server writes for a client that gives no name. */
	return text_eq(manager, "unknown") ? "" : arena_strdup(p->arena, manager);
}

static enum result deployment_observe(const struct plan *p, struct observed *o, struct error *e)
{
	const struct canary *c = p->canary;
	CLEANUP(json_delete_p) cJSON *target = plan_tree(p, KIND_DEPLOYMENT, c->ns, c->target.name);
	CLEANUP(json_delete_p) cJSON *source = plan_tree(p, KIND_DEPLOYMENT, c->ns, c->source_name);
	read_workload(p, target, &o->target);
	read_workload(p, source, &o->source);
	o->leftovers = giveback_leftovers(p);
	if (!target) {
		o->error = arena_printf(p->arena, "deployment %s.%s get query error: not found", c->target.name, c->ns);
		return o->error ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for what is observed");
	}
	/* A revision without a hash would look like a new one. */
	if (text_empty(o->target.revision) || (source && text_empty(o->source.revision)))
		return error_set(e, RC_EXHAUSTED, "no memory for what is observed");
	struct selector_label l;
	struct error why;
	enum result r = selector_label_find(p, target, &l, &why);
	if (r == RC_INVALID) {
		o->error = arena_strdup(p->arena, why.text);
		return o->error ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for what is observed");
	}
	if (r != RC_OK)
		return error_set(e, r, "%s", why.text);
	o->target.requested_by = author(p, target);
	o->source_same_template = template_same(p, target, source, &l);
	services_observe(p, target, &l, o);
	r = configs_observe(p, target, o, e);
	return r == RC_OK ? scaler_observe(p, o, e) : r;
}

static void deployment_wants(const struct plan *p,
			     void (*want)(void *owner, enum kind kind, const char *ns, const char *name), void *owner)
{
	const struct canary *c = p->canary;
	want(owner, KIND_DEPLOYMENT, c->ns, c->target.name);
	want(owner, KIND_DEPLOYMENT, c->ns, c->source_name);
	want(owner, KIND_SERVICE, c->ns, c->service.name);
	want(owner, KIND_SERVICE, c->ns, arena_printf(p->arena, "%s-primary", c->service.name));
	want(owner, KIND_SERVICE, c->ns, arena_printf(p->arena, "%s-canary", c->service.name));
	scaler_wants(p, want, owner);
	configs_want(p, want, owner);
}

/* ---- the primary ---- */

static bool kept_by_prefix(const struct plan *p, const char *key)
{
	if (strstr(key, "toolkit.fluxcd.io") || text_eq(key, MANAGED_BY) || text_starts(key, "rollcall.dev/"))
		return false;
	for (const char *const *x = p->options->include_label_prefixes; *x; x++)
		if (text_eq(*x, "*") || text_starts(key, *x))
			return true;
	return false;
}

bool metadata_copy_by_prefix(const struct plan *p, const cJSON *from, cJSON *to)
{
	const cJSON *m;
	cJSON_ArrayForEach (m, from) {
		if (kept_by_prefix(p, m->string) && cJSON_IsString(m) &&
		    !cJSON_AddStringToObject(to, m->string, m->valuestring))
			return false;
	}
	return true;
}

static bool put_copy(cJSON *to, const char *path, const cJSON *from)
{
	const cJSON *v = json_at(from, path);
	return !v || json_put(to, path, cJSON_Duplicate(v, true));
}

/* Pods roll because of a new flagger-id. It is made from what they run - template and configuration - in the shape of
 * the original's (a version 4 UUID): a promotion of something else always rolls them, also one that was cut off after
 * the copies had been written, and one that is repeated never does. */
static bool put_id(const struct plan *p, const cJSON *target, cJSON *template_)
{
	struct pairs configs;
	bool tracked = p->options->track_configs;
	if (tracked && configs_sums(p, target, &configs, NULL) != RC_OK)
		return false;
	const char *digest = revision_digest(template_, p->arena);
	const char *hex = revision_identity(digest, tracked ? &configs : NULL, p->arena);
	if (text_empty(digest) || strlen(hex) != 32)
		return false;
	const char *id =
		arena_printf(p->arena, "%.8s-%.4s-4%.3s-a%.3s-%.12s", hex, hex + 8, hex + 13, hex + 17, hex + 20);
	return id && json_put_text(template_, "metadata.annotations.flagger-id", id);
}

/* spec parts and labels that creation and promotion write alike (4.2, 4.6). */
static bool put_common(const struct plan *p, const cJSON *target, const struct selector_label *l, cJSON *to)
{
	static const char *const parts[] = { "spec.progressDeadlineSeconds", "spec.minReadySeconds",
					     "spec.revisionHistoryLimit", "spec.strategy" };
	CLEANUP(json_delete_p) cJSON *t = template_for_primary(p, target, l);
	if (!t || !put_id(p, target, t))
		return false;
	bool ok = json_put(to, "spec.template", TAKE(t));
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		ok = ok && put_copy(to, parts[i], target);
	cJSON *labels = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(to, "metadata"), "labels");
	if (!labels && ok) {
		ok = json_put(to, "metadata.labels", cJSON_CreateObject());
		labels = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(to, "metadata"), "labels");
	}
	ok = ok && metadata_copy_by_prefix(p, json_at(target, "metadata.labels"), labels);
	cJSON_DeleteItemFromObjectCaseSensitive(labels, l->key);
	return ok && cJSON_AddStringToObject(labels, l->key, l->primary);
}

static bool copy_annotations(const cJSON *target, cJSON *to)
{
	const cJSON *m;
	cJSON_ArrayForEach (m, json_at(target, "metadata.annotations")) {
		if (strstr(m->string, "toolkit.fluxcd.io") || text_starts(m->string, "rollcall.dev/") ||
		    !cJSON_IsString(m))
			continue;
		if (!cJSON_AddStringToObject(to, m->string, m->valuestring))
			return false;
	}
	return true;
}

static enum result ensure_source(struct plan *p, const cJSON *target, const struct selector_label *l, int replicas,
				 struct error *e)
{
	const struct canary *c = p->canary;
	if (cluster_find(p->cluster, KIND_DEPLOYMENT, c->ns, c->source_name))
		return RC_OK;
	if (!text_empty(c->source.name))
		return error_set(e, RC_INVALID, "deployment %s.%s (spec.sourceRef) does not exist", c->source_name,
				 c->ns);
	enum result rc = configs_copy(p, target, e);
	if (rc != RC_OK)
		return error_in(e, rc, "createPrimaryDeployment failed");
	int wanted = replicas > 0 ? replicas : (int)json_int(target, "spec.replicas", 1);
	CLEANUP(json_delete_p) cJSON *d = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *metadata = plan_metadata(p, c->source_name);
	CLEANUP(json_delete_p) cJSON *annotations = cJSON_CreateObject();
	cJSON *match = cJSON_CreateObject();
	bool ok = d && metadata && annotations && match && cJSON_AddStringToObject(match, l->key, l->primary) &&
		  json_put_text(d, "apiVersion", "apps/v1") && json_put_text(d, "kind", "Deployment") &&
		  copy_annotations(target, annotations) && json_put(metadata, "annotations", TAKE(annotations)) &&
		  json_put(d, "metadata", TAKE(metadata)) && json_put(d, "spec.selector.matchLabels", TAKE(match)) &&
		  json_put_int(d, "spec.replicas", wanted > 0 ? wanted : 1) && put_common(p, target, l, d) &&
		  plan_create(p, KIND_DEPLOYMENT, c->ns, c->source_name, d);
	cJSON_Delete(match);
	return ok ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for the primary");
}

/* Of the primary's own labels and annotations: those of the target that are let through, and no others (4.6). The
 * deployment controller's revision is its own business. */
static bool put_kept_metadata(const struct plan *p, const cJSON *target, const cJSON *source, cJSON *was, cJSON *wanted)
{
	static const char controllers[] = "deployment.kubernetes.io/revision";
	CLEANUP(json_delete_p) cJSON *annotations = cJSON_CreateObject();
	bool ok = annotations && metadata_copy_by_prefix(p, json_at(target, "metadata.annotations"), annotations) &&
		  put_copy(was, "metadata.labels", source) && put_copy(was, "metadata.annotations", source) &&
		  json_put_text(wanted, "metadata.labels." MANAGED_BY_PATH, "rollcall") &&
		  json_put(wanted, "metadata.annotations", TAKE(annotations));
	if (!ok)
		return false;
	json_remove(was, "metadata.annotations.deployment\\.kubernetes\\.io/revision");
	cJSON_DeleteItemFromObjectCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(wanted, "metadata"), "annotations"),
		controllers);
	return true;
}

/* A merge patch from what is there to what is wanted, for the parts that promotion owns. */
static enum result promote(struct plan *p, const cJSON *target, const struct selector_label *l, const struct effect *f,
			   struct error *e)
{
	const struct canary *c = p->canary;
	CLEANUP(json_delete_p) cJSON *source = plan_tree(p, KIND_DEPLOYMENT, c->ns, c->source_name);
	if (!source)
		return error_set(e, RC_NOT_FOUND, "deployment %s.%s get query error: not found", c->source_name, c->ns);
	const cJSON *now = json_at(target, "spec.template");
	if ((f->expect_revision && !text_eq(revision_of_template(now, p->arena), f->expect_revision)) ||
	    (f->expect_digest && !text_eq(revision_digest(now, p->arena), f->expect_digest)))
		return error_set(e, RC_CONFLICT, "deployment %s.%s changed while it was being promoted", c->target.name,
				 c->ns);
	enum result rc = configs_expect(p, target, f->expect_configs, e);
	if (rc == RC_OK)
		rc = configs_copy(p, target, e);
	if (rc != RC_OK)
		return rc;
	CLEANUP(json_delete_p) cJSON *was = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *wanted = cJSON_CreateObject();
	bool oom = !was || !wanted;
	bool ours = text_empty(c->source.name);
	static const char *const parts[] = { "spec.template",        "spec.progressDeadlineSeconds",
					     "spec.minReadySeconds", "spec.revisionHistoryLimit",
					     "spec.strategy",        "spec.replicas" };
	for (size_t i = 0; i < sizeof parts / sizeof *parts && !oom; i++)
		oom = !put_copy(was, parts[i], source);
	if (ours && !oom)
		oom = !put_common(p, target, l, wanted) || !put_kept_metadata(p, target, source, was, wanted);
	else if (!oom)
		oom = !put_copy(wanted, "spec.template", target);
	/* Replicas follow the target, but never to nothing (E23); the extension scales its source itself. */
	int replicas = (int)json_int(target, "spec.replicas", 1);
	if (!c->extension && ours && text_empty(c->autoscaler.name) && replicas > 0)
		oom = oom || !json_put_int(wanted, "spec.replicas", replicas);
	else
		json_remove(was, "spec.replicas");
	if (!ours)
		for (size_t i = 1; i < sizeof parts / sizeof *parts; i++)
			json_remove(was, parts[i]);
	CLEANUP(json_delete_p) cJSON *patch = oom ? NULL : json_diff_merge(was, wanted, &oom);
	if (oom || (patch && !plan_patch(p, KIND_DEPLOYMENT, c->ns, c->source_name, patch)))
		return error_set(e, RC_EXHAUSTED, "no memory for the promotion");
	return RC_OK;
}

/* ---- the rest ---- */

static enum result patch_number(struct plan *p, const char *name, const char *path, int64_t value, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	if (!patch || !json_put_int(patch, path, value) || !plan_patch(p, KIND_DEPLOYMENT, p->canary->ns, name, patch))
		return error_set(e, RC_EXHAUSTED, "no memory for a patch");
	return RC_OK;
}

static enum result scale(struct plan *p, const char *name, int replicas, struct error *e)
{
	const struct object *o = cluster_find(p->cluster, KIND_DEPLOYMENT, p->canary->ns, name);
	CLEANUP(json_delete_p) cJSON *d = plan_tree(p, KIND_DEPLOYMENT, p->canary->ns, name);
	if (!o || !d)
		return error_set(e, RC_NOT_FOUND, "deployment %s.%s get query error: not found", name, p->canary->ns);
	if (json_int(d, "spec.replicas", 1) == replicas)
		return RC_OK;
	return patch_number(p, name, "spec.replicas", replicas, e);
}

/* The mark says whose pause it is: one that the user set is never touched. */
static enum result set_paused(struct plan *p, const cJSON *target, bool paused, struct error *e)
{
	bool is = json_bool(target, "spec.paused", false);
	bool ours = text_eq(json_text(target, PAUSED_BY_US_PATH, ""), "true");
	if (paused ? is : !ours)
		return RC_OK;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	bool ok = patch &&
		  (is == paused || json_put(patch, "spec.paused", paused ? cJSON_CreateTrue() : cJSON_CreateNull())) &&
		  json_put(patch, PAUSED_BY_US_PATH, paused ? cJSON_CreateString("true") : cJSON_CreateNull()) &&
		  plan_patch(p, KIND_DEPLOYMENT, p->canary->ns, p->canary->target.name, patch);
	return ok ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for a patch");
}

/* Keys that never went to the primary are still the user's. */
static bool keep_toolkit_keys(const cJSON *target, cJSON *template_, const char *path)
{
	const cJSON *m;
	cJSON_ArrayForEach (m, json_at(json_at(target, "spec.template"), path)) {
		if (!strstr(m->string, "toolkit.fluxcd.io") || !cJSON_IsString(m))
			continue;
		if (!json_at(template_, path) && !json_put(template_, path, cJSON_CreateObject()))
			return false;
		cJSON *metadata = cJSON_GetObjectItemCaseSensitive(template_, "metadata");
		cJSON *map = cJSON_GetObjectItemCaseSensitive(metadata, strrchr(path, '.') + 1);
		if (!cJSON_AddStringToObject(map, m->string, m->valuestring))
			return false;
	}
	return true;
}

/* The stable template back into the target, so that what is given back serves what production served. */
static enum result revert_template(struct plan *p, const cJSON *target, const struct selector_label *l, struct error *e)
{
	const struct canary *c = p->canary;
	CLEANUP(json_delete_p) cJSON *source = plan_tree(p, KIND_DEPLOYMENT, c->ns, c->source_name);
	if (!source)
		return error_set(e, RC_NOT_FOUND, "deployment %s.%s get query error: not found", c->source_name, c->ns);
	enum result rc = configs_known(p, source, e);
	if (rc != RC_OK)
		return rc;
	bool oom = false;
	CLEANUP(json_delete_p) cJSON *was = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *wanted = cJSON_CreateObject();
	cJSON *t = text_empty(c->source.name) ? template_for_target(p, source, l)
					      : cJSON_Duplicate(json_at(source, "spec.template"), true);
	oom = !was || !wanted || !t || !put_copy(was, "spec.template", target);
	if (!oom)
		oom = !keep_toolkit_keys(target, t, "metadata.labels") ||
		      !keep_toolkit_keys(target, t, "metadata.annotations");
	if (oom)
		cJSON_Delete(t);
	else
		oom = !json_put(wanted, "spec.template", t);
	CLEANUP(json_delete_p) cJSON *patch = oom ? NULL : json_diff_merge(was, wanted, &oom);
	if (oom || (patch && !plan_patch(p, KIND_DEPLOYMENT, c->ns, c->target.name, patch)))
		return error_set(e, RC_EXHAUSTED, "no memory for a patch");
	return RC_OK;
}

static enum result with_target(struct plan *p, const struct effect *f, struct error *e)
{
	const struct canary *c = p->canary;
	CLEANUP(json_delete_p) cJSON *target = plan_tree(p, KIND_DEPLOYMENT, c->ns, c->target.name);
	struct selector_label l;
	if (f->kind == EFFECT_RESTORE_APEX)
		return service_restore(p, e);
	if (!target && (f->kind == EFFECT_RESUME_TARGET || f->kind == EFFECT_REVERT_TEMPLATE))
		return RC_OK; /* the user has taken it away */
	if (!target)
		return error_set(e, RC_NOT_FOUND, "deployment %s.%s get query error: not found", c->target.name, c->ns);
	enum result r = selector_label_find(p, target, &l, e);
	if (r != RC_OK)
		return r;
	switch (f->kind) {
	case EFFECT_ENSURE_SOURCE:
		return ensure_source(p, target, &l, f->replicas, e);
	case EFFECT_PROMOTE:
		return promote(p, target, &l, f, e);
	case EFFECT_REVERT_TEMPLATE:
		return revert_template(p, target, &l, e);
	case EFFECT_PAUSE_TARGET:
		return set_paused(p, target, true, e);
	case EFFECT_RESUME_TARGET:
		return set_paused(p, target, false, e);
	default:
		return service_effect(p, f->kind, target, &l, e);
	}
}

static enum result deployment_effect(struct plan *p, const struct effect *f, struct error *e)
{
	switch (f->kind) {
	case EFFECT_SCALE:
		return scale(p, f->side == SIDE_TARGET ? p->canary->target.name : p->canary->source_name, f->replicas,
			     e);
	case EFFECT_ENSURE_SCALER:
	case EFFECT_PAUSE_SCALER:
	case EFFECT_RESUME_SCALER:
	case EFFECT_UPDATE_SCALER:
		return scaler_effect(p, f->kind, e);
	case EFFECT_ADD_FINALIZER:
	case EFFECT_REMOVE_FINALIZER:
	case EFFECT_DELETE_OURS:
	case EFFECT_DELETE_CANARY:
		return giveback_effect(p, f->kind, e);
	default:
		return with_target(p, f, e);
	}
}

const struct target target_deployment = {
	.kind = "Deployment",
	.wants = deployment_wants,
	.observe = deployment_observe,
	.effect = deployment_effect,
};

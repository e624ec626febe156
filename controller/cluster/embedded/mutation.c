#include "controller/cluster/embedded/mutation.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/cluster/embedded/admission.h"
#include "controller/cluster/embedded/defaults.h"
#include "controller/cluster/embedded/three_way.h"

enum { GRACE_MAX_S = 24 * 3600 };

static const struct {
	bool has_generation, has_status;
} traits[KIND_COUNT] = {
	[KIND_CANARY] = { true, true },         [KIND_METRIC_TEMPLATE] = { true, true },
	[KIND_ALERT_PROVIDER] = { true, true }, [KIND_DEPLOYMENT] = { true, true },
	[KIND_INGRESS] = { true, true },        [KIND_SERVICE] = { false, true },
	[KIND_HPA] = { false, true },           [KIND_POD] = { false, true },
	[KIND_NGINX_UPSTREAM] = { true, true }, [KIND_PROCESS] = { true, true },
	[KIND_SYSTEMD_UNIT] = { true, true },
};

static enum result no_memory(struct error *e)
{
	return error_set(e, RC_EXHAUSTED, "no memory for an object");
}

static cJSON *member(const cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

/* The same value at a place of to as from has there, or none. */
static bool keep(cJSON *to, const cJSON *from, const char *path)
{
	const cJSON *v = json_at(from, path);
	if (v)
		return json_put(to, path, cJSON_Duplicate(v, true));
	json_remove(to, path);
	return true;
}

/* ---- preconditions ---- */

static enum result preconditions(const cJSON *current, const cJSON *wanted, struct error *e)
{
	const char *version = json_text(wanted, "resourceVersion", ""), *uid = json_text(wanted, "uid", "");
	const char *is = json_text(current, "metadata.resourceVersion", "");
	if (*uid && !text_eq(uid, json_text(current, "metadata.uid", "")))
		return error_set(e, RC_CONFLICT, "the object was made anew: its uid is another one");
	if (*version && !text_eq(version, is))
		return error_set(e, RC_CONFLICT, "the object has been modified: resourceVersion is %s, not %.20s", is,
				 version);
	return RC_OK;
}

/* ---- finishing what is written ---- */

/* Of a Process the whole spec is one. */
static const cJSON *template_of(const cJSON *object)
{
	bool short_form = text_eq(json_text(object, "apiVersion", ""), "rollcall.dev/v1");
	return json_at(object, short_form ? "spec" : "spec.template");
}

static bool template_changed(const cJSON *from, const cJSON *to)
{
	return !json_equal(template_of(from), template_of(to));
}

/* As much of managedFields as is read by anybody: who wrote the pod template last. */
static bool put_manager(cJSON *object, const char *manager)
{
	if (text_empty(manager) || !template_of(object))
		return true;
	cJSON *list = cJSON_CreateArray(), *field = cJSON_CreateObject();
	bool ok = list && field && json_put_text(field, "manager", manager) &&
		  json_put(field, "fieldsV1.f:spec.f:template", cJSON_CreateObject());
	if (!ok || !cJSON_AddItemToArray(list, field)) {
		cJSON_Delete(field);
		cJSON_Delete(list);
		return false;
	}
	return json_put(object, "metadata.managedFields", list);
}

/* Everything but metadata and status. */
static bool spec_changed(const cJSON *from, const cJSON *to)
{
	const cJSON *lists[] = { from, to };
	for (size_t i = 0; i < 2; i++) {
		for (const cJSON *m = lists[i]->child; m; m = m->next) {
			if (text_eq(m->string, "metadata") || text_eq(m->string, "status") ||
			    text_eq(m->string, "apiVersion"))
				continue;
			if (!json_equal(m, member(lists[1 - i], m->string)))
				return true;
		}
	}
	return false;
}

static bool stamp(const struct mutation *m, cJSON *object, const char *manager)
{
	char version[32];
	snprintf(version, sizeof version, "%lld", (long long)m->version);
	return json_put_text(object, "metadata.resourceVersion", version) && put_manager(object, manager);
}

/* ---- create ---- */

static enum result names_agree(const struct mutation *m, const cJSON *body, struct error *e)
{
	const char *kind = json_text(body, "kind", kind_name(m->kind)),
		   *name = json_text(body, "metadata.name", m->name);
	const char *ns = json_text(body, "metadata.namespace", m->ns);
	if (!cJSON_IsObject(body))
		return error_set(e, RC_INVALID, "the body is not an object");
	if (member(body, "metadata") && !cJSON_IsObject(member(body, "metadata")))
		return error_set(e, RC_INVALID, "metadata: must be an object");
	if (!text_eq(kind, kind_name(m->kind)) || !text_eq(name, m->name) || !text_eq(ns, m->ns))
		return error_set(e, RC_INVALID, "the body is another object's: %.40s %.63s/%.120s", kind, ns, name);
	return RC_OK;
}

static void version_of(const struct mutation *m, const cJSON *body, char buf[64])
{
	const struct kind_info *i = kind_info(m->kind);
	const char *said = json_text(body, "apiVersion", "");
	if (*said)
		snprintf(buf, 64, "%.63s", said);
	else
		snprintf(buf, 64, "%s%s%s", i->group, *i->group ? "/" : "", i->version);
}

/* apiVersion and kind first, as people read them. */
static cJSON *new_object(const struct mutation *m, const cJSON *body)
{
	char version[64], time[32];
	CLEANUP(json_delete_p) cJSON *o = cJSON_CreateObject();
	version_of(m, body, version);
	wall_print(m->now, time);
	bool ok = o && json_put_text(o, "apiVersion", version) && json_put_text(o, "kind", kind_name(m->kind)) &&
		  json_merge_patch(&o, body);
	static const char *const not_theirs[] = { "metadata.deletionTimestamp", "metadata.deletionGracePeriodSeconds",
						  "metadata.generation", "metadata.managedFields",
						  "metadata.selfLink" };
	for (size_t i = 0; ok && i < sizeof not_theirs / sizeof not_theirs[0]; i++)
		json_remove(o, not_theirs[i]);
	if (ok && traits[m->kind].has_status)
		cJSON_DeleteItemFromObjectCaseSensitive(o, "status");
	ok = ok && json_put_text(o, "metadata.name", m->name) && json_put_text(o, "metadata.namespace", m->ns) &&
	     json_put_text(o, "metadata.uid", m->uid) && json_put_text(o, "metadata.creationTimestamp", time);
	if (ok && traits[m->kind].has_generation)
		ok = json_put_int(o, "metadata.generation", 1);
	if (ok && m->kind == KIND_POD)
		ok = json_put_text(o, "status.phase", "Pending");
	return ok ? TAKE(o) : NULL;
}

static enum result create(const struct mutation *m, const cJSON *body, cJSON **ret, struct error *e)
{
	enum result r = names_agree(m, body, e);
	if (r != RC_OK)
		return r;
	if (!text_empty(json_text(body, "metadata.resourceVersion", "")))
		return m->verb == MUTATE_APPLY
			       ? error_set(e, RC_CONFLICT, "metadata.resourceVersion is given, but there is no object")
			       : error_set(e, RC_INVALID, "metadata.resourceVersion: not on a new object");
	CLEANUP(json_delete_p) cJSON *o = new_object(m, body);
	if (!o || !defaults_fill(m->kind, o))
		return no_memory(e);
	r = admission_check(m->kind, o, e);
	if (r != RC_OK)
		return r;
	if (!stamp(m, o, m->manager))
		return no_memory(e);
	*ret = TAKE(o);
	return RC_OK;
}

/* ---- change ---- */

static bool restore_identity(const struct mutation *m, const cJSON *current, cJSON *o)
{
	static const char *const kept[] = { "kind",
					    "metadata.name",
					    "metadata.namespace",
					    "metadata.uid",
					    "metadata.resourceVersion",
					    "metadata.creationTimestamp",
					    "metadata.generation",
					    "metadata.deletionTimestamp",
					    "metadata.deletionGracePeriodSeconds" };
	if (!cJSON_IsObject(o))
		return true;
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
		if (!keep(o, current, kept[i]))
			return false;
	}
	json_remove(o, "metadata.managedFields");
	if (!json_at(o, "apiVersion") && !keep(o, current, "apiVersion"))
		return false;
	return !traits[m->kind].has_status || keep(o, current, "status");
}

static bool has_text(const cJSON *list, const char *text)
{
	const cJSON *v;
	cJSON_ArrayForEach (v, list) {
		if (cJSON_IsString(v) && text_eq(v->valuestring, text))
			return true;
	}
	return false;
}

static enum result finalizers_check(const cJSON *current, const cJSON *o, struct error *e)
{
	const cJSON *f;
	if (!json_at(current, "metadata.deletionTimestamp"))
		return RC_OK;
	cJSON_ArrayForEach (f, json_at(o, "metadata.finalizers")) {
		if (cJSON_IsString(f) && !has_text(json_at(current, "metadata.finalizers"), f->valuestring))
			return error_set(e, RC_INVALID,
					 "metadata.finalizers: none can be added to an object that is being deleted");
	}
	return RC_OK;
}

static bool may_go(const cJSON *o)
{
	return json_at(o, "metadata.deletionTimestamp") && !json_at(o, "metadata.finalizers.0") &&
	       json_int(o, "metadata.deletionGracePeriodSeconds", 0) == 0;
}

/* o: what is wanted, identity kept. Takes it. */
static enum result settle(const struct mutation *m, const cJSON *current, const char *template_manager, cJSON *object,
			  enum mutation_outcome *outcome, cJSON **ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *o = object;
	if (json_equal(current, o)) {
		*outcome = MUTATED_NOTHING;
		return RC_OK;
	}
	if (may_go(o)) {
		*outcome = MUTATED_REMOVED;
		return RC_OK;
	}
	if (traits[m->kind].has_generation && spec_changed(current, o) &&
	    !json_put_int(o, "metadata.generation", json_int(current, "metadata.generation", 0) + 1))
		return no_memory(e);
	if (!stamp(m, o, template_changed(current, o) ? m->manager : template_manager))
		return no_memory(e);
	*outcome = MUTATED_WRITTEN;
	*ret = TAKE(o);
	return RC_OK;
}

static enum result change(const struct mutation *m, const cJSON *current, const char *template_manager, cJSON *object,
			  enum mutation_outcome *outcome, cJSON **ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *o = object;
	if (!restore_identity(m, current, o) || !defaults_fill(m->kind, o))
		return no_memory(e);
	enum result r = admission_check(m->kind, o, e);
	if (r == RC_OK)
		r = admission_change(m->kind, current, o, e);
	if (r == RC_OK)
		r = finalizers_check(current, o, e);
	return r == RC_OK ? settle(m, current, template_manager, TAKE(o), outcome, ret, e) : r;
}

/* Only status; whatever else the patch says is not looked at. */
static enum result change_status(const struct mutation *m, const cJSON *current, const char *template_manager,
				 enum mutation_outcome *outcome, cJSON **ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *o = cJSON_Duplicate(current, true);
	CLEANUP(json_delete_p) cJSON *status = cJSON_Duplicate(member(current, "status"), true);
	const cJSON *patch = member(m->body, "status");
	if (!traits[m->kind].has_status)
		return error_set(e, RC_INVALID, "this kind has no status");
	if (!o || (patch && !json_merge_patch(&status, patch)))
		return no_memory(e);
	if (status && !cJSON_IsNull(status)) {
		if (!cJSON_IsObject(status))
			return error_set(e, RC_INVALID, "status: must be an object");
		if (!json_put(o, "status", TAKE(status)))
			return no_memory(e);
	} else {
		cJSON_DeleteItemFromObjectCaseSensitive(o, "status");
	}
	return settle(m, current, template_manager, TAKE(o), outcome, ret, e);
}

static enum result patch(const struct mutation *m, const cJSON *current, const char *template_manager,
			 enum mutation_outcome *outcome, cJSON **ret, struct error *e)
{
	enum result r = names_agree(m, m->body, e);
	if (r == RC_OK)
		r = preconditions(current, member(m->body, "metadata"), e);
	if (r != RC_OK)
		return r;
	if (text_eq(m->subresource, "status"))
		return change_status(m, current, template_manager, outcome, ret, e);
	CLEANUP(json_delete_p) cJSON *o = cJSON_Duplicate(current, true);
	if (!o || !json_merge_patch(&o, m->body))
		return no_memory(e);
	return change(m, current, template_manager, TAKE(o), outcome, ret, e);
}

static enum result apply(const struct mutation *m, const cJSON *current, const char *template_manager,
			 enum mutation_outcome *outcome, cJSON **ret, struct error *e)
{
	const cJSON *annotations = json_at(m->body, "metadata.annotations");
	if (annotations && !cJSON_IsObject(annotations) && !cJSON_IsNull(annotations))
		return error_set(e, RC_INVALID, "metadata.annotations: must be an object of texts");
	CLEANUP(json_delete_p) cJSON *wanted = three_way_remembered(m->body);
	if (!wanted)
		return no_memory(e);
	if (!current) {
		*outcome = MUTATED_WRITTEN;
		return create(m, wanted, ret, e);
	}
	CLEANUP(json_delete_p) cJSON *original = three_way_original(current);
	CLEANUP(json_delete_p) cJSON *o = cJSON_Duplicate(current, true);
	enum result r = names_agree(m, wanted, e);
	if (r == RC_OK)
		r = preconditions(current, member(wanted, "metadata"), e);
	if (r != RC_OK)
		return r;
	if (!o || !three_way_merge(&o, original, wanted))
		return no_memory(e);
	return change(m, current, template_manager, TAKE(o), outcome, ret, e);
}

/* ---- binding ---- */

static enum result bind_pod(const struct mutation *m, const cJSON *current, const char *template_manager,
			    enum mutation_outcome *outcome, cJSON **ret, struct error *e)
{
	const char *node = json_text(m->body, "target.name", "");
	enum result r = preconditions(current, member(m->body, "metadata"), e);
	if (r != RC_OK)
		return r;
	if (!*node)
		return error_set(e, RC_INVALID, "target.name: missing");
	if (!text_empty(json_text(current, "spec.nodeName", "")))
		return error_set(e, RC_CONFLICT, "the pod has a node already");
	if (json_at(current, "metadata.deletionTimestamp"))
		return error_set(e, RC_CONFLICT, "the pod is being deleted");
	CLEANUP(json_delete_p) cJSON *o = cJSON_Duplicate(current, true);
	if (!o || !json_put_text(o, "spec.nodeName", node))
		return no_memory(e);
	return settle(m, current, template_manager, TAKE(o), outcome, ret, e);
}

/* ---- delete ---- */

/* Pods get time to end when a node has them. */
static int64_t grace_of(const struct mutation *m, const cJSON *current)
{
	const char *phase = json_text(current, "status.phase", "");
	if (m->kind != KIND_POD || text_empty(json_text(current, "spec.nodeName", "")) || text_eq(phase, "Succeeded") ||
	    text_eq(phase, "Failed"))
		return 0;
	int64_t s =
		json_int(m->body, "gracePeriodSeconds", json_int(current, "spec.terminationGracePeriodSeconds", 30));
	return s < 0 ? 0 : s > GRACE_MAX_S ? GRACE_MAX_S : s;
}

static enum result delete_object(const struct mutation *m, const cJSON *current, const char *template_manager,
				 enum mutation_outcome *outcome, cJSON **ret, struct error *e)
{
	char time[32];
	enum result r = preconditions(current, member(m->body, "preconditions"), e);
	if (r == RC_OK && text_eq(json_text(m->body, "propagationPolicy", ""), "Orphan"))
		r = error_set(e, RC_INVALID,
			      "propagationPolicy: Orphan is not supported by the embedded platform; what is owned goes "
			      "with its owner");
	if (r != RC_OK)
		return r;
	int64_t grace = grace_of(m, current);
	bool deleting = json_at(current, "metadata.deletionTimestamp") != NULL;
	if (deleting && grace >= json_int(current, "metadata.deletionGracePeriodSeconds", 0)) {
		*outcome = may_go(current) ? MUTATED_REMOVED : MUTATED_NOTHING;
		return RC_OK;
	}
	if (grace == 0 && !json_at(current, "metadata.finalizers.0")) {
		*outcome = MUTATED_REMOVED;
		return RC_OK;
	}
	CLEANUP(json_delete_p) cJSON *o = cJSON_Duplicate(current, true);
	wall_print((struct wall_ms){ m->now.v + grace * 1000 }, time);
	if (!o || !json_put_text(o, "metadata.deletionTimestamp", time) ||
	    !json_put_int(o, "metadata.deletionGracePeriodSeconds", grace))
		return no_memory(e);
	return settle(m, current, template_manager, TAKE(o), outcome, ret, e);
}

/* ---- the door ---- */

static enum result choose(const struct mutation *m, const cJSON *current, const char *template_manager,
			  enum mutation_outcome *outcome, cJSON **ret, struct error *e)
{
	const char *sub = m->subresource;
	bool binding = m->verb == MUTATE_CREATE && text_eq(sub, "binding") && m->kind == KIND_POD;
	bool status = m->verb == MUTATE_PATCH && text_eq(sub, "status");
	char shown[TEXT_SHOWN];
	if (*sub && !binding && !status)
		return error_set(e, RC_INVALID, "the embedded platform has no subresource \"%s\" for this",
				 text_show(sub, strlen(sub), shown));
	if (m->verb == MUTATE_APPLY)
		return apply(m, current, template_manager, outcome, ret, e);
	if (m->verb == MUTATE_CREATE && !binding) {
		if (current)
			return error_set(e, RC_CONFLICT, "already exists");
		*outcome = MUTATED_WRITTEN;
		return create(m, m->body, ret, e);
	}
	if (!current)
		return error_set(e, RC_NOT_FOUND, "not found");
	if (binding)
		return bind_pod(m, current, template_manager, outcome, ret, e);
	return m->verb == MUTATE_PATCH ? patch(m, current, template_manager, outcome, ret, e)
				       : delete_object(m, current, template_manager, outcome, ret, e);
}

enum result mutation_run(const struct mutation *m, const cJSON *current, const char *template_manager,
			 enum mutation_outcome *outcome, cJSON **ret, struct error *e)
{
	static const char *const verbs[] = { "create", "patch", "delete", "apply" };
	cJSON *made = NULL;
	enum mutation_outcome what = MUTATED_NOTHING;
	enum result r = choose(m, current, template_manager, &what, &made, e);
	if (r != RC_OK)
		return error_in(e, r, "%s %s %s/%s", verbs[m->verb], kind_name(m->kind), m->ns, m->name);
	*outcome = what;
	if (made)
		*ret = made;
	return RC_OK;
}

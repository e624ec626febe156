/* The three Services (flagger-controller.md 5): which pods they select, and giving a user's own back. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/targets/deployment.h"

#define ORIGINAL_PATH "metadata.annotations.rollcall\\.dev/original"

static const char *const toolkit_annotations[][2] = {
	{ "kustomize.toolkit.fluxcd.io/reconcile", "disabled" },
	{ "helm.toolkit.fluxcd.io/driftDetection", "disabled" },
};

enum role { ROLE_APEX, ROLE_PRIMARY, ROLE_CANARY };
struct wanted_service {
	const char *name;
	bool apex;
	enum side side; /* whose pods */
	const struct metadata_pair *metadata;
};

static struct wanted_service wanted_of(const struct plan *p, enum role role, enum side side)
{
	const struct service_spec *s = &p->canary->service;
	switch (role) {
	case ROLE_PRIMARY:
		return (struct wanted_service){ arena_printf(p->arena, "%s-primary", s->name), false, side,
						&s->primary };
	case ROLE_CANARY:
		return (struct wanted_service){ arena_printf(p->arena, "%s-canary", s->name), false, side, &s->canary };
	case ROLE_APEX:
		break;
	}
	return (struct wanted_service){ s->name, true, side, &s->apex };
}

/* Adds the keys that an annotation of the extension names, with the values of that workload's pods. A value that can
 * change from one revision to the next would let a Service lose pods that serve: only what the workload selects its
 * pods by cannot. any: take others too, because nothing else tells the two sides apart. */
static bool add_named(cJSON *selector, const char *const *keys, const cJSON *workload, const cJSON *fixed, bool any)
{
	const cJSON *labels = json_at(workload, "spec.template.metadata.labels");
	for (; keys && *keys; keys++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(labels, *keys);
		bool usable = any || cJSON_GetObjectItemCaseSensitive(fixed, *keys);
		if (!cJSON_IsString(v) || !usable || cJSON_GetObjectItemCaseSensitive(selector, *keys))
			continue;
		if (!cJSON_AddStringToObject(selector, *keys, v->valuestring))
			return false;
	}
	return true;
}

/* A copy that we made has the selector label of its own; the labels that the extension names come to it. */
static cJSON *selector_of_copy(const struct plan *p, enum side side, const cJSON *target, const cJSON *source,
			       const struct selector_label *l)
{
	const struct canary *c = p->canary;
	CLEANUP(json_delete_p) cJSON *s = cJSON_CreateObject();
	const cJSON *workload = side == SIDE_TARGET || !source ? target : source;
	const char *const *keys = c->extension ? c->distinguish_labels : NULL;
	bool ok = s && cJSON_AddStringToObject(s, l->key, side == SIDE_TARGET ? l->value : l->primary) &&
		  add_named(s, keys, workload, json_at(target, "spec.selector.matchLabels"), false);
	return ok ? TAKE(s) : NULL;
}

/* An existing stable Deployment keeps its labels; without any that tell the two apart, it is what each selects by. */
static cJSON *selector_of_pair(const struct plan *p, const cJSON *workload)
{
	CLEANUP(json_delete_p) cJSON *s = cJSON_CreateObject();
	if (!s || !add_named(s, p->canary->distinguish_labels, workload, NULL, true))
		return NULL;
	return s->child ? TAKE(s) : cJSON_Duplicate(json_at(workload, "spec.selector.matchLabels"), true);
}

/* The selector of one side's pods. NULL: no memory. */
static cJSON *selector_of(const struct plan *p, enum side side, const cJSON *target, const struct selector_label *l)
{
	const struct canary *c = p->canary;
	CLEANUP(json_delete_p) cJSON *source = plan_tree(p, KIND_DEPLOYMENT, c->ns, c->source_name);
	if (text_empty(c->source.name))
		return selector_of_copy(p, side, target, source, l);
	const cJSON *workload = side == SIDE_TARGET ? target : source;
	return workload ? selector_of_pair(p, workload) : cJSON_CreateObject();
}

/* Once finished, the apex may select by what both sides share (alicloud.canary.general.labels). */
static cJSON *selector_of_service(const struct plan *p, const struct wanted_service *w, const cJSON *target,
				  const struct selector_label *l)
{
	const struct canary *c = p->canary;
	if (!w->apex || w->side != SIDE_TARGET || !c->extension)
		return selector_of(p, w->side, target, l);
	CLEANUP(json_delete_p) cJSON *s = cJSON_CreateObject();
	if (!s || !add_named(s, c->general_labels, target, json_at(target, "spec.selector.matchLabels"), false))
		return NULL;
	return s->child ? TAKE(s) : selector_of(p, w->side, target, l);
}

/* Do these pods match? An empty selector selects nothing. */
static bool selects(const cJSON *selector, const cJSON *workload)
{
	const cJSON *labels = json_at(workload, "spec.template.metadata.labels"), *want;
	cJSON_ArrayForEach (want, selector) {
		if (!json_equal(cJSON_GetObjectItemCaseSensitive(labels, want->string), want))
			return false;
	}
	return selector && selector->child;
}

/* ---- ports (5.1, 5.2) ---- */

static bool is_main_port(const struct service_spec *s, const cJSON *container_port)
{
	int number = (int)json_int(container_port, "containerPort", 0);
	if (!s->target_port_is_number)
		return text_eq(json_text(container_port, "name", ""), s->target_port);
	char text[16];
	(void)snprintf(text, sizeof text, "%d", number);
	return text_eq(text, s->target_port);
}

static bool add_port(cJSON *ports, const char *name, int port, cJSON *target_port, const char *app_protocol)
{
	cJSON *j = cJSON_CreateObject();
	bool ok = j && target_port && json_put_text(j, "name", name) && json_put_text(j, "protocol", "TCP") &&
		  json_put_int(j, "port", port) &&
		  (text_empty(app_protocol) || json_put_text(j, "appProtocol", app_protocol));
	if (!ok || !cJSON_AddItemToObject(j, "targetPort", target_port)) {
		cJSON_Delete(target_port);
		cJSON_Delete(j);
		return false;
	}
	return cJSON_AddItemToArray(ports, j);
}

static bool discover_ports(const struct plan *p, const cJSON *target, cJSON *ports)
{
	const cJSON *container;
	cJSON_ArrayForEach (container, json_at(target, "spec.template.spec.containers")) {
		const char *name = json_text(container, "name", "");
		if (text_eq(name, "istio-proxy") || text_eq(name, "envoy"))
			continue;
		int index = -1;
		const cJSON *cp;
		cJSON_ArrayForEach (cp, json_at(container, "ports")) {
			index++;
			if (is_main_port(&p->canary->service, cp))
				continue;
			int number = (int)json_int(cp, "containerPort", 0);
			const char *own = json_text(cp, "name", "");
			const char *called = *own ? own : arena_printf(p->arena, "tcp-%s-%d", name, index);
			if (!called || !add_port(ports, called, number, cJSON_CreateNumber(number), ""))
				return false;
		}
	}
	return true;
}

static cJSON *wanted_ports(const struct plan *p, const cJSON *target)
{
	const struct service_spec *s = &p->canary->service;
	CLEANUP(json_delete_p) cJSON *ports = cJSON_CreateArray();
	int64_t number = 0;
	if (s->target_port_is_number && text_i64(s->target_port, 0, 65535, &number, NULL) != RC_OK)
		number = s->port;
	cJSON *tp = s->target_port_is_number ? cJSON_CreateNumber((double)number) : cJSON_CreateString(s->target_port);
	if (!ports || !add_port(ports, s->port_name, s->port, tp, s->app_protocol))
		return NULL;
	if (s->port_discovery && !discover_ports(p, target, ports))
		return NULL;
	return TAKE(ports);
}

/* What the server fills in does not count: nodePorts stay as found, protocol defaults to TCP. */
static bool same_port(const cJSON *is, const cJSON *wanted)
{
	CLEANUP(free_p) char *a = json_canonical(json_at(is, "targetPort"), false);
	CLEANUP(free_p) char *b = json_canonical(json_at(wanted, "targetPort"), false);
	return a && b && strcmp(a, b) == 0 && text_eq(json_text(is, "name", ""), json_text(wanted, "name", "")) &&
	       text_eq(json_text(is, "protocol", "TCP"), json_text(wanted, "protocol", "TCP")) &&
	       text_eq(json_text(is, "appProtocol", ""), json_text(wanted, "appProtocol", "")) &&
	       json_int(is, "port", 0) == json_int(wanted, "port", 0);
}

static bool same_ports(const cJSON *is, const cJSON *wanted)
{
	if (cJSON_GetArraySize(is) != cJSON_GetArraySize(wanted))
		return false;
	const cJSON *w;
	cJSON_ArrayForEach (w, wanted) {
		bool found = false;
		const cJSON *i;
		cJSON_ArrayForEach (i, is) {
			found = found || same_port(i, w);
		}
		if (!found)
			return false;
	}
	return true;
}

static bool keep_node_ports(const cJSON *is, cJSON *wanted)
{
	cJSON *w;
	cJSON_ArrayForEach (w, wanted) {
		const cJSON *i;
		cJSON_ArrayForEach (i, is) {
			int64_t node = json_int(i, "nodePort", 0);
			if (node && text_eq(json_text(i, "name", ""), json_text(w, "name", "")) &&
			    !json_put_int(w, "nodePort", node))
				return false;
		}
	}
	return true;
}

/* No map and an empty one are the same. */
static bool same_map(const cJSON *a, const cJSON *b)
{
	if (!a || !a->child || !b || !b->child)
		return (!a || !a->child) && (!b || !b->child);
	return json_equal(a, b);
}

/* ---- metadata (5.1, 5.3) ---- */

static bool add_pairs(cJSON *map, const struct pairs *p)
{
	for (size_t i = 0; i < p->count; i++) {
		cJSON_DeleteItemFromObjectCaseSensitive(map, p->at[i].key);
		if (!cJSON_AddStringToObject(map, p->at[i].key, p->at[i].value))
			return false;
	}
	return true;
}

static bool add_toolkit(cJSON *map)
{
	for (size_t i = 0; i < sizeof toolkit_annotations / sizeof *toolkit_annotations; i++) {
		cJSON_DeleteItemFromObjectCaseSensitive(map, toolkit_annotations[i][0]);
		if (!cJSON_AddStringToObject(map, toolkit_annotations[i][0], toolkit_annotations[i][1]))
			return false;
	}
	return true;
}

static bool add_unmanaged(const char *const *keys, const cJSON *is, cJSON *map)
{
	for (; keys && *keys; keys++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(is, *keys);
		if (cJSON_IsString(v) && !cJSON_GetObjectItemCaseSensitive(map, *keys) &&
		    !cJSON_AddStringToObject(map, *keys, v->valuestring))
			return false;
	}
	return true;
}

static cJSON *wanted_labels(const struct plan *p, const struct wanted_service *w, const struct selector_label *l,
			    const cJSON *is)
{
	CLEANUP(json_delete_p) cJSON *m = cJSON_CreateObject();
	bool ok = m && cJSON_AddStringToObject(m, "app.kubernetes.io/managed-by", "rollcall") &&
		  add_pairs(m, &w->metadata->labels);
	cJSON_DeleteItemFromObjectCaseSensitive(m, l->key);
	ok = ok && cJSON_AddStringToObject(m, l->key, w->name) &&
	     add_unmanaged(p->canary->service.unmanaged_labels, json_at(is, "metadata.labels"), m);
	return ok ? TAKE(m) : NULL;
}

static cJSON *wanted_annotations(const struct plan *p, const struct wanted_service *w, const cJSON *is)
{
	CLEANUP(json_delete_p) cJSON *m = cJSON_CreateObject();
	bool ok = m && add_pairs(m, &w->metadata->annotations) && add_toolkit(m) &&
		  add_unmanaged(p->canary->service.unmanaged_annotations, json_at(is, "metadata.annotations"), m);
	return ok ? TAKE(m) : NULL;
}

static cJSON *new_service(const struct plan *p, const struct wanted_service *w, const cJSON *target,
			  const struct selector_label *l)
{
	const struct service_spec *s = &p->canary->service;
	CLEANUP(json_delete_p) cJSON *v = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *metadata = plan_metadata(p, w->name);
	bool ok = v && metadata && json_put_text(v, "apiVersion", "v1") && json_put_text(v, "kind", "Service") &&
		  json_put(metadata, "labels", wanted_labels(p, w, l, NULL)) &&
		  json_put(metadata, "annotations", wanted_annotations(p, w, NULL)) &&
		  json_put(v, "metadata", TAKE(metadata)) && json_put_text(v, "spec.type", "ClusterIP") &&
		  (!s->headless || json_put_text(v, "spec.clusterIP", "None")) &&
		  (text_empty(s->traffic_distribution) ||
		   json_put_text(v, "spec.trafficDistribution", s->traffic_distribution)) &&
		  json_put(v, "spec.ports", wanted_ports(p, target)) &&
		  json_put(v, "spec.selector", selector_of_service(p, w, target, l));
	return ok ? TAKE(v) : NULL;
}

/* ---- comparing and writing ---- */

static bool spec_is_wanted(const struct plan *p, const struct wanted_service *w, const cJSON *is, const cJSON *target,
			   const struct selector_label *l)
{
	CLEANUP(json_delete_p) cJSON *ports = wanted_ports(p, target);
	CLEANUP(json_delete_p) cJSON *selector = selector_of_service(p, w, target, l);
	return ports && selector && same_ports(json_at(is, "spec.ports"), ports) &&
	       same_map(json_at(is, "spec.selector"), selector);
}

static bool metadata_is_wanted(const struct plan *p, const struct wanted_service *w, const cJSON *is,
			       const struct selector_label *l)
{
	if (!plan_is_ours(p, is))
		return true;
	CLEANUP(json_delete_p) cJSON *labels = wanted_labels(p, w, l, is);
	CLEANUP(json_delete_p) cJSON *annotations = wanted_annotations(p, w, is);
	return labels && annotations && same_map(json_at(is, "metadata.labels"), labels) &&
	       same_map(json_at(is, "metadata.annotations"), annotations);
}

static enum shape shape_of(const struct plan *p, enum role role, enum side side, const cJSON *target,
			   const struct selector_label *l)
{
	struct wanted_service w = wanted_of(p, role, side);
	CLEANUP(json_delete_p) cJSON *is = w.name ? plan_tree(p, KIND_SERVICE, p->canary->ns, w.name) : NULL;
	if (!is)
		return SHAPE_MISSING;
	return spec_is_wanted(p, &w, is, target, l) && metadata_is_wanted(p, &w, is, l) ? SHAPE_AS_WANTED
											: SHAPE_DIFFERENT;
}

void services_observe(const struct plan *p, const cJSON *target, const struct selector_label *l, struct observed *o)
{
	o->canary_service = shape_of(p, ROLE_CANARY, SIDE_TARGET, target, l);
	o->primary_service = shape_of(p, ROLE_PRIMARY, SIDE_SOURCE, target, l);
	o->apex_service = shape_of(p, ROLE_APEX, SIDE_SOURCE, target, l);
	CLEANUP(json_delete_p) cJSON *apex = plan_tree(p, KIND_SERVICE, p->canary->ns, p->canary->service.name);
	CLEANUP(json_delete_p) cJSON *source = selector_of(p, SIDE_SOURCE, target, l);
	const cJSON *selector = json_at(apex, "spec.selector");
	o->apex_to_target = selects(selector, target) && !same_map(selector, source);
}

/* {"selector":...,"ports":...,"annotations":...} of the user's own Service before the first change, kept on the object.
 * Of the annotations only those that we write. */
static bool remember_original(const cJSON *is, cJSON *patch)
{
	if (json_at(is, ORIGINAL_PATH))
		return true;
	CLEANUP(json_delete_p) cJSON *o = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *annotations = cJSON_CreateObject();
	const cJSON *selector = json_at(is, "spec.selector"), *ports = json_at(is, "spec.ports");
	bool ok = o && annotations &&
		  json_put(o, "selector", selector ? cJSON_Duplicate(selector, true) : cJSON_CreateNull()) &&
		  json_put(o, "ports", ports ? cJSON_Duplicate(ports, true) : cJSON_CreateNull());
	for (size_t i = 0; ok && i < sizeof toolkit_annotations / sizeof *toolkit_annotations; i++) {
		const char *key = toolkit_annotations[i][0];
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(json_at(is, "metadata.annotations"), key);
		ok = !cJSON_IsString(v) || cJSON_AddStringToObject(annotations, key, v->valuestring);
	}
	ok = ok && (!annotations->child || json_put(o, "annotations", TAKE(annotations)));
	CLEANUP(free_p) char *text = ok ? json_print(o) : NULL;
	return text && json_put_text(patch, ORIGINAL_PATH, text);
}

static bool put_map_patch(cJSON *patch, const char *path, const cJSON *was, const cJSON *wanted)
{
	bool oom = false;
	CLEANUP(json_delete_p) cJSON *empty = cJSON_CreateObject();
	cJSON *d = empty ? json_diff_merge(was ? was : empty, wanted ? wanted : empty, &oom) : NULL;
	return !oom && empty && (!d || json_put(patch, path, d));
}

static cJSON *change(const struct plan *p, const struct wanted_service *w, const cJSON *is, const cJSON *target,
		     const struct selector_label *l)
{
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *ports = wanted_ports(p, target);
	CLEANUP(json_delete_p) cJSON *selector = selector_of_service(p, w, target, l);
	bool ok = patch && ports && selector &&
		  put_map_patch(patch, "spec.selector", json_at(is, "spec.selector"), selector) &&
		  keep_node_ports(json_at(is, "spec.ports"), ports);
	if (ok && !same_ports(json_at(is, "spec.ports"), ports))
		ok = json_put(patch, "spec.ports", TAKE(ports));
	if (ok && plan_is_ours(p, is)) {
		CLEANUP(json_delete_p) cJSON *labels = wanted_labels(p, w, l, is);
		CLEANUP(json_delete_p) cJSON *annotations = wanted_annotations(p, w, is);
		ok = labels && annotations &&
		     put_map_patch(patch, "metadata.labels", json_at(is, "metadata.labels"), labels) &&
		     put_map_patch(patch, "metadata.annotations", json_at(is, "metadata.annotations"), annotations);
	} else if (ok) {
		CLEANUP(json_delete_p) cJSON *annotations = cJSON_CreateObject();
		ok = annotations && add_toolkit(annotations) &&
		     json_put(patch, "metadata.annotations", TAKE(annotations)) && remember_original(is, patch);
	}
	return ok ? TAKE(patch) : NULL;
}

static enum result ensure(struct plan *p, enum role role, enum side side, const cJSON *target,
			  const struct selector_label *l, struct error *e)
{
	struct wanted_service w = wanted_of(p, role, side);
	CLEANUP(json_delete_p) cJSON *is = w.name ? plan_tree(p, KIND_SERVICE, p->canary->ns, w.name) : NULL;
	bool ok;
	bool missing = side == SIDE_SOURCE && !text_empty(p->canary->source.name) &&
		       !cluster_find(p->cluster, KIND_DEPLOYMENT, p->canary->ns, p->canary->source_name);
	if (missing)
		return error_set(e, RC_INVALID, "deployment %s.%s (spec.sourceRef) does not exist",
				 p->canary->source_name, p->canary->ns);
	if (!is) {
		CLEANUP(json_delete_p) cJSON *s = new_service(p, &w, target, l);
		ok = plan_create(p, KIND_SERVICE, p->canary->ns, w.name, s);
	} else if (spec_is_wanted(p, &w, is, target, l) && metadata_is_wanted(p, &w, is, l)) {
		ok = true;
	} else {
		CLEANUP(json_delete_p) cJSON *patch = change(p, &w, is, target, l);
		ok = plan_patch(p, KIND_SERVICE, p->canary->ns, w.name, patch);
	}
	return ok ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for service %s", w.name ? w.name : "");
}

static bool put_original_annotations(const cJSON *original, cJSON *patch)
{
	cJSON *map =
		cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(patch, "metadata"), "annotations");
	for (size_t i = 0; i < sizeof toolkit_annotations / sizeof *toolkit_annotations; i++) {
		const char *key = toolkit_annotations[i][0];
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(json_at(original, "annotations"), key);
		if (cJSON_IsString(v) ? !cJSON_AddStringToObject(map, key, v->valuestring)
				      : !cJSON_AddNullToObject(map, key))
			return false;
	}
	return true;
}

static enum result restore(struct plan *p, const char *name, const cJSON *is, struct error *e)
{
	const char *text = json_text(is, ORIGINAL_PATH, NULL);
	if (!text)
		return RC_OK;
	CLEANUP(json_delete_p) cJSON *original = NULL;
	enum result r = json_parse(text, strlen(text), &original, e);
	if (r != RC_OK)
		return error_in(e, r, "service %s: annotation rollcall.dev/original", name);
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	const cJSON *ports = json_at(original, "ports"), *selector = json_at(original, "selector");
	bool ok = patch &&
		  put_map_patch(patch, "spec.selector", json_at(is, "spec.selector"),
				cJSON_IsObject(selector) ? selector : NULL) &&
		  (!cJSON_IsArray(ports) || json_put(patch, "spec.ports", cJSON_Duplicate(ports, true))) &&
		  json_put(patch, ORIGINAL_PATH, cJSON_CreateNull()) && put_original_annotations(original, patch) &&
		  plan_patch(p, KIND_SERVICE, p->canary->ns, name, patch);
	return ok ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for service %s", name);
}

/* One that we made selects the target's pods until it is deleted. */
static enum result apex_until_deleted(struct plan *p, struct error *e)
{
	const struct canary *c = p->canary;
	CLEANUP(json_delete_p) cJSON *target = plan_tree(p, KIND_DEPLOYMENT, c->ns, c->target.name);
	struct selector_label l;
	if (!target || selector_label_find(p, target, &l, NULL) != RC_OK)
		return RC_OK;
	return ensure(p, ROLE_APEX, SIDE_TARGET, target, &l, e);
}

enum result service_restore(struct plan *p, struct error *e)
{
	static const enum role roles[] = { ROLE_APEX, ROLE_PRIMARY, ROLE_CANARY };
	enum result r = RC_OK;
	for (size_t i = 0; r == RC_OK && i < sizeof roles / sizeof *roles; i++) {
		struct wanted_service w = wanted_of(p, roles[i], SIDE_TARGET);
		if (!w.name)
			return error_set(e, RC_EXHAUSTED, "no memory for a name");
		CLEANUP(json_delete_p) cJSON *is = plan_tree(p, KIND_SERVICE, p->canary->ns, w.name);
		if (is && !plan_is_ours(p, is))
			r = restore(p, w.name, is, e);
		else if (is && w.apex)
			r = apex_until_deleted(p, e);
	}
	return r;
}

enum result service_effect(struct plan *p, enum effect_kind kind, const cJSON *target, const struct selector_label *l,
			   struct error *e)
{
	switch (kind) {
	case EFFECT_ENSURE_CANARY_SERVICE:
		return ensure(p, ROLE_CANARY, SIDE_TARGET, target, l, e);
	case EFFECT_ENSURE_PRIMARY_SERVICE:
		return ensure(p, ROLE_PRIMARY, SIDE_SOURCE, target, l, e);
	case EFFECT_APEX_TO_SOURCE:
		return ensure(p, ROLE_APEX, SIDE_SOURCE, target, l, e);
	case EFFECT_APEX_TO_TARGET:
		return ensure(p, ROLE_APEX, SIDE_TARGET, target, l, e);
	default:
		return error_set(e, RC_INVALID, "a deployment does not carry out %s", effect_name(kind));
	}
}

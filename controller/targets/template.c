#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/targets/configs.h"
#include "controller/targets/deployment.h"

#define FLAGGER_ID "flagger-id"

enum result selector_label_find(const struct plan *p, const cJSON *target, struct selector_label *ret, struct error *e)
{
	const cJSON *match = json_at(target, "spec.selector.matchLabels");
	const char *names = "";
	for (const char *const *k = p->options->selector_labels; *k; k++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(match, *k);
		if (cJSON_IsString(v)) {
			struct selector_label l = { .key = *k, .value = arena_strdup(p->arena, v->valuestring) };
			l.primary = l.value ? arena_printf(p->arena, "%s-primary", l.value) : NULL;
			if (!l.primary)
				return error_set(e, RC_EXHAUSTED, "no memory for labels");
			*ret = l;
			return RC_OK;
		}
		names = arena_printf(p->arena, "%s%s%s", names, *names ? " " : "", *k);
		if (!names)
			return error_set(e, RC_EXHAUSTED, "no memory for labels");
	}
	return error_set(e, RC_INVALID,
			 "getSelectorLabel failed: deployment %s.%s spec.selector.matchLabels must contain one of [%s]",
			 p->canary->target.name, p->canary->ns, names);
}

static bool is_selector_label(const struct plan *p, const char *key)
{
	for (const char *const *k = p->options->selector_labels; *k; k++)
		if (text_eq(*k, key))
			return true;
	return false;
}

static bool set_string(cJSON *item, const char *value)
{
	return cJSON_SetValuestring(item, value) != NULL;
}

/* In a label selector: the first value that names one side becomes the other side's (4.2, "Rewriting"). */
static bool rewrite_selector(const struct plan *p, cJSON *selector, const char *from, const char *to)
{
	cJSON *m;
	cJSON_ArrayForEach (m, json_at(selector, "matchLabels")) {
		if (is_selector_label(p, m->string) && text_eq(m->valuestring, from) && !set_string(m, to))
			return false;
	}
	cJSON *expression;
	cJSON_ArrayForEach (expression, json_at(selector, "matchExpressions")) {
		if (!is_selector_label(p, json_text(expression, "key", "")))
			continue;
		cJSON *v;
		cJSON_ArrayForEach (v, json_at(expression, "values")) {
			if (!text_eq(v->valuestring, from))
				continue;
			if (!set_string(v, to))
				return false;
			break;
		}
	}
	return true;
}

static bool rewrite_terms(const struct plan *p, cJSON *spec, const char *from, const char *to)
{
	cJSON *term;
	cJSON_ArrayForEach (term, json_at(spec, "topologySpreadConstraints")) {
		if (!rewrite_selector(p, cJSON_GetObjectItemCaseSensitive(term, "labelSelector"), from, to))
			return false;
	}
	cJSON_ArrayForEach (term,
			    json_at(spec, "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution")) {
		if (!rewrite_selector(p, cJSON_GetObjectItemCaseSensitive(term, "labelSelector"), from, to))
			return false;
	}
	cJSON_ArrayForEach (term,
			    json_at(spec, "affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution")) {
		cJSON *inner = cJSON_GetObjectItemCaseSensitive(term, "podAffinityTerm");
		if (!rewrite_selector(p, cJSON_GetObjectItemCaseSensitive(inner, "labelSelector"), from, to))
			return false;
	}
	return true;
}

static void drop_toolkit_keys(cJSON *map)
{
	cJSON *next;
	for (cJSON *m = map ? map->child : NULL; m; m = next) {
		next = m->next;
		if (strstr(m->string, "toolkit.fluxcd.io"))
			cJSON_Delete(cJSON_DetachItemViaPointer(map, m));
	}
}

static cJSON *rewritten(const struct plan *p, const cJSON *workload, const struct selector_label *l, bool to_primary)
{
	const cJSON *template_ = json_at(workload, "spec.template");
	CLEANUP(json_delete_p) cJSON *t = cJSON_Duplicate(template_, true);
	if (!t)
		return NULL;
	cJSON *labels = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(t, "metadata"), "labels");
	cJSON *annotations =
		cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(t, "metadata"), "annotations");
	drop_toolkit_keys(labels);
	drop_toolkit_keys(annotations);
	cJSON_DeleteItemFromObjectCaseSensitive(annotations, FLAGGER_ID);
	if (annotations && !annotations->child)
		json_remove(t, "metadata.annotations");
	cJSON *mark = cJSON_GetObjectItemCaseSensitive(labels, l->key);
	if (mark && !set_string(mark, to_primary ? l->primary : l->value))
		return NULL;
	const char *target = p->canary->target.name;
	const char *primary = arena_printf(p->arena, "%s-primary", target);
	if (!primary || !rewrite_terms(p, cJSON_GetObjectItemCaseSensitive(t, "spec"), to_primary ? target : primary,
				       to_primary ? primary : target))
		return NULL;
	return TAKE(t);
}

cJSON *template_for_primary(const struct plan *p, const cJSON *target, const struct selector_label *l)
{
	CLEANUP(json_delete_p) cJSON *t = rewritten(p, target, l, true);
	return t && configs_to_copies(p, t) ? TAKE(t) : NULL;
}

cJSON *template_for_target(const struct plan *p, const cJSON *source, const struct selector_label *l)
{
	CLEANUP(json_delete_p) cJSON *t = rewritten(p, source, l, false);
	return t && configs_to_originals(p, t) ? TAKE(t) : NULL;
}

/* null and absent are the same to the API, and its versions differ in which one they write (creationTimestamp). */
static void drop_nulls(cJSON *v)
{
	cJSON *next;
	for (cJSON *m = v ? v->child : NULL; m; m = next) {
		next = m->next;
		if (cJSON_IsNull(m) && cJSON_IsObject(v))
			cJSON_Delete(cJSON_DetachItemViaPointer(v, m));
		else
			drop_nulls(m);
	}
}

cJSON *template_bare(const cJSON *template_)
{
	cJSON *t = cJSON_Duplicate(template_, true);
	drop_nulls(t);
	cJSON *annotations =
		cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(t, "metadata"), "annotations");
	cJSON_DeleteItemFromObjectCaseSensitive(annotations, FLAGGER_ID);
	if (annotations && !annotations->child)
		json_remove(t, "metadata.annotations");
	return t;
}

/* Names of configs are compared as the target has them: whether the primary uses copies may have changed since. */
bool template_same(const struct plan *p, const cJSON *target, const cJSON *source, const struct selector_label *l)
{
	if (!source)
		return false;
	CLEANUP(json_delete_p)
	cJSON *wanted = text_empty(p->canary->source.name) ? rewritten(p, target, l, true)
							   : cJSON_Duplicate(json_at(target, "spec.template"), true);
	CLEANUP(json_delete_p) cJSON *is = cJSON_Duplicate(json_at(source, "spec.template"), true);
	if (!wanted || !is || !configs_to_originals(p, is))
		return false;
	CLEANUP(json_delete_p) cJSON *wanted_bare = template_bare(wanted);
	CLEANUP(json_delete_p) cJSON *bare = template_bare(is);
	return wanted_bare && bare && json_equal(wanted_bare, bare);
}

const char *template_images(const cJSON *template_, struct arena *a)
{
	const cJSON *containers = json_at(template_, "spec.containers");
	const char *text = "";
	const cJSON *c;
	int n = cJSON_GetArraySize(containers);
	cJSON_ArrayForEach (c, containers) {
		const char *image = json_text(c, "image", "");
		text = n == 1 ? arena_strdup(a, image)
			      : arena_printf(a, "%s%s%s=%s", text, *text ? "," : "", json_text(c, "name", ""), image);
		if (!text)
			return "";
	}
	return text;
}

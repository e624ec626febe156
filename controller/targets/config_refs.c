#include "controller/targets/config_refs.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

struct place {
	const char *at; /* in an element of a list */
	enum kind kind;
	const char *name; /* member that names the object */
};
static const struct place of_volume[] = { { "configMap", KIND_CONFIG_MAP, "name" },
					  { "secret", KIND_SECRET, "secretName" } };
static const struct place of_projection[] = { { "configMap", KIND_CONFIG_MAP, "name" },
					      { "secret", KIND_SECRET, "name" } };
static const struct place of_env[] = { { "valueFrom.configMapKeyRef", KIND_CONFIG_MAP, "name" },
				       { "valueFrom.secretKeyRef", KIND_SECRET, "name" } };
static const struct place of_env_from[] = { { "configMapRef", KIND_CONFIG_MAP, "name" },
					    { "secretRef", KIND_SECRET, "name" } };
enum { PLACES = 2 };

struct walk {
	config_ref_visit *visit;
	void *owner;
};

static bool walk_list(const struct walk *w, const cJSON *list, const struct place places[PLACES])
{
	const cJSON *element;
	cJSON_ArrayForEach (element, list) {
		for (size_t i = 0; i < PLACES; i++) {
			const cJSON *ref = json_at(element, places[i].at);
			cJSON *name = cJSON_GetObjectItemCaseSensitive(ref, places[i].name);
			if (cJSON_IsString(name) && !text_empty(name->valuestring) &&
			    !w->visit(w->owner, places[i].kind, name, json_bool(ref, "optional", false)))
				return false;
		}
	}
	return true;
}

static bool walk_volumes(const struct walk *w, const cJSON *volumes)
{
	const cJSON *v;
	if (!walk_list(w, volumes, of_volume))
		return false;
	cJSON_ArrayForEach (v, volumes) {
		if (!walk_list(w, json_at(v, "projected.sources"), of_projection))
			return false;
	}
	return true;
}

static bool walk_containers(const struct walk *w, const cJSON *containers)
{
	const cJSON *c;
	cJSON_ArrayForEach (c, containers) {
		if (!walk_list(w, json_at(c, "env"), of_env) || !walk_list(w, json_at(c, "envFrom"), of_env_from))
			return false;
	}
	return true;
}

bool config_refs_each(const cJSON *template_, config_ref_visit *visit, void *owner)
{
	struct walk w = { .visit = visit, .owner = owner };
	return walk_volumes(&w, json_at(template_, "spec.volumes")) &&
	       walk_containers(&w, json_at(template_, "spec.containers")) &&
	       walk_containers(&w, json_at(template_, "spec.initContainers"));
}

bool config_refs_add(struct config_refs *refs, struct arena *a, const struct config_ref *ref)
{
	for (size_t i = 0; i < refs->count; i++) {
		if (refs->at[i].kind == ref->kind && text_eq(refs->at[i].name, ref->name)) {
			refs->at[i].optional = ref->optional;
			return true;
		}
	}
	if (refs->count == refs->cap) {
		size_t cap = refs->cap ? refs->cap * 2 : 8;
		struct config_ref *at = arena_alloc(a, cap, sizeof *at);
		if (!at)
			return false;
		if (refs->count)
			memcpy(at, refs->at, refs->count * sizeof *at);
		refs->at = at;
		refs->cap = cap;
	}
	refs->at[refs->count++] = *ref;
	return true;
}

struct finding_refs {
	struct config_refs refs;
	struct arena *arena;
};

static bool add_found(void *owner, enum kind kind, cJSON *name, bool optional)
{
	struct finding_refs *f = owner;
	struct config_ref ref = { .kind = kind,
				  .name = arena_strdup(f->arena, name->valuestring),
				  .optional = optional };
	return ref.name && config_refs_add(&f->refs, f->arena, &ref);
}

enum result config_refs_find(const cJSON *template_, struct arena *a, struct config_refs *ret, struct error *e)
{
	struct finding_refs f = { .arena = a };
	if (!config_refs_each(template_, add_found, &f))
		return error_set(e, RC_EXHAUSTED, "no memory for the references of a pod template");
	*ret = f.refs;
	return RC_OK;
}

/* Skipper (flagger-controller.md 6.3): a copy of the user's Ingress whose paths lead to both sides; the weights are
 * annotations. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "controller/routers/ingress.h"
#include "controller/routers/route_object.h"
#include "controller/routers/table.h"

#define WEIGHTS "zalando.org/backend-weights"
#define PREDICATE "zalando.org/skipper-predicate"

static const char *skipper_name(const struct plan *p)
{
	return arena_printf(p->arena, "%s-canary", p->canary->ingress.name);
}

static void skipper_wants(const struct plan *p,
			  void (*want)(void *owner, enum kind kind, const char *ns, const char *name), void *owner)
{
	want(owner, KIND_INGRESS, p->canary->ns, p->canary->ingress.name);
}

/* Each path of the Service leads to the primary, and a copy at the rule's end to the canary. */
static bool both_sides(const struct plan *p, cJSON *paths)
{
	CLEANUP(json_delete_p) cJSON *copies = cJSON_CreateArray();
	cJSON *path;
	bool ok = copies != NULL;
	cJSON_ArrayForEach (path, paths) {
		cJSON *name = ingress_service_name(path);
		if (!cJSON_IsString(name) || !text_eq(name->valuestring, p->canary->service.name))
			continue;
		CLEANUP(json_delete_p) cJSON *copy = cJSON_Duplicate(path, true);
		ok = ok && copy && cJSON_SetValuestring(name, route_side(p, "-primary")) &&
		     cJSON_SetValuestring(ingress_service_name(copy), route_side(p, "-canary")) &&
		     cJSON_AddItemToArray(copies, copy);
		if (!ok)
			return false;
		(void)TAKE(copy);
	}
	while (ok && copies->child)
		ok = cJSON_AddItemToArray(paths, cJSON_DetachItemViaPointer(copies, copies->child));
	return ok;
}

/* An Ingress has the shape of the user's. */
static const char *skipper_version(const struct plan *p)
{
	CLEANUP(json_delete_p) cJSON *source = plan_tree(p, KIND_INGRESS, p->canary->ns, p->canary->ingress.name);
	return arena_strdup(p->arena, json_text(source, "apiVersion", "networking.k8s.io/v1"));
}

static enum result skipper_spec(const struct plan *p, const cJSON *canary, const struct routes *r, cJSON **ret,
				struct error *e)
{
	(void)canary;
	(void)r;
	const struct canary *c = p->canary;
	if (text_empty(c->ingress.name))
		return error_set(e, RC_INVALID, "ingress selector is empty");
	CLEANUP(json_delete_p) cJSON *source = plan_tree(p, KIND_INGRESS, c->ns, c->ingress.name);
	if (!source)
		return error_set(e, RC_NOT_FOUND, "ingress %s.%s get query error: not found", c->ingress.name, c->ns);
	CLEANUP(json_delete_p) cJSON *spec = cJSON_Duplicate(json_at(source, "spec"), true);
	cJSON *rule;
	bool ok = spec != NULL;
	cJSON_ArrayForEach (rule, cJSON_GetObjectItemCaseSensitive(spec, "rules")) {
		cJSON *paths =
			cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(rule, "http"), "paths");
		ok = ok && (!paths || both_sides(p, paths));
	}
	if (!ok)
		return error_set(e, RC_EXHAUSTED, "no memory for the canary ingress");
	*ret = TAKE(spec);
	return RC_OK;
}

/* The predicates that are the user's own, behind ours: " && Path(…)". */
static bool add_predicates(struct strbuf *b, const char *present)
{
	while (*present) {
		const char *end = strstr(present, "&&");
		size_t len = end ? (size_t)(end - present) : strlen(present), from = 0;
		while (from < len && present[from] == ' ')
			from++;
		while (len > from && present[len - 1] == ' ')
			len--;
		size_t n = len - from;
		bool ours = (n == 11 && memcmp(present + from, "Weight(100)", n) == 0) ||
			    (n == 7 && memcmp(present + from, "False()", n) == 0);
		if (n && !ours) {
			strbuf_add(b, " && ");
			strbuf_addn(b, present + from, n);
		}
		if (!end)
			break;
		present = end + 2;
	}
	return !b->overflow;
}

/* What is there of annotations stays; of a new one the user's are taken over (E29). */
static enum result skipper_metadata(const struct plan *p, const cJSON *is, const struct routes *r, cJSON *metadata,
				    struct error *e)
{
	CLEANUP(json_delete_p) cJSON *source = plan_tree(p, KIND_INGRESS, p->canary->ns, p->canary->ingress.name);
	const cJSON *from = json_at(is ? is : source, "metadata");
	const cJSON *labels = json_at(from, "labels"), *annotations = json_at(from, "annotations");
	const char *predicate = "";
	const cJSON *a = cJSON_GetObjectItemCaseSensitive(annotations, PREDICATE);
	if (cJSON_IsString(a))
		predicate = a->valuestring;
	CLEANUP(json_delete_p)
	cJSON *notes = annotations ? cJSON_Duplicate(annotations, true) : cJSON_CreateObject();
	cJSON *tags = labels ? cJSON_Duplicate(labels, true) : cJSON_CreateObject();
	struct strbuf text;
	strbuf_init(&text, 64 << 10);
	strbuf_add(&text, r->canary ? "Weight(100)" : "False()");
	bool ok = notes && tags && add_predicates(&text, predicate);
	if (ok) {
		cJSON_DeleteItemFromObjectCaseSensitive(notes, "kubectl.kubernetes.io/last-applied-configuration");
		cJSON_DeleteItemFromObjectCaseSensitive(notes, PREDICATE);
		cJSON_DeleteItemFromObjectCaseSensitive(notes, WEIGHTS);
		const char *weights = arena_printf(p->arena, "{\"%s\":%d,\"%s\":%d}", route_side(p, "-canary"),
						   r->canary, route_side(p, "-primary"), r->primary);
		ok = weights && cJSON_AddStringToObject(notes, WEIGHTS, weights) &&
		     cJSON_AddStringToObject(notes, PREDICATE, text.s);
	}
	strbuf_finish(&text);
	ok = json_put(metadata, "labels", tags) && ok && json_put(metadata, "annotations", TAKE(notes));
	return ok ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for the canary ingress");
}

static bool skipper_read(const struct plan *p, const cJSON *object, struct routes *ret, const char **ret_why)
{
	const cJSON *a = cJSON_GetObjectItemCaseSensitive(json_at(object, "metadata.annotations"), WEIGHTS);
	CLEANUP(json_delete_p) cJSON *weights = NULL;
	if (cJSON_IsString(a) && json_parse(a->valuestring, strlen(a->valuestring), &weights, NULL) == RC_OK) {
		const cJSON *primary = cJSON_GetObjectItemCaseSensitive(weights, route_side(p, "-primary"));
		const cJSON *canary = cJSON_GetObjectItemCaseSensitive(weights, route_side(p, "-canary"));
		if (cJSON_IsNumber(primary) && cJSON_IsNumber(canary)) {
			*ret = (struct routes){ .primary = primary->valueint, .canary = canary->valueint };
			return true;
		}
	}
	*ret_why = arena_printf(p->arena, "ingress %s.%s: annotation " WEIGHTS " has no weights of %s and %s",
				skipper_name(p), p->canary->ns, route_side(p, "-primary"), route_side(p, "-canary"));
	return false;
}

static const char *const skipper_members[] = { "rules", "paths", "backend", "http", "host", "path", NULL };

static const struct route_object skipper_ingress = {
	.kind = KIND_INGRESS,
	.bare = true,
	.members = skipper_members,
	.name = skipper_name,
	.api_version = skipper_version,
	.wants = skipper_wants,
	.spec = skipper_spec,
	.read = skipper_read,
	.metadata = skipper_metadata,
};
const struct router router_skipper = {
	.provider = "skipper", .can_weight = true, .object = &skipper_ingress, ROUTE_OPERATIONS
};

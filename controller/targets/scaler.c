#include "controller/targets/scaler.h"

#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/text.h"

#define PAUSED "autoscaling.keda.sh/paused-replicas"
enum { QUERY_BYTES_MAX = 64 * 1024 };

struct dialect {
	enum kind kind;
	const char *least, *most; /* members of spec */
	const char *const *parts; /* members that are copied; NULL-terminated */
};
static const char *const hpa_parts[] = { "metrics", "behavior", NULL };
static const char *const keda_parts[] = {
	"pollingInterval", "cooldownPeriod", "idleReplicaCount", "advanced", "triggers", "fallback", NULL
};
static const struct dialect hpa = { KIND_HPA, "minReplicas", "maxReplicas", hpa_parts };
static const struct dialect keda = { KIND_SCALED_OBJECT, "minReplicaCount", "maxReplicaCount", keda_parts };

/* NULL: the Canary has no autoscaler. */
static const struct dialect *dialect_of(const struct plan *p)
{
	if (text_empty(p->canary->autoscaler.name))
		return NULL;
	return text_eq(p->canary->autoscaler.kind, "ScaledObject") ? &keda : &hpa;
}

static const char *copy_name(const struct plan *p)
{
	const char *name = arena_printf(p->arena, "%s-primary", p->canary->autoscaler.name);
	return name ? name : "";
}

bool scaler_copy(const struct plan *p, enum kind *ret_kind, const char **ret_name)
{
	const struct dialect *d = dialect_of(p);
	if (!d)
		return false;
	*ret_kind = d->kind;
	*ret_name = copy_name(p);
	return true;
}

void scaler_wants(const struct plan *p, void (*want)(void *owner, enum kind kind, const char *ns, const char *name),
		  void *owner)
{
	const struct dialect *d = dialect_of(p);
	if (!d)
		return;
	want(owner, d->kind, p->canary->ns, p->canary->autoscaler.name);
	want(owner, d->kind, p->canary->ns, copy_name(p));
}

static enum result no_memory(struct error *e)
{
	return error_set(e, RC_EXHAUSTED, "no memory for the autoscaler");
}

enum result scaler_observe(const struct plan *p, struct observed *o, struct error *e)
{
	const struct canary *c = p->canary;
	const struct dialect *d = dialect_of(p);
	o->scaler = SHAPE_AS_WANTED;
	if (!d)
		return RC_OK;
	CLEANUP(json_delete_p) cJSON *scaler = plan_tree(p, d->kind, c->ns, c->autoscaler.name);
	if (!scaler) {
		if (!o->configs_error)
			o->configs_error = arena_printf(p->arena, "%s %s.%s get query error: not found",
							kind_name(d->kind), c->autoscaler.name, c->ns);
		return o->configs_error ? RC_OK : no_memory(e);
	}
	o->scaler_min = (int)json_int(json_at(scaler, "spec"), d->least, 0);
	/* The extension sets the replicas of both sides itself: a second hand would fight with it. */
	if (!c->extension && !cluster_find(p->cluster, d->kind, c->ns, copy_name(p)))
		o->scaler = SHAPE_MISSING;
	return RC_OK;
}

/* ---- the copy's spec ---- */

/* Names of the target or its canary pods become the primary's; one that is the primary's already stays (E41). NULL: no
 * memory. */
static char *query_of_primary(const char *query, const char *target)
{
	static const char *const sides[] = { "-canary", "-primary" };
	size_t len = strlen(target);
	struct strbuf b;
	strbuf_init(&b, QUERY_BYTES_MAX);
	while (*query) {
		if (strncmp(query, target, len) != 0) {
			strbuf_addc(&b, *query++);
			continue;
		}
		query += len;
		for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
			if (text_starts(query, sides[i])) {
				query += strlen(sides[i]);
				break;
			}
		}
		strbuf_add(&b, target);
		strbuf_add(&b, "-primary");
	}
	char *text = strbuf_take(&b);
	strbuf_finish(&b);
	return text;
}

/* A trigger's query: the one that the Canary names for it, else the target's with the primary's names. */
static bool rewrite_trigger(const struct plan *p, const cJSON *queries, cJSON *trigger)
{
	cJSON *query = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(trigger, "metadata"), "query");
	if (!cJSON_IsString(query))
		return true;
	if (queries) {
		const char *said =
			cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(queries, json_text(trigger, "name", "")));
		return !said || cJSON_SetValuestring(query, said);
	}
	CLEANUP(free_p) char *text = query_of_primary(query->valuestring, p->canary->target.name);
	return text && cJSON_SetValuestring(query, text);
}

static bool finish_keda(const struct plan *p, const cJSON *canary, const cJSON *from, cJSON *spec)
{
	static const char config[] = "advanced.horizontalPodAutoscalerConfig";
	const char *name = json_text(json_at(spec, config), "name", "");
	const cJSON *queries = json_at(canary, "spec.autoscalerRef.primaryScalerQueries");
	const char *container = json_text(from, "scaleTargetRef.envSourceContainerName", "");
	cJSON *trigger;
	bool ok = json_at(spec, config) || json_put(spec, config, cJSON_CreateObject());
	if (ok && *name)
		ok = json_put_text(spec, "advanced.horizontalPodAutoscalerConfig.name",
				   arena_printf(p->arena, "%s-primary", name));
	if (ok && *container)
		ok = json_put_text(spec, "scaleTargetRef.envSourceContainerName", container);
	cJSON_ArrayForEach (trigger, cJSON_GetObjectItemCaseSensitive(spec, "triggers"))
		ok = ok && rewrite_trigger(p, queries, trigger);
	return ok;
}

static bool put_bound(cJSON *spec, const char *member, const cJSON *own, const cJSON *of_target)
{
	const cJSON *v = cJSON_IsNumber(own) ? own : of_target;
	return !v || json_put(spec, member, cJSON_Duplicate(v, true));
}

/* NULL: no memory. */
static cJSON *spec_of_copy(const struct plan *p, const struct dialect *d, const cJSON *scaler)
{
	const cJSON *from = json_at(scaler, "spec"), *ref = json_at(from, "scaleTargetRef");
	CLEANUP(json_delete_p) cJSON *canary = plan_tree(p, KIND_CANARY, p->canary->ns, p->canary->name);
	CLEANUP(json_delete_p) cJSON *spec = cJSON_CreateObject();
	const cJSON *own = json_at(canary, "spec.autoscalerRef.primaryScalerReplicas");
	static const char *const referred[] = { "kind", "apiVersion" };
	bool ok = canary && spec && json_put_text(spec, "scaleTargetRef.name", p->canary->source_name);
	for (size_t i = 0; ok && i < sizeof referred / sizeof *referred; i++) {
		const char *v = json_text(ref, referred[i], "");
		ok = !*v || json_put_text(spec, arena_printf(p->arena, "scaleTargetRef.%s", referred[i]), v);
	}
	ok = ok && put_bound(spec, d->least, json_at(own, "minReplicas"), json_at(from, d->least)) &&
	     put_bound(spec, d->most, json_at(own, "maxReplicas"), json_at(from, d->most));
	for (const char *const *part = d->parts; ok && *part; part++) {
		const cJSON *v = json_at(from, *part);
		ok = !v || json_put(spec, *part, cJSON_Duplicate(v, true));
	}
	if (ok && d == &keda)
		ok = finish_keda(p, canary, from, spec);
	return ok ? TAKE(spec) : NULL;
}

/* ---- the effects ---- */

static bool copy_map(const cJSON *scaler, const char *what, cJSON *metadata)
{
	const cJSON *v;
	cJSON_ArrayForEach (v, json_at(json_at(scaler, "metadata"), what)) {
		if (strstr(v->string, "toolkit.fluxcd.io") || text_eq(v->string, PAUSED) || !cJSON_IsString(v) ||
		    text_eq(v->string, "kubectl.kubernetes.io/last-applied-configuration"))
			continue;
		cJSON *map = cJSON_GetObjectItemCaseSensitive(metadata, what);
		if (!map)
			map = cJSON_AddObjectToObject(metadata, what);
		if (!cJSON_GetObjectItemCaseSensitive(map, v->string) &&
		    !cJSON_AddStringToObject(map, v->string, v->valuestring))
			return false;
	}
	return true;
}

static enum result ensure(struct plan *p, const struct dialect *d, const cJSON *scaler, struct error *e)
{
	const struct canary *c = p->canary;
	if (cluster_find(p->cluster, d->kind, c->ns, copy_name(p)))
		return RC_OK;
	CLEANUP(json_delete_p) cJSON *o = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *metadata = plan_metadata(p, copy_name(p));
	cJSON *spec = spec_of_copy(p, d, scaler);
	bool ok = o && metadata && spec && json_put_text(o, "apiVersion", json_text(scaler, "apiVersion", "")) &&
		  json_put_text(o, "kind", kind_name(d->kind)) && copy_map(scaler, "labels", metadata) &&
		  (d != &keda || copy_map(scaler, "annotations", metadata)) && json_put(o, "metadata", TAKE(metadata));
	ok = json_put(o, "spec", spec) && ok;
	return ok && plan_create(p, d->kind, c->ns, copy_name(p), o) ? RC_OK : no_memory(e);
}

/* What of the copy's spec is ours to say, so that defaults of the server are no difference. */
static cJSON *own_parts(const struct dialect *d, const cJSON *spec)
{
	CLEANUP(json_delete_p) cJSON *own = cJSON_CreateObject();
	const char *const bounds[] = { d->least, d->most, NULL };
	const char *const *lists[] = { d->parts, bounds };
	bool ok = own != NULL;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		for (const char *const *part = lists[i]; ok && *part; part++) {
			const cJSON *v = json_at(spec, *part);
			ok = !v || json_put(own, *part, cJSON_Duplicate(v, true));
		}
	}
	return ok ? TAKE(own) : NULL;
}

/* T11, T5: what has been edited in the target's autoscaler since reaches the primary's with the promotion (E40). */
static enum result update(struct plan *p, const struct dialect *d, const cJSON *scaler, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *copy = plan_tree(p, d->kind, p->canary->ns, copy_name(p));
	if (!copy)
		return ensure(p, d, scaler, e);
	CLEANUP(json_delete_p) cJSON *spec = spec_of_copy(p, d, scaler);
	CLEANUP(json_delete_p) cJSON *wanted = spec ? own_parts(d, spec) : NULL;
	CLEANUP(json_delete_p) cJSON *is = own_parts(d, json_at(copy, "spec"));
	bool oom = !wanted || !is;
	CLEANUP(json_delete_p) cJSON *diff = oom ? NULL : json_diff_merge(is, wanted, &oom);
	if (oom || !diff)
		return oom ? no_memory(e) : RC_OK;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	bool ok = patch && json_put(patch, "spec", TAKE(diff)) &&
		  plan_patch(p, d->kind, p->canary->ns, copy_name(p), patch);
	return ok ? RC_OK : no_memory(e);
}

/* An HPA is idle while its Deployment has no replicas; KEDA would start it again. */
static enum result set_paused(struct plan *p, const struct dialect *d, const cJSON *scaler, bool paused,
			      struct error *e)
{
	const cJSON *mark = cJSON_GetObjectItemCaseSensitive(json_at(scaler, "metadata.annotations"), PAUSED);
	bool is = cJSON_IsString(mark) && text_eq(mark->valuestring, "0");
	if (d != &keda || is == paused)
		return RC_OK;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	cJSON *map = cJSON_CreateObject();
	bool ok = map && (paused ? cJSON_AddStringToObject(map, PAUSED, "0") : cJSON_AddNullToObject(map, PAUSED));
	ok = json_put(patch, "metadata.annotations", map) && ok;
	return ok && plan_patch(p, d->kind, p->canary->ns, p->canary->autoscaler.name, patch) ? RC_OK : no_memory(e);
}

enum result scaler_effect(struct plan *p, enum effect_kind kind, struct error *e)
{
	const struct canary *c = p->canary;
	const struct dialect *d = dialect_of(p);
	CLEANUP(json_delete_p) cJSON *scaler = d ? plan_tree(p, d->kind, c->ns, c->autoscaler.name) : NULL;
	if (!scaler)
		return RC_OK; /* the user has taken it away: told when observed, and no reason not to roll back */
	switch (kind) {
	case EFFECT_ENSURE_SCALER:
		return ensure(p, d, scaler, e);
	case EFFECT_UPDATE_SCALER:
		return c->extension ? RC_OK : update(p, d, scaler, e);
	default:
		return set_paused(p, d, scaler, kind == EFFECT_PAUSE_SCALER, e);
	}
}

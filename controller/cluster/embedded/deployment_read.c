#include "controller/cluster/embedded/deployment_read.h"

#include "base/json.h"
#include "base/text.h"
#include "controller/cluster/embedded/pod_brief.h"
#include "controller/cluster/embedded/rollout_numbers.h"

/* ---- reading ---- */

static struct wall_ms time_at(const cJSON *o, const char *path)
{
	struct wall_ms t = { 0 };
	if (wall_parse(json_text(o, path, ""), &t, NULL) != RC_OK)
		t.v = 0;
	return t;
}

static void read_condition(const cJSON *deployment, const char *type, struct rollout_condition *ret)
{
	const cJSON *c;
	*ret = (struct rollout_condition){ "", "", "", { 0 }, { 0 } };
	cJSON_ArrayForEach (c, json_at(deployment, "status.conditions")) {
		if (text_eq(json_text(c, "type", ""), type))
			*ret = (struct rollout_condition){ json_text(c, "status", ""), json_text(c, "reason", ""),
							   json_text(c, "message", ""), time_at(c, "lastUpdateTime"),
							   time_at(c, "lastTransitionTime") };
	}
}

static void read_status(const cJSON *d, struct rollout_status *s)
{
	*s = (struct rollout_status){
		.observed_generation = json_int(d, "status.observedGeneration", 0),
		.replicas = (int)json_int(d, "status.replicas", 0),
		.updated = (int)json_int(d, "status.updatedReplicas", 0),
		.ready = (int)json_int(d, "status.readyReplicas", 0),
		.available = (int)json_int(d, "status.availableReplicas", 0),
		.unavailable = (int)json_int(d, "status.unavailableReplicas", 0),
	};
	read_condition(d, "Available", &s->available_is);
	read_condition(d, "Progressing", &s->progressing);
}

/* Percentages can round to nothing on both sides, and then nothing could ever move. */
static void read_shares(const cJSON *d, struct rollout *r)
{
	const cJSON *surge = json_at(d, "spec.strategy.rollingUpdate.maxSurge");
	const cJSON *unavailable = json_at(d, "spec.strategy.rollingUpdate.maxUnavailable");
	if (r->recreate)
		return;
	if (!share_of(surge, r->replicas, true, &r->surge))
		r->surge = 0;
	if (!share_of(unavailable, r->replicas, false, &r->unavailable))
		r->unavailable = 0;
	if (!r->surge && !r->unavailable)
		r->unavailable = 1;
	if (r->unavailable > r->replicas)
		r->unavailable = r->replicas;
}

void deployment_read(const cJSON *d, struct rollout *r)
{
	*r = (struct rollout){
		.replicas = (int)json_int(d, "spec.replicas", 1),
		.recreate = text_eq(json_text(d, "spec.strategy.type", ""), "Recreate"),
		.paused = json_bool(d, "spec.paused", false),
		.deleting = json_at(d, "metadata.deletionTimestamp") != NULL,
		.min_ready_ms = json_int(d, "spec.minReadySeconds", 0) * 1000,
		.deadline_ms = json_int(d, "spec.progressDeadlineSeconds", 600) * 1000,
		.history = (int)json_int(d, "spec.revisionHistoryLimit", 10),
		.generation = json_int(d, "metadata.generation", 0),
	};
	read_shares(d, r);
	read_status(d, &r->was);
}

/* ---- writing ---- */

static cJSON *condition_json(const char *type, const struct rollout_condition *c)
{
	char updated[32], changed[32];
	CLEANUP(json_delete_p) cJSON *o = cJSON_CreateObject();
	wall_print(c->updated, updated);
	wall_print(c->changed, changed);
	bool ok = json_put_text(o, "type", type) && json_put_text(o, "status", c->status) &&
		  json_put_text(o, "lastUpdateTime", updated) && json_put_text(o, "lastTransitionTime", changed) &&
		  json_put_text(o, "reason", c->reason) && json_put_text(o, "message", c->message);
	return ok ? TAKE(o) : NULL;
}

static bool put_condition(cJSON *list, const char *type, const struct rollout_condition *c)
{
	if (text_empty(c->status))
		return true;
	cJSON *o = condition_json(type, c);
	if (o && cJSON_AddItemToArray(list, o))
		return true;
	cJSON_Delete(o);
	return false;
}

/* A number that is 0 is left out, as Go does. */
static bool put_number(cJSON *status, const char *name, int64_t n)
{
	return !n || json_put_int(status, name, n);
}

cJSON *deployment_status(const struct rollout_status *s)
{
	CLEANUP(json_delete_p) cJSON *status = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *conditions = cJSON_CreateArray();
	bool ok = status && conditions && put_number(status, "observedGeneration", s->observed_generation) &&
		  put_number(status, "replicas", s->replicas) && put_number(status, "updatedReplicas", s->updated) &&
		  put_number(status, "readyReplicas", s->ready) &&
		  put_number(status, "availableReplicas", s->available) &&
		  put_number(status, "unavailableReplicas", s->unavailable) &&
		  put_condition(conditions, "Available", &s->available_is) &&
		  put_condition(conditions, "Progressing", &s->progressing) &&
		  json_put(status, "conditions", TAKE(conditions));
	return ok ? TAKE(status) : NULL;
}

static cJSON *owner_of(const cJSON *d)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	CLEANUP(json_delete_p) cJSON *o = cJSON_CreateObject();
	bool ok = list && json_put_text(o, "apiVersion", "apps/v1") && json_put_text(o, "kind", "Deployment") &&
		  json_put_text(o, "name", json_text(d, "metadata.name", "")) &&
		  json_put_text(o, "uid", json_text(d, "metadata.uid", "")) &&
		  json_put(o, "controller", cJSON_CreateTrue()) &&
		  json_put(o, "blockOwnerDeletion", cJSON_CreateTrue()) && cJSON_AddItemToArray(list, o);
	if (!ok)
		return NULL;
	(void)TAKE(o);
	return TAKE(list);
}

static bool put_copy(cJSON *to, const char *path, const cJSON *v)
{
	return !v || cJSON_IsNull(v) || json_put(to, path, cJSON_Duplicate(v, true));
}

cJSON *deployment_pod(const cJSON *d, const cJSON *template, const char *hash, const char *name)
{
	CLEANUP(json_delete_p) cJSON *pod = cJSON_CreateObject();
	bool ok = json_put_text(pod, "apiVersion", "v1") && json_put_text(pod, "kind", "Pod") &&
		  json_put_text(pod, "metadata.name", name) &&
		  json_put_text(pod, "metadata.namespace", json_text(d, "metadata.namespace", "")) &&
		  put_copy(pod, "metadata.labels", json_at(template, "metadata.labels")) &&
		  put_copy(pod, "metadata.annotations", json_at(template, "metadata.annotations")) &&
		  json_put_text(pod, "metadata.labels." HASH_LABEL, hash) &&
		  json_put(pod, "metadata.ownerReferences", owner_of(d)) &&
		  put_copy(pod, "spec", json_at(template, "spec"));
	return ok ? TAKE(pod) : NULL;
}

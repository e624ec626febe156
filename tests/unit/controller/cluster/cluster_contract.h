#pragma once
/* What every implementation of the cluster seam does towards its callers. Each case is given a started cluster that
 * wants nothing of ours, and a prefix that nothing else in ns begins with. */
#include "tests/unit/controller/cluster/kube_rig.h"

struct contract {
	struct rig *g;
	const char *ns, *prefix;
};

static inline const char *contract_name(const struct contract *c, const char *name)
{
	static char buf[4][128];
	static unsigned next;
	char *at = buf[next++ % 4];
	snprintf(at, sizeof buf[0], "%s%s", c->prefix, name);
	return at;
}

static inline const char *contract_config(const char *name, const char *data)
{
	static char body[1024];
	snprintf(body, sizeof body,
		 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\"},\"data\":%s}", name,
		 data);
	return body;
}

static inline const char *contract_deployment(const char *name, const char *more)
{
	static char body[2048];
	snprintf(body, sizeof body,
		 "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"%s\"},\"spec\":{%s"
		 "\"selector\":{\"matchLabels\":{\"app\":\"%s\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"%"
		 "s\"}},"
		 "\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"demo:1\"}]}}}}",
		 name, more, name, name);
	return body;
}

static inline struct outcome contract_write(const struct contract *c, enum write_verb verb, enum kind kind,
					    const char *name, const char *body)
{
	return rig_write(c->g, verb, kind, c->ns, name, "", body);
}

static inline cJSON *contract_tree(const struct contract *c, enum kind kind, const char *name)
{
	const struct object *o = cluster_find(c->g->cluster, kind, c->ns, name);
	cJSON *tree = NULL;
	struct error e;
	if (o && json_parse(o->json, o->json_len, &tree, &e) != RC_OK)
		fail_msg("%s", e.text);
	return tree;
}

static inline void contract_want(const struct contract *c, enum kind kind)
{
	cluster_want(c->g->cluster, kind, c->ns, NULL);
	UNTIL(c->g, cluster_known(c->g->cluster, kind, c->ns, NULL) && cluster_synced(c->g->cluster, kind));
}

/* ---- creating ---- */

static inline void contract_create(const struct contract *c)
{
	const char *name = contract_name(c, "made");
	contract_want(c, KIND_DEPLOYMENT);
	struct outcome o =
		contract_write(c, WRITE_CREATE, KIND_DEPLOYMENT, name, contract_deployment(name, "\"replicas\":0,"));
	assert_string_equal(o.why, "");
	assert_int_equal(o.r, RC_OK);
	assert_true(o.has_now && o.in_cache);
	assert_true(o.changes >= 1); /* told before done */
	assert_int_equal(rig_count(c->g, OBJECT_ADDED, name), 1);
	assert_int_equal(strlen(o.uid), 36);
	const struct object *is = cluster_find(c->g->cluster, KIND_DEPLOYMENT, c->ns, name);
	assert_int_equal(is->generation, 1);
	assert_false(is->deleting);
	assert_true(text_starts(is->template_manager, "rollcall"));
	cJSON *tree = contract_tree(c, KIND_DEPLOYMENT, name);
	struct wall_ms made;
	assert_int_equal(wall_parse(json_text(tree, "metadata.creationTimestamp", ""), &made, NULL), RC_OK);
	assert_string_equal(json_text(tree, "spec.strategy.type", ""), "RollingUpdate");
	assert_string_equal(json_text(tree, "spec.strategy.rollingUpdate.maxSurge", ""), "25%");
	assert_int_equal(json_int(tree, "spec.progressDeadlineSeconds", 0), 600);
	assert_null(json_at(tree, "metadata.managedFields"));
	cJSON_Delete(tree);

	o = contract_write(c, WRITE_CREATE, KIND_DEPLOYMENT, name, contract_deployment(name, "\"replicas\":0,"));
	assert_int_equal(o.r, RC_CONFLICT);
	assert_non_null(strstr(o.why, "already exists"));
	assert_non_null(strstr(o.why, name));
	assert_false(o.has_now);
}

/* ---- patching ---- */

static inline void contract_patch(const struct contract *c)
{
	const char *name = contract_name(c, "patched");
	char body[256];
	contract_want(c, KIND_DEPLOYMENT);
	struct outcome made =
		contract_write(c, WRITE_CREATE, KIND_DEPLOYMENT, name, contract_deployment(name, "\"replicas\":0,"));
	assert_int_equal(made.r, RC_OK);
	struct outcome o = contract_write(c, WRITE_PATCH, KIND_DEPLOYMENT, name, "{\"spec\":{\"paused\":true}}");
	assert_int_equal(o.r, RC_OK);
	assert_string_equal(o.uid, made.uid);
	assert_true(strcmp(o.resource_version, made.resource_version) != 0);
	assert_int_equal(cluster_find(c->g->cluster, KIND_DEPLOYMENT, c->ns, name)->generation, 2);

	o = contract_write(c, WRITE_PATCH, KIND_DEPLOYMENT, name,
			   "{\"metadata\":{\"labels\":{\"team\":\"a\"}},\"status\":{\"replicas\":77}}");
	assert_int_equal(o.r, RC_OK);
	cJSON *tree = contract_tree(c, KIND_DEPLOYMENT, name);
	assert_int_equal(json_int(tree, "metadata.generation", 0), 2); /* not of labels */
	assert_true(json_int(tree, "status.replicas", 0) != 77);
	assert_string_equal(json_text(tree, "metadata.labels.team", ""), "a");
	assert_true(json_bool(tree, "spec.paused", false));
	cJSON_Delete(tree);

	o = contract_write(c, WRITE_PATCH, KIND_DEPLOYMENT, name, "{\"spec\":{\"paused\":null}}");
	assert_int_equal(o.r, RC_OK);
	tree = contract_tree(c, KIND_DEPLOYMENT, name);
	assert_null(json_at(tree, "spec.paused"));
	cJSON_Delete(tree);

	snprintf(body, sizeof body, "{\"metadata\":{\"resourceVersion\":\"%s\",\"labels\":{\"team\":\"b\"}}}",
		 made.resource_version);
	o = contract_write(c, WRITE_PATCH, KIND_DEPLOYMENT, name, body);
	assert_int_equal(o.r, RC_CONFLICT);
	assert_non_null(strstr(o.why, "has been modified"));
	tree = contract_tree(c, KIND_DEPLOYMENT, name);
	assert_string_equal(json_text(tree, "metadata.labels.team", ""), "a");
	cJSON_Delete(tree);
}

static inline void contract_patch_of_nothing_new(const struct contract *c)
{
	const char *name = contract_name(c, "same");
	char body[256];
	contract_want(c, KIND_CONFIG_MAP);
	struct outcome made =
		contract_write(c, WRITE_CREATE, KIND_CONFIG_MAP, name, contract_config(name, "{\"a\":\"1\"}"));
	assert_int_equal(made.r, RC_OK);
	struct outcome o = contract_write(c, WRITE_PATCH, KIND_CONFIG_MAP, name, "{\"data\":{\"a\":\"1\"}}");
	assert_int_equal(o.r, RC_OK);
	assert_string_equal(o.resource_version, made.resource_version);
	assert_int_equal(rig_count(c->g, OBJECT_CHANGED, name), 0);
	snprintf(body, sizeof body, "{\"metadata\":{\"resourceVersion\":\"%s\"},\"data\":{\"a\":null,\"b\":\"2\"}}",
		 made.resource_version);
	o = contract_write(c, WRITE_PATCH, KIND_CONFIG_MAP, name, body);
	assert_int_equal(o.r, RC_OK);
	cJSON *tree = contract_tree(c, KIND_CONFIG_MAP, name);
	assert_null(json_at(tree, "data.a"));
	assert_string_equal(json_text(tree, "data.b", ""), "2");
	cJSON_Delete(tree);
}

static inline void contract_status(const struct contract *c)
{
	const char *name = contract_name(c, "status");
	contract_want(c, KIND_INGRESS);
	char body[1024];
	snprintf(
		body, sizeof body,
		"{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":\"%s\"},\"spec\":"
		"{\"defaultBackend\":{\"service\":{\"name\":\"s\",\"port\":{\"number\":80}}}},\"status\":"
		"{\"loadBalancer\":{\"ingress\":[{\"ip\":\"10.0.0.1\"}]}}}",
		name);
	struct outcome o = contract_write(c, WRITE_CREATE, KIND_INGRESS, name, body);
	assert_string_equal(o.why, "");
	cJSON *tree = contract_tree(c, KIND_INGRESS, name);
	assert_null(json_at(tree, "status.loadBalancer.ingress")); /* not on creation */
	cJSON_Delete(tree);
	o = rig_write(c->g, WRITE_PATCH, KIND_INGRESS, c->ns, name, "status",
		      "{\"spec\":{\"defaultBackend\":null,\"ingressClassName\":\"x\"},\"status\":{\"loadBalancer\":"
		      "{\"ingress\":[{\"ip\":\"10.0.0.2\"}]}}}");
	assert_string_equal(o.why, "");
	assert_int_equal(o.r, RC_OK);
	tree = contract_tree(c, KIND_INGRESS, name);
	assert_string_equal(json_text(tree, "status.loadBalancer.ingress.0.ip", ""), "10.0.0.2");
	assert_non_null(json_at(tree, "spec.defaultBackend"));
	assert_null(json_at(tree, "spec.ingressClassName"));
	assert_int_equal(json_int(tree, "metadata.generation", 0), 1);
	cJSON_Delete(tree);
}

/* ---- what is not there ---- */

static inline void contract_missing(const struct contract *c)
{
	const char *name = contract_name(c, "missing");
	struct outcome o = contract_write(c, WRITE_PATCH, KIND_CONFIG_MAP, name, "{\"data\":{}}");
	assert_int_equal(o.r, RC_NOT_FOUND);
	assert_non_null(strstr(o.why, name));
	o = contract_write(c, WRITE_DELETE, KIND_CONFIG_MAP, name, NULL);
	assert_int_equal(o.r, RC_NOT_FOUND);
	o = contract_write(c, WRITE_PATCH, KIND_CONFIG_MAP, "../x", "{}");
	assert_int_equal(o.r, RC_INVALID);
	o = contract_write(c, WRITE_PATCH, KIND_CONFIG_MAP, name, NULL);
	assert_int_equal(o.r, RC_INVALID);
	o = contract_write(c, WRITE_CREATE, KIND_DEPLOYMENT, name,
			   "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"spec\":{\"template\":{}}}");
	assert_int_equal(o.r, RC_INVALID);
}

/* ---- deleting ---- */

static inline void contract_finalizers(const struct contract *c)
{
	const char *name = contract_name(c, "final");
	contract_want(c, KIND_CONFIG_MAP);
	assert_int_equal(contract_write(c, WRITE_CREATE, KIND_CONFIG_MAP, name, contract_config(name, "{}")).r, RC_OK);
	struct outcome o = contract_write(c, WRITE_PATCH, KIND_CONFIG_MAP, name,
					  "{\"metadata\":{\"finalizers\":[\"rollcall.dev/a\"]}}");
	assert_int_equal(o.r, RC_OK);
	o = contract_write(c, WRITE_DELETE, KIND_CONFIG_MAP, name, NULL);
	assert_int_equal(o.r, RC_OK);
	assert_true(o.has_now);
	assert_true(cluster_find(c->g->cluster, KIND_CONFIG_MAP, c->ns, name)->deleting);
	assert_int_equal(rig_count(c->g, OBJECT_DELETED, name), 0);
	o = contract_write(c, WRITE_PATCH, KIND_CONFIG_MAP, name,
			   "{\"metadata\":{\"finalizers\":[\"rollcall.dev/a\",\"rollcall.dev/b\"]}}");
	assert_int_equal(o.r, RC_INVALID);
	o = contract_write(c, WRITE_DELETE, KIND_CONFIG_MAP, name, NULL); /* again changes nothing */
	assert_int_equal(o.r, RC_OK);
	o = contract_write(c, WRITE_PATCH, KIND_CONFIG_MAP, name, "{\"metadata\":{\"finalizers\":null}}");
	assert_int_equal(o.r, RC_OK);
	UNTIL(c->g, !cluster_find(c->g->cluster, KIND_CONFIG_MAP, c->ns, name));
	assert_int_equal(rig_count(c->g, OBJECT_DELETED, name), 1);
}

static inline void contract_delete(const struct contract *c)
{
	const char *name = contract_name(c, "deleted");
	contract_want(c, KIND_CONFIG_MAP);
	struct outcome made = contract_write(c, WRITE_CREATE, KIND_CONFIG_MAP, name, contract_config(name, "{}"));
	struct outcome o = contract_write(c, WRITE_DELETE, KIND_CONFIG_MAP, name,
					  "{\"preconditions\":{\"uid\":\"00000000-0000-0000-0000-000000000000\"}}");
	assert_int_equal(o.r, RC_CONFLICT);
	char body[128];
	snprintf(body, sizeof body, "{\"preconditions\":{\"uid\":\"%s\"}}", made.uid);
	o = contract_write(c, WRITE_DELETE, KIND_CONFIG_MAP, name, body);
	assert_int_equal(o.r, RC_OK);
	assert_false(o.has_now);
	assert_null(cluster_find(c->g->cluster, KIND_CONFIG_MAP, c->ns, name));
	assert_int_equal(rig_count(c->g, OBJECT_DELETED, name), 1);
	o = contract_write(c, WRITE_CREATE, KIND_CONFIG_MAP, name, contract_config(name, "{}"));
	assert_int_equal(o.r, RC_OK);
	assert_true(strcmp(o.uid, made.uid) != 0);
}

/* ---- wanting ---- */

static inline void contract_wants(const struct contract *c)
{
	char name[128], other[128];
	snprintf(name, sizeof name, "%s", contract_name(c, "wanted"));
	snprintf(other, sizeof other, "%s", contract_name(c, "other"));
	assert_int_equal(contract_write(c, WRITE_CREATE, KIND_CONFIG_MAP, name, contract_config(name, "{}")).r, RC_OK);
	assert_int_equal(contract_write(c, WRITE_CREATE, KIND_CONFIG_MAP, other, contract_config(other, "{}")).r,
			 RC_OK);
	assert_null(cluster_find(c->g->cluster, KIND_CONFIG_MAP, c->ns, name)); /* nobody wants it */
	assert_false(cluster_known(c->g->cluster, KIND_CONFIG_MAP, c->ns, name));
	assert_int_equal(rig_count(c->g, OBJECT_ADDED, name), 0);
	unsigned settled = c->g->settled;
	cluster_want(c->g->cluster, KIND_CONFIG_MAP, c->ns, name);
	assert_int_equal(rig_count(c->g, OBJECT_ADDED, name), 0); /* never inside the call */
	UNTIL(c->g, cluster_known(c->g->cluster, KIND_CONFIG_MAP, c->ns, name));
	assert_int_equal(rig_count(c->g, OBJECT_ADDED, name), 1);
	assert_non_null(cluster_find(c->g->cluster, KIND_CONFIG_MAP, c->ns, name));
	assert_null(cluster_find(c->g->cluster, KIND_CONFIG_MAP, c->ns, other));
	UNTIL(c->g, c->g->settled > settled);

	cluster_want(c->g->cluster, KIND_CONFIG_MAP, c->ns, name); /* counted */
	cluster_unwant(c->g->cluster, KIND_CONFIG_MAP, c->ns, name);
	assert_non_null(cluster_find(c->g->cluster, KIND_CONFIG_MAP, c->ns, name));
	cluster_unwant(c->g->cluster, KIND_CONFIG_MAP, c->ns, name);
	assert_null(cluster_find(c->g->cluster, KIND_CONFIG_MAP, c->ns, name));

	cluster_want(c->g->cluster, KIND_CONFIG_MAP, c->ns, contract_name(c, "nobody"));
	UNTIL(c->g, cluster_known(c->g->cluster, KIND_CONFIG_MAP, c->ns, contract_name(c, "nobody")));
	assert_null(cluster_find(c->g->cluster, KIND_CONFIG_MAP, c->ns, contract_name(c, "nobody")));
}

/* ---- calls ---- */

static inline void contract_cancel(const struct contract *c)
{
	struct outcome never = { .rig = c->g };
	const char *name = contract_name(c, "cancelled");
	struct write w = { WRITE_CREATE, KIND_CONFIG_MAP, c->ns, name, contract_config(name, "{}"), "" };
	uint64_t call = cluster_write(c->g->cluster, &w, outcome_done, &never);
	cluster_cancel(c->g->cluster, call);
	cluster_cancel(c->g->cluster, call);
	const char *after = contract_name(c, "after");
	assert_int_equal(contract_write(c, WRITE_CREATE, KIND_CONFIG_MAP, after, contract_config(after, "{}")).r,
			 RC_OK);
	assert_int_equal(never.times, 0);
}

static inline void contract_record(const struct contract *c)
{
	struct outcome o[3] = { 0 };
	const struct cluster_event ev = { .ns = c->ns,
					  .name = contract_name(c, "subject"),
					  .uid = "b6ad5f5e-5c3a-4a3c-9d5e-000000000001",
					  .api_version = "flagger.app/v1beta1",
					  .kind = "Canary",
					  .resource_version = "1",
					  .reason = "Synced",
					  .message = "New revision detected",
					  .key = contract_name(c, "key") };
	struct cluster_event counted = ev;
	counted.key = NULL;
	cluster_record(c->g->cluster, &ev, outcome_done, &o[0]);
	cluster_record(c->g->cluster, &ev, outcome_done, &o[1]);
	cluster_record(c->g->cluster, &counted, outcome_done, &o[2]);
	for (size_t i = 0; i < 3; i++) {
		UNTIL(c->g, o[i].times);
		assert_string_equal(o[i].why, "");
		assert_int_equal(o[i].r, RC_OK);
	}
	assert_true(cluster_leading(c->g->cluster));
	assert_int_equal(cluster_unreachable_since(c->g->cluster).v, 0);
}

#include "controller/cluster/embedded/admission.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/cluster/embedded/process_template.h"
#include "controller/cluster/embedded/rollout_numbers.h"

enum { LABEL_MAX = 63, KEY_MAX = 253 + 1 + LABEL_MAX, REPLICAS_MAX = 10000 };

#define KINDS_SUPPORTED                                                                                                \
	"Deployment, Service, Ingress, ConfigMap, Secret, Pod, Endpoints, HorizontalPodAutoscaler (kept, but "         \
	"nothing is scaled), Canary, MetricTemplate, AlertProvider, Process, SystemdUnit and NginxUpstream"

/* ---- kinds ---- */

static const bool supported[KIND_COUNT] = {
	[KIND_DEPLOYMENT] = true,
	[KIND_SERVICE] = true,
	[KIND_INGRESS] = true,
	[KIND_CONFIG_MAP] = true,
	[KIND_SECRET] = true,
	[KIND_POD] = true,
	[KIND_ENDPOINTS] = true,
	[KIND_PROCESS] = true,
	[KIND_SYSTEMD_UNIT] = true,
	[KIND_NGINX_UPSTREAM] = true,
	[KIND_HPA] = true,
	[KIND_CANARY] = true,
	[KIND_METRIC_TEMPLATE] = true,
	[KIND_ALERT_PROVIDER] = true,
};

/* Besides the version that cluster.h prefers. */
static const struct {
	enum kind kind;
	const char *api_version;
} also[] = {
	{ KIND_INGRESS, "networking.k8s.io/v1beta1" },
	{ KIND_INGRESS, "extensions/v1beta1" },
	{ KIND_HPA, "autoscaling/v2beta2" },
	{ KIND_HPA, "autoscaling/v2beta1" },
	{ KIND_HPA, "autoscaling/v1" },
};

static void preferred_version(enum kind kind, char buf[64])
{
	const struct kind_info *i = kind_info(kind);
	snprintf(buf, 64, "%s%s%s", i->group, *i->group ? "/" : "", i->version);
}

static enum result version_check(enum kind kind, const char *version, struct error *e)
{
	char preferred[64], shown[TEXT_SHOWN];
	preferred_version(kind, preferred);
	if (text_eq(version, preferred))
		return RC_OK;
	for (size_t i = 0; i < sizeof also / sizeof also[0]; i++) {
		if (also[i].kind == kind && text_eq(also[i].api_version, version))
			return RC_OK;
	}
	return error_set(e, RC_INVALID, "apiVersion: \"%s\" of kind %s is not supported; use %s",
			 text_show(version, strlen(version), shown), kind_name(kind), preferred);
}

enum result admission_kind(const cJSON *manifest, enum kind *ret, struct error *e)
{
	const char *name = json_text(manifest, "kind", "");
	char shown[TEXT_SHOWN];
	enum kind kind;
	if (text_eq(name, "Namespace"))
		return error_set(e, RC_INVALID,
				 "kind: Namespace is not needed: namespaces of the embedded platform exist by "
				 "themselves, leave this document out");
	if (!*name)
		return error_set(e, RC_INVALID, "kind: missing; the embedded platform supports " KINDS_SUPPORTED);
	if (kind_parse(name, &kind, NULL) != RC_OK || !supported[kind])
		return error_set(e, RC_INVALID, "kind: \"%s\" is not supported by the embedded platform, which has %s",
				 text_show(name, strlen(name), shown), KINDS_SUPPORTED);
	enum result r = version_check(kind, json_text(manifest, "apiVersion", ""), e);
	if (r == RC_OK)
		*ret = kind;
	return r;
}

/* ---- metadata ---- */

static bool label_value_ok(const char *s)
{
	size_t len = strlen(s);
	if (len > LABEL_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool edge = i == 0 || i == len - 1;
		if (!isalnum((unsigned char)s[i]) && (edge || !strchr("-_.", s[i])))
			return false;
	}
	return true;
}

static bool label_key_ok(const char *s)
{
	const char *slash = strchr(s, '/');
	char prefix[KEY_MAX + 1];
	size_t len = strlen(s);
	if (!len || len > KEY_MAX)
		return false;
	if (slash) {
		snprintf(prefix, sizeof prefix, "%.*s", (int)(slash - s), s);
		if (!text_is_dns_subdomain(prefix))
			return false;
		s = slash + 1;
	}
	return *s && label_value_ok(s);
}

static enum result labels_check(const cJSON *labels, const char *path, struct error *e)
{
	const cJSON *m;
	char shown[TEXT_SHOWN];
	if (labels && !cJSON_IsObject(labels) && !cJSON_IsNull(labels))
		return error_set(e, RC_INVALID, "%s: must be an object of texts", path);
	cJSON_ArrayForEach (m, labels) {
		if (!label_key_ok(m->string))
			return error_set(e, RC_INVALID, "%s: \"%s\" cannot be a label's name", path,
					 text_show(m->string, strlen(m->string), shown));
		if (!cJSON_IsString(m) || !label_value_ok(m->valuestring))
			return error_set(e, RC_INVALID,
					 "%s.%s: must be a text of at most 63 letters, digits, - _ . that begins and "
					 "ends with a letter or digit",
					 path, m->string);
	}
	return RC_OK;
}

static enum result texts_check(const cJSON *list, const char *path, bool object, struct error *e)
{
	const cJSON *m;
	if (!list || cJSON_IsNull(list))
		return RC_OK;
	bool ok = object ? cJSON_IsObject(list) : cJSON_IsArray(list);
	cJSON_ArrayForEach (m, list)
		ok = ok && cJSON_IsString(m);
	return ok ? RC_OK
		  : error_set(e, RC_INVALID, "%s: must be %s of texts (quote numbers and true/false)", path,
			      object ? "an object" : "a list");
}

static enum result owners_check(const cJSON *metadata, struct error *e)
{
	static const char *const fields[] = { "apiVersion", "kind", "name", "uid" };
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(metadata, "ownerReferences"), *o;
	unsigned controllers = 0;
	if (list && !cJSON_IsArray(list) && !cJSON_IsNull(list))
		return error_set(e, RC_INVALID, "metadata.ownerReferences: must be a list");
	cJSON_ArrayForEach (o, list) {
		for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
			if (text_empty(json_text(o, fields[i], "")))
				return error_set(e, RC_INVALID, "metadata.ownerReferences: each needs %s", fields[i]);
		}
		controllers += json_bool(o, "controller", false);
	}
	if (controllers > 1)
		return error_set(e, RC_INVALID, "metadata.ownerReferences: only one can be the controller");
	return RC_OK;
}

static enum result metadata_check(enum kind kind, const cJSON *object, struct error *e)
{
	const cJSON *m = cJSON_GetObjectItemCaseSensitive(object, "metadata");
	const char *name = json_text(m, "name", ""), *ns = json_text(m, "namespace", "");
	char shown[TEXT_SHOWN];
	bool label = kind == KIND_SERVICE;
	if (!(label ? text_is_dns_label(name) : text_is_dns_subdomain(name)))
		return error_set(e, RC_INVALID,
				 "metadata.name: \"%s\" is not a name: lower case letters, digits and -%s, at most %d",
				 text_show(name, strlen(name), shown), label ? "" : " and .", label ? 63 : 253);
	if (!text_is_dns_label(ns))
		return error_set(e, RC_INVALID, "metadata.namespace: \"%s\" is not a namespace's name",
				 text_show(ns, strlen(ns), shown));
	enum result r = labels_check(json_at(m, "labels"), "metadata.labels", e);
	if (r == RC_OK)
		r = texts_check(json_at(m, "annotations"), "metadata.annotations", true, e);
	if (r == RC_OK)
		r = texts_check(json_at(m, "finalizers"), "metadata.finalizers", false, e);
	return r == RC_OK ? owners_check(m, e) : r;
}

/* ---- Deployment ---- */

static enum result number_check(const cJSON *object, const char *path, int64_t min, int64_t max, struct error *e)
{
	const cJSON *v = json_at(object, path);
	if (!v || cJSON_IsNull(v) || (json_int(object, path, min - 1) >= min && json_int(object, path, max + 1) <= max))
		return RC_OK;
	return error_set(e, RC_INVALID, "%s: must be a whole number from %lld to %lld", path, (long long)min,
			 (long long)max);
}

static enum result strategy_check(const cJSON *object, struct error *e)
{
	const char *type = json_text(object, "spec.strategy.type", "");
	char shown[TEXT_SHOWN];
	int surge = 0, unavailable = 0;
	if (text_eq(type, "Recreate"))
		return json_at(object, "spec.strategy.rollingUpdate.maxSurge") ||
				       json_at(object, "spec.strategy.rollingUpdate.maxUnavailable")
			       ? error_set(e, RC_INVALID,
					   "spec.strategy.rollingUpdate: not together with type Recreate")
			       : RC_OK;
	if (!text_eq(type, "RollingUpdate"))
		return error_set(e, RC_INVALID, "spec.strategy.type: \"%s\"; supported: RollingUpdate, Recreate",
				 text_show(type, strlen(type), shown));
	if (!share_of(json_at(object, "spec.strategy.rollingUpdate.maxSurge"), 100, true, &surge))
		return error_set(e, RC_INVALID,
				 "spec.strategy.rollingUpdate.maxSurge: must be a whole number or a percentage "
				 "(\"25%%\"), not negative");
	if (!share_of(json_at(object, "spec.strategy.rollingUpdate.maxUnavailable"), 100, false, &unavailable))
		return error_set(e, RC_INVALID,
				 "spec.strategy.rollingUpdate.maxUnavailable: must be a whole number or a percentage "
				 "(\"25%%\"), not negative");
	if (!surge && !unavailable)
		return error_set(e, RC_INVALID,
				 "spec.strategy.rollingUpdate: maxSurge and maxUnavailable cannot both be 0");
	return RC_OK;
}

static enum result selector_check(const cJSON *object, struct error *e)
{
	const cJSON *match = json_at(object, "spec.selector.matchLabels"), *m;
	const cJSON *labels = json_at(object, "spec.template.metadata.labels");
	if (json_at(object, "spec.selector.matchExpressions.0"))
		return error_set(e, RC_INVALID,
				 "spec.selector.matchExpressions: not supported by the embedded platform; use "
				 "matchLabels");
	if (!cJSON_IsObject(match) || !match->child)
		return error_set(e, RC_INVALID, "spec.selector.matchLabels: missing");
	enum result r = labels_check(match, "spec.selector.matchLabels", e);
	if (r == RC_OK)
		r = labels_check(labels, "spec.template.metadata.labels", e);
	if (r != RC_OK)
		return r;
	cJSON_ArrayForEach (m, match) {
		if (!json_equal(m, cJSON_GetObjectItemCaseSensitive(labels, m->string)))
			return error_set(e, RC_INVALID,
					 "spec.template.metadata.labels: \"%s: %s\" of spec.selector.matchLabels is "
					 "missing",
					 m->string, m->valuestring);
	}
	return RC_OK;
}

static enum result deployment_check(const cJSON *object, struct error *e)
{
	static const char *const numbers[] = { "spec.minReadySeconds", "spec.revisionHistoryLimit",
					       "spec.progressDeadlineSeconds" };
	enum result r = number_check(object, "spec.replicas", 0, REPLICAS_MAX, e);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && r == RC_OK; i++)
		r = number_check(object, numbers[i], 0, INT32_MAX, e);
	if (r == RC_OK &&
	    json_int(object, "spec.progressDeadlineSeconds", 600) <= json_int(object, "spec.minReadySeconds", 0))
		r = error_set(e, RC_INVALID, "spec.progressDeadlineSeconds: must be greater than minReadySeconds");
	if (r == RC_OK)
		r = strategy_check(object, e);
	if (r == RC_OK)
		r = selector_check(object, e);
	if (r == RC_OK)
		r = texts_check(json_at(object, "spec.template.metadata.annotations"),
				"spec.template.metadata.annotations", true, e);
	if (r != RC_OK)
		return r;
	if (!text_eq(json_text(object, "spec.template.spec.restartPolicy", "Always"), "Always"))
		return error_set(e, RC_INVALID, "spec.template.spec.restartPolicy: must be Always in a Deployment");
	return admission_pod_spec(json_at(object, "spec.template.spec"), "spec.template.spec", e);
}

/* ---- Service, Ingress ---- */

static enum result service_check(const cJSON *object, struct error *e)
{
	const char *type = json_text(object, "spec.type", "ClusterIP");
	const cJSON *port, *ports = json_at(object, "spec.ports");
	char shown[TEXT_SHOWN], path[64];
	int i = 0;
	if (!text_eq(type, "ClusterIP"))
		return error_set(e, RC_INVALID,
				 "spec.type: \"%s\" is not supported by the embedded platform; supported: ClusterIP "
				 "(reached from outside through an Ingress)",
				 text_show(type, strlen(type), shown));
	if (!cJSON_GetArraySize(ports) && !text_eq(json_text(object, "spec.clusterIP", ""), "None"))
		return error_set(e, RC_INVALID, "spec.ports: at least one is needed");
	cJSON_ArrayForEach (port, ports) {
		snprintf(path, sizeof path, "spec.ports.%d.port", i++);
		if (!json_at(object, path))
			return error_set(e, RC_INVALID, "%s: missing", path);
		enum result r = number_check(object, path, 1, 65535, e);
		if (r != RC_OK)
			return r;
	}
	return labels_check(json_at(object, "spec.selector"), "spec.selector", e);
}

static enum result ingress_check(const cJSON *object, struct error *e)
{
	bool v1 = text_eq(json_text(object, "apiVersion", ""), "networking.k8s.io/v1");
	const cJSON *rule, *path;
	cJSON_ArrayForEach (rule, json_at(object, "spec.rules")) {
		cJSON_ArrayForEach (path, json_at(rule, "http.paths")) {
			const char *name = json_text(path, v1 ? "backend.service.name" : "backend.serviceName", "");
			if (!*name)
				return error_set(e, RC_INVALID, "spec.rules: each path needs %s in apiVersion %s",
						 v1 ? "backend.service.name" : "backend.serviceName",
						 json_text(object, "apiVersion", ""));
		}
	}
	return RC_OK;
}

/* ---- doors ---- */

enum result admission_check(enum kind kind, const cJSON *object, struct error *e)
{
	bool has_spec = kind != KIND_CONFIG_MAP && kind != KIND_SECRET && kind != KIND_ENDPOINTS;
	enum result r = version_check(kind, json_text(object, "apiVersion", ""), e);
	if (r == RC_OK)
		r = metadata_check(kind, object, e);
	if (r != RC_OK)
		return r;
	if (has_spec && !cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(object, "spec")))
		return error_set(e, RC_INVALID, "spec: missing");
	switch (kind) {
	case KIND_DEPLOYMENT:
		return deployment_check(object, e);
	case KIND_SERVICE:
		return service_check(object, e);
	case KIND_INGRESS:
		return ingress_check(object, e);
	case KIND_PROCESS:
	case KIND_SYSTEMD_UNIT:
		return process_check(kind, object, e);
	case KIND_POD:
		return admission_pod_spec(json_at(object, "spec"), "spec", e);
	default:
		return RC_OK;
	}
}

enum result admission_change(enum kind kind, const cJSON *from, const cJSON *to, struct error *e)
{
	if (kind == KIND_DEPLOYMENT && !json_equal(json_at(from, "spec.selector"), json_at(to, "spec.selector")))
		return error_set(e, RC_INVALID, "spec.selector: cannot change; delete the Deployment and make it anew");
	if (kind == KIND_POD && !json_equal(json_at(from, "spec"), json_at(to, "spec")))
		return error_set(e, RC_INVALID, "spec: of a pod cannot change; delete the pod");
	return RC_OK;
}

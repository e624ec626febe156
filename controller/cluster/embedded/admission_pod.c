#include "controller/cluster/embedded/admission.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { CONTAINERS_MAX = 16, PATH_LEN = 192 };

#define HERE "not supported by the embedded platform, which runs containers as processes of this machine"

static bool is_asked_for(const cJSON *v)
{
	return v && !cJSON_IsNull(v) && !cJSON_IsFalse(v) && !((cJSON_IsArray(v) || cJSON_IsObject(v)) && !v->child);
}

/* What would be silently ignored is refused: somebody relies on it. */
static enum result refuse_fields(const cJSON *o, const char *path, const char *const *fields, struct error *e)
{
	for (size_t i = 0; fields[i]; i++) {
		if (is_asked_for(json_at(o, fields[i])))
			return error_set(e, RC_INVALID,
					 "%s.%s: " HERE "; supported: containers with image, args, env, "
					 "ports, probes",
					 path, fields[i]);
	}
	return RC_OK;
}

static bool is_known_field(const char *path)
{
	static const char *const known[] = { "metadata.name", "metadata.namespace", "metadata.uid",
					     "spec.nodeName", "status.podIP",       "status.hostIP" };
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (text_eq(path, known[i]))
			return true;
	}
	return false;
}

static enum result env_check(const cJSON *container, const char *path, struct error *e)
{
	const cJSON *v;
	cJSON_ArrayForEach (v, json_at(container, "env")) {
		const char *name = json_text(v, "name", "");
		const cJSON *from = json_at(v, "valueFrom"), *value = json_at(v, "value");
		char shown[TEXT_SHOWN];
		if (!*name)
			return error_set(e, RC_INVALID, "%s.env: each needs a name", path);
		text_show(name, strlen(name), shown);
		if (value && !cJSON_IsString(value) && !cJSON_IsNull(value))
			return error_set(e, RC_INVALID, "%s.env: the value of %s must be a text: quote it", path,
					 shown);
		if (!from || is_known_field(json_text(from, "fieldRef.fieldPath", "")) ||
		    json_bool(from, "configMapKeyRef.optional", false) ||
		    json_bool(from, "secretKeyRef.optional", false))
			continue;
		return error_set(e, RC_INVALID,
				 "%s.env: valueFrom of %s is not supported by the embedded platform; supported: value, "
				 "and fieldRef to metadata.name, metadata.namespace, metadata.uid, spec.nodeName, "
				 "status.podIP",
				 path, shown);
	}
	return RC_OK;
}

static enum result ports_check(const cJSON *container, const char *path, struct error *e)
{
	const cJSON *p;
	cJSON_ArrayForEach (p, json_at(container, "ports")) {
		int64_t port = json_int(p, "containerPort", 0);
		if (port < 1 || port > 65535)
			return error_set(e, RC_INVALID, "%s.ports: containerPort must be a number from 1 to 65535",
					 path);
	}
	return RC_OK;
}

static enum result container_check(const cJSON *c, const char *path, struct error *e)
{
	static const char *const refused[] = { "volumeMounts",       "volumeDevices",       "envFrom",
					       "lifecycle.preStop",  "lifecycle.postStart", "readinessProbe.grpc",
					       "livenessProbe.grpc", "startupProbe.grpc",   NULL };
	if (!text_is_dns_label(json_text(c, "name", "")))
		return error_set(e, RC_INVALID, "%s.name: must be lower case letters, digits and -, at most 63", path);
	if (text_empty(json_text(c, "image", "")))
		return error_set(e, RC_INVALID, "%s.image: missing", path);
	enum result r = refuse_fields(c, path, refused, e);
	if (r == RC_OK)
		r = env_check(c, path, e);
	return r == RC_OK ? ports_check(c, path, e) : r;
}

enum result admission_pod_spec(const cJSON *spec, const char *path, struct error *e)
{
	static const char *const refused[] = { "volumes",     "initContainers", "ephemeralContainers",
					       "hostNetwork", "hostPID",        "hostIPC",
					       NULL };
	const cJSON *list = json_at(spec, "containers"), *c, *other;
	int n = cJSON_GetArraySize(list);
	char at[PATH_LEN];
	enum result r = refuse_fields(spec, path, refused, e);
	if (r != RC_OK)
		return r;
	if (!cJSON_IsArray(list) || n < 1 || n > CONTAINERS_MAX)
		return error_set(e, RC_INVALID, "%s.containers: 1 to %d are needed", path, CONTAINERS_MAX);
	n = 0;
	cJSON_ArrayForEach (c, list) {
		snprintf(at, sizeof at, "%s.containers[%d]", path, n++);
		r = container_check(c, at, e);
		if (r != RC_OK)
			return r;
		for (other = list->child; other != c; other = other->next) {
			if (text_eq(json_text(other, "name", ""), json_text(c, "name", "")))
				return error_set(e, RC_INVALID, "%s.name: \"%s\" is there twice", at,
						 json_text(c, "name", ""));
		}
	}
	return RC_OK;
}

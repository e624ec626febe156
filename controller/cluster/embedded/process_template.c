#include "controller/cluster/embedded/process_template.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { INSTANCES_MAX = 1000, SECONDS_MAX = 3600, WORDS_MAX = 256 };

/* ---- checking ---- */

static const char *const process_fields[] = { "version", "command",   "folder", "instances",       "port",
					      "env",     "readiness", "stop",   "minReadySeconds", NULL };
static const char *const unit_fields[] = { "version",   "unit", "instances",       "port", "env",
					   "readiness", "stop", "minReadySeconds", NULL };
static const char *const readiness_fields[] = { "path", "everySeconds", NULL };
static const char *const stop_fields[] = { "signal", "graceSeconds", NULL };
static const char *const unit_stop_fields[] = { "graceSeconds", NULL };
static const char *const signals[] = { "TERM", "INT", "QUIT", "HUP", "USR1", "USR2", NULL };

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++) {
		if (text_eq(word, *list))
			return true;
	}
	return false;
}

static enum result fields_check(const cJSON *o, const char *path, const char *const *known, struct error *e)
{
	const cJSON *m;
	char shown[TEXT_SHOWN];
	if (o && !cJSON_IsObject(o))
		return error_set(e, RC_INVALID, "%s: must be an object", path);
	cJSON_ArrayForEach (m, o) {
		if (is_one_of(m->string, known))
			continue;
		const char *near = text_nearest(m->string, known);
		return error_set(e, RC_INVALID, "%s.%s: no such field%s%s%s", path,
				 text_show(m->string, strlen(m->string), shown), near ? "; did you mean \"" : "",
				 near ? near : "", near ? "\"?" : "");
	}
	return RC_OK;
}

static enum result number_check(const cJSON *spec, const char *path, int64_t min, int64_t max, struct error *e)
{
	int64_t n = json_int(spec, path, min - 1);
	if (!json_at(spec, path) || (n >= min && n <= max))
		return RC_OK;
	return error_set(e, RC_INVALID, "spec.%s: must be a whole number from %lld to %lld", path, (long long)min,
			 (long long)max);
}

/* It becomes part of paths and of names. */
static enum result version_check(const cJSON *spec, bool unit, struct error *e)
{
	const char *v = json_text(spec, "version", NULL);
	size_t len = v ? strlen(v) : 0;
	bool ok = len > 0 && len <= 63 && isalnum((unsigned char)*v);
	for (size_t i = 0; ok && i < len; i++)
		ok = isalnum((unsigned char)v[i]) || strchr(unit ? "._-" : "._+-", v[i]);
	return ok ? RC_OK
		  : error_set(e, RC_INVALID,
			      "spec.version: must be a text (quote numbers) of at most 63 letters, digits and . _ %s-, "
			      "that begins with a letter or digit",
			      unit ? "" : "+ ");
}

static enum result command_check(const cJSON *spec, struct error *e)
{
	const cJSON *list = json_at(spec, "command"), *word;
	int n = cJSON_GetArraySize(list);
	bool ok = cJSON_IsArray(list) && n > 0 && n <= WORDS_MAX;
	cJSON_ArrayForEach (word, list)
		ok = ok && cJSON_IsString(word);
	if (!ok || text_empty(json_text(list, "0", "")))
		return error_set(e, RC_INVALID, "spec.command: must be a list of 1 to %d texts (quote numbers)",
				 WORDS_MAX);
	const cJSON *folder = json_at(spec, "folder");
	if (folder && (!cJSON_IsString(folder) || *folder->valuestring != '/'))
		return error_set(e, RC_INVALID, "spec.folder: must be a text that begins with /");
	return RC_OK;
}

static enum result unit_check(const cJSON *spec, struct error *e)
{
	const char *unit = json_text(spec, "unit", "");
	size_t len = strlen(unit);
	bool ok = text_ends(unit, "@.service") && len > sizeof "@.service" - 1 && len < 100;
	for (size_t i = 0; ok && i < len; i++)
		ok = isalnum((unsigned char)unit[i]) || strchr("@._-:\\", unit[i]);
	return ok ? RC_OK
		  : error_set(e, RC_INVALID, "spec.unit: must be the name of a template unit, such as app@.service");
}

static enum result env_check(const cJSON *spec, struct error *e)
{
	static const char *const ours[] = { "VERSION", "PORT", "ADDRESS", "POD", NULL };
	const cJSON *env = json_at(spec, "env"), *m;
	char shown[TEXT_SHOWN];
	if (env && !cJSON_IsObject(env))
		return error_set(e, RC_INVALID, "spec.env: must be an object of texts");
	cJSON_ArrayForEach (m, env) {
		text_show(m->string, strlen(m->string), shown);
		bool name = *m->string && !isdigit((unsigned char)*m->string);
		for (const char *s = m->string; *s; s++)
			name = name && (isalnum((unsigned char)*s) || *s == '_');
		if (!name)
			return error_set(e, RC_INVALID, "spec.env: \"%s\" is not the name of a variable", shown);
		if (is_one_of(m->string, ours))
			return error_set(e, RC_INVALID, "spec.env.%s: rollcall sets it", shown);
		if (!cJSON_IsString(m) || strpbrk(m->valuestring, "\r\n"))
			return error_set(e, RC_INVALID, "spec.env.%s: must be a text of one line (quote numbers)",
					 shown);
	}
	return RC_OK;
}

static enum result signal_check(const cJSON *spec, struct error *e)
{
	const cJSON *s = json_at(spec, "stop.signal");
	if (!s || (cJSON_IsString(s) && is_one_of(s->valuestring, signals)))
		return RC_OK;
	return error_set(e, RC_INVALID, "spec.stop.signal: must be one of TERM, INT, QUIT, HUP, USR1, USR2");
}

enum result process_check(enum kind kind, const cJSON *object, struct error *e)
{
	static const struct {
		const char *path;
		int64_t min, max;
	} numbers[] = { { "instances", 0, INSTANCES_MAX },
			{ "port", 1, 65535 },
			{ "minReadySeconds", 0, SECONDS_MAX },
			{ "readiness.everySeconds", 1, SECONDS_MAX },
			{ "stop.graceSeconds", 0, SECONDS_MAX } };
	const cJSON *spec = json_at(object, "spec"), *path = json_at(spec, "readiness.path");
	bool unit = kind == KIND_SYSTEMD_UNIT;
	if (!text_is_dns_label(json_text(object, "metadata.name", "")))
		return error_set(e, RC_INVALID, "metadata.name: must be lower case letters, digits and -, at most 63");
	enum result r = fields_check(spec, "spec", unit ? unit_fields : process_fields, e);
	if (r == RC_OK)
		r = fields_check(json_at(spec, "readiness"), "spec.readiness", readiness_fields, e);
	if (r == RC_OK)
		r = fields_check(json_at(spec, "stop"), "spec.stop", unit ? unit_stop_fields : stop_fields, e);
	if (r == RC_OK)
		r = version_check(spec, unit, e);
	if (r == RC_OK)
		r = unit ? unit_check(spec, e) : command_check(spec, e);
	if (r == RC_OK)
		r = env_check(spec, e);
	if (r == RC_OK)
		r = signal_check(spec, e);
	for (size_t i = 0; r == RC_OK && i < sizeof numbers / sizeof *numbers; i++)
		r = number_check(spec, numbers[i].path, numbers[i].min, numbers[i].max, e);
	if (r == RC_OK && path && (!cJSON_IsString(path) || *path->valuestring != '/'))
		r = error_set(e, RC_INVALID, "spec.readiness.path: must be a text that begins with /");
	return r;
}

/* ---- the Deployment ---- */

static cJSON *env_list(const cJSON *spec)
{
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	const cJSON *m;
	cJSON_ArrayForEach (m, json_at(spec, "env")) {
		cJSON *item = cJSON_CreateObject();
		if (!item || !cJSON_AddStringToObject(item, "name", m->string) ||
		    !cJSON_AddStringToObject(item, "value", m->valuestring) || !cJSON_AddItemToArray(list, item)) {
			cJSON_Delete(item);
			return NULL;
		}
	}
	return list ? TAKE(list) : NULL;
}

static cJSON *list_of(cJSON *item)
{
	cJSON *list = cJSON_CreateArray();
	if (list && item && cJSON_AddItemToArray(list, item))
		return list;
	cJSON_Delete(list);
	cJSON_Delete(item);
	return NULL;
}

static bool put_readiness(cJSON *c, const cJSON *spec)
{
	const char *path = json_text(spec, "readiness.path", NULL);
	bool ok = json_put_int(c, "readinessProbe.periodSeconds", json_int(spec, "readiness.everySeconds", 1)) &&
		  json_put_int(c, "readinessProbe.failureThreshold", 3);
	if (path)
		return ok && json_put_text(c, "readinessProbe.httpGet.path", path) &&
		       json_put_text(c, "readinessProbe.httpGet.port", "http");
	return ok && json_put_text(c, "readinessProbe.tcpSocket.port", "http");
}

static bool put_signal(cJSON *c, const cJSON *spec)
{
	char name[16];
	const char *signal = json_text(spec, "stop.signal", NULL);
	if (!signal)
		return true;
	snprintf(name, sizeof name, "SIG%s", signal);
	return json_put_text(c, "lifecycle.stopSignal", name);
}

static cJSON *container(enum kind kind, const cJSON *object)
{
	const cJSON *spec = json_at(object, "spec"), *folder = json_at(spec, "folder");
	const char *name = json_text(object, "metadata.name", "");
	char image[160];
	CLEANUP(json_delete_p) cJSON *c = cJSON_CreateObject();
	cJSON *port = cJSON_CreateObject();
	snprintf(image, sizeof image, "%s:%s", name, json_text(spec, "version", ""));
	bool ok = json_put_text(port, "name", "http") &&
		  json_put_int(port, "containerPort", json_int(spec, "port", 1)); /* 1: see PORT_ANNOTATION */
	cJSON *ports = list_of(port);
	ok = ok && json_put_text(c, "name", name) && json_put_text(c, "image", image);
	if (kind == KIND_PROCESS)
		ok = ok && json_put(c, "command", cJSON_Duplicate(json_at(spec, "command"), true));
	if (folder)
		ok = ok && json_put_text(c, "workingDir", folder->valuestring);
	ok = json_put(c, "ports", ports) && ok && put_readiness(c, spec) && put_signal(c, spec);
	if (json_at(spec, "env"))
		ok = ok && json_put(c, "env", env_list(spec));
	return ok ? TAKE(c) : NULL;
}

static cJSON *pod_template(enum kind kind, const cJSON *object)
{
	const cJSON *spec = json_at(object, "spec");
	CLEANUP(json_delete_p) cJSON *t = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *annotations = cJSON_CreateObject();
	bool ok = annotations && json_put_text(t, "metadata.labels.app", json_text(object, "metadata.name", ""));
	if (kind == KIND_PROCESS)
		ok = ok && cJSON_AddStringToObject(annotations, PROCESS_ANNOTATION, "own");
	else
		ok = ok && cJSON_AddStringToObject(annotations, UNIT_ANNOTATION, json_text(spec, "unit", ""));
	if (!json_at(spec, "port"))
		ok = ok && cJSON_AddStringToObject(annotations, PORT_ANNOTATION, "assign");
	ok = ok && json_put(t, "metadata.annotations", TAKE(annotations)) &&
	     json_put_int(t, "spec.terminationGracePeriodSeconds", json_int(spec, "stop.graceSeconds", 30)) &&
	     json_put(t, "spec.containers", list_of(container(kind, object)));
	return ok ? TAKE(t) : NULL;
}

static cJSON *owner_list(enum kind kind, const cJSON *object)
{
	cJSON *o = cJSON_CreateObject();
	bool ok = json_put_text(o, "apiVersion", "rollcall.dev/v1") && json_put_text(o, "kind", kind_name(kind)) &&
		  json_put_text(o, "name", json_text(object, "metadata.name", "")) &&
		  json_put_text(o, "uid", json_text(object, "metadata.uid", "")) &&
		  json_put(o, "controller", cJSON_CreateTrue()) &&
		  json_put(o, "blockOwnerDeletion", cJSON_CreateTrue());
	cJSON *list = list_of(o);
	if (ok)
		return list;
	cJSON_Delete(list);
	return NULL;
}

cJSON *process_deployment(enum kind kind, const cJSON *object)
{
	const cJSON *spec = json_at(object, "spec");
	const char *name = json_text(object, "metadata.name", "");
	int64_t instances = json_int(spec, "instances", 1);
	char number[24], generation[24];
	snprintf(number, sizeof number, "%d", (int)instances);
	snprintf(generation, sizeof generation, "%lld", (long long)json_int(object, "metadata.generation", 0));
	CLEANUP(json_delete_p) cJSON *d = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *annotations = cJSON_CreateObject();
	bool ok = d && annotations && cJSON_AddStringToObject(annotations, INSTANCES_ANNOTATION, number) &&
		  cJSON_AddStringToObject(annotations, GENERATION_ANNOTATION, generation) &&
		  json_put_text(d, "apiVersion", "apps/v1") && json_put_text(d, "kind", "Deployment") &&
		  json_put_text(d, "metadata.name", name) &&
		  json_put_text(d, "metadata.namespace", json_text(object, "metadata.namespace", "")) &&
		  json_put_text(d, "metadata.labels.app", name) &&
		  json_put(d, "metadata.annotations", TAKE(annotations)) &&
		  json_put(d, "metadata.ownerReferences", owner_list(kind, object)) &&
		  json_put_int(d, "spec.replicas", instances) &&
		  json_put_int(d, "spec.minReadySeconds", json_int(spec, "minReadySeconds", 0)) &&
		  json_put_text(d, "spec.selector.matchLabels.app", name) &&
		  json_put(d, "spec.template", pod_template(kind, object));
	return ok ? TAKE(d) : NULL;
}

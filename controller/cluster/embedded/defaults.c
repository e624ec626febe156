#include "controller/cluster/embedded/defaults.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum default_type { TEXT, NUMBER, EMPTY };
struct default_field {
	const char *path;
	enum default_type type;
	const char *text;
	int number;
};

static const struct default_field of_deployment[] = {
	{ "replicas", NUMBER, NULL, 1 },
	{ "progressDeadlineSeconds", NUMBER, NULL, 600 },
	{ "revisionHistoryLimit", NUMBER, NULL, 10 },
	{ "strategy.type", TEXT, "RollingUpdate", 0 },
};
static const struct default_field of_rolling_update[] = {
	{ "maxSurge", TEXT, "25%", 0 },
	{ "maxUnavailable", TEXT, "25%", 0 },
};
static const struct default_field of_pod[] = {
	{ "restartPolicy", TEXT, "Always", 0 },
	{ "terminationGracePeriodSeconds", NUMBER, NULL, 30 },
	{ "dnsPolicy", TEXT, "ClusterFirst", 0 },
	{ "securityContext", EMPTY, NULL, 0 },
	{ "schedulerName", TEXT, "default-scheduler", 0 },
};
static const struct default_field of_container[] = {
	{ "resources", EMPTY, NULL, 0 },
	{ "terminationMessagePath", TEXT, "/dev/termination-log", 0 },
	{ "terminationMessagePolicy", TEXT, "File", 0 },
};
static const struct default_field of_probe[] = {
	{ "timeoutSeconds", NUMBER, NULL, 1 },
	{ "periodSeconds", NUMBER, NULL, 10 },
	{ "successThreshold", NUMBER, NULL, 1 },
	{ "failureThreshold", NUMBER, NULL, 3 },
};
static const struct default_field of_http_get[] = {
	{ "path", TEXT, "/", 0 },
	{ "scheme", TEXT, "HTTP", 0 },
};
static const struct default_field of_field_ref[] = { { "apiVersion", TEXT, "v1", 0 } };
static const struct default_field of_port[] = { { "protocol", TEXT, "TCP", 0 } };
static const struct default_field of_service[] = {
	{ "type", TEXT, "ClusterIP", 0 },
	{ "sessionAffinity", TEXT, "None", 0 },
};
static const struct default_field of_secret[] = { { "type", TEXT, "Opaque", 0 } };

static bool is_missing(const cJSON *o, const char *path)
{
	const cJSON *v = json_at(o, path);
	return !v || cJSON_IsNull(v);
}

static bool fill(cJSON *o, const struct default_field *fields, size_t n)
{
	bool ok = true;
	for (size_t i = 0; cJSON_IsObject(o) && i < n && ok; i++) {
		const struct default_field *f = &fields[i];
		if (!is_missing(o, f->path))
			continue;
		const char *dot = strchr(f->path, '.');
		if (dot && !is_missing(o, "strategy") && !cJSON_IsObject(json_at(o, "strategy")))
			continue;
		if (f->type == TEXT)
			ok = json_put_text(o, f->path, f->text);
		else if (f->type == NUMBER)
			ok = json_put_int(o, f->path, f->number);
		else
			ok = json_put(o, f->path, cJSON_CreateObject());
	}
	return ok;
}
#define FILL(o, fields) fill((o), (fields), sizeof(fields) / sizeof(fields)[0])

static cJSON *member(cJSON *o, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(o, name);
}

/* ---- pods ---- */

static bool fill_probe(cJSON *container, const char *name)
{
	cJSON *probe = member(container, name);
	return FILL(probe, of_probe) && FILL(member(probe, "httpGet"), of_http_get);
}

static bool is_latest(const char *image)
{
	const char *slash = strrchr(image, '/'), *last = slash ? slash + 1 : image;
	const char *tag = strchr(last, ':');
	return !strchr(last, '@') && (!tag || text_eq(tag, ":latest"));
}

static bool fill_container(cJSON *c)
{
	static const char *const probes[] = { "readinessProbe", "livenessProbe", "startupProbe" };
	cJSON *item;
	if (!cJSON_IsObject(c))
		return true;
	bool ok = FILL(c, of_container);
	if (ok && is_missing(c, "imagePullPolicy"))
		ok = json_put_text(c, "imagePullPolicy",
				   is_latest(json_text(c, "image", "")) ? "Always" : "IfNotPresent");
	cJSON_ArrayForEach (item, member(c, "ports"))
		ok = ok && FILL(item, of_port);
	cJSON_ArrayForEach (item, member(c, "env"))
		ok = ok && FILL(member(member(item, "valueFrom"), "fieldRef"), of_field_ref);
	for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++)
		ok = ok && fill_probe(c, probes[i]);
	return ok;
}

static bool fill_pod_spec(cJSON *spec)
{
	cJSON *c;
	bool ok = FILL(spec, of_pod);
	cJSON_ArrayForEach (c, member(spec, "containers"))
		ok = ok && fill_container(c);
	return ok;
}

/* ---- the others ---- */

static bool fill_deployment(cJSON *spec)
{
	if (!cJSON_IsObject(spec) || !FILL(spec, of_deployment))
		return false;
	cJSON *strategy = member(spec, "strategy");
	if (text_eq(json_text(strategy, "type", ""), "RollingUpdate")) {
		if (is_missing(strategy, "rollingUpdate") && !json_put(strategy, "rollingUpdate", cJSON_CreateObject()))
			return false;
		if (!FILL(member(strategy, "rollingUpdate"), of_rolling_update))
			return false;
	}
	return fill_pod_spec(member(member(spec, "template"), "spec"));
}

static bool fill_service(cJSON *spec)
{
	cJSON *port;
	bool ok = FILL(spec, of_service);
	cJSON_ArrayForEach (port, member(spec, "ports")) {
		if (!ok || !cJSON_IsObject(port))
			continue;
		ok = FILL(port, of_port);
		if (ok && is_missing(port, "targetPort") && cJSON_IsNumber(member(port, "port")))
			ok = json_put(port, "targetPort", cJSON_Duplicate(member(port, "port"), true));
	}
	return ok;
}

bool defaults_fill(enum kind kind, cJSON *object)
{
	cJSON *spec = member(object, "spec");
	switch (kind) {
	case KIND_DEPLOYMENT:
		return !cJSON_IsObject(spec) || fill_deployment(spec);
	case KIND_SERVICE:
		return fill_service(spec);
	case KIND_POD:
		return fill_pod_spec(spec);
	case KIND_SECRET:
		return FILL(object, of_secret);
	default: /* all shapes of an Ingress, too, stay as they were applied */
		return true;
	}
}

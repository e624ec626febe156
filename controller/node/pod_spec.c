#include "controller/node/pod_spec.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

enum { SPEC_BYTES_MAX = 16 * 1024 * 1024, SECONDS_MAX = 24 * 3600 };

static int64_t seconds(const cJSON *o, const char *path, int64_t min, int64_t otherwise)
{
	int64_t s = json_int(o, path, otherwise);
	return (s < min ? min : s > SECONDS_MAX ? SECONDS_MAX : s) * 1000;
}

static const char *text_of(struct arena *a, const cJSON *o, const char *path)
{
	return arena_strdup(a, json_text(o, path, ""));
}

static const char *const *words_of(struct arena *a, const cJSON *list)
{
	size_t n = 0;
	const cJSON *item;
	const char **words = arena_alloc(a, (size_t)cJSON_GetArraySize(list) + 1, sizeof *words);
	cJSON_ArrayForEach (item, list) {
		if (words && cJSON_IsString(item))
			words[n++] = arena_strdup(a, item->valuestring);
	}
	return words;
}

/* ---- probes ---- */

/* A number, or the name of one of the container's ports; 0: neither. */
static unsigned port_of(const cJSON *container, const cJSON *port)
{
	if (cJSON_IsNumber(port))
		return port->valueint > 0 && port->valueint < 65536 ? (unsigned)port->valueint : 0;
	const cJSON *p;
	cJSON_ArrayForEach (p, json_at(container, "ports")) {
		if (cJSON_IsString(port) && text_eq(json_text(p, "name", ""), port->valuestring))
			return (unsigned)json_int(p, "containerPort", 0);
	}
	return 0;
}

static const char *const *headers_of(struct arena *a, const cJSON *list)
{
	size_t n = 0;
	const cJSON *h;
	const char **headers = arena_alloc(a, (size_t)cJSON_GetArraySize(list) + 1, sizeof *headers);
	cJSON_ArrayForEach (h, list) {
		if (headers)
			headers[n++] = arena_printf(a, "%s: %s", json_text(h, "name", ""), json_text(h, "value", ""));
	}
	return headers;
}

static const char *probe_action_read(struct arena *a, const cJSON *container, const cJSON *p, struct probe_spec *s)
{
	const cJSON *tcp = json_at(p, "tcpSocket"), *http = json_at(p, "httpGet"), *exec = json_at(p, "exec.command");
	s->host = "";
	if (exec) {
		s->action = PROBE_EXEC;
		s->command = words_of(a, exec);
		return s->command && s->command[0] ? NULL : "its exec has no command";
	}
	if (!tcp && !http)
		return "only tcpSocket, httpGet and exec are known here";
	s->action = http ? PROBE_HTTP : PROBE_TCP;
	s->host = text_of(a, http ? http : tcp, "host");
	s->port = port_of(container, json_at(http ? http : tcp, "port"));
	s->path = text_of(a, http, "path");
	s->scheme = text_eq(json_text(http, "scheme", "HTTP"), "HTTPS") ? "https" : "http";
	s->headers = headers_of(a, json_at(http, "httpHeaders"));
	return s->port ? NULL : "its port is neither a number nor the name of a port of the container";
}

static void probe_read(struct arena *a, const cJSON *container, enum probe_role role, struct container_spec *c)
{
	const cJSON *p = cJSON_GetObjectItemCaseSensitive(container, probe_role_field(role));
	struct probe_spec *s = &c->probes[role];
	if (!cJSON_IsObject(p))
		return;
	const char *problem = probe_action_read(a, container, p, s);
	if (problem)
		c->problem = arena_printf(a, "%s: %s", probe_role_field(role), problem);
	s->initial_delay_ms = seconds(p, "initialDelaySeconds", 0, 0);
	s->period_ms = seconds(p, "periodSeconds", 1, 10);
	s->timeout_ms = seconds(p, "timeoutSeconds", 1, 1);
	s->failure_threshold = (unsigned)(seconds(p, "failureThreshold", 1, 3) / 1000);
	s->success_threshold = (unsigned)(seconds(p, "successThreshold", 1, 1) / 1000);
}

/* ---- env ---- */

static const char *field_value(struct arena *a, const struct pod_spec *pod, const char *path)
{
	const struct {
		const char *path, *value;
	} fields[] = {
		{ "metadata.name", pod->name },
		{ "metadata.namespace", pod->ns },
		{ "metadata.uid", pod->uid },
		{ "spec.nodeName", pod->node },
	};
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		if (text_eq(fields[i].path, path))
			return arena_strdup(a, fields[i].value);
	}
	return NULL;
}

/* false: the value comes from where this node cannot look. */
static bool env_value(struct arena *a, const struct pod_spec *pod, const cJSON *item, struct env_var *v)
{
	const char *path = json_text(item, "valueFrom.fieldRef.fieldPath", "");
	v->source = text_eq(path, "status.podIP")    ? ENV_POD_IP
		    : text_eq(path, "status.hostIP") ? ENV_HOST_IP
						     : ENV_VALUE;
	v->value = json_at(item, "valueFrom") ? field_value(a, pod, path) : text_of(a, item, "value");
	return v->value || v->source != ENV_VALUE;
}

static void env_read(struct arena *a, const struct pod_spec *pod, const cJSON *list, struct container_spec *c)
{
	const cJSON *item;
	struct env_var *env = arena_alloc(a, (size_t)cJSON_GetArraySize(list) + 1, sizeof *env);
	cJSON_ArrayForEach (item, list) {
		if (!env)
			return;
		struct env_var *v = &env[c->env_len];
		v->name = text_of(a, item, "name");
		if (env_value(a, pod, item, v))
			c->env_len++;
		else if (!json_bool(item, "valueFrom.configMapKeyRef.optional", false) &&
			 !json_bool(item, "valueFrom.secretKeyRef.optional", false))
			c->problem = arena_printf(a, "env %s: this node knows only plain values and fields of the pod",
						  v->name);
	}
	c->env = env;
}

/* ---- what is run ---- */

static int signal_of(const char *name)
{
	static const struct {
		const char *name;
		int signal;
	} signals[] = { { "SIGINT", SIGINT },   { "SIGQUIT", SIGQUIT }, { "SIGHUP", SIGHUP },
			{ "SIGUSR1", SIGUSR1 }, { "SIGUSR2", SIGUSR2 }, { "SIGKILL", SIGKILL } };
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
		if (text_eq(signals[i].name, name))
			return signals[i].signal;
	}
	return SIGTERM;
}

/* See controller/cluster/embedded/process_template.h. */
static void command_read(struct arena *a, const cJSON *pod, const cJSON *container, struct container_spec *c)
{
	const char *unit = json_text(pod, "metadata.annotations.rollcall\\.dev/unit", NULL);
	const char *own = json_text(pod, "metadata.annotations.rollcall\\.dev/command", NULL);
	const char *folder = json_text(container, "workingDir", NULL);
	c->stop_signal = signal_of(json_text(container, "lifecycle.stopSignal", ""));
	c->folder = folder ? arena_strdup(a, folder) : NULL;
	if (unit)
		c->unit = arena_strdup(a, unit);
	else if (own)
		c->command = words_of(a, json_at(container, "command"));
	if (c->command && !c->command[0])
		c->problem = "its command is empty";
}

/* ---- the whole ---- */

static void container_read(struct arena *a, const struct pod_spec *pod, const cJSON *container,
			   struct container_spec *c)
{
	c->name = text_of(a, container, "name");
	c->image = text_of(a, container, "image");
	c->args = words_of(a, json_at(container, "args"));
	c->port = (unsigned)json_int(container, "ports.0.containerPort", 0);
	for (enum probe_role r = 0; r < PROBE_ROLE_COUNT; r++)
		probe_read(a, container, r, c);
	env_read(a, pod, json_at(container, "env"), c);
	if (json_at(container, "envFrom.0"))
		c->problem = "envFrom: this node knows only plain values and fields of the pod";
}

static enum restart_policy restart_of(const char *text)
{
	if (text_eq(text, "Never"))
		return RESTART_NEVER;
	return text_eq(text, "OnFailure") ? RESTART_ON_FAILURE : RESTART_ALWAYS;
}

static enum result spec_read(struct pod_spec *s, const cJSON *pod, struct error *e)
{
	const cJSON *list = json_at(pod, "spec.containers"), *container;
	int n = cJSON_GetArraySize(list);
	s->uid = text_of(s->arena, pod, "metadata.uid");
	s->ns = text_of(s->arena, pod, "metadata.namespace");
	s->name = text_of(s->arena, pod, "metadata.name");
	s->node = text_of(s->arena, pod, "spec.nodeName");
	s->restart = restart_of(json_text(pod, "spec.restartPolicy", "Always"));
	s->shares_address = text_eq(json_text(pod, "metadata.annotations.rollcall\\.dev/port", ""), "assign");
	s->grace_ms = seconds(pod, "spec.terminationGracePeriodSeconds", 0, 30);
	if (n < 1 || n > POD_CONTAINERS_MAX || text_empty(s->uid) || text_empty(s->name))
		return error_set(e, RC_INVALID, "a pod has a name, a uid and 1 to %d containers", POD_CONTAINERS_MAX);
	s->containers = arena_alloc(s->arena, (size_t)n, sizeof *s->containers);
	if (!s->containers)
		return error_set(e, RC_EXHAUSTED, "no memory for a pod");
	cJSON_ArrayForEach (container, list) {
		struct container_spec *c = &s->containers[s->containers_len++];
		container_read(s->arena, s, container, c);
		command_read(s->arena, pod, container, c);
		if (json_at(pod, "spec.initContainers.0"))
			c->problem = "initContainers are not run by this node";
		if (!c->name || !c->image || !c->args || !c->env)
			return error_set(e, RC_EXHAUSTED, "no memory for a pod");
	}
	return RC_OK;
}

enum result pod_spec_parse(const cJSON *pod, struct pod_spec **ret, struct error *e)
{
	CLEANUP(pod_spec_destroy_p) struct pod_spec *s = calloc(1, sizeof *s);
	if (s)
		s->arena = arena_create(SPEC_BYTES_MAX);
	if (!s || !s->arena)
		return error_set(e, RC_EXHAUSTED, "no memory for a pod");
	enum result r = spec_read(s, pod, e);
	if (r != RC_OK)
		return r;
	*ret = TAKE(s);
	return RC_OK;
}

void pod_spec_destroy(struct pod_spec *s)
{
	if (!s)
		return;
	arena_destroy(s->arena);
	free(s);
}

#include "controller/node/status.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

bool restart_wanted(enum restart_policy p, const struct container_end *end)
{
	return p == RESTART_ALWAYS || (p == RESTART_ON_FAILURE && end->exit_code != 0);
}

/* ---- phase ---- */

const char *pod_phase(const struct pod_facts *f)
{
	size_t running = 0, ended = 0, failed = 0;
	for (size_t i = 0; i < f->containers_len; i++) {
		const struct container_facts *c = f->containers[i];
		if (c->state == CONTAINER_WAITING && !c->last.is)
			return "Pending";
		bool again = c->state == CONTAINER_WAITING ||
			     (c->state == CONTAINER_TERMINATED && !f->leaving && restart_wanted(f->restart, &c->last));
		if (c->state == CONTAINER_RUNNING || again)
			running++;
		else
			ended++, failed += c->last.exit_code != 0;
	}
	if (running || f->restart == RESTART_ALWAYS)
		return "Running";
	return ended && !failed ? "Succeeded" : "Failed";
}

/* ---- conditions ---- */

struct condition {
	const char *type;
	bool is;
	const char *reason, *message;
};

static const cJSON *condition_of(const cJSON *status, const char *type)
{
	const cJSON *c;
	cJSON_ArrayForEach (c, json_at(status, "conditions")) {
		if (text_eq(json_text(c, "type", ""), type))
			return c;
	}
	return NULL;
}

static cJSON *condition_json(const struct condition *c, const cJSON *was, const char *now)
{
	const cJSON *before = condition_of(was, c->type);
	const char *status = c->is ? "True" : "False";
	bool same = text_eq(json_text(before, "status", ""), status);
	cJSON *j = cJSON_CreateObject();
	bool ok = json_put_text(j, "type", c->type) && json_put_text(j, "status", status) &&
		  json_put(j, "lastProbeTime", cJSON_CreateNull()) &&
		  json_put_text(j, "lastTransitionTime", same ? json_text(before, "lastTransitionTime", now) : now);
	if (ok && c->reason)
		ok = json_put_text(j, "reason", c->reason) && json_put_text(j, "message", c->message);
	if (!ok) {
		cJSON_Delete(j);
		return NULL;
	}
	return j;
}

static bool is_known_condition(const char *type)
{
	return text_eq(type, "Initialized") || text_eq(type, "Ready") || text_eq(type, "ContainersReady") ||
	       text_eq(type, "PodScheduled");
}

/* Conditions of others (readiness gates) stay. */
static bool keep_foreign(cJSON *list, const cJSON *was)
{
	const cJSON *c;
	cJSON_ArrayForEach (c, json_at(was, "conditions")) {
		if (is_known_condition(json_text(c, "type", "")))
			continue;
		cJSON *copy = cJSON_Duplicate(c, true);
		if (!copy || !cJSON_AddItemToArray(list, copy))
			return false;
	}
	return true;
}

static void name_unready(const struct pod_facts *f, char *buf, size_t size)
{
	size_t len = (size_t)snprintf(buf, size, "containers with unready status: [");
	for (size_t i = 0; i < f->containers_len && len < size; i++) {
		if (!f->containers[i]->ready)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", buf[len - 1] == '[' ? "" : " ",
						f->containers[i]->name);
	}
	if (len < size)
		snprintf(buf + len, size - len, "]");
}

static bool put_conditions(cJSON *status, const struct pod_facts *f, const cJSON *was, const char *now)
{
	char unready[1200];
	bool all = true;
	for (size_t i = 0; i < f->containers_len; i++)
		all = all && f->containers[i]->ready;
	name_unready(f, unready, sizeof unready);
	const char *reason = !all ? "ContainersNotReady" : f->leaving ? "PodTerminating" : NULL;
	const char *message = !all ? unready : "the pod is being deleted";
	const struct condition conditions[] = {
		{ "Initialized", true, NULL, NULL },
		{ "Ready", all && !f->leaving, reason, message },
		{ "ContainersReady", all, all ? NULL : "ContainersNotReady", unready },
		{ "PodScheduled", true, NULL, NULL },
	};
	cJSON *list = cJSON_CreateArray();
	bool ok = list != NULL;
	for (size_t i = 0; ok && i < sizeof conditions / sizeof conditions[0]; i++)
		ok = cJSON_AddItemToArray(list, condition_json(&conditions[i], was, now));
	ok = ok && keep_foreign(list, was);
	return json_put(status, "conditions", list) && ok;
}

/* ---- containers ---- */

static bool put_time(cJSON *j, const char *path, struct wall_ms t)
{
	char text[32];
	wall_print(t, text);
	return json_put_text(j, path, text);
}

static bool put_end(cJSON *j, const char *state, const struct pod_facts *f, const struct container_end *end)
{
	char id[128];
	snprintf(id, sizeof id, "rollcall://%.64s/%d", f->uid, end->pid);
	cJSON *t = cJSON_CreateObject();
	bool ok = json_put_int(t, "exitCode", end->exit_code) &&
		  json_put_text(t, "reason", end->exit_code == 0 ? "Completed" : "Error") &&
		  put_time(t, "startedAt", end->started) && put_time(t, "finishedAt", end->finished) &&
		  json_put_text(t, "containerID", id);
	if (ok && end->exit_signal)
		ok = json_put_int(t, "signal", end->exit_signal);
	cJSON *outer = cJSON_CreateObject();
	return json_put(j, state, outer) && json_put(outer, "terminated", t) && ok;
}

static bool put_state(cJSON *j, const struct pod_facts *f, const struct container_facts *c)
{
	switch (c->state) {
	case CONTAINER_WAITING:
		return json_put_text(j, "state.waiting.reason", c->reason) &&
		       (!*c->message || json_put_text(j, "state.waiting.message", c->message));
	case CONTAINER_RUNNING:
		return put_time(j, "state.running.startedAt", c->started);
	case CONTAINER_TERMINATED:
		return put_end(j, "state", f, &c->last);
	}
	return false;
}

static cJSON *container_json(const struct pod_facts *f, const struct container_facts *c)
{
	char id[128];
	cJSON *j = cJSON_CreateObject();
	bool ok = json_put_text(j, "name", c->name) && json_put_text(j, "image", c->image) &&
		  json_put_text(j, "imageID", "") && json_put(j, "ready", cJSON_CreateBool(c->ready)) &&
		  json_put(j, "started", cJSON_CreateBool(c->started_up)) &&
		  json_put_int(j, "restartCount", c->restarts) && put_state(j, f, c);
	if (ok && c->state == CONTAINER_RUNNING) {
		snprintf(id, sizeof id, "rollcall://%.64s/%d", f->uid, c->pid);
		ok = json_put_text(j, "containerID", id);
	}
	if (ok && c->last.is && c->state != CONTAINER_TERMINATED)
		ok = put_end(j, "lastState", f, &c->last);
	else if (ok)
		ok = json_put(j, "lastState", cJSON_CreateObject());
	if (!ok) {
		cJSON_Delete(j);
		return NULL;
	}
	return j;
}

static bool put_containers(cJSON *status, const struct pod_facts *f)
{
	cJSON *list = cJSON_CreateArray();
	bool ok = list != NULL;
	for (size_t i = 0; ok && i < f->containers_len; i++)
		ok = cJSON_AddItemToArray(list, container_json(f, f->containers[i]));
	return json_put(status, "containerStatuses", list) && ok;
}

/* ---- the whole ---- */

static bool put_addresses(cJSON *status, const struct pod_facts *f)
{
	if (!json_put_text(status, "hostIP", f->host_address))
		return false;
	if (text_empty(f->address))
		return true;
	cJSON *list = cJSON_CreateArray(), *item = cJSON_CreateObject();
	bool ok = list && item && json_put_text(item, "ip", f->address);
	if (!list || !cJSON_AddItemToArray(list, item))
		cJSON_Delete(item);
	return json_put(status, "podIPs", list) && ok && json_put_text(status, "podIP", f->address);
}

static bool put_start(cJSON *status, const struct pod_facts *f, struct wall_ms now)
{
	if (!text_empty(json_text(status, "startTime", "")))
		return true;
	return put_time(status, "startTime", f->began.v ? f->began : now);
}

cJSON *pod_status(const struct pod_facts *f, const cJSON *was, struct wall_ms now)
{
	char text[32];
	cJSON *status = cJSON_IsObject(was) ? cJSON_Duplicate(was, true) : cJSON_CreateObject();
	wall_print(now, text);
	bool ok = status && json_put_text(status, "phase", pod_phase(f)) && put_conditions(status, f, was, text) &&
		  put_addresses(status, f) && put_start(status, f, now) && put_containers(status, f);
	if (!ok) {
		cJSON_Delete(status);
		return NULL;
	}
	return status;
}

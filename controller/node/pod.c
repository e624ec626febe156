#include "controller/node/pod.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

enum {
	DRAIN_MS = 5000,        /* the longest time that the way to a leaving pod is waited for */
	FORCED_GRACE_MS = 2000, /* of a pod whose object was taken away */
	STOP_GRACE_MS = 10 * 1000,
	RETRY_MS = 1000
};
#define HOST_ADDRESS "127.0.0.1"

static void pod_tick(void *owner);

void pod_wake(struct pod *p)
{
	loop_defer(p->site->loop, &p->tick, pod_tick, p);
}

static void pod_wake_later(void *owner)
{
	pod_wake(owner);
}

static void pod_retry(struct pod *p)
{
	timer_start(p->site->loop, &p->timer, RETRY_MS, pod_wake_later, p);
}

/* ---- the record ---- */

static void pod_record(void *owner)
{
	struct pod *p = owner;
	struct error e;
	struct record r = { .containers_len = p->spec->containers_len };
	snprintf(r.uid, sizeof r.uid, "%s", p->spec->uid);
	snprintf(r.ns, sizeof r.ns, "%s", p->spec->ns);
	snprintf(r.name, sizeof r.name, "%s", p->spec->name);
	snprintf(r.address, sizeof r.address, "%s", p->address);
	for (size_t i = 0; i < r.containers_len; i++) {
		const struct container *c = &p->containers[i];
		struct record_container *rc = &r.containers[i];
		snprintf(rc->name, sizeof rc->name, "%s", c->spec->name);
		rc->pid = c->process ? process_pid(c->process) : 0;
		rc->start_ticks = c->process ? process_start_ticks(c->process) : 0;
		rc->started = c->facts.started;
		rc->restarts = c->facts.restarts;
	}
	if (record_write(p->site->pods_folder, &r, &e) != RC_OK)
		log_error("pod_record_failed", "pod=%s/%s error=%s", p->spec->ns, p->spec->name, e.text);
}

static void pod_forget_files(const struct pod *p)
{
	record_remove(p->site->pods_folder, p->spec->uid);
	for (size_t i = 0; i < p->spec->containers_len; i++)
		container_forget(&p->containers[i]);
}

void pod_trim_logs(const struct pod *p)
{
	char path[4096];
	for (size_t i = 0; i < p->spec->containers_len; i++) {
		container_log(&p->containers[i], path, sizeof path);
		process_log_trim(path);
	}
}

/* ---- starting ---- */

static const struct record_container *recorded(const struct record *r, const char *container)
{
	for (size_t i = 0; i < r->containers_len; i++) {
		if (text_eq(r->containers[i].name, container))
			return &r->containers[i];
	}
	return NULL;
}

static const cJSON *reported(const struct pod *p, const char *container)
{
	const cJSON *c;
	cJSON_ArrayForEach (c, json_at(p->status, "containerStatuses")) {
		if (text_eq(json_text(c, "name", ""), container))
			return c;
	}
	return NULL;
}

/* Without a record (the machine has booted): what the object says is all that is known. */
static const struct record_container *remembered(const struct pod *p, const char *container,
						 struct record_container *buf)
{
	const cJSON *before = reported(p, container);
	const char *since = json_text(before, "state.running.startedAt", "");
	*buf = (struct record_container){ .restarts = (unsigned)json_int(before, "restartCount", 0) };
	if (*since && wall_parse(since, &buf->started, NULL) != RC_OK)
		buf->started.v = 0;
	return before ? buf : NULL;
}

static bool pod_address(struct pod *p)
{
	struct error e;
	if (*p->address)
		return true;
	if (p->spec->shares_address) {
		snprintf(p->address, sizeof p->address, HOST_ADDRESS);
		return true;
	}
	unsigned port = p->spec->containers[0].port;
	if (p->site->give_address(p->site->owner, port, p->address, &e) == RC_OK)
		return true;
	log_error("pod_without_address", "pod=%s/%s error=%s", p->spec->ns, p->spec->name, e.text);
	pod_retry(p);
	return false;
}

static void pod_begin(struct pod *p)
{
	struct record r = { .containers_len = 0 };
	bool known = record_read(p->site->pods_folder, p->spec->uid, &r, NULL) == RC_OK;
	if (p->leaving && !known)
		return;
	if (known && *r.address)
		snprintf(p->address, sizeof p->address, "%s", r.address);
	if (!pod_address(p))
		return;
	p->started = true;
	for (size_t i = 0; i < p->spec->containers_len; i++) {
		struct container *c = &p->containers[i];
		struct record_container buf;
		const struct record_container *rc = recorded(&r, c->spec->name);
		c->ending = p->leaving;
		container_start(c, rc ? rc : remembered(p, c->spec->name, &buf),
				json_bool(reported(p, c->spec->name), "ready", false));
	}
}

/* ---- status ---- */

static void status_done(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct pod *p = owner;
	(void)now;
	p->status_call = 0;
	if (r == RC_OK || r == RC_NOT_FOUND) {
		pod_wake(p);
		return;
	}
	free(p->written);
	p->written = NULL;
	log_warn("pod_status_not_written", "pod=%s/%s error=%s", p->spec->ns, p->spec->name, why->text);
	pod_retry(p);
}

static cJSON *pod_wanted_status(const struct pod *p)
{
	const struct container_facts *facts[POD_CONTAINERS_MAX];
	for (size_t i = 0; i < p->spec->containers_len; i++)
		facts[i] = &p->containers[i].facts;
	const struct pod_facts f = {
		.uid = p->spec->uid,
		.address = p->address,
		.host_address = HOST_ADDRESS,
		.leaving = p->leaving,
		.restart = p->spec->restart,
		.containers = facts,
		.containers_len = p->spec->containers_len,
	};
	return pod_status(&f, p->status, loop_wall(p->site->loop));
}

/* {"metadata":{"uid":...},"status":...}: the uid is a precondition. NULL: nothing to be written, or no memory. */
static char *status_patch(const struct pod *p)
{
	CLEANUP(json_delete_p) cJSON *wanted = pod_wanted_status(p);
	bool oom = false;
	cJSON *change = wanted ? json_diff_merge(p->status, wanted, &oom) : NULL;
	if (!change)
		return NULL;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	bool ok = json_put(patch, "status", change) && json_put_text(patch, "metadata.uid", p->spec->uid);
	return ok ? json_print(patch) : NULL;
}

static void pod_write_status(struct pod *p)
{
	if (p->status_call || p->vanished || p->stage == POD_DELETING || !p->started)
		return;
	char *patch = status_patch(p);
	if (!patch || text_eq(patch, p->written)) {
		free(patch);
		return;
	}
	free(p->written);
	p->written = patch;
	const struct write w = {
		.verb = WRITE_PATCH,
		.kind = KIND_POD,
		.ns = p->spec->ns,
		.name = p->spec->name,
		.body = patch,
		.subresource = "status",
	};
	p->status_call = cluster_write(p->site->cluster, &w, status_done, p);
}

/* ---- leaving ---- */

static void pod_end(struct pod *p)
{
	int64_t grace = p->vanished ? FORCED_GRACE_MS : p->grace_ms;
	if (p->stopping && grace > STOP_GRACE_MS)
		grace = STOP_GRACE_MS;
	p->stage = POD_ENDING;
	for (size_t i = 0; i < p->spec->containers_len; i++)
		container_end(&p->containers[i], grace);
}

static bool pod_over(const struct pod *p)
{
	for (size_t i = 0; i < p->spec->containers_len; i++) {
		if (!container_over(&p->containers[i]))
			return false;
	}
	return true;
}

static void delete_done(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct pod *p = owner;
	(void)now;
	p->delete_call = 0;
	if (r == RC_OK || r == RC_NOT_FOUND) {
		p->vanished = true;
		pod_wake(p);
		return;
	}
	log_warn("pod_not_deleted", "pod=%s/%s error=%s", p->spec->ns, p->spec->name, why->text);
	pod_retry(p);
}

static void pod_delete_object(struct pod *p)
{
	char body[256];
	p->stage = POD_DELETING;
	if (p->delete_call)
		return;
	snprintf(body, sizeof body,
		 "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"gracePeriodSeconds\":0,"
		 "\"preconditions\":{\"uid\":\"%.64s\"}}",
		 p->spec->uid);
	const struct write w = {
		.verb = WRITE_DELETE,
		.kind = KIND_POD,
		.ns = p->spec->ns,
		.name = p->spec->name,
		.body = body,
	};
	p->delete_call = cluster_write(p->site->cluster, &w, delete_done, p);
}

static void pod_drain(struct pod *p)
{
	struct mono_ms now = loop_now(p->site->loop);
	if (p->stage == POD_RUNNING) {
		p->stage = POD_DRAINING;
		p->drain_until.v = now.v + DRAIN_MS;
	}
	unsigned port = p->spec->shares_address ? p->spec->containers[0].port : 0;
	bool served = p->site->served(p->site->owner, p->address, port);
	if (!served || now.v >= p->drain_until.v || p->vanished) {
		if (served && !p->vanished)
			log_warn("pod_still_served", "pod=%s/%s address=%s", p->spec->ns, p->spec->name, p->address);
		pod_end(p);
		return;
	}
	timer_start(p->site->loop, &p->timer, p->drain_until.v - now.v, pod_wake_later, p);
}

/* ---- the tick: what is there now, and what is to be done next ---- */

static void pod_tick(void *owner)
{
	struct pod *p = owner;
	bool leaving = p->leaving || p->vanished;
	if (!p->started && !p->vanished && !p->stopping)
		pod_begin(p); /* a leaving one too: an earlier run may have left processes */
	if (p->stopping && p->stage < POD_ENDING)
		pod_end(p);
	else if (leaving && p->stage < POD_ENDING)
		pod_drain(p);
	pod_write_status(p);
	if (p->stage < POD_ENDING || !pod_over(p))
		return;
	if (p->vanished || (p->stopping && !p->status_call)) {
		if (p->vanished)
			pod_forget_files(p);
		else
			pod_record(p); /* for the number of restarts */
		p->site->gone(p->site->owner, p);
		return;
	}
	if (p->leaving && !p->status_call)
		pod_delete_object(p);
}

/* ---- doors ---- */

static void pod_container_changed(void *owner)
{
	pod_wake(owner);
}

enum result pod_create(const struct site *s, const cJSON *object, struct pod **ret, struct error *e)
{
	CLEANUP(pod_spec_destroy_p) struct pod_spec *spec = NULL;
	enum result r = pod_spec_parse(object, &spec, e);
	if (r != RC_OK)
		return r;
	struct pod *p = calloc(1, sizeof *p + spec->containers_len * sizeof p->containers[0]);
	if (!p)
		return error_set(e, RC_EXHAUSTED, "no memory for a pod");
	p->site = s;
	p->spec = TAKE(spec);
	p->grace_ms = p->spec->grace_ms;
	p->doors = (struct container_doors){
		.site = s,
		.pod = p->spec,
		.address = p->address,
		.changed = pod_container_changed,
		.recorded = pod_record,
		.owner = p,
	};
	snprintf(p->address, sizeof p->address, "%s", json_text(object, "status.podIP", ""));
	for (size_t i = 0; i < p->spec->containers_len; i++)
		container_init(&p->containers[i], &p->doors, &p->spec->containers[i]);
	*ret = p;
	return RC_OK;
}

void pod_destroy(struct pod *p)
{
	if (!p)
		return;
	cluster_cancel(p->site->cluster, p->status_call);
	cluster_cancel(p->site->cluster, p->delete_call);
	timer_stop(&p->timer);
	loop_defer_cancel(&p->tick);
	for (size_t i = 0; i < p->spec->containers_len; i++)
		container_finish(&p->containers[i]);
	cJSON_Delete(p->status);
	free(p->written);
	pod_spec_destroy(p->spec);
	free(p);
}

void pod_update(struct pod *p, const cJSON *object)
{
	cJSON *status = cJSON_Duplicate(json_at(object, "status"), true);
	if (status) {
		cJSON_Delete(p->status);
		p->status = status;
	}
	if (json_at(object, "metadata.deletionTimestamp")) {
		p->leaving = true;
		p->grace_ms = json_int(object, "metadata.deletionGracePeriodSeconds", p->spec->grace_ms / 1000) * 1000;
	}
	pod_wake(p);
}

void pod_vanish(struct pod *p)
{
	p->vanished = true;
	pod_wake(p);
}

void pod_stop(struct pod *p)
{
	p->stopping = true;
	pod_wake(p);
}

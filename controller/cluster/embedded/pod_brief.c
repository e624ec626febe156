#include "controller/cluster/embedded/pod_brief.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static struct wall_ms time_at(const cJSON *o, const char *path)
{
	struct wall_ms t = { 0 };
	if (wall_parse(json_text(o, path, ""), &t, NULL) != RC_OK)
		t.v = 0;
	return t;
}

static void read_ready(struct pod_brief *b, const cJSON *pod)
{
	const cJSON *c;
	cJSON_ArrayForEach (c, json_at(pod, "status.conditions")) {
		if (!text_eq(json_text(c, "type", ""), "Ready") || !text_eq(json_text(c, "status", ""), "True"))
			continue;
		b->ready = true;
		b->ready_since = time_at(c, "lastTransitionTime");
	}
}

static bool read_ports(struct pod_brief *b, const cJSON *pod)
{
	const cJSON *c, *p;
	b->ports = cJSON_CreateObject();
	cJSON_ArrayForEach (c, json_at(pod, "spec.containers")) {
		cJSON_ArrayForEach (p, json_at(c, "ports")) {
			const char *name = json_text(p, "name", "");
			if (*name && !cJSON_HasObjectItem(b->ports, name) &&
			    !cJSON_AddNumberToObject(b->ports, name, (double)json_int(p, "containerPort", 0)))
				return false;
		}
	}
	return b->ports != NULL;
}

struct pod_brief *pod_brief_create(const cJSON *pod)
{
	CLEANUP(pod_brief_destroy_p) struct pod_brief *b = calloc(1, sizeof *b);
	const cJSON *labels = json_at(pod, "metadata.labels");
	const char *phase = json_text(pod, "status.phase", "");
	if (!b || !read_ports(b, pod))
		return NULL;
	b->labels = cJSON_Duplicate(labels, true);
	b->hash = strdup(json_text(labels, HASH_LABEL, ""));
	b->ip = strdup(json_text(pod, "status.podIP", ""));
	b->node = strdup(json_text(pod, "spec.nodeName", ""));
	if ((labels && !b->labels) || !b->hash || !b->ip || !b->node)
		return NULL;
	b->bound = *b->node != '\0';
	b->ended = text_eq(phase, "Succeeded") || text_eq(phase, "Failed");
	b->created = time_at(pod, "metadata.creationTimestamp");
	read_ready(b, pod);
	return TAKE(b);
}

void pod_brief_destroy(struct pod_brief *b)
{
	if (!b)
		return;
	cJSON_Delete(b->labels);
	cJSON_Delete(b->ports);
	free(b->hash);
	free(b->ip);
	free(b->node);
	free(b);
}

bool pod_brief_matches(const struct pod_brief *b, const cJSON *selector)
{
	const cJSON *m;
	cJSON_ArrayForEach (m, selector) {
		const cJSON *label = cJSON_GetObjectItemCaseSensitive(b->labels, m->string);
		if (!cJSON_IsString(m) || !cJSON_IsString(label) || !text_eq(label->valuestring, m->valuestring))
			return false;
	}
	return cJSON_IsObject(selector) && selector->child;
}

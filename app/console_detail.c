#include "app/console_detail.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"

enum { PODS_MAX = 100, CHANGES_MAX = 60 };

/* ---- pods ---- */

struct pod_list {
	const char *owner; /* uid of the workload */
	struct strbuf *b;
	size_t count;
};

static bool is_ready(const cJSON *pod)
{
	const cJSON *condition;
	cJSON_ArrayForEach (condition, json_at(pod, "status.conditions"))
		if (text_eq(json_text(condition, "type", ""), "Ready"))
			return text_eq(json_text(condition, "status", ""), "True");
	return false;
}

static bool add_pod(void *owner, const struct object *o)
{
	struct pod_list *l = owner;
	CLEANUP(json_delete_p) cJSON *pod = NULL;
	if (!text_eq(o->owner_uid, l->owner) || json_parse(o->json, o->json_len, &pod, NULL) != RC_OK)
		return true;
	strbuf_add(l->b, l->count++ ? ",{\"name\":" : ",\"pods\":[{\"name\":");
	strbuf_add_json(l->b, o->name);
	strbuf_add(l->b, ",\"phase\":");
	strbuf_add_json(l->b, o->deleting ? "Terminating" : json_text(pod, "status.phase", ""));
	strbuf_add(l->b, ",\"address\":");
	strbuf_add_json(l->b, json_text(pod, "status.podIP", ""));
	strbuf_addf(l->b, ",\"ready\":%s,\"restarts\":%lld}", is_ready(pod) ? "true" : "false",
		    (long long)json_int(pod, "status.containerStatuses.0.restartCount", 0));
	return l->count < PODS_MAX;
}

static void add_pods(const struct cluster *all, const struct object *const workloads[2], const char *ns,
		     struct strbuf *b)
{
	struct pod_list l = { .b = b };
	for (size_t i = 0; i < 2; i++) {
		l.owner = workloads[i] ? workloads[i]->uid : "";
		if (*l.owner && l.count < PODS_MAX)
			cluster_each(all, KIND_POD, ns, add_pod, &l);
	}
	if (l.count)
		strbuf_addc(b, ']');
}

/* ---- what differs ---- */

struct changes {
	struct strbuf *b;
	size_t count;
};

static void add_value(struct strbuf *b, const char *key, const cJSON *v)
{
	if (!v)
		return;
	CLEANUP(free_p) char *printed = cJSON_IsString(v) ? NULL : json_print(v);
	strbuf_addf(b, ",\"%s\":", key);
	strbuf_add_json(b, cJSON_IsString(v) ? v->valuestring : printed ? printed : "");
}

static void add_change(struct changes *c, const char *where, const char *what, const cJSON *from, const cJSON *to)
{
	char path[256];
	if (json_equal(from, to) || c->count == CHANGES_MAX)
		return;
	(void)snprintf(path, sizeof path, "%.120s%s%.120s", where, *where ? " " : "", what);
	strbuf_add(c->b, c->count++ ? ",{\"path\":" : ",\"changes\":[{\"path\":");
	strbuf_add_json(c->b, path);
	add_value(c->b, "from", from);
	add_value(c->b, "to", to);
	strbuf_addc(c->b, '}');
}

static const cJSON *named(const cJSON *list, const char *name)
{
	const cJSON *each;
	cJSON_ArrayForEach (each, list)
		if (text_eq(json_text(each, "name", ""), name))
			return each;
	return NULL;
}

/* A variable is its text, or where it comes from. */
static const cJSON *variable(const cJSON *entry)
{
	const cJSON *from = json_at(entry, "valueFrom");
	return from ? from : json_at(entry, "value");
}

static void add_variables(struct changes *c, const char *container, const cJSON *from, const cJSON *to)
{
	const cJSON *each;
	cJSON_ArrayForEach (each, to)
		add_change(c, container, json_text(each, "name", ""),
			   variable(named(from, json_text(each, "name", ""))), variable(each));
	cJSON_ArrayForEach (each, from)
		if (!named(to, json_text(each, "name", "")))
			add_change(c, container, json_text(each, "name", ""), variable(each), NULL);
}

static void add_container(struct changes *c, const char *name, const cJSON *from, const cJSON *to)
{
	static const char *const keys[] = { "command", "args",          "resources",      "ports",
					    "envFrom", "livenessProbe", "readinessProbe", "securityContext" };
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		add_change(c, name, keys[i], json_at(from, keys[i]), json_at(to, keys[i]));
	add_variables(c, name, json_at(from, "env"), json_at(to, "env"));
}

/* Images are told by the page anyway. What the primary's copy is named differently (labels, configurations) is none. */
void console_changes(const cJSON *stable, const cJSON *canary, struct strbuf *b)
{
	struct changes c = { .b = b };
	const cJSON *from = json_at(stable, "spec.containers"), *to = json_at(canary, "spec.containers"), *each;
	cJSON_ArrayForEach (each, to) {
		const char *name = json_text(each, "name", "");
		const cJSON *before = named(from, name);
		if (before)
			add_container(&c, name, before, each);
		else
			add_change(&c, name, "container", NULL, json_at(each, "image"));
	}
	cJSON_ArrayForEach (each, from)
		if (!named(to, json_text(each, "name", "")))
			add_change(&c, json_text(each, "name", ""), "container", json_at(each, "image"), NULL);
	add_change(&c, "", "serviceAccountName", json_at(stable, "spec.serviceAccountName"),
		   json_at(canary, "spec.serviceAccountName"));
	if (c.count)
		strbuf_addc(b, ']');
}

void console_detail(const struct cluster *workloads, const struct cluster *all, const struct rollout *r,
		    struct strbuf *b)
{
	const struct object *const both[2] = {
		cluster_find(workloads, KIND_DEPLOYMENT, r->ns, r->stable.workload),
		cluster_find(workloads, KIND_DEPLOYMENT, r->ns, r->canary.workload),
	};
	CLEANUP(json_delete_p) cJSON *stable = NULL;
	CLEANUP(json_delete_p) cJSON *canary = NULL;
	if (all)
		add_pods(all, both, r->ns, b);
	if (r->active && both[0] && both[1] && both[0] != both[1] &&
	    json_parse(both[0]->json, both[0]->json_len, &stable, NULL) == RC_OK &&
	    json_parse(both[1]->json, both[1]->json_len, &canary, NULL) == RC_OK)
		console_changes(json_at(stable, "spec.template"), json_at(canary, "spec.template"), b);
}

#include "controller/cluster/embedded/endpoints.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

/* ---- ports: a name can be another number in another pod ---- */

static int64_t target_port(const struct pod_brief *pod, const cJSON *port)
{
	const cJSON *target = cJSON_GetObjectItemCaseSensitive(port, "targetPort");
	uint64_t number;
	if (cJSON_IsNumber(target))
		return json_int(target, "", 0);
	if (!cJSON_IsString(target))
		return json_int(port, "port", 0);
	if (text_u64(target->valuestring, 1, 65535, &number, NULL) == RC_OK)
		return (int64_t)number;
	return json_int(cJSON_GetObjectItemCaseSensitive(pod->ports, target->valuestring), "", 0);
}

static cJSON *ports_of(const struct pod_brief *pod, const cJSON *service)
{
	const cJSON *port;
	CLEANUP(json_delete_p) cJSON *list = cJSON_CreateArray();
	cJSON_ArrayForEach (port, json_at(service, "spec.ports")) {
		int64_t number = target_port(pod, port);
		if (number < 1 || number > 65535)
			continue;
		cJSON *o = cJSON_CreateObject();
		const char *name = json_text(port, "name", "");
		bool ok = (!*name || json_put_text(o, "name", name)) && json_put_int(o, "port", number) &&
			  json_put_text(o, "protocol", json_text(port, "protocol", "TCP"));
		if (!ok || !cJSON_AddItemToArray(list, o)) {
			cJSON_Delete(o);
			return NULL;
		}
	}
	return list ? TAKE(list) : NULL;
}

/* ---- subsets: pods with the same ports ---- */

static cJSON *subset_for(cJSON *subsets, cJSON *ports)
{
	CLEANUP(json_delete_p) cJSON *held = ports;
	cJSON *s;
	cJSON_ArrayForEach (s, subsets) {
		if (json_equal(json_at(s, "ports"), ports))
			return s;
	}
	s = cJSON_CreateObject();
	if (!s || !json_put(s, "ports", TAKE(held)) || !cJSON_AddItemToArray(subsets, s)) {
		cJSON_Delete(s);
		return NULL;
	}
	return s;
}

static cJSON *address_of(const struct item *i)
{
	CLEANUP(json_delete_p) cJSON *a = cJSON_CreateObject();
	bool ok = json_put_text(a, "ip", i->pod->ip) && json_put_text(a, "nodeName", i->pod->node) &&
		  json_put_text(a, "targetRef.kind", "Pod") && json_put_text(a, "targetRef.namespace", i->o->ns) &&
		  json_put_text(a, "targetRef.name", i->o->name) && json_put_text(a, "targetRef.uid", i->o->uid);
	return ok ? TAKE(a) : NULL;
}

static bool add_address(cJSON *subset, const struct item *i)
{
	const char *field = i->pod->ready ? "addresses" : "notReadyAddresses";
	cJSON *list = cJSON_GetObjectItemCaseSensitive(subset, field);
	if (!list && !(list = cJSON_AddArrayToObject(subset, field)))
		return false;
	cJSON *a = address_of(i);
	if (a && cJSON_AddItemToArray(list, a))
		return true;
	cJSON_Delete(a);
	return false;
}

static int by_address(const void *x, const void *y)
{
	const struct item *a = *(const struct item *const *)x, *b = *(const struct item *const *)y;
	int order = strcmp(a->pod->ip, b->pod->ip);
	return order ? order : strcmp(a->o->uid, b->o->uid);
}

/* What is leaving gets no more traffic. */
static size_t choose(const cJSON *service, const struct item *const *pods, size_t len, const struct item **chosen)
{
	const cJSON *selector = json_at(service, "spec.selector");
	size_t n = 0;
	for (size_t k = 0; k < len; k++) {
		const struct item *i = pods[k];
		if (*i->pod->ip && !i->o->deleting && !i->pod->ended && pod_brief_matches(i->pod, selector))
			chosen[n++] = i;
	}
	qsort(chosen, n, sizeof(const struct item *), by_address);
	return n;
}

cJSON *endpoints_subsets(const cJSON *service, const struct item *const *pods, size_t len)
{
	CLEANUP(json_delete_p) cJSON *subsets = cJSON_CreateArray();
	CLEANUP(free_p) const struct item **chosen = calloc(len + 1, sizeof(const struct item *));
	if (!subsets || !chosen)
		return NULL;
	size_t n = choose(service, pods, len, chosen);
	for (size_t k = 0; k < n; k++) {
		cJSON *ports = ports_of(chosen[k]->pod, service);
		if (ports && !ports->child) { /* none of the Service's ports is there */
			cJSON_Delete(ports);
			continue;
		}
		cJSON *subset = ports ? subset_for(subsets, ports) : NULL;
		if (!subset || !add_address(subset, chosen[k]))
			return NULL;
	}
	return TAKE(subsets);
}

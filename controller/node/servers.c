#include "controller/node/servers.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/json.h"
#include "base/text.h"

struct found {
	struct arena *arena;
	const char **list;
	size_t len, cap;
};

/* ---- lookups ---- */

static const cJSON *object_named(const struct object_list *list, const char *ns, const char *name)
{
	for (size_t i = 0; i < list->len; i++) {
		const cJSON *o = list->items[i];
		if (text_eq(json_text(o, "metadata.namespace", ""), ns) &&
		    text_eq(json_text(o, "metadata.name", ""), name))
			return o;
	}
	return NULL;
}

/* A number, a number as text (old Ingresses have "80"), or the port's name. */
static const cJSON *service_port(const cJSON *service, const cJSON *wanted)
{
	const cJSON *port;
	const char *text = cJSON_IsString(wanted) ? wanted->valuestring : "";
	uint64_t number = cJSON_IsNumber(wanted) && wanted->valueint > 0 ? (uint64_t)wanted->valueint : 0;
	if (*text && text_u64(text, 1, 65535, &number, NULL) != RC_OK)
		number = 0;
	cJSON_ArrayForEach (port, json_at(service, "spec.ports")) {
		bool named = *text && text_eq(json_text(port, "name", ""), text);
		if (named || (number && (uint64_t)json_int(port, "port", 0) == number))
			return port;
	}
	return NULL;
}

/* ---- servers ---- */

const char *server_text(struct arena *a, const char *address, int64_t port)
{
	unsigned char raw[16];
	bool v4 = inet_pton(AF_INET, address, raw) == 1, v6 = !v4 && inet_pton(AF_INET6, address, raw) == 1;
	if ((!v4 && !v6) || port < 1 || port > 65535)
		return NULL;
	return arena_printf(a, v6 ? "[%s]:%d" : "%s:%d", address, (int)port);
}

static void server_add(struct found *f, const char *address, int64_t port)
{
	const char *server = f->len < f->cap ? server_text(f->arena, address, port) : NULL;
	if (server)
		f->list[f->len++] = server;
}

bool server_selected(const cJSON *selector, const cJSON *labels)
{
	const cJSON *want;
	cJSON_ArrayForEach (want, selector) {
		const cJSON *has = cJSON_GetObjectItemCaseSensitive(labels, want->string);
		if (!cJSON_IsString(want) || !cJSON_IsString(has) || !text_eq(want->valuestring, has->valuestring))
			return false;
	}
	return true;
}

bool server_ready(const cJSON *pod)
{
	const cJSON *c;
	if (json_at(pod, "metadata.deletionTimestamp"))
		return false;
	cJSON_ArrayForEach (c, json_at(pod, "status.conditions")) {
		if (text_eq(json_text(c, "type", ""), "Ready"))
			return text_eq(json_text(c, "status", ""), "True");
	}
	return false;
}

int64_t server_port(const cJSON *pod, const cJSON *target)
{
	const cJSON *container, *p;
	if (!cJSON_IsString(target))
		return json_int(target, "", 0);
	cJSON_ArrayForEach (container, json_at(pod, "spec.containers")) {
		cJSON_ArrayForEach (p, json_at(container, "ports")) {
			if (text_eq(json_text(p, "name", ""), target->valuestring))
				return json_int(p, "containerPort", 0);
		}
	}
	uint64_t number = 0;
	return text_u64(target->valuestring, 1, 65535, &number, NULL) == RC_OK ? (int64_t)number : 0;
}

/* targetPort may be nothing, which is the Service's own number. */
static int64_t service_pod_port(const cJSON *pod, const cJSON *port)
{
	const cJSON *target = cJSON_GetObjectItemCaseSensitive(port, "targetPort");
	return target ? server_port(pod, target) : json_int(port, "port", 0);
}

static void add_pods(struct found *f, const struct routes_input *in, const cJSON *service, const cJSON *port)
{
	const char *ns = json_text(service, "metadata.namespace", "");
	for (size_t i = 0; i < in->pods.len; i++) {
		const cJSON *pod = in->pods.items[i];
		if (text_eq(json_text(pod, "metadata.namespace", ""), ns) && server_ready(pod) &&
		    server_selected(json_at(service, "spec.selector"), json_at(pod, "metadata.labels")))
			server_add(f, json_text(pod, "status.podIP", ""), service_pod_port(pod, port));
	}
}

static void add_endpoints(struct found *f, const cJSON *endpoints, const cJSON *port)
{
	const cJSON *subset, *address, *p;
	cJSON_ArrayForEach (subset, json_at(endpoints, "subsets")) {
		cJSON_ArrayForEach (p, json_at(subset, "ports")) {
			if (!text_eq(json_text(p, "name", ""), json_text(port, "name", "")))
				continue;
			cJSON_ArrayForEach (address, json_at(subset, "addresses"))
				server_add(f, json_text(address, "ip", ""), json_int(p, "port", 0));
		}
	}
}

static size_t count_addresses(const cJSON *endpoints)
{
	size_t n = 0;
	const cJSON *subset;
	cJSON_ArrayForEach (subset, json_at(endpoints, "subsets"))
		n += (size_t)cJSON_GetArraySize(json_at(subset, "addresses"));
	return n;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_servers(struct found *f)
{
	size_t kept = 0;
	qsort(f->list, f->len, sizeof f->list[0], by_text);
	for (size_t i = 0; i < f->len; i++) {
		if (kept == 0 || !text_eq(f->list[kept - 1], f->list[i]))
			f->list[kept++] = f->list[i];
	}
	f->len = kept;
}

/* ---- the door ---- */

static const char *upstream_name(struct arena *a, const char *ns, const char *service, const cJSON *port)
{
	const char *text = cJSON_IsString(port) ? port->valuestring : NULL;
	if (!text_is_dns_label(ns) || !text_is_dns_label(service) || (text && !text_is_dns_label(text)))
		return NULL;
	return text ? arena_printf(a, "%s.%s.%s", ns, service, text)
		    : arena_printf(a, "%s.%s.%d", ns, service, cJSON_IsNumber(port) ? port->valueint : 0);
}

const struct upstream *servers_find(struct routes *r, const struct routes_input *in, const char *ns,
				    const char *service, const cJSON *port)
{
	struct upstream *u;
	const char *name = upstream_name(r->arena, ns, service, port);
	DL_FOREACH(r->upstreams, u)
	{
		if (name && text_eq(u->name, name))
			return u;
	}
	if (!name)
		return NULL;
	const cJSON *s = object_named(&in->services, ns, service), *p = service_port(s, port);
	const cJSON *endpoints = object_named(&in->endpoints, ns, service);
	struct found f = { .arena = r->arena, .cap = in->pods.len + count_addresses(endpoints) };
	f.list = arena_alloc(r->arena, f.cap + 1, sizeof *f.list);
	u = arena_alloc(r->arena, 1, sizeof *u);
	if (!f.list || !u)
		return NULL;
	if (p && json_at(s, "spec.selector"))
		add_pods(&f, in, s, p);
	else if (p)
		add_endpoints(&f, endpoints, p);
	sort_servers(&f);
	u->name = name;
	u->servers = f.list;
	u->servers_len = f.len;
	DL_APPEND(r->upstreams, u);
	return u;
}

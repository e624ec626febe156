#include "controller/node/routes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/node/servers.h"

enum {
	ROUTES_BYTES_MAX = 64 * 1024 * 1024,
	PATH_LEN_MAX = 1024,
	VALUE_LEN_MAX = 1024,
	INGRESSES_MAX = 10000,
	TOTAL_MAX = 1000 * 1000
};

#define CLASS_ANNOTATION "kubernetes\\.io/ingress\\.class"

/* One Ingress object while it is read. */
struct reading {
	struct routes *r;
	const struct routes_input *in;
	const cJSON *object;
	const char *ns, *source;
	struct canary_rule *canary; /* NULL: not a canary's */
};

static void problem(struct reading *g, const char *text)
{
	struct route_problem *p = arena_alloc(g->r->arena, 1, sizeof *p);
	if (!p || !text)
		return;
	p->source = g->source;
	p->text = text;
	DL_APPEND(g->r->problems, p);
}

/* ---- foreign texts that become part of a configuration ---- */

static bool all_of(const char *s, const char *more)
{
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && !strchr(more, *s))
			return false;
	}
	return true;
}

static bool host_ok(const char *host)
{
	return text_is_dns_subdomain(text_starts(host, "*.") ? host + 2 : host);
}

/* nginx compares decoded paths, so that what is encoded here could never be met. */
static bool path_ok(const char *path)
{
	if (*path != '/' || strlen(path) > PATH_LEN_MAX || !text_is_utf8(path, strlen(path)))
		return false;
	for (const char *s = path; *s; s++) {
		if (!isalnum((unsigned char)*s) && (unsigned char)*s < 0x80 && !strchr("/._~!&()*+,=:@-", *s))
			return false;
	}
	return true;
}

static bool printable(const char *s)
{
	if (strlen(s) > VALUE_LEN_MAX)
		return false;
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			return false;
	}
	return true;
}

/* A group with a name would become a variable of nginx, perhaps one of ours. */
static bool has_named_group(const char *pattern)
{
	for (const char *at = pattern; (at = strstr(at, "(?")); at += 2) {
		if (at[2] == 'P' || at[2] == '\'' || (at[2] == '<' && at[3] != '=' && at[3] != '!'))
			return true;
	}
	return false;
}

/* ---- the canary's annotations ---- */

static const char *annotation(const struct reading *g, const char *name)
{
	char key[256] = "";
	const cJSON *all = json_at(g->object, "metadata.annotations");
	snprintf(key, sizeof key, "%s/%s", g->in->annotations, name);
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(all, key);
	return cJSON_IsString(value) ? value->valuestring : "";
}

static bool canary_weight(struct reading *g, struct canary_rule *c)
{
	const char *weight = annotation(g, "canary-weight"), *total = annotation(g, "canary-weight-total");
	uint64_t w = 0, t = 100;
	if (*total && text_u64(total, 1, TOTAL_MAX, &t, NULL) != RC_OK) {
		problem(g, "canary-weight-total is not a number from 1 to 1000000: the canary gets nothing");
		return false;
	}
	if (*weight && text_u64(weight, 0, t, &w, NULL) != RC_OK) {
		problem(g, arena_printf(g->r->arena,
					"canary-weight is not a number from 0 to %llu: the canary gets "
					"nothing",
					(unsigned long long)t));
		return false;
	}
	c->share = (unsigned)((w * CANARY_SHARE_ALL + t / 2) / t);
	return true;
}

/* NULL: all is well. */
static const char *match_mistake(const struct canary_rule *c)
{
	if (!all_of(c->header, "-"))
		return "canary-by-header is not a header's name (letters, digits, -)";
	if (!all_of(c->cookie, "-_."))
		return "canary-by-cookie is not a cookie's name (letters, digits, - _ .)";
	if (!printable(c->header_value) || !printable(c->header_pattern))
		return "canary-by-header-value and -pattern are printable ASCII of at most 1024 characters";
	if (has_named_group(c->header_pattern))
		return "canary-by-header-pattern must not name its groups";
	return NULL;
}

static struct canary_rule *canary_read(struct reading *g)
{
	struct arena *a = g->r->arena;
	struct canary_rule *c = arena_alloc(a, 1, sizeof *c);
	if (!c)
		return NULL;
	c->header = arena_strdup(a, annotation(g, "canary-by-header"));
	c->header_value = arena_strdup(a, annotation(g, "canary-by-header-value"));
	c->header_pattern = arena_strdup(a, annotation(g, "canary-by-header-pattern"));
	c->cookie = arena_strdup(a, annotation(g, "canary-by-cookie"));
	c->source = g->source;
	if (!c->header || !c->header_value || !c->header_pattern || !c->cookie)
		return NULL;
	const char *mistake = match_mistake(c);
	if (mistake)
		problem(g, arena_printf(a, "%s: the canary gets nothing", mistake));
	return !mistake && canary_weight(g, c) ? c : NULL;
}

/* ---- hosts and paths ---- */

static struct route_host *host_of(struct reading *g, const char *name)
{
	struct route_host *h;
	DL_FOREACH(g->r->hosts, h)
	{
		if (text_eq(h->name, name))
			return h;
	}
	h = g->canary ? NULL : arena_alloc(g->r->arena, 1, sizeof *h);
	if (!h)
		return NULL;
	h->name = arena_strdup(g->r->arena, name);
	h->source = g->source;
	if (!h->name)
		return NULL;
	DL_APPEND(g->r->hosts, h);
	return h;
}

static struct route_path *path_of(struct route_host *h, const char *path, bool exact)
{
	struct route_path *p;
	DL_FOREACH(h->paths, p)
	{
		if (p->exact == exact && text_eq(p->path, path))
			return p;
	}
	return NULL;
}

/* A beginning is one of whole segments, so "/shop/" and "/shop" are the same. */
static const char *normal_path(struct arena *a, const char *path, bool exact)
{
	size_t len = strlen(path);
	while (!exact && len > 1 && path[len - 1] == '/')
		len--;
	return arena_strndup(a, path, len);
}

static void path_add(struct reading *g, struct route_host *h, const char *path, bool exact, const struct upstream *u)
{
	struct route_path *p = path_of(h, path, exact);
	if (g->canary) {
		if (p && !p->canary && u->servers_len) {
			p->canary = arena_alloc(g->r->arena, 1, sizeof *p->canary);
			if (p->canary)
				*p->canary = *g->canary;
			if (p->canary)
				p->canary->upstream = u;
		}
		return;
	}
	if (p) {
		if (!text_eq(p->source, g->source))
			problem(g, arena_printf(g->r->arena, "host \"%s\" path \"%s\" is %s's already, which is older",
						h->name, path, p->source));
		return;
	}
	p = arena_alloc(g->r->arena, 1, sizeof *p);
	if (!p)
		return;
	*p = (struct route_path){ .path = path, .exact = exact, .upstream = u, .source = g->source };
	DL_APPEND(h->paths, p);
}

/* Both shapes: backend.service.{name,port.{number,name}} and backend.{serviceName,servicePort}. */
static const struct upstream *backend_of(struct reading *g, const cJSON *backend)
{
	const cJSON *v1 = cJSON_GetObjectItemCaseSensitive(backend, "service");
	const cJSON *port = v1 ? json_at(v1, "port.number") : json_at(backend, "servicePort");
	const char *name = v1 ? json_text(v1, "name", "") : json_text(backend, "serviceName", "");
	char shown[TEXT_SHOWN];
	if (v1 && !port)
		port = json_at(v1, "port.name");
	const struct upstream *u = servers_find(g->r, g->in, g->ns, name, port);
	if (!u)
		problem(g, arena_printf(g->r->arena, "a backend is no Service: \"%s\"",
					text_show(name, strlen(name), shown)));
	return u;
}

static void rule_path_read(struct reading *g, struct route_host *h, const cJSON *rule_path)
{
	char shown[TEXT_SHOWN];
	bool exact = text_eq(json_text(rule_path, "pathType", ""), "Exact");
	const char *path = json_text(rule_path, "path", "");
	path = *path ? path : "/";
	if (!path_ok(path)) {
		problem(g, arena_printf(g->r->arena,
					"path \"%s\" is left out: / first, then letters, digits and "
					"/._~!&()*+,=:@- only",
					text_show(path, strlen(path), shown)));
		return;
	}
	path = normal_path(g->r->arena, path, exact);
	const struct upstream *u = backend_of(g, cJSON_GetObjectItemCaseSensitive(rule_path, "backend"));
	if (path && u)
		path_add(g, h, path, exact, u);
}

static void rule_read(struct reading *g, const cJSON *rule, const cJSON *otherwise)
{
	char shown[TEXT_SHOWN];
	const char *name = json_text(rule, "host", "");
	const cJSON *path;
	if (*name && !host_ok(name)) {
		problem(g, arena_printf(g->r->arena, "host \"%s\" is left out: not a DNS name",
					text_show(name, strlen(name), shown)));
		return;
	}
	struct route_host *h = host_of(g, name);
	if (!h)
		return;
	cJSON_ArrayForEach (path, json_at(rule, "http.paths"))
		rule_path_read(g, h, path);
	const struct upstream *u = otherwise && !path_of(h, "/", false) ? backend_of(g, otherwise) : NULL;
	if (u)
		path_add(g, h, "/", false, u);
}

/* The backend of an Ingress without a path: of its own hosts, and of all that are nobody's. */
static void ingress_read(struct reading *g)
{
	const cJSON *rule, *otherwise = json_at(g->object, "spec.defaultBackend");
	if (!otherwise)
		otherwise = json_at(g->object, "spec.backend");
	cJSON_ArrayForEach (rule, json_at(g->object, "spec.rules"))
		rule_read(g, rule, otherwise);
	if (otherwise)
		rule_read(g, NULL, otherwise);
}

/* ---- which Ingresses, in which order ---- */

static bool is_ours(const struct routes_input *in, const cJSON *ingress)
{
	const char *class = json_text(ingress, "spec.ingressClassName", "");
	if (!*class)
		class = json_text(ingress, "metadata.annotations." CLASS_ANNOTATION, "");
	return !*class || text_eq(class, in->ingress_class);
}

static int by_age(const void *x, const void *y)
{
	const cJSON *a = *(const cJSON *const *)x, *b = *(const cJSON *const *)y;
	const char *const keys[] = { "metadata.creationTimestamp", "metadata.namespace", "metadata.name" };
	int order = 0;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0] && order == 0; i++)
		order = strcmp(json_text(a, keys[i], ""), json_text(b, keys[i], ""));
	return order;
}

static enum result reading_begin(struct routes *r, const struct routes_input *in, const cJSON *object,
				 struct reading *ret, struct error *e)
{
	const char *ns = json_text(object, "metadata.namespace", ""), *name = json_text(object, "metadata.name", "");
	struct reading g = { .r = r, .in = in, .object = object, .ns = ns };
	if (!text_is_dns_label(ns) || !text_is_dns_subdomain(name))
		return error_set(e, RC_INVALID, "an Ingress without a name");
	g.source = arena_printf(r->arena, "%s/%s", ns, name);
	if (!g.source)
		return error_set(e, RC_EXHAUSTED, "no memory for the routes");
	*ret = g;
	return RC_OK;
}

static void read_all(struct routes *r, const struct routes_input *in, const cJSON *const *sorted, bool canaries)
{
	for (size_t i = 0; i < in->ingresses.len; i++) {
		struct reading g = { .r = r, .in = in, .object = sorted[i] };
		if (!is_ours(in, sorted[i]) || reading_begin(r, in, sorted[i], &g, NULL) != RC_OK)
			continue;
		bool canary = text_eq(annotation(&g, "canary"), "true");
		if (canary != canaries || (in->refused && in->refused(in->owner, g.source)))
			continue;
		if (canary && !(g.canary = canary_read(&g)))
			continue;
		ingress_read(&g);
	}
}

enum result routes_build(const struct routes_input *in, struct routes **ret, struct error *e)
{
	CLEANUP(routes_destroy_p) struct routes *r = calloc(1, sizeof *r);
	if (r)
		r->arena = arena_create(ROUTES_BYTES_MAX);
	if (!r || !r->arena || in->ingresses.len > INGRESSES_MAX)
		return error_set(e, RC_EXHAUSTED, "no memory for the routes");
	const cJSON **sorted = arena_alloc(r->arena, in->ingresses.len + 1, sizeof(void *));
	if (!sorted)
		return error_set(e, RC_EXHAUSTED, "no memory for the routes");
	for (size_t i = 0; i < in->ingresses.len; i++)
		sorted[i] = in->ingresses.items[i];
	qsort(sorted, in->ingresses.len, sizeof(void *), by_age);
	read_all(r, in, sorted, false);
	read_all(r, in, sorted, true); /* each beside a path that is there by now */
	*ret = TAKE(r);
	return RC_OK;
}

void routes_destroy(struct routes *r)
{
	if (!r)
		return;
	arena_destroy(r->arena);
	free(r);
}

#include "app/objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <utlist.h>

#include "app/objects_room.h"
#include "base/json.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "bot/approvals/audit.h"
#include "controller/cluster/embedded/embedded.h"

/* ---- who, and what ---- */

const struct token *objects_admit(struct objects *o, struct http_exchange *x, enum token_scope needs)
{
	const struct token *t = rest_admit(o->o.rest, x, needs);
	if (!t)
		return NULL;
	if (!o->view) {
		http_respond_error(x, 409, "use kubectl", "this service works on a Kubernetes cluster");
		return NULL;
	}
	if (!cluster_synced(o->view, KIND_CANARY)) {
		http_respond_error(x, 503, "try again in a moment", "the objects are still being read");
		return NULL;
	}
	return t;
}

/* "Deployment", "deployment", "deployments", "deploy". */
static bool kind_read(const char *word, enum kind *ret)
{
	static const char *const shorts[KIND_COUNT] = {
		[KIND_CANARY] = "cd",     [KIND_DEPLOYMENT] = "deploy", [KIND_SERVICE] = "svc", [KIND_INGRESS] = "ing",
		[KIND_CONFIG_MAP] = "cm", [KIND_HPA] = "hpa",           [KIND_POD] = "po",      [KIND_ENDPOINTS] = "ep"
	};
	for (int k = 0; k < KIND_COUNT; k++) {
		const struct kind_info *i = kind_info((enum kind)k);
		if (strcasecmp(word, i->name) == 0 || strcasecmp(word, i->plural) == 0 || text_eq(word, shorts[k])) {
			*ret = (enum kind)k;
			return true;
		}
	}
	return false;
}

static bool kind_of(struct http_exchange *x, enum kind *ret)
{
	const char *names[KIND_COUNT + 1] = { NULL }, *word = http_param(x, "kind");
	char shown[TEXT_SHOWN];
	if (kind_read(word, ret))
		return true;
	for (int k = 0; k < KIND_COUNT; k++)
		names[k] = kind_info((enum kind)k)->plural;
	const char *near = text_nearest(word, names);
	http_respond_error(x, 404, NULL, "there is no kind \"%s\"%s%s%s", text_show(word, strlen(word), shown),
			   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	return false;
}

bool objects_name_read(struct http_exchange *x, struct objects_name *ret)
{
	if (!kind_of(x, &ret->kind))
		return false;
	(void)snprintf(ret->ns, sizeof ret->ns, "%s", http_param(x, "ns"));
	(void)snprintf(ret->name, sizeof ret->name, "%s", http_param(x, "name"));
	return true;
}

/* ---- exchanges that wait ---- */

static void peer_gone(void *owner)
{
	struct objects_call *c = owner;
	c->x = NULL;
}

void *objects_call_begin(struct objects *o, struct http_exchange *x, const struct token *t, size_t size,
			 void (*finish)(struct objects_call *c))
{
	struct objects_call *c = calloc(1, size);
	if (!c) {
		http_respond_error(x, 503, NULL, "no memory for this now");
		return NULL;
	}
	c->objects = o;
	c->x = x;
	c->finish = finish;
	(void)snprintf(c->who, sizeof c->who, "token:%s", t->name);
	DL_APPEND(o->calls, c);
	http_on_close(x, peer_gone, c);
	return c;
}

static void call_free(struct objects_call *c)
{
	DL_DELETE(c->objects->calls, c);
	if (c->write)
		cluster_cancel(c->objects->view, c->write);
	if (c->finish)
		c->finish(c);
	free(c);
}

void objects_call_end(struct objects_call *c, const char *json, const struct error *why)
{
	struct http_exchange *x = c->x;
	if (x && why)
		http_respond_result(x, why);
	else if (x)
		http_respond_json(x, 200, json);
	c->write = 0;
	call_free(c);
}

static void recorded(void *owner, enum result r, const struct error *why)
{
	(void)owner;
	if (r != RC_OK)
		log_error("audit_failed", "why=%s", why->text);
}

void objects_record(const struct objects_call *c, const char *action, const char *kind, const char *ns,
		    const char *name, const char *outcome, const char *reason)
{
	const struct objects *o = c->objects;
	struct strbuf object, detail;
	strbuf_init(&object, 4096);
	strbuf_init(&detail, 4096);
	strbuf_addf(&object, "%s/%.253s/%.253s", o->o.cluster->name, ns, name);
	strbuf_add(&detail, "{\"kind\":");
	strbuf_add_json(&detail, kind);
	strbuf_addc(&detail, '}');
	struct audit_row row = { .actor = c->who,
				 .identity = c->who,
				 .action = action,
				 .object = object.s,
				 .request = "",
				 .outcome = outcome,
				 .reason = reason,
				 .detail = detail.overflow ? "{}" : detail.s };
	struct store_tx *tx = store_begin(o->o.store);
	audit_append(tx, loop_wall(o->o.loop), &row);
	store_submit(tx, recorded, NULL);
	strbuf_finish(&object);
	strbuf_finish(&detail);
}

void objects_answer(struct http_exchange *x, const struct object *o)
{
	http_respond(x, 200, "application/json", o->json, o->json_len, NULL);
}

/* ---- reading ---- */

/* What a Secret holds is for the programs that it was made for. */
static bool may_show(struct http_exchange *x, enum kind kind)
{
	if (kind != KIND_SECRET)
		return true;
	http_respond_error(x, 403, NULL, "secrets are not shown");
	return false;
}

struct listing {
	const struct object **list; /* NULL: only counted */
	size_t count;
};

static bool list_one(void *owner, const struct object *o)
{
	struct listing *l = owner;
	if (l->list)
		l->list[l->count] = o;
	l->count++;
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct object *x = *(const struct object *const *)a, *y = *(const struct object *const *)b;
	int c = strcmp(x->ns, y->ns);
	return c ? c : strcmp(x->name, y->name);
}

static void list_get(void *owner, struct http_exchange *x)
{
	struct objects *o = owner;
	enum kind kind;
	struct listing l = { 0 };
	const char *ns = http_query(x, "ns");
	if (!objects_admit(o, x, SCOPE_READ) || !kind_of(x, &kind) || !may_show(x, kind))
		return;
	cluster_each(o->view, kind, ns, list_one, &l);
	CLEANUP(free_p) const struct object **list = calloc(l.count + 1, sizeof *list);
	if (!list) {
		http_respond_error(x, 503, NULL, "no memory for this now");
		return;
	}
	l = (struct listing){ .list = list };
	cluster_each(o->view, kind, ns, list_one, &l);
	qsort(list, l.count, sizeof *list, by_name);
	struct strbuf b;
	strbuf_init(&b, OBJECTS_ANSWER_MAX);
	strbuf_add(&b, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[");
	for (size_t i = 0; i < l.count; i++) {
		strbuf_add(&b, i ? "," : "");
		strbuf_addn(&b, list[i]->json, list[i]->json_len);
	}
	strbuf_add(&b, "]}\n");
	if (b.overflow)
		http_respond_error(x, 503, "ask for one namespace", "the answer is too large");
	else
		http_respond(x, 200, "application/json", b.s, b.len, NULL);
	strbuf_finish(&b);
}

static void not_there(struct http_exchange *x, const struct objects_name *n)
{
	http_respond_error(x, 404, NULL, "there is no %s %.80s/%.260s", kind_name(n->kind), n->ns, n->name);
}

static void object_get(void *owner, struct http_exchange *x)
{
	struct objects *o = owner;
	struct objects_name n;
	if (!objects_admit(o, x, SCOPE_READ) || !objects_name_read(x, &n) || !may_show(x, n.kind))
		return;
	const struct object *found = cluster_find(o->view, n.kind, n.ns, n.name);
	if (found)
		objects_answer(x, found);
	else
		not_there(x, &n);
}

/* ---- one write ---- */

struct single {
	struct objects_call call; /* first */
	struct objects_name name;
	const char *action;
};

static void written(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct single *s = owner;
	struct objects_call *c = &s->call;
	objects_record(c, s->action, kind_name(s->name.kind), s->name.ns, s->name.name, r == RC_OK ? "ok" : "refused",
		       r == RC_OK ? "" : why->text);
	bool show = now && s->name.kind != KIND_SECRET;
	objects_call_end(c, show ? now->json : "{}\n", r == RC_OK ? NULL : why);
}

static void write_one(struct objects *o, struct http_exchange *x, enum write_verb verb, const char *action,
		      const char *body)
{
	struct objects_name n;
	const struct token *t = objects_admit(o, x, SCOPE_ADMIN);
	if (!t || !objects_name_read(x, &n))
		return;
	if (!cluster_find(o->view, n.kind, n.ns, n.name)) {
		not_there(x, &n);
		return;
	}
	struct single *s = objects_call_begin(o, x, t, sizeof *s, NULL);
	if (!s)
		return;
	s->name = n;
	s->action = action;
	const struct write w = { .verb = verb, .kind = n.kind, .ns = n.ns, .name = n.name, .body = body };
	s->call.write = embedded_write_as(o->view, s->call.who, &w, written, s);
}

static void object_patch(void *owner, struct http_exchange *x)
{
	size_t len = 0;
	write_one(owner, x, WRITE_PATCH, "object.patch", http_body(x, &len));
}

static void object_delete(void *owner, struct http_exchange *x)
{
	write_one(owner, x, WRITE_DELETE, "object.delete", NULL);
}

/* ---- life ---- */

#define ONE "/api/v1/objects/{kind}/{ns}/{name}"

static void add_routes(struct objects *o)
{
	static const struct {
		const char *method, *path;
		http_handler *handle;
	} all[] = {
		{ "POST", "/api/v1/apply", apply_post },
		{ "GET", "/api/v1/objects/events", events_get },
		{ "GET", "/api/v1/objects/{kind}", list_get },
		{ "GET", ONE, object_get },
		{ "PATCH", ONE, object_patch },
		{ "DELETE", ONE, object_delete },
		{ "POST", ONE "/image", image_post },
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		bool has_body = text_starts(all[i].method, "P");
		o->routes[i] = (struct http_route){ .method = all[i].method,
						    .path = all[i].path,
						    .max_body_bytes = has_body ? OBJECTS_BODY_MAX : 0,
						    .handle = all[i].handle,
						    .owner = o };
	}
}

enum result objects_create(const struct objects_options *options, struct objects **ret, struct error *e)
{
	CLEANUP(objects_destroy_p) struct objects *o = calloc(1, sizeof *o);
	if (!o)
		return error_set(e, RC_EXHAUSTED, "no memory for the objects");
	o->o = *options;
	add_routes(o);
	if (options->embedded) {
		enum result r = embedded_view(options->cluster, &o->view, e);
		if (r != RC_OK)
			return r;
		for (int k = 0; k < KIND_COUNT; k++)
			cluster_want(o->view, (enum kind)k, NULL, NULL);
	}
	*ret = TAKE(o);
	return RC_OK;
}

void objects_start(struct objects *o)
{
	if (o->view)
		cluster_start(o->view);
}

void objects_destroy(struct objects *o)
{
	if (!o)
		return;
	while (o->calls)
		call_free(o->calls);
	cluster_destroy(o->view);
	free(o);
}

const struct cluster *objects_view(const struct objects *o)
{
	return o->view;
}

const struct http_route *objects_routes(struct objects *o)
{
	return o->routes;
}

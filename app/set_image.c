/* POST /api/v1/objects/deployments/NS/NAME/image: the change that starts a release. */
#include <stdlib.h>
#include <string.h>

#include "app/objects_room.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/cluster/embedded/embedded.h"

enum { TRIES = 5 };

struct change {
	struct objects_call call; /* first */
	struct objects_name name;
	cJSON *images; /* owned: by container */
	int tries;
};

static void change_finish(struct objects_call *c)
{
	cJSON_Delete(((struct change *)c)->images);
}

static bool set_one(cJSON *containers, const char *name, const char *image)
{
	cJSON *c;
	cJSON_ArrayForEach (c, containers)
		if (text_eq(json_text(c, "name", ""), name))
			return json_put_text(c, "image", image);
	return false;
}

/* The containers as they are now, with their new images: a merge patch replaces the whole list. */
static enum result patch_of(const struct change *g, const struct object *o, char **ret, struct error *e)
{
	CLEANUP(json_delete_p) cJSON *now = NULL;
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	char shown[TEXT_SHOWN];
	const cJSON *image;
	enum result r = json_parse(o->json, o->json_len, &now, e);
	if (r != RC_OK)
		return r;
	CLEANUP(json_delete_p)
	cJSON *containers = cJSON_Duplicate(json_at(now, "spec.template.spec.containers"), true);
	cJSON_ArrayForEach (image, g->images)
		if (!set_one(containers, image->string, image->valuestring))
			return error_set(e, RC_NOT_FOUND, "there is no container \"%s\" in %.253s",
					 text_show(image->string, strlen(image->string), shown), o->name);
	bool good = patch && json_put(patch, "spec.template.spec.containers", TAKE(containers)) &&
		    json_put_text(patch, "metadata.resourceVersion", o->resource_version);
	*ret = good ? json_print(patch) : NULL;
	return *ret ? RC_OK : error_set(e, RC_EXHAUSTED, "no memory for a change of an image");
}

static void changed(void *owner, enum result r, const struct object *now, const struct error *why);

static void try_it(struct change *g)
{
	struct objects *o = g->call.objects;
	const struct objects_name *n = &g->name;
	CLEANUP(free_p) char *patch = NULL;
	struct error e;
	const struct object *found = cluster_find(o->view, n->kind, n->ns, n->name);
	enum result r = found ? patch_of(g, found, &patch, &e)
			      : error_set(&e, RC_NOT_FOUND, "there is no Deployment %.80s/%.253s", n->ns, n->name);
	if (r != RC_OK) {
		objects_call_end(&g->call, NULL, &e);
		return;
	}
	const struct write w = { .verb = WRITE_PATCH, .kind = n->kind, .ns = n->ns, .name = n->name, .body = patch };
	g->call.write = embedded_write_as(o->view, g->call.who, &w, changed, g);
}

static void changed(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct change *g = owner;
	g->call.write = 0;
	if (r == RC_CONFLICT && --g->tries > 0) { /* somebody else was faster */
		try_it(g);
		return;
	}
	CLEANUP(free_p) char *images = json_print(g->images);
	objects_record(&g->call, "object.image", kind_name(g->name.kind), g->name.ns, g->name.name,
		       r == RC_OK ? "ok" : "refused", r == RC_OK ? images : why->text);
	objects_call_end(&g->call, now ? now->json : "{}\n", r == RC_OK ? NULL : why);
}

static cJSON *images_of(struct http_exchange *x)
{
	CLEANUP(json_delete_p) cJSON *body = NULL;
	size_t len = 0;
	const char *text = http_body(x, &len);
	const cJSON *v;
	struct error e;
	enum result r = json_parse(text, len, &body, &e);
	if (r == RC_OK && (!cJSON_IsObject(body) || !body->child))
		r = error_set(&e, RC_INVALID, "the body must be {\"CONTAINER\":\"IMAGE\"}");
	cJSON_ArrayForEach (v, body)
		if (r == RC_OK && (!cJSON_IsString(v) || text_empty(v->valuestring)))
			r = error_set(&e, RC_INVALID, "an image must be text");
	if (r != RC_OK) {
		http_respond_result(x, &e);
		return NULL;
	}
	return TAKE(body);
}

void image_post(void *owner, struct http_exchange *x)
{
	struct objects *o = owner;
	struct objects_name n;
	const struct token *t = objects_admit(o, x, SCOPE_ADMIN);
	if (!t || !objects_name_read(x, &n))
		return;
	if (n.kind != KIND_DEPLOYMENT) {
		http_respond_error(x, 400, NULL, "only a Deployment has images to set");
		return;
	}
	CLEANUP(json_delete_p) cJSON *images = images_of(x);
	struct change *g = images ? objects_call_begin(o, x, t, sizeof *g, change_finish) : NULL;
	if (!g)
		return;
	g->name = n;
	g->images = TAKE(images);
	g->tries = TRIES;
	try_it(g);
}

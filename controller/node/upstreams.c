#include "controller/node/upstreams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "controller/node/access_log.h"
#include "controller/node/nginx_reload.h"
#include "controller/node/render.h"
#include "controller/node/servers.h"
#include "controller/node/upstream_text.h"

enum {
	GATHER_MS = 50, /* changes come in bursts */
	LOOK_MS = 5000, /* at files that somebody else may have changed, and again after a failure */
	OPTIONS_MAX = 64 * 1024,
	LOOK_BYTES_MAX = 64 * 1024 * 1024,
	KEY_MAX = 512,
	PATH_BYTES = 4096,
	SERVERS_MAX = 4096
};

static const enum kind kinds[] = { KIND_NGINX_UPSTREAM, KIND_POD };

/* One file. */
struct upstream_file {
	UT_hash_handle hh;
	char *applied; /* its text, as nginx has it; NULL: not known */
	bool failed;   /* not again before the next regular look, unless something changes */
	bool sure;     /* nginx has what applied says */
	char said[512];
	uint64_t call; /* of its status */
	struct upstreams *owner;
	uint64_t seen; /* the last walk that met its object */
	const char *ns, *name;
	char key[]; /* "ns/name" */
};
struct upstreams {
	struct loop *loop;
	struct cluster *cluster;
	struct arena *arena;
	const char *dir; /* NULL: not configured */
	struct nginx_reload *nginx;
	struct access_log *access_log; /* NULL: nobody wants to know */
	loop_fn *updated;
	void *owner;
	struct upstream_file *files;
	/* under way */
	struct upstream_file *now; /* NULL: nothing, or its object has gone meanwhile */
	char *text;
	struct timer gather, look;
	uint64_t walk;
};

static void gather(struct upstreams *u, int64_t delay_ms);

/* ---- status ---- */

static void status_done(void *owner, enum result r, const struct object *now, const struct error *why)
{
	struct upstream_file *f = owner;
	(void)now;
	f->call = 0;
	if (r != RC_OK && r != RC_NOT_FOUND && r != RC_CONFLICT)
		log_warn("upstream_status_not_written", "upstream=%s error=%s", f->key, why->text);
	gather(f->owner, r == RC_OK ? GATHER_MS : LOOK_MS);
}

static void write_status(struct upstream_file *f, const struct object *o, const cJSON *is, cJSON *status)
{
	bool oom = false;
	CLEANUP(json_delete_p) cJSON *wanted = status;
	CLEANUP(json_delete_p) cJSON *none = cJSON_CreateObject();
	CLEANUP(json_delete_p) cJSON *patch = cJSON_CreateObject();
	const cJSON *was = json_at(is, "status");
	cJSON *change = wanted && none ? json_diff_merge(was ? was : none, wanted, &oom) : NULL;
	if (!change || f->call)
		return;
	CLEANUP(free_p) char *body = NULL;
	if (json_put(patch, "status", change) && json_put_text(patch, "metadata.uid", o->uid))
		body = json_print(patch);
	if (!body)
		return;
	const struct write w = { .verb = WRITE_PATCH,
				 .kind = KIND_NGINX_UPSTREAM,
				 .ns = f->ns,
				 .name = f->name,
				 .body = body,
				 .subresource = "status" };
	f->call = cluster_write(f->owner->cluster, &w, status_done, f);
}

static void say(struct upstream_file *f, const struct object *o, const cJSON *is, const char *text)
{
	if (*text && !text_eq(text, f->said))
		log_warn("upstream_not_written", "upstream=%s why=%s", f->key, text);
	snprintf(f->said, sizeof f->said, "%s", text);
	CLEANUP(json_delete_p) cJSON *status = cJSON_Duplicate(json_at(is, "status"), true);
	if (!status)
		status = cJSON_CreateObject();
	bool ok = status && json_put_text(status, "message", text) &&
		  json_put_int(status, "observedGeneration", o->generation);
	write_status(f, o, is, ok ? TAKE(status) : NULL);
}

static void say_applied(struct upstream_file *f, const struct object *o, const cJSON *is, const struct upstream_wish *w)
{
	CLEANUP(json_delete_p) cJSON *status = cJSON_CreateObject();
	int weight = upstream_weight(w);
	bool ok = json_put_text(status, "message", "") && json_put_int(status, "primaryWeight", 100 - weight) &&
		  json_put_int(status, "canaryWeight", weight) &&
		  json_put_int(status, "primaryServers", (int64_t)w->primary_side.len) &&
		  json_put_int(status, "canaryServers", (int64_t)w->canary_side.len) &&
		  json_put_int(status, "observedGeneration", o->generation);
	f->said[0] = '\0';
	f->failed = false;
	write_status(f, o, is, ok ? TAKE(status) : NULL);
}

/* ---- what the file should say ---- */

struct pods {
	struct arena *arena;
	const cJSON *selector, *port;
	const char **list;
	size_t len;
};

static bool add_pod(void *owner, const struct object *o)
{
	struct pods *p = owner;
	CLEANUP(json_delete_p) cJSON *pod = NULL;
	if (p->len == SERVERS_MAX || json_parse(o->json, o->json_len, &pod, NULL) != RC_OK)
		return true;
	if (!server_ready(pod) || !server_selected(p->selector, json_at(pod, "metadata.labels")))
		return true;
	const char *s = server_text(p->arena, json_text(pod, "status.podIP", ""), server_port(pod, p->port));
	if (s)
		p->list[p->len++] = s;
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool side_read(const struct upstream_file *f, struct arena *a, const cJSON *spec, const char *selector,
		      struct upstream_side *ret)
{
	struct pods p = { .arena = a, .selector = json_at(spec, selector), .port = json_at(spec, "port") };
	p.list = arena_alloc(a, SERVERS_MAX, sizeof *p.list);
	if (!p.list)
		return false;
	if (p.selector && p.selector->child) /* an empty one would take all pods there are */
		cluster_each(f->owner->cluster, KIND_POD, f->ns, add_pod, &p);
	qsort(p.list, p.len, sizeof *p.list, by_text);
	*ret = (struct upstream_side){ p.list, p.len };
	return true;
}

static bool wish_read(const struct upstream_file *f, struct arena *a, const cJSON *object, struct upstream_wish *w)
{
	const cJSON *spec = json_at(object, "spec");
	*w = (struct upstream_wish){
		.name = f->name,
		.ns = f->ns,
		.canary = json_text(spec, "canary", ""),
		.target = json_text(spec, "target", ""),
		.weight = (int)json_int(spec, "canaryWeight", 0),
		.match = json_at(spec, "match"),
	};
	return side_read(f, a, spec, "primarySelector", &w->primary_side) &&
	       side_read(f, a, spec, "canarySelector", &w->canary_side);
}

/* ---- the file ---- */

static const char *file_path(const struct upstream_file *f, char buf[PATH_BYTES])
{
	snprintf(buf, PATH_BYTES, "%s/%s.conf", f->owner->dir, f->name);
	return buf;
}

/* *ret NULL: there is none. */
static enum result file_load(const char *path, char **ret, struct error *e)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	*ret = NULL;
	if (fd < 0 && errno == ENOENT)
		return RC_OK;
	if (fd < 0)
		return error_set(e, RC_REFUSED, "%s: %s", path, strerror(errno));
	bool fits = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= UPSTREAM_BYTES_MAX;
	char *text = fits ? malloc((size_t)st.st_size + 1) : NULL;
	ssize_t n = text ? read(fd, text, (size_t)st.st_size) : -1;
	close(fd);
	if (n < 0) {
		free(text);
		return error_set(e, RC_INVALID, "%s: it cannot be read", path);
	}
	text[n] = '\0';
	*ret = text;
	return RC_OK;
}

/* Two upstreams of one name would write one file. */
static bool taken_elsewhere(void *owner, const struct object *o)
{
	const struct upstream_file **f = owner;
	if (text_eq(o->name, (*f)->name) && strcmp(o->ns, (*f)->ns) < 0) {
		*f = NULL;
		return false;
	}
	return true;
}

static enum result file_check(const struct upstream_file *f, char **ret, struct error *e)
{
	char path[PATH_BYTES];
	const struct upstream_file *alone = f;
	if (!f->owner->dir)
		return error_set(e, RC_INVALID,
				 "node.upstreams.dir is not configured: the folder whose files your nginx includes");
	cluster_each(f->owner->cluster, KIND_NGINX_UPSTREAM, NULL, taken_elsewhere, &alone);
	if (!alone)
		return error_set(e, RC_CONFLICT, "an upstream %s is written for another namespace already", f->name);
	CLEANUP(free_p) char *text = NULL;
	enum result r = file_load(file_path(f, path), &text, e);
	if (r == RC_OK && text && !upstream_text_untouched(text))
		return error_set(e, RC_CONFLICT,
				 "%s was changed or made by somebody else and is left alone: remove it, or put it back "
				 "as it was",
				 path);
	if (r == RC_OK)
		*ret = TAKE(text);
	return r;
}

/* An earlier run of ours has seen it taken over. */
static bool status_is(const cJSON *object, const struct object *o, const struct upstream_wish *w)
{
	return json_int(object, "status.observedGeneration", 0) == o->generation &&
	       text_empty(json_text(object, "status.message", "")) &&
	       json_int(object, "status.canaryWeight", -1) == upstream_weight(w);
}

/* ---- one upstream ---- */

static enum result look_at(struct upstream_file *f, const struct object *o, const cJSON *object, struct arena *a,
			   struct error *e)
{
	struct upstreams *u = f->owner;
	struct upstream_wish w;
	char path[PATH_BYTES];
	struct strbuf text;
	CLEANUP(free_p) char *there = NULL;
	if (!wish_read(f, a, object, &w))
		return error_set(e, RC_EXHAUSTED, "no memory for upstream %s", f->name);
	enum result r = file_check(f, &there, e);
	if (r != RC_OK)
		return r;
	strbuf_init(&text, UPSTREAM_BYTES_MAX);
	r = upstream_text(&w, &text, e);
	bool same = r == RC_OK && text_eq(there, text.s);
	if (same && !f->applied) {
		f->applied = strdup(text.s);
		f->sure = status_is(object, o, &w);
	}
	if (same && f->sure && text_eq(f->applied, text.s)) {
		say_applied(f, o, object, &w);
	} else if (r == RC_OK && !u->now && !nginx_reload_busy(u->nginx) && !f->failed) {
		if (!f->applied && there)
			f->applied = TAKE(there); /* what an earlier run of ours has told nginx */
		u->now = f;
		u->text = strbuf_take(&text);
		nginx_reload_begin(u->nginx, file_path(f, path), u->text, same);
	}
	strbuf_finish(&text);
	return r;
}

static void look(struct upstream_file *f, const struct object *o)
{
	struct error e;
	CLEANUP(json_delete_p) cJSON *object = NULL;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(LOOK_BYTES_MAX);
	if (f->owner->now == f)
		return; /* looks again when that is done */
	enum result r = a ? json_parse(o->json, o->json_len, &object, &e)
			  : error_set(&e, RC_EXHAUSTED, "no memory for upstream %s", f->name);
	if (r == RC_OK)
		r = look_at(f, o, object, a, &e);
	if (r != RC_OK)
		say(f, o, object, e.text);
}

/* ---- all of them ---- */

static struct upstream_file *file_get(struct upstreams *u, const struct object *o)
{
	char key[KEY_MAX];
	struct upstream_file *f;
	int n = snprintf(key, sizeof key, "%s/%s", o->ns, o->name);
	HASH_FIND_STR(u->files, key, f);
	if (f || n >= KEY_MAX)
		return f;
	size_t size = (size_t)n + 1, ns = strlen(o->ns) + 1;
	f = calloc(1, sizeof *f + size + ns);
	if (!f)
		return NULL;
	memcpy(f->key, key, size);
	f->name = f->key + ns;
	f->ns = memcpy(f->key + size, o->ns, ns);
	f->owner = u;
	HASH_ADD_STR(u->files, key, f);
	return f;
}

static void file_free(struct upstream_file *f)
{
	struct upstreams *u = f->owner;
	HASH_DEL(u->files, f);
	cluster_cancel(u->cluster, f->call);
	if (u->now == f)
		u->now = NULL;
	free(f->applied);
	free(f);
}

static bool visit(void *owner, const struct object *o)
{
	struct upstreams *u = owner;
	struct upstream_file *f = file_get(u, o);
	if (f)
		f->seen = u->walk;
	return true;
}

static bool synced(const struct upstreams *u)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!cluster_synced(u->cluster, kinds[i]))
			return false;
	}
	return true;
}

/* An upstream that is gone leaves its file: nginx would not start without it. */
static void walk(void *owner)
{
	struct upstreams *u = owner;
	struct upstream_file *f, *next;
	if (!synced(u)) {
		gather(u, GATHER_MS);
		return;
	}
	u->walk++;
	cluster_each(u->cluster, KIND_NGINX_UPSTREAM, NULL, visit, u);
	HASH_ITER (hh, u->files, f, next) {
		const struct object *o = cluster_find(u->cluster, KIND_NGINX_UPSTREAM, f->ns, f->name);
		if (f->seen == u->walk && o) {
			look(f, o);
		} else {
			log_info("upstream_left", "upstream=%s", f->key);
			file_free(f);
		}
	}
}

static void gather(struct upstreams *u, int64_t delay_ms)
{
	if (!timer_active(&u->gather))
		timer_start(u->loop, &u->gather, delay_ms, walk, u);
}

static void look_regularly(void *owner)
{
	struct upstreams *u = owner;
	timer_start(u->loop, &u->look, LOOK_MS, look_regularly, u);
	for (struct upstream_file *f = u->files; f; f = f->hh.next)
		f->failed = false;
	if (u->files)
		gather(u, 0);
}

/* ---- the outcome ---- */

static void told_failure(struct upstream_file *f, const struct error *why)
{
	CLEANUP(json_delete_p) cJSON *object = NULL;
	const struct object *o = cluster_find(f->owner->cluster, KIND_NGINX_UPSTREAM, f->ns, f->name);
	f->failed = true;
	if (o && json_parse(o->json, o->json_len, &object, NULL) == RC_OK)
		say(f, o, object, why->text);
}

static void reloaded(void *owner, enum result r, const struct error *why)
{
	struct upstreams *u = owner;
	struct upstream_file *f = TAKE(u->now);
	char *text = TAKE(u->text);
	if (f && r == RC_OK) {
		log_info("upstream_updated", "upstream=%s bytes=%zu", f->key, strlen(text));
		free(f->applied);
		f->applied = TAKE(text);
		f->sure = true;
	} else if (f) {
		told_failure(f, why);
	}
	free(text);
	gather(u, 0);
	u->updated(u->owner);
}

/* ---- doors ---- */

void upstreams_changed(struct upstreams *u)
{
	gather(u, GATHER_MS);
}

bool upstreams_serve(const struct upstreams *u, const char *address, unsigned port)
{
	if (u->now && render_mentions(u->text, address, port))
		return true;
	for (const struct upstream_file *f = u->files; f; f = f->hh.next) {
		if (render_mentions(f->applied, address, port))
			return true;
	}
	return false;
}

static const char *const *copy_words(struct arena *a, const char *const *words)
{
	size_t n = 0;
	while (words && words[n])
		n++;
	const char **copy = arena_alloc(a, n + 1, sizeof *copy);
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = arena_strdup(a, words[i]);
	return copy;
}

enum result upstreams_create(const struct node_options *o, loop_fn *updated, void *owner, struct upstreams **ret,
			     struct error *e)
{
	CLEANUP(upstreams_destroy_p) struct upstreams *u = calloc(1, sizeof *u);
	if (u)
		u->arena = arena_create(OPTIONS_MAX);
	if (!u || !u->arena)
		return error_set(e, RC_EXHAUSTED, "no memory for upstreams");
	u->loop = o->loop;
	u->cluster = o->cluster;
	u->updated = updated;
	u->owner = owner;
	u->dir = o->upstreams.dir ? arena_strdup(u->arena, o->upstreams.dir) : NULL;
	const struct nginx_reload_options n = {
		.loop = o->loop,
		.folder = arena_strdup(u->arena, o->data_dir),
		.test = copy_words(u->arena, o->upstreams.test),
		.reload = copy_words(u->arena, o->upstreams.reload),
		.pid_file = o->upstreams.pid_file ? arena_strdup(u->arena, o->upstreams.pid_file) : NULL,
		.done = reloaded,
		.owner = u,
	};
	if (!n.folder || !n.test || !n.reload)
		return error_set(e, RC_EXHAUSTED, "no memory for upstreams");
	enum result r = nginx_reload_create(&n, &u->nginx, e);
	if (r == RC_OK && o->upstreams.log_socket && o->traffic) /* nginx's workers are another user's */
		r = access_log_open(o->loop, o->upstreams.log_socket, 0666, o->traffic, o->metrics, &u->access_log, e);
	if (r != RC_OK)
		return r;
	timer_start(u->loop, &u->look, LOOK_MS, look_regularly, u);
	*ret = TAKE(u);
	return RC_OK;
}

void upstreams_destroy(struct upstreams *u)
{
	struct upstream_file *f, *next;
	if (!u)
		return;
	nginx_reload_destroy(u->nginx);
	access_log_close(u->access_log);
	timer_stop(&u->gather);
	timer_stop(&u->look);
	HASH_ITER (hh, u->files, f, next)
		file_free(f);
	free(u->text);
	arena_destroy(u->arena);
	free(u);
}

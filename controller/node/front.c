#include "controller/node/front.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uthash.h>
#include <utlist.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/text.h"
#include "controller/node/access_log.h"
#include "controller/node/nginx.h"
#include "controller/node/render.h"

enum {
	GATHER_MS = 50,  /* changes come in bursts */
	AGAIN_MS = 1000, /* after a failure that is not the configuration's */
	CONF_MAX = RENDER_BYTES_MAX,
	PATH_BYTES = 4096,
	SOURCE_MAX = 512,
	PROBLEMS_MAX = 1024 * 1024,
	OPTIONS_MAX = 64 * 1024
};

static const enum kind kinds[] = { KIND_INGRESS, KIND_SERVICE, KIND_ENDPOINTS, KIND_POD };
enum { KINDS_LEN = sizeof kinds / sizeof kinds[0] };

/* An Ingress that nginx has refused, as it was then. */
struct refused {
	UT_hash_handle hh;
	char version[64];
	char source[];
};
struct front {
	struct loop *loop;
	struct cluster *cluster;
	struct arena *arena;
	char *folder, *conf_file, *binary, *ingress_class, *annotations; /* the arena's */
	struct render_options render;
	struct nginx *nginx;
	struct access_log *access_log; /* owned; NULL: nobody wants to know */
	struct metric *updates;
	loop_fn *updated;
	void *owner;
	char *applied, *applying; /* whole texts; NULL: none */
	char *problems;           /* what was said last */
	struct refused *refused;
	struct timer gather;
	bool changed, stopping;
	bool sure; /* that nginx has what applied says: an earlier run may have died before it told nginx */
};

static void front_gather(struct front *f, int64_t delay_ms);

/* ---- the cluster's objects ---- */

struct objects {
	const struct front *front;
	cJSON **items;
	size_t len, cap;
	bool oom;
};

static bool has_ingress(const struct front *f, const char *ns);

static bool objects_add(void *owner, const struct object *o)
{
	struct objects *all = owner;
	cJSON *tree;
	if (o->kind == KIND_POD && !has_ingress(all->front, o->ns))
		return true;
	if (all->len == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 64;
		cJSON **items = reallocarray(all->items, cap, sizeof(void *));
		all->oom = !items;
		if (!items)
			return false;
		all->items = items;
		all->cap = cap;
	}
	if (json_parse(o->json, o->json_len, &tree, NULL) == RC_OK)
		all->items[all->len++] = tree;
	return true;
}

static bool found_one(void *owner, const struct object *o)
{
	(void)o;
	*(bool *)owner = true;
	return false;
}

static bool has_ingress(const struct front *f, const char *ns)
{
	bool found = false;
	cluster_each(f->cluster, KIND_INGRESS, ns, found_one, &found);
	return found;
}

static void objects_free(struct objects *all)
{
	for (size_t i = 0; i < all->len; i++)
		cJSON_Delete(all->items[i]);
	free(all->items);
}

static bool front_synced(const struct front *f)
{
	for (size_t i = 0; i < KINDS_LEN; i++) {
		if (!cluster_synced(f->cluster, kinds[i]))
			return false;
	}
	return true;
}

/* ---- what nginx has refused ---- */

static const struct object *ingress_of(const struct front *f, const char *source)
{
	char ns[SOURCE_MAX];
	const char *slash = strchr(source, '/');
	if (!slash || (size_t)(slash - source) >= sizeof ns)
		return NULL;
	snprintf(ns, sizeof ns, "%.*s", (int)(slash - source), source);
	return cluster_find(f->cluster, KIND_INGRESS, ns, slash + 1);
}

static bool is_refused(void *owner, const char *source)
{
	const struct front *f = owner;
	const struct refused *r;
	HASH_FIND_STR(f->refused, source, r);
	const struct object *o = r ? ingress_of(f, source) : NULL;
	return o && text_eq(o->resource_version, r->version);
}

/* false: it was refused as it is before, so that leaving it out does not help. */
static bool front_refuse(struct front *f, const char *source)
{
	struct refused *r;
	const struct object *o = ingress_of(f, source);
	if (!o || is_refused(f, source))
		return false;
	HASH_FIND_STR(f->refused, source, r);
	if (!r) {
		size_t size = strlen(source) + 1;
		r = calloc(1, sizeof *r + size);
		if (!r)
			return false;
		memcpy(r->source, source, size);
		HASH_ADD_STR(f->refused, source, r);
	}
	snprintf(r->version, sizeof r->version, "%s", o->resource_version);
	return true;
}

/* ---- a configuration ---- */

static void say_problems(struct front *f, const struct routes *r)
{
	const struct route_problem *p;
	struct strbuf all;
	strbuf_init(&all, PROBLEMS_MAX);
	DL_FOREACH(r->problems, p) strbuf_addf(&all, "%s: %s\n", p->source, p->text);
	if (!text_eq(all.s, f->problems ? f->problems : "")) {
		DL_FOREACH(r->problems, p) log_warn("ingress_problem", "ingress=%s problem=%s", p->source, p->text);
		free(f->problems);
		f->problems = strdup(all.s);
	}
	strbuf_finish(&all);
}

static char *front_render(struct front *f)
{
	struct objects all[KINDS_LEN];
	struct object_list lists[KINDS_LEN];
	struct error e;
	CLEANUP(routes_destroy_p) struct routes *routes = NULL;
	for (size_t i = 0; i < KINDS_LEN; i++) {
		all[i] = (struct objects){ .front = f };
		cluster_each(f->cluster, kinds[i], NULL, objects_add, &all[i]);
		lists[i] = (struct object_list){ (const cJSON *const *)all[i].items, all[i].len };
	}
	const struct routes_input in = {
		.ingresses = lists[0],
		.services = lists[1],
		.endpoints = lists[2],
		.pods = lists[3],
		.ingress_class = f->ingress_class,
		.annotations = f->annotations,
		.refused = is_refused,
		.owner = f,
	};
	bool oom = all[0].oom || all[1].oom || all[2].oom || all[3].oom;
	struct strbuf text;
	strbuf_init(&text, CONF_MAX);
	if (!oom && routes_build(&in, &routes, &e) == RC_OK) {
		render(routes, &f->render, &text);
		say_problems(f, routes);
	}
	for (size_t i = 0; i < KINDS_LEN; i++)
		objects_free(&all[i]);
	char *taken = routes ? strbuf_take(&text) : NULL;
	strbuf_finish(&text);
	return taken;
}

static void front_apply(void *owner)
{
	struct front *f = owner;
	if (f->applying || f->stopping)
		return; /* looks again when that is done */
	if (!front_synced(f)) {
		front_gather(f, GATHER_MS);
		return;
	}
	f->changed = false;
	char *text = front_render(f);
	if (!text) {
		log_error("nginx_not_rendered", "error=no memory");
		front_gather(f, AGAIN_MS);
		return;
	}
	if (f->sure && text_eq(text, f->applied) && nginx_runs(f->nginx)) {
		free(text);
		return;
	}
	f->applying = text;
	nginx_apply(f->nginx, text);
}

static void front_gather(struct front *f, int64_t delay_ms)
{
	if (!timer_active(&f->gather))
		timer_start(f->loop, &f->gather, delay_ms, front_apply, f);
}

/* ---- the outcome ---- */

static void front_failed(struct front *f, enum result r, unsigned line, const struct error *why)
{
	char source[SOURCE_MAX] = "";
	bool blamed = r == RC_INVALID && line && render_blame(f->applying, line, source, sizeof source);
	if (blamed && front_refuse(f, source)) {
		log_error("ingress_refused", "ingress=%s error=%s", source, why->text);
		front_gather(f, 0);
		return;
	}
	log_error("nginx_not_updated", "error=%s", why->text);
	if (r != RC_INVALID || f->changed)
		front_gather(f, AGAIN_MS);
}

static void front_applied(void *owner, enum result r, unsigned line, const struct error *why)
{
	struct front *f = owner;
	metric_inc(f->updates, 1, r == RC_OK ? "ok" : r == RC_INVALID ? "refused" : "failed");
	if (r == RC_OK) {
		log_info("nginx_updated", "bytes=%zu", strlen(f->applying));
		free(f->applied);
		f->applied = TAKE(f->applying);
		f->sure = true;
		if (f->changed)
			front_gather(f, GATHER_MS);
	} else {
		front_failed(f, r, line, why);
		free(TAKE(f->applying));
	}
	f->updated(f->owner);
}

static void front_died(void *owner)
{
	front_gather(owner, AGAIN_MS);
}

void front_changed(struct front *f)
{
	f->changed = true;
	if (!f->applying && !f->stopping)
		front_gather(f, GATHER_MS);
}

/* While one is being applied nginx may be starting, and serve before we have found it. */
bool front_serves(const struct front *f, const char *address, unsigned port)
{
	return render_mentions(f->applying, address, port) ||
	       (nginx_runs(f->nginx) && render_mentions(f->applied, address, port));
}

/* ---- life ---- */

static enum result make_folder(const char *path, struct error *e)
{
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return RC_OK;
	return error_set(e, RC_EXHAUSTED, "%s: %s", path, strerror(errno));
}

/* What a running nginx was told last, perhaps by an earlier run of ours. */
static char *read_conf(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	char *text = fstat(fd, &st) == 0 && st.st_size < CONF_MAX ? malloc((size_t)st.st_size + 1) : NULL;
	ssize_t n = text ? read(fd, text, (size_t)st.st_size) : -1;
	close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

static const char *default_binary(void)
{
	return access("/usr/sbin/nginx", X_OK) == 0 ? "/usr/sbin/nginx" : "nginx";
}

static char *absolute(struct arena *a, const char *path)
{
	char here[PATH_BYTES];
	if (*path == '/' || !getcwd(here, sizeof here))
		return arena_strdup(a, path);
	return arena_printf(a, "%s/%s", here, path);
}

static enum result front_copy(struct front *f, const struct node_options *o, struct error *e)
{
	const struct node_nginx *n = &o->nginx;
	struct arena *a = f->arena;
	char *data = absolute(a, o->data_dir), *listen = arena_strdup(a, n->listen);
	f->folder = data ? arena_printf(a, "%s/nginx", data) : NULL;
	char *conf_dir = n->conf_dir ? absolute(a, n->conf_dir) : f->folder;
	f->conf_file = conf_dir ? arena_printf(a, "%s/rollcall.conf", conf_dir) : NULL;
	f->binary = arena_strdup(a, n->binary ? n->binary : default_binary());
	f->ingress_class = arena_strdup(a, n->ingress_class ? n->ingress_class : "nginx");
	f->annotations = arena_strdup(a, n->annotations ? n->annotations : "nginx.ingress.kubernetes.io");
	if (!f->folder || !f->conf_file || !f->binary || !f->ingress_class || !f->annotations)
		return error_set(e, RC_EXHAUSTED, "no memory for nginx");
	if (!listen || !render_listen_ok(listen))
		return error_set(e, RC_INVALID, "nginx listen \"%.64s\": not address:port", listen ? listen : "");
	if (!render_word_ok(f->folder) || !render_word_ok(f->conf_file))
		return error_set(e, RC_INVALID,
				 "%.256s: a path with other characters than letters, digits and /._~+,=:@- "
				 "cannot be in nginx's configuration",
				 f->folder);
	f->render = (struct render_options){
		.folder = f->folder,
		.listen = listen,
		.workers = n->workers,
		/* the workers must reach the folder, which is ours */
		.user = geteuid() == 0 ? "root" : NULL,
		.close_client_connections = n->close_client_connections,
	};
	enum result r = make_folder(f->folder, e);
	return r == RC_OK ? make_folder(conf_dir, e) : r;
}

/* Without it everything works but the built-in metrics, which say what they miss. */
static void open_access_log(struct front *f, const struct node_options *o)
{
	struct error e;
	const char *path = arena_printf(f->arena, "%s/traffic.sock", f->folder);
	if (!o->traffic || !path)
		return;
	enum result r = strchr(path, ',')
				? error_set(&e, RC_INVALID, "%s: nginx takes no comma there", path)
				: access_log_open(o->loop, path, 0600, o->traffic, o->metrics, &f->access_log, &e);
	if (r != RC_OK)
		log_warn("no_access_log", "error=%s", e.text);
	else
		f->render.log_socket = path;
}

enum result front_create(const struct node_options *o, loop_fn *updated, void *owner, struct front **ret,
			 struct error *e)
{
	CLEANUP(front_destroy_p) struct front *f = calloc(1, sizeof *f);
	if (f)
		f->arena = arena_create(OPTIONS_MAX);
	if (!f || !f->arena)
		return error_set(e, RC_EXHAUSTED, "no memory for nginx");
	f->loop = o->loop;
	f->cluster = o->cluster;
	f->updated = updated;
	f->owner = owner;
	enum result r = front_copy(f, o, e);
	if (r != RC_OK)
		return r;
	r = nginx_create(&(struct nginx_options){ .loop = o->loop,
						  .binary = f->binary,
						  .conf_file = f->conf_file,
						  .folder = f->folder,
						  .applied = front_applied,
						  .died = front_died,
						  .owner = f },
			 &f->nginx, e);
	if (r != RC_OK)
		return r;
	if (nginx_runs(f->nginx))
		f->applied = read_conf(f->conf_file);
	open_access_log(f, o);
	f->updates =
		metrics_add(o->metrics, METRIC_COUNTER, "rollcall_nginx_updates_total",
			    "Configurations for nginx: in use, refused by it, or failed otherwise.", "outcome", NULL);
	*ret = TAKE(f);
	return RC_OK;
}

void front_stop(struct front *f, loop_fn *stopped, void *owner)
{
	f->stopping = true;
	timer_stop(&f->gather);
	nginx_stop(f->nginx, stopped, owner);
}

void front_destroy(struct front *f)
{
	struct refused *r, *next;
	if (!f)
		return;
	nginx_destroy(f->nginx);
	access_log_close(f->access_log);
	timer_stop(&f->gather);
	HASH_ITER (hh, f->refused, r, next) {
		HASH_DEL(f->refused, r);
		free(r);
	}
	free(f->applied);
	free(f->applying);
	free(f->problems);
	arena_destroy(f->arena);
	free(f);
}

#include "controller/cluster/kube/kubeconfig.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"
#include "controller/cluster/kube/file.h"

enum { FILES_MAX = 16, FILE_MAX_BYTES = 4 * 1024 * 1024, PEM_MAX_BYTES = 1024 * 1024 };

struct file {
	char *path, *dir;
	struct yaml_doc **docs;
	size_t count;
};
struct reading {
	struct kubeconfig *c; /* owned until it is given away */
	struct file files[FILES_MAX];
	size_t count;
	const struct file *file; /* the one that the entry in hand is from */
};

/* ---- files ---- */

static void reading_finish(struct reading *r)
{
	for (size_t i = 0; i < r->count; i++) {
		yaml_free(r->files[i].docs, r->files[i].count);
		free(r->files[i].path);
		free(r->files[i].dir);
	}
	kubeconfig_destroy(r->c);
}

static enum result reading_open(struct reading *r, const char *path, struct error *e)
{
	if (r->count == FILES_MAX)
		return error_set(e, RC_INVALID, "more than %d kubeconfig files", FILES_MAX);
	CLEANUP(free_p) char *text = NULL;
	size_t len;
	enum result ok = file_read(path, FILE_MAX_BYTES, &text, &len, e);
	if (ok != RC_OK)
		return ok;
	struct file *f = &r->files[r->count];
	ok = yaml_parse(path, text, len, &f->docs, &f->count, e);
	explicit_bzero(text, len);
	if (ok != RC_OK)
		return ok;
	r->count++;
	const char *slash = strrchr(path, '/');
	f->path = strdup(path);
	f->dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup("");
	return f->path && f->dir ? RC_OK : error_set(e, RC_EXHAUSTED, "%s: no memory", path);
}

static enum result reading_open_all(struct reading *r, const char *paths, struct error *e)
{
	CLEANUP(free_p) char *copy = strdup(paths);
	char *rest = copy;
	for (char *path = strsep(&rest, ":"); path; path = strsep(&rest, ":")) {
		enum result ok = *path ? reading_open(r, path, e) : RC_OK;
		if (ok != RC_OK && ok != RC_NOT_FOUND)
			return ok;
	}
	if (r->count == 0)
		return error_set(e, RC_NOT_FOUND, "kubeconfig %s: no such file", paths);
	return RC_OK;
}

/* ---- looking into them ---- */

static const cJSON *file_root(const struct file *f)
{
	return f->count ? yaml_root(f->docs[0]) : NULL;
}

/* "FILE:3:7: field: ..." */
static enum result reading_error(const struct reading *r, const cJSON *node, struct error *e, const char *what)
{
	struct yaml_place at = r->file->count ? yaml_place(r->file->docs[0], node) : (struct yaml_place){ 0 };
	return error_set(e, RC_INVALID, "%s:%u:%u: %s", r->file->path, at.line, at.column, what);
}

/* The body of clusters[name].cluster and the like; remembers its file. */
static const cJSON *reading_find(struct reading *r, const char *list, const char *name, const char *body)
{
	for (size_t i = 0; i < r->count; i++) {
		const cJSON *item;
		cJSON_ArrayForEach (item, json_at(file_root(&r->files[i]), list)) {
			if (!text_eq(json_text(item, "name", NULL), name))
				continue;
			r->file = &r->files[i];
			return json_at(item, body);
		}
	}
	return NULL;
}

static const char *reading_current(struct reading *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const char *name = json_text(file_root(&r->files[i]), "current-context", "");
		if (*name)
			return name;
	}
	return NULL;
}

static enum result keep_secret(struct reading *r, const cJSON *body, const char *key, char **ret, struct error *e)
{
	const char *text = json_text(body, key, "");
	if (!*text)
		return RC_OK;
	*ret = arena_strdup(r->c->arena, text);
	return *ret ? RC_OK : error_set(e, RC_EXHAUSTED, "kubeconfig: no memory");
}

static enum result keep(struct reading *r, const cJSON *body, const char *key, const char **ret, struct error *e)
{
	char *kept = NULL;
	enum result ok = keep_secret(r, body, key, &kept, e);
	if (kept)
		*ret = kept;
	return ok;
}

/* A path relative to the file that names it. */
static enum result keep_path(struct reading *r, const cJSON *body, const char *key, const char **ret, struct error *e)
{
	const char *path = json_text(body, key, "");
	if (!*path)
		return RC_OK;
	*ret = *path == '/' ? arena_strdup(r->c->arena, path) : arena_printf(r->c->arena, "%s%s", r->file->dir, path);
	return *ret ? RC_OK : error_set(e, RC_EXHAUSTED, "kubeconfig: no memory");
}

static enum result keep_pem_data(struct reading *r, const cJSON *node, char **ret, struct error *e)
{
	unsigned char *pem = NULL;
	size_t len;
	if (!cJSON_IsString(node) ||
	    text_unbase64(node->valuestring, strlen(node->valuestring), &pem, &len, NULL) != RC_OK)
		return reading_error(r, node, e, "certificates and keys in the file must be base64 of PEM");
	*ret = arena_strndup(r->c->arena, (const char *)pem, len);
	explicit_bzero(pem, len);
	free(pem);
	return *ret ? RC_OK : error_set(e, RC_EXHAUSTED, "kubeconfig: no memory");
}

/* KEY-data in the file, or else the file that KEY names. */
static enum result keep_pem(struct reading *r, const cJSON *body, const char *key, const char *data_key, char **ret,
			    struct error *e)
{
	const cJSON *data = json_at(body, data_key);
	if (data && !text_empty(json_text(body, data_key, "x")))
		return keep_pem_data(r, data, ret, e);
	const char *path = NULL;
	enum result ok = keep_path(r, body, key, &path, e);
	if (ok != RC_OK || !path)
		return ok;
	CLEANUP(free_p) char *pem = NULL;
	size_t len;
	struct error why;
	ok = file_read(path, PEM_MAX_BYTES, &pem, &len, &why);
	if (ok != RC_OK)
		return reading_error(r, json_at(body, key), e, why.text);
	*ret = arena_strndup(r->c->arena, pem, len);
	explicit_bzero(pem, len);
	return *ret ? RC_OK : error_set(e, RC_EXHAUSTED, "kubeconfig: no memory");
}

static enum result keep_texts(struct reading *r, const cJSON *list, const char *const **ret, struct error *e)
{
	size_t n = (size_t)cJSON_GetArraySize(list), i = 0;
	const char **texts = arena_alloc(r->c->arena, n + 1, sizeof *texts);
	const cJSON *item;
	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item))
			return reading_error(r, item, e, "must be a text");
		if (texts)
			texts[i++] = arena_strdup(r->c->arena, item->valuestring);
	}
	if (!texts || (i && !texts[i - 1]))
		return error_set(e, RC_EXHAUSTED, "kubeconfig: no memory");
	*ret = texts;
	return RC_OK;
}

/* ---- its three parts ---- */

static enum result read_cluster(struct reading *r, const cJSON *cluster, struct error *e)
{
	struct kubeconfig *c = r->c;
	char *ca = NULL;
	enum result ok = keep(r, cluster, "server", &c->server, e);
	if (ok == RC_OK)
		ok = keep_pem(r, cluster, "certificate-authority", "certificate-authority-data", &ca, e);
	if (ok == RC_OK)
		ok = keep(r, cluster, "tls-server-name", &c->tls_server_name, e);
	if (ok == RC_OK)
		ok = keep(r, cluster, "proxy-url", &c->proxy, e);
	c->ca_pem = ca;
	c->no_verify = json_bool(cluster, "insecure-skip-tls-verify", false);
	if (ok != RC_OK)
		return ok;
	if (!c->server || (!text_starts(c->server, "https://") && !text_starts(c->server, "http://")))
		return reading_error(r, cluster, e, "cluster.server must be an http(s) URL");
	size_t len = strlen(c->server);
	while (len && c->server[len - 1] == '/')
		len--;
	c->server = arena_strndup(c->arena, c->server, len);
	return c->server ? RC_OK : error_set(e, RC_EXHAUSTED, "kubeconfig: no memory");
}

static enum result read_exec_variables(struct reading *r, const cJSON *list, struct exec_spec *x, struct error *e)
{
	size_t n = (size_t)cJSON_GetArraySize(list);
	struct exec_variable *v = arena_alloc(r->c->arena, n + 1, sizeof *v);
	const cJSON *item;
	x->variables = v;
	cJSON_ArrayForEach (item, list) {
		if (text_empty(json_text(item, "name", "")))
			return reading_error(r, item, e, "exec.env needs a name");
		if (!v)
			break;
		v[x->variable_count].name = arena_strdup(r->c->arena, json_text(item, "name", ""));
		v[x->variable_count++].value = arena_strdup(r->c->arena, json_text(item, "value", ""));
	}
	if (!v || (n && !v[n - 1].value))
		return error_set(e, RC_EXHAUSTED, "kubeconfig: no memory");
	return RC_OK;
}

static enum result check_exec(struct reading *r, const cJSON *exec, struct error *e)
{
	const char *version = json_text(exec, "apiVersion", "");
	if (!text_eq(version, "client.authentication.k8s.io/v1") &&
	    !text_eq(version, "client.authentication.k8s.io/v1beta1"))
		return reading_error(r, json_at(exec, "apiVersion") ? json_at(exec, "apiVersion") : exec, e,
				     "exec.apiVersion must be client.authentication.k8s.io/v1 or .../v1beta1");
	if (text_empty(json_text(exec, "command", "")))
		return reading_error(r, exec, e, "exec.command is missing");
	if (text_eq(json_text(exec, "interactiveMode", ""), "Always"))
		return reading_error(r, json_at(exec, "interactiveMode"), e,
				     "a service has no terminal for exec.interactiveMode Always");
	return RC_OK;
}

static enum result read_exec(struct reading *r, const cJSON *exec, struct error *e)
{
	struct exec_spec *x = arena_alloc(r->c->arena, 1, sizeof *x);
	enum result ok = x ? check_exec(r, exec, e) : error_set(e, RC_EXHAUSTED, "kubeconfig: no memory");
	if (ok != RC_OK || !x)
		return ok;
	r->c->exec = x;
	x->install_hint = "";
	x->cluster_info = json_bool(exec, "provideClusterInfo", false);
	ok = keep(r, exec, "apiVersion", &x->api_version, e);
	if (ok == RC_OK && strchr(json_text(exec, "command", ""), '/'))
		ok = keep_path(r, exec, "command", &x->command, e);
	else if (ok == RC_OK)
		ok = keep(r, exec, "command", &x->command, e);
	if (ok == RC_OK)
		ok = keep(r, exec, "installHint", &x->install_hint, e);
	if (ok == RC_OK)
		ok = keep_texts(r, json_at(exec, "args"), &x->args, e);
	return ok == RC_OK ? read_exec_variables(r, json_at(exec, "env"), x, e) : ok;
}

static enum result read_identity(struct reading *r, const cJSON *user, struct error *e)
{
	struct kubeconfig *c = r->c;
	enum result ok = keep_pem(r, user, "client-certificate", "client-certificate-data", &c->cert_pem, e);
	if (ok == RC_OK)
		ok = keep_pem(r, user, "client-key", "client-key-data", &c->key_pem, e);
	if (ok == RC_OK)
		ok = keep_path(r, user, "tokenFile", &c->token_file, e);
	if (ok == RC_OK && !c->token_file) /* the file wins, as it does for others */
		ok = keep_secret(r, user, "token", &c->token, e);
	if (ok == RC_OK)
		ok = keep(r, user, "username", &c->username, e);
	if (ok == RC_OK)
		ok = keep_secret(r, user, "password", &c->password, e);
	if (ok == RC_OK && json_at(user, "exec"))
		ok = read_exec(r, json_at(user, "exec"), e);
	return ok;
}

static enum result read_user(struct reading *r, const cJSON *user, struct error *e)
{
	struct kubeconfig *c = r->c;
	enum result ok = read_identity(r, user, e);
	if (ok == RC_OK)
		ok = keep(r, user, "as", &c->as, e);
	if (ok == RC_OK && json_at(user, "as-groups"))
		ok = keep_texts(r, json_at(user, "as-groups"), &c->as_groups, e);
	if (ok != RC_OK)
		return ok;
	if (json_at(user, "auth-provider"))
		return reading_error(r, json_at(user, "auth-provider"), e,
				     "auth-provider is gone from Kubernetes: use exec, a token or a certificate");
	if (!c->cert_pem != !c->key_pem)
		return reading_error(r, user, e, "a client certificate and its key belong together");
	return RC_OK;
}

static enum result read_part(struct reading *r, const cJSON *context, const char *kind, const char *list,
			     enum result (*read)(struct reading *, const cJSON *, struct error *), struct error *e)
{
	const struct file *file = r->file;
	const char *name = json_text(context, kind, "");
	const cJSON *body = reading_find(r, list, name, kind);
	if (!body)
		return error_set(e, RC_INVALID, "%s: context \"%s\": no %s \"%s\"", file->path, r->c->context, kind,
				 name);
	enum result ok = read(r, body, e);
	r->file = file;
	return ok;
}

static enum result read_context(struct reading *r, const char *name, struct error *e)
{
	if (!name)
		name = reading_current(r);
	if (!name)
		return error_set(e, RC_INVALID, "%s: no current-context, and no context was given", r->files[0].path);
	const cJSON *context = reading_find(r, "contexts", name, "context");
	r->c->context = arena_strdup(r->c->arena, name);
	if (!context)
		return error_set(e, RC_INVALID, "%s: no context \"%s\"", r->files[0].path, name);
	enum result ok = keep(r, context, "namespace", &r->c->ns, e);
	if (ok == RC_OK)
		ok = read_part(r, context, "cluster", "clusters", read_cluster, e);
	if (ok == RC_OK && !text_empty(json_text(context, "user", "")))
		ok = read_part(r, context, "user", "users", read_user, e);
	return ok;
}

enum result kubeconfig_load(const char *paths, const char *context, struct kubeconfig **ret, struct error *e)
{
	CLEANUP(reading_finish) struct reading r = { 0 };
	enum result ok = kubeconfig_create(&r.c, e);
	if (ok == RC_OK)
		ok = reading_open_all(&r, paths, e);
	if (ok == RC_OK)
		ok = read_context(&r, context, e);
	if (ok == RC_OK)
		*ret = TAKE(r.c);
	return ok;
}

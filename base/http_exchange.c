#include <string.h>
#include <strings.h>

#include "base/http_server_private.h"
#include "base/text.h"

enum {
	ARENA_BYTES_MAX = 16 * 1024 * 1024, /* what a handler may use; a peer reaches the size of its head and body */
	BODY_BYTES_FIRST = 4096,
};

static void exchange_let_go(struct http_exchange *x)
{
	struct http_server *s = TAKE(x->server);
	if (s)
		http_server_exchange_gone(s);
}

void http_exchange_destroy(struct http_exchange *x)
{
	if (!x)
		return;
	loop_defer_cancel(&x->closing);
	free(x->body);
	free(x->head);
	arena_destroy(x->arena);
	exchange_let_go(x);
	free(x);
}

static void exchange_closed(void *owner)
{
	struct http_exchange *x = owner;
	loop_fn *closed = x->closed;
	void *closed_owner = x->closed_owner;
	closed(closed_owner);
	http_exchange_destroy(x);
}

void http_exchange_lost(struct http_exchange *x)
{
	x->connection = NULL;
	if (!x->handed_over)
		http_exchange_destroy(x);
	else if (x->closed)
		loop_defer(x->loop, &x->closing, exchange_closed, x);
	else
		exchange_let_go(x); /* its handler still answers some day, into the void */
}

void http_on_close(struct http_exchange *x, loop_fn *closed, void *owner)
{
	x->closed = closed;
	x->closed_owner = owner;
	if (!closed)
		loop_defer_cancel(&x->closing);
	else if (!x->connection)
		loop_defer(x->loop, &x->closing, exchange_closed, x);
}

/* ---- from head to exchange ---- */

/* The head becomes C strings in place: each is followed by a byte that has done its duty (space, colon, CR). */
static char *seal(struct http_exchange *x, struct http_slice s)
{
	x->head[s.at + s.len] = '\0';
	return x->head + s.at;
}

static bool take_fields(struct http_exchange *x, const struct http_head *head)
{
	x->fields.at = arena_alloc(x->arena, head->n_fields, sizeof *x->fields.at);
	if (!x->fields.at)
		return false;
	x->fields.n = head->n_fields;
	for (size_t i = 0; i < head->n_fields; i++) {
		char *name = seal(x, head->fields[i].name);
		for (char *c = name; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c |= 0x20;
		x->fields.at[i] = (struct http_pair){ name, seal(x, head->fields[i].value) };
	}
	return true;
}

static enum result take_target(struct http_exchange *x, struct http_slice target, struct error *e)
{
	const char *raw = x->head + target.at, *mark = memchr(raw, '?', target.len);
	size_t path_len = mark ? (size_t)(mark - raw) : target.len;
	enum result r = http_decode_path(x->arena, raw, path_len, &x->path, e);
	if (r == RC_OK && mark)
		r = http_decode_pairs(x->arena, mark + 1, target.len - path_len - 1, &x->query, e);
	return r;
}

/* What follows the head: the body as far as it is there, and then what was pipelined, which stays in c->in. */
static bool split_input(struct http_connection *c, struct http_exchange *x, const struct http_head *head)
{
	size_t rest = c->in.len - head->bytes;
	size_t body = rest < head->content_length ? rest : (size_t)head->content_length;
	size_t ahead = rest - body;
	char *kept = ahead ? malloc(ahead) : NULL, *to;
	x->body_needed = (size_t)head->content_length;
	size_t room = body;
	if ((ahead && !kept) || (body && !http_exchange_body_room(x, &to, &room))) {
		free(kept);
		return false;
	}
	if (body)
		memcpy(to, c->in.s + head->bytes, body);
	x->body_len = body;
	if (ahead)
		memcpy(kept, c->in.s + head->bytes + body, ahead);
	x->head = c->in.s;
	c->in.s = kept;
	c->in.len = c->in.cap = ahead;
	return true;
}

bool http_exchange_body_room(struct http_exchange *x, char **ret, size_t *ret_len)
{
	/* as it comes, not as it is announced: a length costs a peer nothing */
	if (x->body_len == x->body_cap) {
		size_t cap = x->body_cap ? x->body_cap * 2 : BODY_BYTES_FIRST;
		if (cap < x->body_len + *ret_len)
			cap = x->body_len + *ret_len;
		if (cap > x->body_needed)
			cap = x->body_needed;
		char *grown = realloc(x->body, cap + 1);
		if (!grown)
			return false;
		x->body = grown;
		x->body_cap = cap;
	}
	*ret = x->body + x->body_len;
	*ret_len = x->body_cap - x->body_len;
	return true;
}

static struct http_exchange *exchange_create(struct http_connection *c, const struct http_head *head)
{
	struct http_exchange *x = calloc(1, sizeof *x);
	if (!x)
		return NULL;
	*x = (struct http_exchange){ .loop = c->server->loop,
				     .arena = arena_create(ARENA_BYTES_MAX),
				     .peer = c->peer,
				     .keep_alive = head->keep_alive };
	if (!x->arena || !split_input(c, x, head) || !take_fields(x, head)) {
		http_exchange_destroy(x);
		return NULL;
	}
	x->server = c->server;
	x->server->exchanges++;
	x->connection = c;
	c->exchange = x;
	return x;
}

/* ---- routing ---- */

static bool take_params(struct http_exchange *x, const struct http_params *params)
{
	x->params.at = arena_alloc(x->arena, params->n + 1, sizeof *x->params.at);
	for (size_t i = 0; x->params.at && i < params->n; i++) {
		const struct http_param *p = &params->at[i];
		struct http_pair pair = { arena_strndup(x->arena, p->name, p->name_len),
					  arena_strndup(x->arena, p->value, p->value_len) };
		if (!pair.name || !pair.value)
			return false;
		x->params.at[x->params.n++] = pair;
	}
	return x->params.at != NULL;
}

static bool serves(const struct http_route *route, const char *method)
{
	return strcmp(route->method, method) == 0 || (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void answer_unrouted(struct http_exchange *x, const char *allow)
{
	x->keep_alive = x->keep_alive && !x->body_needed;
	if (!*allow) {
		http_respond_error(x, 404, NULL, "nothing is served at %s", x->path);
		return;
	}
	struct strbuf body, header;
	strbuf_init(&body, 4096);
	strbuf_init(&header, 4096);
	strbuf_addf(&header, "Allow: %s", allow + 2);
	http_error_print(&body, "method not allowed", header.s);
	http_respond(x, 405, "application/json", body.s, body.len, (const char *const[]){ header.s, NULL });
	strbuf_finish(&header);
	strbuf_finish(&body);
}

/* The first route that fits by path and method. */
static bool route(struct http_exchange *x)
{
	struct http_params params;
	struct strbuf allow;
	strbuf_init(&allow, 1024);
	for (const struct http_route *r = x->server->routes; r->path && !x->route; r++) {
		if (!http_route_match(r->path, x->path, &params))
			continue;
		if (serves(r, x->method) && take_params(x, &params))
			x->route = r;
		else
			strbuf_addf(&allow, ", %s%s", r->method, strcmp(r->method, "GET") == 0 ? ", HEAD" : "");
	}
	bool found = x->route != NULL;
	if (!found)
		answer_unrouted(x, allow.s); /* x is gone after this */
	strbuf_finish(&allow);
	return found;
}

bool http_exchange_begin(struct http_connection *c, const struct http_head *head)
{
	struct error e;
	struct http_exchange *x = exchange_create(c, head);
	if (!x) {
		http_connection_refuse(c, 503, "out of memory", "try again later");
		return false;
	}
	if (take_target(x, head->target, &e) != RC_OK) {
		http_connection_refuse(c, 400, e.text, NULL);
		return false;
	}
	x->method = seal(x, head->method);
	x->head_only = strcmp(x->method, "HEAD") == 0;
	x->handed_over = true; /* to route, which may answer */
	if (!route(x))
		return false;
	x->handed_over = false;
	if (x->body_needed > x->route->max_body_bytes) {
		http_connection_refuse(c, 413, "the body is too large", NULL);
		return false;
	}
	return true;
}

/* ---- questions ---- */

const char *http_method(const struct http_exchange *x)
{
	return x->method;
}

const char *http_path(const struct http_exchange *x)
{
	return x->path;
}

const char *http_param(const struct http_exchange *x, const char *name)
{
	const char *value = http_pairs_find(&x->params, name);
	return value ? value : "";
}

const char *http_query(const struct http_exchange *x, const char *name)
{
	return http_pairs_find(&x->query, name);
}

const char *http_header(const struct http_exchange *x, const char *lower_case_name)
{
	return http_pairs_find(&x->fields, lower_case_name);
}

bool http_header_repeated(const struct http_exchange *x, const char *lower_case_name)
{
	size_t n = 0;
	for (size_t i = 0; i < x->fields.n; i++)
		n += strcmp(x->fields.at[i].name, lower_case_name) == 0;
	return n > 1;
}

static bool is_form(const char *type)
{
	static const char form[] = "application/x-www-form-urlencoded";
	return type && strncasecmp(type, form, sizeof form - 1) == 0 && strchr("; \t", type[sizeof form - 1]);
}

const char *http_form(struct http_exchange *x, const char *name)
{
	if (!x->form_read && is_form(http_header(x, "content-type")) && x->body_len &&
	    http_decode_pairs(x->arena, x->body, x->body_len, &x->form, NULL) != RC_OK)
		x->form = (struct http_pairs){ 0 }; /* a malformed form has no fields */
	x->form_read = true;
	return http_pairs_find(&x->form, name);
}

const char *http_cookie(struct http_exchange *x, const char *name)
{
	size_t name_len = strlen(name);
	for (size_t i = 0; i < x->fields.n; i++) {
		if (strcmp(x->fields.at[i].name, "cookie") != 0)
			continue;
		for (const char *s = x->fields.at[i].value; *s; s += strspn(s, "; ")) {
			size_t len = strcspn(s, ";");
			if (len > name_len && strncmp(s, name, name_len) == 0 && s[name_len] == '=')
				return arena_strndup(x->arena, s + name_len + 1, len - name_len - 1);
			s += len;
		}
	}
	return NULL;
}

const char *http_body(const struct http_exchange *x, size_t *len)
{
	*len = x->body_len;
	return x->body ? x->body : "";
}

const struct http_peer *http_peer(const struct http_exchange *x)
{
	return &x->peer;
}

struct arena *http_arena(struct http_exchange *x)
{
	return x->arena;
}

#include "bot/api/api.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "bot/api/api_room.h"

/* ---- who asks ---- */

static const char *bearer(const struct http_exchange *x)
{
	static const char scheme[] = "Bearer ";
	const char *h = http_header(x, "authorization");
	if (!h || http_header_repeated(x, "authorization") || strncasecmp(h, scheme, strlen(scheme)) != 0)
		return NULL;
	h += strlen(scheme);
	return h + strspn(h, " ");
}

static void refuse_stranger(struct http_exchange *x, bool unknown)
{
	static const char *const headers[] = { "WWW-Authenticate: Bearer realm=\"rollcall\"",
					       "Content-Type: application/json", NULL };
	struct strbuf b;
	strbuf_init(&b, 1024);
	strbuf_addf(
		&b,
		"{\"error\":\"%s\",\"hint\":\"send Authorization: Bearer TOKEN; `rollcall token create` makes one\"}\n",
		unknown ? "this token is unknown, expired or revoked" : "a token is needed");
	http_respond(x, 401, NULL, b.s, b.len, headers);
	strbuf_finish(&b);
}

const struct token *api_admit(struct api *a, struct http_exchange *x, enum token_scope needs)
{
	const char *secret = bearer(x);
	const struct token *t = secret ? tokens_find(a->o.tokens, secret) : NULL;
	if (!t) {
		metric_inc(a->scope_refused, 1, "unknown");
		refuse_stranger(x, secret != NULL);
		return NULL;
	}
	if (t->scope < needs) {
		metric_inc(a->scope_refused, 1, "scope");
		http_respond_error(x, 403, NULL, "token \"%s\" has the scope %s, and this needs %s", t->name,
				   token_scope_name(t->scope), token_scope_name(needs));
		return NULL;
	}
	return t;
}

struct person api_person(const struct token *t)
{
	return (struct person){ .platform = "token", .team = "", .id = t->name, .name = t->name, .user = "" };
}

bool api_is_synced(struct api *a, struct http_exchange *x)
{
	static const char *const headers[] = { "Retry-After: 1", NULL };
	static const char text[] =
		"{\"error\":\"the cluster is still being read\",\"hint\":\"try again in a moment\"}\n";
	if (engine_synced(a->o.engine))
		return true;
	http_respond(x, 503, "application/json", text, strlen(text), headers);
	return false;
}

/* ---- answers that come later ---- */

static void peer_gone(void *owner)
{
	struct api_call *c = owner;
	c->x = NULL;
}

struct api_call *api_call_begin(struct api *a, struct http_exchange *x)
{
	struct api_call *c = calloc(1, sizeof *c);
	if (!c) {
		http_respond_error(x, 503, NULL, "no memory for this now");
		return NULL;
	}
	*c = (struct api_call){ .api = a, .x = x, .next = a->calls, .at = &a->calls };
	if (c->next)
		c->next->at = &c->next;
	a->calls = c;
	http_on_close(x, peer_gone, c);
	return c;
}

struct http_exchange *api_call_end(struct api_call *c)
{
	struct http_exchange *x = c->x;
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	free(c);
	return x;
}

void api_answer(struct http_exchange *x, int status, struct strbuf *b)
{
	strbuf_addc(b, '\n');
	if (b->overflow)
		http_respond_error(x, 503, "ask for less", "the answer is too large");
	else
		http_respond(x, status, "application/json", b->s, b->len, NULL);
	strbuf_finish(b);
}

static bool members_known(struct http_exchange *x, const cJSON *body, const char *const *allowed)
{
	const cJSON *child;
	cJSON_ArrayForEach (child, body) {
		const char *const *w = allowed;
		while (*w && !text_eq(*w, child->string))
			w++;
		if (*w)
			continue;
		char shown[TEXT_SHOWN];
		const char *near = text_nearest(child->string, allowed);
		http_respond_error(x, 400, NULL, "unknown member \"%s\"%s%s%s",
				   text_show(child->string, strlen(child->string), shown),
				   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
		return false;
	}
	return true;
}

cJSON *api_body(struct http_exchange *x, const char *const *allowed)
{
	size_t len = 0;
	const char *text = http_body(x, &len);
	CLEANUP(json_delete_p) cJSON *body = NULL;
	struct error e = { .code = RC_OK };
	if (!len)
		body = cJSON_CreateObject();
	else if (json_parse(text, len, &body, &e) == RC_OK && !cJSON_IsObject(body))
		(void)error_set(&e, RC_INVALID, "the body must be a JSON object");
	if (e.code != RC_OK) {
		http_respond_result(x, &e);
		return NULL;
	}
	if (!body) {
		http_respond_error(x, 503, NULL, "no memory for this now");
		return NULL;
	}
	return !allowed || members_known(x, body, allowed) ? TAKE(body) : NULL;
}

/* ---- life ---- */

static void add(struct http_route *list, size_t *n, struct api *a, const char *method, const char *path,
		http_handler *handle)
{
	bool has_body = !text_eq(method, "GET") && !text_eq(method, "DELETE");
	list[(*n)++] = (struct http_route){ .method = method,
					    .path = path,
					    .max_body_bytes = has_body ? API_BODY_MAX : 0,
					    .handle = handle,
					    .owner = a };
}

static void add_routes(struct api *a)
{
	static const struct {
		const char *method, *path;
		http_handler *handle;
	} rest[] = {
		{ "GET", "/api/v1/version", api_version },
		{ "GET", "/api/v1/rollouts", api_rollouts },
		{ "GET", "/api/v1/rollouts/{ns}/{name}", api_rollout },
		{ "GET", "/api/v1/rollouts/{ns}/{name}/approvals", api_rollout_approvals },
		{ "GET", "/api/v1/rollouts/{ns}/{name}/who", api_who },
		{ "POST", "/api/v1/rollouts/{ns}/{name}/{verb}", api_verb },
		{ "GET", "/api/v1/approvals", api_approvals },
		{ "GET", "/api/v1/history", api_history },
		{ "GET", "/api/v1/outbox", api_outbox },
		{ "POST", "/api/v1/outbox/{row}/retry", api_outbox_retry },
		{ "GET", "/api/v1/events", api_events },
		{ "GET", "/api/v1/tokens", api_tokens },
		{ "POST", "/api/v1/tokens", api_token_create },
		{ "DELETE", "/api/v1/tokens/{name}", api_token_revoke },
		{ "POST", "/gate/check", api_gate_check },
		{ "POST", "/gate/check/{policy}", api_gate_check_policy },
		{ "POST", "/gate/approve", api_gate_approve },
		{ "POST", "/gate/approve/{policy}", api_gate_check_policy },
		{ "POST", "/gate/halt", api_gate_halt },
		{ "POST", "/gate/open", api_gate_open },
		{ "POST", "/gate/close", api_gate_close },
		{ "POST", "/rollback/check", api_rollback_check },
		{ "POST", "/rollback/open", api_rollback_open },
		{ "POST", "/rollback/close", api_gate_close },
	};
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		add(a->routes, &a->route_count, a, rest[i].method, rest[i].path, rest[i].handle);
	size_t n = 0;
	add(a->admin, &n, a, "GET", "/healthz", api_healthz);
	add(a->admin, &n, a, "GET", "/readyz", api_readyz);
	add(a->admin, &n, a, "GET", "/metrics", api_metrics);
}

static enum result read_cidrs(struct api *a, struct error *e)
{
	for (const char *const *c = a->o.gate_cidrs; c && *c; c++) {
		if (a->cidr_count == API_CIDRS_MAX)
			return error_set(e, RC_EXHAUSTED, "more than %d address ranges may ask gates", API_CIDRS_MAX);
		enum result r = cidr_parse(*c, &a->cidrs[a->cidr_count++], e);
		if (r != RC_OK)
			return r;
	}
	return RC_OK;
}

enum result api_create(const struct api_options *o, struct api **ret, struct error *e)
{
	CLEANUP(api_destroy_p) struct api *a = calloc(1, sizeof *a);
	if (!a)
		return error_set(e, RC_EXHAUSTED, "no memory for the API");
	a->o = *o;
	enum result r = read_cidrs(a, e);
	if (r == RC_OK)
		r = crypto_token(9, a->boot, sizeof a->boot, e);
	if (r != RC_OK)
		return error_in(e, r, "api");
	add_routes(a);
	a->gates = metrics_add(o->metrics, METRIC_COUNTER, "rollcall_gate_checks_total", "Gates asked by others.",
			       "answer", NULL);
	a->scope_refused = metrics_add(o->metrics, METRIC_COUNTER, "rollcall_api_refused_total",
				       "Requests without a token that suffices.", "why", NULL);
	a->process =
		metrics_add(o->metrics, METRIC_GAUGE, "process_resident_memory_bytes", "Resident memory.", "", NULL);
	engine_listen(o->engine, api_event, a);
	*ret = TAKE(a);
	return RC_OK;
}

void api_stop(struct api *a)
{
	a->stopping = true;
	api_streams_end(a);
}

void api_destroy(struct api *a)
{
	if (!a)
		return;
	api_streams_end(a);
	while (a->calls)
		(void)api_call_end(a->calls);
	free(a);
}

const struct http_route *api_routes(struct api *a)
{
	return a->routes;
}

const struct http_route *api_admin_routes(struct api *a)
{
	return a->admin;
}

#include "bot/api/rest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "bot/api/rest_room.h"

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
	static const char *const headers[] = { "WWW-Authenticate: Bearer realm=\"rollcall\"", NULL };
	struct strbuf b;
	strbuf_init(&b, 1024);
	strbuf_addf(&b,
		    "{\"error\":\"%s\",\"hint\":\"--token, ROLLCALL_TOKEN, or --data-dir of a service on this machine; "
		    "`rollcall token create` makes one\"}\n",
		    unknown ? "this token is unknown, expired or revoked" : "a token is needed");
	http_respond(x, 401, "application/json", b.s, b.len, headers);
	strbuf_finish(&b);
}

const struct token *rest_admit(struct rest *a, struct http_exchange *x, enum token_scope needs)
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

struct person rest_person(const struct token *t)
{
	return (struct person){ .platform = "token", .team = "", .id = t->name, .name = t->name, .user = "" };
}

const struct rest_options *rest_own_options(const struct rest *a)
{
	return &a->o;
}

bool rest_is_synced(struct rest *a, struct http_exchange *x)
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
	struct rest_call *c = owner;
	c->x = NULL;
}

struct rest_call *rest_call_begin(struct rest *a, struct http_exchange *x)
{
	struct rest_call *c = calloc(1, sizeof *c);
	if (!c) {
		http_respond_error(x, 503, NULL, "no memory for this now");
		return NULL;
	}
	*c = (struct rest_call){ .api = a, .x = x, .next = a->calls, .at = &a->calls };
	if (c->next)
		c->next->at = &c->next;
	a->calls = c;
	http_on_close(x, peer_gone, c);
	return c;
}

struct http_exchange *rest_call_end(struct rest_call *c)
{
	struct http_exchange *x = c->x;
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	free(c);
	return x;
}

struct http_exchange *rest_call_end_good(struct rest_call *c, enum result r, const struct error *why)
{
	struct http_exchange *x = rest_call_end(c);
	if (!x || r == RC_OK)
		return x;
	http_respond_result(x, why);
	return NULL;
}

void rest_answer(struct http_exchange *x, int status, struct strbuf *b)
{
	strbuf_addc(b, '\n');
	if (b->overflow)
		http_respond_error(x, 503, "ask for less", "the answer is too large");
	else
		http_respond(x, status, "application/json", b->s, b->len, NULL);
	strbuf_finish(b);
}

void rest_call_said(void *owner, enum result r, const char *text)
{
	struct http_exchange *x = rest_call_end(owner);
	struct error e;
	if (!x)
		return;
	if (r != RC_OK) {
		(void)error_set(&e, r, "%s", text);
		http_respond_result(x, &e);
		return;
	}
	struct strbuf b;
	strbuf_init(&b, REST_BODY_MAX);
	strbuf_add(&b, "{\"text\":");
	strbuf_add_json(&b, text);
	strbuf_addc(&b, '}');
	rest_answer(x, 202, &b);
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

cJSON *rest_body(struct http_exchange *x, const char *const *allowed)
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

static void add(struct http_route *list, size_t *n, struct rest *a, const char *method, const char *path,
		http_handler *handle)
{
	bool has_body = !text_eq(method, "GET") && !text_eq(method, "DELETE");
	list[(*n)++] = (struct http_route){ .method = method,
					    .path = path,
					    .max_body_bytes = has_body ? REST_BODY_MAX : 0,
					    .handle = handle,
					    .owner = a };
}

static void add_routes(struct rest *a)
{
	static const struct {
		const char *method, *path;
		http_handler *handle;
	} rest[] = {
		{ "GET", "/api/v1/version", rest_version },
		{ "GET", "/api/v1/rollouts", rest_rollouts },
		{ "GET", "/api/v1/rollouts/{ns}/{name}", rest_rollout },
		{ "GET", "/api/v1/rollouts/{ns}/{name}/approvals", rest_rollout_approvals },
		{ "GET", "/api/v1/rollouts/{ns}/{name}/who", rest_who },
		{ "POST", "/api/v1/rollouts/{ns}/{name}/{verb}", rest_verb },
		{ "GET", "/api/v1/approvals", rest_approvals },
		{ "GET", "/api/v1/history", rest_history },
		{ "POST", "/api/v1/chat", rest_chat },
		{ "GET", "/api/v1/freezes", rest_freezes },
		{ "POST", "/api/v1/freezes/{name}/{state}", rest_freeze },
		{ "GET", "/api/v1/outbox", rest_outbox },
		{ "POST", "/api/v1/outbox/{row}/retry", rest_outbox_retry },
		{ "GET", "/api/v1/hooks", rest_hooks },
		{ "POST", "/api/v1/hooks/{id}/replay", rest_hook_replay },
		{ "GET", "/api/v1/events", rest_events },
		{ "GET", "/api/v1/tokens", rest_tokens },
		{ "POST", "/api/v1/tokens", rest_token_create },
		{ "DELETE", "/api/v1/tokens/{name}", rest_token_revoke },
		{ "POST", "/gate/check", rest_gate_check },
		{ "POST", "/gate/check/{policy}", rest_gate_check_policy },
		{ "POST", "/gate/approve", rest_gate_approve },
		{ "POST", "/gate/approve/{policy}", rest_gate_check_policy },
		{ "POST", "/gate/halt", rest_gate_halt },
		{ "POST", "/gate/open", rest_gate_open },
		{ "POST", "/gate/close", rest_gate_close },
		{ "POST", "/rollback/check", rest_rollback_check },
		{ "POST", "/rollback/open", rest_rollback_open },
		{ "POST", "/rollback/close", rest_gate_close },
	};
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
		add(a->routes, &a->route_count, a, rest[i].method, rest[i].path, rest[i].handle);
	size_t n = 0;
	add(a->admin, &n, a, "GET", "/healthz", rest_healthz);
	add(a->admin, &n, a, "GET", "/readyz", rest_readyz);
	add(a->admin, &n, a, "GET", "/metrics", rest_metrics);
}

static enum result read_cidrs(struct rest *a, struct error *e)
{
	for (const char *const *c = a->o.gate_cidrs; c && *c; c++) {
		if (a->cidr_count == REST_CIDRS_MAX)
			return error_set(e, RC_EXHAUSTED, "more than %d address ranges may ask gates", REST_CIDRS_MAX);
		enum result r = cidr_parse(*c, &a->cidrs[a->cidr_count++], e);
		if (r != RC_OK)
			return r;
	}
	return RC_OK;
}

enum result rest_create(const struct rest_options *o, struct rest **ret, struct error *e)
{
	CLEANUP(rest_destroy_p) struct rest *a = calloc(1, sizeof *a);
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
	engine_listen(o->engine, rest_event, a);
	if (o->approvals)
		approvals_listen(o->approvals, rest_approval_event, a);
	*ret = TAKE(a);
	return RC_OK;
}

void rest_stop(struct rest *a)
{
	a->stopping = true;
	rest_streams_end(a);
}

void rest_destroy(struct rest *a)
{
	if (!a)
		return;
	rest_streams_end(a);
	while (a->calls)
		(void)rest_call_end(a->calls);
	if (a->o.approvals)
		approvals_forget(a->o.approvals, a);
	free(a);
}

const struct http_route *rest_routes(struct rest *a)
{
	return a->routes;
}

const struct http_route *rest_admin_routes(struct rest *a)
{
	return a->admin;
}

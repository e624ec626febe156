/* /api/v1/tokens, for admins. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/api/rest_room.h"

static const int64_t life_max_ms = 3155760000000;

void rest_tokens(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	if (!rest_admit(a, x, SCOPE_ADMIN))
		return;
	CLEANUP(free_p) char *list = tokens_json(a->o.tokens);
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_add(&b, "{\"tokens\":");
	strbuf_add(&b, list ? list : "[]");
	strbuf_addc(&b, '}');
	rest_answer(x, list ? 200 : 503, &b);
}

static void issued(void *owner, enum result r, const char *secret, const struct error *why)
{
	struct http_exchange *x = rest_call_end_good(owner, r, why);
	if (!x)
		return;
	struct strbuf b;
	strbuf_init(&b, REST_BODY_MAX);
	strbuf_add(&b, "{\"token\":");
	strbuf_add_json(&b, secret);
	strbuf_addc(&b, '}');
	rest_answer(x, 201, &b);
}

void rest_token_create(void *owner, struct http_exchange *x)
{
	static const char *const members[] = { "name", "scope", "expiresMs", NULL };
	struct rest *a = owner;
	const struct token *by = rest_admit(a, x, SCOPE_ADMIN);
	CLEANUP(json_delete_p) cJSON *body = by ? rest_body(x, members) : NULL;
	struct error e;
	enum token_scope scope;
	if (!body)
		return;
	const cJSON *life = cJSON_GetObjectItemCaseSensitive(body, "expiresMs");
	int64_t life_ms = json_int(body, "expiresMs", -1);
	if (!life)
		life_ms = 0;
	if (token_scope_parse(json_text(body, "scope", ""), &scope, &e) != RC_OK ||
	    ((life_ms < 0 || life_ms > life_max_ms) &&
	     error_set(&e, RC_INVALID, "expiresMs must be a whole number of milliseconds, up to a hundred years"))) {
		http_respond_result(x, &e);
		return;
	}
	struct rest_call *c = rest_call_begin(a, x);
	if (c)
		tokens_issue(a->o.tokens, json_text(body, "name", ""), scope, life_ms, by->name, issued, c);
}

static void revoked(void *owner, enum result r, const struct error *why)
{
	struct http_exchange *x = rest_call_end(owner);
	if (!x)
		return;
	if (r == RC_OK)
		http_respond_json(x, 200, "{\"text\":\"revoked\"}\n");
	else
		http_respond_result(x, why);
}

void rest_token_revoke(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	const struct token *by = rest_admit(a, x, SCOPE_ADMIN);
	struct rest_call *c = by ? rest_call_begin(a, x) : NULL;
	if (!c)
		return;
	/* The token may be the one that asks. */
	const char *actor = arena_strdup(http_arena(x), by->name);
	tokens_revoke(a->o.tokens, http_param(x, "name"), actor ? actor : "", revoked, c);
}

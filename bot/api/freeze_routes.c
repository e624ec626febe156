/* /api/v1/freezes: what holds, and the switches. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/api/rest_room.h"
#include "bot/approvals/freezes.h"

enum { REASON_MAX = 2000 };

static void add_moment(struct strbuf *b, const char *key, struct wall_ms at)
{
	char text[32];
	wall_print(at, text);
	strbuf_addf(b, ",\"%s\":", key);
	if (at.v)
		strbuf_add_json(b, text);
	else
		strbuf_add(b, "null");
}

static void add_freeze(struct strbuf *b, const struct freeze_state *f)
{
	strbuf_add(b, "{\"name\":");
	strbuf_add_json(b, f->name);
	strbuf_addf(b, ",\"holds\":%s,\"switched\":%s", f->holds ? "true" : "false", f->switched ? "true" : "false");
	add_moment(b, "until", f->until);
	add_moment(b, "since", f->since);
	strbuf_add(b, ",\"by\":");
	strbuf_add_json(b, f->by);
	strbuf_add(b, ",\"reason\":");
	strbuf_add_json(b, f->reason);
	strbuf_addc(b, '}');
}

void rest_freezes(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	if (!rest_admit(a, x, SCOPE_READ))
		return;
	const struct freeze_state *list = approvals_freezes(a->o.approvals, http_arena(x));
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_add(&b, "{\"freezes\":[");
	for (size_t i = 0; list && list[i].name; i++) {
		strbuf_add(&b, i ? "," : "");
		add_freeze(&b, &list[i]);
	}
	strbuf_add(&b, "]}");
	rest_answer(x, list ? 200 : 503, &b);
}

static enum result read_ask(struct http_exchange *x, const cJSON *body, struct freeze_ask *q, struct error *e)
{
	const char *state = http_param(x, "state");
	const cJSON *reason = cJSON_GetObjectItemCaseSensitive(body, "reason");
	if (!text_eq(state, "on") && !text_eq(state, "off"))
		return error_set(e, RC_NOT_FOUND, "a freeze is switched on or off, not \"%.40s\"", state);
	if (reason && (!cJSON_IsString(reason) || strlen(reason->valuestring) > REASON_MAX))
		return error_set(e, RC_INVALID, "reason must be text of %d bytes at most", REASON_MAX);
	q->name = http_param(x, "name");
	q->on = text_eq(state, "on");
	q->reason = reason ? reason->valuestring : "";
	return RC_OK;
}

void rest_freeze(void *owner, struct http_exchange *x)
{
	static const char *const members[] = { "reason", "via", NULL };
	struct rest *a = owner;
	struct error e;
	const struct token *t = rest_admit(a, x, SCOPE_DECIDE);
	CLEANUP(json_delete_p) cJSON *body = t ? rest_body(x, members) : NULL;
	if (!body)
		return;
	struct freeze_ask q = { .person = rest_person(t) };
	if (read_ask(x, body, &q, &e) != RC_OK) {
		http_respond_result(x, &e);
		return;
	}
	bot_recognise(a->o.bot, &q.person, http_arena(x));
	struct rest_call *c = rest_call_begin(a, x);
	if (c)
		approvals_freeze(a->o.approvals, &q, rest_call_said, c);
}

/* POST /console/rollouts/NS/NAME/VERB: the same way in as a press of a button in a chat. */
#include "base/json.h"
#include "bot/console/console_room.h"

static void done(void *owner, enum result r, const char *text)
{
	struct error e = { .code = r };
	if (r != RC_OK)
		(void)error_set(&e, r, "%s", text);
	struct http_exchange *x = rest_call_end_good(owner, r, &e);
	if (!x)
		return;
	struct strbuf b;
	strbuf_init(&b, REST_BODY_MAX);
	strbuf_add(&b, "{\"text\":");
	strbuf_add_json(&b, text);
	strbuf_addc(&b, '}');
	rest_answer(x, 202, &b);
}

static void hand_over(struct console *c, struct http_exchange *x, const struct visitor *v, const cJSON *body)
{
	struct rest_call *call = rest_call_begin(c->o.rest, x);
	if (!call)
		return;
	struct bot_ask ask = {
		.person = door_person(v),
		.verb = http_param(x, "verb"),
		.name = arena_printf(http_arena(x), "%s/%s", http_param(x, "ns"), http_param(x, "name")),
		.request_id = json_text(body, "request", ""),
		.revision = json_text(body, "revision", ""),
		.reason = json_text(body, "reason", ""),
		.via = "console",
		.event_id = "",
		.message_id = "",
		.channel = "",
		.weight = (int)json_int(body, "weight", 0),
		.override_gates = json_bool(body, "override", false),
	};
	bot_do(c->api->bot, &ask, done, call);
}

void act_verb(void *owner, struct http_exchange *x)
{
	static const char *const members[] = { "reason", "revision", "request", "weight", "override", NULL };
	struct console *c = owner;
	const char *verb = http_param(x, "verb");
	struct visitor v;
	struct error e;
	if (!door_admit_change(c, x, SCOPE_DECIDE, &v) || !rest_verb_known(x, verb) || !rest_may_decide(c->o.rest, x))
		return;
	CLEANUP(json_delete_p) cJSON *body = rest_body(x, members);
	if (!body)
		return;
	if (rest_verb_good(body, verb, &e))
		hand_over(c, x, &v, body);
	else
		http_respond_result(x, &e);
}

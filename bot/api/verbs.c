/* POST /api/v1/rollouts/NS/NAME/VERB: the same way in as a press of a button. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/api/rest_room.h"

enum { REASON_MAX = 2000, WEIGHT_MAX = 100 };

static bool is_verb(const char *name)
{
	enum engine_verb unused;
	return text_eq(name, "approve") || text_eq(name, "reject") || engine_verb_parse(name, &unused, NULL) == RC_OK;
}

static const char *nearest_verb(const char *name)
{
#define X(id, word) word,
	static const char *const verbs[] = { "approve", "reject", ENGINE_VERBS(X) NULL };
#undef X
	return text_nearest(name, verbs);
}

/* Texts must be texts, and so on; the first that is not is told. */
bool rest_verb_good(const cJSON *body, const char *verb, struct error *e)
{
	static const char *const texts[] = { "reason", "revision", "request", "via" };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(body, texts[i]);
		if (v && !cJSON_IsString(v))
			return !error_set(e, RC_INVALID, "%s must be text", texts[i]);
		if (v && strlen(v->valuestring) > REASON_MAX)
			return !error_set(e, RC_INVALID, "%s is longer than %d bytes", texts[i], REASON_MAX);
	}
	const cJSON *override = cJSON_GetObjectItemCaseSensitive(body, "override");
	const cJSON *weight = cJSON_GetObjectItemCaseSensitive(body, "weight");
	if (override && !cJSON_IsBool(override))
		return !error_set(e, RC_INVALID, "override must be true or false");
	if (text_eq(verb, "weight") != (weight != NULL))
		return !error_set(e, RC_INVALID, weight ? "weight belongs to the verb weight" : "weight is missing");
	if (weight && (!cJSON_IsNumber(weight) || weight->valuedouble < 0 || weight->valuedouble > WEIGHT_MAX ||
		       weight->valuedouble != (double)(int)weight->valuedouble))
		return !error_set(e, RC_INVALID, "weight must be a whole number from 0 to %d", WEIGHT_MAX);
	return true;
}

static void hand_over(struct rest *a, struct http_exchange *x, const struct token *t, const cJSON *body)
{
	struct rest_call *c = rest_call_begin(a, x);
	if (!c)
		return;
	const char *key = http_header(x, "idempotency-key");
	struct bot_ask ask = {
		.person = rest_person(t),
		.verb = http_param(x, "verb"),
		.name = arena_printf(http_arena(x), "%s/%s", http_param(x, "ns"), http_param(x, "name")),
		.request_id = json_text(body, "request", ""),
		.revision = json_text(body, "revision", ""),
		.reason = json_text(body, "reason", ""),
		.via = text_eq(json_text(body, "via", ""), "cli") ? "cli" : "api",
		.event_id = key ? arena_printf(http_arena(x), "%s/%s", t->name, key) : "",
		.message_id = "",
		.channel = "",
		.weight = (int)json_int(body, "weight", 0),
		.override_gates = json_bool(body, "override", false),
	};
	bot_do(a->o.bot, &ask, rest_call_said, c);
}

bool rest_verb_known(struct http_exchange *x, const char *verb)
{
	if (is_verb(verb))
		return true;
	const char *near = nearest_verb(verb);
	http_respond_error(x, 404, NULL, "there is no verb \"%.40s\"%s%s%s", verb, near ? "; did you mean \"" : "",
			   near ? near : "", near ? "\"?" : "");
	return false;
}

bool rest_may_decide(struct rest *a, struct http_exchange *x)
{
	if (!rest_is_synced(a, x))
		return false;
	if (engine_leading(a->o.engine))
		return true;
	http_respond_error(x, 503, "ask again: another replica answers", "this replica does not lead");
	return false;
}

void rest_verb(void *owner, struct http_exchange *x)
{
	static const char *const members[] = { "reason", "revision", "request", "via", "weight", "override", NULL };
	struct rest *a = owner;
	const char *verb = http_param(x, "verb");
	const struct token *t = rest_admit(a, x, SCOPE_DECIDE);
	struct error e;
	if (!t)
		return;
	if (!rest_verb_known(x, verb) || !rest_may_decide(a, x))
		return;
	CLEANUP(json_delete_p) cJSON *body = rest_body(x, members);
	if (!body)
		return;
	if (rest_verb_good(body, verb, &e))
		hand_over(a, x, t, body);
	else
		http_respond_result(x, &e);
}

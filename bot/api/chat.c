/* POST /api/v1/chat: a line as it is typed in a chat, for a chat without one: the same words, rights and answers. Who
 * has an admin's token may be somebody else there, where people are chosen without a secret (console.people). */
#include <string.h>

#include "base/crypto.h"
#include "base/json.h"
#include "base/text.h"
#include "bot/api/rest_room.h"

enum { LINE_MAX_BYTES = 4096, EVENT_ID_BYTES = 48 };

static bool may_be_chosen(const struct rest *a, const char *name)
{
	for (const char *const *p = a->o.people; p && *p; p++)
		if (text_eq(*p, name))
			return true;
	return false;
}

static enum result read_person(const struct rest *a, const struct token *t, const cJSON *as, struct person *ret,
			       struct error *e)
{
	*ret = rest_person(t);
	if (!as)
		return RC_OK;
	if (!cJSON_IsString(as))
		return error_set(e, RC_INVALID, "as must be text");
	if (t->scope != SCOPE_ADMIN || !may_be_chosen(a, as->valuestring))
		return error_set(e, RC_REFUSED,
				 "you cannot be \"%.60s\" here: console.people names those who may be chosen",
				 as->valuestring);
	const char *name = as->valuestring;
	*ret = (struct person){ .platform = "console", .team = "", .id = name, .name = name, .user = name };
	return RC_OK;
}

static enum result read_line(const cJSON *body, const char **ret, struct error *e)
{
	const cJSON *line = cJSON_GetObjectItemCaseSensitive(body, "line");
	if (!cJSON_IsString(line) || strlen(line->valuestring) > LINE_MAX_BYTES)
		return error_set(e, RC_INVALID, "line must be text of %d bytes at most", LINE_MAX_BYTES);
	*ret = line->valuestring;
	return RC_OK;
}

void rest_chat(void *owner, struct http_exchange *x)
{
	static const char *const members[] = { "line", "as", NULL };
	struct rest *a = owner;
	struct error e;
	struct person who;
	const char *line = "";
	char event_id[EVENT_ID_BYTES];
	const struct token *t = rest_admit(a, x, SCOPE_DECIDE);
	CLEANUP(json_delete_p) cJSON *body = t && rest_is_synced(a, x) ? rest_body(x, members) : NULL;
	if (!body)
		return;
	enum result r = read_line(body, &line, &e);
	if (r == RC_OK)
		r = read_person(a, t, cJSON_GetObjectItemCaseSensitive(body, "as"), &who, &e);
	if (r == RC_OK)
		r = crypto_token(18, event_id, sizeof event_id, &e);
	if (r != RC_OK) {
		http_respond_result(x, &e);
		return;
	}
	struct rest_call *c = rest_call_begin(a, x);
	if (c)
		bot_command(a->o.bot, &who, "", "", event_id, line, rest_call_said, c);
}

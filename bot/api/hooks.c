/* /api/v1/hooks: the log of webhooks, and replay. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "bot/api/rest_room.h"
#include "bot/channels/webhook/webhook.h"

enum { LOG_MAX = 1000, LOG_USUAL = 50 };

static void log_read(void *owner, enum result r, const char *json_array, const struct error *why)
{
	struct http_exchange *x = rest_call_end_good(owner, r, why);
	if (!x)
		return;
	struct strbuf b;
	strbuf_init(&b, REST_ANSWER_MAX);
	strbuf_add(&b, "{\"hooks\":");
	strbuf_add(&b, json_array);
	strbuf_addc(&b, '}');
	rest_answer(x, 200, &b);
}

static bool is_state(const char *s)
{
	return !*s || text_eq(s, "waiting") || text_eq(s, "delivered") || text_eq(s, "failed");
}

void rest_hooks(void *owner, struct http_exchange *x)
{
	struct rest *a = owner;
	uint64_t limit = LOG_USUAL;
	struct error e = { .code = RC_OK };
	const char *receiver = http_query(x, "receiver"), *state = http_query(x, "state"),
		   *asked = http_query(x, "limit");
	if (!rest_admit(a, x, SCOPE_READ))
		return;
	if (asked && text_u64(asked, 1, LOG_MAX, &limit, &e) != RC_OK)
		(void)error_in(&e, RC_INVALID, "limit");
	else if (state && !is_state(state))
		(void)error_set(&e, RC_INVALID, "state must be waiting, delivered or failed");
	if (e.code != RC_OK) {
		http_respond_result(x, &e);
		return;
	}
	struct rest_call *c = rest_call_begin(a, x);
	if (c)
		webhook_log(a->o.store, receiver ? receiver : "", state ? state : "", (int64_t)limit, log_read, c);
}

static void replayed(void *owner, enum result r, int64_t count, const struct error *why)
{
	struct http_exchange *x = rest_call_end_good(owner, r, why);
	struct strbuf b;
	if (!x)
		return;
	strbuf_init(&b, REST_BODY_MAX);
	strbuf_addf(&b, "{\"text\":\"%lld will be sent again\",\"count\":%lld}", (long long)count, (long long)count);
	rest_answer(x, 202, &b);
}

/* Id "failed": all that failed, of one receiver or of all. */
void rest_hook_replay(void *owner, struct http_exchange *x)
{
	static const char *const members[] = { "receiver", NULL };
	struct rest *a = owner;
	const char *id = http_param(x, "id");
	uint64_t number = 0;
	struct error e = { .code = RC_OK };
	if (!rest_admit(a, x, SCOPE_ADMIN))
		return;
	CLEANUP(json_delete_p) cJSON *body = rest_body(x, members);
	if (!body)
		return;
	const cJSON *receiver = cJSON_GetObjectItemCaseSensitive(body, "receiver");
	if (receiver && !cJSON_IsString(receiver))
		(void)error_set(&e, RC_INVALID, "receiver must be text");
	else if (!text_eq(id, "failed") && text_u64(id, 1, INT64_MAX, &number, &e) != RC_OK)
		(void)error_in(&e, RC_INVALID, "id (a number, or \"failed\")");
	else if (number && receiver)
		(void)error_set(&e, RC_INVALID, "receiver goes with \"failed\"");
	else if (!a->o.webhooks)
		(void)error_set(&e, RC_NOT_FOUND, "no webhooks are configured");
	if (e.code != RC_OK) {
		http_respond_result(x, &e);
		return;
	}
	struct rest_call *c = rest_call_begin(a, x);
	if (c)
		webhook_replay(a->o.webhooks, (int64_t)number, receiver ? receiver->valuestring : "", replayed, c);
}

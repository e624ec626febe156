#include <string.h>

#include "base/duration.h"
#include "base/text.h"
#include "controller/model/build.h"
#include "controller/model/hook_url.h"
#include "controller/model/schema.h"

enum { TIMEOUT_DEFAULT_MS = 10 * 1000 };
#define HALT_HOOK "flagger-default-halt"

int64_t hook_timeout_ms(const char *text, enum hook_type type, const char **ret_why)
{
	int64_t ms = 0;
	*ret_why = NULL;
	/* The original takes a single character for no time-out given, but not for events. */
	if (!*text || (type != HOOK_EVENT && strlen(text) < 2))
		return TIMEOUT_DEFAULT_MS;
	if (duration_parse(text, &ms, NULL) != RC_OK || ms < 0) {
		*ret_why = "the time-out is not a duration";
		return TIMEOUT_DEFAULT_MS;
	}
	/* 0 means none, so that less than a millisecond must not become 0. */
	return ms == 0 && strpbrk(text, "123456789") ? 1 : ms;
}

static enum hook_type type_of(const cJSON *webhook)
{
	enum hook_type type = HOOK_ROLLOUT;
	const char *word = cJSON_GetStringValue(member(webhook, "type"));
	if (word && hook_type_parse(word, &type, NULL) != RC_OK)
		return HOOK_ROLLOUT;
	return type;
}

static void build_address(struct build *b, struct hook *h)
{
	struct hook_url url;
	bool parsed = hook_url_parse(h->url, &url, NULL) == RC_OK;
	const char *policy = parsed ? hook_url_policy(&url) : NULL;
	h->policy = policy ? build_copy(b, policy) : NULL;
	h->halt = strcmp(h->name, HALT_HOOK) == 0 ||
		  (parsed && h->type == HOOK_CONFIRM_ROLLOUT && hook_url_is_halt(&url));
}

static void build_hook(struct build *b, const cJSON *webhook, struct hook *h)
{
	*h = (struct hook){
		.name = build_text(b, webhook, "name", ""),
		.url = build_text(b, webhook, "url", ""),
		.type = type_of(webhook),
		.mute_alert = build_bool(webhook, "muteAlert"),
		.disable_tls = build_bool(webhook, "disableTLS"),
		.retries = build_int(webhook, "retries", 0),
		.metadata = build_pairs(b, member(webhook, "metadata")),
	};
	const char *timeout = cJSON_GetStringValue(member(webhook, "timeout"));
	h->timeout_ms = hook_timeout_ms(timeout ? timeout : "", h->type, &h->timeout_error);
	build_address(b, h);
}

void build_hooks(struct build *b, const cJSON *webhooks, struct analysis *ret)
{
	int size = cJSON_IsArray(webhooks) ? cJSON_GetArraySize(webhooks) : 0;
	struct hook *hooks = build_array(b, (size_t)size, sizeof *hooks);
	if (!hooks)
		return;
	size_t n = 0;
	for (const cJSON *m = webhooks->child; m; m = m->next)
		if (cJSON_IsObject(m))
			build_hook(b, m, &hooks[n++]);
	ret->hooks = hooks;
	ret->hook_count = n;
}

#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "base/text.h"
#include "controller/model/build.h"
#include "controller/model/examine.h"
#include "controller/model/hook_url.h"
#include "controller/model/schema.h"

enum { GATE_TIMEOUT_LEAST_MS = 1000 };

static bool is_gate(enum hook_type t)
{
	return t == HOOK_CONFIRM_ROLLOUT || t == HOOK_CONFIRM_TRAFFIC_INCREASE || t == HOOK_CONFIRM_PROMOTION;
}

/* False: the type is wrong, and what depends on it says nothing. */
static bool check_type(const cJSON *hook, const struct path *parent, struct report *r, enum hook_type *ret)
{
	const cJSON *v = member(hook, "type");
	struct path p = path_member(parent, "type");
	char quoted[REPORT_QUOTE], near[REPORT_QUOTE], words[192];
	*ret = HOOK_ROLLOUT;
	if (!v)
		return true;
	if (!cJSON_IsString(v))
		return false; /* the schema has told */
	bool known = hook_type_parse(v->valuestring, ret, NULL) == RC_OK;
	if (known && *ret != HOOK_CONFIRM_STEP)
		return true;
	if (known) {
		report_add(r, LEVEL_FATAL, v, &p,
			   "\"confirm-step\" is not a webhook type; ask for it by the annotation rollcall.dev/gates");
		return false;
	}
	report_suggestion(v->valuestring, webhook_types, near);
	report_add(r, LEVEL_FATAL, v, &p, "%s is not a webhook type%s %s %s", report_quote(v->valuestring, quoted),
		   *near ? near : ";", *near ? "One of" : "one of", report_words(webhook_types, words, sizeof words));
	return false;
}

/* Nothing of the message is shown: the text of a failed parse names only line and column. */
static void check_robot(const cJSON *hook, const struct path *parent, struct report *r)
{
	const cJSON *v = member(member(hook, "metadata"), "data");
	struct path metadata = path_member(parent, "metadata"), p = path_member(&metadata, "data");
	if (!v) {
		report_add_key(r, LEVEL_MISTAKE, hook, &p,
			       "is missing; a DingTalk robot is sent what stands there, a message in JSON");
		return;
	}
	if (!cJSON_IsString(v))
		return; /* the schema has told */
	cJSON *root = NULL;
	struct error e;
	enum result parsed = json_parse(v->valuestring, strlen(v->valuestring), &root, &e);
	if (parsed == RC_EXHAUSTED) {
		r->exhausted = true;
		return;
	}
	if (parsed != RC_OK) {
		report_add(r, LEVEL_FATAL, v, &p, "it is not JSON, so that a DingTalk robot would refuse it: %s",
			   e.text);
		return;
	}
	CLEANUP(json_delete_p) cJSON *message = root;
	if (!cJSON_IsObject(message))
		report_add(r, LEVEL_FATAL, v, &p, "it is not a JSON object, so that a DingTalk robot would refuse it");
	else if (text_empty(cJSON_GetStringValue(member(message, "msgtype"))))
		report_add(r, LEVEL_MISTAKE, v, &p, "the message has no \"msgtype\", which a DingTalk robot wants");
}

static void check_address(const cJSON *hook, const struct path *parent, enum hook_type type, bool type_known,
			  struct report *r)
{
	const cJSON *v = member(hook, "url");
	struct path p = path_member(parent, "url");
	struct hook_url url;
	struct error e;
	if (!cJSON_IsString(v) || !*v->valuestring)
		return; /* the schema has told */
	enum result parsed = hook_url_parse(v->valuestring, &url, &e);
	if (parsed == RC_EXHAUSTED) {
		r->exhausted = true;
		return;
	}
	if (parsed != RC_OK) {
		report_add(r, LEVEL_FATAL, v, &p, "%s", e.text);
		return;
	}
	if (hook_url_policy(&url) && type_known && !is_gate(type) && type != HOOK_ROLLBACK)
		report_add(r, LEVEL_FATAL, v, &p,
			   "rollcall://gate/ answers confirm-rollout, confirm-traffic-increase, confirm-promotion and "
			   "rollback, not %s",
			   hook_type_name(type));
	if (hook_url_is_dingtalk_robot(&url))
		check_robot(hook, parent, r);
}

static void check_timeout(const cJSON *hook, const struct path *parent, enum hook_type type, struct report *r)
{
	const cJSON *v = member(hook, "timeout");
	struct path p = path_member(parent, "timeout");
	const char *text = cJSON_GetStringValue(v), *why;
	char quoted[REPORT_QUOTE];
	if (text_empty(text))
		return;
	report_quote(text, quoted);
	int64_t ms = hook_timeout_ms(text, type, &why);
	size_t digits = strspn(text, "0123456789");
	/* Nothing waits for an event hook, so that a bad one must not stop a release. */
	if (why)
		report_add(r, type == HOOK_EVENT ? LEVEL_MISTAKE : LEVEL_FATAL, v, &p,
			   "%s is not a duration; write it like \"10s\" or \"1m\"", quoted);
	else if (digits == 0 || (text[digits] != 's' && text[digits] != 'm'))
		report_add(r, LEVEL_MISTAKE, v, &p,
			   "%s is refused by the API server; begin with whole minutes or seconds, such as \"10s\"",
			   quoted);
	else if (is_gate(type) && ms > 0 && ms < GATE_TIMEOUT_LEAST_MS)
		report_add(r, LEVEL_WARNING, v, &p,
			   "%s is short for a gate: an answer that comes later counts as no; at least 1s", quoted);
}

/* Statuses that roll back at once (a confirm hook's metadata). */
static void check_abort_on(const cJSON *hook, const struct path *parent, struct report *r)
{
	static const char key[] = "rollcall.dev/abort-on";
	const cJSON *v = member(member(hook, "metadata"), key);
	struct path metadata = path_member(parent, "metadata"), p = path_key(&metadata, key);
	char quoted[REPORT_QUOTE];
	if (!cJSON_IsString(v))
		return;
	const char *at = v->valuestring;
	bool fits = *at != '\0';
	while (*at && fits) {
		at += strspn(at, " ");
		fits = *at >= '1' && *at <= '5' && strspn(at, "0123456789") == 3;
		at += fits ? 3 : 0;
		at += strspn(at, " ");
		fits = fits && (*at == '\0' || *at == ',');
		at += *at == ',';
	}
	if (!fits)
		report_add(r, LEVEL_MISTAKE, v, &p, "%s is not a list of HTTP statuses, such as \"401,409\"",
			   report_quote(v->valuestring, quoted));
}

void hook_rules(const struct subject *s, struct report *r)
{
	const cJSON *list = member(s->analysis, "webhooks");
	struct path p = path_member(&s->analysis_path, "webhooks");
	size_t i = 0;
	for (const cJSON *m = cJSON_IsArray(list) ? list->child : NULL; m; m = m->next, i++) {
		struct path at = path_item(&p, i);
		enum hook_type type;
		if (!cJSON_IsObject(m))
			continue;
		bool known = check_type(m, &at, r, &type);
		check_address(m, &at, type, known, r);
		check_timeout(m, &at, type, r);
		check_abort_on(m, &at, r);
	}
}

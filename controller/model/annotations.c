#include "controller/model/annotations.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "controller/model/schema.h"

static const char *const gate_words[] = { "confirm-rollout", "confirm-traffic-increase",
					  "confirm-step",    "confirm-promotion",
					  "rollback",        NULL };
static const char *const ours[] = { ANNOTATION_POLICY,      ANNOTATION_GATES,        ANNOTATION_STEPS,
				    ANNOTATION_REQUEST,     ANNOTATION_UPSTREAM,     "rollcall.dev/requested-by",
				    "rollcall.dev/release", "rollcall.dev/original", ANNOTATION_EXTENSION,
				    ANNOTATION_DISTINGUISH, ANNOTATION_GENERAL,      NULL };

static const cJSON *annotation_node(const cJSON *object, const char *key)
{
	return member(member(member(object, "metadata"), "annotations"), key);
}

const char *annotation_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(annotation_node(object, key));
}

bool annotation_extension(const cJSON *object)
{
	return text_eq(annotation_of(object, ANNOTATION_EXTENSION), "true");
}

bool policy_name_fits(const char *name)
{
	size_t len = strlen(name);
	return len > 0 && len <= 63 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

const char *comma_word(const char *at, char *word, size_t size)
{
	if (!at)
		return NULL;
	at += strspn(at, " \t\n");
	size_t len = strcspn(at, ",");
	const char *rest = at[len] ? at + len + 1 : at + len;
	while (len > 0 && strchr(" \t\n", at[len - 1]))
		len--;
	if (len >= size)
		len = size - 1;
	memcpy(word, at, len);
	word[len] = '\0';
	return *at || *rest ? rest : NULL;
}

static bool is_gate(const char *word)
{
	for (const char *const *w = gate_words; *w; w++)
		if (strcmp(*w, word) == 0)
			return true;
	return false;
}

void annotation_gates(const char *list, bool gates[HOOK_TYPE_COUNT])
{
	char word[64];
	for (const char *at = list; (at = comma_word(at, word, sizeof word));) {
		enum hook_type type;
		if (is_gate(word) && hook_type_parse(word, &type, NULL) == RC_OK)
			gates[type] = true;
	}
}

static void check_gates(const cJSON *node, const struct path *p, struct report *r)
{
	char word[64], quoted[REPORT_QUOTE], near[REPORT_QUOTE], words[128];
	for (const char *at = node->valuestring; (at = comma_word(at, word, sizeof word));) {
		if (!*word || is_gate(word))
			continue;
		report_suggestion(word, gate_words, near);
		report_add(r, LEVEL_FATAL, node, p, "%s is not a gate%s %s %s", report_quote(word, quoted),
			   *near ? near : ";", *near ? "One of" : "one of",
			   report_words(gate_words, words, sizeof words));
	}
}

static void check_policy(const cJSON *node, const struct path *p, struct report *r)
{
	char quoted[REPORT_QUOTE];
	if (!policy_name_fits(node->valuestring))
		report_add(r, LEVEL_FATAL, node, p,
			   "%s is not the name of a policy; letters, digits, '-', '_' and '.', at most 63",
			   report_quote(node->valuestring, quoted));
}

static void check_steps(const cJSON *node, const struct path *p, struct report *r)
{
	char quoted[REPORT_QUOTE];
	if (strcmp(node->valuestring, "manual") != 0)
		report_add(r, LEVEL_FATAL, node, p,
			   "%s is not known; \"manual\" asks before every step, without the annotation none is asked",
			   report_quote(node->valuestring, quoted));
}

static void check_switch(const cJSON *node, const struct path *p, struct report *r)
{
	char quoted[REPORT_QUOTE];
	if (strcmp(node->valuestring, "true") != 0 && strcmp(node->valuestring, "false") != 0)
		report_add(r, LEVEL_WARNING, node, p, "%s does not switch the extension on; 'true' does",
			   report_quote(node->valuestring, quoted));
}

static void check_request(const cJSON *node, const struct path *p, struct report *r)
{
	if (!report_wants(r, LEVEL_MISTAKE))
		return;
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(64 * 1024);
	struct request request;
	struct error e;
	if (!a) {
		r->exhausted = true;
		return;
	}
	if (request_parse(node->valuestring, a, &request, &e) != RC_OK) /* also one that is far too long */
		report_add(r, LEVEL_MISTAKE, node, p, "the request is not understood and is ignored: %s", e.text);
}

static void check_labels(const cJSON *node, const struct path *p, struct report *r)
{
	char word[320], quoted[REPORT_QUOTE];
	for (const char *at = node->valuestring; (at = comma_word(at, word, sizeof word));) {
		const char *slash = strrchr(word, '/');
		const char *name = slash ? slash + 1 : word;
		size_t len = strlen(name);
		if (len < 1 || len > 63 || strpbrk(name, " =:,\"'"))
			report_add(r, LEVEL_MISTAKE, node, p, "%s is not the key of a label",
				   report_quote(word, quoted));
	}
}

static void check_upstream(const cJSON *node, const struct path *p, struct report *r)
{
	char quoted[REPORT_QUOTE];
	if (!text_is_dns_label(node->valuestring))
		report_add(r, LEVEL_FATAL, node, p,
			   "%s cannot name an upstream of nginx; lower case letters, digits and '-', at most 63",
			   report_quote(node->valuestring, quoted));
}

typedef void annotation_rule(const cJSON *node, const struct path *p, struct report *r);
static const struct {
	const char *key;
	annotation_rule *check;
} rules[] = {
	{ ANNOTATION_POLICY, check_policy },      { ANNOTATION_GATES, check_gates },
	{ ANNOTATION_STEPS, check_steps },        { ANNOTATION_REQUEST, check_request },
	{ ANNOTATION_UPSTREAM, check_upstream },  { ANNOTATION_EXTENSION, check_switch },
	{ ANNOTATION_DISTINGUISH, check_labels }, { ANNOTATION_GENERAL, check_labels },
};

/* A mistyped key would switch something off in silence. */
static void check_key(const cJSON *node, const struct path *p, struct report *r)
{
	char near[REPORT_QUOTE];
	for (const char *const *w = ours; *w; w++)
		if (strcmp(*w, node->string) == 0)
			return;
	if (text_starts(node->string, "rollcall.dev/") || text_starts(node->string, "alicloud.canary."))
		report_add_key(r, LEVEL_WARNING, node, p, "no such annotation%s",
			       report_suggestion(node->string, ours, near));
}

void annotations_check(const cJSON *object, struct report *r)
{
	const cJSON *annotations = member(member(object, "metadata"), "annotations");
	struct path parent = path_of("metadata.annotations");
	if (!cJSON_IsObject(annotations))
		return;
	for (const cJSON *m = annotations->child; m; m = m->next) {
		struct path p = path_key(&parent, m->string);
		check_key(m, &p, r);
		for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
			if (cJSON_IsString(m) && strcmp(rules[i].key, m->string) == 0)
				rules[i].check(m, &p, r);
	}
}

static const char *copied(const cJSON *request, const char *name, struct arena *a)
{
	const char *text = cJSON_GetStringValue(member(request, name));
	return text ? arena_strdup(a, text) : "";
}

static enum result check_weight(const cJSON *weight, struct error *e)
{
	if (!weight || (cJSON_IsNumber(weight) && weight->valuedouble >= 0 && weight->valuedouble <= 100 &&
			weight->valuedouble == (double)weight->valueint))
		return RC_OK;
	return error_set(e, RC_INVALID, "weight is not a whole number from 0 to 100");
}

enum result request_parse(const char *text, struct arena *a, struct request *ret, struct error *e)
{
	cJSON *root = NULL;
	enum result r = json_parse(text, strlen(text), &root, e);
	if (r != RC_OK)
		return r;
	CLEANUP(json_delete_p) cJSON *request = root;
	if (text_empty(cJSON_GetStringValue(member(request, "id"))))
		return error_set(e, RC_INVALID, "it has no id");
	if (text_empty(cJSON_GetStringValue(member(request, "verb"))))
		return error_set(e, RC_INVALID, "it has no verb");
	const cJSON *weight = member(request, "weight");
	r = check_weight(weight, e);
	if (r != RC_OK)
		return r;
	struct request made = {
		.id = copied(request, "id", a),
		.verb = copied(request, "verb", a),
		.by = copied(request, "by", a),
		.at = copied(request, "at", a),
		.revision = copied(request, "revision", a),
		.reason = copied(request, "reason", a),
		.weight = weight ? weight->valueint : -1,
		.override_gates = cJSON_IsTrue(member(request, "override")),
	};
	if (!made.id || !made.verb || !made.by || !made.at || !made.revision || !made.reason)
		return error_set(e, RC_EXHAUSTED, "the request is too long");
	*ret = made;
	return RC_OK;
}

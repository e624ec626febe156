/* The table of fields against the CRD that the API server has: neither may know a field or a word that the other does
 * not. */
#include "controller/model/schema.h"

#include "tests/unit/controller/model/objects.h"

#include "base/text.h"
#include "base/yaml.h"

static const cJSON *load_crd(struct yaml_doc ***ret, size_t *ret_count)
{
	static const char path[] = "deploy/crds/canaries.yaml";
	size_t len = 0;
	struct error e = { .text = "" };
	CLEANUP(free_p) char *text = file_read(path, &len);
	if (yaml_parse(path, text, len, ret, ret_count, &e) != RC_OK)
		fail_msg("%s", e.text);
	const cJSON *root = json_at(yaml_root((*ret)[0]), "spec.versions.0.schema.openAPIV3Schema");
	assert_non_null(root);
	return root;
}

static const char *crd_type(enum schema_type t)
{
	switch (t) {
	case SCHEMA_TEXT:
	case SCHEMA_DURATION:
	case SCHEMA_PERIOD:
		return "string";
	case SCHEMA_INT:
		return "integer";
	case SCHEMA_NUMBER:
		return "number";
	case SCHEMA_BOOL:
		return "boolean";
	case SCHEMA_OBJECT:
	case SCHEMA_MAP:
		return "object";
	case SCHEMA_LIST:
		return "array";
	case SCHEMA_INT_OR_TEXT:
	case SCHEMA_ANY:
		break;
	}
	return "";
}

static void compare(const struct schema *s, const cJSON *crd, const char *path);

/* What runs without Kubernetes is no word of its CRD: the API server refuses it as we would. */
static bool is_for_one_machine(const char *path, const char *word)
{
	return strcmp(path, "spec.targetRef.kind") == 0 &&
	       (strcmp(word, "Process") == 0 || strcmp(word, "SystemdUnit") == 0);
}

static void compare_words(const struct schema *s, const cJSON *crd, const char *path)
{
	const cJSON *words = json_at(crd, "enum");
	size_t n = 0, in_crd = 0;
	for (const cJSON *w = words ? words->child : NULL; w; w = w->next) {
		if (!*w->valuestring)
			continue;
		in_crd++;
		bool found = false;
		for (n = 0; s->words && s->words[n]; n++)
			found = found || strcmp(s->words[n], w->valuestring) == 0;
		/* the types of webhooks are checked by hook_rules.c */
		if (!found && !text_ends(path, "webhooks[].type"))
			fail_msg("%s: only the CRD allows %s", path, w->valuestring);
	}
	n = 0;
	for (const char *const *w = s->words; w && *w; w++)
		n += !is_for_one_machine(path, *w);
	if (words && s->words && n != in_crd)
		fail_msg("%s: %zu words here, %zu in the CRD", path, n, in_crd);
}

static bool is_required(const cJSON *crd, const char *name)
{
	const cJSON *list = json_at(crd, "required");
	for (const cJSON *m = list ? list->child : NULL; m; m = m->next)
		if (strcmp(m->valuestring, name) == 0)
			return true;
	return false;
}

static void compare_fields(const struct schema *s, const cJSON *crd, const char *path)
{
	const cJSON *properties = json_at(crd, "properties");
	if (!properties)
		fail_msg("%s: no properties in the CRD", path);
	for (const struct schema *f = s->of; f->name; f++) {
		char at[256];
		snprintf(at, sizeof at, "%s.%s", path, f->name);
		const cJSON *there = cJSON_GetObjectItemCaseSensitive(properties, f->name);
		if (!there && strcmp(f->name, "canaryAnalysis") == 0)
			continue; /* the old name, which no API server keeps */
		if (!there)
			fail_msg("%s: not in the CRD", at);
		if (is_required(crd, f->name) && f->need == OPTIONAL && strcmp(f->name, "analysis") != 0)
			fail_msg("%s: required by the CRD only", at);
		compare(f, there, at);
	}
	for (const cJSON *m = properties->child; m; m = m->next) {
		const struct schema *f = s->of;
		while (f->name && strcmp(f->name, m->string) != 0)
			f++;
		if (!f->name)
			fail_msg("%s.%s: only in the CRD", path, m->string);
	}
}

static void compare(const struct schema *s, const cJSON *crd, const char *path)
{
	char at[256];
	const char *type = json_text(crd, "type", "");
	if (s->type == SCHEMA_ANY)
		return;
	if (strcmp(type, crd_type(s->type)) != 0)
		fail_msg("%s: \"%s\" in the CRD, \"%s\" here", path, type, crd_type(s->type));
	if (s->type == SCHEMA_PERIOD)
		assert_string_equal(json_text(crd, "pattern", ""), "^[0-9]+(m|s)");
	if (s->type == SCHEMA_INT && json_at(crd, "minimum") && s->min != json_int(crd, "minimum", 0))
		fail_msg("%s: minimum", path);
	if (s->type == SCHEMA_INT && json_at(crd, "maximum") && s->max != json_int(crd, "maximum", 0))
		fail_msg("%s: maximum", path);
	compare_words(s, crd, path);
	if (s->one_member && !json_at(crd, "oneOf"))
		fail_msg("%s: the CRD does not ask for exactly one", path);
	snprintf(at, sizeof at, "%s[]", path);
	if (s->type == SCHEMA_OBJECT)
		compare_fields(s, crd, path);
	else if (s->type == SCHEMA_LIST)
		compare(s->of, json_at(crd, "items"), at);
	else if (s->type == SCHEMA_MAP)
		compare(s->of, json_at(crd, "additionalProperties"), at);
}

static void test_agrees_with_the_crd(void **state)
{
	(void)state;
	struct yaml_doc **docs = NULL;
	size_t count = 0;
	const cJSON *crd = load_crd(&docs, &count);
	const struct schema *spec = canary_schema.of;
	while (strcmp(spec->name, "spec") != 0)
		spec++;
	compare(spec, json_at(crd, "properties.spec"), "spec");
	const cJSON *phases = json_at(crd, "properties.status.properties.phase.enum");
	assert_int_equal(cJSON_GetArraySize(phases), PHASE_COUNT);
	for (const cJSON *p = phases->child; p; p = p->next) {
		enum phase parsed;
		assert_int_equal(phase_parse(p->valuestring, &parsed, NULL), RC_OK);
	}
	const cJSON *types =
		json_at(crd, "properties.spec.properties.analysis.properties.webhooks.items.properties.type.enum");
	size_t n = 0;
	for (; webhook_types[n]; n++) {
		bool found = false;
		for (const cJSON *t = types->child; t; t = t->next)
			found = found || strcmp(t->valuestring, webhook_types[n]) == 0;
		assert_true(found);
	}
	assert_int_equal(cJSON_GetArraySize(types), n + 1); /* and the empty one */
	yaml_free(docs, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_agrees_with_the_crd) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}

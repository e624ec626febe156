/* A manifest from anywhere: bytes -> YAML -> Canary and the list of its mistakes. What canary_parse takes must have no
 * error that says no canary can be built, its status must survive a round trip, and findings must be printable. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/yaml.h"
#include "controller/core/revision.h"
#include "controller/model/canary.h"

static void check_findings(const struct findings *f)
{
	for (size_t i = 0; i < f->count; i++) {
		assert(*f->at[i].text);
		assert(text_is_utf8(f->at[i].text, strlen(f->at[i].text)));
		for (const char *at = f->at[i].text; *at; at++)
			assert((unsigned char)*at >= 0x20 && *at != 0x7f);
	}
}

static void round_trip(const struct canary *c)
{
	CLEANUP(json_delete_p) cJSON *object = cJSON_CreateObject();
	CLEANUP(free_p) char *before = NULL, *after = NULL;
	assert(object && json_put_text(object, "metadata.name", "n"));
	cJSON *spec = NULL;
	static const char least[] = "{\"skipAnalysis\":true,\"service\":{\"port\":1},\"targetRef\":{\"apiVersion\":"
				    "\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"n\"}}";
	assert(json_parse(least, sizeof least - 1, &spec, NULL) == RC_OK);
	assert(json_put(object, "spec", spec));
	cJSON *status = canary_status_print(&c->status);
	before = json_canonical(status, false);
	assert(json_put(object, "status", status));
	CLEANUP(canary_free_p) struct canary *again = NULL;
	assert(canary_parse(object, &again, NULL) == RC_OK);
	CLEANUP(json_delete_p) cJSON *printed = canary_status_print(&again->status);
	after = json_canonical(printed, false);
	assert(text_eq(before, after));
}

static void one(const cJSON *object, const struct yaml_doc *doc)
{
	struct findings f = { .at = NULL };
	struct error e = { .text = "" };
	assert(canary_check(object, doc, &f, &e) == RC_OK);
	check_findings(&f);
	CLEANUP(canary_free_p) struct canary *c = NULL;
	enum result r = canary_parse(object, &c, &e);
	if (r == RC_OK)
		round_trip(c);
	else
		assert(*e.text && (r == RC_EXHAUSTED || f.errors > 0));
	findings_finish(&f);
	CLEANUP(arena_destroy_p) struct arena *a = arena_create(4096);
	assert(*revision_of_template(object, a));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yaml_doc **docs = NULL;
	size_t count = 0;
	if (yaml_parse("fuzz", (const char *)data, size, &docs, &count, NULL) != RC_OK)
		return 0;
	for (size_t i = 0; i < count; i++)
		one(yaml_root(docs[i]), docs[i]);
	yaml_free(docs, count);
	return 0;
}

#include "base/yaml.h"
#include "controller/model/examine.h"
#include "controller/model/schema.h"

/* Objects of the API need not say what they are, a manifest must. */
static void check_kind(const cJSON *object, struct report *r)
{
	static const char *const names[] = { "apiVersion", "kind" };
	static const char *const wanted[] = { "flagger.app/v1beta1", "Canary" };
	for (size_t i = 0; cJSON_IsObject(object) && i < sizeof names / sizeof *names; i++) {
		struct path p = path_of(names[i]);
		if (!member(object, names[i]))
			report_add(r, LEVEL_FATAL, object, &p, "is missing; it must be %s", wanted[i]);
	}
}

enum result canary_check(const cJSON *object, const struct yaml_doc *doc, struct findings *f, struct error *e)
{
	struct report r = { .doc = doc, .findings = f, .begin = f->count };
	if (doc)
		check_kind(object, &r);
	canary_examine(object, &r);
	if (r.exhausted)
		return error_set(e, RC_EXHAUSTED, "no memory for the list of mistakes");
	if (doc)
		report_sort(&r);
	return RC_OK;
}

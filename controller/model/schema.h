#pragma once
/* What may stand in a Canary, as a table: the same tree as deploy/crds/canaries.yaml (a test compares them), with words
 * for people and with what is only a warning. Inside the model only. */
#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "controller/model/report.h"

enum schema_type {
	SCHEMA_TEXT,
	SCHEMA_INT,
	SCHEMA_NUMBER,
	SCHEMA_BOOL,
	SCHEMA_INT_OR_TEXT,
	SCHEMA_DURATION, /* text that a Go program reads as a duration */
	SCHEMA_PERIOD,   /* the same, and begins with whole minutes or seconds, because the CRD's pattern wants it */
	SCHEMA_OBJECT,   /* of: its fields, the last with name NULL */
	SCHEMA_LIST,     /* of: one item */
	SCHEMA_MAP,      /* of: one value; any key */
	SCHEMA_ANY       /* not looked at */
};
enum need { OPTIONAL, NEEDED /* without it no canary */, NEEDED_BY_API };
struct schema {
	const char *name;
	enum schema_type type;
	enum need need;
	enum level level;         /* of a wrong value (a wrong type is always fatal) */
	const char *what;         /* "a webhook type", for texts; NULL */
	const char *const *words; /* the allowed ones, NULL-terminated; NULL: any */
	bool bounded;
	int64_t min, max;
	bool one_member; /* object: exactly one of its fields */
	const struct schema *of;
};

extern const struct schema canary_schema; /* the whole object */
extern const char *const canary_providers[];
extern const char *const webhook_types[];

void schema_check(const struct schema *s, const cJSON *v, const struct path *p, struct report *r);
/* A member that is there and not null (which the API treats alike), or NULL. */
const cJSON *member(const cJSON *object, const char *name);

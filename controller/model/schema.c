#include "controller/model/schema.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/text.h"

const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *v = cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
	return cJSON_IsNull(v) ? NULL : v;
}

/* The value as a person wrote it; the inside of lists and objects is not shown. */
static const char *shown(const cJSON *v, char buf[REPORT_QUOTE])
{
	if (cJSON_IsString(v))
		return report_quote(v->valuestring, buf);
	if (cJSON_IsNumber(v)) {
		text_from_double(v->valuedouble, buf);
		return buf;
	}
	if (cJSON_IsBool(v))
		return cJSON_IsTrue(v) ? "true" : "false";
	if (cJSON_IsNull(v))
		return "nothing";
	return cJSON_IsArray(v) ? "a list" : "an object";
}

static bool is_whole(const cJSON *v)
{
	return cJSON_IsNumber(v) && v->valuedouble == floor(v->valuedouble);
}

static bool type_fits(const struct schema *s, const cJSON *v)
{
	switch (s->type) {
	case SCHEMA_TEXT:
	case SCHEMA_DURATION:
	case SCHEMA_PERIOD:
		return cJSON_IsString(v);
	case SCHEMA_INT:
		return is_whole(v);
	case SCHEMA_NUMBER:
		return cJSON_IsNumber(v);
	case SCHEMA_BOOL:
		return cJSON_IsBool(v);
	case SCHEMA_INT_OR_TEXT:
		return is_whole(v) || cJSON_IsString(v);
	case SCHEMA_OBJECT:
	case SCHEMA_MAP:
		return cJSON_IsObject(v);
	case SCHEMA_LIST:
		return cJSON_IsArray(v);
	case SCHEMA_ANY:
		return true;
	}
	return false;
}

static const char *type_words(enum schema_type t)
{
	switch (t) {
	case SCHEMA_TEXT:
		return "text (in quotes)";
	case SCHEMA_DURATION:
	case SCHEMA_PERIOD:
		return "a duration, such as \"30s\" or \"1m\"";
	case SCHEMA_INT:
		return "a whole number";
	case SCHEMA_NUMBER:
		return "a number";
	case SCHEMA_BOOL:
		return "true or false";
	case SCHEMA_INT_OR_TEXT:
		return "a whole number or a name";
	case SCHEMA_OBJECT:
	case SCHEMA_MAP:
		return "an object";
	case SCHEMA_LIST:
		return "a list";
	case SCHEMA_ANY:
		break;
	}
	return "anything";
}

static void check_words(const struct schema *s, const cJSON *v, const struct path *p, struct report *r)
{
	for (const char *const *w = s->words; *w; w++)
		if (strcmp(*w, v->valuestring) == 0)
			return;
	if (!report_wants(r, s->level))
		return;
	char quoted[REPORT_QUOTE], near[REPORT_QUOTE], words[256];
	report_suggestion(v->valuestring, s->words, near);
	report_add(r, s->level, v, p, "%s is not %s%s %s %s", report_quote(v->valuestring, quoted),
		   s->what ? s->what : "allowed here", *near ? near : ";", *near ? "One of" : "one of",
		   report_words(s->words, words, sizeof words));
}

static void check_bounds(const struct schema *s, const cJSON *v, const struct path *p, struct report *r)
{
	double n = v->valuedouble;
	bool fits = n >= (double)INT32_MIN && n <= (double)INT32_MAX;
	if (fits && (!s->bounded || (n >= (double)s->min && n <= (double)s->max)))
		return;
	char text[32];
	text_from_double(n, text);
	if (!fits)
		report_add(r, LEVEL_FATAL, v, p, "%s is too large", text);
	else if (s->max == INT32_MAX)
		report_add(r, s->level, v, p, "%s is too small; at least %" PRId64 " is allowed", text, s->min);
	else
		report_add(r, s->level, v, p, "%s is out of range; %" PRId64 " to %" PRId64 " is allowed", text, s->min,
			   s->max);
}

/* ^[0-9]+(m|s), as the CRD has it */
static bool begins_with_period(const char *s)
{
	size_t digits = strspn(s, "0123456789");
	return digits > 0 && (s[digits] == 'm' || s[digits] == 's');
}

static void check_duration(const struct schema *s, const cJSON *v, const struct path *p, struct report *r)
{
	const char *text = v->valuestring;
	char quoted[REPORT_QUOTE];
	int64_t ms = 0;
	if (!*text) {
		if (s->type == SCHEMA_PERIOD)
			report_add(r, LEVEL_MISTAKE, v, p, "is empty; a duration is wanted, such as \"30s\" or \"1m\"");
	} else if (duration_parse(text, &ms, NULL) != RC_OK || ms < 0) {
		report_add(r, s->level, v, p, "%s is not a duration; write it like \"30s\", \"1m\" or \"1m30s\"",
			   report_quote(text, quoted));
	} else if (s->type == SCHEMA_PERIOD && !begins_with_period(text)) {
		report_add(r, LEVEL_MISTAKE, v, p,
			   "%s is refused by the API server; begin with whole minutes or seconds, such as \"90s\" or "
			   "\"60m\"",
			   report_quote(text, quoted));
	}
}

enum { FIELDS_MAX = 64 };

static void field_names(const struct schema *object, const char *names[FIELDS_MAX])
{
	size_t n = 0;
	for (const struct schema *f = object->of; f->name && n + 1 < FIELDS_MAX; f++)
		names[n++] = f->name;
	names[n] = NULL;
}

static size_t count_words(const char *const *words)
{
	size_t n = 0;
	while (words[n])
		n++;
	return n;
}

static void wants_one(const struct schema *s, int members, const cJSON *v, const struct path *p, struct report *r)
{
	const char *names[FIELDS_MAX];
	char words[128];
	field_names(s, names);
	report_add(r, LEVEL_MISTAKE, v, p, "has %d conditions; exactly one of %s", members,
		   report_words(names, words, sizeof words));
}

static void unknown_field(const struct schema *s, const cJSON *v, const struct path *p, struct report *r)
{
	if (!report_wants(r, LEVEL_MISTAKE))
		return;
	const char *names[FIELDS_MAX];
	field_names(s, names);
	char near[REPORT_QUOTE], words[128];
	struct path at = path_member(p, v->string);
	report_suggestion(v->string, names, near);
	if (*near)
		report_add_key(r, LEVEL_MISTAKE, v, &at, "no such field%s", near);
	else if (count_words(names) <= 6)
		report_add_key(r, LEVEL_MISTAKE, v, &at, "no such field; there are %s",
			       report_words(names, words, sizeof words));
	else
		report_add_key(r, LEVEL_MISTAKE, v, &at, "no such field");
}

static void check_needed(const struct schema *f, const cJSON *v, const struct path *p, struct report *r)
{
	const cJSON *there = member(v, f->name);
	bool missing = !there || (cJSON_IsString(there) && !*there->valuestring && f->type == SCHEMA_TEXT);
	if (f->need == OPTIONAL || !missing)
		return;
	struct path at = path_member(p, f->name);
	report_add_key(r, f->need == NEEDED ? LEVEL_FATAL : LEVEL_MISTAKE, there ? there : v, &at,
		       there ? "is empty; it must be %s" : "is missing; it must be %s",
		       f->what ? f->what : type_words(f->type));
}

static void check_object(const struct schema *s, const cJSON *v, const struct path *p, struct report *r)
{
	for (const struct schema *f = s->of; f->name; f++)
		check_needed(f, v, p, r);
	int members = 0;
	for (const cJSON *m = v->child; m; m = m->next) {
		const struct schema *f = s->of;
		while (f->name && strcmp(f->name, m->string) != 0)
			f++;
		members += !cJSON_IsNull(m);
		if (!f->name) {
			unknown_field(s, m, p, r);
			continue;
		}
		struct path at = path_member(p, f->name);
		schema_check(f, m, &at, r);
	}
	if (s->one_member && members != 1)
		wants_one(s, members, v, p, r);
}

static void check_items(const struct schema *s, const cJSON *v, const struct path *p, struct report *r)
{
	size_t i = 0;
	for (const cJSON *m = v->child; m; m = m->next, i++) {
		struct path at = s->type == SCHEMA_LIST ? path_item(p, i) : path_key(p, m->string);
		if (cJSON_IsNull(m))
			report_add(r, LEVEL_MISTAKE, m, &at, "is empty; %s is wanted", type_words(s->of->type));
		else
			schema_check(s->of, m, &at, r);
	}
	if (s->type == SCHEMA_LIST && s->bounded && i > (size_t)s->max)
		report_add(r, s->level, v, p, "has %zu entries; at most %" PRId64 " are allowed", i, s->max);
}

void schema_check(const struct schema *s, const cJSON *v, const struct path *p, struct report *r)
{
	if (cJSON_IsNull(v) && p->parent) /* absent; the whole object cannot be */
		return;
	if (!type_fits(s, v)) {
		char buf[REPORT_QUOTE];
		report_add(r, LEVEL_FATAL, v, p, "%s is not %s", shown(v, buf), type_words(s->type));
		return;
	}
	switch (s->type) {
	case SCHEMA_TEXT:
		if (s->words && *v->valuestring) /* empty is as good as absent */
			check_words(s, v, p, r);
		break;
	case SCHEMA_INT:
		check_bounds(s, v, p, r);
		break;
	case SCHEMA_INT_OR_TEXT:
		if (cJSON_IsNumber(v))
			check_bounds(s, v, p, r);
		break;
	case SCHEMA_DURATION:
	case SCHEMA_PERIOD:
		check_duration(s, v, p, r);
		break;
	case SCHEMA_OBJECT:
		check_object(s, v, p, r);
		break;
	case SCHEMA_LIST:
	case SCHEMA_MAP:
		check_items(s, v, p, r);
		break;
	case SCHEMA_NUMBER:
	case SCHEMA_BOOL:
	case SCHEMA_ANY:
		break;
	}
}

/* Printing trees. cJSON's own printer writes 0.1 as 0.10000000000000001 when it must and knows no order of keys. */
#include "base/json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { TREE_DEPTH_MAX = 1000 }; /* deeper trees can only come from a bug of ours: they print as if out of memory */

struct style {
	bool sorted, go_escapes;
};

static void add_value(struct strbuf *b, const cJSON *v, const struct style *style, unsigned depth);

static void add_string(struct strbuf *b, const char *s, const struct style *style)
{
	if (style->go_escapes)
		strbuf_add_json_go(b, s);
	else
		strbuf_add_json(b, s);
}

static void add_member(struct strbuf *b, const cJSON *member, const struct style *style, unsigned depth)
{
	add_string(b, member->string ? member->string : "", style);
	strbuf_addc(b, ':');
	add_value(b, member, style, depth);
}

static int compare_names(const void *a, const void *b)
{
	const cJSON *const *x = a, *const *y = b;
	return strcmp((*x)->string ? (*x)->string : "", (*y)->string ? (*y)->string : "");
}

static void add_sorted(struct strbuf *b, const cJSON *v, const struct style *style, unsigned depth)
{
	size_t n = 0, i = 0;
	const cJSON *member;
	cJSON_ArrayForEach (member, v)
		n++;
	if (!n)
		return;
	CLEANUP(free_p) const cJSON **members = reallocarray(NULL, n, sizeof(const cJSON *));
	if (!members) {
		b->overflow = true;
		return;
	}
	cJSON_ArrayForEach (member, v)
		members[i++] = member;
	qsort(members, n, sizeof(const cJSON *), compare_names);
	for (i = 0; i < n; i++) {
		if (i)
			strbuf_addc(b, ',');
		add_member(b, members[i], style, depth);
	}
}

static void add_object(struct strbuf *b, const cJSON *v, const struct style *style, unsigned depth)
{
	strbuf_addc(b, '{');
	if (style->sorted) {
		add_sorted(b, v, style, depth);
	} else {
		for (const cJSON *member = v->child; member; member = member->next) {
			add_member(b, member, style, depth);
			if (member->next)
				strbuf_addc(b, ',');
		}
	}
	strbuf_addc(b, '}');
}

static void add_array(struct strbuf *b, const cJSON *v, const struct style *style, unsigned depth)
{
	strbuf_addc(b, '[');
	for (const cJSON *element = v->child; element; element = element->next) {
		add_value(b, element, style, depth);
		if (element->next)
			strbuf_addc(b, ',');
	}
	strbuf_addc(b, ']');
}

static void add_value(struct strbuf *b, const cJSON *v, const struct style *style, unsigned depth)
{
	char number[32];
	if (depth > TREE_DEPTH_MAX) {
		b->overflow = true;
	} else if (cJSON_IsObject(v)) {
		add_object(b, v, style, depth + 1);
	} else if (cJSON_IsArray(v)) {
		add_array(b, v, style, depth + 1);
	} else if (cJSON_IsString(v)) {
		add_string(b, v->valuestring, style);
	} else if (cJSON_IsNumber(v) && isfinite(v->valuedouble)) {
		text_from_double(v->valuedouble, number);
		strbuf_add(b, number);
	} else if (cJSON_IsRaw(v) && v->valuestring) {
		strbuf_add(b, v->valuestring);
	} else {
		strbuf_add(b, cJSON_IsTrue(v) ? "true" : cJSON_IsFalse(v) ? "false" : "null");
	}
}

static char *print(const cJSON *v, const struct style *style)
{
	struct strbuf b;
	strbuf_init(&b, SIZE_MAX);
	add_value(&b, v, style, 0);
	return strbuf_take(&b);
}

char *json_print(const cJSON *v)
{
	return print(v, &(struct style){ 0 });
}

char *json_canonical(const cJSON *v, bool go_escapes)
{
	return print(v, &(struct style){ .sorted = true, .go_escapes = go_escapes });
}

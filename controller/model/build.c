#include "controller/model/build.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "controller/model/annotations.h"
#include "controller/model/schema.h"

static const char *const no_texts[] = { NULL };

void *build_array(struct build *b, size_t n, size_t size)
{
	if (n == 0 || b->exhausted)
		return NULL;
	void *at = arena_alloc(b->arena, n, size);
	b->exhausted = !at;
	return at;
}

const char *build_copy(struct build *b, const char *s)
{
	if (!*s || b->exhausted)
		return "";
	const char *copy = arena_strdup(b->arena, s);
	b->exhausted = !copy;
	return copy ? copy : "";
}

const char *build_text(struct build *b, const cJSON *object, const char *name, const char *otherwise)
{
	const char *text = cJSON_GetStringValue(member(object, name));
	return text ? build_copy(b, text) : otherwise;
}

int build_int(const cJSON *object, const char *name, int otherwise)
{
	const cJSON *v = member(object, name);
	if (!cJSON_IsNumber(v))
		return otherwise;
	if (v->valuedouble >= INT_MAX)
		return INT_MAX;
	return v->valuedouble <= INT_MIN ? INT_MIN : (int)v->valuedouble;
}

bool build_bool(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(member(object, name));
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

struct pairs build_pairs_without(struct build *b, const cJSON *map, const char *key)
{
	size_t n = 0;
	if (!cJSON_IsObject(map))
		return (struct pairs){ .at = NULL };
	for (const cJSON *m = map->child; m; m = m->next)
		n += cJSON_IsString(m) && strcmp(m->string, key) != 0;
	struct pair *at = build_array(b, n, sizeof *at);
	if (!at)
		return (struct pairs){ .at = NULL };
	n = 0;
	for (const cJSON *m = map->child; m; m = m->next)
		if (cJSON_IsString(m) && strcmp(m->string, key) != 0)
			at[n++] = (struct pair){ build_copy(b, m->string), build_copy(b, m->valuestring) };
	qsort(at, n, sizeof *at, by_key);
	return (struct pairs){ at, n };
}

struct pairs build_pairs(struct build *b, const cJSON *map)
{
	return build_pairs_without(b, map, ""); /* no key of the API is empty */
}

const char *const *build_texts(struct build *b, const cJSON *list)
{
	int size = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
	const char **at = size > 0 ? build_array(b, (size_t)size + 1, sizeof *at) : NULL;
	if (!at)
		return no_texts;
	size_t n = 0;
	for (const cJSON *m = list->child; m; m = m->next)
		if (cJSON_IsString(m))
			at[n++] = build_copy(b, m->valuestring);
	return at;
}

const char *const *build_comma_list(struct build *b, const char *list)
{
	char word[320];
	size_t n = 0;
	for (const char *at = list; (at = comma_word(at, word, sizeof word));)
		n += *word != '\0';
	const char **words = n > 0 ? build_array(b, n + 1, sizeof *words) : NULL;
	if (!words)
		return no_texts;
	n = 0;
	for (const char *at = list; (at = comma_word(at, word, sizeof word));)
		if (*word)
			words[n++] = build_copy(b, word);
	return words;
}

struct object_ref build_ref(struct build *b, const cJSON *ref)
{
	return (struct object_ref){
		.api_version = build_text(b, ref, "apiVersion", ""),
		.kind = build_text(b, ref, "kind", ""),
		.name = build_text(b, ref, "name", ""),
		.ns = build_text(b, ref, "namespace", ""),
	};
}

struct wall_ms build_time(const cJSON *object, const char *name)
{
	struct wall_ms t = { 0 };
	const char *text = cJSON_GetStringValue(member(object, name));
	if (text && wall_parse(text, &t, NULL) != RC_OK)
		t.v = 0;
	return t;
}

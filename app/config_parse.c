/* Reads a YAML tree by the table: unknown keys, wrong types, values out of range, missing ones. Goes on after a
 * mistake, so that all are told at once. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/config_keys.h"
#include "app/findings.h"
#include "base/duration.h"
#include "base/log.h"
#include "base/text.h"
#include "base/yaml.h"

enum { WORDS_MAX = 48, NAME_MAX_BYTES = 128 };

void config_finding(struct config_reader *r, const cJSON *node, bool key, const char *path, const char *fmt, ...)
{
	struct yaml_place at = { 0 };
	if (r->doc && node)
		at = key ? yaml_key_place(r->doc, node) : yaml_place(r->doc, node);
	if (!at.line && r->doc && node) /* an element of a list has no key */
		at = yaml_place(r->doc, node);
	va_list ap;
	va_start(ap, fmt);
	if (!findings_vadd(r->findings, at, path, fmt, ap))
		r->exhausted = true;
	va_end(ap);
}

void config_warning(struct config_reader *r, const cJSON *node, const char *path, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct yaml_place at = r->doc && node ? yaml_place(r->doc, node) : (struct yaml_place){ 0 };
	if (!findings_vwarn(r->findings, at, path, fmt, ap))
		r->exhausted = true;
	va_end(ap);
}

/* ---- what is wrong with a value ---- */

static const char *type_of(const cJSON *v)
{
	if (cJSON_IsString(v))
		return "text";
	if (cJSON_IsNumber(v))
		return "a number";
	if (cJSON_IsBool(v))
		return "true or false";
	if (cJSON_IsArray(v))
		return "a list";
	return cJSON_IsObject(v) ? "a section" : "nothing";
}

static void wrong_type(struct config_reader *r, const cJSON *v, const char *path, const char *wanted)
{
	config_finding(r, v, false, path, "must be %s, and is %s%s", wanted, type_of(v),
		       strstr(wanted, "text") && (cJSON_IsNumber(v) || cJSON_IsBool(v)) ? ": put it in quotes" : "");
}

static const char *list_words(const char *const *words, char *buf, size_t size)
{
	size_t at = 0;
	buf[0] = '\0';
	for (; *words && at < size; words++) {
		int n = snprintf(buf + at, size - at, "%s%s", at ? ", " : "", *words);
		at += n > 0 ? (size_t)n : 0;
	}
	return buf;
}

static void wrong_word(struct config_reader *r, const cJSON *v, const char *path, const char *const *words)
{
	char shown[TEXT_SHOWN], list[160];
	config_finding(r, v, false, path, "\"%s\" is not one of %s",
		       text_show(v->valuestring, strlen(v->valuestring), shown), list_words(words, list, sizeof list));
}

/* ---- scalars ---- */

static const char *read_plain_text(struct config_reader *r, const cJSON *v, const char *path)
{
	if (!cJSON_IsString(v)) {
		wrong_type(r, v, path, "text");
		return NULL;
	}
	if (!*v->valuestring) {
		config_finding(r, v, false, path, "must not be empty");
		return NULL;
	}
	if (text_starts(v->valuestring, "${env:")) {
		config_finding(r, v, false, path, "is not a secret: only those are read from the environment");
		return NULL;
	}
	const char *copy = arena_strdup(r->arena, v->valuestring);
	r->exhausted = r->exhausted || !copy;
	return copy;
}

static const char *read_url(struct config_reader *r, const cJSON *v, const char *path)
{
	const char *text = read_plain_text(r, v, path);
	if (!text)
		return NULL;
	if (!text_starts(text, "https://") && !text_starts(text, "http://")) {
		config_finding(r, v, false, path, "must start with https:// or http://");
		return NULL;
	}
	size_t len = strlen(text);
	while (len && text[len - 1] == '/')
		len--;
	return arena_strndup(r->arena, text, len);
}

static const char *read_secret(struct config_reader *r, const cJSON *v, const char *path)
{
	struct error why;
	if (!cJSON_IsString(v)) { /* not even its type is told by showing it */
		wrong_type(r, v, path, "text");
		return NULL;
	}
	bool plain = false;
	const char *secret = config_secret(r->arena, v->valuestring, &plain, &why);
	if (!secret)
		config_finding(r, v, false, path, "%s", why.text);
	else if (plain)
		config_warning(r, v, path,
			       "the secret itself stands here; ${env:NAME} or file:/path keeps it out of the file");
	return secret;
}

static const char *read_file_name(struct config_reader *r, const cJSON *v, const char *path)
{
	const char *name = read_plain_text(r, v, path);
	FILE *f = name ? fopen(name, "re") : NULL;
	if (name && !f)
		config_finding(r, v, false, path, "cannot be read: %m");
	if (f)
		fclose(f);
	return name;
}

static void read_address(struct config_reader *r, const cJSON *v, const char *path, struct config_address *ret)
{
	struct error why;
	const char *text = read_plain_text(r, v, path);
	if (text && config_parse_address(r->arena, text, ret, &why) != RC_OK)
		config_finding(r, v, false, path, "%s", why.text);
}

static void read_int(struct config_reader *r, const cJSON *v, const struct config_key *k, const char *path,
		     int64_t *ret)
{
	double d = cJSON_IsNumber(v) ? v->valuedouble : 0;
	if (!cJSON_IsNumber(v))
		wrong_type(r, v, path, "a number");
	else if (d < (double)k->min || d > (double)k->max || d != (double)(int64_t)d)
		config_finding(r, v, false, path, "must be a whole number from %lld to %lld", (long long)k->min,
			       (long long)k->max);
	else
		*ret = (int64_t)d;
}

static bool read_duration(struct config_reader *r, const cJSON *v, const struct config_key *k, const char *path,
			  int64_t *ret)
{
	struct error why;
	int64_t ms = 0;
	char min[32], max[32];
	if (!cJSON_IsString(v)) {
		config_finding(r, v, false, path, "must be a duration such as 90s, 15m or 4h, and is %s", type_of(v));
		return false;
	}
	if (duration_parse(v->valuestring, &ms, &why) != RC_OK) {
		config_finding(r, v, false, path, "%s", why.text);
		return false;
	}
	if (ms < k->min || ms > k->max) {
		duration_print(k->min, min);
		duration_print(k->max, max);
		config_finding(r, v, false, path, "must be from %s to %s", min, max);
		return false;
	}
	*ret = ms;
	return true;
}

static int index_of(const char *word, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (text_eq(word, words[i]))
			return i;
	return -1;
}

static void read_word(struct config_reader *r, const cJSON *v, const struct config_key *k, const char *path, int *ret)
{
	if (!cJSON_IsString(v)) {
		wrong_type(r, v, path, "text");
		return;
	}
	int i = index_of(v->valuestring, k->words);
	if (i < 0)
		wrong_word(r, v, path, k->words);
	else
		*ret = i;
}

/* ---- lists of scalars ---- */

static const char *item_path(struct config_reader *r, const char *path, size_t i)
{
	const char *p = arena_printf(r->arena, "%s[%zu]", path, i);
	return p ? p : path;
}

static const char *const *read_texts(struct config_reader *r, const cJSON *v, const struct config_key *k,
				     const char *path)
{
	if (!cJSON_IsArray(v)) {
		wrong_type(r, v, path, "a list of texts");
		return NULL;
	}
	size_t n = (size_t)cJSON_GetArraySize(v), i = 0, kept = 0;
	const char **list = arena_alloc(r->arena, n + 1, sizeof *list);
	if (!list) {
		r->exhausted = true;
		return NULL;
	}
	const cJSON *item;
	cJSON_ArrayForEach (item, v) {
		const char *at = item_path(r, path, i++);
		const char *text = read_plain_text(r, item, at);
		if (text && k->words && index_of(text, k->words) < 0)
			wrong_word(r, item, at, k->words);
		else if (text)
			list[kept++] = text;
	}
	if (!n && k->required)
		config_finding(r, v, false, path, "must name somebody or something");
	return list;
}

static const int64_t *read_durations(struct config_reader *r, const cJSON *v, const struct config_key *k,
				     const char *path)
{
	if (!cJSON_IsArray(v)) {
		wrong_type(r, v, path, "a list of durations");
		return NULL;
	}
	size_t i = 0, kept = 0;
	int64_t *list = arena_alloc(r->arena, (size_t)cJSON_GetArraySize(v) + 1, sizeof *list);
	const cJSON *item;
	r->exhausted = r->exhausted || !list;
	if (list)
		cJSON_ArrayForEach (item, v) {
			kept += read_duration(r, item, k, item_path(r, path, i), &list[kept]);
			i++;
		}
	return list;
}

/* ---- sections, maps, lists ---- */

static const struct config_key *key_find(const struct config_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (text_eq(keys->name, name))
			return keys;
	return NULL;
}

static const char *member_path(struct config_reader *r, const char *path, const char *name)
{
	char shown[TEXT_SHOWN];
	const char *p = arena_printf(r->arena, "%s%s%s", path, *path ? "." : "", text_show(name, strlen(name), shown));
	return p ? p : path;
}

static void unknown_key(struct config_reader *r, const cJSON *v, const struct config_key *keys, const char *path)
{
	const char *names[WORDS_MAX + 1] = { NULL };
	char list[320];
	size_t n = 0;
	for (const struct config_key *k = keys; k->name && n < WORDS_MAX; k++)
		names[n++] = k->name;
	const char *near = text_nearest(v->string, names);
	const char *at = member_path(r, path, v->string);
	if (near)
		config_finding(r, v, true, at, "unknown key; did you mean \"%s\"?", near);
	else
		config_finding(r, v, true, at, "unknown key; known here: %s", list_words(names, list, sizeof list));
}

static void read_value(struct config_reader *r, const cJSON *v, const struct config_key *k, void *base,
		       const char *path);

/* The default goes through the same reader; a mistake in it is ours. */
static void read_default(struct config_reader *r, const struct config_key *k, void *base, const char *path)
{
	struct yaml_doc **docs = NULL;
	size_t n = 0, before = r->findings->count;
	enum result res = yaml_parse("default", k->otherwise, strlen(k->otherwise), &docs, &n, NULL);
	if (res != RC_OK || n != 1) {
		r->exhausted = true;
	} else {
		read_value(r, yaml_root(docs[0]), k, base, path);
		assert(r->findings->count == before);
	}
	yaml_free(docs, n);
}

static void read_missing(struct config_reader *r, const cJSON *parent, const struct config_key *k, void *base,
			 const char *path)
{
	const char *at = member_path(r, path, k->name);
	if (k->type == CONFIG_SECTION)
		config_parse(r, NULL, k->keys, base, at);
	else if (k->otherwise)
		read_default(r, k, base, at);
	else if (k->required && parent)
		config_finding(r, parent, true, at, "is missing");
}

static const cJSON *value_of(const cJSON *node, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(node, name);
	return cJSON_IsNull(v) ? NULL : v;
}

void config_parse(struct config_reader *r, const cJSON *node, const struct config_key *keys, void *base,
		  const char *path)
{
	if (node && !cJSON_IsObject(node)) {
		wrong_type(r, node, path, "a section of keys");
		node = NULL;
	}
	const cJSON *child;
	cJSON_ArrayForEach (child, node)
		if (!key_find(keys, child->string))
			unknown_key(r, child, keys, path);
	for (const struct config_key *k = keys; k->name; k++) {
		const cJSON *v = value_of(node, k->name);
		if (v)
			read_value(r, v, k, base, member_path(r, path, k->name));
		else
			read_missing(r, node, k, base, path);
	}
}

static void read_entry(struct config_reader *r, const cJSON *v, const struct config_key *k, void *entry,
		       const char *path)
{
	if (!*k->keys->name)
		read_value(r, v, k->keys, entry, path);
	else if (cJSON_IsObject(v))
		config_parse(r, v, k->keys, entry, path);
	else
		wrong_type(r, v, path, "a section of keys");
}

static void read_map(struct config_reader *r, const cJSON *v, const struct config_key *k, void *ret, const char *path)
{
	if (!cJSON_IsObject(v)) {
		wrong_type(r, v, path, "a section of names");
		return;
	}
	char *entries = arena_alloc(r->arena, (size_t)cJSON_GetArraySize(v) + 1, k->entry_bytes);
	r->exhausted = r->exhausted || !entries;
	char *entry = entries;
	const cJSON *child;
	if (entries)
		cJSON_ArrayForEach (child, v) {
			const char *at = member_path(r, path, child->string);
			const char *name = arena_strdup(r->arena, child->string);
			if (!*child->string || strlen(child->string) > NAME_MAX_BYTES)
				config_finding(r, child, true, at, "a name has 1 to %d bytes", NAME_MAX_BYTES);
			read_entry(r, child, k, entry, at);
			memcpy(entry, &name, sizeof name); /* each entry's struct begins with its name */
			entry += k->entry_bytes;
		}
	memcpy(ret, &entries, sizeof entries); /* a pointer to whatever an entry is */
}

static void read_list(struct config_reader *r, const cJSON *v, const struct config_key *k, void *ret, const char *path)
{
	if (!cJSON_IsArray(v)) {
		wrong_type(r, v, path, "a list");
		return;
	}
	char *entries = arena_alloc(r->arena, (size_t)cJSON_GetArraySize(v) + 1, k->entry_bytes);
	r->exhausted = r->exhausted || !entries;
	size_t i = 0;
	const cJSON *child;
	if (entries)
		cJSON_ArrayForEach (child, v) {
			read_entry(r, child, k, entries + i * k->entry_bytes, item_path(r, path, i));
			i++;
		}
	memcpy(ret, &entries, sizeof entries); /* a pointer to whatever an entry is */
}

static void read_value(struct config_reader *r, const cJSON *v, const struct config_key *k, void *base,
		       const char *path)
{
	void *to = (char *)base + k->offset;
	switch (k->type) {
	case CONFIG_SECTION:
		config_parse(r, v, k->keys, base, path);
		break;
	case CONFIG_MAP:
		read_map(r, v, k, to, path);
		break;
	case CONFIG_LIST:
		read_list(r, v, k, to, path);
		break;
	case CONFIG_TEXT:
		*(const char **)to = read_plain_text(r, v, path);
		break;
	case CONFIG_URL:
		*(const char **)to = read_url(r, v, path);
		break;
	case CONFIG_SECRET:
		*(const char **)to = read_secret(r, v, path);
		break;
	case CONFIG_FILE:
		*(const char **)to = read_file_name(r, v, path);
		break;
	case CONFIG_ADDRESS:
		read_address(r, v, path, to);
		break;
	case CONFIG_TEXTS:
		*(const char *const **)to = read_texts(r, v, k, path);
		break;
	case CONFIG_BOOL:
		if (cJSON_IsBool(v))
			*(bool *)to = cJSON_IsTrue(v);
		else
			wrong_type(r, v, path, "true or false");
		break;
	case CONFIG_INT:
		read_int(r, v, k, path, to);
		break;
	case CONFIG_DURATION:
		(void)read_duration(r, v, k, path, to);
		break;
	case CONFIG_DURATIONS:
		*(const int64_t **)to = read_durations(r, v, k, path);
		break;
	case CONFIG_WORD:
		read_word(r, v, k, path, to);
		break;
	}
}

#include "app/config_diff.h"

#include <stdio.h>
#include <string.h>

#include "app/config_keys.h"
#include "base/text.h"

enum { PATH_BYTES = 160 };

static bool same_texts(const char *const *a, const char *const *b)
{
	if (!a || !b)
		return a == b;
	for (; *a && *b; a++, b++)
		if (!text_eq(*a, *b))
			return false;
	return !*a && !*b;
}

static bool same_durations(const int64_t *a, const int64_t *b)
{
	if (!a || !b)
		return a == b;
	for (; *a && *b; a++, b++)
		if (*a != *b)
			return false;
	return *a == *b;
}

static const void *pointer_at(const void *p)
{
	const void *at;
	memcpy(&at, p, sizeof at);
	return at;
}

static bool same_keys(const struct config_key *keys, const void *a, const void *b);

/* Entries begin with a pointer that is NULL at the end: a name, or for lists whatever is first and required. */
static bool same_entries(const struct config_key *k, const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	for (; pointer_at(a) && pointer_at(b); a += k->entry_bytes, b += k->entry_bytes)
		if (!same_keys(k->keys, a, b) || (k->type == CONFIG_MAP && !text_eq(pointer_at(a), pointer_at(b))))
			return false;
	return !pointer_at(a) && !pointer_at(b);
}

static bool same_value(const struct config_key *k, const void *a, const void *b)
{
	const void *x = (const char *)a + k->offset, *y = (const char *)b + k->offset;
	switch (k->type) {
	case CONFIG_SECTION:
		return same_keys(k->keys, a, b);
	case CONFIG_MAP:
	case CONFIG_LIST:
		return same_entries(k, pointer_at(x), pointer_at(y));
	case CONFIG_TEXT:
	case CONFIG_URL:
	case CONFIG_SECRET:
	case CONFIG_FILE:
		return text_eq(pointer_at(x), pointer_at(y));
	case CONFIG_ADDRESS:
		return text_eq(((const struct config_address *)x)->text, ((const struct config_address *)y)->text);
	case CONFIG_TEXTS:
		return same_texts(pointer_at(x), pointer_at(y));
	case CONFIG_DURATIONS:
		return same_durations(pointer_at(x), pointer_at(y));
	case CONFIG_BOOL:
		return *(const bool *)x == *(const bool *)y;
	case CONFIG_INT:
	case CONFIG_DURATION:
		return *(const int64_t *)x == *(const int64_t *)y;
	case CONFIG_WORD:
		return *(const int *)x == *(const int *)y;
	}
	return true;
}

static bool same_keys(const struct config_key *keys, const void *a, const void *b)
{
	for (; keys->name; keys++)
		if (!same_value(keys, a, b))
			return false;
	return true;
}

static void walk(const struct config_key *keys, const struct config *a, const struct config *b, const char *path,
		 config_differs *cb, void *owner)
{
	for (const struct config_key *k = keys; k->name; k++) {
		char at[PATH_BYTES];
		(void)snprintf(at, sizeof at, "%s%s%s", path, *path ? "." : "", k->name);
		if (k->type == CONFIG_SECTION)
			walk(k->keys, a, b, at, cb, owner);
		else if (!same_value(k, a, b))
			cb(owner, at);
	}
}

void config_diff(const struct config *a, const struct config *b, config_differs *cb, void *owner)
{
	walk(config_keys, a, b, "", cb, owner);
}

bool config_is_live(const char *path)
{
	static const char *const live[] = { "users",     "policies",  "freezes",         "routes",
					    "languages", "log.level", "listen.tls.cert", "listen.tls.key" };
	for (size_t i = 0; i < sizeof live / sizeof *live; i++)
		if (text_eq(path, live[i]))
			return true;
	return false;
}

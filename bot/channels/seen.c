#include "bot/channels/seen.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

struct seen_entry {
	int64_t until_ms;
	int count;
	UT_hash_handle hh;
	char key[];
};
struct seen {
	struct seen_entry *entries; /* in the order of their coming */
	size_t max;
};

struct seen *seen_create(size_t max)
{
	struct seen *s = calloc(1, sizeof *s);
	if (s)
		s->max = max;
	return s;
}

static void forget(struct seen *s, struct seen_entry *entry)
{
	HASH_DEL(s->entries, entry);
	free(entry);
}

void seen_destroy(struct seen *s)
{
	if (!s)
		return;
	struct seen_entry *entry, *next;
	HASH_ITER (hh, s->entries, entry, next) {
		forget(s, entry);
	}
	free(s);
}

/* The oldest that are over, and as many more as the limit demands. */
static void make_room(struct seen *s, struct mono_ms now)
{
	while (s->entries && (s->entries->until_ms <= now.v || HASH_COUNT(s->entries) >= s->max))
		forget(s, s->entries);
}

/* NULL: never heard of, or too long ago. */
static struct seen_entry *find(struct seen *s, const char *key, struct mono_ms now)
{
	struct seen_entry *entry;
	HASH_FIND_STR(s->entries, key, entry);
	if (entry && entry->until_ms <= now.v) {
		forget(s, entry);
		entry = NULL;
	}
	return entry;
}

static struct seen_entry *add(struct seen *s, const char *key, struct mono_ms now, int64_t keep_ms)
{
	make_room(s, now);
	size_t len = strlen(key);
	struct seen_entry *entry = calloc(1, sizeof *entry + len + 1);
	if (!entry)
		return NULL;
	memcpy(entry->key, key, len + 1);
	entry->until_ms = now.v + keep_ms;
	HASH_ADD_KEYPTR(hh, s->entries, entry->key, len, entry);
	return entry;
}

bool seen_first(struct seen *s, const char *key, struct mono_ms now, int64_t keep_ms)
{
	return !find(s, key, now) && add(s, key, now, keep_ms);
}

int seen_count(struct seen *s, const char *key, struct mono_ms now, int64_t window_ms, bool add_one)
{
	struct seen_entry *entry = find(s, key, now);
	if (!entry && add_one)
		entry = add(s, key, now, window_ms);
	if (entry && add_one)
		entry->count++;
	return entry ? entry->count : 0;
}

#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 4096 };

struct block {
	struct block *next; /* owned: the older block */
	size_t size, used;
	alignas(max_align_t) unsigned char bytes[];
};

struct arena {
	struct block *newest; /* owned; NULL before the first byte */
	size_t limit, handed_out;
};

struct arena *arena_create(size_t limit)
{
	struct arena *a = calloc(1, sizeof *a);
	if (a)
		a->limit = limit;
	return a;
}

static void free_blocks(struct block *b)
{
	while (b) {
		struct block *next = b->next;
		explicit_bzero(b->bytes, b->used); /* what was in it may have been a Secret's */
		free(b);
		b = next;
	}
}

void arena_destroy(struct arena *a)
{
	if (!a)
		return;
	free_blocks(a->newest);
	free(a);
}

void arena_reset(struct arena *a)
{
	if (a->newest) {
		free_blocks(TAKE(a->newest->next));
		a->newest->used = 0;
	}
	a->handed_out = 0;
}

static bool add_block(struct arena *a, size_t bytes)
{
	size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES, whole;
	if (__builtin_add_overflow(sizeof(struct block), size, &whole))
		return false;
	struct block *b = malloc(whole);
	if (!b)
		return false;
	*b = (struct block){ .next = a->newest, .size = size };
	a->newest = b;
	return true;
}

static void *take(struct arena *a, size_t bytes, size_t align)
{
	if (bytes > a->limit - a->handed_out)
		return NULL;
	struct block *b = a->newest;
	size_t start = b ? (b->used + align - 1) & ~(align - 1) : 0;
	if (!b || start > b->size || bytes > b->size - start) {
		if (!add_block(a, bytes))
			return NULL;
		b = a->newest;
		start = 0;
	}
	b->used = start + bytes;
	a->handed_out += bytes;
	return b->bytes + start;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	void *p = take(a, bytes, alignof(max_align_t));
	return p ? memset(p, 0, bytes) : NULL;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
	if (!s)
		return NULL;
	len = strnlen(s, len);
	char *copy = len < SIZE_MAX ? take(a, len + 1, 1) : NULL;
	if (!copy)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int len = vsnprintf(NULL, 0, fmt, ap);
	char *text = len < 0 ? NULL : take(a, (size_t)len + 1, 1);
	if (text && vsnprintf(text, (size_t)len + 1, fmt, again) != len)
		text = NULL;
	va_end(again);
	return text;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return text;
}

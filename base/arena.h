#pragma once
/* Memory that is freed whole: one arena a request, a tick or a card. Not thread-safe. */
#include <stdarg.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

struct arena;

/* limit: bytes it will ever hand out. NULL when there is no memory. */
struct arena *arena_create(size_t limit);
void arena_destroy(struct arena *a); /* wipes; NULL is fine */
/* Forgets everything handed out; keeps one block for reuse. */
void arena_reset(struct arena *a);
/* Zeroed; n*size is checked; NULL past the limit. Aligned for any type. */
void *arena_alloc(struct arena *a, size_t n, size_t size);
/* Copies; NULL in gives NULL out; NULL past the limit. */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) PRINTF(2, 0);
DEFINE_CLEANUP(struct arena, arena_destroy)

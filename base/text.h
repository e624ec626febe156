#pragma once
/* Small questions about strings and numbers, each answered once. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

bool text_eq(const char *a, const char *b); /* both NULL is equal, one NULL is not */
bool text_starts(const char *s, const char *prefix);
bool text_ends(const char *s, const char *suffix);
bool text_empty(const char *s); /* NULL or "" */
/* The whole text must be a decimal number within [min, max]; no sign for u64, no blanks, no hex. */
MUST_CHECK enum result text_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret, struct error *e);
MUST_CHECK enum result text_i64(const char *s, int64_t min, int64_t max, int64_t *ret, struct error *e);
/* Written as text_double reads it; the value may still be too large. */
bool text_is_decimal(const char *s);
/* Locale-free; the whole text must be a finite decimal number. */
MUST_CHECK enum result text_double(const char *s, double *ret, struct error *e);
/* Shortest decimal form that reads back the same ("99", "0.5", "1e+16" beyond 2^53, "NaN", "+Inf"); "C" locale always.
 * buf of 32 bytes. */
void text_from_double(double v, char buf[32]);
bool text_is_utf8(const char *s, size_t len);
/* Bytes of the well-formed UTF-8 sequence (1-4) that s starts with; 0: not well-formed, or len is 0. */
size_t text_utf8_step(const char *s, size_t len);
/* A foreign text for the inside of an error: at most 60 characters, control characters and invalid bytes as '?', "..."
 * where it was cut. Returns buf. */
enum { TEXT_SHOWN = 256 };
const char *text_show(const char *s, size_t len, char buf[TEXT_SHOWN]);
/* DNS-1123 label (max 63) and subdomain (max 253), as Kubernetes names objects. */
bool text_is_dns_label(const char *s);
bool text_is_dns_subdomain(const char *s);
/* The nearest of candidates (NULL-terminated) within an edit distance of 2 (1 for short words), or NULL: for
 * "did you mean". */
const char *text_nearest(const char *word, const char *const *candidates);
/* Copies what fits, cut on a code point border, always with NUL; answers the bytes copied. */
size_t text_copy(char *buf, size_t size, const char *s);
/* Bytes of the longest prefix with at most n code points that ends on a code point border. */
size_t text_prefix(const char *utf8, size_t n);
/* Decodes base64 (standard or URL alphabet, padding optional). *ret is malloc'ed, caller frees, ends in NUL. */
MUST_CHECK enum result text_unbase64(const char *s, size_t len, unsigned char **ret, size_t *ret_len, struct error *e);
/* malloc'ed, NUL-terminated; url: URL alphabet without padding. NULL when there is no memory. */
char *text_base64(const void *bytes, size_t len, bool url);

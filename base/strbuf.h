#pragma once
/* A growing string with a ceiling. No check after each append: the builder asks overflow once at the end. */
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct strbuf {
	char *s; /* owned; always ends in NUL; "" before the first append */
	size_t len, cap, max;
	bool overflow; /* past max or no memory: the append that did not fit added nothing, nor does any later one */
};

void strbuf_init(struct strbuf *b, size_t max_bytes);
void strbuf_finish(struct strbuf *b); /* frees; b may be used again after strbuf_init */
void strbuf_clear(struct strbuf *b);  /* empties, keeps the memory */
void strbuf_add(struct strbuf *b, const char *s);
void strbuf_addn(struct strbuf *b, const char *s, size_t len);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) PRINTF(2, 3);
/* A JSON string: quoted, escaped (control characters as \n, \t, ... or \u00XX); each byte that is not valid UTF-8
 * becomes U+FFFD. */
void strbuf_add_json(struct strbuf *b, const char *utf8);
/* The same, with < > & U+2028 U+2029 U+FFFD as \uXXXX, as Go's encoder writes them, so that hashes agree with
 * Flagger's. */
void strbuf_add_json_go(struct strbuf *b, const char *utf8);
/* application/x-www-form-urlencoded value (RFC 3986 unreserved kept, everything else %XX). */
void strbuf_add_urlencoded(struct strbuf *b, const char *s, size_t len);
/* Hands the string over (caller frees) and leaves b empty; NULL when it overflowed. */
char *strbuf_take(struct strbuf *b);

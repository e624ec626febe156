#pragma once
/* Inside of card_words: entries of templates/text.LANG. */
#include <stdarg.h>

#include "bot/cards/card.h"

struct words_entry {
	const char *key, *text; /* not terminated */
	size_t key_len, text_len;
};
/* The entry at or after *at, which moves behind it; false: no more. Lines without " = " and those with # in front are
 * skipped. */
bool words_next(const char **at, struct words_entry *ret);
const char *words_file(enum card_lang lang); /* templates/text.LANG */
bool words_find(enum card_lang lang, const char *key, struct words_entry *ret);
/* Length of the "{name}" that at starts with; 0: none. */
size_t words_placeholder(const char *at, const char *end);

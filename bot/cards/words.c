/* The texts that people read, by key and language: templates/text.LANG, scanned as they are. */
#include "bot/cards/words.h"

#include <string.h>

#include "base/templates.h"
#include "base/text.h"

static const struct {
	const char *name, *file;
} langs[LANG_COUNT] = {
	[LANG_EN] = { "en", "text.en" },
	[LANG_ZH] = { "zh", "text.zh" },
};

enum result card_lang_parse(const char *name, enum card_lang *ret, struct error *e)
{
	for (unsigned i = 0; i < LANG_COUNT; i++)
		if (text_eq(name, langs[i].name)) {
			*ret = (enum card_lang)i;
			return RC_OK;
		}
	char shown[TEXT_SHOWN];
	return error_set(e, RC_INVALID, "unknown language %s, known are en and zh",
			 text_show(name ? name : "", strlen(name ? name : ""), shown));
}

const char *card_lang_name(enum card_lang lang)
{
	return langs[lang].name;
}

static const char *file_of(enum card_lang lang)
{
	for (const struct template_file *f = template_files; f->path; f++)
		if (strcmp(f->path, langs[lang].file) == 0)
			return f->body;
	return "";
}

bool words_next(const char **at, struct words_entry *ret)
{
	for (const char *line = *at; *line;) {
		const char *end = strchrnul(line, '\n'), *sign = memmem(line, (size_t)(end - line), " = ", 3);
		const char *next = *end ? end + 1 : end;
		if (*line != '#' && sign) {
			*ret = (struct words_entry){ .key = line,
						     .key_len = (size_t)(sign - line),
						     .text = sign + 3,
						     .text_len = (size_t)(end - sign - 3) };
			*at = next;
			return true;
		}
		line = next;
	}
	return false;
}

bool words_find(enum card_lang lang, const char *key, struct words_entry *ret)
{
	size_t len = strlen(key);
	struct words_entry w;
	for (const char *at = file_of(lang); words_next(&at, &w);)
		if (w.key_len == len && memcmp(w.key, key, len) == 0) {
			*ret = w;
			return true;
		}
	return false;
}

size_t words_placeholder(const char *at, const char *end)
{
	if (at == end || *at != '{')
		return 0;
	const char *close = memchr(at, '}', (size_t)(end - at));
	return close && close > at + 1 ? (size_t)(close - at) + 1 : 0;
}

/* The value of "{name}" in the pairs; NULL: not among them. */
static const char *value_of(const char *at, size_t len, va_list pairs)
{
	va_list ap;
	va_copy(ap, pairs);
	const char *name, *found = NULL;
	while (!found && (name = va_arg(ap, const char *))) {
		const char *value = va_arg(ap, const char *);
		if (strlen(name) == len - 2 && memcmp(name, at + 1, len - 2) == 0)
			found = value ? value : "";
	}
	va_end(ap);
	return found;
}

/* One pass; out NULL only measures. What is filled in is never looked at again. */
static size_t fill(const struct words_entry *w, char *out, va_list pairs)
{
	const char *end = w->text + w->text_len;
	size_t n = 0;
	for (const char *at = w->text; at < end;) {
		size_t len = words_placeholder(at, end);
		const char *value = len ? value_of(at, len, pairs) : NULL;
		const char *from = value ? value : at;
		size_t from_len = value ? strlen(value) : 1;
		if (out)
			memcpy(out + n, from, from_len);
		n += from_len;
		at += value ? len : 1;
	}
	return n;
}

const char *card_words(enum card_lang lang, const char *key, struct arena *a, ...)
{
	struct words_entry w = { .text = key, .text_len = strlen(key) };
	(void)words_find(lang, key, &w);
	va_list ap;
	va_start(ap, a);
	size_t n = fill(&w, NULL, ap);
	char *out = arena_alloc(a, n + 1, 1);
	if (out)
		(void)fill(&w, out, ap);
	va_end(ap);
	return out ? out : "";
}
